"""Two models that have been read: do they compute the same, and which is faster?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph import external
from gru_lower.passes.lowering import lower_model, lowering
from gru_lower.report import File, Report, count_ops, file_of
from gru_lower.verification import bench_report
from gru_lower.verification.bench import BenchOptions, time_models
from gru_lower.verification.whole import verify_models

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.graph.model import Model
    from gru_lower.verification.bench_report import BenchReport
    from gru_lower.verification.result import VerifyOptions


def verify_pair(
    left: Model, right: Model, options: VerifyOptions, progress: Callable[[str], None] | None = None
) -> Report:
    """Do what :func:`gru_lower.verify` does for models that have been read already, and report on it.

    Args:
        left: The original.
        right: The model to compare with it.
        options: How to verify.
        progress: Called with a line on what is going on.

    """
    for model in (left, right):
        external.check(model.proto, model.base_dir)
    verification = verify_models(
        left.proto, right.proto, base_dir_a=left.base_dir, base_dir_b=right.base_dir, options=options, progress=progress
    )
    counts = {"before": count_ops(left.proto), "after": count_ops(right.proto)}
    return Report("verify", file_of(left), verification, output=file_of(right), op_counts=counts)


def bench_pair(
    left: Model, right: Model | None, options: BenchOptions, progress: Callable[[str], None] | None = None
) -> BenchReport:
    """Do what :func:`gru_lower.bench` does for models that have been read already.

    Args:
        left: The model.
        right: The model to compare with it, or ``None``.
        options: How to time.
        progress: Called with a line on what is going on.

    """
    held, passes, notes = right, None, []
    if right is None:
        passes = lowering("auto", "zero")
        result = lower_model(left.copy(), passes, None)
        held, notes = result.held if result.held.modified else None, result.report.diagnostics
    models = [left] if held is None else [left, held]
    for model in models:
        external.check(model.proto, model.base_dir)
    names = ("the model", "the lowered model") if right is None else ("the first model", "the second model")
    paired = {name: (model.proto, model.base_dir) for name, model in zip(names, models, strict=False)}
    timed = time_models(paired, options, progress)
    files = [file_of(left), *([] if held is None else [file_of(held) if right else File(None, held.sha256())])]
    report = bench_report.report(files, timed, options, passes)
    report.diagnostics += notes
    return report
