"""What was refused and why, and which words that would close a channel protect nobody."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import duckdb
from rich.markup import escape

from tactful.jobs.commands.answers import counted
from tactful.jobs.commands.tables_here import Tables
from tactful.schemas.words import CLOSING_TYPES, SIGNALS
from tactful.transforms.blanks import CONTROLS, INVISIBLE, SPACES
from tactful.transforms.sources import DIALECTS, Dialect
from tactful.transforms.sources.one_event_by import ROWS
from tactful.transforms.sources.words import closed_words, closing_types

# So many reasons, words and places are told to people; the rest is counted.
MOST_REASONS = 10
MOST_GROUPS = 5
# The streams whose events may close a channel.
NAMING = ("messages", "profiles", "service")
# Said by `tactful sample`, too.
IN_PIECES = (
    "a line of it is only part of an object or list, as JSON has that is written to be read by "
    "people, or a list of objects; land one object a line, such as jq -c . FILE makes, or "
    "jq -c '.[]' FILE of a list"
)
BLANK = "".join(
    f"\\x{{{first:x}}}-\\x{{{last:x}}}" for first, last in (*SPACES, *CONTROLS, *INVISIBLE)
)
BARE = "regexp_replace(lower(_), '[" + BLANK + "_./-]', '', 'g')"
REASONS = """
    SELECT reason, count(*) AS rows, strftime(max(quarantined_at), '%Y-%m-%dT%H:%M:%SZ') AS last_at
    FROM (SELECT unnest(reasons) AS reason, quarantined_at FROM quarantine)
    GROUP BY reason ORDER BY rows DESC, reason
"""
# Pieces of an object that is written over several lines: its first, its last; or a whole list.
PIECES = """
    SELECT source_name, count(*) AS rows, arg_max(source_position.file, quarantined_at) AS file
    FROM quarantine
    WHERE list_contains(reasons, 'malformed_json')
      AND regexp_full_match(raw, '\\s*([][{}],?|\\[\\s*[{].*[}]\\s*\\])\\s*')
    GROUP BY source_name ORDER BY rows DESC, source_name
"""
# Events that rows of a file were made into, of an id that others were made into before.
PARTS = f"""
    SELECT source_name, count(*) AS rows, arg_max(source_position.file, quarantined_at) AS file
    FROM quarantine
    WHERE list_contains(reasons, 'id_reused') AND contains(raw, '"{ROWS}":')
    GROUP BY source_name ORDER BY rows DESC, source_name
"""
WITH_ANY = "SELECT count(*) AS rows FROM quarantine WHERE list_has_any(reasons, $reasons)"
CLOSING = f"""
    SELECT source_name, stream, reasons, word, count(*) AS rows,
           arg_max(source_position.file, quarantined_at) AS file
    FROM (
        SELECT *, [t FOR t IN [{BARE.replace("(_)", "(t)")} FOR t IN types]
                   IF list_contains($words, t)][1] AS word
        FROM says
        WHERE NOT list_contains($soft, coalesce({BARE.replace("(_)", "(bounce)")}, ''))
    )
    WHERE word IS NOT NULL
    GROUP BY source_name, stream, reasons, word
    ORDER BY rows DESC, source_name, word, reasons
"""
UNKNOWN = f"""
    SELECT stream, type, count(*) AS rows, CAST(sum(count(*)) OVER () AS BIGINT) AS every
    FROM (
        SELECT stream, regexp_replace(types[1], '^[{BLANK}]+|[{BLANK}]+$', '', 'g') AS said,
               CASE WHEN regexp_matches(said, '@|[0-9]{{5}}') THEN '…' ELSE left(said, 100) END
                   AS type
        FROM says WHERE list_contains(reasons, 'unknown_type')
    )
    GROUP BY stream, type ORDER BY rows DESC, stream, type LIMIT {MOST_REASONS}
