"""What ``gru-lower lower`` and ``legalize`` make of a model for a target, and what they say where they refuse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gru_lower

if TYPE_CHECKING:
    import onnx

    from strategies import GruCase

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


def followed(command: str, case: GruCase, target: str) -> Rewritten:
    """Rewrite a case, doing what a refusal asks for.

    Raises:
        Refused: Nothing more is asked for.

    """
    model, length, batch = case.model(), *case.sizes[:2]
    options: dict[str, object] = {}
    while True:
        try:
            return Rewritten(rewritten(command, model, target, **options), tuple(options))
        except Refused as refused:
            said = str(refused)
            opset = re.search(r"--opset (\d+)", said)
            if opset and "opset" not in options:
                options["opset"] = int(opset[1])
            elif "--fix-dim" in said and "fix_dims" not in options and not case.static:
                options["fix_dims"] = {"T": length, "N": batch}
            elif "--allow-cast" in said and "allow_cast" not in options:
                command, options["allow_cast"] = "legalize", True
            else:
                raise
