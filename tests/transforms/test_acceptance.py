"""Which of several rows with one id stands."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tactful.schemas.intake import POSITION
from tactful.transforms.acceptance import repeats

AT = datetime(2026, 3, 1, tzinfo=UTC)
SHAPE = (
    "event_hash binary, type string, payload_hash binary, reasons array<string>, "
    f"source_position {POSITION}, row_id bigint, landed_at timestamp"
)


@pytest.mark.parametrize(
    ("opening", "closing"),
    [("subscribed", "unsubscribed"), ("sent", "complained"), ("sent", "bounced"),
     ("consent_granted", "consent_withdrawn")],
)  # fmt: skip
@pytest.mark.parametrize("hashes", [(b"a", b"b"), (b"b", b"a")])
def test_of_one_id_the_row_that_closes_stands(spark, opening, closing, hashes) -> None:
    """Whatever their payloads and places: a replay that sees both at once must not open what the
    run, which saw the closing one first, had closed."""
    place = ("f", AT, "x")
    rows = [
        (b"id", opening, hashes[0], [], place, 0, AT),
        (b"id", closing, hashes[1], [], place, 1, AT),
        (b"id", closing, b"0", ["unknown_type"], place, 2, AT),
    ]
    fresh = spark.createDataFrame([(b"id",)], "event_hash binary")
    (found,) = repeats(spark.createDataFrame(rows, SHAPE), fresh).collect()
    assert (found.is_fresh, found.first.row_id) == (True, 1)
