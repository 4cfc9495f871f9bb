"""Records and files as the vendors' documents describe them."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import pytest
from pyspark.sql import functions as F

from tactful.jobs.demo.doubles.vendors import SCHEMAS
from tactful.transforms.sinks import SINKS, cut_into_requests, google_data_manager
from tactful.transforms.sinks.meta_custom_audience import session_id
from tactful.transforms.sinks.sink import MEMBERS

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = {
    case["id"]: case
    for case in json.loads((GOLDEN / "activation_cases.json").read_text(encoding="utf-8"))["cases"]
}
GOOGLE, META, FILE = (SINKS[k] for k in ("google_data_manager", "meta_custom_audience", "file"))
HASHES = [f"{number:064x}" for number in range(1, 30)]
MAIDS = [f"6d92078a-8246-4ba4-ae5b-{number:012x}" for number in range(30)]
ACCOUNT = {"account_id": "123-456-7890"}


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def recorded(spark, sink, people: list[list[tuple]], **options) -> list[list]:
    """Each person's records, in one Spark action: identifiers → split → row."""
    frame = spark.createDataFrame(list(enumerate(people)), f"person int, members {MEMBERS}")
    rows = (
        frame.select("person", F.posexplode_outer(sink.split(F.col("members"))).alias("n", "part"))
        .withColumn("payload", sink.row(F.col("part"), **options))
        .orderBy("person", "n")
        .collect()
    )
    found: list[list] = [[] for _ in people]
    for row in rows:
        found[row.person] += [] if row.part is None else [row.payload and json.loads(row.payload)]
    return found


def text_of(values: list) -> list[str]:
    return [json.dumps(value) for value in values]


def google_body(members: list, operation: str = "add", **more) -> dict:
    options = {"audience": "a", "audience_id": "987", "account": ACCOUNT, **more}
    return json.loads(GOOGLE.body(text_of(members), operation=operation, **options))


def test_google_records_hold_ten_identifiers_of_one_kind(spark):
    emails = [("emailAddress", value) for value in HASHES[:12]]
    phones = [("phoneNumber", value) for value in HASHES[12:14]]
    mobiles = [("mobileIds", value) for value in MAIDS[:11]]
    people = [[], emails[:1], phones + mobiles + emails]
    nobody, one, many = recorded(spark, GOOGLE, people, granted=F.lit(True))
    granted = {"adPersonalization": "CONSENT_GRANTED", "adUserData": "CONSENT_GRANTED"}
    assert nobody == []
    assert one == [
        {"consent": granted, "userData": {"userIdentifiers": [{"emailAddress": HASHES[0]}]}}
    ]
    contacts = [member for member in many if "userData" in member]
    devices = [member for member in many if "mobileData" in member]
    assert [len(member["userData"]["userIdentifiers"]) for member in contacts] == [10, 4]
    assert [len(member["mobileData"]["mobileIds"]) for member in devices] == [10, 1]
    sent = [part for member in contacts for part in member["userData"]["userIdentifiers"]]
    assert sorted(value for part in sent for value in part.values()) == HASHES[:14]
    ingest = validator("google_data_manager.ingest")
    ingest.validate(google_body(contacts))
    ingest.validate(google_body(devices))
    with pytest.raises(ValueError, match="contacts or mobile ids"):
        google_body(many)


def test_a_row_that_is_no_legal_record_is_null_instead_of_cut(spark):
    email, mobile = ("emailAddress", HASHES[0]), ("mobileIds", MAIDS[0])
    eleven = [("emailAddress", value) for value in HASHES[:11]]
    google = [[email, mobile], eleven, [], [("emailAddress", None)]]
    meta = [[("EMAIL", HASHES[0]), ("EMAIL", HASHES[1])], [("EXTERN_ID", "c")], []]
    for sink, people in ((GOOGLE, google), (META, meta), (FILE, [[]])):
        frame = spark.createDataFrame([(members,) for members in people], f"members {MEMBERS}")
        rows = frame.select(sink.row(F.col("members")).alias("payload")).collect()
        assert [row.payload for row in rows] == [None] * len(people), sink.kind


def test_google_never_ingests_without_both_consents(spark):
    case = CASES["A069"]
    frame = spark.createDataFrame(
        [
            ([("emailAddress", HASHES[user["id"]])], user["id"], user[ads], user[personal])
            for user in case["input"]["users"]
            for ads, personal in [("adUserData", "adPersonalization")]
        ],
        f"members {MEMBERS}, id int, ads string, personal string",
    )
    given = google_data_manager.consent(F.col("ads"), F.col("personal"))
    rows = frame.select(
        "id",
        GOOGLE.row(F.col("members"), operation=F.lit("add"), given=given).alias("added"),
        GOOGLE.row(F.col("members"), operation=F.lit("remove"), given=given).alias("removed"),
    ).collect()
    ingested = {row.id: json.loads(row.added) for row in rows if row.added is not None}
    assert sorted(ingested) == case["expected"]["ingest"]
    assert set(ingested[1]["consent"].values()) == {"CONSENT_GRANTED"}
    # A removal is always possible and claims no consent; no request speaks for everybody in it.
    removals = [json.loads(row.removed) for row in rows]
    assert [list(member) for member in removals] == [["userData"]] * 3
    body = google_body(list(ingested.values()))
    assert "consent" not in body
    removed = google_body(removals, "remove")
    validator("google_data_manager.remove").validate(removed)
    assert "termsOfService" not in removed
    assert body["termsOfService"] == {"customerMatchTermsOfServiceStatus": "ACCEPTED"}


