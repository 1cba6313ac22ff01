"""Nodes that draw random numbers: one drawn twice is two, so that such a node cannot be copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.graph.external_data import is_external
from gru_lower.graph.local_functions import key_of
from gru_lower.graph.scopes import ONNX_DOMAINS, subgraphs, walk
from gru_lower.graph.tensor_values import to_array

if TYPE_CHECKING:
    import onnx
    from onnx import NodeProto

DRAWING = frozenset({
    *("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial"),
})  # fmt: skip
"""Operators of ONNX that draw numbers whenever they run; Dropout does in training mode."""
TRAINING_MODE = {
    ("", "Dropout"): 2,
    ("com.microsoft", "BitmaskDropout"): 2,
    ("com.microsoft", "BiasDropout"): 4,
    ("com.microsoft", "BitmaskBiasDropout"): 4,
}
"""Which input says whether an operator is in training mode; without it, it is not."""
ATTRIBUTE_BELOW, NEVER_BELOW = 7, 12
"""The opset from which on Dropout has no attribute ``is_test``, and from which on it has an input for training mode."""
KNOWN_DOMAINS = (*ONNX_DOMAINS, "ai.onnx.ml", "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc")
"""Domains whose operators draw nothing but where it is said above."""


class RandomNodes:
    """Tells which nodes of a model draw random numbers.

    Args:
        model: The model.

    """

    def __init__(self, model: onnx.ModelProto) -> None:
        """Index the functions, and the constants that are false."""
        self._functions = {key_of(function): function for function in model.functions}
        self._opset = _opset(model)
        made: dict[str, list[bool]] = {}
        for scope in walk(model):
            for name in scope.inputs:
                made.setdefault(name, []).append(False)
            for name, tensor in scope.initializers.items():
                made.setdefault(name, []).append(_is_false(tensor))
            for node in scope.nodes:
                value = next((a.t for a in node.attribute if node.op_type == "Constant" and a.name == "value"), None)
                for name in node.output:
                    made.setdefault(name, []).append(value is not None and _is_false(value))
        self._false = {name for name, each in made.items() if all(each)}

    def draws(self, node: NodeProto) -> bool:
        """Whether a node draws random numbers, or may: itself, in a body, or in a function that it calls."""
        return self._draws(node, self._opset, ())

    def _draws(self, node: NodeProto, opset: int, calls: tuple[object, ...]) -> bool:
        function = self._functions.get(key_of(node))
        if function is not None:
            inside = (*calls, key_of(node))
            own = _opset(function) or opset
            return key_of(node) not in calls and any(self._draws(each, own, inside) for each in function.node)
        if any(self._draws(each, opset, calls) for _, body in subgraphs(node) for each in body.node):
            return True
        if node.domain not in KNOWN_DOMAINS:
            return True  # nothing is known of it
        domain = "" if node.domain in ONNX_DOMAINS else node.domain
        if not domain and node.op_type in DRAWING:
            return True
        place = TRAINING_MODE.get((domain, node.op_type))
        if place is None:
            return False
        if not domain and opset < NEVER_BELOW:
            return opset < ATTRIBUTE_BELOW and not next((a.i for a in node.attribute if a.name == "is_test"), 0)
        return len(node.input) > place and bool(node.input[place]) and node.input[place] not in self._false


def _opset(proto: onnx.ModelProto | onnx.FunctionProto) -> int:
    return next((entry.version for entry in proto.opset_import if entry.domain in ONNX_DOMAINS), 0)


def _is_false(tensor: TensorProto) -> bool:
    """Whether a constant is one entry that is false."""
    boolean = tensor.data_type == TensorProto.BOOL and not is_external(tensor)
    return boolean and all(dim == 1 for dim in tensor.dims) and not to_array(tensor, None).any()
