"""Which operators a lowering may write, and how it does without those it may not.

``minimal`` writes a GRU with MatMul, Add, Sub, Mul, Sigmoid, Tanh and operators that only move values, Split not among
them, and no node with more than seven inputs: of all spellings the one that most runtimes and tools take. ``matmul`` is
the same spelling, with other operators for what a GRU cannot do without them: other functions, clip, lengths. ``gemm``,
the fastest in onnxruntime, has whatever serves. Single operators may be forbidden besides. What has another spelling
gets it:

    Gemm(a, W, c)  →  Add(MatMul(a, Wᵀ), c)          Wᵀ transposed beforehand; Add(c, ...) where c is computed
    Sub(a, b)      →  Add(a, Mul(b, -1))
    Split(x)       →  Slices of it, or Gather of its steps
    Tanh(x)        →  2 · Sigmoid(2x) - 1, or where only its large values are wrong Tanh(Clip(x))
    Sigmoid(a + b) →  Sigmoid(Clip(a + b)), and so Tanh, where an engine joins them and is less exact for it
    HardSigmoid, LeakyRelu, Elu, ThresholdedRelu, Softsign, Softplus  →  arithmetic, if they are forbidden by name
    Max, Min, Abs in that arithmetic, and Clip  →  Relu and more of it, Neg  →  Mul, if they are, too

A GRU that needs an operator with no other spelling is kept, with a code (GL307).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import onnx

from gru_lower.errors import Unsupported
from gru_lower.light_dataclass import dataclass
from gru_lower.nearest_word import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable

VIEWS = frozenset({"Reshape", "Transpose", "Split", "Slice", "Concat", "Squeeze", "Unsqueeze", "Gather"})
MINIMAL = frozenset({"MatMul", "Add", "Sub", "Mul", "Sigmoid", "Tanh"}) | VIEWS - {"Split"}
STRUCTURE = frozenset({"Scan", "Loop", "Identity", "Shape", "Expand"})
"""What the forms with control flow rest on, whatever their bodies are spelled with."""
QUANTISED = frozenset({"DequantizeLinear"})
"""What quantised weights rest on, which only a model has that has this operator already."""
NAMES = ("gemm", "matmul", "minimal")
"""The narrower ones last."""
Bounds = tuple[tuple[str, float], ...]
"""Functions, and what they are bounded to first."""
MOST_INPUTS = 7
"""How many inputs a node may have where there is no Gemm: with its output, the eight buffers of a WebGPU shader."""
EMITTED = MINIMAL | VIEWS | STRUCTURE | QUANTISED | {
    *("Gemm", "Flatten", "Cast", "Xor", "Where", "Less", "Range", "Clip", "Neg", "Abs", "Exp", "Log", "Div", "Greater"),
    *("ConstantOfShape", "NonZero", "Equal"),
    *("Max", "Min", "Relu", "LeakyRelu", "ThresholdedRelu", "HardSigmoid", "Elu", "Softsign", "Softplus"),
}  # fmt: skip
"""Every operator a lowering may write."""


@dataclass(frozen=True)
class Vocabulary:
    """The operators a lowering may write.

    Attributes:
        name: ``"gemm"``, ``"matmul"`` or ``"minimal"``.
        forbidden: Operators it may not write all the same.
        bounded: Functions written behind a Clip where there is one, and its bound: for runtimes in which Tanh is wrong
            for large values, or in which Sigmoid and Tanh are less exact right behind an Add.

    """

    name: str = "gemm"
    forbidden: frozenset[str] = frozenset()
    bounded: Bounds = ()

    def has(self, op_type: str) -> bool:
        """Whether an operator may be written."""
        if op_type in self.forbidden or (self.name == "matmul" and op_type in ("Gemm", "Split")):
            return False
        return self.name != "minimal" or op_type in MINIMAL | STRUCTURE | QUANTISED

    def bound_of(self, function: str) -> float | None:
        """Return the bound of the Clip that a function is written behind, ``None`` for none."""
        return dict(self.bounded).get(function)

    @property
    def most_inputs(self) -> int | None:
        """How many inputs a node may have, or ``None`` for any number."""
        return None if self.name == "gemm" else MOST_INPUTS

    def lacking(self, op_types: Iterable[str]) -> list[str]:
        """Return the operators among some that may not be written."""
        return [op_type for op_type in op_types if not self.has(op_type)]


@lru_cache(maxsize=16)
def vocabulary_of(name: str, forbid: str, bounded: Bounds = ()) -> Vocabulary:
    """Read the options of ``lower-gru``: a name, operators joined by ``+``, and which functions are bounded."""
    plain = Vocabulary(name, frozenset(filter(None, forbid.split("+"))))
    if not plain.has("Clip"):
        return plain
    return Vocabulary(name, plain.forbidden - {function for function, _ in bounded}, bounded)


def refuse_unknown_operators(op_types: Iterable[str]) -> None:
    """Refuse words that are no operators of ONNX.

    Args:
        op_types: What is not to be written.

    Raises:
        Unsupported: Naming the nearest operator, of those that a lowering may write first.

    """
    for word in op_types:
        if word not in EMITTED and not (word.isascii() and onnx.defs.has(word)):
            known = {schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""}
            found = nearest(word, EMITTED) or nearest(word, known)
            hint = f"did you mean {found}?" if found else f"a lowering writes {', '.join(sorted(EMITTED))}"
            raise Unsupported(f"there is no operator {word!r} to do without", code="GL008", hint=hint)
