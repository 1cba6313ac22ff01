"""A call whose options are declared by a class: its signature and its docstring are made of the declarations."""

from __future__ import annotations

import functools
import inspect
import textwrap
from typing import TYPE_CHECKING, Any, ForwardRef, ParamSpec, TypeVar, cast

from gru_lower.api.declared_options import declared_options
from gru_lower.api.read_texts import read_texts
from gru_lower.api.refuse_values import refuse_values
from gru_lower.errors import GruLowerError
from gru_lower.graph.budget import of_one_call
from gru_lower.isolation.chosen_memory import asked_memory
from gru_lower.isolation.odd_numbers import odd_numbers_expected

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from gru_lower.api.declared_options import Option

P = ParamSpec("P")
A = TypeVar("A")
R = TypeVar("R")

WIDTH = 100
SECTIONS = ("Returns:", "Raises:")
"""What the arguments stand in front of."""


def public_call(arguments: Callable[P, A]) -> Callable[[Callable[[A], R]], Callable[P, R]]:
    """Make a function of declared options a call that takes them as arguments.

    Args:
        arguments: Their class, each field with a :class:`gru_lower.api.declared_options.Doc`.

    Returns:
        A decorator: what it returns has the fields as its parameters, for type checkers too, and describes them in its
        docstring.

    """

    def decorate(function: Callable[[A], R]) -> Callable[P, R]:
        options = declared_options(cast("type", arguments))
        returned = _Source(inspect.get_annotations(function)["return"])
        signature = inspect.Signature([_parameter(option) for option in options], return_annotation=returned)

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            __tracebackhide__ = True  # pytest shows the caller
            from gru_lower.api.library_words import in_library_words, report_in_library_words  # not for a command

            try:
                signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{function.__name__}() {error}{_meant(kwargs, options)}") from None
            given = arguments(*args, **kwargs)
            try:
                refuse_values(options, given)
                read_texts(given)
                with asked_memory(getattr(given, "memory", None)), odd_numbers_expected(), of_one_call():
                    found = _or_refusal(function, given)
            except GruLowerError as error:
                in_library_words(error, options)
                raise
            report_in_library_words(found, options)
            return found

        annotations = {option.name: option.type for option in options}
        vars(call).update(__signature__=signature, __annotations__=annotations | {"return": returned})
        call.__doc__ = _documented(function.__doc__, options)
        return call

    return decorate


def _meant(given: Collection[str], options: Sequence[Option]) -> str:
    """Return what to say of a name that no option has: the nearest one that there is."""
    from gru_lower.nearest_word import nearest

    known = [option.name for option in options]
    found = next((nearest(name, known) for name in given if name not in known), None)
    return "" if found is None else f"; did you mean {found!r}?"


def _or_refusal(function: Callable[[A], R], given: A) -> R:
    """Call a function; what fails unexpectedly on a model that is odd is a refusal.

    Raises:
        InvalidModel: The model is odd.

    """
    __tracebackhide__ = True
    try:
        return function(given)
    except Exception as error:
        from gru_lower.graph.odd_models import refusal_of

        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error


class _Source(str):
    """An annotation as it is written, without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def _parameter(option: Option) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY if option.keyword_only else inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Parameter(
        option.name,
        kind,
        default=inspect.Parameter.empty if option.required else option.default,
        annotation=_shown(option.type),
    )


def _shown(annotation: Any) -> Any:  # noqa: ANN401 - types
    """Return an annotation as help() is to show it: short, and without quotes."""
    if isinstance(annotation, ForwardRef):
        return _Source(annotation.__forward_arg__)
    text = inspect.formatannotation(annotation)
    return _Source(text.replace("collections.abc.", "")) if "collections.abc." in text else annotation


def _documented(text: str | None, options: list[Option]) -> str | None:
    """Return a docstring with the arguments in it, in front of what it says of the result."""
    if text is None:  # python -OO
        return None
    text = inspect.cleandoc(text)
    lines = text.split("\n")
    place = next((index for index, line in enumerate(lines) if line in SECTIONS), len(lines))
    described = [line for option in options for line in _described(option)]
    return "\n".join(
        [*"\n".join(lines[:place]).rstrip().split("\n"), "", "Args:", *described, "", *lines[place:]]
    ).rstrip()


def _described(option: Option) -> list[str]:
    choices = f" One of {', '.join(f'``{choice!r}``' for choice in option.choices)}." if option.choices else ""
    default = f" Default: {option.doc.default}." if option.doc.default else ""
    said = f"{option.name}: {option.doc.text}{choices}{default}"
    return textwrap.wrap(said, WIDTH, initial_indent="    ", subsequent_indent="        ", break_on_hyphens=False)
