"""A process that runs models: the server in it, the client that starts and asks it, and the frames between them."""
