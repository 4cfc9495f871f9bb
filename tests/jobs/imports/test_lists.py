"""Lists from elsewhere: which column is what, and what is refused before anything starts."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.commands.importing import import_file
from tactful.jobs.errors import ListRefused
from tactful.jobs.imports.lists import read_list
from tactful.jobs.imports.suppression_list import ALSO, _told
from tactful.jobs.runs import pipeline
from tactful.jobs.settings.config import load
from tactful.transforms.sources import DIALECTS

CONF = (
    '[lake]\nlocation = "lake"\n[[destinations]]\nname = "crm"\nkind = "file"\npolicy = "bounced"\n'
)


@pytest.fixture
def config(tmp_path: Path):
    (tmp_path / "my.toml").write_text(CONF)
    return load(tmp_path / "my.toml")


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


def test_a_header_is_read_in_any_spelling(tmp_path: Path, config) -> None:
    text = (
        "\ufeffE-Mail Address;Phone Number;Customer-ID;Name;Channel\n a@x.io ;;7;Ann;email\n;;;;\n"
    )
    people = read_list(written(tmp_path, "l[1].csv", text), config, named={}, also=("channel",))
    assert list(people.left_aside) == ["Name"]
    (rows,) = people.rows()
    assert rows == [{"email": "a@x.io", "customer_id": "7", "channel": "email"}, {}]


def test_times_and_addresses_are_read_as_people_write_them(tmp_path: Path, config) -> None:
    lines = ("email;Occurred At", '"Ann <a@x.io>";2026-01-01T00:00:00Z', "MAILTO:b@x.io;", "")
    file = written(tmp_path, "l.csv", "\n".join(lines))
    people = read_list(file, config, named={}, also=("occurred_at",))
    assert [row for piece in people.rows() for row in piece] == [
        {"email": "a@x.io", "occurred_at": "2026-01-01T00:00:00Z"}, {"email": "b@x.io"},
    ]  # fmt: skip


def test_of_very_many_columns_few_are_named(tmp_path: Path, config) -> None:
    header = ",".join(["email", *(f"n{number}" for number in range(30))])
    people = read_list(written(tmp_path, "l.csv", f"{header}\n"), config, named={})
    assert len(people.left_aside) == 11 and people.left_aside[-1] == "and 20 more"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("l.csv", b"", "l.csv is empty"),
        ("l.csv", "email\nö@x.io\n".encode("latin-1"), "is not in UTF-8; save it"),
        ("l.csv", "email\na@x.io\n".encode("utf-16"), "is not in UTF-8; save it"),
        ("l.csv.gz", b"email", "l.csv.gz cannot be read (not a gzipped file"),
        ("l.xlsx", b"PK", "is no list: its name has to end in .csv"),
        ("l.parquet", b"PK", "l.parquet cannot be read as a list"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, config, name, content, words) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ListRefused) as caught:
        read_list(tmp_path / name, config, named={})
    assert words in str(caught.value)
    with pytest.raises(ListRefused, match="is a folder"):
        read_list(tmp_path, config, named={})


@pytest.mark.parametrize("name", ["list.json", "list.jsonl"])
def test_json_lines_are_a_list(tmp_path: Path, config, name: str) -> None:
    people = read_list(written(tmp_path, name, '{"email": "a@x.io", "n": 1}\n'), config, named={})
    assert [row for piece in people.rows() for row in piece] == [{"email": "a@x.io"}]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"customer_id":17}\n{"customer_id":"C18"}\n', ["17", "C18"]),
        ('{"phone":14155552671}\n{"phone":"+14155552672"}\n', ["14155552671", "+14155552672"]),
        ('{"email":"j1@x.io"}\n{"email":5}\n', ["j1@x.io", "5"]),
        (
            '{"customer_id":17}\n{"customer_id":18.5}\n{"customer_id":12345678901234567890}\n',
            ["17", "18.5", "12345678901234567890"],
        ),
        ('{"customer_id":"a"}\n{"customer_id":null}\n{"customer_id":"b\\"c"}\n', ["a", 'b"c']),
    ],
)
def test_a_value_is_what_it_is_whatever_the_others_of_its_column_are(
    tmp_path: Path, config, text: str, told: list[str]
) -> None:
    people = read_list(written(tmp_path, "l.jsonl", text), config, named={})
    found = [value for piece in people.rows() for row in piece for value in row.values()]
    assert found == told


def test_whole_numbers_with_gaps_are_whole_numbers(tmp_path: Path, config) -> None:
    """As pandas writes them, to whom a gap makes decimals of all."""
    table = pa.table({"customer_id": [17.0, None, float("nan"), 18.5]})
    pq.write_table(table, tmp_path / "l.parquet")
    people = read_list(tmp_path / "l.parquet", config, named={})
    rows = [row for piece in people.rows() for row in piece]
    assert rows == [{"customer_id": "17"}, {}, {}, {"customer_id": "18.5"}]


def test_a_column_may_be_named(tmp_path: Path, config) -> None:
    file = written(tmp_path, "l.csv", "Adresse,email\na@x.io,b@x.io\n")
    people = read_list(file, config, named={"email": "Adresse"})
    assert (dict(people.columns), list(people.left_aside)) == ({"email": "Adresse"}, ["email"])


@pytest.mark.parametrize(
    ("text", "rows", "ragged"),
    [
        (
            "email;n\n a@x.io ;1\nb@x.io\nc@x.io;1;2\nMAILTO:d@x.io;1;; \n",
            [{"email": "a@x.io"}, {"email": "d@x.io"}],
            ["line 3 has 1 field where its header has 2 fields",
             "line 4 has 3 fields where its header has 2 fields"],
        ),
        ("email,n\na@x.io,1,\nb@x.io,1,\n", [{"email": "a@x.io"}, {"email": "b@x.io"}], []),
        ("of today\nemail,n\na@x.io,1\n", [{"email": "a@x.io"}], []),
        ("email\na@x.io\nB, C <b@x.io>\nc@x.io\n",
         [{"email": "a@x.io"}, {"email": "b@x.io"}, {"email": "c@x.io"}], []),
        ('email,n\na@x.io,"1\n2"\nb@x.io\n', [{"email": "a@x.io"}],
         ["line 4 has 1 field where its header has 2 fields"]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("packed", [False, True])
def test_a_row_of_another_length_is_left_out_alone(
    tmp_path: Path, config, text, rows, ragged, packed
) -> None:
    file = tmp_path / ("l.csv.gz" if packed else "l.csv")
    file.write_bytes(gzip.compress(text.encode()) if packed else text.encode())
    people = read_list(file, config, named={})
    assert [row for piece in people.rows() for row in piece] == rows
    assert people.ragged == {"ragged": len(ragged), "ragged_rows": ragged}


@pytest.mark.parametrize(
    ("text", "named", "words"),
    [
        ("name,town\nAnn,York\n", {}, "none of its columns (name, town) is an identifier"),
        ("email,e_mail\na,b\n", {}, "both email and e_mail are columns of email"),
        ("email\na\n", {"email": "mail"}, "has no column mail; it has email"),
        ("email\na\n", {"shoe": "email"}, "shoe is none of customer_id"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path: Path, config, text, named, words) -> None:
    with pytest.raises(ListRefused) as caught:
        read_list(written(tmp_path, "l.csv", text), config, named=named)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Say what the list is, and only one"),
        (["--as", "unsubscribed", "--audience", "crm"], "Say what the list is, and only one"),
        (["--as", "angry"], "--as angry is nothing that a list can say; allowed: unsubscribed"),
        (["--as", "unsubscribed", "--channel", "fax"], "--channel fax is none; allowed: email"),
        (["--audience", "ads"], "There is no destination ads; there are: crm"),
        (["--audience", "crm", "--channel", "email"], "an audience has neither"),
        (["--as", "unsubscribed", "--column", "email"], "--column email says nothing"),
        (["--as", "unsubscribed", "--at", "yesterday"], '--at: found "yesterday"'),
    ],
)
def test_a_refusal_comes_before_spark(
    tmp_path: Path, config, monkeypatch, arguments, words
) -> None:
    def started(*_, **__):
        raise AssertionError("Spark was started")

    monkeypatch.setattr(pipeline, "open_session", started)
    file = written(tmp_path, "l.csv", "email\na@x.io\n")
    conf = ["--conf", str(tmp_path / "my.toml")]
    done = CliRunner().invoke(cli.app, ["import", str(file), *conf, *arguments])
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert words in done.stderr
    assert not (tmp_path / "lake").exists()


def told_by(dialect: str, tmp_path: Path, text: str, *, opens: bool = False, name: str = "a.csv"):
    """What the rows of another system's list say."""
    form = DIALECTS[dialect].lists
    assert form is not None
    file = tmp_path / name
    file.write_text(text, "utf-8")
    people = read_list(file, load(environ={}), named={}, also=(*ALSO, *form.columns))
    return [_told(row, form, opens) for piece in people.rows() for row in piece]


