"""Which audience a suppression keeps somebody out of: the row it must, and the row it must not."""

from __future__ import annotations

import pytest

from tactful.jobs.lake.frames import small_frame
from tactful.schemas.reference import CAMPAIGNS, PRODUCTS
from tactful.transforms.audiences import Audience, with_audiences

JEANS, BELTS = Audience("category", "jeans"), Audience("category", "belts")
LOOP, ONE, UNKNOWN = Audience("brand", "Loop"), Audience("sku", "j1"), Audience("sku", "gone")
SALE, NEWS = Audience("campaign", "sale"), Audience("campaign", "news")
ALL = (JEANS, BELTS, LOOP, ONE, UNKNOWN, SALE, NEWS)
GOODS = [
    {"sku": "j1", "category": "jeans", "brand": "Loop", "attributes": {"fit": "slim"}},
    {"sku": "j2", "category": "jeans", "brand": "Bay", "attributes": {"fit": "wide"}},
    {"sku": "b1", "category": "belts", "brand": "Bay", "attributes": {"fit": "slim"}},
    {"sku": "x1", "category": "hats"},
]
OFFERED = [
    {"campaign_id": "sale", "categories": ["belts"], "offers_discount": True, "topic": "Big sale"},
    {"campaign_id": "news", "skus": ["x1"], "offers_discount": False},
]
MARKETING = {"kind": "purpose", "values": ["marketing"], "negated": False}


def part(kind: str, *values: str, negated: bool = False) -> dict:
    return {"kind": kind, "values": [*values], "negated": negated}


CASES = {
    "one pair of jeans, and no belt": ([part("sku", "j1")], {JEANS, LOOP, ONE}),
    "a pair of another brand": ([part("sku", "j2")], {JEANS}),
    "a belt is in the sale": ([part("sku", "b1")], {BELTS, SALE}),
    "a hat is in the news alone": ([part("sku", "x1")], {NEWS}),
    "all jeans, whatever their brand": ([part("category", "jeans")], {JEANS, LOOP, ONE}),
    "all of a brand": ([part("brand", "Bay")], {JEANS, BELTS, SALE}),
    "what no table of products knows": ([part("sku", "gone")], {UNKNOWN}),
    "nobody's audience": ([part("sku", "no such thing")], set()),
    "about no product": ([MARKETING], {*ALL}),
    "of receipts": ([part("purpose", "transactional")], set()),
    # Whether ads for jeans show a discount nobody knows; of campaigns it is told.
    "discounts alone": ([part("discount")], {*ALL} - {NEWS}),
    "a discount on a hat": ([part("sku", "x1"), part("discount")], set()),
    "a discount on a belt": ([part("sku", "b1"), part("discount")], {BELTS, SALE}),
    "a topic": ([part("topic", "big_sale")], {SALE}),
    "all but a topic": ([part("topic", "big_sale", negated=True)], {*ALL} - {SALE}),
    "one campaign": ([part("campaign", "news")], {NEWS}),
    "asked for slim": ([part("attribute:fit", "slim", negated=True)], {JEANS}),
    "nothing slim": ([part("attribute:fit", "slim")], {JEANS, LOOP, ONE, BELTS, SALE}),
}  # fmt: skip
ROW = (
    "suppression_id string, person_id string, "
    "scope array<struct<kind:string,values:array<string>,negated:boolean>>"
)


@pytest.fixture(scope="module")
def found(spark):
    rows = [
        {"suppression_id": name, "person_id": "p_1", "scope": scope}
        for name, (scope, _) in CASES.items()
    ]
    told = with_audiences(
        spark.createDataFrame(rows, ROW),
        audiences=ALL,
        products=small_frame(spark, GOODS, PRODUCTS.struct()),
        campaigns=small_frame(spark, OFFERED, CAMPAIGNS.struct()),
    ).collect()
    assert len(told) == len(CASES), "no row is lost or doubled"
    return {row.suppression_id: {*row.audiences} for row in told}


@pytest.mark.parametrize("name", CASES)
def test_it_keeps_out_of_what_it_touches(found, name):
    assert found[name] == {one.key for one in CASES[name][1]}
