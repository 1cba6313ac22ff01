"""Do what a batch does with one model, within limits of time and memory: whatever becomes of it is an outcome."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any

from gru_lower.batching.command_process import ask
from gru_lower.batching.job import Outcome
from gru_lower.batching.storage import Staged, staged
from gru_lower.diagnostics import diagnostic
from gru_lower.errors import GruLowerError
from gru_lower.isolation.memory_limit import default_memory
from gru_lower.report.run_report import File, Report
from gru_lower.verification.result import not_run
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from pathlib import Path

    from gru_lower.batching.job import Job

BY_KIND = {"timeout": "GL955", "memory": "GL956"}
"""The codes of limits; any other end of the process is GL957."""
TIMES_TO_READ = 3
"""How many times its file a model takes in memory at least: as it is read, understood, and written."""
BLOCK = 1 << 20


def run_job(job: Job, attempts: int = 1) -> Outcome:
    """Do one job.

    Args:
        job: What is to be done.
        attempts: How often it has been begun, this time included; what an earlier one wrote is replaced.

    """
    started, written = time.monotonic(), None
    try:
        with staged(job) as files:
            answer = _answer(job, files, replace=job.replace or attempts > 1)
            report = answer["report"]
            if report is not None and report["output"] is not None:
                written = files.deliver(report["output"]["path"], replace=job.replace or attempts > 1)
                report["output"]["path"] = written
    except GruLowerError as error:
        said = {"code": error.code, "message": error.message, "hint": error.hint}
        answer, written = {"exit_code": error.exit_code, "report": None, "error": said}, None
    seconds = round(time.monotonic() - started, 3)
    return Outcome(job.model, written, answer["exit_code"], answer["report"], answer["error"], seconds, attempts)


def _answer(job: Job, files: Staged, *, replace: bool) -> dict[str, Any]:
    words = [*job.words, "--output-format", "json", "--output-file", "-"]
    if files.output is not None:
        words += ["-o", str(files.output)]
        words += ["--overwrite"] * (replace and "--overwrite" not in words)
    memory = job.memory or default_memory() // max(1, job.at_once)
    size = _size(files.model)
    if memory and size * TIMES_TO_READ > memory:  # protobuf would say of it that it is damaged
        failure = RunFailure("memory", f"the file has {size:,} bytes, and the process may hold {memory:,}")
        return _beyond_limits(job, files, failure)
    header = {"command": "run", "words": [*words, str(files.model)], "folder": job.folder}
    try:
        answer = ask(header, seconds=job.seconds, memory=memory)
    except RunFailure as failure:
        return _beyond_limits(job, files, failure)
    report, error = answer["report"], answer["error"]
    if report is not None:
        report["input"]["path"] = job.model
    if error is not None:
        said = {key: error[key] for key in ("code", "message", "hint")}
        answer["error"] = {key: value and files.named(value) for key, value in said.items()}
    return answer


def _beyond_limits(job: Job, files: Staged, failure: RunFailure) -> dict[str, Any]:
    """Return a report with the finding that a model took too long, too much, or the process with it."""
    found = diagnostic(BY_KIND.get(failure.kind, "GL957"), failure.message)
    report = Report(
        job.words[0], File(job.model, _digest(files.model)), not_run("the command was ended"), diagnostics=[found]
    )
    return {"exit_code": 1, "report": report.to_dict(), "error": None}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # which the command will say
        return 0


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
    except OSError:  # what is wrong with the file was not what ended it
        pass
    return digest.hexdigest()
