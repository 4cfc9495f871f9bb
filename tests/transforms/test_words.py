"""Closed values in senders' own words, and what is made of words that nobody knows (G4)."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import functions as F

from tactful.schemas.events import TYPES
from tactful.schemas.words import BOUNCE_WORDS, CHANNEL_WORDS, PURPOSE_WORDS, TYPE_WORDS
from tactful.transforms.sources.canonical import parse_rows
from tests import oracle
from tests.oracle.intake import take_in

LANDED_AT = datetime(2026, 3, 10, tzinfo=UTC)
GOOD = {"occurred_at": "2026-03-02T00:00:00Z", "message_id": "m1"}
NOBREAK, ZERO_WIDTH = "\u00a0", "\u200b"
Told = dict[str, Any]

# What is said, and what is understood: (type, channel, purpose, bounce), doubts, reasons.
CASES: list[tuple[str, Told, tuple[Any, ...], list[str] | None, list[str]]] = [
    # The six spellings that were tried against an opt-out.
    ("profiles", {"type": "consent_withdrawn", "channel": "Ad"},
     ("consent_withdrawn", "ad", None, None), None, []),
    ("profiles", {"type": "consent_withdrawn", "channel": "ads"},
     ("consent_withdrawn", "ad", None, None), None, []),
    ("profiles", {"type": "consent_withdrawn", "channel": " ad "},
     ("consent_withdrawn", "ad", None, None), None, []),
    ("profiles", {"type": "consent_withdrawn", "channel": ""},
     ("consent_withdrawn", None, None, None), None, []),
    ("profiles", {"type": "consent_withdrawn", "purpose": "Marketing"},
     ("consent_withdrawn", None, "marketing", None), None, []),
    ("profiles", {"type": "consent_withdrawn", "purpose": "advertising"},
     ("consent_withdrawn", None, "marketing", None), None, []),
    # Case, blanks, separators, synonyms, every channel at once; a blank says nothing.
    ("profiles", {"type": "Consent-Withdrawn", "channel": "E Mail", "purpose": "TRANSACTIONAL"},
     ("consent_withdrawn", "email", "transactional", None), None, []),
    ("profiles", {"type": "opt-out", "channel": "*", "purpose": "any"},
     ("consent_withdrawn", "all", "all", None), None, []),
    ("profiles", {"type": "consent_granted", "channel": "all", "purpose": f"{NOBREAK}Ads\t"},
     ("consent_granted", "all", "marketing", None), None, []),
    ("profiles", {"type": "consent_granted", "channel": f"{ZERO_WIDTH}{NOBREAK}\u2800",
                  "purpose": None},
     ("consent_granted", None, None, None), None, []),
    # So a grant whose channel is empty is one that names none, which is for every channel.
    ("profiles", {"type": "consent_granted", "channel": "", "purpose": ""},
     ("consent_granted", None, None, None), None, []),
    ("messages", {"type": "Unsubscribe", "channel": "Email"},
     ("unsubscribed", "email", None, None), None, []),
    ("messages", {"type": "bounced", "channel": "sms", "bounce": "Hard"},
     ("bounced", "sms", None, "hard"), None, []),
    ("messages", {"type": "bounced", "channel": "text", "bounce": "permanent"},
     ("bounced", "sms", None, "hard"), None, []),
    ("messages", {"type": "bounced", "channel": "email", "bounce": "Transient"},
     ("bounced", "email", None, "soft"), None, []),
    ("purchases", {"type": "ORDER_CANCELED", "order_id": "o1"},
     ("order_cancelled", None, None, None), None, []),
    ("messages", {"type": "teleported"}, (None, None, None, None), None, ["unknown_type"]),
    # A row that closes: doubt closes everything.
    ("profiles", {"type": "consent_withdrawn", "channel": "fax", "purpose": "marketing"},
     ("consent_withdrawn", "all", "all", None), ["channel:fax"], []),
    ("profiles", {"type": "consent_withdrawn", "channel": "email", "purpose": " Profiling"},
     ("consent_withdrawn", "all", "all", None), ["purpose:Profiling"], []),
    ("profiles", {"type": "consent_withdrawn", "channel": ["email", "ads"]},
     ("consent_withdrawn", "all", "all", None), ['channel:["email","ads"]'], []),
    ("profiles", {"type": "consent_withdrawn", "channel": "-"},
     ("consent_withdrawn", "all", "all", None), ["channel:-"], []),
    ("profiles", {"type": "consent_withdrawn", "channel": "ann@mail.example"},
     ("consent_withdrawn", "all", "all", None), ["channel:…"], []),
    ("messages", {"type": "unsubscribed", "channel": "phone"},
     ("unsubscribed", "all", "all", None), ["channel:phone"], []),
    ("messages", {"type": "complained", "channel": "email", "purpose": "news"},
     ("complained", "all", "all", None), ["purpose:news"], []),
    ("messages", {"type": "bounced", "channel": "email", "bounce": "Undetermined"},
     ("bounced", "email", None, "hard"), ["bounce:Undetermined"], []),
    ("messages", {"type": "bounced", "channel": "email"},
     ("bounced", "email", None, "hard"), ["bounce:"], []),
    ("messages", {"type": "bounced", "channel": "email", "bounce": {"type": "hard"}},
     ("bounced", "email", None, "hard"), ['bounce:{"type":"hard"}'], []),
    # A bounce is about its address: an unknown word says nothing of the channel, which its message
    # or its address tells.
    ("messages", {"type": "bounced", "channel": "mailbox", "bounce": "hard"},
     ("bounced", None, None, "hard"), ["channel:mailbox"], []),
    ("messages", {"type": "bounced", "channel": "phone", "purpose": "promo", "bounce": "soft"},
     ("bounced", None, "marketing", "soft"), ["channel:phone"], []),
    ("messages", {"type": "bounced", "channel": "email", "purpose": "news", "bounce": "hard"},
     ("bounced", "email", "all", "hard"), ["purpose:news"], []),
    ("messages", {"type": "bounced", "channel": "any", "bounce": "hard"},
     ("bounced", None, None, "hard"), None, []),
    # A row that opens: doubt opens nothing.
    ("profiles", {"type": "consent_granted", "channel": "fax"},
     ("consent_granted", None, None, None), ["channel:fax"], ["unknown_value:channel"]),
    ("profiles", {"type": "optin", "channel": "fax", "purpose": "profiling"},
     ("consent_granted", None, None, None), ["channel:fax", "purpose:profiling"],
     ["unknown_value:channel", "unknown_value:purpose"]),
    ("messages", {"type": "subscribed", "channel": "newsletter"},
     ("subscribed", None, None, None), ["channel:newsletter"], ["unknown_value:channel"]),
    ("messages", {"type": "subscribed", "channel": ["email"]}, ("subscribed", None, None, None),
     ['channel:["email"]'], ["unknown_value:channel", "wrong_type:channel"]),
    # Neither: a message counts for every channel, and as marketing.
    ("messages", {"type": "sent", "channel": "carrier pigeon", "purpose": "news"},
     ("sent", "all", None, None), ["channel:carrier pigeon", "purpose:news"], []),
    ("messages", {"type": "sent", "channel": "email", "purpose": "all"},
     ("sent", "email", None, None), None, []),
    ("messages", {"type": "opened", "channel": {"is": "email"}},
     ("opened", "all", None, None), ['channel:{"is":"email"}'], ["wrong_type:channel"]),
    ("messages", {"type": "sent", "bounce": "odd"}, ("sent", None, None, None), ["bounce:odd"], []),
    ("profiles", {"type": "preference_set", "channel": "fax"},
     ("preference_set", None, None, None), ["channel:fax"], []),
]  # fmt: skip


@pytest.fixture(scope="module")
def landed(tmp_path_factory) -> dict[str, Path]:
    """One landing file a stream; a case's place among all is its event's id."""
    folder = tmp_path_factory.mktemp("landing")
    files = {}
    for stream in TYPES:
        rows = [
            {**GOOD, **told, "event_id": f"e{place}"}
            for place, (of, told, *_) in enumerate(CASES)
            if of == stream
        ]
        if rows:
            path = files[stream] = folder / f"{stream}.json"
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            os.utime(path, (LANDED_AT.timestamp(), LANDED_AT.timestamp()))
    return files


def test_words_are_understood_or_doubted(spark, landed):
    found = {}
    for stream, path in landed.items():
        lines = spark.read.text(str(path)).select(
            "value",
            F.col("_metadata.file_path").alias("file"),
            F.col("_metadata.file_modification_time").alias("modified_at"),
        )
        rows = parse_rows(
            lines, stream=stream, source_name="s", max_row_bytes=9999, max_skew=timedelta(hours=1)
        )
        for row in rows.collect():
            said = (row.type, row.channel, row.purpose, row.bounce)
            found[row.event_id] = (said, row.doubts, sorted(row.reasons))
    wanted = {
        f"e{place}": (said, doubts, reasons)
        for place, (_, _, said, doubts, reasons) in enumerate(CASES)
    }
    wrong = [f"{CASES[int(i[1:])][1]}: {found[i]}, not {wanted[i]}" for i in wanted
             if found[i] != wanted[i]]  # fmt: skip
    assert not wrong, "\n".join(wrong)


def test_the_oracle_understands_the_same(landed):
    sources = {
        stream: {"stream": stream, "dialect": "canonical", "format": "json", "path": stream}
        for stream in landed
    }
    config = oracle.load({"sources": sources})
    intake = take_in({stream: [path] for stream, path in landed.items()}, config)
    rows = {row.event_id: row for row in (*intake.accepted, *intake.quarantined)}
    for place, (_, told, said, doubts, reasons) in enumerate(CASES):
        row = rows[f"e{place}"]
        assert (row.doubts or None, sorted(row.reasons)) == (doubts, reasons), told
        if not reasons:
            names = ("type", "channel", "purpose", "bounce")
            assert tuple(row.fields.get(name) for name in names) == said, told


def test_no_word_stands_for_two_values():
    tables = [CHANNEL_WORDS, PURPOSE_WORDS, BOUNCE_WORDS, *TYPE_WORDS.values()]
    for synonyms in tables:
        words = [word for value, more in synonyms for word in (value.replace("_", ""), *more)]
        assert len(words) == len(set(words))
        assert all(word == word.lower() and not set(word) & set(" -_./") for word in words)
