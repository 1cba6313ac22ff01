"""What lower, fuse and legalize have in common: their options, and reading, rewriting, writing and reporting."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from gru_lower.cli import exclusive_options, parse_values, printing_options, write_result
from gru_lower.cli.library_flags import VERIFICATION, library_flags, library_options

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.api.options import RewritingOptions
    from gru_lower.cli.terminal import Terminal
    from gru_lower.graph.model import Model
    from gru_lower.report.run_report import Report
    from gru_lower.rewriting.result import Result

O = TypeVar("O", bound="RewritingOptions")


def rewrite_flags(options: type, kind: str, *names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the argument MODEL and the flags of a command that rewrites it.

    Args:
        options: The library's options of the call.
        kind: What stands in the default name of the result: ``lowered``, ``fused``.
        names: The options that are the command's own, in the order of --help.

    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorate in (
            printing_options.report_printing,
            library_flags(options, *VERIFICATION, "search"),
            write_result.KEEP_DIFFERENT,
            click.option("--require-verified", is_flag=True, help="Exit 1 if nothing could be verified."),
            library_flags(options, "verify"),
            click.option("--dry-run", is_flag=True, help="Do everything but write."),
            click.option("--overwrite", is_flag=True, help="Allow replacing an existing file."),
            write_result.output_option(kind),
            library_flags(options, *names),
            click.argument("model", type=parse_values.MODEL),
        ):
            command = decorate(command)
        return command

    return add


class Outcome(NamedTuple):
    """What came of a rewrite.

    Attributes:
        report: The report, with the file that was written.
        model: The model as it is now.
        terminal: Where it was reported.
        failed: Whether the verdict asks for exit code 1, or what remains.

    """

    report: Report
    model: Model
    terminal: Terminal
    failed: bool


def rewrite(o: dict[str, Any], kind: str, options: type[O], call: Callable[[Model, O], Result]) -> Outcome:
    """Read the model, rewrite it, write the result and report.

    Args:
        o: The command's option values.
        kind: What stands in the default name of the result: ``lowered``, ``fused``.
        options: The library's options of the call.
        call: The call, for a model that has been read already.

    """
    from gru_lower.cli.progress_bar import progress_bar
    from gru_lower.cli.render_rewrite import show_rewritten
    from gru_lower.cli.terminal import Terminal
    from gru_lower.rewriting.remaining_nodes import remaining_in

    exclusive_options.refuse_overruled()
    model = parse_values.read_model(o["model"]).model
    outputs = write_result.choose_outputs(o, kind)
    terminal = Terminal(o, to_stderr=outputs.piped, aside=True)
    with progress_bar(terminal) as progress:
        result = call(model, library_options(options, o, model.proto, progress=progress))
    remains = bool(remaining_in(result.report))
    report = result.report if remains else write_result.write_result(o, outputs, result)
    show_rewritten(terminal, str(o["model"]), report, changed=model.modified)
    verdict = report.verification.status
    unverified = o["require_verified"] and verdict != "equivalent" and model.modified
    return Outcome(report, model, terminal, failed=bool(verdict == "different" or unverified or remains))
