"""The forms a GRU is lowered to, and what they share."""
