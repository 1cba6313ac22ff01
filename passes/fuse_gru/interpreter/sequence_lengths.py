"""Tensors of lengths: which leaf a tensor of whole numbers is, through casts and whole numbers that are added."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from onnx import TensorProto

from gru_lower.graph.scopes import is_onnx
from gru_lower.passes.fuse_gru.algebra.atoms import Leaf
from gru_lower.passes.fuse_gru.algebra.axes import CONSTANT, FEATURES, FIRST, FreeAxis, whole
from gru_lower.passes.fuse_gru.interpreter.lossless_casts import is_wide, keeps_lengths
from gru_lower.passes.fuse_gru.tensors.tensor import ConstTensor, PolyTensor

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.passes.fuse_gru.algebra.algebra import Algebra
    from gru_lower.passes.fuse_gru.tensors.scope_values import ScopeValues

# fmt: off
INTEGERS = (TensorProto.INT32, TensorProto.INT64, TensorProto.INT16, TensorProto.INT8, TensorProto.UINT8,
            TensorProto.UINT16, TensorProto.UINT32)
# fmt: on


class LengthsLeaf(NamedTuple):
    """What a tensor of lengths is: a leaf, and a whole number that is added to it.

    Attributes:
        leaf: The leaf.
        shift: What is added.
        whole: Whether the type says that its numbers are whole.

    """

    leaf: Leaf
    shift: int
    whole: bool


def read_lengths(here: ScopeValues, name: str, value: PolyTensor) -> LengthsLeaf | None:
    """Return what a tensor of lengths is, ``None`` if it is no leaf with a whole number added.

    Args:
        here: The scope it is used in.
        name: The tensor's name.
        value: The tensor.

    """
    shift = 0
    found = _leaf_and_number(here.algebra, value)
    while found is not None:
        leaf, number = found
        shift += number
        before = _before_cast_or_sum(here, leaf)
        if before is None:
            return LengthsLeaf(leaf, shift, _elem_type(here, name, leaf) in INTEGERS)
        found = before
    return None


def _leaf_and_number(algebra: Algebra, value: PolyTensor) -> tuple[Leaf, int] | None:
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


def _before_cast_or_sum(values: ScopeValues, leaf: Leaf) -> tuple[Leaf, int] | None:
    """Return the leaf that was cast to this one or a whole number was added to, with its axes, and that number."""
    located = values.locate(leaf.source)
    if located is None:
        return None
    here, name = located
    index = here.scope.producers.get(name)
    node = None if index is None else here.scope.nodes[index]
    if node is None or not is_onnx(node) or not node.input:
        return None
    elem_type = here.facts.elem_type(here.scope, node.input[0])
    if elem_type not in INTEGERS:
        return None
    number = _added(here, node, elem_type)
    if number is None:
        return None
    value = here.value(node.input[0])
    found = _leaf_and_number(here.algebra, value) if isinstance(value, PolyTensor) else None
    if found is None or not isinstance(value, PolyTensor) or len(value.axes) != len(leaf.axes):
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


def _added(here: ScopeValues, node: NodeProto, elem_type: int) -> int | None:
    """Return the one whole number that a node adds to its first input, ``None`` if it does anything else.

    Args:
        here: The scope.
        node: The node; a cast that keeps all numbers adds 0.
        elem_type: The type of its first input.

    """
    if node.op_type == "Cast":
        return 0 if keeps_lengths(elem_type, next(a.i for a in node.attribute if a.name == "to")) else None
    if not is_wide(elem_type):
        return None  # the sum may wrap
    known = here.value(node.input[1]) if node.op_type in ("Add", "Sub") else None
    if not isinstance(known, ConstTensor) or known.array.size != 1 or known.array.dtype.kind not in "iu":
        return None
    number = int(known.array.reshape(-1)[0])
    return number if node.op_type == "Add" else -number


def _elem_type(values: ScopeValues, name: str, leaf: Leaf) -> int:
    here, own_name = values.locate(leaf.source) or (values, name)
    return here.facts.elem_type(here.scope, own_name)
