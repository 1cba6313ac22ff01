"""What each framework's GRU layer is and can express, as data."""
