"""The shape of the data on each framework: what its layer is called, how its weights lie, what it can say.

The entries are in :mod:`gru_lower.frameworks.framework_data`. Conversions, refusals and docs/frameworks.md all read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
"""What of the operator's weights one of a framework's holds."""


@dataclass(frozen=True)
class Weight:
    """One of a framework's arrays.

    Attributes:
        name: Its name, without the layer's.
        part: What of the operator's weights it holds.
        shape: Its shape in sizes.
        transposed: Whether the gates lie along the last axis.

    """

    name: str
    part: Part
    shape: str
    transposed: bool = False


@dataclass(frozen=True)
class Rule:
    """How one thing is said on the other side.

    Attributes:
        how: Directly, with a change, or not at all.
        text: What it is there, or why it is not.

    """

    how: How
    text: str


@dataclass(frozen=True)
class Framework:
    """All there is to know about one framework.

    Attributes:
        key: The word on the command line.
        title: Its name in sentences.
        package: What is imported.
        extra: The extra of this package that installs it.
        layer: The class that is the operator.
        page: The framework's own documentation of it.
        gates: The order its gates lie in, in the operator's letters.
        gate_names: What it calls them itself, in that order.
        weights: Its arrays.
        linear_before_reset: The values it can say.
        directions: The directions one layer has.
        activations: What it can name, and what that is in ONNX.
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
