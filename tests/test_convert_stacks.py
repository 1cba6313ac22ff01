"""What stands between the GRUs of a stack is carried or refused, to the bit: layers know but each other's output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import gru_lower
from gru_lower.cli.main import run
from gru_lower.frameworks.onnx_models.read_grus import read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

I, H = 3, 4
CODES = ("GL602", "GL606")


def stack(
    between: Sequence[onnx.NodeProto],
    constants: dict[str, Any] | None = None,
    *,
    length: int | str = "T",
    states: Sequence[str] = ("", ""),
    inputs: Sequence[onnx.ValueInfoProto] = (),
    directions: int = 1,
    kind: type = np.float32,
) -> onnx.ModelProto:
    """Return two GRUs: nodes make x2 of Y1."""
    rng, both = np.random.default_rng(3), {"direction": "bidirectional"} if directions == 2 else {}
    tensors = dict(constants or {})
    for k, width in ((1, I), (2, directions * H)):
        shapes = {f"W{k}": (directions, 3 * H, width), f"R{k}": (directions, 3 * H, H), f"B{k}": (directions, 6 * H)}
        tensors |= {name: rng.uniform(-0.5, 0.5, shape).astype(kind) for name, shape in shapes.items()}
    nodes = [
        helper.make_node(
            "GRU", [x, f"W{k}", f"R{k}", f"B{k}", "", states[k - 1]], [f"Y{k}", f"Yh{k}"], name=f"g{k}",
            hidden_size=H, linear_before_reset=1, **both,
        )
        for k, x in ((1, "X"), (2, "x2"))
    ]  # fmt: skip
    elem_type = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    graph = helper.make_graph(
        [nodes[0], *between, nodes[1]],
        "g",
        [helper.make_tensor_value_info("X", elem_type, [length, "N", I]), *inputs],
        [helper.make_tensor_value_info("Y2", elem_type, [None] * 4)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in tensors.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def node(op_type: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(op_type, inputs.split(), [output], **attributes)


SQUEEZE = [node("Squeeze", "Y1 one", "y")]
ONE = {"one": np.array([1])}
END = np.array([2**63 - 1])


def after_squeeze(*nodes: onnx.NodeProto, **constants: Any) -> onnx.ModelProto:
    return stack([*SQUEEZE, *nodes], ONE | constants)


REFUSED = {
    "a scale": after_squeeze(node("Mul", "y k", "x2"), k=np.float32(1.005)),
    "a scale of the last bit": after_squeeze(node("Mul", "y k", "x2"), k=np.nextafter(np.float32(1), np.float32(2))),
    "a scale by the hidden size": after_squeeze(node("Mul", "y k", "x2"), k=np.array([1, 1, 1, 1.001], np.float32)),
    "a bias": after_squeeze(node("Add", "y k", "x2"), k=np.float32(0.01)),
    "a tiny bias": after_squeeze(node("Add", "y k", "x2"), k=np.float32(1e-15)),
    "a division": after_squeeze(node("Div", "y k", "x2"), k=np.float32(0.999)),
    "doubled": after_squeeze(node("Add", "y y", "x2")),
    "a cut to 50 steps": after_squeeze(node("Slice", "y zero end zero", "x2"), zero=np.array([0]), end=np.array([50])),
    "a cut to the last 50": after_squeeze(
        node("Slice", "y start end zero", "x2"), zero=np.array([0]), start=np.array([-50]), end=END
    ),
    "a cut whose end is computed": after_squeeze(
        node("Mul", "five ten", "end"), node("Slice", "y zero end zero", "x2"),
        zero=np.array([0]), five=np.array([5]), ten=np.array([10]),
    ),
    "a cut to 50 sequences": after_squeeze(
        node("Slice", "y zero end axis", "x2"), zero=np.array([0]), end=np.array([50]), axis=np.array([1])
    ),
    "all but the first step": after_squeeze(
        node("Slice", "y start end zero", "x2"), zero=np.array([0]), start=np.array([1]), end=END
    ),
    "every second step": after_squeeze(
        node("Slice", "y zero end zero two", "x2"), zero=np.array([0]), end=END, two=np.array([2])
    ),
    "picked steps": after_squeeze(node("Gather", "y i", "x2", axis=0), i=np.array([0, 1, 2])),
    "units in another order": after_squeeze(node("Gather", "y i", "x2", axis=2), i=np.array([1, 0, 2, 3])),
    "a default that may be overridden": stack(
        [*SQUEEZE, node("Mul", "y k", "x2")], ONE | {"k": np.float32(1)},
        inputs=[helper.make_tensor_value_info("k", TensorProto.FLOAT, [])],
    ),
    "a scale in half precision": stack(
        [*SQUEEZE, node("Mul", "y k", "x2")], ONE | {"k": np.float16(1.001)}, kind=np.float16
    ),
    "a shape baked for 3 steps": stack([node("Reshape", "Y1 s", "x2")], {"s": np.array([3, -1, 4])}),
    "a state of its own": stack(
        [node("Squeeze", "Y1 one", "x2")], ONE | {"h": np.full((1, 1, H), 0.5, np.float32)}, states=("", "h")
    ),
    "a state of its own in the first": stack(
        [node("Squeeze", "Y1 one", "x2")], ONE | {"h": np.full((1, 1, H), 1e-3, np.float32)}, states=("h", "")
    ),
    "a constant state that is repeated": stack(
        [node("Squeeze", "Y1 one", "x2"), node("Shape", "X", "s"), node("Gather", "s one", "n"),
         node("Concat", "one n four", "dims", axis=0), node("Expand", "h dims", "hs")],
        ONE | {"four": np.array([4]), "h": np.full((1, 1, H), 0.5, np.float32)}, states=("", "hs"),
    ),
    "the other's last state": stack([node("Squeeze", "Y1 one", "x2")], ONE, states=("", "Yh1")),
    "the directions in another order": stack(
        [node("Transpose", "Y1", "t", perm=[0, 2, 1, 3]), node("Gather", "t swap", "w", axis=2),
         node("Reshape", "w s", "x2")],
        {"swap": np.array([1, 0]), "s": np.array([0, 0, -1])}, directions=2,
    ),
}  # fmt: skip
CARRIED = {
    "a Squeeze": stack([node("Squeeze", "Y1 one", "x2")], ONE),
    "a Reshape": stack([node("Reshape", "Y1 s", "x2")], {"s": np.array([0, -1, 4])}),
    "a Slice of everything": after_squeeze(node("Slice", "y zero end zero", "x2"), zero=np.array([0]), end=END),
    "two Transposes": after_squeeze(
        node("Transpose", "y", "t", perm=[1, 0, 2]), node("Transpose", "t", "x2", perm=[1, 0, 2])
    ),
    "both directions side by side": stack(
        [node("Transpose", "Y1", "t", perm=[0, 2, 1, 3]), node("Reshape", "t s", "x2")], {"s": np.array([0, 0, -1])},
        directions=2,
    ),
    "half precision": stack([node("Squeeze", "Y1 one", "x2")], ONE, kind=np.float16),
    "zeros": stack([node("Squeeze", "Y1 one", "x2")], ONE | {"h": np.zeros((1, 1, H), np.float32)}, states=("h", "h")),
    "a state that is handed in": stack(
        [node("Squeeze", "Y1 one", "x2")], ONE, states=("h", "h"),
        inputs=[helper.make_tensor_value_info("h", TensorProto.FLOAT, [1, "N", H])],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_layer_does_not_do_is_refused(what: str) -> None:
    with pytest.raises(gru_lower.Unsupported) as caught:
        read(REFUSED[what])
    assert caught.value.code in CODES
    assert 'node="' in str(caught.value.hint)
    for name in ("g1", "g2"):
        assert len(read(REFUSED[what], name).grus) == 1


def test_the_command_says_it_in_flags(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    onnx.save(next(iter(REFUSED.values())), "stack.onnx")
    assert run(["convert", "stack.onnx", "--to", "torch"]) == 2
    said = capsys.readouterr().err
    assert "hint: name the one meant: --node main#0:" in said
    assert "node=" not in said


@pytest.mark.parametrize("what", CARRIED)
def test_what_only_rearranges_is_carried(what: str) -> None:
    found = read(CARRIED[what]).grus
    assert [(gru.merge, gru.flipped) for gru in found[:1]] == [("concat", False)]
    assert len(found) == 2


def turned() -> onnx.ModelProto:
    first = np.array([-1])
    last = np.array([-(2**63)])
    return after_squeeze(node("Slice", "y a z zero a", "x2"), a=first, z=last, zero=np.array([0]))


@pytest.mark.parametrize("framework", ["pytorch", "mlx"])
def test_a_turn_in_time_is_refused_where_layers_do_not_turn(framework: str) -> None:
    module: Any = __import__(f"gru_lower.frameworks.{framework}", fromlist=["x"])
    with pytest.raises(gru_lower.Unsupported, match="turned round") as caught:
        module.to_weights(turned())
    assert caught.value.code == "GL602"


def test_a_turn_in_time_is_carried_by_keras() -> None:
    from gru_lower.frameworks import keras

    layers = keras.to_config(turned())["layers"]
    assert [layer["go_backwards"] for layer in layers] == [False, True]
