"""What Dask's workers are asked to do: look whether they see what they will need, and run a job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gru_lower.batching import locations
from gru_lower.batching.job import Job, Outcome
from gru_lower.batching.optional_packages import optional
from gru_lower.batching.run_job import run_job
from gru_lower.errors import GruLowerError
from gru_lower.version import tool_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_ATTEMPTS = 3
TOPICS = 64
"""Topics in which a run's beginnings are entered: Dask keeps the last thousand of each."""


def look(folder: str, wanted: Mapping[str, str | None], note: str | None) -> dict[str, Any]:
    """Return this worker's version, what it does not see of what it will need, and where it cannot write.

    Args:
        folder: What paths are relative to.
        wanted: Files that are there -> what tells their version from others, ``None`` where that does not matter.
        note: A file in the folder for results: it is to be seen, and one beside it to be written.

    """
    unseen = []
    for location, mark in wanted.items():
        place = location if locations.is_url(location) else str(Path(folder, locations.local_path(location)))
        try:
            found = locations.mark(place)
        except GruLowerError as error:
            unseen.append(f"{location} ({error.message})")
            continue
        if found is None:
            unseen.append(location)
        elif mark is not None and found.split(" ")[0] != mark.split(" ")[0]:
            unseen.append(f"{location} (what lies there is another file)")
    if note is not None:
        unseen += _unwritable(note, folder)
    return {"version": tool_version(), "unseen": unseen}


def _unwritable(note: str, folder: str) -> list[str]:
    place = note if locations.is_url(note) else str(Path(folder, note))
    parent = note.rpartition("/")[0] if locations.is_url(note) else str(Path(note).parent)
    try:
        if locations.mark(place) is None:
            return [f"{parent} (what this machine writes there)"]
        locations.try_writing(place)
    except GruLowerError as error:
        return [f"{parent} ({error.message})"]
    return []


def run(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Run a job, unless it has been begun too often.

    Args:
        found: The job, as JSON.
        name: What the run is called.

    Returns:
        The outcome, as JSON.

    """
    job = Job.from_json(found)
    attempts = _begin(job, name)
    if attempts > MOST_ATTEMPTS:
        return lost(job, attempts - 1).to_dict()
    return run_job(job, attempts).to_dict()


def lost(job: Job, attempts: int) -> Outcome:
    """Return what came of a job whose workers were lost."""
    message = f"the workers on which it ran were lost, {attempts} times"
    error = {"code": "GL958", "message": message, "hint": "see what ended them: memory, most likely; lower --memory"}
    return Outcome(job.model, None, 2, None, error, 0.0, attempts)


def topic_of(job: Job, name: str) -> str:
    """Return the topic in which the beginnings of a job are entered."""
    return f"gru-lower-{name}-{job.number % TOPICS}"


def beginnings(job: Job, events: Iterable[tuple[float, Any]]) -> int:
    """Return how often a job has begun, by the events of its topic."""
    return sum(number == job.number for _, number in events)


def _begin(job: Job, name: str) -> int:
    """Tell the scheduler that a job begins, before it does; return how often it has begun, this time included."""
    worker = optional("distributed").get_worker()
    topic = topic_of(job, name)

    async def told() -> int:
        await worker.scheduler.log_event(topic=topic, msg=job.number)
        return beginnings(job, await worker.scheduler.events(topic=topic))

    return int(optional("distributed.utils").sync(worker.loop, told))
