"""Masks: states that a mask keeps from being updated.

    h + m (new - h)         a state that is new where the mask m is 1, and what it was where it is 0
    m new                   what such a step gives out, if it is the operator's sequence_lens

m is 0 or 1, so m · m is m.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from onnx import TensorProto

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.algebra.axes import ReadAt
from gru_lower.passes.fuse_gru.algebra.polynomials import Leaf, Spread, TooLargeError
from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Affine
from gru_lower.passes.fuse_gru.interpreter.length_comparisons import Below, scope_of
from gru_lower.passes.fuse_gru.recognition.update_gate import divided
from gru_lower.passes.fuse_gru.tensors import constant_arithmetic
from gru_lower.passes.fuse_gru.tensors.tensor import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.passes.fuse_gru.algebra.polynomials import Algebra, Poly
    from gru_lower.passes.fuse_gru.algebra.symbolic_integers import Count
    from gru_lower.passes.fuse_gru.interpreter.interpreter import Interpreter
    from gru_lower.passes.fuse_gru.interpreter.operators import Call


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
    here = scope_of(interpreter, atom.source)
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
    if not isinstance(entry, ReadAt):
        return None
    if not isinstance(source.number, Affine):
        return source.number
    factor = source.number.factor(("#",))
    found: Count = source.number - constant_arithmetic.POSITION * factor + entry.position * factor
    return found


def canonical(interpreter: Interpreter, poly: Poly) -> Poly:
    """Write every mask once in every term."""
    for serial in dict.fromkeys(serial for mono, _ in poly.terms for serial in mono):
        if _mask_leaf(interpreter, serial) is not None:
            poly = settled(interpreter.algebra, poly, serial)
    return poly


__all__ = ["Gated", "canonical", "counted", "gated", "is_binary", "negated", "settled"]
