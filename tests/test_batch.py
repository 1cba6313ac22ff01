"""One command over many models in this process: what is done, refused, limited, resumed and said."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema
import onnx
import pytest
from referencing import Registry, Resource

import gru_lower
from gru_lower.batching import run_job
from gru_lower.batching.batch import Batch
from gru_lower.batching.job import Job, Outcome
from gru_lower.batching.journal import NAME
from gru_lower.batching.tally import Tally
from gru_lower.cli import main
from gru_lower.cli.batch_progress import progress_line
from gru_lower.cli.spelled_time import spelled
from gru_lower.errors import Unsupported
from gru_lower.verification.worker import kept_processes
from gru_lower.verification.worker.run_failure import RunFailure
from many_models import small_gru, write_broken, write_with_data

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = ROOT / "gru_lower" / "schema"
QUICK = "--cases 1 --search 0"


@pytest.fixture(scope="module", autouse=True)
def _end_processes() -> Iterator[None]:
    yield
    kept_processes.end_kept()


@pytest.fixture
def zoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder ``models`` with three models in this folder, one with external data, one broken."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(("models/a.onnx", "models/deep/er/b.onnx")):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        onnx.save_model(small_gru(seed), name)
    write_with_data(Path("models/deep/data.onnx"), 3)
    Path("models/deep/bad.onnx").write_text("no model", encoding="utf-8")
    return tmp_path


def batch(*models: str, do: str = f"lower {QUICK}", **settings: Any) -> list[Outcome]:
    settings = {"cluster": "none", "out": "out", **settings}
    return list(gru_lower.batch(models or ("models/**/*.onnx",), do=do, **settings))


def statuses(outcomes: list[Outcome]) -> dict[str, str]:
    return {each.model: each.status for each in outcomes}


def alone(model: str, output: str, *words: str) -> bytes:
    """Return what the single command writes."""
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", "gru_lower", *words, model, "-o", output],
        check=True,
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    return Path(output).read_bytes()


def run(*words: str) -> int:
    return main.run(["batch", *words])


def test_each_model_goes_to_its_place_as_the_command_alone_writes_it(zoo: Path) -> None:
    found = batch()
    assert statuses(found) == {
        "models/a.onnx": "done",
        "models/deep/bad.onnx": "refused",
        "models/deep/data.onnx": "done",
        "models/deep/er/b.onnx": "done",
    }
    assert [each.output for each in found] == ["out/a.onnx", None, "out/deep/data.onnx", "out/deep/er/b.onnx"]
    for place in ("a.onnx", "deep/data.onnx", "deep/er/b.onnx"):
        expected = alone(f"models/{place}", f"alone/{place}", "lower", *QUICK.split())
        assert Path("out", place).read_bytes() == expected
    assert sorted(each.name for each in Path("out/deep").iterdir() if each.is_file()) == sorted(
        each.name for each in Path("alone/deep").iterdir() if each.is_file()
    )
    assert not [each for each in zoo.rglob("*") if each.name.endswith(".tmp")]


def test_what_comes_back_is_the_report_and_the_error_of_the_command(zoo: Path) -> None:
    by_model = {each.model: each for each in batch()}
    report = by_model["models/a.onnx"].report
    assert report is not None
    assert report["input"]["path"] == "models/a.onnx"
    assert report["output"]["path"] == "out/a.onnx"
    assert report["verification"]["status"] == "equivalent"
    bad = by_model["models/deep/bad.onnx"]
    assert bad.exit_code == 2
    assert bad.error is not None
    assert bad.error["message"].startswith("models/deep/bad.onnx: ")
    assert bad.error["hint"]
    del zoo


def test_a_broken_model_of_any_kind_is_reported_and_stops_nothing(tmp_path: Path) -> None:
    broken = write_broken(tmp_path / "models")
    onnx.save_model(small_gru(), tmp_path / "models" / "zzz.onnx")
    found = batch(f"{tmp_path}/models/*.onnx", out=str(tmp_path / "out"))
    assert [each.model for each in found] == [*map(str, broken), str(tmp_path / "models" / "zzz.onnx")]
    assert {each.exit_code for each in found[:-1]} == {1, 2}
    assert found[-1].status == "done"
    written = {each.name for each in (tmp_path / "out").glob("*.onnx")}
    assert written == {"zzz.onnx", "future_opset.onnx"}  # the latter as it was: its GRU is kept, and said to be


@pytest.mark.parametrize(
    ("do", "out"),
    [
        (f"fuse {QUICK}", "out"),
        (f"legalize --target tract {QUICK}", "out"),
        (f"quantize --all {QUICK}", "out"),
        (f"stream {QUICK}", "out"),
        ("check", None),
        ("check --fix --cases 1", "out"),
        ("inspect", None),
        (f"lower --dry-run {QUICK}", None),
        (f"--form scan {QUICK}", "out"),
    ],
)
def test_any_command_on_models_can_be_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, do: str, out: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("models").mkdir()
    shutil.copy(ROOT / "fixtures" / "digits_gru.onnx", "models/digits.onnx")
    (found,) = batch(do=do, out=out)
    assert found.error is None
    assert found.report is not None
    assert found.report["command"] == (do.split(maxsplit=1)[0] if not do.startswith("--form") else "lower").replace(
        "check --fix", "check"
    )
    if found.output is not None:
        assert Path(found.output) == Path("out/digits.onnx")
        main.run([*do.split(), "models/digits.onnx", "-o", "alone.onnx"])
        assert Path(found.output).read_bytes() == Path("alone.onnx").read_bytes()


@pytest.mark.parametrize(
    ("do", "said"),
    [
        ("lowr", "neither a command nor a file"),
        ("", "names no command"),
        ("lower --tagret portable", "--tagret"),
        ("lower --target portabel", "no target 'portabel'"),
        ("lower --form spiral", "spiral"),
        ("lower --passes nothing-like-it", "no pass"),
        ("lower --passes lower-gru --form scan", "exclude each other"),
        ("lower --cases none", "--cases"),
        ("lower model.onnx", "names a model"),
        ("check a.onnx b.onnx", "names a model"),
        ("lower -o here.onnx", "batch's own"),
        ("check --fix --in-place", "batch's own"),
        ("lower --output-format json", "batch's own"),
        ("check --overwrite", "--overwrite without --fix"),
        ("check --select GL9999", "GL9999"),
        ("lower --memory much", "--memory"),
        ("legalize", "--target"),
        ("verify", "not for many models"),
        ("convert --to torch", "not for many models"),
        ("bench", "not for many models"),
        ("targets", "not for many models"),
        ("batch", "not for many models"),
        ("lower --help", "help"),
        ("lower 'unclosed", "quotation"),
        ("lower --inputs nowhere.npz", "nowhere.npz"),
        ("lower --config nowhere.toml", "nowhere.toml"),
        ("check", "nothing is written"),
    ],
)
def test_a_line_that_is_not_understood_is_refused_before_anything_starts(zoo: Path, do: str, said: str) -> None:
    with pytest.raises(Unsupported) as refused:
        batch(do=do)
    assert said in refused.value.message
    assert refused.value.hint
    assert not (zoo / "out").exists()


@pytest.mark.parametrize(
    ("patterns", "settings", "code"),
    [
        (["nowhere/*.onnx"], {}, "GL950"),
        (["models/deep/none"], {}, "GL950"),
        (["models/**/*.onnx", "gone.onnx"], {}, "GL950"),
        (["models/a.onnx", "models/deep/a.onnx"], {}, "GL951"),
        (["models/*.onnx", "models/d*/a.onnx"], {"out": "models"}, "GL951"),
        (["models/**/*.onnx"], {"out": "models"}, "GL951"),
        (["models/**/a.onnx"], {"out": "./models/../models"}, "GL951"),
        (["models/*.onnx"], {"out": None}, "GL008"),
        (["models/*.onnx"], {"out": "zip://x.zip"}, "GL008"),
        (["memory://models/*.onnx"], {"cluster": "local"}, "GL95"),
        (["nosuch://models/*.onnx"], {}, "GL95"),
        (["models/*.onnx"], {"cluster": "tcp://127.0.0.1:1"}, "GL953"),
        (["models/*.onnx"], {"journal": "models/a.onnx"}, "GL960"),
        (["models/*.onnx"], {"journal": "models"}, "GL960"),
        (["models/*.onnx"], {"out": "models/a.onnx"}, "GL004"),
    ],
)
def test_what_cannot_be_run_as_it_is_is_refused_before_anything_starts(
    zoo: Path, patterns: list[str], settings: dict[str, Any], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (zoo / "models" / "deep" / "a.onnx").write_bytes((zoo / "models" / "a.onnx").read_bytes())
    monkeypatch.setattr("gru_lower.batching.cluster.dask_engine.SECONDS_TO_CONNECT", 1.0)
    before = {path: path.read_bytes() for path in (zoo / "models").rglob("*.onnx")}
    with pytest.raises(Unsupported) as refused:
        batch(*patterns, **settings)
    assert str(refused.value.code).startswith(code)
    assert refused.value.hint
    assert {path: path.read_bytes() for path in (zoo / "models").rglob("*.onnx")} == before
    assert not list(zoo.glob("out/**/*.onnx"))


def test_results_that_lie_there_already_are_refused_unless_the_command_may_replace_them(zoo: Path) -> None:
    (zoo / "out").mkdir()
    (zoo / "out" / "a.onnx").write_bytes(b"precious")
    with pytest.raises(Unsupported, match=r"out/a\.onnx: already there"):
        batch()
    assert (zoo / "out" / "a.onnx").read_bytes() == b"precious"
    assert statuses(batch(do=f"lower --overwrite {QUICK}"))["models/a.onnx"] == "done"
    assert (zoo / "out" / "a.onnx").read_bytes() != b"precious"


@pytest.mark.parametrize(
    ("patterns", "places"),
    [
        (["models/**/*.onnx"], ["a.onnx", "deep/er/b.onnx"]),
        (["./models/**/[ab].onnx"], ["a.onnx", "deep/er/b.onnx"]),
        (["models/deep/e?/*.onnx"], ["er/b.onnx"]),
        (["models/deep/er/b.onnx", "models/a.onnx"], ["b.onnx", "a.onnx"]),
        (["**/[ab].onnx"], ["models/a.onnx", "models/deep/er/b.onnx"]),
        (["models/a.onnx", "models/*.onnx"], ["a.onnx"]),
        (["models/odd[1].onnx"], ["odd[1].onnx"]),
        (["models/d*/er/*.onnx", "models/a.onnx"], ["deep/er/b.onnx", "a.onnx"]),
    ],
)
def test_a_result_has_the_models_path_below_the_first_wildcards_folder(
    zoo: Path, patterns: list[str], places: list[str]
) -> None:
    for each in ("deep/bad.onnx", "deep/data.onnx"):
        (zoo / "models" / each).unlink()
    (zoo / "models" / "odd[1].onnx").write_bytes((zoo / "models" / "a.onnx").read_bytes())
    if "odd[1].onnx" not in places:
        (zoo / "models" / "odd[1].onnx").unlink()
    found = batch(*patterns)
    assert [each.output for each in found] == [f"out/{place}" for place in places]
    assert all(Path(str(each.output)).is_file() for each in found)


def test_a_second_run_does_nothing_again(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = batch()
    written = {path: path.stat().st_mtime_ns for path in (zoo / "out").rglob("*.onnx")}
    monkeypatch.setattr(run_job, "run_job", None)
    second = batch()
    assert all(each.resumed for each in second)
    assert [each.to_dict() | {"resumed": False} for each in sorted(second, key=lambda each: each.model)] == [
        each.to_dict() for each in sorted(first, key=lambda each: each.model)
    ]
    assert {path: path.stat().st_mtime_ns for path in (zoo / "out").rglob("*.onnx")} == written


def test_a_second_run_does_what_is_missing_changed_or_to_be_tried_again(zoo: Path) -> None:
    batch()
    (zoo / "out" / "a.onnx").unlink()
    found = batch()
    assert [each.model for each in found if not each.resumed] == ["models/a.onnx"]
    assert (zoo / "out" / "a.onnx").is_file()
    (zoo / "models" / "deep" / "bad.onnx").write_bytes((zoo / "models" / "a.onnx").read_bytes())
    found = batch()
    assert {each.model: each.status for each in found if not each.resumed} == {"models/deep/bad.onnx": "done"}
    (zoo / "models" / "deep" / "bad.onnx").write_text("broken again", encoding="utf-8")
    (zoo / "out" / "deep" / "bad.onnx").unlink()
    assert statuses(batch())["models/deep/bad.onnx"] == "refused"
    assert [each.model for each in batch(retry_failed=True) if not each.resumed] == ["models/deep/bad.onnx"]


def test_data_beside_a_model_that_has_changed_is_noticed(zoo: Path) -> None:
    batch()
    assert all(each.resumed for each in batch())
    data = next((zoo / "models" / "deep").glob("*.weights"))
    data.write_bytes(data.read_bytes()[::-1])
    os.utime(data, ns=(1, 1))
    assert [each.model for each in batch() if not each.resumed] == ["models/deep/data.onnx"]
    assert all(each.resumed for each in batch())


def test_a_run_that_was_cut_off_anywhere_is_gone_on_with(zoo: Path) -> None:
    """After the result was written, and before the journal says so; or in the middle of a line."""
    whole = batch()
    journal = zoo / "out" / NAME
    lines = journal.read_bytes().splitlines(keepends=True)
    for cut in (b"".join(lines[:-1]), b"".join(lines)[:-30], b"".join(lines[:3]), b"".join(lines[:1])):
        journal.write_bytes(cut)
        for each in whole:
            if each.output is not None and json.dumps(each.output).encode() not in cut and b'"begun"' not in cut:
                Path(each.output).unlink()
        if cut.count(b'"begun"') < len(whole):  # what was not begun cannot have been written
            for each in whole:
                if each.output is not None and json.dumps(each.model).encode() not in cut:
                    Path(each.output).unlink()
        found = batch()
        assert statuses(found) == statuses(whole)
        assert len(found) == len(whole)


def test_results_are_no_models_of_the_next_run(zoo: Path) -> None:
    first = batch("**/*.onnx")
    second = batch("**/*.onnx")
    assert sorted(each.model for each in second) == sorted(each.model for each in first)
    assert all(each.resumed for each in second)
    first = batch("models/**/[ab].onnx", out="models/out")
    assert len(batch("models/**/[ab].onnx", out="models/out")) == len(first) == 2
    assert zoo.exists()


def test_a_file_that_the_line_names_is_a_part_of_what_was_done(zoo: Path) -> None:
    config = zoo / "settings.toml"
    config.write_text("[tool.gru-lower]\nform = 'scan'\n", encoding="utf-8")
    line = f"lower {QUICK} --overwrite --config {config}"
    first = batch("models/a.onnx", do=line)
    assert [each.report["sites"][0]["form"] for each in first if each.report] == ["scan"]
    assert all(each.resumed for each in batch("models/a.onnx", do=line))
    config.write_text("[tool.gru-lower]\nform = 'loop'\n# longer\n", encoding="utf-8")
    (again,) = batch("models/a.onnx", do=line)
    assert not again.resumed
    assert again.report is not None
    assert again.report["sites"][0]["form"] == "loop"


@pytest.mark.skipif(os.name != "posix", reason="such names are not for every system")
def test_odd_names_are_names(zoo: Path) -> None:
    names = [
        "a b.onnx",
        "-dash.onnx",
        "ü#%20.onnx",
        "x::y.onnx",
        "line\nbreak.onnx",
        os.fsdecode(b"\xff.onnx"),
        "'.onnx",
    ]
    for name in names:
        (zoo / "models" / "odd").mkdir(exist_ok=True)
        (zoo / "models" / "odd" / name).write_bytes((zoo / "models" / "a.onnx").read_bytes())
    found = batch("models/odd/*.onnx")
    assert {each.status for each in found} == {"done"}
    assert {path.name for path in (zoo / "out").glob("*.onnx")} == set(names)
    assert all(each.resumed for each in batch("models/odd/*.onnx"))


def test_one_journal_is_for_one_batch_at_a_time(zoo: Path) -> None:
    first = gru_lower.batch("models/*.onnx", do="lower", out="out", cluster="none")
    with first, pytest.raises(Unsupported, match="another batch writes it"):
        batch("models/*.onnx")
    assert zoo.exists()


def test_configuration_holds_as_for_the_command_alone(zoo: Path) -> None:
    (zoo / "pyproject.toml").write_text('[tool.gru-lower.lower]\nform = "scan"\n', encoding="utf-8")
    found = batch("models/a.onnx")
    assert found[0].report is not None
    assert {site["form"] for site in found[0].report["sites"]} == {"scan"}
    main.run(["lower", *QUICK.split(), "models/a.onnx", "-o", "alone.onnx"])
    assert Path("out/a.onnx").read_bytes() == Path("alone.onnx").read_bytes()


@pytest.mark.parametrize(
    ("kind", "code"), [("timeout", "GL955"), ("memory", "GL956"), ("crash", "GL957"), ("error", "GL957")]
)
def test_a_model_beyond_its_limits_is_a_finding(
    zoo: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, code: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RunFailure(kind, "it took longer than 1 s")

    monkeypatch.setattr(run_job, "ask", fail)
    found = batch("models/a.onnx")
    assert found[0].status == "findings"
    assert found[0].codes == [code]
    assert found[0].report is not None
    validator("report-1.json").validate(found[0].report)
    assert zoo.exists()


@pytest.mark.slow
def test_time_is_limited_and_the_next_model_is_done_all_the_same(zoo: Path) -> None:
    endless = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["": 17]> g (float[n] x) => (float[n] y) {
        trips = Constant<value = int64 {9000000000000000000}>()
        go = Constant<value = bool {1}>()
        y = Loop(trips, go, x) <body = step (int64 i, bool more, float[n] s) => (bool again, float[n] t) {
            again = Identity(more)  t = Add(s, s)
        }>
    }""")
    model = small_gru()
    endless.graph.node.extend(model.graph.node)
    for field in ("input", "output", "initializer"):
        getattr(endless.graph, field).extend(getattr(model.graph, field))
    onnx.save_model(endless, zoo / "models" / "endless.onnx")
    found = batch("models/endless.onnx", "models/a.onnx", time_limit=8.0)
    assert [each.codes for each in found] == [["GL955"], []]
    assert not [each for each in zoo.rglob("*") if each.name.endswith(".tmp")]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not enforce RLIMIT_DATA")
