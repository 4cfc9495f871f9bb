"""What browsers, consent banners, phones and vendors of small worlds say beside what happened."""

from __future__ import annotations

import random
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
STOPS = ("STOP", "Stop please!", "opt-out", "ARRÊT", "take me off your list", "cancel", "TD")
STARTS = ("START", "yes", " unstop ")
OTHERS = ("When does my order stop at the depot?", "cancel my order", "help", "", "1")


def base64url(bits: str) -> str:
    whole = bits + "0" * (-len(bits) % 6)
    return "".join(SIGNS[int(whole[at : at + 6], 2)] for at in range(0, len(whole), 6))


def tc_string(
    purposes: Collection[int],
    interests: Collection[int] = (),
    *,
    created: datetime = datetime(2025, 12, 1, tzinfo=UTC),
    updated: datetime | None = None,
    vendors: Collection[int] = (),
    by_interest: Collection[int] = (),
    limits: Collection[tuple[int, int, Collection[int]]] = (),
    is_range: bool = False,
    policy: int = 4,
    version: int = 2,
    shown: Collection[int] = (),
    is_global: bool = False,
) -> str:
    """A TC string as a banner writes it: what is consented to, and what is of interest.

    limits: what a publisher restricts, by purpose, kind of restriction, and vendors. is_global: of
    the storage that all services once shared, which no string is any more.
    """
    times = [f"{int(at.timestamp() * 10):036b}" for at in (created, updated or created)]
    flags = ("".join("01"[p in told] for p in range(1, 25)) for told in (purposes, interests))
    core = f"{version:06b}{times[0]}{times[1]}{21:012b}{7:012b}{1:06b}{0:012b}{100:012b}"
    core += f"{policy:06b}{'01'[not is_global]}0{0:012b}" + "".join(flags) + "0" + f"{0:012b}"
    core += _listed(vendors, is_range) + _listed(by_interest, is_range) + f"{len(limits):012b}"
    for purpose, kind, whom in limits:
        core += f"{purpose:06b}{kind:02b}" + _listed(whom, True)[17:]
    return base64url(core) + ("." + base64url("001" + _listed(shown, is_range)) if shown else "")


def _listed(vendors: Collection[int], is_range: bool) -> str:
    """A list of vendors: a bit each, or ranges of them."""
    most = max(vendors, default=0)
    if not is_range:
        return f"{most:016b}0" + "".join("01"[v in vendors] for v in range(1, most + 1))
    each = "".join(f"0{v:016b}" for v in sorted(vendors))
    return f"{most:016b}1{len(vendors):012b}{each}"


def gpp_string(sections: dict[int, str]) -> str:
    """A GPP string: its header says which sections follow."""
    header, last = f"{3:06b}{1:06b}{len(sections):012b}", 0
    for number in sorted(sections):
        header += "0" + _fibonacci(number - last)
        last = number
    return "~".join((base64url(header), *(sections[n] for n in sorted(sections))))


def us_section(number: int, opt_outs: tuple[int, ...], *, is_gpc: bool | None = None) -> str:
    """A section of the United States: opt-outs of two bits each."""
    begins = {7: 18, 11: 14, 18: 14, 24: 16, 25: 16, 26: 16, 27: 16}.get(number, 12)
    core = f"{1:06b}".ljust(begins, "0")
    core += "".join(f"{told:02b}" for told in opt_outs)
    gpc = "" if is_gpc is None else "." + base64url(f"01{is_gpc:b}")
    return base64url(core.ljust(48, "0")) + gpc


def _fibonacci(number: int) -> str:
    row = [1, 2]
    while row[-1] <= number:
        row.append(row[-1] + row[-2])
    told = ""
    for one in reversed(row):
        if one <= number:
            number -= one
            told = "1" + told
        elif told:
            told = "0" + told
    return told + "1"


ALL = {1, 2, 3, 4, 7, 9, 10}
VENDOR = 755


