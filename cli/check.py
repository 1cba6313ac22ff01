"""``gru-lower check``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_lower.cli import explain_code, pyproject_config, shared_options, write_result
from gru_lower.errors import GruLowerError, Unsupported

if TYPE_CHECKING:
    from gru_lower.cli.render_report import Talk
    from gru_lower.cli.report_formats import Run

WRITING = ("output", "in_place", "overwrite", "dry_run", "keep_different")
"""What only makes sense with --fix."""


def _codes(_ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read GL711,GL72."""
    return tuple(code.strip().upper() for value in values for code in value.split(",") if code.strip())


@click.command("check", short_help="Look for what would go wrong with a model, and mend it.")
@click.argument("models", type=shared_options.MODEL, nargs=-1, required=True, metavar="MODEL...")
@click.option("--target", metavar="NAME|FILE", help="Also what a target would reject, or compute wrongly.")
@click.option("--select", multiple=True, metavar="CODE", callback=_codes, help="Look for these codes only: GL711,GL72.")
@click.option("--ignore", multiple=True, metavar="CODE", callback=_codes, help="Do not look for these codes.")
@click.option("--fix", is_flag=True, help="Mend what can be mended safely; writes MODEL.fixed.onnx.")
@click.option("--unsafe-fixes", is_flag=True, help="With --fix: mend the rest, too. Alone: count it as fixable.")
@click.option("--in-place", is_flag=True, help="With --fix: write over MODEL itself.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 whatever is found.")
@click.option("--explain", metavar="CODE", is_eager=True, expose_value=False, callback=explain_code.explain,
              help="Print what a code means, and exit.")  # fmt: skip
@click.option("--keep-different", is_flag=True, help="Write a result that differs, as MODEL.different.onnx.")
@click.option("--require-verified/--no-require-verified", default=True, show_default=True,
              help="Exit 1 if fixes could not be verified.")  # fmt: skip
@click.option("--verify/--no-verify", default=True, show_default=True, help="Compare before and after fixes.")
@click.option("--dry-run", is_flag=True, help="With --fix: do everything but write.")
@click.option("--overwrite", is_flag=True, help="With --fix: allow replacing an existing file.")
@click.option("-o", "--output", type=click.Path(path_type=Path, allow_dash=True),
              help="With --fix: where to write; - is stdout.  [default: MODEL.fixed.onnx]")  # fmt: skip
@shared_options.verification
@shared_options.rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Look for what would go wrong with MODELs: exporter bugs, ambiguities, what runtimes refuse or compute wrongly.

    Exit code 0: nothing was found but notes, or all of it was mended; 1: something was found. Codes are explained by
    --explain, and in docs/diagnostics.
    """
    from gru_lower.cli import render_report
    from gru_lower.cli.report_formats import Run

    ctx = click.get_current_context()
    _refuse(o)
    piped = o["fix"] and "-" in (str(o["output"]), *(str(path) for path in o["models"] if o["output"] is None))
    talk = render_report.Talk(o, to_stderr=piped)
    runs, failed = [], False
    for path in o["models"]:
        mine = {**o, **pyproject_config.overrides(ctx, str(path)), "model": path}
        try:
            run, bad = _checked(mine, talk)
        except GruLowerError as error:
            if len(o["models"]) == 1 and o["output_format"] in ("text", "json"):
                raise
            run, bad = Run(str(path), None, error), False
            talk.broken(run)
        runs.append(run)
        failed |= bad
    talk.checked(runs, unsafe=o["unsafe_fixes"], fixed=o["fix"])
    broken = max((run.error.exit_code for run in runs if run.error), default=0)
    return broken or int(failed and not o["exit_zero"])


def _refuse(o: dict[str, Any]) -> None:
    """Refuse options that would do nothing, or harm.

    Raises:
        Unsupported: So it is.

    """
    shared_options.refuse_both("--inputs", ("--shape",))
    shared_options.refuse_both("--output", ("--in-place",))
    given = [name for name in WRITING if o[name]]
    if given and not o["fix"]:
        flag = given[0].replace("_", "-")
        raise Unsupported(f"--{flag} without --fix: nothing would be written", code="GL008", hint="add --fix")
    if len(o["models"]) > 1 and o["output"] is not None:
        raise Unsupported("-o names one file, and there are several models", code="GL008", hint="use --in-place")


def _checked(o: dict[str, Any], talk: Talk) -> tuple[Run, bool]:
    """Check one model, and mend it if that is asked for; return what came of it, and whether something is wrong."""
    from gru_lower.api import calls
    from gru_lower.cli.report_formats import Run
    from gru_lower.interop import read

    wanted = calls.CodeSelection(tuple(o["select"]), tuple(o["ignore"]))
    held = read(shared_options.source(o["model"])).model
    if not o["fix"]:
        with talk.progress():
            report = calls.check_model(held, o["target"], wanted)
        return Run(str(o["model"]), report), bool(calls.findings(report))
    found = _target(o)
    how = shared_options.verify_options(o, held.proto) if o["verify"] else None
    with talk.progress() as progress:
        result = calls.fix_model(held, calls.FixOptions(o["target"], wanted, o["unsafe_fixes"]), how, progress)
    report = result.report
    if held.modified or o["output"] is not None:
        report = write_result.put({**o, "overwrite": o["overwrite"] or o["in_place"]}, found, result)
    if report.output is None:
        report = calls.unapplied(report)
    status = report.verification.status
    bad = status == "different" or (o["require_verified"] and status == "inconclusive")
    return Run(str(o["model"]), report), bool(calls.findings(report) or bad)


def _target(o: dict[str, Any]) -> write_result.Targets:
    if not o["in_place"]:
        return write_result.targets(o, "fixed")
    if str(o["model"]) == "-":
        raise Unsupported("--in-place needs a file", code="GL008", hint="stdin's model goes to stdout, or to -o")
    path = Path(o["model"])
    return write_result.Targets(path, path.with_name(f"{path.stem}.different.onnx"))
