"""The site of the documents: ``python -m docs_site FOLDER`` stages every page and lets Sphinx build it."""
