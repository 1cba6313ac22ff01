"""The algebra that values are interpreted in: polynomials, matrices, symbolic integers."""
