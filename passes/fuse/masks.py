"""Masks: comparisons of a step's number with lengths, and states that a mask keeps from being updated.

    t < len                 a leaf of its own, whose source says what is compared with what
    h + m (new - h)         a state that is new where the mask m is 1, and what it was where it is 0
    m new                   what such a step gives out, if it is the operator's sequence_lens

m is 0 or 1, so m · m is m.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from onnx import TensorProto

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse import folding
from gru_lower.passes.fuse.algebra import Leaf, Spread, TooLargeError
from gru_lower.passes.fuse.counting import Affine
from gru_lower.passes.fuse.recognise import divided
from gru_lower.passes.fuse.values import Const, NotUnderstoodError, Value

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from onnx import NodeProto

    from gru_lower.passes.fuse.algebra import Algebra, Poly
    from gru_lower.passes.fuse.counting import Count
    from gru_lower.passes.fuse.interpret import Interpreter
    from gru_lower.passes.fuse.operators import Call

# fmt: off
INTEGERS = (TensorProto.INT32, TensorProto.INT64, TensorProto.INT16, TensorProto.INT8, TensorProto.UINT8,
            TensorProto.UINT16, TensorProto.UINT32)
# fmt: on
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)


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


class Gated(NamedTuple):
    """A polynomial that is one of two, as a mask says.

    Attributes:
        mask: The mask's leaf.
        live: The value of the mask where a step is taken.
        before: The polynomial where it is not.
        new: The polynomial where it is.
        outputs: What is new where a step is taken, and 0 elsewhere, as it may be written.

    """

    mask: Leaf
    live: bool
    before: Poly
    new: Poly
    outputs: tuple[Poly, ...]


# -- comparisons -------------------------------------------------------------------------------------


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
    here = _scope_of(interpreter, leaf.source)
    if here is None:
        return None
    name = leaf.source[1]  # type: ignore[index]
    index = here.scope.producers.get(name)
    node = None if index is None else here.scope.nodes[index]
    if node is None or not is_onnx(node) or here.facts.elem_type(here.scope, node.input[0]) not in INTEGERS:
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
        if kind == ():
            if entry not in (("i", 0), ("f",)):
                return None
            continue
        own = ("f",) if kind == ("f",) else ("a", kind[0], 0, 1)
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


def _scope_of(interpreter: Interpreter, source: Hashable) -> Interpreter | None:
    here: Interpreter | None = interpreter
    while here is not None:
        if isinstance(source, tuple) and len(source) == 2 and source[0] == here.scope.path:
            return here
        here = here.parent
    return None


def _elem_type(interpreter: Interpreter, name: str, leaf: Leaf) -> int:
    here = _scope_of(interpreter, leaf.source)
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
    axes: list[tuple[Any, ...]] = []
    dims: list[Count] = []
    for position in range(-rank, 0):
        kind = lens.axes[position] if -position <= len(lens.axes) else ()
        dim = lens.dims[position] if -position <= len(lens.dims) else 1
        if position in long and (kind != () or dim != 1):
            raise NotUnderstoodError
        if position in long:
            axes.append((len(names),) if placed else ())
            dims.append(count.dims[position])
            continue
        axes.append((names[kind],) if kind in names else ())
        dims.append(dim)
        if kind not in names and kind != () and (kind != ("f",) or dim != 1):
            raise NotUnderstoodError
    if placed:
        entries = (*entries, ("a", len(names), 0, 1))
    source = Below(leaf.source, _counted(count) - shift, placed)
    poly = algebra.atom(Leaf("leaf", source, entries, 0, 1))
    if not live:
        poly = algebra.add(algebra.constant(1.0), algebra.scale(poly, -1.0))
    return Value(tuple(axes), tuple(dims), ((1, poly),))


def _free(leaf: Leaf) -> tuple[tuple[tuple[Any, ...], ...], dict[tuple[Any, ...], int]]:
    """Return a leaf's axes without features, and the labels of what were its features and its free axes."""
    names: dict[tuple[Any, ...], int] = {}
    entries: list[tuple[Any, ...]] = []
    for entry in leaf.axes:
        if entry == ("f",) and leaf.hi - leaf.lo == 1:
            entries.append(("i", leaf.lo))
        elif entry == ("f",):
            if leaf.lo:
                raise NotUnderstoodError
            entries.append(("a", len(names), 0, 1))
            names["f",] = len(names)
        elif entry[0] == "a":
            entries.append(("a", len(names), *entry[2:]))
            names[entry[1],] = len(names)
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
    return folding.POSITION * int(step) + first if step else first


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


# -- what is 0 or 1 ----------------------------------------------------------------------------------


