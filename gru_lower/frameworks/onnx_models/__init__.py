"""ONNX models of GRUs: read for a framework, and written from its layers."""
