"""Comparisons of a step's number with lengths: masks that are leaves of their own.

t < len                 a leaf whose source says what is compared with what
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from onnx import TensorProto

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.algebra.axes import (
    CONSTANT,
    FEATURES,
    FIRST,
    FreeAxis,
    ReadAlong,
    ReadAt,
    relabelled,
    reordered,
    whole,
)
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf, Spread
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.tensors import constant_arithmetic
from gru_lower.passes.fuse_gru.tensors.tensor import Const, NotUnderstoodError, Value

if TYPE_CHECKING:
    from collections.abc import Hashable

    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.algebra.axes import LeafAxis, TensorAxis
    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.interpreter.operators import Call

# fmt: off
INTEGERS = (TensorProto.INT32, TensorProto.INT64, TensorProto.INT16, TensorProto.INT8, TensorProto.UINT8,
            TensorProto.UINT16, TensorProto.UINT32)
# fmt: on


class Below(NamedTuple):
    """The source of a leaf that is 1 where number < lengths and 0 elsewhere.

    Attributes:
        lens: The source of the leaf that holds the lengths. The mask's leaf has the axes of that one, all of them free
            or read at one index, and behind them the axis of positions, if there is one.
        number: What is compared with them; may hang on :data:`folding.POSITION`, the index on the axis of positions.
        placed: Whether there is an axis of positions.

    """

    lens: Hashable
    number: Count
    placed: bool


def compared(call: Call) -> Value | None:
    """Return the mask that a comparison of counts with whole numbers known at run time is, ``None`` if it is none."""
    op, left, right = call.node.op_type, call.known(0), call.known(1)
    swapped = isinstance(right, Const)
    # From here on: count < lens, or count ≤ lens, or the contrary of one of these.
    count, lens = (right, left) if swapped else (left, right)
    if not isinstance(count, Const) or not isinstance(lens, Value):
        return None
    at = 0 if swapped else 1
    found = _lengths(call.interpreter, call.node.input[at], lens)
    if found is None:
        return None
    leaf, shift, whole = found
    if op not in ("Less", "LessOrEqual", "Greater", "GreaterOrEqual") or (not whole and count.array.dtype != object):
        return None
    below = (op in ("Less", "LessOrEqual")) != swapped
    # t < len; t ≤ len is t - 1 < len; len < t is the contrary of t - 1 < len; len ≤ t that of t < len.
    behind = (op in ("LessOrEqual", "GreaterOrEqual")) == below
    if behind and not whole:
        return None
    try:
        return _mask(call.algebra, count, lens, leaf, shift + behind, live=below)
    except NotUnderstoodError:
        return None


def _lengths(interpreter: Interpreter, name: str, value: Value) -> tuple[Leaf, int, bool] | None:
    """Return the leaf that a tensor of lengths is, what is added to it, and whether its numbers are whole for sure."""
    shift = 0
    found = _leaf_and_number(interpreter.algebra, value)
    while found is not None:
        leaf, number = found
        shift += number
        below = _behind(interpreter, leaf)
        if below is None:
            return leaf, shift, _elem_type(interpreter, name, leaf) in INTEGERS
        found = below
    return None


def lengths_of(interpreter: Interpreter, name: str) -> tuple[Hashable, tuple[LeafAxis, ...]] | None:
    """Return the source of the leaf that lengths are, and how a mask of theirs has its axes; ``None`` for no leaf."""
    value = interpreter.value(name)
    found = _lengths(interpreter, name, value) if isinstance(value, Value) else None
    return None if found is None or found[1] or not found[2] else (found[0].source, _free(found[0])[0])


def _leaf_and_number(algebra: Algebra, value: Value) -> tuple[Leaf, int] | None:
    poly, number = value.poly, 0.0
    if poly is None or len(poly.terms) > 2:
        return None
    leaf = None
    for mono, factor in poly.terms:
        if mono == () and isinstance(factor, float):
            number = factor
        elif len(mono) == 1 and factor == 1.0:
            leaf = algebra.atoms[mono[0]]
    if not isinstance(leaf, Leaf) or number != int(number) or (len(poly.terms) == 2 and not number):
        return None
    return leaf, int(number)


def _behind(interpreter: Interpreter, leaf: Leaf) -> tuple[Leaf, int] | None:
    """Return what was cast to other numbers, or a whole number was added to, seen as the leaf is; and that number."""
    here = scope_of(interpreter, leaf.source)
    if here is None:
        return None
    name = leaf.source[1]  # type: ignore[index]
    index = here.scope.producers.get(name)
    node = None if index is None else here.scope.nodes[index]
    if node is None or not is_onnx(node) or not node.input:
        return None
    if here.facts.elem_type(here.scope, node.input[0]) not in INTEGERS:
        return None
    number = 0 if node.op_type == "Cast" else _added(here, node)
    if number is None:
        return None
    value = here.value(node.input[0])
    found = _leaf_and_number(here.algebra, value) if isinstance(value, Value) else None
    if found is None or not isinstance(value, Value) or len(value.axes) != len(leaf.axes):
        return None
    entries = list(found[0].axes)
    for kind, entry in zip(value.axes, leaf.axes, strict=True):
        if kind is CONSTANT:
            if entry not in (FIRST, FEATURES):
                return None
            continue
        own = whole(kind.label) if isinstance(kind, FreeAxis) else kind
        if own not in found[0].axes:
            return None
        entries[found[0].axes.index(own)] = entry
    return found[0]._replace(axes=tuple(entries), lo=leaf.lo, hi=leaf.hi), found[1] + number


def _added(here: Interpreter, node: NodeProto) -> int | None:
    """Return the one whole number that a node adds to its first input, ``None`` if it does anything else."""
    known = here.value(node.input[1]) if node.op_type in ("Add", "Sub") else None
    if not isinstance(known, Const) or known.array.size != 1 or known.array.dtype.kind not in "iu":
        return None
    number = int(known.array.reshape(-1)[0])
    return number if node.op_type == "Add" else -number


def scope_of(interpreter: Interpreter, source: Hashable) -> Interpreter | None:
    """Return the scope that a leaf's value stands in, of those around; ``None`` if it is no value of one."""
    here: Interpreter | None = interpreter
    while here is not None:
        if isinstance(source, tuple) and len(source) == 2 and source[0] == here.scope.path:
            return here
        here = here.parent
    return None