def test_memory_is_limited_and_the_next_model_is_done_all_the_same(zoo: Path) -> None:
    large = onnx.ModelProto()
    large.CopyFrom(small_gru())
    large.graph.initializer.add(name="ballast", data_type=1, dims=[1 << 26], raw_data=bytes(4 << 26))
    (zoo / "models" / "large.onnx").write_bytes(large.SerializeToString())
    found = batch("models/large.onnx", "models/a.onnx", memory=400 << 20, do=f"lower --no-verify {QUICK}")
    assert [each.codes for each in found] == [["GL956"], []]


def test_python_that_lacks_dask_says_what_to_install(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Unsupported, match="Dask is not installed") as refused:
        batch(cluster="local")
    assert "gru-lower[cluster]" in str(refused.value.hint)
    assert zoo.exists()


def test_what_is_refused_leaves_no_folder(zoo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(Unsupported, match="Dask is not installed"):
        batch(cluster="local", out="some/where")
    assert not (zoo / "some").exists()


def validator(name: str) -> jsonschema.Draft202012Validator:
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in SCHEMAS.glob("*.json")]
    registry: Any = Registry().with_resources((each["$id"], Resource.from_contents(each)) for each in documents)
    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    return jsonschema.Draft202012Validator(schema, registry=registry)


