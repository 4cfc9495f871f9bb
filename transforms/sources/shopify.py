"""The dialect of Shopify: orders, refunds, fulfilments, customers, consent and checkouts.

By the names that the vendor documents under "Webhooks" (shopify.dev/docs/api/webhooks, 2026-04) and
for the REST resources Order, Refund, Fulfillment, Customer and Checkout (shopify.dev/docs/api/admin-rest),
as far as excerpts of them could be read on 2026-11-27; the pages themselves could not.

A landed row is the body of one webhook, or one object of an export in the same form, or an array of
them, alone or as the REST API answers (`{"orders": […]}`): then each object is a row. A body does not
name its topic, so its fields tell what it is:

| body | is known by | gives |
|---|---|---|
| order | line_items, and financial_status or order_number | order_placed; once it is so order_paid, order_cancelled; each refund and fulfilment in it |
| refund | refund_line_items | order_refunded |
| edit | order_edit | refused as `not_of_use` (see below) |
| fulfilment | tracking_number(s), order_id | order_shipped; order_delivered once shipment_status says so |
| checkout | abandoned_checkout_url | checkout_start, again whenever it was updated |
| customer | verified_email or addresses; or updated_at beside a field of consent | attribute_set without attribute; consent where it was given or taken back |
| consent | else a field of consent: email_ or sms_marketing_consent, accepts_marketing | consent_granted, consent_withdrawn |
| any other | | refused as `unknown_type` |

An order comes again whenever anything about it changes. Each event has its own id, and holds only
what does not change any more, so the order once more is a row of duplicates: of what is not laid out,
`properties` keep the names in KEPT. Refunds and fulfilments name no customer, as their own webhooks do
not; they act on the order, and so do its payment and its cancelling: who bought may be told
otherwise later, so it is the placing's alone (another buyer is an order in a new form). When an order was paid is not told, so it is when it was processed.

An order that was edited comes again with other lines. It stands as it was first sent: what was added
is not taken in, the placing in its new form is refused as `id_reused` (long after, it counts as a
duplicate). A line that was removed keeps its `quantity`, and its `current_quantity` is 0; so is that
of one that was returned. What takes it back is the refund that Shopify writes for either, with its
`refund_line_items` and, where nothing was paid back, without transactions. The body of `orders/edited`
names lines by their ids and a number alone, and would take the same units back once more.

Who is `subscribed` has consented, who is `unsubscribed` has not; `not_subscribed`, `pending`,
`redacted` and `invalid` say neither (a body of only that is refused as `not_of_use`). Of customers
before these objects, `accepts_marketing` counts from the time it was last changed, which is
`accepts_marketing_updated_at` ("when the customer was transitioned into" that state: shopify.dev/changelog,
2019-03-12). It is false for all who never ticked the box, whose time is that of `created_at`: they
have said nothing, and only a later no is a withdrawal, or one of somebody with a
`marketing_opt_in_level`. Doubt is silence: a trimmed body's "no" counts without both times, and one
without any as of when its file came. GraphQL's customers are read for their consent alone.

A line costs price × quantity less its `discount_allocations` (without them `total_discount`). A
refund without lines gives back what its successful transactions do; of nothing (yet) it is refused
as `not_of_use`. An order without lines cost its `total_price`. Test orders are refused as
`test_order`. Amounts are in the shop's currency, of refunds in the buyer's the `shop_money` beside it;
where that is not told, and the order is, they are refused as `refund_in_other_currency`.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from pyspark.sql import DataFrame

from tactful.transforms.blanks import literal
from tactful.transforms.sources.dialect import Dialect
from tactful.transforms.sources.objects import (
    Reading,
    identifiers,
    listed,
    parse_objects,
    several,
)
from tactful.transforms.sources.shopify_profiles import each_profile_event, profile
from tactful.transforms.sources.shopify_shapes import (
    CHANNELS,
    CUSTOMERS,
    EVENT,
    GRAPHQL,
    LINE,
    NOTHING,
    OBJECTS,
    SHAPE,
    kind,
)

# What is kept of an order: nothing that changes as it goes on.
KEPT = ("name", "order_number", "source_name", "landing_site", "referring_site", "cart_token",
        "checkout_token")  # fmt: skip
PLACES = {"web": "online", "pos": "store", "iphone": "app", "android": "app"}
PAID = ("paid", "partially_refunded", "refunded")
# Answers of the REST API hold nothing beside their list.
WRAPPERS: dict[str, tuple[str, ...]] = dict.fromkeys(
    ("orders", "customers", "refunds", "fulfillments", "checkouts"), ()
)
SINGLE = ("order", "customer", "refund", "fulfillment", "checkout")
# GraphQL names a customer gid://shopify/Customer/7001 who is 7001 to webhooks and REST.
GID = r'"gid:\\?/\\?/shopify\\?/\w+\\?/([^"/?]+)([?][^"]*)?"'
PLAIN = f"""CASE WHEN contains(text, '"gid:') THEN regexp_replace(text, {literal(GID)}, '"$1"')
    ELSE text END"""


def parse_rows(
    rows: DataFrame,
    *,
    stream: str | None,
    source_name: str,
    max_row_bytes: int,
    max_skew: timedelta,
) -> DataFrame:
    """Read each landed row as one body, and give every event that it tells of.

    Keeps: one row an event; an order is several. Adds: the columns of `received`.
    Drops: `value` (kept as `raw`). Expects: value (text), file (string), modified_at (timestamp).
    """
    return parse_objects(
        rows,
        shape=SHAPE,
        readings=READINGS,
        wrappers=WRAPPERS,
        single=SINGLE,
        plain=PLAIN,
        source_name=source_name,
        max_row_bytes=max_row_bytes,
        max_skew=max_skew,
    )


def _each_order_event(objects: DataFrame) -> DataFrame:
    """Make every event of an order, refund or fulfilment a row.

    Adds: entry (see EVENT), kind, common (what all events of an order say).
    """
    code = "transform(said.discount_codes, entry -> entry.code)"
    kept = ", ".join(f"'{name}', said.{name}" for name in KEPT)
    common = {
        "order_id": "CASE kind WHEN 'order' THEN said.id WHEN 'edit' THEN said.order_edit.order_id "
                    "ELSE said.order_id END",
        "identifiers": _customer(),
        "coupons": f"CASE WHEN size({code}) > 0 THEN {code} END",
        "place": _place(),
        "store_id": "CASE WHEN said.source_name = 'pos' THEN said.location_id END",
        "properties": f"map_filter(map({kept}), (name, told) -> told IS NOT NULL)",
        "reason": "CASE WHEN said.cancel_reason IS NOT NULL "
                  "THEN map('cancel_reason', said.cancel_reason) END",
        "is_test": "coalesce(said.test = 'true', false)",
        "currency": "CASE WHEN kind = 'order' THEN said.currency END",
    }  # fmt: skip
    own = (*OBJECTS, "id", "created_at", "updated_at", "processed_at", "status", "shipment_status")
    alone = ", ".join(f"said.{name} AS {name}" for name in own)
    unknown = _event("CASE WHEN is_sound THEN 'unknown' END", "'body'", "said.created_at")
    edited_at = "coalesce(said.order_edit.committed_at, said.order_edit.created_at)"
    edit = _event(NOTHING, "concat('order_edit/', said.order_edit.id)", edited_at)
    entries = f"""CASE kind
        WHEN 'order' THEN {_of_order()}
        WHEN 'refund' THEN array({_refund("alone", NOTHING)})
        WHEN 'fulfilment' THEN {_fulfilment("alone", is_body=True)}
        WHEN 'edit' THEN array({edit})
        ELSE array({unknown})
    END"""
    laid = ", ".join(f"{sql} AS {name}" for name, sql in common.items())
    return (
        objects.selectExpr("*", f"{kind()} AS kind", f"struct({alone}) AS alone")
        .selectExpr("*", f"struct({laid}) AS common")
        .transform(several, keep=("kind", "common"), entries=entries)
    )


def _event(type_: str, event_id: str, at: str, *, lines: str = "NULL", amount: str = "NULL",
           currency: str = "NULL", raw: str = NOTHING) -> str:  # fmt: skip
    each = ", ".join((raw, type_, event_id, at, lines, amount, currency))
    return f"CAST(struct({each}) AS {EVENT})"


def _of_order() -> str:
    processed = "coalesce(said.processed_at, said.created_at)"
    about = "to_json(struct('{0}' AS type, said.id AS order_id))"
    has_lines = "size(said.line_items) > 0"
    placed = _event("'order_placed'", "concat('order/', said.id, '/placed')", processed,
                    lines=f"CASE WHEN {has_lines} THEN {_lines()} END",
                    amount=f"CASE WHEN NOT coalesce({has_lines}, false) THEN said.total_price END",
                    currency="said.currency")  # fmt: skip
    paid = _event("'order_paid'", "concat('order/', said.id, '/paid')", processed,
                  raw=about.format("order_paid"))  # fmt: skip
    cancelled = _event("'order_cancelled'", "concat('order/', said.id, '/cancelled')",
                       "said.cancelled_at", raw=about.format("order_cancelled"))  # fmt: skip
    is_paid = f"said.financial_status IN ({listed(PAID)})"
    refund = _refund("refund", "to_json(refund)", ordered="said.currency")
    refunds = f"transform(said.refunds, refund -> {refund})"
    parcels = _fulfilment("parcel", is_body=False)
    fulfilments = f"flatten(transform(said.fulfillments, parcel -> {parcels}))"
    none = f"CAST(array() AS array<{EVENT}>)"
    return f"""concat(
        array({placed}),
        CASE WHEN {is_paid} THEN array({paid}) ELSE {none} END,
        CASE WHEN said.cancelled_at IS NOT NULL THEN array({cancelled}) ELSE {none} END,
        coalesce({refunds}, {none}),
        coalesce({fulfilments}, {none}))"""


def _lines() -> str:
    off = (
        "CASE WHEN size(line.discount_allocations) > 0 THEN CAST(aggregate("
        "line.discount_allocations, CAST(0 AS decimal(28,4)), (sum, part) -> CAST(sum + "
        "coalesce(TRY_CAST(part.amount AS decimal(16,4)), 0) AS decimal(28,4))) AS string) "
        "ELSE line.total_discount END"
    )
    each = f"struct(line.id, {_sku('line')}, line.quantity, line.price, {off}, {NOTHING})"
    return f"CAST(transform(said.line_items, line -> {each}) AS {LINE})"


def _refund(refund: str, raw: str, *, ordered: str = NOTHING) -> str:
    """ordered: the currency of its order, where that is told."""
    item = f"item.line_item_id, {_sku('item.line_item')}, item.quantity"
    each = f"struct({item}, {NOTHING}, {NOTHING}, item.subtotal)"
    lines = f"transform({refund}.refund_line_items, item -> {each})"
    is_paid = "deed.kind = 'refund' AND deed.status = 'success'"
    money = "amount_set.shop_money"
    paid = (
        f"aggregate(filter({refund}.transactions, deed -> {is_paid}), CAST(0 AS decimal(28,4)), "
        f"(sum, deed) -> CAST(sum + coalesce(TRY_CAST(coalesce(deed.{money}.amount, deed.amount) "
        "AS decimal(16,4)), 0) AS decimal(28,4)))"
    )
    deed = f"get({refund}.transactions, 0)"
    line = f"get({refund}.refund_line_items, 0).subtotal_set.shop_money.currency_code"
    told = f"{deed}.{money}.currency_code, {deed}.currency"
    has_lines = f"size({refund}.refund_line_items) > 0"
    # A subtotal is in the shop's currency, whatever was paid in.
    currency = (
        f"CASE WHEN {has_lines} THEN coalesce({line}, {ordered}, {told}) ELSE coalesce({told}) END"
    )
    return _event(
        "'order_refunded'",
        f"concat('refund/', {refund}.id)",
        f"coalesce({refund}.processed_at, {refund}.created_at)",
        lines=f"CASE WHEN {has_lines} THEN {lines} END",
        # Without either it gives nothing back; unsaid, it would be the whole order.
        amount=f"CASE WHEN {has_lines} THEN NULL ELSE CAST(coalesce({paid}, 0) AS string) END",
        currency=currency,
        raw=raw,
    )


def _fulfilment(parcel: str, *, is_body: bool) -> str:
    """The parcel's way, as far as it is sent and there; of a body at least one event."""
    each = f"struct(item.id, {_sku('item')}, item.quantity, {NOTHING}, {NOTHING}, {NOTHING})"
    lines = f"transform({parcel}.line_items, item -> {each})"
    raw = NOTHING if is_body else f"to_json({parcel})"

    def event(type_: str, at: str, told: str) -> str:
        name = f"concat('fulfillment/', {parcel}.id, '/{type_}')"
        return _event(f"'order_{type_}'", name, f"{parcel}.{at}", lines=lines, raw=told)

    sent = event("shipped", "created_at", raw)
    there = event(
        "delivered", "updated_at", f"to_json(struct('order_delivered' AS type, {parcel}.id))"
    )
    status = f"coalesce({parcel}.status, 'success')"
    none = f"CAST(array() AS array<{EVENT}>)"
    name = f"concat('fulfillment/', {parcel}.id)"
    otherwise = f"array({_event(NOTHING, name, f'{parcel}.created_at')})"
    return f"""CASE
        WHEN {status} = 'success' AND {parcel}.shipment_status = 'delivered'
        THEN array({sent}, {there})
        WHEN {status} = 'success' THEN array({sent})
        ELSE {otherwise if is_body else none}
    END"""


