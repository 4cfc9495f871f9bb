"""Publication: what published tables are made of, what changed since, and how they are written."""