"""
# A word about a shared device or about nobody, and about nobody who was ever seen with what it
# names; a soft bounce closes nothing, and of signals that come with every page the first counts.
NOBODYS = f"""
    CREATE VIEW nobodys AS
    SELECT stream, type, event_id, person_id
    FROM timeline
    WHERE line_number = 0 AND type IN {CLOSING_TYPES}
      AND (person_id IS NULL OR starts_with(person_id, 'n_'))
      AND (stream, event_id) NOT IN (
          SELECT ('messages', event_id) FROM messages WHERE type = 'bounced' AND bounce = 'soft')
      AND (stream, event_id) NOT IN (
          SELECT ('profiles', event_id) FROM profiles WHERE attribute IN {SIGNALS})
      AND stream || ':' || event_id NOT IN (SELECT event FROM protecting)
"""
NOBODY = """
    SELECT stream, type, count(*) AS rows FROM nobodys
    GROUP BY stream, type ORDER BY rows DESC, stream, type
"""
# Why each names nobody; of every reason one is told before a second of any.
EXAMPLES = """
    SELECT stream, event_id, type, why FROM (
        SELECT *, row_number() OVER (PARTITION BY why ORDER BY stream, event_id) AS place FROM (
            SELECT stream, event_id, type, CASE
                WHEN starts_with(person_id, 'n_') THEN 'only a device that is nobody''s'
                WHEN reasons <> '' THEN reasons
                WHEN blocked_count > 0 THEN 'a blocked value'
                WHEN linking_count > 0 THEN 'only what is of too many (hubs)'
                WHEN linking_count = 0 THEN 'no identifier'
                ELSE 'nobody who is known' END AS why
            FROM nobodys LEFT JOIN named USING (stream, event_id)
        ) AS told
    ) AS numbered ORDER BY place, stream, event_id LIMIT $most
"""
NAMED = """
    SELECT '{stream}' AS stream, {event} AS event_id,
           array_to_string({reasons}::VARCHAR[], ', ') AS reasons,
           len({linking}::VARCHAR[]) AS linking_count, len({blocked}::VARCHAR[]) AS blocked_count
    FROM {stream}
"""
NOTHING = """
    SELECT NULL AS stream, NULL AS event_id, NULL AS reasons, NULL AS linking_count,
           NULL AS blocked_count WHERE false
