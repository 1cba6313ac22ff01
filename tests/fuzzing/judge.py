"""Run one command on one file, and tell what must not have come of it."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest import mock

from gru_lower.checking.checked_model import CheckedModel
from gru_lower.cli.main import run
from gru_lower.errors import GruLowerError
from gru_lower.graph import model as graph_model
from gru_lower.passes import base, pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SECONDS, BYTES = 60.0, 1 << 30
CANARY = b"what lies outside the folder"
COMMANDS = (
    ("lower", "{m}", "-o", "{o}", "--no-verify"),
    ("lower", "{m}", "-o", "{o}", "--no-verify", "--form", "unroll"),
    ("lower", "{m}", "-o", "{o}", "--no-verify", "--form", "loop", "--vocabulary", "minimal"),
    ("lower", "{m}", "-o", "{o}", "--no-verify", "--target", "portable", "--opset", "13"),
    ("lower", "{m}", "-o", "{o}", "--no-verify", "--passes", "fold-shapes,normalize-gru,merge-gru,lower-gru"),
    ("lower", "{m}", "-o", "{o}", "--no-verify", "--opset", "21"),
    ("lower", "{m}", "-o", "{o}", "--no-verify", "--fix-dim", "T=4", "--fix-dim", "N=2"),
    ("fuse", "{m}", "-o", "{o}", "--no-verify"),
    ("fuse", "{m}", "-o", "{o}", "--no-verify", "--steps", "--empty", "guard"),
    ("legalize", "{m}", "--target", "mnn", "-o", "{o}", "--no-verify"),
    ("legalize", "{m}", "--target", "tract", "-o", "{o}", "--no-verify", "--allow-cast"),
    ("inspect", "{m}"),
    ("inspect", "{m}", "--output-format", "json"),
    ("check", "{m}"),
    ("check", "{m}", "--target", "opencv", "--output-format", "sarif"),
    ("check", "{m}", "--fix", "-o", "{o}", "--no-verify"),
    ("lower", "{m}", "-o", "{o}", "--no-verify", "--set", "X=1", "--name-outputs", "--mask", "where"),
    ("lower", "{m}", "-o", "{o}", "--no-verify", "--target", "onnxruntime", "--prefer", "speed", "--report", "{r}"),
    ("check", "{m}", "--report", "{r}", "--output-format", "junit"),
    ("check", "{m}", "--fix", "--unsafe-fixes", "-o", "{o}", "--no-verify", "--target", "tract"),
    ("quantize", "{m}", "-o", "{o}", "--no-verify"),
    ("quantize", "{m}", "-o", "{o}", "--no-verify", "--all", "--form", "unroll", "--evidence"),
    ("quantize", "{m}", "-o", "{o}", "--no-verify", "--weights-only", "--foldable"),
    ("quantize", "{m}", "-o", "{o}", "--no-verify", "--weights-only", "--weights", "int4", "--opset", "21"),
    ("batch", "{m}", "--do", "fuse --no-verify", "--out", "{d}", "--cluster", "none"),
    ("stream", "{m}", "-o", "{o}", "--no-verify"),
    ("stream", "{m}", "-o", "{o}", "--no-verify", "--context", "3", "--chunk", "2"),
    ("stream", "{m}", "-o", "{o}", "--no-verify", "--time", "X:0", "--chunk", "4"),
    ("convert", "{m}", "--to", "torch", "-o", "{w}"),
    ("convert", "{m}", "--to", "keras", "-o", "{w}"),
    ("convert", "{m}", "--to", "mlx", "-o", "{w}"),
)
"""Commands whose own process does all the work."""
RUNNING = (
    ("lower", "{m}", "-o", "{o}", "--cases", "1"),
    ("fuse", "{m}", "-o", "{o}", "--cases", "1"),
    ("verify", "{m}", "{m}", "--search", "0", "--cases", "1", "--prove"),
    ("quantize", "{m}", "-o", "{o}", "--cases", "1"),
    ("stream", "{m}", "-o", "{o}", "--cases", "1"),
    ("bench", "{m}", "--runs", "1"),
)
"""Commands that run the model."""


@dataclass
class Shares:
    """How far inputs get.

    Attributes:
        inputs: How many there were.
        caught: How many ended in the refusal that an unexpected error costs an odd model.
        parsed: How many of them passed the check that stands before everything else.
        reached: How many of them a pass or a rule looked at.

    """

    inputs: int = 0
    caught: int = 0
    parsed: int = 0
    reached: int = 0
    _seen: set[str] = field(default_factory=set)

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Count one input."""
        self.inputs += 1
        self._seen.clear()
        yield
        self.parsed += "parsed" in self._seen
        self.reached += "reached" in self._seen

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Note what is read and what is run, as long as this lasts."""
        places: list[tuple[Any, str, str]] = [
            *((graph_model, "hold", "parsed"), (pipeline, "run", "reached")),
            *((CheckedModel, "__init__", "reached"), (base.Context, "__init__", "reached")),
        ]
        with contextlib.ExitStack() as stack:
            for holder, name, what in places:
                stack.enter_context(mock.patch.object(holder, name, self._noting(getattr(holder, name), what)))
            yield

    def _noting(self, function: Callable[..., Any], what: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if what == "reached":
                self._seen.add(what)
            result = function(*args, **kwargs)
            self._seen.add(what)
            return result

        return call


class Folder:
    """The folder that commands run in, with files around it that they must leave alone.

    Args:
        root: An empty folder.

    """

    def __init__(self, root: Path) -> None:
        """Lay out what lies around."""
        self.root, self.inside = root, root / "inside"
        self.inside.mkdir()
        (root / "canary").write_bytes(CANARY)
        (self.inside / "w.bin").write_bytes(bytes(144))
        (self.inside / "link").symlink_to(root / "canary")
        self.kept = {"w.bin", "link"}
        self.said = ""

    def wrong(self, raw: bytes, words: tuple[str, ...]) -> str:
        """Run a command on a file; return what must not have come of it, ``""`` for nothing."""
        model = self.inside / "m.onnx"
        model.write_bytes(raw)
        names = {"o": "o.onnx", "w": "w.npz", "r": "r.html", "d": "out"}
        places = {"{m}": model, **{f"{{{word}}}": self.inside / name for word, name in names.items()}}
        argv = [str(places.get(word, word)) for word in words]
        before, start = _peak(), time.monotonic()
        out, err = io.StringIO(), io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run([*argv, "--no-color"] if words[0] != "convert" else argv)
        except BaseException as error:  # noqa: BLE001 - whatever comes out of the command line is wrong
            return f"{type(error).__name__}: {error}"
        said = self.said = err.getvalue() + out.getvalue()
        wrong = ""
        if code not in (0, 1, 2) or "Traceback" in said or "Warning: " in said:
            wrong = f"exit code {code}: {said.strip().splitlines()[-2:]}"
        elif time.monotonic() - start > SECONDS:
            wrong = f"{time.monotonic() - start:.0f} s"
        elif _peak() - before > BYTES + len(raw):
            wrong = f"{(_peak() - before) / 1e9:.1f} GB"
        elif code == 2 and "error" not in said:
            wrong = "exit code 2 and not a word"
        wrong = wrong or self._what_is_broken(code, said)
        self._tidy()
        return wrong

    def _what_is_broken(self, code: int, said: str) -> str:
        if (self.root / "canary").read_bytes() != CANARY or {each.name for each in self.root.iterdir()} != {
            "canary",
            "inside",
        }:
            return "something outside was changed"
        output = self.inside / "o.onnx"
        if CANARY.decode() in said:
            return "something outside was read"
        left = [each.name for each in self.inside.iterdir() if each.name.startswith(".") or each.name.endswith(".tmp")]
        if left:
            return f"left behind: {left}"
        if output.exists():
            raw = output.read_bytes()
            if CANARY in raw:
                return "something outside was read"
            if code == 0:
                try:
                    graph_model.load(output)
                except GruLowerError as error:
                    return f"a broken output: {error}"
            elif code == 2:
                return "exit code 2, and an output"
        return ""

    def _tidy(self) -> None:
        for each in self.inside.iterdir():
            if each.name not in self.kept:
                shutil.rmtree(each) if each.is_dir() else os.remove(each)  # noqa: PTH107 - a link is removed as such


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
