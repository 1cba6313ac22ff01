"""Verifying one GRU and its replacement by themselves, cut out of their models."""
