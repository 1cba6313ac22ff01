"""Reading a profile from TOML: every key is held to what it may be, and what a column leaves out is filled in.

A column lists options under ``right``, ``wrong`` and ``rejected``, and need not list them all:

1. ``all`` is the verdict of every option it does not list, but for those under ``untried``.
2. Where linear_before_reset is right in one of its settings, the plain options are, with which that was tried.
3. A type outside ``dtypes``, an opset outside ``opset``, a dynamic dim where ``static`` holds, and a Scan that runs
   backwards or whose length is dynamic where ``control_flow`` says otherwise, are rejected; types and opsets inside are
   right where 2. holds.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard

from gru_lower.errors import InvalidModel, Unsupported
from gru_lower.targets.features import BANDS, DTYPES, OPTIONS, PLAIN
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

REQUIRED = ("name", "summary", "opset", "static", "forms")
OPTIONAL = (
    *("version", "evidence", "source", "dtypes", "vocabulary", "mask", "avoid", "forbid", "allow"),
    *("control_flow", "ops", *COLUMNS),
)
CELL_KEYS = ("evidence", "version", "source")
COLUMN_KEYS = (*CELL_KEYS, *VERDICTS, "all", "untried", "pairs", "together", "cited")
FLOW = ("scan", "loop", "reverse", "dynamic_trip_count")
OP_KEYS = ("opset", "types", "max_rank", "constants")


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
        near = difflib.get_close_matches(target, names(), n=1)
        hint = f"did you mean {near[0]}?" if near else f"targets: {', '.join(names())}; or the path of a .toml file"
        raise Unsupported(f"there is no target {target!r}", code="GL401", hint=hint)
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError, ValueError) as error:
        raise InvalidModel(
            f"{path}: not a target profile: {error}", code="GL402", hint=f"see {FOLDER / 'portable.toml'} for one"
        ) from error


def parse(text: str) -> Profile:
    """Read a profile from its text.

    Raises:
        ValueError: It is none; the message names the key and what it has to be.

    """
    data = tomllib.loads(text)
    _keys("", data, REQUIRED, OPTIONAL)
    for key in ("name", "summary", "version", "source"):
        _text(key, data.get(key, ""))
    evidence = _one_of("evidence", data.get("evidence", "run"), ("run", "read"))
    profile = Profile(
        name=data["name"],
        summary=data["summary"],
        version=data.get("version", ""),
        evidence="run" if evidence == "run" else "read",
        source=data.get("source", ""),
        opset=_range("opset", data["opset"]),
        static=_flag("static", data["static"]),
        dtypes=_words("dtypes", data.get("dtypes", ["float32"]), DTYPES),
        forms=_words("forms", data["forms"], FORMS),
        vocabulary=_one_of("vocabulary", data.get("vocabulary", "gemm"), ("gemm", "minimal")),
        mask=_one_of("mask", data.get("mask", "auto"), ("auto", "where")),
        avoid=_words("avoid", data.get("avoid", [])),
        forbid=_words("forbid", data.get("forbid", [])),
        allow=_words("allow", data.get("allow", [])),
        control_flow=_flow(data.get("control_flow", {})),
        ops={op: _limit(f"ops.{op}", limit) for op, limit in _table("ops", data.get("ops", {})).items()},
    )
    if profile.evidence == "read" and not profile.source:
        raise ValueError("source has to say where it was read, since evidence is read")
    columns = {key: _column(key, _table(key, data[key]), profile) for key in COLUMNS if key in data}
    return replace(profile, columns=columns)


def _column(name: str, data: dict[str, Any], profile: Profile) -> Column:
    _keys(name, data, (), COLUMN_KEYS)
    base = _cell(name, {key: data[key] for key in CELL_KEYS if key in data}, profile, "right")
    cells: dict[str, Cell] = {}
    if "all" in data:
        cells = dict.fromkeys(OPTIONS, replace(base, verdict=_verdict(f"{name}.all", data["all"])))
    untried = _words(f"{name}.untried", data.get("untried", []), OPTIONS)
    cells = {option: cell for option, cell in cells.items() if option not in untried}
    listed = set(untried)
    for verdict in VERDICTS:
        options = _words(f"{name}.{verdict}", data.get(verdict, []), OPTIONS)
        twice = listed.intersection(options)
        if twice:
            raise ValueError(f"{name}: {min(twice)} is listed twice")
        listed.update(options)
        cells |= dict.fromkeys(options, replace(base, verdict=verdict))
    for entry in _entries(f"{name}.cited", data.get("cited", [])):
        _keys(f"{name}.cited", entry, ("options",), CELL_KEYS)
        for option in _words(f"{name}.cited.options", entry["options"], OPTIONS):
            if option not in cells:
                raise ValueError(f"{name}.cited: {option} has no verdict")
            cells[option] = _cell(f"{name}.cited", entry, cells[option], cells[option].verdict)
    together = tuple(
        _together(f"{name}.together", entry, base) for entry in _entries(f"{name}.together", data.get("together", []))
    )
    _fill(name, cells, profile, base, untried)
    ordered = {option: cells[option] for option in OPTIONS if option in cells}
    return Column(ordered, together, _flag(f"{name}.pairs", data.get("pairs", False)))


def _fill(name: str, cells: dict[str, Cell], profile: Profile, base: Cell, untried: tuple[str, ...]) -> None:
    """Fill in what follows from the rest of the profile; see the module."""
    rejected = replace(base, verdict="rejected")
    flow = profile.control_flow
    outside = {dtype for dtype in DTYPES if dtype not in profile.dtypes} | _bands_outside(profile.opset)
    outside |= {"dynamic_time", "dynamic_batch", "told_batch"} if profile.static else set()
    if name in ("scan", "loop"):
        outside |= set() if flow.dynamic_trip_count else {"dynamic_time"}
        outside |= {"reverse", "bidirectional"} if name == "scan" and not flow.reverse else set()
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
    given = {key: _text(f"{where}.{key}", data[key]) if key in data else getattr(base, key) for key in CELL_KEYS}
    evidence = _one_of(f"{where}.evidence", given["evidence"], ("run", "read"))
    if evidence == "read" and not given["source"]:
        raise ValueError(f"{where}: source has to say where it was read, since evidence is read")
    return Cell(verdict, "run" if evidence == "run" else "read", given["version"], given["source"])


def _verdict(where: str, value: object) -> Verdict:
    found: Verdict = _one_of(where, value, VERDICTS)  # type: ignore[assignment] # one of the three by now
    return found


def _together(where: str, entry: dict[str, Any], base: Cell) -> Together:
    _keys(where, entry, ("options", "verdict"), CELL_KEYS)
    options = frozenset(_words(f"{where}.options", entry["options"], OPTIONS))
    if len(options) < 2:
        raise ValueError(f"{where}: options has to name two or more")
    return Together(options, _cell(where, entry, base, _verdict(where, entry["verdict"])))


def _limit(where: str, value: object) -> OpLimit:
    data = _table(where, value)
    _keys(where, data, (), OP_KEYS)
    return OpLimit(
        opset=_range(f"{where}.opset", data["opset"]) if "opset" in data else None,
        types=_words(f"{where}.types", data.get("types", [])),
        max_rank=_count(f"{where}.max_rank", data["max_rank"]) if "max_rank" in data else None,
        constants=_flag(f"{where}.constants", data.get("constants", True)),
    )


def _flow(value: object) -> ControlFlow:
    data = _table("control_flow", value)
    _keys("control_flow", data, (), FLOW)
    return ControlFlow(**{key: _flag(f"control_flow.{key}", data[key]) for key in data})


def _keys(where: str, data: dict[str, Any], required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    missing = [key for key in required if key not in data]
    unknown = [key for key in data if key not in required and key not in optional]
    parts = [f"lacks {', '.join(missing)}"] if missing else []
    if unknown:
        near = difflib.get_close_matches(unknown[0], [*required, *optional], n=1)
        parts.append(f"does not know {', '.join(unknown)}" + (f" (did you mean {near[0]}?)" if near else ""))
    if parts:
        raise ValueError(f"{where}: {'; '.join(parts)}" if where else "; ".join(parts))


def _table(where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{where} has to be a table")  # noqa: TRY004 - one type of error for all that is wrong in a file
    return value


def _entries(where: str, value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise ValueError(f"{where} has to be a list of tables")  # noqa: TRY004
    return [_table(where, entry) for entry in value]


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where} has to be a text")  # noqa: TRY004
    return value


def _flag(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{where} has to be true or false")  # noqa: TRY004
    return value


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _count(where: str, value: object) -> int:
    if not _whole(value):
        raise ValueError(f"{where} has to be a whole number")
    return value


def _range(where: str, value: object) -> tuple[int, int]:
    if isinstance(value, list) and len(value) == 2 and all(map(_whole, value)) and 1 <= value[0] <= value[1]:
        return value[0], value[1]
    raise ValueError(f"{where} has to be the oldest and the newest: [13, 17]")


def _one_of(where: str, value: object, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{where} is {value!r}; it has to be one of {', '.join(allowed)}")
    return value


def _words(where: str, value: object, allowed: tuple[str, ...] = ()) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError(f"{where} has to be a list of texts")
    for word in value:
        if allowed and word not in allowed:
            near = difflib.get_close_matches(word, allowed, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(allowed[:8])}, ..."
            raise ValueError(f"{where}: {word!r} is unknown; {hint}")
    return tuple(value)
