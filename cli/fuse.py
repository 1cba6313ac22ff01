"""``gru-lower fuse``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import shared_options, write_result


@click.command("fuse", short_help="Replace decomposed GRUs by GRU nodes.")
@click.argument("model", type=shared_options.MODEL)
@click.option("--require", type=click.IntRange(0), metavar="N", help="Exit 1 if fewer GRUs than N were fused.")
@click.option("--steps", is_flag=True, help="Make a GRU of sequence length 1 of a single step, too.")
@click.option(
    "--assume",
    type=click.Choice(["nothing", "right-padded"]),
    default="nothing",
    show_default=True,
    help="Promise that masks only ever mask the end of sequences.",
)
@click.option("--passes", metavar="SPEC", help='Run these passes instead: "fuse-gru,normalize-gru".')
@write_result.writing("fused")
@shared_options.verification
@shared_options.rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Replace every decomposed GRU of MODEL by a GRU node, and verify the result.

    Unrolled cells, Loops and Scans are recognised by what they compute, however they are spelled. What is a
    recurrence but no GRU stays as it is; "gru-lower inspect" lists it with the term that does not fit.
    """
    from gru_lower.api import calls
    from gru_lower.cli import render_report
    from gru_lower.interop import read

    shared_options.refuse_both("--passes", ("--steps", "--assume"))
    shared_options.refuse_both("--inputs", ("--shape",))
    source = read(shared_options.source(o["model"])).model
    found = write_result.targets(o, "fused")
    talk = render_report.Talk(o, to_stderr=found.piped)
    with talk.progress() as progress:
        passes = calls.fusing(steps=o["steps"], assume=o["assume"]) if o["passes"] is None else o["passes"]
        how = shared_options.verify_options(o, source.proto)
        result = calls.lower_model(source, passes, how if o["verify"] else None, progress, command="fuse")
    report, failed = write_result.finish(o, talk, found, result)
    calls.require_fused(report, o["require"])
    return int(failed)
