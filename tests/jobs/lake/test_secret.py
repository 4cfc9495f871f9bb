"""The lake's secret: whole or not there, long enough, and known again."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tactful.jobs.errors import SecretRefused
from tactful.jobs.lake import secret
from tactful.jobs.lake.lake import Lake
from tactful.jobs.settings.config import load

LONG = "a secret of some length"


def lake_of(tmp_path: Path, named: str = "env:TACTFUL_TEST_SECRET"):
    """A lake of this machine, and its configuration under today's environment."""
    location = str(tmp_path / "lake")
    values = {"lake": {"location": location, "secret": named}}
    return Lake(None, location), lambda: load(overrides=values)


def test_another_secret_is_refused_before_anything(spark, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TACTFUL_TEST_SECRET", LONG)
    lake, config = lake_of(tmp_path)
    lake.check(config())
    lake.create(config())
    lake.check(config())
    told = (tmp_path / "lake" / "_lake.json").read_text()
    assert LONG not in told
    assert len(lake.state()["secret_check"]) == 16
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setenv("TACTFUL_TEST_SECRET", LONG + ".")
    with pytest.raises(SecretRefused, match="is not the one that the lake at") as caught:
        lake.check(config())
    assert caught.value.exit_code == 2
    assert (tmp_path / "lake" / "_lake.json").read_text() == told
    assert sorted(tmp_path.rglob("*")) == before


def test_two_lakes_with_one_secret_do_not_show_it() -> None:
    values = {secret.check_value(LONG.encode(), lake_id=lake) for lake in ("one", "two")}
    assert len(values) == 2


def test_a_secret_that_is_lost_is_not_made_again(spark, tmp_path: Path) -> None:
    lake, config = lake_of(tmp_path, "auto")
    lake.create(config())
    place = tmp_path / "lake" / "_secret"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert len(place.read_bytes()) == 64
    kept = place.read_bytes()
    place.unlink()
    with pytest.raises(SecretRefused, match="there is no _secret in it; put it back"):
        lake.check(config())
    blank = "\u00a0" * 16
    for content, words in (
        (b"", "is empty"), (b"half of\n", "is too short"), (blank.encode(), "nothing but blanks"),
    ):  # fmt: skip
        place.write_bytes(content)
        with pytest.raises(SecretRefused, match=words):
            lake.check(config())
    place.unlink()
    place.mkdir()
    with pytest.raises(SecretRefused, match="cannot be read"):
        lake.check(config())
    place.rmdir()
    place.write_bytes(kept)
    lake.check(config())


def test_killed_while_it_is_made_it_is_not_there(tmp_path: Path, monkeypatch) -> None:
    class Killed(BaseException):
        pass

    def killed(*_):
        raise Killed

    for step in ("fsync", "link"):
        with monkeypatch.context() as patched:
            patched.setattr(os, step, killed)
            with pytest.raises(Killed):
                secret.make(str(tmp_path))
        assert secret.find(str(tmp_path), "auto") is None
    made = secret.make(str(tmp_path))
    assert secret.make(str(tmp_path)) == made, "whoever comes second takes the first one's"
    assert [path.name for path in tmp_path.iterdir()] == ["_secret"]


def test_a_secret_that_others_could_read_is_closed(tmp_path: Path) -> None:
    secret.make(str(tmp_path))
    (tmp_path / "_secret").chmod(0o644)
    secret.find(str(tmp_path), "auto")
    assert stat.S_IMODE((tmp_path / "_secret").stat().st_mode) == 0o600


def test_a_short_secret_is_an_error_of_the_configuration(errors) -> None:
    text = "[lake]\nsecret = 'env:SHORT'"
    assert errors(text, environ={"SHORT": "fifteen bytes.."}) == [
        "my.toml: lake.secret: found SHORT, which is too short; allowed: a secret of at least "
        "16 bytes (one that can be guessed gives everybody's keys away)"
    ]
    assert "fifteen" not in str(errors(text, environ={"SHORT": "fifteen bytes.."}))
