"""Messages over several runs: destinations hold what the tables say, batch by batch."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from tests import worlds
from tests.landing import World
from tests.oracle.compare import read_tables
from tests.product import Shop
from tests.worlds import AS_OF

DAY = timedelta(days=1)
TAKEN = ("customer_id", "email")
CAPS = [
    {"name": "mailed", "channels": ["email"], "limit": 2, "window": "7d", "counts": "sent"},
    {"name": "read", "channels": ["email"], "limit": 1, "window": "7d", "counts": "opened"},
]  # fmt: skip
TOLD = ("mailed", "read", "unsubscribed", "complained")


def destinations(*policies: str) -> list[dict[str, Any]]:
    return [
        {"name": f"to_{policy}", "kind": "file", "policy": policy, "identifiers": [*TAKEN]}
        for policy in policies
    ]


def held(lake: Path) -> dict[str, set[str]]:
    """The identifiers that each destination holds, as it was told."""
    newest: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in sorted(rows(lake, "_log/memberships"), key=lambda row: row["batch_id"]):
        newest[row["destination"], row["identifier_key"], row["member_key"]] = row
    found: dict[str, set[str]] = defaultdict(set)
    for row in newest.values():
        if row["is_member"]:
            found[row["destination"]].add(row["identifier_key"])
    return dict(found)


def should_hold(lake: Path, as_of: datetime, policies: tuple[str, ...]) -> dict[str, set[str]]:
    """The identifiers of everybody whom the tables protect now, by destination."""
    tables = read_tables(lake, ["identity", "suppressions"])
    of_person = defaultdict(set)
    for row in tables["identity"]:
        if row["state"] == "linked" and row["identifier_type"] in (*TAKEN, "email_sha256"):
            of_person[row["person_id"]].add(row["identifier_key"])
    found: dict[str, set[str]] = defaultdict(set)
    for row in tables["suppressions"]:
        is_open = row["ends_at"] is None or row["ends_at"] > as_of
        if row["policy"] in policies and row["starts_at"] <= as_of and is_open:
            found[f"to_{row['policy']}"] |= of_person[row["person_id"]]
    return {name: keys for name, keys in found.items() if keys}


def rows(lake: Path, table: str) -> list[dict[str, Any]]:
    return DeltaTable(str(lake / table)).to_pyarrow_table().to_pylist()


class Mail:
    """Events of messages, told in few words; each person is one customer number."""

    def __init__(self, as_of: datetime) -> None:
        self.as_of = as_of
        self.used = 0

    def __call__(
        self, type_: str, message: str | None, days: float, who: str | None = None, **told: Any
    ) -> dict[str, Any]:
        """days: how long before the first run."""
        self.used += 1
        named = [{"type": "customer_id", "value": who}] if who else []
        return {
            "event_id": f"{type_}-{self.used}", "type": type_, "message_id": message,
            "occurred_at": (self.as_of - days * DAY).isoformat(), "identifiers": named, **told,
        }  # fmt: skip


def rounds(mail: Mail) -> list[list[dict[str, Any]]]:
    """What lands before each of the runs; a person's name says what is tried with them."""
    about = {"channel": "email", "purpose": "marketing"}
    seconds = 5 / 86_400
    first = [
        # Sent again within the window, but first before it: it counts at its first time.
        mail("sent", "again", 9, "again", **about),
        mail("sent", "again", 1, "again", **about),
        mail("sent", "again2", 2, "again", **about),
        # The same, but the repetition comes with a later batch.
        mail("sent", "later", 9, "later", **about),
        mail("sent", "later2", 2, "later", **about),
        # Sent long ago; opened within the window by nobody in particular.
        mail("sent", "old", 30, "old", **about),
        mail("opened", "old", 1),
        mail("sent", "old2", 31, "old in two", **about),
        # What follows comes before the sending, and says nothing.
        mail("opened", "first", 2 + seconds),
        mail("unsubscribed", "word", 3),
        mail("unsubscribed", "long", 3),
        # Decided for one, and then it was another's.
        mail("opened", "moves", 2, "before", channel="email"),
        mail("complained", "moves", 2),
        # Decided on one channel and purpose, and then it was another.
        mail("opened", "sms", 2, "by text", channel="email"),
        mail("opened", "receipt", 2, "receipt", channel="email"),
        # One id for a whole mailing.
        mail("sent", "mailing", 2, "one", **about),
        mail("sent", "mailing", 2, "two", **about),
        mail("unsubscribed", "mailing", 1, "two"),
        # Of no message at all, each from somewhere else.
        mail("unsubscribed", None, 3, "page"),
        mail("unsubscribed", None, 2, "list", channel="email"),
        mail("complained", None, 1, "feed"),
    ]
    second = [
        mail("sent", "later", 1, "later", **about),
        mail("opened", "old2", 1),
        mail("sent", "first", 2, "first", **about),
        mail("sent", "word", 4, "word", **about),
        mail("sent", "long", 300, "long", **about),
        mail("sent", "moves", 3, "after", **about),
        mail("sent", "sms", 3, "by text", channel="sms", purpose="marketing"),
        mail("sent", "receipt", 3, "receipt", channel="email", purpose="transactional"),
        mail("subscribed", None, 1, "page"),
    ]
    # Everybody is looked at again, for another reason, when all that is old is long in the log.
    everybody = sorted({i["value"] for row in first + second for i in row["identifiers"]})
    third = [mail("sent", f"new {name}", 0.5, name, channel="push") for name in everybody]
    return [first, second, third]


