"""probe: what a target does to small models becomes its profile, whatever the user's command does."""

from __future__ import annotations

import json
import shlex
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.cli.main import run as command
from gru_lower.probing import gru_models, operator_models
from gru_lower.probing.compatible_options import compatible
from gru_lower.probing.probe import ProbeOptions, probe
from gru_lower.probing.runner import CommandRunner, Outcome
from gru_lower.probing.spelling_models import SPELLINGS
from gru_lower.targets import read_profile
from gru_lower.targets.option_axes import AXES, AXIS_OF, BANDS, OPTIONS, PLAIN, with_options
from gru_lower.targets.write_profile import to_toml
from lowering import run
from strategies import WEIGHTS, random_case

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from gru_lower.probing.runner import Arrays, Runner
    from strategies import GruCase

BASE = PLAIN | {"lbr1", "float32", "opset_14"}
SCRIPT = """
import sys, time
import numpy as np
model, inputs, outputs = sys.argv[1:]
feeds = dict(np.load(inputs))
"""


def onnxruntime_runner(model: onnx.ModelProto, feeds: Arrays) -> Outcome:
    try:
        return Outcome(run(model, feeds))
    except Exception as error:  # noqa: BLE001 - whatever onnxruntime raises, the model was rejected
        return Outcome(None, str(error).splitlines()[0])


def crooked_runner(model: onnx.ModelProto, feeds: Arrays) -> Outcome:
    """Take a reverse GRU for a forward one, and forget initial_h beside clip; nothing fails."""
    twin = onnx.ModelProto()
    twin.CopyFrom(model)
    for node in twin.graph.node:
        if node.op_type != "GRU":
            continue
        for attribute in node.attribute:
            if attribute.name == "direction" and attribute.s == b"reverse":
                attribute.s = b"forward"
        if any(attribute.name == "clip" for attribute in node.attribute) and len(node.input) > 5:
            node.input[5] = ""
    used = {name for node in twin.graph.node for name in node.input}
    for value in [value for value in twin.graph.input if value.name not in used]:
        twin.graph.input.remove(value)
    return onnxruntime_runner(twin, {name: each for name, each in feeds.items() if name in used})


def script(path: Path, body: str) -> str:
    """Write a runner and return its command."""
    path.write_text(SCRIPT + body, encoding="utf-8")
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(path))} {{model}} {{inputs}} {{outputs}}"


class TestMicroModels:
    @pytest.mark.parametrize("option", OPTIONS)
    def test_a_model_takes_the_option_it_is_for(self, option: str) -> None:
        options = compatible(with_options(BASE, option), frozenset({option}))
        assert options is not None
        band = next(each for each in options if AXIS_OF[each] == "opset")
        opset = gru_models.opset_in(band, 7, 24)
        assert opset is not None
        made = gru_models.gru_model(options, opset)
        onnx.checker.check_model(made.model, full_check=True)
        assert option in made.options
        assert {AXIS_OF[each] for each in made.options} == AXES.keys()
        assert made.feeds.keys() == {value.name for value in made.model.graph.input}
        assert not made.fault(made.expected)

    def test_right_is_told_from_wrong(self) -> None:
        made = gru_models.gru_model(BASE, 17)
        shifted = {name: np.roll(value, 1, axis=0) for name, value in made.expected.items()}
        assert made.fault(shifted)
        assert made.fault({})
        assert made.fault({name: np.full_like(value, np.nan) for name, value in made.expected.items()})
        assert made.fault({name: value[..., :-1] for name, value in made.expected.items()})
        assert not made.fault({name: value.astype(np.float32) for name, value in made.expected.items()})

    @pytest.mark.parametrize("opset", list(BANDS))
    def test_operators_run_in_every_opset_they_are_probed_in(self, opset: int) -> None:
        for op, (first, _) in operator_models.OPERATORS.items():
            if opset >= first:
                made = operator_models.operator_model(op, opset)
                onnx.checker.check_model(made.model, full_check=True)
                assert op in {node.op_type for node in made.model.graph.node}
                assert not made.fault(run(made.model, made.feeds)), f"{op} at opset {opset}"

    @pytest.mark.parametrize("opset", [7, 11, 13, 18])
    def test_spellings_run_in_every_opset(self, opset: int) -> None:
        for name, (op, _) in SPELLINGS.items():
            made = operator_models.operator_model(name, opset)
            onnx.checker.check_model(made.model, full_check=True)
            assert op in {"", *(node.op_type for node in made.model.graph.node)}
            assert not made.fault(run(made.model, made.feeds)), f"{name} at opset {opset}"


