"""How a model is held, read, edited and written: the ModelProto is the truth, passes describe edits to it."""
