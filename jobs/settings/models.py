"""The configuration's typed sections; every value is checked here, what spans several is not.

A default that matters stands in `conf/defaults.toml`, not here: then it is part of the hash. A
default written here means "as if the key did not exist" and stays out of the hash, so that a new
optional key in a later version changes no lake's hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, PrivateAttr

from tactful.jobs.connectors import Connector, needed
from tactful.jobs.lake.places import absolute
from tactful.jobs.settings.activate import Activate
from tactful.jobs.settings.caps import Cap
from tactful.jobs.settings.derived import chosen, with_options
from tactful.jobs.settings.destinations import Destination
from tactful.jobs.settings.fields import (
    READ_AS,
    Count,
    Currency,
    Day,
    Duration,
    Flag,
    Name,
    Span,
    blocked_values,
    known_region,
    known_zone,
)
from tactful.jobs.settings.lake import LakeSettings
from tactful.jobs.settings.metrics import Metrics
from tactful.jobs.settings.planning import Plans
from tactful.jobs.settings.privacy import Privacy
from tactful.jobs.settings.quality import Quality
from tactful.jobs.settings.scores import Scores, Value
from tactful.jobs.settings.section import Section
from tactful.jobs.settings.sources import Reference, Source
from tactful.schemas.catalog import REFERENCE
from tactful.transforms.checks import CHECKS, Check
from tactful.transforms.identity.sharing import SHARINGS
from tactful.transforms.jurisdictions import Silence
from tactful.transforms.rules import RULES, Policy, Rule


class Intake(Section):
    """What is refused at the door, and how long repeated ids are compared."""

    max_skew: Span = Field(
        title="An event dated later than its own landing by more is quarantined."
    )
    max_row_bytes: Count = Field(title="A larger row is quarantined whole.")
    dedupe_compare: Span = Field(
        title="For how long a repeated id with another payload is told apart."
    )


class Business(Section):
    """What holds for the whole retailer where an event does not say it."""

    currency: Currency = Field(
        title="What amounts are in whose order names no currency; in any case, as in events."
    )
    time_zone: Annotated[str, AfterValidator(known_zone)] = Field(
        default="UTC",
        description="a time zone such as Europe/Berlin",
        title="The zone of customers of whom none is known.",
    )
    history_from: Day | None = Field(
        default=None,
        title="The day (UTC) with which what is known of orders begins: who orders first within "
        "`scores.new_for` of it is not taken for new.",
    )


class IdentifierType(Section):
    """What a type of identifier says of who somebody is."""

    priority: Count = Field(title="Its rank among the types; 1 says most about who somebody is.")
    unique: Flag = Field(default=False, title="Whether nobody has two of it.")
    device: Flag = Field(default=False, title="Whether it is a thing that persons may share.")
    max_links: Count | None = Field(default=None, title="As in [identity], for this type.")
    max_devices: Count | None = Field(default=None, title="As in [identity], for this type.")
    max_per_person: Count | None = Field(
        default=None, title="How many of it one person has at most; a unique type has 1."
    )
    window: Duration | None = Field(
        default=None, title="How long a link of it lives after it was last seen; else for ever."
    )

    @property
    def most(self) -> int | None:
        """How many of it one person has at most; None where any number will do."""
        return 1 if self.unique else self.max_per_person


class Identity(Section):
    """Which identifiers make a person, and which are nobody's own."""

    shared_devices: Literal[tuple(SHARINGS)] = Field(  # type: ignore[valid-type]
        title="Whose a device of several customers is, while nobody is logged in."
    )
    phone_region: Annotated[str, AfterValidator(known_region)] = Field(
        description="an ISO 3166 region of two letters such as US or GB",
        title="Where phone numbers without a country code are from.",
    )
    max_links: Count = Field(
        title="With more of one higher type than this an identifier links nobody any more."
    )
    max_devices: Count = Field(
        title="With more of one lower type than this an identifier links nobody any more."
    )
    max_identifiers: Count = Field(title="A person of more than this is taken apart.")
    blocked: Annotated[tuple[str, ...], AfterValidator(blocked_values)] = Field(
        description="a list of texts", title="Values that stand for nobody."
    )
    types: dict[Name, IdentifierType] = Field(title="The types of identifiers, each a table.")

    @property
    def unique_types(self) -> tuple[str, ...]:
        """The types of which nobody has two, such as customer numbers."""
        return tuple(name for name, kind in self.types.items() if kind.unique)

    @property
    def is_any_contested(self) -> bool:
        """Whether what several were seen with is one customer's, though others may be meant."""
        return not SHARINGS[self.shared_devices].makes_nobodys

    @property
    def has_windows(self) -> bool:
        """Whether any link ends by itself."""
        return any(kind.window for kind in self.types.values())

    def max_links_of(self, kind: str) -> int:
        """How many of each higher type it may be seen with before it is a hub."""
        return self.types[kind].max_links or self.max_links

    def max_devices_of(self, kind: str) -> int:
        """How many of each lower type it may be seen with before it is a hub."""
        return self.types[kind].max_devices or self.max_devices


