"""What every model is held to: lowered for everybody, or fused, it computes what it computed."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

import gru_lower
from gru_lower.graph.scopes import is_onnx, walk
from lowering import holds_gru, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lowering import Array

Feeds = dict[str, "Array"]
CLOSE = (1e-4, 2e-5)
"""Relative and absolute: steps of float32 in another order, some hundred of them."""

FORMS = ("scan", "loop", "unroll")
"""What a stack is lowered to, and comes back from."""


def hold_portable(
    path: Path, feeds: Mapping[str, Array], *, close: tuple[float, float] = CLOSE, **options: Any
) -> onnx.ModelProto:
    """Lower a model for portable: no GRU is left, gru-lower finds it equivalent, and it is, on inputs of one's own.

    Args:
        path: The model.
        feeds: Inputs of the original, those that an option makes constants among them.
        close: Relative and absolute tolerance.
        options: Those of gru_lower.lower: set, fix_dims and opset.
    """
    result = gru_lower.lower(path, target="portable", **options)
    assert not [d for d in result.report.diagnostics if d.severity == "error"], result.report.diagnostics
    assert (result.report.verification.status, result.report.verification.scope) == ("equivalent", "model")
    assert not holds_gru(result.model)
    written = path.with_name(f"{path.stem}.portable.onnx")
    result.save(written, overwrite=True)
    onnx.checker.check_model(written, full_check=True)
    model = onnx.load(written)
    hold_equal(onnx.load(path), model, feeds, close)
    return model


def hold_equal(
    before: onnx.ModelProto, after: onnx.ModelProto, feeds: Mapping[str, Array], close: tuple[float, float] = CLOSE
) -> None:
    """Hold two models to the same outputs in onnxruntime; inputs that are none of the second are left out there."""
    names = {value.name for value in after.graph.input}
    was, now = run(before, feeds), run(after, {name: value for name, value in feeds.items() if name in names})
    assert list(was) == list(now)
    for name, value in was.items():
        np.testing.assert_allclose(now[name], value, *close, err_msg=name)


def directions(model: onnx.ModelProto) -> Counter[str]:
    """Return how many GRU nodes a model has, by direction."""
    nodes = (node for scope in walk(model) for node in scope.nodes if is_onnx(node, "GRU"))
    return Counter(next((a.s.decode() for a in node.attribute if a.name == "direction"), "forward") for node in nodes)


def hold_fused(
    model: Path | onnx.ModelProto, feeds: Mapping[str, Array], expected: Mapping[str, int], **options: Any
) -> onnx.ModelProto:
    """Fuse a model: as many GRUs of each direction as expected, and equal to the original.

    Args:
        model: The model, or where it lies.
        feeds: Its inputs.
        expected: How many GRU nodes of which direction there are afterwards.
        options: Those of gru_lower.fuse.
    """
    before = model if isinstance(model, onnx.ModelProto) else onnx.load(model)
    result = gru_lower.fuse(model, **options)
    assert directions(result.model) == dict(expected), [d.message for d in result.report.diagnostics]
    assert result.report.verification.status == "equivalent"
    hold_equal(before, result.model, feeds)
    fused: onnx.ModelProto = result.model
    return fused


def hold_stays(path: Path) -> None:
    """Find no GRU in a model, no single step of one either: its nodes stay as they are."""
    result = gru_lower.fuse(path, steps=True)
    assert not holds_gru(result.model)
    assert result.model.graph.node == onnx.load(path, load_external_data=False).graph.node


def hold_there_and_back(
    path: Path, feeds: Mapping[str, Array], expected: Mapping[str, int], **options: Any
) -> onnx.ModelProto:
    """Lower a model, and fuse what came of it: as many GRUs as before.

    Args:
        path: The model.
        feeds: Its inputs.
        expected: How many GRU nodes of which direction there are afterwards.
        options: Those of gru_lower.lower.
    """
    lowered = gru_lower.lower(path, **options).model
    assert not holds_gru(lowered)
    fused = hold_fused(lowered, feeds, expected)
    hold_equal(onnx.load(path), fused, feeds)
    return fused


def open_dims(path: Path, feeds: Mapping[str, Array]) -> dict[str, int]:
    """Return the size that every open dim of a model's inputs has in feeds."""
    sizes = {}
    for value in onnx.load(path, load_external_data=False).graph.input:
        for dim, size in zip(value.type.tensor_type.shape.dim, feeds[value.name].shape, strict=True):
            if dim.dim_param:
                sizes[dim.dim_param] = size
    return sizes
