"""Against nobody's word: whole runs over what customers said, in the words that systems use."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import DeltaTable

from tactful.jobs.commands.checking import _left_out
from tactful.jobs.commands.status import render, status
from tests.landing import World
from tests.product import Shop

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
# The spellings in which an opt-out was overheard.
SPELLINGS: tuple[dict[str, Any], ...] = (
    {"channel": "Ad"}, {"channel": "ads"}, {"channel": " ad "}, {"channel": ""},
    {"purpose": "Marketing"}, {"purpose": "advertising"},
)  # fmt: skip
SOURCES = {"shop": "purchases", "crm": "profiles", "mail": "messages", "web": "clicks"}


def config(default: str) -> dict[str, Any]:
    audience = {"policy": "bought_it", "audience_id": "1"}
    return {
        "lake": {"location": "lake", "secret": "env:TACTFUL_SECRET"},
        "sources": {n: {"stream": s, "path": f"landing/{n}"} for n, s in SOURCES.items()},
        "consent": {"default": default},
        "suppress": [{"name": "bought_it", "when": "purchased", "match": "sku", "lasts": "90d"}],
        "destinations": [
            {"name": "meta", "kind": "meta_custom_audience", **audience},
            {"name": "google", "kind": "google_data_manager", **audience,
             "account": {"account_id": "1"}},
            {"name": "letters", "kind": "file", "policy": "bought_it"},
            {"name": "unreachable", "kind": "file", "policy": "bounced", "channel": "email"},
        ],
    }  # fmt: skip


class Story:
    """Events by source; an event is named after its person and what it is."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Any]] = {name: [] for name in SOURCES}
        self.count = 0

    def tell(self, source: str, who: str, type_: str, at: datetime, **told: Any) -> None:
        emails = told.pop("emails", [email_of(who)])
        ids = [{"type": "customer_id", "value": who}] if told.pop("named", True) else []
        ids += [{"type": "email", "value": email} for email in emails]
        self.count += 1
        event_id = told.pop("event_id", f"{who} {type_} {self.count}")
        row = {"event_id": event_id, "type": type_, "occurred_at": at.isoformat(),
               "identifiers": ids, **told}  # fmt: skip
        self.rows[source].append(row)

    def buys(self, who: str, **told: Any) -> None:
        line = {"line_id": "1", "sku": "S1", "quantity": 1, "amount": 5}
        told = {"order_id": f"order of {who}", "currency": "USD", "lines": [line], **told}
        self.tell("shop", who, "order_placed", MONDAY, **told)

    def world(self, default: str) -> World:
        return World(self.rows, config(default), [], MONDAY + 20 * DAY, MONDAY + 30 * DAY)


def land_told(shop: Shop, story: Story) -> None:
    """What was told since the last time, and nothing else."""
    shop.land({source: told for source, told in story.rows.items() if told})
    for told in story.rows.values():
        told.clear()


def land_more(shop: Shop, story: Story) -> None:
    """The same, run and held to the oracle's."""
    land_told(shop, story)
    shop.publish()


def email_of(who: str) -> str:
    return f"{who}@mail.example"


def hashed(email: str) -> str:
    return hashlib.sha256(email.encode()).hexdigest()


def rows(lake: Path, table: str) -> list[dict[str, Any]]:
    return DeltaTable(str(lake / table)).to_pyarrow_table().to_pylist()


def told(lake: Path, destination: str) -> dict[str, list[str]]:
    """What a destination was told, by operation: the payloads."""
    found: dict[str, list[str]] = {"add": [], "remove": []}
    for row in rows(lake, "records"):
        if row["destination"] == destination:
            found[row["operation"]].append(row["payload"])
    return found


def told_of(lake: Path, destination: str, email: str) -> list[str]:
    """The operations about an address at a destination, in their order."""
    ours = (r for r in rows(lake, "records") if r["destination"] == destination)
    told = sorted(ours, key=lambda r: (r["batch_id"], r["position"]))
    return [row["operation"] for row in told if hashed(email) in row["payload"]]


def consents_at_google(lake: Path) -> dict[str, set[str]]:
    """By hashed email, the consent that Google was told."""
    return {
        member["userData"]["userIdentifiers"][0]["emailAddress"]: set(member["consent"].values())
        for member in map(json.loads, told(lake, "google")["add"])
    }


def opt_outs(story: Story) -> Iterator[str]:
    for n, spelled in enumerate(SPELLINGS):
        who = f"no{n}"
        story.buys(who)
        story.tell("crm", who, "consent_withdrawn", MONDAY + DAY, **spelled)
        yield who


