"""Runs: once, for ever, and again, in batches that can be repeated; what is said when one fails."""
