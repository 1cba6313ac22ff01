"""Weights of a GRU: in ONNX's layout, in each framework's, and in files."""
