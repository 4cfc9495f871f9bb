"""Inputs: what published tables are worked out from, each frame once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs import decide
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.scratch import Keep
from tactful.jobs.publication.once import once
from tactful.jobs.settings.config import Config
from tactful.jobs.summarise import scores
from tactful.schemas.events import PROFILES
from tactful.schemas.identity import IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.plans import PLANS
from tactful.schemas.reference import CAMPAIGNS, CONTENTS, CONTEXT, PRODUCTS, RATES
from tactful.schemas.suppressions import REGRETS
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE_LOG
from tactful.transforms.addresses import on_their_channels
from tactful.transforms.checks import Around
from tactful.transforms.closings import (
    carriers,
    contested_keys,
    for_all_named,
    for_further_persons,
    is_closing,
    named_keys,
    with_named,
)
from tactful.transforms.identity.health import health
from tactful.transforms.identity.hubs import hubs
from tactful.transforms.identity.links import latest
from tactful.transforms.identity.manual_links import manual_links
from tactful.transforms.identity.nobodys import of_too_many, over
from tactful.transforms.identity.sharing import SHARINGS
from tactful.transforms.jurisdictions import jurisdictions
from tactful.transforms.message_facts import settled
from tactful.transforms.outcomes import outcomes
from tactful.transforms.persons.customers import customers
from tactful.transforms.persons.purchases import bought_lines, orders_of
from tactful.transforms.plans.activations import activations
from tactful.transforms.plans.audience_members import audience_members
from tactful.transforms.regrets import marketing_messages, regrets
from tactful.transforms.regrets_of_checks import regrets_of_checks
from tactful.transforms.settled import settled_lines


class Inputs:
    """What published tables are worked out from, each frame once and only where one asks for it.

    versions: of the tables that are read. until: the newest batch whose rows count; None for all.
    given: frames that are known already, by the names they have here; such as the labels and events
    of some persons, so that all that follows from them is worked out for these alone.
    """

    def __init__(
        self,
        lake: Lake,
        config: Config,
        versions: Mapping[str, int],
        as_of: datetime,
        keep: Keep,
        *,
        until: int | None = None,
        given: Mapping[str, DataFrame] | None = None,
    ) -> None:
        self.config = config
        self.as_of = as_of
        self._lake = lake
        self._versions = versions
        self._keep = keep
        self._until = until
        # What is known already is not worked out.
        self.__dict__.update(given or {})

    def _read(self, table: Table) -> DataFrame:
        rows = self._lake.store.read(table, self._versions[table.id])
        return until(rows, self._until) if "batch_id" in table.names else rows

    @once
    def newest_labels(self) -> DataFrame:
        """The newest label of each identifier, which tells what it hangs together with, too."""
        return self._keep(latest(self._read(LABELS), key=["identifier_key"]))

    @once
    def labels(self) -> DataFrame:
        """Whose each identifier is."""
        return self.newest_labels

    @once
    def activations(self) -> DataFrame:
        """What is worth saying to whom, as it stands."""
        return activations(self._read(PLANS), self.labels)

    @once
    def audience_members(self) -> DataFrame:
        """Who is shown ads by which policy."""
        return audience_members(self._read(PLANS), self.labels)

    @once
    def products(self) -> DataFrame:
        return self._read(PRODUCTS)

    @once
    def contents(self) -> DataFrame:
        """What the contents of messages offer."""
        return self._read(CONTENTS)

    @once
    def campaigns(self) -> DataFrame:
        """What campaigns offer."""
        return self._read(CAMPAIGNS)

    @once
    def rates(self) -> DataFrame:
        """What other currencies are worth."""
        return self._read(RATES)

    @once
    def hubs(self) -> DataFrame:
        """The identifiers of too many."""
        return hubs(self.labels, self._read(LINKS))

    @property
    def identity_health(self) -> DataFrame:
        """How identifiers make persons; what is nobody's since a link ended, told apart."""
        labels, links, rules = self.newest_labels, self._read(LINKS), self.config.identity
        windows = [kind.window for kind in rules.types.values() if kind.window]
        if SHARINGS[rules.shared_devices].makes_nobodys:
            ended = over(labels, links, windows=windows)
        else:
            ended = labels.where("state = 'neutral'").select("identifier_key")
        crowded = of_too_many(labels, links, max_identifiers=rules.max_identifiers)
        changes = self.identity_changes
        return health(labels, changes, as_of=self.as_of, over=ended, of_too_many=crowded)

    @property
    def identity_changes(self) -> DataFrame:
        """Who became one person, and who came apart."""
        return self._read(IDENTITY_CHANGES)

    @once
    def manual_links(self) -> DataFrame:
        """What the business says of who is one customer."""
        about_persons = self._read(TIMELINE_LOG).where("event_class = 'profile'")
        return manual_links(about_persons, self._read(PROFILES))

    @once
    def events(self) -> DataFrame:
        """Everything that happened."""
        return self._read(TIMELINE_LOG)

    @once
    def timeline(self) -> DataFrame:
        """Everything that happened, with the person it happened to."""
        has_hubs = not self.labels.where("state = 'hub'").isEmpty()
        return self._keep(settled(self.events, self.labels, hubs=has_hubs))

    @once
    def outcomes(self) -> DataFrame:
        """What became of each message."""
        told = self.config.attribution
        rows = outcomes(self.timeline, self.lines, window=told.window, half_life=told.half_life)
        return self._keep(rows)

    @once
    def lines(self) -> DataFrame:
        """What was bought, and what of it was taken back."""
        return self._keep(settled_lines(self.timeline, currency=self.config.business.currency))

    @once
    def bought(self) -> DataFrame:
        """What each person bought, line by line, and what of it was kept."""
        currency = self.config.business.currency
        lines = bought_lines(self.lines, self.products, self.rates, currency=currency)
        return self._keep(lines)

    @once
    def orders(self) -> DataFrame:
        """The same order by order."""
        return self._keep(orders_of(self.bought))

    @once
    def customers(self) -> DataFrame:
        """What events alone say of each person."""
        laws = jurisdictions(self.facts)
        return self._keep(
            customers(
                self.timeline,
                self.outcomes,
                self.bought,
                self.orders,
                laws,
                time_zone=self.config.business.time_zone,
            )
        )

    @once
    def scores(self) -> DataFrame:
        """Where each customer stands now."""
        return self._keep(
            scores(
                self.customers,
                self.orders,
                self.timeline,
                self.regrets_of_rules,
                self.config,
                as_of=self.as_of,
            )
        )

    @once
    def closings(self) -> DataFrame:
        """What closes channels, with the person and the message it is of."""
        return self.timeline.where(is_closing())

    @once
    def facts(self) -> DataFrame:
        """The timeline, in which each closing stands once for everybody whom it may be about."""
        told = for_everybody(
            self.closings,
            self.timeline,
            self.labels,
            self._keep,
            unique_types=self.config.identity.unique_types,
            is_any_contested=self.config.identity.is_any_contested,
        )
        on_channels = self._keep(on_their_channels(told, self.labels))
        return self.timeline.where(~is_closing()).unionByName(on_channels)

    @once
    def marketing_messages(self) -> DataFrame:
        """Every marketing message, with all that it is about."""
        return marketing_messages(self.timeline, self.products, self.contents, self.campaigns)

    @once
    def suppressions(self) -> DataFrame | None:
        """What must not be said, ended or not; None without any rule."""
        rows = decide.suppressions(
            self.facts,
            self.labels,
            self.products,
            self.lines,
            self.contents,
            self.campaigns,
            rules=self.config.rules,
            caps=self.config.caps,
            currency=self.config.business.currency,
            time_zone=self.config.business.time_zone,
            keep=self._keep,
            classes=decide.classes_of(self.timeline),
        )
        return None if rows is None else self._keep(rows)

    @once
    def regrets(self) -> DataFrame | None:
        """Messages that a rule or a check would have stopped; None without any."""
        of_rules, of_checks = self.regrets_of_rules, self._regrets_of_checks()
        if of_rules is None or of_checks is None:
            return of_checks if of_rules is None else of_rules
        both = (rows.select(*REGRETS.names) for rows in (of_rules, of_checks))
        return self._keep(reduce(DataFrame.unionByName, both))

    @once
    def regrets_of_rules(self) -> DataFrame | None:
        """Those of them that a rule would have stopped; None without any rule."""
        if self.suppressions is None:
            return None
        rows = regrets(
            self.marketing_messages,
            self.suppressions,
            shares=decide.shares(self.config),
            products=self.products if decide.asks_attributes(self.config) else None,
        )
        return self._keep(rows)

    def _regrets_of_checks(self) -> DataFrame | None:
        if not self.config.checks_of_all:
            return None
        return regrets_of_checks(
            self.marketing_messages,
            self.timeline,
            Around(self.products, self._read(CONTEXT)),
            policies=[one.policy for one in self.config.checks_of_all],
            time_zone=self.config.business.time_zone,
        )


