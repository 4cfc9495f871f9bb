"""Caps: how often somebody may be contacted, as the configuration has it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tactful.jobs.settings.fields import (
    CONDITION,
    Channels,
    Count,
    Duration,
    Flag,
    Ids,
    Name,
    Text,
    Topics,
    once,
)
from tactful.jobs.settings.section import Section
from tactful.schemas.events import PURPOSES
from tactful.transforms.calendars import CALENDARS, WEEKDAYS
from tactful.transforms.caps import CapRule
from tactful.transforms.conditions import parse
from tactful.transforms.rules.rule import in_words


class Relaxed(Section):
    """For whom a cap is more generous."""

    where: Text = Field(description=CONDITION, title="For whom: a condition as in [[activate]].")
    limit: Count = Field(title="How many messages they may get; more than the cap's own limit.")


class Cap(Section):
    """How many messages a person may get in some time, over several channels together."""

    name: Name = Field(title="Its name, which is its policy, too.")
    channels: Channels = Field(default=(), title="The channels it counts together; empty: all.")
    purposes: Annotated[tuple[Literal[PURPOSES], ...], AfterValidator(once)] = Field(  # type: ignore[valid-type]
        default=("marketing",),
        min_length=1,
        description="a list with marketing or transactional",
        title="The purposes it counts together.",
    )
    topics: Topics = Field(default=(), title="The topics of messages it counts; empty: all.")
    campaigns: Ids = Field(default=(), title="The campaigns it counts; empty: all.")
    limit: Count = Field(title="How many messages a person may get in the window.")
    window: Duration | None = Field(
        default=None, title="The window, rolling; it has to be given unless `calendar` is."
    )
    calendar: Literal[tuple(CALENDARS)] | None = Field(  # type: ignore[valid-type]
        default=None, title="Instead of a rolling window: the calendar's own."
    )
    week_starts: Literal[WEEKDAYS] = Field(  # type: ignore[valid-type]
        default="monday", title='With calendar = "week": the day it begins with.'
    )
    zone: Literal["customer", "business", "utc"] = Field(
        default="customer",
        title="With `calendar`: whose clock it goes by. The customer's zone is the one they had "
        "told by the message, else that of their newest event by then whose place is known, else "
        "the business's.",
    )
    counts: Literal["sent", "delivered", "opened"] = Field(
        default="sent", title="What a message counts from; opened: by a human."
    )
    ad_contact_every: Duration = Field(
        default=timedelta(days=1),
        title="How often somebody in an ad audience of what is planned is assumed to see an ad: so "
        "often that counts for what is planned, since networks tell nobody who saw one.",
    )
    exempt_topics: Topics = Field(
        default=(), title="Messages of these topics are never held by it."
    )
    exempt_campaigns: Ids = Field(
        default=(), title="Messages of these campaigns are never held by it."
    )
    exempt_counts: Flag = Field(
        default=False, title="Whether messages that are exempt count for the others."
    )
    on_cap: Literal["defer", "drop"] = Field(
        default="defer",
        title="What becomes of what [[activate]] would say and it stops: defer decides it anew "
        "when a place is free, drop says it at its moment or not at all.",
    )
    relaxed: tuple[Relaxed, ...] = Field(
        default=(),
        description="a list of tables, each with where and limit",
        title="Who may get more of what [[activate]] says: the first whose `where` is true counts. "
        "Suppressions and `pressure` go by `limit`.",
    )

    @property
    def span(self) -> str:
        """Its window in words: 7 days, or 1 calendar week."""
        return in_words(self.window) if self.window else f"1 calendar {self.calendar}"

    @property
    def within(self) -> str:
        """The same behind a number of messages: 2 in 7 days, or 2 a calendar week."""
        return f"in {self.span}" if self.window else f"a calendar {self.calendar}"

    def rule(self, time_zone: str) -> CapRule:
        """The cap as transforms take it. time_zone: the business's."""
        return CapRule(
            name=self.name,
            channels=self.channels,
            purposes=self.purposes,
            limit=self.limit,
            window=self.window,
            counts=self.counts,
            calendar=self.calendar,
            zone={"customer": None, "business": time_zone, "utc": "UTC"}[self.zone],
            week_starts=WEEKDAYS.index(self.week_starts),
            topics=self.topics,
            campaigns=self.campaigns,
            exempt_topics=self.exempt_topics,
            exempt_campaigns=self.exempt_campaigns,
            exempt_counts=self.exempt_counts,
            relaxed=tuple((one.where, one.limit) for one in self.relaxed),
            drops=self.on_cap == "drop",
        )

    @property
    def asked(self) -> frozenset[str]:
        """The columns of `customers` and `customer_scores` that its conditions read."""
        return frozenset().union(*(parse(one.where).columns for one in self.relaxed))
