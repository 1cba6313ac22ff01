"""Reports of a run, as the command line prints them and as JSON."""
