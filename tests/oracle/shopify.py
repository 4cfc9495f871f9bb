"""Shopify's bodies as canonical events, from what the vendor's pages say of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Event = tuple[str, dict[str, Any], list[str]]

GRAPHQL = {"email": "emailMarketingConsent", "sms": "smsMarketingConsent"}
CONSENTS = (("email", "email_marketing_consent"), ("sms", "sms_marketing_consent"))
MEANS = {"subscribed": "consent_granted", "unsubscribed": "consent_withdrawn"}
PLACES = {"web": "online", "pos": "store", "iphone": "app", "android": "app"}
GID = re.compile(r"gid://shopify/\w+/([^/?]+)(?:[?].*)?")
KEPT = ("name", "order_number", "source_name", "landing_site", "referring_site", "cart_token",
        "checkout_token")  # fmt: skip
LISTS = ("line_items", "refunds", "fulfillments", "discount_codes", "refund_line_items",
         "transactions")  # fmt: skip


def events(said: Mapping[str, Any]) -> Iterator[Event]:
    """The canonical events of one body: stream, fields, and what only Shopify's can have wrong."""
    said = _plain(said)
    faults = []
    if any(said.get(name) is not None and not isinstance(said[name], list) for name in LISTS):
        faults = ["wrong_type:properties"]
    if "abandoned_checkout_url" in said:
        yield "clicks", _told(_checkout(said)), faults
    elif "line_items" in said and {"financial_status", "order_number"} & set(said):
        if said.get("test") is True:
            faults = ["test_order", *faults]
        for event in _order(said):
            yield "purchases", _told(event), [*faults, *_vain(event, said.get("currency"))]
    elif "refund_line_items" in said:
        event = _refund(said, said.get("order_id"))
        yield "purchases", _told(event), [*faults, *_vain(event, None)]
    elif "order_edit" in said:
        edit = said["order_edit"] if isinstance(said["order_edit"], dict) else {}
        yield "purchases", _told({
            "event_id": _id("order_edit", edit.get("id")), "type": "order_shipped",
            "occurred_at": edit.get("committed_at") or edit.get("created_at"),
            "order_id": edit.get("order_id"), "identifiers": [],
        }), [*faults, "not_of_use"]  # fmt: skip
    elif {"tracking_number", "tracking_numbers"} & set(said) and "order_id" in said:
        found = [*_parcel(said, said.get("order_id"))]
        for event in found:
            yield "purchases", _told(event), faults
        if not found:
            told = _of_parcel(said, "shipped", said.get("created_at"), said.get("order_id"))
            told |= {"event_id": _id("fulfillment", said.get("id")), "lines": None}
            yield "purchases", _told(told), [*faults, "not_of_use"]
    elif "customer_id" in said and {name for _, name in CONSENTS} & set(said):
        yield from _consents(said, said.get("customer_id"), faults)
    elif {"verified_email", "addresses"} & set(said):
        about = {k: said[k] for k in ("tags", "state", "currency") if said.get(k) is not None}
        yield "profiles", _told({
            "event_id": _id("customer", said.get("id"), said.get("updated_at")),
            "type": "attribute_set", "occurred_at": said.get("updated_at"),
            "identifiers": _whose(said, said.get("id")), "properties": about,
        }), faults  # fmt: skip
        yield from (e for e in _consents(said, said.get("id"), faults) if "not_of_use" not in e[2])
    elif "accepts_marketing" in said or {*GRAPHQL.values(), *(n for _, n in CONSENTS)} & {*said}:
        yield from _consents(said, said.get("customer_id") or said.get("id"), faults)
    else:
        yield "purchases", _told({
            "event_id": "body", "type": "something else", "occurred_at": said.get("created_at"),
            "order_id": said.get("order_id"), "identifiers": [],
        }), faults  # fmt: skip


def _vain(event: Mapping[str, Any], currency: Any) -> Iterator[str]:
    """Why a refund takes nothing back."""
    if event["type"] == "order_refunded":
        if event["lines"] is None and Decimal(event["amount"]) == 0:
            yield "not_of_use"
        if (
            event["lines"] is None
            and currency
            and event["currency"]
            and event["currency"] != currency
        ):
            yield "refund_in_other_currency"


