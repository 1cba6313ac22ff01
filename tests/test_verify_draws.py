"""Inputs are drawn where models differ: around their own constants, long, wide, empty, large, tiny, with NaN."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import gru_lower
from gru_lower.verification.directing.boundaries import boundaries_of
from gru_lower.verification.options import VerifyOptions
from gru_lower.verification.whole_models.verify_models import verify_models
from gru_lower.verification.worker.client import Worker
from lowering import lower

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.verification.result import Verification


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(timeout=30) as started:
        yield started


def parsed(
    body: str, inputs: str = "float[T,N,3] x", outputs: str = "float[T,N,3] y", rest: str = ""
) -> onnx.ModelProto:
    header = '<ir_version: 8, opset_import: ["": 17, "my": 1]>'
    return onnx.parser.parse_model(f"{header} g ({inputs}) => ({outputs}) {{ {body} }} {rest}")


def verify(a: onnx.ModelProto, b: onnx.ModelProto, worker: Worker, **options: Any) -> Verification:
    how: dict[str, Any] = {"further": 60, "zero_length_state": "zero", **options}
    return verify_models(a, b, options=VerifyOptions(**how), worker=worker)


SIZE = "s = Shape(x)  at = Constant<value_ints = [{axis}]>()  t = Gather(s, at)  c = Constant<value_ints = [{bound}]>()"
TWICE = "two = Constant<value_float = 2.0>()  x2 = Mul(x, two)"
PLAIN = "y = Identity(x)"


@pytest.mark.parametrize(("axis", "bound", "dim"), [(0, 50, "T"), (0, 25, "T"), (1, 64, "N")])
def test_a_difference_beyond_a_size_that_a_graph_compares_with_is_found(
    worker: Worker, axis: int, bound: int, dim: str
) -> None:
    other = f"{SIZE.format(axis=axis, bound=bound)}  b = Greater(t, c)  {TWICE}  y = Where(b, x2, x)"
    found = verify(parsed(PLAIN), parsed(other), worker)
    assert found.status == "different"
    assert f"{dim} = {bound + 1}" in found.message


def test_a_bound_inside_a_function_or_a_body_counts(worker: Worker) -> None:
    inside = f"""<domain: "my", opset_import: ["": 17]> F (x) => (y) {{
        {SIZE.format(axis=0, bound=77)}  b = Greater(t, c)  {TWICE}  y = Where(b, x2, x) }}"""
    found = verify(parsed(PLAIN), parsed("y = my.F(x)", rest=inside), worker)
    assert found.status == "different"
    assert "T = 78" in found.message
    body = f"""{SIZE.format(axis=0, bound=33)}  b = Greater(t, c)  o = Constant<value_ints = [0]>()  f = Squeeze(b, o)
        y = If(f) <then_branch = yes () => (float[T,N,3] p) {{ p = Neg(x) }},
                   else_branch = no () => (float[T,N,3] q) {{ q = Identity(x) }}>"""
    assert verify(parsed(PLAIN), parsed(body), worker).status == "different"


@pytest.mark.parametrize("bound", [4.5, 87.0, -300.0])
def test_a_threshold_on_values_is_crossed(worker: Worker, bound: float) -> None:
    op = "Greater" if bound > 0 else "Less"
    other = f"c = Constant<value_float = {bound}>()  b = {op}(x, c)  {TWICE}  y = Where(b, x2, x)"
    found = verify(parsed(PLAIN), parsed(other), worker)
    assert found.status == "different"
    assert "x around" in found.message


def test_a_threshold_is_solved_through_scales_and_shifts(worker: Worker) -> None:
    other = f"""k = Constant<value_float = 0.01>()  m = Constant<value_float = 7.0>()  a = Mul(x, k)  d = Add(a, m)
        c = Constant<value_float = 13.0>()  b = Greater(d, c)  {TWICE}  y = Where(b, x2, x)"""
    assert list(boundaries_of(parsed(other)).numbers["x"]) == [pytest.approx(600)]
    assert verify(parsed(PLAIN), parsed(other), worker).status == "different"


def test_whether_a_bound_itself_belongs_is_told(worker: Worker) -> None:
    def above(op: str) -> onnx.ModelProto:
        return parsed(f"c = Constant<value_float = 1.5>()  b = {op}(x, c)  {TWICE}  y = Where(b, x2, x)")

    assert verify(above("Greater"), above("GreaterOrEqual"), worker).status == "different"
    assert verify(above("Greater"), above("Greater"), worker).status == "equivalent"


@pytest.mark.parametrize("row", [0, 41, 199])
def test_every_row_of_a_table_is_looked_up(worker: Worker, row: int) -> None:
    table = np.random.default_rng(0).standard_normal((200, 3)).astype(np.float32)
    other = table.copy()
    other[row] += 1

    def lookup(rows: np.ndarray[Any, Any]) -> onnx.ModelProto:
        model = parsed("y = Gather(table, ids)", "int64[T, N] ids", "float[T, N, 3] y")
        model.graph.initializer.append(numpy_helper.from_array(rows, "table"))
        return model

    found = verify(lookup(table), lookup(other), worker)
    assert found.status == "different"


def test_one_id_and_one_number_of_trips_are_tried(worker: Worker) -> None:
    ids = parsed("y = Cast<to = 1>(ids)", "int64[T] ids", "float[T] y")
    but = "c = Constant<value_int = 12>()  b = Equal(ids, c)  z = Constant<value_int = 0>()  i = Where(b, z, ids)"
    assert (
        verify(ids, parsed(f"{but}  y = Cast<to = 1>(i)", "int64[T] ids", "float[T] y"), worker).status == "different"
    )

    def trips(most: int) -> onnx.ModelProto:
        body = f"""m = Constant<value = int64 {{{most}}}>()  k = Min(n, m)  go = Constant<value = bool {{1}}>()
            y = Loop(k, go, x) <body = b (int64 i, bool c, float[T] s) => (bool d, float[T] t) {{
                d = Identity(c)  t = Add(s, x) }}>"""
        return parsed(body, "int64 n, float[T] x", "float[T] y")

    assert verify(trips(30), trips(31), worker).status == "different"


def test_texts_that_are_compared_with_are_fed(worker: Worker) -> None:
    plain = parsed("y = StringNormalizer(x)", "string[T] x", "string[T] y")
    pad, other = 'Constant<value_strings = ["[PAD]"]>()', 'Constant<value_strings = ["?"]>()'
    special = f"c = {pad}  b = Equal(x, c)  d = {other}  y = Where(b, d, x)"
    for model in (plain, changed := parsed(special, "string[T] x", "string[T] y")):
        model.opset_import[0].version = 19
    assert verify(plain, changed, worker).status == "different"


def gru(**more: Any) -> onnx.ModelProto:
    rng = np.random.default_rng(3)
    weights = {"W": (1, 12, 3), "R": (1, 12, 4), "B": (1, 24)}
    graph = helper.make_graph(
        [helper.make_node("GRU", ["x", "W", "R", "B", "", "h"], ["Y", "Y_h"], hidden_size=4, **more)],
        "g",
        [
            helper.make_tensor_value_info("x", 1, ["T", "N", 3]),
            helper.make_tensor_value_info("h", 1, [1, "N", 4]),
        ],
        [helper.make_tensor_value_info(name, 1, None) for name in ("Y", "Y_h")],
        [numpy_helper.from_array(rng.uniform(-1, 1, s).astype(np.float32), name) for name, s in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def with_node(model: onnx.ModelProto, op_type: str, name: str, *, before: bool, extra: tuple[str, ...] = ()) -> Any:
    """Return the model with a node before the GRU's input or after its output of that name."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    node = copy.graph.node[0]
    values = node.input if before else node.output
    values[list(values).index(name)] = "inner"
    made = helper.make_node(op_type, [name if before else "inner", *extra], ["inner" if before else name])
    copy.graph.node.insert(0 if before else 1, made)
    return copy


