"""Changed: what came since tables were published, whom it bears on, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs.evidence.contacts import is_of_contact
from tactful.jobs.evidence.orders import ROW, is_of_order
from tactful.jobs.lake.lookups import HUB
from tactful.jobs.lake.scratch import Keep
from tactful.jobs.publication.inputs import until
from tactful.jobs.publication.once import once
from tactful.schemas.identity import IDENTITY, LABELS, LINKS
from tactful.schemas.table import Table
from tactful.schemas.timeline import TIMELINE_LOG
from tactful.transforms.closings import NOBODYS, all_keys, is_closing
from tactful.transforms.identity.links import latest, semi_join
from tactful.transforms.identity.owners import with_owner
from tactful.transforms.message_facts import is_of_message, settled
from tactful.transforms.persons.views import is_view, telling_views

KEY = "identifier_key"
OWNERS = ("person_id", "neutral_person_id")
# What of a label says whose an event is; the rest says only when it was seen.
SAYS_WHOSE = ("state", "neutral_from_at", *OWNERS)
SEEN_AT = ("first_seen_at", "last_seen_at")


@dataclass(frozen=True)
class Span:
    """The batches that came since: those after the one, up to the other."""

    after: int
    until: int

    def of(self, rows: DataFrame) -> DataFrame:
        """Keep the rows that these batches wrote."""
        return until(rows, self.until).where(F.col("batch_id") > self.after)


class Changed:
    """What some batches changed, and the part of the lake that their persons' rows are made of.

    Whoever is not among `persons` has the same rows as before. Of who is, `near` holds everything
    that their rows follow from, also where it stands in somebody else's events: what became of
    their messages, what was placed and taken back under their order numbers, their contacts.

    read: gives a table as of now. identity: gives the published labels, as of before.
    is_any_contested: whether a word may be about others by what is somebody's (see
    `contested_keys`). views_wanted: which views are asked for, however old.
    """

    def __init__(
        self,
        read: Callable[[Table], DataFrame],
        identity: Callable[[], DataFrame],
        span: Span,
        keep: Keep,
        *,
        is_any_contested: bool,
        views_wanted: Column,
    ) -> None:
        self._read = read
        self._published = identity
        self._span = span
        self._keep = keep
        self._is_any_contested = is_any_contested
        self._views_wanted = views_wanted

    # Read anew each time: Spark cannot join a table to rows that it holds of that same reading.
    @property
    def _log(self) -> DataFrame:
        return until(self._read(TIMELINE_LOG), self._span.until)

    @property
    def _links(self) -> DataFrame:
        return until(self._read(LINKS), self._span.until)

    @property
    def _identity(self) -> DataFrame:
        return self._published()

    @once
    def relabelled(self) -> DataFrame:
        """The newest labels of the identifiers of which a batch said anything."""
        return self._keep(latest(self._span.of(self._read(LABELS)), key=[KEY]))

    @once
    def moved(self) -> DataFrame:
        """Identifiers of which another label now says whose they are: identifier_key, and of the
        owners and states now and before (was_…) what is known, and between when it was seen.
        was_known: whether it is an old one.
        """
        names = ("state", *OWNERS)
        fresh = self.relabelled.select(KEY)
        before = semi_join(self._identity, fresh, count=fresh.count()).select(
            KEY,
            F.lit(True).alias("was_known"),
            F.struct(*SAYS_WHOSE).alias("_was"),
            *(F.col(name).alias(f"was_{name}") for name in names),
        )
        is_now = F.struct(*SAYS_WHOSE).alias("_is")
        both = self.relabelled.select(KEY, *names, *SEEN_AT, is_now).join(before, KEY, "left")
        rows = both.where(~F.col("_is").eqNullSafe(F.col("_was")))
        known = F.coalesce("was_known", F.lit(False))
        return self._keep(rows.withColumn("was_known", known).drop("_is", "_was"))

    @once
    def came(self) -> DataFrame:
        """The rows of the timeline that batches added."""
        return self._keep(self._span.of(self._log))

    @once
    def events(self) -> DataFrame:
        """What came or changed hands, and what belongs to the same messages, orders, contacts."""
        seeds = self._distinct(self.came, self._that_moved())
        return self._keep(self._distinct(seeds, self._belonging_to(seeds)))

    @once
    def timeline(self) -> DataFrame:
        """The same with whose it is now."""
        return self._keep(settled(self.events, self._named, hubs=self._has_hubs))

    @once
    def before(self) -> DataFrame:
        """The same with whose it was, as far as it was known when tables were last published."""
        known = self._keep(until(self.events, self._span.after))
        keys = _keys_in(known).distinct()
        labels = semi_join(self._identity, keys, count=known.count())
        return self._keep(settled(known, labels, hubs=self._has_hubs))

    @once
    def _named(self) -> DataFrame:
        """The labels of the identifiers that these events name."""
        return self._keep(self.labels_of(self.events))

    @once
    def persons(self) -> DataFrame:
        """Everybody whose rows may be others now, or who is no more: person_id."""
        moved = self.moved
        found = [moved.select(name) for name in (*OWNERS, *(f"was_{name}" for name in OWNERS))]
        # Whoever an event names may have a part in it, whosoever it is.
        found += [self._named.select(name) for name in OWNERS]
        found += [self.timeline.select(name) for name in ("person_id", "own_person_id")]
        found.append(self._carriers())
        union = reduce(lambda a, b: a.union(b), found).toDF("person_id")
        return self._keep(union.where("person_id IS NOT NULL").distinct())

    @once
    def near(self) -> DataFrame:
        """The rows of the timeline that the persons' rows follow from."""
        own = self._keep(self._rows_of(self._keys, ~is_view()))
        rows = self._distinct(own, self._belonging_to(own), self._views(), self.events)
        return self._keep(rows)

    def _views(self) -> DataFrame:
        """What the persons looked at, as far as it still says something of them."""
        views = self._rows_of(self._keys, is_view())
        known = self._keep(self._now(self._keys, count=self._keys.count()))
        owned = with_owner(views, known, hubs=self._has_hubs)
        return telling_views(owned, wanted=self._views_wanted).drop("person_id")

    @once
    def closing_lives(self) -> DataFrame:
        """Whatever closed a channel to anybody, with all that became of the messages it answers."""
        closed = self._log.where(is_closing())
        lives = self._lives(closed)
        return self._keep(closed.where(~is_of_message()).unionByName(lives))

    @once
    def closings(self) -> DataFrame:
        """What closed channels, with whose it is."""
        lives = self.closing_lives
        settled_lives = settled(lives, self.labels_of(lives), hubs=self._has_hubs)
        return self._keep(settled_lives.where(is_closing()))

    @once
    def labels(self) -> DataFrame:
        """The labels of all identifiers that the above names, and of all that are the persons'."""
        keys = [_keys_in(self.near), _keys_in(self.closing_lives), self.relabelled.select(KEY)]
        keys.append(self._keys)
        named = self._keep(reduce(DataFrame.union, keys).distinct())
        return self._keep(self._now(named, count=named.count()))

    @once
    def hubs(self) -> DataFrame:
        """Hubs of before or of now of which anything is another: identifier_key."""
        new_sets = self._span.of(self._links)
        came = self._now(_keys_in(new_sets).distinct(), count=self.came.count())
        seen = came.where(HUB).select(KEY)
        told = self.relabelled.where(HUB).select(KEY)
        gone = self.moved.where("was_state = 'hub'").select(KEY)
        return self._keep(seen.union(told).union(gone).distinct())

    @once
    def messages(self) -> DataFrame:
        """The messages of which more is known, or which are somebody else's: message_id."""
        return self._keep(self.timeline.where(is_of_message()).select("message_id").distinct())

    def share(self) -> float:
        """How large a part of all identifiers is of persons whose rows may be others."""
        return self._keys.count() / max(self._identity.count(), 1)

    def lives_since(self, moment: datetime) -> DataFrame:
        """All that became of the messages of which anything happened after a moment."""
        recent = self._log.where(F.col("occurred_at") > F.lit(moment))
        return self._keep(self._lives(recent))

    def with_rows(self, events: DataFrame, is_wanted: Column) -> DataFrame:
        """Some events with those wanted ones of the log that are of the same persons, whenever.

        events: as `keep` gives them.
        """
        named = self.labels_of(events)
        persons = reduce(DataFrame.union, [named.select(name) for name in OWNERS])
        keys = self._keys_of(self._keep(persons.toDF("person_id").dropna().distinct()))
        return self._keep(self._distinct(events, self._rows_of(keys, is_wanted)))

    def labels_of(self, events: DataFrame) -> DataFrame:
        """The labels of the identifiers that some events name. events: as `keep` gives them."""
        return self._now(_keys_in(events).distinct(), count=events.count())

    @once
    def _has_hubs(self) -> bool:
        return not self._hub_keys.isEmpty()

    @once
    def _hub_keys(self) -> DataFrame:
        """Every hub of before or of now."""
        hubs = self._identity.where(HUB).select(KEY)
        return self._keep(hubs.union(self.relabelled.where(HUB).select(KEY)).distinct())

    def _now(self, keys: DataFrame, *, count: int) -> DataFrame:
        """The labels of some identifiers as they are now. count: how many, about."""
        fresh = self.relabelled
        names = [name for name in fresh.columns if name in IDENTITY.names]
        old = self._not_relabelled(semi_join(self._identity, keys, count=count))
        return old.select(*names).unionByName(semi_join(fresh, keys, count=count).select(*names))

    def _not_relabelled(self, labels: DataFrame) -> DataFrame:
        """Those of some earlier labels that still stand."""
        return labels.join(self.relabelled.select(KEY), KEY, "left_anti")

    @once
    def _keys(self) -> DataFrame:
        """The persons' identifiers, and those that stand for shared devices among them."""
        return self._keys_of(self.persons)

    def _keys_of(self, persons: DataFrame) -> DataFrame:
        """The same of some persons: identifier_key. persons: as `keep` gives them."""
        names = (KEY, *OWNERS)
        same = self._not_relabelled(self._identity.select(*names))
        now = same.unionByName(self.relabelled.select(*names))
        pairs = [now.select(KEY, F.col(name).alias("person_id")) for name in OWNERS]
        count = persons.count()
        found = reduce(DataFrame.union, [semi_join(p, persons, count=count) for p in pairs])
        return self._keep(found.select(KEY).distinct())

    def _that_moved(self) -> DataFrame:
        """Rows that may belong to somebody else now, since a label that was there is another."""
        moved = self.moved.where("was_known").select(KEY, *SEEN_AT)
        first_at, last_at = (F.to_date(name) for name in SEEN_AT)
        first, last = moved.agg(F.min(first_at), F.max(last_at)).collect()[0]
        if first is None:
            return self.came.limit(0)
        # Files of other days are not opened.
        days = F.col("event_date").between(F.lit(first), F.lit(last))
        return self._rows_of(moved.select(KEY), days)

    def _rows_of(self, keys: DataFrame, is_wanted: Column) -> DataFrame:
        """The wanted rows that some identifiers decide the owner of. keys: as `keep` gives them."""
        anchors, count = keys.select(F.col(KEY).alias("anchor_key")), keys.count()
        log = self._log.where(is_wanted)
        own = semi_join(log, anchors, count=count)
        if not self._has_hubs:
            return own
        # A row whose best identifier is a hub is decided by a further one.
        hubs = self._hub_keys.select(F.col(KEY).alias("anchor_key"))
        behind = semi_join(log, hubs, count=hubs.count())
        sets = behind.select("identifier_keys").distinct()
        each = sets.select("identifier_keys", F.explode("identifier_keys").alias(KEY))
        held = semi_join(each, keys, count=count).select("identifier_keys").distinct()
        return self._distinct(own, behind.join(held, "identifier_keys", "left_semi"))

    def _lives(self, rows: DataFrame) -> DataFrame:
        """All that became of the messages that some rows are of."""
        ids = self._keep(rows.where(is_of_message()).select("message_id").distinct())
        return semi_join(self._log.where(is_of_message()), ids, count=ids.count())

    def _belonging_to(self, rows: DataFrame) -> DataFrame:
        """All that became of the messages, orders and contacts that some rows name."""
        kinds = (
            (is_of_message(), "message_id"),
            (is_of_order(), "order_id"),
            (is_of_contact(), "contact_id"),
        )
        named = reduce(
            lambda known, kind: F.when(
                kind[0], F.struct(F.lit(kind[1]).alias("kind"), F.col(kind[1]).alias("id"))
            ).otherwise(known),
            kinds,
            F.lit(None).cast("struct<kind:string,id:string>"),
        )
        ids = self._keep(rows.select(named.alias("_")).where("_ IS NOT NULL").distinct())
        count = ids.count()
        found = (
            semi_join(
                self._log.where(is_one),
                ids.where(F.col("_.kind") == name).select(F.col("_.id").alias(name)),
                count=count,
            )
            for is_one, name in kinds
        )
        return reduce(DataFrame.unionByName, found)

    def _distinct(self, *rows: DataFrame) -> DataFrame:
        return reduce(DataFrame.unionByName, rows).dropDuplicates([*ROW])

    def _carriers(self) -> DataFrame:
        """Persons who were ever seen with what is nobody's own and is of another kind now, or is
        named by what closes a channel: each may be meant by that, or own what stood behind it.
        """
        shared = [self.moved.where(F.col(name).isin(*NOBODYS)) for name in ("state", "was_state")]
        keys = reduce(DataFrame.union, [rows.select(KEY) for rows in shared])
        closed = self.timeline.where(is_closing())
        keys_named = closed.select(F.explode(all_keys()).alias(KEY)).distinct()
        named = self._now(keys_named, count=self.timeline.count())
        if not self._is_any_contested:
            named = named.where(F.col("state").isin(*NOBODYS))
        told = keys.union(named.select(KEY))
        wanted = self._keep(told.distinct())
        if wanted.isEmpty():
            return wanted.select(F.lit(None).cast("string").alias("person_id"))
        sets = self._links.select("identifier_keys").distinct()
        each = sets.select("identifier_keys", F.explode("identifier_keys").alias(KEY))
        held = self._keep(semi_join(each, wanted, count=wanted.count()))
        others = self.labels_of(held)
        return reduce(DataFrame.union, [others.select(name) for name in OWNERS]).toDF("person_id")


def _keys_in(rows: DataFrame) -> DataFrame:
    """Every identifier that some rows name: identifier_key."""
    return rows.select(F.explode("identifier_keys").alias(KEY))
