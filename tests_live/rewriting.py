"""What ``gru-lower lower`` and ``legalize`` make of a model for a target, and what they say where they refuse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gru_lower

if TYPE_CHECKING:
    import onnx

COMMANDS = ("lower", "legalize")


class Refused(Exception):  # noqa: N818 - not an error: it is one of the answers
    """What a target cannot run, and why."""


@dataclass(frozen=True)
class Rewritten:
    """What came of a model.

    Attributes:
        model: The new one.
        flags: What had to be added for it, each as the refusal before named it.

    """

    model: onnx.ModelProto
    flags: tuple[str, ...] = ()


def rewritten(command: str, model: onnx.ModelProto, target: str, **more: object) -> onnx.ModelProto:
    """Lower or legalise a model for a target.

    Raises:
        Refused: The command does not do it.

    """
    options: dict[str, Any] = {"target": target, "verify": False, **more}
    try:
        result: onnx.ModelProto = getattr(gru_lower, command)(model, **options).model
    except (gru_lower.Unsupported, gru_lower.Remaining) as error:
        raise Refused(f"{error.code}: {error.message} [{error.hint}]") from error
    return result


def followed(
    command: str, model: onnx.ModelProto, target: str, dims: dict[str, int], *, fixed: bool = False, **more: Any
) -> Rewritten:
    """Rewrite a model, doing what a refusal asks for.

    Args:
        command: One of :data:`COMMANDS`.
        model: The model.
        target: What for.
        dims: The lengths of its symbolic dims.
        fixed: Whether to fix them at once.
        more: Further options of the command.

    Raises:
        Refused: Nothing more is asked for.

    """
    options = more | ({"fix_dims": dims} if fixed else {})
    while True:
        try:
            return Rewritten(rewritten(command, model, target, **options), tuple(options))
        except Refused as refused:
            said = str(refused)
            opset = re.search(r"opset=(\d+)", said)
            if opset and "opset" not in options:
                options["opset"] = int(opset[1])
            elif "fix_dims=" in said and "fix_dims" not in options and dims:
                options["fix_dims"] = dims
            elif "allow_cast" in said and "allow_cast" not in options and "form" not in options:
                command, options["allow_cast"] = "legalize", True
            else:
                raise
