"""Recognise GRUs: their cells in polynomials, chains of cells, their inputs, masks and lengths."""
