"""Hostile input: clocks that run ahead, odd times, silent streams, one hot identifier.

Two runs over one small world carry every claim; the oracle is asked about the same files.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests import oracle, worlds
from tests.conftest import SECRET
from tests.faults.partner import assert_partner_knows_the_buyers, shop_with_a_partner
from tests.landing import Batch, Event, World, land
from tests.oracle.compare import assert_same, differences, read_tables
from tests.oracle.fields import moment
from tests.product import Shop

SEED = 53
DAY = timedelta(days=1)
SILENT_FROM = worlds.START + 8 * DAY
SILENT = ("mail", "crm", "desk")  # every source of messages, profiles and service
AHEAD = SILENT_FROM + 3 * DAY  # three days after it lands, and long past when all is published
KIOSK = {"type": "anonymous_id", "value": "lobby screen"}
IN_FUTURE, NO_TIME, NONE = "occurred_at_in_future", "occurred_at_not_a_time", "missing:occurred_at"
MILLISECONDS = 1_772_409_600_000
TIMES = [
    (MILLISECONDS, NO_TIME),
    (MILLISECONDS * 1000, NO_TIME),
    (str(MILLISECONDS), NO_TIME),
    (MILLISECONDS / 1000, NO_TIME),
    (0, NO_TIME),
    ("0", NO_TIME),
    (None, NONE),
    ("", NONE),
    ("  ", NONE),
    ("20260302T000000", "occurred_at_without_zone"),
    ("+58133-10-05T00:00:00Z", NO_TIME),
    ("9999-12-31T23:59:59Z", IN_FUTURE),
    ("0001-01-01T00:00:00Z", "occurred_at_long_ago"),
]
FAR = "9999-12-31T23:59:59+00:00"
RULES = ("bought_it", "bought_much")
STREAMS = ("clicks", "purchases", "messages", "profiles", "service")


@dataclass(frozen=True)
class Weeks:
    """A shop after its two runs, and the files in which the hostile rows landed."""

    shop: Shop
    hostile_files: Collection[Path]

    def refused(self) -> dict[str, set[str]]:
        """The reasons of every quarantined row, by its raw text."""
        rows = read_tables(self.shop.lake, ["quarantine"])["quarantine"]
        return {row["raw"]: set(row["reasons"]) for row in rows}

    def answer(self, *, hostile: bool, **intake: str) -> Any:
        """What the oracle says, with or without the hostile rows."""
        config = oracle.load(self.shop.conf)
        hidden = () if hostile else self.hostile_files
        landed = oracle.landing_of(config, self.shop.folder)
        return oracle.compute(
            {name: [p for p in paths if p not in hidden] for name, paths in landed.items()},
            {**config, "intake": {**config["intake"], **intake}},
            SECRET.encode(),
            self.shop.world.as_of,
            products=oracle.products_of(config, self.shop.folder),
            rates=oracle.rates_of(config, self.shop.folder),
            contents=oracle.contents_of(config, self.shop.folder),
            campaigns=oracle.campaigns_of(config, self.shop.folder),
        )


@pytest.fixture(scope="module")
def weeks(spark, tmp_path_factory) -> Weeks:
    """Eight days of all streams and of hostile rows; then ten days of clicks and purchases."""
    shop = shop_with_a_partner(SEED, tmp_path_factory.mktemp("hostile"))
    shop.world = _with_few_rules(shop.world)
    shop.conf = Shop(shop.world, shop.folder).conf
    early, late = _at_a_time(shop.world)
    hostile = {**_ahead(), "app": [_view(n, time) for n, (time, _) in enumerate(TIMES)]}
    early["web"] += _kiosk(sum(map(len, early.values())), ("w0", "w1"), worlds.START)
    late["web"] += _kiosk(sum(map(len, late.values())), [f"w{n}" for n in range(6)], SILENT_FROM)
    late["shop"].append({**_bought("resent", SILENT_FROM + DAY), "received_at": FAR})
    _land(shop, early, SILENT_FROM)
    files = _land(shop, hostile, SILENT_FROM)
    shop.run(as_of=SILENT_FROM, steps=("land", "accept", "fused"))
    _land(shop, late, shop.world.as_of)
    shop.run()
    return Weeks(shop, files)


def _with_few_rules(world: World) -> World:
    """The bounds of identity as shipped; each further rule costs planning and shows no more."""
    kept = {
        "identity": {"phone_region": "US"},
        "caps": world.config["caps"][:1],
        "suppress": [r for r in world.config["suppress"] if r["name"] in RULES],
    }
    return replace(world, config={**world.config, **kept})


def _at_a_time(world: World) -> tuple[Batch, Batch]:
    """The world's rows before and after most streams fall silent; `desk` is from the beginning."""
    early: Batch = {name: [] for name in world.events if name != "desk"}
    late: Batch = {name: [] for name in world.events if name not in SILENT}
    for name, rows in world.events.items():
        for row in rows:
            side = early if _time(row) < SILENT_FROM else late
            side.get(name, []).append(row)
    return early, late


