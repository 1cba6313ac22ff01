"""The sites of a rewrite: their models are loaded, and run, while other things are done."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from gru_lower.verification.sites.site_models import site_pair
from gru_lower.verification.sites.verify_site import BegunSite
from gru_lower.verification.worker.client import MOST_AHEAD, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gru_lower.verification.options import VerifyOptions
    from gru_lower.verification.sites.site import Site

LOADED = 16
"""How many sites' models are loaded before the first of them runs."""


class BegunSites:
    """What was rewritten, site by site.

    Attributes:
        changed: The sites at which something was replaced.
        worker: Where their models run.

    Args:
        sites: What the passes did.
        ir_version: The model's IR version.
        base_dir: Where its external data lies.
        options: How it is verified.
        worker: Where their models run.

    """

    def __init__(
        self, sites: Sequence[Site], ir_version: int, base_dir: Path | None, options: VerifyOptions, worker: Worker
    ) -> None:
        """Load nothing yet."""
        self.changed = [site for site in sites if site.change is not None]
        self.worker = worker
        self._ir_version = ir_version
        self._base_dir = base_dir
        self._options = options
        self._begun: dict[int, BegunSite | None] = {}
        self._next = 0

    def load_ahead(self) -> None:
        """Begin to load the models of the first sites, as long as they are small, where that is done ahead."""
        room = MOST_AHEAD
        for place in range(min(LOADED, len(self.changed))):
            begun = self._begin(place)
            if begun is not None and not begun.load_ahead():
                return
            room -= 0 if begun is None else begun.size
            if room < 0:
                return

    def begin_next(self) -> bool:
        """Begin to run the models of the next site; return whether there was one."""
        place, self._next = self._next, self._next + 1
        if place >= len(self.changed):
            return False
        begun = self._begin(place)
        if begun is not None:
            begun.begin()
        return True

    def verify(self, place: int) -> None:
        """Verify one of those that were changed, unless it has its verdict."""
        begun = self._begin(place)
        del self._begun[place]
        if begun is not None:
            self.changed[place].verified = begun.verdict()

    def _begin(self, place: int) -> BegunSite | None:
        """Return a site, ``None`` where it is not to be verified by itself."""
        if place not in self._begun:
            site, options, pair = self.changed[place], self._options, None
            if site.verified is None and not options.by_fidelity:
                pair = site_pair(site, self._ir_version, self._base_dir, options.zero_length_state or "zero")
            self._begun[place] = None if pair is None else BegunSite(pair, options.for_sites(), self.worker)
        return self._begun[place]


@contextmanager
def begun_sites(
    sites: Sequence[Site], ir_version: int, base_dir: Path | None, options: VerifyOptions
) -> Iterator[BegunSites]:
    """Provide the sites of a rewrite, with a worker of their own in which the first of them begin to load.

    For the arguments see :class:`BegunSites`.
    """
    with Worker(timeout=options.timeout, memory=options.memory) as worker:
        begun = BegunSites(sites, ir_version, base_dir, options, worker)
        begun.load_ahead()
        yield begun
