"""Every identifier in the form that its destination matches, or refused with a reason."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from pyspark.sql import functions as F

from tactful.jobs.identity import phones
from tactful.transforms.sinks import SINKS, google_data_manager, meta_custom_audience

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = json.loads((GOLDEN / "activation_cases.json").read_text(encoding="utf-8"))["cases"]
KIND = {"google": "google_data_manager", "meta": "meta_custom_audience"}
DIGEST = "509e933019bb285a134a9334b8bb679dff79d0ce023d529af4bd744d47b4fd8a"
MAID = "6D92078A-8246-4BA4-AE5B-76104861E7DC"


def cases(*areas: str, destination: str) -> dict[str, dict]:
    return {
        case["id"]: case
        for case in CASES
        if case["area"] in areas and case["input"]["destination"] == destination
    }


def hexdigest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def formed(spark, kind: str, identifiers: list[tuple], **options) -> dict[str, tuple]:
    """The field, wire and reason of each identifier, by key, in one Spark action."""
    frame = spark.createDataFrame(
        identifiers, "identifier_key string, identifier_type string, value string"
    )
    rows = SINKS[kind].forms(frame, **options).collect()
    return {row.identifier_key: (row.field, row.wire, row.reason) for row in rows}


@pytest.mark.parametrize("destination", ["google", "meta"])
def test_contacts_are_normalised_and_hashed_as_the_vendor_says(spark, destination):
    wanted = cases("normalise_email", "normalise_phone", destination=destination)
    identifiers = []
    for name, case in wanted.items():
        given = case["input"]
        if "email" in given:
            identifiers.append((name, "email", given["email"]))
        else:
            value = phones.normalise(given["phone"], given["default_region"])
            identifiers.append((name, "phone", value))
    got = formed(spark, KIND[destination], identifiers)
    for name, case in wanted.items():
        expected = case["expected"]
        _, wire, reason = got[name]
        if "error" in expected:
            assert (wire, reason) == (None, "invalid"), name
        else:
            assert (wire, reason) == (expected["sha256_hex"], None), name
            assert wire == hexdigest(expected["normalised"]), name


@pytest.mark.parametrize(
    ("destination", "vendor"),
    [("google", google_data_manager), ("meta", meta_custom_audience)],
)
def test_profile_fields_take_the_vendors_form(spark, destination, vendor):
    wanted = cases("normalise_profile", destination=destination)
    columns = []
    for name, case in wanted.items():
        given, more = case["input"], {}
        if "country" in given:
            more["country"] = F.lit(given["country"])
        columns.append(vendor.profile(given["field"], F.lit(given["value"]), **more).alias(name))
    got = spark.range(1).select(*columns).first().asDict()
    for name, case in wanted.items():
        expected = case["expected"]
        plain = expected.get("hashed") is False
        assert got[name] == (expected["normalised"] if plain else expected["sha256_hex"]), name


def test_profile_fields_beyond_the_cases(spark):
    meta, google = meta_custom_audience, google_data_manager
    wanted = [
        (meta.normalise_state(F.lit(" New York ")), "ny"),
        (meta.normalise_state(F.lit("tx")), "tx"),
        (meta.normalise_state(F.lit("Bayern")), "bayern"),
        (meta.normalise_state(F.lit(None).cast("string")), None),
        (meta.normalise_zip(F.lit("94035-1234"), F.lit(None)), "94035"),
        (meta.normalise_zip(F.lit("M1 1AE"), F.lit("GB")), "m11ae"),
        (meta.normalise_zip(F.lit("1229-076"), F.lit("PT")), "1229076"),
        (meta.normalise_name(F.lit("D'Angelo\u00a0")), "dangelo"),
        (meta.normalise_name(F.lit(" - ")), None),
        (meta.normalise_country(F.lit("Germany")), None),
        (google.normalise_given_name(F.lit(" Mrs. Mary ")), "mary"),
        (google.normalise_given_name(F.lit("Drew")), "drew"),
        (google.normalise_family_name(F.lit("Smith, Jr.")), "smith"),
        (google.normalise_family_name(F.lit("Iverson")), "iverson"),
        (google.normalise_region_code(F.lit(" de ")), "DE"),
        (google.normalise_postal_code(F.lit("  ")), None),
    ]
    columns = [column.alias(str(number)) for number, (column, _) in enumerate(wanted)]
    got = spark.range(1).select(*columns).first()
    assert list(got) == [expected for _, expected in wanted]


def test_what_looks_hashed_is_never_hashed_again(spark):
    (case,) = (case for case in CASES if case["area"] == "hash_guard")
    for kind, sink in SINKS.items():
        got = formed(
            spark,
            kind,
            [
                ("raw", "email", case["input"]["email"]),
                ("capitals", "email", f" {case['input']['email'].upper()} "),
                ("phone", "phone", DIGEST),
                ("declared", "email_sha256", DIGEST),
                ("capital_declared", "email_sha256", DIGEST.upper()),
                ("broken", "email_sha256", DIGEST[:-1]),
            ],
        )
        takes_hashes = "email_sha256" in (sink.fields or {"email_sha256"})
        # Who keeps nobody by a phone refuses it for that.
        phones = ("phone",) if "phone" in (sink.fields or {"phone"}) else ()
        emails = ("raw", "capitals") if "email" in (sink.fields or {"email"}) else ()
        for name in (*emails, *phones):
            assert got[name][1:] == (None, "already_hashed"), (kind, name)
        assert case["expected"]["must_not_equal"] not in {wire for _, wire, _ in got.values()}
        if not takes_hashes:
            assert got["declared"][1:] == (None, "unsupported"), f"{kind} writes to no hash"
            continue
        assert got["declared"][1:] == (DIGEST, None), kind
        assert got["capital_declared"][1:] == (DIGEST, None), kind
        assert got["broken"][1:] == (None, "invalid"), kind


def test_one_hash_does_not_serve_two_networks(spark):
    identifiers = [
        ("gmail", "email", "jane.doe+x@gmail.com"),
        ("other", "email", "jane.doe+x@example.com"),
        ("inside", "email", "jane doe@example.com"),
        ("two", "email", "jane@doe@example.com"),
        ("phone", "phone", "+442071234567"),
        ("local", "phone", "02071234567"),
        ("maid", "device_id", MAID),
        ("zeros", "device_id", "00000000-0000-0000-0000-000000000000"),
        ("cookie", "device_id", "GA1.2.3"),
        ("number", "customer_id", " C-1 "),
        ("loyalty", "loyalty_id", "L-1"),
        ("nothing", "email", None),
    ]
    google = formed(spark, "google_data_manager", identifiers)
    meta = formed(spark, "meta_custom_audience", identifiers)
    assert google == {
        "gmail": ("emailAddress", hexdigest("janedoe@gmail.com"), None),
        "other": ("emailAddress", hexdigest("jane.doe+x@example.com"), None),
        "inside": ("emailAddress", hexdigest("janedoe@example.com"), None),
        "two": ("emailAddress", None, "invalid"),
        "phone": ("phoneNumber", hexdigest("+442071234567"), None),
        "local": ("phoneNumber", None, "invalid"),
        "maid": ("mobileIds", MAID, None),
        "zeros": ("mobileIds", None, "not_an_advertising_id"),
        "cookie": ("mobileIds", None, "not_an_advertising_id"),
        "number": (None, None, "unsupported"),
        "loyalty": (None, None, "unsupported"),
        "nothing": ("emailAddress", None, "invalid"),
    }
    assert meta == {
        "gmail": ("EMAIL", hexdigest("jane.doe+x@gmail.com"), None),
        "other": ("EMAIL", hexdigest("jane.doe+x@example.com"), None),
        "inside": ("EMAIL", None, "invalid"),
        "two": ("EMAIL", None, "invalid"),
        "phone": ("PHONE", hexdigest("442071234567"), None),
        "local": ("PHONE", None, "invalid"),
        "maid": ("MADID", MAID.lower(), None),
        "zeros": ("MADID", None, "not_an_advertising_id"),
        "cookie": ("MADID", None, "not_an_advertising_id"),
        "number": ("EXTERN_ID", "C-1", None),
        "loyalty": (None, None, "unsupported"),
        "nothing": ("EMAIL", None, "invalid"),
    }


def test_a_plain_file_shows_no_contact_and_no_device(spark):
    identifiers = [
        ("email", "email", "jane@example.com"),
        ("phone", "phone", "+442071234567"),
        ("maid", "device_id", MAID),
        ("number", "customer_id", "C-1"),
        ("own", "club_card", "K-1"),
        ("empty", "club_card", " "),
    ]
    assert formed(spark, "file", identifiers) == {
        "email": ("email_sha256", hexdigest("jane@example.com"), None),
        "phone": ("phone_sha256", hexdigest("+442071234567"), None),
        "maid": ("device_id_sha256", hexdigest(MAID), None),
        "number": ("customer_id", "C-1", None),
        "own": ("club_card_sha256", hexdigest("K-1"), None),
        "empty": ("club_card_sha256", None, "invalid"),
    }
    shown = formed(spark, "file", identifiers, plain=("club_card",))
    assert shown["own"] == ("club_card", "K-1", None)
    assert shown["number"] == ("customer_id_sha256", hexdigest("C-1"), None)
