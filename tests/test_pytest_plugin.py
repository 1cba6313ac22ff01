"""``pytest --gru-models GLOB``: each model is an item, and pytest is none the slower where the option is not given."""

from __future__ import annotations

import shutil
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import pytest

from test_verify_locate import lowered, stack

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parents[1]
DIGITS = ROOT / "fixtures" / "digits_gru.onnx"
INSTALLED = any(entry.value == "gru_lower.pytest_plugin" for entry in entry_points(group="pytest11"))
Runs = "Callable[..., pytest.RunResult]"


@pytest.fixture
def runs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Run pytest in a process of its own, in a folder with models: a good one, one without a GRU, and a broken one."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    deep = pytester.path / "models" / "deep"
    deep.mkdir(parents=True)
    shutil.copy(DIGITS, pytester.path / "models" / "digits.onnx")
    onnx.save(lowered(stack(1)), pytester.path / "models" / "none.onnx")
    (deep / "broken.onnx").write_bytes(DIGITS.read_bytes()[:3000])
    pytester.makepyfile(test_plain="def test_plain(): pass")

    def run(*words: str) -> pytest.RunResult:
        plugin = () if INSTALLED else ("-p", "gru_lower.pytest_plugin")
        return pytester.runpytest_subprocess(*plugin, *words)

    return run


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_each_model_is_an_item(runs: Callable[..., pytest.RunResult], workers: tuple[str, ...]) -> None:
    result = runs("--gru-models", "models/**/*.onnx", "-rA", *workers)
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    result.stdout.fnmatch_lines_random(["PASSED models/digits.onnx::lower", "FAILED models/deep/broken.onnx::lower*"])
    result.stdout.fnmatch_lines(["SKIPPED*there is no GRU in it"])
    said = [line for line in result.outlines if line.startswith("GL003: ")]
    assert said == [
        (
            "GL003: broken.onnx: not a readable ONNX model: the protobuf message is damaged or cut short; "
            "copy or export the file again; compare its size with the original"
        )
    ]
    assert "Traceback" not in result.stdout.str()


def test_folders_and_patterns_name_models_as_for_every_command(
    runs: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    odd = pytester.path / "odd [names]" / "a::b"
    odd.mkdir(parents=True)
    for name in ("a[1].onnx", "a1.onnx", "ä b.ONNX", "x::y.onnx"):
        shutil.copy(DIGITS, odd / name)
    (odd / "notes.txt").write_text("no model", encoding="utf-8")
    (odd / "round").symlink_to(odd, target_is_directory=True)
    (pytester.path / "venv" / "lib").mkdir(parents=True)
    (pytester.path / "venv" / "pyvenv.cfg").touch()
    shutil.copy(DIGITS, pytester.path / "venv" / "lib" / "foreign.onnx")
    named = runs("--gru-models", "odd [names]", "--collect-only", "-q", "-k", "lower").outlines[:4]
    assert named == [f"odd [names]/a::b/{name}::lower" for name in ("a1.onnx", "a[1].onnx", "x::y.onnx", "ä b.ONNX")]
    for words, count in {
        ("--gru-models", "."): 7,  # four here, three of every test
        ("--gru-models", "odd [names]/a::b/a[1].onnx"): 1,
        ("--gru-models", "models/*.onnx", "--gru-models", "models/digits.onnx"): 2,
        ("--gru-models", str(pytester.path / "models" / "*.onnx")): 2,
        ("--gru-models", "venv"): 1,
    }.items():
        found = runs(*words, "--collect-only", "-q")
        assert sum(line.endswith("::lower") for line in found.outlines) == count, words
        found.stdout.fnmatch_lines([f"{count + 1} tests collected*"])


@pytest.mark.slow
def test_models_are_selected_as_tests_are(runs: Callable[..., pytest.RunResult]) -> None:
    runs("--gru-models", "models/**/*.onnx", "-k", "digits").assert_outcomes(passed=1, deselected=3)
    runs("--gru-models", "models/*.onnx", "-m", "gru_model").assert_outcomes(passed=1, skipped=1, deselected=1)
    runs("test_plain.py", "--gru-models", "models/digits.onnx").assert_outcomes(passed=2)
    runs("models", "--gru-models", "models/d*.onnx", "--gru-models", "models/none.onnx").assert_outcomes(
        passed=1, skipped=1
    )


def test_a_gru_that_has_to_stay_is_a_failure(runs: Callable[..., pytest.RunResult], pytester: pytest.Pytester) -> None:
    onnx.save(stack(1), pytester.path / "models" / "dynamic.onnx")
    pytester.makeini("[pytest]\ngru_form = unroll")
    result = runs("--gru-models", "models/dynamic.onnx", "-k", "dynamic")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["GL302: main#0:Y0 stays a GRU: *"])


def test_the_configuration_file_names_models_and_how_to_lower_them(
    runs: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    onnx.save(stack(1), pytester.path / "models" / "dynamic.onnx")
    pytester.makeini(
        "[pytest]\ngru_models = models/dy*.onnx\ngru_form = unroll\ngru_fix_dims =\n    T=3\n    N=2\ngru_cases = 2"
    )
    runs().assert_outcomes(passed=2)
    runs("test_plain.py").assert_outcomes(passed=1)
    runs("models/dynamic.onnx::lower").assert_outcomes(passed=1)


def test_what_cannot_be_verified_fails_unless_that_is_allowed(
    runs: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    model = stack(1)
    model.graph.node[0].ClearField("attribute")  # onnxruntime wants hidden_size, so this runs in no runtime but onnx's
    model.opset_import.append(onnx.helper.make_opsetid("my", 1))
    model.graph.node.append(onnx.helper.make_node("Mystery", ["out"], ["after"], domain="my"))
    model.graph.output[0].name = "after"
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("hidden_size", 4))
    onnx.save(model, pytester.path / "models" / "mystery.onnx")
    runs("--gru-models", "models/mystery.onnx", "-k", "mystery").assert_outcomes(passed=1, deselected=1)


@pytest.mark.parametrize(
    ("ini", "words", "complaint"),
    [
        ("", ["--gru-models", "models/*.onx"], "--gru-models models/[*].onx: no model matches"),
        (
            "gru_form = swan",
            ["--gru-models", "models/*.onnx"],
            "gru_form = swan: there is no such form; there are auto*",
        ),
        ("gru_rtol = much", ["--gru-models", "models/*.onnx"], "gru_rtol = much: a number is wanted"),
        ("gru_fix_dims = T", ["--gru-models", "models/*.onnx"], "gru_fix_dims = T: write it like batch=1"),
    ],
)
def test_what_cannot_be_understood_is_a_usage_error(
    runs: Callable[..., pytest.RunResult], pytester: pytest.Pytester, ini: str, words: list[str], complaint: str
) -> None:
    pytester.makeini(f"[pytest]\n{ini}")
    result = runs(*words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {complaint}"])


def test_nothing_heavy_is_imported_where_no_model_is_asked_for(
    runs: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(
        test_plain="""
        import sys

        def test_plain():
            assert "gru_lower.pytest_plugin" in sys.modules
            heavy = {"onnx", "numpy", "onnxruntime", "google.protobuf", "click", "gru_lower.passes"}
            assert not heavy & set(sys.modules)
        """
    )
    runs("-p", "no:hypothesispytest", "-p", "no:_hypothesis_pytestplugin").assert_outcomes(passed=1)
