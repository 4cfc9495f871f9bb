"""What `run` refuses, it refuses before Spark starts; `check` and `status` say it as well."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.lake import secret as secrets
from tactful.jobs.lake.lake import Lake
from tactful.jobs.lake.local_files import LocalFiles
from tactful.jobs.runs import pipeline, replay
from tactful.jobs.settings.config import load
from tactful.schemas.table import FORMAT_VERSION

CONF = """
[lake]
location = "{root}/lake"
secret = "{secret}"
[sources.web]
stream = "clicks"
path = "{root}/landing"
"""
SECRET = "a secret of some length"


class Home:
    """What a lake knows of itself before its first run, and its configuration; no tables."""

    def __init__(self, folder: Path, secret: str = "auto") -> None:
        self.folder, self.conf = folder, folder / "my.toml"
        self.location = folder / "lake"
        (folder / "landing").mkdir()
        self.conf.write_text(CONF.format(root=folder, secret=secret))
        self.lake = Lake(None, str(self.location))
        config = load(self.conf)
        known = secrets.check_value(self.lake.secret(config), lake_id="a lake")
        self.lake.remember(
            lake_id="a lake", format_version=FORMAT_VERSION, identity_hash=config.identity_hash,
            secret_check=known, generations={},
        )  # fmt: skip

    def asked(self, *command: str) -> tuple[int, str, str]:
        done = CliRunner().invoke(cli.app, [*command, "--conf", str(self.conf)])
        return done.exit_code, done.stdout, done.stderr


def lost(home: Home) -> None:
    (home.location / "_secret").unlink()


def another(home: Home) -> None:
    (home.location / "_secret").write_text("b" * 64)


def short(home: Home) -> None:
    (home.location / "_secret").write_text("half of")


def older(home: Home) -> None:
    home.lake.remember(format_version=2)


def half_replayed(home: Home) -> None:
    home.lake.remember(replay={"from": "clicks", "as_of": None, "is_removed": False})


def stitched_otherwise(home: Home) -> None:
    home.lake.remember(identity_hash="another")


def without_folder(home: Home) -> None:
    (home.folder / "landing").rmdir()


def seen_later(home: Home) -> None:
    home.lake.remember(as_of="2999-01-01T00:00:00+00:00")


def moved(home: Home) -> None:
    """Its destination was another list's when it was told of three."""
    entry = '[[destinations]]\nname = "crm"\nkind = "file"\npolicy = "unsubscribed"\n'
    home.conf.write_text(home.conf.read_text() + entry + 'identifiers = ["email"]\n')
    before = {"kind": "file", "policy": "bounced", "options": {"audience_id": "x"}}
    home.lake.remember(destinations={"crm": {**before, "identifiers": ["email", "phone"]}})
    folder = home.location / "_checkpoints" / "fused" / "audiences"
    folder.mkdir(parents=True)
    (folder / "000000000003.json").write_text('{"crm/bounced": 3, "gone/bounced": 4}')
    (folder / "000000000004.json").write_text('{"crm/boun')


def renamed(home: Home) -> None:
    """Another destination fills the list of one that is gone and still holds four."""
    entry = '[[destinations]]\nname = "new"\nkind = "meta_custom_audience"\n'
    home.conf.write_text(f"{home.conf.read_text()}{entry}policy = 'bounced'\naudience_id = '7'\n")
    before = {"kind": "meta_custom_audience", "policy": "bounced", "options": {"audience_id": "7"}}
    home.lake.remember(destinations={"old": {**before, "identifiers": ["email"]}})
    folder = home.location / "_checkpoints" / "fused" / "audiences"
    folder.mkdir(parents=True)
    (folder / "000000000003.json").write_text('{"old/bounced": 4}')


# Each with what is said of it, and whether `check` and `status` say it of the lake.
TROUBLES: dict[str, tuple[Callable[[Home], None], str, bool]] = {
    "lost": (lost, "is gone: there is no _secret in it; put it back", True),
    "another": (another, "lake.secret is not the one that the lake at", True),
    "short": (short, "_secret is too short; put the right one there", True),
    "older": (older, "has format 2, this software writes 3", True),
    "replay": (half_replayed, "A replay of the lake at", True),
    "identity": (stitched_otherwise, "The identity section differs from the one", True),
    "moved": (
        moved,
        "Destination crm holds 3 values, and its policy was bounced and is unsubscribed and its "
        "audience_id was x and is none and it is told by phone no more",
        True,
    ),
    "renamed": (
        renamed,
        "Destination new fills the list that old filled, which still holds 4 values: call it old",
        True,
    ),
    "source": (without_folder, "which does not exist; make the folder or correct", False),
    "clock": (seen_later, "lies before 2999-01-01", False),
}


