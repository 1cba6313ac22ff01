"""Which models there are and where each result goes: settled, or refused, before anything starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.batching import locations
from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gru_lower.batching.do_line import DoLine

SHOWN = 3
"""How many of many a message names."""


class Planned(NamedTuple):
    """One model.

    Attributes:
        model: Where it is.
        output: Where its result goes, ``None`` where nothing is written.

    """

    model: str
    output: str | None


def plan(patterns: Sequence[str], line: DoLine, out: str | None) -> list[Planned]:
    """Find the models, and settle where each result goes.

    Args:
        patterns: Paths and URLs, with wildcards.
        line: What is to be done with each.
        out: The folder for results; needed where the command writes.

    Returns:
        The models in the order of the patterns, sorted within each; one that several match is done once.

    Raises:
        Unsupported: There are none (GL950), two would have the same output (GL951), or there is no place for results.

    """
    _refuse_place(line, out)
    if not patterns:
        raise Unsupported("no models are named", code="GL950", hint="name them: 'models/**/*.onnx'")
    return place_results(patterns, out, keeps_different="--keep-different" in line.words)


def place_results(patterns: Sequence[str], out: str | None, *, keeps_different: bool = False) -> list[Planned]:
    """Find the models, and the place of each result below a folder.

    Args:
        patterns: Paths and URLs, with wildcards.
        out: The folder, ``None`` where no result is written to one.
        keeps_different: Whether a result that differs is written, too.

    Raises:
        Unsupported: There are none (GL950), or two would have the same output (GL951).

    """
    found: dict[Planned, None] = {}
    for pattern in patterns:
        models = _without_results(locations.matches(pattern), pattern, out)
        if not models:
            raise _nothing_matches(pattern)
        for model in models:
            output = None if out is None else locations.join(out, locations.below(model, pattern))
            found[Planned(model, output)] = None
    planned = list(found)
    refuse_collisions(planned, keeps_different=keeps_different)
    return planned


def _refuse_place(line: DoLine, out: str | None) -> None:
    if line.writes and not out:
        hint = "name the folder for results with --out, or add --dry-run to --do"
        raise Unsupported(f"{line.command} writes models, and there is no place for them", code="GL008", hint=hint)
    if out and not line.writes:
        hint = "leave out --out" + (", or add --fix to --do" if line.command == "check" else "")
        raise Unsupported(f"nothing is written by {' '.join(line.words)}", code="GL008", hint=hint)
    if out and locations.protocol_of(out) == "zip":
        raise Unsupported(f"{out}: zip:// is to read from", code="GL008", hint="name a folder with --out")
    if out and not locations.is_url(out) and Path(locations.local_path(out)).is_file():
        raise Unsupported(f"{out}: is a file", code="GL004", hint="name a folder with --out")


def _without_results(models: list[str], pattern: str, out: str | None) -> list[str]:
    """Leave out what lies in the folder for results, where that is one of those the pattern looks through."""
    if out is None or f"{_place(locations.base_folder(pattern))}/".startswith(f"{_place(out)}/"):
        return models
    return [model for model in models if not _place(model).startswith(f"{_place(out).rstrip('/')}/")]


def _nothing_matches(pattern: str) -> Unsupported:
    hint = "see what lies there; ** stands for any number of folders"
    if not locations.is_url(pattern) and Path(locations.local_path(pattern)).is_dir():
        hint = "no .onnx file is in this folder or below; hidden folders and environments are left out"
    return Unsupported(f"{pattern}: no such model", code="GL950", hint=hint)


def refuse_collisions(planned: Iterable[Planned], *, keeps_different: bool) -> None:
    """Refuse results that would overwrite each other, or a model.

    Raises:
        Unsupported: So it is.

    """
    models = {_place(each.model): each.model for each in planned}
    taken: dict[str, str] = {}
    for model, output in planned:
        if output is None:
            continue
        stems = [output, f"{output.removesuffix('.onnx')}.different.onnx"] if keeps_different else [output]
        for place in map(_place, stems):
            if place in models:
                raise _collision(f"{output}: the result of {model} would be written over the model {models[place]}")
            if place in taken:
                raise _collision(f"{output}: the results of {taken[place]} and {model} would both be written there")
            taken[place] = model
    for place, model in taken.items():
        for parent in _parents(place):
            if parent in taken:
                raise _collision(
                    f"{parent}: a file for the result of {taken[parent]}, and a folder for that of {model}"
                )


def _collision(message: str) -> Unsupported:
    hint = "choose another folder, or quote one pattern with both below its first wildcard: 'models/**/*.onnx'"
    return Unsupported(message, code="GL951", hint=hint)


def _place(location: str) -> str:
    """Return one spelling of a location's many."""
    if locations.is_url(location):
        return location.rstrip("/")
    return os.path.normcase(Path(locations.local_path(location)).resolve())


def _parents(place: str) -> list[str]:
    parts = place.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def refuse_existing(planned: Iterable[Planned]) -> None:
    """Refuse results whose place another file has.

    Raises:
        Unsupported: Naming some of them.

    """
    there = [each.output for each in planned if each.output and locations.mark(each.output) is not None]
    if there:
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        raise Unsupported(
            f"{', '.join(there[:SHOWN])}{more}: already there",
            code="GL004",
            hint="choose another --out, or allow it with --overwrite in --do",
        )
