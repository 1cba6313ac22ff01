"""The layers point one way, nothing below the command line talks to a terminal, and imports stay light."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
FORBIDDEN_CALLS = {"print", "input", "exit", "quit", "breakpoint", "sys.exit", "os._exit", "os.abort", "SystemExit"}
ENDING_THEMSELVES = {
    ROOT / "gru_lower" / "verification" / "worker" / "serving.py",
    ROOT / "gru_lower" / "verification" / "worker" / "forked.py",
    ROOT / "gru_lower" / "batching" / "cluster" / "end_with_parent.py",
}
"""Processes of their own, which end when their parent is gone."""
HEAVY = {"numpy", "onnx", "onnxruntime", "onnx_graphsurgeon", "google.protobuf"}
CLEAN_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Hold the package in ``folder`` to the contracts in pyproject.toml."""
    return subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
            f"--config={ROOT / 'pyproject.toml'}",
        ],
        cwd=folder,
        env=CLEAN_ENVIRONMENT | {"COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the sources as they install: the contracts hold for a checkout without symlinks, too."""
    folder = tmp_path_factory.mktemp("layers")
    only_sources = shutil.ignore_patterns("passes", "cli", "__pycache__")
    shutil.copytree(ROOT / "gru_lower", folder / "gru_lower", ignore=only_sources)
    for name in ("passes", "cli"):
        shutil.copytree(ROOT / name, folder / "gru_lower" / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_layers_point_one_way(laid_out: Path) -> None:
    done = lint_imports(laid_out)
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_upward_import_is_caught(laid_out: Path) -> None:
    upward = laid_out / "gru_lower" / "graph" / "upward.py"
    upward.write_text("from gru_lower.passes import base\n", encoding="utf-8")
    try:
        done = lint_imports(laid_out)
    finally:
        upward.unlink()
    assert done.returncode == 1
    assert "gru_lower.graph.upward" in done.stdout


def sources_below_the_command_line() -> list[Path]:
    """Return every Python file but those of ``cli`` and ``__main__.py``, the command line's door."""
    found = [*(ROOT / "passes").rglob("*.py")]
    for child in (ROOT / "gru_lower").iterdir():
        if child.is_symlink() or child.name == "__main__.py":
            continue
        found += child.rglob("*.py") if child.is_dir() else [child] if child.suffix == ".py" else []
    return sorted(found)


def is_main_guard(node: ast.AST) -> bool:
    """Tell whether the node is ``if __name__ == "__main__":``; a worker is a process of its own and may end itself."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def terminal_calls(node: ast.AST) -> Iterator[str]:
    """Yield ``line: name`` for all that prints, prompts or exits, main guards left out."""
    for child in ast.iter_child_nodes(node):
        if is_main_guard(child):
            continue
        if isinstance(child, ast.Call) and ast.unparse(child.func) in FORBIDDEN_CALLS:
            yield f"{child.lineno}: {ast.unparse(child.func)}"
        if isinstance(child, ast.Raise) and isinstance(child.exc, ast.Name) and child.exc.id == "SystemExit":
            yield f"{child.lineno}: SystemExit"
        yield from terminal_calls(child)


def test_terminal_calls_are_seen() -> None:
    source = (
        "def f():\n    print()\n    sys.exit()\n    raise SystemExit\nif __name__ == '__main__':\n    sys.exit(f())"
    )
    assert list(terminal_calls(ast.parse(source))) == ["2: print", "3: sys.exit", "4: SystemExit"]


def test_nothing_below_the_command_line_prints_prompts_or_exits() -> None:
    sources = sources_below_the_command_line()
    assert sources
    found = [
        f"{source.relative_to(ROOT)}:{call}"
        for source in sources
        for call in terminal_calls(ast.parse(source.read_text(encoding="utf-8")))
        if not (source in ENDING_THEMSELVES and call.endswith(": os._exit"))
    ]
    assert not found, found


@pytest.mark.parametrize("module", ["gru_lower", "gru_lower.cli.main"])
def test_import_is_light(module: str) -> None:
    # Each of these costs a tenth of a second or more, which `--help` and shell completion would pay on every key.
    program = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout))
