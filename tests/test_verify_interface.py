"""What callers meet although two models compute the same: findings with codes, exit code 1."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import gru_lower
from gru_lower.cli.main import run
from gru_lower.errors import Unsupported
from gru_lower.testing import assert_equivalent

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.verification.result import Verification


def parsed(graph: str, *, ir_version: int = 8) -> onnx.ModelProto:
    return onnx.parser.parse_model(f'<ir_version: {ir_version}, opset_import: ["": 17]> g {graph}')


def verify(a: onnx.ModelProto, b: onnx.ModelProto, **options: Any) -> Verification:
    return gru_lower.verify(a, b, **{"search": 0, **options})


def codes(a: onnx.ModelProto, b: onnx.ModelProto, **options: Any) -> list[str]:
    found = verify(a, b, **options)
    assert found.status == "equivalent", found.message
    return [each.code for each in found.findings]


def tanh(dims: str, *, rest: str = "") -> onnx.ModelProto:
    return parsed(f"(float{dims} X{rest}) => (float{dims} Y) {{ Y = Tanh(X) }}")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "[T, N, 3]",
            "[T, 2, 3]",
            "axis 1 of input 'X' (N) may have any size in the first model, only 2 in the second",
        ),
        ("[T, N, 3]", "[5, N, 3]", "axis 0 of input 'X' (T)"),
        ("[?, 3]", "[2, 3]", "axis 0 of input 'X' may have any size"),
    ],
)
def test_a_dim_that_was_dynamic_and_is_fixed_is_a_finding(before: str, after: str, said: str) -> None:
    found = verify(tanh(before), tanh(after))
    assert found.status == "equivalent"
    assert not found.holds
    assert [each.code for each in found.findings] == ["GL506"]
    assert said in found.findings[0].message
    assert codes(tanh(before), tanh(after), ignore=["GL506"]) == []
    assert codes(tanh(after), tanh(before)) == []  # that takes more


def test_a_dim_that_several_inputs_share_is_one_finding() -> None:
    def added(dims: str) -> onnx.ModelProto:
        return parsed(f"(float{dims} X, float{dims} H) => (float{dims} Y) {{ Y = Add(X, H) }}")

    found = verify(added("[N, 3]"), added("[2, 3]"))
    assert [each.message.partition(" may")[0] for each in found.findings] == [
        "axis 0 of input 'X' and axis 0 of input 'H' (N)"
    ]


def test_inputs_in_another_order_are_a_finding() -> None:
    a = parsed("(float[N] X, float[N] H) => (float[N] Y) { Y = Sub(X, H) }")
    b = parsed("(float[N] H, float[N] X) => (float[N] Y) { Y = Sub(X, H) }")
    assert codes(a, b) == ["GL507"]
    assert codes(a, b, ignore=["GL507"]) == []
    more = parsed("(float[1] C, float[N] X, float[N] H) => (float[N] Y) { Y = Sub(X, H) }")
    more.graph.initializer.append(numpy_helper.from_array(np.zeros(1, np.float32), "C"))
    assert codes(a, more) == []  # an input more that need not be fed


SCALED = "(float[N] X, float[1] s = {2}) => (float[N] Y) { Y = Mul(X, s) }"
FROZEN = "(float[N] X) => (float[N] Y) <float[1] s = {2}> { Y = Mul(X, s) }"


def test_an_overridable_input_that_is_gone_is_a_finding() -> None:
    assert codes(parsed(SCALED), parsed(FROZEN)) == ["GL508"]
    assert codes(parsed(SCALED), parsed(FROZEN), ignore=["GL5"]) == []
    assert codes(parsed(FROZEN), parsed(SCALED)) == []


def test_a_default_that_is_gone_from_an_ir_3_model_is_none() -> None:
    assert codes(parsed(SCALED, ir_version=3), parsed(FROZEN)) == []
    assert codes(parsed(SCALED), parsed(SCALED, ir_version=3)) == ["GL508"]


def with_default(inputs: str, body: str, defaults: dict[str, Any]) -> onnx.ModelProto:
    model = parsed(f"(float[T, N, 3] X, {inputs}) => (float[a, b, c] Y) {{ {body} }}")
    model.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in defaults.items())
    return model


TABLE = np.array([[1], [2], [3], [4]], np.float32)
REVERSED = "Y = ReverseSequence<time_axis = 0, batch_axis = 1>(X, l)"
MODE = "one = Constant<value_int = 1>() on = Equal(mode, one) z = Neg(X) Y = Where(on, z, X)"
FIRST = "zero = Constant<value_ints = [0]>() row = Gather(table, zero) Y = Mul(X, row)"
IGNORED: dict[str, tuple[tuple[str, str], tuple[str, str], dict[str, Any]]] = {
    "a whole number that is an index": (
        ("int64[1] id, float[4, 1] table", "row = Gather(table, id) Y = Mul(X, row)"),
        ("int64[1] id, float[4, 1] table", FIRST),
        {"id": np.array([0]), "table": TABLE},
    ),
    "lengths": (
        ("int32[N] lens", f"l = Cast<to = 7>(lens) {REVERSED}"),
        ("int32[N] lens", f"l = Constant<value_ints = [5, 5]>() {REVERSED}"),
        {"lens": np.array([5, 5], np.int32)},
    ),
    "a flag": (
        ("bool flag", "z = Neg(X) Y = Where(flag, z, X)"),
        ("bool flag", "Y = Identity(X)"),
        {"flag": np.zeros((), bool)},
    ),
    "a mode that is a whole number": (
        ("int64 mode", MODE),
        ("int64 mode", "Y = Identity(X)"),
        {"mode": np.array(0)},
    ),
    "a state of zeros": (
        ("float[1, 3] H", "Y = Add(X, H)"),
        ("float[1, 3] H", "Y = Identity(X)"),
        {"H": np.zeros((1, 3), np.float32)},
    ),
    "a weight": (
        ("float[3, 3] W", "Y = MatMul(X, W)"),
        ("float[3, 3] W", "V = Constant<value = float[3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>() Y = MatMul(X, V)"),
        {"W": np.arange(1, 10, dtype=np.float32).reshape(3, 3)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", IGNORED)
def test_a_default_that_one_model_never_reacts_to_is_different_and_a_finding(kind: str) -> None:
    reacting, ignoring, defaults = IGNORED[kind]
    a, b = with_default(*reacting, defaults), with_default(*ignoring, defaults)
    shapes = {"X": (5, 2, 3)}
    for first, second in ((a, b), (b, a)):
        found = verify(first, second, shapes=shapes)
        assert found.status == "different", found.message
        assert [each.code for each in found.findings] == ["GL509"]
        assert repr(next(iter(defaults))) in found.findings[0].message
        assert codes(first, second, shapes=shapes, ignore=["GL509"]) == []
    for same in (a, b):
        assert codes(same, same, shapes=shapes) == []


def test_defaults_that_both_models_use_alike_are_no_finding() -> None:
    doubled = parsed("(float[N] X, float[1] s = {2}) => (float[N] Y) { t = Mul(s, X) Y = Identity(t) }")
    assert codes(parsed(SCALED), doubled) == []
    unused = parsed("(float[N] X, float[1] s = {2}) => (float[N] Y) { Y = Tanh(X) }")
    assert codes(unused, unused) == []


def test_the_default_of_a_flag_decides_before_other_values_do() -> None:
    """A difference at the default is one, whatever is to be ignored."""
    a = parsed("(float[N] X, float[1] s = {2}) => (float[N] Y) { Y = Mul(X, s) }")
    b = parsed("(float[N] X, float[1] s = {2}) => (float[N] Y) { Y = Identity(X) }")
    assert verify(a, b, ignore=["GL509"]).status == "different"


def files(tmp_path: Path, a: onnx.ModelProto, b: onnx.ModelProto) -> tuple[str, str]:
    for name, model in (("a", a), ("b", b)):
        onnx.save(model, tmp_path / f"{name}.onnx")
    return str(tmp_path / "a.onnx"), str(tmp_path / "b.onnx")


def test_the_command_line_exits_with_1_unless_the_code_is_ignored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = files(tmp_path, parsed(SCALED), parsed(FROZEN))
    assert run(["verify", *paths, "--search", "0", "--output-format", "json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [each["code"] for each in report["diagnostics"]] == ["GL508"]
    assert report["verification"]["findings"] == report["diagnostics"]
    assert report["verification"]["status"] == "equivalent"
    assert run(["verify", *paths, "--search", "0", "--ignore", "GL506,gl508"]) == 0
    assert run(["verify", *paths, "--search", "0", "--ignore", "GL999"]) == 2
    with pytest.raises(Unsupported, match="no code 'GL999'"):
        verify(parsed(SCALED), parsed(FROZEN), ignore=["GL999"])


def test_the_configuration_ignores_codes_and_the_command_line_adds_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a = parsed("(float[N] X, float[N] H, float[1] s = {2}) => (float[N] Y) { Z = Mul(X, s) Y = Sub(Z, H) }")
    b = parsed("(float[N] H, float[N] X) => (float[N] Y) <float[1] s = {2}> { Z = Mul(X, s) Y = Sub(Z, H) }")
    paths = files(tmp_path, a, b)
    assert run(["verify", *paths, "--search", "0"]) == 1
    (tmp_path / "pyproject.toml").write_text('[tool.gru-lower.verify]\nignore = ["GL507"]\n', encoding="utf-8")
    assert run(["verify", *paths, "--search", "0"]) == 1
    assert run(["verify", *paths, "--search", "0", "--ignore", "GL508"]) == 0


def test_an_assertion_fails_on_a_finding_and_names_it() -> None:
    with pytest.raises(AssertionError, match="GL508: input 's'"):
        assert_equivalent(parsed(SCALED), parsed(FROZEN), search=0)
    assert_equivalent(parsed(SCALED), parsed(FROZEN), search=0, ignore=["GL508"])


GRU = (
    "(float[T, N, 2] X, float[1, N, 2] H) => (float[T, 1, N, 2] Y) "
    "<float[1, 6, 2] W = {1, 0.5, 0.2, -0.3, 0.7, 0.1, -0.4, 0.6, 0.3, -0.2, 0.5, 0.9}, "
    "float[1, 6, 2] R = {0.1, 0.5, 0.2, -0.3, 0.7, 0.1, -0.4, 0.6, 0.3, -0.2, 0.5, 0.9}> "
    "{ Y = GRU<hidden_size = 2>(X, W, R, , , H) }"
)


def test_what_lower_was_asked_for_is_no_finding() -> None:
    for fixed in ({"N": 2}, {"N": 2, "T": 4}, {"X:0": 4}):
        report = gru_lower.lower(parsed(GRU), fix_dims=fixed).report
        assert report.verification.status == "equivalent"
        assert not report.verification.findings
        assert not report.diagnostics
    result = gru_lower.lower(parsed(GRU), fix_dims={"N": 2})
    assert [each.code for each in gru_lower.verify(parsed(GRU), result.model, search=0).findings] == ["GL506"]
    assert not gru_lower.lower(parsed(GRU), opset=18).report.diagnostics


def test_lowering_keeps_overridable_inputs() -> None:
    model = parsed(GRU)
    model.graph.input.append(onnx.helper.make_tensor_value_info("R", onnx.TensorProto.FLOAT, [1, 6, 2]))
    result = gru_lower.lower(model)
    assert result.report.verification.holds
    assert [value.name for value in result.model.graph.input] == ["X", "H", "R"]
    assert gru_lower.verify(model, result.model, search=0).holds
