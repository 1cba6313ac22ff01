"""The sizes of GRUs that are timed, and the model of each."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from gru_lower.gru import reference
from gru_lower.light_dataclass import dataclass
from gru_lower.probing.probe_model import ProbeModel, ir_version
from gru_lower.probing.tolerance import TOLERANCE
from gru_lower.targets.costs import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Grid:
    """Sizes to time.

    Attributes:
        hidden: H, and I.
        batch: B.
        length: T.

    """

    hidden: Sequence[int]
    batch: Sequence[int]
    length: Sequence[int]

    def sizes(self) -> list[Size]:
        """Return all of them, small ones first; one step both from zeros and from a state, and with Y alone, too."""
        found = [
            Size(h, h, b, t, state, lbr, only)
            for h, b, t, lbr, state, only in product(
                self.hidden, self.batch, self.length, (0, 1), (False, True), (False, True)
            )
            if t == 1 or not (state or only)
        ]
        return sorted(found, key=lambda size: size.length * size.batch * size.hidden**2)


FITTED = Grid((16, 32, 64, 128, 256, 512), (1, 4), (1, 20, 100))
"""What costs are fitted to."""


def timed_model(size: Size, opset: int) -> ProbeModel:
    """Build the model of a forward GRU with constant weights, uniform within 1/√H as frameworks initialise them."""
    h, i, b, t = size.hidden, size.inputs, size.batch, size.length
    rng, limit = np.random.default_rng(h), 1 / np.sqrt(h)
    shapes = {"W": (1, 3 * h, i), "R": (1, 3 * h, h), "B": (1, 6 * h)}
    weights = {name: rng.uniform(-limit, limit, shape).astype(np.float32) for name, shape in shapes.items()}
    feeds: dict[str, Array] = {"X": rng.standard_normal((t, b, i)).astype(np.float32)}
    if size.state:
        feeds["initial_h"] = rng.uniform(-1, 1, (1, b, h)).astype(np.float32)
    names = ["X", *weights, *(["", "initial_h"] if size.state else [])]
    attributes: dict[str, Any] = {"hidden_size": h, "linear_before_reset": size.linear_before_reset}
    node = helper.make_node("GRU", names, ["Y"] if size.only_Y else ["Y", "Y_h"], name="gru", **attributes)
    y, y_h = reference.gru(
        feeds["X"],
        weights["W"],
        weights["R"],
        weights["B"],
        initial_h=feeds.get("initial_h"),
        linear_before_reset=size.linear_before_reset,
    )
    outputs = {"Y": y} if size.only_Y else {"Y": y, "Y_h": y_h}
    graph = helper.make_graph(
        [node],
        "timed",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in feeds.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version(opset))
    return ProbeModel(model, feeds, outputs, TOLERANCE["float32"])
