"""How an option of a public call is declared: a field of a dataclass, its type annotated with a :class:`Doc`.

seed: Annotated[int, Doc("Seed of generated inputs.")] = 0
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

if TYPE_CHECKING:
    from dataclasses import Field


@dataclass(frozen=True)
class Doc:
    """What an option is for.

    Attributes:
        text: A sentence, for the docstring of the call and for the flag's help.
        flag: The sentence for the flag, where the command line takes the option in another form.
        default: What happens without the option, where its default value does not say that.
        least: The least value the flag takes.
        above: What the flag's value has to be greater than.

    """

    text: str
    flag: str = ""
    default: str = ""
    least: int | None = None
    above: int | None = None


@dataclass(frozen=True)
class Option:
    """One option of a call.

    Attributes:
        name: The keyword.
        type: Its type; a ForwardRef where evaluating it would import a heavy module.
        doc: What it is for.
        default: Its value if not given; ``MISSING`` where it has to be given.
        keyword_only: Whether it cannot be given by position.

    """

    name: str
    type: Any
    doc: Doc
    default: Any
    keyword_only: bool

    @property
    def required(self) -> bool:
        """Whether it has to be given."""
        return self.default is MISSING

    @property
    def given_type(self) -> Any:  # noqa: ANN401 - a type
        """Its type where it is given: ``int`` of ``int | None``."""
        if isinstance(self.type, UnionType):
            return next(each for each in get_args(self.type) if each is not type(None))
        return self.type

    @property
    def choices(self) -> tuple[str, ...]:
        """The values it takes, if they are a closed set."""
        return get_args(self.given_type) if get_origin(self.given_type) is Literal else ()


def declared_options(arguments: type) -> list[Option]:
    """Return the options that a dataclass declares: those by position, its own, then what it inherits."""
    rank = {name: place for place, each in [*enumerate(arguments.__mro__)][::-1] for name in _annotations(each)}
    return [_option(field) for field in sorted(fields(arguments), key=lambda field: (field.kw_only, rank[field.name]))]


def _annotations(cls: type) -> dict[str, Any]:
    found: dict[str, Any] = vars(cls).get("__annotations__", {})
    return found


def _option(field: Field[Any]) -> Option:
    annotated: Any = field.type
    return Option(field.name, annotated.__origin__, annotated.__metadata__[0], field.default, bool(field.kw_only))
