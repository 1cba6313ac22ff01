"""``gru_lower.lower``: replace GRU nodes by operators that every runtime has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower import interop
from gru_lower.api.comparison_options import OneModel
from gru_lower.api.options import LoweringOptions
from gru_lower.api.report_page import report_page
from gru_lower.api.rewriting_call import rewriting_call
from gru_lower.rewriting.assumed_lengths import promised_to_passes
from gru_lower.rewriting.pipelines import lowering, naming_outputs
from gru_lower.rewriting.prefer import preferring, refuse_without_target
from gru_lower.rewriting.remaining_nodes import refuse_remaining
from gru_lower.rewriting.result import restore_kind
from gru_lower.rewriting.rewrite_model import rewrite_model

if TYPE_CHECKING:
    from onnx import ModelProto

    from gru_lower.graph.model import Model
    from gru_lower.rewriting.result import Result


class LowerArguments(LoweringOptions, OneModel):
    """The arguments of :func:`lower`."""


@rewriting_call(LoweringOptions, LowerArguments)
def lower(given: LowerArguments) -> Result[Any]:
    """Replace every GRU node by operators that every runtime has, and check that the model still computes the same.

    Returns:
        The model and the report. A verdict of ``"different"`` is in the report; nothing is raised for it.

    Raises:
        InvalidModel: The model cannot be read, or a GRU in it breaks the operator's rules.
        Unsupported: An option's value is unknown, or what is given does not fit the model or the target.
        Remaining: Something is left that the target does not take; the message names each node and the limit.

    """
    with report_page(given) as write:
        source = interop.read(given.model)
        result = lower_model(source.model, given)
        write(result.report)
    if given.target is not None:
        refuse_remaining(result.report, given.target)
    return restore_kind(result, source)


def lower_model(model: Model, options: LoweringOptions) -> Result[ModelProto]:
    """Do what :func:`lower` does for a model that has been read already; what remains is in the report.

    Args:
        model: The model; edited in place.
        options: The options.

    """
    wanted = None
    if options.target is not None:
        from gru_lower.rewriting.target_options import target_options

        wanted = target_options(model, options.target, options.fix_dims, options.opset, options.set, options.assume)
        wanted = preferring(wanted, options.target, options.prefer or "speed", options.precision)
    else:
        refuse_without_target(options.prefer, options.precision)
    passes = options.passes
    if passes is None:
        passes = lowering(
            options.form,
            options.zero_length_state,
            options.opset,
            wanted,
            **promised_to_passes(options.assume),
            mask=options.mask,
            batch_hint=options.batch_hint,
            vocabulary=options.vocabulary,
            forbid=options.forbid if isinstance(options.forbid, str) else "+".join(options.forbid),
            **({} if options.max_nodes is None else {"max_nodes": options.max_nodes}),
        )
    return rewrite_model(
        model,
        naming_outputs(passes, asked=options.name_outputs, wanted=wanted),
        options.how_to_verify(),
        options.progress,
        evidence=options.wants_evidence,
        fix_dims=options.fix_dims,
        inputs=options.set,
        assume=options.assume,
        target=options.target,
    )
