"""A GRU node is read into the right spec, or refused with a code and a message that names what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from onnx import AttributeProto, TensorProto, helper, numpy_helper

import zoo
from gru_lower.diagnostic_codes import CODES
from gru_lower.gru import reference
from gru_lower.gru.activations import KINDS, SIGMOID, TANH, Activation
from gru_lower.gru.parse_node import ATTRIBUTES, Parsed
from gru_lower.gru.spec import FLOAT_TYPES, VERSIONS, GruSpec
from strategies import TAKES_ALPHA, TAKES_BETA, AnyOf, GruCase, gru_cases
from zoo import gru_model, read_gru

ANY_OPSET = AnyOf((1, 2, 3, 4, 5, 6, 7, *range(8, 25)))
SAMPLES: dict[int, Any] = {
    AttributeProto.FLOAT: 1.5,
    AttributeProto.INT: 1,
    AttributeProto.STRING: "reverse",
    AttributeProto.TENSOR: numpy_helper.from_array(np.zeros(2, np.float32)),
    AttributeProto.FLOATS: [0.5],
    AttributeProto.INTS: [1],
    AttributeProto.STRINGS: ["Sigmoid", "Tanh"],
}
SCHEMAS = {version: onnx.defs.get_schema("GRU", version, "") for version in VERSIONS}
LEGAL = {"hidden_size": zoo.H}
"""Values that are legal in :func:`zoo.gru_model` where the sample of the type is not."""


def spec_of(model: onnx.ModelProto) -> GruSpec:
    """Return the spec of a GRU that has one."""
    parsed = read_gru(model)
    assert parsed.spec is not None, parsed.diagnostics
    return parsed.spec


def refused(parsed: Parsed, code: str, *says: str) -> None:
    """Assert that a GRU was refused, with an error of this code that says all of this."""
    assert parsed.spec is None
    found = parsed.diagnostics[-1]
    assert found.code == code, found
    assert all(text in found.message for text in says), found.message
    assert found.hint
    assert (found.scope, found.node.partition("#")[0]) == ("main", "main")


def doubted(parsed: Parsed, code: str) -> list[str]:
    """Assert that a GRU was read, and return the messages of a code."""
    assert parsed.spec is not None, parsed.diagnostics
    assert all(CODES[found.code].severity != "error" for found in parsed.diagnostics)
    return [found.message for found in parsed.diagnostics if found.code == code]


def activations_of(case: GruCase) -> list[Activation]:
    """Return the activations of a case: alpha and beta are consumed in order by the functions that take them."""
    directions = case.sizes[4]
    alphas = iter(np.array(case.attributes.get("activation_alpha", []), np.float32).tolist())
    betas = iter(np.array(case.attributes.get("activation_beta", []), np.float32).tolist())
    result = []
    for name in case.attributes.get("activations") or ["Sigmoid", "Tanh"] * directions:
        canonical = next(kind for kind in KINDS.values() if kind.name.lower() == name.lower())
        alpha = next(alphas, canonical.alpha) if canonical.name in TAKES_ALPHA else None
        beta = next(betas, canonical.beta) if canonical.name in TAKES_BETA else None
        result.append(Activation(canonical.name, alpha, beta))
    return result


@given(gru_cases(opset=ANY_OPSET))
def test_every_legal_gru_is_read_as_it_is_written(case: GruCase) -> None:
    spec = spec_of(case.model())
    t, b, i, h, d = case.sizes
    attributes = case.attributes
    assert spec.version == max(version for version in VERSIONS if version <= case.opset)
    assert FLOAT_TYPES[TensorProto.DataType.ValueType(spec.elem_type)] == str(case.dtype) == spec.type_name
    assert spec.direction == attributes.get("direction", "forward")
    assert spec.num_directions == d
    assert [direction.reverse for direction in spec.directions] == {
        "forward": [False],
        "reverse": [True],
        "bidirectional": [False, True],
    }[spec.direction]
    assert [fn for direction in spec.directions for fn in (direction.f, direction.g)] == activations_of(case)
    assert spec.linear_before_reset == bool(attributes.get("linear_before_reset", 0))
    assert spec.layout == attributes.get("layout", 0)
    assert spec.clip == (np.float32(attributes["clip"]) if "clip" in attributes else None)
    assert spec.inputs == {name: name for name in case.inputs}
    assert (spec.Y, spec.Y_h) == tuple(name if name in case.outputs else "" for name in ("Y", "Y_h"))
    assert (spec.hidden_size, spec.input_size) == (h, i)
    batch_is_constant = bool(case.constants & {"sequence_lens", "initial_h"})
    assert spec.seq_length == (t if case.static else None)
    assert spec.batch_size == (b if case.static or batch_is_constant else None)


@given(gru_cases(opset=ANY_OPSET))
def test_a_spec_written_back_is_the_same_gru(case: GruCase) -> None:
    model = case.model()
    spec = spec_of(model)
    model.graph.node[0].CopyFrom(spec.to_node("gru"))
    onnx.checker.check_model(model, full_check=True)
    parsed = read_gru(model)
    assert parsed.spec == spec
    codes = {found.code for found in parsed.diagnostics}
    assert codes <= {"GL202"}, "all is written out: nothing is left to a default, and nothing is surplus"
    written = {a.name: helper.get_attribute_value(a) for a in model.graph.node[0].attribute}
    written.pop("output_sequence", None)
    Y, Y_h = reference.gru(case.X, case.W, case.R, case.B, case.sequence_lens, case.initial_h, **written)
    for name, values in case.expected().items():
        np.testing.assert_array_equal({"Y": Y, "Y_h": Y_h}[name], values)


def test_an_empty_size_is_a_size() -> None:
    spec = spec_of(gru_model(shape={"X": [0, 0, 2], "sequence_lens": [0], "initial_h": [1, 0, 3]}))
    assert (spec.seq_length, spec.batch_size) == (0, 0)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_attributes_known_are_those_of_the_schema(version: int) -> None:
    known = {name: kind for name, (kind, first, last) in ATTRIBUTES.items() if first <= version <= last}
    assert known == {
        name: getattr(attribute.type, "value", attribute.type)
        for name, attribute in SCHEMAS[version].attributes.items()
    }
    assert tuple(value.name for value in SCHEMAS[version].inputs) == zoo.INPUTS


def test_the_versions_known_are_all_there_are() -> None:
    history = onnx.defs.get_all_schemas_with_history()
    assert tuple(sorted(s.since_version for s in history if (s.domain, s.name) == ("", "GRU"))) == VERSIONS


@pytest.mark.parametrize("opset", VERSIONS)
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_is_taken_in_the_opsets_that_have_it(name: str, opset: int) -> None:
    kind = ATTRIBUTES[name][0]
    value = LEGAL.get(name, SAMPLES[kind])
    model = gru_model(opset, shape=zoo.shapes(layout=int(name == "layout")), **{name: value})
    if name in SCHEMAS[opset].attributes:
        assert spec_of(model).version == opset
    else:
        refused(read_gru(model), "GL102", name, f"opset {opset}")


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_of_another_type_is_refused(name: str) -> None:
    kind = ATTRIBUTES[name][0]
    opset = 3 if name == "output_sequence" else 14
    wanted = AttributeProto.AttributeType.Name(kind)
    for wrong in SAMPLES.keys() - {kind}:
        attribute = helper.make_attribute(name, SAMPLES[wrong], attr_type=wrong)
        refused(read_gru(gru_model(opset, **{name: attribute})), "GL102", name, wanted)


@pytest.mark.parametrize("name", ["hidden_sise", "Clip", "", "input_forget", "num_layers"])
def test_an_attribute_nobody_knows_is_refused(name: str) -> None:
    model = gru_model()
    model.graph.node[0].attribute.append(AttributeProto(name=name, type=AttributeProto.INT, i=1))
    refused(read_gru(model), "GL102", f"attribute {name} is unknown")


@pytest.mark.parametrize("clip", [0.0, -0.0, -1.0, float("nan"), float("inf"), float("-inf")])
def test_a_clip_not_above_0_is_refused(clip: float) -> None:
    refused(read_gru(gru_model(clip=clip)), "GL106", f"clip is {clip:g}")


@pytest.mark.parametrize("direction", ["Forward", "forwards", "backward", "", "bidirectional ", "bi\N{DIAERESIS}"])
def test_a_direction_misspelt_is_refused(direction: str) -> None:
    refused(read_gru(gru_model(direction=direction)), "GL103", repr(direction))


def test_the_first_schemas_own_misspelling_is_forward() -> None:
    assert SCHEMAS[1].attributes["direction"].default_value.s == b"foward"
    assert spec_of(gru_model(1, direction="foward")).direction == "forward"


@pytest.mark.parametrize("layout", [-1, 2, 3])
def test_a_layout_that_does_not_exist_is_refused(layout: int) -> None:
    refused(read_gru(gru_model(layout=layout)), "GL110", f"layout is {layout}")


@pytest.mark.parametrize(
    ("activations", "direction", "says"),
    [
        (["Sigmoid", "Swish"], "forward", "'Swish'"),
        (["", "Tanh"], "forward", "''"),
        (["Sigmoid ", "Tanh"], "forward", "'Sigmoid '"),
        (["Sigmoid"], "forward", "1 activations for 1 direction"),
        (["Sigmoid", "Tanh", "Tanh"], "reverse", "3 activations for 1 direction"),
        (["Sigmoid", "Tanh"] * 2, "reverse", "4 activations for 1 direction"),
        (["Sigmoid", "Tanh"], "bidirectional", "2 activations for 2 direction"),
    ],
)
def test_activations_unknown_or_of_another_number_are_refused(
    activations: list[str], direction: str, says: str
) -> None:
    refused(read_gru(gru_model(activations=activations, direction=direction)), "GL104", says)


def test_an_unknown_activation_is_answered_with_those_known() -> None:
    message = read_gru(gru_model(activations=["Sigmoid", "Swish"])).diagnostics[-1].message
    assert all(kind.name in message for kind in KINDS.values())


@pytest.mark.parametrize("spelling", [str, str.lower, str.upper, str.swapcase])
def test_activations_are_read_in_any_case_and_kept_in_the_operators(spelling: Any) -> None:
    for kind in KINDS.values():
        first = spec_of(gru_model(activations=[spelling(kind.name), "Tanh"])).directions[0]
        assert (first.f.name, first.g) == (kind.name, TANH)


def test_no_activations_and_an_empty_list_are_the_defaults() -> None:
    empty = AttributeProto(name="activations", type=AttributeProto.STRINGS)
    for model in (gru_model(), gru_model(activations=empty)):
        first = spec_of(model).directions[0]
        assert (first.f, first.g) == (SIGMOID, TANH)


@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ({"activation_alpha": [0.5]}, "activation_alpha has 1 values, of which 0 are used"),
        (
            {"activations": ["HardSigmoid", "Tanh"], "activation_alpha": [0.5, 0.6]},
            "activation_alpha has 2 values, of which 1 are used",
        ),
        (
            {"activations": ["Elu", "LeakyRelu"], "activation_alpha": [1.0, 2.0], "activation_beta": [3.0]},
            "activation_beta has 1 values, of which 0 are used",
        ),
    ],
)
def test_surplus_activation_parameters_are_doubted(attributes: dict[str, Any], says: str) -> None:
    assert doubted(read_gru(gru_model(**attributes)), "GL105") == [says]


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"activations": ["ThresholdedRelu", "Tanh"]}, ["ThresholdedRelu"]),
        ({"activations": ["Affine", "ScaledTanh"]}, ["Affine", "ScaledTanh"]),
        ({"activations": ["Affine", "Tanh"], "activation_alpha": [1.0]}, ["Affine"]),
        ({"activations": ["Affine", "Tanh"], "activation_beta": [1.0]}, ["Affine"]),
        (
            {"activations": ["Affine", "ScaledTanh"], "activation_alpha": [1.0], "activation_beta": [1.0]},
            ["ScaledTanh"],
        ),
        ({"activations": ["Affine", "Tanh"], "activation_alpha": [1.0], "activation_beta": [1.0]}, []),
        ({"activations": ["HardSigmoid", "Elu"]}, []),
        ({"activations": ["LeakyRelu", "Softplus"]}, []),
    ],
)
def test_a_default_that_runtimes_disagree_on_is_doubted(attributes: dict[str, Any], named: list[str]) -> None:
    found = doubted(read_gru(gru_model(**attributes)), "GL201")
    assert [message.split()[0] for message in found] == named
    assert all("onnxruntime" in message for message in found)


@pytest.mark.parametrize(
    ("activations", "attributes", "doubt"),
    [
        (["Sigmoid", "HardSigmoid"], {"activation_alpha": [0.3], "activation_beta": [0.4]}, 2),
        (["Sigmoid", "HardSigmoid"], {"activation_alpha": [0.3, 0.4]}, 1),
        (["Tanh", "Affine"], {"activation_alpha": [0.3], "activation_beta": [0.4, 0.5]}, 2),
        (["HardSigmoid", "Tanh"], {"activation_alpha": [0.3], "activation_beta": [0.4]}, 0),
        (["HardSigmoid", "Elu"], {"activation_alpha": [0.3, 0.4], "activation_beta": [0.4]}, 0),
        (["HardSigmoid", "Tanh"], {"activation_alpha": [0.3, 0.0], "activation_beta": [0.4, 0.0]}, 0),
        (["Sigmoid", "Tanh"], {"activation_alpha": [0.3, 0.3]}, 0),
    ],
)
def test_parameters_that_a_reader_by_position_takes_for_others_are_doubted(
    activations: list[str], attributes: dict[str, Any], doubt: int
) -> None:
    found = doubted(read_gru(gru_model(activations=activations, **attributes)), "GL202")
    assert len(found) == doubt
    assert all(message.startswith(tuple(attributes)) for message in found)


def test_parameters_are_consumed_in_order() -> None:
    names = ["Sigmoid", "Affine", "Tanh", "HardSigmoid"]
    model = gru_model(
        direction="bidirectional", activations=names, activation_alpha=[0.5, 0.25], activation_beta=[0.75, 1.0]
    )
    first, second = spec_of(model).directions
    assert (first.g, second.g) == (Activation("Affine", 0.5, 0.75), Activation("HardSigmoid", 0.25, 1.0))


@pytest.mark.parametrize("hidden_size", [0, -3])
def test_a_hidden_size_below_1_is_refused(hidden_size: int) -> None:
    refused(read_gru(gru_model(hidden_size=hidden_size)), "GL107", f"hidden_size is {hidden_size}")


@pytest.mark.parametrize("shape", [[1, 0, 0], [1, 2, "H"]])
def test_a_recurrent_weight_of_no_hidden_unit_is_refused(shape: list[int | str]) -> None:
    shapes: dict[str, list[int | str] | None] = {"R": shape, "W": None, "B": None, "initial_h": None}
    refused(read_gru(gru_model(shape=shapes)), "GL107", "R")


def test_a_hidden_size_is_taken_from_R_where_it_is_missing() -> None:
    assert spec_of(gru_model()).hidden_size == zoo.H
    assert spec_of(gru_model(shape={"R": [1, 3 * zoo.H, "H"]})).hidden_size == zoo.H
    assert spec_of(gru_model(shape={"R": None}, hidden_size=zoo.H)).hidden_size == zoo.H
    refused(read_gru(gru_model(shape={"R": None})), "GL107", "hidden_size", "R")
    refused(read_gru(gru_model(shape={"R": ["D", "G", "H"]})), "GL107", "hidden_size", "R")


@pytest.mark.parametrize("shape", [[1, 12, 4], [1, 9, 4], [1, 12, 3], [1, 3, 3]])
def test_a_hidden_size_that_contradicts_R_is_refused(shape: list[int | str]) -> None:
    refused(read_gru(gru_model(shape={"R": shape}, hidden_size=zoo.H)), "GL107", "R has shape", str(shape))


@pytest.mark.parametrize(
    ("name", "shape", "says"),
    [
        ("X", [4, 2, 5], "W has shape [1, 9, 2]: axis 2 should be 5"),
        ("W", [1, 12, 2], "W has shape [1, 12, 2]: axis 1 should be 9"),
        ("W", [2, 9, 2], "W has shape [2, 9, 2]: axis 0 should be 1"),
        ("R", [2, 9, 3], "R has shape [2, 9, 3]: axis 0 should be 1"),
        ("B", [1, 9], "B has shape [1, 9]: axis 1 should be 18"),
        ("B", [2, 18], "B has shape [2, 18]: axis 0 should be 1"),
        ("sequence_lens", [3], "sequence_lens has shape [3]: axis 0 should be 2"),
        ("initial_h", [1, 3, 3], "initial_h has shape [1, 3, 3]: axis 1 should be 2"),
        ("initial_h", [2, 2, 3], "initial_h has shape [2, 2, 3]: axis 0 should be 1"),
        ("initial_h", [1, 2, 4], "initial_h has shape [1, 2, 4]: axis 2 should be 3"),
    ],
)
def test_dims_that_contradict_each_other_are_refused(name: str, shape: list[int | str], says: str) -> None:
    parsed = read_gru(gru_model(shape={name: shape}))
    wanted = says if name != "X" else "X has shape [4, 2, 5]: axis 2 should be 2"
    refused(parsed, "GL108", wanted)


@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize("name", zoo.INPUTS)
def test_a_rank_the_operator_does_not_take_is_refused(name: str, layout: int) -> None:
    right = zoo.shapes(layout=layout)[name]
    for wrong in (right[:-1], [*right, 1], []):
        parsed = read_gru(gru_model(shape={name: wrong}, layout=layout))
        refused(parsed, "GL108", f"{name} has shape", f"{len(right)} axes")


def test_batch_major_shapes_are_read_as_such() -> None:
    spec = spec_of(gru_model(layout=1))
    assert (spec.seq_length, spec.batch_size) == (zoo.T, zoo.B)
    refused(read_gru(gru_model(layout=1, shape={"initial_h": [1, 2, 3]})), "GL108", "initial_h", "axis 0 should be 2")


def test_a_size_unknown_here_is_taken_from_there() -> None:
    spec = spec_of(gru_model(shape={"X": ["T", "N", "I"], "sequence_lens": ["N"]}))
    assert (spec.seq_length, spec.batch_size, spec.input_size) == (None, zoo.B, zoo.I)
    everywhere = dict.fromkeys(zoo.INPUTS)
    spec = spec_of(gru_model(shape=dict(everywhere), hidden_size=5))
    assert (spec.hidden_size, spec.input_size, spec.batch_size, spec.seq_length) == (5, None, None, None)


def test_a_dim_of_minus_one_is_unknown() -> None:
    # Some exporters write -1 for a size that is not static; onnxruntime reads it so, too.
    spec = spec_of(gru_model(shape={"X": [-1, -1, 2], "sequence_lens": [-1], "initial_h": [1, -1, 3]}))
    assert (spec.seq_length, spec.batch_size) == (None, None)


@pytest.mark.parametrize("name", ["W", "R", "B", "initial_h"])
def test_differing_types_are_refused(name: str) -> None:
    parsed = read_gru(gru_model(types={name: TensorProto.FLOAT16}))
    refused(parsed, "GL109", "X float", f"{name} float16")


@pytest.mark.parametrize("kind", ["INT32", "INT64", "UINT8", "BOOL", "STRING", "COMPLEX64", "FLOAT8E4M3FN", "INT4"])
def test_a_type_the_operator_does_not_take_is_refused(kind: str) -> None:
    parsed = read_gru(gru_model(elem_type=TensorProto.DataType.Value(kind)))
    refused(parsed, "GL109", kind.lower())


def test_a_type_no_onnx_knows_is_refused() -> None:
    refused(read_gru(gru_model(elem_type=99)), "GL109", "99")
    refused(read_gru(gru_model(types={"W": 99})), "GL109", "W", "99")
    refused(read_gru(gru_model(types={"sequence_lens": 99})), "GL109", "sequence_lens", "99")


def test_a_constant_of_undefined_type_is_refused() -> None:
    tensor = TensorProto(name="W", dims=[1, 9, 2])
    refused(read_gru(gru_model(initializers=[tensor])), "GL109", "W")


@pytest.mark.parametrize("kind", ["INT64", "FLOAT", "INT16"])
def test_sequence_lens_of_another_type_than_int32_are_refused(kind: str) -> None:
    parsed = read_gru(gru_model(types={"sequence_lens": TensorProto.DataType.Value(kind)}))
    refused(parsed, "GL109", "sequence_lens", kind.lower(), "int32")


def test_a_type_nobody_declares_is_unknown() -> None:
    model = gru_model(elem_type=TensorProto.UNDEFINED, hidden_size=zoo.H)
    spec = spec_of(model)
    assert (spec.elem_type, spec.type_name) == (0, "unknown")
    sequence = gru_model()
    sequence.graph.input[0].CopyFrom(helper.make_tensor_sequence_value_info("X", TensorProto.FLOAT, None))
    assert spec_of(sequence).elem_type == TensorProto.FLOAT  # as the weights say


@pytest.mark.parametrize("opset", [1, 3, 7, 14, 21, 22, 24])
def test_bfloat16_is_doubted_below_opset_22(opset: int) -> None:
    parsed = read_gru(gru_model(opset, elem_type=TensorProto.BFLOAT16))
    messages = doubted(parsed, "GL203")
    assert len(messages) == (opset < 22)
    assert all(f"opset {opset}" in message for message in messages)


@pytest.mark.parametrize("missing", ["X", "W", "R"])
@pytest.mark.parametrize("how", ["empty", "cut off"])
def test_a_missing_input_is_named(missing: str, how: str) -> None:
    index = zoo.INPUTS.index(missing)
    inputs = zoo.INPUTS[:index] if how == "cut off" else [*zoo.INPUTS[:index], "", *zoo.INPUTS[index + 1 :]]
    refused(read_gru(gru_model(inputs=inputs)), "GL101", f"input {missing} is missing")


def test_inputs_and_outputs_beyond_the_operators_are_refused() -> None:
    refused(read_gru(gru_model(inputs=[*zoo.INPUTS, "X"])), "GL101", "7 inputs")
    refused(read_gru(gru_model(outputs=["Y", "Y_h", "Y_c"])), "GL101", "3 outputs")


@pytest.mark.parametrize("outputs", [[], [""], ["", ""]])
def test_a_gru_without_outputs_is_refused(outputs: list[str]) -> None:
    refused(read_gru(gru_model(outputs=outputs)), "GL101", "no output")


def test_opset_1_requires_the_last_state() -> None:
    refused(read_gru(gru_model(1, outputs=["Y"])), "GL101", "Y_h")
    refused(read_gru(gru_model(2, outputs=["Y", ""])), "GL101", "Y_h")
    assert spec_of(gru_model(3, outputs=["Y"])).Y_h == ""
    assert spec_of(gru_model(1, outputs=["", "Y_h"])).Y == ""


def test_optional_inputs_may_be_empty_or_left_out() -> None:
    least = spec_of(gru_model(inputs=["X", "W", "R"]))
    spelled = spec_of(gru_model(inputs=["X", "W", "R", "", "", ""]))
    assert least == spelled
    assert list(least.inputs) == ["X", "W", "R"]
    assert list(spec_of(gru_model(inputs=["X", "W", "R", "", "", "initial_h"])).inputs) == ["X", "W", "R", "initial_h"]


def test_a_model_without_the_onnx_domain_is_refused() -> None:
    model = gru_model()
    model.opset_import[0].domain = "com.example"
    refused(read_gru(model), "GL112", "opset")


def test_the_onnx_domain_has_two_spellings() -> None:
    model = gru_model(hidden_size=zoo.H)
    model.opset_import[0].domain = model.graph.node[0].domain = "ai.onnx"
    assert spec_of(model) == spec_of(gru_model(hidden_size=zoo.H))


@pytest.mark.parametrize("other", [3, 4])
def test_an_attribute_that_is_a_parameter_of_the_function_is_what_all_calls_give(other: int) -> None:
    model = zoo.from_text(f"""
        <ir_version: 8, opset_import: ["" : 17, "d" : 1]>
        g (float[4,2,2] x, float[1,N,2] w, float[1,N,M] r) => (y, z) {{
          y = d.F <h = 3> (x, w, r)
          z = d.F <h = {other}> (x, w, r)
        }}
        <domain: "d", opset_import: ["" : 17]>
        F <h> (X, W, R) => (Y) {{ Y = GRU <hidden_size: int = @h> (X, W, R) }}
    """)
    parsed = read_gru(model)
    if other == 3:
        assert parsed.spec is not None
        assert parsed.spec.hidden_size == 3
        return
    assert parsed.spec is None
    (found,) = parsed.diagnostics
    assert (found.code, found.scope, found.severity) == ("GL111", "function d::F", "note")
    assert "hidden_size" in found.message
    assert found.message.endswith(" h")


@given(gru_cases(opset=ANY_OPSET))
def test_a_spec_is_told_in_words_and_in_json(case: GruCase) -> None:
    spec = spec_of(case.model())
    words, data = spec.describe(), spec.to_dict()
    assert f"H={spec.hidden_size}" in words
    assert spec.direction in words
    assert ("clip" in words) == (spec.clip is not None)
    assert data["inputs"] == list(case.inputs)
    assert data["outputs"] == list(case.outputs)
    assert data["hidden_size"] == spec.hidden_size
    assert data["direction"] == spec.direction
