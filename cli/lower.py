"""``gru-lower lower``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import shared_options, write_result

OVERRULED = (
    *("--form", "--zero-length-state", "--opset", "--mask", "--batch-hint"),
    *("--target", "--vocabulary", "--forbid"),
)
"""What --passes says itself."""
FORMS = ("auto", "scan", "loop", "unroll", "step")


@click.command("lower", short_help="Replace GRU nodes by operators every runtime has.")
@click.argument("model", type=shared_options.MODEL)
@click.option("--form", type=click.Choice(FORMS), default="auto", show_default=True, help="What a GRU becomes.")
@click.option(
    "--zero-length-state",
    type=click.Choice(["zero", "initial"]),
    default="zero",
    show_default=True,
    help="Y_h of a sequence of length 0.",
)
@click.option(
    "--mask",
    type=click.Choice(["auto", "where"]),
    default="auto",
    show_default=True,
    help="How sequence_lens acts; where: by Where in the body.",
)
@click.option(
    "--batch-hint",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Batch size to expect where it is dynamic; only speed depends on it.",
)
@click.option(
    "--fix-dim",
    "fix_dims",
    multiple=True,
    metavar="NAME=N",
    callback=shared_options.fixed_dims,
    help="Make a dim of the inputs static first: batch=1, or X:0=1; repeatable.",
)
@click.option(
    "--vocabulary",
    type=click.Choice(["gemm", "minimal"]),
    default="gemm",
    show_default=True,
    help="What steps are spelled with; minimal: MatMul, Add, Sub, Mul, Sigmoid, Tanh and views.",
)
@click.option("--forbid", default="", metavar="OP+OP", help="Operators not to write: Split+Sub.")
@click.option("--target", metavar="NAME|FILE", help="Write only what a target takes; portable: what everybody takes.")
@click.option("--opset", type=click.IntRange(1), metavar="N", help="Convert the whole model to this opset first.")
@click.option("--passes", metavar="SPEC", help='Run these passes instead: "normalize-gru,lower-gru{form=scan}".')
@write_result.writing("lowered")
@shared_options.verification
@shared_options.rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Replace every GRU of MODEL by Scan, Loop, unrolled or single-step subgraphs, and verify the result.

    auto: a sequence length of 1 becomes a single step, up to 8 unrolled steps, anything else a Scan,
    or a Loop where the opset has no Scan that serves.
    onnxruntime's own GRU is faster than any of these: lower for runtimes that lack it.
    """
    from gru_lower.api import calls
    from gru_lower.cli import render_report
    from gru_lower.interop import read

    shared_options.refuse_both(
        "--passes",
        ("--form", "--zero-length-state", "--opset", "--mask", "--batch-hint", "--target", "--vocabulary", "--forbid"),
    )
    shared_options.refuse_both("--inputs", ("--shape",))
    shared_options.refuse_both("--target", ("--vocabulary", "--forbid"))
    path = o["model"]
    source = read(shared_options.source(path)).model
    found = write_result.targets(o, "lowered")
    talk = render_report.Talk(o, to_stderr=found.piped)
    more = {key: o[key] for key in ("mask", "batch_hint", "vocabulary", "forbid")}
    if o["target"] is not None:
        more |= calls.for_target(source, o["target"], o["fix_dims"], o["opset"])
    how_to_lower = calls.lowering(o["form"], o["zero_length_state"], o["opset"], **more)
    with talk.progress() as progress:
        passes = how_to_lower if o["passes"] is None else o["passes"]
        how = shared_options.verify_options(o, source.proto)
        how_to_verify = how if o["verify"] else None
        result = calls.lower_model(source, passes, how_to_verify, progress, fix_dims=o["fix_dims"], target=o["target"])
    report, failed = write_result.finish(o, talk, found, result)
    if not report.sites:
        talk.may_fuse(str(path), calls.decomposed(result.held))
    return 1 if failed or calls.kept(report) else 0
