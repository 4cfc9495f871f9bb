"""Opt-outs of which nobody knows whose they are: everybody whom they may be about is left alone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.landing import World
from tests.oracle.compare import read_tables
from tests.product import Shop
from tests.worlds import AS_OF

DAY = timedelta(days=1)
POLICIES = ("unsubscribed", "complained", "no_consent")
NUMBER_AND_EMAIL = ("customer_id", "email")
CONFIG = {
    "lake": {"location": "lake", "secret": "env:TACTFUL_SECRET"},
    "sources": {
        "web": {"stream": "clicks", "path": "landing/web"},
        "mail": {"stream": "messages", "path": "landing/mail"},
        "crm": {"stream": "profiles", "path": "landing/crm"},
    },
    "destinations": [
        {"name": policy, "kind": "file", "policy": policy, "identifiers": [*NUMBER_AND_EMAIL]}
        for policy in POLICIES
    ],
}
FAMILY, TILL = "family@x.io", "till@x.io"
ANN, BEN, CY, DEE = ((("customer_id", name),) for name in ("ann", "ben", "cy", "dee"))
BY_FAMILY, BY_TILL = (("email", FAMILY),), (("email", TILL),)
TABLET = (("anonymous_id", "tablet"),)
MANY = [(("customer_id", f"buyer {n}"),) for n in range(7)]


class Told:
    """A lake that is told a little, run, and looked at, again and again."""

    def __init__(
        self,
        folder: Path,
        identifiers: tuple[str, ...] = ("customer_id", "email"),
        **identity: Any,
    ) -> None:
        destinations = [{**d, "identifiers": [*identifiers]} for d in CONFIG["destinations"]]
        config = {**CONFIG, "destinations": destinations, "identity": identity}
        self.shop = Shop(World({}, config, [], AS_OF, AS_OF + 60 * DAY), folder)
        self.used = 0
        self.batch: dict[str, list[Any]] = {}

    def say(self, source: str, type_: str, days: float, *who: Any, **more: Any) -> None:
        """days: how long ago."""
        self.used += 1
        named = [{"type": kind, "value": value} for ids in who for kind, value in ids]
        row = {
            "event_id": f"{type_} {self.used}", "type": type_, "identifiers": named,
            "occurred_at": (AS_OF - days * DAY).isoformat(), **more,
        }  # fmt: skip
        self.batch.setdefault(source, []).append(row)

    def login(self, days: float, *who: Any) -> None:
        self.say("web", "login", days, *who)

    def mail(self, type_: str, days: float, *who: Any, **more: Any) -> None:
        self.say("mail", type_, days, *who, **more)

    def held(self) -> dict[str, set[str]]:
        """Run, hold every audience to the oracle's, and say what destinations hold."""
        if self.batch:
            self.shop.land(self.batch)
            self.batch = {}
        self.shop.decide()
        known = read_tables(self.shop.lake, ["identifiers"])["identifiers"]
        names = {row["identifier_key"]: row["value"] for row in known}
        found: dict[str, set[str]] = {policy: set() for policy in POLICIES}
        for destination, key in self.shop.held():
            found[destination].add(names[key])
        return {name: values for name, values in found.items() if values}

    def protected(self) -> set[tuple[str, str]]:
        """Publish, hold every table to the oracle's, and say who is protected on which channels."""
        self.shop.publish()
        tables = read_tables(self.shop.lake, ["identity", "identifiers", "suppressions"])
        number = {
            row["identifier_key"]: row["value"]
            for row in tables["identifiers"] if row["identifier_type"] == "customer_id"
        }  # fmt: skip
        names = {
            row["person_id"]: number[row["identifier_key"]]
            for row in tables["identity"] if row["identifier_key"] in number
        }  # fmt: skip
        return {
            (names[row["person_id"]], "+".join(row["channels"]))
            for row in tables["suppressions"]
            if row["ends_at"] is None and row["person_id"] in names
        }  # fmt: skip


