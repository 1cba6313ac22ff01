"""``gru_lower.bench``: time two models side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from gru_lower import interop
from gru_lower.api.comparison_options import OneOrTwoModels, TimingOptions
from gru_lower.api.public_call import public_call
from gru_lower.graph import external_data
from gru_lower.report import bench_report
from gru_lower.report.run_report import File, file_of
from gru_lower.rewriting.pipelines import lowering
from gru_lower.rewriting.rewrite_model import rewrite_model
from gru_lower.verification.latency import BenchOptions, time_models

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.graph.model import Model
    from gru_lower.report.bench_report import BenchReport
    from gru_lower.verification.arrays import Feeds


class BenchArguments(TimingOptions, OneOrTwoModels):
    """The arguments of :func:`bench`."""


@public_call(BenchArguments)
def bench(given: BenchArguments) -> BenchReport:
    """Time two models in onnxruntime, in turn, on the same inputs.

    Raises:
        InvalidModel: A model cannot be read.
        Unsupported: A model does not run in onnxruntime, or what is given does not fit the models.

    """
    left, right = interop.read(given.a).model, None if given.b is None else interop.read(given.b).model
    return bench_pair(left, right, given)


def bench_pair(left: Model, right: Model | None, options: TimingOptions) -> BenchReport:
    """Do what :func:`bench` does for models that have been read already.

    Args:
        left: The model.
        right: The model to compare with it, or ``None``.
        options: The options.

    """
    other, passes, notes = right, None, left.notes + ([] if right is None else right.notes)
    if right is None:
        passes = lowering()
        result = rewrite_model(left.copy(), passes)
        other, notes = result.held if result.held.modified else None, result.report.diagnostics
    models = [left] if other is None else [left, other]
    for model in models:
        external_data.check(model.proto, model.base_dir, model_file=model.path)
    names = ("the model", "the lowered model") if right is None else ("the first model", "the second model")
    paired = {name: (model.proto, model.base_dir) for name, model in zip(names, models, strict=False)}
    inputs = cast("Sequence[Feeds] | None", options.inputs)
    how = BenchOptions(options.seconds, options.runs, options.threads, options.seed, dict(options.shapes or {}), inputs)
    timed = time_models(paired, how, options.progress)
    files = [file_of(left), *([] if other is None else [file_of(other) if right else File(None, other.sha256())])]
    report = bench_report.report(files, timed, how, passes)
    report.diagnostics += notes
    return report
