"""Publish: fold the logs into the tables people read, one row a key, persons resolved."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pyspark import inheritable_thread_target
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs import decide, fused
from tactful.jobs.errors import LakeDamaged
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.scratch import Keep, scratch
from tactful.jobs.lake.state import read_json
from tactful.jobs.settings.config import Config
from tactful.jobs.summarise import left_out, pressures, scores
from tactful.schemas.customers import CUSTOMER_SCORES, CUSTOMERS
from tactful.schemas.customers_daily import CUSTOMERS_DAILY
from tactful.schemas.events import PROFILES
from tactful.schemas.identity import (
    HUBS,
    IDENTITY,
    IDENTITY_HEALTH,
    LABELS,
    LINKS,
    MANUAL_LINKS,
)
from tactful.schemas.known_shares import KNOWN_SHARES
from tactful.schemas.outcomes import OUTCOMES
from tactful.schemas.records import LEFT_OUT
from tactful.schemas.reference import PRODUCTS, RATES
from tactful.schemas.suppressions import PRESSURE, REGRETS, SUPPRESSIONS
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE, TIMELINE_LOG
from tactful.transforms.addresses import on_their_channels
from tactful.transforms.closings import (
    carriers,
    for_all_named,
    for_further_persons,
    is_closing,
    with_named,
)
from tactful.transforms.identity.health import health
from tactful.transforms.identity.hubs import hubs
from tactful.transforms.identity.links import latest
from tactful.transforms.identity.manual_links import manual_links
from tactful.transforms.known_shares import known_shares
from tactful.transforms.message_facts import settled
from tactful.transforms.outcomes import outcomes
from tactful.transforms.persons.customers import customers
from tactful.transforms.persons.daily import customers_of_day
from tactful.transforms.persons.purchases import bought_lines, orders_of
from tactful.transforms.regrets import marketing_messages, regrets
from tactful.transforms.settled import settled_lines

STATE = "_published.json"
# Of what happened, compressed: so little that every published table fits into this process.
FEW_BYTES = 2_000_000


class Inputs:
    """What published tables are worked out from, each frame once and only where one asks for it."""

    def __init__(
        self, lake: Lake, config: Config, versions: Mapping[str, int], as_of: datetime, keep: Keep
    ) -> None:
        self.config = config
        self.as_of = as_of
        self._lake = lake
        self._versions = versions
        self._keep = keep

    def _read(self, table: Table) -> DataFrame:
        return self._lake.store.read(table, self._versions[table.id])

    @cached_property
    def labels(self) -> DataFrame:
        """Whose each identifier is."""
        return self._keep(latest(self._read(LABELS), key=["identifier_key"]))

    @cached_property
    def products(self) -> DataFrame:
        return self._read(PRODUCTS)

    @cached_property
    def rates(self) -> DataFrame:
        """What other currencies are worth."""
        return self._read(RATES)

    @cached_property
    def hubs(self) -> DataFrame:
        """The identifiers of too many."""
        return hubs(self.labels, self._read(LINKS))

    @cached_property
    def manual_links(self) -> DataFrame:
        """What the business says of who is one customer."""
        about_persons = self._read(TIMELINE_LOG).where("event_class = 'profile'")
        return manual_links(about_persons, self._read(PROFILES))

    @cached_property
    def timeline(self) -> DataFrame:
        """Everything that happened, with the person it happened to."""
        has_hubs = not self.labels.where("state = 'hub'").isEmpty()
        return self._keep(settled(self._read(TIMELINE_LOG), self.labels, hubs=has_hubs))

    @cached_property
    def outcomes(self) -> DataFrame:
        """What became of each message."""
        told = self.config.attribution
        rows = outcomes(self.timeline, self.lines, window=told.window, half_life=told.half_life)
        return self._keep(rows)

    @cached_property
    def lines(self) -> DataFrame:
        """What was bought, and what of it was taken back."""
        return self._keep(settled_lines(self.timeline, currency=self.config.business.currency))

    @cached_property
    def bought(self) -> DataFrame:
        """What each person bought, line by line, and what of it was kept."""
        currency = self.config.business.currency
        lines = bought_lines(self.lines, self.products, self.rates, currency=currency)
        return self._keep(lines)

    @cached_property
    def orders(self) -> DataFrame:
        """The same order by order."""
        return self._keep(orders_of(self.bought))

    @cached_property
    def customers(self) -> DataFrame:
        """What events alone say of each person."""
        zone = self.config.business.time_zone
        return self._keep(
            customers(self.timeline, self.outcomes, self.bought, self.orders, time_zone=zone)
        )

    @cached_property
    def scores(self) -> DataFrame:
        """Where each customer stands now."""
        return self._keep(
            scores(
                self.customers,
                self.orders,
                self.timeline,
                self.regrets,
                self.config,
                as_of=self.as_of,
            )
        )

    @cached_property
    def facts(self) -> DataFrame:
        """The timeline, in which each closing stands once for everybody whom it may be about."""
        unique_types = self.config.identity.unique_types
        closings = _closings(self.timeline, self.labels, self._keep, unique_types=unique_types)
        told = self._keep(on_their_channels(closings, self.labels))
        return self.timeline.where(~is_closing()).unionByName(told)

    @cached_property
    def suppressions(self) -> DataFrame | None:
        """What must not be said, ended or not; None without any rule."""
        rows = decide.suppressions(
            self.facts,
            self.labels,
            self.products,
            self.lines,
            rules=self.config.rules,
            caps=self.config.caps,
        )
        return None if rows is None else self._keep(rows)

    @cached_property
    def regrets(self) -> DataFrame | None:
        """Messages that a rule would have stopped; None without any rule."""
        if self.suppressions is None:
            return None
        messages = marketing_messages(self.timeline, self.products)
        shares = decide.shares(self.config)
        return self._keep(regrets(messages, self.suppressions, shares=shares))


def _known_shares(of: Inputs) -> DataFrame:
    return known_shares(of.timeline, of.rates, currency=of.config.business.currency)


def _pressure(of: Inputs) -> DataFrame | None:
    return pressures(of.timeline, of.config, as_of=of.as_of)


def _left_out(of: Inputs) -> DataFrame | None:
    if of.suppressions is None:
        return None
    return left_out(of.facts, of.suppressions, of.config, as_of=of.as_of)


@dataclass(frozen=True)
class Publication:
    """One published table: how it is made, and from what, so that nothing else makes it anew.

    `rows`      what all tables are worked out from → its rows; None where no rule asks for any.
    `reads`     the logs and reference tables that it is worked out from.
    `sections`  the sections of the configuration that have a say in it.
    `clock`     what of the moment at which it is made has a say in it: the `moment` itself, or the
                business's `day`, so that it is made once a day; empty: nothing.
    """

    table: Table
    rows: Callable[[Inputs], DataFrame | None]
    reads: tuple[Table, ...]
    sections: tuple[str, ...] = ()
    clock: Literal["", "moment", "day"] = ""


_EVENTS = (LABELS, TIMELINE_LOG)
# A currency stands for orders that name none; a unique type says of whom an opt-out speaks.
_RULES = ("suppress", "caps", "business", "identity")
PUBLICATIONS = (
    Publication(IDENTITY, lambda of: of.labels, (LABELS,)),
    Publication(IDENTITY_HEALTH, lambda of: health(of.labels), (LABELS,)),
    Publication(HUBS, lambda of: of.hubs, (LABELS, LINKS)),
    Publication(MANUAL_LINKS, lambda of: of.manual_links, (TIMELINE_LOG, PROFILES)),
    Publication(TIMELINE, lambda of: of.timeline, _EVENTS),
    Publication(OUTCOMES, lambda of: of.outcomes, _EVENTS, ("attribution", "business")),
    Publication(
        CUSTOMERS,
        lambda of: of.customers,
        (*_EVENTS, PRODUCTS, RATES),
        ("attribution", "business"),
    ),
    Publication(
        CUSTOMER_SCORES,
        lambda of: of.scores,
        (*_EVENTS, PRODUCTS, RATES),
        (*_RULES, "attribution", "scores", "value"),
        clock="day",
    ),
    Publication(KNOWN_SHARES, _known_shares, (*_EVENTS, RATES), ("business",)),
    Publication(PRESSURE, _pressure, _EVENTS, ("caps",), clock="moment"),
    Publication(SUPPRESSIONS, lambda of: of.suppressions, (*_EVENTS, PRODUCTS), _RULES),
    Publication(REGRETS, lambda of: of.regrets, (*_EVENTS, PRODUCTS), _RULES),
    Publication(
        LEFT_OUT,
        _left_out,
        (*_EVENTS, PRODUCTS),
        (*_RULES, "destinations", "consent"),
        clock="moment",
    ),
)


def publish(
    lake: Lake,
    config: Config,
    *,
    as_of: datetime,
    on_progress: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Publish every table of which something that it is made from changed since it was published.

    What was published from which versions stands in one file that is written last: a publish
    that was killed half-way is done again by the next run, whether or not data came.
    """
    versions = {t.id: lake.store.version(t) for p in PUBLICATIONS for t in p.reads}
    born = (lake.state() or {}).get("generations", {}).get(fused.QUERY)
    made_from = {p.table.name: _made_from(p, versions, config, as_of, born) for p in PUBLICATIONS}
    before = _published(lake).get("made_from", {})
    stale = [p for p in PUBLICATIONS if before.get(p.table.name) != made_from[p.table.name]]
    if not stale:
        return []
    size = lake.store.size(TIMELINE_LOG, versions[TIMELINE_LOG.id])
    with scratch(lake, size=size) as keep:
        inputs = Inputs(lake, config, versions, as_of, keep)
        frames = {p.table: _rows(lake, p, inputs) for p in stale}
        _overwrite(lake, frames, on_progress, few=size <= FEW_BYTES)
        day, kept = (told.get(CUSTOMER_SCORES.name, {}).get("day") for told in (made_from, before))
        if day != kept:
            _keep_day(lake, inputs)
    state = {
        "as_of": as_of.isoformat(),
        "made_from": made_from,
        "tables": {p.table.name: lake.store.version(p.table) for p in PUBLICATIONS},
    }
    document = json.dumps(state, indent=2, sort_keys=True) + "\n"
    lake.store.write_text(f"{lake.location}/{STATE}", document)
    return [p.table.name for p in stale]


