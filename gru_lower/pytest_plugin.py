"""A pytest plugin: ``pytest --gru-models MODELS`` makes each model a test item, which lowers and verifies it.

Nothing but pytest is imported until such an item runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gru_lower.verification.result import Verification
    from gru_lower.verification.sites.site import Site

FORMS = ("auto", "scan", "loop", "unroll", "step")
_KINDS: dict[str, tuple[Callable[[str], Any], str]] = {
    "gru_rtol": (float, "Relative tolerance of --gru-models; by default it depends on the output's type."),
    "gru_atol": (float, "Absolute tolerance of --gru-models; by default it depends on the output's type."),
    "gru_cases": (int, "Generated inputs that --gru-models compares on (default: 3)."),
    "gru_seed": (int, "Seed of the inputs that --gru-models generates (default: 0)."),
}
_NAMED = pytest.StashKey[list[Path]]()
_MODELS = pytest.StashKey[set[Path]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option, and what can be set in the configuration file."""
    group = parser.getgroup("gru-lower", "GRU models")
    group.addoption(
        "--gru-models",
        action="append",
        default=[],
        metavar="MODELS",
        help="lower and verify each model of a file, a folder or a pattern such as 'models/**/*.onnx'; repeatable",
    )
    parser.addini(
        "gru_models",
        "Files, folders and patterns, from the root: models to lower and verify where they are collected.",
        "linelist",
    )
    parser.addini("gru_form", f"What --gru-models lowers a GRU to: {', '.join(FORMS)} (default: auto).", default="auto")
    parser.addini("gru_target", "The target that --gru-models lowers for: a profile's name or path.", default="")
    parser.addini("gru_fix_dims", "Static lengths that --gru-models writes into models first: batch=1.", "linelist")
    parser.addini("gru_require_verified", "Whether what could not be verified fails (default: true).", "bool", True)  # noqa: FBT003
    for name, (_, text) in _KINDS.items():
        parser.addini(name, text, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Find the models; those of the command line are collected wherever they lie."""
    patterns: list[str] = config.getoption("gru_models") or []
    config.addinivalue_line("markers", "gru_model: a model that is lowered and verified (gru-lower)")
    if not patterns and not config.getini("gru_models"):
        return
    _lower_options(config)
    found: set[Path] = set()
    for pattern in patterns:
        models = _matching_files(pattern, config.invocation_params.dir)
        if not models:
            raise pytest.UsageError(f"--gru-models {pattern}: no model matches")
        found.update(models)
    config.stash[_NAMED] = sorted(found)
    for pattern in config.getini("gru_models"):
        found.update(_matching_files(pattern, config.rootpath))
    config.stash[_MODELS] = found


def _matching_files(pattern: str, folder: Path) -> list[Path]:
    """Return the models of a file, a folder or a pattern, relative to a folder unless it is absolute."""
    from gru_lower.batching.matching_files import matching_files

    names = matching_files(str(Path(pattern).expanduser()), str(folder))
    return [Path(os.path.abspath(name)) for name in names]  # noqa: PTH100 - as pytest does: symlinks stay as they are


@pytest.hookimpl(tryfirst=True)  # before any are deselected
def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """Add the models of the command line, wherever they lie; as arguments pytest would take no names with brackets."""
    there = {each.path for each in items if isinstance(each, LowerItem)}
    for path in session.config.stash.get(_NAMED, []):
        if path not in there:
            collector: pytest.Collector = ModelFile.from_parent(session, path=path)
            session.ihook.pytest_collectstart(collector=collector)
            report = session.ihook.pytest_make_collect_report(collector=collector)
            session.ihook.pytest_collectreport(report=report)
            items += report.result


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the models, and nothing else."""
    if file_path not in parent.config.stash.get(_MODELS, ()):
        return None
    collector: pytest.Collector = ModelFile.from_parent(parent, path=file_path)
    return collector


class ModelFile(pytest.File):
    """A model: one item."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield it; the file is not read yet."""
        yield LowerItem.from_parent(self, name="lower")


class LowerItem(pytest.Item):
    """Lower one model, and verify the result."""

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - pytest's own
        """Mark it, so that ``-m gru_model`` finds it."""
        super().__init__(**kwargs)
        self.add_marker("gru_model")

    def reportinfo(self) -> tuple[Path, None, str]:
        """Say where it is, and what is done."""
        return self.path, None, f"{self.parent.nodeid if self.parent else self.path}: lower"

    def runtest(self) -> None:
        """Fail where the model cannot be read, a GRU has to stay, or the result differs or could not be verified."""
        import gru_lower

        refused, report = "", None
        try:
            report = gru_lower.lower(self.path, **_lower_options(self.config)).report
        except gru_lower.GruLowerError as error:
            message = error.message.replace(str(self.path), self.path.name)
            refused = "; ".join(filter(None, [f"{error.code}: {message}" if error.code else message, error.hint]))
        if report is None:  # out here, or pytest would show the whole chain of exceptions
            pytest.fail(refused, pytrace=False)
        if not report.sites:
            pytest.skip("there is no GRU in it")
        found = report.verification
        self.user_properties += [("gru_status", found.status), ("gru_max_abs_error", found.max_abs_error)]
        problems = [
            *_kept_lines(report.sites),
            *_verdict_lines(found, required=bool(self.config.getini("gru_require_verified"))),
        ]
        if problems:
            pytest.fail("\n".join(problems), pytrace=False)


def _kept_lines(sites: list[Site]) -> list[str]:
    """Return a line for each GRU that had to stay."""
    return [
        f"{each.code}: {each.site} stays a GRU: {each.message}" for each in sites if each.action == "kept" and each.code
    ]


def _verdict_lines(found: Verification, *, required: bool) -> list[str]:
    """Return a line where verification did not go well, and one for each of its findings."""
    lines = [f"{each.code}: {each.message}" for each in found.findings]
    if found.status == "different":
        return [f"the lowered model differs: {found.message}", *lines]
    if found.status == "inconclusive" and required:
        return [f"the lowered model could not be verified: {found.message}", *lines]
    return lines


def _lower_options(config: pytest.Config) -> dict[str, Any]:
    """Return the arguments of ``gru_lower.lower`` that the configuration file gives.

    Raises:
        UsageError: One of them cannot be understood.

    """
    form = config.getini("gru_form")
    if form not in FORMS:
        raise pytest.UsageError(f"gru_form = {form}: there is no such form; there are {', '.join(FORMS)}")
    options: dict[str, Any] = {"form": form, "target": config.getini("gru_target") or None}
    for name, (kind, _) in _KINDS.items():
        text = config.getini(name)
        if text:
            try:
                options[name.removeprefix("gru_")] = kind(text)
            except ValueError:
                raise pytest.UsageError(f"{name} = {text}: a number is wanted") from None
    fixed = {}
    for line in config.getini("gru_fix_dims"):
        dim, _, length = line.rpartition("=")
        if not dim.strip() or not length.strip().isdecimal():
            raise pytest.UsageError(f"gru_fix_dims = {line}: write it like batch=1")
        fixed[dim.strip()] = int(length)
    return options | {"fix_dims": fixed or None}
