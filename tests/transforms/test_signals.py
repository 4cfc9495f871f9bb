"""What an event says of consent beside what it is: browsers, banners, replies, vendors."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tactful.transforms.rules.refusals import refused
from tactful.transforms.sources import DIALECTS, privacy_strings
from tactful.transforms.sources.signals import may_hold_any, with_signals
from tests.decision_cases import CASES, given
from tests.oracle import signals as oracle
from tests.oracle.intake import take_in
from tests.timelines import DAY, HOUR, event, timeline
from tests.worlds_signals import (
    ALL,
    SIGNS,
    VENDOR,
    base64url,
    gpp_string,
    some_string,
    tc_string,
    us_section,
)

LANDED_AT = datetime(2026, 6, 1, tzinfo=UTC)
OF_2_3 = datetime(2026, 3, 15, tzinfo=UTC)
US = (2, 2)


def dated(tc: str, created: str) -> str:
    """The same TC string as of another day."""
    core, *others = tc.split(".")
    bits = "".join(f"{SIGNS.index(sign):06b}" for sign in core)
    tenths = int(datetime.fromisoformat(created).replace(tzinfo=UTC).timestamp() * 10)
    return ".".join((base64url(f"{bits[:6]}{tenths:036b}{bits[42:]}"), *others))


def limited(*limits: Any, purposes: Any = ALL, by_interest: Any = (VENDOR,)) -> str:
    """A string that grants by consent and by interest, but for what its publisher restricts."""
    return tc_string(
        purposes, {2, 7, 9, 10}, vendors={VENDOR}, by_interest=by_interest, limits=limits
    )  # fmt: skip


def with_segment(name: str) -> str:
    return f"{tc_string(ALL, created=OF_2_3)}.{given(name)['tcf_segment']}"


# A string by its name: its kind, itself, and what it says to whoever advertises by vendor 755.
REFUSES, OUT, GPC = "tcf_purposes_refused", "gpp_opt_out", "gpc_opt_out"
STRINGS: dict[str, tuple[str, str, str]] = {
    "A130": ("gpp", given("A130")["gpp"], GPC),
    "A132": ("gpp", given("A132")["gpp"], "nothing"),
    "A133": ("gpp", f"DBABLA~{given('A133')['usnat']}", GPC),
    "A133 without": ("gpp", f"DBABLA~{given('A133')['usnat'].split('.')[0]}", OUT),
    "A140": ("tcf", given("A140")["tcf"], REFUSES),
    "A142": ("tcf", dated(given("A142")["tcf"], given("A142")["created"]),
             CASES["A142"]["expected"]["reason"]),
    "A143": ("tcf", with_segment("A143"), CASES["A142"]["expected"]["reason"]),
    "A145": ("tcf", with_segment("A145"), CASES["A142"]["expected"]["reason"]),
    "shown": ("tcf", tc_string(ALL, created=OF_2_3, vendors={VENDOR}, shown={1, VENDOR}),
              "tcf_granted"),
    "shown in ranges": ("tcf", tc_string(ALL, created=OF_2_3, vendors={VENDOR}, shown={VENDOR},
                                         is_range=True), "tcf_granted"),
    # Of vendors 1, 2, 4 and 10, so whatever it says of 755 was never asked.
    "shown IAFNB": ("tcf", f"{tc_string(ALL, created=OF_2_3, vendors={1, VENDOR})}.IAFNB",
                    "nothing"),
    "shown others": ("tcf", tc_string(ALL, created=OF_2_3, vendors={1}, shown={1, 2}), "nothing"),
    "shown and not chosen": ("tcf", tc_string(ALL, created=OF_2_3, vendors={1}, shown={VENDOR}),
                             "tcf_vendors_refused"),
    "shown, cut off": ("tcf", tc_string(ALL, created=OF_2_3, vendors={VENDOR}, shown={VENDOR})[:-9],
                       "tcf_2_3_disclosed_vendors_missing"),
    "updated in 2.3": ("tcf", tc_string(ALL, updated=OF_2_3, vendors={VENDOR}),
                       "tcf_2_3_disclosed_vendors_missing"),
    "of before": ("tcf", tc_string(ALL, vendors={VENDOR}), "tcf_granted"),
    "ranges": ("tcf", tc_string(ALL, vendors={3, VENDOR}, is_range=True), "tcf_granted"),
    "by interest": ("tcf", tc_string({1, 3, 4}, {2, 7, 9, 10}, vendors={VENDOR},
                                     by_interest={2, VENDOR}), "tcf_granted"),
    "objected": ("tcf", tc_string({1, 3, 4}, {2, 7, 9, 10}, vendors={VENDOR}, by_interest={2}),
                 "tcf_vendors_refused"),
    "forbidden": ("tcf", limited((2, 0, {VENDOR})), "nothing"),
    "forbidden 3": ("tcf", limited((9, 1, {1}), (3, 0, {4, VENDOR})), "nothing"),
    "forbidden to others": ("tcf", limited((2, 0, {1, 756}), (3, 2, {2})), "tcf_granted"),
    "forbidden what is not asked": ("tcf", limited((5, 0, {VENDOR})), "tcf_granted"),
    "by consent alone": ("tcf", limited((7, 1, {VENDOR})), "tcf_granted"),
    "by consent alone, and interest": (
        "tcf", limited((7, 1, {VENDOR}), purposes={1, 2, 3, 4, 9, 10}), "nothing"),
    "by interest alone": ("tcf", limited((7, 2, {VENDOR})), "tcf_granted"),
    "by interest alone, objected": ("tcf", limited((7, 2, {VENDOR}), by_interest={1}), "nothing"),
    "by interest alone, and 4": ("tcf", limited((4, 2, {VENDOR})), "nothing"),
    "cut in its vendors": ("tcf", limited()[:60], "unreadable"),
    "cut in its limits": ("tcf", limited((2, 0, {1, 2, 3}))[:-8], "unreadable"),
    "3 by interest": ("tcf", tc_string({1, 4}, {2, 3, 7, 9, 10}, vendors={VENDOR}), REFUSES),
    "nothing": ("tcf", tc_string(set()), REFUSES),
    "others": ("tcf", tc_string(ALL, vendors={1, 754, 756}), "tcf_vendors_refused"),
    "old policy": ("tcf", tc_string(ALL, vendors={VENDOR}, policy=3), "nothing"),
    "of all services": ("tcf", tc_string(ALL, vendors={VENDOR}, is_global=True), "nothing"),
    "of all services, others": ("tcf", tc_string(ALL, vendors={1}, is_global=True),
                                "tcf_vendors_refused"),
    "of all services, none": ("tcf", tc_string(set(), is_global=True), REFUSES),
    "of all services, inside": (
        "gpp", gpp_string({2: tc_string(ALL, vendors={VENDOR}, is_global=True)}), "nothing"),
    "version 1": ("tcf", tc_string(ALL, version=1), "unreadable"),
    "cut off": ("tcf", tc_string(ALL)[:30], "unreadable"),
    "no string": ("tcf", "yes please", "unreadable"),
    "sale": ("gpp", gpp_string({9: us_section(9, (1, 2))}), OUT),
    "ads": ("gpp", gpp_string({26: us_section(26, (2, 1))}), OUT),
    "three": ("gpp", gpp_string({7: us_section(7, (2, 2, 1))}), OUT),
    "none of it": ("gpp", gpp_string({18: us_section(18, US, is_gpc=False)}), "nothing"),
    "two sections": ("gpp", gpp_string({2: tc_string(ALL, vendors={VENDOR}), 6: "1YYN"}), OUT),
    "tcf inside": ("gpp", gpp_string({2: tc_string(ALL, vendors={VENDOR})}), "tcf_granted"),
    "Canada, and tcf": ("gpp", gpp_string({2: tc_string(ALL, vendors={VENDOR}), 5: "x", 40: "?"}),
                        "tcf_granted"),
    "Canada, and not out": ("gpp", gpp_string({5: "x", 8: us_section(8, US)}), "nothing"),
    "broken, and out": ("gpp", gpp_string({2: "CPgarbage", 6: "1YYN", 8: "?"}), OUT),
    "broken, and tcf": ("gpp", gpp_string({2: tc_string(ALL, vendors={VENDOR}), 6: "?"}),
                        "unreadable"),
    "Canada": ("gpp", gpp_string({5: tc_string(ALL)}), "unreadable"),
    "Canada, and out": ("gpp", gpp_string({5: "x", 8: us_section(8, (1, 2))}), OUT),
    "header alone": ("gpp", "DBABBg", "unreadable"),
    "too many": ("gpp", gpp_string({8: us_section(8, US)}) + "~BAAA", "unreadable"),
    "another version": ("gpp", "DBABLA~" + base64url(f"{9:06b}".ljust(48, "0")), "unreadable"),
    "1YYN": ("usp", "1YYN", OUT), "1yyn": ("usp", "1yyn", OUT), "1YNN": ("usp", "1YNN", "nothing"),
    "1---": ("usp", "1---", "nothing"), "2YYY": ("usp", "2YYY", "unreadable"),
}  # fmt: skip


def hostile(seed: int) -> list[tuple[str, str]]:
    """Strings of a banner with a sign or two changed, cut, or doubled."""
    dice, found = random.Random(seed), []
    while len(found) < 250:
        name, told = some_string(dice)
        kind = {"t": "tcf", "g": "gpp", "u": "usp"}[name[0].lower()] if name[0] in "tgu" else ""
        if not kind or not isinstance(told, str):
            continue
        for _ in range(dice.randint(0, 3)):
            at = dice.randrange(len(told) + 1)
            told = told[:at] + dice.choice((*SIGNS, "~", ".", "")) + told[at + dice.randint(0, 2) :]
        found.append((kind, told or "x"))
    return found


@pytest.fixture(scope="module")
def said(spark) -> dict[Any, tuple[str, str]]:
    """What each string says: to whoever advertises by vendor 755, and to whoever names none."""
    rows = [(name, kind, text) for name, (kind, text, _) in STRINGS.items()]
    rows += [(f"hostile {n}", *told) for n, told in enumerate(hostile(3))]
    frame = spark.createDataFrame(rows, "name string, kind string, text string")

    def finding(*vendors: int) -> str:
        return f"""CASE kind WHEN 'tcf' THEN {privacy_strings.tcf("text", vendors)}
            WHEN 'gpp' THEN {privacy_strings.gpp("text", vendors)}
            ELSE {privacy_strings.us_privacy("text")} END"""

    found = frame.selectExpr("name", finding(VENDOR), finding()).collect()
    return {row[0]: (row[1], row[2]) for row in found}


def test_strings_say_what_their_specification_says(said):
    """A130, A132, A133, A140, A142, A143, A145: and what was not shown is no string of 2026."""
    assert {name: said[name][0] for name in STRINGS} == {n: s[2] for n, s in STRINGS.items()}
    for name in ("A130", "A133", "A140", "A142"):
        assert CASES[name]["expected"].get("decision", "suppress") == "suppress"
    assert CASES["A132"]["expected"]["decision"] == "no_signal"
    assert not any(CASES[name]["expected"]["is_disclosed_vendors"] for name in ("A143", "A145"))


def test_whoever_names_no_vendor_is_granted_nothing(said):
    granted = {name for name, (_, _, finding) in STRINGS.items() if finding == "tcf_granted"}
    assert {said[name][1] for name in granted} == {"nothing"}
    assert {name for name, (_, by_none) in said.items() if by_none == "tcf_granted"} == set()


def test_a_broken_string_is_read_as_arithmetic_reads_it(said):
    for_kind = {"tcf": oracle.tcf, "gpp": oracle.gpp}
    for n, (kind, text) in enumerate(hostile(3)):
        read = for_kind.get(kind, lambda told, _=(): oracle.us_privacy(told))
        expected = (read(text, (VENDOR,)), read(text, ()))
        assert said[f"hostile {n}"] == expected, (kind, text)
    findings = {finding for name, (finding, _) in said.items() if name.startswith("hostile")}
    assert len(findings) >= 6, findings


def test_a_header_names_its_sections(spark):
    """A135, A137, A138, and the numbers of A140."""
    headers = {name: given(name)["gpp_header"] for name in ("A135", "A137", "A138")}
    text = given("A140")["tcf"]
    bits = privacy_strings.bits(f"substring('{text}', 1, {privacy_strings.CORE_SIGNS})")
    (row,) = spark.sql(
        f"SELECT {privacy_strings.number(bits, 78, 12)}, {privacy_strings.number(bits, 120, 12)}, "
        f"{bits} AS bits, "
        + ", ".join(
            f"{privacy_strings.sections(repr(told))} AS {name}" for name, told in headers.items()
        )
    ).collect()
    for name in headers:
        expected = CASES[name]["expected"]["section_ids"]
        assert row[name] == expected == oracle.sections(headers[name])
    expected = CASES["A140"]["expected"]
    assert (row[0], row[1]) == (expected["cmp_id"], expected["vendor_list_version"])
    first = privacy_strings.CONSENTS_AT
    given_to = [p for p in range(1, 25) if row.bits[first + p - 1] == "1"]
    assert given_to == expected["purposes_consented"]


# --- rows -----------------------------------------------------------------------------------------

ANN = [{"type": "email", "value": "ann@mail.example"}]
PHONE = [{"type": "phone", "value": "+14155552671"}]


def row(name: str, properties: dict[str, Any] | None = None, /, **told: Any) -> dict[str, Any]:
    known = {"event_id": name, "type": "page_view", "occurred_at": "2026-05-01T10:00:00Z"}
    return {**known, "identifiers": ANN, "properties": properties or {}, **told}


# What Global Privacy Control says in words of all kinds.
GPC_SAYS: dict[Any, str] = {
    "1": GPC, 1: GPC, "1.0": GPC, 1.5: "unreadable", "?1": GPC, "TRUE": GPC, "On": GPC, "+1": GPC,
    "0.0": "nothing", "?0": "nothing", "undefined": "nothing", "None": "nothing", "n/a": "nothing",
    "N/A": "nothing", "unknown": "nothing", "NaN": "nothing", "not set": "nothing", "-": "nothing",
    "-0": "nothing", "banana": "unreadable", "2": "unreadable", "-1": "unreadable",
    "01": "unreadable", "1.": GPC, "10": "unreadable", "0.1": "unreadable",
}  # fmt: skip
APRIL = datetime(2026, 4, 10, tzinfo=UTC)
CLICKS = [
    row("A128", {given("A128")["header"].split(":")[0]: given("A128")["header"].split()[1]}),
    *(row(f"gpc {n}", {"gpc": told}) for n, told in enumerate(GPC_SAYS)),
    row("top", gpc=True), row("no", {"gpc": False}), row("blank", {"gpc": " "}),
    row("who knows", {"gpc": "perhaps"}), row("nobody", {"gpc": 1}, identifiers=[]),
    row("when", {"gpc": 1}, occurred_at="soon"), row("nameless", {"gpc": 1}, event_id=" "),
    row("odd", {"gpc": 1}, type="no such", geo="here"),
    row("opens", {"tcf_string": tc_string(ALL, vendors={VENDOR})}),
    row("odd opens", {"tcf_string": tc_string(ALL, vendors={VENDOR})}, type="no such"),
    row("chosen", {"euconsent-v2": tc_string(
        ALL, created=APRIL, vendors={VENDOR}, shown={VENDOR})}),
    row("chosen in gpp", {"IABGPP_HDR_GppString": gpp_string(
        {2: tc_string(ALL, created=APRIL, vendors={VENDOR}, shown={VENDOR}), 6: "1---"})}),
    row("chosen soon", {"IABTCF_TCString": tc_string(
        ALL, created=APRIL.replace(month=5, day=2), vendors={VENDOR}, shown={VENDOR})}),
    row("chosen later", {"tcf": tc_string(
        ALL, created=APRIL.replace(month=5, day=3), vendors={VENDOR}, shown={VENDOR})}),
    row("chosen long ago", {"tcf": tc_string(ALL, created=APRIL.replace(2025, 4, 1),
                                             vendors={VENDOR})}),
    row("just in time", {"tcf": tc_string(ALL, created=APRIL.replace(2025, 4, 2),
                                          vendors={VENDOR})}),
    row("elsewhere", {"tcf": tc_string(set()), "gdpr_applies": 0, "gpc": "0"}),
    row("here", {"tcf": tc_string(set()), "IABTCF_gdprApplies": 1}),
    row("official", {"IABUSPrivacy_String": "1YYN", "HTTP_SEC_GPC": "?1"}),
    row("refuses", {"tcString": tc_string(set()), "us_privacy": "1YYN"}),
    row("unread", {"gpp": "who knows"}), row("silent", {"gpp": gpp_string({8: us_section(8, US)})}),
    row("plain", {"colour": "red"}), row("code", {"error_code": 21610}),
]  # fmt: skip
CODES = ("21610.0", 21610.0, "Error 21610", "error-21610", "121610", "21610.5")
REPLY = {"type": "replied", "identifiers": PHONE, "channel": "sms"}
MESSAGES = [
    row("stop", **REPLY, text="STOP PLEASE"), row("start", {"Body": "Unstop"}, **REPLY),
    row("question", {"Body": given("A125")["body"]}, **REPLY), row("mute", **REPLY),
    row("no channel", {"body": "quit"}, **REPLY | {"channel": None, "type": "Inbound"}),
    row("whose", {"body": "quit"}, **REPLY | {"identifiers": []}),
    row("A126", {"ErrorCode": given("A126")["provider_error"]}, type="failed", message_id="m1",
        channel="sms", identifiers=PHONE),
    row("by id", {"error_code": "21610"}, type="failed", message_id="m2", identifiers=[]),
    *(row(f"code {n}", {"error_code": told}, type="failed", message_id=f"c{n}", identifiers=PHONE)
      for n, told in enumerate(CODES)),
    row("other code", {"error_code": 30003}, type="failed", message_id="m3"),
    row("sent", {"error_code": 21610, "gpc": 1}, type="sent", message_id="m4"),
]  # fmt: skip
TOLD = (
    "stream", "event_id", "occurred_at", "type", "channel", "purpose", "message_id", "attribute",
    "value",
)  # fmt: skip


@pytest.fixture(scope="module")
def landed(spark, tmp_path_factory) -> dict[str, list[Any]]:
    """The rows of each stream as they land, and as the oracle reads them."""
    folder, found = tmp_path_factory.mktemp("signals"), {"oracle": []}
    config = {
        "intake": {"max_row_bytes": 10**6, "max_skew": "1h", "dedupe_compare": "1d"},
        "consent": {"tcf_vendors": [VENDOR]},
        "sources": {name: {"stream": name} for name in ("clicks", "messages")},
    }
    for stream, rows in (("clicks", CLICKS), ("messages", MESSAGES)):
        lines = [json.dumps(told) for told in rows]
        path = folder / f"{stream}.json"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        frame = spark.createDataFrame(
            [(line, path.name, LANDED_AT) for line in lines],
            "value string, file string, modified_at timestamp",
        )
        received = DIALECTS["canonical"].parse(
            frame, stream=stream, source_name=stream, max_row_bytes=10**6,
            max_skew=timedelta(hours=1),
        )  # fmt: skip
        found[stream] = with_signals(received, tcf_vendors=[VENDOR]).collect()
        taken = take_in({stream: [path]}, config)
        found["oracle"] += taken.accepted + taken.quarantined
    return found


def test_a_signal_is_an_event_of_its_own(landed):
    """A128: and nobody is asked where they live; the browser's word is theirs."""
    made = {r.event_id: r for r in landed["clicks"] if r.stream == "profiles"}
    assert set(made) == {
        "clicks/A128/Sec-GPC", "clicks/top/gpc", "clicks/who knows/gpc", "clicks/odd/gpc",
        "clicks/opens/tcf_string", "clicks/refuses/tcString", "clicks/refuses/us_privacy",
        "clicks/unread/gpp", "clicks/chosen/euconsent-v2",
        "clicks/chosen in gpp/IABGPP_HDR_GppString", "clicks/chosen soon/IABTCF_TCString",
        "clicks/just in time/tcf", "clicks/here/tcf", "clicks/official/IABUSPrivacy_String",
        "clicks/official/HTTP_SEC_GPC",
        *(f"clicks/gpc {n}/gpc" for n, says in enumerate(GPC_SAYS.values()) if says != "nothing"),
    }  # fmt: skip
    told = made["clicks/A128/Sec-GPC"]
    assert CASES["A128"]["expected"] == {"decision": "suppress", "reason": told.value}
    assert (told.type, told.channel, told.purpose) == ("consent_withdrawn", "ad", "marketing")
    assert [entry.asDict() for entry in told.identifiers] == ANN
    assert told.reasons == [] and told.occurred_at.timestamp() == 1777629600
    assert made["clicks/opens/tcf_string"].type == "consent_granted"
    assert made["clicks/who knows/gpc"].reasons == ["unreadable:gpc"]
    for n, says in enumerate(GPC_SAYS.values()):
        if says != "nothing":
            assert made[f"clicks/gpc {n}/gpc"].value == says, n
    assert made["clicks/unread/gpp"].reasons == ["unreadable:gpp_string"]
    assert made["clicks/unread/gpp"].raw == "who knows"
    assert len(landed["clicks"]) == len(CLICKS) + len(made)