def test_who_opted_out_in_whatever_words_is_uploaded_nowhere(spark, tmp_path: Path) -> None:
    story = Story()
    closed = list(opt_outs(story))
    for who, closing in {
        "doubt": {"channel": "fax"}, "why": {"channel": "email", "purpose": "profiling"},
    }.items():  # fmt: skip
        story.buys(who)
        story.tell("crm", who, "consent_withdrawn", MONDAY + DAY, **closing)
        closed.append(who)
    story.buys("silent")
    story.buys("open")
    story.tell("crm", "open", "consent_granted", MONDAY + DAY, channel="Ads", purpose="all",
               policy_text="Show me ads.", event_id="open's yes")  # fmt: skip
    story.buys("mails")
    story.tell("crm", "mails", "consent_withdrawn", MONDAY + DAY, channel="E-Mail")
    story.buys("vague")
    story.tell("crm", "vague", "consent_withdrawn", MONDAY + DAY, channel="ad")
    story.tell("crm", "vague", "consent_granted", MONDAY + 2 * DAY, channel="fax")
    closed.append("vague")
    leaves = {
        "gone": ("unsubscribed", {"channel": "Email"}),
        "hard": ("bounced", {"channel": "email", "bounce": "Hard"}),
        "permanent": ("bounced", {"channel": "email", "bounce": "permanent"}),
        "unkind": ("bounced", {"channel": "email"}),
        "spam": ("Complaint", {"channel": "pigeon"}),
    }
    for who, (type_, what) in leaves.items():
        story.tell("mail", who, type_, MONDAY + DAY, message_id=f"m {who}", **what)
    shop = Shop(story.world("opt_out"), tmp_path)
    shop.land_all(2)
    shop.run()

    lake = shop.lake
    for destination in ("meta", "google"):
        added = "".join(told(lake, destination)["add"])
        assert not [who for who in closed if hashed(email_of(who)) in added], destination
    assert consents_at_google(lake) == {
        hashed(email_of("silent")): {"CONSENT_STATUS_UNSPECIFIED"},
        hashed(email_of("open")): {"CONSENT_GRANTED"},
        hashed(email_of("mails")): {"CONSENT_STATUS_UNSPECIFIED"},
    }
    proofs = {(r["consent_event"], r["policy_text"]) for r in rows(lake, "records")
              if r["destination"] == "google"
              and hashed(email_of("open")) in r["payload"]}  # fmt: skip
    assert proofs == {("profiles:open's yes", "Show me ads.")}
    assert sum(r["consent_event"] is not None for r in rows(lake, "records")) == 2, "one a network"
    held = {r["evidence"][0].split(":")[1].split()[0]: (r["reason"], *(r["channels"] or [None]))
            for r in rows(lake, "suppressions") if r["reason"] != "purchased"}  # fmt: skip
    expected = {
        "no0": ("no_consent", "ad"), "no3": ("no_consent", None), "no5": ("no_consent", None),
        "doubt": ("no_consent", None), "mails": ("no_consent", "email"),
        "gone": ("unsubscribed", "email"), "hard": ("bounced", "email"),
        "permanent": ("bounced", "email"), "unkind": ("bounced", "email"),
        "spam": ("complained", None),
    }  # fmt: skip
    assert {who: held.get(who) for who in expected} == expected
    (refused,) = rows(lake, "quarantine")
    assert (json.loads(refused["raw"])["channel"], refused["reasons"]) == (
        "fax", ["unknown_value:channel"],
    )  # fmt: skip
    doubts = [d for table in ("messages", "profiles") for r in rows(lake, table)
              for d in r["doubts"] or ()]  # fmt: skip
    assert sorted(doubts) == ["bounce:", "channel:fax", "channel:pigeon", "purpose:profiling"]
    shop.assert_converged()


@pytest.mark.faults
def test_who_was_never_asked_is_counted_where_silence_is_no(spark, tmp_path: Path) -> None:
    story = Story()
    for who in ("ann", "bob", "cleo"):
        story.buys(who)
    story.buys("again", named=False, event_id="cleo by mail")
    shop = Shop(replace(story.world("opt_in"), events={}), tmp_path)
    land_more(shop, story)
    assert told(shop.lake, "meta") == told(shop.lake, "google") == {"add": [], "remove": []}
    assert len(told(shop.lake, "letters")["add"]) == 4, "a file is no ad network"
    assert left_out(shop) == {"meta": (4, 4, 0), "google": (4, 4, 0)}
    facts = status(shop.lake)
    assert (
        "Left out of google for want of consent to ads: 4 of 4 persons "
        "(4 were never asked, 0 withdrew it)"
    ) in list(render(facts))
    notes = _left_out(shop.config())
    assert [note.split(" for ")[0] for note in notes] == ["Left out of google", "Left out of meta"]

    # One is asked, one says no, and two turn out to be one.
    story.tell("crm", "ann", "Opt-In", MONDAY + DAY, channel="ads")
    story.tell("crm", "bob", "consent_withdrawn", MONDAY + DAY)
    story.tell("crm", "cleo", "attribute_set", MONDAY + DAY, emails=[email_of("again")])
    land_more(shop, story)
    assert left_out(shop) == {"meta": (3, 1, 1), "google": (3, 1, 1)}
    assert consents_at_google(shop.lake) == {hashed(email_of("ann")): {"CONSENT_GRANTED"}}


