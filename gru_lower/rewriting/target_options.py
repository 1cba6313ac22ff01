"""What a target asks of ``lower-gru``: the forms, the operators and the shapes it takes."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

from gru_lower.emission.operator_vocabulary import EMITTED, VIEWS
from gru_lower.errors import Unsupported
from gru_lower.graph import fixed_dims
from gru_lower.graph.facts import Facts
from gru_lower.graph.scopes import is_onnx, opset_of, walk
from gru_lower.light_dataclass import dataclass
from gru_lower.rewriting.assumed_lengths import FULL, LENS
from gru_lower.rewriting.set_inputs import write_interface
from gru_lower.streaming.description import describe
from gru_lower.targets.target_option import quoted_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gru_lower.graph.model import Model
    from gru_lower.targets.profile import Profile


@dataclass(frozen=True)
class TargetOptions:
    """What a target asks for.

    Attributes:
        lower_gru: Options of ``lower-gru``.
        part_constants: Whether a constant may serve one purpose only.
        no_constant_nodes: Whether there are operators that it does not take of constants alone.
        name_outputs: Whether every output of a GRU needs a name.
        fold_shapes: Whether shapes are computed before the model runs, as the target takes static ones only.

    """

    lower_gru: dict[str, str]
    fold_shapes: bool
    part_constants: bool = False
    no_constant_nodes: bool = False
    name_outputs: bool = False


def target_options(
    model: Model,
    target: str,
    fix_dims: Mapping[str, int] | None = None,
    opset: int | None = None,
    inputs: Mapping[str, Any] | None = None,
    assume: str = "nothing",
) -> TargetOptions:
    """Return what a target asks for.

    Args:
        model: What is to be lowered.
        target: The name of a profile, or the path of one.
        fix_dims: The dims that are about to be fixed.
        opset: The opset that the model is about to be converted to.
        inputs: What inputs are about to be set to.
        assume: What is promised of sequence_lens.

    Raises:
        Unsupported: There is no such target, or the model would still have a dim or an opset it does not take.
        InvalidModel: The file is no profile.

    """
    from gru_lower.targets import read_profile

    profile = read_profile.load(target)
    current = opset or opset_of(model.proto)
    lacking = list(_lacking(model, profile, fix_dims or {}, inputs or {}, current))
    if lacking:
        lacking += _open_lengths(model, profile, inputs or {}, assume)
        message, flags = "; and it ".join(one.message for one in lacking), " ".join(one.flags for one in lacking)
        raise Unsupported(f"{profile.name} {message}", code=lacking[0].code, hint=f"add {flags}")
    forbidden = profile.unwritten(current) | (EMITTED - set(profile.allow) if profile.allow else set())
    options = {
        "forms": "+".join(profile.forms),
        "vocabulary": profile.vocabulary,
        "state_rank": str(profile.state_rank),
        "steps": profile.steps,
        "forbid": "+".join(sorted(forbidden)),
        "packing": "plain",
        "target": quoted_target(target),
        **({} if profile.mask == "auto" else {"mask": profile.mask}),
        **({} if profile.functions == "auto" else {"functions": profile.functions}),
        **({"axes": "guessed"} if profile.axes == "guessed" else {}),
        **({} if profile.max_nodes is None else {"max_nodes": str(profile.max_nodes)}),
    }
    return TargetOptions(
        options,
        fold_shapes=profile.static,
        part_constants=profile.own_constants,
        no_constant_nodes=bool(profile.not_of_constants),
        name_outputs=profile.name_outputs,
    )


class _Lack(NamedTuple):
    """Something a model needs for a target: the code, in words, and the flags that give it."""

    code: str
    message: str
    flags: str


def _lacking(
    model: Model, profile: Profile, fix_dims: Mapping[str, int], inputs: Mapping[str, Any], opset: int
) -> Iterator[_Lack]:
    still_open: list[str] = []
    oldest, newest = profile.opset
    is_taken = oldest <= opset <= newest
    if profile.static or not is_taken:
        fixed = model.copy() if fix_dims or inputs else model
        if fix_dims or inputs:
            write_interface(fixed, fix_dims, inputs)
        if profile.static or (_takes_known_steps_only(profile) and _has_open_steps(fixed)):
            still_open = fixed_dims.open_dims(fixed)
        if still_open:
            what = "static shapes" if profile.static else "a known number of steps"
            yield _Lack("GL403", f"takes {what} only; open: {', '.join(still_open)}", fixed_dims.flags(still_open))
    if not is_taken:
        message = f"takes opset {oldest} to {newest}; this one is {opset}"
        yield _Lack("GL404", message, f"--opset {profile.best_opset}")
        return
    late = profile.unwritten(opset) - profile.unwritten(profile.best_opset)
    needed = late & (VIEWS | {node.op_type for scope in walk(model.proto) for node in scope.nodes})
    if still_open and needed:
        message = f"takes {', '.join(sorted(needed))} in other opsets than {opset}"
        yield _Lack("GL404", message, f"--opset {profile.best_opset}")


def _takes_known_steps_only(profile: Profile) -> bool:
    """Whether a target takes neither a GRU nor a form of any number of steps."""
    loops = {"scan", "loop"}.intersection(profile.forms)
    kept = profile.columns.get("gru")
    return not loops and (kept is None or all(cell.verdict != "right" for cell in kept.cells.values()))


def _has_open_steps(model: Model) -> bool:
    """Whether a GRU has a number of steps that is known when the model runs only."""
    facts = Facts(model)
    grus = ((scope, node) for scope in facts.scopes for _, node in scope.of_operators("GRU"))
    for scope, node in grus:
        layout = next((attribute.i for attribute in node.attribute if attribute.name == "layout"), 0)
        dims = facts.shape(scope, node.input[0])
        if dims is None or len(dims) < 2 or not isinstance(dims[1 if layout else 0], int):
            return True
    return False


def _open_lengths(model: Model, profile: Profile, inputs: Mapping[str, Any], assume: str) -> list[_Lack]:
    """Return what has to be given of lengths that are known when the model runs only, where the target takes none."""
    takes = any(
        (cell := column.cells.get("lens")) is not None and cell.verdict == "right"
        for column in profile.columns.values()
    )
    if takes or assume == FULL or describe(model.proto) is not None:
        return []
    facts, flags, dims = Facts(model, computed=True), list[str](), fixed_dims.open_dims(model)
    for scope in walk(model.proto):
        for node in scope.nodes:
            name = node.input[LENS] if is_onnx(node, "GRU") and len(node.input) > LENS else ""
            if not name or name in inputs or facts.constant(scope, name) is not None:
                continue
            handed_in = facts.input_behind_casts(scope, name)
            if handed_in in inputs:
                continue
            given = f"{handed_in}={fixed_dims.placeholder(dims)}"
            flags.append(f"--set {shlex.quote(given)}" if handed_in else "--assume full-length")
    message = "takes lengths that are known beforehand only"
    return [_Lack("GL403", message, " ".join(dict.fromkeys(flags)))] if flags else []
