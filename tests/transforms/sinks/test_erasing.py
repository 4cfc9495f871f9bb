"""Erasing: what each vendor is asked, held to its own description and to what it then holds."""

from __future__ import annotations

from hashlib import sha256

import httpx2
import pytest

from tactful.jobs.demo.doubles import DOUBLES, SECRET, served
from tactful.transforms.sinks import SINKS
from tactful.transforms.sinks.http import ACCEPTED, RETRY, Call, Signed, Value, judged

EMAILS = [f"person{n}@example.com" for n in range(120)]
HASHES = [sha256(email.encode()).hexdigest() for email in EMAILS]
GOOGLE = {"audience_id": "12", "account": {"account_id": "1", "account_type": "GOOGLE_ADS"}}
# What each knows somebody by, its options, and how many calls 120 of these need.
CASES = {
    "google_data_manager": ("emailAddress", HASHES, GOOGLE, 1),
    "meta_custom_audience": ("EMAIL", HASHES, {"audience_id": "12"}, 1),
    "klaviyo": ("email", EMAILS, {}, 120),
    "braze": ("email", EMAILS, {}, 3),
    "sendgrid": ("email", EMAILS, {}, 1),
    "webhook": ("email", EMAILS, {}, 1),
}


@pytest.mark.parametrize("kind", CASES)
def test_whoever_is_erased_is_nowhere_there(kind):
    field, wires, options, needed = CASES[kind]
    http, double = SINKS[kind].http, DOUBLES[kind]()
    assert http and http.erase
    double.held = {**dict.fromkeys(wires, True), "somebody else": True}
    calls = http.erase.calls(options, [Value(field, wire) for wire in wires])
    assert [row for call in calls for row in call.rows] == list(range(len(wires)))
    with served(double) as url:
        for number, call in enumerate(calls):
            headers = http.headers(call, Signed(SECRET, f"key {number}", 1))
            got = httpx2.request(call.method, url + call.path, content=call.body, headers=headers)
            assert judged(http.erasing, got.status_code, got.text, call).state == ACCEPTED, got.text
    assert double.held == {"somebody else": True} and not double.faults
    assert len(calls) == needed and http.erase.leaves


def test_every_kind_that_is_called_can_be_asked():
    assert set(CASES) == {kind for kind, sink in SINKS.items() if sink.http}


@pytest.mark.parametrize(("kind", "field"), [("klaviyo", "external_id"), ("braze", "phone")])
def test_what_a_vendor_erases_nobody_by_is_in_no_call(kind, field):
    http = SINKS[kind].http
    calls = http.erase.calls({}, [Value(field, "a"), Value("email", "ann@example.com")])
    assert [call.rows for call in calls] == [(1,)]


def test_ids_are_kept_apart_and_no_body_is_too_large():
    mixed = [Value("emailAddress", HASHES[0]), Value("mobileIds", "m"), Value("phoneNumber", "p")]
    google = SINKS["google_data_manager"].http.erase.calls(GOOGLE, mixed)
    assert [call.rows for call in google] == [(0, 2), (1,)]
    meta = [Value("EMAIL", HASHES[0]), Value("MADID", "m")]
    (call,) = SINKS["meta_custom_audience"].http.erase.calls({"audience_id": "12"}, meta)
    assert f'[["{HASHES[0]}",""],["","m"]]' in call.body
    longest = [Value("email", f"{'a' * 243}{n:06}@x.io") for n in range(2_500)]
    calls = SINKS["sendgrid"].http.erase.calls({}, longest)
    assert [len(call.rows) for call in calls] == [900, 900, 700]
    assert max(len(call.body.encode()) for call in calls) <= 256_000


def test_a_gateways_page_is_no_answer():
    call = Call("POST", "/", "{}", (0,))
    for kind in CASES:
        assert judged(SINKS[kind].http.erasing, 200, "<html>off</html>", call).state == RETRY, kind
