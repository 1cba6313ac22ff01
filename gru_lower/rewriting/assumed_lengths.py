"""``--assume``: what is promised of sequence_lens, and GRUs without any where every sequence is as long as X."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.graph.splice import Edit, apply
from gru_lower.gru.spec import INPUTS
from gru_lower.nearest_word import did_you_mean

if TYPE_CHECKING:
    from gru_lower.graph.model import Model

LENS = INPUTS.index("sequence_lens")
NOTHING, POSITIVE, FULL = PROMISES = ("nothing", "positive-lengths", "full-length")


def promised_to_passes(assume: str) -> dict[str, str]:
    """Return the options by which passes are told what is promised.

    Args:
        assume: One of :data:`PROMISES`.

    Raises:
        Unsupported: It is none.

    """
    if assume not in PROMISES:
        hint = did_you_mean(assume, PROMISES, f"one of {', '.join(PROMISES)}")
        raise Unsupported(f"assume cannot be {assume!r}", code="GL008", hint=hint)
    return {"assume": assume} if assume == POSITIVE else {}


def drop_lengths(model: Model) -> None:
    """Take sequence_lens away from every GRU, and what computes them.

    Args:
        model: Edited in place.

    """
    edits = []
    for scope in walk(model.proto):
        for index, node in enumerate(scope.nodes):
            if is_onnx(node, "GRU") and len(node.input) > LENS and node.input[LENS]:
                copy = type(node)()
                copy.CopyFrom(node)
                copy.input[LENS] = ""
                while not copy.input[-1]:
                    del copy.input[-1]
                edits.append(Edit(scope, [index], [copy], keeps_documentation=False))
    apply(model, edits)