class Country(Section):
    """What it means where the law of one country holds that a customer has said nothing."""

    default: Literal["opt_in", "opt_out"] = Field(
        title="What silence means where the law of that country holds, by its code (ISO 3166, in "
        "whatever case). Of whom no country is known the strictest of all these counts."
    )


class Consent(Section):
    """What it means that a customer has said nothing about ads; by country where laws differ."""

    model_config = ConfigDict(extra="allow")
    # A table each, by the country's code: [consent.US].
    __pydantic_extra__: dict[str, Country]

    default: Literal["opt_in", "opt_out"] = Field(
        title="What silence means: no consent (opt_in), or consent (opt_out)."
    )
    tcf_vendors: list[Annotated[int, Field(ge=1, le=65535)]] = Field(
        default=[],
        title="The vendors by whom you advertise, as IAB Europe numbers them (755 is Google): a TC "
        "string that consents to each grants ads; without any, TC strings only refuse.",
    )

    @property
    def silence(self) -> Silence:
        """What silence means, and where it means something else."""
        extra = self.__pydantic_extra__ or {}
        own = {name.upper(): told.default == "opt_in" for name, told in extra.items()}
        return Silence(self.default == "opt_in", own)


class Attribution(Section):
    """Which orders count as the outcome of a message, and how much of each."""

    window: Duration = Field(title="For how long after a message orders may be its outcome.")
    half_life: Duration = Field(
        default=timedelta(days=7),
        title="By time_decay, a message so much older than another gets half as much of an order.",
    )


class _SuppressEntry(Section):
    name: Name = Field(title="Its name, which is its policy.")
    when: Literal[(*RULES, *CHECKS)] = Field(title="Which rule it is.")  # type: ignore[valid-type]


_SILENCES: Mapping[str, Rule | Check] = {**RULES, **CHECKS}


class Suppress(with_options(_SuppressEntry, [r.options for r in _SILENCES.values()], READ_AS)):  # type: ignore[misc]
    """One suppression rule; which of the options it has, its module in `transforms/rules` says.

    What is asked of each message alone, and makes no row, stands in `transforms/checks`.
    """

    enabled: Flag = Field(default=True, title="Whether it is on.")

    @property
    def kind(self) -> Rule:
        """What its `when` means."""
        return RULES[self.when]

    @property
    def options(self) -> Any:
        """What was chosen of its rule's own options."""
        return chosen(self, _SILENCES[self.when].options)

    @property
    def policy(self) -> Policy:
        """The rule as transforms take it."""
        return Policy(self.name, self.when, self.options)


