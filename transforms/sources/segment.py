"""The dialect of Segment and RudderStack: track, identify, page, screen, alias and group calls.

From Segment's pages, read on 2026-11-27: "Spec: Common fields", "Identify", "Group",
"Alias", "V2 Ecommerce Events", "Email Events", "Mobile", "Live Chat Events", "Consent in Unify"
(segment.com/docs/connections/spec and /docs/privacy), and by RudderStack's names for the same,
whose own page could not be read.

A landed row is one call, an array of calls, or what libraries post to the HTTP API ("batch" of
segment.com/docs/connections/sources/catalog/libraries/server/http-api): `{"batch": [calls], …}`, of
which each call is a row, and what stands beside it is not read. `segment_words.py` says by name what each event of the specifications is.

| call or event | is | why |
|---|---|---|
| page, screen | page_view | a screen is in the app |
| identify | attribute_set, once without attribute and once for each plain trait | a row sets one attribute; email and phone are identifiers, what is nested stays in `properties`; without `traits`, as RudderStack sends it, those of `context` are they |
| group | attribute_set of `group_id` | the group's own traits are nobody's |
| alias | attribute_set without attribute | it names two identifiers of one person: `userId`, and `previousId` as an address or a cookie |
| Order Completed, Order Updated | order_placed | an order is as it was first sent |
| Order Refunded | order_refunded of the products it lists, `total` shared out over them | the specification lists them, and total is what was given back |
| Order Cancelled | order_cancelled, whole | its products are those of the order |
| Email, SMS, Push Notification, In-App … | what became of a message | |
| Unsubscribed, Unsubscribe | unsubscribed from email, or from the channel of `properties` | also one list's: doubt is silence |
| a name of the house's own with unsubscribed or opted out in it, or unsubscribe or opt out at its end | unsubscribed from the channel that it names, else that of `properties`, else all | doubt is silence |
| Email Subscribed, SMS Opted In … | subscribed to that channel | one list's is refused as `opens_one_group` |
| Resubscribed, Opted In | subscribed to the channel of `properties` | without it refused as `missing:channel`; `Subscribed` alone may be to a plan, and is unknown |
| Segment Consent Preference Updated | consent to ads, granted or withdrawn | by the category Advertising; a row without it says nothing |
| Live Chat Conversation Started, Ended | contact_opened, contact_closed | |
| Application Backgrounded and the like | refused as `not_of_use` | apps send them by themselves, no rule could use them |
| any other | refused as `unknown_type` | `tactful status` tells its name |

What happened when is `timestamp`, which Segment has corrected by the sender's clock, else by the same
rule `receivedAt` - (`sentAt` - `originalTimestamp`), else `originalTimestamp`. Objects that PHP writes
as [] are empty; one that is written as a text, as a cell of a table is, is read. Where part of an
unsubscription cannot be read, it closes every channel, and `doubts` tells that part.

A name that says a channel is closed by it, a property `channel` that says another one makes it all. A
word for a channel that nobody knows closes all and opens nothing. A bounce of a push, in a call that has
no id, is an address's own; what else becomes of a message without `email_id` or `message_id` is refused,
and Segment's mobile specification has none of them.

An alias's `previousId` that was once a `userId` joins nothing, since nothing tells it from a cookie:
two numbers of customers are never one but by an `always_link`.

`email` and `phone` of `properties` are the person's own in orders, messages, `Signed Up`, `Account
Created` and `Signed In`; elsewhere they may be those of whom a product is shared with.

`email_id` is the id of an email, and with many senders one for all recipients. A message here is one
to one person, so `message_id` is it and behind a dot 16 digits that stand for the recipient: the
address, else userId, else anonymousId, by a hash that is keyed with the lake's secret, so that nobody
else finds the address by trying.

Properties are read by the specification's names, and where those are missing in the spelling
orderId, productId. The unit price is `price`. An order's `discount` becomes a line of a negative amount, unless the
products cost no more than `subtotal` already. An order or refund without products is worth its
`total`, else `revenue`, else `value`. A refund's `total` is shared out in proportion to price times
quantity, or to quantity where a price is missing; what rounding leaves is the last one's, so all
together are the total. `context` is kept in `properties`, each entry by its
path, but for what identifies somebody; how a call was carried (`sentAt`, `integrations`, `version`
…) is not. A closing word that says nothing of the kind cannot be known: see `tactful status`.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from tactful.schemas.bounds import MAX_FIELDS
from tactful.schemas.words import CLOSING_TYPES
from tactful.transforms.blanks import is_blank, literal
from tactful.transforms.sources import canonical, names
from tactful.transforms.sources.dialect import Dialect
from tactful.transforms.sources.objects import (
    Reading,
    is_odd,
    listed,
    parse_objects,
    several,
    squeezed,
)
from tactful.transforms.sources.segment_fields import (
    NESTED,
    OBJECTS,
    TEXTS,
    click,
    closes,
    common,
    contact,
    extra,
    is_attribute,
    message,
    of,
    opens_too_much,
    unknown,
)
from tactful.transforms.sources.segment_orders import lines_not_read, lines_read, order
from tactful.transforms.sources.segment_words import (
    EVENTS,
    NOT_OF_USE,
    SPELLINGS,
    bare,
    words_of,
)
from tactful.transforms.sources.values import once

MAP = "map<string,string>"
SHAPE = ", ".join([*(f"{name} string" for name in TEXTS), *(f"{name} {MAP}" for name in OBJECTS)])
DEFAULT = "clicks"
# What libraries post to the HTTP API, and what stands beside the calls.
WRAPPERS = {"batch": ("context", "integrations", "messageId", "metadata", "sentAt", "sequence",
                      "timestamp", "writeKey")}  # fmt: skip


def parse_rows(
    rows: DataFrame,
    *,
    stream: str | None,
    source_name: str,
    max_row_bytes: int,
    max_skew: timedelta,
    pads: DataFrame,
) -> DataFrame:
    """Read each landed row as one call, of whichever stream it is.

    Keeps: one row an event; an identify call is several. Adds: the columns of `received`.
    Drops: `value` (kept as `raw`). Expects: value (text), file (string), modified_at (timestamp).
    pads: one row with inner and outer (see `hmac_pads`).
    """
    return parse_objects(
        rows,
        shape=SHAPE,
        readings={name: _reading(name, pads) for name in EVENTS},
        wrappers=WRAPPERS,
        source_name=source_name,
        max_row_bytes=max_row_bytes,
        max_skew=max_skew,
    )


def _reading(stream: str, pads: DataFrame) -> Reading:
    told = {"clicks": click, "purchases": order, "messages": message,
            "profiles": _profile, "service": contact}[stream]()  # fmt: skip
    is_closing = f"coalesce(means IN ({listed(CLOSING_TYPES)}), false)"
    also = [(f"NOT {is_closing} AND faults.{n}", f"wrong_type:{n}") for n in OBJECTS]
    also.append(("faults.many", "too_many_fields"))
    if stream == "clicks":
        also.append(("is_of_no_use", "not_of_use"))
    if stream == "purchases":
        also.append((lines_not_read(), "wrong_type:lines"))
    if stream == "messages":
        also += opens_too_much()
    if stream == "profiles":
        return Reading(_is_mine(stream), _each_attribute, told, "extra", tuple(also))
    prepare = _prepare(stream)
    if stream == "messages":
        prepare = _with_pads(prepare, pads)
    return Reading(_is_mine(stream), prepare, told, extra(stream), tuple(also))


def _is_mine(stream: str) -> str:
    """Whether a row is of a stream, by the names of its call and event alone."""
    # Or Spark reads the row once for each of the two.
    word = once(f"from_json(value, {literal('type string, event string')})", "said", _word())
    others = [name for other in EVENTS if other != DEFAULT for name in words_of(other)]
    found = f"named IN ({listed(others if stream == DEFAULT else words_of(stream))})"
    if stream in (DEFAULT, "messages"):
        found = f"({found} OR {closes('named')})"
    is_one = f"coalesce({once(word, 'named', found)}, false)"
    return f"NOT {is_one}" if stream == DEFAULT else is_one


def _word() -> str:
    """What a call says happened: the name of its event, or a dot and the kind of call."""
    kinds = ("track", "identify", "page", "screen", "group", "alias")
    kind = squeezed("said.type", kinds)
    event = squeezed("said.event", SPELLINGS)
    is_event = f"{is_blank('said.type')} OR {kind} = 'track'"
    return f"CASE WHEN {is_event} THEN {event} ELSE concat('.', {kind}) END"


def _with_pads(
    prepare: Callable[[DataFrame], DataFrame], pads: DataFrame
) -> Callable[[DataFrame], DataFrame]:
    """The same, and beside each row the lake's secret. Adds: inner, outer."""
    return lambda objects: prepare(objects.crossJoin(F.broadcast(pads)))


