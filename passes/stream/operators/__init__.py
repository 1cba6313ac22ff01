"""What each family of operators means for a model that runs by frames."""