def _sku(of: str) -> str:
    return f"coalesce(nullif({of}.sku, ''), {of}.product_id)"


def _customer() -> str:
    email = "coalesce(nullif(said.email, ''), nullif(said.contact_email, ''), said.customer.email)"
    phone = "coalesce(nullif(said.phone, ''), said.customer.phone)"
    return identifiers(
        (("customer_id", "said.customer.id"), ("email", f"nullif({email}, '')"),
         ("phone", f"nullif({phone}, '')"))
    )  # fmt: skip


def _place() -> str:
    each = " ".join(f"WHEN '{name}' THEN '{place}'" for name, place in PLACES.items())
    return f"CASE said.source_name {each} END"


def _order() -> dict[str, str]:
    def placed(field: str) -> str:
        return f"CASE WHEN entry.type = 'order_placed' THEN common.{field} END"

    return {
        "event_id": "entry.event_id",
        "type": "CASE WHEN is_unused THEN 'order_shipped' ELSE entry.type END",
        "occurred_at": "entry.occurred_at",
        "identifiers": f"coalesce({placed('identifiers')}, array())",
        "properties": "CASE entry.type WHEN 'order_placed' THEN common.properties "
                      "WHEN 'order_cancelled' THEN common.reason END",
        "order_id": "common.order_id",
        "coupons": placed("coupons"),
        "place": placed("place"),
        "store_id": placed("store_id"),
        "currency": "entry.currency",
        "amount": "entry.amount",
        "lines": "transform(entry.lines, line -> struct(line.line_id, line.sku, "
                 f"{NOTHING} AS category, line.quantity, line.unit_price, line.discount, "
                 "line.amount))",
    }  # fmt: skip


