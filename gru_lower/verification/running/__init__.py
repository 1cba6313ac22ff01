"""Runs of models on the same inputs, in the worker."""
