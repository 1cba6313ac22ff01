"""What the site's search looks through, a record for each section and option of a page, and what ranks them.

MiniSearch comes from npm; the folder of the package is named by the environment variable ``MINISEARCH``. Words are
reduced to their stems by the Snowball stemmer that Sphinx carries.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sphinx.search
from docutils import nodes
from sphinx import addnodes
from sphinx.errors import ExtensionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx

STEMMERS = Path(sphinx.search.__file__).parent / "minified-js"
HELD_BACK = {
    "CHANGELOG": 0.3,
    "CONTRIBUTING": 0.4,
    "docs/architecture": 0.4,
    "docs/benchmarks/": 0.5,
    "docs/decisions/": 0.4,
    "docs/diagnostics/": 0.75,
    "docs/one-gru": 1.1,
    "benchmarks/": 0.4,
    "findings/": 0.4,
    "reference/passes/": 0.7,
    "tests_live/": 0.4,
}
"""How much a page counts, by what its path begins with; a guide counts 1.

What is for those who change gru-lower stands behind what is for those who use it."""


def records(app: Sphinx) -> Iterator[dict[str, Any]]:
    """Yield a record for each section and each option: where it is, what it is called, and its own words."""
    for name in sorted(app.env.found_docs):
        page = app.env.titles[name].astext()
        uri = app.builder.get_target_uri(name)
        weight = next((weight for begin, weight in HELD_BACK.items() if name.startswith(begin)), 1)
        doctree = app.env.get_doctree(name)
        for section in doctree.findall(nodes.section):
            heading = next(section.findall(nodes.title)).astext()
            place, heading = (uri, "") if heading == page else (f"{uri}#{section['ids'][0]}", heading)
            text = " ".join(_own_words(section))
            yield {"url": place, "page": page, "heading": heading, "text": text, "weight": weight}
        for option in doctree.findall(_is_option):
            signature, content = option.children
            place, heading = f"{uri}#{signature['ids'][0]}", " ".join(signature["allnames"])
            yield {"url": place, "page": page, "heading": heading, "text": content.astext(), "weight": weight}


def _is_option(node: nodes.Node) -> bool:
    return isinstance(node, addnodes.desc) and node["objtype"] == "option"


def _own_words(section: nodes.section) -> Iterator[str]:
    for child in section.children:
        if not isinstance(child, (nodes.section, nodes.title)):
            yield from (text.astext() for text in child.findall(nodes.Text))


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the records beside the scripts that search them.

    Raises:
        ExtensionError: MiniSearch is not where it is said to be.

    """
    if error is not None:
        return
    static = Path(app.outdir, "_static")
    library = Path(os.environ.get("MINISEARCH", ""), "dist", "umd", "index.js")
    if not library.is_file():
        raise ExtensionError(f"{library}: no such file; npm install minisearch, and name its folder in MINISEARCH")
    shutil.copyfile(library, static / "minisearch.js")
    for name in ("base-stemmer.js", "english-stemmer.js"):
        shutil.copyfile(STEMMERS / name, static / name)
    listed = json.dumps(list(records(app)), ensure_ascii=False)
    (static / "search-records.js").write_text(f"var SEARCH_RECORDS = {listed}\n", encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Take the place of Sphinx's own index."""
    app.connect("builder-inited", _without_own_index)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _without_own_index(app: Sphinx) -> None:
    app.builder.search = False
