"""Fields: what one value of the configuration may be, and what an error message says of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from tactful.jobs.settings.durations import parse_duration
from tactful.schemas.currencies import CURRENCIES
from tactful.schemas.events import CHANNELS, STREAMS, wide_columns
from tactful.schemas.time_zones import TIME_ZONES
from tactful.transforms.about import topic_word

# Events before 1971 are refused, and durations of a century are added to a day that is told here.
REACHABLE = re.compile(r"[^@\s]+@[^@\s]+|\+[1-9][0-9]{6,14}")
EARLIEST, LATEST = date(1971, 1, 1), date(2999, 12, 31)


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta():
        raise ValueError("not above zero")
    return duration


def known_region(name: str) -> str:
    """A region whose phone numbers can be read, in capitals."""
    from phonenumbers import SUPPORTED_REGIONS  # slow to import, so only when it is needed

    if name.upper() not in SUPPORTED_REGIONS:
        raise ValueError("unknown region")
    return name.upper()


def known_zone(name: str) -> str:
    """The name of a time zone, as the tz database has it."""
    if name not in TIME_ZONES:
        raise ValueError("unknown time zone")
    return name


def known_currency(code: str) -> str:
    """A code of ISO 4217, in capitals; read in any case, as of events."""
    told = code.strip().upper()
    if told not in CURRENCIES:
        raise ValueError("unknown currency")
    return told


def _day(told: Any) -> date:
    """A day, or the day (UTC) of a moment, as TOML or a text has them."""
    if isinstance(told, str):
        told = datetime.fromisoformat(told.strip())
    if isinstance(told, datetime):
        # Far from every bound, so that no zone leads out of the years there are.
        is_near = EARLIEST.year <= told.year <= LATEST.year
        return (told.astimezone(UTC) if told.tzinfo and is_near else told).date()
    if not isinstance(told, date):
        raise ValueError("not a day")
    return told


def _moment(told: Any) -> datetime:
    """A moment with its zone, as TOML or a text has it, in UTC."""
    if isinstance(told, str):
        told = datetime.fromisoformat(told.strip())
    if not isinstance(told, datetime) or told.tzinfo is None:
        raise ValueError("not a moment")
    if not EARLIEST.year <= told.year <= LATEST.year:
        raise ValueError("out of bounds")
    return told.astimezone(UTC)


def _bounded(day: date) -> date:
    if not EARLIEST <= day <= LATEST:
        raise ValueError("out of bounds")
    return day


def _place(path: str) -> str:
    if not path.strip() or "\0" in path:
        raise ValueError("not a path")
    return path


def attribute_names(names: Iterable[str]) -> tuple[str, ...]:
    """Attributes as they are compared; their order in the file means nothing."""
    return tuple(sorted({name.strip().lower() for name in names}))


def partition_fields(names: Iterable[str]) -> tuple[str, ...]:
    """What all rows of a folder may have in common: not their id, and no list or table."""
    for name in names:
        kinds = {c.type for c in wide_columns() if c.name == name}
        plain = name != "event_id" and not any("<" in kind for kind in kinds)
        if not plain or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError("not a partition")
    return once(names)


def once(values: Iterable[str]) -> tuple[str, ...]:
    """Each value at its first place."""
    return tuple(dict.fromkeys(values))


def ids(values: Iterable[str]) -> tuple[str, ...]:
    """As events have them, without blanks around; their order in the file means nothing."""
    told = {value.strip() for value in values}
    if "" in told:
        raise ValueError("blank")
    return tuple(sorted(told))


def reachable(values: Iterable[str]) -> tuple[str, ...]:
    """Email addresses in lower case, and numbers with their country; their order means nothing."""
    told = {value.strip().lower() for value in values}
    if not all(REACHABLE.fullmatch(value) for value in told):
        raise ValueError("neither an address nor a number")
    return tuple(sorted(told))


def topics(values: Iterable[str]) -> tuple[str, ...]:
    """As they are compared; their order in the file means nothing."""
    return ids(map(topic_words, values))


def topic_words(topic: str) -> str:
    """A topic as it is compared: Review request, review-request and REVIEW_REQUEST are one."""
    return topic_word(topic.strip())


def blocked_values(values: Iterable[str]) -> tuple[str, ...]:
    """As they are compared, trimmed and in lower case; their order in the file means nothing."""
    return tuple(sorted({value.strip().lower() for value in values}))


# A field's description is what an error message calls "allowed".
Span = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    Field(description="a duration such as 90s, 30m, 12h, 7d or 2w, at most 36500d"),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    AfterValidator(_positive),
    Field(description="a duration above zero such as 90s, 30m, 12h, 7d or 2w, at most 36500d"),
]
MOST = 2**31 - 1
Count = Annotated[
    int, Field(strict=True, ge=1, le=MOST, description=f"a whole number from 1 to {MOST}")
]
Amount = Annotated[
    int, Field(strict=True, ge=0, le=MOST, description=f"a whole number from 0 to {MOST}")
]
Day = Annotated[
    date,
    BeforeValidator(_day),
    AfterValidator(_bounded),
    Field(
        description=f"a day from {EARLIEST} to {LATEST} such as 2024-01-31, or a moment of it (UTC)"
    ),
]
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    Field(description="a moment with its zone, such as 2026-01-31T08:00:00Z"),
]
Currency = Annotated[
    str, AfterValidator(known_currency), Field(description="an ISO 4217 code such as USD")
]
Flag = Annotated[bool, Field(strict=True, description="true or false")]
Name = Annotated[
    str,
    Field(
        pattern=r"^[a-z][a-z0-9_]{0,62}\z",
        description="a name of lower-case letters, digits and _, starting with a letter",
    ),
]
PathText = Annotated[str, AfterValidator(_place), Field(description="a path or a URI")]
Text = Annotated[str, Field(min_length=1, description="a text that is not empty")]
Ids = Annotated[
    tuple[str, ...], AfterValidator(ids), Field(description="a list of texts that are not empty")
]
Topics = Annotated[
    tuple[str, ...], AfterValidator(topics), Field(description="a list of texts that are not empty")
]
SeedList = Annotated[
    tuple[str, ...],
    AfterValidator(reachable),
    Field(description="a list of email addresses and numbers such as +442071234567"),
]
Channels = Annotated[tuple[Literal[CHANNELS], ...], AfterValidator(once)]  # type: ignore[valid-type]
Stream = Literal[tuple(STREAMS)]  # type: ignore[valid-type]
CONDITION = "a condition, such as orders >= 2 and event.category = 'shoes'"
# How each type that an option may have is read (see `transforms/options.py`).
READ_AS = {timedelta: Duration, int: Count, bool: Flag, str: Text}
