"""Measuring how long a target takes for a GRU as each of what it may become: ``gru-lower probe --time``."""
