"""Who is who against planted truth: what a shop meets at its worst makes nobody two customers."""

from __future__ import annotations

import pytest

from tactful.transforms.identity.sharing import SHARINGS
from tests.bench.truth import SETTINGS, Setting, Shop, found, make, score

CUSTOMERS = 400


def told(setting: Setting, sharing: str):
    shop = make(setting, customers=CUSTOMERS, seed=1)
    return score(shop, found(shop, sharing=sharing))


@pytest.mark.parametrize("sharing", SHARINGS)
def test_where_nothing_is_shared_everybody_is_found(sharing: str) -> None:
    easy = told(SETTINGS["easy"], sharing)
    assert (easy.precision, easy.recall, easy.b_precision, easy.b_recall) == (1, 1, 1, 1)


@pytest.mark.parametrize("name", ["typical", "hostile"])
def test_a_wrong_person_is_worse_than_none(name: str) -> None:
    """Neutral gives nobody another's identifiers; what it leaves out for that is told."""
    neutral, newest, first = (told(SETTINGS[name], at) for at in ("neutral", "newest", "first"))
    assert neutral.precision > 0.995
    assert neutral.recall > {"typical": 0.97, "hostile": 0.85}[name]
    for other in (newest, first):
        assert other.recall > neutral.recall
        assert other.precision < neutral.precision


@pytest.mark.parametrize("sharing", SHARINGS)
@pytest.mark.parametrize(
    "sharp",
    [
        {"swapping": 1.0},
        {"kiosks": 3, "crowd": 300},
        {"constants": 3, "crowd": 400},
        {"call_centres": 3, "crowd": 300},
        {"mistyped": 1.0},
        {"family_emails": 1.0},
        {"shared_at_home": 1.0, "shared_with_strangers": 1.0},
    ],
    ids=lambda sharp: " ".join(sharp),
)
def test_nothing_makes_one_giant_person(sharp: dict, sharing: str) -> None:
    """Devices swapped daily, a kiosk, a constant of an app, a call centre, slips of the finger."""
    worst = told(
        Setting(**{"shared_at_home": 0, "shared_with_strangers": 0, "mistyped": 0, **sharp}),
        sharing,
    )
    assert worst.most_customers == 1
    # Three devices with four cookies each, and a few of others'.
    assert worst.most_identifiers < 40


def test_a_clock_that_is_years_off_makes_no_other_persons() -> None:
    """Under neutral, times say from when a device is shared, and never who is one person."""
    shop = make(SETTINGS["typical"], customers=CUSTOMERS, seed=2)
    other = Shop(shop.dice, shop.seen[::-1], shop.owners)
    one, two = (found(at, sharing="neutral") for at in (shop, other))

    def groups(persons: dict[str, str]) -> set[frozenset[str]]:
        held: dict[str, set[str]] = {}
        for name, person in persons.items():
            held.setdefault(person, set()).add(name)
        return {frozenset(names) for names in held.values()}

    assert groups(one) == groups(two)
