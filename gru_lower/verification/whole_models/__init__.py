"""Verification of whole models: whether two of them compute the same outputs."""
