"""Whole trained models: lowered, they give in the engine what the original gives in onnxruntime."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest

import gru_lower
from gru_lower.graph.scopes import is_onnx, walk
from tests_live import ROOT
from tests_live.rewriting import COMMANDS, Refused, followed

if TYPE_CHECKING:
    from tests_live.engine import Arrays, Engine
    from tests_live.engines import Kind

SHARED = Path(os.environ.get("GRU_LOWER_SHARED", ROOT.parent / "shared"))
ROWS = 4
"""How many rows of a fixture's are taken."""


def found() -> dict[str, tuple[Path, Path]]:
    """Return the models and their inputs by name: the fixtures, and those collected beside the checkout."""
    models = {path.stem: (path, path.with_suffix(".npz")) for path in (ROOT / "fixtures").glob("*.onnx")}
    models |= {path.parent.name: (path, path.with_name("inputs.npz")) for path in SHARED.glob("models/*/model.onnx")}
    return dict(sorted(models.items()))


def has_gru(model: onnx.ModelProto) -> bool:
    return any(is_onnx(node, "GRU") for scope in walk(model) for node in scope.nodes)


def feeds_of(path: Path) -> Arrays:
    with np.load(path) as arrays:
        fixture = {key.removeprefix("in__"): arrays[key][:ROWS] for key in arrays if key.startswith("in__")}
        return fixture or dict(arrays)


def dims_of(model: onnx.ModelProto, feeds: Arrays) -> dict[str, int]:
    """Return the length of every symbolic dim of an input."""
    return {
        dim.dim_param: length
        for value in model.graph.input
        if value.name in feeds
        for dim, length in zip(value.type.tensor_type.shape.dim, feeds[value.name].shape, strict=True)
        if dim.dim_param
    }


def close(outputs: Arrays, expected: Arrays, tolerance: float) -> None:
    rtol, atol = max(1e-3, tolerance), max(1e-4, tolerance)
    for output, wanted in expected.items():
        assert outputs[output].shape == wanted.shape
        np.testing.assert_allclose(outputs[output], wanted, rtol, atol, err_msg=output)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", found())
def test_a_real_model(engine: Engine, kind: Kind, onnxruntime: Engine, name: str, command: str) -> None:
    """Fused if need be, it gives what it gives in onnxruntime, or an operator of the model's own is in the way."""
    path, inputs = found()[name]
    model, feeds = onnx.load(path), feeds_of(inputs)
    if not has_gru(model):
        model = gru_lower.fuse(model, require=1, assume="right-padded", verify=False).model
    own = {node.op_type for scope in walk(model) for node in scope.nodes} - {"GRU"}
    new, said = None, ""
    try:
        new = followed(command, model, kind.target, dims_of(model, feeds), fixed=kind.static).model
    except Refused as refused:
        said = str(refused)
    if new is None:
        named = set(re.findall(r": ([A-Z]\w+): ", said))
        ours = "GRU is" in said or not named or not named <= own
        assert not ours or any(f"{each} is rejected" in said for each in kind.refuses), said
        return
    outcome = engine.run(new, feeds)
    op_type, words = kind.lacks.get(f"{name} {command}", kind.lacks.get(name, ("", "")))
    if f"{name} {command}" in kind.fails:
        assert outcome.outputs is None, "it runs by now"
        assert kind.fails[f"{name} {command}"] in outcome.reason
        return
    if outcome.outputs is None:
        assert op_type in own, outcome.reason
        assert words in outcome.reason
        return
    assert not op_type, "it runs by now"
    expected = onnxruntime.run(model, feeds).outputs
    assert expected is not None
    if name in kind.wrong:
        assert kind.wrong[name] in own
        with pytest.raises(AssertionError):  # else it is right by now
            close(outcome.outputs, expected, engine.tolerance)
        return
    close(outcome.outputs, expected, engine.tolerance)
