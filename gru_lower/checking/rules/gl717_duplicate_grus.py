"""GL717: GRUs that compute what another GRU of the same scope computes; fixed by computing it once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnx import helper

from gru_lower.checking.rule import Rule
from gru_lower.diagnostics import Fix, diagnostic
from gru_lower.graph import splice, tensor_values
from gru_lower.graph.names import Names
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Sequence

    from onnx import TensorProto

    from gru_lower.checking.checked_model import CheckedModel, GruNode
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.passes.base import Context

MERGED = Fix(safe=True, message="computed once")


def duplicates(checked: CheckedModel) -> Iterator[Diagnostic]:
    """Find GRUs that compute what another one of the same scope computes."""
    for first, second in _pairs(checked):
        yield diagnostic(
            "GL717",
            f"computes what {first.site} computes",
            scope=second.scope.path,
            node=second.site,
            fix=MERGED if _has_outputs_of(first, second) else None,
        )


def _pairs(checked: CheckedModel) -> Iterator[tuple[GruNode, GruNode]]:
    alike: dict[Hashable, list[GruNode]] = {}
    for gru in checked.grus:
        if gru.parsed.spec is not None:
            alike.setdefault(_key(checked, gru, _kind_of), []).append(gru)
    for grus in alike.values():
        firsts: dict[Hashable, GruNode] = {}
        for gru in grus if len(grus) > 1 else ():  # the weights of one alone are not read
            first = firsts.setdefault(_key(checked, gru, _digest_of), gru)
            if first is not gru:
                yield first, gru


def _key(checked: CheckedModel, gru: GruNode, of: Callable[[CheckedModel, TensorProto], Hashable]) -> Hashable:
    """Return what is equal for GRUs of the same inputs and attributes; of constants, what a function says of them."""
    spec = gru.parsed.spec
    if spec is None:
        return None
    constants = ((name, checked.facts.constant(gru.scope, name)) for name in spec.inputs.values())
    values = tuple(name if tensor is None else of(checked, tensor) for name, tensor in constants)
    return gru.scope.path, tuple(spec.inputs), values, repr(spec.attributes())


def _kind_of(_checked: CheckedModel, tensor: TensorProto) -> Hashable:
    return tensor.data_type, tuple(tensor.dims)


def _digest_of(checked: CheckedModel, tensor: TensorProto) -> Hashable:
    return tensor.data_type, tuple(tensor.dims), tensor_values.digest(tensor, checked.model.base_dir)


def _has_outputs_of(first: GruNode, second: GruNode) -> bool:
    """Whether the first GRU has every output that the second one has."""
    one, other = first.parsed.spec, second.parsed.spec
    return one is not None and other is not None and bool(one.Y or not other.Y) and bool(one.Y_h or not other.Y_h)


def merge(checked: CheckedModel, found: Sequence[Diagnostic], ctx: Context) -> list[Site]:
    """Replace each duplicate by Identity nodes from the first GRU's outputs to its own."""
    del ctx
    wanted = {each.node for each in found}
    names = Names(checked.model.proto)
    edits, sites = [], []
    for first, second in _pairs(checked):
        one, other = first.parsed.spec, second.parsed.spec
        if second.site not in wanted or one is None or other is None:
            continue
        given = [(one.Y, other.Y), (one.Y_h, other.Y_h)]
        nodes = [helper.make_node("Identity", [a], [b], names.node(f"{b}/same")) for a, b in given if b]
        edits.append(splice.Edit(second.scope, [second.index], nodes))
        sites.append(
            Site(second.site, second.scope.path, second.node.name, other, "fixed", code="GL717", message=MERGED.message)
        )
    splice.apply(checked.model, edits)
    return sites


RULES = (Rule(("GL717",), duplicates, merge),)
