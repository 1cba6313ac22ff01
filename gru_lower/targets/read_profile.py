"""Reading a profile from TOML: every key is validated, and what a column leaves out is filled in.

A column lists options under ``right``, ``wrong`` and ``rejected``, and need not list them all:

1. ``all`` is the verdict of every option it does not list, but for those under ``untried``.
2. Where linear_before_reset is right in one of its settings, the plain options are, with which that was tried.
3. A type outside ``dtypes``, an opset outside ``opset``, a dynamic dim where ``static`` holds, and a Scan that runs
   backwards or whose length is dynamic where ``control_flow`` says otherwise, are rejected; types and opsets inside are
   right where 2. holds.
4. An option that is a special case of another, see :data:`gru_lower.targets.option_axes.COARSER`, has the verdict of
   that one unless it is listed.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from gru_lower.emission.operator_vocabulary import NAMES as VOCABULARIES
from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.nearest_word import did_you_mean
from gru_lower.targets.option_axes import BANDS, COARSER, DTYPES, OPTIONS, PLAIN
from gru_lower.targets.profile import (
    COLUMNS,
    FOLDER,
    FORMS,
    VERDICTS,
    Cell,
    Column,
    ControlFlow,
    OpLimit,
    Profile,
    Together,
    Verdict,
)
from gru_lower.targets.read_costs import read_costs
from gru_lower.targets.validate_toml import (
    check_keys,
    choice_at,
    count_at,
    flag_at,
    range_at,
    table_at,
    tables_at,
    text_at,
    words_at,
)

REQUIRED = ("name", "summary", "opset", "static", "forms")
OPTIONAL = (
    *("version", "evidence", "source", "dtypes", "vocabulary", "state_rank", "steps", "mask", "functions", "axes"),
    *("quantised_weights", "name_outputs", "own_constants", "max_nodes", "avoid", "avoid_at_one_unit"),
    *("forbid", "allow"),
    *("control_flow", "ops", "costs", *COLUMNS),
)
QUANTISED = ("any", "symmetric", "tensor")
CELL_KEYS = ("evidence", "version", "source")
COLUMN_KEYS = (*CELL_KEYS, *VERDICTS, "all", "untried", "pairs", "together", "cited")
FLOW = ("scan", "loop", "reverse", "dynamic_trip_count")
OP_KEYS = ("opset", "types", "max_rank", "constants", "int32")


def names() -> list[str]:
    """List the profiles that ship with the package, the one to try first in front."""
    return sorted((path.stem for path in FOLDER.glob("*.toml")), key=lambda name: (name != "portable", name))


def load(target: str) -> Profile:
    """Read a profile.

    Args:
        target: The name of one that ships, or the path of a file.

    Raises:
        Unsupported: There is no such profile.
        InvalidModel: The file is no profile.

    """
    path = FOLDER / f"{target}.toml" if target in names() else Path(target)
    if not path.is_file():
        hint = did_you_mean(target, names(), f"targets: {', '.join(names())}; or the path of a .toml file")
        raise Unsupported(f"there is no target {target!r}", code="GL401", hint=hint)
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidModel(
            f"{path}: not a target profile: {error}", code="GL402", hint=f"see {FOLDER / 'portable.toml'} for one"
        ) from error


def parse(text: str) -> Profile:
    """Read a profile from its text.

    Raises:
        ValueError: It is none; the message names the key and what it has to be.

    """
    import tomllib  # which a command without a target does not need

    data = tomllib.loads(text)
    check_keys("", data, REQUIRED, OPTIONAL)
    for key in ("name", "summary", "version", "source"):
        text_at(key, data.get(key, ""))
    evidence = choice_at("evidence", data.get("evidence", "run"), ("run", "read"))
    forms = words_at("forms", data["forms"], FORMS)
    profile = Profile(
        name=data["name"],
        summary=data["summary"],
        version=data.get("version", ""),
        evidence="run" if evidence == "run" else "read",
        source=data.get("source", ""),
        opset=range_at("opset", data["opset"]),
        static=flag_at("static", data["static"]),
        dtypes=words_at("dtypes", data.get("dtypes", ["float32"]), DTYPES),
        forms=forms,
        vocabulary=choice_at("vocabulary", data.get("vocabulary", "gemm"), VOCABULARIES),
        state_rank=int(choice_at("state_rank", str(data.get("state_rank", 2)), ("2", "3"))),
        steps=choice_at("steps", data.get("steps", "auto"), ("auto", "gather")),
        mask=choice_at("mask", data.get("mask", "auto"), ("auto", "where", "multiply")),
        functions=choice_at("functions", data.get("functions", "auto"), ("auto", "bounded", "bounded-relu")),
        axes=choice_at("axes", data.get("axes", "told"), ("told", "guessed")),
        quantised_weights=choice_at("quantised_weights", data.get("quantised_weights", QUANTISED[0]), QUANTISED),
        own_constants=flag_at("own_constants", data.get("own_constants", False)),
        max_nodes=count_at("max_nodes", data["max_nodes"]) if "max_nodes" in data else None,
        name_outputs=flag_at("name_outputs", data.get("name_outputs", False)),
        avoid=words_at("avoid", data.get("avoid", [])),
        avoid_at_one_unit=words_at("avoid_at_one_unit", data.get("avoid_at_one_unit", [])),
        forbid=words_at("forbid", data.get("forbid", [])),
        allow=words_at("allow", data.get("allow", [])),
        control_flow=_flow(data.get("control_flow", {})),
        costs=read_costs(data["costs"], forms) if "costs" in data else None,
        ops={op: _limit(f"ops.{op}", limit) for op, limit in table_at("ops", data.get("ops", {})).items()},
    )
    if profile.evidence == "read" and not profile.source:
        raise ValueError("source has to say where it was read, since evidence is read")
    columns = {key: _column(key, table_at(key, data[key]), profile) for key in COLUMNS if key in data}
    return replace(profile, columns=columns)


def _column(name: str, data: dict[str, Any], profile: Profile) -> Column:
    check_keys(name, data, (), COLUMN_KEYS)
    base = _cell(name, {key: data[key] for key in CELL_KEYS if key in data}, profile, "right")
    cells: dict[str, Cell] = {}
    if "all" in data:
        cells = dict.fromkeys(OPTIONS, replace(base, verdict=_verdict(f"{name}.all", data["all"])))
    untried = words_at(f"{name}.untried", data.get("untried", []), OPTIONS)
    cells = {option: cell for option, cell in cells.items() if option not in untried}
    listed = set(untried)
    for verdict in VERDICTS:
        options = words_at(f"{name}.{verdict}", data.get(verdict, []), OPTIONS)
        twice = listed.intersection(options)
        if twice:
            raise ValueError(f"{name}: {min(twice)} is listed twice")
        listed.update(options)
        cells |= dict.fromkeys(options, replace(base, verdict=verdict))
    for entry in tables_at(f"{name}.cited", data.get("cited", [])):
        check_keys(f"{name}.cited", entry, ("options",), CELL_KEYS)
        for option in words_at(f"{name}.cited.options", entry["options"], OPTIONS):
            if option not in cells:
                raise ValueError(f"{name}.cited: {option} has no verdict")
            cells[option] = _cell(f"{name}.cited", entry, cells[option], cells[option].verdict)
    together = tuple(
        _together(f"{name}.together", entry, base) for entry in tables_at(f"{name}.together", data.get("together", []))
    )
    _fill(name, cells, profile, base, untried)
    for option, coarser in COARSER.items():
        if option not in listed:
            cells.pop(option, None)
            cells |= {option: cells[coarser]} if coarser in cells else {}
    ordered = {option: cells[option] for option in OPTIONS if option in cells}
    return Column(ordered, together, flag_at(f"{name}.pairs", data.get("pairs", False)))


def _fill(name: str, cells: dict[str, Cell], profile: Profile, base: Cell, untried: tuple[str, ...]) -> None:
    """Add the cells that follow from the rest of the profile; see the module's docstring."""
    rejected = replace(base, verdict="rejected")
    flow = profile.control_flow
    outside = {dtype for dtype in DTYPES if dtype not in profile.dtypes} | _bands_outside(profile.opset)
    outside |= {"dynamic_time", "dynamic_batch", "told_batch"} if profile.static else set()
    if name in ("scan", "loop"):
        outside |= set() if flow.dynamic_trip_count else {"dynamic_time"}
        outside |= {"reverse", "bidirectional", "joined_directions"} if name == "scan" and not flow.reverse else set()
    for option in outside.difference(untried):
        if option not in cells or cells[option].verdict == "right":
            cells[option] = rejected
    works = [cell for option in ("lbr1", "lbr0") if (cell := cells.get(option)) and cell.verdict == "right"]
    if works:
        for option in (*PLAIN, *profile.dtypes, *(set(BANDS.values()) - outside)):
            if option not in untried:
                cells.setdefault(option, works[0])


