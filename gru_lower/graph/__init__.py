"""A model in memory: read, looked at, edited and written. Passes describe edits of the ModelProto."""
