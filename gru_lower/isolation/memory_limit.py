"""The memory limit of the worker process: how much it is, and how it is set."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path


def default_memory() -> int:
    """Return 80 % of the bytes of memory the machine, or the container, has; 0 (no limit) where it cannot be told."""
    try:
        sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return 0
    for limit in (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes")):
        with suppress(OSError, ValueError):  # no such group, or "max"
            sizes.append(int(limit.read_text(encoding="ascii")))
    return min(sizes) * 4 // 5


def limit_memory(limit: int) -> None:
    """Limit this process's data to `limit` bytes where the platform can, and forbid core files.

    RLIMIT_DATA, not RLIMIT_AS: mapped libraries and weight files are no danger and would count.

    Args:
        limit: Bytes; 0 for no limit but the one the process started with.

    """
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    soft, hard = _limits_at_start()
    if limit and (hard == resource.RLIM_INFINITY or limit < hard):
        soft = limit
    if soft == resource.getrlimit(resource.RLIMIT_DATA)[0]:
        return
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    except (ValueError, OSError) as error:
        sys.stderr.write(f"no memory limit: {error}\n")


@cache
def _limits_at_start() -> tuple[int, int]:
    import resource

    return resource.getrlimit(resource.RLIMIT_DATA)


def held_data() -> int:
    """Return the bytes of data that this process holds, as its limit counts them; 0 where that cannot be told."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def free_memory() -> None:
    """Give memory that nothing uses any more back to the system."""
    import ctypes
    import gc

    gc.collect()
    with suppress(OSError, AttributeError, TypeError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)
