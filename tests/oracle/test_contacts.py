"""What the oracle makes of contacts with customer service, against answers by hand."""

from __future__ import annotations

from tests.oracle.test_oracle import Shop, at

ANN, BEN = "customer_id=ann", "customer_id=ben"
OPEN = {"name": "open", "when": "service_open"}
BOUNDED = {**OPEN, "name": "bounded", "lasts_at_most": "2d", "channels": ["ad", "sms"]}


def spans(rows, policy):
    return [
        (r["starts_at"], r["ends_at"], r["lifted_by"])
        for r in sorted(rows, key=lambda r: r["starts_at"])
        if r["policy"] == policy
    ]


def test_a_contact_is_open_until_its_number_is_closed(tmp_path):
    shop = Shop(tmp_path, suppress=[OPEN, BOUNDED])
    first = shop.tell("service", "contact_opened", 1, ANN, contact_id="k")
    late = shop.tell("service", "contact_closed", 5, contact_id="k")
    shop.tell("service", "contact_closed", 0, ANN, contact_id="k")
    again = shop.tell("service", "contact_opened", 6, ANN, contact_id="k")
    soon = shop.tell("service", "contact_closed", 7, BEN, contact_id="k")
    rows = shop.table("suppressions")
    assert spans(rows, "open") == [(at(1), at(5), late), (at(6), at(7), soon)]
    assert spans(rows, "bounded") == [(at(1), at(3), None), (at(6), at(7), soon)]
    told = {(r["policy"], r["starts_at"]): r for r in rows}
    assert told["open", at(6)]["evidence"] == [again, soon]
    assert told["bounded", at(1)]["evidence"] == [first]
    assert told["open", at(1)]["channels"] == []
    assert told["bounded", at(1)]["channels"] == ["ad", "sms"]


def test_without_a_number_a_contact_stays_open(tmp_path):
    shop = Shop(tmp_path, suppress=[OPEN, BOUNDED])
    shop.tell("service", "contact_opened", 1, ANN)
    shop.tell("service", "contact_closed", 2, ANN)
    rows = shop.table("suppressions")
    assert spans(rows, "open") == [(at(1), None, None)]
    assert spans(rows, "bounded") == [(at(1), at(3), None)]
