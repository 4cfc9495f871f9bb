"""Sending: files of the outbox go out by HTTP, and what became of them is kept."""
