"""Build the site: ``python -m docs_site FOLDER``; what is dead or doubtful in it fails."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import main as sphinx

from docs_site.stage import stage

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Stage the sources and build; return Sphinx's exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs_site", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the site goes")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        sources, doctrees = Path(scratch, "sources"), Path(scratch, "doctrees")
        stage(sources, draw=True)
        how = ["-b", "html", "-W", "--keep-going", "-q"]
        words = [*how, "-d", doctrees, "-c", HERE, sources, given.folder]
        return int(sphinx([str(word) for word in words]))


if __name__ == "__main__":
    sys.exit(main())
