"""Segment's and RudderStack's calls as canonical events, from what the vendors' pages say."""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from tests.conftest import SECRET
from tests.oracle import words
from tests.oracle.blanks import is_unseen, trim

Event = tuple[str, dict[str, Any], list[str]]

CLICKS = {
    "page_view": "product list viewed|viewed product category|product list filtered|promotion "
    "viewed|viewed promotion|promotion clicked|clicked promotion|product clicked|clicked product|"
    "cart viewed|viewed cart|checkout step viewed|viewed checkout step|coupon applied|coupon "
    "removed|product removed from wishlist",
    "product_view": "product viewed|viewed product|product added to wishlist",
    "search": "products searched|product searched|searched products",
    "add_to_cart": "product added|added product|wishlist product added to cart",
    "remove_from_cart": "product removed|removed product",
    "checkout_start": "checkout started|started checkout|started order",
    "form_start": "form started",
    "form_submit": "form submitted|checkout step completed|completed checkout step|payment info "
    "entered|entered payment info|coupon entered",
    "login": "signed in", "signup": "signed up|account created",
    "app_install": "application installed",
    "app_open": "application opened|application foregrounded|deep link opened",
    "review_submitted": "product reviewed", "shared": "product shared|cart shared",
    "error_shown": "application crashed|coupon denied",
}  # fmt: skip
ORDERS = {
    "order_placed": "order completed|completed order|order updated|updated order",
    "order_paid": "order paid", "order_shipped": "order shipped|order fulfilled",
    "order_delivered": "order delivered",
    "order_cancelled": "order cancelled|order canceled|cancelled order",
    "order_returned": "order returned", "order_refunded": "order refunded|refunded order",
}  # fmt: skip
CONTACTS = {
    "contact_opened": "live chat conversation started",
    "contact_closed": "live chat conversation ended",
}
BY_CHANNEL = {"email": ("email",), "sms": ("sms",), "push": ("push notification", "push"),
              "in_app": ("in app message", "in app")}  # fmt: skip
BY_VERB = {
    "sent": ("sent",), "delivered": ("delivered",), "opened": ("opened", "viewed"),
    "clicked": ("link clicked", "clicked", "tapped"), "bounced": ("bounced",),
    "complained": ("marked as spam",), "unsubscribed": ("unsubscribed",),
    "failed": ("failed", "dropped"), "subscribed": ("subscribed", "resubscribed", "opted in"),
}  # fmt: skip
LEAVING = re.compile("unsubscribed|optedout|(unsubscribe|optout)$")
CHANNEL_IN_NAME = (
    ("email", ("email", "newsletter", "mailinglist")),
    ("sms", ("sms", "textmessage")),
    ("push", ("push",)),
    ("in_app", ("inapp",)),
)
USELESS = (
    "application backgrounded|application updated|application uninstalled|install attributed|"
    "deep link clicked|live chat message sent|live chat message received|signed out|"
    "experiment viewed"
)
OWN_WORDS = ("unsubscribed", "complained", "bounced")
CARRIED = {"sentAt", "version", "integrations", "writeKey", "projectId", "library", "_metadata",
           "category", "rudderId", "request_ip", "userProperties", "groupProperties"}  # fmt: skip
READ = {"type", "event", "messageId", "userId", "anonymousId", "previousId", "groupId",
        "timestamp", "originalTimestamp", "receivedAt", "name", "channel", "properties", "traits",
        "context"}  # fmt: skip
UNDER = {
    "page": ("url", "referrer"), "campaign": ("id", "name"),
    "device": ("id", "advertisingId", "type"),
    "os": ("name",), "location": ("country", "region", "city"), "traits": ("email", "phone"),
}  # fmt: skip
FORMS = {"checkoutstepcompleted": "checkout", "completedcheckoutstep": "checkout",
         "paymentinfoentered": "payment", "enteredpaymentinfo": "payment",
         "couponentered": "coupon"}  # fmt: skip


def bare(name: Any) -> str:
    said = name if isinstance(name, str) else json.dumps(name) if name is not None else ""
    return "".join(c for c in said.lower() if not is_unseen(c) and c not in "-_./")


