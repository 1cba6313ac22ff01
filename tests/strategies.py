"""Random GRU models over the whole grid the operator allows: for hypothesis, and from a seeded numpy generator.

Every test that wants "any legal GRU" takes it from here::

    @given(gru_cases(opset=range(13, 25), dtype=np.float32))   # shrinks knob by knob
    def test_...(case: GruCase): ...

    case = random_case(np.random.default_rng(7), direction="reverse", T=100)

A knob given by keyword is fixed, or drawn from the options of a ``range`` or an ``AnyOf``; all others are drawn.
The first option of a knob is the plainest: what hypothesis shrinks towards.

Knobs:

- ``opset`` (7..24; 1 and 3 on request), ``dtype``, ``seed`` (of the arrays);
- sizes ``T N I H`` (N is the batch; ``T=0`` and ``N=0`` on request); ``scale``: weights are U(-scale, scale) / sqrt(H);
- the attributes by their own names, None for absent; ``activations`` also "standard" or "random", and then every
  ``activation`` and their ``spelling`` (a function); ``activation_alpha`` and ``activation_beta`` also "exact",
  "short" or "long": as many values as the functions take, fewer, more;
- ``bias`` and ``initial_h`` (bool); ``sequence_lens`` (None, "full", "positive", "ragged", "zero", or the lengths);
  ``nan_padding`` (bool): NaN in X past the lengths;
- ``outputs`` (of "Y", "Y_h"); ``spelled_out`` (bool): absent trailing inputs and outputs are "" rather than left out;
- ``static`` (bool): T and the batch are numbers in the graph's shapes; ``constants``: the inputs that are initializers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from gru_lower.gru import reference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Array = npt.NDArray[Any]

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
BOUNDED = ("Sigmoid", "Tanh", "HardSigmoid", "ScaledTanh", "Softsign")
UNBOUNDED = ("Relu", "LeakyRelu", "ThresholdedRelu", "Elu", "Affine", "Softplus")
ACTIVATIONS = BOUNDED + UNBOUNDED
TAKES_ALPHA = ("Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu")
TAKES_BETA = ("Affine", "ScaledTanh", "HardSigmoid")
INPUTS = ("X", "W", "R", "B", "sequence_lens", "initial_h")
WEIGHTS = frozenset({"W", "R", "B"})
SEQUENCE_LENS = (None, None, "full", "positive", "ragged", "ragged", "zero")
KNOBS = frozenset(INPUTS[4:]) | {
    *("opset", "dtype", "T", "N", "I", "H", "scale", "seed", "bias", "nan_padding"),
    *(
        "activation_alpha",
        "activation_beta",
        "activations",
        "activation",
        "spelling",
        "clip",
        "direction",
        "hidden_size",
        "layout",
    ),
    *("linear_before_reset", "output_sequence", "outputs", "spelled_out", "static", "constants"),
}


@dataclass(frozen=True)
class AnyOf:
    """Several values a fixed knob may take."""

    options: tuple[Any, ...]


@dataclass(frozen=True, eq=False, repr=False)
class GruCase:
    """One legal GRU node with its inputs.

    Attributes:
        opset: The model's opset.
        dtype: The type of every float tensor.
        attributes: Those written on the node, and no others.
        X: [T,B,I], or [B,T,I] in layout 1; NaN past the lengths if so drawn.
        W: [D,3H,I].
        R: [D,3H,H].
        B: [D,6H] or None.
        sequence_lens: [B] int32 or None.
        initial_h: [D,B,H], [B,D,H] in layout 1, or None.
        outputs: The names present, of "Y" and "Y_h".
        spelled_out: Absent trailing inputs and outputs are "" rather than left out.
        static: T and the batch are numbers in the graph's shapes, else the symbols "T" and "N".
        constants: The inputs that are initializers.

    """

    opset: int
    dtype: np.dtype[Any]
    attributes: dict[str, Any]
    X: Array
    W: Array
    R: Array
    B: Array | None
    sequence_lens: Array | None
    initial_h: Array | None
    outputs: tuple[str, ...]
    spelled_out: bool
    static: bool
    constants: frozenset[str]

    @property
    def inputs(self) -> dict[str, Array]:
        """The inputs that are present, by name, in the operator's order."""
        arrays = {name: getattr(self, name) for name in INPUTS}
        return {name: array for name, array in arrays.items() if array is not None}

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """T, the batch, I, H and D."""
        T, N = self.X.shape[1::-1] if self.attributes.get("layout") else self.X.shape[:2]
        return T, N, self.X.shape[2], self.R.shape[2], self.R.shape[0]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={size}" for name, size in zip("TNIHD", self.sizes, strict=True))
        lens = "" if self.sequence_lens is None else f" {self.sequence_lens.tolist()}"
        return (
            f"GruCase(opset={self.opset}, dtype={self.dtype}, {sizes}, attributes={self.attributes}, "
            f"inputs={list(self.inputs)}{lens}, outputs={self.outputs}, constants={sorted(self.constants)}, "
            f"static={self.static}, spelled_out={self.spelled_out})"
        )

    def model(self) -> onnx.ModelProto:
        """Return a model of the one node "gru"; values carry the operator's names."""
        present = self.inputs
        inputs = [name if name in present else "" for name in INPUTS]
        outputs = [name if name in self.outputs else "" for name in ("Y", "Y_h")]
        if not self.spelled_out:
            inputs, outputs = _trimmed(inputs), _trimmed(outputs)
        opset = helper.make_opsetid("", self.opset)
        ir_version = 3 if self.opset < 9 else helper.find_min_ir_version_for([opset])
        # Before IR 4 an initializer had to be listed among the graph's inputs too.
        listed = [name for name in present if ir_version < 4 or name not in self.constants]
        graph = helper.make_graph(
            [helper.make_node("GRU", inputs, outputs, name="gru", **self.attributes)],
            "gru_case",
            [self._info(name, present[name].dtype) for name in listed],
            [self._info(name, self.dtype) for name in self.outputs],
            [numpy_helper.from_array(array, name) for name, array in present.items() if name in self.constants],
        )
        return helper.make_model(graph, opset_imports=[opset], ir_version=ir_version)

    def feeds(self) -> dict[str, Array]:
        """Return the inputs that are not constants."""
        return {name: array for name, array in self.inputs.items() if name not in self.constants}

    def expected(self, *, zero_length_state: Literal["zero", "initial"] = "zero") -> dict[str, npt.NDArray[np.float64]]:
        """Return the outputs by the float64 reference."""
        attributes = {name: value for name, value in self.attributes.items() if name != "output_sequence"}
        arrays = (self.X, self.W, self.R, self.B, self.sequence_lens, self.initial_h)
        Y, Y_h = reference.gru(*arrays, **attributes, zero_length_state=zero_length_state)
        return {name: value for name, value in (("Y", Y), ("Y_h", Y_h)) if name in self.outputs}

    @property
    def runs_in_onnxruntime(self) -> bool:
        """Whether onnxruntime's CPU provider runs the node itself; with T = 0 or batch 0 it aborts the process."""
        return (
            self.opset >= 7
            and self.dtype in {np.dtype(np.float32), np.dtype(np.float16)}
            and "hidden_size" in self.attributes
            and not self.attributes.get("layout")
            and 0 not in self.sizes
        )

    @property
    def jumps(self) -> bool:
        """Whether an activation is discontinuous, so that a rounding error may become a large one."""
        return any(name.lower() == "thresholdedrelu" for name in self.attributes.get("activations", ()))

    def _info(self, name: str, dtype: np.dtype[Any]) -> onnx.ValueInfoProto:
        T, N, I, H, D = self.sizes
        t, n = (T, N) if self.static else ("T", "N")
        state, sequence = [D, n, H], [t, n, I]
        whole: list[int | str] = [t, D, n, H]
        if self.attributes.get("layout"):
            state, sequence, whole = [n, D, H], [n, t, I], [n, t, D, H]
        shapes = {"X": sequence, "sequence_lens": [n], "initial_h": state, "Y": whole, "Y_h": state}
        shape = shapes.get(name) or list(self.inputs[name].shape)
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(dtype), shape)


