"""Recognising GRUs: cells in polynomials, rows of cells, their inputs, masks and lengths."""
