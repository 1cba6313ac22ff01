"""Comparison of outputs: tolerances, errors, rounding, chaos, accuracy on labels, and the verdict derived from them."""
