"""Our dataclasses behave as those of the standard library: who builds, compares or prints one sees no difference."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from dataclasses import field
from typing import Any, ClassVar

import pytest

from gru_lower.light_dataclass import dataclass

BOTH = (dataclasses.dataclass, dataclass)


@dataclass(frozen=True)
class Kept:
    """One that can be pickled."""

    left: int
    right: tuple[int, ...] = ()


def classes(make: Any) -> dict[str, type]:
    @make
    class Plain:
        """Some values."""

        x: int
        y: list[int] = field(default_factory=list)
        z: str = "z"
        count: ClassVar[int] = 0

    @make(frozen=True)
    class Frozen:
        x: int
        y: float = field(default=2.0, compare=False)
        hidden: int = field(default=3, repr=False)

        def __post_init__(self) -> None:
            if self.x < 0:
                raise ValueError("x")

    @make(frozen=True)
    class More(Frozen):
        more: int = 4

    @make(frozen=True, eq=False)
    class Single:
        x: int

    @make
    class Own:
        x: int
        later: dict[str, int] = field(init=False, default_factory=dict)

        def __repr__(self) -> str:
            return "own"

        def __hash__(self) -> int:
            return self.x

    @make
    class Empty:
        pass

    return {each.__name__: each for each in (Plain, Frozen, More, Single, Own, Empty)}


CALLS: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "Plain": [((1,), {}), ((1, [2], "a"), {}), ((), {"x": 1, "z": "b"}), ((), {}), ((1,), {"x": 2}), ((1,), {"w": 2})],
    "Frozen": [((1,), {}), ((1, 5.0), {"hidden": 9}), ((-1,), {}), ((1, 2, 3, 4), {})],
    "More": [((1,), {"more": 8}), ((), {"more": 8})],
    "Single": [((1,), {})],
    "Own": [((1,), {}), ((1,), {"later": {}})],
    "Empty": [((), {}), ((1,), {})],
}


def said(call: Any) -> Any:
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - its kind is compared
        return type(error)


@pytest.mark.parametrize("name", CALLS)
def test_it_is_as_the_standard_one(name: str) -> None:
    theirs, ours = (classes(make)[name] for make in BOTH)
    made: list[list[Any]] = [[], []]
    for args, kwargs in CALLS[name]:
        for cls, kept in zip((theirs, ours), made, strict=True):
            kept.append(said(lambda cls=cls, args=args, kwargs=kwargs: cls(*args, **kwargs)))
    for one, other in zip(*made, strict=True):
        if isinstance(one, type):
            assert one is other
            continue
        assert repr(one) == repr(other)
        assert vars(one) == vars(other)
        assert dataclasses.asdict(one) == dataclasses.asdict(other)
        assert said(lambda one=one: type(hash(one))) == said(lambda other=other: type(hash(other)))
        for change in ({}, {"x": 7}, {"y": 1.0}, {"hidden": 1}, {"nothing": 1}):
            left, right = (said(lambda it=it, change=change: dataclasses.replace(it, **change)) for it in (one, other))
            assert repr(left) == repr(right)
            assert (left == one) == (right == other)
        for attribute in ("x", "new"):
            assert said(lambda: setattr(one, attribute, 5)) == said(lambda: setattr(other, attribute, 5))  # noqa: B023
            assert said(lambda: delattr(one, attribute)) == said(lambda: delattr(other, attribute))  # noqa: B023
    assert theirs.__match_args__ == ours.__match_args__  # type: ignore[attr-defined]
    assert [*inspect.signature(theirs).parameters] == [*inspect.signature(ours).parameters]


def test_equal_ones_are_one_key_and_others_are_not() -> None:
    assert {Kept(1): "a"}[Kept(1, ())] == "a"
    assert Kept(1) != Kept(2)
    values: object = (1, ())
    assert Kept(1) != values


def test_they_are_copied_and_pickled() -> None:
    it = Kept(1, (2, 3))
    assert copy.deepcopy(it) == copy.copy(it) == pickle.loads(pickle.dumps(it)) == it  # noqa: S301 - our own bytes


def test_what_is_wrong_with_a_call_is_said() -> None:
    with pytest.raises(TypeError, match="left"):
        Kept()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="middle"):
        Kept(1, middle=2)  # type: ignore[call-arg]


def test_a_class_that_stands_on_one_has_a_signature_of_its_own() -> None:
    class Further(Kept):
        def __init__(self, other: int) -> None:
            super().__init__(other)

    assert [*inspect.signature(Further).parameters] == ["other"]
    assert [*inspect.signature(Kept).parameters] == ["left", "right"]
    assert Further(3).left == 3
