"""Local functions: the nodes that call them, and what these bind their attribute parameters to.

A node inside a function may take an attribute from a parameter of the function. What it is then
depends on the call: if all calls agree, there is one answer; otherwise the function has to be
cloned, one clone for each answer.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from onnx import AttributeProto, FunctionProto, NodeProto

from gru_lower.errors import InvalidModel
from gru_lower.graph.scopes import Scope, walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import onnx

Key = tuple[str, str, str]
Bindings = dict[str, AttributeProto | None]
"""Parameter -> the attribute it is bound to, ``None`` where the call gives none and there is no default."""


def key_of(proto: FunctionProto | NodeProto) -> Key:
    """Return what identifies a function: domain, name, overload. A node's says which function it would call."""
    name = proto.name if isinstance(proto, FunctionProto) else proto.op_type
    return proto.domain, name, getattr(proto, "overload", "")


class Functions:
    """The functions of a model and their calls, as they are when this is made.

    Args:
        model: The model.
        wants: Which nodes' attributes matter.

    Raises:
        InvalidModel: A function calls itself, by way of others or not.

    """

    def __init__(self, model: onnx.ModelProto, wants: Callable[[NodeProto], bool]) -> None:
        """Index functions and calls."""
        self.by_key = {key_of(function): function for function in model.functions}
        self.calls: dict[Key, list[tuple[Scope, NodeProto]]] = defaultdict(list)
        self._calls_made: dict[Key, list[Key]] = defaultdict(list)
        self._bindings: dict[Key, Bindings] = {}
        self._model = model
        self._needed: dict[Key, set[str]] = defaultdict(set)
        scopes = list(walk(model)) if self.by_key else []
        for scope in scopes:
            for node in scope.nodes:
                if key_of(node) in self.by_key:
                    self.calls[key_of(node)].append((scope, node))
                    if scope.function is not None:
                        self._calls_made[key_of(scope.function)].append(key_of(node))
        self.callers_first()
        self._find_needed(scopes, wants)

    def bindings(self, key: Key) -> Bindings:
        """Return what parameters are bound to: those that matter, and of these those on which all calls agree."""
        if key not in self._bindings:  # asked for again and again on the way through functions called by functions
            bound = [self._bound(key, *call) for call in self.calls[key]]
            known = [each for each in bound if each is not None]
            first = known[0] if known and len(known) == len(bound) else {}
            self._bindings[key] = {
                name: attribute
                for name, attribute in first.items()
                if all(_value(each[name]) == _value(attribute) for each in known)
            }
        return self._bindings[key]

    def called_directly(self, key: Key) -> list[Key]:
        """Return the functions that a function's own nodes call, once for each call."""
        return self._calls_made[key]

    def called_by(self, key: Key) -> list[FunctionProto]:
        """Return the functions that a function calls, by way of others or not."""
        found: dict[Key, None] = {}
        pending = [key]
        while pending:
            fresh = sorted(set(self._calls_made[pending.pop()]) - found.keys())
            found.update(dict.fromkeys(fresh))
            pending += fresh
        return [self.by_key[each] for each in found]

    def specialise(self) -> bool:
        """Clone each function whose calls bind what matters differently, callers first.

        Returns:
            Whether the model was edited.

        """
        edited = False
        for key in self.callers_first():
            while self._needed[key] and len(self._answers(key)) > 1:
                first = _frozen(self._answers(key)[0])
                others = [call for call in self.calls[key] if _frozen(self._bound(key, *call)) != first]
                wanted = _frozen(self._bound(key, *others[0]))
                self._clone(key, [call for call in others if _frozen(self._bound(key, *call)) == wanted])
                edited = True
        return edited

    def _clone(self, key: Key, calls: list[tuple[Scope, NodeProto]]) -> None:
        self._bindings.clear()
        count = 1
        while (key[0], f"{key[1]}__gru{count}", key[2]) in self.by_key:
            count += 1
        clone = self._model.functions.add()
        clone.CopyFrom(self.by_key[key])
        clone.name = f"{key[1]}__gru{count}"
        fresh = key_of(clone)
        self.by_key[fresh] = clone
        self._needed[fresh] = self._needed[key]
        for scope, node in calls:
            node.op_type = clone.name
            self.calls[fresh].append((scope, node))
            self.calls[key].remove((scope, node))
        for scope in walk(self._model):
            if scope.function is clone:
                for node in scope.nodes:
                    if key_of(node) in self.by_key:
                        self.calls[key_of(node)].append((scope, node))

    def _answers(self, key: Key) -> list[Bindings]:
        found: dict[object, Bindings] = {}
        for scope, node in self.calls[key]:
            bound = self._bound(key, scope, node)
            if bound is None:
                return []
            found.setdefault(_frozen(bound), bound)
        return list(found.values())

    def _bound(self, key: Key, scope: Scope, call: NodeProto) -> Bindings | None:
        function = self.by_key[key]
        given = {attribute.name: attribute for attribute in call.attribute}
        defaults = {attribute.name: attribute for attribute in function.attribute_proto}
        result: Bindings = {}
        for name in self._needed[key]:
            attribute = given.get(name, defaults.get(name))
            if attribute is not None and attribute.ref_attr_name:
                outer = {} if scope.function is None else self.bindings(key_of(scope.function))
                if attribute.ref_attr_name not in outer:
                    return None
                attribute = outer[attribute.ref_attr_name]
            result[name] = attribute
        return result

    def _find_needed(self, scopes: Iterable[Scope], wants: Callable[[NodeProto], bool]) -> None:
        """Find the parameters that reach an attribute that matters, through calls of other functions too."""
        inner = [(key_of(f), node) for scope in scopes if (f := scope.function) is not None for node in scope.nodes]
        waiting: dict[Key, list[tuple[Key, str, str]]] = defaultdict(list)
        """By a function that is called: who hands which of its own parameters on as which attribute."""
        found: list[tuple[Key, str]] = []
        for key, node in inner:
            wanted, callee = wants(node), key_of(node)
            for attribute in node.attribute:
                if attribute.ref_attr_name and wanted:
                    found.append((key, attribute.ref_attr_name))
                elif attribute.ref_attr_name and callee in self.by_key:
                    waiting[callee].append((key, attribute.name, attribute.ref_attr_name))
        while found:
            key, ref = found.pop()
            if ref not in self._needed[key]:
                self._needed[key].add(ref)
                found += [(caller, own) for caller, name, own in waiting[key] if name == ref]

    def callers_first(self) -> list[Key]:
        """Return the functions in an order in which those that call come before those that are called."""
        order: dict[Key, None] = {}
        callers = {
            key: dict.fromkeys(key_of(scope.function) for scope, _ in self.calls[key] if scope.function is not None)
            for key in self.by_key
        }
        waiting: list[tuple[Key, Iterator[Key]]] = []
        entered: set[Key] = set()
        for start in self.by_key:
            key: Key | None = start
            while key is not None or waiting:
                if key is not None and key not in order:
                    if key in entered:
                        raise InvalidModel(
                            f"the function {key[0]}::{key[1]} calls itself", code="GL003", hint="export the model again"
                        )
                    entered.add(key)
                    waiting.append((key, iter(callers[key])))
                key = next(waiting[-1][1], None) if waiting else None
                if key is None and waiting:
                    order[waiting.pop()[0]] = None
        return list(order)


def _frozen(bindings: Bindings | None) -> object:
    return None if bindings is None else tuple((name, _value(bindings[name])) for name in sorted(bindings))


def _value(attribute: AttributeProto | None) -> bytes:
    """Return an attribute's bytes without its name, which differs between a call and what it is passed on to."""
    if attribute is None:
        return b""
    copy = AttributeProto()
    copy.CopyFrom(attribute)
    copy.name = copy.doc_string = ""
    return bytes(copy.SerializeToString(deterministic=True))


def resolve(node: NodeProto, bindings: Bindings) -> NodeProto:
    """Return a copy of a node with its attribute references replaced by what they are bound to."""
    copy = NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for attribute in node.attribute:
        bound = bindings.get(attribute.ref_attr_name, attribute) if attribute.ref_attr_name else attribute
        if bound is not None:
            copy.attribute.add().CopyFrom(bound)
            copy.attribute[-1].name = attribute.name
    return copy
