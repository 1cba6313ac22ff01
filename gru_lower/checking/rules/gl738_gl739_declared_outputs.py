"""GL738 and GL739: outputs that declare another length than the graph gives them.

====== ====================================================================
GL738  the final states of a lower layer are lost: the output holds fewer states than it declares
GL739  any other length; fixed by declaring what the graph gives
====== ====================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.graph.declared_shapes import mend_declared_shapes
from gru_lower.graph.shape_inference import infer
from gru_lower.graph.tensor_types import dims_of
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gru_lower.checking.checked_model import CheckedModel, GruNode
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.tensor_types import Dims
    from gru_lower.passes.base import Context

MOST_NODES = 3000
"""A model of more nodes is not inferred a second time: it would take seconds."""
FIX = Fix(safe=True, message="the shape declared that the graph gives it")


def contradictions(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find outputs of the model whose declared shape is not that of the value."""
    if checked.nodes > MOST_NODES:
        return
    graph = checked.model.proto.graph
    inferred = infer(checked.model.proto, declared=False).get("main", {})
    for value in graph.output:
        found = inferred.get(value.name)
        if found is None or not all(each.type.tensor_type.HasField("shape") for each in (value, found)):
            continue
        declared, actual = dims_of(value), dims_of(found)
        pairs = list(zip(declared, actual, strict=False))
        odd = [axis for axis, (a, b) in enumerate(pairs) if isinstance(a, int) and isinstance(b, int) and a != b]
        if len(declared) == len(actual) and not odd:
            continue
        what = f"output {value.name!r} declares {_in_words(declared)}, and is {_in_words(actual)}"
        lost = _lost_layers(checked, value.name) if odd == [0] and len(declared) == len(actual) else []
        if lost and int(declared[0] or 0) > int(actual[0] or 0):
            sites = " and ".join(gru.site for gru in lost)
            yield diagnostic("GL738", f"{what}: the final states of {sites} are lost", scope="main", node=value.name)
        else:
            yield diagnostic("GL739", what, scope="main", node=value.name, fix=FIX)


def _lost_layers(checked: CheckedModel, output: str) -> list[GruNode]:
    """Return the GRUs under the one whose final state an output is, whose own final states nothing uses."""
    main = checked.scopes[0]
    mine = [gru for gru in checked.grus if gru.scope is main and gru.parsed.spec is not None]
    behind = _behind(checked, output)
    held = [gru for gru in mine if gru.parsed.spec and gru.parsed.spec.Y_h in behind]
    unused = [gru for gru in mine if gru.parsed.spec and not main.uses[gru.parsed.spec.Y_h or ""]]
    return [gru for gru in unused if held and gru.parsed.spec and gru.parsed.spec.Y in behind]


def _behind(checked: CheckedModel, name: str) -> set[str]:
    """Return every value of the main graph that one is made of."""
    main = checked.scopes[0]
    found, pending = set[str](), [name]
    while pending:
        each = pending.pop()
        if each and each not in found:
            found.add(each)
            if each in main.producers:
                pending += main.nodes[main.producers[each]].input
    return found


def _in_words(dims: Dims) -> str:
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in dims) + "]"


def declare(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Declare the shapes that the graph gives."""
    del ctx
    mended = {each.name for each in mend_declared_shapes(checked.model)}
    return [
        Site(each.node, each.scope, "", None, "fixed", code="GL739", message=FIX.message)
        for each in found
        if each.node in mended
    ]


RULES = (Rule(("GL738", "GL739"), contradictions, declare),)
