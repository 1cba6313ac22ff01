"""Models and what they are lowered to: the forms, the variants, sizes; alone and inside larger models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from gru_lower.gru import reference
from lowering import holds_gru, lower
from strategies import WEIGHTS, AnyOf, GruCase, random_case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Array = np.ndarray[Any, Any]
Feeds = dict[str, Array]
FORMS = ("scan", "loop", "unroll", "scan", "unroll", "auto")


@dataclass(frozen=True)
class Base:
    """A model and what it was lowered to.

    Attributes:
        name: What it is, for messages.
        original: With GRU nodes.
        lowered: Without.
        draw: Returns random inputs, whatever the model takes.
        truth: Returns the outputs in float64, ``None`` where nothing does.

    """

    name: str
    original: onnx.ModelProto
    lowered: onnx.ModelProto
    draw: Callable[[np.random.Generator], Feeds]
    truth: Callable[[Feeds], Feeds] | None = None


def bases(rng: np.random.Generator) -> Iterator[Base]:
    """Yield bases without end."""
    while True:
        yield from filter(None, (single(rng), single(rng), single(rng), stacked(rng)))


def single(rng: np.random.Generator, **fixed: Any) -> Base | None:
    """Return one GRU with its inputs and outputs as the model's, of any variant."""
    knobs: dict[str, Any] = {
        "opset": range(13, 23),
        "dtype": AnyOf((np.float32, np.float32, np.float32, np.float16, np.float64)),
        "T": AnyOf((1, 2, 3, 4, 6, 9)),
        "H": AnyOf((1, 2, 3, 5, 8, 16)),
        "scale": AnyOf((0.5, 1.0, 1.0, 2.0)),
        "activations": AnyOf((None, None, "standard", "random")),
        "activation": AnyOf(("Sigmoid", "Tanh", "HardSigmoid", "Softsign", "Relu", "LeakyRelu", "Elu")),
        "layout": AnyOf((None, None, 0, 1)),
        "nan_padding": False,
        "sequence_lens": AnyOf((None, None, "full", "positive", "ragged")),
    }
    case = random_case(rng, **(knobs | fixed))
    form = FORMS[int(rng.integers(len(FORMS)))]
    original = case.model()
    lowered, _ = lower(original, f"lower-gru{{form={form}}}")
    if holds_gru(lowered):
        return None
    return Base(
        f"{form} {case!r}", original, lowered, lambda draws: inputs(case, draws), lambda fed: expected(case, fed)
    )


def inputs(case: GruCase, rng: np.random.Generator) -> Feeds:
    """Return random inputs for a case's model: other lengths and batches where they are free, tame and wild values."""
    T, N, I, H, D = case.sizes
    fixed_lens = "sequence_lens" in case.constants and case.sequence_lens is not None
    fixed_state = "initial_h" in case.constants and case.initial_h is not None
    if not case.static and not fixed_lens:
        T = int(rng.choice([1, 2, 3, 4, 6, 9, 17, 40]))
    if not case.static and not fixed_lens and not fixed_state:
        N = int(rng.integers(1, 6))
    X = rng.standard_normal((T, N, I)) * rng.choice([0.1, 1, 1, 1, 3, 10])
    h0 = rng.uniform(-1, 1, (D, N, H)) * rng.choice([0.3, 1, 1, 3])
    if case.attributes.get("layout"):
        X, h0 = X.swapaxes(0, 1), h0.swapaxes(0, 1)
    limit = rng.choice([0.5, 1, 2]) / np.sqrt(H)
    drawn = {
        "X": X,
        "W": rng.uniform(-limit, limit, (D, 3 * H, I)),
        "R": rng.uniform(-limit, limit, (D, 3 * H, H)),
        "B": rng.uniform(-limit, limit, (D, 6 * H)),
        "initial_h": h0,
        "sequence_lens": rng.integers(int(rng.integers(0, 2)), T + 1, N) if rng.random() < 0.8 else np.full(N, T),
    }
    kinds = {name: array.dtype for name, array in case.feeds().items()}
    return {name: np.ascontiguousarray(drawn[name]).astype(kind) for name, kind in kinds.items()}