@pytest.mark.faults
def test_who_shares_an_address_is_left_alone_with_it(spark, tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.login(9, ANN, BY_FAMILY)
    told.mail("unsubscribed", 5, BY_FAMILY, channel="email")
    assert told.held() == {"unsubscribed": {"ann", FAMILY}}
    # The address turns out to be Ben's, too, so nobody knows whose word it was.
    told.login(4, BEN, BY_FAMILY)
    told.login(20, CY)
    assert told.held() == {"unsubscribed": {"ann", "ben", FAMILY}}
    # Who comes later with it is no safer, whenever they were there first.
    told.login(3, CY, BY_FAMILY)
    told.login(3, DEE)
    assert told.held() == {"unsubscribed": {"ann", "ben", "cy", FAMILY}}
    # Each opens their own; the address alone opens the address alone.
    told.mail("subscribed", 2, ANN, channel="email")
    assert told.held() == {"unsubscribed": {"ben", "cy", FAMILY}}
    told.mail("subscribed", 2, BY_FAMILY, channel="email")
    assert told.held() == {"unsubscribed": {"ben", "cy"}}
    assert told.protected() == {("ben", "email"), ("cy", "email")}
    # Ann's own word that names it closes it anew, for her and the address.
    told.mail("unsubscribed", 1, ANN, BY_FAMILY, channel="email")
    assert told.held() == {"unsubscribed": {"ann", "ben", "cy", FAMILY}}
    told.shop.publish()


@pytest.mark.faults
def test_an_address_of_many_and_a_shared_tablet(spark, tmp_path: Path) -> None:
    told = Told(tmp_path)
    for n, buyer in enumerate(MANY):
        told.login(30 - n, buyer, BY_TILL)
    told.login(9, ANN, TABLET)
    told.login(8, BEN, TABLET)
    assert told.held() == {}
    # Words of which nobody's own identifiers tell, when all else has long been decided.
    told.mail("complained", 5, BY_TILL, channel="email")
    told.say("crm", "consent_withdrawn", 4, TABLET, channel="sms", purpose="marketing")
    buyers = {f"buyer {n}" for n in range(7)}
    assert told.held() == {"complained": {*buyers, TILL}, "no_consent": {"ann", "ben"}}
    assert told.protected() == {
        *((buyer, "email") for buyer in buyers), ("ann", "sms"), ("ben", "sms"),
    }  # fmt: skip
    # What a family says with tablet and address is about all of them, once each.
    told.login(7, ANN, BY_FAMILY)
    told.login(7, BEN, BY_FAMILY)
    told.login(7, CY, BY_FAMILY)
    told.say("crm", "consent_withdrawn", 3, TABLET, BY_FAMILY, channel="email")
    assert told.held()["no_consent"] == {"ann", "ben", "cy", FAMILY}
    told.shop.publish()


@pytest.mark.faults
def test_who_is_named_beside_the_messages_own_person(spark, tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.mail("unsubscribed", 5, BEN, message_id="m", channel="sms")
    assert told.held() == {"unsubscribed": {"ben"}}
    # The message turns out to have been Ann's, and an email.
    told.mail("sent", 6, ANN, message_id="m", channel="email", purpose="marketing")
    assert told.held() == {"unsubscribed": {"ann", "ben"}}
    assert told.protected() == {("ann", "email+sms"), ("ben", "email+sms")}
    # One channel is not both.
    told.mail("subscribed", 4, ANN, channel="email")
    assert told.held() == {"unsubscribed": {"ann", "ben"}}
    told.mail("subscribed", 3, ANN, channel="sms")
    assert told.held() == {"unsubscribed": {"ben"}}
    # By a message of nobody known a hub unsubscribes; then it was Dee's, and hers alone.
    told.login(9, ANN, BY_FAMILY)
    told.login(9, CY, BY_FAMILY)
    told.mail("complained", 2, BY_FAMILY, message_id="n", channel="email")
    assert told.held()["complained"] == {"ann", "cy", FAMILY}
    told.mail("sent", 3, DEE, message_id="n", channel="email", purpose="marketing")
    assert told.held()["complained"] == {"dee", FAMILY}
    told.shop.publish()


@pytest.mark.faults
def test_a_shared_address_beside_what_nobody_knows(spark, tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.login(9, ANN, BY_FAMILY)
    told.login(9, BEN, BY_FAMILY)
    told.login(9, DEE)
    # A preference page knows a new cookie and the address.
    told.mail("unsubscribed", 5, BY_FAMILY, (("anonymous_id", "page"),), channel="email")
    # What was sent to the address alone is turned down by its number alone.
    told.mail("sent", 6, BY_FAMILY, message_id="m", channel="email", purpose="marketing")
    told.mail("complained", 5, message_id="m")
    # Two customer numbers are two customers, and nobody else.
    told.say("crm", "consent_withdrawn", 4, ANN, DEE, channel="sms")
    assert told.held() == {
        "unsubscribed": {"ann", "ben", FAMILY},
        "complained": {"ann", "ben", FAMILY},
        "no_consent": {"ann", "dee"},
    }
    assert told.protected() == {
        ("ann", "email"), ("ben", "email"), ("ann", "sms"), ("dee", "sms"),
    }  # fmt: skip
    # Who comes later with the address is one of those; the number that was named stays alone.
    told.login(3, CY, BY_FAMILY)
    # A message to Dee is turned down by the address of others.
    told.mail("sent", 3, DEE, message_id="n", channel="email", purpose="marketing")
    told.mail("unsubscribed", 2, BY_FAMILY, message_id="n")
    assert told.held() == {
        "unsubscribed": {"ann", "ben", "cy", "dee", FAMILY},
        "complained": {"ann", "ben", "cy", FAMILY},
        "no_consent": {"ann", "dee"},
    }
    told.shop.publish()


@pytest.mark.faults
def test_a_sending_to_two_numbers_is_turned_down_for_both(spark, tmp_path: Path) -> None:
    told = Told(tmp_path)
    for who in (ANN, BEN, CY):
        told.login(9, who)
    for message_id in ("m", "n", "o"):
        told.mail("sent", 6, ANN, BEN, message_id=message_id, channel="email", purpose="marketing")
    # By what it answers alone, by either number, and by the number of somebody else.
    told.mail("unsubscribed", 5, message_id="m")
    told.mail("complained", 5, ANN, message_id="n")
    assert told.held() == {"unsubscribed": {"ann", "ben"}, "complained": {"ann", "ben"}}
    told.mail("complained", 4, CY, message_id="o")
    told.mail("subscribed", 4, BEN, channel="email")
    assert told.held() == {"unsubscribed": {"ann"}, "complained": {"ann", "ben", "cy"}}
    # What was sent turns out late to have been sent to another, too.
    told.mail("complained", 3, message_id="p", channel="sms")
    told.held()
    told.mail("sent", 4, BEN, (("customer_id", "dee"),), message_id="p", channel="sms")
    assert told.held()["complained"] == {"ann", "ben", "cy", "dee"}
    told.shop.publish()


def test_a_shared_tablet_stays_on_a_list_whatever_its_first_person_does(spark, tmp_path) -> None:
    told = Told(tmp_path, identifiers=("customer_id", "anonymous_id"))
    told.login(9, ANN, TABLET)
    told.login(8, BEN, TABLET)
    told.mail("unsubscribed", 5, TABLET, channel="email")
    assert told.held() == {"unsubscribed": {"ann", "ben", "tablet"}}
    told.mail("subscribed", 4, ANN, channel="email")
    assert told.held() == {"unsubscribed": {"ben", "tablet"}}
    told.shop.publish()


@pytest.mark.faults
def test_what_a_word_answers_comes_late_and_changes(spark, tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.login(9, ANN, BY_FAMILY)
    told.login(9, BEN, BY_FAMILY)
    told.login(9, DEE)
    told.mail("complained", 5, message_id="m")
    told.say("web", "login", 9, ANN, TABLET)
    told.mail("unsubscribed", 8, TABLET, channel="email")
    assert told.held() == {"unsubscribed": {"ann"}}
    # The tablet turns out to be another's, too; what it said before counts for both.
    told.login(7, CY, TABLET)
    assert told.held() == {"unsubscribed": {"ann", "cy"}}
    # The message went to the address; later it turns out that it went to Dee before.
    told.mail("sent", 6, BY_FAMILY, message_id="m", channel="email", purpose="marketing")
    assert told.held()["complained"] == {"ann", "ben", FAMILY}
    told.mail("sent", 7, DEE, message_id="m", channel="email", purpose="marketing")
    assert told.held()["complained"] == {"dee"}
    # An address of many bounces: who has another is reached by that one.
    told.login(6, BEN, (("email", "ben@y.io"),))
    told.mail("sent", 4, BY_FAMILY, message_id="o", channel="email", purpose="marketing")
    told.mail("bounced", 4, message_id="o", bounce="hard")
    assert told.held() == {"unsubscribed": {"ann", "cy"}, "complained": {"dee"}}
    protected = told.protected()
    assert ("ann", "email") in protected
    assert ("ben", "email") not in protected
