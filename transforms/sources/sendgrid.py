"""The dialect of Twilio SendGrid's Event Webhook: what became of each email, posted in arrays.

From the vendor's pages, read on 2026-11-26: "Event Webhook Reference"
(twilio.com/docs/sendgrid/for-developers/tracking-events/event), "X-Message-ID" and "Message-ID" of
its glossary, "Troubleshooting" of the Event Webhook (repeats), and "How To Filter results with
Activity Feed API for X-Message-ID" (support.sendgrid.com).

A landed row is one event or one array of events; each event of an array is a row of its own.

| event | is | why |
|---|---|---|
| processed | sent | SendGrid took it and is about to send it |
| deferred | bounced, soft | the receiver put it off; it is tried again |
| delivered, open, click | delivered, opened, clicked | an open by a machine says so |
| bounce of type bounce | bounced, hard | the address does not take mail |
| bounce of type blocked, blocked | bounced, soft | this message was refused, the address stands |
| bounce of another type | bounced, as its word says, in doubt hard | doubt is silence |
| dropped | failed | SendGrid did not send it; its lists said so before, so nothing is new |
| spamreport | complained | |
| unsubscribe, group_unsubscribe | unsubscribed | also one group's: doubt is silence |
| group_resubscribe | refused as `opens_one_group` | it would open what other words have closed |
| any other | refused as `unknown_type` | `tactful status` tells its name |

`dropped` for "Bounced Address", "Unsubscribed Address" or "Spam Reporting Address" only repeats
what stands on SendGrid's own lists: take those in by `tactful import`.

The channel is email, whatever a custom argument says. The purpose is what the custom argument
`purpose` says; else an unsubscribe group or a marketing campaign means marketing; where none says
it, it is left open, which counts as marketing. What a person says (and a bounce) is about email and
no purpose: so a closing word closes marketing by email whatever the sender calls the message.

`message_id` is the whole `sg_message_id`, which is one message to one person; what the send API
returned (`X-Message-ID`) is its part before the first dot, and one for all recipients of a request.
A bounce that comes long after its message names only the address.

Custom arguments stand beside SendGrid's own fields. Those of ARGUMENTS and IDENTIFIERS below are
read under their names; every other, or one named like a canonical field, is kept in
`properties` and never laid over what SendGrid says. Where they do not say it, the campaign is
`marketing_campaign_id`, the content `sg_template_id`, the topic the first `category`. Of
`Eve <eve@mail.example>` the address is what stands between < and >, as in lists that are screened.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.words import CLOSING_TYPES, OPENING_TYPES
from tactful.transforms.blanks import SEPARATORS, is_blank, literal
from tactful.transforms.sources import canonical, names, values
from tactful.transforms.sources.cutting import BLANKS, as_signs, each_object
from tactful.transforms.sources.dialect import Dialect, ListForm
from tactful.transforms.sources.objects import if_plain, is_plain, listed

# Seconds until the year 2286.
MOST_DIGITS = 10
STREAM = "messages"
# Without separators, as any spelling is read.
TYPES = {
    "processed": "sent",
    "deferred": "bounced",
    "delivered": "delivered",
    "bounce": "bounced",
    "blocked": "bounced",
    "dropped": "failed",
    "open": "opened",
    "click": "clicked",
    "spamreport": "complained",
    "unsubscribe": "unsubscribed",
    "groupunsubscribe": "unsubscribed",
    "groupresubscribe": "subscribed",
}
BOUNCES = {"bounce": "hard", "blocked": "soft"}
ARGUMENTS = ("purpose", "campaign_id", "variant", "content_id", "topic", "decision_id")
IDENTIFIERS = (
    "customer_id", "email_sha256", "phone", "loyalty_id", "device_id", "anonymous_id",
)  # fmt: skip
INSTEAD = {"campaign_id": "marketing_campaign_id", "content_id": "sg_template_id"}
NO_NAME = r"^(true|false|-?[0-9]+([.][0-9]+([eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+))$"
NAMED_ADDRESS = "^[^<>]*<([^<>]+)>$"
# Fields that turn up whole in the canonical ones.
LAID_OUT = ("email", "event", "timestamp", "sg_event_id", "sg_message_id")
# Seconds have twelve digits from the year 5138 on, milliseconds since 1973.
MILLISECONDS_FROM = 10**11
PERSONS_WORD = f"coalesce(means IN {(*CLOSING_TYPES, *OPENING_TYPES)}, false)"


def parse_rows(
    rows: DataFrame,
    *,
    stream: str | None,
    source_name: str,
    max_row_bytes: int,
    max_skew: timedelta,
) -> DataFrame:
    """Read each landed row as an event, or as an array of them, each event a row of its own.

    An event's place is the hash of its line, and behind it its number where it stood in an array.
    A line that is neither, whole and alone, stays one row that is refused with its text; so does an
    empty array, since nothing that landed may vanish. `max_row_bytes` bounds the line.

    Keeps: one row an event. Adds: the columns of `received`. Drops: `value` (kept as `raw`).
    Expects: value (text), file (string), modified_at (timestamp).
    """
    events = rows.transform(_each_event, max_row_bytes=max_row_bytes).transform(_with_fields)
    return canonical.check_rows(
        canonical.lay_out(events, stream=STREAM, told=_told()),
        stream=STREAM,
        source_name=source_name,
        max_row_bytes=max_row_bytes,
        max_skew=max_skew,
        also=(("is_empty", "no_events"), ("event = 'groupresubscribe'", "opens_one_group")),
    )


def _each_event(rows: DataFrame, *, max_row_bytes: int) -> DataFrame:
    """Cut arrays into their events (see `each_object`).

    Keeps: one row an event. Changes: value. Adds: line_hash, is_line_valid (UTF-8), is_event
    (whether it may be one), is_empty (whether the line is an array without any).
    """
    is_fit = f"octet_length(value) <= {max_row_bytes}"
    plain = as_signs("value", "is_line_valid")
    line = f"CASE WHEN NOT is_cut AND {is_fit} THEN btrim({plain}, {literal(BLANKS)}) END"
    is_object = "startswith(line, '{') AND json_array_length(concat('[', line, ',0]')) <=> 2"
    return (
        rows.transform(each_object, max_row_bytes=max_row_bytes)
        .withColumns(
            {
                "line_hash": F.expr(f"coalesce(line_hash, {canonical.line_hash('value')})"),
                "is_line_valid": F.expr("coalesce(is_line_valid, is_valid_utf8(value))"),
            }
        )
        .selectExpr("*", f"{line} AS line")
        .selectExpr("*", f"is_cut OR coalesce({is_object}, false) AS is_event")
        .drop("is_cut", "line")
    )


def _with_fields(events: DataFrame) -> DataFrame:
    """Adds: what `lay_out` and `check_rows` expect, and what `_told` reads: said, event, means,
    number, plain, category, categories."""
    found = canonical.strictly("CASE WHEN is_event THEN text END", "map<string,string>")
    several = "CASE WHEN startswith(category, '[') THEN category END"
    categories = canonical.strictly(several, "array<string>")
    word, known = _said("event"), listed(TYPES)
    squeezed = values.rarely(word, f"regexp_replace(lower(written), {literal(SEPARATORS)}, '')")
    read = (*ARGUMENTS, *IDENTIFIERS, *INSTEAD.values())
    can_be_one = f"name IN ({listed(read)}) AND {is_plain('told')}"
    means = " ".join(f"WHEN '{word}' THEN '{type_}'" for word, type_ in TYPES.items())
    return (
        events.selectExpr("*", "is_line_valid OR is_valid_utf8(value) AS is_valid")
        .selectExpr("*", "CASE WHEN is_valid THEN value ELSE make_valid_utf8(value) END AS text")
        .selectExpr("*", f"{found} AS found")
        .selectExpr("*", f"{names.once_each('found')} AS said")
        .selectExpr(
            "*",
            # Nothing is wrong with an empty array but that it is empty.
            "CASE WHEN NOT is_empty THEN said IS NOT NULL END AS is_sound",
            "map_keys(said) AS fields",
            f"CASE WHEN {word} IN ({known}) THEN {word} ELSE {squeezed} END AS event",
            f"TRY_CAST({_said('timestamp')} AS decimal(20,6)) AS number",
            f"map_filter(said, (name, told) -> {can_be_one}) AS plain",
            f"{_said('category')} AS category",
        )
        .selectExpr("*", f"CASE event {means} END AS means", f"{categories} AS categories")
    )


def _told() -> dict[str, str]:
    """The canonical fields of an event, each as SQL."""
    word = f"CASE WHEN NOT {is_blank(_said('event'))} THEN 'unknown' END"
    open_by = f"TRY_CAST({_said('sg_machine_open')} AS boolean)"
    also = {name: _plain(instead) for name, instead in INSTEAD.items()}
    also |= {"purpose": _marketing(), "topic": _topic()}
    own = {
        name: f"coalesce({_plain(name)}, {also[name]})" if name in also else _plain(name)
        for name in ARGUMENTS
    }
    return {
        **own,
        "purpose": f"CASE WHEN NOT {PERSONS_WORD} THEN {own['purpose']} END",
        "event_id": _said("sg_event_id"),
        "type": f"coalesce(means, {word})",
        "occurred_at": f"coalesce({_moment()}, {_said('timestamp')})",
        "identifiers": _identifiers(),
        "properties": _properties(),
        "message_id": _said("sg_message_id"),
        "channel": "'email'",
        "bounce": _bounce(),
        "machine_open": f"CASE WHEN means = 'opened' THEN {open_by} END",
    }


def _moment() -> str:
    """A time of so many seconds, or milliseconds, since 1970; null where it is no such number."""
    first = MILLISECONDS_FROM
    seconds = f"""CASE
        WHEN abs(number) < {first} THEN number
        WHEN abs(number) < {first * 1000} THEN number / 1000
    END"""
    since = f"make_dt_interval(0, 0, 0, CAST({seconds} AS decimal(18,6)))"
    # Without a zone of its own, so that the session's does not matter.
    return f"concat(CAST(TIMESTAMP_NTZ'1970-01-01 00:00:00' + {since} AS string), 'Z')"


def _identifiers() -> str:
    own = {
        name: f"CASE WHEN NOT {_is_no_name(name)} THEN {_plain(name)} END" for name in IDENTIFIERS
    }
    each = {"email": _address()} | own
    entries = ", ".join(f"struct('{t}' AS type, {value} AS value)" for t, value in each.items())
    return f"filter(array({entries}), entry -> entry.value IS NOT NULL)"


def _address() -> str:
    """The address, also of `Eve <eve@mail.example>`."""
    told, form = _said("email"), literal(NAMED_ADDRESS)
    return (
        f"CASE WHEN endswith({told}, '>') THEN regexp_replace({told}, {form}, '$1') ELSE {told} END"
    )


def _is_no_name(name: str) -> str:
    """Whether an argument can be nobody's identifier: a truth value, or a number that is not whole.

    As texts such would be one customer's, who were many.
    """
    return f"coalesce({_plain(name)} RLIKE {literal(NO_NAME)}, false)"


def _properties() -> str:
    names = " ".join(f"WHEN '{name}' THEN NOT {_is_no_name(name)}" for name in IDENTIFIERS)
    may_be_read = f"CASE name {names} ELSE true END"
    is_read = (
        f"name IN ({listed((*ARGUMENTS, *IDENTIFIERS))}) AND map_contains_key(plain, name) "
        f"AND {may_be_read}"
    )
    is_asked = f"NOT (name = 'purpose' AND {PERSONS_WORD})"
    is_left = f"NOT name IN ({listed(LAID_OUT)}) AND NOT ({is_read} AND {is_asked})"
    return f"map_filter(said, (name, told) -> {is_left})"


def _marketing() -> str:
    """Who may leave a group, or is written to by a campaign, is written to for marketing."""
    grouped = f"NOT {is_blank(_said('asm_group_id'))}"
    return (
        f"CASE WHEN {grouped} OR {_plain('marketing_campaign_id')} IS NOT NULL THEN 'marketing' END"
    )


def _topic() -> str:
    """The category, of several the first."""
    return if_plain("CASE WHEN categories IS NULL THEN category ELSE get(categories, 0) END")


def _bounce() -> str:
    kinds = " ".join(f"WHEN '{word}' THEN '{kind}'" for word, kind in BOUNCES.items())
    word = f"regexp_replace(lower({_said('type')}), {literal(SEPARATORS)}, '')"
    kind = f"CASE {word} {kinds} ELSE {_said('type')} END"
    is_soft = f"event = 'deferred' OR event = 'blocked' AND {is_blank(_said('type'))}"
    return f"CASE WHEN {is_soft} THEN 'soft' WHEN means = 'bounced' THEN {kind} END"


def _said(name: str) -> str:
    return f"try_element_at(said, '{name}')"


def _plain(name: str) -> str:
    return f"try_element_at(plain, '{name}')"


def _told_of_list(row: Mapping[str, str], opens: bool) -> list[dict[str, str]]:
    """A row of bounces, blocks, spam reports or unsubscribes: all close email, and open nothing.

    When it happened is written in seconds since 1970.
    """
    if opens:
        return []
    when = row.get("created") or row.get("created_at") or ""
    if when.isascii() and when.isdigit() and len(when) <= MOST_DIGITS:
        when = datetime.fromtimestamp(int(when), UTC).isoformat()
    return [{"channel": "email", **({"occurred_at": when} if when else {})}]


DIALECT = Dialect(
    name="sendgrid",
    doc="SendGrid's Event Webhook as it was posted: one event a line, or an array of them.",
    parse=parse_rows,
    streams=(STREAM,),
    type_field="event",
    lists=ListForm(("created", "created_at"), _told_of_list),
)
