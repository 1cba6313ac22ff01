"""Models of one GRU node each, with the options asked for.

Sizes differ from one another, so that no two axes can be mistaken; weights are large enough that every gate moves.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.gru import reference
from gru_lower.gru.activations import KINDS
from gru_lower.gru.parse_node import parse
from gru_lower.probing.probe_model import Array, ProbeModel, ir_version
from gru_lower.probing.scan_around import scan_around
from gru_lower.probing.tolerance import TOLERANCE
from gru_lower.targets.gru_options import options_at
from gru_lower.targets.option_axes import AXES, AXIS_OF, BANDS

T, B, I, H = 5, 3, 4, 6
TURNS = (-0.5, 0.25)
"""What X is multiplied by in further turns of a Scan around the GRU."""
CLIP = 0.4
BOUNDED = {"Sigmoid", "Tanh", "HardSigmoid", "ScaledTanh", "Softsign"}
"""Functions whose values stay within fixed limits."""
ALPHA, BETA = 0.3, 0.7
TWO_DIRECTIONS = ("bidirectional", "joined_directions")
OUTPUTS = {"both_outputs": ("Y", "Y_h"), "only_Y": ("Y",), "only_Y_h": ("Y_h",), "blank_Y_h": ("Y", "Y_again")}
TYPES = {
    "float32": TensorProto.FLOAT,
    "float16": TensorProto.FLOAT16,
    "float64": TensorProto.DOUBLE,
    "bfloat16": TensorProto.BFLOAT16,
}


def _option_by_axis(options: frozenset[str]) -> dict[str, str]:
    """Return the option on each axis, the plain one where none is given."""
    result = {axis: choices[0] for axis, choices in AXES.items()}
    return result | {AXIS_OF[option]: option for option in options}


def gru_model(options: frozenset[str], opset: int, seed: int = 0, factor: float = 1.0) -> ProbeModel:
    """Build the model of one GRU.

    Args:
        options: One for each axis that matters.
        opset: The model's, of the band that the options name.
        seed: Of weights and inputs.
        factor: What X is multiplied by.

    """
    o = _option_by_axis(options)
    rng = np.random.default_rng(seed)
    t, b = 1 if o["T"] == "one_step" else T, 1 if o["N"] == "one_sequence" else B
    d = 2 if o["direction"] in TWO_DIRECTIONS else 1
    kind = TYPES[o["type"]]
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(kind))
    batch_major = o["layout"] == "layout1"
    attributes = _attributes(o, d)
    unbounded = not {o["f"][2:], o["g"][2:]} <= BOUNDED
    w = 0.4 if unbounded else 0.8  # states that grow from step to step would carry rounding errors along
    arrays: dict[str, Array] = {
        "X": rng.standard_normal((b, t, I) if batch_major else (t, b, I)) * factor,
        "W": rng.uniform(-w, w, (d, 3 * H, I)),
        "R": rng.uniform(-w, w, (d, 3 * H, H)),
    }
    if o["B"] == "B":
        arrays["B"] = rng.uniform(-w, w, (d, 6 * H))
    if o["initial_h"] != "no_initial_h":
        arrays["initial_h"] = rng.uniform(-1, 1, (b, d, H) if batch_major else (d, b, H))
    arrays = {name: array.astype(np.float32).astype(dtype) for name, array in arrays.items()}
    if o["sequence_lens"] != "no_lens":
        arrays["sequence_lens"] = _sequence_lens(t, b, zero=o["sequence_lens"] == "lens_zero")
    made = _model_of(o, opset, arrays, attributes, kind)
    if o["place"] == "no_body":
        return made
    others = [arrays | {"X": (arrays["X"] * scale).astype(dtype)} for scale in TURNS]
    around = scan_around([made, *(_model_of(o, opset, each, attributes, kind) for each in others)])
    return replace(around, options=options_of_model(around.model))


def _sequence_lens(t: int, b: int, *, zero: bool) -> Array:
    lens = [max(t - 2 * i, 1) for i in range(b)]
    if zero:
        lens[-1] = 0
    elif b == 1 and t > 1:
        lens = [t - 2]
    return np.array(lens, np.int32)


def _attributes(o: dict[str, str], d: int) -> dict[str, Any]:
    names = [o["f"][2:], o["g"][2:]] * d
    if o["both directions"] == "other_functions":
        names[2:] = ["Sigmoid", "Tanh"]
    attributes: dict[str, Any] = {"linear_before_reset": int(o["linear_before_reset"] == "lbr1")}
    if o["activations"] != "default_activations" or names != ["Sigmoid", "Tanh"] * d:
        lower_case = o["activations"] == "lower_case_activations"
        attributes["activations"] = [name.lower() for name in names] if lower_case else names
    kinds = [KINDS[name.lower()] for name in names]
    if o["parameters"] == "parameters" or any(kind.ambiguous for kind in kinds):
        attributes["activation_alpha"] = [ALPHA] * sum(kind.alpha is not None for kind in kinds)
        attributes["activation_beta"] = [BETA] * sum(kind.beta is not None for kind in kinds)
    if o["direction"] != "forward":
        named = o["direction"].removeprefix("written_")
        attributes["direction"] = "bidirectional" if named in TWO_DIRECTIONS else named
    if o["clip"] == "clip":
        attributes["clip"] = CLIP
    if o["hidden_size"] == "hidden_size":
        attributes["hidden_size"] = H
    if o["layout"] == "layout1":
        attributes["layout"] = 1
    return {key: value for key, value in attributes.items() if value != []}


def _model_of(
    o: dict[str, str], opset: int, arrays: dict[str, Array], attributes: dict[str, Any], kind: int
) -> ProbeModel:
    outputs = OUTPUTS[o["outputs"]]
    constants = {"W", "R", "B"} if o["weights"] == "constant_weights" else set()
    constants |= {"initial_h"} if o["initial_h"] == "constant_initial_h" else set()
    hidden = kind == TensorProto.BFLOAT16  # numpy's files cannot hold it
    nodes, inputs = [], []
    for name, array in arrays.items():
        if name in constants:
            continue
        own = TensorProto.INT32 if name == "sequence_lens" else kind
        outside = hidden and own == kind
        inputs.append(helper.make_tensor_value_info(
            f"{name}_float" if outside else name, TensorProto.FLOAT if outside else own, _dims(o, name, array)
        ))  # fmt: skip
        if outside:
            nodes.append(helper.make_node("Cast", [f"{name}_float"], [name], to=kind))
    given = [name if name in arrays else "" for name in ("X", "W", "R", "B", "sequence_lens", "initial_h")]
    while not given[-1]:
        given.pop()
    wanted = ["Y" if "Y" in outputs else "", "Y_h"] if "Y_h" in outputs else ["Y"]
    wanted += [""] if o["outputs"] == "blank_Y_h" else []
    joined = o["direction"] == "joined_directions"
    wanted = [f"{name}_apart" if joined and name == "Y" else name for name in wanted]
    nodes.append(helper.make_node("GRU", given, wanted, name="gru", **attributes))
    values: dict[str, Any] = dict(
        zip(("Y", "Y_h"), reference.gru(*_operator_inputs(arrays), **attributes), strict=True)
    )
    if o["outputs"] == "blank_Y_h":
        nodes.append(helper.make_node("GRU", given, ["Y_again", ""], name="gru_again", **attributes))
        values["Y_again"] = values["Y"]
    if joined:
        values["Y"] = _add_joining(nodes, values["Y"], batch_major=o["layout"] == "layout1")
    infos, expected = [], {}
    for name in outputs:
        shown = f"{name}_float" if hidden else name
        expected[shown] = values[name]
        if hidden:
            nodes.append(helper.make_node("Cast", [name], [shown], to=TensorProto.FLOAT))
        shape = _dims(o, name.removesuffix("_again"), values[name])
        infos.append(helper.make_tensor_value_info(shown, TensorProto.FLOAT if hidden else kind, shape))
    tensors = [
        numpy_helper.from_array(arrays[name], name)
        for name in ("W", "R", "B", "initial_h")
        if name in constants & arrays.keys()
    ]
    tensors += [numpy_helper.from_array(np.array([0, 0, -1]), "rows")] if joined else []
    graph = helper.make_graph(nodes, "micro", inputs, infos, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version(opset))
    feeds = {
        f"{name}_float" if hidden and name != "sequence_lens" else name: array.astype(np.float32)
        if hidden and name != "sequence_lens"
        else array
        for name, array in arrays.items()
        if name not in constants
    }
    return ProbeModel(model, feeds, expected, TOLERANCE[o["type"]], options_of_model(model))


def _add_joining(nodes: list[onnx.NodeProto], y: Array, *, batch_major: bool) -> Array:
    """Add what joins the directions of Y along the features, and return the values."""
    if batch_major:
        nodes.append(helper.make_node("Reshape", ["Y_apart", "rows"], ["Y"]))
        return y.reshape(*y.shape[:2], -1)
    nodes.append(helper.make_node("Transpose", ["Y_apart"], ["Y_turned"], perm=[0, 2, 1, 3]))
    nodes.append(helper.make_node("Reshape", ["Y_turned", "rows"], ["Y"]))
    return y.transpose(0, 2, 1, 3).reshape(y.shape[0], y.shape[2], -1)


def _operator_inputs(arrays: dict[str, Array]) -> list[Any]:
    return [arrays.get(name) for name in ("X", "W", "R", "B", "sequence_lens", "initial_h")]


def _dims(o: dict[str, str], name: str, array: Array) -> list[int | str]:
    time = {"X": 1, "Y": 1} if o["layout"] == "layout1" else {"X": 0, "Y": 0}
    batch = {"X": 0, "Y": 0, "initial_h": 0, "Y_h": 0} if o["layout"] == "layout1" else {
        "X": 1, "Y": 2, "initial_h": 1, "Y_h": 1
    }  # fmt: skip
    batch["sequence_lens"] = 0
    if o["direction"] == "joined_directions" and o["layout"] == "layout0":
        batch["Y"] = 1
    if o["batch"] == "told_batch":
        del batch["initial_h"]
    dims: list[int | str] = list(array.shape)
    if o["time"] == "dynamic_time" and name in time:
        dims[time[name]] = "T"
    if o["batch"] != "static_batch" and name in batch:
        dims[batch[name]] = "N"
    return dims


def options_of_model(model: onnx.ModelProto) -> frozenset[str]:
    """Return the options of the first GRU of a model that can be read."""
    facts = Facts(Model(model))
    for scope in walk(model):
        for index, node in enumerate(scope.nodes):
            if is_onnx(node, "GRU"):
                spec = parse(scope, index, facts).spec
                if spec is not None:
                    return options_at(scope, index, spec, facts)
    return frozenset()


def opset_in(option: str, oldest: int, newest: int) -> int | None:
    """Return an opset of a band within a range, ``None`` if there is none; 17 and 18 are what exporters write."""
    firsts = list(BANDS)
    first = next(key for key, value in BANDS.items() if value == option)
    position = firsts.index(first)
    last = firsts[position + 1] - 1 if position + 1 < len(firsts) else 10**6
    low, high = max(first, oldest), min(last, newest)
    if low > high:
        return None
    return high if high < 18 else low
