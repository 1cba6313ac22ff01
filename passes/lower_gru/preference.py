"""What is preferred where a target runs several things right: the node, the fastest, or what has the fewest nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gru_lower.graph.scopes import is_onnx
from gru_lower.gru.constant_inputs import without_idle_inputs
from gru_lower.gru.parse_node import parse
from gru_lower.gru.unread_outputs import without_unread_outputs
from gru_lower.light_dataclass import dataclass
from gru_lower.passes.lower_gru.choose_form import choose_form
from gru_lower.targets.accepted_forms import STEPWISE, accepted_forms

if TYPE_CHECKING:
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.passes.lower_gru.lower_options import LowerOptions
    from gru_lower.passes.lower_gru.unrolled_nodes import UnrolledNodes
    from gru_lower.targets.accepted_forms import AcceptedForms
    from gru_lower.targets.profile import Profile
    from gru_lower.verification.sites.expected_time import ExpectedTime


@dataclass(frozen=True)
class Wanted:
    """What one GRU is to become.

    Attributes:
        wish: What the target takes, the form to prefer first.
        form: As ``lower-gru`` takes it.
        options: What to write it with.
        expected: What it is expected to take, where that was measured.

    """

    wish: AcceptedForms
    form: str
    options: LowerOptions
    expected: ExpectedTime | None = None

    @property
    def of_y_h(self) -> bool:
        """Whether Y is taken of the Y_h of a node that stays, where that is the same."""
        return self.options.kept_output == "Y_h" and self.wish.last_state

    def say(self, reason: str) -> str:
        """Return the reason with what is expected."""
        if self.expected is None:
            return reason
        return f"{reason}; {self.expected}" if self.wish.keep else str(self.expected)


class Preference:
    """What ``prefer`` makes of what a target takes.

    Args:
        profile: The target, ``None`` for none.
        options: The pass's options.
        facts: The side table of the model.
        unrolled: Counts the nodes that unrolling adds.

    """

    def __init__(self, profile: Profile | None, options: LowerOptions, facts: Facts, unrolled: UnrolledNodes) -> None:
        """Choose nothing yet."""
        self._profile, self._options, self._facts, self._unrolled = profile, options, facts, unrolled
        self._needed: int | None = None

    def of(self, wish: AcceptedForms, scope: Scope, spec: GruSpec) -> Wanted:
        """Return what one GRU is to become.

        Args:
            wish: What the target takes.
            scope: Where the GRU stands.
            spec: The GRU, without inputs that change nothing.

        """
        options = self._options_for(spec)
        plain = Wanted(wish, options.form, options)
        if self._profile is None or options.form != "auto":
            return plain
        from gru_lower.passes.lower_gru.choose_fastest import by_size, choose_fastest  # which few targets ask for

        if options.prefer == "size":
            return replace(plain, wish=replace(wish, forms=tuple(by_size(wish.forms))), form="auto")
        if options.prefer != "speed":
            return plain
        default = choose_form(spec, scope.opset, "auto", wish.forms).form
        nodes, seen = (lambda how: self._nodes(scope, spec, how)), without_unread_outputs(spec, scope)
        fastest = choose_fastest(self._profile, wish, seen, scope.opset, options, default, nodes)
        if fastest is None:
            return plain
        return Wanted(replace(wish, keep=fastest.keep), fastest.form or "auto", fastest.options, fastest.expected)

    def _options_for(self, spec: GruSpec) -> LowerOptions:
        """Return the pass's options, with what the target does not take of a GRU with one unit forbidden there."""
        if self._profile is None or spec.hidden_size != 1 or not self._profile.avoid_at_one_unit:
            return self._options
        forbidden = {*filter(None, self._options.forbid.split("+")), *self._profile.avoid_at_one_unit}
        return replace(self._options, forbid="+".join(sorted(forbidden)))

    def _nodes(self, scope: Scope, spec: GruSpec, how: LowerOptions) -> tuple[int, int]:
        """Return how many nodes an unrolled GRU would add, and how many are left beside those that have to be."""
        count, _ = self._unrolled.of(scope, spec, how)
        return count, self._unrolled.left - self._needed_elsewhere()

    def _needed_elsewhere(self) -> int:
        """Return how many nodes those GRUs of the model add that can only be unrolled."""
        if self._needed is None:
            self._needed = 0
            for scope in self._facts.scopes:
                for index, node in enumerate(scope.nodes):
                    if is_onnx(node, "GRU") and (read := parse(scope, index, self._facts).spec) is not None:
                        wish = accepted_forms(self._profile, (), scope, index, read, self._facts)
                        if not wish.keep and set(wish.forms) <= set(STEPWISE):
                            spec = without_idle_inputs(read, scope, self._facts)
                            self._needed += self._unrolled.of(scope, spec, self._options)[0]
        return self._needed
