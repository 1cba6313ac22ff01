"""The GRU operator: parsing of nodes, its equations, and a float64 reference."""
