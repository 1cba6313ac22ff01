"""Whether a model that takes whole sequences could run frame by frame, and what stands in the way."""

from __future__ import annotations

from typing import Any

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData


@dataclass(frozen=True)
class InTheWay(PlainData):
    """A node that cannot run frame by frame.

    Attributes:
        code: The code of the reason.
        message: The node, the axis and the reason.
        node: The node.
        hint: What would help.

    """

    code: str
    message: str
    node: str
    hint: str

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        return {"code": self.code, "message": self.message, "node": self.node, "hint": self.hint}


@dataclass(frozen=True)
class Streaming(PlainData):
    """Whether a model could run frame by frame.

    Attributes:
        time: The axis of time, by input.
        chunk: How many frames a push would take at least.
        lag: How many frames of the inputs its outputs would be late; ``None`` where something stands in the way.
        states: How many states it would have, its own included.
        in_the_way: What stands in the way, in the model's order.

    """

    time: dict[str, int]
    chunk: int
    lag: int | None
    states: int
    in_the_way: tuple[InTheWay, ...]

    @property
    def possible(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.in_the_way

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report."""
        return {
            "possible": self.possible,
            "time": [{"name": name, "axis": axis} for name, axis in self.time.items()],
            "chunk": self.chunk,
            "lag": self.lag,
            "states": self.states,
            "in_the_way": [each.to_dict() for each in self.in_the_way],
        }
