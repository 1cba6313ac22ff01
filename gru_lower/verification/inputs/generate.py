"""Inputs for a model, generated from what its graph says about them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper

from gru_lower.verification.inputs.dims import BadInputs, Dim, Input, Sizes, Unfeedable, inputs_of, narrow
from gru_lower.verification.inputs.draw_values import Wanted, are_lengths, values
from gru_lower.verification.inputs.padding import drawn_lengths, padded, paddings
from gru_lower.verification.inputs.roles import Role, Roles
from gru_lower.verification.worker.process import default_memory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gru_lower.verification.inputs.padding import Padding, Side
    from gru_lower.verification.result import Array, Feeds

_BATCH = re.compile(r"batch|^(n|b|bs|bsz)$", re.IGNORECASE)
_SMALL = (2, 3, 5, 7, 4, 6)
# (sizes, batch size): None for "the same". What needs 16, 50 or 100 frames, or a batch of 1, comes to run here.
_LADDER = ((5, 1), (16, None), (50, 1), (100, 2), (200, 1), (64, None), (128, 1), (256, 2), (400, 1), (1000, 1))
_FIRST_RUNG = 4
_LONG, _LONG_EVERY = 24, 5  # beyond the ladder, every fifth candidate has one large dim
_FEWEST_TRIES = 12
_MOST_ELEMENTS = 1 << 26
_BYTES_PER_ELEMENT = 24  # while a float is drawn, clipped and cast
_MEMORY_WHERE_UNKNOWN = 1 << 40


@dataclass(frozen=True)
class _Plan:
    """What stays the same over all candidates."""

    inputs: dict[str, Input]
    sizes: Sizes
    roles: dict[str, Role]
    bounds: dict[str, Dim | None]
    zero_lengths: bool
    shapes_given: bool
    wild: bool
    side: Side | None
    paddings: Mapping[str, Padding]


def candidate_feeds(
    model: onnx.ModelProto,
    *,
    seed: int = 0,
    shapes: Mapping[str, Sequence[int]] | None = None,
    other: onnx.ModelProto | None = None,
    zero_lengths: bool = False,
    wild: bool = False,
    padding: Side | None = None,
) -> Iterator[Feeds]:
    """Yield inputs without end; a caller takes as many as it needs, skipping those that the model cannot run on.

    Unknown dims first take small sizes, different ones for different dims, then 1, then one size for all, then
    larger and larger ones. Floats are normal within ±3 (every third time uniform in 0..1, for models that take
    logarithms), indices stay within their table, sequence lengths are ragged with at least one full one, recurrent
    weights are scaled so that the recurrence is stable, and initializers that may be overridden sometimes are.

    Args:
        model: The model; its weights are not read, but for those overridden.
        seed: The same seed gives the same inputs.
        shapes: Input name -> shape, for inputs whose unknown dims matter.
        other: A model to be fed the same: its static dims bind too.
        zero_lengths: Let some sequence lengths be 0.
        wild: Go on after the first candidates, with floats of every size: from where gates stand open to where they and
            clip saturate; and with dims that are small, but for some.
        padding: Where sequences are padded whose masks are summed up to ``other``'s sequence_lens.

    Raises:
        Unfeedable: An input is a sequence, map or optional, of a type that onnx does not know, has no rank and no given
            shape, or is too large for this machine; the last when inputs are taken.
        BadInputs: `shapes` does not fit the model, or, when inputs are taken, memory.

    """
    theirs = inputs_of(other) if other is not None else {}
    inputs, sizes = narrow(inputs_of(model), theirs, shapes or {})
    if other is not None:
        inputs = {name: spec for name, spec in inputs.items() if spec.default is None or name in theirs}
    for spec in inputs.values():
        if spec.elem_type == TensorProto.UNDEFINED:
            raise Unfeedable(
                f"input {spec.name!r} is a sequence, map, optional or sparse tensor: none can be generated"
            )
        if spec.elem_type not in helper.get_all_tensor_dtypes():
            raise Unfeedable(f"input {spec.name!r} is of element type {spec.elem_type}, which is none that onnx knows")
        if spec.dims is None:
            raise Unfeedable(
                f"input {spec.name!r} has no declared rank", hint=f"give its shape: --shape {spec.name}=..."
            )
    uses = Roles(model, inputs)
    for a, b in uses.equal_dims():
        if isinstance(sizes.find(a), str) or isinstance(sizes.find(b), str):
            sizes.unify(a, b, "the batch of a recurrent node")
    roles = {name: role for name in inputs for role in islice(uses.of(name), 1)}
    bounds = {name: _bound(spec, roles.get(name), inputs, sizes) for name, spec in inputs.items()}
    marked = paddings(other) if padding is not None and other is not None else {}
    plan = _Plan(inputs, sizes, roles, bounds, zero_lengths, bool(shapes), wild, padding, marked)
    return _candidates(plan, seed)


def tries(cases: int) -> int:
    """Return how many candidates to try before giving up on finding that many a model runs on."""
    return max(_FEWEST_TRIES, 4 * cases)


def _candidates(plan: _Plan, seed: int) -> Iterator[Feeds]:
    unknown = plan.sizes.unknown(plan.inputs)
    for attempt in count(_FIRST_RUNG + len(_LADDER) if plan.wild else 0):
        chosen = _sizes(unknown, attempt)

        def size(dim: Dim, chosen: Mapping[str, int] = chosen) -> int:
            found = plan.sizes.find(dim)
            return found if isinstance(found, int) else chosen.get(found, 1)

        shapes = {name: tuple(map(size, spec.dims or ())) for name, spec in plan.inputs.items()}
        if _on_ladder(attempt) and unknown and sum(map(math.prod, shapes.values())) > _MOST_ELEMENTS:
            continue
        if sum(math.prod(max(1, dim) for dim in shape) for shape in shapes.values()) > _room():
            raise _too_large(plan, shapes)
        rng = np.random.default_rng([seed, attempt])
        feeds: Feeds = {}
        for name, spec in plan.inputs.items():
            if spec.default is None or (attempt % 3 == 1 and _overridable(spec.default)):
                bound, role = plan.bounds.get(name), plan.roles.get(name)
                limit = 1 if bound is None else size(bound)
                try:
                    wanted = Wanted(spec, shapes[name], role, limit, plan.zero_lengths, attempt, plan.wild)
                    feeds[name] = values(wanted, rng)
                except MemoryError as error:  # the rest of the machine is full
                    raise _too_large(plan, shapes) from error
        yield _padded(plan, feeds, rng)


def _padded(plan: _Plan, feeds: Feeds, rng: np.random.Generator) -> Feeds:
    """Pad the sequences of all inputs that a mask is made of, those of one batch alike."""
    lens: dict[tuple[int, int], Array] = {}
    for name, padding in plan.paddings.items() if plan.side is not None else ():
        if name not in feeds or max(padding.time, padding.batch) >= feeds[name].ndim:
            continue
        size = feeds[name].shape[padding.batch], feeds[name].shape[padding.time]
        if size not in lens:
            lens[size] = drawn_lengths(*size, rng)
        feeds[name] = padded(feeds[name], padding, plan.side or "right", lens[size])
    return feeds


def _room() -> int:
    """Return how many elements fit into this machine's memory."""
    return (default_memory() or _MEMORY_WHERE_UNKNOWN) // _BYTES_PER_ELEMENT


