"""What ends a run in the middle leaves a report with what is done so far."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ci_runs import FORMATS, ROOT, errors_in, folder, out, words
from gru_lower.batching.batch import Batch
from gru_lower.cli import parse_values
from gru_lower.cli.main import run
from schemas import held_to_schema
from test_formats import held_to_junit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["folder", "out"]


def test_ctrl_c_among_several_models_keeps_what_is_done(
    out: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = parse_values.read_model

    def until_found(path: Path) -> Any:
        if "found" in path.name:
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(parse_values, "read_model", until_found)
    assert run(["check", "models", "--output-format", "json"]) == 130
    document = held_to_schema(out())
    assert [each["input"]["path"] for each in document["reports"]] == ["models/a.onnx"]
    assert [(each["path"], each["code"]) for each in document["errors"]] == [
        ("models/deep/broken.onnx", "GL003"),
        ("models/deep/found.onnx", "GL975"),
    ]


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_a_report(sent: signal.Signals, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow.onnx")
    line = [sys.executable, "-m", "gru_lower", "check", "clean.onnx", "slow.onnx", "--output-format", "junit"]
    line += ["--output-file", "report.xml"]
    with subprocess.Popen(line, env=os.environ | {"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE) as process:
        with (tmp_path / "slow.onnx").open("wb"):  # which waits until it is read
            process.send_signal(sent)
        process.communicate(timeout=60)
    assert process.returncode == (130 if sent == signal.SIGINT else -sent)
    root = held_to_junit((tmp_path / "report.xml").read_text(encoding="utf-8"))
    assert [suite.get("name") for suite in root] == ["clean.onnx", "slow.onnx"]
    assert root[1].find("testcase/error[@type='GL975']") is not None


def test_a_configured_format_is_kept_where_the_words_are_wrong(out: Callable[[], str]) -> None:
    Path("pyproject.toml").write_text('[tool.gru-lower]\noutput-format = "json"\n')
    assert run(["check", "clean.onnx", "--nonsense"]) == 2
    assert errors_in("json", out()) == [(None, "GL008")]
    assert run(["check", "missing.onnx"]) == 2
    assert errors_in("json", out()) == [("missing.onnx", "GL001")]


def test_a_batch_that_is_interrupted_says_what_is_done(out: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Batch.__iter__

    def two(self: Batch) -> Iterator[Any]:
        for count, outcome in enumerate(whole(self)):
            yield outcome
            if count == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(Batch, "__iter__", two)
    for form in FORMATS:
        Path("gru-lower-batch.jsonl").unlink(missing_ok=True)
        assert run(words("batch", "models", form=form)) == 130
        text = out()
        said = errors_in(form, text)
        assert len(said) == 2, text  # broken.onnx, and the interrupt
