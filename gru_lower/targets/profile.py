"""A target's profile: which GRUs it runs right, wrongly or not at all, and what a lowering for it may write.

A profile is a TOML file, held to ``schema/target-1.json``. Its columns (``gru``, and the forms ``scan``, ``loop``,
``unroll``, ``step``) say of each option of :data:`gru_lower.targets.option_axes.AXES` how a GRU with it fares there: as
a node, or lowered to that form.
"""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from gru_lower.targets.costs import Costs

Verdict = Literal["right", "wrong", "rejected"]
Evidence = Literal["run", "read"]
FOLDER = Path(__file__).parent / "profiles"
"""Where the profiles that ship are, NAME.toml each."""
PREFERRED = 17
"""The opset that most consumers know best."""
DYNAMIC = frozenset({"Shape", "Expand", "Range"})
"""Operators that a lowering only writes where a dim is not known beforehand."""
FORMS = ("step", "unroll", "scan", "loop")
COLUMNS = ("gru", *FORMS)
VERDICTS: tuple[Verdict, ...] = ("right", "wrong", "rejected")
MARKS = {"right": "✓", "wrong": "✗", "rejected": "–", "unknown": "?"}


@dataclass(frozen=True)
class Cell:
    """The verdict on one option.

    Attributes:
        verdict: ``"right"``, ``"wrong"`` (numbers that are wrong, without an error) or ``"rejected"``.
        evidence: ``"run"`` if models were run, ``"read"`` if it stands in a document or in the source.
        version: The version of the target.
        source: The document or source code it was read in.

    """

    verdict: Verdict
    evidence: Evidence
    version: str = ""
    source: str = ""


@dataclass(frozen=True)
class Together:
    """Options with another verdict together than each by itself."""

    options: frozenset[str]
    cell: Cell


@dataclass(frozen=True)
class Column:
    """The verdicts on the options of GRUs, as the node or in one form.

    Attributes:
        cells: By option; one that is missing was neither run nor read.
        together: Exceptions.
        pairs: Whether all pairs of right options were run together as well.

    """

    cells: dict[str, Cell] = field(default_factory=dict)
    together: tuple[Together, ...] = ()
    pairs: bool = False


@dataclass(frozen=True)
class OpLimit:
    """Limits of one operator.

    Attributes:
        opset: The oldest and the newest opset in which it is taken.
        types: The element types its first input may have, as numpy spells them; any if empty.
        max_rank: The largest rank its inputs may have, or ``None``.
        constants: Whether all of its inputs may be constants; of Constant, whether it may be in a model.
        int32: Whether whole numbers are read as 32-bit ones, so that larger ones are others.

    """

    opset: tuple[int, int] | None = None
    types: tuple[str, ...] = ()
    max_rank: int | None = None
    constants: bool = True
    int32: bool = False


@dataclass(frozen=True)
class ControlFlow:
    """Which control flow a target takes.

    Attributes:
        scan: Whether it takes Scan.
        loop: Whether it takes Loop.
        reverse: Whether a Scan may run backwards.
        dynamic_trip_count: Whether the number of iterations may be dynamic.

    """

    scan: bool = False
    loop: bool = False
    reverse: bool = False
    dynamic_trip_count: bool = False


