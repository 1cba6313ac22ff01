"""The client of the worker: load and run models in a process that may crash, hang or run out of memory."""

from __future__ import annotations

from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from gru_lower.graph.external_data import is_marked, size_elsewhere
from gru_lower.graph.model_tensors import tensors
from gru_lower.isolation.chosen_memory import chosen_memory
from gru_lower.light_dataclass import dataclass
from gru_lower.verification.worker.asked_ahead import load_header
from gru_lower.verification.worker.kept_processes import give_back, take
from gru_lower.verification.worker.linked_data import has_links, with_real_places
from gru_lower.verification.worker.process import Process
from gru_lower.verification.worker.run_failure import RunFailure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    import onnx

    from gru_lower.verification.arrays import Array, Feeds
    from gru_lower.verification.worker.frames import Frame
    from gru_lower.verification.worker.runtimes import Runtime

T = TypeVar("T")

LARGE = 1 << 28
"""Bytes of a model beside which no other of that size is held."""
MOST_AHEAD = 1 << 26
"""Bytes of a model, or of inputs, up to which something is done ahead."""


@dataclass(frozen=True)
class _Loaded:
    """What it takes to load a model again, after a crash."""

    header: dict[str, Any]
    model: bytes
    is_large: bool


class Worker:
    """Runs models in a subprocess, taken up when first needed and started again after it had to be killed.

    Handles stay valid across a restart: their models are loaded again when next run. For one thread at a time.

    What a command's process is asked ahead (:meth:`load_ahead`, :meth:`run_ahead`) is done while the command does other
    things; `load` and `run` then fetch what came of it. If the process ends, or something takes too long or too much
    memory, while it did more than one thing, then it is asked once more, of a process that does one after the other: so
    that a failure is only ever told of what fails by itself.

    Attributes:
        seconds: How long the last run took.

    Args:
        timeout: Seconds for one load or one run.
        memory: Bytes of data the process may hold; by default what :func:`chosen_memory` says when it starts.
        providers: onnxruntime's execution providers, in order of preference; its CPU's if empty.
        shared: Whether the process may be one that ran models before, and be kept for others after.

    """

    def __init__(
        self,
        *,
        timeout: float = 60.0,
        memory: int | None = None,
        providers: Sequence[str] = (),
        shared: bool = True,
    ) -> None:
        """Start nothing yet."""
        self.timeout = timeout
        self.providers = tuple(providers)
        self.shared = shared
        self._memory = memory
        self._process: Process | None = None
        self._resident: set[int] = set()
        self._loaded: dict[int, _Loaded] = {}
        self._handles = 0
        self._has_links = cache(has_links)  # of each folder, which is looked through once
        self.seconds = 0.0

    def __enter__(self) -> Self:
        """Return the worker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the process go."""
        self.close()

    def load(
        self,
        model: onnx.ModelProto | bytes,
        base_dir: Path | None = None,
        runtime: Runtime = "onnxruntime",
        *,
        threads: int | None = None,
    ) -> int:
        """Load a model and return its handle.

        Args:
            model: The model, or its serialisation.
            base_dir: The folder its external data lies in, if it has any.
            runtime: Where to run it.
            threads: For onnxruntime: set the session up for speed, with so many threads, 0 for one per core.

        Raises:
            RunFailure: The runtime refuses the model, or the process did not survive it.

        """
        header, raw = self._to_load(model, base_dir, runtime, threads)
        size = len(raw) + (0 if isinstance(model, bytes) else size_elsewhere(model))
        ahead = self._living().ahead
        handle = None if ahead is None else ahead.handle(header, raw)
        if handle is None or ahead is None:
            handle = self._next_handle()
        else:
            ahead.load_is_taken(handle)
        loaded = _Loaded({**header, "handle": handle}, raw, size > LARGE)
        self._alone_if_need_be(partial(self._place, handle, loaded))
        return handle

    def _next_handle(self) -> int:
        self._handles += 1
        return self._handles

    def _to_load(
        self, model: onnx.ModelProto | bytes, base_dir: Path | None, runtime: Runtime, threads: int | None
    ) -> tuple[dict[str, Any], bytes]:
        """Return how a model is loaded, and its serialisation.

        Raises:
            RunFailure: It is no single message, with weights that no file holds.

        """
        held = isinstance(model, bytes) or base_dir is None or not any(is_marked(each) for each in tensors(model))
        if not held:
            raise RunFailure("memory", "with the weights that are transposed when it is written, it is above 2 GiB")
        try:
            raw = model if isinstance(model, bytes) else model.SerializeToString()
        except Exception as error:  # above 2 GiB; which type protobuf raises depends on its version
            raise RunFailure("memory", f"with weights that no file holds, it is above 2 GiB: {error}") from error
        if base_dir is not None and self._has_links(base_dir):
            raw, base_dir = with_real_places(raw, base_dir)
        folder = None if base_dir is None else str(base_dir.absolute())
        return load_header(folder, runtime, threads, self.providers), raw

    @property
    def is_ahead(self) -> bool:
        """Whether something can be done ahead."""
        with suppress(RunFailure):  # as whoever loads a model is told
            return not self.providers and self._living().ahead is not None
        return False

    def load_ahead(self, model: bytes, base_dir: Path | None = None) -> int | None:
        """Begin to load a model into onnxruntime that will be loaded later.

        Args:
            model: The model's serialisation.
            base_dir: The folder its external data lies in, if it has any.

        Returns:
            The handle it will have, ``None`` where nothing is done ahead.

        """
        if len(model) > MOST_AHEAD or not self.is_ahead:
            return None
        try:
            process = self._living()
            header, raw = self._to_load(model, base_dir, "onnxruntime", None)
        except RunFailure:  # as whoever loads it is told
            return None
        ahead = process.ahead
        if ahead is None:
            return None
        begun = ahead.handle(header, raw)
        if begun is not None:
            return begun
        about = {**header, "handle": self._next_handle()}
        process.tell({**about, "number": ahead.add_load(about, raw)}, blob=raw, timeout=self.timeout)
        return int(about["handle"])

    def run_ahead(self, handle: int, feeds: Feeds, *, at_once: bool = False) -> None:
        """Begin to run a model on inputs on which it is likely to be run later.

        Args:
            handle: From `load_ahead`.
            feeds: The inputs; they are not changed, and the same mapping is handed to `run`.
            at_once: Whether to begin now, else with what the process is asked next.

        """
        ahead = None if self._process is None or not self._process.alive else self._process.ahead
        if self._process is None or ahead is None or sum(array.nbytes for array in feeds.values()) > MOST_AHEAD:
            return
        key = _run_key(handle, feeds)
        if ahead.number_of(key) is not None:
            return
        header = {"command": "run", "handle": handle, "outputs": None, "number": ahead.add(key, feeds)}
        self._process.tell(header, feeds, timeout=self.timeout, at_once=at_once)

    def has_run_ahead(self, handle: int, feeds: Feeds) -> bool:
        """Whether what comes of a run that was begun ahead is there already, so that `run` need not wait for it.

        Args:
            handle: From `load_ahead`.
            feeds: The inputs.

        """
        ahead = None if self._process is None or not self._process.alive else self._process.ahead
        number = None if ahead is None else ahead.number_of(_run_key(handle, feeds))
        if self._process is None or number is None:
            return False
        return self._process.has_answered(number, timeout=self.timeout)

    def run(
        self,
        handle: int,
        feeds: Mapping[str, Array],
        outputs: Sequence[str] | None = None,
        *,
        timeout: float | None = None,
    ) -> Feeds:
        """Run a loaded model once and return its outputs by name.

        Args:
            handle: From `load`.
            feeds: Input name -> array, of the model's own element types.
            outputs: Which outputs; all if None.
            timeout: Seconds, instead of the worker's.

        Raises:
            RunFailure: The run failed; the next call works again.

        """
        header = {"command": "run", "handle": handle, "outputs": None if outputs is None else list(outputs)}
        key = _run_key(handle, feeds) if outputs is None else ()
        seconds = self.timeout if timeout is None else timeout
        answer = self._alone_if_need_be(lambda: _asked(self._holding(handle), key, header, feeds, timeout=seconds))
        self.seconds = float(answer.header["seconds"])
        return answer.arrays

    def time(
        self, handles: Sequence[int], feeds: Mapping[str, Array], how: Mapping[str, Any], *, timeout: float
    ) -> Array:
        """Time models of onnxruntime side by side on the same inputs.

        Args:
            handles: From `load`, with `threads`.
            feeds: As for `run`.
            how: The keyword arguments of :func:`gru_lower.verification.worker.timing.in_turn`.
            timeout: Seconds for all of it.

        Returns:
            Seconds for one run, of shape [rounds, models].

        Raises:
            RunFailure: A run failed.

        """
        process = self._holding(*handles)
        header = {"command": "time", "handles": list(handles), "how": dict(how)}
        return process.ask(header, feeds, timeout=timeout).arrays["seconds"]

    def available(self) -> list[str]:
        """Return the execution providers that the onnxruntime installed has, in its own order.

        Raises:
            RunFailure: The process does not start, or has no onnxruntime.

        """
        found = self._living().ask({"command": "providers"}, timeout=self.timeout).arrays["providers"]
        return [str(name) for name in found]

    def unload(self, handle: int) -> None:
        """Forget a model, and free what it holds in the process."""
        self._release(handle)
        self._loaded.pop(handle, None)

    def _release(self, handle: int) -> None:
        if handle in self._resident and self._process is not None and self._process.alive:
            self._resident.discard(handle)
            self._process.tell({"command": "unload", "handle": handle}, at_once=False)

    def close(self) -> None:
        """Let the process go, if there is one: it is kept for others, or ended. The worker may be used again."""
        process, self._process = self._process, None
        self._resident.clear()
        if process is None:
            return
        if self.shared and not self.providers:  # what other providers hold on their devices is not kept
            give_back(process)
        else:
            process.end()

    def _place(self, handle: int, loaded: _Loaded, beside: Collection[int] = ()) -> None:
        """Load a model; where it is large, what else is large makes room for it, and is loaded again when it is run."""
        for other in [*self._resident] if loaded.is_large else ():
            if other not in beside and self._loaded[other].is_large:
                self._release(other)
        _asked(self._living(), ("load", handle), loaded.header, blob=loaded.model, timeout=self.timeout)
        self._loaded[handle] = loaded
        self._resident.add(handle)

    def _alone_if_need_be(self, ask: Callable[[], T]) -> T:
        """Ask, and once more where the process did not survive that it did several things at once."""
        try:
            return ask()
        except RunFailure as failure:
            process = self._process
            if failure.kind == "error" or process is None or process.ahead is None or not process.ahead.matters:
                raise
            process.end()
        return ask()

    def _holding(self, *handles: int) -> Process:
        """Return the process with these models loaded."""
        process = self._living()
        for handle in handles:
            if handle not in self._resident:
                self._place(handle, self._loaded[handle], handles)
        return process

    def _living(self) -> Process:
        if self._process is None or not self._process.alive:
            self.close()
            memory = chosen_memory() if self._memory is None else self._memory
            self._process = take(memory, self.timeout) if self.shared else Process(memory, self.timeout)
        return self._process


def _run_key(handle: int, feeds: Mapping[str, Array]) -> tuple[object, ...]:
    return ("run", handle, id(feeds))


def _asked(
    process: Process,
    key: tuple[object, ...],
    header: Mapping[str, Any],
    feeds: Mapping[str, Array] | None = None,
    *,
    blob: bytes = b"",
    timeout: float,
) -> Frame:
    """Return the answer to a question, which may have been asked ahead."""
    number = None if process.ahead is None else process.ahead.fetch(key)
    if number is None:
        return process.ask(header, feeds, blob=blob, timeout=timeout)
    return process.answer_to(number, timeout=timeout)