def _known() -> dict[str, tuple[str, str, str | None]]:
    """By the bare name: stream, type, channel."""
    known: dict[str, tuple[str, str, str | None]] = {}
    for stream, types in (("clicks", CLICKS), ("purchases", ORDERS), ("service", CONTACTS)):
        for type_, names in types.items():
            known |= {bare(name): (stream, type_, None) for name in names.split("|")}
    for channel, nouns in BY_CHANNEL.items():
        for type_, verbs in BY_VERB.items():
            known |= {bare(f"{noun} {verb}"): ("messages", type_, channel)
                      for noun in nouns for verb in verbs}  # fmt: skip
    for word in ("unsubscribed", "unsubscribe"):
        known[word] = ("messages", "unsubscribed", "email")
    for word in ("resubscribed", "optedin"):
        known[word] = ("messages", "subscribed", None)
    known["pushnotificationreceived"] = ("messages", "delivered", "push")
    return known


KNOWN = _known()
NOT_OF_USE = {bare(name) for name in USELESS.split("|")}


def events(said: Mapping[str, Any]) -> Iterator[Event]:
    """The canonical events of one call: stream, fields, and what only Segment's can have wrong."""
    call = _Call(said)
    faults = call.faults
    if call.kind in ("identify", "group", "alias"):
        yield from call.attributes(faults)
    elif call.word == "segmentconsentpreferenceupdated":
        yield "profiles", call.consent(), faults
    elif call.word in NOT_OF_USE:
        told = call.click("page_view")
        yield "clicks", told, [*faults, "not_of_use"]
    elif call.kind in ("page", "screen"):
        yield "clicks", call.click("page_view"), faults
    elif call.kind == "track" and (call.word in KNOWN or LEAVING.search(call.word)):
        stream, type_, channel = KNOWN.get(call.word, ("messages", "unsubscribed", "all"))
        if type_ in OWN_WORDS:
            faults = []
        told = {
            "clicks": call.click, "purchases": call.order, "service": call.contact,
            "messages": lambda t: call.message(t, channel),
        }[stream](type_)  # fmt: skip
        if stream == "purchases" and call.odd_products:
            faults = [*faults, "wrong_type:lines"]
        if type_ == "subscribed":
            faults = [*faults, *call.opens_too_much(channel)]
        yield stream, told, faults
    else:
        is_named = _is_told(said.get("event")) or _is_told(said.get("type"))
        yield "clicks", call.click("something else" if is_named else None), faults


def _either(told: Mapping[str, Any], name: str) -> Any:
    first, *rest = name.split("_")
    other = first + "".join(word.capitalize() for word in rest)
    return told[name] if told.get(name) is not None else told.get(other)


