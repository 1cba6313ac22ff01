"""A preload of Dask's scheduler and workers: they end when the process that started them does.

``dask worker --preload gru_lower.batching.cluster.end_with_parent``: stdin is a pipe whose other end it alone has.
"""

from __future__ import annotations

import os
import sys
import threading


def dask_setup(_server: object) -> None:
    """Watch stdin, as Dask calls it when its server starts."""
    threading.Thread(target=_watch, daemon=True).start()


def _watch() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)
