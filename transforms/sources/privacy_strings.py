"""Privacy strings: what TCF and GPP strings say of ads, read bit by bit in SQL.

IAB Tech Lab's consent strings are numbers of fixed width, one behind the other, in six bits a sign.
Read on 2026-11-27: "Consent string and vendor list formats v2" (TCF 2.3) and the Global Privacy
Platform's string specification, its US sections as IABTechLab/iabgpp-es lays them out; for which
purposes ads to known people need, Google's "Publisher integration with the IAB TCF v2".

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
GRANTED = "tcf_granted"
REFUSED = (GPC, GPP, PURPOSES_REFUSED, VENDORS_REFUSED, UNDISCLOSED)

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# Ads to whom one knows: a profile is made and used (3, 4) and something is stored (1), which needs
# consent; to choose and measure them, and to learn of it (2, 7, 9, 10), interest is enough.
BY_CONSENT, BY_EITHER = (1, 3, 4), (2, 7, 9, 10)
CONSENTS_AT, INTERESTS_AT = 152, 176
# So many signs hold all up to the interests.
CORE_SIGNS = 36
# From 28 February 2026 on a string says to whom it was shown, or it is none. Tenths of a second.
SHOWN_FROM = 17_722_368_000
# Further segments begin with their type in three bits: 1 is to whom it was shown.
SHOWN = "[.][I-P]"
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

    It refuses them unless it consents to all purposes that such ads need; and where it is of a time
    at which it has to say to whom it was shown, and does not. It grants them only where it consents
    to each of the vendors that a business names as those by whom it advertises, since a string says
    yes to vendors, not to the world: whoever names none is granted nothing by it.
    """
    wanted = sorted(set(vendors))
    core = "substring_index(_tc, '.', 1)"
    read = core if wanted else f"substring({core}, 1, {CORE_SIGNS})"
    # Each a lambda of its own, so that it is worked out once (see `values.rarely`).
    judged = once(bits(read), "_bits", _judged(wanted))
    is_string = f"_tc RLIKE '^C[A-Za-z0-9_-]{{{CORE_SIGNS - 1},}}([.][A-Za-z0-9_-]+)*$'"
    return once(text, "_tc", f"CASE WHEN {is_string} THEN {judged} ELSE '{UNREADABLE}' END")


def gpp(text: str, vendors: Iterable[int] = ()) -> str:
    """What a GPP string says of ads: an opt-out in any section it applies to counts.

    "Did not opt out" is no consent, and opens nothing; Global Privacy Control inside it goes before
    that. What it says in a section that nobody reads here opens nothing either.
    """
    said = f"transform(_ids, (_id, _n) -> {_section('_id', 'get(_parts, _n + 1)', vendors)})"
    first = " ".join(
        f"WHEN array_contains(_said, '{word}') THEN '{word}'"
        for word in (GPC, GPP, UNDISCLOSED, PURPOSES_REFUSED, VENDORS_REFUSED, UNREADABLE, GRANTED)
    )
    decided = once(said, "_said", f"CASE {first} ELSE '{NOTHING}' END")
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
        ELSE '{UNREADABLE}'
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


def _judged(vendors: list[int]) -> str:
    shown = f"_tc RLIKE '{SHOWN}'"
    consented = [f"substring(_bits, {CONSENTS_AT + p}, 1) = '1'" for p in BY_CONSENT]
    either = [
        f"'1' IN (substring(_bits, {CONSENTS_AT + p}, 1), substring(_bits, {INTERESTS_AT + p}, 1))"
        for p in BY_EITHER
    ]
    to_vendors = " AND ".join(_has_vendor(vendor) for vendor in vendors) or "true"
    may_grant = f"{number('_bits', 132, 6)} >= {POLICY_FROM} AND substring(_bits, 139, 1) = '1'"
    granted = f"WHEN {may_grant} THEN '{GRANTED}'" if vendors else ""
    return f"""CASE
        WHEN NOT _bits LIKE '000010%' THEN '{UNREADABLE}'
        WHEN {number("_bits", 6, 36)} >= {SHOWN_FROM} AND NOT {shown} THEN '{UNDISCLOSED}'
        WHEN NOT ({" AND ".join((*consented, *either))}) THEN '{PURPOSES_REFUSED}'
        WHEN NOT coalesce({to_vendors}, false) THEN '{VENDORS_REFUSED}'
        {granted}
        ELSE '{NOTHING}'
    END"""


def _has_vendor(vendor: int) -> str:
    """Whether a TC string consents to a vendor: a bit each, or ranges of them."""
    entries = r"regexp_extract_all(substring(_bits, 243), '\\G(0[01]{16}|1[01]{32})', 1)"
    count = f"CAST({number('_bits', 230, 12)} AS int)"
    low = "CAST(conv(substring(_entry, 2, 16), 2, 10) AS int)"
    high = "CAST(conv(substring(_entry, -16), 2, 10) AS int)"
    found = f"exists(_listed, _entry -> {vendor} BETWEEN {low} AND {high})"
    in_ranges = once(
        f"slice({entries}, 1, {count})", "_listed", f"size(_listed) = {count} AND {found}"
    )
    is_known = f"{number('_bits', 213, 16)} >= {vendor}"
    one_bit = f"({is_known} AND substring(_bits, {230 + vendor}, 1) = '1')"
    return f"CASE WHEN substring(_bits, 230, 1) = '1' THEN {in_ranges} ELSE {one_bit} END"


def _fibonacci(code: str) -> str:
    """The number that a code stands for, without the one that ends it; of no code 0."""
    listed = f"array({', '.join(map(str, FIBONACCI))})"
    is_one = f"substring({code}, _i + 1, 1) = '1'"
    worth = f"CASE WHEN {is_one} THEN coalesce(get({listed}, _i), 1000) ELSE 0 END"
    places = f"sequence(0, length({code}) - 2)"
    total = f"aggregate({places}, 0, (_total, _i) -> _total + {worth})"
    return f"CASE WHEN length({code}) > 1 THEN {total} ELSE 0 END"
