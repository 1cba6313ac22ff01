"""One GRU of a model: what was done with it, its replacement, and the pair of small models that is verified."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import onnx
    from onnx import NodeProto, TensorProto

    from gru_lower.gru.spec import GruSpec
    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.result import Verification
    from gru_lower.verification.sites.expected_time import ExpectedTime
    from gru_lower.verification.sites.quantisation import Quantisation

Action = Literal[
    "lowered", "fused", "legalized", "normalized", "merged", "fixed", "streamed", "quantised", "kept", "seen"
]


@dataclass
class Site(PlainData):
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
        expected: What it is expected to take on the target, where that was measured.
        quantisation: What was done to quantise it, and the error that this brings.
        change: The replacement, for verification; ``None`` where nothing was replaced.
        missing_term: Of a recurrence that is no GRU: the term that does not fit.
        verified: What running it by itself gave, where a pass did that before it committed.
        preconditions: What has to hold of the inputs for the replacement to run where the original did: ``T >= 1``.

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
    preconditions: tuple[str, ...] = ()
    expected: ExpectedTime | None = None
    quantisation: Quantisation | None = None
    change: Change | SitePair | None = None
    missing_term: str | None = None
    verified: Verification | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report's ``sites``."""
        return {
            "site": self.site,
            "scope": self.scope,
            "node": self.node,
            "spec": None if self.spec is None else self.spec.to_dict(),
            "action": self.action,
            "missing_term": self.missing_term,
            "form": self.form,
            "code": self.code,
            "message": self.message,
            "nodes_before": self.nodes_before,
            "nodes_after": self.nodes_after,
            **({"preconditions": list(self.preconditions)} if self.preconditions else {}),
            **({} if self.expected is None else {"expected_time": self.expected.to_dict()}),
            **({} if self.quantisation is None else {"quantisation": self.quantisation.to_dict()}),
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


@dataclass(frozen=True)
class SitePair:
    """A site and its replacement, as models of their own with the same input and output names.

    Attributes:
        site: Its id (``"main#12:Y"``).
        original: The node or region.
        replacement: What replaces it.
        reference: Computes its outputs in float64, by output name; None if nothing does.
        base_dir: The folder of both models' external data.
        feeds: Inputs captured from the whole model, one dict per case; generated ones if None.
        initial_h: The input that is the initial state, or its value; it sets the scale errors are measured on.
        either_runtime: Whether onnx's reference evaluator may stand in where onnxruntime refuses the original. It
            reads some inputs that onnxruntime rightly refuses (an index beyond the end) in ways of its own.

    """

    site: str
    original: onnx.ModelProto
    replacement: onnx.ModelProto
    reference: Callable[[Feeds], Feeds] | None = None
    base_dir: Path | None = None
    feeds: Sequence[Feeds] | None = None
    initial_h: str | Array | None = None
    either_runtime: bool = True
