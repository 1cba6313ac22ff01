"""How far a batch is, while it runs: a bar with the time left, or a line now and then; and what fails, as it does."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gru_lower.cli.render_findings import STYLES
from gru_lower.cli.spelled_time import spelled
from gru_lower.cli.styled_text import Styled
from gru_lower.cli.terminal import is_watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gru_lower.batching.job import Outcome
    from gru_lower.batching.tally import Tally
    from gru_lower.cli.terminal import Terminal

SECONDS_BETWEEN_LINES = 30.0
"""How often a line is printed where nobody watches a bar."""


@contextmanager
def batch_progress(terminal: Terminal, tally: Tally) -> Iterator[Callable[[Outcome], None]]:
    """Show how far a batch is.

    Args:
        terminal: Where to show it.
        tally: What is done so far.

    Yields:
        What is to be called with each outcome, once it is counted.

    """
    if not is_watched(terminal):
        said = time.monotonic()

        def line(outcome: Outcome) -> None:
            nonlocal said
            _show_failed(terminal, outcome)
            if time.monotonic() >= said + SECONDS_BETWEEN_LINES:
                said = time.monotonic()
                terminal.remark(progress_line(tally))

        yield line
        return
    from gru_lower.cli.live_bar import live_bar  # only where somebody watches

    with live_bar(terminal) as show:

        def step(outcome: Outcome) -> None:
            _show_failed(terminal, outcome)
            failed = f", {tally.failed} failed" if tally.failed else ""
            show(f"models{failed}", tally.done, tally.total, tally.seconds_left or 0.0)

        yield step


def progress_line(tally: Tally) -> str:
    """Return how far a batch is, in a line."""
    return f"{tally.done} of {tally.total} models, {left_line(tally)}"


def left_line(tally: Tally) -> str:
    """Return how many failed, and how long the rest takes."""
    failed = f"{tally.failed} failed" if tally.failed else "none failed"
    left = tally.seconds_left
    return failed if left is None else f"{failed}, {spelled(left)} left"


def _show_failed(terminal: Terminal, outcome: Outcome) -> None:
    """Say what became of a model that did not come out well."""
    if not outcome.exit_code or outcome.resumed:
        return
    severity, code, reason = what_failed(outcome)
    text = Styled(f"{severity} {code}: ", STYLES[severity])
    text.append(f"{outcome.model}: {reason.removeprefix(f'{outcome.model}: ')}")
    terminal.err.print(text)


def what_failed(outcome: Outcome) -> tuple[str, str, str]:
    """Return why a model did not come out well: severity, code and a line."""
    if outcome.error is not None:
        return "error", outcome.error["code"] or "error", outcome.error["message"]
    report = outcome.report or {"diagnostics": [], "sites": [], "verification": {"status": "error", "message": ""}}
    open_ = [each for each in report["diagnostics"] if each["severity"] != "note" and not each.get("known")]
    found = [(each["severity"], each) for each in open_]
    found += [("warning", each) for each in report["sites"] if each["action"] == "kept" and each["code"]]
    if found:
        severity, first = found[0]
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        return severity, first["code"], f"{first['message']}{more}"
    verdict = report["verification"]
    return "error", verdict["status"], verdict["message"] or "it does not hold"