class _Call:
    def __init__(self, said: Mapping[str, Any]) -> None:
        said = {k: _object(v) if k in ("properties", "traits", "context") else v
                for k, v in said.items()}  # fmt: skip
        self.said = said
        self.unread = [
            name
            for name in ("properties", "traits", "context")
            if said.get(name) is not None
            and not isinstance(said[name], dict)
            and said[name] not in ([], "")
        ]
        self.faults = [f"wrong_type:{name}" for name in self.unread]
        self.props, self.traits, self.context = (
            said[name] if isinstance(said.get(name), dict) else {}
            for name in ("properties", "traits", "context")
        )
        kind = bare(said.get("type"))
        self.kind = "track" if kind == "track" or not _is_told(said.get("type")) else kind
        self.word = bare(said.get("event")) if self.kind == "track" else f"@{kind}"
        self.is_bare = self.kind == "identify" and not self.traits
        self.traits_told = self.inside("traits") if self.is_bare else self.traits

    def prop(self, name: str) -> Any:
        """A property, which some senders spell orderId."""
        return _either(self.props, name)

    def inside(self, name: str) -> dict[str, Any]:
        found = _object(self.context.get(name))
        return found if isinstance(found, dict) else {}

    def common(self, type_: str | None, laid_out: tuple[str, ...] = ()) -> dict[str, Any]:
        told = {k: v for k, v in self.props.items() if k not in laid_out}
        return {
            "event_id": self.said.get("messageId"),
            "type": type_,
            "occurred_at": self.said.get("timestamp")
            or self.corrected()
            or self.said.get("originalTimestamp"),
            "received_at": self.said.get("receivedAt") or None,
            "identifiers": self.who(type_),
            "properties": {**told, **self.beside()},
        }

    def corrected(self) -> str | None:
        """receivedAt - (sentAt - originalTimestamp), as Segment's page says."""
        names = ("receivedAt", "sentAt", "originalTimestamp")
        try:
            came, sent, told = (
                datetime.fromisoformat(self.said[name]).astimezone(UTC)
                for name in names if datetime.fromisoformat(self.said[name]).tzinfo
            )  # fmt: skip
        except (KeyError, TypeError, ValueError):
            return None
        return (came - (sent - told)).isoformat()

    def beside(self) -> dict[str, Any]:
        aside = {*UNDER, "sessionId", "timezone", "consent"}
        if self.kind in ("identify", "group", "alias") or "consent" in self.word:
            aside = {*UNDER}
        told = {f"context.{k}": v for k, v in self.context.items() if k not in aside}
        for name, laid_out in UNDER.items():
            told |= {f"context.{name}.{k}": v
                     for k, v in self.inside(name).items() if k not in laid_out
                     and not (name == "traits" and self.is_bare and _is_attribute(k, v))
                     }  # fmt: skip
        if self.said.get("name") is not None:
            told["name"] = self.said["name"]
        if self.kind in ("identify", "group", "alias"):
            told |= {f"traits.{k}": v for k, v in self.traits.items()
                     if k not in ("email", "phone")
                     and not (self.kind == "identify" and _is_attribute(k, v))}  # fmt: skip
        return told | {k: v for k, v in self.said.items() if k not in READ | CARRIED}

    def own(self, name: str) -> Any:
        told = self.traits.get(name) if self.kind == "identify" else None
        return told or self.inside("traits").get(name) or None

    def contact_of(self, name: str, type_: str | None) -> Any:
        is_theirs = type_ in BY_VERB or type_ in ORDERS or type_ in ("signup", "login")
        return self.own(name) or (self.props.get(name) or None if is_theirs else None)

    def email(self, type_: str | None) -> Any:
        return self.contact_of("email", type_)

    def who(self, type_: str | None) -> list[dict[str, Any]]:
        previous = self.said.get("previousId") if self.kind == "alias" else None
        kind = "email" if "@" in str(previous) else "anonymous_id"
        device = self.inside("device")
        pairs = [
            ("customer_id", self.said.get("userId") or None), ("email", self.email(type_)),
            ("phone", self.contact_of("phone", type_)), (kind, previous),
            ("anonymous_id", self.said.get("anonymousId") or None),
            ("device_id", device.get("id") or None),
            ("device_id", device.get("advertisingId") or None),
        ]  # fmt: skip
        found = []
        for name, value in pairs:
            entry = {"type": name, "value": value}
            if value is not None and entry not in found:
                found.append(entry)
        return found

    def place(self) -> str | None:
        device, channel = str(self.inside("device").get("type")).lower(), self.said.get("channel")
        if (self.kind == "screen" or self.word.startswith("application") or channel == "mobile"
                or device in ("ios", "android")):  # fmt: skip
            return "app"
        if self.inside("page").get("url") is not None or channel in ("web", "browser"):
            return "online"
        return None

    def campaign(self) -> Any:
        campaign = self.inside("campaign")
        return campaign.get("id") if campaign.get("id") is not None else campaign.get("name")

    def click(self, type_: str | None) -> dict[str, Any]:
        is_page, page = self.kind in ("page", "screen"), self.inside("page")
        form = FORMS.get(self.word)
        if form is None and type_ in ("form_start", "form_submit"):
            form = _first(self.prop("form_id"), self.prop("form_name"))
        device = {"type": self.inside("device").get("type"), "os": self.inside("os").get("name")}
        location = self.inside("location")
        geo = {name: location.get(name) for name in ("country", "region", "city")}
        geo["time_zone"] = self.context.get("timezone")
        return _told({
            **self.common(type_, ("sku", "query")),
            "session_id": self.context.get("sessionId"),
            "sku": _first(self.props.get("sku"), self.prop("product_id")),
            "category": None if is_page else self.props.get("category"),
            "form": form,
            "query": self.props.get("query"),
            "url": _first(self.props.get("url") if is_page else None, page.get("url"),
                          self.props.get("url")),
            "referrer": _first(page.get("referrer"), self.props.get("referrer")),
            "campaign_id": self.campaign(),
            "place": self.place(),
            "device": device if {"device", "os"} & {
                k for k in ("device", "os") if isinstance(self.context.get(k), dict)} else None,
            "geo": geo if any(v is not None for v in geo.values()) else None,
        })  # fmt: skip

    @property
    def odd_products(self) -> bool:
        listed = _listed(self.props.get("products"))
        if isinstance(listed, str):
            return _is_told(listed)
        return listed is not None and not (
            isinstance(listed, list) and all(isinstance(entry, dict) for entry in listed)
        )

    def order(self, type_: str) -> dict[str, Any]:
        taken = type_ in ("order_refunded", "order_returned")
        products = None if self.odd_products else _listed(self.props.get("products")) or None
        coupon = self.props.get("coupon")
        lines = None
        if products is not None and (taken or type_ == "order_placed"):
            lines = [_told({"sku": _first(p.get("sku"), _either(p, "product_id")),
                            "category": p.get("category"), "quantity": p.get("quantity"),
                            "unit_price": p.get("price")}) for p in products]  # fmt: skip
            if taken:
                share_out(lines, _number(self.props.get("total"), None))
            off = _number(self.props.get("discount"))
            if type_ == "order_placed" and off > 0 and not self.is_net(products):
                lines.append({"quantity": "1", "amount": str(-off)})
        amount = _first(*(self.props.get(name) for name in ("total", "revenue", "value")))
        return _told({
            **self.common(type_, ("order_id", "currency")),
            "order_id": self.prop("order_id"),
            "campaign_id": self.campaign(),
            "coupons": [coupon] if _is_told(coupon) else None,
            "place": self.place(),
            "currency": self.props.get("currency"),
            "lines": lines,
            "amount": amount if (taken or type_ == "order_placed") and not products else None,
        })  # fmt: skip

    def is_net(self, products: list[dict[str, Any]]) -> bool:
        """Whether the products cost no more than what they cost after discounts."""
        if _number(self.props.get("subtotal"), None) is None:
            return False
        cost = sum(_number(p.get("price")) * _number(p.get("quantity"), Decimal(1))
                   for p in products)  # fmt: skip
        return cost <= _number(self.props["subtotal"])

    def opens_too_much(self, channel: str | None) -> Iterator[str]:
        """A word that opens one list would open what other words closed; so would one for all."""
        if _is_told(self.prop("list_id")) or _is_told(self.prop("list_name")):
            yield "opens_one_group"
        if channel is None and not _is_told(self.props.get("channel")):
            yield "missing:channel"

    def channel(self, type_: str, named: str | None) -> Any:
        said = self.props.get("channel")
        said = said if _is_told(said) else None
        if type_ == "subscribed":
            return _first(named, said)
        if type_ != "unsubscribed":
            return named
        for name in ("properties", "context"):
            if name in self.unread:
                return self.said[name]
        found = [c for c, parts in CHANNEL_IN_NAME if any(p in self.word for p in parts)]
        if len(found) > 1:
            return "all"
        if found:
            known = words.channel(said)
            return found[0] if known in (None, found[0]) else f"{found[0]} {said}"
        return _first(said, named)

    def message(self, type_: str, channel: str | None) -> dict[str, Any]:
        campaign = self.props.get("campaign")
        named = campaign.get("name") if isinstance(campaign, dict) else None
        told = ("purpose", "variant", "content_id", "topic", "decision_id")
        own = {name: self.props[name] for name in told
               if _is_plain(self.props.get(name))}  # fmt: skip
        if type_ in (*OWN_WORDS, "subscribed"):
            own.pop("purpose", None)
        return _told({
            **self.common(type_, ("email_id", "campaign_id", "email", "phone")),
            **own,
            "message_id": self.message_id(type_),
            "channel": self.channel(type_, channel),
            "campaign_id": next(
                (v for v in (self.prop("campaign_id"), named) if _is_plain(v)), None),
            "bounce": self.prop("bounce_type") if type_ == "bounced" else None,
            "machine_open": _flag(self.prop("machine_open")) if type_ == "opened" else None,
        })  # fmt: skip

    def message_id(self, type_: str) -> Any:
        email_id = _first(self.prop("email_id"), self.prop("message_id"))
        address = self.email(type_)
        who = _first(address and _text(address).lower(), self.said.get("userId"),
                     self.said.get("anonymousId"))  # fmt: skip
        if not _is_told(email_id) or who is None:
            return email_id
        told = f"{_text(email_id)} {_text(who)}".encode()
        return f"{_text(email_id)}.{hmac.new(SECRET.encode(), told, 'sha256').hexdigest()[:16]}"

    def contact(self, type_: str) -> dict[str, Any]:
        return _told({**self.common(type_, ("conversation_id",)), "channel": "chat",
                      "contact_id": self.prop("conversation_id")})  # fmt: skip

    def consent(self) -> dict[str, Any]:
        choices = self.inside("consent").get("categoryPreferences")
        choice = choices.get("Advertising") if isinstance(choices, dict) else None
        type_ = "something else"
        if choice is not None:
            type_ = "consent_granted" if choice is True or choice == "true" else "consent_withdrawn"
        told = self.common(type_)
        if choice is not None:
            told |= {"channel": "ad", "purpose": "marketing"}
        return told

    def attributes(self, faults: list[str]) -> Iterator[Event]:
        """One without attribute, and behind it one for each plain trait."""
        first = self.common("attribute_set")
        group = self.said.get("groupId")
        if self.kind == "group":
            first |= {"attribute": "group_id", "value": group}
        yield "profiles", _told(first), faults
        if self.kind == "identify":
            for name, value in self.traits_told.items():
                if _is_attribute(name, value):
                    own = {**first, "event_id": f"{first['event_id']}:{name}",
                           "attribute": name, "value": value}  # fmt: skip
                    del own["properties"]
                    yield "profiles", _told(own), faults


