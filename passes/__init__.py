"""What is done to a model: one pass per file, and the public calls made of them."""
