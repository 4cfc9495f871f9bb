"""The lake: where it lies, what it remembers, and all that depends on what store that is."""
