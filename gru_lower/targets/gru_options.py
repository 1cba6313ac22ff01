"""Which options a GRU takes, on each axis of :data:`gru_lower.targets.option_axes.AXES`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.targets.joined_directions import joins_directions
from gru_lower.targets.option_axes import FUNCTIONS, band

if TYPE_CHECKING:
    from onnx import NodeProto

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec


def options_of(
    spec: GruSpec,
    node: NodeProto,
    opset: int,
    computed: frozenset[str],
    lens: frozenset[int] | None = None,
    *,
    symbolic_batch: bool = False,
    constant_state: bool = False,
    joined: bool = False,
    blank: bool = False,
    repeated: bool = False,
) -> frozenset[str]:
    """Return the options of a GRU.

    Args:
        spec: The GRU.
        node: The node it was read from, which says what is written out.
        opset: The opset of its scope.
        computed: Which of ``W``, ``R``, ``B`` are not constant.
        lens: The values in sequence_lens where they are constant.
        symbolic_batch: Whether the batch is no number in the shape of X.
        constant_state: Whether initial_h is constant.
        joined: Whether Y is read only to join its directions along the features.
        blank: Whether Y_h has an empty name, as an output of another node beside it has.
        repeated: Whether it is in the body of a Scan or Loop.

    """
    written = {attribute.name for attribute in node.attribute}
    functions = [(direction.f, direction.g) for direction in spec.directions]
    result = {
        "lbr1" if spec.linear_before_reset else "lbr0",
        "joined_directions" if joined else _direction(spec, written),
        f"layout{spec.layout}",
        _initial_state(spec, constant=constant_state),
        "B" if "B" in spec.inputs else "no_B",
        "no_clip" if spec.clip is None else "clip",
        *(f"f_{f.name}" for f, _ in functions),
        *(f"g_{g.name}" for _, g in functions),
        _activations(node),
        "parameters" if written & {"activation_alpha", "activation_beta"} else "no_parameters",
        "same_functions" if len(set(functions)) == 1 else "other_functions",
        "hidden_size" if "hidden_size" in written else "no_hidden_size",
        "blank_Y_h" if blank else _outputs(spec),
        "computed_weights" if computed else "constant_weights",
        "dynamic_time" if spec.seq_length is None else "static_time",
        "dynamic_batch" if spec.batch_size is None else "told_batch" if symbolic_batch else "static_batch",
        "one_step" if spec.seq_length == 1 else "many_steps",
        "one_sequence" if spec.batch_size == 1 else "many_sequences",
        "in_body" if repeated else "no_body",
        spec.type_name,
        band(opset),
    }
    if "sequence_lens" not in spec.inputs:
        return frozenset(result | {"no_lens"})
    return frozenset(result | {"lens"} | ({"lens_zero"} if lens is None or 0 in lens else set()))


def _activations(node: NodeProto) -> str:
    named = next((attribute.strings for attribute in node.attribute if attribute.name == "activations"), None)
    if named is None:
        return "default_activations"
    return (
        "written_activations"
        if {name.decode(errors="replace") for name in named} <= {*FUNCTIONS}
        else "lower_case_activations"
    )


def _direction(spec: GruSpec, written: set[str]) -> str:
    return "written_forward" if spec.direction == "forward" and "direction" in written else spec.direction


def _initial_state(spec: GruSpec, *, constant: bool) -> str:
    if "initial_h" not in spec.inputs:
        return "no_initial_h"
    return "constant_initial_h" if constant else "initial_h"


def _outputs(spec: GruSpec) -> str:
    if spec.Y_h:
        return "both_outputs" if spec.Y else "only_Y_h"
    return "only_Y"


def _is_blank(scope: Scope, index: int) -> bool:
    """Whether Y_h has an empty name, and another node beside it an output that has one as well."""
    own = list(scope.nodes[index].output[1:2]) == [""]
    return own and any("" in node.output for place, node in enumerate(scope.nodes) if place != index)


def options_at(scope: Scope, index: int, spec: GruSpec, facts: Facts) -> frozenset[str]:
    """Return the options of a GRU node in a model.

    Args:
        scope: The scope of the node.
        index: Its index there.
        spec: What was read from it.
        facts: What is known of the model's values.

    """
    computed = frozenset(
        key for key in ("W", "R", "B") if key in spec.inputs and facts.constant(scope, spec.inputs[key]) is None
    )
    lens = None
    if "sequence_lens" in spec.inputs:
        values = facts.array(scope, spec.inputs["sequence_lens"])
        if values is not None:
            lens = frozenset(int(value) for value in values.flat)
        elif facts.positive_lengths:
            lens = frozenset({1})
    shape = facts.shape(scope, spec.inputs["X"])
    symbolic = shape is not None and not isinstance(shape[1 - spec.layout], int)
    return options_of(
        spec,
        facts.node(scope, index),
        scope.opset,
        computed,
        lens,
        symbolic_batch=symbolic,
        constant_state=facts.constant(scope, spec.inputs.get("initial_h", "")) is not None,
        blank=_is_blank(scope, index),
        joined=spec.num_directions == 2 and joins_directions(scope, spec, facts),
        repeated=scope.repeated,
    )
