"""A rule of ``check``: the codes it may find, how it finds them, and how its findings are fixed."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context
    from gru_lower.verification.sites.site import Site


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        codes: What it may find.
        find: Yields what it finds in a model.
        fix: Fixes findings in the model they were found in, and returns what became of each GRU; ``None`` for a rule
            without fixes.
        keeps_results: Whether the model computes the same after :attr:`fix`, which is then verified.
        for_target: Whether it needs a target.

    """

    codes: tuple[str, ...]
    find: Callable[[CheckedModel], Iterable[Diagnostic]]
    fix: Callable[[CheckedModel, Sequence[Diagnostic], Context], list[Site]] | None = field(default=None)
    keeps_results: bool = True
    for_target: bool = False
