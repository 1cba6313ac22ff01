"""What may have been meant by a word that an option does not know: the nearest one that it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the word nearest to one, or that alone begins with it, whatever its case; ``None`` where none is near.

    Of equally near ones it is the first.

    Args:
        word: The word that is not known.
        known: Those that are.

    """
    import difflib  # a slip is rare, and starting without it is quicker

    by_folded = {each.casefold(): each for each in known}
    begun = [each for each in by_folded if word and each.startswith(word.casefold())]
    if len(begun) == 1:
        return by_folded[begun[0]]
    near = set(difflib.get_close_matches(word.casefold(), by_folded, n=len(by_folded) or 1))
    matcher = difflib.SequenceMatcher(b=word.casefold())

    def nearness(each: str) -> float:
        matcher.set_seq1(each)
        return matcher.ratio()

    found = max((each for each in by_folded if each in near), key=nearness, default=None)
    return None if found is None else by_folded[found]


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return the hint that goes with a word that is not known.

    Args:
        word: The word.
        known: Those that are.
        otherwise: The hint where none of them is near.

    """
    found = nearest(word, known)
    return otherwise if found is None else f"did you mean {found}?"
