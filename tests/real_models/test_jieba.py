"""jieba's small lexical analyser: an embedding and two bidirectional layers, in files of Paddle's own format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from lowering import Array, run
from real_models.held import FORMS, hold_portable, hold_there_and_back
from real_models.stacks import Direction, Graph
from real_models.wheels import unpacked

pytestmark = pytest.mark.packages

OWN = json.loads(Path(__file__).with_name("jieba_own_output.json").read_text("utf-8"))
"""What the package itself makes of sentences; written by jieba_own_output.py."""
H = 128


def folder() -> Path:
    return unpacked("jieba==0.42.1") / "jieba-0.42.1" / "jieba" / "lac_small"


def parameter(name: str) -> Array:
    """Read a float32 tensor: versions and levels, 16 bytes; the length of a description that ends in varint sizes."""
    data = (folder() / "model_baseline" / name).read_bytes()
    length = int.from_bytes(data[16:20], "little")
    sizes, value, shift = [], 0, 0
    for byte in data[22 : 20 + length]:  # behind two bytes that say float32
        if shift == 0 and value == 0 and byte == 0x10:  # the tag of a size
            continue
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            sizes.append(value)
            value = shift = 0
    return np.frombuffer(data[20 + length :], np.float32).reshape(sizes)


def direction(number: int) -> Direction:
    """Read one: the gates u, r of W in front, the candidate's matrix behind them; u weighs the candidate: z = 1 - u."""
    x, bias = parameter(f"fc_{number}.w_0"), parameter(f"fc_{number}.b_0") + parameter(f"gru_{number}.b_0")[0]
    flat = parameter(f"gru_{number}.w_0").reshape(-1)
    gates, candidate = flat[: 2 * H * H].reshape(H, 2 * H), flat[2 * H * H :].reshape(H, H)
    sign = np.repeat(np.array([-1, 1, 1], np.float32), H)
    R = np.concatenate([gates, candidate], 1).T * sign[:, None]
    B = np.concatenate([bias * sign, np.zeros(3 * H)])
    return Direction(x.T * sign[:, None], R, B, np.zeros(H))


def exported() -> onnx.ModelProto:
    """Write ids of characters [T] to scores of tags [T, 57]; the reset gate acts on the state, ahead of the product."""
    graph = Graph()
    x = graph.add("Gather", [graph.keep("word_emb", parameter("word_emb")), "ids"], "embedded")
    x = graph.add("Unsqueeze", [x, graph.keep("one", np.array([1]))], "x")
    for layer in range(2):
        x = graph.bidirectional(x, f"layer{layer}", [direction(2 * layer), direction(2 * layer + 1)], 0)
    y = graph.add("Squeeze", [x, "one"], "y")
    product = graph.add("MatMul", [y, graph.keep("W", parameter("fc_4.w_0"))], "product")
    graph.add("Add", [product, graph.keep("b", parameter("fc_4.b_0"))], "scores")
    return graph.model(
        helper.make_tensor_value_info("ids", TensorProto.INT64, ["time"]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["time", 57]),
    )


def decoded(scores: Array, weights: Array) -> list[int]:
    """Return the best row of tags; the first two rows of weights are those of starts and ends."""
    best, behind = scores[0] + weights[0], []
    for row in scores[1:]:
        ways = best[:, None] + weights[2:]
        behind.append(ways.argmax(0))
        best = ways.max(0) + row
    path = [int((best + weights[1]).argmax())]
    for back in reversed(behind):
        path.append(int(back[path[-1]]))
    return path[::-1]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = exported()
    for own in OWN.values():
        (scores,) = run(model, {"ids": np.array(own["ids"])}).values()
        np.testing.assert_allclose(scores, own["scores"], rtol=1e-4, atol=2e-5)
    result: Path = tmp_path_factory.mktemp("jieba") / "lac_small.onnx"
    onnx.save(model, result)
    return result


@pytest.mark.parametrize("sentence", OWN)
def test_portable(sentence: str, path: Path) -> None:
    """Every sentence is tagged as the package tags it."""
    own = OWN[sentence]
    feeds = {"ids": np.array(own["ids"])}
    lowered = hold_portable(path, feeds, fix_dims={"time": len(own["ids"])})
    (scores,) = run(lowered, feeds).values()
    names = dict(line.split("\t") for line in (folder() / "tag.dic").read_text("utf-8").splitlines())
    tags = [names[str(number)] for number in decoded(scores, parameter("crfw"))]
    firsts = [
        tag for before, tag in zip(["", *tags[:-1]], tags, strict=True) if tag.endswith("-B") or (tag == "O" != before)
    ]
    assert [tag.removesuffix("-B") for tag in firsts] == own["tags"]


@pytest.mark.parametrize("form", FORMS)
def test_there_and_back(form: str, path: Path) -> None:
    ids = np.array(next(iter(OWN.values()))["ids"])
    fixed = {"time": len(ids)} if form == "unroll" else {}
    hold_there_and_back(path, {"ids": ids}, {"bidirectional": 2}, form=form, fix_dims=fixed)
