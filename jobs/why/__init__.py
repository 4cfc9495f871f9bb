"""Why: what a lake knows of one customer, and what follows from which event, for people to read."""
