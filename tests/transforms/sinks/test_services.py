"""Services, webhooks and call lists: what each is told, held to what each says it takes."""

from __future__ import annotations

import base64
import csv
import hashlib
import hmac
import io
import json
from pathlib import Path

import jsonschema
import pytest
from pyspark.sql import functions as F

from tactful.jobs.demo.doubles.vendors import SCHEMAS
from tactful.transforms.sinks import SINKS, cut_into_requests
from tactful.transforms.sinks.http import Call, Signed, judged
from tactful.transforms.sinks.sink import MEMBERS

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = {
    case["id"]: case
    for case in json.loads((GOLDEN / "activation_cases.json").read_text(encoding="utf-8"))["cases"]
}
GROUP = "504e09e6-ffa4-4b31-96c3-c05d50d903cf"
IDS = [f"{number:032x}" for number in range(3)]
PEOPLE = [f"p{number}@example.com" for number in range(3)]
# Of each kind and operation: its options, the schema its file is held to.
BODIES = {
    ("klaviyo", "suppress"): ({"suppresses": True}, "klaviyo.suppress"),
    ("klaviyo", "unsuppress"): ({"suppresses": True}, "klaviyo.unsuppress"),
    ("klaviyo", "add"): ({}, "klaviyo.import"),
    ("klaviyo", "remove"): ({}, "klaviyo.import"),
    ("braze", "suppress"): ({"subscription_group_id": GROUP}, "braze.subscriptions"),
    ("braze", "unsuppress"): ({"subscription_group_id": GROUP}, "braze.subscriptions"),
    ("braze", "add"): ({}, "braze.track"),
    ("braze", "remove"): ({}, "braze.track"),
    ("sendgrid", "suppress"): ({"group_id": "7"}, "sendgrid.suppressions"),
    ("sendgrid", "unsuppress"): ({"group_id": "7"}, "sendgrid.suppressions"),
    ("sendgrid", "add"): ({"field_id": "e1_T"}, "sendgrid.contacts"),
    ("sendgrid", "remove"): ({"field_id": "e1_T"}, "sendgrid.contacts"),
    ("webhook", "add"): ({}, "webhook.call"),
    ("webhook", "remove"): ({"audience_id": "x"}, "webhook.call"),
}


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def written(kind: str, operation: str, people: list[str] = PEOPLE, **options) -> str:
    held = [{"email": email} for email in people]
    payloads = [{"email": [email]} for email in people] if kind == "webhook" else held
    return SINKS[kind].body(
        [json.dumps(payload) for payload in payloads],
        operation=operation, audience="bought_it", record_ids=IDS[: len(people)], **options,
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "operation"), BODIES, ids=" ".join)
def test_each_operation_is_as_the_vendor_describes_it(kind, operation):
    options, schema = BODIES[kind, operation]
    text = written(kind, operation, **options)
    validator(schema).validate(json.loads(text))
    spoilt = text.replace("p0@example.com", "").replace('"profile-', '"other-')
    assert not validator(schema).is_valid(json.loads(spoilt)), "a schema that takes all holds none"
    if SINKS[kind].fields:
        assert "tactful_bought_it" in text or operation.endswith("press") or kind == "sendgrid"


def test_what_passes_again_never_touches_a_list_of_opt_outs():
    """The bodies of add and remove hold no word of any opt-out, whatever the options."""
    for (kind, operation), (options, _) in BODIES.items():
        if operation in ("add", "remove"):
            text = written(kind, operation, **options)
            for word in ("suppress", "subscri", "recipient_emails", "consent"):
                assert word not in text, (kind, operation)
            (call, *_) = SINKS[kind].http.calls(text, operation, options, range(3))
            assert "suppress" not in call.path and "subscription" not in call.path


def test_an_attribute_is_true_while_it_holds_and_false_after():
    assert '"tactful_bought_it":true' in written("klaviyo", "add")
    assert '"tactful_bought_it":false' in written("klaviyo", "remove")
    assert '"no_jeans":true' in written("braze", "add", attribute="no_jeans")
    assert '{"e1_T":"no"}' in written("sendgrid", "remove", field_id="e1_T")


def test_files_are_as_large_as_a_vendor_takes_them():
    klaviyo, braze = CASES["A062"], CASES["A065"]
    for kind, number, case in (
        ("klaviyo", klaviyo["input"]["emails"], klaviyo),
        ("braze", braze["input"]["users"], braze),
    ):
        cut = cut_into_requests(number, SINKS[kind].limit("suppress"))
        assert [request.size for request in cut] == case["expected"]["batches"]


