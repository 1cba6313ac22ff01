"""``python -m benchmarks huge --beside COMMAND``: huge models, side by side with another gru-lower.

Runs alternate between the two, each in a process of its own; what counts is the least CPU time and the least peak, so
that other work on the machine does not. What is compared are ratios, which hold on any machine.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import onnx

from benchmarks import huge_models, tables
from benchmarks.measure import say
from gru_lower.report.environment import environment

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.huge_models import Write

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 2
MB = 1_000_000
LOWER = ("lower", "--form", "scan", "--no-verify", "--overwrite", "-q")
FUSE = ("fuse", "--no-verify", "--overwrite", "-q")


MEASURE = """
import json, os, sys
null = os.open(os.devnull, os.O_RDWR)
streams = [(os.POSIX_SPAWN_DUP2, null, number) for number in (1, 2)]
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=streams)
_, status, used = os.wait4(pid, 0)
print(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss]))
"""
"""Runs a command and says what it took. A small process: the peak of a child begins at that of its parent."""


@dataclass(frozen=True)
class Job:
    """One command on models of a kind.

    Attributes:
        name: For people.
        command: The command and its options, without the model and ``-o``.
        write: Makes a model of so many GRUs, or nodes.
        sizes: How many.
        time: What part of the other's time it may take at the largest size, ``None`` for whatever it takes.
        memory: What part of the other's peak.

    """

    name: str
    command: Sequence[str]
    write: Write
    sizes: Sequence[int]
    time: float | None = None
    memory: float | None = None


class Taken(NamedTuple):
    """What one run took: CPU seconds, user and system, and the peak in MB."""

    seconds: float
    megabytes: float


def jobs(*, quick: bool) -> list[Job]:
    """Return what is run."""
    grus = (100, 1_000) if quick else (1_000, 10_000)
    nodes = (1_000, 3_000) if quick else (1_000, 10_000, 100_000)
    found = [
        Job("lower, weights of their own", LOWER, huge_models.own_weights, grus, 0.45, 0.5),
        Job("lower, one weight", LOWER, huge_models.one_weight, grus, 0.45, 0.5),
    ]
    found += [
        Job(f"{command[0]}, {kind.__name__}", command, kind, nodes, 0.6)
        for kind in (huge_models.unrelated, huge_models.unrolled, huge_models.constants)
        for command in (("inspect",), ("check",), FUSE)
    ]
    return found


def run(folder: Path, *, quick: bool, tolerance: float, beside: str) -> int:
    """Run every job on both, write huge.md and huge.json, print the verdicts; return 1 if a limit was missed."""
    rows, results, missed = [], [], False
    for job in jobs(quick=quick):
        for size in job.sizes:
            ours, theirs = measured(job, size, shlex.split(beside), rounds=1 if quick else ROUNDS)
            ratios = ours.seconds / theirs.seconds, ours.megabytes / theirs.megabytes
            word = "" if size != job.sizes[-1] else _verdict(ratios, job, tolerance)
            missed |= word == "missed"
            rows.append([job.name, f"{size:,}", f"{ours.seconds:.2f}", *_held(ratios, job), word])
            results.append({"job": job.name, "size": size, "ours": ours._asdict(), "theirs": theirs._asdict()})
            say(f"{job.name}, {size:,}")
    where = environment()
    header = ["", "GRUs or nodes", "CPU time, s", "of the other's time", "of its peak", ""]
    rounds = 1 if quick else ROUNDS
    page = (
        f"# Huge models\n\n{where['cpu']}, Python {where['python']}, onnx {where['onnx']}, {where['date']}. "
        f"The least of {rounds} runs that alternate with those of another gru-lower. Limits hold at the largest size. "
        f"Written by `python -m benchmarks huge --beside COMMAND`.\n\n{tables.table(header, rows)}\n"
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "huge.md").write_text(page, encoding="utf-8")
    document = json.dumps({"environment": where, "quick": quick, "runs": results}, indent=1)
    (folder / "huge.json").write_text(f"{document}\n", encoding="utf-8")
    print(page)
    return int(missed)


def measured(job: Job, size: int, beside: Sequence[str], *, rounds: int) -> tuple[Taken, Taken]:
    """Return the least that this tree and the other one take for a job."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        onnx.save(job.write(size), model)
        words = [*job.command, str(model)]
        if "--overwrite" in words:
            words += ["-o", str(model.with_name("out.onnx"))]
        commands = [sys.executable, "-m", "gru_lower"], beside
        runs = [[_run([*command, *words]) for command in commands] for _ in range(rounds)]
    least = [Taken(*map(min, zip(*side, strict=True))) for side in zip(*runs, strict=True)]
    return least[0], least[1]


def _run(words: Sequence[str]) -> Taken:
    """Run a command; it may have findings, no more. Each side finds its own package, whatever PYTHONPATH says."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    measuring = [sys.executable, "-S", "-c", MEASURE, *words]
    done = subprocess.run(measuring, cwd=ROOT, env=env, stdout=subprocess.PIPE, check=True)
    code, seconds, peak = json.loads(done.stdout)
    if code not in (0, 1):
        raise RuntimeError(f"{shlex.join(words)}: exit code {code}")
    return Taken(seconds, peak * (1 if sys.platform == "darwin" else 1024) / MB)


def _verdict(ratios: tuple[float, float], job: Job, tolerance: float) -> str:
    pairs = zip(ratios, (job.time, job.memory), strict=True)
    over = any(limit is not None and value > limit * (1 + tolerance) for value, limit in pairs)
    return "missed" if over else "reached"


def _held(ratios: tuple[float, float], job: Job) -> list[str]:
    limits = job.time, job.memory
    return [
        f"{value:.2f}" + ("" if limit is None else f" (≤ {limit:g})")
        for value, limit in zip(ratios, limits, strict=True)
    ]
