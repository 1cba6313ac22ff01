"""Inputs to run models on: drawn from what the graph says of them, read from files, or searched for."""
