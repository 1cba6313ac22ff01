"""What is taken from a GRU's outputs, under the names and in the shapes the graph knows it by."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FreeAxis, varying
from gru_lower.passes.fuse_gru.recognition.row import LAST
from gru_lower.passes.fuse_gru.writing import sequence_lens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.axes import TensorAxis
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.recognition.row import Offer
    from gru_lower.passes.fuse_gru.tensors.tensor import Value
    from gru_lower.passes.fuse_gru.writing.node_writer import Writer


class Outputs:
    """Hands out the states of one row.

    Args:
        writer: Where to.
        y: The GRU's Y, (T, 1, B, H).
        y_h: Its last state, (1, B, H).
        steps: T.
        reverse: Whether it runs backwards: its first state is then last in Y.
        masked: Its sequence_lens and what comes of them, ``None`` without.

    """

    def __init__(
        self,
        writer: Writer,
        y: str,
        y_h: str,
        steps: Count,
        *,
        reverse: bool,
        masked: sequence_lens.Masked | None = None,
    ) -> None:
        """Hold the parts."""
        self.writer, self.y, self.y_h, self.steps, self.reverse = writer, y, y_h, steps, reverse
        self.masked = masked

    def states(self, offer: Offer) -> str:
        """Return one state as (B, H), or several as (times, B, H)."""
        return self._stack(offer) if offer.stacked else self._state(offer)

    def _state(self, offer: Offer) -> str:
        w = self.writer
        time = None if offer.times is None else offer.times[0]
        if self.masked is not None and (time is None or time == LAST):
            initial = self.masked.initial if offer.repeats is None else self.masked.begins(offer.repeats)
            return w.squeeze(sequence_lens.last(w, self.masked, self.y_h, initial), [0], "Ht")
        if time is None or (time == self.steps - 1 and self.masked is None):
            return w.squeeze(self.y_h, [0], "Ht")
        position = self._position(time)
        return w.squeeze(w.slice(self.y, 0, position, position + 1, f"t{time:03d}/Y"), [0, 1], f"t{time:03d}/Ht")

    def _position(self, time: int) -> int:
        return int(self.steps) - 1 - time if self.reverse else time  # type: ignore[arg-type]

    def _stack(self, offer: Offer) -> str:
        w = self.writer
        y = w.squeeze(self.y, [1], "Y_steps")
        if self.masked is not None and offer.repeats is not None:
            initial = self.masked.begins(offer.repeats)
            y = sequence_lens.repeated(w, self.masked, y, self.y_h, initial, reverse=self.reverse)
        if offer.times is None:
            return w.turned(y, self.steps, "Y_turned") if offer.turned != self.reverse else y
        positions = [self._position(time) for time in offer.times]
        steps = {b - a for a, b in pairwise(positions)} or {1}
        if len(steps) > 1 or not steps <= {1, -1}:
            return w.node("Gather", [y, w.ints(positions, "times")], "Y_chosen", axis=0)
        first, last = min(positions), max(positions)
        if (first, last) != (0, self.steps - 1):
            y = w.slice(y, 0, first, last + 1, "Y_part")
        return w.turned(y, last + 1 - first, "Y_turned") if steps == {-1} else y


def serve(writer: Writer, name: str, parts: Sequence[str], value: Value, *, stacked: bool) -> None:
    """Make a value of the graph.

    Args:
        writer: Where to.
        name: What it is called.
        parts: Its stretches of features, each (B, H) or (times, B, H).
        value: How its axes lie.
        stacked: Whether there is an axis for times.

    """
    lead = 1 if stacked else 0
    states = parts[0] if len(parts) == 1 else writer.node("Concat", list(parts), "joined", axis=lead + 1)
    kinds = varying(value.axes)
    given: list[TensorAxis] = [*map(FreeAxis, range(lead + 1)), FEATURES]
    if FreeAxis(lead) not in kinds:  # a batch of one, which the model has no axis for
        given.remove(FreeAxis(lead))
        states = writer.squeeze(states, [lead], "state")
    states = writer.transpose(states, [given.index(kind) for kind in kinds], "arranged")
    units = [axis for axis, kind in enumerate(value.axes) if kind is CONSTANT]
    if units:
        states = writer.unsqueeze(states, units, "arranged")
    writer.named(states, name)
