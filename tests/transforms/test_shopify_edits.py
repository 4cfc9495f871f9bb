"""An edited order of Shopify's: as it was first sent, less what a refund takes back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tactful.transforms.sources.shopify import parse_rows

LINE = {"id": 7, "sku": "jeans", "quantity": 1, "price": "60.00"}
ORDER = {"id": 1, "order_number": 1, "created_at": "2026-03-02T10:00:00Z",
         "line_items": [{**LINE, "current_quantity": 1}], "refunds": []}  # fmt: skip
REFUND = {"id": 5, "created_at": "2026-03-03T10:00:00Z", "transactions": [], "refund_line_items": [
    {"line_item_id": 7, "quantity": 1, "subtotal": 60.0, "line_item": LINE}]}  # fmt: skip
REMOVED = {**ORDER, "line_items": [{**LINE, "current_quantity": 0}], "refunds": [REFUND]}
ADDED = {**REMOVED, "line_items": [
    *REMOVED["line_items"], {"id": 8, "sku": "belt", "quantity": 1, "price": "9.00"}]}  # fmt: skip


def read_all(spark, *orders):
    rows = [(json.dumps(body), str(n), datetime(2026, 11, 27, tzinfo=UTC))
            for n, body in enumerate(orders)]  # fmt: skip
    landed = spark.createDataFrame(rows, "value string, file string, modified_at timestamp")
    return parse_rows(landed, stream=None, source_name="s", max_row_bytes=10**6,
                      max_skew=timedelta(days=1)).collect()  # fmt: skip


def test_another_buyer_is_another_placing_and_the_same_payment(spark):
    paid = {**ORDER, "financial_status": "paid", "cancelled_at": "2026-03-04T10:00:00Z"}
    forms: dict[str, set[bytes]] = {}
    for row in read_all(spark, {**paid, "email": "a@x.io"}, {**paid, "email": "b@x.io"}):
        forms.setdefault(row.type, set()).add(bytes(row.payload_hash))
    assert {name: len(those) for name, those in forms.items()} == {
        "order_placed": 2, "order_paid": 1, "order_cancelled": 1,
    }  # fmt: skip


def test_removed_lines_come_back_by_their_refund_and_added_ones_are_told(spark):
    read = read_all(spark, ORDER, REMOVED, ADDED)
    assert not [row.reasons for row in read if row.reasons]
    by_body = {(row.source_position.file, row.event_id): row for row in read}
    assert set(by_body) == {
        ("0", "order/1/placed"),
        *((body, name) for body in "12" for name in ("order/1/placed", "refund/5")),
    }
    placed = [by_body[body, "order/1/placed"].payload_hash for body in "012"]
    assert placed[0] == placed[1], "a repeat, whatever was removed"
    assert placed[2] != placed[0], "refused as id_reused, since it says something else"
    back = by_body["1", "refund/5"]
    assert (back.type, back.order_id) == ("order_refunded", "1")
    assert [(line.line_id, line.amount) for line in back.lines] == [("7", Decimal(60))]