def test_equal_models_agree_on_every_kind_of_draw_and_the_report_says_what_was_drawn(worker: Worker) -> None:
    model = gru(linear_before_reset=1)
    found = verify(model, lower(model, "lower-gru{form=loop}")[0], worker)
    assert found.status == "equivalent"
    assert found.drawn is not None
    assert {"plain", "long", "wide", "large", "tiny", "zeros", "wild"} <= found.drawn.kinds.keys()
    assert max(found.drawn.dims["T"]) >= 300 <= max(found.drawn.dims["N"])
    assert found.drawn.values["x"][1] > 200
    left_out = {each.what for each in found.drawn.left_out}
    assert found.drawn.kinds["empty"] == 2 or {"T = 0", "N = 0"} & left_out
    read = json.loads(json.dumps(found.to_dict(), allow_nan=False))["drawn"]
    assert [each["dim"] for each in read["dims"]] == ["T", "N"]


def test_an_equal_pair_is_no_other_for_large_inputs(worker: Worker) -> None:
    rng = np.random.default_rng(5)
    model = gru()
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        tensor.CopyFrom(numpy_helper.from_array(rng.uniform(-3, 3, array.shape).astype(np.float32), tensor.name))
    for form in ("scan", "loop"):
        assert verify(model, lower(model, f"lower-gru{{form={form}}}")[0], worker, seed=4).status == "equivalent"


