"""Generate inputs for a model from what its graph says about them."""

from __future__ import annotations

import math
import sys
from functools import cached_property
from itertools import count, islice
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, helper

from gru_lower.isolation.memory_limit import default_memory
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.inputs.bind_dims import Sizes, bind_dims
from gru_lower.verification.inputs.choose_sizes import BEYOND_LADDER, choose_sizes, on_ladder
from gru_lower.verification.inputs.draw_values import Wanted, draw_values
from gru_lower.verification.inputs.errors import BadInputs, Unfeedable
from gru_lower.verification.inputs.mask_inputs import paddings
from gru_lower.verification.inputs.model_inputs import Dim, Input, inputs_of
from gru_lower.verification.inputs.roles import Role, Roles
from gru_lower.verification.inputs.sequence_lengths import are_lengths, counted_dim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.inputs.mask_inputs import Padding
    from gru_lower.verification.options import PaddedSide

_FEWEST_TRIES = 12
_MOST_ELEMENTS = 1 << 26
_BYTES_PER_ELEMENT = 24  # while a float is drawn, clipped and cast
_MEMORY_WHERE_UNKNOWN = 1 << 40


@dataclass(frozen=True)
class InputPlan:
    """What all inputs drawn for a model, or for a pair of them, have in common.

    Attributes:
        inputs: By name.
        sizes: What is known of their dims.
        roles: What inputs are used for, where that is known.
        bounds: By input, the dim that its indices stay below or that its lengths count.
        zero_lengths: Whether sequence lengths may be 0.
        shapes_given: Whether the user gave shapes.
        wild: Whether floats are of every size.
        side: Where sequences are padded; ``None`` leaves that to chance.
        paddings: Which inputs mark padding.
        seed: The same seed gives the same inputs.

    """

    inputs: dict[str, Input]
    sizes: Sizes
    roles: dict[str, Role]
    bounds: dict[str, Dim | None]
    zero_lengths: bool
    shapes_given: bool
    wild: bool
    side: PaddedSide | None
    paddings: Mapping[str, Padding]
    seed: int

    @cached_property
    def most_elements(self) -> int:
        """How many elements fit into this machine's memory."""
        return (default_memory() or _MEMORY_WHERE_UNKNOWN) // _BYTES_PER_ELEMENT

    def unknown(self) -> list[str]:
        """Return the names of the dims that may have any size, in order of appearance."""
        return self.sizes.unknown(self.inputs)

    def size(self, dim: Dim, chosen: Mapping[str, int]) -> int:
        """Return the size of a dim where unknown ones are chosen."""
        found = self.sizes.find(dim)
        return found if isinstance(found, int) else chosen.get(found, 1)

    def shapes(self, chosen: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
        """Return the inputs' shapes where unknown dims are chosen."""
        return {name: tuple(self.size(dim, chosen) for dim in spec.dims or ()) for name, spec in self.inputs.items()}

    def limit(self, name: str, chosen: Mapping[str, int]) -> int:
        """Return what indices of an input stay below, or its lengths do not exceed; 1 where that is not known."""
        bound = self.bounds.get(name)
        return 1 if bound is None else self.size(bound, chosen)

    def draw(self, chosen: Mapping[str, int], attempt: int) -> Feeds:
        """Return inputs of chosen dims.

        Args:
            chosen: A size for each unknown dim.
            attempt: The number of the draw: kinds of values take turns.

        Raises:
            BadInputs: The shapes that the user gave do not fit into memory.
            Unfeedable: Those that were chosen do not.

        """
        shapes = self.shapes(chosen)
        if sum(math.prod(max(1, dim) for dim in shape) for shape in shapes.values()) > self.most_elements:
            raise _too_large(self, shapes)
        rng = np.random.default_rng([self.seed, attempt])
        feeds: Feeds = {}
        for name, spec in self.inputs.items():
            if spec.default is None:
                limit, role = self.limit(name, chosen), self.roles.get(name)
                try:
                    wanted = Wanted(spec, shapes[name], role, limit, self.zero_lengths, attempt, self.wild)
                    feeds[name] = draw_values(wanted, rng)
                except MemoryError as error:  # the rest of the machine is full
                    raise _too_large(self, shapes) from error
        if self.side is None:
            return feeds
        from gru_lower.verification.inputs.pad_sequences import pad_sequences  # which few models need

        return pad_sequences(feeds, self.paddings, self.side, rng)


def candidate_feeds(
    model: onnx.ModelProto,
    *,
    seed: int = 0,
    shapes: Mapping[str, Sequence[int]] | None = None,
    other: onnx.ModelProto | None = None,
    zero_lengths: bool = False,
    wild: bool = False,
    padding: PaddedSide | None = None,
) -> Iterator[Feeds]:
    """Yield inputs without end; a caller takes as many as it needs, skipping those that the model cannot run on.

    Unknown dims take sizes from :func:`gru_lower.verification.inputs.choose_sizes.choose_sizes`. Floats are normal
    within ±3 (every third time uniform in 0..1, for models that take logarithms), indices stay within their table,
    sequence lengths are ragged with at least one full one, recurrent weights are scaled so that the recurrence is
    stable. Initializers that may be overridden are not: see :mod:`gru_lower.verification.inputs.override_defaults`.

    Args:
        model: The model; its weights are not read.
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
    plan = plan_inputs(
        model, seed=seed, shapes=shapes, other=other, zero_lengths=zero_lengths, wild=wild, padding=padding
    )
    return feeds_of(plan)


def plan_inputs(
    model: onnx.ModelProto,
    *,
    seed: int = 0,
    shapes: Mapping[str, Sequence[int]] | None = None,
    other: onnx.ModelProto | None = None,
    zero_lengths: bool = False,
    wild: bool = False,
    padding: PaddedSide | None = None,
) -> InputPlan:
    """Return what inputs for a model have in common; arguments and errors are those of :func:`candidate_feeds`."""
    theirs = inputs_of(other) if other is not None else {}
    inputs, sizes = bind_dims(inputs_of(model), theirs, shapes or {})
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
    others = None if other is None else Roles(other, inputs)  # what became a GRU says what lengths and weights are
    for a, b in uses.equal_dims():
        if isinstance(sizes.find(a), str) or isinstance(sizes.find(b), str):
            sizes.unify(a, b, "the batch of a recurrent node")
    roles = {name: role for name in inputs for role in islice(_roles_of(name, uses, others), 1)}
    bounds = {name: index_bound(spec, roles.get(name), inputs, sizes) for name, spec in inputs.items()}
    marked = paddings(other) if padding is not None and other is not None else {}
    return InputPlan(inputs, sizes, roles, bounds, zero_lengths, bool(shapes), wild, padding, marked, seed)


def tries(cases: int) -> int:
    """Return how many candidates to try before giving up on finding that many a model runs on."""
    return min(max(_FEWEST_TRIES, 4 * cases), sys.maxsize)


def feeds_of(plan: InputPlan) -> Iterator[Feeds]:
    """Yield inputs without end, as :func:`candidate_feeds` does."""
    unknown = plan.unknown()
    for attempt in count(BEYOND_LADDER if plan.wild else 0):
        chosen = choose_sizes(unknown, attempt)
        if on_ladder(attempt) and unknown and sum(map(math.prod, plan.shapes(chosen).values())) > _MOST_ELEMENTS:
            continue
        yield plan.draw(chosen, attempt)


def _roles_of(name: str, uses: Roles, others: Roles | None) -> Iterator[Role]:
    """Yield the roles that an input plays: in the model, or else its being lengths in the other."""
    yield from uses.of(name)
    if others is not None:
        yield from (role for role in others.of(name) if role.kind in ("lengths", "weight"))


def _too_large(plan: InputPlan, shapes: Mapping[str, tuple[int, ...]]) -> BadInputs | Unfeedable:
    name = max(shapes, key=lambda name: math.prod(shapes[name]))
    message = f"input {name!r} of shape {list(shapes[name])} does not fit into memory"
    if plan.shapes_given:
        return BadInputs(message, hint="give smaller shapes, as in --shape INPUT=2,7,64")
    return Unfeedable(message, hint="give inputs of your own with --inputs")


def index_bound(spec: Input, role: Role | None, inputs: Mapping[str, Input], sizes: Sizes) -> Dim | None:
    """Return the size that indices stay below and lengths do not exceed; None if it cannot be told."""
    if role is not None and role.bound is not None:
        return role.bound
    return counted_dim(spec, inputs, sizes) if are_lengths(spec, role) else None
