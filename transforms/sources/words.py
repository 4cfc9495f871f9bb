"""Words: what a sender calls a channel, a purpose, a bounce or a type, as one closed value.

A value is read without regard to case, blanks and separators, and by a list of synonyms
(`schemas/words.py`). What is still unknown is doubt, and doubt is silence (G4):

- a row that closes something (consent_withdrawn, unsubscribed, complained, bounced) closes all
  channels and purposes; but a bounce is about its own address: with `all`, or a word that nobody
  knows, it says no channel (see `addresses.on_their_channels`), and of an unknown kind it is a
  hard one;
- a row that opens something (consent_granted, subscribed) opens nothing and is refused;
- any other message counts for all channels, so that no cap overlooks it, and as one that says no
  purpose, which is marketing.

Every such word is kept in `doubts`, as `field:word`. So is a value of another field that is left
out alone, since all else that its row says counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tactful.schemas.events import TYPES
from tactful.schemas.words import (
    ALL,
    BOUNCE_WORDS,
    BOUNCES,
    CHANNEL_WORDS,
    CHANNELS,
    CLOSES,
    OPENS,
    PURPOSE_WORDS,
    PURPOSES,
    TYPE_WORDS,
    Synonyms,
)
from tactful.transforms.blanks import SEPARATORS, is_blank, literal, trimmed

# The closed values of each stream beside its type, with what a sender may call them.
CLOSED: dict[str, dict[str, dict[str, str]]] = {}
LONGEST_WORD = 100
# Fields that say nothing where their value is wrong: a contact opens and closes all the same.
LEFT_ASIDE = {"service": ("satisfaction",)}
# Of a row that closes something these faults are forgiven, but not in what it cannot do without.
FORGIVEN = ("wrong_type", "out_of_bounds", "too_long", "too_many")
NEEDED = ("event_id", "type", "occurred_at", "identifiers", "message_id")


def is_closed(stream: str, name: str) -> bool:
    """Whether a field takes one of a few words only."""
    return name == "type" or name in CLOSED.get(stream, {})


def read(stream: str, name: str, value: str) -> str:
    """The closed value that a text stands for; null where it is blank or nobody knows it."""
    known = closed_words(stream, name)
    plain = _quoted(sorted(set(known.values())))
    words = ", ".join(f"'{word}', '{meant}'" for word, meant in sorted(known.items()))
    squeezed = f"regexp_replace(lower({value}), {literal(SEPARATORS)}, '')"
    # Nearly all values are as they should be, and need not be looked at letter by letter.
    return f"""CASE
        WHEN {value} IN ({plain}) THEN {value}
        WHEN {value} IS NOT NULL THEN try_element_at(map({words}), {squeezed})
    END"""


def reasons(stream: str) -> Iterator[tuple[str, str]]:
    """Conditions with the reason each gives: what would open a channel in a word nobody knows."""
    for name in ("channel", "purpose"):
        if name in CLOSED.get(stream, {}):
            bad = f"{_one_of(OPENS[stream])} AND {_is_unknown(name)}"
            yield bad, f"unknown_value:{name}"


def is_understood_anyhow(stream: str, reason: str) -> str:
    """Whether a fault does not matter: a row closes all the same, if it says when and for whom."""
    fault, _, name = reason.partition(":")
    if stream not in CLOSES or fault not in FORGIVEN or name in NEEDED:
        return "false"
    return _one_of(CLOSES[stream])


def is_own_word(stream: str) -> str:
    """Whether a row closes or opens a channel to somebody, so that it needs no message.

    Preference pages, complaint feeds and suppression lists know persons and no messages.
    """
    return _one_of((*CLOSES[stream], *OPENS[stream]))


def names_somebody() -> str:
    """Whether a row has any identifier that is no blank."""
    named = f"exists(loose.identifiers, entry -> NOT {is_blank('entry.value')})"
    return f"coalesce({named}, false)"


def without_faults(stream: str, value: str, is_fault: str) -> str:
    """A field's value; null where only a row that closes something is forgiven for it."""
    if stream not in CLOSES:
        return value
    return f"CASE WHEN {_one_of(CLOSES[stream])} AND {is_fault} THEN NULL ELSE {value} END"


