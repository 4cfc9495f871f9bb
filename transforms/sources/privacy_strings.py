"""Privacy strings: what TCF and GPP strings say of ads, read bit by bit in SQL.

IAB Tech Lab's consent strings are numbers of fixed width, one behind the other, in six bits a sign.
Read on 2026-11-27: "Consent string and vendor list formats v2" (TCF 2.3) and the Global Privacy
Platform's string specification, its US sections as IABTechLab/iabgpp-es lays them out; for which
purposes ads to known people need, Google's "Publisher integration with the IAB TCF v2"; for how
long a choice holds, its "Troubleshooting IAB EU TCF v2.2" (support.google.com/admanager, answer
9999955), read on 2026-11-28.

Each function takes a text in SQL and gives a finding in SQL: one of these words.
"""

from __future__ import annotations

from collections.abc import Iterable

from tactful.transforms.sources.values import once

NOTHING, UNREADABLE = "nothing", "unreadable"
# What is refused, and why.
GPC, GPP = "gpc_opt_out", "gpp_opt_out"
PURPOSES_REFUSED, VENDORS_REFUSED = "tcf_purposes_refused", "tcf_vendors_refused"
UNDISCLOSED = "tcf_2_3_disclosed_vendors_missing"
# A section of a GPP string that nobody reads here.
ELSEWHERE = "elsewhere"
GRANTED = "tcf_granted"
REFUSED = (GPC, GPP, PURPOSES_REFUSED, VENDORS_REFUSED, UNDISCLOSED)

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# Ads to whom one knows: a profile is made and used (3, 4) and something is stored (1), which needs
# consent; to choose and measure them, and to learn of it (2, 7, 9, 10), interest is enough.
BY_CONSENT, BY_EITHER = (1, 3, 4), (2, 7, 9, 10)
CONSENTS_AT, INTERESTS_AT = 152, 176
# Behind all of fixed width come vendors by consent, vendors by interest, and what a publisher
# restricts: a purpose in six bits, then in two what of it, then whom.
VENDORS_AT = 213
NOT_ALLOWED, BY_CONSENT_ALONE, BY_INTEREST_ALONE = 0, 1, 2
# A vendor, or a range of them, in a list.
VENDOR = r"\\G(0[01]{16}|1[01]{32})"
# What was chosen longer ago than this has to be asked anew; a clock may be so far ahead.
HOLDS, AHEAD = "INTERVAL '13' MONTH", "INTERVAL '1' DAY"
# So many signs hold all up to the interests.
CORE_SIGNS = 36
# From 28 February 2026 on a string says to whom it was shown, or it is none. Tenths of a second.
SHOWN_FROM = 17_722_368_000
# Further segments begin with their type in three bits: 1 is to whom it was shown.
SHOWN = "[.]([I-P][A-Za-z0-9_-]*)"
# Strings of before TCF 2.2 (policy 4) grant nothing any more.
POLICY_FROM = 4
FIBONACCI = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233)
# By section of the United States, where its opt-outs of two bits begin, and how many there are: of
# sale and sharing, of sale and targeted advertising; usnat has all three.
OPT_OUTS: dict[int, tuple[int, int]] = {
    7: (18, 3), 8: (12, 2), 9: (12, 2), 10: (12, 2), 11: (14, 2), 12: (12, 2), 13: (12, 2),
    14: (12, 2), 15: (12, 2), 16: (12, 2), 17: (12, 2), 18: (14, 2), 19: (12, 2), 20: (12, 2),
    21: (12, 2), 22: (12, 2), 23: (12, 2), 24: (16, 2), 25: (16, 2), 26: (16, 2), 27: (16, 2),
}  # fmt: skip
TCF_SECTION, US_PRIVACY_SECTION, US_NATIONAL = 2, 6, 7


def bits(text: str) -> str:
    """The bits of a text of base64url, as ones and zeros."""
    place = f"instr('{ALPHABET}', substring({text}, _sign, 1)) - 1"
    each = f"transform(sequence(1, length({text})), _sign -> lpad(bin({place}), 6, '0'))"
    return f"CASE WHEN {text} RLIKE '^[A-Za-z0-9_-]+$' THEN array_join({each}, '') END"


