"""The public calls, one file each; their options are declared once, in options.py."""
