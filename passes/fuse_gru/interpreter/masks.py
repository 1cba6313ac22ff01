"""Masks: tensors whose numbers are all 0 or 1, so that a mask's square is the mask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.algebra.atoms import Broadcast, Leaf
from gru_lower.passes.fuse_gru.interpreter.length_masks import LengthMask

if TYPE_CHECKING:
    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.algebra.polynomials import Poly
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues

KEEPS_NUMBERS = ("Cast", "Identity", "ReduceMin", "ReduceMax", "Unsqueeze", "Squeeze", "Reshape", "Transpose", "Expand")
"""Operators that make no new numbers of 0 and 1."""


def is_binary(values: ScopeValues, name: str) -> bool:
    """Whether all numbers of a tensor are 0 or 1, since it was made of booleans."""
    here: ScopeValues | None = values
    while here is not None:
        if here.facts.elem_type(here.scope, name) == TensorProto.BOOL:
            return True
        if not here.scope.defines(name):
            here = here.parent
            continue
        index = here.scope.producers.get(name)
        node = None if index is None else here.scope.nodes[index]
        if node is None or not is_onnx(node) or node.op_type not in KEEPS_NUMBERS:
            return False
        name = node.input[0]
    return False


def mask_leaf(values: ScopeValues, serial: int) -> Leaf | None:
    """Return the mask that an atom is, or repeats over the features; ``None`` if it is no mask.

    Args:
        values: The scope it is used in.
        serial: The atom.

    """
    algebra = values.algebra
    atom = algebra.atoms[serial]
    if isinstance(atom, Broadcast) and atom.part.atom is not None:
        atom = algebra.atoms[atom.part.atom]
    if not isinstance(atom, Leaf) or atom.hi - atom.lo != 1:
        return None
    if isinstance(atom.source, LengthMask):
        return atom
    located = values.locate(atom.source)
    if located is None:
        return None
    here, name = located
    return atom if here.facts.elem_type(here.scope, name) == TensorProto.BOOL else None


def reduce_powers(algebra: Algebra, poly: Poly, serial: int) -> Poly:
    """Return a polynomial with no power of a mask above the first: m · m is m.

    Args:
        algebra: The tables.
        poly: The polynomial.
        serial: The mask's atom.

    """
    if all(mono.count(serial) < 2 for mono, _ in poly.terms):
        return poly
    rest = algebra.zero
    for mono, factor in poly.terms:
        first = mono.index(serial) if serial in mono else 0
        shorter = tuple(s for place, s in enumerate(mono) if s != serial or place == first)
        rest = algebra.add(rest, algebra.poly({shorter: factor}))
    return rest


def reduce_all_powers(values: ScopeValues, poly: Poly) -> Poly:
    """Return a polynomial with no power of any mask above the first."""
    for serial in dict.fromkeys(serial for mono, _ in poly.terms for serial in mono):
        if mask_leaf(values, serial) is not None:
            poly = reduce_powers(values.algebra, poly, serial)
    return poly
