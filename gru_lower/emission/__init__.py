"""Writing nodes: the emitter, its templates, and the vocabulary of operators it may write."""
