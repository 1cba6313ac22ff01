"""What a pass is: requires, run, ensures; and what one hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.verification.result import Verification
    from gru_lower.verification.sites.site import Site, SitePair


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
