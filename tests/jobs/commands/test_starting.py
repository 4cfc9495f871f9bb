"""`init`: whatever systems somebody has, what it writes is in order and explains itself."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.jobs.cli import app
from tactful.jobs.commands.checking import notes
from tactful.jobs.commands.starting import init
from tactful.jobs.errors import ConfigError
from tactful.jobs.settings.config import idle, load
from tactful.transforms.sources import DIALECTS

BUILT_IN = ("no_consent", "unsubscribed", "bounced", "complained", "service_open")


@pytest.mark.parametrize(
    "kinds", [[*DIALECTS], *([name] for name in DIALECTS), *combinations(DIALECTS, 2)], ids=",".join
)
def test_every_choice_gives_a_file_that_is_in_order_and_idles_nowhere(kinds, tmp_path):
    facts = init(",".join(kinds), tmp_path / "my.toml")
    config = load(tmp_path / "my.toml")
    assert {str(Path(path).relative_to(tmp_path)) for path in facts["folders"]} == {
        source.path for source in config.sources.values()
    }
    assert {source.dialect for source in config.sources.values()} == set(kinds)
    # What is on without being asked for may be idle; what the file itself says may not.
    said = [line for line in idle(config) if not any(f".{name} " in line for name in BUILT_IN)]
    assert said == []


def test_three_systems_get_twelve_rules_and_caps_each_with_its_reason(tmp_path):
    init("segment, Shopify,sendgrid", tmp_path / "my.toml")
    config = load(tmp_path / "my.toml")
    assert len(config.rules) + len(config.caps) >= 12
    text = (tmp_path / "my.toml").read_text()
    assert len(re.findall(r"^# .+\n\[\[(?:suppress|caps)\]\]$", text, re.M)) >= 12


def test_all_who_must_not_be_mailed_are_listed_and_the_two_numbers_explained(tmp_path):
    init("segment,shopify,sendgrid", tmp_path / "my.toml")
    config = load(tmp_path / "my.toml")
    lists = {one.name: (one.policy, one.channel) for one in config.destinations}
    for policy in ("unsubscribed", "complained", "no_consent"):
        assert (policy, "email") in lists.values()
    one = "userId of segment and customer.id of shopify"
    assert one in (tmp_path / "my.toml").read_text()
    assert any(line.startswith(one) for line in notes(config))
    init("shopify", tmp_path / "shopify.toml")
    assert "customer_id, of which" not in (tmp_path / "shopify.toml").read_text()
    assert not any(one in line for line in notes(load(tmp_path / "shopify.toml")))


def test_a_file_that_is_there_stays_as_it_is(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text("mine")
    with pytest.raises(ConfigError, match="a file that is there"):
        init("segment", path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("kinds", ["", ",", "sement", "segment,segment", "segment;shopify"])
def test_what_is_no_dialect_is_refused_with_all_that_are(kinds, tmp_path):
    with pytest.raises(ConfigError):
        init(kinds, tmp_path / "my.toml")
    assert not (tmp_path / "my.toml").exists()


def test_the_command_says_what_to_do_next(tmp_path):
    def cli(*arguments: str):
        return CliRunner().invoke(app, arguments)

    path = str(tmp_path / "mine" / "x.toml")  # in a folder that is not there yet
    done = cli("init", "--from", "segment", "--conf", path)
    assert done.exit_code == 0 and "tactful check --conf" in done.stdout
    again = cli("init", "--from", "segment", "--conf", path, "--json")
    assert again.exit_code == 2 and "a file that is there" in json.loads(again.stdout)["error"]
