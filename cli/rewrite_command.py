"""What lower, fuse and legalize have in common: their options, and reading, rewriting, writing and reporting."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gru_lower.cli import exclusive_options, parse_values, printing_options, write_result
from gru_lower.cli.library_flags import VERIFICATION, library_flags, library_options
from gru_lower.cli.report_output import current_output
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.api.options import RewritingOptions
    from gru_lower.cli.terminal import Terminal
    from gru_lower.errors import GruLowerError
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
            library_flags(options, "report", "evidence"),
            click.option("--dry-run", is_flag=True, help="Do everything but write."),
            click.option("--overwrite", is_flag=True, help="Allow replacing an existing file."),
            write_result.output_option(kind),
            library_flags(options, *names),
            click.argument("models", type=parse_values.MODEL, nargs=-1, required=True, metavar="MODEL..."),
        ):
            command = decorate(command)
        return command

    return lambda command: add(_with_process_ahead(command))


def _with_process_ahead(command: Callable[..., int]) -> Callable[..., int]:
    """Start the process that runs models before the command loads what it needs itself, which takes as long."""

    @functools.wraps(command)
    def wrapped(**o: Any) -> int:  # noqa: ANN401 - click's values
        from gru_lower.cli.named_models import refuse_missing
        from gru_lower.verification.worker.start_ahead import start_for_gru

        exclusive_options.refuse_overruled()
        refuse_missing(o["models"], f"name the output with -o; see {click.get_current_context().command_path} --help")
        if o["verify"]:
            start_for_gru(o["models"])
        return command(**o)

    return wrapped


@dataclass
class Rewritten:
    """What came of one model.

    Attributes:
        report: The report, with the file that was written.
        model: The model as it is now.
        terminal: Where it is reported.
        error: What else keeps it from being what was asked for.
        failed: Whether what came of it asks for exit code 1.

    """

    report: Report
    model: Model
    terminal: Terminal
    failed: bool
    error: GruLowerError | None = None


def rewrite(
    o: dict[str, Any],
    kind: str,
    options: type[O],
    call: Callable[[Model, O], Result[Any]],
    judge: Callable[[Rewritten], None] = lambda _: None,
    hint: Callable[[Rewritten, str], None] = lambda _, _path: None,
) -> int:
    """Read each model, rewrite it, write the result and report; return the exit code.

    Args:
        o: The command's option values.
        kind: What stands in the default name of a result: ``lowered``, ``fused``.
        options: The library's options of the call.
        call: The call, for a model that has been read already.
        judge: Says what else asks for exit code 1.
        hint: Tells a person what to do next with a model, by its path.

    """
    from gru_lower.cli.each_model import EachModel, Worked
    from gru_lower.cli.named_models import named_models
    from gru_lower.cli.render_rewrite import show_rewritten
    from gru_lower.cli.run import Run
    from gru_lower.cli.terminal import Terminal

    named = named_models(o["models"], o["output"], kind)
    terminal = Terminal(o, to_stderr=current_output().aside, aside=True)

    def work(mine: dict[str, Any]) -> Worked:
        done = _rewritten(mine, kind, options, call, terminal, is_last=not named.many)
        judge(done)
        path = str(mine["model"])

        def show() -> None:
            changed = done.model.modified
            show_rewritten(terminal, done.report, changed=changed, passes=o.get("passes"), target=o.get("target"))
            hint(done, path)

        return Worked(Run(path, done.report, done.error), done.failed, show)

    return EachModel(o, named, terminal).show_done(work)


def _rewritten(
    o: dict[str, Any],
    kind: str,
    options: type[O],
    call: Callable[[Model, O], Result[Any]],
    terminal: Terminal,
    *,
    is_last: bool,
) -> Rewritten:
    """Read one model, rewrite it and write the result."""
    from gru_lower.cli.progress_bar import progress_bar
    from gru_lower.isolation.ends_soon import ends_soon
    from gru_lower.rewriting.remaining_nodes import remaining_in
    from gru_lower.verification.worker.kept_processes import dismiss_kept

    model = parse_values.read_model(o["model"]).model
    outputs = write_result.choose_outputs(o, kind)
    with progress_bar(terminal) as progress:
        result = call(model, library_options(options, o, model.proto, progress=progress))
    if is_last and ends_soon():
        dismiss_kept()
    remains = bool(remaining_in(result.report))
    report = result.report if remains else write_result.write_result(o, outputs, result)
    verdict = report.verification.status
    unverified = o["require_verified"] and verdict != "equivalent" and model.modified
    return Rewritten(report, model, terminal, failed=bool(verdict == "different" or unverified or remains))
