"""Running jobs on Dask's workers: those of a cluster, or some that are started on this machine."""