def number(found: str, at: int, width: int) -> str:
    """A number of so many bits that begins behind `at` others."""
    return f"CAST(conv(substring({found}, {at + 1}, {width}), 2, 10) AS bigint)"


def tcf(text: str, vendors: Iterable[int] = ()) -> str:
    """What a TC string says of ads to whom it is of.

    It refuses them unless it consents to all purposes that such ads need; where it says no to one
    of the vendors by whom a business advertises, unless it says that it was not shown that one; and
    where it is of a time at which it has to say whom it was shown, and does not. It grants them
    only where it says yes to each of those vendors, and its publisher forbids them nothing that
    they need, since a string says yes to vendors, not to the world: whoever names none is granted
    nothing by it. A string of global scope (IsServiceSpecific = 0) grants nothing either: IAB's
    format says of that field, read on 2026-11-28, that it must always be 1, and that a string with
    0 is considered invalid. What such a string refuses is heard all the same: a no needs no form.
    """
    wanted = sorted(set(vendors))
    core = "substring_index(_tc, '.', 1)"
    read = core if wanted else f"substring({core}, 1, {CORE_SIGNS})"
    # Each a lambda of its own, so that it is worked out once (see `values.rarely`).
    judged = once(bits(read), "_bits", once(_shown(), "_shown", _judged(wanted)))
    is_string = f"_tc RLIKE '^C[A-Za-z0-9_-]{{{CORE_SIGNS - 1},}}([.][A-Za-z0-9_-]+)*$'"
    return once(text, "_tc", f"CASE WHEN {is_string} THEN {judged} ELSE '{UNREADABLE}' END")


def chosen_at(text: str) -> str:
    """When somebody chose what a TC string says, or that inside a GPP string does; null without."""
    section = f"get(_parts, CAST(array_position(_ids, {TCF_SECTION}) AS int))"
    inside = once("split(_said, '~')", "_parts", once(sections("_parts[0]"), "_ids", section))
    string = f"CASE WHEN _said LIKE '%~%' THEN {inside} ELSE _said END"
    tenths = once(bits(f"substring(_tc, 1, {CORE_SIGNS})"), "_bits", number("_bits", 42, 36))
    return once(text, "_said", once(string, "_tc", f"timestamp_micros({tenths} * 100000)"))


def still_holds(chosen: str, shown: str) -> str:
    """Whether what was chosen then may be relied on at that time."""
    return f"coalesce({chosen} BETWEEN {shown} - {HOLDS} AND {shown} + {AHEAD}, false)"


def gpp(text: str, vendors: Iterable[int] = ()) -> str:
    """What a GPP string says of ads: an opt-out in any section it applies to counts.

    "Did not opt out" is no consent, and opens nothing; Global Privacy Control inside it goes before
    that. A section that should be readable and is not opens nothing; one that nobody reads here is
    left aside, and where there is no other, so is the string.
    """
    said = f"transform(_ids, (_id, _n) -> {_section('_id', 'get(_parts, _n + 1)', vendors)})"
    first = " ".join(
        f"WHEN array_contains(_said, '{word}') THEN '{word}'"
        for word in (GPC, GPP, UNDISCLOSED, PURPOSES_REFUSED, VENDORS_REFUSED, UNREADABLE, GRANTED)
    )
    nothing = f"WHEN array_contains(_said, '{NOTHING}') THEN '{NOTHING}'"
    decided = once(said, "_said", f"CASE {first} {nothing} ELSE '{UNREADABLE}' END")
    is_whole = "size(_ids) > 0 AND size(_ids) = size(_parts) - 1"
    whole = f"CASE WHEN {is_whole} THEN {decided} ELSE '{UNREADABLE}' END"
    return once(f"split({text}, '~')", "_parts", once(sections("_parts[0]"), "_ids", whole))


