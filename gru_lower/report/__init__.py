"""The reports of a run and of a benchmark, and their JSON."""
