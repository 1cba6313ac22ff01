"""Two models that differ: where they start to, what is left when all else is cut away, which tolerance would pass."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.cli.main import run
from gru_lower.errors import Unsupported
from gru_lower.graph.scopes import walk
from gru_lower.verification.comparing.compare_arrays import compare
from gru_lower.verification.comparing.tolerance import Tolerance
from gru_lower.verification.sites.cut_model import cut

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gru_lower.api.shared_options import Form

I, H = 3, 4


def stack(count: int = 3, *, head: str = "scores", body: bool = False) -> onnx.ModelProto:
    """Return GRUs one above the other, each with a Squeeze behind it; in a branch of an If if so asked."""
    rng = np.random.default_rng(3)

    def weight(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array((rng.standard_normal(shape) / 2).astype(np.float32), name)

    nodes, constants, below = [], [numpy_helper.from_array(np.array([1]), "one")], "X"
    for k in range(count):
        constants += [weight(f"W{k}", 1, 3 * H, H if k else I), weight(f"R{k}", 1, 3 * H, H)]
        nodes.append(helper.make_node("GRU", [below, f"W{k}", f"R{k}"], [f"Y{k}"], f"gru_{k}", hidden_size=H))
        nodes.append(helper.make_node("Squeeze", [f"Y{k}", "one"], [f"y{k}"]))
        below = f"y{k}"
    last = {"scores": "Softmax", "labels": "ArgMax"}[head]
    nodes.append(helper.make_node(last, [below], ["out"], axis=-1))
    result = helper.make_tensor_value_info("out", TensorProto.INT64 if head == "labels" else TensorProto.FLOAT, None)
    taken = [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["T", "N", I])]
    if body:
        branch = helper.make_graph(nodes, "branch", [], [result], constants)
        other = helper.make_graph(
            [helper.make_node("Softmax", ["X"], ["other"])], "other", [], [named(result, "other")]
        )
        choice = helper.make_node("If", ["yes"], ["chosen"], "choose", then_branch=branch, else_branch=other)
        yes = numpy_helper.from_array(np.array(True), "yes")  # noqa: FBT003 - numpy's own
        graph = helper.make_graph([choice], "g", taken, [named(result, "chosen")], [yes])
    else:
        graph = helper.make_graph(nodes, "g", taken, [result], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def named(value: onnx.ValueInfoProto, name: str) -> onnx.ValueInfoProto:
    copy = onnx.ValueInfoProto()
    copy.CopyFrom(value)
    copy.name = name
    return copy


def lowered(model: onnx.ModelProto, form: Form = "scan") -> onnx.ModelProto:
    result: onnx.ModelProto = gru_lower.lower(model, form=form, verify=False).model
    return result


def broken(model: onnx.ModelProto, gru: str, *, by: float = 1.3) -> onnx.ModelProto:
    """Return a model in which a weight of what stands for one GRU is scaled."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for scope in walk(copy):
        for tensor in scope.initializers.values():
            if tensor.name.startswith(f"{gru}/") and tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2:
                array = numpy_helper.to_array(tensor) * np.float32(by)
                tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
                return copy
    raise AssertionError(gru)


@pytest.mark.parametrize("form", ["scan", "loop"])
@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_gru_at_which_two_models_start_to_differ_is_named(form: Form, which: int) -> None:
    model = stack()
    found = gru_lower.verify(model, broken(lowered(model, form), f"gru_{which}"))
    assert found.status == "different"
    assert (found.starts_at, found.starts_in) == ([f"main#{2 * which}:Y{which}"], f"Y{which}")
    fed = gru_lower.verify(model, broken(lowered(model, form), f"gru_{which}"), inputs=[found.counterexample or {}])
    assert fed.status == "different"


def test_two_grus_that_are_wrong_are_told_one_after_the_other() -> None:
    model = stack()
    wrong = broken(broken(lowered(model), "gru_2"), "gru_1")
    assert gru_lower.verify(model, wrong).starts_at == ["main#2:Y1"]


def test_the_gru_is_named_in_a_fused_model_too() -> None:
    model = stack()
    found = gru_lower.verify(broken(lowered(model), "gru_1"), model)
    assert found.starts_at == ["main#2:Y1"]


def test_labels_that_flip_while_all_else_is_within_tolerance_are_traced_by_putting_grus_back() -> None:
    model = stack(head="labels")
    found = gru_lower.verify(model, broken(lowered(model), "gru_1", by=-2.0), atol=10.0, search=20)
    assert found.status == "different"
    assert found.starts_at == ["main#2:Y1"]


