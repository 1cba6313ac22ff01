"""The rules of ``check``, a family a file; :mod:`gru_lower.checking.check_model` runs them."""
