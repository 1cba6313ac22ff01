"""What every rewriting call shares: run passes over a model that has been read, verify the result, and report."""
