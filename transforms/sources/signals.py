"""Signals: what an event says of consent beside what it is, each as an event of its own.

A browser asks with every page not to be sold (Global Privacy Control), a consent banner writes what
was chosen into a string (TCF, GPP, US Privacy), and a sender of text messages learns from its
vendor's error that a number has opted out. All of them stand in `properties`, in any spelling:

| name of the property | what it says |
|---|---|
| `gpc`, `Sec-GPC`, `HTTP_SEC_GPC` | 1, true, yes or on: no ads; 0, false, no, off or nothing: no preference |
| `tcf_string`, `tc_string`, `IABTCF_TCString`, `euconsent-v2` | a TC string (IAB Europe); see `privacy_strings.tcf` |
| `gpp_string`, `gpp`, `IABGPP_HDR_GppString` | a GPP string (IAB Tech Lab); see `privacy_strings.gpp` |
| `us_privacy`, `usp_string`, `IABUSPrivacy_String` | a US Privacy string, such as 1YYN |
| `error_code` of a message that failed | 21610: the number has opted out (Twilio, read 2026-11-27) |

The first four are of ads and marketing, wherever somebody lives: they withdraw consent to it, and a TC
string at times grants it, as of the day on which it was chosen. Where `gdpr_applies` beside it is 0 it
says nothing. Messages tell none of them, since a mailbox's proxy, not its owner, may have asked for
what they show.
"""  # noqa: E501

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.intake import RECEIVED
from tactful.schemas.words import AD, MANUAL_LINK_TYPES, SIGNALS
from tactful.transforms.blanks import SEPARATORS, literal, trimmed
from tactful.transforms.sources import privacy_strings as strings
from tactful.transforms.sources.words import FORGIVEN, NEEDED

GPC, TCF, GPP, US_PRIVACY = SIGNALS
ERROR_CODE = "error_code"
# Names without case and separators, and what each is.
SPELLINGS = {
    "gpc": GPC, "secgpc": GPC, "globalprivacycontrol": GPC, "httpsecgpc": GPC,
    "tcf": TCF, "tcfstring": TCF, "tcstring": TCF, "iabtcftcstring": TCF, "euconsentv2": TCF,
    "gpp": GPP, "gppstring": GPP, "iabgpphdrgppstring": GPP,
    "usprivacy": US_PRIVACY, "uspstring": US_PRIVACY, "usprivacystring": US_PRIVACY,
    "iabusprivacystring": US_PRIVACY,
    "errorcode": ERROR_CODE,
}  # fmt: skip
# Whether a TC string is about anything here.
APPLIES = ("gdpr", "gdprapplies", "iabtcfgdprapplies")
# A number at times comes as a fraction, or as a structured header has it.
YES = r"^(\\+?1(\\.0*)?|[?]1|true|yes|on)$"
NO = (
    r"^([+-]?0(\\.0*)?|[?]0|false|no|off|null|nil|unset|not set|undefined|unknown|none|nan|n/?a|-+"
    r")$"
)
# What a vendor answers whose recipient has opted out there.
OPTED_OUT = r"^[^0-9]*21610(\\.0*)?$"
OPT_OUT = "opted_out_at_the_vendor"
# What else may be wrong with the row that a signal stands in: it counts all the same.
BESIDE = (*FORGIVEN, "missing", "unknown_type", "unknown_value", "unknown_currency")

FOUND = "array<struct<key:string,name:string,value:string,finding:string,since:timestamp>>"

# The names above in any spelling, and what may hide one.
NAMED = r"(?i)gpc|privacy|tcf|tc.{0,2}string|euconsent|gpp|usp.{0,2}string|error.{0,2}code|\\u00"


def is_name(name: str) -> bool:
    """Whether a property may be a signal, for whoever looks before Spark does."""
    return re.sub(SEPARATORS, "", name.lower()) in SPELLINGS


