"""Write docs/fusing.md's table of exporters anew: ``python tests/update_fusing.py``. A test holds the page to it.

The exports stand in a folder of their own (../shared, or GRU_LOWER_SHARED), which a checkout need not have.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import onnx

import gru_lower
from gru_lower.graph.scopes import is_onnx, walk

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "fusing.md"
SHARED = Path(os.environ.get("GRU_LOWER_SHARED", ROOT.parent / "shared"))
BEGIN = "<!-- Written by tests/update_fusing.py from the exports and what fuse makes of them. -->\n"
END = "<!-- End of what is written. -->\n"
EXPORTERS = {
    "torch_ts": "PyTorch, TorchScript exporter",
    "torch_dynamo": "PyTorch, dynamo exporter",
    "keras_tf": "Keras 3 on TensorFlow",
    "keras_jax": "Keras 3 on JAX",
    "keras_torch": "Keras 3 on PyTorch",
    "tf2onnx": "TensorFlow by tf2onnx",
    "tf2onnx_tfkeras2": "tf.keras 2 by tf2onnx",
    "jax": "JAX by jax2onnx",
    "mlx": "Apple MLX",
    "paddle": "Paddle by paddle2onnx",
    "opt_onnxsim": "rewritten by onnxsim",
    "opt_onnxslim": "rewritten by onnxslim",
    "opt_onnxscript_opt": "rewritten by onnxscript's optimizer",
    "opt_onnxvc13": "converted to opset 13",
    "opt_onnxvc21": "converted to opset 21",
    "opt_onnxvc22": "converted to opset 22",
    "opt_ort_basic": "rewritten by onnxruntime, basic",
    "opt_ort_extended": "rewritten by onnxruntime, extended",
    "opt_ort_all": "rewritten by onnxruntime, all",
}
NO_GRU = {
    "keras_torch__gru_bidir_sum_dynT": "its length was traced as 1: each direction is one step from a state of zeros, "
    "in which the recurrent weights have no part",
    "keras_tf__hand_ops_scan": "its loop keeps TensorFlow's own TensorListSetItem, which is no ONNX; the state is "
    "captured by it, not carried",
    "tf2onnx__v1_dynamic_rnn_gru_disabled": "its loop keeps TensorFlow's own TensorList operators, which are no ONNX",
    "tf2onnx__v1_dynamic_rnn_gru_seqlen": "its loop keeps TensorFlow's own TensorList operators, which are no ONNX",
}
"""Decomposed samples that come to no GRU, and why that is right."""
FIRST_STEP_STAYS = ("mlx__gru_batched", "mlx__gru_unbatched")
"""The first step's candidate is g(Xt Whᵀ + Wbh), without r ∘ Rbh: no step of this GRU at Ht_1 = 0."""


def rows(shared: Path) -> list[dict[str, str]]:
    """Return the exports' index: sample, kind, form and more of each."""
    with (shared / "exports" / "index.tsv").open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def form(row: dict[str, str]) -> str:
    """Say how an export computes its GRU."""
    word = row["form"].split(" ")[0]
    match row["kind"]:
        case "intact":
            return "GRU nodes"
        case "step":
            return "a single step"
        case "masked":
            return f"{word} with a mask of booleans"
        case "negative":
            return "near misses that are no GRU"
        case _:
            return "unrolled" if word in ("unrolled", "single") else word


def fuses(shared: Path, name: str, **options: Any) -> bool:
    """Whether an export becomes GRU nodes."""
    made = gru_lower.fuse(shared / "exports" / name / "model.onnx", verify=False, **options).model
    assert isinstance(made, onnx.ModelProto)
    return any(is_onnx(node, "GRU") for scope in walk(made) for node in scope.nodes)


def table(shared: Path) -> str:
    """Return the table and what is to be said of it."""
    groups: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)
    order = list(EXPORTERS)
    for row in sorted(rows(shared), key=lambda row: order.index(row["sample"].split("__")[0])):
        groups[EXPORTERS[row["sample"].split("__")[0]], form(row)].append(row)
    lines = ["| exporter | computes it as | models | fused |", "|---|---|---:|---|"]
    for (exporter, how), found in groups.items():
        lines.append(f"| {exporter} | {how} | {len(found)} | {_fused(shared, found)} |")
    reasons = [f"- `{name}`: {why}." for name, why in NO_GRU.items()]
    first = " and ".join(f"`{name}`" for name in FIRST_STEP_STAYS)
    reasons.append(
        f"- The first steps of {first}: MLX leaves r ∘ Rbh out where no state is given; they stay before the GRU."
    )
    return "\n".join([*lines, "", "Not fused, and why:", "", *reasons, ""])


def _fused(shared: Path, found: list[dict[str, str]]) -> str:
    names, kind = [row["sample"] for row in found], found[0]["kind"]
    if kind == "intact":
        return "stay"
    fused = sum(fuses(shared, name) for name in names)
    if kind == "negative":
        return "none" if not fused else f"{fused}: **wrong**"
    text = "all" if fused == len(names) else f"{fused} of {len(names)}"
    options: dict[str, tuple[str, dict[str, Any]]] = {
        "masked": ("--assume right-padded", {"assume": "right-padded"}),
        "step": ("--steps", {"steps": True}),
    }
    option, given = options.get(kind, ("", {}))
    if not option or fused == len(names):
        return text
    then = sum(fuses(shared, name, **given) for name in names)
    more = "all" if then == len(names) else f"{then} of {len(names)}"
    return f"{text if fused else 'none'}; {more} with `{option}`"


def page(shared: Path) -> str:
    """Return docs/fusing.md with the table written anew."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + "\n" + table(shared) + "\n" + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(page(SHARED), encoding="utf-8")
