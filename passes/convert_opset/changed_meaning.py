"""Operators that mean something else at another opset, which onnx's converter passes on as they are.

- Resize and Upsample, up from opset 10 or older: there an output at x is read at x / scale, which Resize calls
  ``asymmetric`` and no longer does by default; the nearest is the one before for a scale above 1, after for one below.
- Scan, up from opset 8: there it has a batch of its own, and lengths.
- Softmax, LogSoftmax and Hardmax across opset 13: before it all axes from ``axis`` on count as one. Up, onnx sees to
  it, but for Hardmax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import helper

from gru_lower.errors import Unsupported
from gru_lower.graph import splice
from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, walk

if TYPE_CHECKING:
    import onnx
    from onnx import NodeProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

NO_BATCH = 9
"""From which opset on a Scan runs over one sequence."""
HALF_PIXELS = 11
"""From which opset on Resize says where it reads, and by default reads at the middle of pixels."""
ONE_AXIS = 13
"""From which opset on these work along one axis."""
ALONG_AN_AXIS, LEFT_ON_THE_WAY_UP = ("Softmax", "LogSoftmax", "Hardmax"), ("Hardmax",)
"""Those, and the ones that onnx does not write anew for a newer opset."""
COMPUTED_SHAPES, NEGATIVE_AXES = 5, 11
"""From which opsets on Reshape takes its shape as an input, and axes count from the end."""


def refuse_batched_scans(model: Model, to: int) -> None:
    """Refuse Scans that run over a batch, on their way to an opset in which none does.

    Args:
        model: Before the conversion.
        to: The opset that it is about to be converted to.

    Raises:
        Unsupported: There is one.

    """
    for scope in walk(model.proto) if to >= NO_BATCH else ():
        for index, node in enumerate(scope.nodes):
            if scope.opset < NO_BATCH and is_onnx(node, "Scan"):
                raise Unsupported(
                    f"a Scan of opset {scope.opset} runs over a batch: no newer one does",
                    code="GL012",
                    node=scope.site(index),
                    hint=f"leave --opset out, or export the model again with opset {NO_BATCH} or newer",
                )


def spell_out_axes(model: Model, to: int) -> None:
    """Write what works along axes so that it means the same before and after opset 13.

    Args:
        model: Edited in place.
        to: The opset that it is about to be converted to.

    Raises:
        Unsupported: The rank is not known, or the opset is too old.

    """
    found = [
        (scope, index)
        for scope in walk(model.proto)
        if (scope.opset < ONE_AXIS) != (to < ONE_AXIS)
        for index, node in enumerate(scope.nodes)
        if is_onnx(node) and node.op_type in (ALONG_AN_AXIS if to < ONE_AXIS else LEFT_ON_THE_WAY_UP)
    ]
    if not found:
        return
    facts, names = Facts(model), Names(model.proto)
    edits = []
    for scope, index in found:
        down = to < ONE_AXIS
        nodes = _along_the_last(scope, index, facts, names, to) if down else _flattened(scope, index, names)
        edits.append(splice.Edit(scope, [index], nodes))
    splice.apply(model, edits)


def spell_out_positions(model: Model, to: int) -> None:
    """Say of each Resize of an old opset where it reads; the converter leaves the attributes as they are.

    Args:
        model: Edited in place.
        to: The opset that it is about to be converted to.

    Raises:
        Unsupported: What a nearest one takes depends on scales that are not known, or is not the same for all axes.

    """
    facts = Facts(model, computed=True)
    for scope in walk(model.proto) if to >= HALF_PIXELS else ():
        for index, node in enumerate(scope.nodes):
            if scope.opset < HALF_PIXELS and is_onnx(node, "Resize"):
                _read_at_scaled(node, _nearest_mode(scope, index, facts))


def spell_out_upsampling(converted: onnx.ModelProto) -> None:
    """Say where each Resize reads that was an Upsample: one that does not say it yet, and makes nothing shorter.

    Args:
        converted: Of an opset before 11, edited in place.

    """
    for scope in walk(converted):
        for node in scope.nodes:
            if is_onnx(node, "Resize") and "coordinate_transformation_mode" not in _attributes(node):
                _read_at_scaled(node, "floor")


def _read_at_scaled(node: NodeProto, nearest_mode: str) -> None:
    node.attribute.append(helper.make_attribute("coordinate_transformation_mode", "asymmetric"))
    if _attributes(node).get("mode", b"nearest") == b"nearest":
        node.attribute.append(helper.make_attribute("nearest_mode", nearest_mode))


def _nearest_mode(scope: Scope, index: int, facts: Facts) -> str:
    """Return which neighbour a Resize takes, ``floor`` or ``ceil``: any, where it interpolates."""
    node = scope.nodes[index]
    if _attributes(node).get("mode", b"nearest") != b"nearest":
        return "floor"
    scales = facts.array(scope, node.input[1])
    if scales is not None and (scales >= 1).all():
        return "floor"
    if scales is not None and (scales <= 1).all():
        return "ceil"
    why = "its scales are not known" if scales is None else "it makes one axis longer and another one shorter"
    raise Unsupported(
        f"a nearest Resize before opset {HALF_PIXELS} cannot be written at a newer one: {why}",
        code="GL012",
        node=scope.site(index),
        hint=f"leave --opset out, or export the model again with opset {HALF_PIXELS} or newer",
    )


def _along_the_last(scope: Scope, index: int, facts: Facts, names: Names, to: int) -> list[NodeProto]:
    """Write a node that works along one axis so that this axis is the last one, and named."""
    node = scope.nodes[index]
    shape, axis = facts.shape(scope, node.input[0]), _attributes(node).get("axis", -1)
    if shape is None:
        if axis == -1 and to >= NEGATIVE_AXES:
            return [_with_axis(node, -1, list(node.input), list(node.output))]
        raise Unsupported(
            f"a {node.op_type} along axis {axis} cannot be written at opset {to}: the rank of its input is not known",
            code="GL012",
            node=scope.site(index),
            hint=f"name opset {ONE_AXIS} or a newer one",
        )
    last, axis = len(shape) - 1, axis % len(shape)
    if axis == last:
        return [_with_axis(node, last, list(node.input), list(node.output))]
    order = list(range(len(shape)))
    order[axis], order[last] = last, axis
    turned, made = (names.value(f"{node.output[0]}/{each}") for each in ("turned", "made"))
    return [
        helper.make_node("Transpose", [node.input[0]], [turned], perm=order),
        _with_axis(node, last, [turned], [made]),
        helper.make_node("Transpose", [made], [node.output[0]], perm=order),
    ]


def _flattened(scope: Scope, index: int, names: Names) -> list[NodeProto]:
    """Write a node that takes all axes from one on for one so that there is one."""
    node = scope.nodes[index]
    if scope.opset < COMPUTED_SHAPES:
        raise Unsupported(
            f"a {node.op_type} of opset {scope.opset} cannot be written at opset {ONE_AXIS} or newer",
            code="GL012",
            node=scope.site(index),
            hint=f"name opset {ONE_AXIS - 1} or an older one",
        )
    flat, made, shape = (names.value(f"{node.output[0]}/{each}") for each in ("flat", "made", "shape"))
    return [
        helper.make_node("Flatten", [node.input[0]], [flat], axis=_attributes(node).get("axis", 1)),
        _with_axis(node, 1, [flat], [made]),
        helper.make_node("Shape", [node.input[0]], [shape]),
        helper.make_node("Reshape", [made, shape], [node.output[0]]),
    ]


def _with_axis(node: NodeProto, axis: int, inputs: list[str], outputs: list[str]) -> NodeProto:
    return helper.make_node(node.op_type, inputs, outputs, node.name, axis=axis)


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}
