"""A page for every pass, from its docstring and its options, and the list of all."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from docs_site.pages.markdown import attributes, described, inline, table, toctree
from gru_lower.passes import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.passes.base import Pass

INDEX = """# Passes

A command runs a pipeline of passes; `--passes "normalize-gru,lower-gru{form=scan}"` of `gru-lower lower`, and `passes=`
of `gru_lower.lower`, run these instead, in the order they are written, each with its options in braces.

"""


def pages() -> Iterator[tuple[str, str]]:
    """Yield the pages.

    Raises:
        ValueError: A pass, or an option of one, has no description.

    """
    rows = []
    for name in registry.PASSES:
        kind = registry.load(name)
        yield f"reference/passes/{name}.md", _page(name, kind)
        rows.append([f"[`{name}`]({name}.md)", inline((kind.__doc__ or "").strip().partition("\n")[0])])
    yield "reference/passes/index.md", INDEX + table(["pass", "what it does"], rows) + toctree(list(registry.PASSES))


def _page(name: str, kind: type[Pass]) -> str:
    said = attributes(kind.Options.__doc__)
    rows = []
    for option in dataclasses.fields(kind.Options):
        if option.name not in said:
            raise ValueError(f"{name}: nothing is said of its option {option.name!r}")
        choices = option.metadata.get("choices", ())
        taken = ", ".join(f"`{choice}`" for choice in choices) or str(option.type)
        default = "" if option.default is dataclasses.MISSING else f"`{option.default}`".replace("``", "")
        rows.append([f"`{option.name}`", taken, default, said[option.name]])
    options = table(["option", "takes", "default", ""], rows) if rows else "It has none.\n"
    source = kind.__module__.removeprefix("gru_lower.").replace(".", "/")
    text = f"# The pass `{name}`\n\n{described(kind.__doc__)}\n\n## Options\n\n{options}\n"
    return text + f"Its source is `{source}.py`; it runs alone by `gru-lower model.onnx --passes {name}`.\n"
