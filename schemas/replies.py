"""Replies: the words by which somebody who gets text messages turns them down, or wants them again.

Data with its sources, for a business's counsel to read. Compared without regard to case, width, and
whatever is no letter: "Opt-out!" is `opt out`.
"""

from __future__ import annotations

# What a sender calls a text message that came in, without case and separators.
REPLIED = (
    "replied", "reply", "received", "inbound", "inboundmessage", "incoming", "incomingmessage",
)  # fmt: skip
# The properties that may hold what it says.
TEXTS = ("text", "Text", "body", "Body", "message", "Message")

# By source and the day it was read. A message of nothing else, but for what is polite, closes, and
# so does one that begins so: "STOP - I already bought it".
STOP_WORDS: dict[str, tuple[str, ...]] = {
    # 47 CFR 64.1200(a)(10)(i), 2026-11-27: no sender may want other words than these.
    "the law of the United States": (
        "stop", "quit", "end", "revoke", "opt out", "cancel", "unsubscribe",
    ),
    # twilio.com/docs, opt-out keywords; help.twilio.com 223134027, 2026-11-27.
    "Twilio": ("stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel"),
    # docs.aws.amazon.com/sms-voice, required opt-out keywords, 2026-11-27; arret is Canada's.
    "AWS End User Messaging": (
        "arret", "arrêt", "cancel", "end", "opt out", "optout", "quit", "remove", "stop", "td",
        "unsubscribe",
    ),
    # Telnyx, opt-out keywords, as the survey of vendors has it.
    "Telnyx": ("stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit"),
    # No vendor's list of these was found on 2026-11-28; the same law takes any reasonable way.
    "what people write in other languages": (
        "stopp", "abmelden", "abbestellen", "alto", "baja", "parar", "стоп", "停止",
    ),
}  # fmt: skip
# The same law asks that whatever says so in a reasonable way is obeyed, and "STOP PLEASE" does.
# These words mean nothing else even among others that say of what, nor behind something else:
# "Good morning, please unsubscribe this number".
PLAIN = (
    "stop", "stopall", "unsubscribe", "optout", "opt out", "arret", "arrêt", "remove me",
    "take me off", "do not text", "dont text", "don t text", "do not message", "dont message",
    "don t message", "do not contact", "dont contact", "don t contact", "no more texts",
    "no more text", "no more messages", "no more sms", "leave me alone", "stopp", "стоп", "停止",
)  # fmt: skip
POLITE = (
    "please", "pls", "plz", "thanks", "thank you", "very much", "now", "thx", "bitte", "danke",
    "svp", "s il vous plait", "s il vous plaît", "merci", "por favor", "gracias", "пожалуйста",
)  # fmt: skip
OF_WHAT = (
    "all", "me", "us", "my", "number", "from", "this", "to", "the", "these", "those", "your", "of",
    "texts", "text", "texting", "messages", "message", "messaging", "sms", "sending", "list", "lists",
    "marketing", "it", "any", "more", "again", "anymore", "already", "i", "want", "and",
    "email", "emails", "emailing", "calling", "calls", "contacting", "writing", "bothering",
    "spamming", "spam", "immediately", "hi", "hello", "hey", "ok", "no",
    # Whoever says both is taken at the word that closes.
    "yes", "start", "unstop",
)  # fmt: skip
# Twilio's and Braze's default keywords, 2026-11-27: only as the whole of a message.
START_WORDS = ("start", "unstop", "yes")
# What ends a part of a message that is read by itself; a question's mark does not. A hyphen does
# between blanks.
ENDS = r"[.,;:!…\n\r、。\x{ff0c}\x{ff01}–—]+|\s-+\s"
# Letters as wide as a Chinese sign, and what they are.
WIDE = "".join(chr(0xFF21 + n) for n in range(26)) + "".join(chr(0xFF41 + n) for n in range(26))
NARROW = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
