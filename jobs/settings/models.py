"""The configuration's typed sections; every value is checked here, what spans several is not.

A default that matters stands in `conf/defaults.toml`, not here: then it is part of the hash. A
default written here means "as if the key did not exist" and stays out of the hash, so that a new
optional key in a later version changes no lake's hash.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)

from tactful.jobs.lake.places import absolute
from tactful.schemas.events import CHANNELS, PURPOSES, STREAMS, wide_columns

SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
# A longer wait than a life is a slip of the pen, and near year 9999 Spark's times end.
LONGEST = timedelta(days=36_500)
REVERSALS = ("order_cancelled", "order_returned", "order_refunded")


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


def _positive(duration: timedelta) -> timedelta:
    if duration <= timedelta():
        raise ValueError("not above zero")
    return duration


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("unknown time zone")
    return name


def _known_region(name: str) -> str:
    from phonenumbers import SUPPORTED_REGIONS  # slow to import, so only when it is needed

    if name.upper() not in SUPPORTED_REGIONS:
        raise ValueError("unknown region")
    return name.upper()


def _place(path: str) -> str:
    if not path.strip() or "\0" in path:
        raise ValueError("not a path")
    return path


def _partitions(names: Iterable[str]) -> tuple[str, ...]:
    """What all rows of a folder may have in common: not their id, and no list or table."""
    for name in names:
        kinds = {c.type for c in wide_columns() if c.name == name}
        plain = name != "event_id" and not any("<" in kind for kind in kinds)
        if not plain or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            raise ValueError("not a partition")
    return _once(names)


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


def _blocked(values: Iterable[str]) -> tuple[str, ...]:
    # Compared trimmed and in lower case; sorted so that their order in the file means nothing.
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
Count = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1, description="a whole number from 1")]
Amount = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1, description="a whole number from 0")]
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
Channels = Annotated[tuple[Literal[CHANNELS], ...], AfterValidator(_once)]  # type: ignore[valid-type]
Stream = Literal[tuple(STREAMS)]  # type: ignore[valid-type]


class Section(BaseModel):
    """A table of the configuration: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class LakeSettings(Section):
    location: PathText
    secret: str = Field(
        pattern=r"^(auto|env:[A-Za-z_][A-Za-z0-9_]*)\z", description='"auto" or "env:NAME"'
    )
    publish_every: Duration


class Intake(Section):
    max_skew: Span
    max_row_bytes: Count
    dedupe_compare: Span


class Business(Section):
    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(
        description="an IANA time zone such as Europe/Paris or UTC"
    )
    currency: str = Field(pattern=r"^[A-Z]{3}\z", description="an ISO 4217 code such as USD")


class Source(Section):
    stream: Stream
    dialect: Literal["canonical"] = "canonical"
    format: Literal["json", "parquet"] = "json"
    path: PathText
    partitions: Annotated[tuple[str, ...], AfterValidator(_partitions)] = Field(
        default=(),
        description="a list of fields that folders are named after, as day is by day=2026-01-31; "
        "not event_id, and none that holds a list or a table",
    )


class Reference(Section):
    format: Literal["json", "parquet"] = "json"
    path: PathText


class IdentifierType(Section):
    priority: Count
    unique: Flag = False
    device: Flag = False
    max_links: Count | None = None
    max_devices: Count | None = None


class Identity(Section):
    shared_devices: Literal["neutral"]
    phone_region: Annotated[str, AfterValidator(_known_region)] = Field(
        description="an ISO 3166 region of two letters such as US or GB"
    )
    max_links: Count
    max_devices: Count
    max_identifiers: Count
    blocked: Annotated[tuple[str, ...], AfterValidator(_blocked)] = Field(
        description="a list of texts"
    )
    types: dict[Name, IdentifierType]

    def max_links_of(self, kind: str) -> int:
        """How many of each higher type it may be seen with before it is a hub."""
        return self.types[kind].max_links or self.max_links

    def max_devices_of(self, kind: str) -> int:
        """How many of each lower type it may be seen with before it is a hub."""
        return self.types[kind].max_devices or self.max_devices


class Consent(Section):
    default: Literal["opt_in", "opt_out"]

    @property
    def opt_in(self) -> bool:
        """Whether who has said nothing has not consented."""
        return self.default == "opt_in"


class Attribution(Section):
    window: Duration


class Cap(Section):
    name: Name
    channels: Channels = ()
    purposes: Annotated[tuple[Literal[PURPOSES], ...], AfterValidator(_once)] = Field(  # type: ignore[valid-type]
        default=("marketing",), min_length=1, description="a list with marketing or transactional"
    )
    limit: Count
    window: Duration
    counts: Literal["sent", "delivered", "opened"] = "sent"
    on_cap: Literal["drop", "defer"] = "drop"


