"""A model may hold any number: what numpy would say of overflows and empty means is no news to its user."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def odd_numbers_expected() -> Iterator[None]:
    """Let numpy neither warn nor raise, whatever the caller has set."""
    import numpy as np

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield
