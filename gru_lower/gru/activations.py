"""The eleven activation functions a GRU may name, as data.

Which of alpha and beta a function takes, its defaults, and how its values behave are
facts of the operator; where the operator leaves a default open, onnxruntime's is taken and
``ambiguous`` says so. Attributes are float32, so defaults are float32 values too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Kind:
    """One activation function, as the operator defines it.

    Attributes:
        name: Its canonical spelling.
        alpha: Default of alpha, ``None`` where the function takes none.
        beta: Default of beta, ``None`` where the function takes none.
        vanishes: Whether it is 0 at 0, and its values stay within fixed limits, whatever its parameters.
        unbounded: Whether its values have no limit.
        ambiguous: Why a default cannot be relied on, ``""`` where it can.

    """

    name: str
    alpha: float | None = None
    beta: float | None = None
    vanishes: bool = False
    unbounded: bool = False
    ambiguous: str = ""


LARGE = 4.0
"""The scale of a ScaledTanh above which its values count as large beside a state."""
KINDS = {
    kind.name.lower(): kind
    for kind in (
        Kind("Sigmoid"),
        Kind("Tanh", vanishes=True),
        Kind("Relu", unbounded=True),
        Kind("HardSigmoid", float(np.float32(0.2)), 0.5),
        Kind("LeakyRelu", float(np.float32(0.01)), unbounded=True),
        Kind(
            "ThresholdedRelu",
            0.0,
            unbounded=True,
            ambiguous="the operator's default alpha is 1, onnxruntime's is 0",
        ),
        Kind(
            "Affine",
            0.0,
            0.0,
            unbounded=True,
            ambiguous="no operator default; onnxruntime takes alpha = beta = 0, a constant 0",
        ),
        Kind(
            "ScaledTanh",
            0.0,
            0.0,
            vanishes=True,
            ambiguous="no operator default; onnxruntime takes alpha = beta = 0, a constant 0",
        ),
        Kind("Elu", 1.0, unbounded=True),
        Kind("Softsign", vanishes=True),
        Kind("Softplus", unbounded=True),
    )
}


@dataclass(frozen=True)
class Activation:
    """One function with the parameters it uses.

    Attributes:
        name: Canonical name, a ``Kind.name``.
        alpha: Its alpha, ``None`` where the function takes none.
        beta: Its beta, ``None`` where the function takes none.

    """

    name: str
    alpha: float | None = None
    beta: float | None = None

    @property
    def vanishes(self) -> bool:
        """Whether it is 0 at 0, and its values stay within fixed limits."""
        return KINDS[self.name.lower()].vanishes

    @property
    def can_be_large(self) -> bool:
        """Whether its values can be so large that a state drowns in their rounding."""
        return KINDS[self.name.lower()].unbounded or (self.name == "ScaledTanh" and abs(self.alpha or 0.0) > LARGE)

    @property
    def saturates(self) -> bool:
        """Whether it is 0 at -inf and 1 at inf."""
        return self.name == "Sigmoid" or (self.name == "HardSigmoid" and (self.alpha or 0) > 0)

    @property
    def complements(self) -> bool:
        """Whether f(v) + f(-v) = 1 for every v."""
        return self.name == "Sigmoid" or (self.name == "HardSigmoid" and self.beta == 0.5)

    def __str__(self) -> str:
        """Return the name, with the parameters where there are any."""
        given = [f"{value:g}" for value in (self.alpha, self.beta) if value is not None]
        return f"{self.name}({', '.join(given)})" if given else self.name


SIGMOID, TANH = Activation("Sigmoid"), Activation("Tanh")


def activation_attributes(functions: Sequence[Activation]) -> dict[str, Any]:
    """Return the attributes of a GRU that name its functions, with alphas and betas where functions take them.

    Args:
        functions: f and g of every direction, in order.

    """
    result: dict[str, Any] = {"activations": [function.name for function in functions]}
    alphas = [function.alpha for function in functions if function.alpha is not None]
    betas = [function.beta for function in functions if function.beta is not None]
    if alphas:
        result["activation_alpha"] = alphas
    if betas:
        result["activation_beta"] = betas
    return result