def _published(lake: Lake) -> dict[str, Any]:
    """What was published last; nothing where that is damaged, so that all is published anew."""
    try:
        return read_json(lake.store, f"{lake.location}/{STATE}", way_out="remove it") or {}
    except LakeDamaged:
        return {}


def _made_from(
    publication: Publication,
    versions: Mapping[str, int],
    config: Config,
    as_of: datetime,
    born: str | None,
) -> dict[str, Any]:
    """What a table is made from: log versions, configuration, and the clock where it matters.

    born: the generation of the main query. A replay makes its logs anew, whose versions may be as
    many as those of the logs before.
    """
    made_from: dict[str, Any] = {table.id: versions[table.id] for table in publication.reads}
    made_from |= {"configuration": config.hash_of(publication.sections), "generation": born}
    if publication.clock == "moment":
        made_from["as_of"] = as_of.isoformat()
    elif publication.clock == "day":
        made_from["day"] = _day(config, as_of).isoformat()
    return made_from


def _day(config: Config, as_of: datetime) -> date:
    """The business's day."""
    return as_of.astimezone(ZoneInfo(config.business.time_zone)).date()


def _keep_day(lake: Lake, inputs: Inputs) -> None:
    """Note how customers are divided today, once a day: what was noted before stays."""
    day = _day(inputs.config, inputs.as_of)
    rows = customers_of_day(inputs.customers, inputs.scores, day=day)
    name = CUSTOMERS_DAILY.name
    lake.store.append_by_spark(
        CUSTOMERS_DAILY, CUSTOMERS_DAILY.conform(rows), name, day.toordinal()
    )


