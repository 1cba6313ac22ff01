"""Interpreting the nodes of a graph: every value becomes polynomials, a constant or a leaf."""
