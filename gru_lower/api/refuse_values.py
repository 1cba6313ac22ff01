"""Refuse values that an option does not take: an unknown word, another type, a number out of its range."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, ForwardRef, Literal, Union, get_args, get_origin

from gru_lower.errors import Unsupported
from gru_lower.nearest_word import did_you_mean
from gru_lower.verification.inputs.errors import BadInputs

if TYPE_CHECKING:
    from gru_lower.api.declared_options import Option

CASES = "Sequence[Feeds]"
"""What stands in the type of options that take arrays by name; it is not evaluated, as it would import much."""
IN_WORDS: dict[Any, str] = {
    bool: "True or False",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Mapping: "a dict",
    Sequence: "a list of texts",
    Callable: "a function",
    CASES: "a list of dicts: [{name: array, ...}]",
}


def refuse_values(options: list[Option], given: object) -> None:
    """Refuse what an option does not take.

    Raises:
        Unsupported: Saying what it takes, and which word is nearest.

    """
    for option in options:
        value = getattr(given, option.name)
        if value is option.default:
            continue
        if option.choices:
            if not isinstance(value, str) or value not in option.choices:
                listed = f"one of {', '.join(option.choices)}"
                raise _refused(option, value, did_you_mean(str(value), option.choices, listed))
            continue
        kinds = _kinds(option.type)
        if not any(_is_a(kind, value) for kind in kinds):
            wanted = " or ".join(IN_WORDS.get(kind, "None") for kind in kinds)
            raise _refused(option, value, f"give {wanted.removesuffix(' or None')}", inputs=CASES in kinds)
        _refuse_out_of_range(option, value)


def _refuse_out_of_range(option: Option, value: Any) -> None:  # noqa: ANN401 - any option's
    if isinstance(value, bool) or not isinstance(value, Real):
        return
    least, above = option.doc.least, option.doc.above
    if least is not None and not float(value) >= least:
        raise _refused(option, value, f"give {least} or more")
    if above is not None and not float(value) > above:
        raise _refused(option, value, f"give more than {above}")


def _refused(option: Option, value: object, hint: str, *, inputs: bool = False) -> Unsupported:
    said = repr(value)
    shown = said if len(said) <= 60 else f"a {type(value).__name__}"
    message = f"{option.name} cannot be {shown}"
    return BadInputs(message, hint=hint) if inputs else Unsupported(message, code="GL008", hint=hint)


def _kinds(declared: Any) -> list[Any]:  # noqa: ANN401 - a type
    """Return what may be given: types, and words that stand for them."""
    if isinstance(declared, ForwardRef):
        text = declared.__forward_arg__
        return [CASES, *([str] if "str" in text else []), None] if CASES in text else [Any]
    if get_origin(declared) is Union or type(declared).__name__ == "UnionType":
        return [kind for each in get_args(declared) for kind in _kinds(each)]
    if get_origin(declared) is Literal:
        return [str]
    return [get_origin(declared) or (None if declared is type(None) else declared)]


def _is_a(kind: Any, value: Any) -> bool:  # noqa: ANN401 - a type and a value
    if kind is Any or value is None:
        return kind in (Any, None)
    if kind is bool:
        return type(value).__name__ in ("bool", "bool_")  # numpy's, which need not be imported for it
    if kind in (int, float):
        wanted = Integral if kind is int else Real
        return isinstance(value, wanted) and not isinstance(value, bool)
    if kind is str:
        return isinstance(value, (str, os.PathLike))
    if kind is Callable:
        return callable(value)
    if kind is Sequence:
        return isinstance(value, str) or (isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)))
    if kind == CASES:
        return isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))
    return kind is not None and isinstance(value, kind)
