"""``python -m gru_lower`` is ``gru-lower``."""

from gru_lower.cli.main import main

main()