"""
MOST_EXAMPLES = 3


def refused_facts(tables: Tables, dialects: Mapping[str, str]) -> dict[str, Any]:
    """Every reason for which rows were refused, and what that may have cost in protection.

    dialects: the dialect of each source, as far as it is known.
    """
    with duckdb.connect() as database:
        here = _registered(database, tables, ("quarantine", "timeline", "suppressions", *NAMING))
        facts: dict[str, Any] = {
            "reasons": [], "rest": {"reasons": 0, "rows": 0},
            "closing": {"rows": 0, "groups": []},
            "unknown_types": {"rows": 0, "types": []},
            "in_pieces": [], "in_parts": [],
            "nobody": {"rows": 0, "types": [], "examples": []},
        }  # fmt: skip
        if "quarantine" in here:
            facts |= tables.tried("quarantine", lambda: _refused(database, dialects), {})
        if {"timeline", "messages", "profiles"} <= here:
            events = (
                "unnest(evidence) FROM suppressions" if "suppressions" in here else "'' LIMIT 0"
            )
            database.execute(f"CREATE VIEW protecting (event) AS SELECT {events}")
            facts["nobody"] |= tables.tried("timeline", lambda: _nobody(database, here), {})
    return facts


def refused_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """The same as sentences, what may have cost protection first."""
    closing = facts["closing"]
    if closing["rows"]:
        groups = [_group(row) for row in closing["groups"][:MOST_GROUPS]]
        rest = closing["rows"] - sum(row["rows"] for row in closing["groups"][:MOST_GROUPS])
        yield (
            f"[red]{counted(closing['rows'], 'refused row')} wanted to close a channel; look at "
            f"them in quarantine: {'; '.join(_with_rest(groups, rest))}.[/]"
        )
    nobody = facts["nobody"]
    if nobody["rows"]:
        groups = [f"{row['rows']:,} × {row['type']} in {row['stream']}" for row in nobody["types"]]
        yield (
            f"[yellow]Nobody is protected by {counted(nobody['rows'], 'accepted row')} that would "
            f"close a channel, but name nobody who is known: {'; '.join(groups)}."
            f"{_examples(nobody['examples'])}[/]"
        )
    unknown = facts["unknown_types"]
    if unknown["rows"]:
        groups = [
            f'{row["rows"]:,} × "{escape(row["type"] or "")}" in {row["stream"]}'
            for row in unknown["types"]
        ]
        rest = unknown["rows"] - sum(row["rows"] for row in unknown["types"])
        yield (
            f"[yellow]{counted(unknown['rows'], 'row')} of types that nobody knows: "
            f"{'; '.join(_with_rest(groups, rest))}.[/]"
        )
    for row in facts["in_pieces"]:
        source, file = escape(row["source_name"]), escape(row["file"] or "a file unknown")
        yield f"[yellow]Source {source}: {escape(IN_PIECES)}; the last such file is {file}.[/]"
    for row in facts["in_parts"]:
        source, file = escape(row["source_name"]), escape(row["file"] or "a file unknown")
        yield (
            f"[yellow]Source {source}: {counted(row['rows'], 'event')} of one_event_by came again "
            f"with other rows, and the first stands; land all rows of one in one file. The last "
            f"such file is {file}.[/]"
        )
    for row in facts["reasons"][:MOST_REASONS]:
        yield f"Quarantined for {escape(row['reason'])}: {row['rows']:,}"
    rest = facts["rest"]
    if rest["reasons"]:
        yield (
            f"Quarantined for {counted(rest['reasons'], 'more reason')}: {rest['rows']:,}; "
            "--json tells them all"
        )


def _registered(
    database: duckdb.DuckDBPyConnection, tables: Tables, names: Iterable[str]
) -> set[str]:
    """Which of these tables are there, each by its name in the database."""
    found = {name: tables.open(name) for name in names}
    here = {name: table for name, table in found.items() if table is not None}
    database.execute("SET TimeZone = 'UTC'")
    for name, table in here.items():
        database.register(name, table.to_pyarrow_dataset())
    return set(here)


def _refused(database: duckdb.DuckDBPyConnection, dialects: Mapping[str, str]) -> dict[str, Any]:
    """What quarantine tells."""
    database.execute(_says(dialects))
    reasons, types = _rows(database, REASONS), _rows(database, UNKNOWN)
    every = types[0]["every"] if types else 0
    plain = [{k: v for k, v in row.items() if k != "every"} for row in types]
    return {
        "reasons": reasons,
        "rest": _rest(database, reasons),
        "closing": _closing(database),
        "unknown_types": {"rows": every, "types": plain},
        "in_pieces": _rows(database, PIECES),
        "in_parts": _rows(database, PARTS),
    }


def _nobody(database: duckdb.DuckDBPyConnection, here: Collection[str]) -> dict[str, Any]:
    """The words that would close a channel and name nobody, and a few of them with why."""
    database.execute(NOBODYS)
    types = _rows(database, NOBODY)
    if types:
        named = [_named(database, stream) for stream in NAMING if stream in here]
        database.execute(f"CREATE VIEW named AS {' UNION ALL '.join([NOTHING, *named])}")
    examples = _rows(database, EXAMPLES, most=MOST_EXAMPLES) if types else []
    return {"rows": sum(row["rows"] for row in types), "types": types, "examples": examples}


def _named(database: duckdb.DuckDBPyConnection, stream: str) -> str:
    """What the events of a stream name; columns that an older lake lacks say nothing."""
    held = {row["column_name"] for row in _rows(database, f"DESCRIBE {stream}")}
    columns = {
        name: column if column in held else "NULL"
        for name, column in (
            ("event", "event_id"), ("reasons", "identifier_reasons"),
            ("linking", "identifier_keys"), ("blocked", "blocked_keys"),
        )
    }  # fmt: skip
    return NAMED.format(stream=stream, **columns)


def _says(dialects: Mapping[str, str]) -> str:
    """A view of what refused rows wanted: types, all that each calls its own, and bounce.

    A row that is no JSON object, or of a source that nobody knows, is searched for what it might
    have said; in doubt it wanted to close.
    """

    def types(those: Collection[Dialect]) -> str:
        fields = sorted({dialect.type_field for dialect in those}, reverse=True)
        closing = sorted({pair for dialect in those for pair in dialect.closing})
        told = [f"json_extract_string(raw, '$.{field}')" for field in fields]
        told += [
            f"CASE WHEN lower(json_extract_string(raw, '$.{path}')) = '{word}' THEN '{word}' END"
            for path, word in closing
        ]
        names = [*fields, *sorted({path.rpartition(".")[2] for path, _ in closing})]
        written = rf'"(?:{"|".join(names)})"\s*:\s*"([^"]{{1,100}})"'
        return f"""CASE WHEN json_valid(raw) AND json_type(raw) = 'OBJECT'
            THEN [told FOR told IN [{", ".join(told)}] IF told IS NOT NULL]
            ELSE regexp_extract_all(raw, '{written}', 1) END"""

    own = " ".join(
        f"WHEN source_name = '{source}' THEN {types([DIALECTS[name]])}"
        for source, name in dialects.items()
    )
    every = types(DIALECTS.values())
    return f"""
        CREATE VIEW says AS
        SELECT *, {f"CASE {own} ELSE {every} END" if own else every} AS types,
            CASE WHEN json_valid(raw) THEN json_extract_string(raw, '$.bounce') END AS bounce
        FROM quarantine
    """


def _rest(database: duckdb.DuckDBPyConnection, reasons: Sequence[Mapping[str, Any]]) -> Any:
    """How many reasons people are not told one by one, and how many rows have any of them."""
    further = [row["reason"] for row in reasons[MOST_REASONS:]]
    rows = _rows(database, WITH_ANY, reasons=further)[0]["rows"] if further else 0
    return {"reasons": len(further), "rows": rows}


def _closing(database: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    """The refused rows whose type, in whatever spelling, closes a channel in any stream."""
    words = closing_types()
    known = sorted({word for own in words.values() for word in own})
    soft = [word for word, kind in closed_words("messages", "bounce").items() if kind == "soft"]
    every = {word: type_ for own in reversed(list(words.values())) for word, type_ in own.items()}
    groups: dict[Any, dict[str, Any]] = {}
    for row in _rows(database, CLOSING, words=known, soft=soft):
        type_ = words.get(row["stream"], every).get(row["word"]) or every[row["word"]]
        facts = {"source_name": row["source_name"], "type": type_, "reasons": row["reasons"]}
        key = (row["source_name"], type_, *row["reasons"])
        group = groups.setdefault(key, {**facts, "rows": 0, "last_file": row["file"]})
        group["rows"] += row["rows"]
    largest = sorted(groups.values(), key=lambda group: -group["rows"])
    return {"rows": sum(group["rows"] for group in largest), "groups": largest}


def _group(row: Mapping[str, Any]) -> str:
    why, file = escape(", ".join(row["reasons"])), escape(row["last_file"] or "a file unknown")
    return (
        f"{row['rows']:,} × {row['type']} of source {escape(row['source_name'])} for {why}, the "
        f"last in {file}"
    )


def _examples(rows: Sequence[Mapping[str, Any]]) -> str:
    told = [f"{row['stream']}:{escape(row['event_id'])} names {escape(row['why'])}" for row in rows]
    return f" Such as: {'; '.join(told)}." if told else ""


def _with_rest(parts: Sequence[str], rest: int) -> list[str]:
    return [*parts, *([f"{rest:,} more"] if rest else [])]


def _rows(database: duckdb.DuckDBPyConnection, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    answer = database.execute(sql, parameters or None)
    names = [column[0] for column in answer.description]
    return [dict(zip(names, row, strict=True)) for row in answer.fetchall()]
