"""One decision has one name, whoever makes it again, and no other decision has it."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from tactful.schemas.decisions import DECISIONS
from tactful.transforms.decisions import with_decision_id
from tactful.transforms.identity.keys import hmac_pads

SECRET = b"a secret of the lake"
COLUMNS = (
    "policy string, cause struct<occurred_at:timestamp,stream:string,event_id:string>, "
    "step int, channel string, person_id string, batch_id bigint"
)
CART = ("cart_reminder", (None, "clicks", "e1"), 1, "email", "p_1", 4)


def ids(spark, *decisions: tuple[Any, ...], secret: bytes = SECRET) -> list[str]:
    pads = spark.createDataFrame(
        [tuple(bytearray(pad) for pad in hmac_pads(secret))], "inner binary, outer binary"
    )
    rows = [(*row, number) for number, row in enumerate(decisions)]
    frame = spark.createDataFrame(rows, f"{COLUMNS}, number int")
    named = with_decision_id(frame, pads)
    assert named.columns == [*frame.columns, "decision_id"]
    return [row.decision_id for row in named.orderBy("number").collect()]


def changed(**parts: Any) -> tuple[Any, ...]:
    names = ("policy", "cause", "step", "channel", "person_id", "batch_id")
    return tuple({**dict(zip(names, CART, strict=True)), **parts}.values())


def test_it_is_a_keyed_hash_that_anybody_with_the_secret_works_out(spark):
    message = "decision:13:cart_reminder6:clicks2:e11:15:email"
    expected = hmac.new(SECRET, message.encode(), hashlib.sha256).hexdigest()[:32]
    assert ids(spark, CART) == [expected]
    assert ids(spark, CART, secret=b"another") != [expected]


def test_neither_person_nor_batch_nor_time_has_a_part_in_it(spark):
    again = changed(person_id="p_2", batch_id=9)
    assert len(set(ids(spark, CART, again, changed(person_id=None)))) == 1


def test_every_other_decision_has_another(spark):
    others = (
        changed(policy="cart_reminder_2"),
        changed(cause=(None, "purchases", "e1")),
        changed(cause=(None, "clicks", "e2")),
        changed(step=2),
        changed(channel="sms"),
        changed(channel=None),
        changed(channel=""),
        changed(channel="-"),
    )
    assert len(set(ids(spark, CART, *others))) == 1 + len(others)


def test_no_part_runs_into_the_next(spark):
    """Ids are whatever senders write; one that ends as a length begins takes no other's place."""
    alike = (
        ("a", (None, "clicks", "b1"), 1, "email", None, None),
        ("a", (None, "clicks", "b"), 11, "email", None, None),
        ("a6", (None, "clicks", "b1"), 1, "email", None, None),
        ("a", (None, "clicks", "b11:1"), 1, "email", None, None),
        ("a", (None, "clicks", "b"), 1, "1:1email", None, None),
    )
    assert len(set(ids(spark, *alike))) == len(alike)


def test_it_names_a_row_of_its_table():
    assert DECISIONS.key == ("decision_id",)
