"""Identifiers become keys that meet where they should, and that give nothing away."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
from contextlib import redirect_stdout
from typing import Any

import pytest
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.jobs.identity.spellings import read_all
from tactful.transforms.identity.keys import (
    hmac_pads,
    hmac_sha256,
    identifier_sets,
    key_identifiers,
    odd_spellings,
    with_keys,
)
from tests.oracle.config import load
from tests.oracle.identifiers import Normaliser

SECRET = b"a secret of the lake that no plan may show"
PHONE = "+14155552671"
PRIORITIES = {"customer_id": 1, "email": 2, "phone": 3, "device_id": 8}
BLOCKED = ("anonymous", "null", "test@test.com", "unknown", "+14155552672")
Ids = list[tuple[str | None, str | None] | None]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def key(kind: str, value: str) -> str:
    message = f"{kind}:{value}".encode()
    return hmac.new(SECRET, message, hashlib.sha256).hexdigest()[:32]


def email_key(address: str) -> str:
    return key("email_sha256", sha256(address))


ANN = email_key("ann@mail.example")
EVENTS: dict[str, Ids] = {
    "an email": [("email", "ann@mail.example")],
    "an email in other letters": [("email", " ANN@Mail.Example\t\r\n")],
    "an email with a no-break space": [("email", "\u00a0ann@mail.example\u3000")],
    "an email among signs unseen": [("email", "\u200b\ufeffann@mail.example\u2060\u00ad")],
    "its hash": [("email_sha256", sha256("ann@mail.example"))],
    "its hash in capitals": [("email_sha256", f" {sha256('ann@mail.example').upper()}\n")],
    "both": [("email", "ann@mail.example"), ("email_sha256", sha256("ann@mail.example"))],
    "umlauts": [("email", "Jürgen@Müller.example"), ("customer_id", "Ä☃🛒")],
    "accents in one sign": [("email", "Zo\u00eb@mail.example")],
    "accents apart": [("email", " zoe\u0308@mail.example"), ("email", "ZOE\u0308@mail.example")],
    "two accents apart": [("email", "ta\u0302\u0323n@mail.example")],
    "a sign of its own": [("email", "\u212balborg@mail.example")],
    "accents of other ids": [("customer_id", "Zo\u00eb"), ("customer_id", "Zoe\u0308")],
    "a phone": [("phone", "(415) 555-2671"), ("phone", "+1 415 555 2671")],
    "case counts elsewhere": [("customer_id", "C1"), ("customer_id", " c1 ")],
    "best first": [
        ("device_id", "d"), ("phone", "415 555 2671"), ("email", "a@b.example"),
        ("customer_id", "2"), ("customer_id", "1"), ("device_id", "d"),
    ],
    "nothing": [],
    "no list": None,  # type: ignore[dict-item]
    # What can be nobody's.
    "no email": [("email", "ann"), ("email", "ann@mail"), ("email", "a b@mail.example"),
                 ("email", "ann\u200b@mail.example")],
    "no hash": [("email_sha256", "abc"), ("email_sha256", "g" * 64)],
    "no phone": [("phone", "12345"), ("phone", "call me")],
    "empty": [("email", ""), ("customer_id", " \t\u2003"), ("device_id", None),
              ("customer_id", "\u200b\u00a0"), ("device_id", "\u3164\ufe0f")],
    "unknown types": [("fax", "1"), (None, "1"), None],
    "one good among bad": [("email", "ann"), ("customer_id", "7"), ("fax", "1")],
    # What links nobody.
    "blocked": [("customer_id", " Anonymous "), ("email", "NULL"), ("device_id", "unknown")],
    "zeros": [("customer_id", "0"), ("device_id", "00000000-0000-0000-0000-000000000000")],
    "dashes": [("customer_id", "--"), ("phone", "000-000-0000")],
    "a blocked email": [("email", "Test@Test.com")],
    "its hash, blocked too": [("email_sha256", sha256("test@test.com").upper())],
    "another hash": [("email_sha256", sha256("test@test.example"))],
    "a blocked phone": [("phone", "415-555-2672")],
    "blocked and not": [("customer_id", "null"), ("device_id", "d")],
}  # fmt: skip


@pytest.fixture(scope="module")
def pads(spark) -> DataFrame:
    inner, outer = (bytearray(pad) for pad in hmac_pads(SECRET))
    return spark.createDataFrame([(inner, outer)], "inner binary, outer binary")


@pytest.fixture(scope="module")
def frame(spark, pads) -> DataFrame:
    shape = "name string, identifiers array<struct<type:string,value:string>>"
    events = spark.createDataFrame(list(EVENTS.items()), shape)
    sets = identifier_sets(events)
    odd = ((row.type, row.value) for row in odd_spellings(sets).collect())
    told = [(*pair, form) for pair, form in read_all(odd, region="US").items()]
    spelled = spark.createDataFrame(told, "type string, value string, normal string")
    keys = key_identifiers(sets, spelled, pads, priorities=PRIORITIES, blocked=BLOCKED)
    few = with_keys(events, keys, count=len(EVENTS))
    many = with_keys(events, keys, count=10**9)
    assert sorted(few.drop("identifiers").collect()) == sorted(many.drop("identifiers").collect())
    known = keys.select(F.col("identifiers").alias("_carried"), "known")
    return few.withColumn("_carried", F.coalesce("identifiers", F.array())).join(
        known, "_carried", "left"
    )


@pytest.fixture(scope="module")
def keyed(frame) -> dict[str, Any]:
    """All events with their keys, by name; one Spark action."""
    return {row.name: row for row in frame.collect()}


def test_keys_are_pythons_own_hmac(keyed):
    assert keyed["an email"].identifier_keys == [ANN]
    assert keyed["umlauts"].identifier_keys == [
        key("customer_id", "Ä☃🛒"), email_key("jürgen@müller.example"),
    ]  # fmt: skip
    assert keyed["a phone"].identifier_keys == [key("phone", PHONE)]


def test_all_forms_of_an_email_meet_in_one_key(keyed):
    forms = [
        "an email", "an email in other letters", "an email with a no-break space", "its hash",
        "its hash in capitals", "both", "an email among signs unseen",
    ]  # fmt: skip
    assert {name: keyed[name].identifier_keys for name in forms} == {name: [ANN] for name in forms}
    assert {tuple(keyed[name].identifier_types) for name in forms} == {("email",)}
    known = {(i.identifier_type, i.value) for i in keyed["both"].known}
    hashed = sha256("ann@mail.example")
    assert known == {("email", "ann@mail.example"), ("email_sha256", hashed)}


def test_an_accent_is_the_same_however_an_address_writes_it(keyed):
    for name in ("accents in one sign", "accents apart"):
        assert keyed[name].identifier_keys == [email_key("zo\u00eb@mail.example")], name
        assert [i.value for i in keyed[name].known] == ["zo\u00eb@mail.example"]
    assert keyed["two accents apart"].identifier_keys == [email_key("t\u1eadn@mail.example")]
    assert keyed["a sign of its own"].identifier_keys == [email_key("\u00e5alborg@mail.example")]
    assert keyed["accents of other ids"].identifier_keys == sorted(
        [key("customer_id", "Zo\u00eb"), key("customer_id", "Zoe\u0308")]
    )


def test_the_best_comes_first_and_each_once(keyed):
    row = keyed["best first"]
    customers = sorted([key("customer_id", "1"), key("customer_id", "2")])
    rest = [email_key("a@b.example"), key("phone", PHONE), key("device_id", "d")]
    assert row.identifier_keys == [*customers, *rest]
    assert row.identifier_types == ["customer_id", "customer_id", "email", "phone", "device_id"]
    assert row.anchor_key == customers[0]
    assert keyed["nothing"].anchor_key is None
    assert keyed["no list"].identifier_keys == []


def test_a_blocked_email_is_blocked_as_its_hash_too(keyed):
    blocked = email_key("test@test.com")
    for name in ("a blocked email", "its hash, blocked too"):
        assert keyed[name].identifier_keys == []
        assert keyed[name].blocked_keys == [blocked]
        assert keyed[name].blocked_types == ["email"]
    assert keyed["another hash"].identifier_keys == [email_key("test@test.example")]


def test_a_phone_is_blocked_however_it_is_written(keyed):
    assert keyed["a blocked phone"].blocked_keys == [key("phone", "+14155552672")]
    assert keyed["a blocked phone"].identifier_keys == []


def test_every_event_is_keyed_as_the_oracle_says(keyed):
    types = {name: {"priority": level} for name, level in PRIORITIES.items()}
    config = load({"identity": {"phone_region": "US", "blocked": list(BLOCKED)}})
    config["identity"]["types"] = types
    normaliser = Normaliser(config, SECRET)
    for name, ids in EVENTS.items():
        told = [i and {"type": i[0], "value": i[1]} for i in ids or ()]
        known, row = normaliser.read(told), keyed[name]
        assert row.identifier_keys == [i.key for i in known.valid], name
        assert row.identifier_types == [i.type for i in known.valid], name
        assert row.blocked_keys == [i.key for i in known.blocked], name
        assert row.blocked_types == [i.type for i in known.blocked], name
        dropped = [reason.lstrip(":") for reason in known.dropped]
        assert sorted(row.identifier_reasons) == sorted(dropped), name


def test_secrets_of_any_length_make_the_same_hmac_as_python(spark):
    secrets = [b"", b"k", b"k" * 63, b"k" * 64, b"k" * 65, bytes(range(256))]
    rows = [(*(bytearray(pad) for pad in hmac_pads(secret)), "Jürgen ☃") for secret in secrets]
    table = spark.createDataFrame(rows, "inner binary, outer binary, message string")
    digest = hmac_sha256(F.col("message"), inner=F.col("inner"), outer=F.col("outer"))
    found = [row[0] for row in table.select(digest).collect()]
    expected = [
        hmac.new(secret, "Jürgen ☃".encode(), hashlib.sha256).hexdigest() for secret in secrets
    ]
    assert found == expected


def test_no_plan_shows_the_secret(spark, frame):
    """Plans end up in event logs and exception texts (G8)."""
    limit = "spark.sql.maxPlanStringLength"
    before = spark.conf.get(limit)
    spark.conf.set(limit, str(2**31 - 16))
    try:
        execution = frame._jdf.queryExecution()
        shown = execution.toString() + execution.stringWithStats() + _explained(frame)
    finally:
        spark.conf.set(limit, before)
    assert "inner" in shown
    leak = spark.range(1).select(F.lit(bytearray(hmac_pads(SECRET)[0])))
    told = leak._jdf.queryExecution().toString().lower()
    assert any(form.lower() in told for form in _spellings(hmac_pads(SECRET)[0][:16]))
    for pad in hmac_pads(SECRET):
        for part in (pad[:16], pad[16:32], SECRET[:16]):
            for form in _spellings(part):
                assert form.lower() not in shown.lower()


def _explained(frame: DataFrame) -> str:
    out = io.StringIO()
    with redirect_stdout(out):
        for mode in ("extended", "formatted", "codegen"):
            frame.explain(mode=mode)
    return out.getvalue()


def _spellings(part: bytes) -> list[str]:
    """How a plan might print bytes."""
    signed = [str(b - 256 if b > 127 else b) for b in part]
    return [
        part.decode("latin-1"), part.hex(), base64.b64encode(part[:15]).decode(),
        ", ".join(signed), ",".join(signed), " ".join(f"{b:02X}" for b in part),
    ]  # fmt: skip
