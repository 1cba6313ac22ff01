"""Hand noise in: what two models draw at random becomes constant, and the same in both.

Each node that draws is replaced by plain operators that make its outputs of given noise: of as many standard normal or
uniform numbers as there are elements, out of a buffer that is repeated. The parameters stay each model's own, so that
another scale, rate or bound still shows. In a Loop the noise depends on the iteration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from gru_lower.diagnostics import diagnostic
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.noise.drawn_values import OLDEST_OPSET, nodes_for
from gru_lower.verification.noise.find_draws import described, find_draws, match_draws, without_drawing_functions

if TYPE_CHECKING:
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.verification.noise.find_draws import Draw, Matched

CODE = "GL510"


@dataclass(frozen=True)
class SameNoise:
    """Two models that draw no noise any more.

    Attributes:
        a: The first, itself if it draws none.
        b: The second.
        findings: What is drawn in one model only.
        doubtful: Why a difference may be one of the noise; "" if it is not.

    """

    a: onnx.ModelProto
    b: onnx.ModelProto
    findings: tuple[Diagnostic, ...] = ()
    doubtful: str = ""


def hand_in_noise(a: onnx.ModelProto, b: onnx.ModelProto) -> SameNoise:
    """Return two models with the same noise in both.

    Args:
        a: A model; it is not changed.
        b: The other.

    """
    inlined = [without_drawing_functions(model) for model in (a, b)]
    if not any(find_draws(model) for model in inlined):
        return SameNoise(a, b)
    copies = [onnx.ModelProto(), onnx.ModelProto()]
    for copy, model in zip(copies, inlined, strict=True):
        copy.CopyFrom(model)
    first, second = copies
    if min(_opset(first), _opset(second)) < OLDEST_OPSET:
        return SameNoise(a, b, doubtful=f"noise cannot be handed in below opset {OLDEST_OPSET}")
    matched = match_draws(find_draws(first), find_draws(second))
    numbered = [
        *((pair, number) for number, pair in enumerate(matched.pairs)),
        *(((draw,), -1 - number) for number, draw in enumerate((*matched.first_only, *matched.second_only))),
    ]
    todo = [(draw, number) for draws, number in numbered for draw in draws]
    # Bodies before what is around them, and each from its end: places and bodies stay what they are.
    for draw, number in sorted(todo, key=lambda each: (-each[0].place.count("/"), -each[0].index)):
        _replace(draw, number)
    return SameNoise(first, second, tuple(_findings(matched)), _doubt(matched))


def _replace(draw: Draw, number: int) -> None:
    nodes = nodes_for(draw, number)
    kept = list(draw.scope.nodes)
    del draw.scope.proto.node[:]
    draw.scope.proto.node.extend([*kept[: draw.index], *nodes, *kept[draw.index + 1 :]])


def _opset(model: onnx.ModelProto) -> int:
    return next((entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")), 0)


def _findings(matched: Matched) -> list[Diagnostic]:
    sides = (("first", matched.first_only), ("second", matched.second_only))
    return [
        diagnostic(CODE, f"only the {side} model draws {', '.join(described(draws))}") for side, draws in sides if draws
    ]


def _doubt(matched: Matched) -> str:
    if matched.first_only and matched.second_only:
        return "the two draw noise in different ways, which may have the same distribution"
    if matched.by_order:
        return "the noise was matched by the order in which the two draw it"
    return ""
