"""Write the values that come from a GRU's Y and Y_h, with the names and axes they have in the graph."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FreeAxis, varying
from gru_lower.passes.fuse_gru.recognition.states_in_values import LAST
from gru_lower.passes.fuse_gru.writing.masked_outputs import last_state, repeated_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.axes import TensorAxis
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.recognition.states_in_values import StateSelection
    from gru_lower.passes.fuse_gru.tensors.tensor import PolyTensor
    from gru_lower.passes.fuse_gru.writing.masked_outputs import MaskedGru
    from gru_lower.passes.fuse_gru.writing.node_writer import NodeWriter


class GruOutputs:
    """The outputs of a GRU that has been written, from which states are read.

    Args:
        writer: Where to write.
        y: The GRU's Y, (T, 1, B, H).
        y_h: Its last state, (1, B, H).
        steps: T.
        reverse: Whether it runs backwards: its first state is then last in Y.
        masked: Its sequence_lens and mask, ``None`` without.

    """

    def __init__(
        self, writer: NodeWriter, y: str, y_h: str, steps: Count, *, reverse: bool, masked: MaskedGru | None = None
    ) -> None:
        """Hold the parts."""
        self.writer, self.y, self.y_h, self.steps, self.reverse = writer, y, y_h, steps, reverse
        self.masked = masked

    def write_states(self, selection: StateSelection) -> str:
        """Write one state as (B, H), or several as (times, B, H).

        Raises:
            CannotWriteError: It takes a newer opset.

        """
        return self._several(selection) if selection.stacked else self._one(selection)

    def _one(self, selection: StateSelection) -> str:
        w = self.writer
        time = None if selection.times is None else selection.times[0]
        if self.masked is not None and (time is None or time == LAST):
            initial = self._initial(self.masked, selection)
            return w.squeeze(last_state(w, self.masked, self.y_h, initial), [0], "Ht")
        if time is None or (time == self.steps - 1 and self.masked is None):
            return w.squeeze(self.y_h, [0], "Ht")
        position = self._position(time)
        return w.squeeze(w.slice(self.y, 0, position, position + 1, f"t{time:03d}/Y"), [0, 1], f"t{time:03d}/Ht")

    def _initial(self, masked: MaskedGru, selection: StateSelection) -> str | None:
        repeated = selection.repeated_initial
        return masked.initial_h if repeated is None else masked.write_repeated_initial(repeated)

    def _position(self, time: int) -> int:
        """Return where the state after a step is in Y."""
        return int(self.steps) - 1 - time if self.reverse else time  # type: ignore[arg-type]

    def _several(self, selection: StateSelection) -> str:
        w = self.writer
        y = w.squeeze(self.y, [1], "Y_steps")
        if self.masked is not None and selection.repeated_initial is not None:
            initial = self._initial(self.masked, selection)
            y = repeated_outputs(w, self.masked, y, self.y_h, initial, reverse=self.reverse)
        if selection.times is None:
            return w.reverse(y, self.steps, "Y_turned") if selection.backwards != self.reverse else y
        positions = [self._position(time) for time in selection.times]
        steps = {b - a for a, b in pairwise(positions)} or {1}
        if len(steps) > 1 or not steps <= {1, -1}:
            return w.node("Gather", [y, w.ints(positions, "times")], "Y_chosen", axis=0)
        first, last = min(positions), max(positions)
        if (first, last) != (0, self.steps - 1):
            y = w.slice(y, 0, first, last + 1, "Y_part")
        return w.reverse(y, last + 1 - first, "Y_turned") if steps == {-1} else y


def write_side_by_side(writer: NodeWriter, name: str, parts: Sequence[str], value: PolyTensor) -> None:
    """Write a value of the graph that holds the states of several GRUs along an axis behind that of the steps.

    Args:
        writer: Where to.
        name: What it is called.
        parts: The states of each, (times, B, H).
        value: How its axes lie.

    """
    states = writer.concat([writer.unsqueeze(part, [1], "direction") for part in parts], 1, "directions")
    _write_arranged(writer, name, states, value, 2)


def write_value(writer: NodeWriter, name: str, parts: Sequence[str], value: PolyTensor, *, stacked: bool) -> None:
    """Write a value of the graph that holds states, in the layout the graph has it in.

    Args:
        writer: Where to.
        name: What it is called.
        parts: Its stretches of features, each (B, H) or (times, B, H).
        value: How its axes lie.
        stacked: Whether there is an axis for times.

    """
    lead = 1 if stacked else 0
    _write_arranged(writer, name, writer.concat(parts, lead + 1, "joined"), value, lead)


def _write_arranged(writer: NodeWriter, name: str, states: str, value: PolyTensor, lead: int) -> None:
    """Write states, whose batch lies behind as many axes as lead, in the layout of a value."""
    kinds = varying(value.axes)
    given: list[TensorAxis] = [*map(FreeAxis, range(lead + 1)), FEATURES]
    if FreeAxis(lead) not in kinds:  # a batch of one, which the model has no axis for
        given.remove(FreeAxis(lead))
        states = writer.squeeze(states, [lead], "state")
    states = writer.transpose(states, [given.index(kind) for kind in kinds], "arranged")
    units = [axis for axis, kind in enumerate(value.axes) if kind is CONSTANT]
    if units:
        states = writer.unsqueeze(states, units, "arranged")
    writer.rename(states, name)
