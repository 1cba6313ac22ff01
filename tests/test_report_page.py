"""Reports for people: ``--report`` writes a page or Markdown for every command, and nothing else changes."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnx
import pytest
from jsonschema import Draft202012Validator
from onnx import parser

import gru_lower
from gru_lower.cli.main import run
from gru_lower.errors import GruLowerError, Unsupported
from gru_lower.verification.worker import kept_processes
from report_reader import hold_page, read_page
from update_reports import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DIGITS = Path(__file__).resolve().parents[1] / "fixtures" / "digits_gru.onnx"
SCHEMA = json.loads(resources.files("gru_lower").joinpath("schema/report-1.json").read_text(encoding="utf-8"))
QUICK = ("--cases", "2", "--search", "0")
STREAMED = """<ir_version: 8, opset_import: ["": 17]>
g (float[T, 1, 3] x) => (float[T, 1, 1, 2] y)
<float[1, 6, 3] W = {1, 2, 3, -1, 0.5, 2, 1, 2, 0.5, -2, 1, 0, 1, 2, 3, -1, -2, -3},
 float[1, 6, 2] R = {1, 2, 3, -1, 0.5, 2, 1, 2, 0.5, -2, 1, 0}>
{ y = GRU <hidden_size = 2> (x, W, R) }"""
COMMANDS: dict[str, tuple[str, ...]] = {
    "lower": ("lower", "m.onnx", "-o", "out.onnx", *QUICK),
    "fuse": ("fuse", "lowered.onnx", "-o", "out.onnx", *QUICK),
    "legalize": ("legalize", "m.onnx", "--target", "mnn", "-o", "out.onnx", *QUICK),
    "stream": ("stream", "m.onnx", "-o", "out.onnx"),
    "quantize": ("quantize", "m.onnx", "--all", "-o", "out.onnx", *QUICK),
    "verify": ("verify", "m.onnx", "lowered.onnx", *QUICK),
    "check": ("check", "m.onnx"),
}

Said = tuple[int, str, str]


@pytest.fixture(scope="module", autouse=True)
def _end_processes() -> Iterator[None]:
    yield
    kept_processes.end_kept()


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the command line in a folder with a model and what it is lowered to."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    onnx.save(parser.parse_model(STREAMED), "m.onnx")
    gru_lower.lower("m.onnx", form="loop", verify=False).save("lowered.onnx")

    def do(*words: object) -> Said:
        capsys.readouterr()
        code = run([str(word) for word in words])
        return code, *capsys.readouterr()

    return do


def evidence_of(out: str) -> dict[str, Any]:
    """Return the evidence of a JSON report that was held to its schema."""
    report = json.loads(out)
    Draft202012Validator(SCHEMA).validate(report)
    evidence: dict[str, Any] = report["evidence"]
    return evidence


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_writes_a_page_and_the_same_as_markdown(call: Callable[..., Said], command: str) -> None:
    words = [*COMMANDS[command], "--overwrite"] if command in {"check", "verify"} else [*COMMANDS[command]]
    code, out, _ = call(*words, "--report", "r.html", "--output-format", "json")
    assert code in {0, 1}
    page = hold_page(Path("r.html"))
    found = json.loads(out)
    Draft202012Validator(SCHEMA).validate(found)
    Path("out.onnx").unlink(missing_ok=True)
    again, text, said = call(*COMMANDS[command], "--report", "-")
    assert again == code
    assert text.startswith("# gru-lower ")
    assert command == "check" or "Verification: " in said
    headings = re.findall(r"(?m)^## (.*)$", text)
    assert headings[0] == "What was found and done"
    assert {"What the verdict rests on", "Cost"} <= set(headings)
    for heading in headings:
        assert heading in page.text
    for diagnostic in found["diagnostics"]:
        assert diagnostic["code"] in page.text
        assert diagnostic["code"] in text
    for site in found["sites"]:
        assert site["site"] in page.text


def test_a_report_that_is_there_is_kept_and_the_hint_names_the_flags(call: Callable[..., Said]) -> None:
    Path("r.html").write_text("mine", encoding="utf-8")
    code, _, said = call("lower", "m.onnx", "--dry-run", "--report", "r.html")
    assert code == 2
    assert "choose another --report, or allow it with --overwrite" in said
    assert Path("r.html").read_text(encoding="utf-8") == "mine"


def test_nothing_else_changes(call: Callable[..., Said]) -> None:
    words = ("lower", "m.onnx", "--no-verify", "--output-format", "json")  # what is drawn depends on time, too
    _, plain, _ = call(*words, "-o", "a.onnx")
    _, shown, _ = call(*words, "-o", "b.onnx", "--report", "r.md")
    assert Path("a.onnx").read_bytes() == Path("b.onnx").read_bytes()
    usual, more = json.loads(plain), json.loads(shown)
    assert "evidence" not in usual
    del more["evidence"]
    more["output"]["path"] = "a.onnx"
    assert usual == more


def test_a_page_holds_what_the_verdict_rests_on(call: Callable[..., Said]) -> None:
    _, out, _ = call(*COMMANDS["lower"], "--report", "r.html", "--output-format", "json")
    found = evidence_of(out)
    (y,) = found["outputs"]
    assert sum(each["count"] for each in y["decades"]) + y["same"] + y["not_finite"] == y["count"] > 0
    assert y["over_time"] is None or y["over_time"]["axis"] == 0
    assert y["side_by_side"]["values"].keys() == {"before", "after"}
    (cost,) = found["grus"]
    assert (cost["weights"], cost["macs_by_step"], cost["macs"]) == (6 * 3 + 6 * 2, 6 * 3 + 6 * 2, None)
    assert found["latency"]["before"]["median"] > 0
    assert found["sizes"]["before"] == Path("m.onnx").stat().st_size
    text = hold_page(Path("r.html")).text
    for said in ("30 × T", "Latency of one run", "Errors of y by size", "side by side", "What was not covered"):
        assert said in text or (said == "Errors of y by size" and "the very same" in text)


def test_a_verification_that_fails_shows_where(call: Callable[..., Said]) -> None:
    model = onnx.load("m.onnx")
    other = parser.parse_model(STREAMED.replace("0.5", "0.55"))
    onnx.save(other, "other.onnx")
    code, out, _ = call("verify", "m.onnx", "other.onnx", *QUICK, "--report", "r.html", "--output-format", "json")
    assert code == 1
    (y,) = evidence_of(out)["outputs"]
    worst = y["worst"]
    assert abs(abs(worst["expected"] - worst["actual"]) - max(each["largest"] for each in y["by_case"])) < 1e-6
    assert y["over_time"]["axis"] == 0
    assert max(y["over_time"]["values"]["error"]) == max(each["largest"] for each in y["by_case"])
    page = hold_page(Path("r.html"))
    assert "Different" in page.text
    assert "The least tolerance that passes" in page.text
    assert f"case {worst['case']}, at {worst['index']}" in page.text
    assert model.graph.node[0].op_type in page.text


def test_what_a_stream_says_is_shown(call: Callable[..., Said]) -> None:
    call(*COMMANDS["stream"], "--report", "r.md")
    text = Path("r.md").read_text(encoding="utf-8")
    assert "Lag and warm-up, by output" in text
    assert "pushed 1 at a time" in text
    assert "| after, one push |" in text


def test_what_an_int8_model_loses_is_shown(call: Callable[..., Said]) -> None:
    call("quantize", DIGITS, "--all", "-o", "q.onnx", *QUICK, "--report", "r.html")
    text = hold_page(Path("r.html")).text
    assert "signal to noise, dB" in text
    assert "How faithful the quantised model is, by output" in text


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--report", "r.pdf"), "r.pdf: is no name for a report"),
        (("--report", "r"), "r: is no name for a report"),
        (("--report", "nowhere/r.html"), "nowhere"),
        (("--report", "there.html"), "there.html"),
        (("--report", "m.html", "-o", "m.html"), "m.html: is named for something else, too"),
        (("--report", "-", "--output-format", "json"), "--report -: --output-format json goes to stdout, too"),
    ],
)
def test_a_report_that_cannot_go_there_is_refused_at_once(
    call: Callable[..., Said], words: tuple[str, ...], says: str
) -> None:
    Path("there.html").touch()
    code, _, said = call("lower", "m.onnx", "-o", "out.onnx", *words)
    assert code == 2
    assert says in said
    assert "hint: " in said
    assert not Path("out.onnx").exists()
    assert not Path("there.html").read_bytes()


def test_what_cannot_be_done_has_a_page_that_says_so(call: Callable[..., Said]) -> None:
    Path("bad.onnx").write_text("no model", encoding="utf-8")
    code, _, _ = call("lower", "bad.onnx", "--report", "r.html")
    assert code == 2
    page = hold_page(Path("r.html"))
    assert "Not done" in page.text
    assert "code-GL003" in page.ids
    onnx.save(parser.parse_model(STREAMED.replace("<hidden", '<direction = "reverse", hidden')), "reverse.onnx")
    code, text, _ = call("stream", "reverse.onnx", "--report", "-")
    assert code
    assert text.startswith("# gru-lower stream: reverse.onnx")
    assert "GL854" in text


def test_what_a_call_cannot_do_has_a_page_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.onnx").write_text("no model", encoding="utf-8")
    for call in (gru_lower.lower, gru_lower.fuse, gru_lower.check, gru_lower.stream):
        with pytest.raises(GruLowerError):
            call("bad.onnx", report="r.html")
        page = hold_page(Path("r.html"))
        assert "Not done" in page.text
        assert "code-GL003" in page.ids
        Path("r.html").unlink()
    with pytest.raises(GruLowerError):
        gru_lower.verify("bad.onnx", "m.onnx", report="r.md")
    assert Path("r.md").read_text(encoding="utf-8").startswith("# gru-lower verify: bad.onnx")
    with pytest.raises(GruLowerError):
        gru_lower.lower(parser.parse_model(STREAMED), target="nobody", report="again.md")
    said = Path("again.md").read_text(encoding="utf-8")
    assert "a model in memory" in said
    assert "nobody" in said


def test_a_model_and_a_report_do_not_share_stdout(call: Callable[..., Said]) -> None:
    code, _, said = call("lower", "m.onnx", "-o", "-", "--report", "-")
    assert code == 2
    assert "--report -: the model goes to stdout, too" in said


def test_the_library_writes_it_too(call: Callable[..., Said]) -> None:
    gru_lower.lower("m.onnx", report=Path("a.html"), cases=2, search=0)
    gru_lower.verify("m.onnx", "lowered.onnx", report="b.md", cases=2, search=0)
    gru_lower.check("m.onnx", report="c.html")
    gru_lower.fix("m.onnx", report="d.html", verify=False)
    gru_lower.legalize("m.onnx", target="mnn", report="e.html", cases=2, search=0)
    for name in "acde":
        hold_page(Path(f"{name}.html"))
    assert "**Equivalent**" in Path("b.md").read_text(encoding="utf-8")
    with pytest.raises(Unsupported, match="stdout is the command line's"):
        gru_lower.lower("m.onnx", report="-")
    assert call("check", "m.onnx")[0] == 0


def test_a_notebook_shows_the_core(call: Callable[..., Said]) -> None:
    result = gru_lower.lower("m.onnx", cases=2, search=0)
    shown: list[str | None] = [
        result._repr_html_(),
        gru_lower.check("m.onnx")._repr_html_(),
        gru_lower.verify("m.onnx", result.model, cases=2, search=0)._repr_html_(),
    ]
    for html in shown:
        assert html
        page = read_page(html)
        assert not page.broken
        assert not page.links
        assert not page.loads
        assert not {"script", "style"} & page.tags.keys()
        assert "m.onnx" in page.text
    assert "Equivalent" in (shown[0] or "")
    assert call("check", "m.onnx")[0] == 0


def test_a_notebook_shows_what_was_timed_and_what_came_of_many_models(call: Callable[..., Said]) -> None:
    Path("broken.onnx").write_bytes(b"no model")
    timed = gru_lower.bench("m.onnx", seconds=0.05)._repr_html_()
    whole, broken = list(gru_lower.batch(["m.onnx", "broken.onnx"], do="inspect", cluster="none"))
    for html, words in (
        (timed, ("m.onnx", " ms", "times A")),
        (whole._repr_html_(), ("m.onnx",)),
        (broken._repr_html_(), ("GL003",)),
    ):
        page = read_page(html)
        assert not page.broken
        assert "table" in page.tags
        assert [word for word in words if word not in page.text] == [], page.text
    assert call("check", "m.onnx")[0] == 0


def test_many_models_have_an_index_and_a_page_each(call: Callable[..., Said]) -> None:
    Path("zoo").mkdir()
    for name in ("a", "b <i>&amp;<i>"):
        onnx.save(parser.parse_model(STREAMED), f"zoo/{name}.onnx")
    Path("zoo/c.onnx").write_text("no model", encoding="utf-8")
    do = f"lower {' '.join(QUICK)}"
    words = ("batch", "zoo/*.onnx", "--do", do, "--out", "o", "--cluster", "none")
    code, _, said = call(*words, "--report", "index.html")
    assert code == 1
    assert "Report: index.html" in said
    page = hold_page(Path("index.html"))
    assert "i" not in page.tags
    assert "b <i>&amp;<i>.onnx" in page.text
    pages = sorted(Path("index_pages").iterdir())
    assert [each.name for each in pages] == ["0001-a.html", "0002-b-i-amp-i.html"]
    for each in pages:
        assert "../index.html" in hold_page(each).links
        assert "Latency of one run" in each.read_text(encoding="utf-8")
    index = Path("index.html").read_text(encoding="utf-8")
    assert 'data-keys="refused GL003"' in index
    assert call(*words, "--report", "index.html")[0] == 2
    assert call(*words, "--report", "index.html", "--overwrite")[0] == 1
    assert "zoo/c.onnx" in call(*words, "--report", "-")[1]
    assert call("lower", "zoo/a.onnx", "zoo/b <i>&amp;<i>.onnx", "-o", "p", *QUICK, "--report", "two.html")[0] == 0
    assert len(list(Path("two_pages").iterdir())) == 2
    (refused,) = [call(*words[:2], "--do", f"{do} --report x.html", *words[4:], "--out", "n")]
    assert refused[0] == 2
    assert "--report is batch's own" in refused[2]


def test_a_batch_that_is_done_can_be_reported_on(call: Callable[..., Said]) -> None:
    words = ("batch", "m.onnx", "--do", f"lower {' '.join(QUICK)}", "--out", "o", "--cluster", "none")
    assert call(*words)[0] == 0
    assert call(*words, "--report", "r.html")[0] == 0
    assert "Latency of one run" in next(Path("r_pages").iterdir()).read_text(encoding="utf-8")


def test_the_reports_in_the_documents_are_whole() -> None:
    shown = sorted((DIGITS.parents[1] / "docs" / "reports").glob("*.html"))
    assert {each.stem for each in shown} == {*MODELS, "different"}
    for each in shown:
        page = hold_page(each)
        assert ("Different" in page.text) == (each.stem == "different")
        assert page.tags["svg"] > 3  # made with pygraphviz, and not without
        assert ".onnx" in page.text
        assert str(Path.home()) not in page.text


def test_a_batch_of_the_library_writes_its_index(call: Callable[..., Said]) -> None:
    found = gru_lower.batch("m.onnx", do="check", cluster="none", report="all.html")
    assert [each.status for each in found] == ["done"]
    assert len(hold_page(Path("all.html")).links) > 1
    assert call("check", "m.onnx")[0] == 0