def negated(call: Call) -> Value | None:
    """Return the contrary of a tensor of 0 and 1, however wide it is."""
    given = call.known(0)
    if not isinstance(given, Value) or given.poly is None:
        return None
    algebra = call.algebra
    poly = algebra.add(algebra.constant(1.0), algebra.scale(given.poly, -1.0))
    return Value(given.axes, given.dims, ((given.width, poly),))


def is_binary(interpreter: Interpreter, name: str) -> bool:
    """Whether all numbers of a tensor are 0 or 1, since it was made of booleans."""
    here: Interpreter | None = interpreter
    while here is not None:
        if here.facts.elem_type(here.scope, name) == TensorProto.BOOL:
            return True
        if not here.scope.defines(name):
            here = here.parent
            continue
        index = here.scope.producers.get(name)
        node = None if index is None else here.scope.nodes[index]
        if node is None or not is_onnx(node) or node.op_type not in ARRANGING:
            return False
        name = node.input[0]
    return False


ARRANGING = ("Cast", "Identity", "ReduceMin", "ReduceMax", "Unsqueeze", "Squeeze", "Reshape", "Transpose", "Expand")


def _mask_leaf(interpreter: Interpreter, serial: int) -> Leaf | None:
    """Return the leaf an atom repeats over the features, if that is 0 or 1."""
    algebra = interpreter.algebra
    atom = algebra.atoms[serial]
    if isinstance(atom, Spread) and atom.part.atom is not None:
        atom = algebra.atoms[atom.part.atom]
    if not isinstance(atom, Leaf) or atom.hi - atom.lo != 1:
        return None
    if isinstance(atom.source, Below):
        return atom
    here = _scope_of(interpreter, atom.source)
    known = here is not None and here.facts.elem_type(here.scope, str(atom.source[1]))  # type: ignore[index]
    return atom if known == TensorProto.BOOL else None


def gated(interpreter: Interpreter, poly: Poly) -> Iterator[Gated]:
    """Yield every way in which a mask decides what a polynomial is.

    Args:
        interpreter: The scope or body it is computed in.
        poly: The polynomial.

    """
    algebra = interpreter.algebra
    masks = {
        serial: leaf
        for serial in dict.fromkeys(serial for mono, _ in poly.terms for serial in mono)
        if (leaf := _mask_leaf(interpreter, serial)) is not None
    }
    for serial, leaf in masks.items():
        parts = divided(algebra, settled(algebra, poly, serial), serial)
        if parts is None:
            continue
        without, times = parts
        one = algebra.add(without, times)
        gate = algebra.poly({(serial,): 1.0})
        if _is_state(algebra, without):
            yield Gated(leaf, live=True, before=without, new=one, outputs=_products(algebra, gate, one, poly))
        if _is_state(algebra, one):
            rest = algebra.add(algebra.constant(1.0), algebra.scale(gate, -1.0))
            yield Gated(leaf, live=False, before=one, new=without, outputs=_products(algebra, rest, without, poly))


def _products(algebra: Algebra, gate: Poly, *polys: Poly) -> tuple[Poly, ...]:
    made = []
    for poly in polys:
        try:
            made.append(algebra.mul(gate, poly))
        except TooLargeError:
            continue  # nobody can have written it, then
    return tuple(made)


def settled(algebra: Algebra, poly: Poly, serial: int) -> Poly:
    """Write a mask once in every term: m · m is m."""
    if all(mono.count(serial) < 2 for mono, _ in poly.terms):
        return poly
    rest = algebra.zero
    for mono, factor in poly.terms:
        first = mono.index(serial) if serial in mono else 0
        shorter = tuple(s for place, s in enumerate(mono) if s != serial or place == first)
        rest = algebra.add(rest, algebra.poly({shorter: factor}))
    return rest


def _is_state(algebra: Algebra, poly: Poly) -> bool:
    return not poly.terms or (poly.atom is not None and isinstance(algebra.atoms[poly.atom], Leaf))


def counted(mask: Leaf) -> Count | None:
    """Return the count that a mask compares with lengths, ``None`` for another mask or one of all positions at once."""
    source = mask.source
    if not isinstance(source, Below):
        return None
    if not source.placed:
        return source.number
    entry = mask.axes[-1]
    if entry[0] != "i" or not isinstance(source.number, Affine):
        return None if entry[0] != "i" else source.number
    factor = source.number.factor(("#",))
    found: Count = source.number - folding.POSITION * factor + entry[1] * factor
    return found


def canonical(interpreter: Interpreter, poly: Poly) -> Poly:
    """Write every mask once in every term."""
    for serial in dict.fromkeys(serial for mono, _ in poly.terms for serial in mono):
        if _mask_leaf(interpreter, serial) is not None:
            poly = settled(interpreter.algebra, poly, serial)
    return poly


__all__ = ["Below", "Gated", "canonical", "compared", "counted", "gated", "is_binary", "negated", "settled"]
