"""What the calls of Segment say, as canonical fields in SQL (see `segment.py`).

Over the columns that `segment.py` prepares: said (the call), word and means (what happened), props,
ctx and ctx_… (properties, context and the objects in it), products.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tactful.schemas.words import ALL, CLOSING_TYPES
from tactful.transforms.blanks import is_blank, literal
from tactful.transforms.identity.keys import hmac_text
from tactful.transforms.sources import names, values, words
from tactful.transforms.sources.objects import identifiers, if_plain, listed
from tactful.transforms.sources.segment_words import (
    CLOSED_BY_NAME,
    CLOSING,
    EVENTS,
    MESSAGES,
    UNNAMED,
    bare,
)

TEXTS = (
    "type", "event", "messageId", "userId", "anonymousId", "previousId", "groupId", "timestamp",
    "originalTimestamp", "sentAt", "receivedAt", "name", "channel",
)  # fmt: skip
OBJECTS = ("properties", "traits", "context")
# How a call was carried.
CARRIED = (
    "version", "integrations", "writeKey", "projectId", "library", "_metadata",
    "category", "rudderId", "request_ip", "userProperties", "groupProperties",
)  # fmt: skip
PRODUCT = (
    "product_id:string,productId:string,sku:string,category:string,price:string,quantity:string"
)
# Objects of `context` whose entries are told by their own paths, without those laid out.
NESTED = {
    "page": ("url", "referrer"),
    "campaign": ("id", "name"),
    "device": ("id", "advertisingId", "type"),
    "os": ("name",),
    "location": ("country", "region", "city"),
    "traits": ("email", "phone"),
}
OF_CONTEXT = (*NESTED, "sessionId", "timezone", "consent")
# What a person does by their own address.
OWN_CONTACT = (*EVENTS["messages"], *EVENTS["purchases"], "signup", "login")
ARGUMENTS = ("purpose", "variant", "content_id", "topic", "decision_id")
LAID_OUT = {
    "clicks": ("sku", "query"),
    "purchases": ("order_id", "currency"),
    "messages": ("email_id", "campaign_id", "email", "phone"),
    "profiles": (),
    "service": ("conversation_id",),
}
FORMS = {
    "checkoutstepcompleted": "checkout", "completedcheckoutstep": "checkout",
    "paymentinfoentered": "payment", "enteredpaymentinfo": "payment", "couponentered": "coupon",
}  # fmt: skip


def common() -> dict[str, str]:
    """The fields of every event."""
    happened = (
        f"coalesce({_unless_empty('said.timestamp')}, {_corrected()}, said.originalTimestamp)"
    )
    return {
        "event_id": "said.messageId",
        "type": f"coalesce(means, {unknown()})",
        "occurred_at": happened,
        "received_at": _unless_empty("said.receivedAt"),
        "identifiers": _who(),
    }


def _corrected() -> str:
    """What happened when by the receiver's clock: as long before it came as before it was sent."""
    sent, told, came = (
        f"unix_micros({values.instant(f'said.{name}')})"
        for name in ("sentAt", "originalTimestamp", "receivedAt")
    )
    micros = f"CAST({came} - ({sent} - {told}) AS decimal(20,0))"
    since = f"make_dt_interval(0, 0, 0, CAST({micros} / 1000000 AS decimal(18,6)))"
    moment = f"concat(CAST(TIMESTAMP_NTZ'1970-01-01 00:00:00' + {since} AS string), 'Z')"
    is_needed = f"{_unless_empty('said.timestamp')} IS NULL AND said.sentAt IS NOT NULL"
    return values.rarely(f"CASE WHEN {is_needed} THEN said.originalTimestamp END",
                         f"CASE WHEN written IS NOT NULL THEN {moment} END")  # fmt: skip


def closes(word: str) -> str:
    """Whether a name that no specification has says that somebody has left."""
    return f"coalesce(NOT startswith({word}, '.') AND {word} RLIKE {literal(CLOSING)}, false)"


def opens_too_much() -> list[tuple[str, str]]:
    """What is wrong with a word that opens one list of many, or does not say what it opens."""
    opens = "coalesce(means = 'subscribed', false)"
    one = f"NOT ({is_blank(property_of('list_id'))} AND {is_blank(property_of('list_name'))})"
    return [
        (f"{opens} AND {one}", "opens_one_group"),
        (f"{opens} AND {is_blank(_channel())}", "missing:channel"),
    ]


def with_properties(stream: str, told: dict[str, str]) -> dict[str, str]:
    laid_out = listed(LAID_OUT[stream])
    left = f"map_filter(props, (name, told) -> NOT name IN ({laid_out}))" if laid_out else "props"
    return {**common(), "properties": left, **told}


def unknown() -> str:
    """Of a name that is of no use a type that stands, since the reason tells all; else no type."""
    said = f"NOT {is_blank('said.event')} OR NOT {is_blank('said.type')}"
    return f"CASE WHEN is_of_no_use THEN 'page_view' WHEN {said} THEN 'unknown' END"


