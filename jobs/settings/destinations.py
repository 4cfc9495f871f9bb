"""Who is told of whom, and how."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from tactful.jobs.settings.derived import chosen, with_options
from tactful.jobs.settings.fields import (
    READ_AS,
    Amount,
    Count,
    Duration,
    Flag,
    Name,
    SeedList,
    Text,
    once,
)
from tactful.jobs.settings.section import Section
from tactful.schemas.events import CHANNELS
from tactful.transforms.addresses import ADDRESS_TYPES
from tactful.transforms.audiences import AUDIENCE_BY, Audience
from tactful.transforms.sinks import SINKS, Sink
from tactful.transforms.sinks.sink import USUAL


class _DestinationEntry(Section):
    name: Name = Field(title="Its name, which is that of its outbox, too.")
    kind: Literal[tuple(SINKS)] = Field(title="What it is.")  # type: ignore[valid-type]
    policy: Name = Field(
        title="The rule or cap whose persons are its audience, or the policy that speaks by it."
    )
    channel: Literal[CHANNELS] | None = Field(  # type: ignore[valid-type]
        title="The channel it speaks on; silent: as its kind does, else on all."
    )
    identifiers: Annotated[tuple[Name, ...], AfterValidator(once)] = Field(
        default=USUAL,
        min_length=1,
        description="a list of identifier types",
        title="By which identifiers it is told of persons; silent: email and phone, if its kind "
        "takes them.",
    )


class Destination(with_options(_DestinationEntry, [k.options for k in SINKS.values()], READ_AS)):  # type: ignore[misc]
    """One destination; what its kind takes, its module in `transforms/sinks` says."""

    audience_by: Literal[AUDIENCE_BY] = Field(  # type: ignore[valid-type]
        default="none",
        title="What its audience is about: who is protected from that alone is in it.",
    )
    audience_of: Text | None = Field(
        default=None,
        title="Which campaign, category, brand or product that is; given with audience_by.",
    )
    minimum_audience: Amount = Field(
        title="A smaller audience is delivered with a warning; silent: as its kind says."
    )
    retired: Flag = Field(default=False, title="Whether it is told to forget all its members.")
    batch_size: Count = Field(
        title="How many records one file or request holds; silent: 10000, or its kind's limit."
    )

    per_day: Count | None = Field(
        default=None,
        title="Of what is said: how much of it on a business day at most, the best first, and the "
        "others on a later day.",
    )
    deliver: Literal["outbox", "http"] = Field(
        default="outbox",
        title="Whether its files wait in the outbox for somebody to take them, or are sent.",
    )
    endpoint: Text | None = Field(
        default=None,
        title="Where its API is, a URL; silent: the vendor's own, where there is one for all.",
    )
    credential: Text | None = Field(
        default=None,
        description='a reference such as "env:KLAVIYO_KEY" or "databricks:scope/key"',
        title="Where its key, token or signing secret is found: env: and a variable's name, or "
        "databricks: and a scope's secret.",
    )
    allow_private: Flag = Field(
        default=False,
        title="Whether its endpoint may lie in a private network, or be http without TLS.",
    )

    seed_list: SeedList = Field(
        default=(),
        title="Test recipients, by email address or number: each gets a copy of every message that "
        "it says, once a day; they count in no figure.",
    )
    give_up_after: Duration = Field(
        default=timedelta(days=7),
        title="How long a file is tried to be sent before it is given up.",
    )

    @property
    def audience(self) -> Audience | None:
        """What its audience is about; None where it is about all of its policy."""
        return Audience(self.audience_by, self.audience_of) if self.audience_of else None

    @property
    def is_sent(self) -> bool:
        """Whether its files go out by HTTP."""
        return self.deliver == "http"

    @property
    def wanted(self) -> list[str]:
        """The types of identifiers it takes; of some emails only a hash is known."""
        wanted = [*self.identifiers]
        own = ADDRESS_TYPES.get(self.channel or "")
        if self.is_opt_out_list and own is not None:
            # Whose email is closed may share a number with somebody whose texts are not.
            others = {*ADDRESS_TYPES.values()} - {own}
            wanted = [name for name in wanted if name not in others]
        return [*wanted, "email_sha256"] if "email" in wanted else wanted

    @property
    def is_opt_out_list(self) -> bool:
        """Whether it fills the vendor's own list of those who opted out."""
        return self.sink.is_opt_out(self.options)

    @property
    def sink(self) -> Sink:
        """What its kind is."""
        return SINKS[self.kind]

    @property
    def is_ad_network(self) -> bool:
        """Whether nobody may be uploaded without consent to ads."""
        return self.sink.needs_ad_consent

    @property
    def options(self) -> dict[str, Any]:
        """What was chosen of its kind's own options, tables as plain dictionaries."""
        return dataclasses.asdict(chosen(self, self.sink.options))

    @model_validator(mode="before")
    @classmethod
    def _as_its_kind_does(cls, given: Any) -> Any:
        """What the entry leaves open follows from its kind."""
        if not isinstance(given, dict):
            return given
        # An unknown kind is refused itself; complaining about what follows from it helps nobody.
        kind = given.get("kind")
        sink = SINKS.get(kind if isinstance(kind, str) else "file", SINKS["file"])
        open_values = {
            "channel": sink.channel,
            "minimum_audience": sink.minimum_audience,
            "batch_size": min(sink.batch_limit, 10_000),
            "identifiers": sink.usual_identifiers,
        }
        return {**open_values, **given}
