"""``python -m benchmarks fusing``: decomposed GRUs before and after fusing, beside GRU nodes made by hand."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks import models, passes, plots, tables
from benchmarks.measure import TOLERANCE, lowered, rounded, say, session, timed
from benchmarks.real import SHARED
from benchmarks.rivals import RIVALS
from gru_lower.graph.scopes import is_onnx
from gru_lower.report.environment import environment
from gru_lower.verification.worker.timing import Seconds, Spread, quotient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gru_lower.verification.arrays import Feeds

LIMIT = 1.05
"""What a fused model may take, times a GRU node made by hand."""
SPELLINGS = {"naive_loop": "naive Loop", "inside": "Scan, projection inside", "editor": "Scan, projection outside"}
NODES = (2_000, 4_000, 8_000, 16_000, 32_000)
NODES_PER_STEP = 11
NODES_LIMIT = 16_000, 3.0
GROWTH = 1.5
"""How much longer a node may take among twice as many."""


@dataclass(frozen=True)
class Pair:
    """One model: columns of `seconds` are what it was, what it became, and the GRU nodes alone.

    Attributes:
        name: Of the export, or of the spelling.
        case: Of a spelling: its sizes.
        grus: How many GRU nodes it became.
        left: The nodes beside them.
        seconds: For one run, of shape [rounds, 3].

    """

    name: str
    case: models.Case | None
    grus: int
    left: int
    seconds: Seconds

    @property
    def gain(self) -> Spread:
        """How much longer the original takes than what it became."""
        return quotient(self.seconds, 0, 1)

    @property
    def beside(self) -> Spread:
        """How much longer what it became takes than the GRU nodes alone."""
        return quotient(self.seconds, 1, 2)

    def to_json(self) -> dict[str, Any]:
        """Return the object that stands in the JSON results."""
        case = {} if self.case is None else {"case": self.case.to_json()}
        spreads = [Spread.of(self.seconds[:, column]) for column in range(3)]
        names = ("before", "after", "gru_alone")
        seconds = {name: rounded(spread) for name, spread in zip(names, spreads, strict=True)}
        ratios = {"before_to_after": rounded(self.gain), "after_to_gru": rounded(self.beside)}
        return {"name": self.name, **case, "grus": self.grus, "left": self.left, "seconds": seconds, **ratios}


def run(folder: Path, *, quick: bool, tolerance: float, layers: Path | None = None) -> int:
    """Measure, write fusing.md, fusing.json and a plot; return 1 if a limit was missed, 2 without matplotlib.

    Args:
        folder: Where to write.
        quick: Measure a subset.
        tolerance: How far beyond its limit a value may be, as a share of the limit.
        layers: A folder of models with their inputs, as :mod:`benchmarks.layers` makes it.

    """
    if find_spec("matplotlib") is None:
        print('the plots need matplotlib: pip install ".[bench]"', file=sys.stderr)
        return 2
    spelled = [_spelled(name, case, 0.5 if quick else 1.5) for name, case in _sizes(quick=quick)]
    made = [
        pair
        for path in (sorted(layers.glob("*.onnx"), key=_by_size) if layers else [])
        if (pair := _exported(path.stem, path, path.with_suffix(".npz"), 0.5 if quick else 1.5))
    ]
    exports = [
        pair for name in list(_exports())[:: 8 if quick else 1] if (pair := _export(name, 0.2 if quick else 0.4))
    ]
    counts = NODES[:3] if quick else NODES
    outcomes = [
        passes.outcome(passes.Job(f"{n:,} nodes", _unrolled(n), "fuse-gru"), 1 if quick else passes.REPEATS)
        for n in counts
    ]
    worst = max(pair.beside.median for pair in spelled)
    layer = max((pair.beside.median for pair in made), default=None)
    growth = max(b.seconds / a.seconds / 2 for a, b in pairwise(outcomes))
    at, most = NODES_LIMIT
    whole = next((o.seconds for o, n in zip(outcomes, counts, strict=True) if n == at), None)
    verdicts = [
        ("fused / GRU node made by hand, worst of the sizes", worst, LIMIT),
        ("fused / GRU nodes alone, worst of the frameworks' layers", layer, LIMIT),
        ("seconds to load, fuse and save 16,000 nodes", whole, most),
        ("a node among twice as many, times as long", growth, GROWTH),
    ]
    where = environment()
    folder.mkdir(parents=True, exist_ok=True)
    drawn = plots.fusing(spelled, [(n, o.seconds, o.megabytes) for n, o in zip(counts, outcomes, strict=True)], folder)
    page = _page(where, verdicts, tolerance, spelled, made, exports, outcomes, drawn)
    (folder / "fusing.md").write_text(page, encoding="utf-8")
    results = {
        "environment": where,
        "quick": quick,
        "verdicts": [{"text": text, "value": value, "limit": limit} for text, value, limit in verdicts],
        "spellings": [pair.to_json() for pair in spelled],
        "layers": [pair.to_json() for pair in made],
        "exports": [pair.to_json() for pair in exports],
        "passes": [
            {"nodes": n, "load": o.load, "fuse": o.lower, "save": o.save, "megabytes": o.megabytes}
            for n, o in zip(counts, outcomes, strict=True)
        ],
    }
    (folder / "fusing.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    print(page)
    return int(any(value is not None and value > limit * (1 + tolerance) for _, value, limit in verdicts))


# -- what is timed ----------------------------------------------------------------------------------------


def _sizes(*, quick: bool) -> Iterator[tuple[str, models.Case]]:
    """Yield spellings and sizes of real layers."""
    for H, B, T in ((64, 1, 50), (128, 1, 100), (256, 1, 500), (512, 1, 200), (128, 16, 100), (256, 16, 50)):
        if quick and T > 100:
            continue
        for name in SPELLINGS:
            yield name, models.Case(H, B, T)
        if T <= 100:
            yield "unroll", models.Case(H, B, T)


def _spelled(name: str, case: models.Case, seconds: float) -> Pair:
    """Time one spelling of a GRU."""
    native = models.native(case)
    before = RIVALS[name](case) if name in RIVALS else lowered(models.native(case), "lower-gru{form=unroll}")
    after = _fused(before)
    found = _timed([before, after, native], models.feeds(case), seconds, f"{name} at {case}")
    say(f"{name} {case}")
    return Pair(name, case, *_counted(after), found)


def _exports() -> Iterator[str]:
    """Yield the names of the decomposed exports that are there."""
    index = SHARED / "exports" / "index.tsv"
    if index.exists():
        with index.open(encoding="utf-8") as lines:
            for row in csv.DictReader(lines, delimiter="\t"):
                if row["kind"] == "decomposed":
                    yield row["sample"]


def _by_size(path: Path) -> tuple[str, list[int]]:
    framework, *sizes = path.stem.rsplit("_", 3)
    return framework, [int(size[1:]) for size in sizes]


def _export(name: str, seconds: float) -> Pair | None:
    """Time an export; ``None`` for one that is not fused in its main graph, or does not run."""
    folder = SHARED / "exports" / name
    return _exported(name, folder / "model.onnx", folder / "io.npz", seconds)


def _exported(name: str, path: Path, given: Path, seconds: float) -> Pair | None:
    before = onnx.load(path)
    after = _fused(before)
    grus, left = _counted(after)
    if not grus:
        return None
    with np.load(given) as file:
        feeds = {key.removeprefix("in__"): file[key] for key in file.files if not key.startswith("out__")}
    feeds = {value.name: feeds[value.name] for value in before.graph.input if value.name in feeds}
    alone, read = _alone(after, feeds)
    say(name)
    calls = [partial(session(model).run, None, feeds) for model in (before, after)]
    return Pair(name, None, grus, left, timed([*calls, partial(session(alone).run, None, read)], seconds))


def _fused(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    return lowered(copy, "fuse-gru,join-directions")


def _counted(model: onnx.ModelProto) -> tuple[int, int]:
    """Return how many GRU nodes a main graph has, and how many others."""
    grus = sum(is_onnx(node, "GRU") for node in model.graph.node)
    return grus, len(model.graph.node) - grus


def _alone(model: onnx.ModelProto, feeds: Feeds) -> tuple[onnx.ModelProto, Feeds]:
    """Return a model of nothing but a fused model's GRU nodes, and what it reads: what they read there."""
    nodes = [node for node in model.graph.node if is_onnx(node, "GRU")]
    names = list(dict.fromkeys(name for node in nodes for name in node.input if name))
    seen = onnx.ModelProto()
    seen.CopyFrom(model)
    del seen.graph.output[:]
    inputs = {value.name for value in model.graph.input}
    made = [name for name in names if name not in inputs]
    seen.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
    values = dict(zip(made, session(_typed(seen, nodes)).run(None, feeds), strict=True)) if made else {}
    values |= {name: feeds[name] for name in names if name in inputs}
    weights = {name for node in nodes for name in node.input[1:4] if name}
    read = {name: value for name, value in values.items() if name not in weights}
    graph = helper.make_graph(
        nodes,
        "alone",
        [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in read.items()],
        [onnx.ValueInfoProto(name=name) for node in nodes for name in node.output if name],
        [numpy_helper.from_array(values[name], name) for name in weights],
    )
    alone = helper.make_model(graph, opset_imports=model.opset_import, ir_version=max(model.ir_version, 4))
    return _typed(alone, nodes), read


