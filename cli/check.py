"""``gru-lower check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_lower.api.options import CheckingOptions, FixingOptions
from gru_lower.cli import exclusive_options, explain_code, help_pages, parse_values, printing_options, write_result
from gru_lower.cli.library_flags import VERIFICATION, completed_by, library_flags, library_options
from gru_lower.cli.report_output import current_output
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from gru_lower.checking.baseline import Baseline
    from gru_lower.cli.each_model import Worked
    from gru_lower.cli.terminal import Terminal
    from gru_lower.graph.model import Model
    from gru_lower.report.run_report import Report

WRITING = ("output", "in_place", "overwrite", "dry_run", "keep_different")
"""What only makes sense with --fix."""


class CheckCommand(help_pages.Command):
    """A command whose ``--write-baseline`` may name the file, where nothing else does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let the word behind ``--write-baseline`` be the baseline, unless that is named already."""
        named = any(word.partition("=")[0] == "--baseline" for word in args) or ctx.lookup_default("baseline")
        spelled = []
        for word in args:
            flag, given, file = word.partition("=")
            if flag == "--write-baseline" and (given or not named):
                spelled += [flag, f"--baseline={file}" if given else "--baseline"]
            else:
                spelled.append(word)
        return super().parse_args(ctx, spelled)


@help_pages.command("check", cls=CheckCommand, short_help="Look for what would go wrong with a model, and mend it.")
@click.argument("models", type=parse_values.MODEL, nargs=-1, required=True, metavar="MODEL...")
@library_flags(CheckingOptions, "target", "select", "ignore", "baseline", "write_baseline")
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
    shell_complete=completed_by("codes"),
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
@library_flags(CheckingOptions, "report", "evidence")
@click.option("--overwrite", is_flag=True, help="Allow replacing an existing file.")
@write_result.output_option("fixed", "With --fix: ")
@library_flags(FixingOptions, *VERIFICATION)
@printing_options.report_printing
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Look for what would go wrong with MODELs: exporter bugs, ambiguities, what runtimes refuse or compute wrongly.

    Exit code 0: nothing was found but notes, or all of it was mended; 1: something was found. Codes are explained by
    --explain, and in docs/diagnostics.
    """
    from gru_lower.api.check import known_findings
    from gru_lower.cli.each_model import EachModel
    from gru_lower.cli.named_models import named_models
    from gru_lower.cli.render_check import show_checked
    from gru_lower.cli.terminal import Terminal

    refuse(o)
    named = named_models(o["models"], o["output"], "fixed" if o["fix"] and not o["in_place"] else "")
    output = current_output()
    terminal = Terminal(o, to_stderr=output.aside, aside=True)
    each = EachModel(o, named, terminal)
    known = known_findings(library_options(CheckingOptions, o))
    for _ in each.done(lambda mine: _run(mine, terminal, known)):
        pass
    if known is not None:
        for lost in known.lost_models():
            terminal.remark(f"{lost} is known in {known.path}, and not there any more; --write-baseline leaves it out")
    if known is not None and o["write_baseline"]:
        count = known.write()
        terminal.remark(f"Wrote {known.path}, {count} known finding{'' if count == 1 else 's'}")
    if terminal.for_person:
        flags = {"unsafe": o["unsafe_fixes"], "fixed": o["fix"], "tried": o["fix"] and not o["dry_run"]}
        show_checked(terminal, output.runs, **flags)
    each.write_reports()
    return 0 if o["exit_zero"] and each.exit_code == 1 else each.exit_code


def refuse(o: dict[str, Any]) -> None:
    """Refuse options that would do nothing, or harm.

    Raises:
        Unsupported: So it is.

    """
    exclusive_options.refuse_overruled()
    given = [name for name in WRITING if o[name] and not (name == "overwrite" and o["report"])]
    if given and not o["fix"]:
        flag = given[0].replace("_", "-")
        raise Unsupported(f"--{flag} without --fix: nothing would be written", code="GL008", hint="add --fix")


def _run(o: dict[str, Any], terminal: Terminal, known: Baseline | None) -> Worked:
    """Check one model, and mend it if that is asked for."""
    from gru_lower.api.check import judged
    from gru_lower.checking.check_model import findings
    from gru_lower.checking.finding_identity import with_contents
    from gru_lower.cli.each_model import Worked
    from gru_lower.cli.run import Run

    model = parse_values.read_model(o["model"]).model
    report, unverified = _fixed(o, model, terminal) if o["fix"] else (_checked(o, model, terminal), False)
    report = judged(report, model, library_options(CheckingOptions, o), known)
    if current_output().format == "sarif":  # no other format says what findings are made of
        report = with_contents(report, model)
    return Worked(Run(str(o["model"]), report), bool(findings(report) or unverified), lambda: None)


def _checked(o: dict[str, Any], model: Model, terminal: Terminal) -> Report:
    from gru_lower.api.check import wanted_codes
    from gru_lower.checking.check_model import check_model
    from gru_lower.cli.progress_bar import progress_bar

    options = library_options(CheckingOptions, o)
    wanted = wanted_codes(options)
    with progress_bar(terminal):
        return check_model(model, o["target"], wanted, evidence=options.wants_evidence)


def _fixed(o: dict[str, Any], model: Model, terminal: Terminal) -> tuple[Report, bool]:
    """Mend one model; return the report, and whether verification failed."""
    from gru_lower.api.fix import fixes_wanted
    from gru_lower.checking.fix_model import fix_model, unapplied
    from gru_lower.cli.progress_bar import progress_bar

    outputs = _outputs(o)
    options = library_options(FixingOptions, o, model.proto, unsafe=o["unsafe_fixes"])
    with progress_bar(terminal) as progress:
        how = options.how_to_verify()
        result = fix_model(model, fixes_wanted(options), how, progress, evidence=options.wants_evidence)
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
