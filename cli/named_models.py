"""The models that the words of a command name - files, folders and patterns - and where the result of each goes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.errors import Unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gru_lower.batching.plan import Planned

PIPE = Path("-")
MODEL = ".onnx"


class NamedModel(NamedTuple):
    """One model.

    Attributes:
        path: The model.
        output: Where its result goes, ``None`` for the place that the command chooses.
        other: The model that it is held against, ``None`` where there is none.

    """

    path: Path
    output: Path | None = None
    other: Path | None = None


class NamedModels(NamedTuple):
    """The models of a command.

    Attributes:
        models: The models, each once.
        many: Whether there may be several: another file in the folder would be another model.

    """

    models: list[NamedModel]
    many: bool


def named_models(words: Sequence[Path], output: Path | None = None, kind: str = "") -> NamedModels:
    """Find the models.

    Args:
        words: What names them; a file that is not there is a model all the same, which cannot be read.
        output: The file for the result of one model, or the folder for those of several.
        kind: What stands in the default name of a result (``lowered``), ``""`` where none is written.

    Raises:
        Unsupported: A folder or pattern holds none, or there is no place for their results.

    """
    if len(words) == 1 and not names_several(words[0]):
        return NamedModels([NamedModel(words[0], output)], many=False)
    from gru_lower.batching.plan import refuse_collisions

    folder = None if output is None else _folder_for_results(output)
    planned = list(dict.fromkeys(each for word in words for each in _planned(word, folder)))
    refuse_collisions(planned, keeps_different=True)
    if kind and output is None:  # a second run finds the same models
        results = {result_beside(Path(each.model), kind) for each in planned}
        planned = [each for each in planned if Path(each.model) not in results]
    found = [NamedModel(Path(model), None if place is None else Path(place)) for model, place in planned]
    return NamedModels(found, many=True)


def named_pairs(a: Path, b: Path | None) -> NamedModels:
    """Find pairs of models: two files, or those with the same path below two folders or patterns.

    Args:
        a: What names the first of each.
        b: What names the second, ``None`` where there is none.

    Returns:
        The pairs; one whose other half is not there is among them.

    Raises:
        Unsupported: A folder or pattern holds none, or only one of the two names several.

    """
    from gru_lower.batching.locations import base_folder, below

    if b is None:
        return named_models([a])
    found = {word: _planned(word, None) for word in (a, b)}
    if names_several(a) != names_several(b):
        several, one = (a, b) if names_several(a) else (b, a)
        message = f"{several} stands for several models, and {one} for one"
        raise Unsupported(message, code="GL008", hint="name two models, or two folders with models of the same names")
    if not names_several(a):
        return NamedModels([NamedModel(a, other=b)], many=False)
    names = {below(each.model, str(word)) for word in found for each in found[word]}
    places = [Path(base_folder(str(word))) for word in (a, b)]
    return NamedModels([NamedModel(places[0] / name, other=places[1] / name) for name in sorted(names)], many=True)


def names_several(word: Path) -> bool:
    """Whether a word is a folder of models or a pattern."""
    from gru_lower.batching.matching_files import is_folder, may_be_several
    from gru_lower.graph.file_kinds import FOLDER, recognise_folder

    if word == PIPE or not may_be_several(str(word)):
        return False
    if is_folder(word):  # a slip would search the whole machine
        if not os.access(word, os.R_OK | os.X_OK):
            return False
        return recognise_folder(word)[0] == FOLDER and word.resolve().parent != word.resolve()
    return True


def refuse_missing(words: Sequence[Path], hint: str) -> None:
    """Refuse several words of which one names nothing: it may have been meant for something else.

    Raises:
        Unsupported: So it is.

    """
    for word in words if len(words) > 1 else ():
        if word != PIPE and not names_several(word) and not os.path.lexists(word):
            raise Unsupported(f"{word}: no such file", code="GL008", hint=hint)


def result_beside(path: Path, kind: str) -> Path:
    """Return the default name of a model's result."""
    return path.with_name(f"{path.stem}.{kind}{MODEL}")


def _planned(word: Path, folder: str | None) -> list[Planned]:
    from gru_lower.batching.matching_files import is_file
    from gru_lower.batching.plan import Planned, place_results

    if word != PIPE and (names_several(word) or is_file(word)):
        return place_results([str(word)], folder)
    return [Planned(str(word), None)]


def _folder_for_results(output: Path) -> str:
    if output == PIPE or output.suffix == MODEL or output.is_file():
        raise Unsupported(
            f"-o names one {'stream' if output == PIPE else 'file'}, and there are several models",
            code="GL008",
            hint="name a folder with -o",
        )
    return str(output)