def _rows(lake: Lake, publication: Publication, inputs: Inputs) -> DataFrame:
    rows = publication.rows(inputs)
    if rows is None:
        return small_frame(lake.spark, [], publication.table.struct())
    return rows


def _closings(
    timeline: DataFrame, labels: DataFrame, keep: Keep, *, unique_types: Sequence[str]
) -> DataFrame:
    """What closes channels, once for everybody whom it may be about. timeline: see `settled`."""
    closings = keep(with_named(timeline.where(is_closing()), labels, unique_types=unique_types))
    told = for_all_named(closings.drop("named_persons", "shared_keys"))
    if closings.where("size(shared_keys) > 0 OR size(named_persons) > 1").isEmpty():
        return told
    keys = closings.select(F.explode("shared_keys").alias("identifier_key")).distinct()
    sets = timeline.select("identifier_keys").distinct()
    each = sets.withColumn("identifier_key", F.explode("identifier_keys"))
    held = each.join(keys, "identifier_key", "left_semi").select("identifier_keys").distinct()
    carried = carriers(held, labels).join(keys, "identifier_key", "left_semi")
    return told.unionByName(for_further_persons(closings, carried))


def _overwrite(
    lake: Lake, frames: dict[Table, DataFrame], on_progress: Callable[[str], None], *, few: bool
) -> None:
    """Put these frames in the tables' places, two at a time, telling of each that is done."""

    def write(table: Table, frame: DataFrame) -> None:
        lake.overwrite(table, table.conform(frame), few=few)
        on_progress(f"published {table.name}")

    with ThreadPoolExecutor(2) as pool:
        work = inheritable_thread_target(lake.spark)(write)
        for done in [pool.submit(work, table, frame) for table, frame in frames.items()]:
            done.result()
