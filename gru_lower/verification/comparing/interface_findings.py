"""Find what a caller meets although two models compute the same: fixed dims, another order, inputs that are gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gru_lower.diagnostics import diagnostic
from gru_lower.verification.inputs.model_inputs import inputs_of, spell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import onnx

    from gru_lower.diagnostics import Diagnostic
    from gru_lower.verification.inputs.model_inputs import Input


def interface_findings(a: onnx.ModelProto, b: onnx.ModelProto, asked: Mapping[str, int]) -> list[Diagnostic]:
    """Return what calls of the original meet that the rewrite does not take as they are.

    A rewrite that takes more - a dim that is dynamic now, an input more that has a default - is none, and neither is a
    default that is gone from a model below ir_version 4, where every initializer had to be listed as an input.

    Args:
        a: The original.
        b: The rewrite, with the same outputs and the same inputs that have to be fed.
        asked: Dims that the rewrite was asked to fix, by symbol or "INPUT:AXIS".

    """
    ours, theirs = inputs_of(a), inputs_of(b)
    return [*_fixed_dims(ours, theirs, asked), *_another_order(ours, theirs), *_gone_defaults(ours, theirs)]


def _fixed_dims(
    ours: Mapping[str, Input], theirs: Mapping[str, Input], asked: Mapping[str, int]
) -> Iterator[Diagnostic]:
    places: dict[tuple[str, int], list[str]] = {}
    for name, spec in ours.items():
        dims = theirs[name].dims if name in theirs else None
        if dims is None:
            continue
        if spec.dims is None:
            yield diagnostic(
                "GL506", f"input {name!r} may have any rank in the first model, {spell(dims)} in the second"
            )
            continue
        for axis, (before, after) in enumerate(zip(spec.dims, dims, strict=True)):
            wanted = asked.get(str(before), asked.get(f"{name}:{axis}"))
            if isinstance(before, str) and isinstance(after, int) and wanted != after:
                places.setdefault((before, after), []).append(f"axis {axis} of input {name!r}")
    for (symbol, size), where in places.items():
        named = "" if ":" in symbol else f" ({symbol})"
        yield diagnostic(
            "GL506", f"{' and '.join(where)}{named} may have any size in the first model, only {size} in the second"
        )


def _another_order(ours: Mapping[str, Input], theirs: Mapping[str, Input]) -> Iterator[Diagnostic]:
    first, second = [name for name in ours if name in theirs], [name for name in theirs if name in ours]
    if first != second:
        yield diagnostic("GL507", f"inputs {', '.join(map(repr, first))} come as {', '.join(map(repr, second))}")


def _gone_defaults(ours: Mapping[str, Input], theirs: Mapping[str, Input]) -> Iterator[Diagnostic]:
    for name, spec in ours.items():
        if spec.default is not None and name not in theirs:
            yield diagnostic("GL508", f"input {name!r}, which has a default, can be fed to the first model only")
