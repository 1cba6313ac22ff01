"""What the commands that rewrite a model have in common: where the result goes, and what is said of it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_lower.cli import shared_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.cli.render_report import Talk
    from gru_lower.report.run_report import Report
    from gru_lower.rewriting.rewrite_model import Result


def writing(kind: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options that say where the result goes and what has to hold for that."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option(
                "--keep-different", is_flag=True, help="Write a result that differs, as MODEL.different.onnx."
            ),
            click.option("--require-verified", is_flag=True, help="Exit 1 if nothing could be verified."),
            click.option("--verify/--no-verify", default=True, show_default=True, help="Compare with the original."),
            click.option("--dry-run", is_flag=True, help="Do everything but write."),
            click.option("--overwrite", is_flag=True, help="Allow replacing an existing file."),
            click.option(
                "-o",
                "--output",
                type=click.Path(path_type=Path, allow_dash=True),
                help=f"Where to write; - is stdout.  [default: MODEL.{kind}.onnx]",
            ),
        ):
            command = option(command)
        return command

    return add


@dataclass
class Targets:
    """Where a result goes.

    Attributes:
        output: The file, or ``-``.
        if_different: The file for one that differs.

    """

    output: Path
    if_different: Path

    @property
    def piped(self) -> bool:
        """Whether stdout takes the model."""
        return str(self.output) == "-"


def targets(o: dict[str, Any], kind: str) -> Targets:
    """Find out where the result goes, and refuse a place that cannot take it before anything is done.

    Args:
        o: The command's option values.
        kind: What stands in the default name: ``lowered``, ``fused``.

    """
    from gru_lower.graph.model import check_target

    path = o["model"]
    named = o["output"] and Path(f"{str(o['output']).removesuffix('.onnx')}.different.onnx")
    found = Targets(shared_options.target(path, o["output"], kind), shared_options.target(path, named, "different"))
    if not found.piped and not o["dry_run"]:
        for target in (found.output, found.if_different) if o["keep_different"] else (found.output,):
            shared_options.refuse_same(path, target, overwrite=o["overwrite"])
            check_target(target, overwrite=o["overwrite"])
    return found


def finish(o: dict[str, Any], talk: Talk, found: Targets, result: Result) -> tuple[Report, bool]:
    """Write the result and say what became of the model.

    Args:
        o: The command's option values.
        talk: Who says it.
        found: Where it goes.
        result: What was done.

    Returns:
        The report, and whether the verdict asks for exit code 1.

    """
    from gru_lower.api import calls

    different, remains = result.report.verification.status == "different", bool(calls.remaining(result.report))
    report = result.report if remains else put(o, found, result)
    talk.lowered(report, changed=result.held.modified)
    unverified = o["require_verified"] and report.verification.status != "equivalent" and result.held.modified
    return report, bool(different or unverified or remains)


def put(o: dict[str, Any], found: Targets, result: Result) -> Report:
    """Write the result, unless that is not wanted or it differs; return the report, with the file that was written."""
    from gru_lower.api import calls
    from gru_lower.graph.model import save

    different = result.report.verification.status == "different"
    output = found.if_different if different and not found.piped else found.output
    if o["dry_run"] or (different and (found.piped or not o["keep_different"])):
        return result.report
    if found.piped:
        sys.stdout.buffer.write(result.held.to_bytes())
        sys.stdout.buffer.flush()
    else:
        save(result.held, output, overwrite=o["overwrite"])
    return calls.written(result.report, str(output), result.held)