def _elem_type(interpreter: Interpreter, name: str, leaf: Leaf) -> int:
    here = scope_of(interpreter, leaf.source)
    if here is None:
        return interpreter.facts.elem_type(interpreter.scope, name)
    return here.facts.elem_type(here.scope, str(leaf.source[1]))  # type: ignore[index]


def _mask(algebra: Algebra, count: Const, lens: Value, leaf: Leaf, shift: int, *, live: bool) -> Value:
    """Lay counts and lengths beside each other, as broadcasting does."""
    rank = max(len(count.dims), len(lens.dims))
    long = [i - len(count.dims) for i, dim in enumerate(count.dims) if dim != 1]
    placed = bool(long) and (count.array.size > 1 or _moves(count.array.reshape(-1)[0]))
    if len(long) > 1:
        raise NotUnderstoodError
    entries, names = _free(leaf)
    axes: list[TensorAxis] = []
    dims: list[Count] = []
    for position in range(-rank, 0):
        kind = lens.axes[position] if -position <= len(lens.axes) else CONSTANT
        dim = lens.dims[position] if -position <= len(lens.dims) else 1
        if position in long and (kind is not CONSTANT or dim != 1):
            raise NotUnderstoodError
        if position in long:
            axes.append(FreeAxis(len(names)) if placed else CONSTANT)
            dims.append(count.dims[position])
            continue
        axes.append(FreeAxis(names[kind]) if kind in names else CONSTANT)
        dims.append(dim)
        if kind not in names and kind is not CONSTANT and (kind is not FEATURES or dim != 1):
            raise NotUnderstoodError
    if placed:
        entries = (*entries, whole(len(names)))
    # As everywhere, the free axes count from the first of the tensor's to the last.
    free = (axis.label for axis in axes if isinstance(axis, FreeAxis))
    order = {old: label for label, old in enumerate(free)}
    axes = [relabelled(axis, order.__getitem__) for axis in axes]
    entries = tuple(reordered(entry, order) for entry in entries)
    source = Below(leaf.source, _counted(count) - shift, placed)
    poly = algebra.atom(Leaf(source, entries, 0, 1))
    if not live:
        poly = algebra.add(algebra.constant(1.0), algebra.scale(poly, -1.0))
    return Value(tuple(axes), tuple(dims), ((1, poly),))


def _free(leaf: Leaf) -> tuple[tuple[LeafAxis, ...], dict[TensorAxis, int]]:
    """Return a leaf's axes without features, and the labels of what were its features and its free axes."""
    names: dict[TensorAxis, int] = {}
    entries: list[LeafAxis] = []
    for entry in leaf.axes:
        if entry is FEATURES and leaf.hi - leaf.lo == 1:
            entries.append(ReadAt(leaf.lo))
        elif entry is FEATURES:
            if leaf.lo:
                raise NotUnderstoodError
            entries.append(whole(len(names)))
            names[FEATURES] = len(names)
        elif isinstance(entry, ReadAlong):
            entries.append(entry._replace(label=len(names)))
            names[FreeAxis(entry.label)] = len(names)
        else:
            entries.append(entry)
    return tuple(entries), names


def _moves(entry: object) -> bool:
    return isinstance(entry, Affine) and bool(entry.factor(("#",)))


def _counted(count: Const) -> Count:
    """Return counts as one that hangs on the position."""
    entries = count.array.reshape(-1).tolist()
    if any(not isinstance(entry, (int, float, Affine)) or isinstance(entry, bool) for entry in entries):
        raise NotUnderstoodError
    if any(isinstance(entry, float) and entry != int(entry) for entry in entries):
        raise NotUnderstoodError
    first = entries[0] if isinstance(entries[0], Affine) else int(entries[0])
    if len(entries) == 1:
        return first
    step = entries[1] - entries[0]
    if any(b - a != step for a, b in pairwise(entries)) or isinstance(step, Affine):
        raise NotUnderstoodError
    return constant_arithmetic.POSITION * int(step) + first if step else first


def refuse_data(call: Call) -> None:
    """Look at a comparison of data as a whole: only that of a pre-activation is a part of a cell.

    Raises:
        NotUnderstoodError: No matrix multiplies what is compared.

    """
    algebra = call.algebra
    given = [value for value in map(call.known, (0, 1)) if isinstance(value, Value)]
    atoms = [algebra.atoms[s] for value in given for _, poly in value.pieces for mono, _ in poly.terms for s in mono]
    if atoms and all(isinstance(atom, (Leaf, Spread)) for atom in atoms):
        raise NotUnderstoodError


__all__ = ["Below", "compared", "refuse_data", "scope_of"]
