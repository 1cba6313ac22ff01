"""Build the two small models of a rewritten site: the GRU and its replacement, with the same inputs and outputs.

Constants stay what they are; every other input of the GRU becomes an input of both models, with the
sizes that are known. The float64 reference runs on the same feeds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import onnx
from onnx import TensorProto, helper

from gru_lower.graph import tensor_values
from gru_lower.graph.scopes import is_onnx, node_uses
from gru_lower.gru import reference
from gru_lower.verification.sites.site import SitePair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gru_lower.gru.spec import GruSpec
    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.options import ZeroLengthState
    from gru_lower.verification.sites.site import Change, Site

BODY_INITIALIZERS_IR_VERSION = 4


def site_pair(
    site: Site, ir_version: int, base_dir: Path | None, zero_length_state: ZeroLengthState
) -> SitePair | None:
    """Build the two models of a site, ``None`` for a site at which nothing was replaced.

    Args:
        site: A lowered or normalised site.
        ir_version: The model's IR version.
        base_dir: Where external data lies.
        zero_length_state: What Y_h is for a sequence of length 0.

    """
    change = site.change
    if change is None or isinstance(change, SitePair):
        return change
    spec = change.spec
    before = [_named(tensor, spec.inputs[key]) for key, tensor in change.constants.items()]
    used = {name for node in change.nodes for name in node_uses(node)}
    after = change.initializers + [tensor for tensor in before if tensor.name in used]
    version = max(ir_version, BODY_INITIALIZERS_IR_VERSION)

    def model(nodes: list[onnx.NodeProto], initializers: list[TensorProto]) -> onnx.ModelProto:
        unique = {tensor.name: tensor for tensor in initializers}
        graph = helper.make_graph(nodes, "site", _inputs(spec, change), _outputs(spec), list(unique.values()))
        imports = [helper.make_opsetid(domain, number) for domain, number in change.opsets.items()]
        return helper.make_model(graph, opset_imports=imports, ir_version=version)

    return SitePair(
        site=site.site,
        original=model(_runnable(spec, change), before),
        replacement=model([each for node in change.nodes for each in _time_major(node)], after),
        reference=_reference(spec, change, base_dir, zero_length_state),
        base_dir=base_dir,
        initial_h=spec.inputs.get("initial_h") if "initial_h" not in change.constants else _state(change, base_dir),
    )


def _runnable(spec: GruSpec, change: Change) -> list[onnx.NodeProto]:
    """Return the original as onnxruntime takes it: hidden_size written, layout 1 as transposes around layout 0.

    Written out of the spec, it says the same; a node onnxruntime runs as it is stays as it is.
    """
    written = any(attribute.name == "hidden_size" for attribute in change.original.attribute)
    if not spec.layout and written:
        return [change.original]
    if not spec.layout:
        return [spec.to_node(change.original.name)]
    inner = {key: f"{name}/time_major" if key in ("X", "initial_h") else name for key, name in spec.inputs.items()}
    outputs = {key: f"{name}/time_major" for key, name in (("Y", spec.Y), ("Y_h", spec.Y_h)) if name}
    twin = replace(spec, layout=0, inputs=inner, Y=outputs.get("Y", ""), Y_h=outputs.get("Y_h", ""))
    before = [
        helper.make_node("Transpose", [spec.inputs[key]], [inner[key]], perm=[1, 0, 2])
        for key in ("X", "initial_h")
        if key in spec.inputs
    ]
    after = []
    if spec.Y:
        after.append(helper.make_node("Transpose", [outputs["Y"]], [spec.Y], perm=[2, 0, 1, 3]))
    if spec.Y_h:
        after.append(helper.make_node("Transpose", [outputs["Y_h"]], [spec.Y_h], perm=[1, 0, 2]))
    return [*before, twin.to_node(change.original.name), *after]


def _time_major(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return a node of a replacement as onnxruntime takes it: a GRU of layout 1 as transposes around layout 0."""
    layout = next((attribute for attribute in node.attribute if attribute.name == "layout" and attribute.i), None)
    if layout is None or not is_onnx(node, "GRU"):
        return [node]
    twin = onnx.NodeProto()
    twin.CopyFrom(node)
    twin.attribute.remove(layout)
    before, after = [], []
    for position in (0, 5):  # X and initial_h
        if position < len(node.input) and node.input[position]:
            twin.input[position] = f"{node.output[0] or node.output[1]}/{position}/time_major"
            before.append(helper.make_node("Transpose", [node.input[position]], [twin.input[position]], perm=[1, 0, 2]))
    for position, perm in enumerate(([2, 0, 1, 3], [1, 0, 2])[: len(node.output)]):
        if node.output[position]:
            twin.output[position] = f"{node.output[position]}/time_major"
            after.append(helper.make_node("Transpose", [twin.output[position]], [node.output[position]], perm=perm))
    return [*before, twin, *after]


def _state(change: Change, base_dir: Path | None) -> Array:
    return tensor_values.to_array(change.constants["initial_h"], base_dir)


def _named(tensor: TensorProto, name: str) -> TensorProto:
    copy = TensorProto()
    copy.CopyFrom(tensor)
    copy.name = name
    return copy


def _inputs(spec: GruSpec, change: Change) -> list[onnx.ValueInfoProto]:
    d, h = spec.num_directions, spec.hidden_size
    t = "T" if spec.seq_length is None else spec.seq_length
    b = "B" if spec.batch_size is None else spec.batch_size
    i = "I" if spec.input_size is None else spec.input_size
    shapes: dict[str, list[int | str]] = {
        "X": [b, t, i] if spec.layout else [t, b, i],
        "W": [d, 3 * h, i],
        "R": [d, 3 * h, h],
        "B": [d, 6 * h],
        "sequence_lens": [b],
        "initial_h": [b, d, h] if spec.layout else [d, b, h],
    }
    result: dict[str, onnx.ValueInfoProto] = {}
    for key, name in spec.inputs.items():
        if key not in change.constants:
            kind = TensorProto.INT32 if key == "sequence_lens" else spec.elem_type
            result[name] = helper.make_tensor_value_info(name, kind, shapes[key])
    return list(result.values())


def _outputs(spec: GruSpec) -> list[onnx.ValueInfoProto]:
    return [helper.make_tensor_value_info(name, spec.elem_type, None) for name in (spec.Y, spec.Y_h) if name]


def _reference(
    spec: GruSpec, change: Change, base_dir: Path | None, zero_length_state: ZeroLengthState
) -> Callable[[Feeds], Feeds]:
    attributes = {key: value for key, value in spec.attributes().items() if key != "output_sequence"}
    attributes["linear_before_reset"] = int(spec.linear_before_reset)

    def run(feeds: Feeds) -> Feeds:
        values = {
            key: tensor_values.to_array(change.constants[key], base_dir) if key in change.constants else feeds[name]
            for key, name in spec.inputs.items()
        }
        inputs: dict[str, Any] = values
        y, y_h = reference.gru(**inputs, **attributes, zero_length_state=zero_length_state)
        return {name: value for name, value in ((spec.Y, y), (spec.Y_h, y_h)) if name}

    return run
