"""``gru-lower check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_lower.api.options import CheckingOptions, FixingOptions
from gru_lower.cli import (
    exclusive_options,
    explain_code,
    option_precedence,
    parse_values,
    printing_options,
    write_result,
)
from gru_lower.cli.library_flags import VERIFICATION, library_flags, library_options
from gru_lower.errors import GruLowerError, Unsupported

if TYPE_CHECKING:
    from gru_lower.cli.run import Run
    from gru_lower.cli.terminal import Terminal
    from gru_lower.report.run_report import Report

WRITING = ("output", "in_place", "overwrite", "dry_run", "keep_different")
"""What only makes sense with --fix."""


@click.command("check", short_help="Look for what would go wrong with a model, and mend it.")
@click.argument("models", type=parse_values.MODEL, nargs=-1, required=True, metavar="MODEL...")
@library_flags(CheckingOptions, "target", "select", "ignore")
@click.option("--fix", is_flag=True, help="Mend what can be mended safely; writes MODEL.fixed.onnx.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix: mend the rest, too. Alone: count it as fixable.")
@click.option("--in-place", is_flag=True, help="With --fix: write over MODEL itself.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 whatever is found.")
@click.option(
    "--explain",
    metavar="CODE",
    is_eager=True,
    expose_value=False,
    callback=explain_code.explain,
    help="Print what a code means, and exit.",
)
@write_result.KEEP_DIFFERENT
@click.option(
    "--require-verified/--no-require-verified",
    default=True,
    show_default=True,
    help="Exit 1 if fixes could not be verified.",
)
@library_flags(FixingOptions, "verify")
@click.option("--dry-run", is_flag=True, help="With --fix: do everything but write.")
@click.option("--overwrite", is_flag=True, help="With --fix: allow replacing an existing file.")
@write_result.output_option("fixed", "With --fix: ")
@library_flags(FixingOptions, *VERIFICATION)
@printing_options.report_printing
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Look for what would go wrong with MODELs: exporter bugs, ambiguities, what runtimes refuse or compute wrongly.

    Exit code 0: nothing was found but notes, or all of it was mended; 1: something was found. Codes are explained by
    --explain, and in docs/diagnostics.
    """
    from gru_lower.cli.render_check import show_checked
    from gru_lower.cli.render_findings import show_error
    from gru_lower.cli.run import Run
    from gru_lower.cli.terminal import Terminal

    ctx = click.get_current_context()
    refuse(o)
    piped = o["fix"] and "-" in (str(o["output"]), *(str(path) for path in o["models"] if o["output"] is None))
    terminal = Terminal(o, to_stderr=piped, aside=True)
    runs, failed = [], False
    for path in o["models"]:
        mine = {**o, **option_precedence.overrides_for(ctx, str(path)), "model": path}
        try:
            run, bad = _run(mine, terminal)
        except GruLowerError as error:
            if len(o["models"]) == 1 and o["output_format"] in ("text", "json"):
                raise
            run, bad = Run(str(path), None, error), False
            show_error(error, terminal.err)
        runs.append(run)
        failed |= bad
    show_checked(terminal, runs, unsafe=o["unsafe_fixes"], fixed=o["fix"], tried=o["fix"] and not o["dry_run"])
    broken = max((run.error.exit_code for run in runs if run.error), default=0)
    return broken or int(failed and not o["exit_zero"])


def refuse(o: dict[str, Any]) -> None:
    """Refuse options that would do nothing, or harm.

    Raises:
        Unsupported: So it is.

    """
    exclusive_options.refuse_overruled()
    given = [name for name in WRITING if o[name]]
    if given and not o["fix"]:
        flag = given[0].replace("_", "-")
        raise Unsupported(f"--{flag} without --fix: nothing would be written", code="GL008", hint="add --fix")
    if len(o["models"]) > 1 and o["output"] is not None:
        raise Unsupported("-o names one file, and there are several models", code="GL008", hint="use --in-place")


def _run(o: dict[str, Any], terminal: Terminal) -> tuple[Run, bool]:
    """Check one model, and mend it if that is asked for; return what came of it, and whether something is wrong."""
    from gru_lower.checking.check_model import findings
    from gru_lower.cli.run import Run

    report, unverified = _fixed(o, terminal) if o["fix"] else (_checked(o, terminal), False)
    return Run(str(o["model"]), report), bool(findings(report) or unverified)


def _checked(o: dict[str, Any], terminal: Terminal) -> Report:
    from gru_lower.api.check import wanted_codes
    from gru_lower.checking.check_model import check_model
    from gru_lower.cli.progress_bar import progress_bar

    wanted = wanted_codes(library_options(CheckingOptions, o))
    model = parse_values.read_model(o["model"]).model
    with progress_bar(terminal):
        return check_model(model, o["target"], wanted)


def _fixed(o: dict[str, Any], terminal: Terminal) -> tuple[Report, bool]:
    """Mend one model; return the report, and whether verification failed."""
    from gru_lower.api.fix import fixes_wanted
    from gru_lower.checking.fix_model import fix_model, unapplied
    from gru_lower.cli.progress_bar import progress_bar

    model = parse_values.read_model(o["model"]).model
    outputs = _outputs(o)
    options = library_options(FixingOptions, o, model.proto, unsafe=o["unsafe_fixes"])
    with progress_bar(terminal) as progress:
        result = fix_model(model, fixes_wanted(options), options.how_to_verify(), progress)
    report = result.report
    if model.modified or o["output"] is not None:
        report = write_result.write_result({**o, "overwrite": o["overwrite"] or o["in_place"]}, outputs, result)
    if report.output is None:
        report = unapplied(report)
    status = report.verification.status
    return report, status == "different" or (o["require_verified"] and status == "inconclusive")


def _outputs(o: dict[str, Any]) -> write_result.Outputs:
    if not o["in_place"]:
        return write_result.choose_outputs(o, "fixed")
    if str(o["model"]) == "-":
        raise Unsupported("--in-place needs a file", code="GL008", hint="stdin's model goes to stdout, or to -o")
    path = Path(o["model"])
    return write_result.Outputs(path, path.with_name(f"{path.stem}.different.onnx"))
