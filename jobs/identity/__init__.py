"""Identity: arrays between look-up and commit."""