def random_case(rng: np.random.Generator, **fixed: object) -> GruCase:
    """Draw one case from the generator; see the module for the knobs."""
    return _case(_Knobs(lambda options: options[int(rng.integers(len(options)))], fixed))


@st.composite
def gru_cases(draw: st.DrawFn, /, **fixed: object) -> GruCase:
    """Strategy for cases; every knob shrinks on its own, the arrays come of a drawn seed."""
    return _case(_Knobs(lambda options: draw(st.sampled_from(options)), fixed))


class _Knobs:
    """Choices by name: what the caller fixed, else one of the options."""

    def __init__(self, choose: Callable[[Sequence[Any]], Any], fixed: dict[str, object]) -> None:
        if unknown := set(fixed) - KNOBS:
            raise TypeError(f"no such knob: {', '.join(sorted(unknown))}")
        self._choose = choose
        self.fixed: dict[str, Any] = {}
        for name, value in fixed.items():
            options = value.options if isinstance(value, AnyOf) else value if isinstance(value, range) else (value,)
            self.fixed[name] = choose(options) if len(options) > 1 else options[0]

    def __call__(self, name: str, options: Sequence[Any]) -> Any:
        return self.fixed[name] if name in self.fixed else self._choose(options)


def _case(knob: _Knobs) -> GruCase:
    opset, dtype = _opset_and_dtype(knob)
    T, N, I, H = (knob(name, range(1, top + 1)) for name, top in (("T", 9), ("N", 4), ("I", 6), ("H", 8)))
    rng = np.random.default_rng(knob("seed", range(2**32)))
    attributes = _attributes(knob, opset, H, rng)
    D = 2 if attributes.get("direction") == "bidirectional" else 1
    batch_first = attributes.get("layout") == 1

    limit = knob("scale", (1.0,)) / np.sqrt(max(H, 1))
    W, R, B = (rng.uniform(-limit, limit, shape) for shape in ((D, 3 * H, I), (D, 3 * H, H), (D, 6 * H)))
    X, h0 = rng.standard_normal((T, N, I)), rng.uniform(-1, 1, (D, N, H))
    lens = _lens(knob("sequence_lens", SEQUENCE_LENS), T, N, rng)
    bias, initial = knob("bias", (False, True, True)), knob("initial_h", (False, True))
    tame = _tame(attributes, X, W, R, B if bias else None, h0 if initial else None)
    if lens is not None and knob("nan_padding", (False, True)):
        X[np.arange(T)[:, None] >= lens] = np.nan
    if batch_first:
        X, h0 = X.swapaxes(0, 1), h0.swapaxes(0, 1)
    x, w, r, b, h = (np.ascontiguousarray(a * tame).astype(dtype) for a in (X, W, R, B, h0))
    present = {"W", "R"} | ({"B"} if bias else set())
    present |= ({"initial_h"} if initial else set()) | (set() if lens is None else {"sequence_lens"})
    return GruCase(
        opset=opset,
        dtype=dtype,
        attributes=attributes,
        X=x,
        W=w,
        R=r,
        B=b if bias else None,
        sequence_lens=lens,
        initial_h=h if initial else None,
        outputs=_outputs(knob, opset, attributes),
        spelled_out=knob("spelled_out", (False, True)),
        static=knob("static", (True, False)),
        constants=_constants(knob, present),
    )


