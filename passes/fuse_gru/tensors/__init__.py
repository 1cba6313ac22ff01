"""Interpreted tensors: how the axes lie over the polynomials, and what operators do to them."""
