"""The dims of a model's inputs, and which of them go together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.graph.facts import FREE_INITIALIZERS_IR_VERSION
from gru_lower.graph.tensor_types import dims_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gru_lower.graph.scopes import Scope


class InputDims:
    """The dims of the inputs of a main graph that a caller has to feed.

    Attributes:
        dims: By input, each axis: its length, or the name of a length that is open: the symbol, or ``NAME:AXIS``.
        without_rank: The inputs that declare no shape.

    """

    def __init__(self, scope: Scope) -> None:
        """Read the declarations."""
        self.dims: dict[str, list[int | str]] = {}
        self.without_rank: list[str] = []
        for name, info in scope.inputs.items():
            default = scope.initializers.get(name)
            if info is None or (default is not None and scope.ir_version < FREE_INITIALIZERS_IR_VERSION):
                continue
            if default is not None:
                self.dims[name] = list(default.dims)
            elif not info.type.tensor_type.HasField("shape"):
                self.without_rank.append(name)
            else:
                self.dims[name] = [(f"{name}:{axis}" if dim is None else dim) for axis, dim in enumerate(dims_of(info))]

    def symbols(self) -> list[str]:
        """Return the names of open lengths, in order."""
        return list(dict.fromkeys(dim for dims in self.dims.values() for dim in dims if isinstance(dim, str)))

    def axes_of(self, symbol: str) -> Iterator[tuple[str, int]]:
        """Yield every input and axis that has an open length."""
        for name, dims in self.dims.items():
            for axis, dim in enumerate(dims):
                if dim == symbol:
                    yield name, axis

    def frames(self, times: Mapping[str, int]) -> int | None:
        """Return how long time is along the given axes, ``None`` where it is open."""
        found = [self.dims[name][axis] for name, axis in times.items()]
        fixed = [dim for dim in found if isinstance(dim, int)]
        return max(fixed) if fixed else None

    def other_symbols(self, times: Mapping[str, int]) -> list[str]:
        """Return the names of open lengths that are not time."""
        timed = {self.dims[name][axis] for name, axis in times.items()}
        return [symbol for symbol in self.symbols() if symbol not in timed]

    def shapes(self, times: Mapping[str, int], frames: int, sizes: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
        """Return the shape of every input, with so many frames and the other lengths given."""
        timed = {self.dims[name][axis] for name, axis in times.items()}
        result: dict[str, tuple[int, ...]] = {}
        for name, dims in self.dims.items():
            result[name] = tuple(
                frames
                if times.get(name) == axis or (isinstance(dim, str) and dim in timed)
                # an open length beyond the primes stands for none in particular
                else sizes.get(dim, 5)
                if isinstance(dim, str)
                else dim
                for axis, dim in enumerate(dims)
            )
        return result
