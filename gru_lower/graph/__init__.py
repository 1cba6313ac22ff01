"""A model in memory: read, looked at, edited and written. The ModelProto is what is edited; passes describe the edits."""
