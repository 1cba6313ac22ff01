"""``keep-node``: DequantizeLinear, GRU, QuantizeLinear around a node that stays, for runtimes with a quantised GRU.

    X, W, R, B, initial_h = DequantizeLinear(...)
    Y, Y_h = GRU(X, W, R, B, , initial_h)
    Y, Y_h = DequantizeLinear(QuantizeLinear(...))

onnxruntime-qnn reads that as one GRU in whole numbers where direction is forward, linear_before_reset is 1 and both
outputs are there: X, W, R, initial_h and the outputs in uint8, or uint16 beside weights in uint8; B in int32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import NodeProto, helper, numpy_helper

from gru_lower.graph.splice import Edit
from gru_lower.gru.activations import SIGMOID, TANH
from gru_lower.gru.constant_inputs import constant_inputs
from gru_lower.gru.spec import INPUTS
from gru_lower.passes.quantize_gru.scales import LIMITS, Scale, bounded, scale_of
from gru_lower.passes.quantize_gru.step_ranges import range_of
from gru_lower.verification.sites.site import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.names import Names
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.quantize_gru.step_ranges import Range

Array = np.ndarray[Any, np.dtype[Any]]

WEIGHTS = "uint8"
"""The type of W and R, whatever that of the values is."""


def why_not(spec: GruSpec) -> str:
    """Return why no runtime takes a GRU so, ``""`` where one does."""
    if spec.direction != "forward":
        return f"its direction is {spec.direction}; quantised GRU nodes are taken forward alone"
    if not spec.linear_before_reset:
        return "linear_before_reset is 0; quantised GRU nodes are taken with 1 alone"
    if spec.layout or spec.clip is not None or "sequence_lens" in spec.inputs:
        return "quantised GRU nodes are taken without layout 1, clip and sequence_lens alone"
    if any((direction.f, direction.g) != (SIGMOID, TANH) for direction in spec.directions):
        return "quantised GRU nodes are taken with Sigmoid and Tanh alone"
    return ""


class KeptNode(NamedTuple):
    """A GRU node in whole numbers.

    Attributes:
        edit: The edit that puts it there.
        change: The same for verification.
        scales: By ONNX's input and output names.
        bytes_after: Bytes of W and R.

    """

    edit: Edit
    change: Change
    scales: dict[str, Scale]
    bytes_after: int


class _Writer:
    """Writes the nodes around one GRU."""

    def __init__(self, names: Names, prefix: str, domain: str) -> None:
        self.nodes: list[NodeProto] = []
        self.arrays: dict[str, Array] = {}
        self._names, self._prefix, self._domain = names, prefix, domain
        self._stored: dict[Scale, list[str]] = {}

    def scale(self, scale: Scale) -> list[str]:
        """Return the names of a scale and its zero point; equal ones are stored once."""
        if scale not in self._stored:
            step, zero = (self._names.value(f"{self._prefix}/{name}") for name in ("scale", "zero_point"))
            self.arrays |= {step: np.array(scale.scale, np.float32), zero: np.array(scale.zero_point, scale.kind)}
            self._stored[scale] = [step, zero]
        return self._stored[scale]

    def rounded(self, name: str, scale: Scale, local: str, result: str = "") -> str:
        """Write a value rounded to whole numbers and back; return its name."""
        whole = self._names.value(f"{self._prefix}/{local}_quantised")
        made = result or self._names.value(f"{self._prefix}/{local}_rounded")
        self._add("QuantizeLinear", [name, *self.scale(scale)], whole)
        self._add("DequantizeLinear", [whole, *self.scale(scale)], made)
        return made

    def stored(self, values: Array, scale: Scale, local: str) -> str:
        """Write a constant in whole numbers; return the name of what it stands for."""
        whole, made = (self._names.value(f"{self._prefix}/{local}{end}") for end in ("_quantised", "_dequantised"))
        self.arrays[whole] = whole_numbers(values, scale)
        self._add("DequantizeLinear", [whole, *self.scale(scale)], made)
        return made

    def _add(self, op_type: str, inputs: list[str], output: str) -> None:
        self.nodes.append(helper.make_node(op_type, inputs, [output], self._names.node(output), domain=self._domain))


def keep_node(
    scope: Scope,
    index: int,
    spec: GruSpec,
    kind: str,
    domain: str,
    ranges: Mapping[str, Range],
    facts: Facts,
    names: Names,
) -> KeptNode:
    """Write the nodes around one GRU of which :func:`why_not` says nothing.

    Args:
        scope: Where it stands.
        index: Its place among the scope's nodes.
        spec: The GRU, without inputs that change nothing.
        kind: The type of the values: ``uint8`` or ``uint16``.
        domain: The domain of QuantizeLinear and DequantizeLinear.
        ranges: What was calibrated, by local name.
        facts: The side table of the model.
        names: The model's names.

    """
    node = facts.node(scope, index)
    w = _Writer(names, names.prefix(node.name or spec.Y or spec.Y_h), domain)
    known = bounded(spec, ranges, LIMITS[kind][1])
    arrays = {key: facts.array(scope, spec.inputs[key]) for key in ("W", "R", "B") if key in spec.inputs}
    scales = {"X": scale_of(known["X"], kind), "Y": scale_of(known["Ht"], kind)}
    scales["Y_h"] = scales["Y"]
    gru = spec.narrowed(node)
    gru.input[0] = w.rounded(spec.inputs["X"], scales["X"], "X")
    for key, values in arrays.items():
        if values is not None:
            scales[key] = _scale_of_bias(values, scales) if key == "B" else scale_of(range_of(values), WEIGHTS)
            gru.input[INPUTS.index(key)] = w.stored(values, scales[key], key)
    if "initial_h" in spec.inputs:
        scales["initial_h"] = scales["Y"]
        gru.input[INPUTS.index("initial_h")] = w.rounded(spec.inputs["initial_h"], scales["Y"], "initial_h")
    before = [*w.nodes, gru]
    w.nodes.clear()
    outputs = {}
    for output, name in (("Y", spec.Y), ("Y_h", spec.Y_h)):
        outputs[output] = names.value(f"{spec.Y or spec.Y_h}/{output}_float")
        w.rounded(outputs[output], scales[output], output, name)
    gru.output[:] = list(outputs.values())
    nodes = [*before, *w.nodes]
    initializers = [numpy_helper.from_array(array, name) for name, array in w.arrays.items()]
    change = Change(spec, spec.narrowed(node), nodes, initializers, constant_inputs(scope, spec, facts), scope.opsets)
    size = sum(array.size for key, array in arrays.items() if key != "B" and array is not None)
    return KeptNode(Edit(scope, [index], nodes, initializers), change, scales, size)


def _scale_of_bias(values: Array, scales: Mapping[str, Scale]) -> Scale:
    """Return the scale of B: the step of the products with X, or what keeps it within int32."""
    least = float(np.abs(values).max(initial=0.0)) / LIMITS["int32"][1]
    return Scale(float(np.float32(max(scales["X"].scale * scales["W"].scale, least))), 0, "int32")


def whole_numbers(values: Array, scale: Scale) -> Array:
    """Return floats as whole numbers of a scale."""
    least, most = LIMITS[scale.kind]
    return np.clip(np.round(values / np.float64(scale.scale)) + scale.zero_point, least, most).astype(scale.kind)
