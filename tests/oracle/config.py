"""The configuration as one plain dictionary: the defaults, and above them the user's own."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

DEFAULTS = Path(__file__).parents[2] / "conf" / "defaults.toml"
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
NAMED_LISTS = ("suppress", "caps", "destinations")


def load(user: Mapping[str, Any] | Path) -> dict[str, Any]:
    """What holds for a lake: the user's file or dictionary over `conf/defaults.toml`."""
    if isinstance(user, Path):
        user = tomllib.loads(user.read_text(encoding="utf-8"))
    return _merge(tomllib.loads(DEFAULTS.read_text(encoding="utf-8")), user)


def duration(text: str) -> timedelta:
    """'7d' as a length of time."""
    match = re.fullmatch(r"(\d+)([smhdw])", text)
    if not match:
        raise ValueError(f"not a duration: {text!r}")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def identifier_types(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every identifier type with its priority, flags and bounds filled in."""
    identity = config["identity"]
    bounds = {"max_links": identity["max_links"], "max_devices": identity["max_devices"]}
    flags = {"unique": False, "device": False}
    return {name: {**flags, **bounds, **own} for name, own in identity["types"].items()}


def rules(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The suppression rules that are on, with their defaults filled in."""
    defaults = {
        "channels": [],
        "share": 0,
        "lasts": None,
        "lasts_share": None,
        "lifted_by": ["order_cancelled", "order_returned", "order_refunded"],
        "enabled": True,
    }
    filled = [{**defaults, **rule} for rule in config.get("suppress", [])]
    return [rule for rule in filled if rule["enabled"]]


def caps(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The frequency caps, with their defaults filled in."""
    defaults = {
        "channels": [],
        "purposes": ["marketing"],
        "counts": "sent",
        "zone": "customer",
        "week_starts": "monday",
        "topics": [],
        "campaigns": [],
        "exempt_topics": [],
        "exempt_campaigns": [],
        "exempt_counts": False,
    }
    return [{**defaults, **cap} for cap in config.get("caps", [])]


def destinations(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The destinations, with their defaults filled in."""
    defaults = {"channel": None, "identifiers": ["email", "phone"]}
    return [{**defaults, **entry} for entry in config.get("destinations", [])]


def _merge(below: Any, above: Any, name: str = "") -> Any:
    """Tables are merged key by key, named lists entry by entry; anything else is replaced."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        merged = dict(below)
        for key, value in above.items():
            merged[key] = _merge(below[key], value, key) if key in below else value
        return merged
    if name in NAMED_LISTS:
        return list(({rule["name"]: rule for rule in [*below, *above]}).values())
    return above
