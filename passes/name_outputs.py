"""The pass ``name-outputs``: no GRU with an output whose name is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, walk
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult

if TYPE_CHECKING:
    from gru_lower.graph.model import Model


@dataclass(frozen=True)
class NameOutputsOptions:
    """``name-outputs`` has no options."""


class NameOutputs(Pass):
    """Give every output of a GRU a name.

    ONNX leaves an output out by an empty name, which quantisers and converters of floats take for a value of that name,
    or for the same one in several nodes: aimet, auto_mixed_precision, onnxconverter-common, onnxsim's result.

    Rules:
        1. Y that is left out before Y_h gets a name, and no user.
        2. Empty names at the end are left out, which says the same.
    """

    name = "name-outputs"
    Options = NameOutputsOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Name the outputs in place."""
        ctx.progress("naming outputs", 0, 1)
        names, modified = Names(model.proto), False
        for scope in walk(model.proto):
            for node in scope.nodes:
                if not is_onnx(node, "GRU") or all(node.output):
                    continue
                while node.output and not node.output[-1]:
                    del node.output[-1]
                for place, name in enumerate(node.output):
                    if not name:
                        node.output[place] = names.value(f"{node.name or node.output[-1]}/Y")
                modified = True
        model.modified |= modified
        return PassResult(modified=modified)
