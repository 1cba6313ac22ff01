"""What a pass is: requires, run, ensures; what it returns; and the visit to every GRU that most passes begin with."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from gru_lower.gru.parse_node import parse
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.sites.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.facts import Facts
    from gru_lower.graph.model import Model
    from gru_lower.graph.scopes import Scope
    from gru_lower.gru.spec import GruSpec
    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.result import Verification
    from gru_lower.verification.sites.site import SitePair


@dataclass
class PassResult:
    """What a pass did.

    Attributes:
        modified: Whether the model was edited.
        sites: One entry per GRU it looked at.
        diagnostics: Everything else there is to say.

    """

    modified: bool
    sites: list[Site] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)


@dataclass
class Context:
    """What passes share during one run.

    Attributes:
        progress: Called with ``(what, done, total)``.
        keep_changes: Whether sites keep what was replaced by what, for verification.
        judge: Runs a site and its replacement by themselves, ``None`` where nothing is to be verified.

    """

    keep_changes: bool = True
    judge: Callable[[SitePair], Verification] | None = None
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None
    calibration: Sequence[Feeds] | None = None


class Pass:
    """Base of every pass. A subclass has a name, an ``Options`` dataclass, and :meth:`run`.

    The options' fields are the options of ``--passes "name{field=value}"`` and nothing else is.
    """

    name: ClassVar[str]
    Options: ClassVar[type[Any]]

    def __init__(self, options: Any = None) -> None:  # noqa: ANN401 - each pass has its own options type
        """Take the options, or their defaults."""
        self.options = self.Options() if options is None else options

    def requires(self, model: Model) -> None:
        """Raise where the model is not what the pass needs."""

    def run(self, model: Model, ctx: Context) -> PassResult:
        """Edit the model in place and report."""
        raise NotImplementedError

    def ensures(self, model: Model, result: PassResult) -> None:
        """Raise :class:`gru_lower.errors.InternalError` where the pass broke its promise."""


class FoundGru(NamedTuple):
    """A GRU of a model.

    Attributes:
        scope: Where it stands.
        node_index: Its place among the scope's nodes.
        spec: What was read from it.
        site: What the pass says of it: that it is kept, until the pass says otherwise.

    """

    scope: Scope
    node_index: int
    spec: GruSpec
    site: Site


def visit_grus(facts: Facts, ctx: Context, result: PassResult, activity: str) -> Iterator[FoundGru]:
    """Yield every GRU of a model that is understood; one that is not gets a site that says why.

    Args:
        facts: The side table of the model.
        ctx: What passes share; its ``progress`` is called.
        result: Takes the site and the diagnostics of each.
        activity: What is being done, for ``progress``.

    """
    places = [(scope, index) for scope in facts.scopes for index, _ in scope.of_operators("GRU")]
    for done, (scope, index) in enumerate(places, 1):
        ctx.progress(activity, done, len(places))
        parsed = parse(scope, index, facts)
        result.diagnostics += parsed.diagnostics
        site = Site(parsed.site, scope.path, scope.nodes[index].name, parsed.spec, "kept")
        result.sites.append(site)
        if parsed.spec is None:
            site.code, site.message = parsed.diagnostics[-1].code, parsed.diagnostics[-1].message
        else:
            yield FoundGru(scope, index, parsed.spec, site)
