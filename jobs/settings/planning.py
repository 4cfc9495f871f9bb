"""Plans: how often, how far ahead and at which hours somebody is told anything at all."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from tactful.jobs.settings.fields import Duration, Span
from tactful.jobs.settings.section import Section
from tactful.transforms.legal_hours import Week
from tactful.transforms.quiet_hours import outside

SPAN = re.compile(r"([01]?\d|2[0-3])(:[0-5]\d)?-([01]?\d|2[0-3])(:[0-5]\d)?")


def _span(told: str) -> str:
    text = told.replace(" ", "")
    begins, _, ends = text.partition("-")
    if not SPAN.fullmatch(text) or begins == ends:
        raise ValueError("no span of the day")
    return text


class Plans(Section):
    """How everything that is worth saying is fitted together."""

    min_gap: Duration = Field(
        default=timedelta(hours=20),
        title="How long there is at least between two plans for one person on channels that "
        "interrupt: email, sms, push, call, direct_mail.",
    )
    look_ahead: Duration = Field(
        default=timedelta(days=7),
        title="How far ahead what is to be said keeps its place from what is worth less.",
    )
    max_lag: Duration = Field(
        default=timedelta(hours=1),
        title="How old the oldest row may be that is not read yet, of a source that may forbid "
        "something to be said: while one is older nothing is said.",
    )
    emit_ahead: Span | None = Field(
        default=None,
        title="How long before its moment something is handed over to a destination that sends it "
        "at that moment and takes it back until then; silent: as long as the longest gap between "
        "two runs of the last week.",
    )
    refit_every: Duration = Field(
        default=timedelta(days=7),
        title="How often it is learned anew how channels are answered, and what goes with what.",
    )
    default_hour: int | None = Field(
        default=None,
        strict=True,
        ge=0,
        le=23,
        description="an hour of the day, 0 to 23",
        title="The usual hour of whom no habit is known; silent: any.",
    )
    quiet_hours: Annotated[str, AfterValidator(_span)] | None = Field(
        default=None,
        description='a span of the day such as "22-8" or "21:30-7:00"',
        title="When nobody is interrupted, by the clock where they live; of texts and calls, the "
        "law's hours hold besides.",
    )

    @property
    def hours(self) -> Week | None:
        """The hours that the business leaves; None where all are right."""
        return None if self.quiet_hours is None else outside(*self.quiet_hours.split("-"))
