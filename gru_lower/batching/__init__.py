"""One command over many models: in this process, on workers of its own, or on a cluster of Dask's."""
