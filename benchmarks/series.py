"""The series of cases that are measured, each with its contenders."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from benchmarks.gru_case import Case

MOST_WORK = 20_000_000_000
"""Operations in one run beyond which a case is left out: some tenths of a second."""
RIVALS_WORK = 2_000_000_000
"""Operations beyond which only what the bounds need is measured."""
FORMS = ("native", "auto", "scan", "loop", "unroll")
LAST_UNROLLED = 50


@dataclass(frozen=True)
class Series:
    """Cases measured alike.

    Attributes:
        name: In the results.
        title: For people.
        cases: What is measured.
        names: The contenders.
        seconds: For each case.

    """

    name: str
    title: str
    cases: tuple[Case, ...]
    names: tuple[str, ...]
    seconds: float

    def contenders(self, case: Case) -> tuple[str, ...]:
        """Return those that apply to a case."""
        left_out = set()
        if case.T > LAST_UNROLLED:
            left_out.add("unroll")
        if case.work > RIVALS_WORK:
            left_out |= {"loop", "unroll", "editor", "naive_loop"}
        return tuple(name for name in self.names if name not in left_out)


def full() -> list[Series]:
    """Return everything: six to ten minutes."""
    sizes = (16, 32, 64, 128, 256, 512, 1024)
    return [
        Series(
            "batch",
            "Forward, T = 50",
            _cases(H=(8, *sizes), B=(1, 4, 16, 64), T=(50,), lbr=(0, 1)),
            (*FORMS, "inside", "editor", "naive_loop", "floor"),
            2.0,
        ),
        Series(
            "length",
            "By sequence length",
            _cases(H=(16, 64, 128, 256, 1024), B=(1, 16), T=(1, 2, 4, 8, 16, 200)),
            ("native", "auto", "scan", "unroll"),
            1.2,
        ),
        Series(
            "bidirectional",
            "Bidirectional, T = 50",
            _cases(H=(8, 16, 32, 64, 128, 256), B=(1, 4, 16), T=(50,), lbr=(0, 1), direction=("bidirectional",)),
            ("native", "auto", "loop"),
            1.0,
        ),
        Series(
            "masked",
            "With sequence_lens",
            _cases(H=(16, 64, 128, 256, 512), B=(4, 16), T=(50, 200), lbr=(0, 1), masked=(True,)),
            ("native", "auto", "where", "unmasked"),
            1.2,
        ),
        Series(
            "streaming",
            "One step, batch 1",
            _cases(H=(8, *sizes), B=(1,), T=(1,), lbr=(0, 1), state=(True, False)),
            ("native", "auto"),
            0.8,
        ),
        Series(
            "dynamic",
            "T and B unknown to the model, T = 50",
            _cases(H=(16, 64, 128, 256), B=(1, 16), T=(50,), lbr=(0, 1), dynamic=(True,)),
            ("native", "auto"),
            0.8,
        ),
    ]


def quick() -> list[Series]:
    """Return what the speed to reach is judged by, and little else: one to two minutes."""
    return [
        Series(
            "batch",
            "Forward, T = 50",
            _cases(H=(16, 64, 128, 256), B=(1, 64), T=(50,), lbr=(0, 1)) + _cases(H=(512,), B=(1,), T=(50,)),
            (*FORMS, "inside", "editor", "naive_loop", "floor"),
            1.0,
        ),
        Series(
            "length", "By sequence length", _cases(H=(16, 256), B=(1,), T=(1, 8, 200)), ("native", "auto", "scan"), 0.6
        ),
        Series(
            "bidirectional",
            "Bidirectional, T = 50",
            _cases(H=(16, 64), B=(1,), T=(50,), lbr=(0, 1), direction=("bidirectional",)),
            ("native", "auto"),
            0.8,
        ),
        Series(
            "masked",
            "With sequence_lens",
            _cases(H=(64, 256), B=(4,), T=(50,), lbr=(0, 1), masked=(True,)),
            ("native", "auto", "unmasked"),
            0.8,
        ),
        Series(
            "streaming",
            "One step, batch 1",
            _cases(H=(16, 64, 256), B=(1,), T=(1,), lbr=(0, 1), state=(True, False)),
            ("native", "auto"),
            0.5,
        ),
    ]


def _cases(**axes: tuple[object, ...]) -> tuple[Case, ...]:
    """Return every combination that is not too much work."""
    every = (Case(**dict(zip(axes, values, strict=True))) for values in product(*axes.values()))  # type: ignore[arg-type]
    return tuple(case for case in every if case.work <= MOST_WORK)
