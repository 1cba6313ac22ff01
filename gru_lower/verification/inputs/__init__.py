"""Inputs to run models on: drawn from what the graph says of them, or given by the user."""
