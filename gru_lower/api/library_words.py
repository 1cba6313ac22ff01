"""Say in the library's words what an error says in the command line's: ``opset=17`` for ``--opset 17``.

Refusals are made where it is known what is wrong, for commands and calls alike, and name flags.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, get_origin

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gru_lower.api.declared_options import Option
    from gru_lower.errors import GruLowerError

KEYWORDS = {"fix-dim": "fix_dims", "shape": "shapes", "provider": "providers"}
"""Flags that are spelled otherwise than the keyword."""
SAVING = ("overwrite",)
"""What is said when a result is saved."""
CALLS = ("lower", "fuse", "quantize", "stream", "inspect", "verify", "bench", "batch", "legalize", "check")
_COMMAND = re.compile(rf"\bgru-lower ({'|'.join(CALLS)})\b")
_ANOTHER_CALL = re.compile(rf"gru-lower ({'|'.join(CALLS)}) --([a-z-]+)(?= |$|\))")
_FLAG = re.compile(r"--([a-z][a-z-]*[a-z])(?:[ =]('[^']*'|\"[^\"]*\"|[^\s,;:)]+(?::\d+(?:=[^\s,;:)]+)?)?))?")
_VALUE = re.compile(r"\d[\d.]*|[A-Z][A-Z_0-9]*(?:\.[A-Z]+)?|'.*'|\".*\"|\S*[=:{]\S*|\S+\.\w+")
_NEIGHBOURS = re.compile(r"(\b\w+=)\{([^{}]*)\} \1\{([^{}]*)\}")
_ARGUMENTS = re.compile(r"(\b\w+=(?:\{[^{}]*\}|\S+)) (?=\w+=)")


def in_library_words(error: GruLowerError, options: Iterable[Option]) -> None:
    """Say what an error says in the words of the call that raises it.

    Args:
        error: The error; its message and its hint are replaced.
        options: The call's options.

    """
    known = {option.name: option for option in options}
    if "do" not in known:  # batch is handed a command line, and the message quotes it
        error.message = _said(error.message, known)
    error.hint = None if error.hint is None else _said(error.hint, known)


def _said(text: str, known: Mapping[str, Option]) -> str:
    text = _ANOTHER_CALL.sub(lambda found: f"gru_lower.{found[1]}({found[2].replace('-', '_')}=True)", text)
    text = _COMMAND.sub(r"gru_lower.\1", text)
    text = _FLAG.sub(lambda found: _keyword(found, known), text)
    before = ""
    while before != text:
        before, text = text, _NEIGHBOURS.sub(r"\1{\2, \3}", text)
    return _ARGUMENTS.sub(r"\1, ", text).replace("choose another -o", "choose another path")


def _keyword(found: re.Match[str], known: Mapping[str, Option]) -> str:
    name = KEYWORDS.get(found[1], found[1].replace("-", "_"))
    option, value = known.get(name), found[2]
    if option is None and name not in SAVING:
        return found[0]  # a word of a command line that was handed in
    if value is None or option is None or option.given_type is bool:
        says_value = option is not None and option.given_type is bool and not found.string[: found.start()].strip()
        return f"{name}=True" if says_value else found[0].replace(f"--{found[1]}", name, 1)
    if value not in option.choices and not _VALUE.fullmatch(value):
        return f"{name} {value}"
    return f"{name}={_spelled(option, value)}"


def _spelled(option: Option, value: str) -> str:
    bare = value.strip("'\"")
    if _is_mapping(option):
        key, _, given = bare.rpartition("=" if "=" in bare else ":")
        return f'{{"{key}": {given if _is_number(given) else _quoted(given)}}}'
    return bare if _is_number(bare) else _quoted(bare)


def _is_mapping(option: Option) -> bool:
    origin: Any = get_origin(option.given_type)
    return getattr(origin, "__name__", "") == "Mapping"


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[\d.]+|[A-Z]|LENGTH", text))


def _quoted(text: str) -> str:
    return f'"{text}"'
