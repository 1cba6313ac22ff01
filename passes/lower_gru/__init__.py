"""The pass ``lower-gru``: GRU nodes become Scan, Loop, unrolled or single-step subgraphs."""