def test_google_is_told_granted_only_where_it_was(spark):
    """Of who was never asked just that, where silence is consent; where it is not, nothing."""
    frame = spark.createDataFrame(
        [([("emailAddress", HASHES[n])], n, told) for n, told in enumerate((True, False, None))],
        f"members {MEMBERS}, id int, told boolean",
    )
    members, told = F.col("members"), F.col("told")
    rows = frame.select(
        GOOGLE.row(members, granted=told, opt_in=False).alias("opt_out"),
        GOOGLE.row(members, granted=told, opt_in=True).alias("opt_in"),
        GOOGLE.row(members, opt_in=True).alias("unsaid"),
    ).collect()
    silent = json.loads(rows[1].opt_out)
    assert silent["consent"] == {
        "adPersonalization": "CONSENT_STATUS_UNSPECIFIED",
        "adUserData": "CONSENT_STATUS_UNSPECIFIED",
    }
    validator("google_data_manager.ingest").validate(google_body([silent]))
    assert rows[2].opt_out.replace(HASHES[2], HASHES[1]) == rows[1].opt_out
    assert set(json.loads(rows[0].opt_out)["consent"].values()) == {"CONSENT_GRANTED"}
    assert rows[0].opt_in == rows[0].opt_out
    assert [rows[1].opt_in, rows[2].opt_in, rows[0].unsaid] == [None] * 3


def test_google_names_the_account_in_digits():
    members = [{"userData": {"userIdentifiers": [{"emailAddress": HASHES[0]}]}}]
    account = {**ACCOUNT, "login_account_id": "111-222-3333"}
    (destination,) = google_body(members, account=account)["destinations"]
    assert destination == {
        "operatingAccount": {"accountId": "1234567890", "accountType": "GOOGLE_ADS"},
        "loginAccount": {"accountId": "1112223333", "accountType": "GOOGLE_ADS"},
        "productDestinationId": "987",
    }
    with pytest.raises(ValueError, match="audience_id"):
        google_body(members, audience_id=None)


def test_meta_rows_follow_the_schema_with_blanks(spark):
    case = CASES["A067"]
    email = case["expected"]["payload"]["data"][0][1]
    people = [
        [("EXTERN_ID", "c-1"), ("EMAIL", email)],
        [("EMAIL", HASHES[1]), ("PHONE", HASHES[2]), ("EMAIL", HASHES[0]), ("PHONE", None)],
        [],
    ]
    schema = case["input"]["schema"]
    first, two_emails, nobody = recorded(spark, META, people, schema=schema)
    assert first == case["expected"]["payload"]["data"]
    assert two_emails == [["", HASHES[0], HASHES[2]], ["", HASHES[1], ""]]
    assert nobody == []
    text = META.body(
        text_of(first + two_emails),
        operation="add",
        audience="a",
        audience_id="1",
        schema=schema,
        session="meta/1",
    )
    body = json.loads(text)
    assert body["payload"] == {"schema": schema, "data": first + two_emails}
    validator("meta_custom_audience.users").validate(body)
    with pytest.raises(ValueError, match="one value a key"):
        META.body(['["c-1"]'], operation="add", audience="a", audience_id="1")


def test_a_session_is_cut_into_batches():
    case = CASES["A060"]
    rows = case["input"]["rows"]
    cut = cut_into_requests(rows, META.batch_limit)
    expected = case["expected"]
    assert [batch.size for batch in cut] == expected["batches"]
    assert [batch.start for batch in cut] == [0, 10_000, 20_000]
    data = [[f"{number:064x}", "", ""] for number in range(1, rows + 1)]
    sessions = []
    for batch in cut:
        part = text_of(data[batch.start : batch.start + batch.size])
        text = META.body(
            part,
            operation="add",
            audience="a",
            audience_id="1",
            seq=batch.seq,
            last=batch.last,
            total=rows,
            session="meta/add/7",
        )
        body = json.loads(text)
        sessions.append(body["session"])
    validator("meta_custom_audience.users").validate(body)
    assert [session["batch_seq"] for session in sessions] == expected["batch_seq"]
    assert [session["last_batch_flag"] for session in sessions] == expected["last_batch_flag"]
    assert {session["estimated_num_total"] for session in sessions} == {rows}
    assert len({session["session_id"] for session in sessions}) == 1
    assert [cut_into_requests(0, 10), len(cut_into_requests(20, 10))] == [[], 2]


