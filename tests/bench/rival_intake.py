"""Reads landing files with DuckDB's own reader into the tables that the oracle's rules read.

The row rules are the common ones: required fields, a known type, a time with its zone, neither
before 1971 nor after its file's own by more than `max_skew`, lists, objects, numbers and truth
values that are such, amounts within bounds and currencies that there are; blanks say nothing. Left
out are checks of the row's bytes (its size, its encoding), of what no table needs (`received_at`,
`properties`; of a manual link author and reason are read where they stand beside the other
fields), of names inside objects, and of texts and list entries that are of another type.
Of one event_id told twice the first read stays; the others are dropped without a look at them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import phonenumbers
import pyarrow as pa
from duckdb import DuckDBPyConnection

from tests.bench import rival_words
from tests.oracle.blanks import is_unseen
from tests.oracle.config import duration
from tests.oracle.fields import CURRENCIES, ENTRIES, MANUAL, NAME_BYTES, REQUIRED
from tests.oracle.inputs import STREAMS, TEXT, TIME, WORDS, columns_of, put, put_stream
from tests.oracle.words import CLOSES, OPENS

NORMALISED = Path(__file__).with_name("rival_identifiers.sql")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FEW = 20_000  # so few phone numbers one process has read before another has started
BLANKS = "".join(c for c in map(chr, range(0x10000)) if is_unseen(c))
COMMON = ("event_id", "type", "occurred_at", "identifiers")
# What a manual link says; it is no canonical field of any other event.
BESIDE = {"profiles": {"author": "stripped(author)", "reason": "said(reason)"}}
OBJECTS = {"device": ("type", "os"), "geo": ("country", "region", "city", "time_zone")}
IDENTIFIERS = '[{"type":"VARCHAR","value":"VARCHAR"}]'
LINES = (
    '[{"line_id":"VARCHAR","sku":"VARCHAR","category":"VARCHAR","quantity":"DECIMAL(18,4)",'
    '"unit_price":"DECIMAL(18,4)","discount":"DECIMAL(18,4)","amount":"DECIMAL(18,4)"}]'
)
TEXTS = '["VARCHAR"]'
TIME_PARTS = (
    r"^(\d{4}-\d\d-\d\d|\d{8})[Tt ](\d\d(?::\d\d){0,2}|\d{4}|\d{6})([.,]\d+)?"
    r"([Zz]|[+-]\d\d(?::?\d\d)?)$"
)
# What a text says, if anything; an id or a name without blanks around it; and a time in the one
# form that the database reads.
MACROS = f"""
    CREATE OR REPLACE MACRO said(x) AS
    CASE WHEN x >= '!' AND x < chr(127) OR trim(x, chr(0) || '{BLANKS[1:]}') <> '' THEN x END;
    CREATE OR REPLACE MACRO stripped(x) AS nullif(trim(x, chr(0) || '{BLANKS[1:]}'), '');
    CREATE OR REPLACE MACRO part(x, n) AS regexp_extract(x, '{TIME_PARTS}', n);
    CREATE OR REPLACE MACRO joined(day, clock, fraction, zone) AS
    concat(
        day[1:4], '-', day[5:6], '-', day[7:8], 'T', clock[1:2], ':', clock[3:4], ':', clock[5:6],
        fraction, zone
    );
    CREATE OR REPLACE MACRO spelled(x) AS
    CASE
        WHEN ends_with(x, 'Z') AND x[5] = '-' AND x[17] = ':' AND NOT contains(x, ',') THEN x
        WHEN part(x, 1) <> '' THEN joined(
            replace(part(x, 1), '-', ''), rpad(replace(part(x, 2), ':', ''), 6, '0'),
            replace(part(x, 3), ',', '.'), upper(part(x, 4))
        )
    END;
