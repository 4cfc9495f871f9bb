"""Suppression rules: what must not be said to whom, a module each."""
