"""``gru-lower legalize``."""

from __future__ import annotations

from typing import Any

from gru_lower.api.options import LegalizingOptions
from gru_lower.cli import help_pages
from gru_lower.cli.rewrite_command import Rewritten, rewrite, rewrite_flags


@help_pages.command("legalize", short_help="Rewrite GRU nodes into those a target takes.")
@rewrite_flags(
    LegalizingOptions,
    "legalized",
    *("target", "allow_cast", "prefer", "precision", "zero_length_state", "fix_dims", "set", "assume", "name_outputs"),
    *("opset", "max_nodes"),
)
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """Rewrite every GRU of MODEL into GRUs that the target runs right, lower only what is left, and verify the result.

    What is written holds nothing the target does not take. Where that cannot be, nothing is written, each node is named
    with the limit and the flag that would help, and the exit code is 1.
    """
    from gru_lower.api.legalize import legalize_model
    from gru_lower.rewriting.result import kept_grus

    def judge(done: Rewritten) -> None:
        done.failed |= bool(kept_grus(done.report))

    return rewrite(o, "legalized", LegalizingOptions, legalize_model, judge)
