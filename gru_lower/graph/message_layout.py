"""Messages as bytes with gaps: all of them that is known is laid out once, and the gaps are filled again and again."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from gru_lower.graph.wire_format import delimited
from gru_lower.light_dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Gap(NamedTuple):
    """A place for bytes that are not known yet.

    Attributes:
        field: The number of the field that they are.
        slot: Their place among the bytes that fill a message in.

    """

    field: int
    slot: int


@dataclass(frozen=True)
class Message:
    """A field that holds a message with gaps.

    Attributes:
        field: Its number.
        items: What it is made of, in order.

    """

    field: int
    items: Sequence[Item]


Item = bytes | Gap | Message


head = lru_cache(1 << 12)(delimited)
"""What stands in front of a field's bytes."""


def whole(field: int, payload: bytes) -> bytes:
    """Return a field that holds bytes, a text or a message."""
    return head(field, len(payload)) + payload


class Layout:
    """Items whose gaps have lengths: all bytes are known but those of the gaps.

    Args:
        items: What is laid out.
        lengths: How many bytes fill each slot.

    """

    def __init__(self, items: Iterable[Item], lengths: Sequence[int]) -> None:
        """Write down all that is known."""
        flat: list[bytes | int] = []
        _lay_out(items, lengths, flat)
        self._slots = [each for each in flat if isinstance(each, int)]
        self._parts: list[bytes] = []
        known = b""
        for each in flat:
            if isinstance(each, int):
                self._parts += [known, b""]
                known = b""
            else:
                known += each
        self._parts.append(known)

    def fill(self, slots: Sequence[bytes]) -> bytes:
        """Return the bytes with every gap filled."""
        parts = self._parts.copy()
        parts[1::2] = [slots[slot] for slot in self._slots]
        return b"".join(parts)


def _lay_out(items: Iterable[Item], lengths: Sequence[int], flat: list[bytes | int]) -> int:
    """Append what items are made of, gaps as their slots; return how many bytes they are."""
    total = 0
    for item in items:
        if isinstance(item, bytes):
            flat.append(item)
            total += len(item)
            continue
        before = len(flat)
        flat.append(b"")
        if isinstance(item, Gap):
            flat.append(item.slot)
            length = lengths[item.slot]
        else:
            length = _lay_out(item.items, lengths, flat)
        flat[before] = opening = head(item.field, length)
        total += len(opening) + length
    return total
