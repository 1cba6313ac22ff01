"""Timing models: what is compared with what, what a script reads, what is refused. No time decides anything here."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from jsonschema import Draft202012Validator

import gru_lower
from gru_lower.cli.main import run
from gru_lower.errors import Unsupported
from gru_lower.graph.model import load
from gru_lower.report.environment import environment
from gru_lower.report.run_report import File
from gru_lower.verification.worker import timing
from gru_lower.verification.worker.client import Worker

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[1]
DIGITS, DIGITS_INPUTS = ROOT / "fixtures" / "digits_gru.onnx", ROOT / "fixtures" / "digits_gru.npz"
SCHEMA: dict[str, Any] = json.loads((ROOT / "gru_lower/schema/bench-1.json").read_text(encoding="utf-8"))
DOUBLE = '<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] y) { y = Add(x, x) }'
TRIPLE = '<ir_version: 8, opset_import: ["": 17]> g (float[3] x) => (float[3] y) { two = Add(x, x)  y = Add(two, x) }'
OTHER = '<ir_version: 8, opset_import: ["": 17]> g (float[n] z) => (float[n] y) { y = Add(z, z) }'
MYSTERY = '<ir_version: 8, opset_import: ["": 17, "my": 1]> g (float[n] x) => (float[n] y) { y = my.Mystery(x) }'
PICKY = """<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[1009] y) {
    shape = Constant<value = int64[1] {1009}>()
    y = Reshape(x, shape)
}"""
SEQUENCE = """<ir_version: 8, opset_import: ["": 17]> g (seq(float[n]) x) => (int64 y) { y = SequenceLength(x) }"""
TEXTS = {
    "double": DOUBLE,
    "triple": TRIPLE,
    "other": OTHER,
    "mystery": MYSTERY,
    "picky": PICKY,
    "sequence": SEQUENCE,
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder with small models the current one."""
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    for name, text in TEXTS.items():
        onnx.save(onnx.parser.parse_model(text), f"{name}.onnx")
    return tmp_path


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run the command line in this process."""

    def do(*args: object) -> tuple[int, str, str]:
        code = run(["bench", *map(str, args)])
        return code, *capsys.readouterr()

    return do


def checked(text: str) -> dict[str, Any]:
    """Return a report that is JSON alone, held to the schema."""
    report: dict[str, Any] = json.loads(text)
    Draft202012Validator(SCHEMA).validate(report)
    return report


# -- gru-lower bench ----------------------------------------------------------------------------------------


def test_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_one_model_is_timed_against_itself_lowered(call: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = call(DIGITS, "--runs", 3, "--shape", "rows=4,8,8", "--output-format", "json")
    assert (code, err) == (0, "")
    report = checked(out)
    assert report["a"]["path"] == str(DIGITS)
    assert (
        report["a"]["sha256"] == load(DIGITS).sha256()
    )  # A as it was: it is not the lowered model that is timed twice
    assert report["b"]["sha256"] != report["a"]["sha256"]
    assert report["b"]["path"] is None
    assert report["b"]["passes"].startswith("lower-gru{form=auto")
    assert (report["rounds"], report["threads"], report["seed"]) == (3, 1, 0)
    assert report["inputs"] == [{"name": "rows", "type": "float32", "shape": [4, 8, 8]}]
    for spread in (report["a"]["latency"], report["b"]["latency"], report["ratio"]):
        assert 0 < spread["q1"] <= spread["median"] <= spread["q3"]


def test_two_models_on_given_inputs(call: Callable[..., tuple[int, str, str]]) -> None:
    np.savez("cases.npz", x=np.ones(3, np.float32))
    words = ["double.onnx", "triple.onnx", "--runs", 2, "--threads", 2, "--inputs", "cases.npz"]
    code, out, _ = call(*words, "--output-format", "json")
    report = checked(out)
    assert code == 0
    assert (report["a"]["path"], report["b"]["path"]) == ("double.onnx", "triple.onnx")
    assert (report["b"]["passes"], report["seed"], report["clock"]) == (None, None, "wall")
    assert report["inputs"] == [{"name": "x", "type": "float32", "shape": [3]}]


def test_a_model_without_a_gru_is_timed_alone(call: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = call("double.onnx", "--runs", 1, "--output-format", "json")
    report = checked(out)
    assert (code, report["b"], report["ratio"]) == (0, None, None)
    code, out, err = call("double.onnx", "--runs", 1)
    assert (code, err) == (0, "")
    assert "There is no GRU to lower" in out


def test_a_person_reads_both_latencies_the_ratio_and_what_they_hold_for(
    call: Callable[..., tuple[int, str, str]],
) -> None:
    code, out, err = call(DIGITS, "--runs", 1)
    assert (code, err) == (0, "")
    assert f"A  {DIGITS}" in out
    assert "B  A lowered: lower-gru{form=auto" in out
    assert "B is " in out
    assert "1 thread, 1 round; onnxruntime " in out
    assert "Inputs: rows float32[2, 8, 8]; unknown sizes were chosen small, --shape sets them" in out
    assert "chosen" not in call(DIGITS, "--runs", 1, "--inputs", DIGITS_INPUTS)[1]


@pytest.mark.parametrize(
    ("words", "code", "said", "hint"),
    [
        (["mystery.onnx"], "GL503", "the model does not load in onnxruntime: Fatal error: my:Mystery", "only what"),
        (["double.onnx", "mystery.onnx"], "GL503", "the second model does not load", "only what"),
        (["double.onnx", "other.onnx"], "GL503", "cannot be compared: input 'x' is gone", "the same inputs"),
        (["picky.onnx"], "GL503", "the model does not run in onnxruntime", "--inputs"),
        (["double.onnx", "picky.onnx"], "GL503", "the second model does not run in onnxruntime", "--shape"),
        (["sequence.onnx"], "GL503", "input 'x' is a sequence", "--inputs"),
        (["double.onnx", "--shape", "x=2,3"], "GL009", "'x'", "the model says [n]"),
        (["double.onnx", "--shape", "y=2"], "GL009", "'y'", "input"),
        (["double.onnx", "triple.onnx", "--shape", "x=4"], "GL009", "'x'", "agree"),
        (["double.onnx", "--inputs", "absent.npz"], "GL009", "absent.npz", ".npz"),
        (["double.onnx", "--inputs", "a.npz", "--shape", "x=2"], "GL008", "exclude each other", "leave out"),
        (["double.onnx", "--runs", "2", "--seconds", "1"], "GL008", "exclude each other", "leave out"),
        (["double.onnx", "--runs", "0"], "GL008", "--runs", "bench --help"),
        (["double.onnx", "--seconds", "0"], "GL008", "--seconds", "bench --help"),
        (["absent.onnx"], "GL001", "absent.onnx", ""),
        (["double.onnx", "absent.onnx"], "GL001", "absent.onnx", ""),
        ([], "GL008", "Missing argument", "bench --help"),
    ],
)
def test_refusals_say_what_is_wrong_and_what_to_do(
    call: Callable[..., tuple[int, str, str]], words: list[str], code: str, said: str, hint: str
) -> None:
    exit_code, out, err = call(*words)
    assert (exit_code, out) == (2, "")
    first, second = err.splitlines()
    assert first.startswith(f"error {code}: ")
    assert said in first
    assert second.startswith("  hint: ")
    assert hint in second


def test_help_imports_nothing_heavy() -> None:
    program = "import sys; from gru_lower.cli.main import run; run(['bench', '--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"numpy", "onnx", "onnxruntime", "rich"} & set(done.stdout.splitlines()[-1].split())


# -- the library --------------------------------------------------------------------------------------------


def test_the_call_takes_models_in_memory_and_changes_none() -> None:
    model = onnx.load(DIGITS)
    before = model.SerializeToString()
    said: list[str] = []
    report = gru_lower.bench(model, runs=1, shapes={"rows": (1, 8, 8)}, progress=said.append)
    assert model.SerializeToString() == before
    assert report.b is not None
    assert report.a.file == File(None, report.a.file.sha256)
    assert report.a.file.sha256 != report.b.file.sha256
    assert said == ["loading the model", "loading the lowered model", "looking for inputs", "timing"]
    checked(json.dumps(report.to_dict(), allow_nan=False))
    with pytest.raises(Unsupported, match="empty list"):
        gru_lower.bench(model, runs=1, inputs=[])


def test_a_broken_gru_is_refused_before_anything_is_timed() -> None:
    model = onnx.load(DIGITS)
    gru = next(node for node in model.graph.node if node.op_type == "GRU")
    next(attribute for attribute in gru.attribute if attribute.name == "hidden_size").i = 63
    said: list[str] = []
    with pytest.raises(gru_lower.InvalidModel) as refusal:
        gru_lower.bench(model, progress=said.append)
    assert (refusal.value.code, said) == ("GL107", [])


@pytest.mark.parametrize("threads", [1, 2])
def test_the_worker_times_every_model_in_every_round(threads: int) -> None:
    with Worker() as worker:
        texts = (DOUBLE, TRIPLE)
        handles = [worker.load(onnx.parser.parse_model(text), threads=threads) for text in texts]
        how = {"clock": "wall", "seconds": 0.0, "rounds": 4}
        seconds = worker.time(handles, {"x": np.ones(3, np.float32)}, how, timeout=30)
        assert seconds.shape == (4, 2)
        assert (seconds > 0).all()


def test_rounds_go_to_and_fro_and_short_calls_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    calls = [lambda: order.append("a"), lambda: order.append("b")]
    monkeypatch.setattr(timing, "_warm", lambda _call: 1.0)
    assert timing.in_turn(calls, clock="wall", seconds=9, rounds=3).shape == (3, 2)
    assert "".join(order) == "abbaab"
    monkeypatch.setattr(timing, "_warm", lambda _call: timing.BLOCK / 10)
    order.clear()
    timing.in_turn(calls, clock="cpu", seconds=9, rounds=1)
    assert "".join(order) == "a" * 10 + "b" * 10
    assert len(timing.in_turn(calls, clock="wall", seconds=0)) == timing.FEWEST_ROUNDS


def test_a_quotient_is_taken_within_each_round() -> None:
    seconds = np.array([[1.0, 2.0], [10.0, 20.0], [5.0, 10.0]])  # the machine was slow, then less so
    assert timing.quotient(seconds, 1, 0) == timing.Spread(2, 2, 2)


def test_the_environment_says_what_figures_depend_on() -> None:
    Draft202012Validator(SCHEMA["properties"]["environment"]).validate(environment())


# -- benchmarks/ --------------------------------------------------------------------------------------------


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Import a module of benchmarks/, which is not installed."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.mark.parametrize("lbr", [0, 1])
def test_what_ours_is_held_against_computes_the_same(part: Callable[[str], Any], lbr: int) -> None:
    case = part("gru_case").Case(H=5, B=3, T=4, lbr=lbr)
    names = ("native", "auto", "scan", "loop", "unroll", "inside", "editor", "naive_loop", "floor")
    record = part("measure").measure("batch", case, names, 0)  # raises where outputs differ
    assert record.seconds.shape == (timing.FEWEST_ROUNDS, len(names))
    assert record.ratio("native").median == 1
    json.dumps(record.to_dict(), allow_nan=False)


def test_a_contender_that_computes_something_else_is_found_out(
    part: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rivals, models = part("rival_forms"), part("gru_case")
    monkeypatch.setitem(rivals.RIVALS, "inside", lambda case: rivals.editor(models.Case(case.H, case.B, case.T, lbr=0)))
    with pytest.raises(ValueError, match="something else"):
        part("measure").measure("batch", models.Case(5, 3, 4, lbr=1), ("native", "inside"), 0)


@pytest.mark.parametrize("name", ["quick", "full"])
def test_the_grid_measures_what_every_bound_is_about(part: Callable[[str], Any], name: str) -> None:
    records = [
        part("measure").Record(series.name, case, series.contenders(case), np.ones((1, len(series.contenders(case)))))
        for series in getattr(part("series"), name)()
        for case in series.cases
    ]
    verdicts = part("speed_limits").judge(records)
    assert all(verdict.value == 1 for verdict in verdicts)
    assert {verdict.word(0.0) for verdict in verdicts} == {"reached", "missed"}  # 0.65 and 1.85 are not 1


def test_a_bound_is_missed_beyond_its_tolerance_only(part: Callable[[str], Any]) -> None:
    bounds, Record, Case = part("speed_limits"), part("measure").Record, part("gru_case").Case
    record = Record("batch", Case(64, 1, 50), ("native", "auto", "inside"), np.array([[1.0, 3.5, 3.5]]))
    verdicts = {verdict.bound.text: verdict for verdict in bounds.judge([record])}
    single = verdicts["H = 64, B = 1"]
    assert [single.word(tolerance) for tolerance in (0.0, 0.1)] == ["missed", "within tolerance"]
    assert "3.50 ≤ 3.4; 3.50 at H=64 B=1 T=50 lbr=1" in single.line(0.0)
    assert verdicts["projection inside the Scan against ours, geometric mean"].excess() == pytest.approx(0.85)
    assert verdicts["H = 256, B = 1"].word(0.0) == "not measured"


def test_the_page_holds_every_series(part: Callable[[str], Any]) -> None:
    grid, Record = part("series"), part("measure").Record
    series = grid.quick()
    records = [
        Record(each.name, case, each.contenders(case), np.ones((1, len(each.contenders(case)))))
        for each in series
        for case in each.cases
    ]
    verdicts = part("speed_limits").judge(records)
    page = part("lowering_page").page(environment(), series, records, [], verdicts, 0.05, [("plot", "A plot")])
    assert all(f"## {each.title}" in page for each in series)
    assert "| H = 64 | 1.00 ±0.00 | 1.00 ±0.00 |" in page
    assert "![A plot](plot.svg)" in page


def test_the_fit_finds_the_rectangle_that_wins(part: Callable[[str], Any]) -> None:
    fit = part("fit_costs")
    plain, packed = np.zeros((3, 2)), np.array([[-0.5, -0.4], [-0.3, 0.3], [0.5, 0.9]])
    rows = fit.best(fit.Grid((8, 16, 32), (1, 4), {"none": plain, "double": packed}), ("double",))
    best = fit.Grid((8, 16, 32), (1, 4), {"none": plain, "double": packed}).mean(rows[:-1])
    assert best == pytest.approx((-0.5 - 0.4 - 0.3) / 6 + 2 * fit.ROW_COST)
    assert rows[-1] == fit.Row(8, 0, "double")


@pytest.mark.parametrize(
    ("module", "rows"),
    [("gru_lower.passes.lower_gru.costs", "packing"), ("gru_lower.passes.quantize_gru.costs", "faster")],
)
def test_a_fit_spells_what_ships_as_it_ships(part: Callable[[str], Any], module: str, rows: str) -> None:
    ours = importlib.import_module(module)
    shipped = Path(ours.__file__ or "").with_name("costs.json").read_text("utf-8")
    assert part("spell_costs").spelled(ours.costs(), rows) == shipped


def test_the_passes_are_measured_in_a_process_of_their_own(part: Callable[[str], Any], folder: Path) -> None:
    passes = part("passes")
    passes.chain(2)(folder / "chain.onnx")
    words = [sys.executable, "-m", "benchmarks.passes_process", str(folder / "chain.onnx"), str(folder / "out.onnx")]
    done = subprocess.run([*words, "lower-gru{form=scan}"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout).keys() == {"load", "lower", "save", "megabytes"}
    assert [node.op_type for node in onnx.load(folder / "out.onnx").graph.node].count("Scan") == 2