def settled(stream: str, name: str) -> str:
    """What a closed field finally says, now that the row's type is known.

    Expects `_type`, `_channel`, `_purpose` and `_bounce` as `read` gives them, beside `loose`.
    """
    if not is_closed(stream, name) or name == "type":
        return f"`_{name}`"
    closes, opens = _one_of(CLOSES[stream]), _one_of(OPENS[stream])
    bounces = _one_of(("bounced",))
    if name == "bounce":
        return "CASE WHEN _type = 'bounced' THEN coalesce(_bounce, 'hard') ELSE _bounce END"
    in_doubt = f"({_is_unknown('channel')} OR {_is_unknown('purpose')})"
    if stream == "profiles":
        return f"CASE WHEN {closes} AND {in_doubt} THEN '{ALL}' ELSE `_{name}` END"
    if name == "channel":
        unheard = f"{closes} AND {in_doubt} OR NOT {opens} AND {_is_unknown(name)}"
        return f"""CASE
            WHEN {bounces} THEN nullif(_channel, '{ALL}')
            WHEN {unheard} THEN '{ALL}'
            ELSE _channel
        END"""
    speaks = f"NOT {closes} AND NOT {opens}"
    return f"""CASE
        WHEN {bounces} AND NOT {_is_unknown("purpose")} THEN _purpose
        WHEN {closes} AND {in_doubt} THEN '{ALL}'
        WHEN {speaks} AND _purpose = '{ALL}' THEN NULL
        ELSE _purpose
    END"""


def doubts(stream: str) -> str:
    """The words of a row that nobody knows, as field:word; null where there are none."""
    named = (*CLOSED.get(stream, ()), *LEFT_ASIDE.get(stream, ()))
    if not named:
        return "CAST(NULL AS array<string>)"
    told, bad = [], []
    for name in named:
        is_doubt = _is_unknown(name)
        if name == "bounce":
            is_doubt = f"({is_doubt} OR _type = 'bounced' AND _bounce IS NULL)"
        bad.append(is_doubt)
        told.append(f"CASE WHEN {is_doubt} THEN concat('{name}:', {_shown(f'loose.{name}')}) END")
    # Hardly a row has any, and lists with gaps are interpreted row by row.
    return f"CASE WHEN {' OR '.join(bad)} THEN array_compact(array({', '.join(told)})) END"


def closed_words(stream: str, name: str) -> Mapping[str, str]:
    """Every word of a closed field, without blanks and separators, with what it stands for."""
    return _types(stream) if name == "type" else CLOSED[stream][name]


def closing_types() -> dict[str, dict[str, str]]:
    """By stream, every word for a type that closes something, with the type it stands for."""
    return {
        stream: {word: type_ for word, type_ in _types(stream).items() if type_ in closes}
        for stream, closes in CLOSES.items()
    }


def _one_of(types: Sequence[str]) -> str:
    return f"coalesce(_type IN ({_quoted(types)}), false)"


def _quoted(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


def _is_unknown(name: str) -> str:
    """Whether a field says something that nobody knows; a blank says nothing."""
    blank = f"{trimmed(f'loose.{name}')} = ''"
    # Asked only of what was not understood.
    return f"CASE WHEN loose.{name} IS NULL OR _{name} IS NOT NULL THEN false ELSE NOT {blank} END"


def _shown(value: str) -> str:
    """The word as `status` may tell it: what looks like a contact is no word and is not told."""
    word = f"coalesce({trimmed(value)}, '')"
    contact = literal("@|[0-9]{5}")
    return f"CASE WHEN {word} RLIKE {contact} THEN '…' ELSE left({word}, {LONGEST_WORD}) END"


def _words(values: Sequence[str], synonyms: Synonyms) -> dict[str, str]:
    """Every word, without separators, with the value it stands for."""
    plain = {_bare(value): value for value in values}
    return plain | {word: value for value, words in synonyms for word in (_bare(value), *words)}


def _types(stream: str) -> Mapping[str, str]:
    return _words(TYPES[stream], TYPE_WORDS.get(stream, ()))


def _bare(value: str) -> str:
    return value.replace("_", "")


CLOSED |= {
    "messages": {
        "channel": _words(CHANNELS, CHANNEL_WORDS),
        "purpose": _words(PURPOSES, PURPOSE_WORDS),
        "bounce": _words(BOUNCES, BOUNCE_WORDS),
    },
    "profiles": {
        "channel": _words(CHANNELS, CHANNEL_WORDS),
        "purpose": _words(PURPOSES, PURPOSE_WORDS),
    },
}
