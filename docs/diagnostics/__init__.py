"""The page of every code. They install as gru_lower.pages, where ``gru-lower check --explain`` finds them."""
