"""Publish: bring the tables people read up to date with the logs, one row a key."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from tactful.jobs.decide import views_asked_for
from tactful.jobs.errors import LakeDamaged
from tactful.jobs.fitting import fit_if_due
from tactful.jobs.lake.folding import APPENDS, FILE_BYTES
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.scratch import ONE_PIECE_BYTES, Keep, in_memory, scratch
from tactful.jobs.lake.state import read_json
from tactful.jobs.publication.changed import Changed, Span
from tactful.jobs.publication.inputs import Inputs
from tactful.jobs.publication.tables import PUBLICATIONS, Publication
from tactful.jobs.publication.writing import (
    in_columns,
    in_two_threads,
    replace_all,
    replace_changed,
    replace_sums,
)
from tactful.jobs.runs.batches import FUSED, GATHER, last_done, unfinished
from tactful.jobs.settings.config import Config
from tactful.schemas.customers import CUSTOMER_SCORES, CUSTOMERS
from tactful.schemas.customers_daily import CUSTOMERS_DAILY
from tactful.schemas.events import PROFILES
from tactful.schemas.identity import IDENTITY, IDENTITY_CHANGES, LABELS, LINKS
from tactful.schemas.suppressions import REGRETS
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE_LOG
from tactful.transforms.persons.daily import customers_of_day

STATE = "_published.json"
# Of what happened, compressed: so little that every published table fits into this process.
FEW_BYTES = 2_000_000
# So much that to find what changed takes less than to make everything anew.
FOLLOWED_BYTES = 50_000_000
# Where so large a part of all identifiers is of somebody whose rows may be others, all are made.
LARGE_PART = 0.2
# What grows with every batch; that anything else is another changes more than some persons' rows.
LOGS = {LABELS.id, LINKS.id, IDENTITY_CHANGES.id, TIMELINE_LOG.id, PROFILES.id}


@dataclass
class Plan:
    """What to do with the tables that are behind.

    followed: those of which only the rows change that the new events bear on. whole: those that are
    made anew. waiting: those that wait for another day.
    """

    followed: list[Publication] = field(default_factory=list)
    whole: list[Publication] = field(default_factory=list)
    waiting: list[Publication] = field(default_factory=list)

    @property
    def written(self) -> list[Publication]:
        return [*self.followed, *self.whole]


def publish(
    lake: Lake,
    config: Config,
    *,
    as_of: datetime,
    on_progress: Callable[[str], None] = lambda _: None,
    full: bool = False,
    only: Collection[Table] = (),
) -> list[str]:
    """Bring every table up to date of which something that it is made from changed since.

    Of a large lake only those rows are written that the events since then bear on. What was
    published from which versions stands in one file that is written last: a publish that was killed
    half-way is done again by the next run, whether or not data came.

    full: make all tables anew, which gives the same rows. only: the tables to look at, where all
    were published once; the others stay behind, and so does the moment that all of them tell of.
    Returns the tables that were written.
    """
    batch, versions = _versions(lake)
    made_from = _all_made_from(lake, config, versions, as_of)
    before = {} if full else _published(lake)
    of_some = {table.name for table in only} if before else set()
    stale = [p for p in _stale(before, made_from) if not of_some or p.table.name in of_some]
    if not stale:
        return []
    told = before.get("made_from", {})
    size = lake.store.size(TIMELINE_LOG, versions[TIMELINE_LOG.id])
    span = _span(before, batch) if size > FOLLOWED_BYTES else None
    is_new_day = _day_of(before, config) != _day(config, as_of)
    plan = _plan(stale, told, made_from, may_follow=span is not None, is_new_day=is_new_day)
    is_small = size <= ONE_PIECE_BYTES
    with scratch(lake, size=size) as keep, in_memory(in_one_piece=is_small) as hold:
        work = _Work(lake, config, versions, as_of, keep, hold, batch)
        if plan.followed and span is not None:
            plan = work.follow(plan, before, span, on_progress)
        work.make(plan, on_progress, few=size <= FEW_BYTES)
        day, kept = (one.get(CUSTOMER_SCORES.name, {}).get("day") for one in (made_from, told))
        if day != kept and not of_some:
            _keep_day(lake, _day(config, as_of))
    written = [p.table.name for p in PUBLICATIONS if p in plan.written]
    if of_some:
        # What follows what changed since then has still to see all of it.
        told |= {name: made_from[name] for name in written}
        as_of, batch, made_from = datetime.fromisoformat(before["as_of"]), before["batch"], told
    else:
        fit_if_due(lake, config, as_of=as_of, on_progress=on_progress)
        made_from |= {p.table.name: told[p.table.name] for p in plan.waiting}
    _remember(lake, plan, before, as_of=as_of, batch=batch, made_from=made_from)
    return written


def behind(lake: Lake, config: Config, *, as_of: datetime) -> list[str]:
    """The tables of which something that they are made from is another than when they were."""
    _, versions = _versions(lake)
    made_from = _all_made_from(lake, config, versions, as_of)
    return [p.table.name for p in _stale(_published(lake), made_from)]


def _stale(before: Mapping[str, Any], made_from: Mapping[str, Any]) -> list[Publication]:
    told = before.get("made_from", {})
    return [p for p in PUBLICATIONS if told.get(p.table.name) != made_from[p.table.name]]


@dataclass
class _Work:
    """What one publication works with.

    keep: holds what is worked out from everything. hold: what is from a part of it, in memory.
    """

    lake: Lake
    config: Config
    versions: Mapping[str, int]
    as_of: datetime
    keep: Keep
    hold: Keep
    batch: int | None
    # What changed, and which tables follow that; nothing where all are made anew.
    changed: Changed | None = None

    def follow(
        self, plan: Plan, before: Mapping[str, Any], span: Span, on_progress: Callable[[str], None]
    ) -> Plan:
        """Write what differs of the tables that follow the new events. Returns what is left to do.

        Where these bear on a large part of everybody, all tables are made anew.
        """
        store = self.lake.store
        version = before["tables"][IDENTITY.name]
        changed = Changed(
            lambda table: store.read(table, self.versions[table.id]),
            lambda: store.read(IDENTITY, version),
            span,
            self.hold,
            is_any_contested=self.config.identity.is_any_contested,
            views_wanted=views_asked_for(self.config),
        )
        if changed.share() > LARGE_PART:
            return Plan([], [*plan.written, *plan.waiting])
        self.changed = changed
        given = {"events": changed.near, "labels": changed.labels, "closings": changed.closings}
        near, count = self._inputs(given, self.hold), changed.near.count()

        def follow(one: Publication) -> bool:
            if one.sums is not None:
                version = before["tables"][one.table.name]
                return replace_sums(self.lake, one.table, self._summed(one, changed, near, version))
            of = self._of_part(one, near) or near
            rows = in_columns(self.lake, one.table, one.rows(of))
            return replace_changed(
                self.lake, one.table, rows, one.changed(changed, of), count=count
            )

        in_two_threads(self.lake, plan.followed, follow, on_progress)
        return plan

    def _summed(self, one: Publication, changed: Changed, near: Inputs, version: int) -> pa.Table:
        """The rows of a table of sums now.

        version: the one last told to readers. One that was written and not told, by a publication
        that was killed, holds these changes already.
        """
        rows = one.sums(changed, near, self.lake.store.read(one.table, version))
        return one.table.conform(rows).toArrow()

    def make(self, plan: Plan, on_progress: Callable[[str], None], *, few: bool) -> None:
        """Make the other tables anew, each from no more than it takes."""
        made = {p.table for p in plan.whole}
        given = {}
        if self.changed is not None:
            known = {IDENTITY: "labels", CUSTOMERS: "customers"}
            if self.config.rules or self.config.caps:
                known[REGRETS] = "regrets_of_rules"
            given = {n: self.lake.store.read(t) for t, n in known.items() if t not in made}
        everything = self._inputs(given, self.keep)

        def make(one: Publication) -> bool:
            of = self._of_part(one, everything) or everything
            rows = in_columns(self.lake, one.table, one.rows(of))
            return replace_all(self.lake, one.table, rows, few=few)

        in_two_threads(self.lake, plan.whole, make, on_progress)

    def _of_part(self, one: Publication, of: Inputs) -> Inputs | None:
        """What a table is made of that looks at a part of what happened; None for any other."""
        if self.changed is None or one.events is None:
            return None
        events = one.events(self.changed, of)
        labels = self.hold(self.changed.labels_of(events))
        return self._inputs({"events": events, "labels": labels}, self.hold)

    def _inputs(self, given: Mapping[str, Any], keep: Keep) -> Inputs:
        return Inputs(
            self.lake, self.config, self.versions, self.as_of, keep,
            until=self.batch, given=given,
        )  # fmt: skip


def _versions(lake: Lake) -> tuple[int | None, dict[str, int]]:
    """The newest batch that is done, and the versions of what tables are made from, by then.

    A batch that ends in between may have folded a log: then it is looked at again. None before the
    first batch.
    """
    while True:
        batch = _last_batch(lake)
        versions = {t.id: lake.store.version(t) for p in PUBLICATIONS for t in p.reads}
        if batch == _last_batch(lake):
            return batch, versions


def _last_batch(lake: Lake) -> int | None:
    done = last_done(lake, FUSED)
    number = lake.batches_before(FUSED) + done
    gathering = unfinished(lake, GATHER)
    if gathering is not None:
        number = min(number, gathering["number"] - 1)
    return number if done >= 0 and number >= 0 else None


def _span(before: Mapping[str, Any], batch: int | None) -> Span | None:
    """The batches since tables were last published; None where that is not known."""
    after = before.get("batch")
    return None if after is None or batch is None or "tables" not in before else Span(after, batch)


def _plan(
    stale: Sequence[Publication],
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    *,
    may_follow: bool,
    is_new_day: bool,
) -> Plan:
    """Say of each table that is behind whether it follows what changed, or is made anew.

    before, now: what each is made from. is_new_day: whether nothing was published today.
    """
    plan = Plan()
    for one in stale:
        then, wanted = before.get(one.table.name), now[one.table.name]
        if not may_follow or then is None or not _has_only_grown(then, wanted):
            plan.whole.append(one)
        elif one.may_follow and then.get("day") == wanted.get("day"):
            plan.followed.append(one)
        elif one.is_daily and not is_new_day:
            plan.waiting.append(one)
        else:
            plan.whole.append(one)
    return plan


def _has_only_grown(then: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether a table is made from the same as before but for what batches and the clock added."""
    free = LOGS | {"as_of", "day"}
    return {k: v for k, v in then.items() if k not in free} == {
        k: v for k, v in now.items() if k not in free
    }


