"""Lay the axes of a value of the graph out as a GRU wants them: (B, features) or (T, B, features)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import FEATURES, FIRST, ReadAlong, ReadAt, whole
from gru_lower.passes.fuse_gru.recognition.axes_of_leaf import axes_of_leaf
from gru_lower.passes.fuse_gru.recognition.errors import CannotWriteError
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor
from gru_lower.passes.fuse_gru.writing.batch_axes import BatchAxis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.recognition.initial_state import InitialState
    from gru_lower.passes.fuse_gru.writing.node_writer import NodeWriter


class View(NamedTuple):
    """How a leaf reads a value.

    Attributes:
        name: The value.
        axes: How each of its axes is read.

    """

    name: str
    axes: list[LeafAxis]


def view_of(writer: NodeWriter, leaf: Leaf) -> View:
    """Return the value that a leaf reads, and how each of its axes is read; a constant is attached.

    Raises:
        CannotWriteError: There is no such value.

    """
    constant = writer.algebra.constants.get(leaf.source)
    if constant is not None:
        return View(writer.constant(constant, "constant"), list(leaf.axes))
    if leaf.source not in writer.algebra.definitions:
        name = writer.interpreter.name_of(leaf.source)
        if name is None:
            raise CannotWriteError("a value is not visible here")
        return View(name, list(leaf.axes))
    home = writer.interpreter.named_tensor(writer.algebra.definitions[leaf.source])
    if home is None:
        raise CannotWriteError("a value is not in the graph")
    axes = axes_of_leaf(home.value, dict(enumerate(leaf.axes)))
    if axes is None:
        raise CannotWriteError("a value's axes lie together")
    return View(home.name, axes)


def as_batch_by_features(writer: NodeWriter, atom: int, local: str) -> str:
    """Write the value of an atom with at most one free axis as (B, features).

    Raises:
        CannotWriteError: It is not in the graph, or has more axes.

    """
    leaf = writer.algebra.atoms[atom]
    if not isinstance(leaf, Leaf):
        raise CannotWriteError("an input is not in the graph")
    view = view_of(writer, leaf)
    constant = writer.algebra.constants.get(leaf.source)
    dims = writer.interpreter.dims(view.name) if constant is None else constant.shape
    return _arranged(writer, view, dims, (leaf.lo, leaf.hi), None, local)


def initial_as_batch_by_features(writer: NodeWriter, initial: InitialState, local: str) -> str:
    """Write the state before a loop as (B, features)."""
    known = writer.interpreter.value(initial.name)
    assert isinstance(known, (PolyTensor, ConstTensor))
    axes: list[LeafAxis] = [
        FEATURES if axis == initial.axis else FIRST if dim == 1 else whole(0) for axis, dim in enumerate(known.dims)
    ]
    return _arranged(writer, View(initial.name, axes), known.dims, (initial.lo, initial.hi), None, local)


def as_steps(writer: NodeWriter, view: View, dims: Sequence[Count], leaf: Leaf, time: int, local: str) -> str:
    """Write a value as (T, B, features).

    Args:
        writer: Where to.
        view: The value, and how its axes are read.
        dims: The lengths of its axes.
        leaf: The leaf that says which features are read.
        time: The axis of time.
        local: What new names end with.

    Raises:
        CannotWriteError: It has more than one batch axis, or one in another order.

    """
    return _arranged(writer, view, dims, (leaf.lo, leaf.hi), time, local)


def _arranged(
    writer: NodeWriter, view: View, dims: Sequence[Count], part: tuple[int, int], time: int | None, local: str
) -> str:
    name, seen = view
    free = [axis for axis, entry in enumerate(seen) if isinstance(entry, ReadAlong) and axis != time]
    features = [axis for axis, entry in enumerate(seen) if entry is FEATURES]
    if len(free) > 1 or len(features) != 1:
        raise CannotWriteError("an input has more than one batch axis")
    writer.batches += [BatchAxis(name, axis, dims[axis]) for axis in free]
    if part != (0, dims[features[0]]) and part != (0, -1):
        name = writer.slice(name, features[0], *part, local)
    for axis, entry in enumerate(seen):
        if axis != time and isinstance(entry, ReadAlong) and not entry.reads_all:
            raise CannotWriteError("an input's batch axis is read in another order")
        if axis != time and isinstance(entry, ReadAt) and dims[axis] != 1:
            if not isinstance(entry.position, int):
                raise CannotWriteError("an input hangs on a counter")
            name = writer.slice(name, axis, entry.position, entry.position + 1, local)
    units = [axis for axis in range(len(seen)) if axis not in (*free, *features, time)]
    lead = [] if time is None else [time]
    batch = free or units[:1]
    extra = [axis for axis in units if axis not in batch]
    name = writer.transpose(name, [*lead, *extra, *batch, *features], f"{local}_ordered")
    if extra:
        name = writer.squeeze(name, [len(lead) + i for i in range(len(extra))], f"{local}_squeezed")
    return name if batch else writer.unsqueeze(name, [len(lead)], f"{local}_batch")
