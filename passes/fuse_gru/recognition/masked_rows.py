"""Rows of cells that a mask keeps from being updated: what their sequence_lens is.

Where the mask is t < len, sequence_lens is len, and the row is exactly the operator. Where it is only known at run
time, sequence_lens is the sum of it, if whoever asks for the fusion promises that it is 1 up to each sequence's
length, and 0 from there on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.passes.fuse_gru.algebra.axes import ReadAt, index_at
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.interpreter.length_comparisons import Below
from gru_lower.passes.fuse_gru.interpreter.masks import canonical, counted, gated
from gru_lower.passes.fuse_gru.recognition.read_cell import read
from gru_lower.passes.fuse_gru.tensors.tensor import Value
from gru_lower.passes.fuse_gru.writing.node_writer import CannotWriteError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.interpreter.masks import Gated
    from gru_lower.passes.fuse_gru.recognition.read_cell import Cell, MisfitError
    from gru_lower.passes.fuse_gru.recognition.row import Row
    from gru_lower.passes.fuse_gru.recognition.row_inputs import Source

PROMISE = "right-padded"
"""What ``assume`` has to be for masks that are only known at run time."""


@dataclass(frozen=True)
class Lengths:
    """Where a row's sequence_lens comes from.

    Attributes:
        leaf: The lengths, or the mask, as a leaf: one free axis at most beside the axis of time, the batch.
        time: Of a mask: its axis of time, ``None`` for lengths.
        first: Of a mask: the index of the first step on that axis.
        step: Of a mask: 1, or -1 where the steps run backwards.
        shift: What is added to lengths.
        live: The value of the mask where a step is taken.

    """

    leaf: Leaf
    time: int | None = None
    first: Count = 0
    step: int = 1
    shift: int = 0
    live: bool = True


class Held(NamedTuple):
    """A step that a mask may hold back.

    Attributes:
        cells: The ways to read it.
        gate: The mask.
        reasons: What did not fit.

    """

    cells: list[Cell]
    gate: Gated
    reasons: list[MisfitError]


def reading(interpreter: Interpreter, poly: Poly, before: int | None = None) -> Held | None:
    """Read a polynomial as a step that a mask may hold back.

    Args:
        interpreter: The scope or body it is computed in.
        poly: The polynomial.
        before: The atom of the state before, ``None`` if any will do.

    Returns:
        ``None`` if there is no mask.

    """
    found = None
    for gate in gated(interpreter, poly):
        if before is not None and gate.before.atom != before:
            continue
        cells, reasons = read(interpreter.algebra, gate.new)
        found = Held(cells, gate, reasons)
        if cells:
            break
    return found


def with_lengths(interpreter: Interpreter, row: Row, source: Source) -> Source:
    """Add to what a row reads where its sequence_lens comes from.

    Raises:
        CannotWriteError: The mask is none that lengths can stand for.

    """
    leaf, live = row.masking[0].mask, row.masking[0].live
    if any(gate.live != live or gate.mask.source != leaf.source for gate in row.masking) and not _below(row):
        raise CannotWriteError("its steps have different masks")
    lengths, backwards = _of_lengths(row) if _below(row) else _of_mask(row)
    names = list(source.names)
    constant = lengths.leaf.source in interpreter.algebra.constants
    name = None if constant else interpreter.place(lengths.leaf.source)
    if name is None and not constant:
        raise CannotWriteError("the lengths of its sequences are computed anew in every step")
    names += [name] if name is not None and name not in names else []
    return replace(source, names=tuple(names), lengths=lengths, backwards=backwards)


def _below(row: Row) -> bool:
    return all(isinstance(gate.mask.source, Below) for gate in row.masking)


def is_promised(row: Row) -> bool:
    """Whether a row is a GRU only if its mask is what is promised of it."""
    return bool(row.masking) and not _below(row)


def _of_lengths(row: Row) -> tuple[Lengths, bool]:
    seen = []
    for gate in row.masking:
        if not isinstance(gate.mask.source, Below):
            raise CannotWriteError("its steps have different masks")
        axes = gate.mask.axes[:-1] if gate.mask.source.placed else gate.mask.axes
        seen.append((gate.mask.source.lens, axes, gate.live))
    counts = [counted(gate.mask) for gate in row.masking]
    if len(set(seen)) > 1 or not seen[0][2]:
        raise CannotWriteError("its steps have different masks")
    first, step = _progress(row, counts)
    shift = -first if step == 1 else row.steps - 1 - first
    if isinstance(shift, Affine):
        raise CannotWriteError("its mask counts from another step than the first")
    leaf = row.masking[0].mask._replace(source=seen[0][0], axes=seen[0][1])
    return Lengths(leaf, shift=shift), step == -1


def _progress(row: Row, counts: Sequence[Count | None]) -> tuple[Any, int]:
    """Return what is counted in the first step, and 1 or -1."""
    if row.carrier is not None:
        count = counts[0]
        name = row.carrier.counter.terms[0][0]
        step = count.factor(name) if isinstance(count, Affine) else 0
        if isinstance(count, Affine) and step in (1, -1):
            return count - row.carrier.counter * step, step
    elif all(isinstance(count, int) for count in counts):
        numbers = [count for count in counts if isinstance(count, int)]
        steps = {b - a for a, b in pairwise(numbers)} or {1}
        if len(steps) == 1 and steps <= {1, -1}:
            return numbers[0], steps.pop()
    raise CannotWriteError("its mask does not count the steps")


def _of_mask(row: Row) -> tuple[Lengths, bool]:
    axes = list(zip(*(gate.mask.axes for gate in row.masking), strict=True))
    if row.carrier is not None:
        name = row.carrier.counter.terms[0][0]
        moving = [place for place, (entry, *_) in enumerate(axes) if index_at(entry, name) is not None]
    else:
        moving = [place for place, entries in enumerate(axes) if len(set(entries)) > 1]
    indices = [entry.position for entry in axes[moving[0]] if isinstance(entry, ReadAt)] if len(moving) == 1 else []
    if not indices or len(indices) != len(axes[moving[0]]):
        raise CannotWriteError("its mask is not one tensor that is read step by step")
    first, step = _progress(row, indices)
    gate = row.masking[0]
    return Lengths(gate.mask, moving[0], first, step, live=gate.live), step == -1


def followers(row: Row) -> dict[Poly, str]:
    """Return the other states of a row's loop that repeat its last output, with what each begins with."""
    found: dict[Poly, str] = {}
    if row.carrier is None or not row.masking:
        return found
    for place, state in enumerate(row.carrier.states):
        known = row.carrier.body.value(state.result)
        given = row.carrier.leaves.get(place)
        if state.kind != "state" or given is None or not isinstance(known, Value):
            continue
        for _, poly in known.pieces:
            for gate in gated(row.carrier.body, poly):
                own = row.masking[0]
                same = gate.new is own.new and gate.mask == own.mask and gate.live == own.live
                if same and gate.before is not own.before and gate.before is given.pieces[0][1]:
                    found[canonical(row.carrier.body, poly)] = state.initial
    return found


def explained(interpreter: Interpreter, row: Row) -> str:
    """Say why a row is not fused without a promise."""
    name = interpreter.place(row.masking[0].mask.source)
    return (
        f"a GRU, but a mask{f' ({name})' if name else ''} decides step by step whether the state is updated, and "
        "sequence_lens only says where a sequence ends; if masks never do more, fuse with --assume right-padded"
    )
