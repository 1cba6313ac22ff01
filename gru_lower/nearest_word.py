"""What may have been meant by a word that an option does not know: the nearest one that it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the word nearest to one, or that alone begins with it, whatever its case; ``None`` where none is near.

    Args:
        word: The word that is not known.
        known: Those that are.

    """
    import difflib  # a slip is rare, and starting without it is quicker

    by_folded = {each.casefold(): each for each in known}
    begun = [each for each in by_folded if word and each.startswith(word.casefold())]
    found = begun if len(begun) == 1 else difflib.get_close_matches(word.casefold(), by_folded, n=1)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return the hint that goes with a word that is not known.

    Args:
        word: The word.
        known: Those that are.
        otherwise: The hint where none of them is near.

    """
    found = nearest(word, known)
    return otherwise if found is None else f"did you mean {found}?"