def _time(row: Event) -> datetime:
    """When the event happened; broken rows come early."""
    try:
        at = moment(row["occurred_at"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError):
        return worlds.START
    return at if at.tzinfo else worlds.START


def _land(shop: Shop, batch: Batch, at: datetime) -> set[Path]:
    written = land(batch, shop.folder, number=shop.landed, landed_at=at)
    shop.landed += 1
    return {path for paths in written.values() for path in paths}


def _row(event_id: str, type_: str, at: datetime, *who: dict[str, str], **told: Any) -> Event:
    known = {"event_id": event_id, "type": type_, "occurred_at": at.isoformat()}
    return {**known, "identifiers": list(who), **told}


def _customer(name: str) -> dict[str, str]:
    return {"type": "customer_id", "value": name}


def _bought(event_id: str, at: datetime) -> Event:
    lines = [{"line_id": "l0", "sku": "lamp", "quantity": 1, "amount": 99}]
    return _row(event_id, "order_placed", at, _customer("c0"), order_id=event_id, lines=lines)


def _ahead() -> Batch:
    """What would merge, cap, protect and silence customers, if its time were believed."""
    address = {"type": "email", "value": "ann1@mail.example"}
    mail = {"channel": "email", "purpose": "marketing", "skus": ["jeans"]}
    return {
        "web": [_row("ahead", "login", AHEAD, _customer("c0"), address)],
        "shop": [_bought("ahead", AHEAD), _bought("resent", AHEAD)],
        "mail": [
            _row("ahead1", "sent", AHEAD, _customer("c2"), message_id="ahead", **mail),
            _row("ahead2", "unsubscribed", AHEAD, _customer("c3"), message_id="ahead", **mail),
        ],
        "crm": [_row("ahead", "consent_withdrawn", AHEAD, _customer("c4"), channel="ad")],
    }


def _view(number: int, time: Any) -> Event:
    who = [_customer("c0"), _customer("c1")]
    return {**_row(f"t{number}", "page_view", AHEAD, *who), "occurred_at": time}  # type: ignore[dict-item]


def _kiosk(many: int, customers: Collection[str], since: datetime) -> list[Event]:
    """As many events of one device as of everybody else; at first customers sign in there."""
    names = [[_customer(name)] for name in customers]
    signed_in = names + [[]] * (many - len(names))
    return [
        _row(f"k{since:%d}-{n}", "login" if who else "page_view",
             since + timedelta(minutes=n), KIOSK, *who, sku="mat")
        for n, who in enumerate(signed_in)
    ]  # fmt: skip


def test_a_clock_that_runs_ahead_changes_nobody(weeks: Weeks) -> None:
    """Every published table is what it would be had the hostile rows never landed."""
    published = read_tables(weeks.shop.lake)
    assert_same(published, weeks.answer(hostile=False).tables)
    believed = differences(published, weeks.answer(hostile=True, max_skew="30d").tables)
    changed = {line.partition("[")[0].partition(":")[0] for line in believed}
    assert changed >= {"identity", "timeline", "outcomes", "customers", "suppressions"}
    batches = read_tables(weeks.shop.lake, ["batches"])["batches"]
    assert max(row["watermark"] for row in batches) <= weeks.shop.world.as_of
    refused = weeks.refused()
    for row in (row for rows in _ahead().values() for row in rows):
        assert refused[json.dumps(row)] == {IN_FUTURE}


def test_an_event_sent_again_with_its_right_time_is_accepted(weeks: Weeks) -> None:
    """A refused row does not use its id up; a far time that decides nothing can be read."""
    purchases = read_tables(weeks.shop.lake, ["purchases"])["purchases"]
    (order,) = (row for row in purchases if row["event_id"] == "resent")
    assert order["occurred_at"] == SILENT_FROM + DAY
    assert order["received_at"] == datetime.fromisoformat(FAR)


def test_a_time_that_is_none_is_refused_and_kept_as_it_came(weeks: Weeks) -> None:
    refused = weeks.refused()
    found = {json.dumps(time): refused.get(json.dumps(_view(n, time)))
             for n, (time, _) in enumerate(TIMES)}  # fmt: skip
    assert found == {json.dumps(time): {reason} for time, reason in TIMES}
    for name, rows in read_tables(weeks.shop.lake, STREAMS).items():
        assert all(row["occurred_at"] is not None for row in rows), name


def test_silent_streams_hold_nothing_back(weeks: Weeks) -> None:
    """Ten days without a message, and no service event ever: the rest goes on to the records."""
    weeks.shop.assert_converged()
    rows = read_tables(weeks.shop.lake, [*STREAMS, "suppressions", "records"])
    newest = {name: max((r["occurred_at"] for r in rows[name]), default=None) for name in STREAMS}
    assert newest["service"] is None
    assert newest["messages"] < SILENT_FROM
    assert min(newest["clicks"], newest["purchases"]) > SILENT_FROM + 5 * DAY
    starts = {row["starts_at"] for row in rows["suppressions"] if row["reason"] == "purchased"}
    assert max(starts) > SILENT_FROM + 5 * DAY
    latest = [r for r in rows["records"] if r["emitted_at"] == weeks.shop.world.as_of]
    assert {r["operation"] for r in latest} >= {"add"}
    assert_partner_knows_the_buyers(weeks.shop)


def test_half_of_all_events_behind_one_identifier(weeks: Weeks) -> None:
    """A shared device is first nobody's, then a hub; no customer is merged through it."""
    tables = read_tables(weeks.shop.lake, ["identifiers", "_log/labels", "timeline", *STREAMS])
    keys = {row["value"]: row["identifier_key"] for row in tables["identifiers"]}
    events = [row["identifier_keys"] for name in STREAMS for row in tables[name]]
    shared = keys[KIOSK["value"]]
    assert sum(shared in held for held in events) > 0.45 * len(events)
    labels = {(row["identifier_key"], row["batch_id"]): row for row in tables["_log/labels"]}
    assert [labels[shared, batch]["state"] for batch in (0, 1)] == ["neutral", "hub"]
    assert len({labels[keys[f"w{n}"], 1]["person_id"] for n in range(6)}) == 6
    views = [row for row in tables["timeline"] if row["event_id"].startswith("k")]
    assert {row["person_id"] for row in views if row["type"] == "page_view"} == {None}
