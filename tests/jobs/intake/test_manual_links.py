"""Manual links that are no pair are refused as they land, in this process and by Spark alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from tactful.jobs.intake.manual_links import without_unclear_links
from tactful.jobs.lake.frames import small_frame
from tactful.jobs.lake.lake import Lake
from tactful.schemas.intake import RECEIVED
from tests.jobs.test_closings import Told

ANN, BEN, BLANK = ("customer_id", "ann"), ("customer_id", "ben"), ("email", "\u200b")
UNCLEAR = "not_two_identifiers"
# Type, identifiers, reasons as it landed, and with those that it gets.
ROWS: list[tuple[str | None, list[tuple[str, str]] | None, list[str], list[str]]] = [
    ("always_link", [ANN, BEN], [], []),
    ("never_link", [ANN, BLANK, BEN], [], []),
    ("never_link", [ANN], [], [UNCLEAR]),
    ("link_withdrawn", None, ["missing:event_id"], ["missing:event_id", UNCLEAR]),
    ("always_link", None, ["wrong_type:identifiers"], ["wrong_type:identifiers"]),
    ("attribute_set", [ANN], [], []),
    (None, None, ["malformed_json"], ["malformed_json"]),
]


def test_both_refuse_alike(spark, tmp_path: Path) -> None:
    shop = Told(tmp_path).shop
    lake, config = Lake(spark, str(shop.lake)), shop.config()
    frame = small_frame(spark, map(received, ROWS), RECEIVED.struct())
    here = without_unclear_links(lake, config, frame.toArrow())
    by_spark = without_unclear_links(lake, config, frame)
    assert isinstance(here, pa.Table)
    assert here.schema == frame.toArrow().schema == by_spark.toArrow().schema
    expected = sorted(reasons for *_, reasons in ROWS)
    assert sorted(here["reasons"].to_pylist()) == expected
    assert sorted(by_spark.toArrow()["reasons"].to_pylist()) == expected
    # Where there are none, nothing is worked out.
    others = frame.where("type = 'attribute_set'")
    assert without_unclear_links(lake, config, others) is others


def received(row: tuple[Any, ...]) -> dict[str, Any]:
    type_, identifiers, reasons, _ = row
    named = identifiers and [{"type": kind, "value": value} for kind, value in identifiers]
    return {"stream": "profiles", "type": type_, "identifiers": named, "reasons": reasons}
