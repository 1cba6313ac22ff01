"""How long commands take that a person waits for, in multiples of importing onnx and onnxruntime."""

from __future__ import annotations

import compileall
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import gru_lower
from benchmarks.measure import say
from benchmarks.whole_models import SHARED

DIGITS = Path(__file__).resolve().parents[1] / "fixtures" / "digits_gru.onnx"
PACKAGE = Path(gru_lower.__file__).parent
IMPORTS = "python -c 'import onnx, onnxruntime'"
RUNS = 7


@dataclass
class Command:
    """A command.

    Attributes:
        name: What it is called on the page.
        words: What follows ``python``.
        limit: How many times as long as the imports it may take; ``None`` for the imports themselves.
        seconds: The CPU time of each run, its children's included.
        waited: The time that passed in each.

    """

    name: str
    words: list[str]
    limit: float | None
    seconds: list[float] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)


def run(folder: Path, *, quick: bool, tolerance: float) -> int:
    """Measure, write the results, and say what was missed.

    Args:
        folder: Where to write.
        quick: Whether to run each command twice.
        tolerance: How far beyond its limit a ratio may be, as a share.

    """
    compileall.compile_dir(PACKAGE, quiet=1)
    with tempfile.TemporaryDirectory() as place:
        commands = _commands(Path(place))
        for turn in range(2 if quick else RUNS):
            for command in commands:
                say(f"{command.name}, run {turn + 1}")
                seconds, waited = _taken(command.words)
                command.seconds.append(seconds)
                command.waited.append(waited)
    least, shortest = min(commands[0].seconds), min(commands[0].waited)
    rows = [(each, min(each.seconds) / least, min(each.waited) / shortest) for each in commands]
    folder.mkdir(parents=True, exist_ok=True)
    found = [
        {"name": each.name, "limit": each.limit, "ratio": round(ratio, 3), "waited": round(waited, 3)}
        for each, ratio, waited in rows
    ]
    (folder / "commands.json").write_text(json.dumps({"seconds": least, "rows": found}, indent=1) + "\n", "utf-8")
    lines = [
        f"| {each.name} | {ratio:.2f} | {waited:.2f} | {'' if each.limit is None else each.limit} |"
        for each, ratio, waited in rows
    ]
    said = (
        "# What commands take\n\n"
        f"CPU time, workers included, and the time that passes, in multiples of those of `{IMPORTS}`: the least of "
        f"{len(commands[0].seconds)} runs of each, one after the other in turn. onnxruntime loads in a process of its "
        "own, beside the command: with a second core at hand, less time passes than is worked. Modules are compiled "
        "already, as in what pip installs. Written by `python -m benchmarks commands`.\n\n"
        "| command | CPU time | time that passes | aimed at |\n|---|---:|---:|---:|\n"
    )
    (folder / "commands.md").write_text(said + "\n".join(lines) + "\n", "utf-8")
    print(*lines, sep="\n")
    return int(any(each.limit is not None and max(took) > each.limit * (1 + tolerance) for each, *took in rows))


def _commands(place: Path) -> list[Command]:
    tool = ["-m", "gru_lower"]

    def lowered(model: Path) -> list[str]:
        return [*tool, str(model), "-o", str(place / "lowered.onnx"), "--overwrite"]

    found = [
        Command(f"`{IMPORTS}`", ["-c", "import onnx, onnxruntime"], None),
        Command("`gru-lower --version`", [*tool, "--version"], 0.4),
        Command("`gru-lower inspect` of the digits", [*tool, "inspect", str(DIGITS)], 1.15),
        Command("`gru-lower check` of the digits", [*tool, "check", str(DIGITS)], 1.15),
        Command("`gru-lower lower` of the digits, verified", lowered(DIGITS), 1.8),
    ]
    for name, folder, limit in (
        ("GTCRN", "gtcrn_stream_simple", 2.2),
        ("AECMOS", "aecmos_Run_1663829550_Stage_0", 1.8),
    ):
        model = SHARED / "models" / folder / "model.onnx"
        if model.is_file():
            found.append(Command(f"`gru-lower lower` of {name}, verified", lowered(model), limit))
    return found


def _taken(words: list[str]) -> tuple[float, float]:
    """Return the CPU time of a process and of those it waited for, and the time that passed."""
    before, start = _worked(), time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return _worked() - before, time.perf_counter() - start


def _worked() -> float:
    """Return the CPU time of all processes that were waited for, to the microsecond."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
