"""Fuzzing of all commands: models drawn over structure, and files over bytes."""