def _remember(
    lake: Lake,
    plan: Plan,
    before: Mapping[str, Any],
    *,
    as_of: datetime,
    batch: int | None,
    made_from: Mapping[str, Any],
) -> None:
    """Note what is published now, once everything is."""
    packed = dict(before.get("packed", {}))
    packed |= {p.table.name: lake.store.version(p.table) for p in plan.whole}
    for one in plan.followed:
        name = one.table.name
        if lake.store.version(one.table) - packed.get(name, 0) >= APPENDS:
            lake.store.compact(one.table, up_to=FILE_BYTES)
            packed[name] = lake.store.version(one.table)
    state = {
        "as_of": as_of.isoformat(),
        "batch": batch,
        "made_from": made_from,
        "packed": packed,
        "tables": {p.table.name: lake.store.version(p.table) for p in PUBLICATIONS},
    }
    document = json.dumps(state, indent=2, sort_keys=True) + "\n"
    lake.store.write_text(f"{lake.location}/{STATE}", document)


def published_versions(lake: Lake) -> dict[str, int]:
    """Of each published table the version that is told to readers, all of one moment."""
    return _published(lake).get("tables", {})


def _published(lake: Lake) -> dict[str, Any]:
    """What was published last; nothing where that is damaged, so that all is published anew."""
    try:
        return read_json(lake.store, f"{lake.location}/{STATE}", way_out="remove it") or {}
    except LakeDamaged:
        return {}


