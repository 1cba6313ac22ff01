"""``gru-lower verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_lower.cli import shared_options

if TYPE_CHECKING:
    from gru_lower.cli.render_report import Talk
    from gru_lower.graph.model import Model
    from gru_lower.report.run_report import Report
    from gru_lower.verification.options import VerifyOptions

BESIDE = "."
"""What ``--reduce`` without a name stands for: beside B."""


@click.command("verify", short_help="Tell whether two models compute the same.")
@click.argument("a", type=shared_options.MODEL)
@click.argument("b", type=shared_options.MODEL)
@click.option("--prove", is_flag=True, help="Show over the reals, too, that each GRU is what stands for it.")
@click.option(
    "--search",
    type=click.FloatRange(0),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to go on with wilder inputs, and look for some on which the two differ.",
)
@click.option(
    "--provider",
    "providers",
    multiple=True,
    metavar="NAME",
    help="onnxruntime's execution provider, such as cuda; repeatable, in order of preference.  [default: cpu]",
)
@click.option(
    "--zero-length-state",
    type=click.Choice(["zero", "initial"]),
    default="zero",
    show_default=True,
    help="What Y_h is for a sequence of length 0; with initial none are fed.",
)
@click.option(
    "--reduce",
    "reduce_to",
    is_flag=False,
    flag_value=BESIDE,
    metavar="[NAME]",
    help="Where the two differ, write the smallest parts that still do, and their inputs: "
    "NAME.a.onnx, NAME.b.onnx, NAME.npz.  [NAME: B.reduced]",
)
@click.option("--overwrite", is_flag=True, help="Allow --reduce to replace existing files.")
@shared_options.verification
@shared_options.rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Run models A and B on the same inputs and compare their outputs. Exit code 0: equivalent, 1: not.

    Where they differ, it says at which GRU they start to, and which tolerance would pass.
    """
    from gru_lower.api import calls
    from gru_lower.cli import render_report
    from gru_lower.interop import read

    shared_options.refuse_both("--inputs", ("--shape",))
    talk = render_report.Talk(o)
    targets = _targets(o)
    left, right = read(shared_options.source(o["a"])).model, read(shared_options.source(o["b"])).model
    more = {"seconds": o["search"], "zero_length_state": o["zero_length_state"], "providers": o["providers"]}
    how = shared_options.verify_options(o, left.proto, **more)
    with talk.progress() as progress:
        report = calls.verify_pair(left, right, how, lambda what: progress(what, 0, 1), prove=o["prove"])
    talk.verified(report)
    if targets is not None and report.verification.status == "different":
        _reduce(left, right, report, how, targets, talk, overwrite=o["overwrite"])
    return 0 if report.verification.status == "equivalent" else 1


def _targets(o: dict[str, Any]) -> tuple[Path, Path, Path] | None:
    """Return the files that ``--reduce`` writes, once it is sure that they may be written."""
    if o["reduce_to"] is None:
        return None
    from gru_lower.graph.model import check_target

    if o["reduce_to"] == BESIDE:
        stem = Path("reduced") if str(o["b"]) == "-" else o["b"].with_name(f"{o['b'].stem}.reduced")
    else:
        stem = Path(o["reduce_to"].removesuffix(".onnx").removesuffix(".npz"))
    first, second, inputs = (stem.with_name(f"{stem.name}{suffix}") for suffix in (".a.onnx", ".b.onnx", ".npz"))
    for each in (first, second, inputs):
        check_target(each, overwrite=o["overwrite"])
        for source in (o["a"], o["b"]):
            shared_options.refuse_same(source, each, overwrite=False)
    return first, second, inputs


def _reduce(
    left: Model,
    right: Model,
    report: Report,
    how: VerifyOptions,
    targets: tuple[Path, Path, Path],
    talk: Talk,
    *,
    overwrite: bool,
) -> None:
    """Write what is left of two models that differ."""
    from gru_lower.api import calls
    from gru_lower.graph import model

    found = calls.reduce_pair(left, right, report.verification, how)
    if found is None:
        talk.remark("Nothing reduced: the two do not differ on any inputs by themselves; see the reason above.")
        return
    first, second, inputs = targets
    model.save(model.Model(found.a, modified=True), first, overwrite=overwrite)
    model.save(model.Model(found.b, modified=True), second, overwrite=overwrite)
    found.save_inputs(inputs)
    nodes = ", ".join(
        f"{len(each.graph.node)} node{'s' if len(each.graph.node) > 1 else ''}" for each in (found.a, found.b)
    )
    talk.remark(f"Reduced to {first} and {second} ({nodes}), inputs in {inputs}")
    talk.remark(f"  see it with: gru-lower verify {first} {second} --inputs {inputs}")


__all__ = ["command"]