@dataclass(frozen=True)
class Profile:
    """What one target takes.

    Attributes:
        name: Its name, as ``--target`` takes it.
        summary: One line about it.
        version: The version that was run or read about; ``""`` for none in particular.
        evidence: The evidence of cells that name none.
        source: Where they were read.
        opset: The oldest and the newest opset of ONNX's own domain.
        static: Whether every shape has to be static.
        dtypes: The float types it takes, as numpy spells them.
        forms: What a GRU may become, the best first.
        vocabulary: ``"gemm"``, ``"matmul"`` or ``"minimal"``.
        state_rank: How many axes the states of an unrolled GRU have, 2 or 3, as ``lower-gru`` takes it.
        steps: ``"auto"`` or ``"gather"``, as ``lower-gru`` takes it.
        mask: ``"auto"``, ``"where"`` or ``"multiply"``, as ``lower-gru`` takes it.
        functions: ``"auto"``, ``"bounded"`` or ``"bounded-relu"``, as ``lower-gru`` takes it.
        axes: ``"told"``, or ``"guessed"`` where it tells axes of computed values from each other by their lengths.
        quantised_weights: Which weights it computes right that are quantised constants behind a DequantizeLinear:
            ``"any"``, ``"symmetric"``, those with a zero point of 0 and no scale for each feature, or ``"tensor"``,
            those with one scale.
        own_constants: Whether a constant may serve one purpose only, see ``part-constants``.
        max_nodes: How many nodes unrolling may add to a model for it, ``None`` for the default.
        name_outputs: Whether every output of a GRU that is left to it needs a name.
        avoid: Operators that what is written for it does better without, though it takes them.
        avoid_at_one_unit: Operators not to write where a GRU has one unit, hidden_size 1.
        forbid: Operators it does not take.
        allow: The only operators it takes, if any are named.
        control_flow: Which control flow it takes.
        ops: Limits of single operators.
        columns: How GRUs fare, as a node and in each form.
        costs: How long they take, ``None`` where that was not measured.

    """

    name: str
    summary: str
    opset: tuple[int, int]
    static: bool
    forms: tuple[str, ...]
    version: str = ""
    evidence: Evidence = "run"
    source: str = ""
    dtypes: tuple[str, ...] = ("float32",)
    vocabulary: str = "gemm"
    state_rank: int = 2
    steps: str = "auto"
    mask: str = "auto"
    functions: str = "auto"
    axes: str = "told"
    quantised_weights: str = "any"
    own_constants: bool = False
    max_nodes: int | None = None
    name_outputs: bool = False
    avoid: tuple[str, ...] = ()
    avoid_at_one_unit: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    control_flow: ControlFlow = field(default_factory=ControlFlow)
    ops: dict[str, OpLimit] = field(default_factory=dict)
    columns: dict[str, Column] = field(default_factory=dict)
    costs: Costs | None = None

    @property
    def label(self) -> str:
        """Name and version, for messages."""
        return f"{self.name} {self.version}".strip()

    @property
    def best_opset(self) -> int:
        """The opset to convert a model to: the one nearest to 17 of those in which the fewest operators are lacking."""
        oldest, newest = self.opset
        lacking = {opset: len(self._late(opset) - DYNAMIC) for opset in range(oldest, newest + 1)}
        return min(lacking, key=lambda opset: (lacking[opset], abs(opset - PREFERRED)))

    def unwritten(self, opset: int) -> frozenset[str]:
        """Return the operators that the profile names and that are not to be written into a model of an opset."""
        return frozenset(self.forbid) | frozenset(self.avoid) | self._late(opset)

    @property
    def in_int32(self) -> frozenset[str]:
        """The operators whose whole numbers are read as 32-bit ones."""
        return frozenset(op for op, limit in self.ops.items() if limit.int32)

    @property
    def not_of_constants(self) -> frozenset[str]:
        """The operators that it does not take where all their inputs are constants."""
        return frozenset(op for op, limit in self.ops.items() if not limit.constants)

    @property
    def casts(self) -> tuple[str, ...]:
        """The types that a Cast may be from, all if empty."""
        return self.ops["Cast"].types if "Cast" in self.ops else ()

    def casts_from(self, dtype: str) -> bool:
        """Whether it has tensors of a type, and takes a Cast of them to another one."""
        taken = "Cast" not in self.forbid and (not self.allow or "Cast" in self.allow)
        return taken and (not self.casts or dtype in self.casts)

    def _late(self, opset: int) -> frozenset[str]:
        return frozenset(
            op for op, limit in self.ops.items() if limit.opset and not limit.opset[0] <= opset <= limit.opset[1]
        )