class TestCommandRunner:
    model = operator_models.operator_model("Tanh", 17)

    def outcome(self, tmp_path: Path, body: str, timeout: float = 60.0) -> Outcome:
        return CommandRunner(script(tmp_path / "runner.py", body), timeout)(self.model.model, self.model.feeds)

    def test_what_it_writes_is_read(self, tmp_path: Path) -> None:
        found = self.outcome(tmp_path, "np.savez(outputs, y=np.tanh(feeds['X']))")
        assert found.outputs is not None
        assert not self.model.fault(found.outputs)

    def test_the_last_line_is_the_reason_it_was_rejected_for(self, tmp_path: Path) -> None:
        found = self.outcome(tmp_path, "print('loading', file=sys.stderr); sys.exit('no Tanh on this chip')")
        assert found == Outcome(None, "no Tanh on this chip")

    def test_one_that_crashes_was_rejected(self, tmp_path: Path) -> None:
        found = self.outcome(tmp_path, "import os; os.kill(os.getpid(), 9)")
        assert found.outputs is None
        assert found.reason

    def test_one_that_hangs_is_ended_with_all_it_started(self, tmp_path: Path) -> None:
        started = time.monotonic()
        body = (
            "import subprocess; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)"
        )
        found = self.outcome(tmp_path, body, timeout=1.0)
        assert found == Outcome(None, "no answer within 1 s")
        assert time.monotonic() - started < 20

    @pytest.mark.parametrize(
        "body",
        [
            "open(outputs, 'wb').write(b'garbage')",
            "pass",
            "np.savez(outputs, y=np.array([object()]))",
            "np.savez(outputs, z=np.tanh(feeds['X']))",
            "np.savez(outputs, y=np.array(['a']))",
            "np.savez(outputs, y=np.cos(feeds['X']))",
        ],
    )
    def test_what_is_no_result_is_wrong(self, body: str, tmp_path: Path) -> None:
        found = self.outcome(tmp_path, body)
        assert found.outputs is not None
        assert self.model.fault(found.outputs)

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("run {model} {inputs}", "lacks {outputs}"),
            ("run '{model} {inputs} {outputs}", "cannot be read"),
            ("/no/such/program {model} {inputs} {outputs}", "cannot be started: /no/such/program"),
        ],
    )
    def test_a_command_that_is_none(self, words: str, message: str) -> None:
        with pytest.raises(gru_lower.Unsupported) as caught:
            CommandRunner(words)(self.model.model, self.model.feeds)
        assert caught.value.code == "GL405"
        assert message in caught.value.message


class TestCompletion:
    @pytest.mark.parametrize("one", OPTIONS)
    def test_two_options_stand_together_or_exclude_each_other(self, one: str) -> None:
        for other in OPTIONS:
            if AXIS_OF[one] == AXIS_OF[other]:
                continue
            keep = frozenset({one, other})
            found = compatible(with_options(BASE, one, other), keep)
            assert found is None or keep <= found
            assert found is None or compatible(found, keep) == found

    def test_what_excludes_each_other(self) -> None:
        for keep in ({"dynamic_time", "one_step"}, {"layout1", "opset_13"}, {"default_activations", "g_Relu"}):
            assert compatible(with_options(BASE, *keep), frozenset(keep)) is None