def test_what_differs_on_empty_sequences_alone_is_found_and_no_gru_runs_on_them_in_onnxruntime(worker: Worker) -> None:
    first, other = gru(), gru()
    size = [
        helper.make_node("Shape", ["x"], ["s"], end=1),
        helper.make_node("Equal", ["s", "nought"], ["none"]),
        helper.make_node("Cast", ["none"], ["one"], to=1),
        helper.make_node("Add", ["inner", "one"], ["Y_h"]),
    ]
    other.graph.node[0].output[1] = "inner"
    other.graph.node.extend(size)
    other.graph.initializer.append(numpy_helper.from_array(np.array([0]), "nought"))
    found = verify(first, other, worker)
    assert found.status == "different"
    assert "T = 0" in found.message
    assert found.counterexample is not None
    assert gru_lower.verify(first, other).status == "different"  # and says so without running them again


def test_nan_counts_where_a_graph_tests_for_it_and_not_where_a_gru_takes_it(worker: Worker) -> None:
    plain, safe = parsed(PLAIN), parsed("n = IsNaN(x)  z = Constant<value_float = 0.0>()  y = Where(n, z, x)")
    found = verify(safe, plain, worker)
    assert found.status == "different"
    assert "NaN in x" in found.message
    behind = with_node(gru(), "Clip", "Y_h", before=False)
    found = verify(behind, lower(behind, "lower-gru{form=loop}")[0], worker)
    assert found.status == "equivalent"
    assert found.drawn is not None
    assert any("reaches a GRU" in each.why for each in found.drawn.left_out)


def test_results_repeat_where_the_budget_is_counted_in_cases(worker: Worker) -> None:
    model = gru()
    lowered = lower(model, "lower-gru{form=scan}")[0]
    first, second = (verify(model, lowered, worker, further=25) for _ in range(2))
    assert first.to_dict() == second.to_dict()
    assert first.drawn is not None
    assert sum(first.drawn.kinds.values()) >= 25


def test_lower_looks_at_a_long_a_wide_and_an_empty_case_and_further_if_asked() -> None:
    corners = gru_lower.lower(gru(), form="loop").report.verification
    assert corners.status == "equivalent"
    assert corners.drawn is not None
    assert {"long", "wide"} <= corners.drawn.kinds.keys()
    assert "empty" in corners.drawn.kinds or corners.drawn.left_out
    further = gru_lower.lower(gru(), form="loop", search=4).report.verification
    assert further.drawn is not None
    assert further.cases > corners.cases
    assert "large" in further.drawn.kinds


def test_what_did_not_fit_is_said() -> None:
    fixed = parsed("c = Constant<value_ints = [3, 2, 3]>()  y = Reshape(x, c)")
    with Worker(timeout=30) as worker:
        found = verify(fixed, fixed, worker)
    assert found.drawn is not None
    assert any(each.why for each in found.drawn.left_out)
