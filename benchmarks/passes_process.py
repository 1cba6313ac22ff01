"""One run of the passes in a process of its own: ``python -m benchmarks.passes_process MODEL OUT PASSES`` prints JSON.

Memory is the growth of the process's peak beyond what the imports took, which is why this is a process of its own.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from itertools import pairwise
from pathlib import Path

import onnx_graphsurgeon  # noqa: F401 - imported late by the passes; counts as an import here

from gru_lower.graph.model import load
from gru_lower.graph.write_model import save
from gru_lower.passes import pipeline
from gru_lower.rewriting.rewrite_model import rewrite_model

MB = 1_000_000


def peak() -> int:
    """Return the most bytes this process has held."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts what the parent held before it started this program into ru_maxrss
        found = re.search(r"^VmHWM:\s+(\d+) kB", status.read_text(encoding="ascii"), re.MULTILINE)
        if found:
            return int(found.group(1)) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def main(model: Path, target: Path, passes: str) -> None:
    """Load, lower and save; print the CPU seconds of each, which other work does not lengthen, and the MB of all."""
    pipeline.parse(passes)  # imports what the passes are made of
    before = peak()
    times = [time.process_time()]
    held = load(model)
    times.append(time.process_time())
    result = rewrite_model(held, passes)
    times.append(time.process_time())
    save(result.held, target, overwrite=True)
    times.append(time.process_time())
    used = (peak() - before) / MB
    load_time, lower_time, save_time = (later - earlier for earlier, later in pairwise(times))
    print(json.dumps({"load": load_time, "lower": lower_time, "save": save_time, "megabytes": used}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
