"""What a finding is by its content: where it stands by names, not by numbers, and what the node there is made of."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from gru_lower.errors import InvalidModel
from gru_lower.graph.scopes import walk
from gru_lower.graph.tensor_values import digest

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.report.run_report import Report

_SITE = re.compile(r"^(?P<scope>.*)#(?P<index>\d+):(?P<output>.*)$", re.DOTALL)
_PLACE = re.compile(r"#\d+:")
_NUMBERED = re.compile(r"/(if|loop|scan)_\d+(?=\.)")


def without_numbers(text: str) -> str:
    """Return a text without the places of nodes and bodies, which change with every node in front of them."""
    return _NUMBERED.sub(r"/\1", _PLACE.sub("#:", text))


def name_of(node: str) -> str:
    """Return what a finding's node is called: a site's first output, or the name itself."""
    site = _SITE.match(node)
    return site["output"] if site else node


def with_contents(report: Report, model: Model) -> Report:
    """Return a report whose findings say what the nodes are made of that they are about.

    Args:
        report: What was found.
        model: The model that it is about.

    """
    identity = FindingIdentity(model)
    return replace(report, diagnostics=[replace(each, content=identity.content(each)) for each in report.diagnostics])


class FindingIdentity:
    """Tells what nodes of a model are made of.

    Args:
        model: The model.

    """

    def __init__(self, model: Model) -> None:
        """Look at nothing yet."""
        self._model = model

    @cached_property
    def _scopes(self) -> dict[str, Scope]:
        return {scope.path: scope for scope in walk(self._model.proto)}

    def content(self, found: Diagnostic) -> str:
        """Return a digest of the node that a finding is about: operator, attributes, and constants that it reads.

        Returns:
            It, in hexadecimal digits; ``""`` where the finding is about no node, or nothing in it tells it from others.

        """
        site = _SITE.match(found.node)
        scope = self._scopes.get(site["scope"]) if site else None
        if site is None or scope is None or int(site["index"]) >= len(scope.nodes):
            return ""
        node = scope.nodes[int(site["index"])]
        constants = [(place, self._constant(scope, name)) for place, name in enumerate(node.input)]
        read = [(place, tensor) for place, tensor in constants if tensor is not None]
        if not read or any(self._model.holds_aside(tensor) for _, tensor in read):
            return ""
        return self._digest(node, read)

    def _digest(self, node: NodeProto, read: list[tuple[int, TensorProto]]) -> str:
        made = hashlib.sha256(f"{node.domain} {node.op_type}".encode())
        for attribute in sorted(node.attribute, key=lambda each: each.name):
            made.update(attribute.SerializeToString(deterministic=True))
        try:
            for place, tensor in read:
                made.update(f"{place} {tensor.data_type} {list(tensor.dims)}".encode())
                made.update(digest(tensor, self._model.base_dir))
        except (InvalidModel, OSError, ValueError, TypeError):  # odd, which is said elsewhere
            return ""
        return made.hexdigest()[:16]

    def _constant(self, scope: Scope, name: str) -> TensorProto | None:
        around: Scope | None = scope
        while around is not None and name:
            if name in around.initializers:
                return around.initializers[name]
            place = around.producers.get(name)
            if place is not None:
                values = [each.t for each in around.nodes[place].attribute if each.name == "value"]
                return values[0] if values and around.nodes[place].op_type == "Constant" else None
            around = around.parent
        return None
