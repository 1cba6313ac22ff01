"""``gru-lower legalize``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import shared_options, write_result


@click.command("legalize", short_help="Rewrite GRU nodes into those a target takes.")
@click.argument("model", type=shared_options.MODEL)
@click.option(
    "--target", required=True, metavar="NAME|FILE", help="The profile to legalise for; see gru-lower targets."
)
@click.option(
    "--allow-cast", is_flag=True, help="Compute GRUs of a type the target does not take in the first it does."
)
@click.option(
    "--zero-length-state",
    type=click.Choice(["zero", "initial"]),
    default="zero",
    show_default=True,
    help="Y_h of a sequence of length 0.",
)
@click.option(
    "--fix-dim",
    "fix_dims",
    multiple=True,
    metavar="NAME=N",
    callback=shared_options.fixed_dims,
    help="Make a dim of the inputs static first: batch=1, or X:0=1; repeatable.",
)
@click.option("--opset", type=click.IntRange(1), metavar="N", help="Convert the whole model to this opset first.")
@write_result.writing("legalized")
@shared_options.verification
@shared_options.rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Rewrite every GRU of MODEL into GRUs that the target runs right, lower only what is left, and verify the result.

    What is written holds nothing the target does not take. Where that cannot be, nothing is written, each node is named
    with the limit and the flag that would help, and the exit code is 1.
    """
    from gru_lower.api import calls
    from gru_lower.cli import render_report
    from gru_lower.interop import read

    shared_options.refuse_both("--inputs", ("--shape",))
    source = read(shared_options.source(o["model"])).model
    found = write_result.targets(o, "legalized")
    talk = render_report.Talk(o, to_stderr=found.piped)
    how = calls.LegalizeHow(o["target"], o["opset"], o["fix_dims"], o["zero_length_state"], allow_cast=o["allow_cast"])
    with talk.progress() as progress:
        verify = shared_options.verify_options(o, source.proto)
        result = calls.legalize_model(source, how, verify if o["verify"] else None, progress)
    report, failed = write_result.finish(o, talk, found, result)
    return 1 if failed or calls.kept(report) else 0