def _with_unused(objects: DataFrame) -> DataFrame:
    """Adds: is_unused, whether a fulfilment is none that a customer would see, or it is an edit."""
    unused = "coalesce(kind IN ('fulfilment', 'edit') AND entry.type IS NULL, false)"
    return _each_order_event(objects).selectExpr("*", f"{unused} AS is_unused")


def _checkout() -> dict[str, str]:
    at = "coalesce(said.updated_at, said.created_at)"
    sku = _sku("get(said.line_items, 0)")
    listed_ = "to_json(transform(said.line_items, line -> struct("
    listed_ += f"{_sku('line')} AS sku, line.quantity, line.price)))"
    each = f"'line_items', {listed_}, 'cart_token', said.cart_token, 'token', said.token"
    return {
        "event_id": f"concat('checkout/', coalesce(said.token, said.id), '/', {at})",
        "type": "'checkout_start'",
        "occurred_at": at,
        "identifiers": _customer(),
        "sku": f"CASE WHEN size(said.line_items) = 1 THEN {sku} END",
        "place": f"coalesce({_place()}, 'online')",
        "referrer": "said.referring_site",
        "properties": f"map_filter(map({each}), (name, told) -> told IS NOT NULL)",
    }


def _as_it_is(objects: DataFrame) -> DataFrame:
    return objects