def test_sendgrids_lists_say_when_and_are_of_email(tmp_path: Path) -> None:
    bounces = "status,reason,email,created\n5.1.1,550 unknown,Ann@x.io,1443651125\n,,,\n"
    at = "2015-09-30T22:12:05+00:00"
    ann = {"email": "Ann@x.io", "channel": "email", "occurred_at": at}
    assert told_by("sendgrid", tmp_path, bounces) == [[ann], [{"channel": "email"}]]
    as_json = '[{"created": 1443651125, "email": "Ann@x.io", "ip": "1.2.3.4"}]'
    assert told_by("sendgrid", tmp_path, as_json, name="a.json") == [[ann]]
    assert told_by("sendgrid", tmp_path, bounces, opens=True) == [[], []], "it opens nothing"


def test_shopifys_customers_say_where_they_want_nothing(tmp_path: Path) -> None:
    customers = (
        "Customer ID,First Name,Email,Accepts Email Marketing,Phone,Accepts SMS Marketing,Tags\n"
        "'6789,Ann,ann@x.io,no,'+15550100,no,vip\n"
        "'6790,Ben,ben@x.io,yes,,no,\n"
        "'6791,Cy,cy@x.io,yes,,yes,\n"
        "'6792,Di,di@x.io,,,,\n"
    )
    ann = {"customer_id": "6789", "email": "ann@x.io", "phone": "+15550100"}
    ben, cy = (
        {"customer_id": i, "email": f"{n}@x.io"} for i, n in (("6790", "ben"), ("6791", "cy"))
    )
    email, sms = {"channel": "email"}, {"channel": "sms"}
    assert told_by("shopify", tmp_path, customers) == [
        [{**ann, **email}, {**ann, **sms}], [{**ben, **sms}], [], []]  # fmt: skip
    assert told_by("shopify", tmp_path, customers, opens=True) == [
        [], [{**ben, **email}], [{**cy, **email}, {**cy, **sms}], []]  # fmt: skip


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"dialect": "segment"}, "has no form of its own"),
        ({"dialect": "sendgrid", "channel": "sms"}, "leave out --channel"),
        ({"dialect": "shopify", "type_": "never_link"}, "--as is one of"),
        ({"dialect": "shopify"}, "none of the columns"),
    ],
)
def test_what_a_dialect_cannot_tell_is_refused(tmp_path: Path, how: Any, why: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text("email\nann@x.io\n")
    asked = {"type_": "unsubscribed", "audience": None, "channel": None, "at": None, "columns": ()}
    with pytest.raises(ListRefused, match=why):
        import_file(load(environ={}), file, **{**asked, **how}, on_progress=lambda _: None)
