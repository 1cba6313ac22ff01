"""The pass ``merge-gru``: make one GRU of several that stand side by side."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

from gru_lower.emission.edit_writer import EditWriter
from gru_lower.graph import node_order, splice
from gru_lower.graph.bounded_arrays import zeros
from gru_lower.graph.equal_values import value_key
from gru_lower.graph.facts import Facts
from gru_lower.graph.names import Names
from gru_lower.graph.scopes import is_onnx, node_uses, walk
from gru_lower.gru.block_diagonal import block_diagonal
from gru_lower.gru.constant_inputs import has_zero_initial_state
from gru_lower.gru.parse_node import parse
from gru_lower.gru.spec import GATES
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.base import Context, Pass, PassResult
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from onnx import NodeProto

    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec

Array = np.ndarray[Any, np.dtype[Any]]
OLDEST = 7


@dataclass(frozen=True)
class MergeOptions:
    """Options of ``merge-gru``.

    Attributes:
        hidden: The largest hidden_size to make. Each zero between two GRUs is multiplied by, too.
        values: The largest batch times hidden_size to make; an unknown batch counts as 1.

    """

    hidden: int = 64
    values: int = 1024


class MergeGru(Pass):
    """Make one GRU of several that stand side by side: small ones take as long to start as to compute.

        X = Concat(X_1, X_2)        [T, B, I_1 + I_2]; itself where all read the same
        W = diag(W_1, W_2),  R = diag(R_1, R_2),  B = [B_1 | B_2]              gate by gate
        Y_1, Y_2 = Split(Y),  Y_h and initial_h alike                           along H

    Rules:
        1. They are in one scope and equally deep, counted in GRUs before them: so none depends on another. A scope
           whose nodes are out of order is left alone.
        2. Directions, activations, clip, linear_before_reset, layout, type and sequence_lens are the same; T and B
           are known to be equal; W, R and B are constants of the model's own file.
        3. Either each has an initial_h that is not zeros, or none has.
        4. They are taken in order, as many as stay within the options.

    Each GRU's numbers are multiplied by zeros for the others. What is not finite in one makes all of them NaN; that
    is why no command merges unasked.
    """

    name = "merge-gru"
    Options = MergeOptions

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Merge in every scope."""
        result = PassResult(modified=False)
        facts, names = Facts(model, computed=True), Names(model.proto)
        edits: list[splice.Edit] = []
        for scope in walk(model.proto):
            ctx.progress("merging", len(edits), len(edits))
            for group in self._groups(_candidates(scope, facts, result)):
                edits.append(_merge(group, facts, names))
                together = " and ".join(gru.node.name or gru.spec.Y or gru.spec.Y_h for gru in group)
                result.sites += [
                    Site(scope.site(gru.index), scope.path, gru.node.name, gru.spec, "merged", message=together)
                    for gru in group
                ]
        result.modified = splice.apply(model, edits)
        return result

    def _groups(self, candidates: Sequence[_Candidate]) -> Iterator[list[_Candidate]]:
        for _, alike in groupby(sorted(candidates, key=lambda gru: gru.kind), key=lambda gru: gru.kind):
            group: list[_Candidate] = []
            for gru in alike:
                hidden = sum(each.spec.hidden_size for each in [*group, gru])
                if hidden > self.options.hidden or hidden * (gru.spec.batch_size or 1) > self.options.values:
                    if len(group) > 1:
                        yield group
                    group = []
                group.append(gru)
            if len(group) > 1:
                yield group


@dataclass(frozen=True)
class _Candidate:
    """A GRU that could be merged with those of its kind; its spec is without an initial_h of zeros."""

    scope: Scope
    index: int
    spec: GruSpec
    kind: str

    @property
    def node(self) -> NodeProto:
        node: NodeProto = self.scope.nodes[self.index]
        return node


def _candidates(scope: Scope, facts: Facts, result: PassResult) -> list[_Candidate]:
    """Return a scope's GRUs that could be merged, in order; diagnostics of any go into the result."""
    depth: dict[str, int] = {}
    found: list[_Candidate] = []
    if not node_order.is_in_order(scope.nodes):
        return found
    for index, node in enumerate(scope.nodes):
        here = max((depth.get(name, 0) for name in node_uses(node)), default=0)
        is_gru = is_onnx(node, "GRU")
        depth.update(dict.fromkeys(filter(None, node.output), here + is_gru))
        if not is_gru or scope.opset < OLDEST:
            continue
        parsed = parse(scope, index, facts)
        result.diagnostics += parsed.diagnostics
        spec = parsed.spec
        if spec is not None and spec.elem_type and all(_is_held_in_model(scope, facts, spec, name) for name in "WRB"):
            if has_zero_initial_state(scope, spec, facts):
                spec = spec.without_inputs("initial_h")
            found.append(_Candidate(scope, index, spec, _kind(scope, facts, spec, here)))
    return found


