"""The default pipelines of lower, fuse and legalize, as ``--passes`` spells them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from gru_lower.emission.operator_vocabulary import NAMES as VOCABULARIES
from gru_lower.targets.target_option import quoted_target

MASKS = ("auto", "where", "multiply")
"""Those that do with fewer operators last."""

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gru_lower.rewriting.target_options import TargetOptions


def lowering(
    form: str = "auto",
    zero_length_state: str = "zero",
    opset: int | None = None,
    wanted: TargetOptions | None = None,
    **options: str | int,
) -> str:
    """Return the pipeline of :func:`gru_lower.lower`.

    Args:
        form: What a GRU becomes.
        zero_length_state: What Y_h is for a sequence of length 0.
        opset: The opset to convert the whole model to first.
        wanted: What the target asks for: it adds to ``options``, and takes nothing from them.
        options: More options of ``lower-gru``.

    """
    given = _combined(options, {} if wanted is None else wanted.lower_gru)
    steps = _preparing(opset, wanted), _step("lower-gru", form=form, zero_length_state=zero_length_state, **given)
    return ",".join(filter(None, (*steps, _finishing(wanted))))


def legalizing(
    target: str,
    wanted: TargetOptions,
    zero_length_state: str,
    opset: int | None,
    cast_to: str,
    max_nodes: int | None = None,
    **promised: str,
) -> str:
    """Return the pipeline of :func:`gru_lower.legalize`.

    Args:
        target: The name of a profile, or the path of one.
        wanted: What the target asks for.
        zero_length_state: What Y_h is for a sequence of length 0.
        opset: The opset to convert the whole model to first.
        cast_to: The type to compute GRUs in whose own type the target does not take, ``""`` for none.
        max_nodes: How many nodes unrolling may add, ``None`` for the target's number, or the default.
        promised: What passes are told of sequence_lens, see :mod:`gru_lower.rewriting.assumed_lengths`.

    """
    both = {"zero_length_state": zero_length_state, **promised}
    preferred = {key: value for key, value in wanted.lower_gru.items() if key in ("prefer", "precision")}
    legalize = _step("legalize-gru", target=quoted_target(target), cast_to=cast_to, **both, **preferred)
    own: dict[str, str | int] = {} if max_nodes is None else {"max_nodes": max_nodes}
    lower = _step("lower-gru", form="auto", **both, **_combined(own, wanted.lower_gru))
    return ",".join(filter(None, (_preparing(opset, wanted), legalize, lower, _finishing(wanted))))


def fusing(*, steps: bool = False, projected: bool = False, assume: str = "nothing", empty: str = "fuse") -> str:
    """Return the pipeline of :func:`gru_lower.fuse`.

    Args:
        steps: Whether a single step becomes a GRU of sequence length 1, too.
        projected: Whether GRUs are fused whose gates are projected ahead by something else than a matrix.
        assume: ``"right-padded"`` or ``"nothing"``.
        empty: What becomes of loops that take empty sequences or batches: ``"fuse"``, ``"guard"`` or ``"keep"``.

    """
    chosen = {name: "yes" for name, wanted in (("steps", steps), ("projected", projected)) if wanted}
    return f"{_step('fuse-gru', **chosen, assume=assume, empty=empty)},join-directions"


def naming_outputs(passes: str, *, asked: bool, wanted: TargetOptions | None = None) -> str:
    """Return a pipeline that ends with a name for every output of a GRU, where that is asked for or a target wants it.

    Args:
        passes: The pipeline.
        asked: Whether it is asked for.
        wanted: What the target asks for.

    """
    return f"{passes},name-outputs" if asked or (wanted is not None and wanted.name_outputs) else passes


def _combined(options: dict[str, str | int], wanted: Mapping[str, str]) -> dict[str, str | int]:
    """Return options with those of a target: what either forbids is forbidden, what takes fewer operators holds."""
    given = {**options, **wanted, **{key: value for key, value in options.items() if key == "max_nodes"}}
    spelled = [str(each["vocabulary"]) for each in (options, wanted) if "vocabulary" in each]
    if spelled:
        given["vocabulary"] = max(spelled, key=VOCABULARIES.index)
    if "mask" in wanted:
        given["mask"] = max((str(each.get("mask", "auto")) for each in (options, wanted)), key=MASKS.index)
    if "forbid" in given:
        forbidden = {op for each in (options, wanted) for op in str(each.get("forbid", "")).split("+") if op}
        given["forbid"] = "+".join(sorted(forbidden))
    return given


def streaming(chunk: int, context: int | None, time: Mapping[str, int], opset: int | None) -> str:
    """Return the pipeline of :func:`gru_lower.stream`.

    Args:
        chunk: How many frames each push takes.
        context: How many earlier frames the whole model is given beside each chunk, ``None`` to stream it exactly.
        time: The axis of time by input, empty to find it.
        opset: The opset to convert the whole model to first.

    """
    axes = "+".join(quote(f"{name}:{axis}", safe="/:._-") for name, axis in time.items())
    stream = _step("stream", chunk=chunk, context=-1 if context is None else context, time=axes)
    return ",".join(filter(None, (_preparing(opset, None), fusing(), stream)))


def quantizing(
    mode: str, *, opset: int | None, form: str, zero_length_state: str, every: bool, **options: str | int
) -> str:
    """Return the pipeline of :func:`gru_lower.quantize`.

    Args:
        mode: One of :data:`gru_lower.passes.quantize_gru.quantize_options.MODES`.
        opset: The opset to convert the whole model to first.
        form: What a GRU becomes.
        zero_length_state: What Y_h is for a sequence of length 0.
        every: Whether GRUs are quantised that are no faster then.
        options: More options of ``quantize-gru``.

    """
    both = {"form": form, "zero_length_state": zero_length_state}
    quantize = _step("quantize-gru", mode=mode, **both, all="yes" if every else "no", **options)
    return ",".join(filter(None, (_preparing(opset, None), quantize)))


def _preparing(opset: int | None, wanted: TargetOptions | None) -> str:
    fold = "fold-shapes" if wanted is not None and wanted.fold_shapes else ""
    target = {} if wanted is None else {"target": wanted.lower_gru["target"]}
    convert = "" if opset is None else _step("convert-opset", to=opset, **target)
    return ",".join(filter(None, (fold, _respelling(wanted), convert)))


def _respelling(wanted: TargetOptions | None) -> str:
    return "" if wanted is None else _step("respell-nodes", target=wanted.lower_gru["target"])


def _finishing(wanted: TargetOptions | None) -> str:
    """Return what is done to nodes that were written for a target."""
    if wanted is None:
        return ""
    respell = _respelling(wanted) if wanted.no_constant_nodes else ""
    return ",".join(filter(None, (respell, "part-constants" if wanted.part_constants else "")))


def _step(name: str, **options: str | int) -> str:
    return f"{name}{{{','.join(f'{key}={value}' for key, value in options.items())}}}"
