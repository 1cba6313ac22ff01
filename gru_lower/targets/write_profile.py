"""Writing a profile as TOML."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from gru_lower.targets.option_axes import COARSER, OPTIONS, in_order
from gru_lower.targets.profile import COLUMNS, VERDICTS
from gru_lower.targets.read_costs import costs_to_toml

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gru_lower.targets.profile import Cell, Column, Profile

WIDTH = 110


def to_toml(profile: Profile) -> str:
    """Return the text of a profile, which reads back as the same.

    Args:
        profile: What to write.

    """
    flow = profile.control_flow
    lines = [
        f"name = {_text(profile.name)}",
        f"summary = {_text(profile.summary)}",
        *([f"version = {_text(profile.version)}"] if profile.version else []),
        f"evidence = {_text(profile.evidence)}",
        *([f"source = {_text(profile.source)}"] if profile.source else []),
        f"opset = [{profile.opset[0]}, {profile.opset[1]}]",
        f"static = {_flag(on=profile.static)}",
        _list("dtypes", profile.dtypes),
        _list("forms", profile.forms),
        f"vocabulary = {_text(profile.vocabulary)}",
        f"state_rank = {profile.state_rank}",
        f"steps = {_text(profile.steps)}",
        f"mask = {_text(profile.mask)}",
        *([] if profile.functions == "auto" else [f"functions = {_text(profile.functions)}"]),
        *([] if profile.axes == "told" else [f"axes = {_text(profile.axes)}"]),
        *([] if profile.quantised_weights == "any" else [f"quantised_weights = {_text(profile.quantised_weights)}"]),
        *(["own_constants = true"] if profile.own_constants else []),
        *([] if profile.max_nodes is None else [f"max_nodes = {profile.max_nodes}"]),
        *(["name_outputs = true"] if profile.name_outputs else []),
        *([_list("avoid", profile.avoid)] if profile.avoid else []),
        *([_list("avoid_at_one_unit", profile.avoid_at_one_unit)] if profile.avoid_at_one_unit else []),
        _list("forbid", profile.forbid),
        *([_list("allow", profile.allow)] if profile.allow else []),
        "",
        "[control_flow]",
        *(f"{key} = {_flag(on=getattr(flow, key))}" for key in ("scan", "loop", "reverse", "dynamic_trip_count")),
    ]
    for op, limit in profile.ops.items():
        lines += ["", f"[ops.{op}]"]
        lines += [f"opset = [{limit.opset[0]}, {limit.opset[1]}]"] if limit.opset else []
        lines += [_list("types", limit.types)] if limit.types else []
        lines += [f"max_rank = {limit.max_rank}"] if limit.max_rank is not None else []
        lines += [] if limit.constants else ["constants = false"]
        lines += ["int32 = true"] if limit.int32 else []
    for name in COLUMNS:
        if name in profile.columns:
            lines += ["", f"[{name}]", *_column(profile.columns[name], profile)]
    if profile.costs is not None:
        lines += costs_to_toml(profile.costs)
    return "\n".join(lines) + "\n"


def _column(column: Column, profile: Profile) -> Iterable[str]:
    count = Counter(cell.verdict for cell in column.cells.values())
    rest = count.most_common(1)[0][0] if count else ""
    untried = [
        option for option in OPTIONS if option not in column.cells and COARSER.get(option) in {None, *column.cells}
    ]
    told = {option: cell for option, cell in column.cells.items() if column.cells.get(COARSER.get(option, "")) != cell}
    yield from [f"all = {_text(rest)}"] if rest else []
    yield from [_list("untried", untried)] if untried else []
    for verdict in VERDICTS:
        listed = [
            each for each, cell in told.items() if cell.verdict == verdict and (verdict != rest or each in COARSER)
        ]
        if listed:
            yield _list(verdict, listed)
    if column.pairs:
        yield "pairs = true"
    if column.together:
        yield "together = ["
        for each in column.together:
            source = _citation(each.cell, profile)
            options = ", ".join(map(_text, in_order(each.options)))
            yield f"  {{ options = [{options}], verdict = {_text(each.cell.verdict)}{source} }},"
        yield "]"
    cited_by: dict[str, list[str]] = {}
    for option, cell in told.items():
        if citation := _citation(cell, profile):
            cited_by.setdefault(citation, []).append(option)
    if cited_by:
        yield "cited = ["
        for citation, cited in cited_by.items():
            yield f"  {{ options = [{', '.join(map(_text, cited))}]{citation} }},"
        yield "]"


def _citation(cell: Cell, profile: Profile) -> str:
    keys = [key for key in ("evidence", "version", "source") if getattr(cell, key) != getattr(profile, key)]
    return "".join(f", {key} = {_text(getattr(cell, key))}" for key in keys)


def _list(key: str, words: Iterable[str]) -> str:
    texts = [_text(word) for word in words]
    line = f"{key} = [{', '.join(texts)}]"
    if len(line) <= WIDTH:
        return line
    wrapper = textwrap.TextWrapper(
        WIDTH, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
    wrapped = wrapper.fill(", ".join(texts) + ",")
    return f"{key} = [\n{wrapped}\n]"


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _flag(*, on: bool) -> str:
    return "true" if on else "false"
