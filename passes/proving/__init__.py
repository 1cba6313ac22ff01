"""Parts of the proof that what stands for a GRU computes it: see :mod:`gru_lower.passes.prove`."""
