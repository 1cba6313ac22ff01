"""The error for a model that breaks ONNX's rules."""

from __future__ import annotations

from gru_lower.errors import InvalidModel


def broken_rule(what: str, node: str | None = None) -> InvalidModel:
    """Return the error for what is not built as ONNX says.

    Args:
        what: What is wrong, in one line.
        node: The site of the node it is about.

    """
    hint = "no runtime loads such a model: export it again, and see what onnx.checker.check_model says of it"
    return InvalidModel(what, code="GL015", node=node, hint=hint)