def click() -> dict[str, str]:
    forms = " ".join(f"WHEN '{word}' THEN '{form}'" for word, form in FORMS.items())
    is_page = "word IN ('.page', '.screen')"
    device = f"{of('ctx_device', 'type')} AS type, {of('ctx_os', 'name')} AS os"
    places = [of("ctx_location", name) for name in ("country", "region", "city")]
    places.append(of("ctx", "timezone"))
    return with_properties("clicks", {
        "session_id": of("ctx", "sessionId"),
        "sku": f"coalesce({of('props', 'sku')}, {property_of('product_id')})",
        "category": f"CASE WHEN NOT {is_page} THEN {of('props', 'category')} END",
        "form": f"CASE word {forms} ELSE CASE WHEN startswith(means, 'form') THEN "
                f"coalesce({property_of('form_id')}, {property_of('form_name')}) END END",
        "query": of("props", "query"),
        "url": f"coalesce(CASE WHEN {is_page} THEN {of('props', 'url')} END, "
               f"{of('ctx_page', 'url')}, {of('props', 'url')})",
        "referrer": f"coalesce({of('ctx_page', 'referrer')}, {of('props', 'referrer')})",
        "campaign_id": campaign(),
        "place": place(),
        "device": "CASE WHEN ctx_device IS NOT NULL OR ctx_os IS NOT NULL "
                  f"THEN struct({device}) END",
        "geo": f"CASE WHEN coalesce({', '.join(places)}) IS NOT NULL "
               f"THEN struct({', '.join(places)}) END",
    })  # fmt: skip


def message() -> dict[str, str]:
    campaign = f"get_json_object({of('props', 'campaign')}, '$.name')"
    is_own_word = f"means IN ({listed((*CLOSING_TYPES, 'subscribed'))})"
    own = {name: if_plain(of("props", name)) for name in ARGUMENTS}
    flag = f"TRY_CAST({property_of('machine_open')} AS boolean)"
    return with_properties("messages", {
        **own,
        "purpose": f"CASE WHEN NOT {is_own_word} THEN {own['purpose']} END",
        "message_id": _message_id(),
        "channel": _channel(),
        "campaign_id": f"coalesce({if_plain(property_of('campaign_id'))}, {if_plain(campaign)})",
        "bounce": f"CASE WHEN means = 'bounced' THEN {property_of('bounce_type')} END",
        "machine_open": f"CASE WHEN means = 'opened' THEN {flag} END",
    })  # fmt: skip


def _channel() -> str:
    """The channel: the event's name says it, else the property. What closes closes all in doubt."""
    channels: dict[str, list[str]] = {}
    for by_channel in MESSAGES.values():
        for channel, those in by_channel.items():
            channels.setdefault(channel, []).extend(map(bare, those))
    named = " ".join(f"WHEN word IN ({listed(w)}) THEN '{c}'" for c, w in channels.items())
    said = f"CASE WHEN NOT {is_blank(of('props', 'channel'))} THEN {of('props', 'channel')} END"
    each = (f"CASE WHEN word RLIKE '{p}' THEN '{c}' END" for c, p in CLOSED_BY_NAME.items())
    known = words.read("messages", "channel", "said")
    closed = f"""CASE
        WHEN faults.properties THEN get_json_object(text, '$.properties')
        WHEN faults.context THEN get_json_object(text, '$.context')
        WHEN size(found) > 1 THEN '{ALL}'
        WHEN {known} != get(found, 0) THEN concat(get(found, 0), ' ', said)
        ELSE coalesce(get(found, 0), said,
            CASE WHEN word IN ({listed(map(bare, UNNAMED["unsubscribed"]))}) THEN 'email' END,
            '{ALL}')
    END"""
    closed = values.once(f"array_compact(array({', '.join(each)}))", "found", closed)
    return f"""CASE
        WHEN means = 'unsubscribed' THEN {values.once(said, "said", closed)}
        WHEN means = 'subscribed' THEN coalesce(CASE {named} END, {said})
        ELSE CASE {named} END
    END"""


def _message_id() -> str:
    """The email's id, and what stands for its recipient.

    Expects: inner, outer.
    """
    told = f"coalesce({property_of('email_id')}, {property_of('message_id')})"
    who = f"coalesce(lower({_email()}), said.userId, said.anonymousId)"
    keyed = hmac_text(f"concat({told}, ' ', {who})")
    digest = f"substring({keyed}, 1, 16)"
    is_one = f"NOT {is_blank(told)} AND {who} IS NOT NULL"
    return f"CASE WHEN {is_one} THEN concat({told}, '.', {digest}) ELSE {told} END"


def contact() -> dict[str, str]:
    return with_properties("service", {
        "contact_id": property_of("conversation_id"), "channel": "'chat'",
    })  # fmt: skip


