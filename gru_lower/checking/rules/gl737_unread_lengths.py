"""GL737: an input for the lengths of sequences that no node reads.

paddle2onnx drops sequence_lens; so does an export whose tracing left packing out. The GRU then runs through padding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import TensorProto

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic

INTEGERS = (TensorProto.INT32, TensorProto.INT64)
RECURRENT = ("GRU", "LSTM", "RNN")
LENGTHS = 4
"""Which input of a recurrent operator its lengths are."""


def unread_lengths(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find inputs of whole numbers, one for each sequence, that nothing reads although something is recurrent."""
    if not _runs_without_lengths(checked):
        return
    main = checked.scopes[0]
    for value in checked.model.proto.graph.input:
        tensor = value.type.tensor_type
        if tensor.elem_type not in INTEGERS or main.uses[value.name] or value.name in main.initializers:
            continue
        dims = checked.facts.shape(main, value.name)
        if dims is not None and len([dim for dim in dims if dim != 1]) == 1:
            kind = TensorProto.DataType.Name(tensor.elem_type).lower()
            listed = ", ".join("?" if dim is None else str(dim) for dim in dims)
            what = f"input {value.name!r}, {kind}[{listed}], is read by no node: if these are the sequences' lengths, "
            yield diagnostic("GL737", what + "they have no effect", scope="main")


def _runs_without_lengths(checked: CheckedModel) -> bool:
    """Whether something runs over sequences without lengths."""
    nodes = (node for scope in checked.scopes for _, node in scope.of_operators(*RECURRENT))
    if any(not "".join(node.input[LENGTHS : LENGTHS + 1]) for node in nodes):
        return True
    return any(found.grus for found in checked.recurrences)


RULES = (Rule(("GL737",), unread_lengths),)