def us_privacy(text: str) -> str:
    """What the four signs of a US Privacy string say: 1YYN says no to sale."""
    return f"""CASE
        WHEN NOT upper({text}) RLIKE '^1[YN-]{{3}}$' THEN '{UNREADABLE}'
        WHEN upper(substring({text}, 3, 1)) = 'Y' THEN '{GPP}' ELSE '{NOTHING}'
    END"""


def sections(header: str) -> str:
    """The numbers of a GPP string's sections, which its header says in Fibonacci's code; null where
    it is none.

    Each is told by how much it is more than the one before; no two ones stand side by side inside
    a number, so two of them end it.
    """
    entry = r"\\G(0[01]*?11|1[01]*?11[01]*?11)"
    found = f"slice(regexp_extract_all(substring(_head, 25), '{entry}', 1), 1, _count)"
    low, high = (f"regexp_extract(_one, '^1([01]*?11)([01]*?11)$', {n})" for n in (1, 2))
    told = f"""CASE
        WHEN _one LIKE '0%' THEN struct(substring(_one, 2) AS low, '' AS high)
        ELSE struct({low} AS low, {high} AS high) END"""
    begins = f"(_sum.last + {_fibonacci('_told.low')})"
    ends = f"({begins} + {_fibonacci('_told.high')})"
    # A range of so many is none; the number of sections there are is far below.
    listed = f"CASE WHEN {ends} <= 1000 THEN sequence({begins}, {ends}) END"
    added = f"named_struct('last', {ends}, 'ids', concat(_sum.ids, {listed}))"
    start = "named_struct('last', 0, 'ids', CAST(array() AS array<int>))"
    ids = f"aggregate(transform(_found, _one -> {told}), {start}, (_sum, _told) -> {added}).ids"
    whole = once(found, "_found", f"CASE WHEN size(_found) = _count THEN {ids} END")
    counted = once("CAST(conv(substring(_head, 13, 12), 2, 10) AS int)", "_count", whole)
    is_header = "_head LIKE '000011000001%' AND length(_head) >= 24"
    return once(bits(header), "_head", f"CASE WHEN {is_header} THEN {counted} END")


def _section(number_of_it: str, text: str, vendors: Iterable[int]) -> str:
    """What one section of a GPP string says."""
    ids = ", ".join(map(str, OPT_OUTS))
    return f"""CASE
        WHEN {number_of_it} = {TCF_SECTION} THEN {tcf(text, vendors)}
        WHEN {number_of_it} = {US_PRIVACY_SECTION} THEN {us_privacy(text)}
        WHEN {number_of_it} IN ({ids}) THEN {_of_the_states(number_of_it, text)}
        ELSE '{ELSEWHERE}'
    END"""


def _of_the_states(number_of_it: str, text: str) -> str:
    """What a section of the United States says: its core, then at times Global Privacy Control."""
    begin = " ".join(f"WHEN {n} THEN {at + 1}" for n, (at, _) in OPT_OUTS.items())
    width = f"CASE WHEN {number_of_it} = {US_NATIONAL} THEN 6 ELSE 4 END"
    told = f"substring(_core, CASE {number_of_it} {begin} END, {width})"
    versions = f"CASE WHEN {number_of_it} = {US_NATIONAL} THEN 2 ELSE 1 END"
    is_read = f"length(_core) >= 24 AND {number('_core', 0, 6)} BETWEEN 1 AND {versions}"
    # By two bits each: 01 is an opt-out, 10 none, 00 that it does not apply.
    judged = f"""CASE
        WHEN NOT coalesce({is_read}, false) THEN '{UNREADABLE}'
        WHEN {told} RLIKE '^(..)*01' THEN '{GPP}' ELSE '{NOTHING}'
    END"""
    # A second segment of type 1 (two bits), whose third bit is Global Privacy Control.
    is_gpc = f"{text} RLIKE '[.][YZa-f]'"
    core = f"substring(substring_index({text}, '.', 1), 1, 12)"
    return f"CASE WHEN {is_gpc} THEN '{GPC}' ELSE {once(bits(core), '_core', judged)} END"


