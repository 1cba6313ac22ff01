"""Write the statically quantised form of one GRU: weights in whole numbers, scales, the templates of the form."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from onnx import TensorProto, numpy_helper

from gru_lower.emission.instantiate_template import Assembly
from gru_lower.emission.operator_vocabulary import vocabulary_of
from gru_lower.graph import splice, tensor_values
from gru_lower.gru.constant_inputs import constant_inputs
from gru_lower.passes.lower_gru.choose_mask import choose_mask
from gru_lower.passes.lower_gru.forms import loop, scan, unroll
from gru_lower.passes.lower_gru.gate_weights import gate_tensors
from gru_lower.passes.lower_gru.variant import variant_of
from gru_lower.passes.quantize_gru.all_states import putting_out, with_all_states
from gru_lower.passes.quantize_gru.quantise_rows import quantise_rows
from gru_lower.passes.quantize_gru.scales import LIMITS, Scale, bounded, scale_of
from gru_lower.passes.quantize_gru.static_emitter import StaticVariant
from gru_lower.verification.sites.site import Change

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.emission.template import Binding
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.graph.names import Names
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.quantize_gru.static_scheme import StaticScheme
    from gru_lower.passes.quantize_gru.step_ranges import Range

Array = np.ndarray[Any, np.dtype[Any]]

COLUMNS = 1
"""The axis of a transposed matrix [I, H] that has a scale for each entry: an output of the product."""
BIASES = {"bz": ("Wz", "X"), "br": ("Wr", "X"), "bh": ("Wh", "X"), "Rbh": ("Rh", "state")}
"""By bias, the weight and the value whose product it is added to."""
LARGEST_BIAS = 1 << 30
"""The largest whole number of a bias: it shares int32 with the products."""
REVERSE = "reverse_"


class StaticSettings(NamedTuple):
    """What holds for all GRUs of a model.

    Attributes:
        scheme: What is rounded to what.
        weights: The type of the weights: ``int8`` or ``uint8``.
        largest: The largest whole number of an int8 weight.
        zero_length_state: What Y_h is for a sequence of length 0.

    """

    scheme: StaticScheme
    weights: str
    largest: int
    zero_length_state: str


class StaticReplacement(NamedTuple):
    """What replaces a GRU.

    Attributes:
        edit: The edit that puts it there.
        change: The same for verification.
        node_count: How many nodes it has, bodies included.
        scales: By local name.
        bytes_after: Bytes of its weights: whole numbers and scales.

    """

    edit: splice.Edit
    change: Change
    node_count: int
    scales: dict[str, Scale]
    bytes_after: int


def write_static(
    model: Model,
    scope: Scope,
    index: int,
    spec: GruSpec,
    form: str,
    settings: StaticSettings,
    ranges: Mapping[str, Range],
    facts: Facts,
    names: Names,
) -> StaticReplacement:
    """Write what replaces one GRU.

    Args:
        model: The model, which is left as it is.
        scope: Where the GRU stands.
        index: Its place among the scope's nodes.
        spec: The GRU, without inputs that change nothing; W, R and B are constants.
        form: One of ``scan``, ``loop``, ``unroll`` and ``step``.
        settings: What holds for all GRUs.
        ranges: What was calibrated, by local name.
        facts: The side table of the model.
        names: The model's names.

    """
    constants = constant_inputs(scope, spec, facts)
    weights = {key: tensor for key, tensor in constants.items() if key in ("W", "R", "B")}
    if form == "loop":
        settings = settings._replace(scheme=replace(settings.scheme, projections=False))
    scales = _scales(spec, ranges, settings.scheme)
    bindings: dict[str, Binding] = {key: name for key, name in spec.inputs.items() if key not in weights}
    bindings |= _bindings(dict(gate_tensors(spec, weights, model.base_dir)), model, settings, scales)
    node = facts.node(scope, index)
    prefix = names.prefix(node.name or spec.Y or spec.Y_h)
    assembly = _assemble(Assembly(scope, names, prefix), spec, form, settings, bindings)
    whole = with_all_states(spec, names)
    told = assembly if spec.Y else _assemble(Assembly(scope, names, prefix), whole, form, settings, bindings)
    stored = {
        key: binding
        for key, binding in bindings.items()
        if isinstance(binding, TensorProto) and key.removeprefix(REVERSE)[0] in "WR" and "T_" in key
    }
    original = putting_out(spec.narrowed(node), whole)
    graph = assembly.graph()
    told_graph = graph if told is assembly else told.graph()
    nodes, initializers = list(told_graph.node), list(told_graph.initializer)
    change = Change(whole, original, nodes, initializers, constants, scope.opsets)
    edit = splice.Edit(scope, [index], list(graph.node), list(graph.initializer), list(graph.value_info))
    size = sum(len(tensor.raw_data) for tensor in stored.values())
    return StaticReplacement(edit, change, len(assembly.op_types), scales, size)


def _assemble(
    assembly: Assembly, spec: GruSpec, form: str, settings: StaticSettings, bindings: dict[str, Binding]
) -> Assembly:
    results = {key: name for key, name in (("Y", spec.Y), ("Y_h", spec.Y_h)) if name}
    v = _variant(spec, assembly.scope.opset, settings)
    if form == "scan":
        assembly.add(scan.template(v), bindings, results)
    elif form == "loop":
        assembly.add(loop.template(v), bindings, results)
    else:
        unroll.assemble(assembly, v, bindings, results)
    return assembly


def _variant(spec: GruSpec, opset: int, settings: StaticSettings) -> StaticVariant:
    v = variant_of(spec, opset, frozenset(), choose_mask(spec, "where"), settings.zero_length_state)
    fields = vars(v) | {"vocabulary": vocabulary_of("matmul", ""), "plain": True, "scheme": settings.scheme}
    return StaticVariant(**fields)


def _scales(spec: GruSpec, ranges: Mapping[str, Range], scheme: StaticScheme) -> dict[str, Scale]:
    """Return the scale of each value that is rounded, by local name."""
    least, most = LIMITS[scheme.activations]
    known = bounded(spec, ranges, most - least)
    lbr = spec.linear_before_reset
    found = {"X": scale_of(known["X"], scheme.activations), "state": scale_of(known["Ht"], scheme.activations)}
    for name, values in known.items():
        kind = scheme.kind(name, linear_before_reset=lbr)
        if kind is not None:
            found[name] = scale_of(values, kind)
    return found


def _bindings(
    gates: dict[str, Binding], model: Model, settings: StaticSettings, scales: Mapping[str, Scale]
) -> dict[str, Binding]:
    """Return weights, biases and scales by local name."""
    arrays = {
        name: tensor_values.to_array(tensor, model.base_dir)
        for name, tensor in gates.items()
        if isinstance(tensor, TensorProto)
    }
    found: dict[str, Array] = {}
    for name in (name for name, array in arrays.items() if array.ndim > 1):
        p = REVERSE if name.startswith(REVERSE) else ""
        least = [
            np.abs(arrays[p + bias]) / (scales[value].scale * LARGEST_BIAS)
            for bias, (weight, value) in BIASES.items()
            if p + weight == name and p + bias in arrays
        ]
        columns = np.ascontiguousarray(arrays[name].T)
        rows = quantise_rows(columns, COLUMNS, settings.weights, settings.largest, *least)
        found |= {f"{name}T_quantised": rows.values, f"{name}T_scale": rows.scale}
        zeros = np.zeros(len(rows.scale), rows.values.dtype)
        found[f"{name}T_zero_point"] = zeros if rows.zero_point is None else rows.zero_point
    for name in (name for name, array in arrays.items() if array.ndim == 1):
        p = REVERSE if name.startswith(REVERSE) else ""
        weight, value = BIASES[name.removeprefix(p)]
        scale = (found[f"{p}{weight}T_scale"].astype(np.float64) * scales[value].scale).astype(np.float32)
        found |= {f"{name}_scale": scale, f"{name}_quantised": np.round(arrays[name] / scale).astype(np.int32)}
        found[name] = arrays[name]  # what stands in the place of a product with a state of zeros
    for name, each in scales.items():
        found[f"{name}_scale"] = np.array(each.scale, np.float32)
        found[f"{name}_zero_point"] = np.array(each.zero_point, each.kind)
    return {name: numpy_helper.from_array(np.asarray(array)) for name, array in found.items()}
