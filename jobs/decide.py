"""Decide: what must not be said to whom, from every configured rule and cap."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, reduce
from itertools import starmap

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from tactful.jobs.lake.frames import small_frame
from tactful.jobs.settings.config import Cap, Config, Suppress
from tactful.schemas.events import CLASSES
from tactful.schemas.plans import EVENT_REF
from tactful.schemas.suppressions import SUPPRESSIONS
from tactful.transforms.caps import CapRule, capped, counted_messages
from tactful.transforms.experiences import bad_experiences
from tactful.transforms.identity.owners import named_after
from tactful.transforms.jurisdictions import tells_country
from tactful.transforms.personalisation import says_personalisation
from tactful.transforms.persons.views import VIEWS
from tactful.transforms.persons.zones import ZONE_CLASSES, tells_zone
from tactful.transforms.regrets import marketing_messages
from tactful.transforms.rules import Facts, Policy

# The columns of suppressions while they are worked out.
CAUSED = f"{SUPPRESSIONS.ddl()}, cause {EVENT_REF}"


def suppressions(
    timeline: DataFrame,
    labels: DataFrame,
    products: DataFrame,
    lines: DataFrame | None,
    contents: DataFrame,
    campaigns: DataFrame,
    *,
    rules: tuple[Suppress, ...],
    caps: tuple[Cap, ...],
    currency: str,
    time_zone: str,
    keep: Callable[[DataFrame], DataFrame],
    classes: Collection[str] | None = None,
) -> DataFrame | None:
    """Every suppression these events cause, ended ones too; None without any rule.

    timeline: rows with person_id. lines: see `settled_lines`; None where no rule asks for them.
    contents, campaigns: what messages are about that do not say it themselves. currency,
    time_zone: the business's own. keep: holds a frame that is read several times. classes: those
    that the events are of, so that no rule is asked that reads none of them; None asks all rules.
    """
    if not rules and not caps:
        return None
    facts = Facts(timeline, labels, products, lines, currency)
    if classes is not None:
        rules = tuple(_with_something_to_say(rules, classes))
        caps = caps if "message" in classes else ()
    judging = [rule for rule in rules if _judges(rule)]
    frames = _of_rules([rule for rule in rules if not _judges(rule)], facts)
    if judging:
        bad = [rule for rule in rules if rule.kind.is_bad_experience]
        told = keep(reduce(DataFrame.unionByName, _of_rules(bad, facts))) if bad else None
        messages = marketing_messages(timeline, products, contents, campaigns)
        experiences = keep(
            bad_experiences(
                timeline,
                messages,
                told,
                shares={rule.name: rule.kind.share(rule.options) for rule in bad},
                is_one=[rule.kind.is_experience() for rule in bad],
            )
        )
        frames += _of_rules(judging, replace(facts, experiences=experiences))
    if caps:
        counting = [cap.rule(time_zone) for cap in caps]
        messages = counted_messages(
            timeline, contents, campaigns, rules=counting, time_zone=time_zone
        )
        frames.append(capped(messages, longest=max(cap.limit for cap in caps)))
    if not frames:
        return small_frame(timeline.sparkSession, [], StructType.fromDDL(CAUSED))
    return reduce(DataFrame.unionByName, frames)


def classes_of(timeline: DataFrame) -> set[str]:
    """The classes that some events are of; by their types, which is what rules tell them by."""
    types = {*timeline.agg(F.collect_set("type")).first()[0]}
    return {name for name, own in CLASSES.items() if not types.isdisjoint(own)}


def _with_something_to_say(
    rules: Sequence[Suppress], classes: Collection[str]
) -> Iterator[Suppress]:
    """The rules that read any of these classes; what judges also goes by what those say."""
    reads = (rule.kind.reads(rule.options, slowest=lambda: None) for rule in rules)
    asked = [not read.keys().isdisjoint(classes) for read in reads]
    is_bad = any(
        rule.kind.is_bad_experience for rule, is_asked in zip(rules, asked, strict=True) if is_asked
    )
    for rule, is_asked in zip(rules, asked, strict=True):
        if is_asked or (is_bad and _judges(rule)):
            yield rule


def _of_rules(rules: Iterable[Suppress], facts: Facts) -> list[DataFrame]:
    """The rows of some rules. Those that share a function are one plan: four refusals cost as much
    as one.
    """
    together: dict[Callable[..., DataFrame], list[Policy]] = {}
    for rule in rules:
        together.setdefault(rule.kind.rows, []).append(rule.policy)
    return [_whole(rows(facts, policies), policies) for rows, policies in together.items()]


def _judges(rule: Suppress) -> bool:
    """Whether a rule is worked out from what others say."""
    return rule.kind.judges(rule.options) is not None


def _whole(rows: DataFrame, policies: Sequence[Policy]) -> DataFrame:
    """A rule's rows, where they have the columns of `suppressions` and cause, and no others."""
    wanted, found = {*SUPPRESSIONS.names, "cause"}, {*rows.columns}
    if wrong := wanted ^ found:
        whens = ", ".join(sorted({policy.when for policy in policies}))
        raise TypeError(
            f"The rows of {whens} lack {sorted(wrong - found) or 'none'} of the columns of "
            f"suppressions and have {sorted(wrong - wanted) or 'none'} beside them."
        )
    return rows