def test_the_command_shows_a_table_and_exits_1_if_one_failed(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--do", f"lower {QUICK}", "--out", "out", "--cluster", "none"]
    assert run("models/**/*.onnx", *words) == 1
    out, err = capsys.readouterr()
    assert "done          3" in out
    assert "refused       1" in out
    assert "error GL003: models/deep/bad.onnx: not a readable ONNX model" in err
    assert run("models/*.onnx", *words[:2], "--out", "other", *words[4:]) == 0
    assert zoo.exists()


def test_every_format_holds_every_model(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["models/**/*.onnx", "--do", f"lower {QUICK}", "--out", "out", "--cluster", "none", "--output-format"]
    models = sorted(each.relative_to(zoo).as_posix() for each in zoo.rglob("*.onnx"))
    assert run(*words, "json") == 1
    document = json.loads(capsys.readouterr().out)
    validator("batch-1.json").validate(document)
    assert [each["model"] for each in document["outcomes"]] == models
    assert document["models"] == 4
    assert document["failed"] == 1
    assert run(*words, "junit") == 1
    suites = ET.fromstring(capsys.readouterr().out)  # noqa: S314 - our own
    assert [suite.get("name") for suite in suites] == models
    assert suites.get("errors") == "1"
    assert run(*words, "sarif") == 1
    log = json.loads(capsys.readouterr().out)
    assert [each["location"]["uri"] for each in log["runs"][0]["artifacts"]] == models
    assert run(*words, "github") == 1
    assert "::error file=models/deep/bad.onnx" in capsys.readouterr().out


def without_times(text: str) -> str:
    return re.sub(r' time="[0-9.]+"', "", text)


def test_formats_say_of_a_model_what_the_command_alone_says(zoo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(ROOT / "fixtures" / "digits_gru.onnx", "digits.onnx")
    for name in ("junit", "sarif", "github"):
        main.run(["check", "digits.onnx", "--target", "mnn", "--output-format", name])
        expected = without_times(capsys.readouterr().out)
        run("digits.onnx", "--do", "check --target mnn", "--cluster", "none", "--output-format", name)
        assert without_times(capsys.readouterr().out) == expected
    assert zoo.exists()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_ended_keeps_what_is_done_and_resumes(zoo: Path, sent: signal.Signals) -> None:
    for number in range(5):
        onnx.save_model(small_gru(number), zoo / "models" / f"more{number:02}.onnx")
    words = [sys.executable, "-m", "gru_lower", "batch", "models/**/*.onnx", "--do", f"lower {QUICK}", "--out", "out"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(
        [*words, "--cluster", "none"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    until = time.monotonic() + 60
    while not list(zoo.glob("out/**/*.onnx")) and time.monotonic() < until:
        time.sleep(0.01)
    running.send_signal(sent)
    _, err = running.communicate(timeout=60)
    assert running.returncode == (130 if sent == signal.SIGINT else -sent)
    if sent != signal.SIGKILL:
        assert "run the same command again" in err
        assert not [each for each in zoo.rglob("*") if each.name.endswith(".tmp")]
    written = {path: path.stat().st_mtime_ns for path in zoo.glob("out/**/*.onnx")}
    found = batch()
    assert len(found) == 9
    assert any(each.resumed for each in found) or len(written) == 1
    assert sum(each.status == "done" for each in found) == 8
    kept = {each.output for each in found if each.resumed}
    assert all(path.stat().st_mtime_ns == at for path, at in written.items() if str(path.relative_to(zoo)) in kept)


def test_the_time_left_follows_the_pace_of_this_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("gru_lower.batching.tally.time.monotonic", lambda: clock[0])
    tally = Tally(10)
    assert tally.seconds_left is None
    for number in range(6):
        clock[0] += 0.0 if number < 2 else 30.0
        tally.add(Outcome(f"{number}", None, int(number == 5), None, None, 1.0, resumed=number < 2))
    assert tally.seconds_left == pytest.approx(120.0)
    assert progress_line(tally) == "6 of 10 models, 1 failed, 2 min 00 s left"
    assert [spelled(each) for each in (0.4, 59.2, 61, 7300)] == ["0 s", "59 s", "1 min 01 s", "2 h 01 min"]


def test_models_in_memory_and_in_archives_are_done_in_this_process(zoo: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for path in sorted((zoo / "models").rglob("*")):
        if path.is_file():
            memory.pipe_file(f"/zoo/{path.relative_to(zoo / 'models').as_posix()}", path.read_bytes())
    found = batch("memory://zoo/**/*.onnx", out="memory://results")
    assert {each.model.removeprefix("memory://"): each.status for each in found} == {
        "zoo/a.onnx": "done",
        "zoo/deep/bad.onnx": "refused",
        "zoo/deep/data.onnx": "done",
        "zoo/deep/er/b.onnx": "done",
    }
    local = batch()
    for each in local:
        if each.output is not None:
            assert memory.cat_file(f"/results/{each.output.removeprefix('out/')}") == Path(each.output).read_bytes()
    data = [path.name for path in (zoo / "out" / "deep").glob("*.data")]
    assert [path for path in memory.ls("/results/deep", detail=False) if path.endswith(".data")] == [
        f"/results/deep/{name}" for name in data
    ]
    assert all(each.resumed for each in batch("memory://zoo/**/*.onnx", out="memory://results"))
    shutil.make_archive("zoo", "zip", zoo / "models")
    found = batch("zip://deep/**/*.onnx::zoo.zip", out="unzipped")
    assert [each.output for each in found] == [None, "unzipped/data.onnx", "unzipped/er/b.onnx"]
    for name in ("data.onnx", "er/b.onnx"):
        assert Path("unzipped", name).read_bytes() == Path("out/deep", name).read_bytes()
    memory.rm("/zoo", recursive=True)
    memory.rm("/results", recursive=True)


def test_a_job_travels_as_json() -> None:
    job = Job(3, "a.onnx", "out/a.onnx", ("lower",), "/here", replace=False, mark="1 2", seconds=1.0, memory=5)
    assert Job.from_json(json.loads(json.dumps(job.to_dict()))) == job
    assert issubclass(type(gru_lower.batch), type(batch))
    assert Batch.__doc__
