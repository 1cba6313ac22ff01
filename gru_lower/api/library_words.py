"""Say in the library's words what an error, or a report, says in the command line's: ``opset=17`` for ``--opset 17``.

Refusals and findings are made where it is known what is wrong, for commands and calls alike, and name flags. Commands
that no call stands for (``gru-lower probe``, ``targets``, ``convert``) are named as they are.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar, get_origin

from gru_lower.api.declared_options import declared_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gru_lower.api.declared_options import Option
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.errors import GruLowerError

T = TypeVar("T")

KEYWORDS = {"fix-dim": "fix_dims", "shape": "shapes", "provider": "providers"}
"""Flags that are spelled otherwise than the keyword."""
OTHER_CHOICES = {"cluster": {"none", "local"}}
"""Words beside those that options list."""
NAMED_ALONE = ("leave", "without", "that", "another")
"""Words behind which an option is named and not given."""
SAVING = ("overwrite",)
"""What is said when a result is saved."""
CALLS = ("lower", "fuse", "quantize", "stream", "inspect", "verify", "bench", "batch", "legalize", "check")
_NO_CALL = re.compile(
    r"((?:gru-lower )?\b(?:probe|targets|convert) --?\w[^,;:)`]*|gru-lower convert [^,;:)`]*|python -m [^,;]*)"
)
_FIXING = re.compile(r"gru-lower check (?:MODEL )?--fix\b")
_COMMAND = re.compile(rf"\bgru-lower ({'|'.join(CALLS)})\b")
_CALL_OF_MODELS = re.compile(rf"\bgru-lower ({'|'.join(CALLS)}) ([A-Z]{{2,}})(?: ([A-Z]{{2,}}))?\b")
_ANOTHER_CALL = re.compile(rf"gru-lower ({'|'.join(CALLS)}) (--[a-z-]+(?: [^\s,;:)]+)?)(?=$|[,;:)])")
_ANOTHER_SWITCH = re.compile(rf"gru-lower ({'|'.join(CALLS)}) (--[a-z-]+)(?= |$|\))")
_LOWERING = re.compile(r"gru-lower (--[a-z-]+ [^\s,;:)]+)")
_FLAG = re.compile(
    r"--([a-z][a-z-]*[a-z])"
    r"(?:[ =]('[^']*'|\"[^\"]*\"|[^\s,;:)]+=\d+(?:,\d+)+|[^\s,;:)]+(?::[\dA-Z]+(?:=[^\s,;:)]+)?)?))?"
)
_VALUE = re.compile(r"\d[\d.]*|[A-Z][A-Z_0-9]*(?:\.[A-Z]+)?|'.*'|\".*\"|\S*[=:{]\S*|\S+\.\w+")
_NEIGHBOURS = re.compile(r"(\b\w+=)\{([^{}]*)\} \1\{([^{}]*)\}")
_ARGUMENTS = re.compile(r"(\b\w+=(?:\{[^{}]*\}|\S+)) (?=\w+=)")


def in_library_words(error: GruLowerError, options: Iterable[Option]) -> None:
    """Say what an error says in the words of the call that raises it.

    Args:
        error: The error; its message and its hint are replaced.
        options: The call's options.

    """
    own = {option.name: option for option in options}
    known = {**_every_option(), **own}
    if "do" not in own:  # batch is handed a command line, and the message quotes it
        error.message = _said(error.message, known)
    error.hint = None if error.hint is None else _said(error.hint, known)


def report_in_library_words(found: object, options: Iterable[Option]) -> None:
    """Say what a result says in the words of the call that gives it: findings, remarks on GRUs, the verdict.

    Args:
        found: A result, report or verdict of the library; what it says is replaced.
        options: The call's options.

    """
    known = {**_every_option(), **{option.name: option for option in options}}

    def said(text: str) -> str:
        return _said(text, known) if "-" in text else text

    report: Any = getattr(found, "report", found)
    verdict = getattr(report, "verification", report)
    for holder, name in ((report, "diagnostics"), (verdict, "findings")):
        listed = getattr(holder, name, None)
        if isinstance(listed, list):
            listed[:] = [_finding_said(each, said) for each in listed]
    for site in getattr(report, "sites", ()):
        site.message = said(site.message)
    if isinstance(getattr(verdict, "message", None), str):
        verdict.message = said(verdict.message)
    streaming = getattr(report, "streaming", None)
    if streaming is not None:
        in_the_way = tuple(replace(each, hint=said(each.hint)) for each in streaming.in_the_way)
        report.streaming = replace(streaming, in_the_way=in_the_way)


def _finding_said(each: Diagnostic, said: Callable[[str], str]) -> Diagnostic:
    message, hint = said(each.message), said(each.hint)
    return each if (message, hint) == (each.message, each.hint) else replace(each, message=message, hint=hint)


@cache
def _every_option() -> dict[str, Option]:
    """Return the options of all calls: a hint may name another call's."""
    return {option.name: option for each in _calls() for option in declared_options(each)}


