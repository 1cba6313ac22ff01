"""What can be said in dicts, lists, texts and numbers, as JSON holds them."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import Any


class PlainData:
    """Something with a :meth:`to_dict`."""

    __slots__ = ()

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the object as ``json.dumps`` takes it."""

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`to_dict` does, which was called so although it is no text."""
        warnings.warn("to_json() returns a dict: it is called to_dict() now", DeprecationWarning, stacklevel=2)
        return self.to_dict()
