"""Telling a model that is odd from a bug of ours, where reading one failed unexpectedly.

A plain model keeps all rules that are known here: if reading it fails, that is a bug. One that is not plain asks for
what its operators do not have, or holds what onnx does not know either: then it is refused.
"""

from __future__ import annotations

import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING

import onnx

from gru_lower.errors import FOREIGN_FAILURES, GruLowerError, InvalidModel
from gru_lower.graph.validation.plain_graphs import is_plain

if TYPE_CHECKING:
    from gru_lower.graph.model import Model

_AT_HAND: ContextVar[tuple[weakref.ref[Model], ...]] = ContextVar("models_at_hand", default=())


def enter(model: Model) -> None:
    """Enter a model that was read; the last two are remembered, as long as somebody else holds them."""
    _AT_HAND.set((*_AT_HAND.get()[-1:], weakref.ref(model)))


def refusal_of(error: BaseException) -> InvalidModel | None:
    """Return the refusal that an unexpected error costs where a model at hand is odd; ``None`` for a bug of ours."""
    if isinstance(error, (GruLowerError, OSError)) or not isinstance(error, FOREIGN_FAILURES):
        return None
    held = [model for model in (each() for each in _AT_HAND.get()) if model is not None]
    if not any(_is_odd(model) for model in held):
        return None
    said = " ".join(str(error).split()) or type(error).__name__
    return InvalidModel(
        f"reading the model failed on something odd in it ({type(error).__name__}: {said})",
        code="GL018",
        hint="see what onnx.checker.check_model says of it; if nothing, please report it with the model",
    )


def _is_odd(model: Model) -> bool:
    proto = model.proto if model.raw is None else onnx.ModelProto.FromString(model.raw)
    return not is_plain(proto)
