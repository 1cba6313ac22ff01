"""Comparing outputs: interfaces, tolerances, chaotic models, accuracy on labels, and the verdict they add up to."""
