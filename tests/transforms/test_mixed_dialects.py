"""Segment's and Shopify's own forms: each event is understood, or refused with its text."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from tactful.schemas.events import wide_columns
from tactful.transforms.identity.keys import hmac_pads
from tactful.transforms.sources import DIALECTS
from tests import oracle
from tests.conftest import SECRET
from tests.oracle.intake import take_in

FOLDER = Path(__file__).parents[1] / "golden" / "dialects"
NAMES = ("segment", "shopify")
CASES = {name: json.loads((FOLDER / f"{name}.json").read_text("utf-8"))["cases"] for name in NAMES}
LANDED_AT = datetime(2026, 11, 27, tzinfo=UTC)
MAX_ROW_BYTES = 100_000
FIELDS = [column.name for column in wide_columns()]
ASIDE = ("event_id", "occurred_at", "received_at", "identifiers", "properties")
CALL = {"messageId": "x", "type": "track", "userId": "u", "timestamp": "2026-03-02T00:00:00Z"}
ORDER = {"id": 1, "order_number": 1, "created_at": "2026-03-02T00:00:00Z", "line_items": []}


def call(n: int, **told: Any) -> str:
    return json.dumps({**CALL, "messageId": f"odd {n}", **told})


def order(n: int, **told: Any) -> str:
    return json.dumps({**ORDER, "id": 100 + n, **told})


# Lines as a broken pipe or somebody's malice leaves them.
NO_OBJECTS = ["[]", "5", "null", '"text"', "plainly not JSON", '{"a": 1} {"b": 2}', '{"a": ', "{}",
              "[" + json.dumps(CALL) + "]", json.dumps(CALL)[:-3],
              json.dumps(CALL) + json.dumps(CALL),
              json.dumps({**CALL, "x": "y" * MAX_ROW_BYTES})]  # fmt: skip


def batch(*calls: str, **beside: Any) -> str:
    return json.dumps({"batch": [json.loads(one) for one in calls], **beside})


HOSTILE = {
    "segment": [
        *NO_OBJECTS,
        "[" + call(200, event="Product Viewed", properties={"sku": "a"}) + ", "
        + call(201, event="Order Completed", properties={
            "order_id": "o", "products": [{"sku": "a", "price": 1}, {"sku": "b", "price": 2}]})
        + "]",
        batch(call(202, event="Product Viewed"), call(203, type="identify", traits={"plan": "x"}),
              sentAt="2026-03-02T00:00:00Z", context={"library": {"name": "x"}}),
        " " + batch(call(204, event="Order Completed", properties={"order_id": "p"})) + " ",
        batch(call(205, event="Product Viewed"), type="track"), '{"batch": []}', '{"batch": [1]}',
        '{"batch": {"a": 1}}', '{"batch": [null, "x", {}]}', batch(call(206))[:-1],
        batch(call(207)) + batch(call(208)), '{"batch": [{"a": 1}], "batch": [{"b": 1}]}',
        batch(call(209, event="Product Viewed", properties={"batch": [{"a": 1}]})),
        call(210, event="Product Viewed", properties={"batch": [{"a": 1}, {"b": 2}]}),
        *(call(n, event="Product Viewed", properties=odd) for n, odd in enumerate(
            ([], "", None, "text", [1], 5, {"sku": {"a": 1}}, {"sku": ""}, {"price": "dear"}))),
        *(call(10 + n, event="Order Completed", properties={"order_id": "o", "products": odd})
          for n, odd in enumerate((None, [], {}, [1], [None], "x", [{"price": "12,50"}],
                                   [{"sku": "a", "quantity": 2, "price": 1e30}], [[]]))),
        *(call(30 + n, event=odd) for n, odd in enumerate(
            (" product\u00a0viewed", "PRODUCT-VIEWED", "product_viewed", "Viewed Product", "", None,
             5, {"a": 1}, "unsubscribe", "Email Unsubscribed ", "@identify", "page"))),
        *(call(50 + n, type=odd) for n, odd in enumerate(
            ("Track", "PAGE ", "noise", None, "", 7, "identify", "group", "alias"))),
        *(call(60 + n, event="Unsubscribed", context=odd) for n, odd in enumerate(
            ("x", [1], {"traits": "x"}, {"traits": {"email": {"a": 1}}},
             {"traits": {"email": ""}}))),
        *(call(70 + n, type="identify", traits=odd) for n, odd in enumerate(
            ({}, [], "x", {"plan": None, "": 1, " ": 2}, {"a": "", "b": [], "c": True},
             {"n" * 501: 1}, {"v": "w" * 2000}, {"email": 5, "phone": ""}))),
        *(call(80 + n, event="Email Opened", properties=odd) for n, odd in enumerate(
            ({"email_id": ""}, {"email_id": 7, "machine_open": "true"}, {"email_id": "e",
             "campaign_id": {"a": 1}, "topic": [], "purpose": "transactional"},
             {"email_id": "e", "email": "Ann@Mail.example"}))),
        *(call(90 + n, timestamp=odd) for n, odd in enumerate(
            ("", "soon", 5, "2026-03-02T00:00:00", "1970-01-01T00:00:00Z",
             "2027-01-01T00:00:00Z"))),
        *(call(100 + n, event="Segment Consent Preference Updated",
               context={"consent": {"categoryPreferences": odd}}) for n, odd in enumerate(
            ({"Advertising": "true"}, {"Advertising": None}, {"Advertising": "no"}, [], "x"))),
        call(110, event="Product Viewed", properties={"context.ip": "mine"}, context={"ip": "its"}),
        call(111, event="Product Viewed", context={f"k{n}": n for n in range(1200)}),
        call(112, event="Product Viewed", oddity={"a": 1}, another=2),
        '{"messageId": "twice", "type": "track", "event": "Email Opened",'
        '"event": "Product Viewed",'
        ' "timestamp": "2026-03-02T00:00:00Z", "properties": {"sku": "a", "sku": "b"}}',
    ],
    "shopify": [
        *NO_OBJECTS,
        "[" + order(200) + "," + order(201, line_items=[{"sku": "a"}, {"sku": "b"}]) + "]",
        '{"orders": [' + order(202) + "," + order(203) + "]}", '{"orders": [], "customers": []}',
        '{"orders": [' + order(204) + '], "more": 1}',
        *(f'{{ "order" : {one} }}' for one in (order(205, note="{}"), "5", "{}", "[]")),
        '{"order": {"a": 1}} {}', '{"order": ' + order(206) + ', "more": 1}',
        '{"customer": {"id": 5}, "customer": {"id": 6}}', '{"order": ' + order(207),
        order(208, customer={"id": "gid://shopify/Customer/7?x=1"}, id="gid://shopify/Order/9"),
        *(order(n, line_items=odd) for n, odd in enumerate(
            (None, "x", [{}], [{"sku": "a", "price": "12,50", "quantity": 1}],
             [{"sku": "", "product_id": None, "price": None}]))),
        *(order(10 + n, refunds=odd) for n, odd in enumerate((None, [], "x", [{}], [{"id": 5}]))),
        *(order(20 + n, fulfillments=odd) for n, odd in enumerate(
            (None, [{}], [{"id": 6, "created_at": "2026-03-02T00:00:00Z"}],
             [{"id": 7, "status": "error"}]))),
        *(order(30 + n, processed_at=odd) for n, odd in enumerate(("soon", "2026-03-02", 5))),
        order(40, cancelled_at="never"), order(41, currency="BTC"), order(42, customer=None),
        order(43, customer={"id": 5, "email": ""}, email="", phone=""),
        order(44, financial_status=None), order(45, financial_status="paid"),
    ],
}  # fmt: skip


def lines_of(name: str) -> list[str]:
    return [*(json.dumps(case["event"]) for case in CASES[name]), *HOSTILE[name]]


def land(name: str, folder: Path) -> Path:
    path = folder / f"{name}.json"
    path.write_text("\n".join(lines_of(name)) + "\n", encoding="utf-8")
    os.utime(path, (LANDED_AT.timestamp(), LANDED_AT.timestamp()))
    return path


@pytest.fixture(scope="module")
def read(spark, tmp_path_factory) -> dict[str, list[Any]]:
    """Every line of each dialect, as `land` reads it."""
    folder, found = tmp_path_factory.mktemp("mixed"), {}
    about = {"source_name": "s", "max_row_bytes": MAX_ROW_BYTES, "max_skew": timedelta(hours=1)}
    pads = spark.createDataFrame([hmac_pads(SECRET.encode())], "inner binary, outer binary")
    for name in NAMES:
        keyed = {"pads": pads} if DIALECTS[name].is_keyed else {}
        landed = (
            spark.read.option("lineSep", "\n")
            .text(str(land(name, folder)))
            .select(
                "value",
                F.col("_metadata.file_path").alias("file"),
                F.col("_metadata.file_modification_time").alias("modified_at"),
            )
        )
        found[name] = DIALECTS[name].parse(landed, stream=None, **about, **keyed).collect()
    return found


def plain(value: Any) -> Any:
    if hasattr(value, "asDict"):
        return {k: plain(v) for k, v in value.asDict().items() if v is not None}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if isinstance(value, bool | int) else str(value)


def in_words(row: Any) -> dict[str, Any]:
    """A row as the golden file tells it."""
    told = {n: plain(row[n]) for n in FIELDS if row[n] not in (None, []) and n not in ASIDE}
    for name in ("event_id", "occurred_at", "received_at"):
        if row[name] is not None:
            told[name] = plain(row[name])
    return {
        "stream": row.stream, **told,
        "identifiers": [[entry.type, entry.value] for entry in row.identifiers or ()],
        "properties": dict(row.properties or {}), "reasons": sorted(row.reasons),
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_event_gives_the_rows_that_the_golden_file_says(read, name):
    by_line: dict[str, list[Any]] = {}
    for row in read[name]:
        by_line.setdefault(row.source_position.line_hash.partition("/")[0], []).append(row)
    whole = {row.raw: line for line, rows in by_line.items() for row in rows}
    wrong = []
    for case in CASES[name]:
        rows = by_line[whole[json.dumps(case["event"])]]
        found = sorted(map(in_words, rows), key=lambda row: str(row.get("event_id")))
        wrong += [
            (case["id"], f, e) for f, e in zip(found, case["expected"], strict=True) if f != e
        ]
    assert wrong == []


def test_the_events_of_a_list_have_places_of_their_own(read):
    """As libraries post calls, and as exports and answers hold them."""
    calls, orders = range(200, 205), range(300, 304)
    for name, ids in (("segment", [f"odd {n}" for n in calls]),
                      ("shopify", [f"order/{n}/placed" for n in orders])):  # fmt: skip
        rows = {row.event_id: row for row in read[name] if not row.reasons}
        assert set(ids) <= rows.keys()
        assert len({rows[one].source_position.line_hash for one in ids}) == len(ids)
    (raw,) = [row.raw for row in read["segment"] if "odd 200" in row.raw]
    viewed = call(200, event="Product Viewed", properties={"sku": "a"})
    assert json.loads(raw) == json.loads(viewed)


@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_reads_the_same(read, name, tmp_path):
    """Of every line, hostile ones as well: what is accepted, as what, and why the rest is not."""
    config = {"sources": {"s": {"dialect": name, "format": "json", "path": "s"}},
              "intake": {"max_row_bytes": MAX_ROW_BYTES}}  # fmt: skip
    intake = take_in({"s": [land(name, tmp_path)]}, oracle.load(config))
    assert len(read[name]) == intake.counts["read"]

    def told(stream: str, fields: Any, identifiers: list[tuple[str, Any]]) -> tuple[Any, ...]:
        known = {n: plain(fields[n]) for n in FIELDS if n in fields and n not in ASIDE[3:]}
        return stream, {n: v for n, v in known.items() if v not in ("None", [])}, identifiers

    theirs = {
        (row.stream, row.event_id): told(row.stream, row.fields, [
            (e["type"], e["value"] if isinstance(e["value"], str) else json.dumps(e["value"]))
            for e in row.fields["identifiers"] or ()])
        for row in (*intake.accepted,)
    }  # fmt: skip
    ours = {
        (row.stream, row.event_id): told(row.stream, row.asDict(), [
            (e.type, e.value) for e in row.identifiers or ()])
        for row in read[name] if not row.reasons
    }  # fmt: skip
    assert {key: own[1].keys() for key, own in ours.items()} == {
        key: own[1].keys() for key, own in theirs.items()
    }
    skipped = ("lines", "device", "geo")
    for key, (stream, fields, who) in ours.items():
        other = theirs[key]
        mine = {n: v for n, v in fields.items() if n not in skipped}
        assert (stream, mine, who) == (
            other[0], {n: v for n, v in other[1].items() if n not in skipped}, other[2]
        ), key  # fmt: skip
    assert Counter(tuple(sorted(row.reasons)) for row in read[name] if row.reasons) == Counter(
        tuple(sorted(set(row.reasons) - {"id_reused"}))
        for row in intake.quarantined if set(row.reasons) - {"id_reused"}
    )  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_line_is_there_and_the_first_of_its_events_has_its_text(read, name):
    places = Counter(row.source_position.line_hash.partition("/")[0] for row in read[name])
    assert len(places) == len(set(lines_of(name)))
    # A list has as many rows as it has objects, and each the text of its own.
    lists = ("[{", '{"batch": [', '{"orders": [{', '{ "order" : {')
    whole = {line for line in lines_of(name) if not line.strip().startswith(lists)}
    assert whole <= {row.raw for row in read[name]}


def test_an_order_once_more_says_nothing_new(spark, read):
    """Whatever changed about it since, what it told before is the same event."""
    first = CASES["shopify"][0]["event"]
    later = {**first, "updated_at": "2026-03-09T00:00:00Z", "financial_status": "paid",
             "fulfillment_status": "fulfilled", "total_price": "1.00", "note": "new"}  # fmt: skip
    landed = spark.createDataFrame([(json.dumps(later),)], "value string").selectExpr(
        "value", "'file:///x' AS file", "timestamp'2026-11-27 00:00:00Z' AS modified_at"
    )
    about = {"source_name": "s", "max_row_bytes": MAX_ROW_BYTES, "max_skew": timedelta(hours=1)}
    again = DIALECTS["shopify"].parse(landed, stream=None, **about).collect()
    known = {(row.event_hash, row.payload_hash) for row in read["shopify"]}
    assert [(row.event_hash, row.payload_hash) in known for row in again] == [True, False]
    assert [row.type for row in again] == ["order_placed", "order_paid"]
