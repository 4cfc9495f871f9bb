"""Files of the outbox: each is a request that its destination takes, and no record is cut."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from pyspark.sql import Row

from tactful.jobs.filing import Files
from tactful.jobs.settings.destinations import Destination


def files(kind: str, operation: str, total: int, **more) -> Files:
    told = {"name": "d", "kind": kind, "policy": "bought_it", **more}
    batch = SimpleNamespace(generation="g", number=1)
    return Files(batch, Destination(**told), "bought_it", operation, total)


def rows(total: int, *, length: int = 20):
    for number in range(total):
        payload = json.dumps({"external_id": f"{number:0{length}}"})
        yield Row(payload=payload, record_id=f"{number:032}")


@pytest.mark.parametrize(("kind", "most"), [("klaviyo", 5_000_000), ("braze", 4_000_000)])
def test_what_is_too_long_for_a_request_is_split_and_never_cut(kind, most):
    total = 12_000 if kind == "klaviyo" else 150
    length = 900 if kind == "klaviyo" else 60_000
    made = list(files(kind, "add", total).requests(rows(total, length=length)))
    assert max(len(text.encode()) for _, text in made) <= most
    assert [request.seq for request, _ in made] == list(range(1, len(made) + 1))
    assert sum(request.size for request, _ in made) == total
    assert [request.last for request, _ in made] == [False] * (len(made) - 1) + [True]
    held = "".join(text for _, text in made)
    assert all(f"{number:0{length}}" in held for number in (0, total // 2, total - 1))
    # Without that limit it would be fewer.
    assert len(made) > -(-total // Destination(name="d", kind=kind, policy="p").batch_size)


def test_files_are_full_where_nothing_is_long_and_come_one_after_another():
    source, taken = rows(180), []
    made = files("braze", "add", 180).requests((taken.append(row), row)[1] for row in source)
    first, _ = next(made)
    assert (first.size, len(taken)) == (75, 75), "no more than one file's records are held"
    assert [request.size for request, _ in made] == [75, 30]


def test_one_record_that_is_too_long_goes_alone():
    made = list(files("webhook", "add", 2).requests(iter([
        Row(payload=json.dumps({"email": ["a" * 1_100_000]}), record_id="0" * 32),
        Row(payload=json.dumps({"email": ["b"]}), record_id="1" * 32),
    ])))  # fmt: skip
    assert [request.size for request, _ in made] == [1, 1]