@pytest.mark.faults
def test_what_silence_means_is_a_matter_of_where_somebody_lives(spark, tmp_path: Path) -> None:
    story = Story()
    for who in ("here", "there", "told", "nowhere", "no"):
        story.buys(who)
    for who, country in (("here", "us"), ("there", "DE"), ("told", "US"), ("no", "US")):
        story.tell("web", who, "page_view", MONDAY - DAY, geo={"country": country})
    story.tell("crm", "told", "consent_granted", MONDAY, channel="email", jurisdiction="DE")
    story.tell("crm", "no", "consent_withdrawn", MONDAY, channel="ad", jurisdiction="US-CA")
    laws = {"default": "opt_in", "US": {"default": "opt_out"}}
    world = story.world("opt_in")
    config = {**world.config, "consent": laws}
    shop = Shop(replace(world, events={}, config=config), tmp_path)
    land_more(shop, story)
    assert consents_at_google(shop.lake) == {
        hashed(email_of("here")): {"CONSENT_STATUS_UNSPECIFIED"}
    }
    assert left_out(shop) == {"meta": (5, 3, 1), "google": (5, 3, 1)}

    # She has moved, and somebody else was seen at last.
    story.tell("web", "here", "page_view", MONDAY + DAY, geo={"country": "DE"})
    story.tell("web", "nowhere", "page_view", MONDAY + DAY, geo={"country": "US"})
    land_more(shop, story)
    assert told_of(shop.lake, "meta", email_of("here")) == ["add", "remove"]
    assert told_of(shop.lake, "meta", email_of("nowhere")) == ["add"]
    assert told_of(shop.lake, "meta", email_of("there")) == []


@pytest.mark.faults
def test_a_bounce_is_about_its_address_from_run_to_run(spark, tmp_path: Path) -> None:
    """One of two is dropped, silence when both are dead, and back when the person subscribes."""
    story, old, new = Story(), "old@mail.example", "new@mail.example"
    for who in ("ann", "bob"):
        story.buys(who, emails=[f"{who}.{old}", f"{who}.{new}"])
    sent = {"message_id": "m bob", "channel": "email", "purpose": "marketing"}
    story.tell("mail", "bob", "sent", MONDAY + HOUR, emails=[f"bob.{old}"], **sent)
    shop = Shop(replace(story.world("opt_out"), events={}), tmp_path)
    land_more(shop, story)
    assert told_of(shop.lake, "meta", f"ann.{old}") == ["add"]

    bounced = {"channel": "email", "bounce": "hard"}
    story.tell("mail", "ann", "bounced", MONDAY + DAY, emails=[f"ann.{old}"], message_id="1",
               **bounced)  # fmt: skip
    # This one names nobody's address: its message does, and that was sent a batch ago.
    story.tell("mail", "bob", "bounced", MONDAY + DAY, emails=[], message_id="m bob", **bounced)
    land_more(shop, story)
    for who in ("ann", "bob"):
        assert told_of(shop.lake, "letters", f"{who}.{old}") == ["add", "remove"], who
        for destination in ("meta", "google"):  # which still know their owner by it
            assert told_of(shop.lake, destination, f"{who}.{old}") == ["add"], who
        for destination in ("meta", "google", "letters"):
            assert told_of(shop.lake, destination, f"{who}.{new}") == ["add"], who
    assert told(shop.lake, "unreachable")["add"] == []
    spans = [(r["starts_at"], r["ends_at"], r["lifted_by"].split(":")[0])
             for r in rows(shop.lake, "suppressions") if r["reason"] == "bounced"]  # fmt: skip
    assert spans == [(MONDAY + DAY, MONDAY + DAY, "identifier")] * 2

    story.tell("mail", "ann", "bounced", MONDAY + 2 * DAY, emails=[f"ann.{new}"], message_id="2",
               **bounced)  # fmt: skip
    land_more(shop, story)
    assert told_of(shop.lake, "letters", f"ann.{new}") == ["add", "remove"]
    assert told_of(shop.lake, "unreachable", f"ann.{old}") == ["add"]
    assert told_of(shop.lake, "unreachable", f"ann.{new}") == ["add"]
    dropped = {(r["destination"], r["reason"]) for r in rows(shop.lake, "_log/dropped_identifiers")}
    assert dropped == {("letters", "bounced")}

    story.tell("mail", "ann", "subscribed", MONDAY + 3 * DAY, emails=[f"ann.{new}"],
               message_id="3", channel="E-Mail")  # fmt: skip
    land_more(shop, story)
    assert told_of(shop.lake, "letters", f"ann.{new}") == ["add", "remove", "add"]
    assert told_of(shop.lake, "letters", f"ann.{old}") == ["add", "remove"]
    assert told_of(shop.lake, "meta", f"ann.{new}") == ["add"]
    assert told_of(shop.lake, "unreachable", f"ann.{new}") == ["add", "remove"]


def left_out(shop: Shop) -> dict[str, tuple[int, int, int]]:
    """By ad network: persons wanted, never asked, withdrawn."""
    return {
        row["destination"]: tuple(
            row[f"{name}_persons"] for name in ("wanted", "not_asked", "withdrawn")
        )
        for row in rows(shop.lake, "left_out")
    }
