"""Inputs that two graphs' own constants ask for: around what they compare, cut, count or clip with."""