def is_attribute(name: str, value: str) -> str:
    """Whether a trait is said of the person in one plain value, and is no identifier."""
    return (
        f"(NOT {name} IN ('email', 'phone') AND NOT {is_blank(name)} "
        f"AND octet_length({name}) <= 500 "
        f"AND NOT {is_blank(value)} AND NOT {values.is_no_text(value)} AND NOT {_is_inside(value)})"
    )


def _is_inside(value: str) -> str:
    """Whether it is an object or a list in what is itself written as a text."""
    is_json = f"json_object_keys({value}) IS NOT NULL OR json_array_length({value}) IS NOT NULL"
    opens = f"startswith({value}, '{{') OR startswith({value}, '[')"
    return f"CASE WHEN is_odd AND ({opens}) THEN {is_json} ELSE false END"


def extra(stream: str) -> str:
    """What is told beside the properties, each by its path."""

    def under(prefix: str, entries: str) -> str:
        key = f"concat('{prefix}', told.key) AS key"
        return f"transform({entries}, told -> struct({key}, told.value AS value))"

    def left(of: str, laid_out: Iterable[str]) -> str:
        return f"filter(map_entries({of}), told -> NOT told.key IN ({listed(laid_out)}))"

    parts = [under("context.", left("ctx", OF_CONTEXT if stream != "profiles" else (*NESTED,)))]
    told_below = {n: left(f"ctx_{n}", laid) for n, laid in NESTED.items()}
    if stream == "profiles":
        is_left = f"NOT is_bare OR NOT {is_attribute('told.key', 'told.value')}"
        told_below["traits"] = f"filter({told_below['traits']}, told -> {is_left})"
    parts += [under(f"context.{n}.", below) for n, below in told_below.items()]
    plain = ["struct('name' AS key, said.name AS value)"]
    parts.append(f"filter(array({', '.join(plain)}), told -> told.value IS NOT NULL)")
    if stream == "profiles":
        nested = (
            f"filter(map_entries(own_traits), told -> told.key NOT IN ('email', 'phone') AND "
            f"(word != '.identify' OR NOT {is_attribute('told.key', 'told.value')}))"
        )
        parts.append(under("traits.", nested))
    unknown = names.unknown_outside({*TEXTS, *OBJECTS, *CARRIED})
    parts.append(unknown)
    each = ", ".join(f"coalesce({part}, {names.NO_ENTRIES})" for part in parts)
    return f"concat({each})"


def _who() -> str:
    """Everybody's identifiers: an alias names two, a phone's apps know its advertising id."""
    previous = "CASE WHEN word = '.alias' THEN said.previousId END"
    is_address = f"contains({previous}, '@')"
    return identifiers((
        ("customer_id", _unless_empty("said.userId")),
        ("email", _email()),
        ("phone", _phone()),
        ("email", f"CASE WHEN {is_address} THEN {previous} END"),
        ("anonymous_id", f"CASE WHEN NOT {is_address} THEN {previous} END"),
        ("anonymous_id", _unless_empty("said.anonymousId")),
        ("device_id", _unless_empty(of("ctx_device", "id"))),
        ("device_id", _unless_empty(of("ctx_device", "advertisingId"))),
    ))  # fmt: skip


def property_of(name: str) -> str:
    """A property by its name of the specification, else as some senders spell it: orderId."""
    other = re.sub(r"_([a-z])", lambda found: found[1].upper(), name)
    return f"coalesce({of('props', name)}, {of('props', other)})"


def _email() -> str:
    return _contact("email")


def _phone() -> str:
    return _contact("phone")


def _contact(name: str) -> str:
    """An address: a trait, else a property of what only the person does; elsewhere it may be a
    friend's with whom a product is shared, or an agent's."""
    told = f"CASE WHEN means IN ({listed(OWN_CONTACT)}) THEN {of('props', name)} END"
    return f"coalesce({_trait(name)}, {_unless_empty(told)})"


def _trait(name: str) -> str:
    """What an identify call says of the person, else what the context does."""
    own = f"CASE WHEN word = '.identify' THEN {of('objs.traits', name)} END"
    return f"coalesce({_unless_empty(own)}, {_unless_empty(of('ctx_traits', name))})"


def campaign() -> str:
    return f"coalesce({of('ctx_campaign', 'id')}, {of('ctx_campaign', 'name')})"


def place() -> str:
    is_app = (
        "word = '.screen' OR startswith(word, 'application') OR said.channel = 'mobile' "
        f"OR lower({of('ctx_device', 'type')}) IN ('ios', 'android')"
    )
    is_web = f"{of('ctx_page', 'url')} IS NOT NULL OR said.channel IN ('web', 'browser')"
    return f"CASE WHEN {is_app} THEN 'app' WHEN {is_web} THEN 'online' END"


def of(where: str, name: str) -> str:
    return f"try_element_at({where}, '{name}')"


def _unless_empty(text: str) -> str:
    return f"nullif({text}, '')"
