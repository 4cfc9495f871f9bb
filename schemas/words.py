"""Closed values: the words that senders use for them, and what each is understood as.

Case, blanks and the separators - _ . / and space inside a word make no difference: `E-Mail`,
`e mail` and `EMAIL` are one word. A word is listed only where it can mean nothing else: `phone` may
be a call or a text, `mail` an email or a letter, so neither is listed, and what is not listed is
doubt (see `transforms/sources/words.py`).
"""

from __future__ import annotations

CHANNELS = (
    "email", "sms", "push", "ad", "direct_mail", "in_app", "web", "chat", "call",
)  # fmt: skip
# The channel of what no message is: who is in an audience is shown it. Networks ask for a consent of
# its own, whatever else an audience is about.
AD = "ad"
# What a consent says in `attribute` that is made of a signal, which may come with every page:
# Global Privacy Control, and the strings of TCF, GPP and US Privacy.
SIGNALS = ("gpc", "tcf_string", "gpp_string", "us_privacy")
PURPOSES = ("marketing", "transactional")
BOUNCES = ("hard", "soft")
# The types that close a channel to somebody, and those that open one, by stream.
CLOSES = {
    "messages": ("unsubscribed", "complained", "bounced"),
    "profiles": ("consent_withdrawn",),
}
CLOSING_TYPES = tuple(type_ for types in CLOSES.values() for type_ in types)
OPENS = {"messages": ("subscribed",), "profiles": ("consent_granted",)}
OPENING_TYPES = tuple(type_ for types in OPENS.values() for type_ in types)
# What a person of the business says of two identifiers: that they are one customer, that they never
# are, or that neither is said any more.
ALWAYS, NEVER, WITHDRAWN = "always_link", "never_link", "link_withdrawn"
MANUAL_LINK_TYPES = (ALWAYS, NEVER, WITHDRAWN)
# Every channel or every purpose at once, whether a sender says so or in doubt.
ALL = "all"

# Value → further words for it, without blanks and separators.
Synonyms = tuple[tuple[str, tuple[str, ...]], ...]

_EVERY = ("any", "every", "everything", "*")

CHANNEL_WORDS: Synonyms = (
    ("email", ("emails", "emailmessage", "emailmessages", "electronicmail")),
    ("sms", ("text", "texts", "textmessage", "textmessages", "smsmessage", "smsmessages", "mms")),
    ("push", ("pushnotification", "pushnotifications", "pushmessage", "mobilepush", "webpush")),
    ("ad", ("ads", "advert", "adverts", "advertising", "advertisement", "advertisements",
            "onlineads", "displayads", "paidads", "adnetworks")),
    ("direct_mail", ("post", "postal", "postalmail", "letter", "letters", "snailmail")),
    ("in_app", ("inappmessage", "inappmessages", "inappmessaging")),
    ("web", ("website", "site", "onsite")),
    ("chat", ("livechat", "webchat")),
    ("call", ("calls", "phonecall", "phonecalls", "telephonecall", "voice", "voicecall",
              "voicecalls")),
    (ALL, (*_EVERY, "allchannels", "anychannel", "everychannel")),
)  # fmt: skip

PURPOSE_WORDS: Synonyms = (
    ("marketing", ("advertising", "advertisement", "advertisements", "ads", "promotion",
                   "promotions", "promotional", "promo", "commercial", "directmarketing")),
    ("transactional", ("transaction", "transactions")),
    (ALL, (*_EVERY, "allpurposes", "anypurpose", "everypurpose")),
)  # fmt: skip

BOUNCE_WORDS: Synonyms = (
    ("hard", ("hardbounce", "hardbounced", "permanent", "permanentbounce", "permanentfailure")),
    ("soft", ("softbounce", "softbounced", "transient", "transientbounce", "transientfailure",
              "temporary", "temporarybounce", "temporaryfailure")),
)  # fmt: skip

# What senders also call a type of identifier.
IDENTIFIER_WORDS: Synonyms = (("email", ("emailaddress",)), ("phone", ("phonenumber",)))

# Of types, other forms of the same word; their spelling counts as little as that of the others.
TYPE_WORDS: dict[str, Synonyms] = {
    "purchases": (
        ("order_cancelled", ("ordercanceled", "ordercancel", "ordercancellation")),
        ("order_returned", ("orderreturn",)),
        ("order_refunded", ("orderrefund",)),
    ),
    "messages": (
        ("delivered", ("delivery",)),
        ("opened", ("open",)),
        ("clicked", ("click",)),
        ("bounced", ("bounce",)),
        ("complained", ("complaint", "spamcomplaint", "spamreport", "spamreported")),
        ("unsubscribed", ("unsubscribe", "unsubscription", "optout", "optedout",
                          "groupunsubscribe", "listunsubscribe")),
        ("subscribed", ("subscribe", "subscription", "resubscribed", "optin", "optedin")),
    ),
    "profiles": (
        ("consent_granted", ("consentgrant", "consentgiven", "optin", "optedin")),
        ("consent_withdrawn", ("consentwithdraw", "consentwithdrawal", "consentrevoked",
                               "consentrevoke", "consentdenied", "consentdeclined",
                               "consentrefused", "optout", "optedout", "unsubscribe",
                               "unsubscribed")),
    ),
}  # fmt: skip


def as_sentence(synonyms: Synonyms) -> str:
    """The further words as a sentence for people."""
    parts = (f"{', '.join(words)} as {value}" for value, words in synonyms)
    return f"Also read: {'; '.join(parts)}; in any case and with blanks or separators."
