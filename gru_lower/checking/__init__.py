"""Checking a model: rules look at it and report findings with codes; fixes mend what they find."""
