"""The GRU that is measured: one node with constant weights, in many sizes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    import onnx

    from gru_lower.verification.arrays import Array, Feeds

OPSET, IR_VERSION = 17, 9


@dataclass(frozen=True)
class Case:
    """One size and kind of GRU; the input is as wide as the state.

    Attributes:
        H: Hidden size, and input size.
        B: Batch.
        T: Steps.
        lbr: linear_before_reset.
        direction: ``"forward"`` or ``"bidirectional"``.
        masked: Whether sequence_lens is fed: from T down to about T / 4.
        state: Whether initial_h is fed.
        dynamic: Whether T and B are symbols in the model.

    """

    H: int
    B: int
    T: int
    lbr: int = 1
    direction: str = "forward"
    masked: bool = False
    state: bool = False
    dynamic: bool = False

    @property
    def D(self) -> int:
        """How many directions there are."""
        return 2 if self.direction == "bidirectional" else 1

    @property
    def work(self) -> int:
        """Floating-point operations in the products of one run."""
        return 12 * self.D * self.T * self.B * self.H * self.H

    def __str__(self) -> str:
        words = [f"H={self.H} B={self.B} T={self.T} lbr={self.lbr}"]
        words += [self.direction] if self.D > 1 else []
        words += [name for name in ("masked", "state", "dynamic") if getattr(self, name)]
        return " ".join(words)

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON results."""
        return asdict(self)


def weights(case: Case) -> dict[str, Array]:
    """Return W [D, 3H, H], R [D, 3H, H] and B [D, 6H], uniform within 1/√H as frameworks initialise them."""
    rng, H, D = np.random.default_rng(case.H), case.H, case.D
    shapes = {"W": (D, 3 * H, H), "R": (D, 3 * H, H), "B": (D, 6 * H)}
    limit = 1 / np.sqrt(H)
    return {name: rng.uniform(-limit, limit, shape).astype(np.float32) for name, shape in shapes.items()}


def feeds(case: Case) -> Feeds:
    """Return what the model of a case runs on."""
    rng = np.random.default_rng(1)
    fed: Feeds = {"X": rng.standard_normal((case.T, case.B, case.H)).astype(np.float32)}
    if case.masked:
        fed["lens"] = np.linspace(case.T, max(1, case.T // 4), case.B).astype(np.int32)
    if case.state:
        fed["h0"] = rng.uniform(-1, 1, (case.D, case.B, case.H)).astype(np.float32)
    return fed


def native(case: Case) -> onnx.ModelProto:
    """Return the model with its GRU node."""
    T, B = ("T", "B") if case.dynamic else (case.T, case.B)
    shapes = {"X": [T, B, case.H], "lens": [B], "h0": [case.D, B, case.H]}
    types = {"lens": TensorProto.INT32}
    given = feeds(case)
    names = ["X", "W", "R", "B", "lens" if case.masked else "", "h0" if case.state else ""]
    node = helper.make_node(
        "GRU",
        names,
        ["Y", "Y_h"],
        name="gru",
        hidden_size=case.H,
        linear_before_reset=case.lbr,
        direction=case.direction,
    )
    graph = helper.make_graph(
        [node],
        "gru",
        [helper.make_tensor_value_info(name, types.get(name, TensorProto.FLOAT), shapes[name]) for name in given],
        [
            helper.make_tensor_value_info("Y", TensorProto.FLOAT, [T, case.D, B, case.H]),
            helper.make_tensor_value_info("Y_h", TensorProto.FLOAT, [case.D, B, case.H]),
        ],
        [numpy_helper.from_array(array, name) for name, array in weights(case).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
