"""Send records: what each destination that takes speech is told, as a file of its kind."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import jsonschema

from tactful.transforms.sinks import SINKS

SCHEMA = json.loads((Path(__file__).parents[2] / "golden/send_record.schema.json").read_text())
CANCEL = json.loads((Path(__file__).parents[2] / "golden/cancel_record.schema.json").read_text())
TOLD = {
    "decision_id": "0" * 31 + "1",
    "channel": "call",
    "address": "+4915112345678",
    "campaign_id": "=cart",
    "content_id": "c",
    "products": [{"sku": "jeans", "name": "Blue jeans", "price": 50.0}, {"sku": "mat"}],
    "reason": "Remind somebody of what they put into a cart and did not buy.",
    "send_at": "2026-06-03T17:00:00Z",
    "not_after": "2026-06-10T16:00:00Z",
}
RECORD = "0" * 31 + "2"


def spoken(kind: str) -> str:
    speech = SINKS[kind].speech
    assert speech is not None
    return speech([json.dumps(TOLD)], record_ids=[RECORD], policy="cart", audience_id=None)


def test_a_file_holds_a_line_a_message():
    [line] = spoken("file").splitlines()
    told = json.loads(line)
    jsonschema.validate(told, SCHEMA)
    assert told == {**TOLD, "operation": "send", "policy": "cart", "record_id": RECORD}


def test_a_webhook_holds_all_in_one_body():
    told = json.loads(spoken("webhook"))
    assert (told["operation"], told["policy"]) == ("send", "cart")
    assert told["records"] == [{**TOLD, "record_id": RECORD}]


def test_a_call_list_is_read_by_a_dialler_and_calculates_nothing():
    [row] = csv.DictReader(io.StringIO(spoken("call_list")))
    assert row["phone"] == TOLD["address"]
    assert (row["products"], row["campaign_id"]) == ("Blue jeans, mat", "'=cart")
    assert (row["send_at"], row["not_after"]) == (TOLD["send_at"], TOLD["not_after"])


def test_others_take_no_speech():
    assert {kind for kind, sink in SINKS.items() if sink.speech} == {"file", "webhook", "call_list"}


def test_what_is_called_back_is_told_as_such():
    back = {name: TOLD[name] for name in ("decision_id", "channel", "campaign_id", "send_at")}
    for kind in ("file", "webhook"):
        sink = SINKS[kind]
        assert sink.takes_ahead and sink.speech is not None
        told = json.loads(
            sink.speech(
                [json.dumps({**back, "channel": "email"})], record_ids=[RECORD], policy="cart",
                operation="cancel", audience_id=None,
            )
        )  # fmt: skip
        assert told["operation"] == "cancel"
        line = told if kind == "file" else {**told["records"][0], "operation": "cancel"}
        jsonschema.validate({"policy": "cart", **line}, CANCEL)
    assert not SINKS["call_list"].takes_ahead
