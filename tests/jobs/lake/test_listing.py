"""What counts as a landed file, and how many of them `status` knows to be where."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tactful.jobs.intake.landing_status import file_facts, file_lines
from tactful.jobs.lake.files import files_at, files_here
from tactful.jobs.lake.listing import EMPTY, NOWHERE, OF_A_LAKE, walked

AT = datetime(2026, 3, 2, tzinfo=UTC)


def put(folder: Path, *names: str, text: str = "{}\n") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
        os.utime(folder / name, (AT.timestamp(), AT.timestamp()))


def names(folder: Path) -> list[str]:
    return [os.path.relpath(file.path, folder) for file in walked(str(folder)).files]


def test_everything_below_counts_but_what_is_hidden_or_half_there(tmp_path: Path) -> None:
    put(tmp_path, "a", "x/y/b.json", "k=v/c", ".d", "_e", ".x/f", "y/_z/g", "h._COPYING_")
    put(tmp_path, "empty", text="")
    assert names(tmp_path) == ["a", "k=v/c", "x/y/b.json"]
    found = walked(str(tmp_path))
    assert found.empty == [str(tmp_path / "empty")]
    assert found.files[0] == (str(tmp_path / "a"), AT, 3)
    assert names(tmp_path / "a") == ["."], "a source may name a single file"


def test_links_are_followed_and_lead_to_each_file_once(tmp_path: Path) -> None:
    home, away = tmp_path / "home", tmp_path / "away"
    put(home, "z.json", "sub/y.json")
    put(away, "x.json", "deep/w.json")
    (home / "a-loop").symlink_to(home)
    (home / "b-loop").symlink_to(home / "sub")
    (home / "c-file").symlink_to(home / "z.json")
    (home / "d-away").symlink_to(away)
    (home / "e-again").symlink_to(away / "deep")
    (away / "back").symlink_to(home)
    (home / "f-lost").symlink_to(tmp_path / "nothing")
    (home / "g-self").symlink_to(home / "g-self")
    assert names(home) == ["d-away/deep/w.json", "d-away/x.json", "sub/y.json", "z.json"]
    lost = {str(home / "f-lost"): NOWHERE, str(home / "g-self"): NOWHERE}
    assert walked(str(home)).unreadable == lost


def test_what_leads_into_a_lake_is_named_and_never_read(tmp_path: Path) -> None:
    home, lake = tmp_path / "home", tmp_path / "shop" / "lake"
    put(home, "a.json")
    put(lake, "_lake.json", "outbox/to/1.json")
    put(tmp_path / "shop", "b.json")
    (home / "to-outbox").symlink_to(lake / "outbox")
    (home / "to-file").symlink_to(lake / "outbox" / "to" / "1.json")
    (home / "to-shop").symlink_to(tmp_path / "shop")
    assert names(home) == ["a.json", "to-shop/b.json"]
    led = ("to-file", "to-outbox", "to-shop/lake")
    assert walked(str(home)).unreadable == {str(home / name): OF_A_LAKE for name in led}


def test_names_that_no_program_can_spell_and_things_that_are_no_files(tmp_path: Path) -> None:
    put(tmp_path, "good")
    with open(os.fsencode(tmp_path) + b"/bad\xff.json", "w") as file:
        file.write("{}\n")
    os.mkfifo(tmp_path / "pipe")
    assert names(tmp_path) == ["good"]
    why = walked(str(tmp_path)).unreadable
    assert why == {
        f"{tmp_path}/bad\N{REPLACEMENT CHARACTER}.json": "its name is no UTF-8",
        f"{tmp_path}/pipe": "it is neither a file nor a folder",
    }
    with pytest.raises(FileNotFoundError):
        walked(str(tmp_path / "gone"))


def test_a_folder_is_here_or_elsewhere() -> None:
    """One answer for landing folders, lakes and every command."""

    assert files_at("/a/../b/", None).location == "/b"
    assert files_at("C:/a", None).location == os.path.abspath("C:/a")
    for here in ("file:///a b", "file:/a b"):
        assert files_at(here, None).location == files_here(here).location == "/a b"
    for elsewhere in ("s3a://bucket/a/", "dbfs:/a", "faulty:/a", "hdfs:///a"):
        assert files_here(elsewhere) is None
        assert files_at(elsewhere, None).location == elsewhere


def test_seen_is_landed_and_refused_and_waiting(tmp_path: Path) -> None:
    put(tmp_path, "changed", "landed", "refused", "waiting")
    put(tmp_path, "empty", text="")
    known = [
        {"path": str(tmp_path / name), "state": state, "reason": why, "modified_at": AT,
         "size_bytes": size}
        for name, state, why, size in [
            ("changed", "landed", None, 2), ("landed", "landed", None, 3),
            ("refused", "refused", "it is damaged", 3), ("moved away", "landed", None, 3),
        ]
    ]  # fmt: skip
    folders = {"web": str(tmp_path), "far": "s3a://bucket/a", "lost": str(tmp_path / "not there")}

    def query(sql: str) -> list[dict[str, Any]]:
        if "DISTINCT" in sql:
            return [{"source_name": name} for name in ("web", "gone")]
        return known if "'web'" in sql or "'gone'" in sql else []

    facts = file_facts(folders, query)
    web = facts["web"]
    counts = {name: web[name] for name in ("seen", "landed", "refused", "waiting")}
    assert counts == {"seen": 5, "landed": 2, "refused": 1, "waiting": 2}
    assert web["changed"] == [str(tmp_path / "changed")]
    named = [(os.path.basename(row["path"]), row["state"], row["reason"]) for row in web["named"]]
    assert named == [
        ("empty", "waiting", EMPTY),
        ("waiting", "waiting", "it has not been landed yet"),
        ("refused", "refused", "it is damaged"),
    ]
    assert (facts["far"]["seen"], facts["lost"]["seen"]) == (None, None)
    lines = list(file_lines(facts))
    assert any("has changed since it was read" in line for line in lines)
    assert any("Source gone: it is not listed: the configuration has no" in line for line in lines)
    assert facts["gone"]["seen"] is None and facts["gone"]["refused"] == 1
    assert any("not there is not listed: no such file" in line for line in lines)


def test_of_many_files_of_a_state_the_first_are_named_and_the_others_counted(tmp_path) -> None:
    put(tmp_path, *(f"{state}{n}" for n in range(7) for state in ("landed", "refused")))
    known = [
        {"path": file.path, "state": os.path.basename(file.path)[:-1], "modified_at": AT,
         "size_bytes": 3, "reason": 'it has no column "sku"'}
        for file in walked(str(tmp_path)).files
    ]  # fmt: skip
    facts = file_facts({"web": str(tmp_path)}, lambda sql: known if "'web'" in sql else [])
    named = [os.path.basename(row["path"]) for row in facts["web"]["named"]]
    assert named == [f"{state}{n}" for state in ("refused", "landed") for n in range(5)]
    assert list(file_lines(facts))[-2:] == [
        "[yellow]Source web: and 2 more that are refused.[/]",
        "[yellow]Source web: and 2 more that are landed and lack something.[/]",
    ]