def _shown() -> str:
    """To whom a TC string says that it was shown: a list of vendors; null without a whole one."""
    segment = f"regexp_extract(_tc, '{SHOWN}', 1)"
    listed = once(segment, "_segment", f"substring({bits('_segment')}, 4)")
    return once(listed, "_list", f"CASE WHEN {_behind('_list')} IS NOT NULL THEN _list END")


def _judged(vendors: list[int]) -> str:
    consented = [f"substring(_bits, {CONSENTS_AT + p}, 1) = '1'" for p in BY_CONSENT]
    either = [
        f"'1' IN (substring(_bits, {CONSENTS_AT + p}, 1), substring(_bits, {INTERESTS_AT + p}, 1))"
        for p in BY_EITHER
    ]
    chosen = f"greatest({number('_bits', 6, 36)}, {number('_bits', 42, 36)})"
    return f"""CASE
        WHEN NOT _bits LIKE '000010%' THEN '{UNREADABLE}'
        WHEN {chosen} >= {SHOWN_FROM} AND _shown IS NULL THEN '{UNDISCLOSED}'
        WHEN NOT ({" AND ".join((*consented, *either))}) THEN '{PURPOSES_REFUSED}'
        ELSE {_by_vendors(vendors) if vendors else f"'{NOTHING}'"}
    END"""


def _by_vendors(vendors: list[int]) -> str:
    """What a string that consents to all purposes says of vendors."""
    may_grant = f"{number('_bits', 132, 6)} >= {POLICY_FROM} AND substring(_bits, 139, 1) = '1'"
    refused = " OR ".join(_is_refused(vendor) for vendor in vendors)
    granted = " AND ".join(_may_all(vendor) for vendor in vendors)
    shown = " AND ".join(f"(_shown IS NULL OR {_names('_shown', v)})" for v in vendors)
    judged = f"""CASE
        WHEN _limits IS NULL THEN '{UNREADABLE}'
        WHEN {refused} THEN '{VENDORS_REFUSED}'
        WHEN {may_grant} AND {shown} AND {granted} THEN '{GRANTED}'
        ELSE '{NOTHING}'
    END"""
    limited = once(_restrictions("_rest"), "_limits", judged)
    behind = once(_behind("_interests"), "_rest", limited)
    interests = once(_behind("_consents"), "_interests", behind)
    return once(f"substring(_bits, {VENDORS_AT + 1})", "_consents", interests)


def _is_refused(vendor: int) -> str:
    """Whether a vendor was shown, for all one knows, and got neither consent nor, where no consent
    to a purpose stands for it, interest: an objection."""
    by_interest = " OR ".join(f"substring(_bits, {CONSENTS_AT + p}, 1) = '0'" for p in BY_EITHER)
    objected = f"(({by_interest}) AND NOT {_names('_interests', vendor)})"
    not_said = f"(NOT {_names('_consents', vendor)} OR {objected})"
    return f"((_shown IS NULL OR {_names('_shown', vendor)}) AND {not_said})"


def _may_all(vendor: int) -> str:
    """Whether no restriction by the publisher takes from a vendor what its purposes rest upon."""

    def is_limited(purpose: int, kind: int) -> str:
        return f"array_contains(_own, '{purpose:06b}{kind:02b}')"

    told = [f"NOT {is_limited(p, NOT_ALLOWED)}" for p in (*BY_CONSENT, *BY_EITHER)]
    told += [f"NOT {is_limited(p, BY_INTEREST_ALONE)}" for p in BY_CONSENT]
    for p in BY_EITHER:
        consent = f"substring(_bits, {CONSENTS_AT + p}, 1) = '1'"
        transparent = f"substring(_bits, {INTERESTS_AT + p}, 1) = '1'"
        interest = f"{transparent} AND {_names('_interests', vendor)}"
        told.append(
            f"({consent} AND NOT {is_limited(p, BY_INTEREST_ALONE)}"
            f" OR {interest} AND NOT {is_limited(p, BY_CONSENT_ALONE)})"
        )
    own = f"filter(_limits, _one -> {_is_within(vendor, 'substring(_one, 9)')})"
    kinds = once(own, "_mine", "transform(_mine, _one -> left(_one, 8))")
    return once(kinds, "_own", f"({_names('_consents', vendor)} AND {' AND '.join(told)})")


