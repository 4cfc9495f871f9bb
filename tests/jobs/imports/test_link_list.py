"""Manual links from outside: what is no pair is refused in one line, before anything starts."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.commands.linking import lines
from tactful.jobs.errors import ListRefused
from tactful.jobs.imports.link_list import ALSO, PAIR
from tactful.jobs.imports.lists import read_columns
from tactful.jobs.runs import pipeline
from tests.jobs.imports.test_lists import written

ANN, BEN = "email:ann@x.io", "customer_id:17"
BECAUSE = ["--reason", "they told us"]
LATER = (datetime.now(UTC) + timedelta(days=9)).isoformat()


@pytest.fixture
def tactful(tmp_path: Path, monkeypatch):
    """A command beside which Spark must not start: exit code and what went to stderr."""

    def started(*_, **__):
        raise AssertionError("Spark was started")

    monkeypatch.setattr(pipeline, "open_session", started)
    (tmp_path / "my.toml").write_text('[lake]\nlocation = "lake"\n')

    def tactful(*arguments: str) -> tuple[int, str]:
        conf = ["--conf", str(tmp_path / "my.toml")]
        done = CliRunner().invoke(cli.app, [*arguments, *conf])
        assert not (tmp_path / "lake").exists()
        return done.exit_code, done.stderr

    return tactful


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([ANN, BEN], "Nobody can judge a word without its reason; say it: --reason TEXT."),
        ([ANN, BEN, "--reason", " \u200b"], "Nobody can judge a word without its reason"),
        ([ANN, "17", *BECAUSE], '"17" names no identifier; write TYPE:VALUE, such as'),
        ([ANN, "fax:17", *BECAUSE], '"fax:17": fax is no type of identifier; allowed: customer'),
        ([ANN, BEN, *BECAUSE, "--author", " "], "name them: --author NAME"),
        ([ANN, BEN, *BECAUSE, "--at", LATER], "has not come yet"),
        ([ANN, BEN, *BECAUSE, "--at", "today"], '--at: found "today"'),
        ([ANN, BEN, *BECAUSE, "--never", "--withdraw"], "two words on the two; say one"),
        ([ANN, BEN, "--reason", "x" * 10**7], "say it in fewer words"),
    ],
)
def test_a_word_that_cannot_be_right_is_refused(tactful, arguments, words) -> None:
    code, said = tactful("link", *arguments)
    assert (code, len(said.splitlines())) == (2, 1)
    assert words in said


def test_a_word_whose_author_nobody_knows_is_refused(tactful, monkeypatch) -> None:
    def nobody() -> str:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert tactful("link", ANN, BEN, *BECAUSE) == (
        2, "error: Nobody is named who says so; name them: --author NAME.\n",
    )  # fmt: skip


def test_what_was_said_is_told_in_one_line() -> None:
    facts = {"who": ANN, "other": BEN, "author": "eve", "reason": "[two] accounts"}
    facts |= {"unseen": [], "is_of_nothing": False}
    told = {kind: [*lines({**facts, "type": kind})] for kind in (
        "always_link", "never_link", "link_withdrawn",
    )}  # fmt: skip
    ending = "(\\[two] accounts); the next run applies it: tactful run."
    assert told == {
        "always_link": [f"eve says that {ANN} and {BEN} are one customer {ending}"],
        "never_link": [f"eve says that {ANN} and {BEN} are never one customer {ending}"],
        "link_withdrawn": [f"eve takes back what was said of {ANN} and {BEN} {ending}"],
    }


def test_a_list_of_pairs_is_read_in_any_spelling(tmp_path: Path) -> None:
    text = "Type;Value;Other-Type;Alte Nummer;Reason;Town\ncustomer_id; 1 ;email;a@x.io;;York\n"
    file = written(tmp_path, "l.csv", text)
    named = {"other_value": "Alte Nummer"}
    pairs = read_columns(file, named=named, needed=PAIR, also=ALSO)
    assert list(pairs.left_aside) == ["Town"]
    (rows,) = pairs.rows()
    assert rows == [
        {"type": "customer_id", "value": "1", "other_type": "email", "other_value": "a@x.io"}
    ]
    with pytest.raises(ListRefused, match="has no column other_value; such a list has type"):
        read_columns(file, named={}, needed=PAIR, also=ALSO)


def test_a_list_of_pairs_is_about_no_channel(tactful, tmp_path: Path) -> None:
    file = written(tmp_path, "l.csv", "type,value,other_type,other_value\n")
    code, said = tactful("import", str(file), "--as", "never_link", "--channel", "email")
    assert (code, len(said.splitlines())) == (2, 1)
    assert "--as never_link is about no channel" in said
    code, said = tactful("import", str(written(tmp_path, "m.csv", "email\n")), "--as", "never_link")
    assert (code, len(said.splitlines())) == (2, 1)
    assert "m.csv has no column type; such a list has type, value, other_type, other_value" in said
