"""Writing nodes: the emitter and its templates, the operators it may write, and the nodes of a single edit."""
