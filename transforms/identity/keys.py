"""Identifier keys: one normal form a type, and a keyed hash that a word list cannot undo."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.schemas.words import IDENTIFIER_WORDS
from tactful.transforms.blanks import BLANK_CLASS, BLANKS, SEPARATORS
from tactful.transforms.identity.links import broadcast_if_small

KEY_LENGTH = 32
BLOCK = 64
NO_BLANK = f"[^@{BLANK_CLASS}]+"
EMAIL = rf"^{NO_BLANK}@{NO_BLANK}\.{NO_BLANK}\z"
DIGEST = r"^[0-9a-f]{64}\z"
ZEROS = r"^[0-]*\z"
# Every text of the letters before these is in the form NFC.
UNLIKE_NFC = r"[^\x{0}-\x{2FF}]"


def hmac_pads(secret: bytes) -> tuple[bytes, bytes]:
    """The inner and outer padded key of HMAC-SHA-256 (RFC 2104), worked out once."""
    key = hashlib.sha256(secret).digest() if len(secret) > BLOCK else secret
    key = key.ljust(BLOCK, b"\0")
    return bytes(b ^ 0x36 for b in key), bytes(b ^ 0x5C for b in key)


def hmac_sha256(message: Column, *, inner: Column, outer: Column) -> Column:
    """HMAC-SHA-256 in lower-case hex, in Spark's own expressions.

    The pads are columns of a broadcast frame, never literals: a literal would be printed in
    plans, event logs and exception texts (G8).
    """
    digest = F.unhex(F.sha2(F.concat(inner, F.encode(message, "UTF-8")), 256))
    return F.sha2(F.concat(outer, digest), 256)


def hmac_text(message: str) -> str:
    """The same as SQL over a text, of rows that have inner and outer beside it."""
    return f"sha2(concat(outer, unhex(sha2(concat(inner, encode({message}, 'UTF-8')), 256))), 256)"


def identifier_sets(events: DataFrame) -> DataFrame:
    """List what identifiers come together, each combination once.

    A thousand page views of one cookie carry the same, and a keyed hash is dear.

    Keeps: identifiers (empty where there are none). Grain: combination.
    """
    return events.select(_carried().alias("identifiers")).distinct()


def odd_spellings(sets: DataFrame) -> DataFrame:
    """List what of each combination Spark alone cannot read, as it came.

    It is phone numbers, and emails with a sign that may be an accent apart from its letter.

    Keeps: identifiers. Adds: type (phone, email), value. Grain: combination × such an identifier.
    """
    held = sets.select("identifiers", F.explode("identifiers").alias("i"))
    told = held.select(
        "identifiers",
        _type_named(F.col("i.type"), ["phone", "email"]).alias("type"),
        F.col("i.value").alias("value"),
    )
    is_phone = (F.col("type") == "phone") & F.col("value").isNotNull()
    return told.where(is_phone | ((F.col("type") == "email") & F.col("value").rlike(UNLIKE_NFC)))


def key_identifiers(
    sets: DataFrame,
    spelled: DataFrame,
    pads: DataFrame,
    *,
    priorities: Mapping[str, int],
    blocked: Sequence[str],
) -> DataFrame:
    """Give every combination of identifiers their keys, best one first.

    An email and the SHA-256 of an email meet in one key, so a site that only knows the hash
    still joins the shop that knows the address; an address is in small letters and in Unicode's
    form NFC, however its accents are written. Other ids are what they are, sign by sign. A value
    that cannot be an identifier of its type is dropped with a reason while the event lives on; a
    blocked value (empty words, zeros, test addresses) keeps a key of its own but never links or
    owns anything.

    Adds: identifier_keys, identifier_types, blocked_keys, blocked_types, identifier_reasons,
    anchor_key, and `known` (array of key, type, value for the protected table).
    Keeps: one row a combination. Drops: nothing.
    sets: see `identifier_sets`. spelled: of what `odd_spellings` lists type, value, normal. pads:
    one row with inner and outer (see `hmac_pads`).
    """
    keyed = (
        sets.join(_spelled(sets, spelled), on="identifiers", how="left")
        .crossJoin(F.broadcast(pads))
        .withColumn(
            "_ids",
            F.transform(
                "identifiers", lambda i: _normal(i, priorities=priorities, blocked=blocked)
            ),
        )
        .withColumn("_ids", F.transform("_ids", _keyed))
    )
    usable = F.filter("_ids", lambda i: i["reason"].isNull())
    linking = F.filter(usable, lambda i: ~i["blocked"])
    blocked_ids = F.filter(usable, lambda i: i["blocked"])
    return (
        keyed.withColumn("_linking", _in_order(linking))
        .withColumn("_blocked", _in_order(blocked_ids))
        .withColumns(
            {
                "identifier_keys": F.col("_linking.key"),
                "identifier_types": F.col("_linking.type"),
                "blocked_keys": F.col("_blocked.key"),
                "blocked_types": F.col("_blocked.type"),
                "identifier_reasons": F.transform(
                    F.filter("_ids", lambda i: i["reason"].isNotNull()),
                    lambda i: F.concat_ws(":", i["type"], i["reason"]),
                ),
                "anchor_key": F.try_element_at(F.col("_linking.key"), F.lit(1)),
                "known": F.array_distinct(
                    F.transform(
                        usable,
                        lambda i: F.struct(
                            i["key"].alias("identifier_key"),
                            i["type"].alias("identifier_type"),
                            i["value"].alias("value"),
                        ),
                    )
                ),
            }
        )
        .drop("_ids", "_linking", "_blocked", "inner", "outer", "normal")
    )


def with_keys(events: DataFrame, keys: DataFrame, *, count: int) -> DataFrame:
    """Give every event the keys of the identifiers it carries.

    Adds: what `key_identifiers` adds but for `known`. Keeps: one row an event. Drops: nothing.
    count: how many combinations there are, at most.
    """
    given = keys.drop("known").withColumnRenamed("identifiers", "_carried")
    # The hash first: it is quickly compared where rows are sorted.
    on, hashed = ["_hash", "_carried"], F.xxhash64("_carried")
    given = broadcast_if_small(given.withColumn("_hash", hashed), count=count)
    carried = events.withColumn("_carried", _carried()).withColumn("_hash", hashed)
    return carried.join(given, on=on, how="left").drop(*on)


def _carried() -> Column:
    nothing = F.array().cast("array<struct<type:string,value:string>>")
    return F.coalesce("identifiers", nothing)


def _spelled(sets: DataFrame, spelled: DataFrame) -> DataFrame:
    """What each combination's odd spellings are: identifiers, normal (as it came → normal form)."""
    found = odd_spellings(sets).distinct().join(F.broadcast(spelled), ["type", "value"])
    pairs = F.collect_list(F.struct(_spelling(F.col("type"), F.col("value")), "normal"))
    return found.groupBy("identifiers").agg(F.map_from_entries(pairs).alias("normal"))


