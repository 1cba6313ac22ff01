"""``gru-lower fuse``."""

from __future__ import annotations

from typing import Any

from gru_lower.api.options import FusingOptions
from gru_lower.cli import help_pages
from gru_lower.cli.rewrite_command import Rewritten, rewrite, rewrite_flags
from gru_lower.errors import GruLowerError


@help_pages.command("fuse", short_help="Replace decomposed GRUs by GRU nodes.")
@rewrite_flags(FusingOptions, "fused", "require", "steps", "projected", "assume", "empty", "name_outputs", "passes")
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Replace every decomposed GRU of MODEL by a GRU node, and verify the result.

    Unrolled cells, Loops and Scans are recognised by what they compute, however they are spelled. What is a
    recurrence but no GRU stays as it is; "gru-lower inspect" lists it with the term that does not fit.
    """
    from gru_lower.api.fuse import fuse_model, refuse_too_few

    def judge(done: Rewritten) -> None:
        try:
            refuse_too_few(done.report, o["require"])
        except GruLowerError as error:
            done.error = error

    return rewrite(o, "fused", FusingOptions, fuse_model, judge)
