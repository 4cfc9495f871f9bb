"""Replies: whether a text message that came in turns messages down, or wants them again."""

from __future__ import annotations

from collections.abc import Iterable

from tactful.schemas.events import TYPES
from tactful.schemas.replies import (
    ENDS,
    NARROW,
    OF_WHAT,
    PLAIN,
    POLITE,
    REPLIED,
    START_WORDS,
    STOP_WORDS,
    TEXTS,
    WIDE,
)
from tactful.transforms.blanks import SEPARATORS, is_blank, literal
from tactful.transforms.sources.values import once

STREAM = "messages"
# Why a reply is no event: it is for people to read.
NO_WORD = "reply_without_word"


def is_reply(type_: str) -> str:
    """Whether what a sender says of a message's type is that it came in."""
    words, others = (", ".join(f"'{w}'" for w in those) for those in (REPLIED, TYPES[STREAM]))
    squeezed = f"regexp_replace(lower({type_}), {literal(SEPARATORS)}, '')"
    # Nearly all are words of ours, and need not be looked at letter by letter.
    known = f"CASE WHEN {type_} IN ({others}) THEN false ELSE {squeezed} IN ({words}) END"
    return f"coalesce({known}, false)"


def meaning(properties: str) -> str:
    """What a reply means: unsubscribed, subscribed, or null where it is neither.

    Any of its texts closes; it opens only by the first that says anything.
    """
    said = ", ".join(
        f"CASE WHEN NOT {is_blank(value)} THEN {value} END"
        for value in (f"try_element_at({properties}, '{name}')" for name in TEXTS)
    )
    meant = f"transform(array_compact(array({said})), _reply -> {word('_reply')})"
    decided = """CASE WHEN array_contains(_meant, 'unsubscribed') THEN 'unsubscribed'
        ELSE get(_meant, 0) END"""
    return once(meant, "_meant", decided)


def word(text: str) -> str:
    """What a text says in SQL, of letters alone: a question that holds "stop" says nothing.

    It closes as a whole, by what it begins with, or by a further part that means nothing else.
    """
    every = sorted({word for words in STOP_WORDS.values() for word in words})
    alone = f"^({_any(POLITE)} )*{_any(every)}( {_any(POLITE)})*$"
    among = f"^({_any((*POLITE, *OF_WHAT))} )*{_any(PLAIN)}( {_any((*POLITE, *OF_WHAT, *PLAIN))})*$"
    either = literal(f"{alone}|{among}")
    starts = ", ".join(f"'{word}'" for word in START_WORDS)
    judged = f"""CASE
        WHEN {_bare("_text")} RLIKE {either} OR get(_parts, 0) RLIKE {either} THEN 'unsubscribed'
        WHEN exists(_parts, _part -> _part RLIKE {literal(among)}) THEN 'unsubscribed'
        WHEN {_bare("_text")} IN ({starts}) THEN 'subscribed'
    END"""
    each = f"transform(split(_text, {literal(ENDS)}), _part -> {_bare('_part')})"
    parts = f"filter({each}, _part -> _part != '')"
    narrow = f"translate({text}, '{WIDE}', '{NARROW}')"
    return once(narrow, "_text", once(parts, "_parts", judged))


def _bare(text: str) -> str:
    """The words of a text, of small letters alone."""
    return f"trim(regexp_replace(lower({text}), '[^\\\\p{{L}}]+', ' '))"


def _any(words: Iterable[str]) -> str:
    """Any of these as a regular expression; the longest first, that none hides another."""
    return f"({'|'.join(sorted(words, key=lambda word: (-len(word), word)))})"
