"""The command ``gru-lower``, which is ``python -m gru_lower`` as well."""

from __future__ import annotations

from gru_lower.garbage_collection import collect_seldom


def main() -> None:
    """Run the command line and exit; what it loads is not looked through for cycles."""
    collect_seldom(ends_soon=True)
    from gru_lower.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
