"""Which codes a check is asked for: ``--select`` and ``--ignore``."""

from __future__ import annotations

from gru_lower.diagnostic_codes import CODES
from gru_lower.errors import Unsupported
from gru_lower.light_dataclass import dataclass
from gru_lower.nearest_word import did_you_mean


@dataclass(frozen=True)
class CodeSelection:
    """Which codes are asked for.

    Attributes:
        select: Codes or their beginnings; all codes if empty.
        ignore: Codes or their beginnings that are not, even if selected.

    """

    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no code begins with."""
        for word in (*self.select, *self.ignore):
            if not any(code.startswith(word) for code in CODES) or not word:
                raise unknown_code(word)

    def __contains__(self, code: str) -> bool:
        """Whether a code is asked for."""
        chosen = not self.select or code.startswith(self.select)
        return chosen and not (self.ignore and code.startswith(self.ignore))


def unknown_code(word: str) -> Unsupported:
    """Return the error for a word that no code begins with."""
    hint = did_you_mean(word, CODES, "docs/diagnostics lists them; GL7 stands for all that begin so")
    return Unsupported(f"there is no code {word!r}", code="GL008", hint=hint)
