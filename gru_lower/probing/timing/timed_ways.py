"""The ways to write a GRU that are timed on a target: the node, and each form it takes in each spelling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.facts import Facts
from gru_lower.graph.model import Model
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import walk
from gru_lower.gru.parse_node import parse
from gru_lower.passes.lower_gru.y_of_y_h import is_one_step_of_y, y_of_y_h
from gru_lower.probing.form_models import lowered_model
from gru_lower.targets.costs import NODE, Way

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import ModelProto

    from gru_lower.targets.costs import Size
    from gru_lower.targets.profile import Profile

STATIC_FORMS = ("step", "unroll")
PRODUCTS: tuple[dict[str, str], ...] = (
    {},
    {"projection": "whole"},
    {"gates": "joined"},
    {"gates": "joined", "projection": "whole"},
    {"gates": "whole", "projection": "whole"},
)
"""How many products a step's gates, and their projections, are."""
WITHOUT_GEMM = {"vocabulary": "matmul", "state_rank": "3"}
OF_TWO_AXES = {"vocabulary": "matmul", "state_rank": "2"}
"""For several steps: a single one has the axes of X, which are three."""
JOINED_X = {"gates": "joined", "projection": "with-state"}
"""Of a single step from a state."""
FEW = (0, 3, 4)
"""Those of :data:`PRODUCTS` that forms with control flow, and steps without Gemm, are tried with."""


def ways_to_time(profile: Profile) -> list[Way]:
    """Return the ways to write a GRU for a target, the node as it is first.

    A vocabulary that is narrower than the widest was found to be needed, and stays.

    Args:
        profile: What the target takes.

    """
    ways = [Way(NODE), Way(NODE, (("kept_output", "Y_h"),))]
    ways += [Way(form, tuple(each.items())) for form in profile.forms for each in _spellings(profile, form)]
    return ways


def _spellings(profile: Profile, form: str) -> Iterator[dict[str, str]]:
    bounded = {"tanh": "bounded"} if "Tanh" in profile.avoid else {}
    if bounded:
        yield {}
    if form not in STATIC_FORMS:
        yield from (PRODUCTS[place] | bounded for place in FEW)
        return
    yield from (each | bounded for each in PRODUCTS)
    if form == "step":
        yield JOINED_X | bounded
    if profile.vocabulary == "gemm":
        others = [WITHOUT_GEMM | JOINED_X] if form == "step" else [OF_TWO_AXES | PRODUCTS[place] for place in FEW]
        yield from (each | bounded for each in (*(WITHOUT_GEMM | PRODUCTS[place] for place in FEW), *others))


def fits(way: Way, size: Size) -> bool:
    """Whether a way is one for a sequence of that length, and no other one is written the same."""
    spelled = dict(way.spelling)
    if size.steps == "first" and spelled.get("gates", "apart") == "whole" and not size.linear_before_reset:
        return False
    if not size.linear_before_reset and spelled.get("gates") == "whole":
        return False
    if spelled.get("projection") == "with-state" and not size.state:
        return False
    if "kept_output" in spelled:
        return size.length == 1 and size.only_Y
    return way.form == NODE or (way.form == "step") == (size.length == 1)


def written_model(model: ModelProto, way: Way, profile: Profile, opset: int) -> ModelProto | None:
    """Return the model of a GRU as a way writes it, ``None`` where it cannot.

    Args:
        model: Of one GRU; it is not changed.
        way: The way.
        profile: The target.
        opset: The model's opset.

    """
    if way.form != NODE:
        return lowered_model(model, way.form, profile, opset, dict(way.spelling))
    if not way.spelling:
        return model
    held = Model(model).copy()
    (scope, *_), facts = walk(held.proto), Facts(held)
    spec = parse(scope, 0, facts).spec
    if spec is None or not is_one_step_of_y(spec):
        return None
    nodes, axes = y_of_y_h(scope.nodes[0], spec, opset, Names(held.proto))
    del held.proto.graph.node[:]
    held.proto.graph.node.extend(nodes)
    held.proto.graph.initializer.extend(axes)
    return held.proto
