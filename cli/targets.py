"""``gru-lower targets``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import help_pages, printing_options
from gru_lower.cli.library_flags import completed_by


@help_pages.command("targets", short_help="List the targets, or show what one takes.")
@click.argument("name", required=False, metavar="[NAME|FILE]", shell_complete=completed_by("targets"))
@printing_options.report_printing
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """List what each target makes of GRU variants; with a NAME, all that is known of that target."""
    from gru_lower.cli.render_targets import show_target, show_targets, write_targets
    from gru_lower.cli.terminal import Terminal
    from gru_lower.targets import read_profile

    terminal = Terminal(o)
    profiles = [read_profile.load(name) for name in (read_profile.names() if o["name"] is None else [o["name"]])]
    if terminal.for_person and o["name"] is None:
        show_targets(terminal, profiles)
    elif terminal.for_person:
        show_target(terminal, profiles[0])
    write_targets(terminal, profiles, "targets")
    return 0