def _is_attribute(name: str, value: Any) -> bool:
    is_name = name not in ("email", "phone") and _is_told(name) and len(name.encode()) <= 500
    return is_name and _is_told(value) and not isinstance(value, dict | list)


def share_out(lines: list[dict[str, Any]], total: Decimal | None) -> None:
    """What a refund gives back, by what its products cost; by their number where one has no price;
    what rounding leaves is the last one's."""
    units = [_number(line.get("quantity", 1), None) for line in lines]
    prices = [_number(line.get("unit_price"), None) for line in lines]
    if total is None or None in units or min(units) < 0:
        return
    costs = [None if p is None else _half_up(p * u, 4) for p, u in zip(prices, units, strict=True)]
    by_cost = None not in costs and min(costs) >= 0 and sum(costs) > 0
    weights = costs if by_cost else units
    whole = sum(weights)
    if not whole > 0:
        return
    left = total
    for at, (line, weight) in enumerate(zip(lines, weights, strict=True)):
        part = left if at == len(lines) - 1 else _half_up(_half_up(total * weight / whole, 6), 4)
        left -= part
        line["amount"] = str(part)
        line.setdefault("quantity", "1")


def _half_up(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def _object(value: Any) -> Any:
    """An object, also where it is written as a text."""
    return _read(value, dict)


def _listed(value: Any) -> Any:
    """A list, likewise."""
    return _read(value, list)


def _read(value: Any, kind: type) -> Any:
    try:
        read = json.loads(value, parse_float=Decimal) if isinstance(value, str) else value
    except ValueError:
        return value
    return read if isinstance(read, kind) else value


def _number(value: Any, otherwise: Any = Decimal(0)) -> Any:
    try:
        return round(Decimal(str(value).strip()), 4)
    except InvalidOperation:
        return otherwise


def _is_plain(value: Any) -> bool:
    is_text = _is_told(value) and not isinstance(value, list | dict)
    return is_text and len(_text(value).encode()) <= 1000


def _is_told(value: Any) -> bool:
    return value is not None and bool(trim(_text(value)))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _flag(value: Any) -> bool | None:
    return {"true": True, "false": False}.get(str(value).lower())


def _first(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _told(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
