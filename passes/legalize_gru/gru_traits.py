"""What a rewrite decides by: a GRU's spec, the options a target tells apart in it, and what its constants hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from gru_lower.gru.constant_inputs import has_full_lengths, has_zero_initial_state
from gru_lower.gru.spec import GATES
from gru_lower.light_dataclass import dataclass
from gru_lower.targets.gru_options import options_at
from gru_lower.targets.option_axes import with_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnx import TensorProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec

KnownConstant = Literal["zero_initial_h", "constant_lens", "full_lens", "reset_idle", "no_Rbh"]
MAX_SEARCHED_R = 1 << 24
"""A constant R of more elements is not searched for zeros."""


@dataclass(frozen=True)
class GruTraits:
    """What a rewrite decides by.

    Attributes:
        spec: The GRU; of its inputs and outputs only which there are counts.
        options: What :func:`gru_lower.targets.features.options_of` says of it.
        known: What is known of its constants: ``zero_initial_h``, ``constant_lens``, ``full_lens``, ``reset_idle``
            (both settings of linear_before_reset give the same, but for Rbh), ``no_Rbh`` (it is zero).

    """

    spec: GruSpec
    options: frozenset[str]
    known: frozenset[KnownConstant]

    def changed(self, *options: str, spec: GruSpec | None = None) -> GruTraits:
        """Return the traits with other options on their axes, and another spec if one is given."""
        return replace(self, spec=spec or self.spec, options=with_options(self.options, *options))


def traits_of(scope: Scope, index: int, spec: GruSpec, facts: Facts, constants: Mapping[str, TensorProto]) -> GruTraits:
    """Return the traits of a GRU where it stands in a model.

    Args:
        scope: Where.
        index: Which node.
        spec: What was read from it.
        facts: The side table of the model.
        constants: Those of its inputs that are constants, by ONNX's input names.

    """
    known: set[KnownConstant] = set()
    if has_zero_initial_state(scope, spec, facts):
        known.add("zero_initial_h")
    if "sequence_lens" in constants:
        known.add("constant_lens")
    if has_full_lengths(scope, spec, facts):
        known.add("full_lens")
    biases = facts.array(scope, spec.inputs["B"]) if "B" in constants else None
    if "B" not in spec.inputs or (biases is not None and not biases[:, 5 * spec.hidden_size :].any()):
        known.add("no_Rbh")
    if ("B" not in spec.inputs or biases is not None) and _reset_is_idle(scope, spec, facts, constants):
        known.add("reset_idle")
    return GruTraits(spec, options_at(scope, index, spec, facts), frozenset(known))


def _reset_is_idle(scope: Scope, spec: GruSpec, facts: Facts, constants: Mapping[str, TensorProto]) -> bool:
    """Whether (rt ∘ Ht-1) Rhᵀ = rt ∘ (Ht-1 Rhᵀ): where Rh is diagonal, or every state it meets is 0."""
    if spec.seq_length == 1 and "initial_h" not in spec.inputs:
        return True
    if "R" not in constants or np.prod(constants["R"].dims) > MAX_SEARCHED_R:
        return False
    values = facts.array(scope, spec.inputs["R"])
    h = spec.hidden_size
    candidate = None if values is None else values[:, GATES.index("h") * h :]
    return candidate is not None and not (candidate * (1 - np.eye(h, dtype=candidate.dtype))).any()
