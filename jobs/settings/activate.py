"""What is said to whom on which occasion, as the configuration has it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tactful.jobs.settings.derived import chosen, with_options
from tactful.jobs.settings.fields import (
    CONDITION,
    READ_AS,
    Channels,
    Count,
    Duration,
    Moment,
    Name,
    Span,
    Text,
    once,
    topic_words,
)
from tactful.jobs.settings.section import Section
from tactful.schemas.events import PURPOSES
from tactful.transforms.conditions import Chosen
from tactful.transforms.plans.actions import Speech
from tactful.transforms.triggers import TRIGGERS, Policy, Trigger

CANCELS = tuple(dict.fromkeys(type_ for one in TRIGGERS.values() for type_ in one.cancels))


class Content(Section):
    """One of the things that may be said, and to whom."""

    where: Text | None = Field(
        default=None,
        description=CONDITION,
        title="Whom it is for; silent: everybody, so only the last may be silent.",
    )
    content_id: Text = Field(title="What is said: a content of [reference.contents].")


class Step(Section):
    """What is said after the first message, if nothing has cancelled it by then."""

    after: Duration = Field(title="How long after the step before.")
    content_id: Text | None = Field(default=None, title="What is said; silent: as in the policy.")
    content: tuple[Content, ...] = Field(
        default=(),
        description="a list of tables, each with content_id and mostly where",
        title="What is said to whom instead: the first whose `where` is true.",
    )


def _said(
    content_id: str | None, contents: tuple[Content, ...]
) -> tuple[tuple[str | None, str], ...]:
    told = tuple((one.where, one.content_id) for one in contents)
    return told or (((None, content_id),) if content_id else ())


class _ActivateEntry(Section):
    name: Name = Field(
        title="Its name, which is its policy, and its memory: under another name every occasion "
        "from `starts_at` on is decided anew."
    )
    when: Literal[tuple(TRIGGERS)] = Field(title="Which trigger it is.")  # type: ignore[valid-type]


class Activate(with_options(_ActivateEntry, [t.options for t in TRIGGERS.values()], READ_AS)):  # type: ignore[misc]
    """One occasion to speak; what its trigger takes, its module in `transforms/triggers` says."""

    after: Span | None = Field(
        default=None, title="How long after its occasion it is said; silent: as its trigger does."
    )
    expires: Duration | None = Field(
        default=None,
        title="How long after that each step may still be said; silent: as its trigger does.",
    )
    cancel_on: Annotated[tuple[Literal[CANCELS], ...], AfterValidator(once)] | None = Field(  # type: ignore[valid-type]
        default=None,
        description="a list of types of events that its trigger takes",
        title="What withdraws every step not said yet; silent: as its trigger does.",
    )
    again_after: Duration | None = Field(
        default=None,
        title="How long after the last decision of this policy a person may be chosen again; "
        "silent: at once.",
    )
    at_most: Count | None = Field(
        default=None, title="On how many occasions a person is chosen at most; silent: on any."
    )
    where: Text | None = Field(
        default=None,
        description=CONDITION,
        title="Whom it is for: a condition over `customers`, `customer_scores` and, as event.NAME, "
        "the causing event. Of whom it is unknown is not chosen.",
    )
    content_id: Text | None = Field(
        default=None, title="What is said: a content of [reference.contents]."
    )
    content: tuple[Content, ...] = Field(
        default=(),
        description="a list of tables, each with content_id and mostly where",
        title="What is said to whom instead: the first whose `where` is true. To whom none is for "
        "nothing is said.",
    )
    steps: tuple[Step, ...] = Field(
        default=(),
        description="a list of tables, each with after",
        title="What is said after the first message.",
    )
    channels: Channels = Field(
        min_length=1,
        description="a list of channels, at least one",
        title="The channels that it may be said on.",
    )
    switch_to: Channels = Field(
        default=(),
        description="a list of channels that `channels` does not hold",
        title="The channels, the best first, of which one is tried instead with valued customers "
        "who never answer on `channels`; silent: none.",
    )
    priority: int = Field(
        default=50,
        strict=True,
        ge=1,
        le=100,
        description="a whole number from 1 to 100",
        title="The higher one is said first.",
    )
    value: Decimal | None = Field(
        default=None,
        gt=0,
        max_digits=16,
        decimal_places=4,
        description="an amount above 0 and below 1000000000000, with at most four decimal places",
        title="What a response is worth in the business's currency: among policies of one priority "
        "the larger expected value is said first.",
    )
    mode: Literal["shadow", "live"] = Field(
        default="shadow", title="Whether it is decided and shown only, or said."
    )
    starts_at: Moment | None = Field(
        default=None,
        title="Live, it acts on what happens from this moment on; it has to be given then.",
    )
    per_day: Count | None = Field(
        default=None,
        title="How many of its plans are said on a business day at most, all channels of a step "
        "together: the best of what is due, and the others on a later day.",
    )
    lead: Span = Field(
        default=timedelta(), title="How long before the customer's usual hour it is said."
    )
    campaign_id: Text | None = Field(
        default=None, title="The campaign it is part of: one of [reference.campaigns]."
    )
    topic: Annotated[Text, AfterValidator(topic_words)] | None = Field(
        default=None,
        description="a text that is not empty",
        title="The topic of its messages; silent: as its trigger does.",
    )
    purpose: Literal[PURPOSES] | None = Field(  # type: ignore[valid-type]
        default=None, title="The purpose of its messages; silent: as its trigger does."
    )

    @property
    def kind(self) -> Trigger:
        """What its `when` means."""
        return TRIGGERS[self.when]

    @property
    def options(self) -> Any:
        """What was chosen of its trigger's own options."""
        return chosen(self, self.kind.options)

    @property
    def chosen(self) -> Chosen:
        """Whom it is for, and what is said to whom in each of its steps."""
        own = _said(self.content_id, self.content)
        steps = [own, *(_said(step.content_id, step.content) or own for step in self.steps)]
        return Chosen(self.where, tuple(steps))

    @property
    def content_ids(self) -> frozenset[str]:
        """All contents that it may say."""
        return frozenset(said for step in self.chosen.contents for _, said in step)

    @property
    def is_live(self) -> bool:
        """Whether it is said, and not only shown."""
        return self.mode == "live"

    @property
    def about(self) -> str | None:
        """The topic of its messages."""
        return self.topic or self.kind.topic

    @property
    def is_for(self) -> str:
        """The purpose of its messages."""
        return self.purpose or self.kind.purpose

    @property
    def speech(self) -> Speech:
        """How it speaks, as transforms take it."""
        return Speech(
            name=self.name,
            when=self.when,
            channels=self.channels,
            priority=self.priority,
            value=self.value,
            topic=self.about,
            purpose=self.is_for,
            campaign_id=self.campaign_id or self.name,
            is_shadow=not self.is_live,
            is_picky=bool(self.content or any(step.content for step in self.steps)),
            lead=self.lead,
            starts_at=self.starts_at,
            again_after=self.again_after,
            at_most=self.at_most,
            switch_to=self.switch_to,
        )

    def acts_on(self, occurred_at: datetime) -> bool:
        """Whether what happened then is an occasion for it."""
        return self.starts_at is None or occurred_at >= self.starts_at

    @property
    def policy(self) -> Policy:
        """The trigger as transforms take it."""
        first = self.kind.after if self.after is None else self.after
        return Policy(
            name=self.name,
            when=self.when,
            waits=(first or timedelta(), *(step.after for step in self.steps)),
            expires=self.expires or self.kind.expires,
            cancel_on=self.kind.cancel_on if self.cancel_on is None else self.cancel_on,
            campaign_id=self.campaign_id,
            options=self.options,
        )
