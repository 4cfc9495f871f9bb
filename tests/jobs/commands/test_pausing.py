"""Pausing: one policy or all, and letting them speak again, whatever a run is doing."""

from __future__ import annotations

import json

import pytest

from tactful.jobs.commands import pausing
from tactful.jobs.errors import ConfigError, LakeError
from tactful.jobs.lake.files import LocalFiles
from tactful.jobs.runs.pausing import paused

ENTRY = "[[activate]]\nname = '{}'\nwhen = 'cart_abandoned'\nchannels = ['email']\n"


@pytest.fixture
def config(read, tmp_path):
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "_lake.json").write_text(json.dumps({"format_version": 3}))
    return read(ENTRY.format("cart") + ENTRY.format("later"))


def test_one_or_all_are_paused_and_speak_again(config, tmp_path):
    files = LocalFiles(str(tmp_path / "lake"))
    assert paused(files) == ()
    assert pausing.change(config, "cart", resume=False) == {"paused": ["cart"]}
    assert pausing.change(config, None, resume=False) == {"paused": ["*", "cart"]}
    assert paused(files) == ("*", "cart")
    # All but the one that is let go stay as they are.
    assert pausing.change(config, "cart", resume=True) == {"paused": ["later"]}
    assert pausing.change(config, None, resume=True) == {"paused": []}
    assert next(pausing.lines({"paused": []})).startswith("Nothing is paused")
    assert next(pausing.lines({"paused": ["*"]})).startswith("Paused: every policy.")


def test_what_cannot_be_paused(config, read, tmp_path):
    with pytest.raises(ConfigError, match="cart, later"):
        pausing.change(config, "carts", resume=False)
    (tmp_path / "lake" / "_lake.json").unlink()
    with pytest.raises(LakeError, match="no lake"):
        pausing.change(config, None, resume=False)
