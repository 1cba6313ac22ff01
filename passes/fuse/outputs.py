"""What is taken from a GRU's outputs, under the names and in the shapes the graph knows it by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.passes.fuse.values import F

if TYPE_CHECKING:
    from gru_lower.passes.fuse.emit import Writer
    from gru_lower.passes.fuse.serve import Served
    from gru_lower.passes.fuse.values import Value


class Outputs:
    """Hands out the states of one row.

    Args:
        writer: Where to.
        y: The GRU's Y, (T, 1, B, H).
        y_h: Its last state, (1, B, H).
        steps: T.
        reverse: Whether it runs backwards: its first state is then last in Y.

    """

    def __init__(self, writer: Writer, y: str, y_h: str, steps: int, *, reverse: bool) -> None:
        """Hold the parts."""
        self.writer, self.y, self.y_h, self.steps, self.reverse = writer, y, y_h, steps, reverse

    def serve(self, name: str, served: Served, value: Value) -> None:
        """Make a value of the graph.

        Args:
            name: What it is called.
            served: Which states it is.
            value: How its axes lie.

        """
        w = self.writer
        states = self._stack(served.times) if served.stacked else self._state(served.times[0])
        lead = 1 if served.stacked else 0
        kinds = [axis for axis in value.axes if axis]
        if (lead,) in kinds:
            given = [*[(i,) for i in range(lead)], (lead,), F]
        else:  # a batch of one, which the model has no axis for
            given = [*[(i,) for i in range(lead)], F]
            states = w.squeeze(states, [lead], "state")
        states = w.transpose(states, [given.index(kind) for kind in kinds], "arranged")
        units = [axis for axis, kind in enumerate(value.axes) if kind == ()]
        if units:
            states = w.unsqueeze(states, units, "arranged")
        w.named(states, name)

    def _position(self, time: int) -> int:
        return self.steps - 1 - time if self.reverse else time

    def _state(self, time: int) -> str:
        """Return one state as (B, H)."""
        w = self.writer
        if time == self.steps - 1:
            return w.squeeze(self.y_h, [0], "Ht")
        position = self._position(time)
        return w.squeeze(w.slice(self.y, 0, position, position + 1, f"t{time:03d}/Y"), [0, 1], f"t{time:03d}/Ht")

    def _stack(self, times: tuple[int, ...]) -> str:
        """Return states as (times, B, H)."""
        w = self.writer
        positions = [self._position(time) for time in times]
        steps = {b - a for a, b in zip(positions, positions[1:], strict=False)} or {1}
        y = w.squeeze(self.y, [1], "Y_steps")
        if len(steps) > 1 or not steps <= {1, -1}:
            return w.node("Gather", [y, w.ints(positions, "times")], "Y_chosen", axis=0)
        first, last = min(positions), max(positions)
        if (first, last) != (0, self.steps - 1):
            y = w.slice(y, 0, first, last + 1, "Y_part")
        if steps == {-1}:
            y = w.slice(y, 0, -1, -(2**31), "Y_turned", step=-1)
        return y
