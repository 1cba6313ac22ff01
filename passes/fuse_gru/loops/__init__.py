"""Loop and Scan nodes: reading their bodies for every step at once, and taking them apart (fission, hoisting)."""
