"""How models are lowered: every form, with static and with dynamic dims."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gru_lower
from gru_lower.graph.scopes import is_onnx, walk

if TYPE_CHECKING:
    import onnx

    from strategies import GruCase
    from tests_live.grid import Cell

STATIC, DYNAMIC = {"static": True}, {"static": False}


@dataclass(frozen=True)
class Form:
    """One way to lower a cell.

    Attributes:
        options: Of :func:`gru_lower.lower`.
        knobs: Of the cell.
        fix_length: Whether T is fixed, so that only the batch is dynamic.

    """

    options: dict[str, Any]
    knobs: dict[str, Any] = field(default_factory=lambda: STATIC)
    fix_length: bool = False

    def fits(self, cell: Cell) -> bool:
        """Whether the form's own knobs leave the cell what its name says."""
        shortened = cell.knobs.get("sequence_lens") and self.knobs.get("T") == 1
        return not shortened and not ("static" in cell.knobs and self.knobs["static"])

    def lowered(self, case: GruCase) -> onnx.ModelProto:
        """Lower a case of the form's knobs.

        Raises:
            Refused: gru-lower does not do it.

        """
        more = {"fix_dims": {"T": case.sizes[0]}} if self.fix_length else {}
        return lowered(case.model(), {**self.options, **more})


PLAIN_SCAN = {"passes": "lower-gru{form=scan,packing=plain}"}
FORMS = {
    "scan": Form({"form": "scan"}),
    "scan dynamic": Form({"form": "scan"}, DYNAMIC),
    "scan plain": Form(PLAIN_SCAN),
    "scan plain dynamic": Form(PLAIN_SCAN, DYNAMIC),
    "loop": Form({"form": "loop"}),
    "loop dynamic": Form({"form": "loop"}, DYNAMIC),
    "unroll": Form({"form": "unroll"}),
    "unroll batch": Form({"form": "unroll"}, DYNAMIC, fix_length=True),
    "step": Form({"form": "step"}, {"static": True, "T": 1}),
    "minimal": Form({"passes": "lower-gru{form=unroll,vocabulary=minimal}"}),
}


class Refused(Exception):  # noqa: N818 - not an error: it is one of the answers
    """A GRU that was not lowered, and why."""


def lowered(model: onnx.ModelProto, options: dict[str, Any]) -> onnx.ModelProto:
    """Lower a model.

    Raises:
        Refused: gru-lower does not do it.

    """
    try:
        result = gru_lower.lower(model, verify=False, **options)
    except gru_lower.Unsupported as error:
        raise Refused(f"{error.code}: {error.message}") from error
    kept = [site for site in result.report.sites if site.action == "kept"]
    if kept:
        raise Refused(f"{kept[0].code}: {kept[0].message}")
    proto: onnx.ModelProto = result.model
    assert not any(is_onnx(node, "GRU") for scope in walk(proto) for node in scope.nodes)
    return proto