def test_a_session_id_is_a_steady_positive_64_bit_integer():
    ids = [session_id(f"s/{number}") for number in range(1000)]
    assert len(set(ids)) == 1000
    assert all(0 < number < 2**63 and number == int(float(number)) for number in ids)
    assert session_id("s/1") == ids[1]


def test_a_file_is_json_lines_that_stand_alone(spark):
    people = [
        [("email_sha256", HASHES[1]), ("customer_id", "c-1"), ("email_sha256", HASHES[0])],
        [("customer_id", "é\n")],
    ]
    (first,), (second,) = recorded(spark, FILE, people)
    assert first == {"customer_id": ["c-1"], "email_sha256": HASHES[:2]}
    text = FILE.body(text_of([first, second]), operation="remove", audience="bought_it")
    assert text.endswith("\n")
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["identifiers"] for line in lines] == [first, second]
    assert {(line["audience"], line["operation"]) for line in lines} == {("bought_it", "remove")}
    for line in lines:
        validator("file.line").validate(line)


def test_the_same_records_give_the_same_text():
    row = json.dumps({"userData": {"userIdentifiers": [{"emailAddress": HASHES[0]}]}})
    options = {"operation": "add", "audience": "a", "audience_id": "1", "account": ACCOUNT}
    again = {key: options[key] for key in reversed(options)}
    assert GOOGLE.body([row], **options) == GOOGLE.body([row], **again)
    assert GOOGLE.body([row], **options).endswith("}\n")


def _set(document: dict, path: list, value) -> dict:
    changed = copy.deepcopy(document)
    spot = changed
    for step in path[:-1]:
        spot = spot[step]
    if value is None:
        del spot[path[-1]]
    else:
        spot[path[-1]] = value
    return changed


def test_the_golden_schemas_refuse_what_the_vendor_would():
    member = {"userData": {"userIdentifiers": [{"emailAddress": HASHES[0]}]}}
    google = google_body([member])
    meta = json.loads(
        META.body(
            text_of([[HASHES[0], "", ""]]),
            operation="add",
            audience="a",
            audience_id="1",
        )
    )
    line = {"audience": "a", "operation": "add", "identifiers": {"email_sha256": [HASHES[0]]}}
    identifiers = ["audienceMembers", 0, "userData", "userIdentifiers"]
    both = {"emailAddress": HASHES[0], "phoneNumber": HASHES[1]}
    mobile = {"mobileData": {"mobileIds": [MAIDS[0]]}}
    wrong = {
        "google_data_manager.ingest": (
            google,
            [
                ([*identifiers, 0, "emailAddress"], "jane@example.com"),
                (identifiers, [both]),
                (identifiers, [{"emailAddress": value} for value in HASHES[:11]]),
                (["audienceMembers"], []),
                (["audienceMembers"], [member, mobile]),
                (["audienceMembers"], [member] * 10_001),
                (["audienceMembers", 0, "mobileData"], mobile["mobileData"]),
                (["encoding"], "hex"),
                (["termsOfService"], None),
                (["destinations", 0, "operatingAccount", "accountId"], "123-456-7890"),
            ],
        ),
        "google_data_manager.remove": (
            google_body([member], "remove"),
            [(["termsOfService"], google["termsOfService"]), (["consent"], {})],
        ),
        "meta_custom_audience.users": (
            meta,
            [
                (["payload", "schema"], ["EMAIL", "TWITTER"]),
                (["payload", "data"], [["", "", ""]]),
                (["payload", "data"], [["jane@example.com", "", ""]]),
                (["payload", "data"], [[HASHES[0], None, ""]]),
                (["payload", "data"], [[HASHES[0], "", ""]] * 10_001),
                (["session", "session_id"], 0),
                (["session", "session_id"], 2**63),
                (["session", "session_id"], "7"),
                (["session"], None),
            ],
        ),
        "file.line": (
            line,
            [
                (["operation"], "send"),
                (["identifiers"], {}),
                (["identifiers"], {"email": ["jane@example.com"]}),
                (["identifiers", "email_sha256"], ["jane@example.com"]),
            ],
        ),
    }
    for name, (right, changes) in wrong.items():
        schema = validator(name)
        schema.validate(right)
        for path, value in changes:
            assert not schema.is_valid(_set(right, path, value)), (name, path)


def test_sinks_say_what_their_destination_takes():
    assert GOOGLE.schema(["phone", "email", "email_sha256"]) == ("emailAddress", "phoneNumber")
    assert META.schema(["device_id", "phone", "email"]) == ("EMAIL", "PHONE", "MADID")
    assert META.schema(["email", "customer_id"]) == ("EXTERN_ID", "EMAIL")
    for kind, sink in SINKS.items():
        assert sink.kind == kind
        assert {name for group in sink.together for name in group} == set(sink.identifier_types)
        assert set(sink.fields) == set(sink.identifier_types)