def needed_now(config: Config) -> tuple[tuple[Suppress, ...], tuple[Cap, ...]]:
    """The rules and caps that decide what goes out: those a destination names, and consent.

    The others are worked out when tables are published; no record waits for them. Where one of them
    goes by bad experiences, what makes these is asked, too. Where anything is said, every rule has
    a say in it.
    """
    named = {destination.policy for destination in config.destinations}
    judged = any(rule.name in named and _judges(rule) for rule in config.rules)
    speaks = bool(config.activate)
    rules = tuple(
        rule
        for rule in config.rules
        if speaks
        or rule.name in named
        or rule.kind.is_no_to_ads
        or (judged and rule.kind.is_bad_experience)
    )
    return rules, tuple(cap for cap in config.caps if cap.name in named)


@dataclass(frozen=True)
class Lookback:
    """How far back events of each class bear on what must not be said now; None means for ever.

    Classes that no rule reads are left out; of messages always those of this moment are read.
    asks_zones, asks_countries: whether it matters in which zone, or country, each customer lived,
    which an event of long ago may say. asks_personalisation: whether it matters who wants nothing
    chosen by what is known of them.
    """

    of: Mapping[str, timedelta | None]
    asks_zones: bool = False
    asks_countries: bool = False
    asks_personalisation: bool = False

    def since(self, as_of: datetime) -> datetime:
        """From when on messages bear on what must not be said now."""
        return as_of - (self.of["message"] or timedelta())

    def relevant_events(self, timeline: DataFrame, *, as_of: datetime) -> DataFrame:
        """Keep the events that may still decide something.

        A rolling window and a rule that `lasts` let go of what is older; what names an order is
        looked up by its number.
        """

        def since(name: str, lookback: timedelta | None) -> Column:
            mine = F.col("event_class") == name
            return (
                mine
                if lookback is None
                else mine & (F.col("occurred_at") >= F.lit(as_of - lookback))
            )

        known = starmap(since, sorted(self.of.items()))
        return timeline.where(reduce(Column.__or__, known, self._tells_of_them()))

    def is_read(self) -> Column:
        """Whether a decision bears on an event, whenever it happened."""
        return F.col("event_class").isin(*self.of) | self._tells_of_them()

    def _tells_of_them(self) -> Column:
        """Whether an event says where somebody lives, or what may be made of what is known."""
        is_of_class = F.col("event_class").isin(*ZONE_CLASSES)
        told = is_of_class & tells_zone() if self.asks_zones else F.lit(False)
        if self.asks_countries:
            told |= tells_country()
        if self.asks_personalisation:
            told |= (F.col("event_class") == "profile") & says_personalisation()
        return told


def lookback(config: Config, products: DataFrame) -> Lookback:
    """How far back the rules that decide what goes out look."""

    slowest = slowest_of(products)
    rules, caps = needed_now(config)
    counting = cap_rules(config, caps)
    # Consent to ads is asked of everybody, whichever rules are on.
    longest: dict[str, timedelta | None] = {
        "consent": None,
        "message": max((rule.reach for rule in counting), default=timedelta()),
    }
    judged = max(
        (rule.kind.judges(rule.options) or timedelta() for rule in rules), default=timedelta()
    )
    for rule in rules:
        for name, span in rule.kind.reads(rule.options, slowest=slowest).items():
            # What held then is asked as well as what holds now.
            then = judged if rule.kind.is_bad_experience else timedelta()
            whole = None if span is None else span + then
            longest[name] = longer(longest.get(name, timedelta()), whole)
    asks = config.consent.silence.varies and any(d.is_ad_network for d in config.destinations)
    return Lookback(longest, any(rule.needs_zones for rule in counting), asks)


def slowest_of(products: DataFrame) -> Callable[[], float | None]:
    """Who asks for it looks up the longest replenishment time of any product, once."""

    @cache
    def slowest() -> float | None:
        return products.agg(F.max("replenish_days")).first()[0]

    return slowest


def longer(one: timedelta | None, other: timedelta | None) -> timedelta | None:
    """The longer of two spans; None means for ever."""
    return None if one is None or other is None else max(one, other)


def cap_rules(config: Config, caps: Iterable[Cap]) -> list[CapRule]:
    """Some of the configured caps as transforms take them."""
    return [cap.rule(config.business.time_zone) for cap in caps]


def views_asked_for(config: Config) -> Column:
    """Which views some rule, cap or check asks for, however old they are; of the others it is only
    asked what the newest say (see `telling_views`).
    """
    reads = (rule.kind.reads(rule.options, slowest=lambda: None) for rule in config.rules)
    asked = F.lit(any(VIEWS in classes for classes in reads))
    counting = cap_rules(config, config.caps)
    if config.checks_of_all or any(rule.needs_zones for rule in counting):
        asked |= tells_zone() | tells_country()
    return asked


def asks_attributes(config: Config) -> bool:
    """Whether any rule names an attribute of products."""
    return any(rule.kind.is_about_attributes for rule in config.rules)


def shares(config: Config) -> dict[str, float]:
    """The share of a message's products that each rule must touch."""
    return {rule.name: rule.kind.share(rule.options) for rule in config.rules}


def falls_due(suppressed: DataFrame, *, batch_id: int, as_of: datetime) -> DataFrame:
    """When each of these suppressions begins or ends, filed under an identifier of its person."""
    moments = F.explode(F.array("starts_at", "ends_at"))
    return (
        suppressed.select(named_after().alias("anchor_key"), moments.alias("due_at"))
        .where(F.col("due_at") > F.lit(as_of))
        .withColumn("batch_id", F.lit(batch_id))
        .distinct()
    )
