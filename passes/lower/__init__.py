"""Lowering: GRU nodes become Scan, unrolled or single-step subgraphs."""