def expected(case: GruCase, feeds: Feeds) -> Feeds:
    """Return a case's outputs on other inputs than its own, by the float64 reference."""
    arrays = {name: feeds.get(name, array) for name, array in case.inputs.items()}
    attributes = {name: value for name, value in case.attributes.items() if name != "output_sequence"}
    given: dict[str, Any] = {**arrays, **attributes}
    Y, Y_h = reference.gru(**given)
    return {name: value for name, value in (("Y", Y), ("Y_h", Y_h)) if name in case.outputs}


def stacked(rng: np.random.Generator) -> Base | None:
    """Return two GRUs one above the other, between other nodes, with scores or labels as the output."""
    I, H, classes = (int(rng.choice(sizes)) for sizes in ((2, 4, 7), (3, 6, 16), (2, 5)))
    static, T, N = bool(rng.integers(2)), int(rng.choice([3, 5, 8])), int(rng.choice([1, 2, 4]))
    head = str(rng.choice(["scores", "scores", "softmax", "labels", "mean"]))
    lbr = [int(rng.integers(2)) for _ in range(2)]

    def weight(name: str, *shape: int) -> TensorProto:
        limit = rng.choice([1.0, 1.0, 2.0]) / np.sqrt(H)
        return numpy_helper.from_array(rng.uniform(-limit, limit, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Mul", ["X", "half"], ["x"]),
        helper.make_node("GRU", ["x", "W1", "R1", "B1"], ["Y1"], "gru_1", hidden_size=H, linear_before_reset=lbr[0]),
        helper.make_node("Squeeze", ["Y1", "one"], ["y1"]),
        helper.make_node(
            "GRU", ["y1", "W2", "R2", "B2"], ["", "Y_h"], "gru_2", hidden_size=H, linear_before_reset=lbr[1]
        ),
        helper.make_node("Squeeze", ["Y_h", "zero"], ["state"]),
        helper.make_node("Gemm", ["state", "V", "c"], ["logits"]),
        {
            "scores": helper.make_node("Identity", ["logits"], ["out"]),
            "softmax": helper.make_node("Softmax", ["logits"], ["out"], axis=1),
            "labels": helper.make_node("ArgMax", ["logits"], ["out"], axis=1),
            "mean": helper.make_node("ReduceMean", ["logits"], ["out"], keepdims=0),
        }[head],
    ]
    constants = [weight("W1", 1, 3 * H, I), weight("R1", 1, 3 * H, H), weight("B1", 1, 6 * H)]
    constants += [weight("W2", 1, 3 * H, H), weight("R2", 1, 3 * H, H), weight("B2", 1, 6 * H)]
    constants += [weight("V", H, classes), weight("c", classes)]
    constants += [numpy_helper.from_array(np.array(value), name) for name, value in (("one", [1]), ("zero", [0]))]
    constants.append(numpy_helper.from_array(np.array(0.5, np.float32), "half"))
    graph = helper.make_graph(
        nodes,
        "stacked",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, [T if static else "T", N if static else "N", I])],
        [helper.make_tensor_value_info("out", TensorProto.INT64 if head == "labels" else TensorProto.FLOAT, None)],
        constants,
    )
    original = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    form = FORMS[int(rng.integers(len(FORMS)))]
    lowered, _ = lower(original, f"lower-gru{{form={form}}}")

    def draw(draws: np.random.Generator) -> Feeds:
        t, n = (T, N) if static else (int(draws.choice([1, 2, 5, 12])), int(draws.integers(1, 5)))
        size = draws.choice([0.1, 1, 1, 1, 3, 10])
        return {"X": (draws.standard_normal((t, n, I)) * size).astype(np.float32)}

    return (
        None
        if holds_gru(lowered)
        else Base(f"{form} stacked, {head}, T={T}, N={N}, H={H}, static={static}", original, lowered, draw)
    )


__all__ = ["WEIGHTS", "Base", "Feeds", "bases", "single", "stacked"]
