"""What the constants among a GRU's inputs say: which there are, and which of them change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.filled_with_length import is_filled_with_length
from gru_lower.graph.known_zeros import is_zero

if TYPE_CHECKING:
    from onnx import TensorProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec


def constant_inputs(scope: Scope, spec: GruSpec, facts: Facts) -> dict[str, TensorProto]:
    """Return the inputs of a GRU that are constants, by ONNX's input names."""
    return {key: tensor for key, name in spec.inputs.items() if (tensor := facts.constant(scope, name)) is not None}


def has_zero_initial_state(scope: Scope, spec: GruSpec, facts: Facts) -> bool:
    """Whether a GRU has an initial_h that is known to be zero."""
    return "initial_h" in spec.inputs and is_zero(facts, scope, spec.inputs["initial_h"])


def has_known_lengths(scope: Scope, spec: GruSpec, facts: Facts) -> bool:
    """Whether a GRU has sequence_lens that are constant, and as many steps as are known beforehand."""
    known = "sequence_lens" in spec.inputs and facts.constant(scope, spec.inputs["sequence_lens"]) is not None
    return known and bool(spec.seq_length)


def has_full_lengths(scope: Scope, spec: GruSpec, facts: Facts) -> bool:
    """Whether a GRU has sequence_lens that are all T: as constants, or computed from the size of X itself."""
    if "sequence_lens" not in spec.inputs:
        return False
    time = 1 if spec.layout else 0
    return is_filled_with_length(facts, scope, spec.inputs["sequence_lens"], spec.inputs["X"], time)


def without_idle_inputs(spec: GruSpec, scope: Scope, facts: Facts) -> GruSpec:
    """Leave out what changes nothing: an initial_h of zeros, and sequence_lens that are all T."""
    if has_zero_initial_state(scope, spec, facts):
        spec = spec.without_inputs("initial_h")
    if has_full_lengths(scope, spec, facts):
        spec = spec.without_inputs("sequence_lens")
    return spec
