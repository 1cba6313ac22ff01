"""What pyproject.toml cannot say of a build: where it works, and what the package index shows.

A build works in a folder of its own, so that nothing an earlier one left comes into a wheel, and the checkout stays as
it was. The README's links to files lead nowhere on an index: they lead into the repository where pyproject.toml has its
address (``project.urls.Source``), else they become words; a picture is left out with the lines that lead to it.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
import tomllib
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
PICTURE = re.compile(r"!\[([^\]\[]+)\]\((?![a-z]+:|#)([^)\s]+)\)")
PARAGRAPH_TO_PICTURE = re.compile(rf"^[^\n]+:\n\n{PICTURE.pattern}\n\n", re.MULTILINE)
RELATIVE_LINK = re.compile(r"\[([^\]\[]+)\]\((?![a-z]+:|#)([^)\s]+)\)")


def readme_for_index(address: str | None) -> str:
    """Return the README with links that lead somewhere wherever it is read.

    Args:
        address: That of the repository, ``None`` as long as it has none.

    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    if not address:
        return RELATIVE_LINK.sub(r"\1 (\2)", PARAGRAPH_TO_PICTURE.sub("", text))
    inside = address.rstrip("/")
    return RELATIVE_LINK.sub(rf"[\1]({inside}/blob/HEAD/\2)", PICTURE.sub(rf"![\1]({inside}/raw/HEAD/\2)", text))


def main() -> None:
    """Build what was asked for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    setup(
        long_description=readme_for_index(project.get("urls", {}).get("Source")),
        long_description_content_type="text/markdown",
        options={"build": {"build_base": folder}, "egg_info": {"egg_base": folder}},
    )


main()
