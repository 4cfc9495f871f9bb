"""Proposals of small timelines, by the transforms and by the oracle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from pyspark.sql import SparkSession

from tactful.jobs.propose import proposals
from tactful.jobs.settings.activate import Activate
from tactful.schemas.reference import CAMPAIGNS
from tactful.transforms.settled import settled_lines
from tactful.transforms.triggers import Facts
from tests.oracle import triggers
from tests.timelines import Told, products, timeline, utc

Row = dict[str, Any]


def by_transforms(
    spark: SparkSession, told: Iterable[Told], *, activate: Iterable[Mapping[str, Any]],
    sold: Iterable[Row] = (), campaigns: Iterable[Row] = (), persons: Iterable[Row] = (),
) -> list[Row]:  # fmt: skip
    """What the product proposes, one dictionary a step, in one action."""
    events = timeline(spark, numbered(told))
    facts = Facts(
        timeline=events,
        lines=settled_lines(events, currency="GBP"),
        persons=spark.createDataFrame(
            [[one["person_id"], one["first_seen_at"]] for one in persons],
            "person_id string, first_seen_at timestamp",
        ),
        products=products(spark, sold),
        campaigns=spark.createDataFrame(
            [[one.get(name) for name in CAMPAIGNS.names] for one in campaigns], CAMPAIGNS.ddl()
        ),
    )
    entries = tuple(Activate(channels=["email"], **one) for one in activate)
    found = proposals(facts, activate=entries)
    assert found is not None
    return [_plain(row.asDict(recursive=True)) for row in found.collect()]


def by_oracle(
    told: Iterable[Told], *, activate: Iterable[Mapping[str, Any]], sold: Iterable[Row] = (),
    campaigns: Iterable[Row] = (), persons: Iterable[Row] = (),
) -> list[Row]:  # fmt: skip
    """What the oracle proposes of the same."""
    found = triggers.proposals(
        numbered(told), activate=activate, products=sold, campaigns=campaigns, persons=persons
    )
    return [_plain(row) for row in found]


def numbered(told: Iterable[Told]) -> list[Told]:
    """Events without an id are numbered in the order they stand."""
    return [{"event_id": f"e{number:03d}", **row} for number, row in enumerate(told)]


def differences(found: Iterable[Row], expected: Iterable[Row]) -> list[str]:
    """What one proposes and the other does not, in their common columns."""
    names = ("person_id", "policy", "cause", "step", "proposed_at", "expires_at", "skus",
             "withdrawn_by", "evidence")  # fmt: skip
    mine, theirs = (
        sorted(str({name: row[name] for name in names}) for row in side)
        for side in (found, expected)
    )
    return [*(f"+ {row}" for row in mine if row not in theirs),
            *(f"- {row}" for row in theirs if row not in mine),
            *(f"twice {row}" for row, again in groupby(mine) if len(list(again)) > 1)]  # fmt: skip


def _plain(row: Row) -> Row:
    told = {name: _value(value) for name, value in row.items() if name != "event"}
    return {**told, "event": row.get("event"), "evidence": sorted(row["evidence"]),
            "first_evidence": row["evidence"][0]}  # fmt: skip


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return utc(value)
    if isinstance(value, dict):
        return {name: _value(inner) for name, inner in value.items()}
    return value


__all__ = ["by_oracle", "by_transforms", "differences", "numbered"]
