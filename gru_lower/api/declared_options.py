"""How an option of a public call is declared: a field of a class, its type annotated with a :class:`Doc`.

seed: Annotated[int, Doc("Seed of generated inputs.")] = 0

A class that declares options is a dataclass to whoever reads or type-checks it. The module ``dataclasses`` writes and
compiles source for each class, which ``--help`` would wait for; :class:`Options` does without.
"""

from __future__ import annotations

from types import UnionType
from typing import Any, ClassVar, Literal, Union, dataclass_transform, get_args, get_origin

REQUIRED: Any = object()
"""The default value of an option that has to be given."""


class Doc:
    """What an option is for.

    Attributes:
        text: A sentence, for the docstring of the call and for the flag's help.
        flag: The sentence for the flag, where the command line takes the option in another form.
        default: What happens without the option, where its default value does not say that.
        least: The least value the flag takes.
        above: What the flag's value has to be greater than.

    """

    def __init__(
        self, text: str, *, flag: str = "", default: str = "", least: int | None = None, above: int | None = None
    ) -> None:
        """Keep all of it."""
        self.text = text
        self.flag = flag
        self.default = default
        self.least = least
        self.above = above


class Option:
    """One option of a call.

    Attributes:
        name: The keyword.
        type: Its type; a ForwardRef where evaluating it would import a heavy module.
        doc: What it is for.
        default: Its value if not given; ``REQUIRED`` where it has to be given.
        keyword_only: Whether it cannot be given by position.

    """

    def __init__(self, name: str, annotated: Any, default: Any, *, keyword_only: bool) -> None:  # noqa: ANN401 - a type
        """Take type and description out of what the field is annotated with."""
        self.name = name
        self.type = annotated.__origin__
        self.doc: Doc = annotated.__metadata__[0]
        self.default = default
        self.keyword_only = keyword_only

    @property
    def required(self) -> bool:
        """Whether it has to be given."""
        return self.default is REQUIRED

    @property
    def given_type(self) -> Any:  # noqa: ANN401 - a type
        """Its type where it is given: ``int`` of ``int | None``."""
        if get_origin(self.type) in (UnionType, Union):  # the latter of a Literal
            return next(each for each in get_args(self.type) if each is not type(None))
        return self.type

    @property
    def choices(self) -> tuple[str, ...]:
        """The values it takes, if they are a closed set."""
        return get_args(self.given_type) if get_origin(self.given_type) is Literal else ()


@dataclass_transform()
class Options:
    """A class whose annotated fields are the options of a call, and what was given for them.

    ``class Mine(Options, kw_only=True)``: its own fields are given by keyword only.
    """

    own_options: ClassVar[list[Option]] = []

    def __init_subclass__(cls, *, kw_only: bool = False) -> None:
        """Read what the class declares itself."""
        super().__init_subclass__()
        own = vars(cls)
        cls.own_options = [
            Option(name, annotated, own.get(name, REQUIRED), keyword_only=kw_only)
            for name, annotated in own.get("__annotations__", {}).items()
        ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - of any type
        """Keep the arguments, each as an attribute.

        Raises:
            TypeError: One is missing, or not declared.

        """
        options = declared_options(type(self))
        positional = [option.name for option in options if not option.keyword_only]
        given = dict(zip(positional, args, strict=False)) | kwargs
        missing = [option.name for option in options if option.required and option.name not in given]
        unknown = [*args[len(positional) :], *(given.keys() - {option.name for option in options})]
        if missing or unknown:
            raise TypeError(f"{type(self).__name__}: missing {missing}, unknown {unknown}")
        vars(self).update({option.name: option.default for option in options} | given)


def declared_options(arguments: type[Options]) -> list[Option]:
    """Return the options that a class declares: those by position, its own, then what it inherits."""
    found: dict[str, Option] = {}
    for cls in arguments.__mro__:
        for option in cls.own_options if issubclass(cls, Options) else ():
            found.setdefault(option.name, option)
    return sorted(found.values(), key=lambda option: option.keyword_only)
