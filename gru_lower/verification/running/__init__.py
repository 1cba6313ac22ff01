"""Running the two models of a pair on the same inputs."""