def test_in_a_body_grus_are_put_back_one_after_another() -> None:
    model = stack(body=True)
    found = gru_lower.verify(model, broken(lowered(model), "gru_1"))
    assert found.starts_at == ["main/choose.then_branch#2:Y1"]


def test_a_difference_elsewhere_is_at_no_gru() -> None:
    model = stack()
    other = lowered(model)
    next(node for node in other.graph.node if node.op_type == "Softmax").attribute[0].i = 0
    found = gru_lower.verify(model, other)
    assert (found.status, found.starts_at, found.starts_in) == ("different", [], "out")


def test_a_rewrite_that_fails_is_placed_too() -> None:
    model = stack()
    other = lowered(model)
    for node in other.graph.node:
        if node.op_type == "Scan" and node.name.startswith("gru_1/"):
            next(attribute for attribute in node.attribute if attribute.name == "num_scan_inputs").i += 1
    found = gru_lower.verify(model, other)
    assert found.status == "different"
    assert found.starts_at == ["main#2:Y1"]


def test_equal_models_start_to_differ_nowhere() -> None:
    model = stack()
    found = gru_lower.verify(model, lowered(model))
    assert (found.status, found.starts_at, found.starts_in) == ("equivalent", [], "")
    assert found.counterexample is None


def test_a_part_is_cut_out_with_what_it_needs_and_nothing_else() -> None:
    model = stack()
    part = cut(model, ["y1"], ["y0"])
    assert [node.output[0] for node in part.model.graph.node] == ["Y1", "y1"]
    assert part.inputs == {"y0"}
    assert {tensor.name for tensor in part.model.graph.initializer} == {"W1", "R1", "one"}
    assert cut(model, ["y1"], ["X"]).inputs == {"X"}
    assert len(model.graph.node) == 7


def test_the_least_tolerance_passes_and_less_does_not() -> None:
    model = stack()
    other = broken(lowered(model), "gru_1")
    found = gru_lower.verify(model, other, search=20)
    assert found.least_atol is not None
    assert found.least_rtol is not None
    assert gru_lower.verify(model, other, atol=found.least_atol, search=20).status == "equivalent"
    assert gru_lower.verify(model, other, rtol=found.least_rtol, search=20).status == "equivalent"
    assert gru_lower.verify(model, other, atol=found.least_atol * 0.89, search=20).status == "different"
    assert gru_lower.verify(model, other, rtol=found.least_rtol * 0.89, search=20).status == "different"


@pytest.mark.parametrize("seed", range(20))
def test_least_tolerances_hold_to_the_last_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = (rng.standard_normal(50) * 10.0 ** rng.integers(-6, 6)).astype(np.float32)
    b = (a + rng.standard_normal(50) * 10.0 ** rng.integers(-8, 2)).astype(np.float32)
    limits = Tolerance(float(rng.choice([0.0, 1e-4])), float(rng.choice([0.0, 1e-5])))
    found = compare(a, b, limits)
    assert compare(a, b, Tolerance(limits.rtol, found.least_atol)).ok
    assert compare(a, b, Tolerance(found.least_rtol, limits.atol)).ok
    assert found.least_atol == 0 or not compare(a, b, Tolerance(limits.rtol, found.least_atol * 0.89)).ok
    assert found.least_rtol == 0 or not compare(a, b, Tolerance(found.least_rtol * 0.89, limits.atol)).ok


def test_what_no_tolerance_mends_has_none() -> None:
    model = stack(head="labels")
    found = gru_lower.verify(model, broken(lowered(model), "gru_0", by=-2.0))
    assert found.least_atol == found.least_rtol == float("inf")
    assert found.to_dict()["least_atol"] is None
    assert "would pass" not in found.message


def test_an_execution_provider_is_chosen_by_its_short_name_or_refused_by_what_there_is() -> None:
    model = stack(1)
    assert gru_lower.verify(model, lowered(model), providers=["cpu"]).status == "equivalent"
    with pytest.raises(Unsupported, match="abacus") as caught:
        gru_lower.verify(model, lowered(model), providers=["CPUExecutionProvider", "abacus"])
    assert caught.value.code == "GL505"
    assert "CPUExecutionProvider" in (caught.value.hint or "")


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., list[str]]:
    def save(*models: onnx.ModelProto) -> list[str]:
        for name, model in zip("ab", models, strict=True):
            onnx.save(model, tmp_path / f"{name}.onnx")
        return [str(tmp_path / f"{name}.onnx") for name in "ab"]

    return save


