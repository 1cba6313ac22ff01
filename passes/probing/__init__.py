"""What a probe is made of: small models, the runner they are handed to, and the search for options that go together."""
