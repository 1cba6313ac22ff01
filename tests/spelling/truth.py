"""What a spelled model computes: cells by their sizes, weights and attributes, run by the float64 reference."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gru_lower.gru import reference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import onnx

    from spelling.draw import Draw

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

SYMMETRIC = ("Sigmoid", "HardSigmoid6", "HardSigmoid5")  # f(v) + f(-v) = 1
GATES = {
    "Sigmoid": 30,
    "HardSigmoid6": 5,
    "HardSigmoid5": 3,
    "HardSigmoid": 1,
    "Softsign": 0.7,
    "Relu": 0.5,
    "Tanh": 0.7,
}
CANDIDATES = {
    "Tanh": 30.0,
    "Relu": 4,
    "Sigmoid": 1,
    "HardSigmoid6": 1,
    "Softsign": 1.5,
    "Softplus": 1.5,
    "Elu": 1.5,
    "LeakyRelu": 1.5,
    "ScaledTanh": 1,
    "ThresholdedRelu": 0.7,
    "Affine": 0.7,
}
# name here -> (ONNX's name, alpha, beta)
FUNCTIONS: dict[str, tuple[str, float | None, float | None]] = {
    "HardSigmoid6": ("HardSigmoid", 1 / 6, 0.5),
    "HardSigmoid5": ("HardSigmoid", 0.2, 0.5),
    "HardSigmoid": ("HardSigmoid", 0.25, 0.375),
    "Elu": ("Elu", 0.75, None),
    "LeakyRelu": ("LeakyRelu", 0.125, None),
    "ScaledTanh75": ("ScaledTanh", 0.75, 1.0),
    "ScaledTanh": ("ScaledTanh", 1.7159, 2 / 3),
    "ThresholdedRelu": ("ThresholdedRelu", 0.25, None),
    "Affine": ("Affine", 1.0, 0.0),
}


@dataclass(frozen=True)
class Truth:
    """One cell: I inputs, H hidden units; gate order z, r, n.

    Attributes:
        W: [3H, I].
        R: [3H, H].
        Wb: [3H].
        Rb: [3H].
        h0: What the state starts from: zeros if None, [1, H] if all sequences share it, [B, H], or the name of the
            input that holds [B, H].
        lbr: linear_before_reset.
        f: The gates' activation, a key of GATES.
        g: The candidate's activation, a key of CANDIDATES.
        reverse: Whether steps run T-1..0.
        clip: Bound of the pre-activations.

    """

    W: Floats
    R: Floats
    Wb: Floats
    Rb: Floats
    h0: Floats | str | None = None
    lbr: int = 1
    f: str = "Sigmoid"
    g: str = "Tanh"
    reverse: bool = False
    clip: float | None = None

    @property
    def I(self) -> int:  # noqa: E743 - the name the operator gives it
        """Inputs of the cell."""
        return int(self.W.shape[1])

    @property
    def H(self) -> int:
        """Hidden units."""
        return int(self.R.shape[1])

    def gate(self, g: str) -> slice:
        """Return the rows of a gate."""
        at = "zrn".index(g) * self.H
        return slice(at, at + self.H)

    def run(self, X: Floats, feeds: Mapping[str, Array], lens: Array | None = None) -> tuple[Floats, Floats]:
        """Return Y [T, B, H] in the input's order and the last state [B, H], of X [T, B, I]."""
        batch = X.shape[1]
        h0 = None
        if self.h0 is not None:
            h0 = feeds[self.h0].astype(np.float64) if isinstance(self.h0, str) else self.h0
            h0 = np.broadcast_to(h0.reshape(-1, self.H), (batch, self.H))[None]
        functions = [FUNCTIONS.get(name, (name, None, None)) for name in (self.f, self.g)]
        Y, Y_h = reference.gru(
            X,
            self.W[None],
            self.R[None],
            np.concatenate([self.Wb, self.Rb])[None],
            sequence_lens=lens,
            initial_h=h0,
            activations=[name for name, _, _ in functions],
            activation_alpha=[alpha for _, alpha, _ in functions if alpha is not None],
            activation_beta=[beta for _, _, beta in functions if beta is not None],
            clip=self.clip,
            direction="reverse" if self.reverse else "forward",
            linear_before_reset=self.lbr,
        )
        return Y[:, 0], Y_h[0]

    def readings(self) -> Iterator[Truth]:
        """Yield every cell the same numbers could be meant as: gates exchanged or complemented, the other equation."""
        H = self.H
        exchanged = np.r_[H : 2 * H, :H, 2 * H : 3 * H]
        signs = np.repeat([-1.0, 1.0, 1.0], H)
        for lbr, swap, flip, turn in itertools.product((0, 1), (False, True), (False, True), (False, True)):
            order = exchanged if swap else slice(None)
            sign = signs if flip else np.ones(3 * H)
            parts = {name: getattr(self, name)[order] for name in ("W", "R", "Wb", "Rb")}
            signed = {name: part * (sign[:, None] if part.ndim == 2 else sign) for name, part in parts.items()}
            yield replace(self, **signed, lbr=lbr, reverse=self.reverse != turn)