class TestProbe:
    def test_onnxruntime_is_found_as_it_is(self) -> None:
        found = probe(onnxruntime_runner, ProbeOptions("ort", columns=("gru",), version="1"))
        shipped = read_profile.load("onnxruntime")
        column = found.profile.columns["gru"]
        assert column.pairs
        assert not column.together
        assert {option: cell.verdict for option, cell in column.cells.items()} == {
            option: cell.verdict for option, cell in shipped.columns["gru"].cells.items()
        }
        assert not found.profile.forbid
        assert "layout1" in " ".join(found.reasons)
        assert read_profile.parse(to_toml(found.profile)) == found.profile

    @pytest.mark.slow
    def test_a_target_that_is_silently_wrong(self, tmp_path: Path) -> None:
        """What it gets wrong is found, alone and together; legalised for it, a model comes out right."""
        found = probe(crooked_runner, ProbeOptions("crooked", columns=("gru", "unroll")))
        cells = found.profile.columns["gru"].cells
        assert cells["reverse"].verdict == "wrong"
        assert cells["clip"].verdict == cells["initial_h"].verdict == "right"
        assert {each.options for each in found.profile.columns["gru"].together} == {frozenset({"clip", "initial_h"})}
        path = tmp_path / "crooked.toml"
        path.write_text(to_toml(found.profile), encoding="utf-8")
        for knobs in ({"direction": "reverse"}, {"clip": 0.5, "initial_h": True}):
            case = _case(**knobs)
            assert not _right(case, crooked_runner(case.model(), case.feeds()))
            result = gru_lower.legalize(case.model(), target=str(path))
            assert _right(case, crooked_runner(result.model, case.feeds()))
            report = gru_lower.check(case.model(), target=str(path), select=("GL701", "GL702", "GL703"))
            assert [each.code for each in report.diagnostics] == ["GL701"]

    def test_a_target_without_gru(self) -> None:
        def runner(model: onnx.ModelProto, feeds: Arrays) -> Outcome:
            used = {node.op_type for node in model.graph.node}
            if used & {"GRU", "Scan", "Loop", "Where", "Gemm"}:
                return Outcome(None, "unknown operator")
            return onnxruntime_runner(model, feeds)

        found = probe(runner, ProbeOptions("npu", pairs=False)).profile
        assert {cell.verdict for cell in found.columns["gru"].cells.values()} == {"rejected"}
        assert found.forms == ("step", "unroll")
        assert {"Where", "Gemm"} <= set(found.forbid)
        assert not found.control_flow.scan
        assert "lens" not in found.columns["unroll"].cells
        assert found.columns["unroll"].cells["reverse"].verdict == "right"

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("cannot", "spelled", "lacks"),
        [
            ("add a matrix", {}, "Gemm"),
            ("cut the first axis", {}, "Split"),
            ("slice the first axis", {}, "Slice"),
            ("gather by int64", {}, "Gather"),
            ("hold two axes", {"state_rank": 3}, ""),
            ("slice or split", {"steps": "gather"}, ""),
        ],
    )
    def test_any_spelling_that_is_right_lets_a_gru_through(
        self, cannot: str, spelled: dict[str, object], lacks: str, tmp_path: Path
    ) -> None:
        """A target with one limit is lowered for, right, in the spelling that it takes."""
        runner = _limited(cannot)
        found = probe(runner, ProbeOptions("npu", pairs=False, columns=("step", "unroll"))).profile
        assert found.forms == ("step", "unroll")
        assert {name: getattr(found, name) for name in spelled} == spelled
        assert lacks in {"", *found.avoid, *found.forbid}
        path = tmp_path / "npu.toml"
        path.write_text(to_toml(found), encoding="utf-8")
        for knobs in ({}, {"linear_before_reset": 0, "T": 9}, {"direction": "bidirectional"}, {"initial_h": True}):
            case = _case(**knobs)
            lowered = gru_lower.lower(case.model(), target=str(path)).model
            assert _right(case, runner(lowered, case.feeds())), knobs

    def test_one_that_runs_nothing_is_no_target(self) -> None:
        with pytest.raises(gru_lower.Unsupported) as caught:
            probe(lambda _model, _feeds: Outcome(None, "licence expired"), ProbeOptions("none"))
        assert caught.value.code == "GL405"
        assert "licence expired" in caught.value.message

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            ("import no_such_engine", "ModuleNotFoundError: No module named 'no_such_engine'"),
            ("print('done')", "it ended with 0, and wrote no outputs"),
            ("np.savez(outputs, out0=np.tanh(feeds['X']))", "it wrote out0, and the graph's output is y"),
            ("np.savez(outputs, y=np.tanh(feeds['X'])[0])", "y is of shape [3, 4], not [2, 3, 4]"),
            ("np.savez(outputs, y=np.cos(feeds['X']))", "y is off by"),
            (
                "open(outputs, 'wb').write(b'garbage')",
                "it ended with 0, and what it wrote is no .npz of numbers by name",
            ),
        ],
    )
    def test_a_runner_that_is_at_fault_is_told_why(
        self,
        body: str,
        reason: str,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(onnx.defs, "onnx_opset_version", lambda: 17)
        monkeypatch.setattr("gru_lower.probing.probe.OLDEST", 17)
        runner = script(tmp_path / "runner.py", f"print('noise' * 100_000)\n{body}")
        assert command(["probe", "--runner", runner, "-o", str(tmp_path / "npu.toml")]) == 2
        said = capsys.readouterr()
        assert not said.out
        assert f"error GL405: the runner runs not even a model of one Tanh: {reason}" in said.err.replace("\n", " ")
        assert not (tmp_path / "npu.toml").exists()

    def test_a_runner_that_hangs_is_waited_for_once(self, tmp_path: Path) -> None:
        runner = CommandRunner(script(tmp_path / "runner.py", "time.sleep(60)"), 1.0)
        started = time.monotonic()
        with pytest.raises(gru_lower.Unsupported) as caught:
            probe(runner, ProbeOptions("none"))
        assert time.monotonic() - started < 10
        assert caught.value.message.endswith("no answer within 1 s")
        assert "--timeout" in str(caught.value.hint)

    def test_what_a_runner_prints_is_nothing_to_us(self, tmp_path: Path) -> None:
        body = "print('progress ' * 100_000); np.savez(outputs, y=np.tanh(feeds['X']))"
        model = operator_models.operator_model("Tanh", 17)
        found = CommandRunner(script(tmp_path / "runner.py", body))(model.model, model.feeds)
        assert not model.fault(found.outputs or {})


def _limited(cannot: str) -> Runner:
    """Return a runner of a chip with no GRU, no Where and one limit more."""

    def reads_first_row(model: onnx.ModelProto) -> onnx.ModelProto:
        """Add the first row of a Gemm's C to each: no error, and wrong."""
        twin = onnx.ModelProto()
        twin.CopyFrom(model)
        twin.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0]), "first_row_index"))
        nodes = []
        for node in twin.graph.node:
            shape = next((list(each.dims) for each in twin.graph.initializer if each.name == node.input[-1]), [0, 0])
            if node.op_type == "Gemm" and len(node.input) == len(shape) + 1:
                row = onnx.helper.make_node("Gather", [node.input[2], "first_row_index"], [f"{node.output[0]}_row"])
                node.input[2] = row.output[0]
                nodes.append(row)
            nodes.append(node)
        del twin.graph.node[:]
        twin.graph.node.extend(nodes)
        return twin

    def run_limited(model: onnx.ModelProto, feeds: Arrays) -> Outcome:
        used = {node.op_type for node in model.graph.node}
        if used & {"GRU", "Scan", "Loop", "Where"}:
            return Outcome(None, "unknown operator")
        inferred = onnx.shape_inference.infer_shapes(model)
        values = (*inferred.graph.value_info, *inferred.graph.input)
        ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in values}
        constants = {each.name: each for each in model.graph.initializer}
        for node in model.graph.node:
            attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
            axes = constants.get(node.input[3]) if node.op_type == "Slice" and len(node.input) > 3 else None
            axis = attributes.get("axis", 0) if axes is None else int(onnx.numpy_helper.to_array(axes)[0])
            index = constants.get(node.input[1]) if node.op_type == "Gather" else None
            refused = {
                "add a matrix": False,
                "cut the first axis": node.op_type == "Split" and axis == 0,
                "slice the first axis": node.op_type == "Slice" and axis == 0,
                "gather by int64": index is not None and index.data_type == onnx.TensorProto.INT64,
                "hold two axes": node.op_type in ("Sigmoid", "MatMul", "Gemm") and ranks.get(node.input[0], 3) == 2,
                "slice or split": node.op_type in ("Slice", "Split") and len(node.output) + ("Slice" in used) > 1,
            }
            if refused[cannot]:
                return Outcome(None, f"{node.op_type} is beyond this chip")
        return onnxruntime_runner(reads_first_row(model) if cannot == "add a matrix" else model, feeds)

    return run_limited


