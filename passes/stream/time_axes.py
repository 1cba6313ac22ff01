"""Which axes of a model's inputs are time: those that its GRUs step along, or that a caller names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gru_lower.errors import Unsupported
from gru_lower.graph.scopes import is_onnx
from gru_lower.nearest_word import did_you_mean
from gru_lower.passes.stream.sizes import Sizes
from gru_lower.passes.stream.timing import LONG

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.passes.stream.input_dims import InputDims

RECURRENCES = ("GRU", "LSTM", "RNN")
NAMED_TIME = re.compile(r"time|frame|seq|step|len|audio|sample|^t$|^s$|^n$", re.IGNORECASE)
NAMED_BATCH = re.compile(r"batch|^b$|^n$", re.IGNORECASE)


def named_axes(dims: InputDims, wanted: Mapping[str, int]) -> dict[str, int]:
    """Return the axes that a caller names, and those of the same open length.

    Raises:
        Unsupported: There is no such input or axis.

    """
    found: dict[str, int] = {}
    for name, axis in wanted.items():
        if name not in dims.dims:
            hint = did_you_mean(name, dims.dims, f"inputs: {', '.join(dims.dims)}")
            raise Unsupported(f"--time {name}:{axis}: there is no input {name!r}", code="GL862", hint=hint)
        rank = len(dims.dims[name])
        if not -rank <= axis < rank:
            raise Unsupported(
                f"--time {name}:{axis}: the input has {rank} axes", code="GL862", hint="count axes from 0"
            )
        found[name] = axis % rank
    for name, axis in list(found.items()):
        length = dims.dims[name][axis]
        if isinstance(length, str):
            for other, place in dims.axes_of(length):
                found.setdefault(other, place)
    return found


def candidate_axes(scope: Scope, facts: Facts, dims: InputDims) -> Iterator[tuple[dict[str, int], bool]]:
    """Yield what time may be, the likeliest first: the axis by input, and whether a recurrence steps along it."""
    seen: list[dict[str, int]] = []
    static = ((found, False) for found in _static_candidates(dims))
    for found, stepped in (*_open_candidates(scope, facts, dims), *static):
        if found and found not in seen:
            seen.append(found)
            yield found, stepped


def _open_candidates(scope: Scope, facts: Facts, dims: InputDims) -> Iterator[tuple[dict[str, int], bool]]:
    symbols = dims.symbols()
    base = {symbol: LONG * (2 + place) for place, symbol in enumerate(symbols)}
    at = Sizes(scope, facts, dims.shapes({}, 0, base))
    stepped: list[tuple[str, ...]] = []
    others: list[tuple[str, ...]] = []
    for group in _groups(scope, facts, dims, symbols, base, at):
        longer = Sizes(scope, facts, dims.shapes({}, 0, {**base, **{symbol: base[symbol] * 2 for symbol in group}}))
        (stepped if _steps_differ(scope, at, longer) else others).append(group)
    ranked = sorted(others, key=lambda group: _likelihood(group, dims))
    for group in [*stepped, *ranked]:
        axes = {name: axis for symbol in group for name, axis in reversed(list(dims.axes_of(symbol)))}
        yield axes, group in stepped


def _groups(
    scope: Scope, facts: Facts, dims: InputDims, symbols: Sequence[str], base: Mapping[str, int], at: Sizes
) -> Iterator[tuple[str, ...]]:
    """Yield open lengths one by one; unnamed ones that only fit the model when they are equal together."""
    unnamed = [symbol for symbol in symbols if ":" in symbol]
    taken: set[str] = set()
    for symbol in symbols:
        if symbol in taken:
            continue
        group: tuple[str, ...] = (symbol,)
        if symbol in unnamed:
            alone = Sizes(scope, facts, dims.shapes({}, 0, {**base, symbol: base[symbol] * 7}))
            if alone.failed != at.failed or at.failed is not None:
                axis = symbol.rpartition(":")[2]
                group = tuple(other for other in unnamed if other.rpartition(":")[2] == axis and other not in taken)
        taken.update(group)
        yield group


def _likelihood(group: tuple[str, ...], dims: InputDims) -> tuple[bool, bool, int]:
    named = any(NAMED_TIME.search(symbol.rpartition(":")[0] or symbol) for symbol in group)
    batch = any(NAMED_BATCH.search(symbol) for symbol in group)
    axis = min(axis for symbol in group for _, axis in dims.axes_of(symbol))
    return batch, not named, -axis


def may_be_stepped(scope: Scope, facts: Facts, dims: InputDims, times: Mapping[str, int]) -> bool:
    """Whether some recurrence may step along these axes: it takes more steps where they are longer, or nobody knows."""
    recurrences = [node for node in scope.nodes if node.op_type in RECURRENCES and is_onnx(node)]
    if not recurrences:
        return False
    frames = dims.frames(times) or LONG
    one, two = (Sizes(scope, facts, dims.shapes(times, length, {})) for length in (frames, 2 * frames))
    steps = ((one.steps(node), two.steps(node)) for node in recurrences)
    return any(here is None or here != there for here, there in steps)


def _steps_differ(scope: Scope, one: Sizes, two: Sizes) -> bool:
    """Whether some recurrence takes more steps at the second sizes."""
    for node in scope.nodes:
        if not is_onnx(node) or node.op_type not in RECURRENCES:
            continue
        here, there = one.steps(node), two.steps(node)
        if here is not None and there is not None and here != there:
            return True
    return False


def _static_candidates(dims: InputDims) -> Iterator[dict[str, int]]:
    """Yield axes of one length, for models that were exported for sequences of one length."""
    lengths = {dim for axes in dims.dims.values() for dim in axes if isinstance(dim, int) and dim > 1}
    for length in sorted(lengths, reverse=True):
        holders = {name: [axis for axis, dim in enumerate(axes) if dim == length] for name, axes in dims.dims.items()}
        holders = {name: axes for name, axes in holders.items() if axes}
        for place in range(max(len(axes) for axes in holders.values())):
            yield {name: axes[min(place, len(axes) - 1)] for name, axes in holders.items()}
        if len(holders) > 1:
            for name, axes in holders.items():
                for axis in axes:
                    yield {name: axis}