def some_string(dice: random.Random) -> tuple[str, Any]:
    """A signal by a name that some sender has for it."""
    march = datetime(2026, 3, 1, tzinfo=UTC)
    banner = dice.choice((
        tc_string(ALL, vendors={VENDOR}, is_range=dice.random() < 0.5), tc_string(ALL),
        tc_string({1, 3, 4}, {2, 7, 9, 10}, vendors={1, VENDOR}, by_interest={VENDOR}),
        tc_string({1, 3, 4}, {2, 7, 9, 10}, vendors={1, VENDOR}),
        tc_string({1, 3}), tc_string(set()), tc_string(ALL, version=1),
        tc_string(ALL, created=datetime(2026, 3, 15, tzinfo=UTC), vendors={VENDOR}),
        tc_string(ALL, created=march, vendors={VENDOR}, shown={VENDOR}),
        tc_string(ALL, created=march.replace(day=9), vendors={VENDOR}, shown={1, VENDOR}),
        tc_string(ALL, created=march, shown={VENDOR}), tc_string(ALL, created=march, shown={1}),
        tc_string(ALL, created=march, vendors={VENDOR}, shown={VENDOR}, is_range=True,
                  limits=[(2, dice.choice((0, 1, 2)), dice.choice(({VENDOR}, {1, 9})))]),
        tc_string(ALL, created=datetime(2024, 9, 1, tzinfo=UTC), vendors={VENDOR}),
        "CPgarbage", "not a string",
    ))  # fmt: skip
    platform = dice.choice((
        gpp_string({8: us_section(8, (2, 2), is_gpc=True)}),
        gpp_string({7: us_section(7, (2, 2, 1))}), gpp_string({12: us_section(12, (2, 2))}),
        gpp_string({6: "1YNN"}), gpp_string({6: "1YYN"}),
        gpp_string({2: tc_string(ALL, vendors={VENDOR}), 11: us_section(11, (0, 1))}),
        gpp_string({5: "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA"}),
        gpp_string({2: tc_string(ALL, vendors={VENDOR}), 5: "BOEFEAyO"}), "DBABBg", "zzz",
    ))  # fmt: skip
    return dice.choice((
        ("gpc", True), ("Sec-GPC", "1"), ("gpc", False), ("gpc", "who knows"), ("Sec-GPC", " "),
        ("gpc", "undefined"), ("IABTCF_TCString", banner), ("euconsent-v2", banner),
        ("tcf_string", banner), ("tcString", banner), ("gpp_string", platform), ("gpp", platform),
        ("us_privacy", dice.choice(("1YYN", "1YNN", "1---", "2YYY"))),
    ))  # fmt: skip


def signals(maker: Any, config: dict[str, Any], seed: int) -> None:
    """Pages that carry signals, texts that come in, and numbers of which a vendor says no.

    Told last, with dice of its own, so that it changes nothing else of a world.
    """
    dice = random.Random(f"signals {seed}")
    if dice.random() < 0.5:
        config["consent"] = {**config.get("consent", {}), "tcf_vendors": [VENDOR]}
    for n in range(dice.randint(4, 12)):
        person = dice.choice(maker.people[:4])
        ids = dice.choice((
            [{"type": "customer_id", "value": person.customer_id}],
            [{"type": "device_id", "value": dice.choice(person.devices)}],
            [{"type": "email", "value": person.emails[0]}], [],
        ))  # fmt: skip
        stream, type_ = dice.choice((
            ("clicks", "page_view"), ("clicks", "login"), ("profiles", "attribute_set"),
            ("clicks", "no such"),
        ))  # fmt: skip
        said = dict(some_string(dice) for _ in range(dice.choice((1, 1, 2))))
        said |= {"gdprApplies": dice.choice((0, 1))} if dice.random() < 0.2 else {}
        time = maker.when()
        for again in range(dice.choice((1, 1, 3))):
            row = _row(maker, f"signal{n}.{again}", type_, time, ids)
            row |= said if dice.random() < 0.3 else {"properties": said}
            row |= {"attribute": "size", "value": "m"} if stream == "profiles" else {}
            maker._put(stream, row)
            time = maker.later(time)
        if dice.random() < 0.3:
            told = {"channel": "ad", "purpose": "marketing"}
            maker._put("profiles", _row(maker, f"opens{n}", "consent_granted", time, ids) | told)
    for n in range(dice.randint(2, 5)):
        person = dice.choice(maker.people)
        phone = [{"type": "phone", "value": person.phone}]
        text = dice.choice((*STOPS, *STARTS, *OTHERS))
        came_in = dice.choice(("replied", "Inbound Message", "received"))
        row = _row(maker, f"reply{n}", came_in, maker.when(), dice.choice((phone, phone, [])))
        maker._put("messages", row | dice.choice(({"channel": "sms"}, {})) | dice.choice(
            ({"text": text}, {"properties": {"Body": text}})))  # fmt: skip
        failed = _row(maker, f"failed{n}", "failed", maker.when(), dice.choice((phone, [])))
        failed |= {"message_id": f"text{n}", "channel": dice.choice(("sms", "MMS"))}
        failed["properties"] = {"ErrorCode": dice.choice((21610, "21610", 30003))}
        maker._put("messages", failed)


def _row(maker: Any, name: str, type_: str, time: datetime, ids: list[Any]) -> dict[str, Any]:
    return {"event_id": name, "type": type_, "occurred_at": maker.stamp(time), "identifiers": ids}
