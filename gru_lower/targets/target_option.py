"""A target's name or path as the option of a pass, such as ``lower-gru{target=portable}``: quoted, and read back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from gru_lower.targets.profile import Profile


def quoted_target(target: str) -> str:
    """Return a target's name or path with the characters quoted that an option of a pass cannot hold."""
    return quote(target, safe="/\\:.~")


def profile_of(target: str) -> Profile | None:
    """Return the profile that an option of a pass names, ``None`` where it is empty.

    Raises:
        Unsupported: There is no such profile.
        InvalidModel: The file is no profile.

    """
    if not target:
        return None
    from gru_lower.targets import read_profile  # with all that a profile may say

    return read_profile.load(unquote(target))
