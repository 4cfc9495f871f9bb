"""Plans: of all that could be said to somebody, what is said, on which channel and when."""