def test_services_are_told_addresses_as_they_write_to_them(spark):
    identifiers = [
        ("email", " Ann@Example.COM "), ("email", "a@b@c.d"), ("email", f"{'a' * 250}@x.io"),
        ("email_sha256", "0" * 64), ("phone", "+442071234567"), ("phone", "02071234567"),
        ("customer_id", " 17 "), ("customer_id", "9" * 300),
    ]  # fmt: skip
    frame = spark.createDataFrame(identifiers, "identifier_type string, value string")
    wanted = {
        "klaviyo": ["ann@example.com", "+442071234567", "17"],
        "braze": ["ann@example.com", "+442071234567", "17"],
        "sendgrid": ["ann@example.com"],
        "call_list": ["+442071234567", "17"],
    }
    for kind, wires in wanted.items():
        rows = SINKS[kind].forms(frame).collect()
        assert [row.wire for row in rows if row.reason is None] == wires, kind
        assert all((row.wire is None) == (row.reason is not None) for row in rows), kind


def test_each_address_of_a_person_is_told_apart_but_to_a_webhook(spark):
    frame = spark.createDataFrame([([("email", "a@x.io"), ("email", "b@x.io")],)], f"m {MEMBERS}")
    for kind, payloads in {
        "sendgrid": [{"email": "a@x.io"}, {"email": "b@x.io"}],
        "webhook": [{"email": ["a@x.io", "b@x.io"]}],
    }.items():
        sink = SINKS[kind]
        parts = frame.select(F.explode(sink.split(F.col("m"))).alias("part"))
        rows = parts.select(sink.row(F.col("part")).alias("payload")).collect()
        assert sorted(json.dumps(json.loads(row.payload)) for row in rows) == [
            json.dumps(payload) for payload in payloads
        ]


def test_a_webhook_is_signed_as_the_standard_says():
    """The vector of the specification's own libraries (standardwebhooks.com, read 2026-11-27)."""
    secret = base64.b64encode(b"a secret of thirty-two bytes ...").decode()
    text = written("webhook", "add")
    call = Call("POST", "", text, (0, 1, 2))
    sent = SINKS["webhook"].http.headers(call, Signed(f"whsec_{secret}", "msg_1", 1614265330))
    message = f"msg_1.1614265330.{text}".encode()
    digest = hmac.new(base64.b64decode(secret), message, hashlib.sha256).digest()
    assert sent["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"
    assert sent["webhook-id"] == sent["Idempotency-Key"] == "msg_1"
    assert secret not in json.dumps(sent)


def test_answers_tell_rows_that_were_not_taken():
    asked = written("sendgrid", "suppress", group_id="7")
    call = Call("POST", "/", asked, (4, 5, 6))
    told = json.dumps({"recipient_emails": [PEOPLE[0], PEOPLE[2].upper()]})
    answer = judged(SINKS["sendgrid"].http, 201, told, call)
    assert (answer.state, answer.refused) == ("accepted", {5: "not_taken"})
    errors = {"message": "success", "errors": [{"type": "bad email", "index": 1}]}
    answer = judged(SINKS["braze"].http, 201, json.dumps(errors), call)
    assert (answer.state, answer.refused) == ("accepted", {5: "bad email"})
    hook = Call("POST", "", written("webhook", "add"), (0, 1, 2))
    said = json.dumps({"rejected": [{"record_id": IDS[1], "reason": "unknown"}]})
    assert judged(SINKS["webhook"].http, 200, said, hook).refused == {1: "unknown"}
    for kind in ("klaviyo", "braze", "sendgrid"):
        assert judged(SINKS[kind].http, 200, "<html>", call).state == "retrying", kind
        for status, state in ((429, "retrying"), (503, "retrying"), (401, "forbidden"),
                              (302, "rejected"), (400, "rejected")):  # fmt: skip
            assert judged(SINKS[kind].http, status, "{}", call).state == state, (kind, status)


def test_who_had_opted_out_before_us_is_known():
    payloads = {3: '{"email":"p0@example.com"}', 9: '{"email":"p1@example.com"}'}
    sendgrid, braze = SINKS["sendgrid"].http, SINKS["braze"].http
    (call,) = sendgrid.look({"group_id": "7"}, payloads)
    validator("sendgrid.suppressions").validate(json.loads(call.body))
    assert sendgrid.closed(["P1@example.com"], call, payloads) == {9}
    asked = braze.look({"subscription_group_id": GROUP}, payloads)
    assert [call.rows for call in asked] == [(3,), (9,)]
    said = {"message": "success", "status": {"p1@example.com": "Unsubscribed"}}
    assert braze.closed(said, asked[1], payloads) == {9}
    assert (
        braze.closed({"message": "success", "status": {"x": "Unknown"}}, asked[1], payloads)
        == set()
    )


def test_a_call_list_is_read_by_diallers_and_runs_no_formula():
    text = SINKS["call_list"].body(
        ['{"phone":"+442071234567"}', '{"customer_id":"=cmd()"}'],
        operation="add", audience="open_case", record_ids=IDS[:2],
    )  # fmt: skip
    first, second = csv.DictReader(io.StringIO(text))
    assert (first["operation"], first["phone"], first["record_id"]) == (
        "add", "+442071234567", IDS[0],
    )  # fmt: skip
    assert second["customer_id"] == "'=cmd()"
