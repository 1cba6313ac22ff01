"""Prove, over the reals and for all inputs, that the nodes in place of a GRU compute it."""