def _spelling(kind: Column, value: Column) -> Column:
    return F.concat(kind, F.lit(":"), value)


def _type_named(kind: Column, names: Sequence[str]) -> Column:
    """The type of this list that is meant, without regard to case, blanks and separators."""
    known = {name.lower().replace("_", ""): name for name in names}
    known |= {word: name for name, also in IDENTIFIER_WORDS if name in names for word in also}
    bare = F.regexp_replace(F.lower(kind), SEPARATORS, "")
    meant = F.try_element_at(_literal_map(known), bare)
    return F.when(kind.isin(list(names)), kind).otherwise(F.coalesce(meant, kind))


def identity_type(kind: Column) -> Column:
    """Both forms of an email are one identifier of type email."""
    return F.when(kind == "email_sha256", "email").otherwise(kind)


def _normal(i: Column, *, priorities: Mapping[str, int], blocked: Sequence[str]) -> Column:
    """One identifier in its normal form, or with the reason why it cannot be one of its type."""
    kind = _type_named(i["type"], [*priorities, "email_sha256"])
    normal = F.try_element_at(F.col("normal"), _spelling(kind, i["value"]))
    phone = F.when(kind == "phone", normal)
    said = F.when(kind == "email", F.coalesce(normal, i["value"])).otherwise(i["value"])
    trimmed = F.btrim(said, F.lit(BLANKS))
    lowered = F.lower(trimmed)
    priority = F.try_element_at(_literal_map(priorities), identity_type(kind))
    value = (
        F.when(kind.isin("email", "email_sha256"), lowered)
        .when(kind == "phone", phone)
        .otherwise(trimmed)
    )
    is_junk = F.coalesce(lowered.isin(list(blocked)) | lowered.rlike(ZEROS), F.lit(False))
    is_blocked = is_junk | _blocked_in_other_words(kind, value, blocked)
    reason = (
        F.when(priority.isNull(), "unknown_type")
        .when(F.coalesce(trimmed, F.lit("")) == "", "empty")
        .when(is_blocked, F.lit(None).cast("string"))
        .when((kind == "email") & ~lowered.rlike(EMAIL), "invalid")
        .when((kind == "email_sha256") & ~lowered.rlike(DIGEST), "invalid")
        .when((kind == "phone") & phone.isNull(), "invalid")
    )
    return F.struct(
        priority.alias("priority"),
        kind.alias("type"),
        # Junk such as 0000000000 has no E.164 form.
        F.when(is_junk & (kind == "phone"), trimmed).otherwise(value).alias("value"),
        is_blocked.alias("blocked"),
        reason.alias("reason"),
    )


def _blocked_in_other_words(kind: Column, value: Column, blocked: Sequence[str]) -> Column:
    """A blocked email's hash is blocked as it meets the email, a phone also in its E.164 form."""
    hashes = [hashlib.sha256(word.encode("utf-8")).hexdigest() for word in blocked]
    hashed = (kind == "email_sha256") & value.isin(hashes)
    dialled = (kind == "phone") & value.isin(list(blocked))
    return F.coalesce(hashed | dialled, F.lit(False))


def _keyed(i: Column) -> Column:
    """The same identifier with its key; the two forms of an email have one."""
    both = i["type"] == "email"
    message = F.when(both, F.concat(F.lit("email_sha256:"), F.sha2(i["value"], 256))).otherwise(
        F.concat(i["type"], F.lit(":"), i["value"])
    )
    digest = hmac_sha256(message, inner=F.col("inner"), outer=F.col("outer"))
    key = F.when(i["reason"].isNull(), F.substring(digest, 1, KEY_LENGTH))
    return F.struct(
        i["priority"].alias("priority"),
        key.alias("key"),
        i["type"].alias("type"),
        i["value"].alias("value"),
        i["blocked"].alias("blocked"),
        i["reason"].alias("reason"),
    )


def _in_order(ids: Column) -> Column:
    """Keys each once, those of the highest priority first, of equal ones the smaller."""
    slim = F.transform(
        ids,
        lambda i: F.struct(
            i["priority"].alias("priority"),
            i["key"].alias("key"),
            identity_type(i["type"]).alias("type"),
        ),
    )
    return F.array_sort(F.array_distinct(slim))


def _literal_map(entries: Mapping[str, Any]) -> Column:
    pairs = [F.lit(part) for item in sorted(entries.items()) for part in item]
    return F.create_map(*pairs)