def _restrictions(found: str) -> str:
    """What a publisher restricts: by entry of a list the purpose, what of it, and the vendors; null
    where it ends too early."""
    count = f"CAST({number('_sum.rest', 8, 12)} AS int)"
    entries = _entries(f"substring(_sum.rest, 21, {count} * 33)", count)
    is_whole = f"length(_sum.rest) >= 20 AND size(_entries) = {count}"
    said = "transform(_entries, _one -> concat(left(_sum.rest, 8), _one))"
    rest = "substring(_sum.rest, 21 + length(array_join(_entries, '')))"
    one = once(
        entries,
        "_entries",
        f"named_struct('rest', CASE WHEN {is_whole} THEN {rest} END, "
        f"'said', concat(_sum.said, {said}))",
    )
    none = "CAST(array() AS array<string>)"
    start = f"named_struct('rest', substring({found}, 13), 'said', {none})"
    many = f"CAST({number(found, 0, 12)} AS int)"
    summed = f"aggregate(sequence(1, {many}), {start}, (_sum, _n) -> {one})"
    whole = once(summed, "_all", "CASE WHEN _all.rest IS NOT NULL THEN _all.said END")
    return f"""CASE WHEN length({found}) >= 12 THEN
        CASE WHEN {many} = 0 THEN {none} ELSE {whole} END END"""


def _entries(found: str, count: str) -> str:
    """So many entries of a list, or as many as there are."""
    return f"slice(regexp_extract_all({found}, '{VENDOR}', 1), 1, {count})"


def _listed(found: str) -> str:
    """The entries of a list of vendors that is written in ranges; null where it ends too early."""
    count = f"CAST({number(found, 17, 12)} AS int)"
    entries = _entries(f"substring({found}, 30, {count} * 33)", count)
    is_whole = f"length({found}) >= 29 AND size(_entries) = {count}"
    return once(entries, "_entries", f"CASE WHEN {is_whole} THEN _entries END")


def _behind(found: str) -> str:
    """What stands behind a list of vendors; null where the list ends too early."""
    most = f"CAST({number(found, 0, 16)} AS int)"
    by_bits = f"CASE WHEN length({found}) >= 17 + {most} THEN substring({found}, 18 + {most}) END"
    length = f"length(array_join({_listed(found)}, ''))"
    return f"""CASE substring({found}, 17, 1)
        WHEN '1' THEN substring({found}, 30 + {length}) WHEN '0' THEN {by_bits} END"""


def _names(found: str, vendor: int) -> str:
    """Whether a list has a vendor: a bit each, or ranges of them."""
    in_ranges = f"exists({_listed(found)}, _entry -> {_is_within(vendor, '_entry')})"
    is_known = f"{number(found, 0, 16)} >= {vendor}"
    one_bit = f"({is_known} AND substring({found}, {17 + vendor}, 1) = '1')"
    named = f"CASE WHEN substring({found}, 17, 1) = '1' THEN {in_ranges} ELSE {one_bit} END"
    return f"coalesce({named}, false)"


def _is_within(vendor: int, entry: str) -> str:
    low = f"CAST(conv(substring({entry}, 2, 16), 2, 10) AS int)"
    high = f"CAST(conv(substring({entry}, -16), 2, 10) AS int)"
    return f"{vendor} BETWEEN {low} AND {high}"


def _fibonacci(code: str) -> str:
    """The number that a code stands for, without the one that ends it; of no code 0."""
    listed = f"array({', '.join(map(str, FIBONACCI))})"
    is_one = f"substring({code}, _i + 1, 1) = '1'"
    worth = f"CASE WHEN {is_one} THEN coalesce(get({listed}, _i), 1000) ELSE 0 END"
    places = f"sequence(0, length({code}) - 2)"
    total = f"aggregate({places}, 0, (_total, _i) -> _total + {worth})"
    return f"CASE WHEN length({code}) > 1 THEN {total} ELSE 0 END"
