"""Nodes that onnx's converter cannot convert, set aside while it runs and written anew for the other opset.

- GRU: the converter knows none older than opset 7.
- Split and Pad from opset 18 on, on the way down to 13 or later: it has no adapter for them, though most mean the same.
- On the way down, any other operator that it says to have no adapter for, where all its nodes mean the same.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from onnx import GraphProto, helper, numpy_helper

from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.graph.constant_nodes import constant_nodes
from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru.parse_node import parse
from gru_lower.gru.spec import VERSIONS, GruSpec
from gru_lower.passes.convert_opset.same_meaning import means_the_same, without_new_attributes

if TYPE_CHECKING:
    import onnx
    from onnx import NodeProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope

DOMAIN, KEY = "gru_lower.aside", "gru_lower_aside"
"""The domain of nodes that are set aside, which the converter leaves alone, and the attribute that numbers them."""
NO_ADAPTER = 18
"""From which opset on Split and Pad cannot be converted down."""
LENGTHS_AS_INPUT = 13
"""From which opset on the lengths of a Split are an input."""
LAYOUT = 14
"""From which opset on a GRU has a layout."""
PAD_AXES = 3
"""Which input of Pad is the axes, new in opset 18."""


class SetAsideNodes:
    """A model's nodes that are written anew.

    Args:
        model: Edited in place.
        to: The opset that it is about to be converted to.

    Raises:
        InvalidModel: A GRU breaks the operator's rules.
        Unsupported: A GRU has what it cannot have there.

    """

    def __init__(self, model: Model, to: int) -> None:
        """Move the nodes to a domain of their own."""
        self._proto, self._to = model.proto, to
        self._specs: dict[int, GruSpec] = {}
        facts, names = Facts(model), Names(model.proto)
        self._same: dict[str, list[NodeProto | None]] = defaultdict(list)
        """By operator: the nodes, None for one that means something else at an older opset."""
        found: list[NodeProto] = []
        for scope in walk(model.proto):
            constants: list[onnx.TensorProto] = []
            for index, node in enumerate(scope.nodes):
                if is_onnx(node, "GRU"):
                    self._specs[len(found)] = _read(scope, index, facts)
                    if self._specs[len(found)].layout and to < LAYOUT:
                        message = (
                            f"a GRU of layout 1 cannot be written at opset {to}: there is no layout before {LAYOUT}"
                        )
                        hint = f"take opset {LAYOUT} or newer, or lower the model first"
                        raise Unsupported(message, code="GL012", node=scope.site(index), hint=hint)
                    found.append(node)
                elif scope.opset >= NO_ADAPTER > to >= LENGTHS_AS_INPUT and _split_or_pad_means_the_same(
                    scope, node, facts
                ):
                    constants += _write_lengths(scope, node, facts, names)
                    found.append(node)
                elif scope.opset > to:
                    self._same[node.op_type].append(node if means_the_same(scope, node, facts, to) else None)
            _add_constants(scope, constants)
        for number, node in enumerate(found):
            node.domain = DOMAIN
            node.attribute.append(helper.make_attribute(KEY, number))
        self._imported = False
        if found:
            self._import_domain()

    def also(self, op_type: str) -> bool:
        """Set aside every node of one operator; return whether all of them mean the same at the other opset.

        Args:
            op_type: Of ONNX's own operators, one that the converter has no adapter for.

        """
        found = self._same.get(op_type, [])
        if not found or not all(found):
            return False
        for node in filter(None, found):
            node.domain = DOMAIN
        self._import_domain()
        return True

    def _import_domain(self) -> None:
        if not self._imported:
            self._proto.opset_import.append(helper.make_opsetid(DOMAIN, 1))
        self._imported = True

    def put_back(self, model: onnx.ModelProto) -> None:
        """Write the nodes anew, in the operators' versions of the opset."""
        version = max(v for v in VERSIONS if v <= self._to)
        for scope in walk(model):
            for node in scope.nodes:
                if node.domain != DOMAIN:
                    continue
                node.domain = ""
                number = next((attribute.i for attribute in node.attribute if attribute.name == KEY), -1)
                if number in self._specs:
                    kept = list(replace(self._specs[number], version=version).to_node(node.name).attribute)
                else:
                    kept = without_new_attributes(node, self._to)
                del node.attribute[:]
                node.attribute.extend(kept)
        imports = [entry for entry in model.opset_import if entry.domain != DOMAIN]
        del model.opset_import[:]
        model.opset_import.extend(imports)


def _read(scope: Scope, index: int, facts: Facts) -> GruSpec:
    parsed = parse(scope, index, facts)
    if parsed.spec is None:
        worst = parsed.diagnostics[-1]
        raise InvalidModel(worst.message, code=worst.code, node=scope.site(index), hint=worst.hint)
    return parsed.spec


def _split_or_pad_means_the_same(scope: Scope, node: NodeProto, facts: Facts) -> bool:
    """Whether a Split or Pad of opset 18 or newer can be written at 13, but for a number of outputs."""
    attributes = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if is_onnx(node, "Pad"):
        return not any(node.input[PAD_AXES:]) and attributes.get("mode", b"constant") != b"wrap"
    if not is_onnx(node, "Split"):
        return False
    return "num_outputs" not in attributes or _length(scope, node, facts) is not None


def _length(scope: Scope, node: NodeProto, facts: Facts) -> int | None:
    """Return how long the axis is that a Split cuts."""
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    shape = facts.shape(scope, node.input[0])
    if shape is None or not -len(shape) <= axis < len(shape):
        return None
    length = shape[axis]
    return length if isinstance(length, int) else None


def _write_lengths(scope: Scope, node: NodeProto, facts: Facts, names: Names) -> list[onnx.TensorProto]:
    """Give a Split its lengths in the place of a number of outputs; return the constant that holds them."""
    count = next((attribute.i for attribute in node.attribute if attribute.name == "num_outputs"), None)
    length = _length(scope, node, facts)
    if node.op_type != "Split" or count is None or length is None:
        return []
    each = -(-length // count)
    lengths = np.array([max(min(each, length - each * i), 0) for i in range(count)], np.int64)
    tensor = numpy_helper.from_array(lengths, names.value(f"{node.output[0]}/lengths"))
    kept = [attribute for attribute in node.attribute if attribute.name != "num_outputs"]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.input[:] = [node.input[0], tensor.name]
    return [tensor]


def _add_constants(scope: Scope, constants: list[onnx.TensorProto]) -> None:
    if isinstance(scope.proto, GraphProto) and scope.holds_initializers:
        scope.proto.initializer.extend(constants)
        return
    nodes = [*(node for tensor in constants for node in constant_nodes(tensor, scope.opset)), *scope.nodes]
    if constants:
        del scope.nodes[:]
        scope.nodes.extend(nodes)
