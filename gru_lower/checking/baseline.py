"""A baseline: findings that are known, in a file beside the models, so that a check fails for new ones alone.

Findings are matched by what they are about, not by where it stands: by the code and the name of the node first,
whatever has become of its weights; then, where it was renamed, by what the node is made of, also where the model's
file was moved.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gru_lower.checking.all_rules import RULES
from gru_lower.checking.finding_identity import FindingIdentity, name_of, without_numbers
from gru_lower.diagnostics import DOUBT, diagnostic
from gru_lower.errors import Unsupported
from gru_lower.graph.atomic_file import AtomicFile
from gru_lower.light_dataclass import dataclass
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

    from gru_lower.checking.code_selection import CodeSelection
    from gru_lower.diagnostics import Diagnostic
    from gru_lower.graph.model import Model
    from gru_lower.report.run_report import Report

    Key = Callable[["Known"], Hashable]

SCHEMA_VERSION = 1
GONE = "GL977"
OF_TARGETS = frozenset(code for rule in RULES if rule.for_target for code in rule.codes) | {DOUBT}
"""The codes that are about what a target takes."""
LARGEST = 1 << 28
"""How many bytes a baseline may have."""


@dataclass(frozen=True, order=True)
class Known:
    """A known finding.

    Attributes:
        model: The model's path, from the folder of the baseline.
        code: The code.
        scope: The scope, without numbers.
        node: The name of the node.
        message: What was said.
        content: A digest of the node, ``""`` if there is none.
        target: The target it was checked for, where that is what the code is about; else ``""``.

    """

    model: str
    code: str
    scope: str
    node: str
    message: str
    content: str
    target: str


class Baseline:
    """The known findings of a file.

    Args:
        path: The file.
        entries: What it holds.

    """

    def __init__(self, path: Path, entries: Iterable[Known] = ()) -> None:
        """Keep the entries."""
        self.path = path
        self._entries = list(entries)
        self._met: set[int] = set()
        self._real: dict[str, str] = {}

    def judge(self, report: Report, model: Model, options: CheckedFor) -> Report:
        """Return a report in which findings are told apart into known and new ones, and those that are gone are said.

        Args:
            report: What a check found, or what is left when fixes are made.
            model: The model that was checked.
            options: What was looked for.

        """
        place, identity = self._place(report), FindingIdentity(model)
        open_ = [each for each in report.diagnostics if not each.is_mended]
        here = [self._known(each, place, identity, options) for each in open_]
        mine = [each for each in self._entries if self._is_at(each, place) and options.looks_for(each)]
        moved = [each for each in self._entries if not self._is_at(each, place) and not self._is_there(each)]
        matched: dict[int, Known] = {}
        used: set[int] = set()
        for key, entries in ((_name, mine), (_content, mine), (_content, moved), (_words, moved)):
            _match(here, entries, key, matched, used)
        self._met |= used
        known = {id(open_[index]) for index in matched}
        gone = [each for each in mine if id(each) not in used]
        said = [each if each.is_mended else replace(each, known=id(each) in known) for each in report.diagnostics]
        return replace(report, diagnostics=said + [_gone(each) for each in gone])

    def take(self, report: Report, model: Model, options: CheckedFor) -> Report:
        """Make what a report says the known findings of its model, and return the report with all of them known."""
        place, identity = self._place(report), FindingIdentity(model)
        left = [each for each in report.diagnostics if not each.is_mended]
        kept = [each for each in self._entries if not self._is_at(each, place) or not options.looks_for(each)]
        self._entries = [*kept, *(self._known(each, place, identity, options) for each in left)]
        said = [each if each.is_mended else replace(each, known=True) for each in report.diagnostics]
        return replace(report, diagnostics=said)

    def lost_models(self) -> list[str]:
        """Return the models that are not there any more, and none of whose known findings was met elsewhere."""
        return sorted({each.model for each in self._entries if id(each) not in self._met and not self._is_there(each)})

    def write(self) -> int:
        """Write the file, without findings of models that are not there any more; return how many it holds.

        Raises:
            Unsupported: It cannot be written.

        """
        entries = sorted(each for each in self._entries if self._is_there(each))
        document = {
            "schema_version": SCHEMA_VERSION,
            "tool": "gru-lower",
            "version": tool_version(),
            "findings": [asdict(each) for each in entries],
        }
        try:
            with AtomicFile(self.path, overwrite=True) as file:
                text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
                file.handle.write(text.encode(errors="backslashreplace"))  # a name that is no text has JSON's escapes
        except OSError as error:
            message = f"{self.path}: cannot be written ({error.strerror or error})"
            raise Unsupported(message, code="GL976", hint="name another file with --baseline") from error
        return len(entries)

    def _known(self, found: Diagnostic, place: str, identity: FindingIdentity, options: CheckedFor) -> Known:
        return Known(
            place,
            found.code,
            without_numbers(found.scope),
            name_of(found.node),
            without_numbers(found.message),
            identity.content(found),
            options.target if found.code in OF_TARGETS else "",
        )

    def _place(self, report: Report) -> str:
        path = report.input.path
        if path in (None, "-"):
            return "-"
        try:
            return Path(os.path.relpath(str(path), self.path.parent)).as_posix()
        except ValueError:  # on another drive
            return Path(str(path)).absolute().as_posix()

    def _is_at(self, known: Known, place: str) -> bool:
        """Whether a known finding is about the model at a place, through whatever links either is named."""
        return known.model == place or self._resolved(known.model) == self._resolved(place)

    def _resolved(self, place: str) -> str:
        if place not in self._real:
            self._real[place] = place
            with suppress(OSError, ValueError):  # of what can be no path
                self._real[place] = place if place == "-" else os.path.realpath(self.path.parent / place)
        return self._real[place]

    def _is_there(self, known: Known) -> bool:
        return known.model == "-" or (self.path.parent / known.model).exists()


@dataclass(frozen=True)
class CheckedFor:
    """What a check looked for.

    Attributes:
        wanted: Which codes.
        target: The target, ``""`` without one.

    """

    wanted: CodeSelection
    target: str

    def looks_for(self, known: Known) -> bool:
        """Whether a known finding would have been found, were it there."""
        return known.code in self.wanted and known.target in ("", self.target)


def read_baseline(path: Path, *, may_be_new: bool = False) -> Baseline:
    """Read a baseline.

    Args:
        path: The file.
        may_be_new: Whether it is about to be written, and need not be there.

    Raises:
        Unsupported: It cannot be read, or is no baseline.

    """
    try:
        if may_be_new and not path.exists():
            return _checked_folder(path)
        with path.open("rb") as stream:
            document = json.loads(stream.read(LARGEST))
        return Baseline(path, _entries(document))
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror or error})"
        hint = "check --baseline; with --write-baseline it is written"
        raise Unsupported(message, code="GL976", hint=hint) from error
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        hint = "name the file that --write-baseline wrote"
        raise Unsupported(f"{path}: is no baseline", code="GL976", hint=hint) from error


def _checked_folder(path: Path) -> Baseline:
    if not path.parent.is_dir():
        raise Unsupported(f"{path.parent}: no such folder", code="GL976", hint="make it, or name another --baseline")
    return Baseline(path)


def _entries(document: dict[str, Any]) -> list[Known]:
    if document["schema_version"] != SCHEMA_VERSION or document["tool"] != "gru-lower":
        raise ValueError
    return [_entry(each) for each in document["findings"]]


def _entry(found: dict[str, Any]) -> Known:
    entry = Known(**found)
    if not all(isinstance(value, str) for value in asdict(entry).values()):
        raise TypeError
    return entry


def _match(here: list[Known], entries: list[Known], key: Key, matched: dict[int, Known], used: set[int]) -> None:
    """Give findings that have none yet an entry with the same key, each entry once; one with the same words first."""
    by_key: dict[Hashable, list[Known]] = {}
    for entry in entries:
        if id(entry) not in used and (named := key(entry)) is not None:
            by_key.setdefault(named, []).append(entry)
    for same_words in (True, False):
        for index, each in enumerate(here):
            fit = by_key.get(key(each), []) if index not in matched else []
            found = next((entry for entry in fit if not same_words or entry.message == each.message), None)
            if found is not None:
                fit.remove(found)
                matched[index] = found
                used.add(id(found))


def _name(known: Known) -> Hashable:
    return known.code, known.scope, known.node


def _content(known: Known) -> Hashable:
    return (known.code, known.content) if known.content else None


def _words(known: Known) -> Hashable:
    return None if known.content else (known.code, known.scope, known.node, known.message)


def _gone(known: Known) -> Diagnostic:
    where = f"{known.node}: " if known.node else ""
    return diagnostic(GONE, f"known, and not found any more: {known.code} {where}{known.message}", scope=known.scope)
