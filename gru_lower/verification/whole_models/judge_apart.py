"""Judge two models on inputs that are no ordinary case: empty ones, and such with NaN or infinities.

onnxruntime's GRU may end the process on what is empty, where what the operator gives is known without it, and turns NaN
into numbers. Elsewhere the float64 reference stands in for it, in onnx's evaluator, and only what differs in every
runtime that was tried is a difference.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.graph.external_data import total_size
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.verification.arrays import is_float
from gru_lower.verification.comparing.rounding import overflown
from gru_lower.verification.running.capture_values import capture_values
from gru_lower.verification.running.run_cases import Case
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnx

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.running.running_model import RunningModel
    from gru_lower.verification.whole_models.model_pair import ModelPair
    from gru_lower.verification.worker.runtimes import Runtime

_LARGEST_MODEL = 64 << 20  # bytes: onnx's evaluator is slow, and holds all of it in numpy


class NotTold(Exception):  # noqa: N818 - reads as what it says
    """Nothing can be said on these inputs; the message says why."""


class OnEmpty:
    """Two models on inputs of which one is empty.

    Args:
        pair: The models.
        feeds: The inputs.

    """

    def __init__(self, pair: ModelPair, feeds: Feeds) -> None:
        """Run nothing yet."""
        self._pair, self._feeds = pair, feeds
        self._tried: list[tuple[RunningModel, Runtime]] = []

    def begin(self) -> None:
        """Begin to run both, where the process that runs models does things ahead."""
        with suppress(NotTold):  # as whoever asks what differs is told
            self._prepare()
            for model, runtime in self._tried:
                if runtime == "onnxruntime" and model.load_ahead():
                    model.run_ahead(self._feeds)

    def difference(self) -> str:
        """Return what differs, "" if nothing does.

        Raises:
            NotTold: A model does not run on them.

        """
        pair, feeds = self._pair, self._feeds
        in_reference: list[tuple[RunningModel, Runtime]] = [(pair.original, "reference"), (pair.rewrite, "reference")]
        self._prepare()
        try:
            reason = _difference(pair, feeds, self._tried)
        except NotTold:
            if all(model.loads(runtime) for model, runtime in self._tried):
                raise
            reason = "onnxruntime does not take it"
        return _difference(pair, feeds, in_reference) if reason and self._tried != in_reference else reason

    def _prepare(self) -> None:
        """Find out what runs them.

        Raises:
            NotTold: Nothing does.

        """
        if self._tried:
            return
        pair = self._pair
        for model in (pair.original, pair.rewrite):
            if _holds(model.model, {"LSTM", "RNN"}):
                msg = "onnxruntime may not run LSTM or RNN on it, and nothing stands in for them"
                raise NotTold(msg)
            if pair.options.zero_length_state == "initial" and _takes_lengths(model.model):
                msg = "Y_h of an empty sequence is initial_h in one model"
                raise NotTold(msg)
        self._tried = [running_on_empty(model) for model in (pair.original, pair.rewrite)]


def differ_on_special(pair: ModelPair, feeds: Feeds) -> str:
    """Return what differs on inputs that hold NaN or infinities, "" if nothing does.

    Args:
        pair: The models.
        feeds: The inputs.

    Raises:
        NotTold: A model does not run on them, or they reach GRUs, whose kernel in onnxruntime turns NaN into numbers.

    """
    reason = _difference(pair, feeds, [(pair.original, "onnxruntime"), (pair.rewrite, "onnxruntime")])
    if not reason:
        return ""
    reaching = [_reaches_grus(model, feeds) for model in (pair.original, pair.rewrite)]
    if False not in reaching and reaching != [None, None]:
        msg = "it reaches a GRU, whose kernel in onnxruntime makes numbers of NaN"
        raise NotTold(msg)
    return _difference(pair, feeds, [(pair.original, "reference"), (pair.rewrite, "reference")])


def _difference(pair: ModelPair, feeds: Feeds, models: Sequence[tuple[RunningModel, Runtime]]) -> str:
    """Return the first difference of two models, each in a runtime; outputs that are empty in both count as equal."""
    outputs = []
    for (model, runtime), name in zip(models, ("first", "second"), strict=True):
        if runtime == "reference" and total_size(model.model) > _LARGEST_MODEL:
            msg = "the model is too large for onnx's evaluator"
            raise NotTold(msg)
        try:
            outputs.append(model.run(runtime, feeds))
        except RunFailure as failure:
            msg = f"the {name} model fails on it: {failure}"
            raise NotTold(msg) from failure
    before = {name: array for name, array in outputs[0].items() if array.size or outputs[1][name].size}
    after = {name: outputs[1][name] for name in before}
    if overflown(before, after):
        return ""
    failing = pair.tally([Case(0, feeds, before)], [after]).failing
    return f"output {failing[0].output!r} differs: {failing[0].comparison.reason}" if failing else ""


def running_on_empty(model: RunningModel) -> tuple[RunningModel, Runtime]:
    """Return what runs a model on empty inputs: onnxruntime, in which an If keeps them from its GRU."""
    if not _holds(model.model, {"GRU"}):
        return model, "onnxruntime"
    return (model, "reference") if model.guarded is None else (model.guarded, "onnxruntime")


def _holds(model: onnx.ModelProto, op_types: set[str]) -> bool:
    return any(is_onnx(node) and node.op_type in op_types for scope in walk(model) for node in scope.nodes)


def _takes_lengths(model: onnx.ModelProto) -> bool:
    nodes = (node for scope in walk(model) for node in scope.nodes if is_onnx(node, "GRU"))
    return any(len(node.input) > 4 and node.input[4] for node in nodes)


def _reaches_grus(model: RunningModel, feeds: Feeds) -> bool | None:
    """Whether NaN or an infinity reaches a GRU; ``None`` without GRUs, true where one is in a body or a function."""
    grus = [(scope, node) for scope in walk(model.model) for node in scope.nodes if is_onnx(node, "GRU")]
    if not grus:
        return None
    if any(scope.path != "main" for scope, _ in grus):
        return True
    read = (node.input[at] for _, node in grus for at in (0, 5) if at < len(node.input))
    taken = list(dict.fromkeys(filter(None, read)))
    inside = [name for name in taken if name not in feeds]
    try:
        values = capture_values(model.model, inside, feeds, model.worker, model.base_dir) if inside else {}
    except RunFailure:
        return True
    arrays = [(values | feeds)[name] for name in taken]
    return not all(np.isfinite(array.astype(np.float64)).all() for array in arrays if is_float(array.dtype))
