"""Sphinx's configuration of the site; the sources are what stage.py lays out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pygments.lexers.special import TextLexer

from gru_lower.version import tool_version

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = str(Path(__file__).resolve().parent)

project = "gru-lower"
version = release = tool_version()
project_copyright = "the authors of gru-lower"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "docs_site.search_records",
]

html_theme = "furo"
html_title = "gru-lower"
html_theme_options = {"navigation_with_keys": True}
templates_path = [f"{HERE}/templates"]
html_static_path = [f"{HERE}/static"]
html_css_files = ["site.css"]
html_additional_pages = {"search": "search.html"}
html_copy_source = False
html_show_sourcelink = False
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True

myst_heading_anchors = 6  # those of a repository's page, so that the same links lead somewhere in both places
source_suffix = {".md": "markdown"}

nitpicky = True
# Types of other packages, and words for types, have no page here.
nitpick_ignore_regex = [("py:(class|obj|data|exc)", r"(?!gru_lower\.(lower|fuse|check)$).*")]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
add_module_names = False
python_maximum_signature_line_length = 80  # longer ones have a line for each parameter
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
toc_object_entries = False


def setup(app: Sphinx) -> None:
    """Show onnx's text format and transcripts as they are."""
    app.add_lexer("onnx", TextLexer)
