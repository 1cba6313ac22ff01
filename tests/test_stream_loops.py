"""The loops that docs/stream.md prints run streamed models as they are, in Python and in JavaScript."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import gru_lower
from stream_models import text_model, whole_run

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "stream.md").read_text(encoding="utf-8")
MODELS = {
    "causal": """g (float["T", "batch", 3] x, float[1, 6, 3] W, float[1, 6, 2] R) => (float["T", 1, "batch", 2] y) {
      y, last = GRU <hidden_size = 2> (x, W, R)
    }""",
    "looks ahead": """g (float["batch", 3, "T"] x, float[3, 3, 5] w_a, float[3] w_c, float[2, 3, 3] w_b,
      float[1, 6, 2] W, float[1, 6, 2] R) => (float["T", 1, "batch", 2] y, float["batch", 3, "T"] z) {
      a = Conv <pads = [2, 2]> (x, w_a, w_c)
      z = Relu (a)
      b = Conv <pads = [0, 2]> (z, w_b)
      t = Transpose <perm = [2, 0, 1]> (b)
      y, last = GRU <hidden_size = 2> (t, W, R)
    }""",
    "begins from a learned state": """g (float["T", 1, 3] x, float[1, 6, 3] W, float[1, 6, 2] R, float[1, 1, 2] H)
      => (float["T", 1, 1, 2] y) {
      y, last = GRU <hidden_size = 2> (x, W, R, , , H)
    }""",
}
FRAMES = 11


def printed(name: str) -> str:
    """Return the code that the page prints under a name."""
    found = re.search(rf"<!-- {re.escape(name)} -->\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found.group(1)


def made(name: str, chunk: int) -> tuple[onnx.ModelProto, onnx.ModelProto, dict[str, Any]]:
    """Return a whole model with constant weights, the streamed one, and a sequence."""
    whole = text_model('<ir_version: 8, opset_import: ["": 17]>\n' + MODELS[name])
    constants = {tensor.name for tensor in whole.graph.initializer}
    for value in [each for each in whole.graph.input if each.name in constants]:
        whole.graph.input.remove(value)
    streamed = gru_lower.stream(whole, chunk=chunk, verify=False).model
    shape = [
        dim.dim_value or (FRAMES if dim.dim_param == "T" else 1)
        for dim in whole.graph.input[0].type.tensor_type.shape.dim
    ]
    return whole, streamed, {"x": np.random.default_rng(1).standard_normal(shape).astype(np.float32)}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("chunk", [1, 2, 4])
def test_the_loop_in_python(name: str, chunk: int, tmp_path: Path) -> None:
    whole, streamed, feeds = made(name, chunk)
    onnx.save(streamed, tmp_path / "model.onnx")
    scope: dict[str, Any] = {}
    exec(compile(printed("loop.py"), "loop.py", "exec"), scope)  # noqa: S102 - the page's own
    pieces = list(scope["stream"](tmp_path / "model.onnx", feeds))
    axes = {each["name"]: each["axis"] for each in described(streamed)["outputs"]}
    for output, expected in whole_run(whole, feeds).items():
        actual = np.concatenate([piece[output] for piece in pieces], axes[output])
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def described(model: onnx.ModelProto) -> dict[str, Any]:
    """Return what a streamed model says of itself."""
    text = next(entry.value for entry in model.metadata_props if entry.key == "gru_lower.stream")
    found: dict[str, Any] = json.loads(text)
    return found


DRIVER = """
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { open, stream } from './loop.mjs'
const ort = createRequire(process.env.MODULES + '/x.js')('onnxruntime-web')
ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'
const { info, chunks } = JSON.parse(readFileSync('given.json'))
const session = await open(ort, new Uint8Array(readFileSync('model.onnx')))
const source = chunks.map(({ data, dims }) => ({ x: new ort.Tensor('float32', Float32Array.from(data), dims) }))
const pushes = []
for await (const outputs of stream(ort, session, info, source)) {
  pushes.push(Object.fromEntries(info.outputs.map((each) => {
    const { data, dims } = outputs[each.name]
    return [each.name, { data: Array.from(data), dims }]
  })))
}
writeFileSync('came.json', JSON.stringify(pushes))
"""


def node_modules() -> Path | None:
    """Return the folder that onnxruntime-web is installed in: in GRU_LOWER_NODE_MODULES or NODE_PATH."""
    for folder in os.environ.get("GRU_LOWER_NODE_MODULES", os.environ.get("NODE_PATH", "")).split(os.pathsep):
        if folder and (Path(folder) / "onnxruntime-web").is_dir():
            return Path(folder).resolve()
    return None


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
@pytest.mark.skipif(node_modules() is None, reason="onnxruntime-web is not installed: nox -s javascript does that")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("chunk", [1, 4])
def test_the_loop_in_javascript(name: str, chunk: int, tmp_path: Path) -> None:
    whole, streamed, feeds = made(name, chunk)
    info = described(streamed)
    fed = FRAMES // chunk * chunk
    axis = info["inputs"][0]["axis"]
    feeds = {"x": np.take(feeds["x"], range(fed), axis)}
    parts = np.split(feeds["x"], fed // chunk, axis)
    given = {"info": info, "chunks": [{"data": part.ravel().tolist(), "dims": part.shape} for part in parts]}
    (tmp_path / "given.json").write_text(json.dumps(given))
    (tmp_path / "loop.mjs").write_text(printed("loop.mjs"))
    (tmp_path / "driver.mjs").write_text(DRIVER)
    onnx.save(streamed, tmp_path / "model.onnx")
    env = {**os.environ, "MODULES": str(node_modules())}
    done = subprocess.run(
        ["node", "driver.mjs"], cwd=tmp_path, env=env, check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    pushes = json.loads((tmp_path / "came.json").read_text())
    right = whole_run(whole, feeds)
    for each in info["outputs"]:
        pieces = [np.reshape(push[each["name"]]["data"], push[each["name"]]["dims"]) for push in pushes]
        expected = right[each["name"]]
        came = np.concatenate(pieces, each["axis"])
        frames = range(each["lag"], each["lag"] + expected.shape[each["axis"]])
        np.testing.assert_allclose(np.take(came, frames, each["axis"]), expected, rtol=1e-4, atol=1e-5)
