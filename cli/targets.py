"""``gru-lower targets``."""

from __future__ import annotations

from typing import Any

import click

from gru_lower.cli import options


@click.command("targets", short_help="List the targets, or show what one takes.")
@click.argument("name", required=False, metavar="[NAME|FILE]")
@options.plain_rendering
def command(**o: Any) -> int:  # noqa: ANN401 - click's values
    """List what each target makes of GRU variants; with a NAME, all that is known of that target."""
    from gru_lower.cli.target_talk import TargetTalk
    from gru_lower.targets import profile

    talk = TargetTalk(o)
    if o["name"] is None:
        talk.listed([profile.load(name) for name in profile.names()])
    else:
        talk.shown(profile.load(o["name"]))
    return 0
