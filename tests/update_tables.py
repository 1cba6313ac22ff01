"""Write what commands print at three widths and in ASCII to tests/tables: ``python tests/update_tables.py``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "tests" / "tables"
COMMANDS = {
    "targets": ["targets"],
    "target": ["targets", "mnn"],
    "lower": ["lower", "fixtures/digits_gru.onnx", "--form", "unroll", "--dry-run", "--no-verify"],
    "inspect": ["inspect", "fixtures/g2p_encoder.onnx"],
    "check": ["check", "fixtures/digits_gru.onnx", "--target", "tract"],
    "stream": ["stream", "fixtures/g2p_encoder.onnx", "--dry-run", "--no-verify"],
}
"""What is run, by the name of its text."""
WIDTHS = (60, 80, 120)


def printed(name: str, width: int, encoding: str = "utf-8") -> str:
    """Return what a command prints on a terminal of a width, stderr included."""
    env = os.environ | {
        "COLUMNS": str(width),
        "NO_COLOR": "1",
        "TTY_COMPATIBLE": "1",
        "PYTHONIOENCODING": encoding,
        "PYTHONUTF8": "0",
    }
    words = [sys.executable, "-m", "gru_lower", *COMMANDS[name]]
    done = subprocess.run(words, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    lines = done.stdout.decode(encoding).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def texts() -> dict[str, tuple[str, int, str]]:
    """Return every file's name, and what it holds: a command's name, a width, an encoding."""
    found = {f"{name}-{width}.txt": (name, width, "utf-8") for name in COMMANDS for width in WIDTHS}
    return found | {f"{name}-ascii.txt": (name, 80, "ascii") for name in COMMANDS}


if __name__ == "__main__":
    TABLES.mkdir(exist_ok=True)
    for file, each in texts().items():
        (TABLES / file).write_text(printed(*each), encoding="utf-8")