def test_a_string_grants_as_of_when_it_was_chosen(landed):
    """So it takes back no refusal that came between, however often its page is seen."""
    times = {r.event_id: r.occurred_at for r in landed["clicks"] if r.stream == "profiles"}
    for name in ("chosen/euconsent-v2", "chosen in gpp/IABGPP_HDR_GppString"):
        assert times[f"clicks/{name}"].astimezone(UTC) == APRIL
    page = next(r.occurred_at for r in landed["clicks"] if r.event_id == "chosen")
    # A clock that is ahead makes nothing later than its page; a refusal is as new as its page.
    assert times["clicks/chosen soon/IABTCF_TCString"] == page == times["clicks/refuses/tcString"]


def test_a_reply_closes_and_opens_the_channel_it_came_by(landed):
    """A126: the vendor's error is about the number, which the failed message was sent to."""
    rows = {r.event_id: r for r in landed["messages"]}
    told = {name: (r.type, r.channel, r.reasons) for name, r in rows.items()}
    assert told["stop"] == ("unsubscribed", "sms", [])
    assert told["start"] == ("subscribed", "sms", [])
    assert told["no channel"] == ("unsubscribed", None, [])
    assert told["question"] == told["mute"] == (None, "sms", ["reply_without_word"])
    assert told["whose"][2] == ["missing:identifiers"]
    assert CASES["A126"]["expected"] == {"action": "opt_out", "scope": "number"}
    assert told["A126"] == ("failed", "sms", [])
    assert told["messages/A126/ErrorCode"] == ("unsubscribed", "sms", [])
    assert [i.asDict() for i in rows["messages/A126/ErrorCode"].identifiers] == PHONE
    assert rows["messages/by id/error_code"].message_id == "m2"
    assert {name for name in rows if "/" in name} == {
        "messages/A126/ErrorCode", "messages/by id/error_code",
        *(f"messages/code {n}/error_code" for n in range(4)),
    }  # fmt: skip


