"""Proof, over the reals and for all inputs, that what stands for a GRU computes it."""
