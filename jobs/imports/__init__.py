"""What other systems already keep: lists of whom not to write to, and who is in an audience."""
