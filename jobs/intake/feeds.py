"""Feeds: the kinds of sources that are read by positions, a module and a line each."""

from __future__ import annotations

from tactful.jobs.intake.delta_tables import DELTA
from tactful.jobs.intake.kafka import KAFKA
from tactful.jobs.intake.spans import Feed

FEEDS: dict[str, Feed] = {"delta": DELTA, "kafka": KAFKA}
