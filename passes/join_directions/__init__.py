"""The pass ``join-directions``: a forward and a reverse GRU over the same X become one bidirectional GRU."""
