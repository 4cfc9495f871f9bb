"""Screen: which rows of a list must not get a campaign now, told from published tables alone."""