def may_hold_any() -> Column:
    """Whether a landed row may carry a signal, by its text alone: quicker than to read it.

    Names that are written in escapes are looked at more closely, whatever they are.
    """
    return F.col("value").cast("string").rlike(NAMED)


def with_signals(received: DataFrame, *, tcf_vendors: Collection[int] = ()) -> DataFrame:
    """Give each signal an event of its own, of the person and time of the event that carries it.

    Its id is the carrier's and the name of the property, so that a carrier that comes again brings
    nothing new. A signal closes also where something else is wrong with its carrier, unless that
    says neither who nor when; only a whole carrier opens anything, as of when it was chosen, that
    it goes before no newer refusal. What nobody can read, a string or Global Privacy Control in a
    word that nobody knows, opens nothing and closes nothing, and is a row of quarantine
    (`unreadable:…`).

    Keeps: all rows. Adds: one row a signal, of profiles (consent_withdrawn, consent_granted; what
    it is in `attribute`, what was found in `value`) or of messages (unsubscribed).
    received: columns of `received`. tcf_vendors: those by whom a business advertises.
    """
    told = received.selectExpr("*", f"{_entries()} AS _told")
    found = told.selectExpr("*", f"{_findings(tcf_vendors)} AS _found").drop("_told")
    itself = f"CAST(array(NULL) AS {FOUND})"
    each = found.selectExpr("*", f"explode(concat({itself}, _found)) AS _signal").drop("_found")
    return RECEIVED.conform(each.selectExpr(*_columns()))


def _entries() -> str:
    """The properties that are signals, by their own name and by ours; null without any."""
    names = ", ".join(f"'{word}', '{name}'" for word, name in SPELLINGS.items())
    squeezed = f"regexp_replace(lower(_entry.key), {literal(SEPARATORS)}, '')"
    name = f"try_element_at(map({names}), {squeezed})"
    value = trimmed("_entry.value")
    named = f"struct(_entry.key AS key, {name} AS name, {value} AS value)"
    each = f"transform(map_entries(properties), _entry -> {named})"
    wanted = f"""CASE WHEN stream = 'messages' THEN _one.name = '{ERROR_CODE}' AND type = 'failed'
        ELSE _one.name != '{ERROR_CODE}' AND size(identifiers) > 0 END"""
    elsewhere = f"""exists(map_entries(properties), _entry -> {squeezed} IN ({_quoted(APPLIES)})
        AND lower({value}) RLIKE '{NO}')"""
    is_about = f"(_one.name != '{TCF}' OR NOT {elsewhere})"
    said = f"""filter({each}, _one -> _one.name IS NOT NULL AND _one.value != '' AND {wanted}
        AND {is_about})"""
    is_own = f"NOT coalesce(type IN ({_quoted(MANUAL_LINK_TYPES)}), false)"
    return f"""CASE WHEN properties IS NOT NULL AND size(properties) > 0 AND {is_own}
        AND event_id IS NOT NULL AND occurred_at IS NOT NULL AND {_only_beside()} THEN {said} END"""


def _only_beside() -> str:
    """Whether all that a signal cannot do without, who says it and when, is right."""
    fault, field = "split_part(_why, ':', 1)", "split_part(_why, ':', 2)"
    needed = [name for name in NEEDED if name not in ("type", "message_id")]
    is_beside = f"{fault} IN ({_quoted(BESIDE)}) AND {field} NOT IN ({_quoted(needed)})"
    return f"forall(reasons, _why -> {is_beside})"


