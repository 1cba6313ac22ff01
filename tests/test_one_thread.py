"""A command loads numpy without threads of its own, and nothing that it starts is told so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = """
import os
from gru_lower.isolation import ends_soon, odd_numbers
{first}
with odd_numbers.odd_numbers_expected():
    threads = len(os.listdir("/proc/self/task"))
print(threads, os.environ.get("OPENBLAS_NUM_THREADS"))
"""


def threads(first: str, **env: str) -> list[str]:
    """Return how many threads there are once numpy is loaded, and what the variable says then."""
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first=first)],
        env=inherited | {"PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted as Linux shows them")
def test_a_command_starts_no_threads_for_numpy_unless_the_user_says_so() -> None:
    command = "ends_soon.say_it_ends_soon()"
    assert threads(command) == ["1", "None"]
    assert threads(command, OPENBLAS_NUM_THREADS="2")[1] == "2"
    assert threads("")[1] == "None"
    assert threads(command, OPENBLAS_NUM_THREADS="2") == threads("", OPENBLAS_NUM_THREADS="2")