def test_which_rows_may_hold_any_shows_in_their_text(spark, landed):
    made = {r.event_id.split("/")[1] for rows in landed.values() for r in rows
            if r not in landed["oracle"] and r.event_id and r.event_id.count("/") == 2}  # fmt: skip
    odd = ['{"G\\u0050C": 1}', '{"Global Privacy Control": 1}', '{"TC-String": "C"}',
           '{"usp_string": "1YYN"}', '{"ErrorCode": 21610}']  # fmt: skip
    lines = {json.dumps(told): told["event_id"] for told in (*CLICKS, *MESSAGES)}
    frame = spark.createDataFrame([(line,) for line in (*lines, *odd)], "value string")
    found = {row.value for row in frame.where(may_hold_any()).collect()}
    assert made <= {lines[line] for line in found & lines.keys()} and made
    assert found >= {*odd}
    assert {lines[line] for line in lines.keys() - found} >= {"plain", "stop", "question", "mute"}


def test_the_oracle_reads_the_same(landed):
    def shown(rows: list[Any], of: Any) -> list[Any]:
        return sorted(
            (*(of(one, name) or "" for name in TOLD), sorted(one.reasons), one.doubts or [])
            for one in rows
        )

    def moment(told: Any) -> Any:
        return told.timestamp() if isinstance(told, datetime) else told

    by_product = shown(landed["clicks"] + landed["messages"], lambda one, name: moment(one[name]))
    by_oracle = shown(
        landed["oracle"],
        lambda one, name: one.stream if name == "stream" else moment(one.fields.get(name)),
    )
    assert by_product == by_oracle


