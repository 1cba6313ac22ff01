"""The mode ``weights-only``: GRU nodes stay, with weights in whole numbers that are dequantised in front of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.diagnostics import diagnostic
from gru_lower.graph import splice
from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.gru.session_options import FOLDS_WEIGHTS
from gru_lower.passes.base import PassResult, visit_grus
from gru_lower.passes.quantize_gru.quantisable_weights import Unquantisable
from gru_lower.passes.quantize_gru.weights_only import WeightsOnly
from gru_lower.verification.sites.quantisation import Quantisation

if TYPE_CHECKING:
    from gru_lower.graph.model import Model
    from gru_lower.passes.base import Context
    from gru_lower.passes.quantize_gru.quantize_options import QuantizeOptions


def quantise_weights(model: Model, options: QuantizeOptions, ctx: Context) -> PassResult:
    """Quantise the weights of every GRU node that has constant ones.

    Args:
        model: The model; edited in place.
        options: The pass's.
        ctx: What passes share.

    """
    result = PassResult(modified=False)
    facts, names = Facts(model, computed=True), Names(model.proto)
    foldable = options.foldable == "yes"
    weights = WeightsOnly(facts, names, options.weights, foldable=foldable)
    edits: list[splice.Edit] = []
    for scope, index, spec, site in visit_grus(facts, ctx, result, "quantising"):
        made = weights.quantise(scope, index, spec)
        if isinstance(made, Unquantisable):
            site.code, site.message = made
            result.diagnostics.append(diagnostic(made.code, made.reason, scope=site.scope, node=site.site))
            continue
        site.action, site.nodes_after = "quantised", len(made.change.nodes)
        site.change = made.change if ctx.keep_changes else None
        site.quantisation = Quantisation(
            "weights-only",
            options.weights,
            made.bytes_before,
            made.bytes_after,
            session_options={} if foldable else dict(FOLDS_WEIGHTS),
        )
        edits.append(made.edit)
    result.modified = splice.apply(model, [*edits, *weights.edits] if edits else [])
    if edits and not foldable:
        said = ", ".join(f'{name} = "{value}"' for name, value in FOLDS_WEIGHTS.items())
        result.diagnostics.append(
            diagnostic(
                "GL337", f"onnxruntime runs the GRUs at the float node's speed with the session option {said} only"
            )
        )
    return result
