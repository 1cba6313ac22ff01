"""Validation of a profile's TOML: every key is known, every value is of the type and in the range it has to be.

Every function raises ValueError with a message that names the key and says what it has to be.
"""

from __future__ import annotations

from typing import Any, TypeGuard

from gru_lower.nearest_word import did_you_mean, nearest


def check_keys(where: str, data: dict[str, Any], required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    """Refuse a table that lacks a required key or has an unknown one."""
    missing = [key for key in required if key not in data]
    unknown = [key for key in data if key not in required and key not in optional]
    parts = [f"lacks {', '.join(missing)}"] if missing else []
    if unknown:
        near = nearest(unknown[0], [*required, *optional])
        parts.append(f"does not know {', '.join(unknown)}" + (f" (did you mean {near}?)" if near else ""))
    if parts:
        raise ValueError(f"{where}: {'; '.join(parts)}" if where else "; ".join(parts))


def table_at(where: str, value: object) -> dict[str, Any]:
    """Return a value that has to be a table."""
    if not isinstance(value, dict):
        raise ValueError(f"{where} has to be a table")  # noqa: TRY004 - one type of error for all that is wrong in a file
    return value


def tables_at(where: str, value: object) -> list[dict[str, Any]]:
    """Return a value that has to be a list of tables."""
    if not isinstance(value, list):
        raise ValueError(f"{where} has to be a list of tables")  # noqa: TRY004
    return [table_at(where, entry) for entry in value]


def text_at(where: str, value: object) -> str:
    """Return a value that has to be a text."""
    if not isinstance(value, str):
        raise ValueError(f"{where} has to be a text")  # noqa: TRY004
    return value


def flag_at(where: str, value: object) -> bool:
    """Return a value that has to be true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{where} has to be true or false")  # noqa: TRY004
    return value


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def count_at(where: str, value: object) -> int:
    """Return a value that has to be a whole number."""
    if not _is_whole(value):
        raise ValueError(f"{where} has to be a whole number")
    return value


def range_at(where: str, value: object) -> tuple[int, int]:
    """Return a value that has to be two opsets, the oldest and the newest."""
    if isinstance(value, list) and len(value) == 2 and all(map(_is_whole, value)) and 1 <= value[0] <= value[1]:
        return value[0], value[1]
    raise ValueError(f"{where} has to be the oldest and the newest: [13, 17]")


def choice_at(where: str, value: object, allowed: tuple[str, ...]) -> str:
    """Return a value that has to be one of the texts allowed."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{where} is {value!r}; it has to be one of {', '.join(allowed)}")
    return value


def words_at(where: str, value: object, allowed: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return a value that has to be a list of texts, each one of those allowed if any are named."""
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError(f"{where} has to be a list of texts")
    for word in value:
        if allowed and word not in allowed:
            hint = did_you_mean(word, allowed, f"known: {', '.join(allowed[:8])}, ...")
            raise ValueError(f"{where}: {word!r} is unknown; {hint}")
    return tuple(value)
