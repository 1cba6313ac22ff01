"""Fusing: decomposed GRUs become GRU nodes, recognised by what they compute."""
