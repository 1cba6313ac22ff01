"""Checking a model: rules find what it would meet, with codes (rules/), and fix what they find."""