def draw_truth(draw: Draw, I: int, H: int, *, reverse: bool = False, f: str | None = None) -> Truth:
    """Draw a cell with everything but its initial state."""
    rng = draw.rng("numbers")

    def weights(*shape: int) -> Floats:
        return np.round(rng.uniform(-1.2, 1.2, shape), 3)

    f = f or draw("f", GATES)
    bias = draw("bias in", {"both": 5, "W": 1.5, "R": 1, "none": 1})
    wild = f in {"Relu", "Tanh", "Softsign"}
    g = draw("g", {name: CANDIDATES[name] for name in ("Tanh", "Sigmoid", "Softsign")} if wild else CANDIDATES)
    return Truth(
        W=weights(3 * H, I) / np.sqrt(I),
        R=weights(3 * H, H) / np.sqrt(H),
        Wb=weights(3 * H) * (bias in {"both", "W"}),
        Rb=weights(3 * H) * (bias in {"both", "R"}),
        lbr=draw("linear_before_reset", (1, 0)),
        f=f,
        g=g,
        reverse=reverse,
        clip=0.75 if draw.flag("clip", 0.02) else None,
    )


@dataclass(frozen=True)
class Input:
    """An input of the model: a shape of sizes and symbols, or the very values to feed."""

    shape: tuple[int | str, ...] = ()
    values: Array | None = None
    lens: bool = False


@dataclass(eq=False)
class Spelled:
    """A model and what it means.

    Attributes:
        seed: Whence it came.
        kind: "gru", "disguise", "keeps" or "mutant".
        why: What makes a disguise or a mutant of it.
        model: The model.
        truths: Its cells; of a mutant, those it resembles.
        sizes: T and B, and which of them are symbols in the model's inputs.
        inputs: By name.
        meaning: Feeds -> outputs in float64; of a mutant, what the cells it resembles would compute.
        choices: Every knob and what it was.
        grus: How many one-direction GRUs there are to find; two directions may become one node.
        dtype: Of the floats.
        symbols: Which of T and B may be chosen for each run.
        readings: Feeds -> the outputs for each way the numbers of a single cell could be meant.

    """

    seed: int
    kind: str
    why: str
    model: onnx.ModelProto
    truths: tuple[Truth, ...]
    sizes: dict[str, int]
    inputs: dict[str, Input]
    meaning: Callable[[Mapping[str, Array]], dict[str, Floats]]
    choices: dict[str, Any]
    grus: int
    dtype: np.dtype[Any]
    symbols: frozenset[str]
    readings: Callable[[Mapping[str, Array]], Iterator[dict[str, Floats]]]

    def feeds(self, seed: int = 0, scale: float = 1.0, **sizes: int) -> dict[str, Array]:
        """Return inputs drawn from a seed; T and B may be given where they are symbols."""
        if not sizes.keys() <= self.symbols:
            raise ValueError(f"only {sorted(self.symbols)} can be chosen, not {sorted(sizes)}")
        rng, sizes = np.random.default_rng([seed, self.seed]), self.sizes | sizes
        fed: dict[str, Array] = {}
        for name, given in self.inputs.items():
            shape = tuple(sizes[d] if isinstance(d, str) else d for d in given.shape)
            if given.values is not None:
                fed[name] = given.values
            elif given.lens:
                fed[name] = rng.integers(1, sizes["T"] + 1, shape).astype(np.int64)
            else:
                fed[name] = (scale * rng.normal(size=shape)).astype(self.dtype)
        return fed

    def expected(self, feeds: Mapping[str, Array]) -> dict[str, Floats]:
        """Return what the outputs ought to be, in float64."""
        return self.meaning(feeds)

    def __repr__(self) -> str:
        about = f", {self.why}" if self.why else ""
        return f"Spelled({self.kind} {self.seed}{about}, {self.sizes}, {self.choices})"