def _opset_and_dtype(knob: _Knobs) -> tuple[int, np.dtype[Any]]:
    wanted = knob.fixed.get("dtype")
    lowest = 7 if knob.fixed.get("layout") is None else 14
    opset = knob("opset", range(22 if wanted is not None and np.dtype(wanted) == BFLOAT16 else lowest, 25))
    options = [np.float32, np.float32, np.float32, np.float64, np.float16]
    return opset, np.dtype(knob("dtype", [*options, BFLOAT16] if opset >= 22 else options))


def _attributes(knob: _Knobs, opset: int, H: int, rng: np.random.Generator) -> dict[str, Any]:
    direction = knob("direction", (None, "forward", "reverse", "bidirectional"))
    names = knob("activations", (None, "standard", "random", "random"))
    count = 4 if direction == "bidirectional" else 2
    if names == "standard":
        names = ["Sigmoid", "Tanh"] * (count // 2)
    elif names == "random":
        spelling = knob("spelling", (str, str.lower, str.upper))
        names = [spelling(knob("activation", ACTIVATIONS)) for _ in range(count)]
    attributes = {
        "activation_alpha": _parameters(knob, "activation_alpha", TAKES_ALPHA, names, rng),
        "activation_beta": _parameters(knob, "activation_beta", TAKES_BETA, names, rng),
        "activations": names,
        "clip": knob("clip", (None, None, 3.0, 0.5, 0.1)),
        "direction": direction,
        "hidden_size": knob("hidden_size", (H, H, H, None)),
        "layout": knob("layout", (None, 0, 1)) if opset >= 14 else None,
        "linear_before_reset": knob("linear_before_reset", (None, 0, 1, 2)) if opset >= 3 else None,
        "output_sequence": knob("output_sequence", (1, 0, None)) if opset < 7 else None,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _parameters(
    knob: _Knobs, attribute: str, takers: Sequence[str], names: Sequence[str] | None, rng: np.random.Generator
) -> list[float] | None:
    """Return alphas or betas: as many as the functions take, fewer (defaults fill up), more, or None."""
    chosen = knob(attribute, (None, "exact", "short", "long"))
    if not isinstance(chosen, str):
        return None if chosen is None else list(chosen)
    taken = sum(name.lower() in {taker.lower() for taker in takers} for name in names or ())
    count = {"exact": taken, "short": taken // 2, "long": taken + 2}[chosen]
    values = rng.uniform(0.1, 1.0, count) * rng.choice([1, 1, 1, -1], count)
    return [float(value) for value in values.astype(np.float32)] or None


def _tame(attributes: dict[str, Any], X: Array, W: Array, R: Array, B: Array | None, initial_h: Array | None) -> float:
    """Return a factor for every array that keeps unbounded activations from running away: states stay below 32."""
    factor = 1.0
    if all(
        name.lower() in {"sigmoid", "tanh", "hardsigmoid", "softsign"} for name in attributes.get("activations", ())
    ):
        return factor
    options: dict[str, Any] = {k: v for k, v in attributes.items() if k not in {"layout", "output_sequence"}}
    for _ in range(20):
        bias, state = None if B is None else B * factor, None if initial_h is None else initial_h * factor
        Y, _Y_h = reference.gru(X * factor, W * factor, R * factor, bias, None, state, **options)
        if np.all(np.abs(Y) < 32):
            break
        factor /= 2
    return factor


def _lens(kind: str | Sequence[int] | None, T: int, N: int, rng: np.random.Generator) -> Array | None:
    if kind is None:
        return None
    if not isinstance(kind, str):
        return np.array(kind, np.int32)
    low, high = {"full": (T, T), "positive": (min(1, T), T), "ragged": (0, T), "zero": (0, 0)}[kind]
    return rng.integers(low, high + 1, N).astype(np.int32)


def _outputs(knob: _Knobs, opset: int, attributes: dict[str, Any]) -> tuple[str, ...]:
    options: tuple[tuple[str, ...], ...] = (("Y", "Y_h"), ("Y",), ("Y_h",))
    if opset < 7 and not attributes.get("output_sequence"):
        options = (("Y_h",),)
    elif opset < 3:
        options = (("Y", "Y_h"), ("Y_h",))
    return tuple(knob("outputs", options))


def _constants(knob: _Knobs, present: set[str]) -> frozenset[str]:
    options: tuple[frozenset[str], ...] = (
        *(WEIGHTS, WEIGHTS, WEIGHTS, frozenset({"W", "R"}), frozenset({"R", "B"}), frozenset()),
        *(WEIGHTS | {"initial_h"}, WEIGHTS | {"sequence_lens"}, WEIGHTS | {"initial_h", "sequence_lens"}),
    )
    return frozenset(knob("constants", options)) & present


def _trimmed(names: list[str]) -> list[str]:
    """Return the names without the empty ones at the end."""
    return names[: max((i + 1 for i, name in enumerate(names) if name), default=0)]
