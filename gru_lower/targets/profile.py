"""A target's profile: what a lowering for it may write."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gru_lower.errors import InvalidModel, Unsupported

FOLDER = Path(__file__).parent
KEYS = {"name", "summary", "opset", "static", "forms", "vocabulary", "forbid"}
FORMS = {"scan", "loop", "unroll", "step"}


@dataclass(frozen=True)
class Profile:
    """What one target takes.

    Attributes:
        name: Its name, as ``--target`` takes it.
        summary: One line about it.
        opset: The oldest and the newest opset of ONNX's own domain.
        static: Whether every shape has to be static.
        forms: What a GRU may become.
        vocabulary: ``"gemm"`` or ``"minimal"``.
        forbid: Operators that must not be written.

    """

    name: str
    summary: str
    opset: tuple[int, int]
    static: bool
    forms: tuple[str, ...]
    vocabulary: str
    forbid: tuple[str, ...]


def names() -> list[str]:
    """List the profiles that ship with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


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
        with path.open("rb") as handle:
            return _profile(tomllib.load(handle))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError, ValueError, TypeError) as error:
        raise InvalidModel(
            f"{path}: not a target profile: {error}", code="GL402", hint=f"see {FOLDER / 'portable.toml'} for one"
        ) from error


def _profile(data: dict[str, Any]) -> Profile:
    missing, unknown = KEYS - data.keys(), data.keys() - KEYS
    if missing or unknown:
        parts = [f"lacks {', '.join(sorted(missing))}"] if missing else []
        parts += [f"does not know {', '.join(sorted(unknown))}"] if unknown else []
        raise ValueError("; ".join(parts))
    oldest, newest = data["opset"]
    strange = set(data["forms"]) - FORMS
    if strange:
        raise ValueError(f"forms: {', '.join(sorted(strange))}")
    if not isinstance(data["static"], bool):
        raise TypeError("static has to be true or false")
    return Profile(
        name=str(data["name"]),
        summary=str(data["summary"]),
        opset=(int(oldest), int(newest)),
        static=data["static"],
        forms=tuple(data["forms"]),
        vocabulary=str(data["vocabulary"]),
        forbid=tuple(data["forbid"]),
    )
