"""`status`: what was refused, and what that may have cost in protection."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from tactful.jobs.commands.status import status
from tests.jobs.commands.status_lake import shown, write, write_lake, write_refused


@pytest.fixture
def lake(tmp_path):
    return write_lake(tmp_path)


def test_every_reason_is_told_or_counted(lake):
    """A row that has two of the reasons that are only counted is one row."""
    for number in range(10):
        write_refused(lake, *[("messages", [f"reason:{number}"], "{}", 8)] * 3)
    write_refused(
        lake, ("messages", ["rare:1", "rare:2"], "{}", 8), ("messages", ["rare:2"], "{}", 8)
    )
    facts = status(lake)["refused"]
    assert len(facts["reasons"]) == 15
    assert facts["rest"] == {"reasons": 5, "rows": 5}
    text = shown(lake)
    assert "Quarantined for reason:9: 3" in text and "rare" not in text
    assert "Quarantined for 5 more reasons: 5; --json tells them all" in text


def test_refused_rows_that_wanted_to_close_are_told(lake):
    """In whatever spelling and stream, and where a row is no JSON at all."""
    write_refused(
        lake,
        ("messages", ["missing:message_id"], '{"type": "Un-Subscribe", "identifiers": []}', 8),
        ("messages", ["missing:message_id"], '{"type": "unsubscribed"}', 9),
        ("profiles", ["malformed_json"],
         '{"identifiers": [{"type": "email"}], "type":"consent_withdrawn"', 9),
        ("clicks", ["unknown_type"], '{"type": "opt out"}', 9),
        ("messages", ["id_reused"], '{"type": "bounced", "bounce": "Permanent"}', 9),
        ("messages", ["id_reused"], '{"type": "bounced", "bounce": "Transient"}', 9),
        ("messages", ["missing:event_id"], '{"type": "sent", "topic": "unsubscribed"}', 9),
        ("profiles", ["unknown_type"], '{"type": "anna@x.example"}', 9),
    )  # fmt: skip
    facts = status(lake)["refused"]
    told = [(group["type"], group["rows"]) for group in facts["closing"]["groups"]]
    assert facts["closing"]["rows"] == 5
    assert sorted(told) == [
        ("bounced", 1), ("consent_withdrawn", 1), ("unsubscribed", 1), ("unsubscribed", 2),
    ]  # fmt: skip
    text = shown(lake)
    assert "5 refused rows wanted to close a channel; look at them in quarantine: " in text
    assert (
        "1 × consent_withdrawn of source my_profiles for malformed_json, the last in "
        "profiles/9.json" in text
    )
    assert '4 rows of types that nobody knows: 2 × "odd" in clicks; ' in text
    assert '1 × "…" in profiles' in text and "anna" not in text


def test_refused_rows_of_another_dialect_are_understood_by_its_own_name_for_a_type(lake, read):
    """Where nobody says whose form a row has, it is searched for all of them."""
    write_refused(
        lake,
        ("mail", ["missing:event_id"], '{"event": "Group Unsubscribe", "type": "sent"}', 9),
        ("mail", ["malformed_json"], '[{"event": "spamreport"}, {"event": "open"', 9),
        ("mail", ["oversized"], '[{"event": "bounce", "type": "bounce"}]', 9),
        ("mail", ["unknown_type"], '{"event": "account_status_change", "type": "suspend"}', 9),
        ("mail", ["missing:event_id"], '{"event": "open", "type": "unsubscribed"}', 9),
        ("web", ["unknown_type"], '{"type": "page", "event": "unsubscribe"}', 9),
    )
    sources = "[sources.my_{0}]\npath = '{0}'\n{1}\n"
    configured = read(
        sources.format("mail", "dialect = 'sendgrid'") + sources.format("web", "stream = 'clicks'"),
        environ={"TACTFUL_SECRET": "x" * 16},
    )
    known, unknown = status(lake, config=configured)["refused"], status(lake)["refused"]
    for facts, rows in ((known, 3), (unknown, 5)):
        assert facts["closing"]["rows"] == rows
    types = {row["type"] for row in known["unknown_types"]["types"]}
    assert types == {"odd", "account_status_change", "page"}


def test_refused_bodies_that_take_back_consent_are_told(lake, read):
    """Of a form that names no type: where consent is an object, by what it says."""
    no, yes = ({"email_marketing_consent": {"state": said}} for said in ("unsubscribed", "pending"))
    write_refused(
        lake,
        ("shop", ["missing:event_id"], json.dumps({"id": 1, **no}), 9),
        ("shop", ["not_of_use"], json.dumps({"id": 1, **yes}), 9),
        ("shop", ["malformed_json"], json.dumps({"id": 1, **no})[:-1], 9),
    )
    conf = "[sources.my_shop]\npath = 'shop'\ndialect = 'shopify'\n"
    configured = read(conf, environ={"TACTFUL_SECRET": "x" * 16})
    for facts in (status(lake, config=configured), status(lake)):
        told = [(group["type"], group["rows"]) for group in facts["refused"]["closing"]["groups"]]
        assert told == [("unsubscribed", 1), ("unsubscribed", 1)]


def test_json_over_several_lines_is_told_with_its_cause(lake):
    pieces = ("{", '  "event_id": "a",', " },", "]", '[{"event_id": "a"}, {"event_id": "b"}]')
    write_refused(lake, *(("web", ["malformed_json"], raw, 9) for raw in pieces))
    (told,) = status(lake)["refused"]["in_pieces"]
    assert (told["source_name"], told["rows"], told["file"]) == ("my_web", 4, "web/9.json")
    assert "Source my_web: a line of it is only part of an object" in shown(lake)


def test_orders_whose_rows_came_in_two_files_are_told(lake):
    raw = json.dumps({"Name": "#1", "_rows": "[]"}, separators=(",", ":"))
    write_refused(lake, ("tills", ["id_reused"], raw, 9), ("tills", ["id_reused"], "{}", 9))
    (told,) = status(lake)["refused"]["in_parts"]
    assert (told["source_name"], told["rows"], told["file"]) == ("my_tills", 1, "tills/9.json")
    assert "Source my_tills: 1 event of one_event_by came again with other rows" in shown(lake)


def test_closing_words_that_protect_nobody_are_told(lake):
    columns = [(name, pa.string()) for name in ("person_id", "stream", "type", "event_id")]
    write(
        lake, "timeline", [*columns, ("line_number", pa.int32())],
        (None, "messages", "bounced", "m2", 0), ("p_1", "messages", "bounced", "m4", 0),
        (None, "messages", "bounced", "soft", 0), ("n_1", "profiles", "consent_withdrawn", "x", 0),
        (None, "messages", "sent", "m1", 0), (None, "messages", "complained", "shared", 0),
    )  # fmt: skip
    # This one names an address that somebody was seen with.
    evidence = [("evidence", pa.list_(pa.string()))]
    write(lake, "suppressions", evidence, (["messages:shared", "messages:other"],))
    write(
        lake, "messages", [(name, pa.string()) for name in ("type", "event_id", "bounce")],
        ("bounced", "soft", "soft"),
    )  # fmt: skip
    write(lake, "profiles", [(name, pa.string()) for name in ("event_id", "attribute")])
    nobody = status(lake)["refused"]["nobody"]
    assert nobody["rows"] == 2
    assert [row["type"] for row in nobody["types"]] == ["bounced", "consent_withdrawn"]
    assert (
        "Nobody is protected by 2 accepted rows that would close a channel, but name nobody who is "
        "known: 1 × bounced in messages; 1 × consent_withdrawn in profiles. Such as: messages:m2 "
        "names nobody who is known; profiles:x names only a device that is nobody's." in shown(lake)
    )


def test_why_a_closing_word_protects_nobody_is_told_of_three(lake):
    """One of each reason first, by its event: a value that was refused is personal data."""
    columns = [(name, pa.string()) for name in ("person_id", "stream", "type", "event_id")]
    why = {
        "a1": (["email:invalid"], [], []), "a2": (["email:invalid"], [], []),
        "b1": ([], [], ["k"]), "c1": ([], [], []), "d1": ([], ["h"], []),
    }  # fmt: skip
    write(
        lake, "timeline", [*columns, ("line_number", pa.int32())],
        *((None, "messages", "unsubscribed", name, 0) for name in why),
        ("p_1", "messages", "unsubscribed", "a0", 0),
    )  # fmt: skip
    lists = [(name, pa.list_(pa.string())) for name in
             ("identifier_reasons", "identifier_keys", "blocked_keys")]  # fmt: skip
    write(
        lake, "messages",
        [*((name, pa.string()) for name in ("type", "event_id", "bounce")), *lists],
        *(("unsubscribed", name, None, *told) for name, told in why.items()),
        ("unsubscribed", "a0", None, ["email:invalid"], ["k"], []),
    )  # fmt: skip
    write(lake, "profiles", [(name, pa.string()) for name in ("event_id", "attribute")])
    nobody = status(lake)["refused"]["nobody"]
    assert nobody["rows"] == 5
    assert [(row["event_id"], row["why"]) for row in nobody["examples"]] == [
        ("a1", "email:invalid"), ("b1", "a blocked value"), ("c1", "no identifier"),
    ]  # fmt: skip
    assert "Such as: messages:a1 names email:invalid; messages:b1 names a blocked" in shown(lake)
