"""How many nodes unrolling adds to a model, known before they are written, and the limit on it.

What is counted is what all GRUs of the model together become that are unrolled over more than one step. Each further
step adds the same number, which is told from the templates of two and of three steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.errors import Remaining
from gru_lower.passes.lower_gru.forms import unroll
from gru_lower.passes.lower_gru.write_replacement import unrolled_variant

if TYPE_CHECKING:
    from collections.abc import Collection

    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.lower_gru.lower_options import LowerOptions
    from gru_lower.passes.lower_gru.variant import Variant

DEFAULT = 20_000
"""How many nodes unrolling may add to a model if nothing else is said."""
MARGIN = 2
"""What is expected to be so many times too much is not written; else what was written is counted."""
NAMES_OF_NODE, LETTERS_OF_NAME, BYTES_OF_NODE = 4, 12, 40
"""For the estimate of bytes: names a node holds, letters of each beyond its GRU's, and what else a node takes."""

LOOPED = "stream it (gru-lower stream) and call the model of one step in a loop, or lower it with a shorter T"
"""What helps where there is no control flow."""


class UnrolledNodes:
    """Counts the nodes that unrolling adds to one model.

    Args:
        options: The pass's options.
        facts: The side table of the model.

    """

    def __init__(self, options: LowerOptions, facts: Facts) -> None:
        """Count nothing yet."""
        self._options, self._facts = options, facts
        self._most = options.max_nodes or DEFAULT
        self._steps = 0
        self._nodes = self._bytes = self._written = 0

    @property
    def too_many(self) -> bool:
        """Whether there will be so many that nothing is to be written any more."""
        return self._nodes > MARGIN * self._most

    @property
    def left(self) -> int:
        """How many nodes may still be added."""
        return self._most - self._nodes

    def of(self, scope: Scope, spec: GruSpec, options: LowerOptions) -> tuple[int, int]:
        """Return how many nodes the unrolled form of a GRU adds that some options write, and how many steps it has."""
        if (spec.seq_length or 0) < 2:
            return 0, 0
        v = unrolled_variant(scope, spec, options, self._facts)
        steps = v.seq_length or 0
        return count_nodes(v) - 1 if steps > 1 else 0, steps

    def expect(self, scope: Scope, index: int, spec: GruSpec, options: LowerOptions | None = None) -> None:
        """Count what a GRU will become that is to be unrolled, by the pass's options or its own."""
        nodes, steps = self.of(scope, spec, options or self._options)
        if not steps:
            return
        name = scope.nodes[index].name or spec.Y or spec.Y_h
        self._nodes += nodes
        self._bytes += nodes * (BYTES_OF_NODE + NAMES_OF_NODE * (len(name) + LETTERS_OF_NAME))
        self._steps = max(self._steps, steps)

    def add(self, spec: GruSpec, nodes: int) -> None:
        """Count what a GRU has become that was unrolled."""
        if (spec.seq_length or 0) >= 2:
            self._written += nodes - 1

    def refuse_too_many(self, forms: Collection[str]) -> None:
        """Refuse to add more nodes than may be.

        Args:
            forms: The forms that may be written.

        Raises:
            Remaining: With how many they would be (GL016).

        """
        nodes = self._nodes if self.too_many else self._written
        if nodes <= self._most:
            return
        other = [form for form in ("scan", "loop") if form in forms]
        serves = f"--form {other[0]} adds a few nodes, whatever the length" if other else LOOPED
        size = f"{self._bytes / 1e6:.0f} MB" if self._bytes >= 1e6 else f"{self._bytes / 1e3:.0f} kB"
        raise Remaining(
            f"unrolling {self._steps} steps would add some {nodes} nodes ({size}), more than {self._most}",
            code="GL016",
            hint=f"{serves}; --max-nodes {nodes} allows them",
        )


def count_nodes(v: Variant) -> int:
    """Return how many nodes the unrolled form of a variant has, of at least two steps, about to a node a step."""
    steps = v.seq_length or 0
    two, three = (_around_steps(replace(v, seq_length=length)) for length in (2, 3))
    total = two + (three - two) * (steps - 2)
    begun = unroll.prologue(replace(v, seq_length=2)).outputs
    for direction in v.directions:
        one = v.only(direction)
        first = any(name.endswith("state") for name in begun)
        for has_state, count in ((first, 1), (True, steps - 1)):
            total += count * len(unroll.step_template(one, has_state, ()).op_types)
    return total


def _around_steps(v: Variant) -> int:
    return len(unroll.prologue(v).op_types) + len(unroll.epilogue(v).op_types)
