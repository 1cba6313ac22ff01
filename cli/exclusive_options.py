"""Options that exclude each other, as one of them says what the other does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

OVERRULED: dict[str, tuple[str, ...]] = {
    "passes": (
        *("form", "zero_length_state", "opset", "mask", "batch_hint", "target", "vocabulary", "forbid"),
        *("steps", "projected", "assume", "empty"),
    ),
    "inputs": ("shapes",),
    "output": ("in_place",),
    "runs": ("seconds",),
}
"""Option: the options, of any command, that it would silently overrule."""


def refuse_overruled(**more: tuple[str, ...]) -> None:
    """Refuse options of the running command beside others that would silently overrule them.

    Args:
        more: Options that only this command excludes.

    Raises:
        Unsupported: Such options were given.

    """
    for name, others in OVERRULED.items():
        refuse_both(name, (*others, *more.get(name, ())))


def refuse_both(name: str, others: Sequence[str]) -> None:
    """Refuse an option of the running command beside others.

    Args:
        name: The option, as its parameter is named.
        others: The others.

    Raises:
        Unsupported: It was given, and one of the others too.

    """
    ctx = click.get_current_context()
    given = {
        parameter.name: max(parameter.opts, key=len)
        for parameter in ctx.command.params
        if ctx.get_parameter_source(parameter.name or "") not in (None, ParameterSource.DEFAULT)
    }
    beside = [given[other] for other in others if other in given]
    if name in given and beside:
        raise Unsupported(
            f"{given[name]} and {beside[0]} exclude each other",
            code="GL008",
            hint=f"leave out one of the two; {given[name]} overrules {beside[0]}",
        )


def excluded_by(name: str) -> set[str]:
    """Return the options that one given on the command line excludes, whichever overrules the other."""
    return {*OVERRULED.get(name, ()), *(each for each, others in OVERRULED.items() if name in others)}
