"""Asked: what it means that somebody was never asked, by the law of where they live."""

from __future__ import annotations

from typing import Any

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.settings.config import Config
from tactful.jobs.why.texts import channel
from tactful.schemas.words import ALL, CHANNELS

SAID = "SELECT consents, jurisdiction FROM customers WHERE person_id = $person"
# Who subscribes to a channel has said yes to its marketing.
SUBSCRIBED = """
    SELECT DISTINCT channel FROM timeline WHERE person_id = $person AND type = 'subscribed'
"""
TOPICS = ("ad:marketing", f"{ALL}:marketing")


def ads(lake: LakeView, person: str, config: Config) -> dict[str, Any] | None:
    """What somebody's silence about ads means; None where they answered, or no network asks."""
    if not any(one.is_ad_network for one in config.destinations):
        return None
    rows = lake.rows(SAID, person=person)
    if not rows or any(topic in dict(rows[0]["consents"] or {}) for topic in TOPICS):
        return None
    country, silence = rows[0]["jurisdiction"], config.consent.silence
    is_no = silence.is_no_in(country)
    what = "no consent, so that ad networks are told nothing of them" if is_no else "consent"
    where = ""
    if silence.varies:
        unknown = "nobody knows in which country they live, and by the strictest law"
        where = f" {'by the law of ' + country if country else unknown}"
    says = f"they said nothing of consent to ads;{where or ' here'} silence is {what}"
    return {"jurisdiction": country, "is_no": is_no, "says": says}


def silent(lake: LakeView, person: str, config: Config) -> dict[str, Any] | None:
    """On which channels somebody said neither yes nor no to marketing, where that is a no.

    Of the channels that `[[activate]]` speaks on; of all where it has no entry. None where there is
    none.
    """
    rows = lake.rows(SAID, person=person)
    said = dict((rows[0]["consents"] if rows else None) or {})
    silence, country = config.consent.silence, rows[0]["jurisdiction"] if rows else None
    if f"{ALL}:marketing" in said or not silence.is_no_in(country):
        return None
    subscribed = {row["channel"] for row in lake.rows(SUBSCRIBED, person=person)}
    if None in subscribed:
        return None
    spoken = {
        name
        for one in config.activate
        if one.is_for == "marketing"
        for name in (*one.channels, *one.switch_to)
    }
    found = [
        name
        for name in CHANNELS
        if (not spoken or name in spoken)
        and f"{name}:marketing" not in said
        and name not in subscribed
    ]
    if not found:
        return None
    where = f" in {country}" if silence.varies and country else ""
    return {
        "channels": found,
        "jurisdiction": country,
        "says": f"they said neither yes nor no to marketing by {', '.join(map(channel, found))}; "
        f"silence is no consent{where} ([consent] default), so nothing of [[activate]] is said to "
        "them there",
    }
