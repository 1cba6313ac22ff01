"""``gru-lower verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gru_lower.api.comparison_options import VerifyingOptions
from gru_lower.cli import exclusive_options, help_pages, parse_values, printing_options, write_result
from gru_lower.cli.library_flags import VERIFICATION, library_flags, library_options
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from gru_lower.cli.each_model import Worked
    from gru_lower.cli.terminal import Terminal
    from gru_lower.verification.differences.reduce import Reduced

BESIDE = "."
"""What ``--reduce`` without a name stands for: beside B."""


@help_pages.command("verify", short_help="Tell whether two models compute the same.")
@click.argument("a", type=parse_values.MODEL)
@click.argument("b", type=parse_values.MODEL)
@library_flags(VerifyingOptions, "match", "prove", "search", "providers", "zero_length_state", "ignore")
@click.option(
    "--reduce",
    "reduce_to",
    is_flag=False,
    flag_value=BESIDE,
    metavar="[NAME]",
    help="Where the two differ, write the smallest parts that still do, and their inputs: "
    "NAME.a.onnx, NAME.b.onnx, NAME.npz.  [NAME: B.reduced]",
)
@library_flags(VerifyingOptions, "report", "evidence")
@click.option("--overwrite", is_flag=True, help="Allow --reduce and --report to replace existing files.")
@library_flags(VerifyingOptions, *VERIFICATION)
@printing_options.report_printing
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Run models A and B on the same inputs and compare their outputs. Exit code 0: equivalent, 1: not.

    What a caller meets although both compute the same - a dim that is fixed, an input that is gone - is a finding, and
    exit code 1, too.

    Where they differ, it says at which GRU they start to, and which tolerance would pass.
    """
    from gru_lower.cli.each_model import EachModel
    from gru_lower.cli.named_models import named_pairs
    from gru_lower.cli.terminal import Terminal
    from gru_lower.verification.worker.start_ahead import start_for_any

    exclusive_options.refuse_overruled()
    named = named_pairs(o["a"], o["b"])
    if named.many and o["reduce_to"] not in (None, BESIDE):
        hint = "leave out NAME: what is left of each pair goes beside its own B"
        raise Unsupported("--reduce names one place, and there are several pairs", code="GL008", hint=hint)
    terminal = Terminal(o, aside=True)
    start_for_any((o["a"], o["b"]))
    return EachModel(o, named, terminal).show_done(
        lambda mine: _compared({**mine, "a": mine["model"], "b": mine["other"]}, terminal)
    )


def _compared(o: dict[str, Any], terminal: Terminal) -> Worked:
    """Compare one pair, and reduce it if that is asked for."""
    from dataclasses import replace

    from gru_lower.api.verify import reduce_pair, verify_pair
    from gru_lower.cli.each_model import Worked
    from gru_lower.cli.progress_bar import progress_bar
    from gru_lower.cli.render_verdict import show_verified
    from gru_lower.cli.run import Run

    files = _reduced_files(o)
    left, right = parse_values.read_model(o["a"]).model, parse_values.read_model(o["b"]).model
    options = library_options(VerifyingOptions, o, left.proto)
    how = replace(options.how_to_verify(), evidence=options.wants_evidence)
    with progress_bar(terminal) as progress:
        report = verify_pair(left, right, how, progress, prove=options.prove)
    said = []
    if files is not None and report.verification.status == "different":
        said = _write_reduced(reduce_pair(left, right, report.verification, how), files, overwrite=o["overwrite"])

    run = Run(str(o["a"]), report)
    return Worked(run, not report.verification.holds, lambda: show_verified(terminal, report), said)


class ReducedFiles(NamedTuple):
    """The files that ``--reduce`` writes."""

    a: Path
    b: Path
    inputs: Path


def _reduced_files(o: dict[str, Any]) -> ReducedFiles | None:
    """Return the files that ``--reduce`` writes, once it is sure that they may be written."""
    if o["reduce_to"] is None:
        return None
    from gru_lower.graph.write_model import check_target

    if o["reduce_to"] == BESIDE:
        stem = Path("reduced") if str(o["b"]) == "-" else o["b"].with_name(f"{o['b'].stem}.reduced")
    else:
        stem = Path(o["reduce_to"].removesuffix(".onnx").removesuffix(".npz"))
    files = ReducedFiles(*(stem.with_name(f"{stem.name}{suffix}") for suffix in (".a.onnx", ".b.onnx", ".npz")))
    for each in files:
        check_target(each, overwrite=o["overwrite"])
        for source in (o["a"], o["b"]):
            write_result.refuse_same(source, each, overwrite=False)
    return files


def _write_reduced(found: Reduced | None, files: ReducedFiles, *, overwrite: bool) -> list[str]:
    """Write what is left of two models that differ; return what there is to say of it."""
    from gru_lower.graph.model import Model
    from gru_lower.graph.write_model import save

    if found is None:
        return ["Nothing reduced: the two do not differ on any inputs by themselves; see the reason above."]
    save(Model(found.a, modified=True), files.a, overwrite=overwrite)
    save(Model(found.b, modified=True), files.b, overwrite=overwrite)
    found.save_inputs(files.inputs, overwrite=overwrite)
    nodes = ", ".join(
        f"{len(each.graph.node)} node{'s' if len(each.graph.node) > 1 else ''}" for each in (found.a, found.b)
    )
    return [
        f"Reduced to {files.a} and {files.b} ({nodes}), inputs in {files.inputs}",
        f"  see it with: gru-lower verify {files.a} {files.b} --inputs {files.inputs}",
    ]
