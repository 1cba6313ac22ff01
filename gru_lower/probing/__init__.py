"""Making the profile of a target by running small models on it."""
