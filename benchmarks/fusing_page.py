"""The page of ``python -m benchmarks fusing``, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks import passes
    from benchmarks.fusing_pairs import Pair
    from benchmarks.gru_case import Case

SPELLINGS = {"naive_loop": "naive Loop", "inside": "Scan, projection inside", "editor": "Scan, projection outside"}


def page(
    where: dict[str, str | int],
    verdicts: Sequence[tuple[str, float | None, float]],
    tolerance: float,
    spelled: Sequence[Pair],
    made: Sequence[Pair],
    exports: Sequence[Pair],
    outcomes: Sequence[passes.Outcome],
    drawn: Sequence[tuple[str, str]],
) -> str:
    """Return the whole page."""
    words = []
    for text, value, limit in verdicts:
        word = "" if value is None else "reached" if value <= limit else "missed"
        if value is not None and limit < value <= limit * (1 + tolerance):
            word = "within tolerance"
        words.append([text, f"≤ {limit:g}", "-" if value is None else f"{value:.2f}", word])
    conditions = (
        f"onnxruntime {where['onnxruntime']} on {where['cpu']} ({where['cores']} cores), Python {where['python']}, "
        f"{where['date']}. float32, one thread, CPU time; a figure is the median of quotients taken round by round, ± "
        "half the distance between the quartiles. Written by `python -m benchmarks fusing`; all figures are in "
        "fusing.json."
    )
    columns = (
        "`before / after`: how much longer the spelled cells take than what they become. `after / GRU`: how much "
        "longer that takes than a GRU node made by hand."
    )
    small = (
        "Small models (H to 16, T to 12): what a call costs, and every node beside the GRUs, such as the Transposes of "
        "a batch-first layer, shows in `after / GRU`. `GRU` is a model of the same GRU nodes and nothing else."
    )
    parts = [
        "# Decomposed GRUs before and after fusing",
        conditions,
        tables.table(["", "limit", "measured", ""], words),
        *(f"![{title}]({file}.svg)" for file, title in drawn),
        "## Sizes of real layers",
        columns,
        tables.table(
            ["spelling", "H", "B", "T", "before / after", "after / GRU"],
            [[_title(p), *_case(p.case), tables.figure(p.gain), tables.figure(p.beside)] for p in spelled],
        ),
        *_layers(made),
        "## The pass itself",
        "Unrolled cells of one GRU, each run in a process of its own; memory is the peak beyond imports.",
        tables.table(
            ["", "load, s", "fuse, s", "save, s", "memory, MB"],
            [[o.job.name, f"{o.load:.2f}", f"{o.lower:.2f}", f"{o.save:.2f}", f"{o.megabytes:.0f}"] for o in outcomes],
        ),
    ]
    if exports:
        parts += [
            "## Exports of frameworks",
            small,
            tables.table(
                ["export", "GRUs", "other nodes", "before / after", "after / GRU"],
                [
                    [f"`{p.name}`", str(p.grus), str(p.left), tables.figure(p.gain), tables.figure(p.beside)]
                    for p in exports
                ],
            ),
        ]
    return "\n\n".join(parts) + "\n"


def _layers(made: Sequence[Pair]) -> list[str]:
    if not made:
        return []
    about = (
        "Exported by the frameworks themselves, 64 features in (`benchmarks/export_layers.py`). `GRU` is a model of "
        "the same GRU nodes and nothing else, without the Transposes that a batch-first layer has around it."
    )
    return [
        "## Layers of frameworks",
        about,
        tables.table(
            ["layer", "other nodes", "before / after", "after / GRU"],
            [[f"`{p.name}`", str(p.left), tables.figure(p.gain), tables.figure(p.beside)] for p in made],
        ),
    ]


def _title(pair: Pair) -> str:
    return SPELLINGS.get(pair.name, "unrolled")


def _case(case: Case | None) -> list[str]:
    return [] if case is None else [str(case.H), str(case.B), str(case.T)]
