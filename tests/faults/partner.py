"""A partner who is told of recent buyers, and what must hold of all that they were told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deltalake import DeltaTable

from tests import worlds
from tests.product import Shop

PARTNER = {
    "name": "partner",
    "kind": "file",
    "policy": "bought_much",
    "identifiers": ["email", "phone", "customer_id"],
}


def shop_with_a_partner(seed: int, folder: Path, kind: type[Shop] = Shop) -> Shop:
    """A small world whose recent buyers are told to a partner as a file."""
    world = worlds.make(seed)
    return kind(replace(world, config={**world.config, "destinations": [PARTNER]}), folder)


def assert_every_record_is_in_one_file(lake: Path) -> None:
    """The outbox holds each delivery once, and each holds as many records as the table says."""
    deliveries = DeltaTable(str(lake / "deliveries")).to_pandas()
    records = DeltaTable(str(lake / "records")).to_pandas()
    files = sorted(p for p in (lake / "outbox").rglob("*") if p.is_file() and p.suffix != ".part")
    named = {(row.destination, row.name) for row in deliveries.itertuples(index=False)}
    assert {(p.parent.name, p.name) for p in files} == named
    assert len(named) == len(deliveries)
    assert records["record_id"].is_unique
    assert deliveries["records"].sum() == len(records)


def assert_partner_knows_the_buyers(shop: Shop) -> None:
    """The partner holds just the identifiers that the oracle says it must, and there are some."""
    expected = shop.answer().audiences
    assert shop.held() == expected
    assert expected, "a world without buyers proves nothing"