PROTECTED = [
    {"to_read": {"old", "before", "by text", "receipt"}, "to_complained": {"before", "feed"},
     "to_unsubscribed": {"two", "page", "list"}},
    {"to_read": {"old", "old in two", "first", "after"}, "to_complained": {"after", "feed"},
     "to_unsubscribed": {"two", "word", "long", "list"}},
    {"to_read": {"old", "old in two", "first", "after"}, "to_complained": {"after", "feed"},
     "to_unsubscribed": {"two", "word", "long", "list"}},
]  # fmt: skip


@pytest.mark.faults
def test_what_was_told_is_what_the_tables_say(spark, tmp_path: Path) -> None:
    mail = Mail(AS_OF)
    config = {
        "lake": {"location": "lake", "secret": "env:TACTFUL_SECRET"},
        "sources": {"mail": {"stream": "messages", "path": "landing/mail"}},
        "caps": CAPS,
        "destinations": destinations(*TOLD),
    }
    shop = Shop(World({}, config, [], AS_OF, AS_OF + 60 * DAY), tmp_path)
    for told, protected in zip(rounds(mail), PROTECTED, strict=True):
        shop.land({"mail": told})
        shop.decide()
        tables = read_tables(shop.lake, ["identifiers"])
        names = {row["identifier_key"]: row["value"] for row in tables["identifiers"]}
        now = {name: {names[key] for key in keys} for name, keys in held(shop.lake).items()}
        assert now == protected
    shop.publish()
    assert held(shop.lake) == should_hold(shop.lake, AS_OF, TOLD)
    # A week on, what had filled a window has left it, while nothing new came.
    shop.run(AS_OF + 8 * DAY)
    assert held(shop.lake) == should_hold(shop.lake, AS_OF + 8 * DAY, TOLD)


@pytest.mark.faults
@pytest.mark.parametrize(("seed", "batches"), [(11, 2)])
def test_destinations_hold_what_the_tables_say(
    spark, tmp_path: Path, seed: int, batches: int
) -> None:
    """Any small world, whose events arrive in no order."""
    world = worlds.make(seed)
    policies = (*(cap["name"] for cap in world.config["caps"]), "unsubscribed", "complained")
    enabled = [r for r in world.config["suppress"] if r["name"] != "complained"]
    world.config.update(suppress=enabled, destinations=destinations(*policies))
    shop = Shop(world, tmp_path)
    for batch in worlds.split(world, batches, seed=seed):
        shop.land(batch)
        shop.run()
        # What is nobody's own stands in no person's rows; the oracle tells of it.
        assert shop.held() == shop.answer().audiences
        identity = read_tables(shop.lake, ["identity"])["identity"]
        linked = {row["identifier_key"] for row in identity if row["state"] == "linked"}
        own = {name: keys & linked for name, keys in held(shop.lake).items()}
        assert own == should_hold(shop.lake, world.as_of, policies)
    shop.assert_converged()
