"""What goes to the newest or first customer may be meant by others who were seen with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.jobs.test_closings import ANN, BEN, BY_FAMILY, CY, FAMILY, Told

ALL = {"ann", "ben", FAMILY}


@pytest.mark.parametrize("sharing", ["newest", "first"])
def test_an_opt_out_by_what_goes_to_another_stays_theirs_who_said_it(
    spark, tmp_path: Path, sharing: str
) -> None:
    told = Told(tmp_path, shared_devices=sharing)
    told.login(9, ANN, BY_FAMILY)
    told.login(9, CY)
    told.mail("unsubscribed", 8, BY_FAMILY, channel="email")
    assert told.held() == {"unsubscribed": {"ann", FAMILY}}
    # Whosever the address is now, either may have meant it.
    told.login(7, BEN, BY_FAMILY)
    assert told.held() == {"unsubscribed": ALL}
    # What they do by their own numbers changes nothing but for who speaks.
    told.login(6, ANN)
    told.mail("subscribed", 5, BEN, channel="email")
    told.mail("sent", 4, BY_FAMILY, channel="email", message_id="news")
    told.mail("complained", 3, message_id="news")
    found = told.held()
    assert found["complained"] == ALL
    assert "ann" in found["unsubscribed"]
    assert "cy" not in found["unsubscribed"] | found["complained"]
    told.protected()
