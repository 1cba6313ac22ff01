"""A page for every target, from its profile, and the list of all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docs_site.pages.markdown import table, toctree
from gru_lower.targets import read_profile
from gru_lower.targets.option_axes import describe, in_order
from gru_lower.targets.profile import COLUMNS, MARKS
from gru_lower.targets.profile_tables import option_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.targets.profile import Profile

INDEX = """# Targets, one by one

`--target NAME` of `lower`, `legalize` and `check` goes by one of these profiles; [targets](../../docs/targets.md)
compares them, and says how one is made for a runtime of your own.

"""


def pages() -> Iterator[tuple[str, str]]:
    """Yield the pages."""
    rows = []
    for name in read_profile.names():
        profile = read_profile.load(name)
        yield f"reference/targets/{name}.md", _page(profile)
        rows.append([f"[`{name}`]({name}.md)", profile.version or "", profile.evidence, profile.summary])
    yield (
        "reference/targets/index.md",
        INDEX + table(["target", "version", "as", ""], rows) + toctree(read_profile.names()),
    )


def _page(profile: Profile) -> str:
    how = "as run" if profile.evidence == "run" else f"as read, not run: {profile.source}"
    facts = [
        ["version", profile.version or "none in particular"],
        ["evidence", how],
        ["opset", f"{profile.opset[0]} to {profile.opset[1]}"],
        ["shapes", "static only" if profile.static else "static or dynamic"],
        ["element types", ", ".join(profile.dtypes)],
        ["what a GRU becomes, the best first", ", ".join(profile.forms)],
        ["spelled with", f"the {profile.vocabulary} vocabulary"],
        ["operators it does not take", ", ".join(profile.forbid)],
        ["operators it takes, and no others", ", ".join(profile.allow)],
        ["operators written otherwise, as its own are wrong or slow at times", ", ".join(profile.avoid)],
    ]
    limits = [f"{op} at opset {limit.opset[0]} to {limit.opset[1]}" for op, limit in profile.ops.items() if limit.opset]
    facts.append(["in some opsets only", ", ".join(limits)])
    text = f"# The target `{profile.name}`\n\n{profile.summary}.\n\n"
    text += table(["", ""], [fact for fact in facts if fact[1]])
    text += HOW.format(name=profile.name)
    columns = [name for name in COLUMNS if name in profile.columns]
    rows = [
        [axis, option, *(MARKS[mark] for mark in marks)]
        for axis, option, marks in option_rows(profile)
        if any(mark != "unknown" for mark in marks)
    ]
    if rows:
        text += f"\n## What it makes of a GRU\n\n{LEGEND}\n\n{table(['', 'option', *columns], rows)}"
    together = [
        f"- {MARKS[each.cell.verdict]} in `{name}`: {' with '.join(describe(one) for one in in_order(each.options))}\n"
        for name in columns
        for each in profile.columns[name].together
    ]
    return text + (f"\n## Not together\n\n{''.join(together)}" if together else "")


HOW = """
```sh
gru-lower check model.onnx --target {name}      # what it would reject, or compute wrongly
gru-lower legalize model.onnx --target {name}   # GRUs it runs right stay, or become some that it does
gru-lower lower model.onnx --target {name}      # no GRU is left that it does not run right
```
"""
LEGEND = """Columns are the GRU node as it is, and what it may become. ✓ right, ✗ **wrong numbers without an error**,
– rejected, ? not tried; options that were not tried at all are left out."""
