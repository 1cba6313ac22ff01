"""A model may hold any number: what numpy would say of overflows and empty means is no news to its user."""

from __future__ import annotations

import warnings
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from gru_lower.isolation.ends_soon import ends_soon
from gru_lower.isolation.environment import one_thread

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def odd_numbers_expected() -> Iterator[None]:
    """Let numpy neither warn nor raise, whatever the caller has set.

    A command loads it here, without the threads that multiply matrices: they take as long to start as all of numpy does
    to load.
    """
    with one_thread() if ends_soon() else nullcontext():
        import numpy as np

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield
