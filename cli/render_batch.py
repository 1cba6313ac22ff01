"""What a batch came to: a table for a person, and the reports of all models for a program."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gru_lower.cli.run import sentence_of
from gru_lower.cli.spelled_time import spelled
from gru_lower.cli.tables import show_table
from gru_lower.report.run_report import SCHEMA_VERSION
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.batching.batch import Batch
    from gru_lower.batching.job import Status
    from gru_lower.batching.tally import Tally
    from gru_lower.cli.terminal import Terminal
    from gru_lower.errors import GruLowerError

MEANINGS: dict[Status, str] = {
    "done": "came out well",
    "findings": "something was found, or is left",
    "refused": "cannot be done",
    "failed": "a bug in gru-lower",
}
MOST_CODES = 6
"""How many codes a row of the table names."""


def show_summary(terminal: Terminal, tally: Tally, found: Batch) -> None:
    """Print what all models came to.

    Args:
        terminal: Where to.
        tally: The counts.
        found: The batch, of which a program reads every outcome.

    """
    if terminal.output_format == "json":
        terminal.output.write(batch_json(tally, found, None))
    else:
        terminal.write_report()
    if not terminal.for_person:
        return
    if not terminal.quiet:
        show_table(terminal, ("result", "models", "meaning", "codes"), _rows(tally), right=("models",))
    resumed = f", {tally.resumed} of them by an earlier run" if tally.resumed else ""
    models = f"{tally.done} model{'' if tally.done == 1 else 's'}"
    terminal.line(f"{models} in {spelled(tally.seconds)}{resumed}; journal: {found.journal.path}")


def show_ended_early(terminal: Terminal, tally: Tally, found: Batch) -> None:
    """Say what is done of a batch that ended early, and how to go on."""
    terminal.err.print(f"{tally.done} of {tally.total} models are done; journal: {found.journal.path}")
    terminal.err.print("  run the same command again: it resumes, and does nothing twice")


def _rows(tally: Tally) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for status, meaning in MEANINGS.items():
        if tally.by_status[status]:
            codes = ", ".join(f"{code} ({times})" for code, times in tally.codes[status].most_common(MOST_CODES))
            rows.append((status, str(tally.by_status[status]), meaning, codes))
    return rows


def batch_json(tally: Tally, found: Batch, error: GruLowerError | None) -> Iterator[str]:
    """Yield the document, an outcome at a time: schema/batch-1.json.

    Args:
        tally: The counts.
        found: The batch.
        error: What ended it early, ``None`` where nothing did.

    """
    head: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "tool": "gru-lower",
        "version": tool_version(),
        "command": "batch",
    }
    head |= {"models": tally.done, "failed": tally.failed, "journal": str(found.journal.path)}
    if error is not None:
        head["error"] = {"code": error.code, "message": sentence_of(error), "hint": error.hint}
    text = json.dumps(head, indent=2, allow_nan=False)
    yield f'{text.removesuffix("}").rstrip()},\n  "outcomes": ['
    for place, outcome in enumerate(found.outcomes()):
        yield f"{',' if place else ''}\n    {json.dumps(outcome.to_dict(), allow_nan=False)}"
    yield "\n  ]\n}\n"
