"""Whether a GRU that a target does not run right is faster lowered than rewritten into GRUs, by measured costs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.gru.possible_forms import possible_forms
from gru_lower.targets.costs import NODE, Way, size_of
from gru_lower.targets.judge_gru import judge

if TYPE_CHECKING:
    from gru_lower.gru.spec import GruSpec
    from gru_lower.targets.profile import Profile


def faster_lowered(profile: Profile, spec: GruSpec, options: frozenset[str], opset: int, precision: str) -> bool:
    """Whether some form that the target runs right takes less than its GRU node, in every precision that counts.

    Args:
        profile: The target.
        spec: The GRU.
        options: What :func:`gru_lower.targets.gru_options.options_of` says of it.
        opset: The opset of its scope.
        precision: What the target computes in, ``""`` for nothing said.

    """
    costs = profile.costs
    if costs is None or spec.elem_type != TensorProto.FLOAT or judge(profile, "gru", options).verdict == "right":
        return False
    size = size_of(spec)
    # Where the node is wrong as it is, it was not measured: what it is rewritten into is one of the other kind.
    sizes = (size, replace(size, linear_before_reset=1 - size.linear_before_reset))
    named = [each for each in costs.precisions if each == precision] or list(costs.precisions)
    node = {each: [costs.estimate(Way(NODE), one, each) for one in sizes] for each in named}
    nodes = {each: next((taken for taken in found if taken is not None), None) for each, found in node.items()}
    forms = possible_forms(spec.seq_length, opset)
    for way in costs.ways:
        if way.form not in forms or judge(profile, way.form, options).verdict != "right":
            continue
        pairs = [(costs.estimate(way, size, each), nodes[each]) for each in named]
        if all(taken is not None and (own is None or taken < own) for taken, own in pairs):
            return True
    return False
