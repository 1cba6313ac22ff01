"""The pass ``fuse-gru``: decomposed GRUs become GRU nodes, recognised by what they compute."""
