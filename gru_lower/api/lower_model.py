"""Lowering of a model that has been read already: what the call and the command ``lower`` have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.rewriting.assumed_lengths import promised_to_passes
from gru_lower.rewriting.pipelines import lowering, naming_outputs
from gru_lower.rewriting.prefer import preferring, refuse_without_target
from gru_lower.rewriting.rewrite_model import rewrite_model

if TYPE_CHECKING:
    from onnx import ModelProto

    from gru_lower.api.options import LoweringOptions
    from gru_lower.graph.model import Model
    from gru_lower.rewriting.result import Result


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
