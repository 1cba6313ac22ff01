"""Verification of single GRUs: each and its replacement, cut out of their models."""
