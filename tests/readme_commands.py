"""Run the README's first two commands as a newcomer would: in a fresh copy of the checkout and a fresh environment.

Run by ``.ci/run`` and by ``nox -s readme``; it needs nothing but Python's own library, git and bash::

    python3 tests/readme_commands.py FOLDER

``FOLDER/checkout`` and ``FOLDER/venv`` are left behind for whoever called.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSIDE = "GRU_LOWER_INSIDE_README"
"""Set in the environment of the commands, so that the tests they run do not start them over again."""

SHARED = "GRU_LOWER_SHARED"
"""Where the tests look for collected data; in a copy of the checkout it does not lie beside it."""

_SHELL_BLOCK = re.compile(r"^```(?:sh|bash|shell|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shell_blocks(markdown: str) -> list[str]:
    """Return the text of each fenced shell block, in order, without the fences."""
    return [block.strip() for block in _SHELL_BLOCK.findall(markdown)]


def first_commands(root: Path = ROOT) -> list[str]:
    """Return the README's first two shell blocks: install and run, install and test.

    Raises:
        ValueError: The README has fewer than two.

    """
    commands = shell_blocks((root / "README.md").read_text(encoding="utf-8"))[:2]
    if len(commands) < 2:
        message = "README.md needs two fenced shell blocks: how to install and run, how to install and test"
        raise ValueError(message)
    return commands


def tracked_files(root: Path) -> list[str]:
    """Return what git tracks and what it would add, relative to the root.

    Raises:
        subprocess.CalledProcessError: The folder is no checkout.

    """
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True,
        stdout=subprocess.PIPE,
    )
    return os.fsdecode(listed.stdout).split("\0")[:-1]


def copy_checkout(root: Path, destination: Path) -> None:
    """Copy what git tracks and what it would add, symlinks as they are, to a new folder without history."""
    for name in tracked_files(root):
        source, target = root / name, destination / name
        if not os.path.lexists(source):
            continue  # deleted, and not yet committed
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)


def run_first_commands(folder: Path, root: Path = ROOT) -> None:
    """Run the README's first two commands, letter for letter, in ``folder/checkout`` with ``folder/venv`` active.

    Raises:
        subprocess.CalledProcessError: A command failed; the second one also does when it finds no test.

    """
    checkout, environment = folder / "checkout", folder / "venv"
    copy_checkout(root, checkout)
    for words in (["init", "-q"], ["add", "-A"]):  # as a clone is a repository, which some tests ask what belongs to it
        subprocess.run(["git", "-C", checkout, *words], check=True)
    venv.create(environment, with_pip=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST_"))}
    path = os.pathsep.join([str(environment / "bin"), os.environ["PATH"]])
    for command in first_commands(root):
        print(f"\n$ {command}", flush=True)
        subprocess.run(
            ["bash", "-e", "-c", command],
            cwd=checkout,
            env=kept
            | {"PATH": path, "VIRTUAL_ENV": str(environment), INSIDE: "1", SHARED: str(root.parent / "shared")},
            stdin=subprocess.DEVNULL,
            check=True,
        )


def main() -> int:
    """Run them in the folder named on the command line; return the failing command's exit code, or 0."""
    try:
        run_first_commands(Path(sys.argv[1]).resolve())
    except subprocess.CalledProcessError as error:
        print(f"failed with exit code {error.returncode}: {error.cmd[-1]}", file=sys.stderr)
        return int(error.returncode)
    return 0


if __name__ == "__main__":
    sys.exit(main())