def _findings(vendors: Iterable[int]) -> str:
    """Signals that say something, each with what was found."""
    said = "_one.value"
    gpc = f"""CASE
        WHEN lower({said}) RLIKE '{YES}' THEN '{strings.GPC}'
        WHEN lower({said}) RLIKE '{NO}' THEN '{strings.NOTHING}'
        ELSE '{strings.UNREADABLE}' END"""
    is_out = f"{said} RLIKE '{OPTED_OUT}'"
    code = f"CASE WHEN {is_out} THEN '{OPT_OUT}' ELSE '{strings.NOTHING}' END"
    finding = f"""CASE _one.name
        WHEN '{GPC}' THEN {gpc}
        WHEN '{TCF}' THEN {strings.tcf(said, vendors)}
        WHEN '{GPP}' THEN {strings.gpp(said, vendors)}
        WHEN '{US_PRIVACY}' THEN {strings.us_privacy(said)}
        ELSE {code} END"""
    found = f"transform(_told, _one -> struct(_one.key, _one.name, {said}, {finding} AS finding))"
    granted = f"_one.finding = '{strings.GRANTED}'"
    since = f"CASE WHEN {granted} THEN {strings.chosen_at(said)} END AS since"
    each = f"struct(_one.key, _one.name, {said}, _one.finding, {since})"
    judged = f"transform({found}, _one -> {each})"
    holds = strings.still_holds("_one.since", "occurred_at")
    opens = f"NOT {granted} OR size(reasons) = 0 AND {holds}"
    kept = f"filter({judged}, _one -> _one.finding != '{strings.NOTHING}' AND ({opens}))"
    return f"CASE WHEN size(_told) > 0 THEN {kept} ELSE CAST(array() AS {FOUND}) END"


def _columns() -> list[str]:
    """The columns of `received`: of the row itself, else of the event that its signal is."""
    is_vendors = f"_signal.name = '{ERROR_CODE}'"
    stream = f"CASE WHEN {is_vendors} THEN 'messages' ELSE 'profiles' END"
    event_id = "concat_ws('/', stream, event_id, _signal.key)"
    type_ = f"""CASE WHEN {is_vendors} THEN 'unsubscribed'
        WHEN _signal.finding = '{strings.GRANTED}' THEN 'consent_granted'
        ELSE 'consent_withdrawn' END"""
    is_unread = f"_signal.finding = '{strings.UNREADABLE}'"
    # Who grants does so when they chose; who refuses is taken at the latest word.
    occurred_at = "least(occurred_at, _signal.since)"
    payload = (
        f"to_json(struct({occurred_at} AS occurred_at, identifiers, message_id, _signal.finding))"
    )
    told = {
        "stream": stream,
        "source_position": (
            "named_struct('file', source_position.file, "
            "'modified_at', source_position.modified_at, "
            "'line_hash', concat(source_position.line_hash, '/', _signal.key))"
        ),
        "raw": "_signal.value",
        "reasons": f"CASE WHEN {is_unread} "
        f"THEN array(concat('{strings.UNREADABLE}:', _signal.name)) "
        "ELSE CAST(array() AS array<string>) END",
        "event_hash": _hash(f"concat({stream}, chr(0), {event_id})"),
        "payload_hash": _hash(payload),
        "event_id": event_id,
        "occurred_at": occurred_at,
        "type": type_,
        "channel": f"CASE WHEN {is_vendors} THEN coalesce(channel, 'sms') ELSE '{AD}' END",
        "purpose": f"CASE WHEN NOT {is_vendors} THEN 'marketing' END",
        "message_id": f"CASE WHEN {is_vendors} THEN message_id END",
        "attribute": f"CASE WHEN NOT {is_vendors} THEN _signal.name END",
        "value": f"CASE WHEN NOT {is_vendors} THEN _signal.finding END",
    }
    kept = ("source_name", "landed_at", "received_at", "source", "identifiers")
    told |= {name: name for name in kept}
    types = {column.name: column.type for column in RECEIVED.columns}
    return [
        f"CASE WHEN _signal IS NULL THEN `{name}` "
        f"ELSE CAST({told.get(name, 'NULL')} AS {kind}) END AS `{name}`"
        if told.get(name) != name
        else f"`{name}`"
        for name, kind in types.items()
    ]


def _hash(value: str) -> str:
    return f"unhex(substring(sha2({value}, 256), 1, 32))"


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
