"""Lowered graphs with one thing changed, and who tells whether that changes a result."""
