"""What processes of gru-lower's own, which may crash or run out of memory, have in common."""
