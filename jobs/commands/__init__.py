"""Commands: what each sub-command answers."""
