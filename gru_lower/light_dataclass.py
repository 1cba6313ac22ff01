"""``dataclass`` without written source: the classes that a command loads are ready in a tenth of the time.

The module ``dataclasses`` writes and compiles source for each class, half a millisecond for one, and a command loads a
hundred. Here a class is given methods that are there already. To whoever reads or type-checks it, and to ``replace``,
``fields`` and ``asdict`` of ``dataclasses``, it is a dataclass like any other.
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from reprlib import recursive_repr
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - handed on
    from inspect import Signature
else:

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, eq: bool = True, **more: bool) -> Any:  # noqa: ANN401
        """Make a class a dataclass.

        Args:
            cls: The class.
            frozen: Whether its fields cannot be set again.
            eq: Whether those with equal fields are equal.
            more: Whatever else :func:`dataclasses.dataclass` takes, which is left to it.

        """

        def make(cls: type) -> type:
            if more:
                return dataclasses.dataclass(cls, frozen=frozen, eq=eq, **more)
            return _made(cls, frozen=frozen, eq=eq)

        return make if cls is None else make(cls)


Fields = tuple["dataclasses.Field[Any]", ...]


def _made(cls: type, *, frozen: bool, eq: bool) -> type:
    """Return a class with the fields and the methods of a dataclass."""
    cls.__doc__ = cls.__doc__ or cls.__name__  # else its signature would be worked out for one
    fields = dataclasses.fields(dataclasses.dataclass(cls, init=False, repr=False, eq=False))
    methods: dict[str, Any] = {"__init__": _init(cls, fields), "__repr__": _repr}
    if eq:
        if cls.__dict__.get("__hash__") is None and ("__hash__" not in cls.__dict__ or "__eq__" in cls.__dict__):
            hashed = (field.name for field in fields if (field.compare if field.hash is None else field.hash))
            type.__setattr__(cls, "__hash__", _hash(_values_of(hashed)) if frozen else None)
        methods["__eq__"] = _eq(_values_of(field.name for field in fields if field.compare))
    if frozen:
        methods["__setattr__"], methods["__delattr__"] = _refusals(cls, fields)
    for name, method in methods.items():
        if name not in cls.__dict__:
            setattr(cls, name, method)
    type.__setattr__(cls, "__signature__", _LateSignature(cls, fields))
    return cls


def _init(cls: type, fields: Fields) -> Callable[..., None]:
    names = tuple(field.name for field in fields if field.init)
    count, known = len(names), frozenset(names)
    defaults = {field.name: field.default for field in fields if field.default is not dataclasses.MISSING}
    factories = [
        (field.name, field.default_factory) for field in fields if field.default_factory is not dataclasses.MISSING
    ]
    has_more = hasattr(cls, "__post_init__")

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401, N807 - of any class
        if not args and kwargs.keys() == known and count == len(fields):
            self.__dict__.update(kwargs)
            if has_more:
                self.__post_init__()
            return
        values = dict(zip(names, args, strict=False))
        if len(args) > count or not (known.issuperset(kwargs) and values.keys().isdisjoint(kwargs)):
            _signature(fields).bind(*args, **kwargs)  # which says what is wrong
        values.update(kwargs)
        if len(values) < len(fields):
            values = defaults | values
            for name, make in factories:
                if name not in values:
                    values[name] = make()
            if not known <= values.keys():
                _signature(fields).bind(*args, **kwargs)
        self.__dict__.update(values)
        if has_more:
            self.__post_init__()

    return __init__


@recursive_repr()
def _repr(self: Any) -> str:  # noqa: ANN401 - of any class
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _values_of(names: Iterable[str]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what gives the values of some fields."""
    listed = tuple(names)
    if len(listed) > 1:
        return attrgetter(*listed)
    return lambda self: tuple(getattr(self, name) for name in listed)


def _eq(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, Any], bool]:
    def __eq__(self: Any, other: Any) -> bool:  # noqa: ANN401, N807 - of any class
        return values(self) == values(other) if type(other) is type(self) else NotImplemented

    return __eq__


def _hash(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any], int]:
    def __hash__(self: Any) -> int:  # noqa: ANN401, N807 - of any class
        return hash(values(self))

    return __hash__


def _refusals(cls: type, fields: Fields) -> tuple[Callable[[Any, str, Any], None], Callable[[Any, str], None]]:
    """Return what refuses to set and to delete a field; classes that stand on this one may have other attributes."""
    names = frozenset(field.name for field in fields)

    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: ANN401, N807 - of any class
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        object.__setattr__(self, name, value)

    def __delattr__(self: Any, name: str) -> None:  # noqa: ANN401, N807 - of any class
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    return __setattr__, __delattr__


class _LateSignature:
    """What `inspect.signature` asks a class for, worked out when it does."""

    def __init__(self, cls: type, fields: Fields) -> None:
        self._init = cls.__init__  # type: ignore[misc]
        self._fields = fields

    def __get__(self, _instance: object, owner: type) -> Signature | None:
        is_its_own = owner.__init__ is self._init  # type: ignore[misc]
        return _signature(self._fields) if is_its_own else None


def _signature(fields: Fields) -> Signature:
    import inspect

    given = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=inspect.Parameter.empty if default is dataclasses.MISSING else default,
            annotation=field.type,
        )
        for field in fields
        if field.init
        for default in [field.default if field.default_factory is dataclasses.MISSING else ...]
    ]
    return inspect.Signature(given, return_annotation=None)
