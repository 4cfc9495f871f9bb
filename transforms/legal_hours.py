"""Legal hours: when the law or the networks of a country let somebody be called or texted.

Data with its source and the day it was read, for a user's counsel to check: it is no legal advice.
Public holidays are not in it. A row without region is the whole country's; one without country is
what holds where nothing is known of a country's law.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

# From and until, in minutes since midnight, of each weekday from Monday on.
Spans = tuple[tuple[int, int], ...]
Week = tuple[Spans, ...]
READ_ON = date(2026, 11, 27)
FCC = "47 CFR 64.1200(c)(1), as told at twilio.com/docs/api/errors/30610"
STATES = "state table of cue-notify 0.6.0, core/compliance.py; not checked against the statutes"
VERO = (
    "help.getvero.com/vero-2/channels/sms/sms-quiet-hours-compliance (its rule for all countries)"
)
FRENCH = "Code de la consommation D223-9, french-business-law.com"
BREVO = "developers.brevo.com/reference/transactional-sms-1 (for end users in France)"
AUSTRALIAN = "commerce.wa.gov.au/consumer-protection/times-allowed-contact-consumers"
CANADIAN = "CRTC Unsolicited Telecommunications Rules, as told by a second source"
BOTH = ("sms", "call")


@dataclass(frozen=True)
class LegalHours:
    """When somebody in one place may be reached on some channels, and who says so."""

    country: str
    region: str
    channels: Sequence[str]
    week: Week
    source: str
    read_on: date = READ_ON


def hours(text: str) -> Spans:
    """Spans of a day: "9-20", "10-13 14-20", "9-21:30"; none of an empty text."""
    spans = (span.split("-") for span in text.split())
    return tuple((_minutes(begin), _minutes(end)) for begin, end in spans)


def week(weekdays: str, saturday: str | None = None, sunday: str | None = None) -> Week:
    """A week of days; Saturday and Sunday as the others unless told, "" for none."""
    days = [hours(weekdays)] * 5
    return (*days, *(hours(weekdays if d is None else d) for d in (saturday, sunday)))


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute or 0)


LEGAL_HOURS = (
    LegalHours("", "", BOTH, week("8-20"), VERO),
    LegalHours("US", "", BOTH, week("8-21"), FCC),
    LegalHours("US", "CT", BOTH, week("9-20"), STATES),
    *(
        LegalHours("US", state, BOTH, week("8-20"), STATES)
        for state in ("FL", "MD", "OK", "OR", "WA")
    ),
    LegalHours("US", "TX", BOTH, week("9-21", sunday="12-21"), STATES),
    LegalHours("US", "UT", BOTH, week("8-21", sunday=""), STATES),
    LegalHours("US", "VA", BOTH, week("8-21"), STATES),
    LegalHours("CA", "", ("call",), week("9-21:30", "10-18", "10-18"), CANADIAN),
    LegalHours("FR", "", ("call",), week("10-13 14-20", "", ""), FRENCH),
    LegalHours("FR", "", ("sms",), week("8-22", sunday=""), BREVO),
    LegalHours("AU", "", ("call",), week("9-20", "9-17", ""), AUSTRALIAN),
)  # fmt: skip


def legal_week(channel: str, *, country: str | None, region: str | None = None) -> Week | None:
    """When somebody may be reached on a channel; None where nothing forbids any hour.

    Who lives in an unknown part of a country may be reached when that is allowed in all of it, and
    who lives nobody knows where when it is allowed everywhere: in doubt the strictest.
    """
    told = [row for row in LEGAL_HOURS if channel in row.channels]
    if not told:
        return None
    if country is None:
        return strictest(row.week for row in told)
    own = [row for row in told if row.country == country.upper()]
    if not own:
        return next(row.week for row in told if not row.country)
    if region is None:
        return strictest(row.week for row in own)
    exact = [row.week for row in own if row.region == region.upper()]
    whole = [row.week for row in own if not row.region]
    return (exact or whole or [strictest(row.week for row in own)])[0]


def strictest(weeks: Iterable[Week]) -> Week:
    """The hours that all of these weeks have."""
    first, *others = weeks
    for other in others:
        first = tuple(_both(*days) for days in zip(first, other, strict=True))
    return first


def _both(one: Spans, other: Spans) -> Spans:
    shared = ((max(a, c), min(b, d)) for a, b in one for c, d in other)
    return tuple(sorted((begin, end) for begin, end in shared if begin < end))
