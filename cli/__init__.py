"""The command line: click commands and renderers over the public calls, no logic of their own."""
