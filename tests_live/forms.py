"""How cells are lowered: every form, with static and with dynamic dims, and what each engine takes best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gru_lower
from gru_lower.graph.scopes import is_onnx, walk

if TYPE_CHECKING:
    import onnx

    from tests_live.grid import Cell


@dataclass(frozen=True)
class Form:
    """One way to lower a cell.

    Attributes:
        options: Of :func:`gru_lower.lower`.
        knobs: Of the cell.

    """

    options: dict[str, Any]
    knobs: dict[str, Any]


FORMS = {
    "scan": Form({"form": "scan"}, {"static": True}),
    "scan plain": Form({"passes": "lower-gru{form=scan,packing=plain}"}, {"static": True}),
    "scan dynamic": Form({"form": "scan"}, {"static": False}),
    "scan plain dynamic": Form({"passes": "lower-gru{form=scan,packing=plain}"}, {"static": False}),
    "loop": Form({"form": "loop"}, {"static": True}),
    "loop dynamic": Form({"form": "loop"}, {"static": False}),
    "unroll": Form({"form": "unroll"}, {"static": True}),
    "step": Form({"form": "step"}, {"static": True, "T": 1}),
    "minimal": Form({"passes": "lower-gru{form=unroll,vocabulary=minimal}"}, {"static": True}),
    "portable": Form({"target": "portable"}, {"static": True}),
}


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


class Refused(Exception):
    """A GRU that was not lowered, and why."""


def fits(cell: Cell, form: Form) -> bool:
    """Whether a form's own knobs leave the cell what its name says."""
    lens = cell.knobs.get("sequence_lens")
    return not (lens and form.knobs.get("T") == 1) and not ("static" in cell.knobs and form.knobs.get("static"))
