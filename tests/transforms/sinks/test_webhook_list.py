"""A list of customers not to write to: what a line says, and what it never says."""

from __future__ import annotations

import json

import jsonschema
import pytest

from tactful.transforms.sinks import SINKS
from tests.transforms.sinks.test_forms import formed
from tests.transforms.sinks.test_records import recorded, text_of, validator

LIST = SINKS["webhook_list"]
ANN, BEN = ("email", "ann@x.example"), ("email", "ben@x.example")
MOBILE, HOME = ("phone", "+442071234567"), ("phone", "+14155552600")


def lines(payloads: list, operation: str = "add") -> list[dict]:
    text = LIST.body(text_of(payloads), operation=operation, audience="helped")
    return [json.loads(line) for line in text.splitlines()]


def test_contacts_are_plain_and_nothing_else_is_taken(spark):
    identifiers = [
        ("plain", "email", " Ann+X@Mail.example "),
        ("none", "email", "ann"),
        ("hash", "email", "a" * 64),
        ("only hash", "email_sha256", "a" * 64),
        ("phone", "phone", "+442071234567"),
        ("local", "phone", "0207 123"),
        ("number", "customer_id", "C-1"),
    ]
    assert formed(spark, "webhook_list", identifiers) == {
        "plain": ("email", "ann+x@mail.example", None),
        "none": ("email", None, "invalid"),
        "hash": ("email", None, "already_hashed"),
        "only hash": (None, None, "unsupported"),
        "phone": ("phone", "+442071234567", None),
        "local": ("phone", None, "invalid"),
        "number": (None, None, "unsupported"),
    }


def test_a_line_holds_one_email_and_one_phone(spark):
    one, more, nobody = recorded(
        spark, LIST, [[ANN, MOBILE], [ANN, BEN, HOME, ("phone", None)], []]
    )
    assert one == [{"email": "ann@x.example", "phone": "+442071234567"}]
    assert more == [
        {"email": "ann@x.example", "phone": "+14155552600"}, {"email": "ben@x.example"},
    ]  # fmt: skip
    assert nobody == []
    added, second = lines(more)
    assert added == {
        "op": "suppress", "policy": "helped", "email": "ann@x.example", "phone": "+14155552600",
    }  # fmt: skip
    assert second["phone"] is None
    (removed,) = lines(one, "remove")
    assert removed["op"] == "unsuppress"
    for line in (added, second, removed):
        validator("webhook_list.line").validate(line)


@pytest.mark.parametrize(
    "spoilt",
    [{"op": "add"}, {"email": "Ann@x.example"}, {"email": None}, {"phone": "0207"}, {"name": "A"}],
)
def test_the_schema_refuses_what_the_receiver_would(spoilt):
    line = {"op": "suppress", "policy": "p", "email": "ann@x.example", "phone": None}
    validator("webhook_list.line").validate(line)
    with pytest.raises(jsonschema.ValidationError):
        validator("webhook_list.line").validate({**line, **spoilt})
