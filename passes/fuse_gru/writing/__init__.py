"""Writing the GRU nodes of a graph, with what leads to them and what is taken from them."""
