"""The rules of ``check``, a family a file; :mod:`gru_lower.passes.check` runs them."""
