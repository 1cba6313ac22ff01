"""Passes: each rewrites a model in place; a file or folder is named as ``--passes`` names the pass."""