def _order(said: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    number, at = said.get("id"), said.get("processed_at") or said.get("created_at")
    common = {"order_id": number, "identifiers": []}
    lines = _list(said.get("line_items"))
    codes = [entry.get("code") for entry in said.get("discount_codes") or ()]
    yield {
        **common, "event_id": _id("order", number, "placed"), "type": "order_placed",
        "occurred_at": at, "identifiers": _buyer(said),
        "amount": None if lines else said.get("total_price"),
        "currency": said.get("currency"), "coupons": codes or None,
        "place": PLACES.get(str(said.get("source_name"))),
        "store_id": said.get("location_id") if said.get("source_name") == "pos" else None,
        "lines": [_told({
            "line_id": line.get("id"), "sku": _sku(line), "quantity": line.get("quantity"),
            "unit_price": line.get("price"), "discount": _off(line),
        }) for line in lines] or None,
        "properties": {k: said[k] for k in KEPT if said.get(k) is not None},
    }  # fmt: skip
    if said.get("financial_status") in ("paid", "partially_refunded", "refunded"):
        yield {**common, "event_id": _id("order", number, "paid"), "type": "order_paid",
               "occurred_at": at}  # fmt: skip
    if said.get("cancelled_at") is not None:
        why = said.get("cancel_reason")
        yield {**common, "event_id": _id("order", number, "cancelled"), "type": "order_cancelled",
               "occurred_at": said["cancelled_at"],
               "properties": {"cancel_reason": why} if why is not None else None}  # fmt: skip
    refunds, parcels = said.get("refunds"), said.get("fulfillments")
    for refund in refunds if isinstance(refunds, list) else ():
        yield _refund(refund, number, said.get("currency"))
    for parcel in parcels if isinstance(parcels, list) else ():
        yield from _parcel(parcel, number)


def _off(line: Mapping[str, Any]) -> Any:
    shared = line.get("discount_allocations")
    if shared:
        return str(sum((_number(part.get("amount")) for part in shared), Decimal(0)))
    return line.get("total_discount")


def _refund(refund: Mapping[str, Any], order_id: Any, ordered: Any = None) -> dict[str, Any]:
    lines = [_told({
        "line_id": item.get("line_item_id"), "sku": _sku(item.get("line_item") or {}),
        "quantity": item.get("quantity"), "amount": item.get("subtotal"),
    }) for item in refund.get("refund_line_items") or ()]  # fmt: skip
    deeds = refund.get("transactions") or []
    back = sum((_number(_shop(deed.get("amount_set")).get("amount") or deed.get("amount"))
                for deed in deeds
                if (deed.get("kind"), deed.get("status")) == ("refund", "success")),
               Decimal(0))  # fmt: skip
    return {
        "event_id": _id("refund", refund.get("id")), "type": "order_refunded", "order_id": order_id,
        "occurred_at": refund.get("processed_at") or refund.get("created_at"), "identifiers": [],
        "lines": lines or None, "amount": None if lines else str(back),
        "currency": next((code for code in (
            *(_shop(item.get("subtotal_set")).get("currency_code")
              for item in (refund.get("refund_line_items") or ())[:1]),
            ordered if lines else None,
            *(_shop(deed.get("amount_set")).get("currency_code") for deed in deeds[:1]),
            *(deed.get("currency") for deed in deeds[:1]),
        ) if code), None),
    }  # fmt: skip


def _shop(money: Any) -> Mapping[str, Any]:
    """An amount in the shop's own currency, where it is told in the buyer's as well."""
    return (money or {}).get("shop_money") or {}


def _parcel(parcel: Mapping[str, Any], order_id: Any) -> Iterator[dict[str, Any]]:
    if (parcel.get("status") or "success") == "success":
        yield _of_parcel(parcel, "shipped", parcel.get("created_at"), order_id)
        if parcel.get("shipment_status") == "delivered":
            yield _of_parcel(parcel, "delivered", parcel.get("updated_at"), order_id)


def _of_parcel(parcel: Mapping[str, Any], what: str, at: Any, order_id: Any) -> dict[str, Any]:
    lines = [_told({"line_id": item.get("id"), "sku": _sku(item),
                    "quantity": item.get("quantity")})
             for item in parcel.get("line_items") or ()]  # fmt: skip
    return {"event_id": _id("fulfillment", parcel.get("id"), what), "type": f"order_{what}",
            "order_id": order_id, "occurred_at": at, "identifiers": [],
            "lines": lines if parcel.get("line_items") is not None else None}  # fmt: skip


def _consents(said: Mapping[str, Any], number: Any, faults: list[str]) -> Iterator[Event]:
    is_any = False
    for channel, name in CONSENTS:
        other = said.get(GRAPHQL[channel]) or {}
        consent = said.get(name) or {
            "state": other.get("marketingState"),
            "consent_updated_at": other.get("consentUpdatedAt"),
        }
        state = str(consent.get("state")).lower()
        changed = said.get("accepts_marketing_updated_at")
        if channel == "email" and said.get(name) is None and said.get(GRAPHQL[channel]) is None:
            started = said.get("created_at")
            is_told = changed is not None and started is not None
            is_no = said.get("accepts_marketing") is False and (
                said.get("marketing_opt_in_level") is not None
                or (str(changed) > str(started) if is_told else changed is not None or not started)
            )
            is_yes = said.get("accepts_marketing") is True and changed is not None
            state = "unsubscribed" if is_no else "subscribed" if is_yes else ""
        if state in MEANS:
            is_any = True
            at = consent.get("consent_updated_at") or changed or said.get("updated_at")
            at = at or said.get("updatedAt")
            told = {
                "event_id": _id("customer", number, channel, at), "type": MEANS[state],
                "occurred_at": at, "channel": channel, "purpose": "marketing",
                "identifiers": _whose(said, number, channel),
            }  # fmt: skip
            yield "profiles", _told(told), [] if state == "unsubscribed" else faults
    if not is_any:
        told = {"event_id": _id("customer", number), "type": "attribute_set",
                "occurred_at": said.get("updated_at") or said.get("updatedAt"),
                "identifiers": _whose(said, number)}  # fmt: skip
        changes = [(said.get(name) or {}).get("consent_updated_at") for _, name in CONSENTS]
        changes += [(said.get(n) or {}).get("consentUpdatedAt") for n in GRAPHQL.values()]
        for changed in changes:
            told["occurred_at"] = told["occurred_at"] or changed
        yield "profiles", _told(told), ["not_of_use", *faults]


def _whose(said: Mapping[str, Any], number: Any, channel: str = "") -> list[dict[str, Any]]:
    each = [("customer_id", number)]
    if channel != "sms":
        each.append(("email", said.get("email") or said.get("email_address") or None))
    if channel != "email":
        each.append(("phone", said.get("phone") or None))
    return [{"type": kind, "value": value} for kind, value in each if value is not None]


def _buyer(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    own = said.get("customer") or {}
    each = (
        ("customer_id", own.get("id")),
        ("email", said.get("email") or said.get("contact_email") or own.get("email") or None),
        ("phone", said.get("phone") or own.get("phone") or None),
    )
    return [{"type": kind, "value": value} for kind, value in each if value is not None]


def _checkout(said: Mapping[str, Any]) -> dict[str, Any]:
    at = said.get("updated_at") or said.get("created_at")
    name = said.get("token") if said.get("token") is not None else said.get("id")
    lines = said.get("line_items")
    lines = lines if isinstance(lines, list) else None
    told = {"cart_token": said.get("cart_token"), "token": said.get("token")}
    if lines is not None:
        told["line_items"] = [
            {k: v if isinstance(v, str) else str(v)
             for k, v in (("sku", _sku(line)), ("quantity", line.get("quantity")),
                          ("price", line.get("price"))) if v is not None}
            for line in lines
        ]  # fmt: skip
    return {
        "event_id": _id("checkout", name, at), "type": "checkout_start", "occurred_at": at,
        "identifiers": _buyer(said), "sku": _sku(lines[0]) if lines and len(lines) == 1 else None,
        "place": PLACES.get(str(said.get("source_name")), "online"),
        "referrer": said.get("referring_site"),
        "properties": {k: v for k, v in told.items() if v is not None},
    }  # fmt: skip


def _plain(said: Any) -> Any:
    """The same with GraphQL's names of things as the numbers that REST knows them by."""
    if isinstance(said, Mapping):
        return {name: _plain(value) for name, value in said.items()}
    if isinstance(said, list):
        return [_plain(value) for value in said]
    found = GID.fullmatch(said) if isinstance(said, str) else None
    return found[1] if found else said


def _id(*parts: Any) -> str | None:
    """An id of its parts; none where one of them is missing."""
    return None if None in parts else "/".join(str(part) for part in parts)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _sku(of: Mapping[str, Any]) -> Any:
    return of.get("sku") or of.get("product_id")


def _number(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return Decimal(0)


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
