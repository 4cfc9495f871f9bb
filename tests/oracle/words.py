"""Closed values, and what a word that is none of them does to its row (DESIGN, G4)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from tests.oracle.blanks import is_unseen, trim
from tests.oracle.fields import EVENT_TYPES, stars

EVERY = "all any every everything *"
CHANNELS = {
    "email": "email emails emailmessage emailmessages electronicmail",
    "sms": "sms text texts textmessage textmessages smsmessage smsmessages mms",
    "push": "push pushnotification pushnotifications pushmessage mobilepush webpush",
    "ad": "ad ads advert adverts advertising advertisement advertisements onlineads displayads "
    "paidads adnetworks",
    "direct_mail": "directmail post postal postalmail letter letters snailmail",
    "in_app": "inapp inappmessage inappmessages inappmessaging",
    "web": "web website site onsite",
    "chat": "chat livechat webchat",
    "call": "call calls phonecall phonecalls telephonecall voice voicecall voicecalls",
    "all": f"{EVERY} allchannels anychannel everychannel",
}
PURPOSES = {
    "marketing": "marketing advertising advertisement advertisements ads promotion promotions "
    "promotional promo commercial directmarketing",
    "transactional": "transactional transaction transactions",
    "all": f"{EVERY} allpurposes anypurpose everypurpose",
}
BOUNCES = {
    "hard": "hard hardbounce hardbounced permanent permanentbounce permanentfailure",
    "soft": "soft softbounce softbounced transient transientbounce transientfailure temporary "
    "temporarybounce temporaryfailure",
}
TYPES = {
    "purchases": {
        "order_cancelled": "ordercanceled ordercancel ordercancellation",
        "order_returned": "orderreturn",
        "order_refunded": "orderrefund",
    },
    "messages": {
        "delivered": "delivery",
        "opened": "open",
        "clicked": "click",
        "bounced": "bounce",
        "complained": "complaint spamcomplaint spamreport spamreported",
        "unsubscribed": "unsubscribe unsubscription optout optedout groupunsubscribe "
        "listunsubscribe",
        "subscribed": "subscribe subscription resubscribed optin optedin",
    },
    "profiles": {
        "consent_granted": "consentgrant consentgiven optin optedin",
        "consent_withdrawn": "consentwithdraw consentwithdrawal consentrevoked consentrevoke "
        "consentdenied consentdeclined consentrefused optout optedout unsubscribe unsubscribed",
    },
}
CLOSED = {
    "messages": {"channel": CHANNELS, "purpose": PURPOSES, "bounce": BOUNCES},
    "profiles": {"channel": CHANNELS, "purpose": PURPOSES},
}
CLOSES = {"unsubscribed", "complained", "bounced", "consent_withdrawn"}
OPENS = {"subscribed", "consent_granted"}


def event_type(stream: str, said: str | None) -> str | None:
    """The type that a text stands for; None where it is none."""
    own = {name: name.replace("_", "") for name in EVENT_TYPES[stream]}
    more = TYPES.get(stream, {})
    return _found({name: f"{word} {more.get(name, '')}" for name, word in own.items()}, said)


def channel(said: Any) -> str | None:
    """The channel that a word stands for; None where nobody knows it."""
    return _found(CHANNELS, _text(said))


def settle(stream: str, fields: dict[str, Any], said: Mapping[str, Any]) -> list[str]:
    """Put closed values in place of words, and say what to refuse the row for."""
    kind = fields.get("type")
    words = {name: _text(said.get(name)) for name in CLOSED.get(stream, {})}
    found = {name: _found(CLOSED[stream][name], word) for name, word in words.items()}
    unknown = {name for name, word in words.items() if word and found[name] is None}
    if not words:
        return []
    if kind in OPENS:
        fields.update(found)
        return [f"unknown_value:{name}" for name in ("channel", "purpose") if name in unknown]
    fields.update(found)
    if kind == "bounced" and found["bounce"] is None:
        fields["bounce"] = "hard"
    if kind == "bounced":
        # It is about its address, whatever the sender calls the channel.
        if found["channel"] == "all":
            fields["channel"] = None
        if "purpose" in unknown:
            fields["purpose"] = "all"
        return []
    if kind in CLOSES:
        if unknown & {"channel", "purpose"}:
            fields["channel"] = fields["purpose"] = "all"
        return []
    if stream == "messages":
        if "channel" in unknown:
            fields["channel"] = "all"
        if found["purpose"] == "all":
            fields["purpose"] = None
    return []


def doubts(stream: str, kind: str | None, said: Mapping[str, Any]) -> Iterator[str]:
    """The words that nobody knows, as field:word; and that a bounce does not say its kind."""
    given = said.get("satisfaction") if stream == "service" else None
    if _text(given) and stars(given) is None:
        yield f"satisfaction:{_shown(_text(given))}"
    for name, values in CLOSED.get(stream, {}).items():
        word = _text(said.get(name))
        untold = name == "bounce" and kind == "bounced"
        if _found(values, word) is None and (word or untold):
            yield f"{name}:{_shown(word)}"


def _shown(word: str) -> str:
    """A word as it may be told; what looks like a contact is none."""
    return "…" if re.search("@|[0-9]{5}", word) else word[:100]


def _found(values: Mapping[str, str], said: str | None) -> str | None:
    bare = "".join(c for c in (said or "").lower() if not is_unseen(c) and c not in "-_./")
    return next((value for value, words in values.items() if bare in words.split()), None)


def _text(value: Any) -> str:
    """A value as text without blanks around it; an object or list as its JSON."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return str(value)
    text = (
        value if isinstance(value, str) else json.dumps(value, default=str, separators=(",", ":"))
    )
    return trim(text)
