"""What must hold of how a source is reached: its format, and the keys that only some formats have.

Each check reads raw values and passes over what has the wrong type, as those in `checks` do.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from tactful.jobs import references
from tactful.jobs.settings.layers import Place, shown
from tactful.jobs.settings.places import Finding
from tactful.jobs.settings.sending import HIDDEN
from tactful.schemas.events import STREAMS
from tactful.transforms.sources import DIALECTS

EARLIEST, LATEST = "earliest", "latest"
# The keys that only some formats have any use for.
ONLY_FOR = {
    "delimiter": ("csv",),
    "quote": ("csv",),
    "columns": ("csv",),
    "servers": ("kafka",),
    "subscribe": ("kafka",),
    "subscribe_pattern": ("kafka",),
    "starting_offsets": ("kafka",),
    "batch_rows": ("kafka",),
    "avro_schemas": ("kafka",),
    "options": ("kafka",),
    "lost": ("kafka", "delta"),
    "table": ("delta",),
    "partitions": ("json", "csv", "parquet", "avro"),
}
BROKERS = "host:port of a broker, or several with commas between"
BROKER = re.compile(r"([\w%.-]*://)?(\[[0-9A-Fa-f:.%]+\]|[\w%.-]+):[0-9]{1,5}")
# Settings of Kafka's client whose values nobody may read.
IS_SECRET = re.compile(r"password|jaas|secret|token|[.]key$", re.I)
# What the way in sets itself: another value would land rows twice, or none.
OWN = (
    "bootstrap.servers", "group.id", "auto.offset.reset", "enable.auto.commit",
    "key.deserializer", "value.deserializer", "interceptor.classes",
)  # fmt: skip


def beginning(told: str) -> str:
    """Where a topic begins: a word, or a moment with its zone."""
    told = told.strip()
    if told not in (EARLIEST, LATEST) and datetime.fromisoformat(told).tzinfo is None:
        raise ValueError("no zone")
    return told


def topic_pattern(told: str) -> str:
    """What names of topics look like."""
    try:
        re.compile(told)
    except re.error as error:
        raise ValueError(str(error)) from error
    if not told:
        raise ValueError("empty")
    return told


def table_name(told: str) -> str:
    """The name of a table, with its schema, since which one is meant without differs by session."""
    if not re.fullmatch(r"[^`.\s]+(\.[^`.\s]+){1,2}", told):
        raise ValueError("no such name")
    return told


def faults(place: Place, entry: Mapping[str, Any]) -> Iterator[Finding]:
    """Everything wrong with how one source is reached."""
    form = entry.get("format", "json")
    for key, forms in ONLY_FOR.items():
        if key in entry and form not in forms:
            allowed = f"only with format = {' or '.join(map(shown, forms))}"
            yield (*place, key), _found(key, entry[key]), allowed, ""
    if (quote := entry.get("quote", '"')) == entry.get("delimiter", ","):
        yield (*place, "quote"), shown(quote), "another sign than the delimiter", ""
    if form != "kafka":
        if "table" in entry and "path" in entry and form == "delta":
            yield (*place, "table"), shown(entry["table"]), "a table or a path, not both", ""
        elif "path" not in entry and not ("table" in entry and form == "delta"):
            also = ", or table" if form == "delta" else ""
            yield (*place, "path"), "nothing", f"a path or a URI{also}", ""
        return
    if "path" in entry:
        yield (*place, "path"), shown(entry["path"]), "no path: topics have none", ""
    if "servers" not in entry:
        yield (*place, "servers"), "nothing", BROKERS, ""
    elif isinstance(entry["servers"], str):
        wrong = [one for one in entry["servers"].split(",") if not BROKER.fullmatch(one.strip())]
        if wrong:
            hint = "a broker's own port is often 9092"
            yield (*place, "servers"), shown(wrong[0]), BROKERS, hint
    if "subscribe_pattern" in entry:
        if "subscribe" in entry:
            allowed = "a list or a pattern, not both"
            yield (*place, "subscribe_pattern"), shown(entry["subscribe_pattern"]), allowed, ""
    elif not entry.get("subscribe"):
        yield (*place, "subscribe"), "nothing", "a list of topics, or subscribe_pattern", ""
    schemas = entry.get("avro_schemas")
    for key in schemas if isinstance(schemas, dict) else ():
        if not re.fullmatch(r"[0-9]{1,9}", key):
            yield (*place, "avro_schemas", key), shown(key), "the number of a schema", ""
    yield from _options(place, entry.get("options"))


def _found(key: str, value: Any) -> str:
    return HIDDEN if key == "options" else shown(value)


def _options(place: Place, told: Any) -> Iterator[Finding]:
    for key, value in told.items() if isinstance(told, dict) else ():
        at = (*place, "options", key)
        if key.removeprefix("kafka.") in OWN:
            yield at, HIDDEN, "a setting that Tactful does not set itself", ""
        elif IS_SECRET.search(key) and not references.is_reference(value):
            hint = "the file names it, the environment has it"
            yield at, HIDDEN, 'a reference such as "env:KAFKA_PASSWORD"', hint


def mapped(
    place: Place, entry: Mapping[str, Any], dialect: str, types: Collection[str]
) -> Iterator[Finding]:
    """Only a form that the configuration describes has fields, and it has to have them.

    types: the types of identifiers that there are; one of another name would link nobody.
    """
    faults = DIALECTS[dialect].faults
    if faults is None:
        described = [name for name, known in DIALECTS.items() if known.faults]
        for key in ("fields", "time_zone", "one_event_by"):
            if key in entry:
                allowed = f"only with dialect = {' or '.join(map(shown, described))}"
                yield (*place, key), shown(entry[key]), allowed, ""
        return
    fields, stream = entry.get("fields"), entry.get("stream")
    if not isinstance(fields, dict):
        yield (*place, "fields"), "nothing", "a table of fields, each a column or an expression", ""
    elif stream in STREAMS:
        for needed in ("event_id", "type", "occurred_at"):
            if needed not in fields:
                yield (*place, "fields", needed), "nothing", "a column or an expression", ""
        named = fields.get("identifiers")
        for name in named if isinstance(named, dict) else ():
            if name not in types:
                hint = f"another type is a table of its own: [identity.types.{name}]"
                yield (*place, "fields", "identifiers", name), shown(name), ", ".join(types), hint
        line = fields.get("line")
        if "one_event_by" in entry and (not isinstance(line, dict) or "each" in line):
            allowed = "only beside fields.line, without line.each"
            yield (*place, "one_event_by"), shown(entry["one_event_by"]), allowed, ""
        for key, found, allowed in faults(stream, fields):
            near = get_close_matches(found, allowed.split(", "), n=1, cutoff=0.6)
            hint = f"did you mean {near[0]}?" if near else ""
            yield (*place, "fields", *key.split(".")), shown(found), allowed, hint


def unset(place: Place, entry: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[Finding]:
    """References to what is not there."""
    options = entry.get("options")
    for key, value in options.items() if isinstance(options, dict) else ():
        if lacking := references.missing(value, environ):
            yield (*place, "options", key), *lacking
