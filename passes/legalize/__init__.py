"""GRU nodes rewritten into GRU nodes that a target takes: one pass a file, and the pass that plans them."""
