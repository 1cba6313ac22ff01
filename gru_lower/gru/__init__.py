"""What a GRU is: the operator itself, one typed view of a node, and one step of the recurrence."""