def _bands_outside(opset: tuple[int, int]) -> set[str]:
    firsts = list(BANDS)
    ends = [*(first - 1 for first in firsts[1:]), 10**6]
    inside = {BANDS[first] for first, last in zip(firsts, ends, strict=True) if first <= opset[1] and last >= opset[0]}
    return set(BANDS.values()) - inside


def _cell(where: str, data: dict[str, Any], base: Profile | Cell, verdict: Verdict) -> Cell:
    given = {key: text_at(f"{where}.{key}", data[key]) if key in data else getattr(base, key) for key in CELL_KEYS}
    evidence = choice_at(f"{where}.evidence", given["evidence"], ("run", "read"))
    if evidence == "read" and not given["source"]:
        raise ValueError(f"{where}: source has to say where it was read, since evidence is read")
    return Cell(verdict, "run" if evidence == "run" else "read", given["version"], given["source"])


def _verdict(where: str, value: object) -> Verdict:
    found: Verdict = choice_at(where, value, VERDICTS)  # type: ignore[assignment] # one of the three by now
    return found


def _together(where: str, entry: dict[str, Any], base: Cell) -> Together:
    check_keys(where, entry, ("options", "verdict"), CELL_KEYS)
    options = frozenset(words_at(f"{where}.options", entry["options"], OPTIONS))
    if len(options) < 2:
        raise ValueError(f"{where}: options has to name two or more")
    return Together(options, _cell(where, entry, base, _verdict(where, entry["verdict"])))


def _limit(where: str, value: object) -> OpLimit:
    data = table_at(where, value)
    check_keys(where, data, (), OP_KEYS)
    return OpLimit(
        opset=range_at(f"{where}.opset", data["opset"]) if "opset" in data else None,
        types=words_at(f"{where}.types", data.get("types", [])),
        max_rank=count_at(f"{where}.max_rank", data["max_rank"]) if "max_rank" in data else None,
        constants=flag_at(f"{where}.constants", data.get("constants", True)),
        int32=flag_at(f"{where}.int32", data.get("int32", False)),
    )


def _flow(value: object) -> ControlFlow:
    data = table_at("control_flow", value)
    check_keys("control_flow", data, (), FLOW)
    return ControlFlow(**{key: flag_at(f"control_flow.{key}", data[key]) for key in data})
