"""What the oracle makes of words of the business on two identifiers, against answers by hand."""

from __future__ import annotations

import hashlib

from tests.oracle.test_oracle import Shop, at

ANN, BEN, MAIL, PHONE = "customer_id=ann", "customer_id=ben", "email=a@x.io", "phone=+14155552671"
HASH = f"email_sha256={hashlib.sha256(b'a@x.io').hexdigest()}"


def words(shop, as_of=20):
    """Of each word its kind, and whether it stands, oldest first."""
    rows = sorted(shop.table("manual_links", as_of), key=lambda row: row["said_at"])
    return [(row["kind"], row["is_standing"]) for row in rows]


def test_of_two_the_newest_word_holds_in_whichever_order_they_are_written(tmp_path):
    shop = Shop(tmp_path)
    shop.tell("profiles", "always_link", 3, MAIL, ANN, author=" eve ", reason=" two \n accounts")
    shop.tell("profiles", "never_link", 1, ANN, HASH, properties={"author": "eve", "reason": ""})
    shop.tell("profiles", "never_link", 2, BEN, MAIL)
    assert words(shop) == [("never_link", False), ("never_link", True), ("always_link", True)]
    (newest,) = [row for row in shop.table("manual_links") if row["kind"] == "always_link"]
    assert (newest["author"], newest["reason"]) == ("eve", " two \n accounts")
    assert newest["said_at"] == at(3)
    shop.tell("profiles", "link_withdrawn", 4, ANN, MAIL)
    told = [("never_link", False), ("never_link", True), ("always_link", False)]
    assert words(shop) == [*told, ("link_withdrawn", False)]
    # What is not yet said is not yet so.
    assert words(shop, as_of=3.5) == [*told[:2], ("always_link", True)]


def test_a_word_is_no_sighting_and_nobodys(tmp_path):
    shop = Shop(tmp_path)
    shop.tell("clicks", "login", 5, ANN)
    before = shop.answer().tables
    shop.tell("profiles", "link_withdrawn", 1, ANN, MAIL)
    shop.tell("profiles", "never_link", 9, BEN, PHONE)
    after = shop.answer().tables
    for name in ("identity", "identity_health", "customers"):
        assert after[name] == before[name], name
    assert [row["person_id"] for row in after["timeline"] if row["stream"] == "profiles"] == [
        None
    ] * 2


def test_what_does_not_name_two_identifiers_is_refused(tmp_path):
    shop = Shop(tmp_path)
    unclear = (
        [], [ANN], [ANN, ANN], [MAIL, HASH], [ANN, "fax=1"], [ANN, "email=test@test.com"],
        [ANN, "phone=12"], [ANN, "email="], [ANN, BEN, MAIL], [ANN, BEN, "email=unknown"],
    )  # fmt: skip
    for number, ids in enumerate(unclear):
        shop.tell("profiles", ("always_link", "never_link", "link_withdrawn")[number % 3], 1, *ids)
    # One without a value says nothing.
    shop.tell("profiles", "never_link", 1, ANN, "email=\u200b", BEN)
    answer = shop.answer()
    assert [row["kind"] for row in answer.tables["manual_links"]] == ["never_link"]
    reasons = [row["reasons"] for row in answer.quarantined]
    assert reasons == [{"not_two_identifiers"}] * len(unclear)


def test_where_identifiers_cannot_be_read_that_is_reason_enough(tmp_path):
    shop = Shop(tmp_path)
    shop.tell("profiles", "always_link", 1)
    shop.events["profiles"][0]["identifiers"] = "ann and ben"
    shop.tell("profiles", "never_link", 1, ANN, "email=nobody")
    shop.events["profiles"][1]["event_id"] = " "
    told = [row["reasons"] for row in shop.answer().quarantined]
    assert len(told) == 2
    assert {"wrong_type:identifiers"} in told
    assert {"missing:event_id", "not_two_identifiers"} in told