def _too_large(plan: _Plan, shapes: Mapping[str, tuple[int, ...]]) -> BadInputs | Unfeedable:
    name = max(shapes, key=lambda name: math.prod(shapes[name]))
    message = f"input {name!r} of shape {list(shapes[name])} does not fit into memory"
    if plan.shapes_given:
        return BadInputs(message, hint="give smaller shapes, as in --shape INPUT=2,7,64")
    return Unfeedable(message, hint="give inputs of your own with --inputs")


def _sizes(unknown: Sequence[str], attempt: int) -> dict[str, int]:
    """Return a size for each unknown dim, as `candidate_feeds` describes."""
    if attempt == 1:
        return {name: _SMALL[(2 * j + 1) % 5] for j, name in enumerate(unknown)}
    if attempt in {2, 3}:
        return dict.fromkeys(unknown, attempt - 1)
    if _on_ladder(attempt):
        size, batch = _LADDER[attempt - _FIRST_RUNG]
        named = {name for name in unknown if _BATCH.search(name)}
        # Without names to go by, the batch is the first axis of some models and the second of others.
        batches = named or set(unknown[:1] if attempt % 2 else unknown[1:2])
        return {name: batch if batch and name in batches and len(unknown) > 1 else size for name in unknown}
    if attempt > _FIRST_RUNG and attempt % _LONG_EVERY == 0 and len(unknown) > 1:
        return {name: _LONG if j == attempt // _LONG_EVERY % 2 else 2 for j, name in enumerate(unknown)}
    return {name: _SMALL[(j + attempt) % len(_SMALL)] for j, name in enumerate(unknown)}


def _on_ladder(attempt: int) -> bool:
    return _FIRST_RUNG <= attempt < _FIRST_RUNG + len(_LADDER)


def _overridable(default: TensorProto) -> bool:
    """Whether other values are as good: floats are weights, integers are shapes and axes."""
    floats = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}
    return default.data_type in floats and default.data_location != TensorProto.EXTERNAL


def _bound(spec: Input, role: Role | None, inputs: Mapping[str, Input], sizes: Sizes) -> Dim | None:
    """Return the size that indices stay below and lengths do not exceed; None if it cannot be told."""
    if role is not None and role.bound is not None:
        return role.bound
    return _time_beside(spec, inputs, sizes) if are_lengths(spec, role) else None


def _time_beside(lens: Input, inputs: Mapping[str, Input], sizes: Sizes) -> Dim | None:
    """Return the dim that lengths most likely count: beside the batch dim, in another input of at least 2 dims."""
    batch = sizes.find(lens.dims[0]) if lens.dims else None
    for spec in inputs.values():
        dims = [sizes.find(dim) for dim in spec.dims or ()]
        if spec.name != lens.name and len(dims) > 1 and spec.default is None:
            if batch in dims[:2]:
                return dims[1 - dims[:2].index(batch)]
            if not lens.dims:
                return dims[1] if len(dims) > 2 else dims[0]  # [B,T,I] is likelier than [T,B,I]
    return None