@cache
def _options_of_calls() -> tuple[dict[str, tuple[str, ...]], ...]:
    """Return the closed sets of words that each call takes, by option."""
    return tuple({option.name: option.choices for option in declared_options(each)} for each in _calls())


def _calls() -> tuple[type, ...]:
    from gru_lower.api import batch_options, comparison_options, options

    return (
        *(batch_options.BatchOptions, comparison_options.TimingOptions, comparison_options.VerifyingOptions),
        *(options.FixingOptions, options.QuantizingOptions, options.StreamingOptions, options.LegalizingOptions),
        *(options.FusingOptions, options.LoweringOptions),
    )


def _said(text: str, known: Mapping[str, Option]) -> str:
    pieces = _NO_CALL.split(text)
    pieces[::2] = [_piece_said(piece, known) for piece in pieces[::2]]
    return "".join(pieces)


def _piece_said(text: str, known: Mapping[str, Option]) -> str:
    text = _FIXING.sub("gru_lower.fix", text).replace("gru-lower --help", "help(gru_lower)")
    text = _CALL_OF_MODELS.sub(
        lambda each: f"gru_lower.{each[1]}({each[2]}{', ' * bool(each[3])}{each[3] or ''})", text
    )
    for pattern in (_ANOTHER_CALL, _ANOTHER_SWITCH):
        text = pattern.sub(lambda each: f"gru_lower.{each[1]}({_argument(each[2], known)})", text)
    text = _LOWERING.sub(lambda each: f"gru_lower.lower({_argument(each[1], known)})", text)
    text = _COMMAND.sub(r"gru_lower.\1", text)
    text = _FLAG.sub(lambda found: _keyword(found, known), text)
    before = ""
    while before != text:
        before, text = text, _NEIGHBOURS.sub(r"\1{\2, \3}", text)
    return _ARGUMENTS.sub(r"\1, ", text).replace("choose another -o", "choose another path")


def _argument(flag: str, known: Mapping[str, Option]) -> str:
    """Return a flag, with its value if it has one, as an argument."""
    flag_name, _, value = flag.partition(" ")
    name = flag_name[2:].replace("-", "_")
    name = KEYWORDS.get(flag_name[2:], name)
    option = known.get(name)
    return f"{name}={_spelled(option, value)}" if value and option is not None else f"{name}=True"


def _keyword(found: re.Match[str], known: Mapping[str, Option]) -> str:
    name = KEYWORDS.get(found[1], found[1].replace("-", "_"))
    option, value = known.get(name), found[2]
    if option is None and name not in SAVING:
        return found[0]  # a word of a command line that was handed in
    if value is None or option is None or option.given_type is bool:
        before = found.string[: found.start()].strip()
        is_switch = option is None or option.given_type is bool
        if is_switch and not before.endswith(NAMED_ALONE):
            return found[0].replace(f"--{found[1]}", f"{name}=True", 1)
        ends = found.string[found.end() :][:1] in ("", ",", ";", ":", ")")
        with_value = "=" if before.endswith("with") and value is None and ends and not is_switch else ""
        return found[0].replace(f"--{found[1]}", name + with_value, 1)
    if value not in _choices(name) and not _VALUE.fullmatch(value):
        return f"{name} {value}"
    return f"{name}={_spelled(option, value)}"


@cache
def _choices(name: str) -> set[str]:
    """Return the words that any call takes for an option of a name."""
    return OTHER_CHOICES.get(name, set()) | {word for each in _options_of_calls() for word in each.get(name, ())}


def _spelled(option: Option, value: str) -> str:
    bare = value.strip("'\"")
    if _is_mapping(option):
        key, _, given = bare.rpartition("=" if "=" in bare else ":")
        if "," in given:
            return f'{{"{key}": ({given.replace(",", ", ")})}}'
        return f'{{"{key}": {given if _is_number(given) else _quoted(given)}}}'
    return bare if _is_number(bare) else _quoted(bare)


def _is_mapping(option: Option) -> bool:
    origin: Any = get_origin(option.given_type)
    return getattr(origin, "__name__", "") == "Mapping"


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"[\d.]+|[A-Z]|LENGTH|AXIS", text))


def _quoted(text: str) -> str:
    return f'"{text}"'