def _case(**knobs: Any) -> GruCase:
    return random_case(
        np.random.default_rng(3), **{
            "opset": 17, "dtype": np.float32, "static": True, "layout": None, "activations": None, "clip": None,
            "sequence_lens": None, "constants": WEIGHTS, "hidden_size": 4, "H": 4, "initial_h": False, "T": 4,
            "direction": "forward", **knobs,
        },
    )  # fmt: skip


def _right(case: GruCase, outcome: Outcome) -> bool:
    assert outcome.outputs is not None
    return all(np.allclose(outcome.outputs[name], value, atol=1e-4) for name, value in case.expected().items())


@pytest.mark.skipif(sys.platform == "win32", reason="the runner is a shell script, for speed")
def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that knows one operator: its profile is written, its matrix printed."""
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "tanh.npz", y=np.tanh(operator_models.X))
    (tmp_path / "npu.sh").write_text(
        'if grep -q Tanh "$1" && ! grep -q Sigmoid "$1" && ! grep -q GRU "$1"; then cp tanh.npz "$3"\n'
        "else echo no such operator >&2; exit 3; fi\n",
        encoding="utf-8",
    )
    words = ["probe", "--runner", "sh npu.sh {model} {inputs} {outputs}", "-o", "npu.toml", "--quick", "--jobs", "2"]
    assert command([*words, "--target-version", "2.1"]) == 0
    out = capsys.readouterr().out
    assert "npu 2.1" in out
    assert "Wrote npu.toml" in out
    found = read_profile.load("npu.toml")
    assert found.forms == ()
    assert "Tanh" not in found.forbid
    assert "Sigmoid" in found.forbid
    assert found.columns["gru"].cells["lbr1"].version == "2.1"
    assert command(words) == 2
    assert "GL004" in capsys.readouterr().err
    assert command([*words, "--overwrite", "--output-format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["targets"][0]["name"] == "npu"


def test_no_opset_is_newer_than_the_target() -> None:
    def runner(model: onnx.ModelProto, feeds: Arrays) -> Outcome:
        opset = model.opset_import[0].version
        return onnxruntime_runner(model, feeds) if 13 <= opset <= 17 else Outcome(None, f"opset {opset}")

    seen: list[int] = []

    def counting(model: onnx.ModelProto, feeds: Arrays) -> Outcome:
        seen.append(model.opset_import[0].version)
        return runner(model, feeds)

    found = probe(counting, ProbeOptions("old", columns=("gru",), pairs=False)).profile
    assert found.opset == (13, 17)
    assert {cell.verdict for option, cell in found.columns["gru"].cells.items() if option.startswith("opset")} == {
        "right"
    }
    assert set(seen[30:]) <= set(range(13, 18))


@pytest.mark.parametrize(("tolerance", "verdict"), [(0.0, "wrong"), (0.02, "right")], ids=["as floats", "as 16 bits"])
def test_a_target_that_computes_in_16_bits(tolerance: float, verdict: str) -> None:
    def coarse(model: onnx.ModelProto, feeds: Arrays) -> Outcome:
        outcome = onnxruntime_runner(model, feeds)
        if outcome.outputs is None or not any(node.op_type == "GRU" for node in model.graph.node):
            return outcome
        return Outcome({name: value + np.float32(0.005) for name, value in outcome.outputs.items()})

    found = probe(coarse, ProbeOptions("npu", pairs=False, columns=("gru",), tolerance=tolerance)).profile
    assert found.columns["gru"].cells["lbr1"].verdict == verdict


@pytest.mark.skipif(sys.platform == "win32", reason="the runner is a shell script, for speed")
def test_int8_is_asked_of_the_runner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command gets --int8 behind its words, and rounding to 8 bits is no mistake."""
    np.savez(tmp_path / "rounded.npz", y=np.round(np.tanh(operator_models.X) * 16) / 16)
    (tmp_path / "npu.sh").write_text(
        f'grep -q Tanh "$1" && ! grep -q Sigmoid "$1" && ! grep -q GRU "$1" && [ "$4" = --int8 ] || exit 3\n'
        f'cp {tmp_path}/rounded.npz "$3"\n',
        encoding="utf-8",
    )
    runner = f"sh {tmp_path}/npu.sh {{model}} {{inputs}} {{outputs}}"
    words = ["probe", "--runner", runner, "--quick", "--int8", "--jobs", "2"]
    assert command([*words, "-o", str(tmp_path / "npu.toml")]) == 0
    found = read_profile.load(str(tmp_path / "npu.toml"))
    assert "Tanh" not in found.forbid
    assert "8 bits" in found.summary
    assert command([*words, "-o", str(tmp_path / "exact.toml"), "--tolerance", "0.001"]) == 2
    assert "GL405" in capsys.readouterr().err


