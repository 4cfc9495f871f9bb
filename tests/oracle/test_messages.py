"""What the oracle makes of messages whose later events say little, against answers by hand."""

from __future__ import annotations

from tests.oracle.test_oracle import Shop, at, send

ANN, BEN = "customer_id=ann", "customer_id=ben"


def test_a_word_that_names_only_its_message_is_its_persons(tmp_path):
    shop = Shop(tmp_path)
    said = shop.tell("messages", "unsubscribed", 9, message_id="m1")
    complained = shop.tell("messages", "complained", 1, BEN, message_id="m1", channel="sms")
    send(shop, "m1", 5, ANN, channel="email")
    found = shop.answer().tables
    told = sorted(
        (row["evidence"][0], row["person_id"], *row["channels"]) for row in found["suppressions"]
    )
    (outcome,) = found["outcomes"]
    ann = outcome["person_id"]
    # Nobody knows whether Ann or Ben complains, nor of what: both are left alone, on both channels.
    (ben,) = {row["person_id"] for row in found["identity"]} - {ann}
    both = ("email", "sms")
    assert told == sorted(
        [(said, ann, "email"), (complained, ann, *both), (complained, ben, *both)]
    )
    assert {row["person_id"] for row in found["timeline"]} == {ann}
    assert [row["person_id"] for row in found["customers"]] == [ann]
    assert found["customers"][0]["last_seen_at"] == at(9)


def test_a_word_by_a_message_that_was_sent_to_several_is_about_each(tmp_path):
    """Of twenty it may be any one's; an id of more is a mailing's, and counts for the first."""
    shop = Shop(tmp_path)
    sent = {
        f"{name}{n}": send(shop, name, 1 + n, f"customer_id={name}{n}")
        for name, count in (("pair", 2), ("mailing", 21))
        for n in range(count)
    }
    nobodys = shop.tell("messages", "unsubscribed", 50, message_id="pair")
    own = shop.tell("messages", "complained", 51, "customer_id=pair1", message_id="pair")
    of_mailing = shop.tell("messages", "unsubscribed", 52, message_id="mailing")
    found = shop.answer(as_of=60).tables
    told = [(row["evidence"][0], row["person_id"]) for row in found["suppressions"]]
    whose = {f"messages:{row['event_id']}": row["person_id"] for row in found["timeline"]}
    names = {who: whose[event] for who, event in sent.items()}
    assert sorted(told) == sorted([
        (nobodys, names["pair0"]), (nobodys, names["pair1"]), (own, names["pair1"]),
        (of_mailing, names["mailing0"]),
    ])  # fmt: skip


def test_a_word_of_no_message_is_its_own(tmp_path):
    shop = Shop(tmp_path)
    page = shop.tell("messages", "unsubscribed", 1, ANN)
    feed = shop.tell("messages", "complained", 2, BEN, channel="sms")
    dead = shop.tell("messages", "bounced", 2, "email=cy@x.io", channel="email")
    back = shop.tell("messages", "subscribed", 3, ANN)
    shop.tell("messages", "unsubscribed", 4, message_id=None)
    found = shop.answer()
    assert found.counts["quarantined"] == 1
    told = {row["evidence"][0]: row for row in found.tables["suppressions"]}
    assert {name: ("".join(row["channels"]), row["lifted_by"]) for name, row in told.items()} == {
        page: ("", back), feed: ("sms", None), dead: ("email", None),
    }  # fmt: skip
    assert len({row["person_id"] for row in told.values()}) == 3
    assert found.tables["outcomes"] == []


def test_caps_count_what_follows_by_the_sending(tmp_path):
    caps = [
        {"name": "read", "channels": ["email"], "limit": 1, "window": "7d", "counts": "opened"},
        {"name": "got", "channels": ["email"], "limit": 2, "window": "7d", "counts": "delivered"},
    ]
    shop = Shop(tmp_path, caps=caps)
    for name, purpose in (("receipt", "transactional"), ("m1", None), ("m2", "marketing")):
        shop.tell("messages", "delivered", 3, message_id=name)
        send(shop, name, 2, ANN, purpose=purpose)
    read = shop.tell("messages", "opened", 4, message_id="m1")
    shop.tell("messages", "opened", 4, message_id="receipt")
    found = shop.answer(as_of=5).tables
    pressed = {row["cap"]: (row["counted"], row["next_allowed_at"]) for row in found["pressure"]}
    assert pressed == {"read": (1, at(11)), "got": (2, at(10))}
    evidence = {row["policy"]: row["evidence"] for row in found["suppressions"]}
    assert evidence["read"] == [read]


def test_no_message_is_evidence_against_itself(tmp_path):
    cap = {"name": "read", "channels": ["email"], "limit": 1, "window": "7d", "counts": "opened"}
    shop = Shop(tmp_path, caps=[cap])
    seconds = 5 / 86_400
    opened = shop.tell("messages", "opened", 2 - seconds, message_id="m1")
    send(shop, "m1", 2, ANN)
    send(shop, "m2", 3, ANN)
    left = shop.tell("messages", "unsubscribed", 4 - seconds, message_id="m3")
    send(shop, "m3", 4, ANN)
    send(shop, "m4", 5, ANN)
    rows = shop.table("regrets")
    assert {(row["message_id"], row["policy"]): row["evidence"] for row in rows} == {
        ("m2", "read"): [opened], ("m3", "read"): [opened], ("m4", "read"): [opened],
        ("m4", "unsubscribed"): [left],
    }  # fmt: skip


def test_one_id_for_many_is_each_ones_own(tmp_path):
    shop = Shop(tmp_path)
    send(shop, "mailing", 1, ANN)
    send(shop, "mailing", 1, BEN)
    shop.tell("messages", "unsubscribed", 2, BEN, message_id="mailing")
    found = shop.answer().tables
    (row,) = found["suppressions"]
    (ben,) = {r["person_id"] for r in found["timeline"] if r["event_id"] == "sent-1"}
    assert row["person_id"] == ben