# --- suppressions ---------------------------------------------------------------------------------

NO, YES = "consent_withdrawn", "consent_granted"


def signal(person: str, at: Any, type_: str = NO, **told: Any) -> dict[str, Any]:
    name = f"{person} {at / HOUR:g} {told.get('attribute', 'gpc')} {type_[8:10]}"
    known = {"channel": "ad", "purpose": "marketing", "attribute": "gpc", "event_id": name}
    return event(person, type_, at, **known | told)


def test_what_comes_with_every_page_is_one_suppression(spark):
    rows = [
        *(signal("pages", n * HOUR) for n in range(5)),
        signal("pages", 2 * HOUR, attribute="us_privacy"),
        # A grant between two pages ends the first row, and the next page begins another.
        signal("grants", HOUR), signal("grants", 2 * HOUR), signal("grants", DAY, YES),
        signal("grants", 2 * DAY), signal("grants", 3 * DAY),
        # At the very same moment the refusal wins, so the second page is a withdrawal of its own.
        signal("tie", HOUR), signal("tie", 2 * HOUR, YES), signal("tie", 2 * HOUR),
        # A grant of another channel changes nothing; one of every channel does.
        signal("other", HOUR), signal("other", 2 * HOUR, YES, channel="email"),
        signal("other", 3 * HOUR), signal("every", HOUR),
        signal("every", 2 * HOUR, YES, channel=None), signal("every", 3 * HOUR),
        # What people say themselves counts each time.
        signal("said", HOUR, attribute=None), signal("said", 2 * HOUR, attribute=None),
        signal("said", 3 * HOUR),
    ]  # fmt: skip
    labels = spark.createDataFrame(
        [], "identifier_key string, identifier_type string, person_id string, "
        "first_seen_at timestamp, state string",
    )  # fmt: skip
    found = refused(timeline(spark, rows), labels, policies=[("no", "no_consent")]).collect()
    told: dict[str, list[Any]] = {}
    for one in sorted(found, key=lambda one: one.starts_at):
        lifted = one.lifted_by and one.lifted_by.removeprefix("profiles:")
        (part,) = one.evidence
        told.setdefault(one.person_id, []).append((part.removeprefix("profiles:"), lifted))
        assert one.channels == ["ad"]
    assert told == {
        "pages": [("pages 0 gpc wi", None)],
        "grants": [("grants 1 gpc wi", "grants 24 gpc gr"), ("grants 48 gpc wi", None)],
        "tie": [("tie 1 gpc wi", "tie 2 gpc gr"), ("tie 2 gpc wi", None)],
        "other": [("other 1 gpc wi", None)],
        "every": [("every 1 gpc wi", "every 2 gpc gr"), ("every 3 gpc wi", None)],
        "said": [("said 1 None wi", None), ("said 2 None wi", None), ("said 3 gpc wi", None)],
    }
