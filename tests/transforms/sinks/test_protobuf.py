"""Google's requests, held against its own protobuf: no field and no word that it does not know."""

from __future__ import annotations

import json

import pytest
from google.ads import datamanager_v1
from google.protobuf.json_format import MessageToDict, Parse, ParseError

from tactful.transforms.sinks import google_data_manager as google
from tactful.transforms.sinks.http import Value

OPTIONS = {"audience_id": "12", "account": {"account_id": "123-456", "account_type": "GOOGLE_ADS"}}
YES = {"adPersonalization": "CONSENT_GRANTED", "adUserData": "CONSENT_GRANTED"}
CONTACT = {"userData": {"userIdentifiers": [{"emailAddress": "ab"}, {"phoneNumber": "cd"}]}}
MOBILE = {"mobileData": {"mobileIds": ["38400000-8cf0-11bd-b23e-10b96e40000d"]}}
MESSAGES = {
    "ingest": datamanager_v1.IngestAudienceMembersRequest,
    "remove": datamanager_v1.RemoveAudienceMembersRequest,
    "removeAll": datamanager_v1.RemoveAllAudienceMembersRequest,
}


def understood(path: str, text: str) -> dict:
    """A request as Google's own message reads it; what it does not know is an error."""
    return MessageToDict(Parse(text, MESSAGES[path.partition(":")[2]]()._pb))


def requests():
    for member in (CONTACT, MOBILE):
        for operation, more in (("add", {"consent": YES}), ("remove", {})):
            text = google.body(
                [json.dumps({**member, **more})], operation=operation, audience="a", **OPTIONS
            )
            yield from google.calls(text, operation, OPTIONS, [0])
    told = {"schema": (), "audience": "a", "session": "s", "options": OPTIONS}
    yield from google.replaced([json.dumps({**CONTACT, "consent": YES})], **told)
    yield from google.erase(OPTIONS, [Value("emailAddress", "ab"), Value("mobileIds", "m")])


def test_google_understands_every_request_as_it_was_meant():
    seen = set()
    for call in requests():
        told = json.loads(call.body)
        # Of what is written, that which says no more than silence is left out there.
        told.pop("validateOnly", None)
        assert understood(call.path, call.body) == told
        seen.add(call.path.partition(":")[2])
    assert seen == set(MESSAGES)


def test_a_word_that_google_does_not_know_would_be_found():
    text = google.body([json.dumps(CONTACT)], operation="remove", audience="a", **OPTIONS)
    for wrong in (text.replace("HEX", "HEXA"), text.replace("phoneNumber", "phone")):
        with pytest.raises(ParseError):
            understood(":remove", wrong)
