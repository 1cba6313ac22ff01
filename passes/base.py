"""What a pass is: requires, run, ensures; and what one hands back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from onnx import NodeProto, TensorProto

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.gru.spec import GruSpec
    from gru_lower.verification.result import Verification
    from gru_lower.verification.site import SitePair

Action = Literal["lowered", "fused", "legalized", "normalized", "merged", "fixed", "kept", "seen"]


@dataclass
class Site:
    """What became of one GRU.

    Attributes:
        site: Its id, ``scope#index:first_output``, in the model the pass was given.
        scope: The scope's path.
        node: The node's name.
        spec: The GRU, ``None`` where it could not be understood.
        action: What was done.
        form: The form it was lowered to.
        code: Why it was kept, or what else there is to say.
        message: The same in words.
        nodes_before: Nodes of the site before, 1 for a GRU.
        nodes_after: Nodes in its place, bodies included.
        change: The replacement, for verification; ``None`` where nothing was replaced.
        missing_term: Of a recurrence that is no GRU: the term that does not fit.
        verified: What running it by itself gave, where a pass did that before it committed.

    """

    site: str
    scope: str
    node: str
    spec: GruSpec | None
    action: Action
    form: str | None = None
    code: str | None = None
    message: str = ""
    nodes_before: int = 1
    nodes_after: int = 1
    change: Change | SitePair | None = None
    missing_term: str | None = None
    verified: Verification | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report's ``sites``."""
        return {
            "site": self.site,
            "scope": self.scope,
            "node": self.node,
            "spec": None if self.spec is None else self.spec.to_json(),
            "action": self.action,
            "missing_term": self.missing_term,
            "form": self.form,
            "code": self.code,
            "message": self.message,
            "nodes_before": self.nodes_before,
            "nodes_after": self.nodes_after,
        }


@dataclass
class Change:
    """One replacement with all it takes to run it by itself.

    Attributes:
        spec: What was replaced, without inputs that change nothing.
        original: The node that was there, without them.
        nodes: The nodes that came.
        initializers: The constants that came with them.
        constants: The constants the original read, by input name (``W``, ``sequence_lens``, ...).
        opsets: Opset versions by domain, where the site stands.

    """

    spec: GruSpec
    original: NodeProto
    nodes: list[NodeProto]
    initializers: list[TensorProto]
    constants: dict[str, TensorProto]
    opsets: dict[str, int]


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