def until(rows: DataFrame, batch: int | None) -> DataFrame:
    """Keep what batches up to this one wrote, so that nobody reads half of the next.

    Rows of before batches were noted have none. batch: None for all.
    """
    return rows if batch is None else rows.where(F.coalesce("batch_id", F.lit(0)) <= batch)


def for_everybody(
    closings: DataFrame,
    timeline: DataFrame,
    labels: DataFrame,
    keep: Keep,
    *,
    unique_types: Sequence[str],
    is_any_contested: bool,
) -> DataFrame:
    """What closes channels, once for everybody whom it may be about.

    closings, timeline: see `settled`. labels: of all that they name. is_any_contested: whether what
    is somebody's may be meant by others who were seen with it (see `contested_keys`).
    """
    sets = timeline.select("identifier_keys").distinct()
    contested = None
    if is_any_contested:
        held = _holding(sets, named_keys(closings))
        contested = keep(contested_keys(carriers(held, labels), labels))
    named = keep(with_named(closings, labels, unique_types=unique_types, contested=contested))
    told = for_all_named(named.drop("named_persons", "shared_keys"))
    if named.where("size(shared_keys) > 0 OR size(named_persons) > 1").isEmpty():
        return told
    keys = named.select(F.explode("shared_keys").alias("identifier_key")).distinct()
    carried = carriers(_holding(sets, keys), labels).join(keys, "identifier_key", "left_semi")
    return told.unionByName(for_further_persons(named, carried))


def _holding(sets: DataFrame, keys: DataFrame) -> DataFrame:
    """Those of some sets that hold one of these identifiers."""
    each = sets.withColumn("identifier_key", F.explode("identifier_keys"))
    return each.join(keys, "identifier_key", "left_semi").select("identifier_keys").distinct()