def _prepare(stream: str) -> Callable[[DataFrame], DataFrame]:
    types: dict[str, list[str]] = {}
    for word, type_ in words_of(stream).items():
        types.setdefault(type_, []).append(word)
    means = " ".join(
        f"WHEN word IN ({listed(those)}) THEN '{type_}'" for type_, those in types.items()
    )
    if stream == "messages":
        means += f" WHEN {closes('word')} THEN 'unsubscribed'"
    of_no_use = f"coalesce(word IN ({listed(map(bare, NOT_OF_USE))}), false)"
    faults = ", ".join(f"{is_odd(name)} AND objs.{name} IS NULL AS {name}" for name in OBJECTS)
    objs = ", ".join(f"{_told_or_written(name)} AS {name}" for name in OBJECTS)
    many = f"coalesce(size(objs.context) > {MAX_FIELDS}, false)"

    def prepare(objects: DataFrame) -> DataFrame:
        """Adds: word, means, is_of_no_use, faults, objs (the objects of the call), props, ctx and
        the objects of `context`."""
        nested = (f"{_object(of('ctx', name))} AS ctx_{name}" for name in NESTED)
        return (
            objects.selectExpr("*", f"struct({objs}) AS objs")
            .selectExpr(
                "*",
                f"{_word()} AS word",
                f"{names.once_each('objs.properties')} AS props",
                f"{names.once_each('objs.context')} AS ctx",
                f"struct({faults}, {many} AS many) AS faults",
            )
            .selectExpr("*", f"CASE {means} END AS means", f"{of_no_use} AS is_of_no_use", *nested)
            .selectExpr("*", f"{lines_read() if stream == 'purchases' else 'NULL'} AS products")
        )

    return prepare


