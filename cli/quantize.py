"""``gru-lower quantize``."""

from __future__ import annotations

from typing import Any

from gru_lower.api.options import QuantizingOptions
from gru_lower.cli import help_pages
from gru_lower.cli.rewrite_command import Rewritten, rewrite, rewrite_flags


@help_pages.command("quantize", short_help="Make the products of GRUs int8.")
@rewrite_flags(
    QuantizingOptions,
    "int8",
    *("weights_only", "foldable", "static", "activations", "state", "keep_node", "weights", "engine", "dialect"),
    *("reduce_range", "all", "form", "zero_length_state", "batch_hint", "fix_dims", "opset", "max_nodes"),
)
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Make the products of MODEL's GRUs int8, and compare the model before and after.

    GRU nodes become lowered forms with weights in whole numbers; decomposed ones are to be fused first. What is not a
    GRU is left to quantisers that know it.
    """
    from gru_lower.api.quantize import quantize_model
    from gru_lower.rewriting.result import kept_grus

    def judge(done: Rewritten) -> None:
        done.failed |= o["all"] and bool(kept_grus(done.report))

    return rewrite(o, "int8", QuantizingOptions, quantize_model, judge)
