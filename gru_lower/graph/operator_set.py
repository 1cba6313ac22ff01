"""Which operators ONNX has, and from which opset on."""

from __future__ import annotations

from functools import cache

import onnx

CONSTANT_FILL = "ConstantFill"
"""What torch up to 1.0 makes states of zeros with: an experimental operator that ONNX gave up."""


@cache
def first_opsets() -> dict[str, int]:
    """Return the opset from which on ONNX has each of its operators."""
    found: dict[str, int] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if not schema.domain:
            found[schema.name] = min(schema.since_version, found.get(schema.name, schema.since_version))
    return found


def why_not_in_onnx(op_type: str, opset: int) -> str | None:
    """Say why an operator of ONNX's own domain is not one of an opset; ``None`` where it is, or may be.

    Args:
        op_type: The operator.
        opset: The version of ONNX's opset; of one that is newer than the installed onnx, more operators may be there.

    """
    first = first_opsets().get(op_type)
    if first is not None:
        return None if first <= opset else f"ONNX has it from opset {first} on; the model imports {opset}"
    return None if opset > onnx.defs.onnx_opset_version() else "it is no operator of ONNX"
