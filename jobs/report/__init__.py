"""The report: one page of what should not have been sent, and why."""
