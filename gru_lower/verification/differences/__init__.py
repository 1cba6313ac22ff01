"""Where two models start to differ, and the smallest models that still do."""
