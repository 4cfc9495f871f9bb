"""Durations: how long something lasts, as people write it in a configuration."""

from __future__ import annotations

import re
from datetime import timedelta

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
# A longer wait than a life is a slip of the pen, and near year 9999 Spark's times end.
LONGEST = timedelta(days=36_500)


def parse_duration(text: object) -> timedelta:
    """Read "90s", "30m", "12h", "7d", "2w" or a sum of them such as "1d12h"."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(r"([0-9]{1,12}[smhdw])+", text.strip()):
        raise ValueError("not a duration")
    parts = re.findall(r"([0-9]+)([smhdw])", text)
    seconds = sum(int(number) * SECONDS[unit] for number, unit in parts)
    if seconds > LONGEST.total_seconds():
        raise ValueError("longer than 36500d")
    return timedelta(seconds=seconds)