def test_columns_are_of_the_spelling_that_ships() -> None:
    """What is right in another spelling than ``--target`` writes says nothing of what users get."""
    kept = replace(read_profile.load("portable"), name="npu", steps="gather")

    def refuses_what_is_not_gathered(model: onnx.ModelProto, feeds: Arrays) -> Outcome:
        kinds = [node.op_type for node in model.graph.node]
        if kinds.count("Tanh") > 1 and "Gather" not in kinds:
            return Outcome(None, "it takes steps by Gather alone")
        return onnxruntime_runner(model, feeds)

    found = probe(refuses_what_is_not_gathered, ProbeOptions("npu", pairs=False, columns=("unroll",), kept=kept))
    assert found.profile.steps == "gather"
    assert found.profile.columns["unroll"].cells["lbr1"].verdict == "right"


def test_operators_of_a_profile_are_taken_as_they_are() -> None:
    """A target may take an operator in a GRU that it does not take alone, as one that quantises takes a comparison."""
    kept = replace(read_profile.load("portable"), name="npu", opset=(13, 17), forbid=("Split",))

    def refuses_single_operators(model: onnx.ModelProto, feeds: Arrays) -> Outcome:
        return Outcome(None, "too small") if len(model.graph.node) < 5 else onnxruntime_runner(model, feeds)

    options = ProbeOptions("npu", pairs=False, columns=("unroll",), kept=kept, survey=False)
    found = probe(refuses_single_operators, options).profile
    assert (found.opset, found.forbid, found.avoid) == (kept.opset, kept.forbid, kept.avoid)
    assert found.columns["unroll"].cells["lens"].verdict == "right"


def test_progress_is_told() -> None:
    said: list[str] = []
    progress: Callable[[str, int, int], None] = lambda what, _done, _total: said.append(what)  # noqa: E731
    probe(onnxruntime_runner, ProbeOptions("x", columns=("step",), pairs=False), progress)
    assert {"probing opsets", "probing operators", "probing step"} <= set(said)
