"""Weights that several GRUs share are cut once: what is cut of them is a constant of the scope they stand in.

Other weights become initializers of the Scan or Loop body that reads them, where onnxruntime reaches them fastest.
Several bodies that read the same ones capture them: six GRUs over one W, R and B would be six times as large otherwise.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from onnx import TensorProto

from gru_lower.graph.splice import Edit

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable

    from gru_lower.emission.template import Binding
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.names import Names
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec

WEIGHTS = slice(1, 4)
"""Where W, R and B stand among a GRU's inputs."""
PREFIXES = ("reverse_", "packed_")
SEVERAL = 2


class Source(NamedTuple):
    """A constant that weights are cut of.

    Attributes:
        home: The scope that it is a constant of.
        name: Its name there.

    """

    home: Scope
    name: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from others."""
        return self.home.path, self.name


class SharedWeights:
    """Which weights of a model several GRUs share, and what was cut of them so far.

    Args:
        facts: The side table of the model.
        names: Its names.

    """

    def __init__(self, facts: Facts, names: Names) -> None:
        """Count the GRUs that read each constant."""
        self._names = names
        readers: Counter[tuple[str, str]] = Counter()
        sources: dict[tuple[str, str], Source] = {}
        for scope in facts.scopes:
            for index, _ in scope.of_operators("GRU"):
                read: set[tuple[str, str]] = set()
                for name in scope.columns.inputs[index][WEIGHTS]:
                    place = facts.constant_place(scope, name)
                    if place is not None:
                        source = sources[scope.path, name] = Source(*place)
                        read.add(source.key)
                readers.update(read)
        self._sources = {where: source for where, source in sources.items() if readers[source.key] >= SEVERAL}
        self._cut: dict[tuple[tuple[str, str], str], list[TensorProto]] = {}
        self._edits: dict[str, Edit] = {}
        self._made: dict[Hashable, dict[str, Binding]] = {}

    @property
    def edits(self) -> list[Edit]:
        """What adds the shared weights to their scopes."""
        return list(self._edits.values())

    def source(self, scope: Scope, name: str) -> Source | None:
        """Return the constant that a GRU's weights are, ``None`` where no other GRU reads it."""
        return self._sources.get((scope.path, name))

    def constant(self, source: Source, local: str, tensor: TensorProto) -> TensorProto:
        """Return what was cut of a shared constant, the same for all that have the same cut of it.

        Args:
            source: The constant.
            local: The local name of what was cut of it.
            tensor: What was cut of it.

        """
        known = self._cut.setdefault((source.key, local), [])
        for each in known:
            if each is tensor or _same_values(each, tensor):
                return each
        named = TensorProto()
        named.CopyFrom(tensor)
        named.name = self._names.value(f"{source.name}/{local}")
        known.append(named)
        return named

    def once(
        self, scope: Scope, spec: GruSpec, what: Hashable, make: Callable[[], dict[str, Binding]]
    ) -> dict[str, Binding]:
        """Return what is made of a GRU's weights: once for all GRUs that read the same ones.

        Args:
            scope: Where the GRU stands.
            spec: The GRU.
            what: What is made of them.
            make: Makes it.

        """
        keys: list[Hashable] = [what]
        for name in (name for key, name in spec.inputs.items() if key in ("W", "R", "B")):
            source = self.source(scope, name)
            if source is None:
                return make()
            keys.append(source.key)
        made = self._made.get(tuple(keys))
        if made is None:
            made = self._made[tuple(keys)] = make()
        return dict(made)

    def add(self, source: Source, constant: TensorProto) -> None:
        """Add what :meth:`constant` gave to the scope of its source, if it is not there yet."""
        initializers = self._edits.setdefault(source.home.path, Edit(source.home, [], [])).initializers
        if not any(each is constant for each in initializers):
            initializers.append(constant)


class WeightsOfSite:
    """The shared weights of one GRU, by the local names of what was cut of them.

    Args:
        shared: Those of the model.
        scope: Where the GRU stands.
        spec: The GRU.
        weights: What was cut of its weights, by local name.
        own: Which of W, R and B are not to be shared all the same.

    """

    def __init__(
        self, shared: SharedWeights, scope: Scope, spec: GruSpec, weights: dict[str, Binding], own: Collection[str] = ()
    ) -> None:
        """See which of them are shared."""
        self._shared, self._weights = shared, weights
        self._sources = {
            key: shared.source(scope, spec.inputs.get(key, "")) for key in ("W", "R", "B") if key not in own
        }
        self._used: dict[str, tuple[Source, TensorProto]] = {}

    @property
    def constants(self) -> list[TensorProto]:
        """The shared constants that were asked for."""
        return [constant for _, constant in self._used.values()]

    def shares(self, local: str, tensor: TensorProto) -> bool:
        """Whether a tensor, by its local name, is a shared weight."""
        return self._sources.get(_input_of(local)) is not None and self._weights.get(local) is tensor

    def find(self, local: str, tensor: TensorProto) -> str:
        """Return the name of the shared constant that a tensor is."""
        source = self._sources[_input_of(local)]
        if source is not None and local not in self._used:
            self._used[local] = source, self._shared.constant(source, local, tensor)
        return self._used[local][1].name

    def add(self) -> None:
        """Add what was asked for to the model."""
        for source, constant in self._used.values():
            self._shared.add(source, constant)


@lru_cache(1 << 8)
def _input_of(local: str) -> str:
    """Return which of W, R and B a local name is cut of: ``reverse_Wz``, ``packed_Rzru``, ``Rbh``, ``bz``."""
    for prefix in PREFIXES:
        local = local.removeprefix(prefix)
    return "B" if local.startswith(("b", "Rb")) else local[:1]


def _same_values(one: TensorProto, other: TensorProto) -> bool:
    same_type = one.data_type == other.data_type and list(one.dims) == list(other.dims)
    return same_type and one.raw_data == other.raw_data and list(one.external_data) == list(other.external_data)
