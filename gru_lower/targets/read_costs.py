"""The measured costs of a profile, as TOML and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from gru_lower.targets.costs import NODE, NODE_SPELLING, PRECISIONS, SPELLING, STEPS, Cost, Costs, Way
from gru_lower.targets.validate_toml import check_keys, choice_at, flag_at, table_at, tables_at, text_at

if TYPE_CHECKING:
    from collections.abc import Iterator

TERMS = {"first": 6, "one": 6, "several": 7}


def read_costs(value: object, forms: tuple[str, ...]) -> Costs:
    """Read the table ``[costs]`` of a profile.

    Args:
        value: The table.
        forms: Those the profile takes.

    Raises:
        ValueError: It is none; the message names the key and what it has to be.

    """
    data = table_at("costs", value)
    check_keys("costs", data, ("version", "ways"), ("machine", "precision_setting"))
    rows = [row for entry in tables_at("costs.ways", data["ways"]) for row in _rows(entry, forms)]
    machine, setting = (text_at(f"costs.{key}", data.get(key, "")) for key in ("machine", "precision_setting"))
    return Costs(text_at("costs.version", data["version"]), machine, tuple(rows), setting)


def _rows(entry: dict[str, Any], forms: tuple[str, ...]) -> Iterator[Cost]:
    check_keys("costs.ways", entry, ("form", "takes"), (*SPELLING, "precision", "flags"))
    form = choice_at("costs.ways.form", entry["form"], (NODE, *forms))
    spelling = tuple(
        (key, choice_at(f"costs.ways.{key}", str(entry[key]), values))
        for key, values in SPELLING.items()
        if key in entry
    )
    if misplaced := [key for key, _ in spelling if (key in NODE_SPELLING) != (form == NODE)]:
        raise ValueError(f"costs.ways.{misplaced[0]} is nothing that {form} is spelled with")
    precision = choice_at("costs.ways.precision", entry.get("precision", ""), ("", *PRECISIONS))
    flags = text_at("costs.ways.flags", entry.get("flags", ""))
    for place, taken in enumerate(tables_at("costs.ways.takes", entry["takes"])):
        where = f"costs.ways.takes[{place}]"
        check_keys(where, taken, ("lbr", "steps", "terms"), ("only_Y",))
        steps = STEPS[STEPS.index(choice_at(f"{where}.steps", taken["steps"], STEPS))]
        terms = taken["terms"]
        count = TERMS[steps]
        numbers = isinstance(terms, list) and all(
            isinstance(k, (int, float)) and not isinstance(k, bool) for k in terms
        )
        if not numbers or len(terms) != count or not all(0 <= k < float("inf") for k in terms) or not any(terms):
            raise ValueError(f"{where}.terms has to be {count} numbers, none below 0 and not all of them 0")
        if type(taken["lbr"]) is not int or taken["lbr"] not in (0, 1):
            raise ValueError(f"{where}.lbr has to be 0 or 1")
        only = flag_at(f"{where}.only_Y", taken.get("only_Y", False))
        yield Cost(Way(form, spelling), taken["lbr"], steps, tuple(map(float, terms)), precision, flags, only)


def costs_to_toml(costs: Costs) -> list[str]:
    """Return the lines of the table, which read back as the same."""
    lines = ["", "[costs]", f"version = {json.dumps(costs.version, ensure_ascii=False)}"]
    lines += [f"machine = {json.dumps(costs.machine, ensure_ascii=False)}"] if costs.machine else []
    told = costs.precision_setting
    lines += [f"precision_setting = {json.dumps(told, ensure_ascii=False)}"] if told else []
    settings = dict.fromkeys((row.way, row.precision, row.flags) for row in costs.rows)
    for way, precision, flags in settings:
        lines += ["", "[[costs.ways]]", f"form = {json.dumps(way.form)}"]
        lines += [f"{key} = {value if value.isdigit() else json.dumps(value)}" for key, value in way.spelling]
        lines += [f"precision = {json.dumps(precision)}"] if precision else []
        lines += [f"flags = {json.dumps(flags, ensure_ascii=False)}"] if flags else []
        lines.append("takes = [")
        for row in costs.rows:
            if (row.way, row.precision, row.flags) == (way, precision, flags):
                terms = ", ".join(f"{k:.4g}" for k in row.coefficients)
                kind = f'lbr = {row.linear_before_reset}, steps = "{row.steps}"{", only_Y = true" * row.only_Y}'
                lines.append(f"  {{ {kind}, terms = [{terms}] }},")
        lines.append("]")
    return lines
