"""``gru_lower.fuse``: replace decomposed GRUs by GRU nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower import interop
from gru_lower.api.comparison_options import OneModel
from gru_lower.api.options import FusingOptions
from gru_lower.api.report_page import report_page
from gru_lower.api.rewriting_call import rewriting_call
from gru_lower.errors import Remaining
from gru_lower.rewriting.pipelines import fusing, naming_outputs
from gru_lower.rewriting.result import restore_kind
from gru_lower.rewriting.rewrite_model import rewrite_model

if TYPE_CHECKING:
    from onnx import ModelProto

    from gru_lower.graph.model import Model
    from gru_lower.report.run_report import Report
    from gru_lower.rewriting.result import Result


class FuseArguments(FusingOptions, OneModel):
    """The arguments of :func:`fuse`."""


@rewriting_call(FusingOptions, FuseArguments)
def fuse(given: FuseArguments) -> Result[Any]:
    """Replace every decomposed GRU by a GRU node, and check that the model still computes the same.

    Unrolled cells, Loops and Scans are recognised by what they compute, not by how they are spelled. What is a
    recurrence but no GRU is left as it is, and listed with the term that does not fit.

    Returns:
        The model and the report. A verdict of ``"different"`` is in the report; nothing is raised for it.

    Raises:
        InvalidModel: The model cannot be read.
        Unsupported: An option's value is unknown, or what is given does not fit the model.
        Remaining: Fewer GRUs came of it than were required.

    """
    with report_page(given) as write:
        source = interop.read(given.model)
        result = fuse_model(source.model, given)
        write(result.report)
    refuse_too_few(result.report, given.require)
    return restore_kind(result, source)


def fuse_model(model: Model, options: FusingOptions) -> Result[ModelProto]:
    """Do what :func:`fuse` does for a model that has been read already, however few GRUs come of it.

    Args:
        model: The model; edited in place.
        options: The options.

    """
    given = options.passes
    wanted = {"steps": options.steps, "projected": options.projected}
    passes = fusing(**wanted, assume=options.assume, empty=options.empty) if given is None else given
    passes = naming_outputs(passes, asked=options.name_outputs)
    return rewrite_model(
        model, passes, options.how_to_verify(), options.progress, command="fuse", evidence=options.wants_evidence
    )


def refuse_too_few(report: Report, required: int | None) -> None:
    """Refuse a result with fewer GRUs than were required.

    Raises:
        Remaining: With both numbers.

    """
    fused = sum(site.action == "fused" for site in report.sites)
    if required is not None and fused < required:
        raise Remaining(
            f"{fused} GRUs were fused, {required} were required",
            code="GL804",
            hint="gru-lower inspect lists what was seen, and why it was not fused",
        )