def _is_held_in_model(scope: Scope, facts: Facts, spec: GruSpec, name: str) -> bool:
    """Whether an input is absent, or a constant of the model's own file."""
    tensor = facts.constant(scope, spec.inputs.get(name, ""))
    return name not in spec.inputs or (tensor is not None and not facts.is_outside(tensor))


def _kind(scope: Scope, facts: Facts, spec: GruSpec, depth: int) -> str:
    """Return what is equal for GRUs that can be merged."""
    dims = facts.shape(scope, spec.inputs["X"])
    steps = None if dims is None else dims[:2]
    if steps is None or None in steps:
        steps = (spec.inputs["X"],)
    lens = value_key(scope, facts, spec.inputs.get("sequence_lens", ""))
    fields = (spec.directions, spec.clip, spec.linear_before_reset, spec.layout, spec.elem_type, spec.version)
    return repr((depth, steps, lens, "initial_h" in spec.inputs, fields))


def _merge(group: Sequence[_Candidate], facts: Facts, names: Names) -> splice.Edit:
    """Return the edit that puts one GRU in the place of a group."""
    scope, first = group[0].scope, group[0].spec
    prefix = names.prefix(f"{group[0].node.name or first.Y or first.Y_h}/merged")
    writer = EditWriter(scope.opset, names, prefix)
    shared = len({gru.spec.inputs["X"] for gru in group}) == 1
    inputs = {"X": first.inputs["X"] if shared else _concat(writer, group, facts, "X")}
    inputs |= {name: writer.constant(array, name) for name, array in _weights(group, facts, shared=shared).items()}
    if "sequence_lens" in first.inputs:
        inputs["sequence_lens"] = first.inputs["sequence_lens"]
    if "initial_h" in first.inputs:
        inputs["initial_h"] = _concat(writer, group, facts, "initial_h")
    before = len(writer.nodes)
    hidden = sum(gru.spec.hidden_size for gru in group)
    Y, Y_h = _split(writer, group, "Y", axis=3), _split(writer, group, "Y_h", axis=2)
    spec = replace(first, hidden_size=hidden, inputs=inputs, Y=Y, Y_h=Y_h)
    writer.nodes.insert(before, spec.to_node(writer.node_name("GRU")))
    return splice.Edit(scope, [gru.index for gru in group], writer.nodes, writer.initializers)


def _concat(writer: EditWriter, group: Sequence[_Candidate], facts: Facts, key: str) -> str:
    """Return one of a group's inputs joined along the features: a constant if all parts are constants."""
    given = [gru.spec.inputs[key] for gru in group]
    arrays = [facts.array(group[0].scope, name) for name in given]
    if all(array is not None for array in arrays):
        return writer.constant(np.concatenate([array for array in arrays if array is not None], axis=2), key)
    joined = writer.value_name(key)
    writer.node("Concat", given, [joined], key, axis=2)
    return joined


def _split(writer: EditWriter, group: Sequence[_Candidate], key: str, axis: int) -> str:
    """Split one of the merged GRU's outputs into those of a group; return its name, ``""`` where nothing reads it."""
    wanted = [getattr(gru.spec, key) for gru in group]
    if not any(wanted):
        return ""
    merged = writer.value_name(key)
    parts = [name or writer.value_name(f"{key}_unused") for name in wanted]
    writer.split(merged, [gru.spec.hidden_size for gru in group], parts, axis, f"{key}_parts", "sizes")
    return merged


def _weights(group: Sequence[_Candidate], facts: Facts, *, shared: bool) -> dict[str, Array]:
    """Return W and R, block-diagonal gate by gate, and B if one has it; W is dense where all read the same X."""
    given: dict[str, list[Array]] = {}
    for gru in group:
        D, H = gru.spec.num_directions, gru.spec.hidden_size
        for name, gates in (("W", len(GATES)), ("R", len(GATES)), ("B", 2 * len(GATES))):
            array = facts.array(gru.scope, gru.spec.inputs.get(name, ""))
            if array is None:
                array = zeros((D, gates * H), helper.tensor_dtype_to_np_dtype(gru.spec.elem_type))
            given.setdefault(name, []).append(array.reshape(D, gates, H, -1))
    joined = {
        "W": np.concatenate(given["W"], axis=2) if shared else block_diagonal(given["W"]),
        "R": block_diagonal(given["R"]),
        "B": np.concatenate(given["B"], axis=2),
    }
    if not any("B" in gru.spec.inputs for gru in group):
        del joined["B"]
    shapes = {name: (len(array), -1, *(array.shape[3:] if name != "B" else ())) for name, array in joined.items()}
    return {name: array.reshape(shapes[name]) for name, array in joined.items()}
