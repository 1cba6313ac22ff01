"""The public calls, one file each: load, passes, verification and report are shared by all of them."""
