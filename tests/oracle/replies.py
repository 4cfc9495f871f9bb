"""What a text message that came in says: word by word, as somebody reads it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from tests.oracle.blanks import is_unseen, trim

CAME_IN = "replied reply received inbound inboundmessage incoming incomingmessage"
TEXTS = ("text", "Text", "body", "Body", "message", "Message")
ALONE = [
    "stop",
    "quit",
    "end",
    "revoke",
    "cancel",
    "unsubscribe",
    "stopall",
    "optout",
    "remove",
    "td",
    "arret",
    "arrêt",
    "opt out",
    "stop all",
    "stopp",
    "abmelden",
    "abbestellen",
    "alto",
    "baja",
    "parar",
    "стоп",
    "停止",
]
PLAIN = [
    "stop",
    "stopall",
    "unsubscribe",
    "optout",
    "arret",
    "arrêt",
    "opt out",
    "remove me",
    "take me off",
    "leave me alone",
    "stopp",
    "стоп",
    "停止",
]
WIDE = {chr(c) for c in (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
NO = ("do not", "dont", "don t")
PLAIN += [f"{no} {verb}" for no in NO for verb in ("text", "message", "contact")]
PLAIN += [f"no more {what}" for what in ("texts", "text", "messages", "sms")]
POLITE = ["please", "pls", "plz", "thanks", "thank you", "very much", "now", "thx"]
POLITE += ["bitte", "danke", "svp", "s il vous plait", "s il vous plaît", "merci", "por favor"]
POLITE += ["gracias", "пожалуйста"]
OF_WHAT = [
    "all",
    "me",
    "us",
    "my",
    "number",
    "from",
    "this",
    "to",
    "the",
    "these",
    "those",
    "your",
    "of",
    "texts",
    "text",
    "texting",
    "messages",
    "message",
    "messaging",
    "sms",
    "sending",
    "list",
    "lists",
    "marketing",
    "it",
    "any",
    "more",
    "again",
    "anymore",
    "already",
    "i",
    "want",
    "and",
]
OF_WHAT += ["email", "emails", "emailing", "calling", "calls", "contacting", "writing"]
OF_WHAT += ["bothering", "spamming", "spam", "immediately", "hi", "hello", "hey", "ok", "no"]
OF_WHAT += ["yes", "start", "unstop"]


def is_reply(said: str | None) -> bool:
    bare = "".join(c for c in (said or "").lower() if not is_unseen(c) and c not in "-_./")
    return bare in CAME_IN.split()


def meaning(said: Mapping[str, Any]) -> str | None:
    """unsubscribed, subscribed, or None, of a row that came in."""
    told = {**(said.get("properties") or {}), **said}
    texts = [str(told[n]) for n in TEXTS if told.get(n) is not None and trim(str(told[n]))]
    meant = [_meaning(text) for text in texts]
    return "unsubscribed" if "unsubscribed" in meant else next(iter(meant), None)


def _meaning(text: str) -> str | None:
    text = "".join(chr(ord(c) - 0xFEE0) if c in WIDE else c for c in text)
    parts = [words for words in map(_words, _parts(text)) if words]
    words = _words(text)
    if any(_is_plain(part) for part in (words, *parts)):
        return "unsubscribed"
    if any(_made_of(part, POLITE, ALONE, POLITE) for part in (words, *parts[:1])):
        return "unsubscribed"
    return "subscribed" if words in (["start"], ["unstop"], ["yes"]) else None


def _is_plain(words: list[str]) -> bool:
    return _made_of(words, [*POLITE, *OF_WHAT], PLAIN, [*POLITE, *OF_WHAT, *PLAIN])


def _words(text: str) -> list[str]:
    letters = (c if unicodedata.category(c).startswith("L") else " " for c in text.lower())
    return "".join(letters).split()


def _parts(text: str) -> list[str]:
    """The parts of a text that its signs, lines and dashes divide."""
    found, part = [], ""
    for before, sign, behind in zip(" " + text, text, text[1:] + "x", strict=False):
        is_dash = sign == "-" and before in " \t\n-" and behind in " \t\n-"
        if sign in ".,;:!…\n\r、。\uff0c\uff01–—" or is_dash:
            found.append(part)
            part = ""
        else:
            part += sign
    return [*found, part]


def _made_of(words: list[str], before: list[str], one: list[str], behind: list[str]) -> bool:
    """Whether words are any of the first, then one of the second, then any of the third."""
    places = {at for at in range(len(words) + 1) if _all_of(words[:at], before)}
    return any(
        words[at : at + size] == phrase.split() and _all_of(words[at + size :], behind)
        for at in places
        for phrase in one
        for size in [len(phrase.split())]
    )


def _all_of(words: list[str], phrases: list[str]) -> bool:
    reached = {0}
    for at in range(len(words)):
        if at in reached:
            parts = [phrase.split() for phrase in phrases]
            reached |= {at + len(p) for p in parts if words[at : at + len(p)] == p}
    return len(words) in reached
