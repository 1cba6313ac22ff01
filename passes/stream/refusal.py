"""Why a node cannot run frame by frame."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - it is caught where the node is visited, and becomes a finding
    """A node that cannot run frame by frame.

    Args:
        code: The code of the reason.
        reason: What it is about the node, in one line, with the axis.
        hint: What would help, where the code's own hint does not say it.

    """

    def __init__(self, code: str, reason: str, hint: str | None = None) -> None:
        """Keep the parts."""
        super().__init__(reason)
        self.code, self.reason, self.hint = code, reason, hint


class WantsChunk(Refused):
    """A node that needs a chunk of another length.

    Args:
        multiple: What the chunk has to be a multiple of, as a factor of the one tried.
        reason: What it is about the node.

    """

    def __init__(self, multiple: int, reason: str) -> None:
        """Keep the factor: the least chunk is found by trying."""
        super().__init__("GL856", reason)
        self.multiple = multiple


MOST_FRAMES = 1 << 20
"""How many frames one value may keep, or hand over in a push: no stream has more, and each is a row of numbers."""


def refuse_many(frames: int) -> None:
    """Refuse a node that would keep so many frames.

    Raises:
        Refused: They are too many.

    """
    if abs(frames) > MOST_FRAMES:
        raise Refused("GL867", f"{abs(frames)} frames would be kept for it, and no more than {MOST_FRAMES} are")
