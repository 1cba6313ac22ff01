"""What each engine makes of the GRU node itself, as it was seen: one file per engine in ``seen/``.

``python -m tests_live.native ENGINE [EVERY]`` runs every cell, or every how-manieth, and writes the file anew.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests_live.measure import Table

FOLDER = Path(__file__).parent / "seen"
PLACE = re.compile(r"(?<![\w.])/(?:[\w.+-]+/)+")
"""The folder of a file that an engine names, which is another one each time."""


def read(engine: str) -> dict[str, str]:
    """Return the verdict of every cell by name."""
    seen = json.loads((FOLDER / f"{engine}.json").read_text(encoding="utf-8"))["cells"]
    return {cell: verdict for verdict, names in seen.items() for cell in names}


def write(engine: str, version: str, table: Table) -> None:
    """Write a file: the version, and the cells by verdict."""
    cells: dict[str, dict[str, str]] = {"right": {}, "wrong": {}, "rejected": {}}
    for name, verdict in table.items():
        cells[verdict.verdict][name] = PLACE.sub("", verdict.reason)[:200]
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps({"engine": engine, "version": version, "cells": cells}, indent=1)
    (FOLDER / f"{engine}.json").write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    from tests_live.engines import start
    from tests_live.grid import cells
    from tests_live.measure import measure_native

    every = int(sys.argv[2]) if sys.argv[2:] else 1
    with start(sys.argv[1]) as running:
        write(running.name, running.version, measure_native(running, cells()[::every]))
