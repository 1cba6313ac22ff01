"""The local names of a GRU's weights, the same in templates and bindings.

They are the specification's: ``Wz`` [H, I], ``Rz`` [H, H], ``bz`` [H] (every bias of the gate that may be added to the
projection) and ``Rbh`` [H], with ``reverse_`` before those of a second direction; ``WzT`` is the transpose of ``Wz``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gru_lower.gru.spec import Direction


def prefix_of(direction: Direction) -> str:
    """Return what stands before the local names of a direction."""
    return "reverse_" if direction.index else ""