class Suppress(Section):
    name: Name
    when: Literal["purchased", "no_consent", "unsubscribed", "bounced", "complained"]
    match: Literal["sku", "category", "brand", "all"] | None = None
    lasts: Duration | None = None
    lasts_share: float | None = Field(
        default=None, strict=True, gt=0, le=10, description="a number above 0, at most 10"
    )
    share: float = Field(default=0.0, strict=True, ge=0, le=1, description="a number from 0 to 1")
    lifted_by: Annotated[tuple[Literal[REVERSALS], ...], AfterValidator(_once)] = REVERSALS  # type: ignore[valid-type]
    channels: Channels = ()
    enabled: Flag = True

    @property
    def stream(self) -> str:
        """The stream whose events cause this rule's rows."""
        return {"purchased": "purchases", "no_consent": "profiles"}.get(self.when, "messages")


class Vendor(Section):
    """What a kind of destination can take (limits as of 2026-11)."""

    channel: str | None
    batch_limit: int
    minimum_audience: int
    identifiers: tuple[str, ...] | None


VENDORS = {
    "google_data_manager": Vendor(
        channel="ad", batch_limit=10_000, minimum_audience=100,
        identifiers=("email", "phone", "device_id"),
    ),
    "meta_custom_audience": Vendor(
        channel="ad", batch_limit=10_000, minimum_audience=100,
        identifiers=("email", "phone", "device_id"),
    ),
    "file": Vendor(channel=None, batch_limit=1_000_000, minimum_audience=0, identifiers=None),
}  # fmt: skip


class Account(Section):
    account_id: Text
    account_type: Literal[
        "GOOGLE_ADS", "DISPLAY_VIDEO_ADVERTISER", "DISPLAY_VIDEO_PARTNER", "DATA_PARTNER",
        "GOOGLE_ANALYTICS_PROPERTY",
    ] = "GOOGLE_ADS"  # fmt: skip


class Destination(Section):
    name: Name
    kind: Literal[tuple(VENDORS)]  # type: ignore[valid-type]
    policy: Name
    channel: Literal[CHANNELS] | None  # type: ignore[valid-type]
    identifiers: Annotated[tuple[Name, ...], AfterValidator(_once)] = Field(
        default=("email", "phone"), min_length=1, description="a list of identifier types"
    )
    audience_id: Text | None = None
    account: Account | None = None
    minimum_audience: Amount
    batch_size: Count
    options: dict[str, Any] = {}

    @property
    def is_ad_network(self) -> bool:
        """Whether nobody may be uploaded without consent to ads."""
        return VENDORS[self.kind].channel == "ad"

    @model_validator(mode="before")
    @classmethod
    def _as_the_vendor_does(cls, given: Any) -> Any:
        """What the entry leaves open follows from its kind."""
        if not isinstance(given, dict):
            return given
        # An unknown kind is refused itself; complaining about what follows from it helps nobody.
        kind = given.get("kind")
        vendor = VENDORS.get(kind if isinstance(kind, str) else "file", VENDORS["file"])
        open_values = {
            "channel": vendor.channel,
            "minimum_audience": vendor.minimum_audience,
            "batch_size": min(vendor.batch_limit, 10_000),
        }
        return {**open_values, **given}


class Config(Section):
    """The whole configuration, checked; see `conf/defaults.toml` for what each value means."""

    lake: LakeSettings
    intake: Intake
    business: Business
    sources: dict[Name, Source] = {}
    reference: dict[Literal["products", "campaigns"], Reference] = {}
    identity: Identity
    consent: Consent
    attribution: Attribution
    caps: tuple[Cap, ...] = ()
    suppress: tuple[Suppress, ...] = ()
    destinations: tuple[Destination, ...] = ()

    _base: Path = PrivateAttr(default_factory=Path.cwd)

    def path(self, text: str) -> str:
        """A path as an absolute one, from where the configuration was loaded; a URI as it is."""
        return absolute(text, base=self._base)

    @property
    def location(self) -> str:
        """The lake's folder."""
        return self.path(self.lake.location)

    @property
    def rules(self) -> tuple[Suppress, ...]:
        """The suppression rules that are switched on."""
        return tuple(rule for rule in self.suppress if rule.enabled)

    @property
    def hash(self) -> str:
        """What the configuration decides, as 64 hex digits; where the lake lies is no decision."""
        return _digest(self.model_dump(mode="json", exclude_defaults=True, exclude={"lake"}))

    @property
    def identity_hash(self) -> str:
        """What decides who is who, as 64 hex digits."""
        return _digest(self.identity.model_dump(mode="json", exclude_defaults=True))


def _digest(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
