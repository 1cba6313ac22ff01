"""Diagnostics: every finding, refusal and doubt has a code, a message, the place it is about, and a hint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gru_lower.diagnostic_codes import CODES
from gru_lower.light_dataclass import dataclass
from gru_lower.plain_data import PlainData

if TYPE_CHECKING:
    from gru_lower.diagnostic_codes import Severity

DOUBT = "GL451"
"""The code of a warning that leaves the exit code as it is: what a target takes was read, not run."""


@dataclass(frozen=True)
class Fix(PlainData):
    """What would fix a finding.

    Attributes:
        safe: Whether the model surely means the same afterwards, or surely means what it should have meant before.
        message: One line saying what is done.
        applied: Whether it was done.

    """

    safe: bool
    message: str
    applied: bool = False

    def to_dict(self) -> dict[str, bool | str]:
        """Return the object that stands in the JSON report's ``diagnostics``."""
        return {"safe": self.safe, "message": self.message, "applied": self.applied}


@dataclass(frozen=True)
class Diagnostic(PlainData):
    """One finding in one place.

    Attributes:
        code: A key of :data:`gru_lower.diagnostic_codes.CODES`.
        message: One line saying what was found, with the numbers or names that matter.
        scope: The scope's path (``"main/if_7.then_branch"``), ``""`` where there is none.
        node: The site id or node name, ``""`` where there is none.
        severity: ``"error"``, ``"warning"`` or ``"note"``.
        hint: One line saying what to do about it.
        fix: What ``check --fix`` would do about it, ``None`` where that is nothing.
        known: Whether it is in the baseline; ``None`` without one.
        content: A digest of what the node is made of, ``""`` where nobody asked or there is none.

    """

    code: str
    message: str
    scope: str
    node: str
    severity: Severity
    hint: str
    fix: Fix | None = None
    known: bool | None = None
    content: str = ""

    @property
    def is_mended(self) -> bool:
        """Whether it was mended."""
        return self.fix is not None and self.fix.applied

    @property
    def fails_check(self) -> bool:
        """Whether it makes ``check`` exit with 1: it is more than a note or a doubt, not mended and not known."""
        return self.severity != "note" and self.code != DOUBT and not self.is_mended and not self.known

    def to_dict(self) -> dict[str, Any]:
        """Return the object that stands in the JSON report's ``diagnostics``."""
        return {
            "code": self.code,
            "severity": self.severity,
            "scope": self.scope,
            "node": self.node,
            "message": self.message,
            "hint": self.hint,
            "fix": None if self.fix is None else self.fix.to_dict(),
            **({} if self.known is None else {"known": self.known}),
        }


def diagnostic(
    code: str, message: str, *, scope: str = "", node: str = "", hint: str | None = None, fix: Fix | None = None
) -> Diagnostic:
    """Build a diagnostic of a registered code, with the code's own severity and, unless given, its own hint."""
    entry = CODES[code]
    return Diagnostic(code, message, scope, node, entry.severity, entry.hint if hint is None else hint, fix)
