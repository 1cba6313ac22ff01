"""Timing of whole models before and after lowering, such as streaming speech models."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import rounded, session, timed
from gru_lower.graph.model import load
from gru_lower.rewriting.pipelines import lowering
from gru_lower.rewriting.rewrite_model import rewrite_model
from gru_lower.verification.inputs import given_files
from gru_lower.verification.worker.timing import Seconds, Spread, quotient

if TYPE_CHECKING:
    from collections.abc import Mapping

SHARED = Path(os.environ.get("GRU_LOWER_SHARED", Path(__file__).resolve().parents[2] / "shared"))
"""Where the models are: as in tests/conftest.py."""


@dataclass(frozen=True)
class Real:
    """One model to time.

    Attributes:
        name: For people.
        folder: Under models/ in :data:`SHARED`.
        fix_dims: Lengths to make static first.
        rows: How many leading rows of each input to feed, by input.
        before: Passes to run before those of ``gru-lower``.

    """

    name: str
    folder: str
    fix_dims: Mapping[str, int]
    rows: Mapping[str, int]
    before: str = ""


REAL = (
    Real("gtcrn, one frame (14 GRUs, H 4 to 16)", "gtcrn_stream_simple", {}, {}),
    Real("gtcrn, one frame, merge-gru first", "gtcrn_stream_simple", {}, {}, "merge-gru,"),
    Real("rnnoise, 20 frames (3 GRUs, H 24 to 96)", "rnnoise_v1_orig", {}, {}),
    Real("rnnoise, one frame, T = B = 1 made static", "rnnoise_v1_orig", {"T": 1, "B": 1}, {"features": 1}),
)


@dataclass(frozen=True)
class RealRecord:
    """What was measured on one model: columns of `seconds` are the original and the lowered model."""

    name: str
    forms: tuple[str, ...]
    seconds: Seconds

    @property
    def before(self) -> Spread:
        """Seconds of one run of the original."""
        return Spread.of(self.seconds[:, 0])

    @property
    def after(self) -> Spread:
        """Seconds of one run of the lowered model."""
        return Spread.of(self.seconds[:, 1])

    @property
    def ratio(self) -> Spread:
        """How much longer the lowered model takes."""
        return quotient(self.seconds, 1, 0)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON results."""
        return {
            "name": self.name,
            "forms": list(self.forms),
            "seconds": {"native": rounded(self.before), "auto": rounded(self.after)},
            "to_native": rounded(self.ratio),
        }


def measure_real(seconds: float) -> list[RealRecord]:
    """Time every model whose folder is there."""
    return [_measure(each, seconds) for each in REAL if (SHARED / "models" / each.folder).is_dir()]


def _measure(real: Real, seconds: float) -> RealRecord:
    folder = SHARED / "models" / real.folder
    model = load(folder / "model.onnx")
    feeds = given_files.read(folder / "inputs.npz", model.proto)[0][0]
    feeds = {name: array[: real.rows.get(name, len(array))] for name, array in feeds.items()}
    calls = [partial(session(model.proto).run, None, feeds)]
    passes = real.before + lowering()
    result = rewrite_model(model, passes, fix_dims=dict(real.fix_dims) or None)
    calls.append(partial(session(result.held.proto).run, None, feeds))
    forms = tuple(sorted({site.form or site.action for site in result.report.sites}))
    return RealRecord(real.name, forms, timed(calls, seconds))
