"""Loops of what a Scan or Loop computes besides its states: nodes of its body in a loop of their own, as many steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from onnx import GraphProto, NodeProto, TensorProto, ValueInfoProto, helper

from gru_lower.graph.names import identifier
from gru_lower.graph.scopes import node_uses
from gru_lower.passes.fuse_gru.loops.body_edits import set_outputs

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gru_lower.graph.names import Names
    from gru_lower.passes.fuse_gru.loops.loop_parts import LoopParts


class ScanInput(NamedTuple):
    """A tensor that a Scan reads step by step, along its first axis.

    Attributes:
        outer: The tensor's name outside.
        value: The value in the body that is one step of it.
        direction: 1 if it is read from the end, else 0.

    """

    outer: str
    value: ValueInfoProto
    direction: int


class StackedOutputs(NamedTuple):
    """What a loop of some nodes of another's body gives out.

    Attributes:
        values: The values of the body that it stacks.
        outer: Their names outside.
        node_name: The name the node should have.
        states: The places of the other's states that it carries: what they collect is computed in it.

    """

    values: Sequence[ValueInfoProto]
    outer: Sequence[str]
    node_name: str
    states: Sequence[int] = ()


def scan_of_nodes(
    loop: LoopParts,
    nodes: Sequence[NodeProto],
    more_inputs: Iterable[ScanInput],
    outputs: StackedOutputs,
    names: Names,
    output_directions: list[int] | None = None,
) -> NodeProto:
    """Return a Scan of some nodes of another's body.

    Args:
        loop: The other Scan.
        nodes: The nodes.
        more_inputs: What they read besides the other's inputs.
        outputs: What it gives out.
        names: The names that are taken.
        output_directions: 1 for each output whose last step comes first, else 0.

    """
    used = {name for node in nodes for name in node_uses(node)}
    inputs = [each for each in _scan_inputs(loop) if each.value.name in used]
    inputs += more_inputs
    inner, results, initial, outer = _carried(loop, outputs.states)
    body = _body(loop, nodes, [*inner, *(each.value for each in inputs)], [*results, *outputs.values])
    attributes: dict[str, Any] = {
        "num_scan_inputs": len(inputs),
        "scan_input_directions": [each.direction for each in inputs],
        "scan_output_directions": output_directions,
    }
    name = names.node(outputs.node_name)
    given = [*initial, *(each.outer for each in inputs)]
    return helper.make_node("Scan", given, [*outer, *outputs.outer], name, body=body, **attributes)


def _carried(
    loop: LoopParts, states: Sequence[int]
) -> tuple[list[ValueInfoProto], list[ValueInfoProto], list[str], list[str]]:
    """Return some of a loop's states: in the body before and after a step, and outside before and after the loop."""
    first = 0 if loop.is_scan else 1
    return (
        [loop.body.input[loop.heads + place] for place in states],
        [loop.body.output[first + place] for place in states],
        [loop.initial[place] for place in states],
        [loop.node.output[place] for place in states],
    )


def _scan_inputs(loop: LoopParts) -> list[ScanInput]:
    outer, values = loop.node.input[loop.states :], loop.body.input[loop.states :]
    directions = scan_directions(loop, "scan_input_directions") or [0] * len(outer)
    return [ScanInput(*each) for each in zip(outer, values, directions, strict=True)]


def scan_directions(loop: LoopParts, attribute: str) -> list[int] | None:
    """Return an attribute that says for each of a Scan's inputs or outputs whether the last step comes first."""
    return next((list(a.ints) for a in loop.node.attribute if a.name == attribute), None)


def loop_of_nodes(loop: LoopParts, nodes: Sequence[NodeProto], outputs: StackedOutputs, names: Names) -> NodeProto:
    """Return a Loop of some nodes of another's body.

    Args:
        loop: The other Loop.
        nodes: The nodes.
        outputs: What it gives out.
        names: The names that are taken.

    """
    step, condition = loop.body.input[0], loop.body.input[1]
    goes_on = names.value(f"{condition.name}/still")
    identity = helper.make_node("Identity", [condition.name], [goes_on], names.node(goes_on))
    elem_type = condition.type.tensor_type.elem_type or TensorProto.BOOL
    inner, carried, initial, outer = _carried(loop, outputs.states)
    results = [helper.make_tensor_value_info(goes_on, elem_type, []), *carried, *outputs.values]
    body = _body(loop, [*nodes, identity], [step, condition, *inner], results)
    name = names.node(outputs.node_name)
    given = [*loop.node.input[:2], *initial]
    return helper.make_node("Loop", given, [*outer, *outputs.outer], name, body=body)


def gathers(loop: LoopParts, sequences: dict[str, str], names: Names) -> list[NodeProto]:
    """Return nodes that read a Loop's step of tensors outside, by the number of the step.

    Args:
        loop: The Loop.
        sequences: The tensors, by the name of the step's value in the body.
        names: The names that are taken.

    """
    step = loop.body.input[0].name
    return [
        helper.make_node("Gather", [outer, step], [inner], names.node(inner), axis=0)
        for inner, outer in sequences.items()
    ]


def _body(
    loop: LoopParts,
    nodes: Iterable[NodeProto],
    inputs: Iterable[ValueInfoProto],
    outputs: Iterable[ValueInfoProto],
) -> GraphProto:
    body = GraphProto(name=identifier(f"{loop.body.name}/outputs"))
    body.node.extend(nodes)
    body.input.extend(inputs)
    body.initializer.extend(loop.body.initializer)
    set_outputs(body, outputs)
    return body
