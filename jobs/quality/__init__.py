"""Quality: what must hold of the tables, held against their rows by Great Expectations."""