class Config(Section):
    """The whole configuration, checked; see `conf/defaults.toml` for what each value means."""

    lake: LakeSettings
    intake: Intake
    business: Business
    sources: dict[Name, Source] = Field(default_factory=dict)
    reference: dict[Literal[tuple(table.name for table in REFERENCE)], Reference] = Field(  # type: ignore[misc]
        default_factory=dict
    )
    identity: Identity
    consent: Consent
    attribution: Attribution
    scores: Scores = Scores()
    value: Value = Value()
    privacy: Privacy = Privacy()
    caps: tuple[Cap, ...] = ()
    suppress: tuple[Suppress, ...] = ()
    activate: tuple[Activate, ...] = ()
    plans: Plans = Plans()
    destinations: tuple[Destination, ...] = ()
    quality: Quality = Quality()
    metrics: Metrics = Metrics()

    # Where the path at a place begins; the text itself stays as it is, since it is in the hash.
    _bases: Mapping[tuple[str, ...], Path] = PrivateAttr(default_factory=dict)

    def begin_paths(self, base: Callable[[tuple[str, ...]], Path]) -> None:
        """Fix where each relative path begins, whatever the working folder will be later."""
        places = [("lake", "location")]
        for name, source in self.sources.items():
            places.append(("sources", name, "path"))
            places += [("sources", name, "avro_schemas", key) for key in source.avro_schemas or ()]
        places += [("reference", name, "path") for name in self.reference]
        places.append(("quality", "suites"))
        self._bases = {place: base(place) for place in places}

    @property
    def is_any_sent(self) -> bool:
        """Whether any destination is sent to at all."""
        return any(destination.is_sent for destination in self.destinations)

    @property
    def location(self) -> str:
        """The lake's folder."""
        return absolute(self.lake.location, base=self._bases["lake", "location"])

    def source_path(self, name: str) -> str:
        """The folder of a source as a whole path; a URI as it is."""
        return absolute(self.sources[name].path or "", base=self._bases["sources", name, "path"])

    @property
    def folders(self) -> dict[str, str]:
        """The folder of each source that has one, by its name."""
        return {name: self.source_path(name) for name, s in self.sources.items() if s.path}

    @property
    def landing_folders(self) -> dict[str, str]:
        """The folder of each source whose files land in one, by its name."""
        return {name: path for name, path in self.folders.items() if self.sources[name].is_files}

    def schema_paths(self, name: str) -> dict[int, str]:
        """The files of the schemas that a source's values may have, by their numbers."""
        told = self.sources[name].avro_schemas or {}
        return {
            int(key): absolute(path, base=self._bases["sources", name, "avro_schemas", key])
            for key, path in told.items()
        }

    @property
    def connectors(self) -> tuple[Connector, ...]:
        """What Spark needs beside its own jars for these sources."""
        forms = {source.format for source in self.sources.values()}
        is_avro = any(source.avro_schemas for source in self.sources.values())
        return needed(forms, avro_values=is_avro)

    def reference_path(self, name: str) -> str:
        """The file or folder of a reference table as a whole path; a URI as it is."""
        return absolute(self.reference[name].path, base=self._bases["reference", name, "path"])

    @property
    def suites_path(self) -> str | None:
        """Where what else is expected of the tables is written; None where nothing is."""
        told = self.quality.suites
        return None if told is None else absolute(told, base=self._bases["quality", "suites"])

    def landing_only(self, name: str, source: Source) -> Config:
        """The same with one source instead of its own; its path is a whole one, the lake's own."""
        alone = self.model_copy(update={"sources": {name: source}})
        alone._bases = {**self._bases, ("sources", name, "path"): Path("/")}
        return alone

    @property
    def rules(self) -> tuple[Suppress, ...]:
        """The suppression rules that are switched on."""
        return tuple(one for one in self.suppress if one.enabled and one.when in RULES)

    @property
    def checks(self) -> tuple[Suppress, ...]:
        """What is asked of each message alone, as far as it is switched on."""
        return tuple(one for one in self.suppress if one.enabled and one.when in CHECKS)

    @property
    def checks_of_all(self) -> tuple[Suppress, ...]:
        """Those of the checks that are asked of whatever is said, whoever wants it said."""
        return tuple(one for one in self.checks if not one.options.policies)

    @property
    def hash(self) -> str:
        """What the configuration decides, as 64 hex digits.

        Where the lake lies is no decision, nor what is expected of its tables, nor what customers
        are told about it, nor what is shown of a run.
        """
        aside = {"lake", "quality", "privacy", "metrics"}
        return _digest(self.model_dump(mode="json", exclude_defaults=True, exclude=aside))

    def hash_of(self, sections: Iterable[str]) -> str:
        """What these sections decide, as 64 hex digits."""
        return _digest(self.model_dump(mode="json", exclude_defaults=True, include=set(sections)))

    def version_of(self, policy: Activate) -> str:
        """What a policy is, as 16 hex digits: another one is another version of it."""
        return _digest(policy.model_dump(mode="json", exclude_defaults=True))[:16]

    @property
    def identity_hash(self) -> str:
        """What decides who is who, as 64 hex digits."""
        return _digest(self.identity.model_dump(mode="json", exclude_defaults=True))


def _digest(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