def test_what_is_reduced_is_small_and_differs_by_itself(
    files: Callable[..., list[str]], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = stack()
    paths = files(model, broken(lowered(model), "gru_1"))
    assert run(["verify", *paths, "--reduce", str(tmp_path / "small.onnx")]) == 1
    said = capsys.readouterr()
    assert "they start to differ at GRU main#2:Y1, in value 'Y1'" in said.out
    assert "least tolerance that passes on these inputs: --atol " in said.out
    names = [str(tmp_path / f"small.{end}") for end in ("a.onnx", "b.onnx", "npz")]
    assert f"gru-lower verify {names[0]} {names[1]} --inputs {names[2]}" in said.err
    small = onnx.load(names[0])
    onnx.checker.check_model(small, full_check=True)
    onnx.checker.check_model(onnx.load(names[1]), full_check=True)
    assert [node.op_type for node in small.graph.node] == ["GRU"]
    with np.load(names[2]) as inputs:
        assert {name: array.shape for name, array in inputs.items()} == {"in__y0": (1, 1, H)}
    assert run(["verify", *names[:2], "--inputs", names[2]]) == 1
    assert run(["verify", *paths, "--reduce", str(tmp_path / "small")]) == 2
    assert "already exists" in capsys.readouterr().err
    assert run(["verify", *paths, "--reduce", str(tmp_path / "small"), "--overwrite"]) == 1


def test_without_a_name_it_is_written_beside_the_second_model(files: Callable[..., list[str]], tmp_path: Path) -> None:
    model = stack(1)
    paths = files(model, broken(lowered(model), "gru_0"))
    assert run(["verify", *paths, "--reduce", "-q"]) == 1
    assert {path.name for path in tmp_path.iterdir()} >= {"b.reduced.a.onnx", "b.reduced.b.onnx", "b.reduced.npz"}


def test_nothing_is_reduced_where_nothing_differs(files: Callable[..., list[str]], tmp_path: Path) -> None:
    model = stack(1)
    paths = files(model, lowered(model))
    before = set(tmp_path.iterdir())
    assert run(["verify", *paths, "--reduce"]) == 0
    assert set(tmp_path.iterdir()) == before


def test_external_data_comes_into_the_reduced_models(tmp_path: Path) -> None:
    model, folder = stack(), tmp_path / "weights"
    folder.mkdir()
    onnx.save(broken(lowered(model), "gru_2"), tmp_path / "b.onnx")
    onnx.save(model, folder / "a.onnx", save_as_external_data=True, location="a.data", size_threshold=0)
    assert run(["verify", str(folder / "a.onnx"), str(tmp_path / "b.onnx"), "--reduce", str(tmp_path / "r")]) == 1
    names = [str(tmp_path / f"r.{end}") for end in ("a.onnx", "b.onnx", "npz")]
    assert run(["verify", *names[:2], "--inputs", names[2]]) == 1


def test_the_report_says_where_and_how_much(
    files: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    model = stack()
    run(["verify", *files(model, broken(lowered(model), "gru_1")), "--output-format", "json", "--reduce"])
    found: dict[str, Any] = json.loads(capsys.readouterr().out)["verification"]
    assert (found["starts_at"], found["starts_in"]) == (["main#2:Y1"], "Y1")
    assert found["least_atol"] > 0
    assert found["least_rtol"] > 0


@pytest.mark.parametrize("wrong", [False, True])
def test_a_chaotic_model_is_judged_gru_by_gru(wrong: bool) -> None:  # noqa: FBT001 - both are wanted
    rng = np.random.default_rng(0)
    T, hidden = 150, 32
    weights = {"W": rng.standard_normal((1, 3 * hidden, 3)), "R": 3 * rng.standard_normal((1, 3 * hidden, hidden))}
    graph = helper.make_graph(
        [helper.make_node("GRU", ["X", "W", "R"], ["Y", "Y_h"], hidden_size=hidden)],
        "g",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [T, 2, 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("Y", "Y_h")],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    before = model.SerializeToString(deterministic=True)
    other = lowered(model)
    found = gru_lower.verify(model, broken(other, "Y") if wrong else other)
    assert found.status == ("different" if wrong else "equivalent")
    assert found.chaotic is not wrong
    assert wrong or found.message == "chaotic as a whole; each GRU agrees by itself, held to float64"
    assert model.SerializeToString(deterministic=True) == before
