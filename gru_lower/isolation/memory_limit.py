"""The memory limit of the worker process: how much it is, and how it is set."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
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
        limit: Bytes; 0 for no limit.

    """
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if limit and (hard == resource.RLIM_INFINITY or limit < hard):
        try:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
        except (ValueError, OSError) as error:
            sys.stderr.write(f"no memory limit: {error}\n")
