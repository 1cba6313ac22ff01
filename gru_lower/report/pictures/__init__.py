"""The parts of models that a report draws: each GRU before and after, as JSON that holds no weights."""
