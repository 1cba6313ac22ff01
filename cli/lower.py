"""``gru-lower lower``."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from gru_lower.api.options import LoweringOptions
from gru_lower.cli import help_pages
from gru_lower.cli.rewrite_command import Rewritten, rewrite, rewrite_flags
from gru_lower.errors import FOREIGN_FAILURES, GruLowerError


@help_pages.command("lower", short_help="Replace GRU nodes by operators every runtime has.")
@rewrite_flags(
    LoweringOptions,
    "lowered",
    *("target", "prefer", "precision", "form", "fix_dims", "set", "assume", "opset", "passes"),
    *("vocabulary", "forbid", "mask", "batch_hint", "zero_length_state", "name_outputs", "max_nodes"),
)
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Replace every GRU of MODEL by Scan, Loop, unrolled or single-step subgraphs, and verify the result.

    auto: a sequence length of 1 becomes a single step, up to 8 unrolled steps, anything else a Scan,
    or a Loop where the opset has no Scan that serves.
    onnxruntime's own GRU is faster than any of these: lower for runtimes that lack it.
    """
    from gru_lower.api.lower_model import lower_model
    from gru_lower.rewriting.result import kept_grus

    def judge(done: Rewritten) -> None:
        done.failed |= bool(kept_grus(done.report))

    return rewrite(o, "lowered", LoweringOptions, lower_model, judge, _suggest)


def _suggest(done: Rewritten, path: str) -> None:
    """Say what fusing would find in a model that has no GRU to lower."""
    if done.report.sites:
        return
    from gru_lower.api.inspect import find_decomposed  # what fusing takes to import is only wanted here
    from gru_lower.cli.render_rewrite import suggest_fusing

    with suppress(*FOREIGN_FAILURES, GruLowerError):  # a hint: the result is written already
        suggest_fusing(done.terminal, path, find_decomposed(done.model))