@pytest.fixture
def no_spark(monkeypatch):
    """A Spark session that nobody may start."""

    def started(*_, **__):
        raise AssertionError("Spark was started")

    for module in (pipeline, replay):
        monkeypatch.setattr(module, "open_session", started)


@pytest.mark.parametrize(("harm", "words", "is_of_lake"), TROUBLES.values(), ids=TROUBLES)
def test_a_refusal_comes_before_spark(no_spark, tmp_path, harm, words, is_of_lake) -> None:
    home = Home(tmp_path)
    harm(home)
    before = sorted(tmp_path.rglob("*"))
    code, _, err = home.asked("run")
    assert (code, len(err.splitlines())) == (2, 1) and words in err
    assert sorted(tmp_path.rglob("*")) == before, "nothing is written"
    code, _, told = home.asked("check")
    assert (code, told) == ((2, err) if is_of_lake else (0, ""))
    shown = home.asked("status")[1]
    sentence = err.removeprefix("error: ")
    if words.startswith("A replay"):
        assert "A replay from clicks has not come to its end" in shown
        assert "would refuse" not in shown
    else:
        assert (f"run would refuse this lake: {sentence}" in shown) is is_of_lake


def test_a_lake_that_is_held_is_refused_before_spark(no_spark, tmp_path) -> None:
    home = Home(tmp_path)
    with LocalFiles(str(home.location)).locked():
        for command in (("run",), ("replay", "--from", "received")):
            code, _, err = home.asked(*command)
            assert code == 2 and "Another run holds the lake at" in err
        assert home.asked("check")[0] == 0, "that passes by itself"


def test_a_replay_is_refused_before_spark(no_spark, tmp_path) -> None:
    home = Home(tmp_path)
    lost(home)
    code, _, err = home.asked("replay", "--from", "received")
    assert code == 2 and "put it back" in err


def test_a_lake_in_order_is_not_refused(no_spark, tmp_path) -> None:
    home = Home(tmp_path)
    assert home.asked("check")[0] == 0
    facts = json.loads(home.asked("status", "--json")[1])
    assert facts["failures"]["refused_by_run"] is None
    with pytest.raises(AssertionError, match="Spark was started"):
        pipeline.run(load(home.conf))


def test_status_of_a_folder_looks_at_the_secret_that_it_keeps(tmp_path) -> None:
    home = Home(tmp_path)
    another(home)
    done = CliRunner().invoke(cli.app, ["status", "--lake", str(home.location)])
    assert "run would refuse this lake: lake.secret is not the one" in done.stdout


def test_a_variable_with_another_secret_is_told(no_spark, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TACTFUL_TEST_SECRET", SECRET)
    home = Home(tmp_path, "env:TACTFUL_TEST_SECRET")
    monkeypatch.setenv("TACTFUL_TEST_SECRET", SECRET + ".")
    for command in ("check", "run"):
        code, _, err = home.asked(command)
        assert code == 2 and "lake.secret is not the one" in err
    assert "lake.secret is not the one" in home.asked("status")[1]


@pytest.mark.parametrize("blank", [" " * 20, "\u00a0\u200b" * 10, "\t" * 16])
def test_a_secret_of_blanks_is_none(tmp_path, monkeypatch, blank) -> None:
    monkeypatch.setenv("TACTFUL_TEST_SECRET", SECRET)
    home = Home(tmp_path, "env:TACTFUL_TEST_SECRET")
    monkeypatch.setenv("TACTFUL_TEST_SECRET", blank)
    code, _, err = home.asked("check")
    assert code == 2 and "TACTFUL_TEST_SECRET, which is nothing but blanks" in err


def test_a_lake_elsewhere_cannot_keep_its_own_secret(tmp_path) -> None:
    (tmp_path / "my.toml").write_text("[lake]\nlocation = 's3a://bucket/lake'\n")
    done = CliRunner().invoke(cli.app, ["check", "--conf", str(tmp_path / "my.toml")])
    assert done.exit_code == 2 and "cannot keep its own secret" in done.stderr
