"""Asked: what it means for ads that somebody was never asked, by the law of where they live."""

from __future__ import annotations

from typing import Any

from tactful.jobs.report.lake_view import LakeView
from tactful.jobs.settings.config import Config
from tactful.schemas.words import ALL

SAID = "SELECT consents, jurisdiction FROM customers WHERE person_id = $person"
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
