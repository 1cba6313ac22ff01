"""Write GRU nodes, their inputs, and the values that come from their outputs."""