def _typed(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> onnx.ModelProto:
    """Give outputs without a type the one they have around GRUs of float32."""
    lens = {node.input[4] for node in nodes if len(node.input) > 4}
    for value in model.graph.output:
        kind = TensorProto.INT32 if value.name in lens else TensorProto.FLOAT
        value.type.tensor_type.elem_type = kind
    return model


def _timed(contenders: Sequence[onnx.ModelProto], feeds: Feeds, seconds: float, what: str) -> Seconds:
    calls = [partial(session(model).run, None, feeds) for model in contenders]
    outputs = [call() for call in calls]
    for other in outputs[1:]:
        error = max(float(np.abs(a - b).max()) for a, b in zip(outputs[0], other, strict=True))
        if not error <= TOLERANCE:
            raise ValueError(f"{what} is off by {error:.3g}")
    return timed(calls, seconds)


def _unrolled(nodes: int) -> Any:  # noqa: ANN401 - a function of a path
    def write(path: Path) -> None:
        case = models.Case(16, 1, nodes // NODES_PER_STEP)
        onnx.save(lowered(models.native(case), "lower-gru{form=unroll}"), path)

    return write


# -- the page ---------------------------------------------------------------------------------------------


def _page(
    where: dict[str, str | int],
    verdicts: Sequence[tuple[str, float | None, float]],
    tolerance: float,
    spelled: Sequence[Pair],
    made: Sequence[Pair],
    exports: Sequence[Pair],
    outcomes: Sequence[passes.Outcome],
    drawn: Sequence[tuple[str, str]],
) -> str:
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
        "Exported by the frameworks themselves, 64 features in (`benchmarks/layers.py`). `GRU` is a model of the same "
        "GRU nodes and nothing else, without the Transposes that a batch-first layer has around it."
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


def _case(case: models.Case | None) -> list[str]:
    return [] if case is None else [str(case.H), str(case.B), str(case.T)]
