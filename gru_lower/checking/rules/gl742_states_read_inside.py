"""GL742: a state that is an output of the model and is read inside as well; fixed by an Identity between.

onnxconverter-common's float16 with keep_io_types casts such an output back to float32 under its own name, and leaves
its readers inside with the wrong type: the model it writes does not load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.graph.names import Names
from gru_lower.graph.rename_values import rename_values
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.checking.checked_model import CheckedModel
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context

FIX = Fix(safe=True, message="an Identity put between the state and the output")
RECURRENT = ("GRU", "LSTM", "RNN", "Loop", "Scan")


def read_states(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find outputs of the model that are states, and that nodes read, too."""
    main, states = checked.scopes[0], set(_states(checked))
    for name in dict.fromkeys(main.outputs):
        if name in states and main.uses[name] > main.outputs.count(name):
            yield diagnostic(
                "GL742",
                f"the state {name!r} is an output of the model, and is read inside of it, too",
                scope="main",
                node=name,
                fix=FIX,
            )


def _states(checked: CheckedModel) -> Iterator[str]:
    """Yield the states that the main graph makes: outputs of recurrent nodes, and the last states of unrolled cells."""
    main = checked.scopes[0]
    for _, node in main.of_operators(*RECURRENT):
        yield from filter(None, node.output)
    for found in [*checked.recurrences, *checked.steps]:
        if found.interpreter.scope.path == main.path:
            for recurrence in found.grus:
                named = found.interpreter.named_tensors
                yield from (named[cell.state].name for cell in recurrence.cells if cell.state in named)


def put_identity(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Give each such state a name of its own inside, and the output its name by an Identity."""
    del ctx
    names, graph = Names(checked.model.proto), checked.model.proto.graph
    sites = []
    for each in found:
        inner = names.value(f"{each.node}/state")
        rename_values(graph, {each.node: inner})
        for value in graph.output:
            value.name = each.node if value.name == inner else value.name
        graph.node.append(helper.make_node("Identity", [inner], [each.node], names.node(f"{each.node}/output")))
        sites.append(Site(each.node, "main", "", None, "fixed", code="GL742", message=FIX.message))
        checked.model.modified = True
    return sites


RULES = (Rule(("GL742",), read_states, put_identity),)