def _is(kinds: Iterable[str]) -> str:
    return f"coalesce({kind()} IN ({listed(kinds)}), false)"


ODD = ("is_odd", "wrong_type:properties")
CLOSES = "coalesce(entry.type = 'consent_withdrawn', false)"
IS_FOREIGN = (
    "entry.type = 'order_refunded' AND entry.lines IS NULL AND entry.currency <> common.currency"
)
# One that is still under way, or that failed: accepted, what it gives back later were a repeat.
GAVE_NOTHING = (
    "coalesce(entry.type = 'order_refunded' AND entry.lines IS NULL "
    "AND TRY_CAST(entry.amount AS decimal(28,4)) = 0, false)"
)
READINGS = {
    "purchases": Reading(
        f"NOT {_is(('checkout', 'customer', 'consent'))}",
        _with_unused,
        _order(),
        also=(
            ("common.is_test", "test_order"),
            (f"is_unused OR {GAVE_NOTHING}", "not_of_use"),
            ODD,
            (IS_FOREIGN, "refund_in_other_currency"),
        ),
    ),
    "clicks": Reading(_is(("checkout",)), _as_it_is, _checkout(), also=(ODD,)),
    "profiles": Reading(
        _is(("customer", "consent")),
        each_profile_event,
        profile(),
        also=(("is_unused", "not_of_use"), (f"is_odd AND NOT {CLOSES}", ODD[1])),
    ),
}

DIALECT = Dialect(
    name="shopify",
    doc="Bodies of Shopify's webhooks, one a line or in arrays: orders, refunds, people, consent.",
    parse=parse_rows,
    streams=tuple(READINGS),
    closing=(
        *((f"{field}.state", "unsubscribed") for field in CHANNELS.values()),
        *((f"{field}.marketingState", "unsubscribed") for field in GRAPHQL.values()),
    ),
    lists=CUSTOMERS,
    customer_field="customer.id",
)
