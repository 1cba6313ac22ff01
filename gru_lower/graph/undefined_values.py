"""Values that are used and that nothing makes: no node, no initializer, no input of any graph around."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.errors import InvalidModel

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gru_lower.graph.scopes import Scope

UNDEFINED = "GL734"
"""The code of a value that nothing makes."""


class UndefinedValue(NamedTuple):
    """One use of such a value, the first of its scope.

    Attributes:
        scope: The path of the scope.
        node: The site of the node that uses it, ``""`` where it is an output of the scope.
        name: The value.

    """

    scope: str
    node: str
    name: str

    @property
    def message(self) -> str:
        """What is wrong, in one line."""
        return f"{self.name!r} is {'used' if self.node else f'an output of {self.scope}'}, and nothing makes it"


def undefined_values(scopes: Iterable[Scope]) -> Iterator[UndefinedValue]:
    """Yield each value that is used in a scope of a model and made by nothing, once for each scope."""
    for scope in scopes:
        said, here = set[str](), {"", *scope.producers, *scope.inputs, *scope.initializers}
        others = ((index, names) for index, names in enumerate(scope.columns.inputs) if not here.issuperset(names))
        uses = ((index, name) for index, names in others for name in names)
        for index, name in chain(uses, ((None, name) for name in scope.outputs)):
            if name and name not in said and scope.find(name) is None:
                said.add(name)
                yield UndefinedValue(scope.path, "" if index is None else scope.site(index), name)


def refuse_undefined_values(scopes: Iterable[Scope]) -> None:
    """Refuse a model in which something is used that nothing makes.

    Raises:
        InvalidModel: Naming the first such value.

    """
    found = next(undefined_values(scopes), None)
    if found is not None:
        raise InvalidModel(
            found.message,
            code=UNDEFINED,
            node=found.node or None,
            hint="no runtime loads such a model: see which tool wrote it last, or export it again",
        )