def _all_made_from(
    lake: Lake, config: Config, versions: Mapping[str, int], as_of: datetime
) -> dict[str, Any]:
    """What each table would be made from now, by its name."""
    born = (lake.state() or {}).get("generations", {}).get(FUSED)
    return {p.table.name: _made_from(p, versions, config, as_of, born) for p in PUBLICATIONS}


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
    # A table that got another column in a later version is made anew by it.
    made_from["columns"] = [*publication.table.names]
    if publication.clock == "moment":
        made_from["as_of"] = as_of.isoformat()
    elif publication.clock == "day":
        made_from["day"] = _day(config, as_of).isoformat()
    return made_from


def _day(config: Config, as_of: datetime) -> date:
    """The business's day."""
    return as_of.astimezone(ZoneInfo(config.business.time_zone)).date()


def _day_of(published: Mapping[str, Any], config: Config) -> date | None:
    """The business's day at which tables were last published."""
    told = published.get("as_of")
    return None if told is None else _day(config, datetime.fromisoformat(told))


def _keep_day(lake: Lake, day: date) -> None:
    """Note how customers are divided today, once a day: what was noted before stays."""
    rows = customers_of_day(lake.store.read(CUSTOMERS), lake.store.read(CUSTOMER_SCORES), day=day)
    table = CUSTOMERS_DAILY
    lake.store.append_by_spark(table, table.conform(rows), table.name, day.toordinal())
