"""Pairs of models that differ in one way a user would care about, and pairs that are equal."""
