"""Pages that are made of data: each module yields pairs of a path in the staged folder and its Markdown."""
