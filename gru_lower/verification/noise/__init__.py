"""Noise that models draw: found, matched between two models, and handed in instead."""