def _told_or_written(name: str) -> str:
    """An object of the call, also where it is written as a text, as a cell of a table is."""
    text = f"get_json_object(text, '$.{name}')"
    is_whole = (
        "startswith(ltrim(written), '{') AND json_array_length(concat('[', written, ',0]')) <=> 2"
    )
    read = canonical.strictly(f"CASE WHEN {is_whole} THEN written END", MAP)
    return f"coalesce(said.{name}, CASE WHEN is_odd THEN {once(text, 'written', read)} END)"


def _object(text: str) -> str:
    """The object that a text is; null where it is none."""
    return canonical.strictly(f"CASE WHEN startswith({text}, '{{') THEN {text} END", MAP)


def _each_attribute(objects: DataFrame) -> DataFrame:
    """Make each plain trait of an identify call an event of its own, behind one that has none.

    Adds: entry (attribute, value), common, extra, means.
    """
    prepared = _prepare("profiles")(objects)
    choice = f"get_json_object({of('ctx', 'consent')}, '$.categoryPreferences.Advertising')"
    consent = f"CASE WHEN {choice} = 'true' THEN 'consent_granted' ELSE 'consent_withdrawn' END"
    told = f"CASE WHEN {choice} IS NOT NULL THEN {consent} END"
    means = f"CASE WHEN means = 'consent' THEN {told} ELSE means END"
    trait = (
        "named_struct('raw', to_json(named_struct('type', said.type, 'messageId', said.messageId, "
        "'trait', told.key, 'value', told.value)), 'attribute', told.key, 'value', told.value)"
    )
    first = (
        "named_struct('raw', CAST(NULL AS string), "
        "'attribute', CASE WHEN word = '.group' THEN 'group_id' END, "
        "'value', CASE WHEN word = '.group' THEN said.groupId END)"
    )
    own = names.once_each("objs.traits")
    is_bare = "word = '.identify' AND coalesce(size(own_traits), 0) = 0"
    plain = f"filter(map_entries(traits), told -> {is_attribute('told.key', 'told.value')})"
    traits = f"transform({plain}, told -> {trait})"
    entries = (
        "CASE WHEN word = '.identify' AND traits IS NOT NULL "
        f"THEN concat(array({first}), {traits}) ELSE array({first}) END"
    )
    shared = ", ".join(f"{sql} AS {name}" for name, sql in common().items() if name != "type")
    return (
        prepared.selectExpr("*", f"{own} AS own_traits")
        .selectExpr("*", f"{is_bare} AS is_bare")
        .selectExpr(
            "*",
            f"CASE WHEN is_bare THEN {names.once_each('ctx_traits')} ELSE own_traits END AS traits",
        )
        .selectExpr(
            "*",
            f"{means} AS _means",
            f"struct({shared}) AS common",
            f"{extra('profiles')} AS _more",
            f"coalesce({unknown()}, 'unknown') AS _strange",
        )
        .drop("means")
        .withColumnRenamed("_means", "means")
        .transform(
            several,
            keep=("faults", "means", "common", "_more", "_strange", "props"),
            entries=entries,
        )
        .selectExpr("*", f"{_first('_more')} AS extra")
    )


def _profile() -> dict[str, str]:
    shared = {name: f"common.{name}" for name in common() if name != "type"}
    is_consent = "startswith(means, 'consent')"
    own = "CASE WHEN entry.raw IS NULL THEN '' ELSE concat(':', entry.attribute) END"
    return {
        **shared,
        "event_id": f"concat(common.event_id, {own})",
        "type": "coalesce(means, _strange)",
        "properties": _first("props"),
        "attribute": "entry.attribute",
        "value": "entry.value",
        "channel": f"CASE WHEN {is_consent} THEN 'ad' END",
        "purpose": f"CASE WHEN {is_consent} THEN 'marketing' END",
    }


def _first(value: str) -> str:
    """Of the events of one call only the first has it."""
    return f"CASE WHEN entry.raw IS NULL THEN {value} END"


DIALECT = Dialect(
    name="segment",
    doc="Calls of Segment or RudderStack, one a line or in batches: track, identify, page, others.",
    parse=parse_rows,
    streams=tuple(EVENTS),
    type_field="event",
    is_keyed=True,
    customer_field="userId",
)
