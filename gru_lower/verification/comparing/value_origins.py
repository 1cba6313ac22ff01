"""Follow values through a model: what they were computed in, and whether a quantiser made them.

Values are followed forwards from inputs and constants to the outputs, through bodies and local functions. An output's
tolerance hangs on both: see :mod:`gru_lower.verification.comparing.output_limits`.
"""

from __future__ import annotations

from collections import ChainMap
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import onnx
from onnx import TensorProto

from gru_lower.graph.local_functions import key_of
from gru_lower.graph.scopes import subgraphs
from gru_lower.verification.comparing.operator_kinds import (
    ANY_INPUT,
    CASTS,
    TYPED_BY_ATTRIBUTE,
    coarseness,
    drawn_or_made_type,
    integer_types,
    is_quantiser,
    moved_inputs,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping, Sequence

    from gru_lower.graph.local_functions import Key

_MOST_ROUNDS = 4
"""Rounds through a loop's body: a property reaches all carried values after as many as there are; few matter."""


class Origin(NamedTuple):
    """What is known of a value.

    Attributes:
        elem_type: Its ``TensorProto.DataType``, 0 where that is not known.
        constant: Whether it is the same on all inputs.
        coarsest: The coarsest float type that anything on the way to it was computed in, or rounded to once something
            was computed, 0 for none.
        quantised: Whether a QuantizeLinear or the like made it, and it was only moved or selected since.

    """

    elem_type: int = TensorProto.UNDEFINED
    constant: bool = False
    coarsest: int = TensorProto.UNDEFINED
    quantised: bool = False


_UNKNOWN = Origin()


def output_origins(model: onnx.ModelProto) -> dict[str, Origin]:
    """Return what is known of each output of a model."""
    functions = {key_of(function): function for function in model.functions}
    graph = model.graph
    values = {value.name: Origin(value.type.tensor_type.elem_type) for value in graph.input}
    values.update(_constants(graph))
    _follow(graph.node, values, functions, ())
    declared = {value.name: value.type.tensor_type.elem_type for value in graph.output}
    found = {name: values.get(name, _UNKNOWN) for name in declared}
    return {name: each._replace(elem_type=declared[name] or each.elem_type) for name, each in found.items()}


def coarser(a: int, b: int) -> int:
    """Return the coarser of two float types; 0 stands for none."""
    return a if coarseness(a) >= coarseness(b) else b


def _constants(graph: onnx.GraphProto) -> dict[str, Origin]:
    tensors = (*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer))
    return {tensor.name: Origin(tensor.data_type, constant=True) for tensor in tensors}


def _follow(
    nodes: Iterable[onnx.NodeProto],
    values: MutableMapping[str, Origin],
    functions: dict[Key, onnx.FunctionProto],
    calls: tuple[Key, ...],
) -> None:
    """Add what is known of the nodes' outputs to what is known of their inputs."""
    for node in nodes:
        given = [values.get(name, _UNKNOWN) if name else None for name in node.input]
        key = key_of(node) if functions else None
        if key in functions and key not in calls:
            function = functions[key]
            called = {n: o for n, o in zip(function.input, given, strict=False) if o is not None}
            _follow(function.node, called, functions, (*calls, key))
            made = [called.get(name, _UNKNOWN) for name in function.output]
        else:
            bodies = [body for _, body in subgraphs(node) if body.node or body.output] if node.attribute else []
            if bodies:
                made = _from_bodies(node, bodies, given, values, functions, calls)
            elif node.op_type in TYPED_BY_ATTRIBUTE:
                made = [_made(node, given, place) for place in range(len(node.output))]
            else:
                made = _made_as_ever(node.op_type, node.domain, len(node.output), tuple(given))
        values.update({name: origin for name, origin in zip(node.output, made, strict=False) if name})


def _from_bodies(
    node: onnx.NodeProto,
    bodies: Sequence[onnx.GraphProto],
    given: Sequence[Origin | None],
    values: MutableMapping[str, Origin],
    functions: dict[Key, onnx.FunctionProto],
    calls: tuple[Key, ...],
) -> list[Origin]:
    """Return what is known of the outputs of an If, a Loop, a Scan or another node with bodies."""
    made = [Origin()] * len(node.output)
    for body in bodies:
        skipped = {"Loop": 1}.get(node.op_type, 0)  # the body's first output is the condition
        entering = [each or Origin() for each in given]
        for _ in range(_MOST_ROUNDS):
            inner: MutableMapping[str, Origin] = ChainMap({}, values)
            for value, origin in zip(body.input, entering, strict=False):
                inner[value.name] = origin._replace(constant=False)
            inner.update(_constants(body))
            _follow(body.node, inner, functions, calls)
            leaving = [inner.get(value.name, _UNKNOWN) for value in body.output]
            again = list(entering)
            first = 2 if node.op_type == "Loop" else 0
            if node.op_type in {"Loop", "Scan"}:
                for place, origin in zip(range(first, len(again)), leaving[skipped:], strict=False):
                    again[place] = _joined(again[place], origin)
            made = [_joined(a, b) for a, b in zip(made, leaving[skipped:], strict=False)]
            if again == entering:
                break
            entering = again
    return made


def _joined(a: Origin, b: Origin) -> Origin:
    return Origin(
        a.elem_type or b.elem_type, coarsest=coarser(a.coarsest, b.coarsest), quantised=a.quantised or b.quantised
    )


@lru_cache(maxsize=4096)
def _made_as_ever(op_type: str, domain: str, outputs: int, given: tuple[Origin | None, ...]) -> list[Origin]:
    """Return what is known of the outputs of a node whose attributes say nothing of it: many are alike."""
    node = onnx.NodeProto(op_type=op_type, domain=domain)
    return [_made(node, given, place) for place in range(outputs)]


def _made(node: onnx.NodeProto, given: Sequence[Origin | None], place: int) -> Origin:
    """Return what is known of one output of a plain node."""
    present = [origin for origin in given if origin is not None]
    elem_type = drawn_or_made_type(node, place, [0 if origin is None else origin.elem_type for origin in given])
    constant = all(origin.constant for origin in present) and not node.op_type.startswith("Random")
    moved = moved_inputs(node.op_type)
    types = {origin.coarsest for origin in present}
    if not constant:
        types.update(_computed_in(node, present, elem_type, moves=moved is not None))
    coarsest = int(TensorProto.UNDEFINED)
    for each in types:
        coarsest = coarser(coarsest, each)
    quantised = is_quantiser(node) and elem_type in integer_types()
    if moved is not None and elem_type in integer_types():
        kept = present if moved == ANY_INPUT else [given[at] for at in moved if at < len(given)]
        quantised = any(origin is not None and origin.quantised for origin in kept)
    return Origin(elem_type, constant, coarsest, quantised)


def _computed_in(node: onnx.NodeProto, present: Sequence[Origin], elem_type: int, *, moves: bool) -> list[int]:
    """Return the float types that a node computes in, or rounds to."""
    if node.op_type in CASTS:
        # What was only moved from an input so far is rounded to the same in both models.
        rounds = bool(present and present[0].coarsest) and coarseness(elem_type) > coarseness(present[0].elem_type)
        return [elem_type] if rounds else []
    if moves or not coarseness(elem_type):
        return []
    return [elem_type, *(origin.elem_type for origin in present)]


__all__ = ["Origin", "coarser", "output_origins"]
