"""Run the whole grid, native and lowered, in one engine, and write what came of every cell.

``python -m tests_live.measure ENGINE [-o FILE] [--forms scan,loop]``. The file says for every cell of ``native`` and of
each form of ``lowered``: the verdict, the reason, the largest error.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests_live.engines import KINDS, start
from tests_live.forms import FORMS, Refused
from tests_live.grid import cells
from tests_live.verdict import Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests_live.engine import Engine
    from tests_live.forms import Form
    from tests_live.grid import Cell

Table = dict[str, Verdict]


def measure_native(engine: Engine, chosen: Sequence[Cell] = ()) -> Table:
    """Run cells as they are, all if none are given."""
    table = {}
    for cell in chosen or cells():
        case = cell.case()
        table[cell.name] = judge(engine.run(case.model(), case.feeds()), case.expected(), case.dtype, engine.tolerance)
    return table


def in_form(engine: Engine, form: Form) -> Table:
    """Run every cell lowered."""
    table = {}
    for cell in cells():
        if not form.fits(cell):
            continue
        case = cell.case(**form.knobs)
        try:
            model = form.lowered(case)
        except Refused as refused:
            table[cell.name] = Verdict("refused", str(refused))
            continue
        table[cell.name] = judge(engine.run(model, case.feeds()), case.expected(), case.dtype, engine.tolerance)
    return table


def measure(name: str, forms: list[str]) -> dict[str, Any]:
    """Run it all; what has run so far is told on stderr."""
    with start(name) as engine:
        tables = {"native": measure_native(engine)}
        _say("native", tables["native"])
        for form in forms:
            began = time.monotonic()
            tables[form] = in_form(engine, FORMS[form])
            _say(f"{form} ({time.monotonic() - began:.0f} s)", tables[form])
    plain = {form: {cell: asdict(verdict) for cell, verdict in table.items()} for form, table in tables.items()}
    return {
        "engine": name,
        "version": engine.version,
        "machine": platform.machine(),
        "native": plain.pop("native"),
        "lowered": plain,
    }


def _say(title: str, table: Table) -> None:
    counts = Counter(verdict.verdict for verdict in table.values())
    print(f"{title}: {', '.join(f'{count} {verdict}' for verdict, count in counts.items())}", file=sys.stderr)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=sorted(KINDS))
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--forms", default=",".join(FORMS), help="forms to lower to; all by default")
    given = parser.parse_args()
    text = json.dumps(measure(given.engine, [form for form in given.forms.split(",") if form]), indent=1) + "\n"
    if given.output:
        given.output.write_text(text, encoding="utf-8")
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
