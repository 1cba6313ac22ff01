"""Reduce two models that differ to the smallest parts that still do, with the smallest inputs that show it."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gru_lower.errors import Unsupported
from gru_lower.graph.atomic_file import AtomicFile
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.comparing.interface import interface_difference
from gru_lower.verification.sites.cut_model import cut, declared, embed
from gru_lower.verification.whole_models.verify_models import verify_models

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import onnx

    from gru_lower.verification.arrays import Feeds
    from gru_lower.verification.differences.differing_pair import DifferingPair
    from gru_lower.verification.differences.locate import Start

_MOST_TRIES = 60


@dataclass(frozen=True)
class Reduced:
    """Two models that differ, each whole in itself.

    Attributes:
        a: The part of the original.
        b: The part of the rewrite.
        feeds: Inputs of both on which they differ.

    """

    a: onnx.ModelProto
    b: onnx.ModelProto
    feeds: Feeds

    def save_inputs(self, path: Path, *, overwrite: bool) -> None:
        """Write the inputs as an .npz that verification takes.

        Args:
            path: The file.
            overwrite: Whether an existing file may be replaced.

        Raises:
            Unsupported: The file exists and may not be replaced, or cannot be written.

        """
        held = io.BytesIO()
        np.savez(held, **{f"in__{name}": array for name, array in self.feeds.items()})  # type: ignore[arg-type]
        try:
            with AtomicFile(path, overwrite=overwrite) as file:
                file.handle.write(held.getvalue())
        except OSError as error:
            message = f"{path}: cannot be written ({error.strerror or error})"
            raise Unsupported(message, code="GL004", hint="choose another place") from error


def reduce_models(pair: DifferingPair, start: Start | None) -> Reduced | None:
    """Return the smallest parts that differ, on the smallest inputs that were found; None if nothing smaller does.

    Args:
        pair: The models, and inputs on which they differ.
        start: Where they start to.

    """
    whole = [value.name for value in pair.a.graph.output]
    candidates = []
    if start is not None:
        candidates.append((start.parts[0].model, start.parts[1].model, start.feeds, [start.value]))
    candidates.append((cut(pair.a, whole, pair.feeds).model, cut(pair.b, whole, pair.feeds).model, pair.feeds, whole))
    for a, b, feeds, outputs in candidates:
        for tried in _smaller(pair, a, b, feeds):
            found = _as_models(pair, a, b, tried, outputs)
            if found is not None and _is_confirmed(pair, found):
                return found
    return None


def _smaller(pair: DifferingPair, a: onnx.ModelProto, b: onnx.ModelProto, feeds: Feeds) -> Iterator[Feeds]:
    """Yield the inputs with as few batch entries and steps as still differ, then as they are."""
    names, least, tries = [value.name for value in a.graph.output], feeds, 0

    def differs(tried: Feeds) -> bool:
        before = pair.values(_without_types(a, tried), names, tried)
        if before is None or any(not array.size for array in before.values()):
            return False
        after = pair.values(_without_types(b, tried), names, tried, rewrite=True)
        return after is None or any(
            before[name].shape == after[name].shape and not pair.agree(before[name], after[name]) for name in names
        )

    progress = True
    while progress:
        progress = False
        for size in sorted({size for array in least.values() for size in array.shape if size > 1}, reverse=True):
            for tried in _sliced(least, size):
                tries += 1
                if tries > _MOST_TRIES:
                    yield least
                    yield feeds
                    return
                if differs(tried):
                    least, progress = tried, True
                    break
            if progress:
                break
    yield least
    yield feeds


def _sliced(feeds: Feeds, size: int) -> Iterator[Feeds]:
    """Yield the inputs with every axis of a size cut to its first entry, its last, its first half; lengths fit in."""
    for part in (slice(0, 1), slice(size - 1, size), slice(0, size // 2), slice(0, size - 1)):
        for axes in (None, 0, 1):
            tried = {}
            for name, array in feeds.items():
                index = tuple(
                    part if length == size and axes in (None, axis) else slice(None)
                    for axis, length in enumerate(array.shape)
                )
                kept = np.ascontiguousarray(array[index]).reshape(array[index].shape)
                counts = array.dtype.kind in "iu" and array.size and int(array.max()) == size
                tried[name] = np.minimum(kept, part.stop - part.start).astype(array.dtype) if counts else kept
            if any(tried[name].shape != feeds[name].shape for name in feeds):
                yield tried


def _without_types(part: onnx.ModelProto, feeds: Feeds) -> onnx.ModelProto:
    """Return a part whose inputs take any size."""
    free = type(part)()
    free.CopyFrom(part)
    for value in free.graph.input:
        if value.name in feeds:
            value.ClearField("type")
    del free.graph.value_info[:]
    for value in free.graph.output:
        value.ClearField("type")
    present = {value.name for value in free.graph.input}
    free.graph.input.extend(type(free.graph.input.add())(name=name) for name in feeds if name not in present)
    return free


def _as_models(
    pair: DifferingPair, a: onnx.ModelProto, b: onnx.ModelProto, feeds: Feeds, outputs: list[str]
) -> Reduced | None:
    before = pair.values(_without_types(a, feeds), outputs, feeds)
    if before is None:
        return None
    models = [declared(part, feeds, before) for part in (a, b)]
    for model, folder in zip(models, pair.base_dirs, strict=True):
        embed(model, folder)
    return Reduced(models[0], models[1], feeds)


def _is_confirmed(pair: DifferingPair, found: Reduced) -> bool:
    """Whether verification tells the two apart on those inputs."""
    if interface_difference(found.a, found.b):
        return False
    options = replace(pair.options.for_sites(), inputs=[found.feeds], seconds=0.0)
    return verify_models(found.a, found.b, options=options, worker=pair.worker).status == "different"
