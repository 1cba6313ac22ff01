"""What a description of a framework consists of: its layer, weights and gate order, and what its layer can express.

Conversions, refusals and docs/frameworks.md all read the descriptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from gru_lower.gru.activations import Activation

How = Literal["maps", "changes", "absent"]
Part = Literal["W", "R", "Wb", "Rb", "rows", "folded", "Rbh"]
PARTS: dict[Part, str] = {
    "W": "W",
    "R": "R",
    "Wb": "Wb",
    "Rb": "Rb",
    "rows": "reset_after: the rows Wb and Rb; otherwise Wb + Rb in one",
    "folded": "Wb + Rb of z and r, Wb of h",
    "Rbh": "Rb of h",
}
"""Which of the operator's weights an array of a framework holds."""


@dataclass(frozen=True)
class Weight:
    """One of a framework's arrays.

    Attributes:
        name: Its name, without the layer's.
        part: Which of the operator's weights it holds.
        shape: Its shape in sizes.
        transposed: Whether the gates lie along the last axis.

    """

    name: str
    part: Part
    shape: str
    transposed: bool = False


@dataclass(frozen=True)
class Rule:
    """What one input, attribute or parameter corresponds to on the other side.

    Attributes:
        how: Whether it corresponds directly, with a change, or to nothing.
        text: What it corresponds to, or why there is nothing.

    """

    how: How
    text: str


@dataclass(frozen=True)
class Framework:
    """One framework and its GRU layer.

    Attributes:
        key: The word on the command line.
        title: Its name in sentences.
        package: What is imported.
        extra: The extra of this package that installs it.
        layer: The class that is the operator.
        page: The framework's own documentation of it.
        gates: The order of its gates, of :mod:`gru_lower.frameworks.gate_orders`.
        gate_names: What it calls them itself, in that order.
        weights: Its arrays.
        linear_before_reset: The values it can express.
        directions: The directions one layer has.
        activations: The activations it has by name, and what they are in ONNX.
        saving: How its user saves a layer's weights to a file that is read here.
        loading: How its user loads a file of weights that was written here.
        operator: Every input, output and attribute of the operator, and what it is in this framework.
        parameters: Every parameter of its layer's constructor and call, and what it is in ONNX.

    """

    key: str
    title: str
    package: str
    extra: str
    layer: str
    page: str
    gates: str
    gate_names: str
    weights: tuple[Weight, ...]
    linear_before_reset: tuple[int, ...]
    directions: tuple[str, ...]
    activations: dict[str, Activation]
    saving: str
    loading: str
    operator: dict[str, Rule]
    parameters: dict[str, Rule]


def maps(text: str) -> Rule:
    """Return the rule for what has a direct counterpart."""
    return Rule("maps", text)


def changes(text: str) -> Rule:
    """Return the rule for what has a counterpart of another form."""
    return Rule("changes", text)


def absent(text: str) -> Rule:
    """Return the rule for what has no counterpart."""
    return Rule("absent", text)


UNUSED = maps("says nothing about what is computed")
TRAINING = maps("training only: at inference it does nothing")
