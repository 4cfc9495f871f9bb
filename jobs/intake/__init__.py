"""Intake: what lies below a landing folder, and how its files are read."""
