"""The page of a code, as ``check --explain`` prints it."""

from __future__ import annotations

import sys
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click


def explain(ctx: click.Context, _parameter: click.Parameter, code: str | None) -> None:
    """Print a code's page and leave.

    Raises:
        Unsupported: There is no such code.

    """
    if code is None or ctx.resilient_parsing:
        return
    from rich.console import Console
    from rich.markdown import Markdown

    from gru_lower.checking.code_selection import unknown_code
    from gru_lower.diagnostic_codes import CODES

    name = code.strip().upper()
    if name not in CODES:
        raise unknown_code(code)
    text = files("gru_lower.pages").joinpath(f"{name}.md").read_text(encoding="utf-8")
    if sys.stdout.isatty():
        Console().print(Markdown(text))
    else:
        sys.stdout.write(text)
    ctx.exit()
