"""Targets: what each runtime takes, as profiles in TOML (profiles/), and verdicts on GRUs and models by them."""
