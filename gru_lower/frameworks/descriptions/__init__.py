"""What each framework can say of a GRU, as data."""