"""
# Every field is read as text, so that a wrong value is seen: what it becomes, and when it is right.
PARSED = {
    "lines": (
        f"list_transform(from_json(lines, '{LINES}'), lambda l: CASE WHEN l IS NOT NULL THEN "
        "struct_update(l, line_id := stripped(l.line_id), sku := stripped(l.sku), "
        "category := stripped(l.category)) END)"
    ),
    **{
        name: (
            f"list_filter(list_transform(from_json({name}, '{TEXTS}'), lambda x: stripped(x)), "
            "lambda x: x IS NOT NULL)"
        )
        for name in ("skus", "categories", "coupons")
    },
    **{
        name: (
            f"CASE WHEN {name} IS NOT NULL THEN struct_pack("
            + ", ".join(f"{part} := stripped({name} ->> '{part}')" for part in parts)
            + ") END"
        )
        for name, parts in OBJECTS.items()
    },
    "satisfaction": (
        "CASE WHEN regexp_full_match(stripped(satisfaction), '[1-5](\\.0+)?') "
        "THEN CAST(stripped(satisfaction)[1] AS INTEGER) END"
    ),
    "value": "said(value)",
    "currency": "upper(trim(said(currency), chr(0) || '" + BLANKS[1:] + "'))",
    **{name: f"{name} = 'true'" for name in ("machine_open", "offers_discount")},
    **{name: f"TRY_CAST({name} AS DECIMAL(18, 4))" for name in ("cost", "amount")},
}
NUMBERS = {
    "quantity": "DECIMAL(13, 4)",
    **dict.fromkeys(("unit_price", "discount", "amount"), "DECIMAL(16, 4)"),
}
AS_TEXT = "[{{" + ", ".join(f'"{name}":"VARCHAR"' for name in NUMBERS) + "}}]"
NO_NUMBER = " OR ".join(
    f"(l.{name} IS NOT NULL AND TRY_CAST(l.{name} AS {kind}) IS NULL)"
    for name, kind in NUMBERS.items()
) + (
    " OR coalesce(abs(CAST(TRY_CAST(l.quantity AS DECIMAL(13, 4)) AS DECIMAL(28, 4))"
    " * TRY_CAST(l.unit_price AS DECIMAL(16, 4))"
    " - coalesce(TRY_CAST(l.discount AS DECIMAL(16, 4)), 0)) >= 1000000000000, false)"
)
RIGHT = {
    **{
        name: f"starts_with({{0}}, '[') AND json_array_length({{0}}) <= {most}"
        for name, most in ENTRIES.items()
    },
    **dict.fromkeys(("machine_open", "offers_discount"), "{0} IN ('true', 'false')"),
    "lines": (
        f"CASE WHEN NOT starts_with({{0}}, '[') OR json_array_length({{0}}) > {ENTRIES['lines']} "
        "THEN false ELSE "
        f"len(list_filter(from_json({{0}}, '{AS_TEXT}'), lambda l: {NO_NUMBER})) = 0 END"
    ),
    **dict.fromkeys(OBJECTS, "starts_with({0}, '{{')"),
    # A long text, of which the lists of these worlds have none that is too long.
    "value": "true",
    **dict.fromkeys(("cost", "amount"), "TRY_CAST({0} AS DECIMAL(16, 4)) IS NOT NULL"),
    "currency": "(coalesce({0}, '') = '' OR {0} IN " + str(tuple(sorted(CURRENCIES))) + ")",
}


# Somebody who is named closes or opens a channel: that may be of no message.
OF_A_MESSAGE = f"""
    CASE
        WHEN said(message_id) IS NOT NULL THEN true
        WHEN starts_with(identifiers, '[') AND heard_type IN {tuple(sorted(CLOSES | OPENS))}
            THEN len(list_filter(
                from_json(identifiers, '{IDENTIFIERS}'), lambda x: said(x.value) IS NOT NULL
            )) > 0
        ELSE false
    END"""


def read_sources(
    db: DuckDBPyConnection, config: Mapping[str, Any], base: Path, as_of: datetime
) -> None:
    """Make a table a stream from the landing files of its sources; what is not yet due waits."""
    landing: dict[str, list[Path]] = defaultdict(list)
    for name, source in config["sources"].items():
        if (
            source.get("dialect", "canonical") != "canonical"
            or source.get("format", "json") != "json"
        ):
            raise ValueError(f"the rival reads canonical JSON lines only, not source {name}")
        landing[source["stream"]] += sorted((base / source["path"]).glob("*.json"))
    skew = duration(config["intake"]["max_skew"])
    for stream in STREAMS:
        if landing[stream]:
            latest = {str(file): min(_mtime(file) + skew, as_of) for file in landing[stream]}
            _read(db, stream, latest)
            _drop_repeats(db, stream)
        else:
            put_stream(db, stream, [])
            for name in ("identifiers", *BESIDE.get(stream, ())):
                db.execute(f"ALTER TABLE {stream} ADD COLUMN {name} VARCHAR")


def _read(db: DuckDBPyConnection, stream: str, latest: Mapping[str, datetime]) -> None:
    """Read the files of a stream and keep the rows that are right and due, file by file."""
    landed = [{"file": file, "latest": at} for file, at in latest.items()]
    put(db, "landed", landed, [("file", TEXT), ("latest", TIME)])
    fields = [name for name, _ in columns_of(stream)]
    beside = BESIDE.get(stream, {})
    columns = dict.fromkeys([*COMMON, *fields, *beside], "VARCHAR")
    required = [f"said({name}) IS NOT NULL" for name in ("event_id", *REQUIRED.get(stream, ()))]
    if stream == "messages":
        required[-1] = OF_A_MESSAGE
    right = [
        f"({x} IS NULL OR {RIGHT[x].format(PARSED[x] if x == 'currency' else x)})"
        for x in columns
        if x in RIGHT
    ]
    right += [
        f"({x} IS NULL OR strlen({x}) <= {NAME_BYTES})"
        for x in columns
        if x not in {**RIGHT, **beside}
    ]
    become = PARSED | rival_words.settled(stream)
    parsed = [f"{become.get(name, f'stripped({name})')} AS {name}" for name in fields]
    parsed += [f"{text} AS {name}" for name, text in beside.items()]
    heard = [f"{word} AS heard_{name}" for name, word in rival_words.heard(stream).items()]
    db.execute(MACROS)
    db.execute(
        f"""
        CREATE TABLE {stream} AS
        SELECT
            stripped(event_id) AS event_id, heard_type AS type, moment AS occurred_at, identifiers,
            CASE WHEN identifiers <> '[]' THEN CAST(hash(identifiers) >> 1 AS BIGINT) END
                AS identifier_set,
            {", ".join(parsed)}
        FROM (
            SELECT
                *,
                make_timestamp(epoch_us(TRY_CAST(spelled(occurred_at) AS TIMESTAMPTZ))) AS moment,
                {", ".join(heard)}
            FROM read_json($files, format = 'newline_delimited', columns = {columns},
                ignore_errors = true, filename = 'file')
        )
        JOIN landed USING (file)
        WHERE {" AND ".join([*required, *right])} AND heard_type IS NOT NULL
            AND {rival_words.right(stream)}
            AND moment >= TIMESTAMP '1971-01-01'
            AND moment <= latest
        """,
        {"files": list(latest)},
    )


def _drop_repeats(db: DuckDBPyConnection, stream: str) -> None:
    """Keep the first row of each event_id; ids are compared whole only where their hashes meet."""
    db.execute(
        f"""
        WITH suspects AS (
            SELECT hash(event_id) AS id FROM {stream} GROUP BY id HAVING count(*) > 1
        ),
        repeats AS (
            SELECT rowid AS place
            FROM {stream}
            WHERE hash(event_id) IN (SELECT id FROM suspects)
            QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY rowid) > 1
        )
        DELETE FROM {stream} WHERE rowid IN (SELECT place FROM repeats)
        """
    )


def read_identifiers(
    db: DuckDBPyConnection, config: Mapping[str, Any], secret: bytes, processes: int
) -> None:
    """Make `identifiers` and `members`; each list of identifiers, and each value, is read once."""
    put(db, "blocked", [{"value": v} for v in config["identity"]["blocked"]], [("value", TEXT)])
    pads = [("whitespace", TEXT), ("inner_pad", pa.binary()), ("outer_pad", pa.binary())]
    put(db, "hmac_pads", [{"whitespace": BLANKS, **_pads(secret)}], pads)
    every = " UNION ALL ".join(f"SELECT identifier_set, identifiers FROM {s}" for s in STREAMS)
    db.execute(
        f"""
        CREATE TABLE said AS
        SELECT identifier_set, unnest(from_json(list, '{IDENTIFIERS}'), recursive := true)
        FROM (
            SELECT identifier_set, any_value(identifiers) AS list
            FROM ({every})
            WHERE identifier_set IS NOT NULL
            GROUP BY identifier_set
        );
        CREATE TABLE raw_identifiers AS SELECT DISTINCT type, value FROM said;
        """
    )
    _read_phones(db, config["identity"]["phone_region"], processes)
    db.execute(f"CREATE TABLE keyed AS\n{NORMALISED.read_text(encoding='utf-8')}")
    _read_words(db)
    db.execute(
        """
        CREATE TABLE identifiers AS
        SELECT CAST(row_number() OVER (ORDER BY priority, identifier_key) - 1 AS INTEGER) AS node, *
        FROM (
            SELECT identifier_key, identifier_type, priority, bool_and(is_blocked) AS is_blocked
            FROM keyed
            GROUP BY ALL
        );
        CREATE TABLE members AS
        SELECT DISTINCT s.identifier_set, i.node
        FROM said AS s
        JOIN keyed USING (type, value)
        JOIN identifiers AS i USING (identifier_key);
        """
    )
    for stream in STREAMS:
        for name in ("identifiers", *BESIDE.get(stream, ())):
            db.execute(f"ALTER TABLE {stream} DROP COLUMN {name}")
    for name in ("said", "raw_identifiers", "phones", "keyed"):
        db.execute(f"DROP TABLE {name}")


def _read_words(db: DuckDBPyConnection) -> None:
    """Make `words` of the manual links that name two identifiers, drop the others, see nobody."""
    put(db, "words", [], WORDS)
    is_manual = f"type IN {MANUAL}"
    if not db.execute(f"SELECT count(*) FROM profiles WHERE {is_manual}").fetchone()[0]:
        return
    every = " UNION ALL ".join(f"SELECT identifier_set FROM {stream}" for stream in STREAMS)
    db.execute(
        f"""
        INSERT INTO words
        SELECT event_id, occurred_at, type, pair[1].key, pair[2].key, author, reason
        FROM profiles JOIN (
            SELECT
                identifier_set,
                list_sort(list(DISTINCT {{level: priority, key: identifier_key}})
                    FILTER (identifier_key IS NOT NULL)) AS pair,
                bool_or(CASE WHEN identifier_key IS NULL THEN stripped(value) IS NOT NULL
                    ELSE is_blocked END) AS is_unclear
            FROM said LEFT JOIN keyed USING (type, value)
            GROUP BY identifier_set
        ) USING (identifier_set)
        WHERE {is_manual} AND len(pair) = 2 AND NOT is_unclear;
        DELETE FROM profiles WHERE {is_manual} AND event_id NOT IN (SELECT event_id FROM words);
        UPDATE profiles SET identifier_set = NULL WHERE {is_manual};
        DELETE FROM said WHERE identifier_set NOT IN (
            SELECT identifier_set FROM ({every}) WHERE identifier_set IS NOT NULL
        );
        CREATE OR REPLACE TABLE keyed AS FROM keyed SEMI JOIN said USING (type, value);
        """
    )


def _pads(secret: bytes) -> dict[str, bytes]:
    """A secret as HMAC-SHA-256 lays it before a message, and before what that hashes to."""
    key = (secret if len(secret) <= 64 else sha256(secret).digest()).ljust(64, b"\0")
    return {
        "inner_pad": bytes(byte ^ 0x36 for byte in key),
        "outer_pad": bytes(byte ^ 0x5C for byte in key),
    }


def _read_phones(db: DuckDBPyConnection, region: str, processes: int) -> None:
    """Make `phones`: each distinct phone number, trimmed, with its E.164 form."""
    found = db.execute(
        """
        SELECT DISTINCT trim(value, whitespace) AS said
        FROM raw_identifiers, hmac_pads
        WHERE type = 'phone' AND said <> ''
        """
    ).fetchall()
    said, read = [value for (value,) in found], partial(_e164, region)
    if processes == 1 or len(said) <= FEW:
        numbers = [read(value) for value in said]
    else:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            numbers = list(pool.map(read, said, chunksize=5_000))
    rows = [{"said": a, "e164": b} for a, b in zip(said, numbers, strict=True)]
    put(db, "phones", rows, [("said", TEXT), ("e164", TEXT)])


def _e164(region: str, value: str) -> str | None:
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _mtime(file: Path) -> datetime:
    return EPOCH + timedelta(microseconds=file.stat().st_mtime_ns // 1000)
