"""``gru-lower targets``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import shared_options


@click.command("targets", short_help="List the targets, or show what one takes.")
@click.argument("name", required=False, metavar="[NAME|FILE]")
@shared_options.plain_rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """List what each target makes of GRU variants; with a NAME, all that is known of that target."""
    from gru_lower.cli.render_targets import TargetTalk
    from gru_lower.targets import read_profile

    talk = TargetTalk(o)
    if o["name"] is None:
        talk.listed([read_profile.load(name) for name in read_profile.names()])
    else:
        talk.shown(read_profile.load(o["name"]))
    return 0
