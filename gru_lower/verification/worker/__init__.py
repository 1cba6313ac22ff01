"""The process that runs models: its server, the client that starts and asks it, and the frames between them."""
