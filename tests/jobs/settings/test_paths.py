"""Where paths begin, and which of them a configuration may not have."""

from __future__ import annotations

import pytest

from tactful.jobs.settings.config import load

WEB = "[sources.web]\nstream = 'clicks'\npath = '{}'\n"
SHOP = "[sources.shop]\nstream = 'purchases'\npath = '{}'\n"


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A working folder that is not the configuration's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_what_a_file_says_begins_at_the_file(read, tmp_path, elsewhere, monkeypatch):
    text = f"[lake]\nlocation = 'l'\n{WEB.format('in/web')}[reference.products]\npath = 'p'\n"
    config = read(text)
    monkeypatch.chdir("/")
    assert config.location == str(tmp_path / "l")
    assert config.source_path("web") == str(tmp_path / "in/web")
    assert config.reference_path("products") == str(tmp_path / "p")
    assert config.sources["web"].path == "in/web", "the text is in the hash, wherever it lies"
    bucket = read(WEB.format("s3a://bucket/x"))
    assert bucket.source_path("web") == "s3a://bucket/x"


def test_what_a_file_leaves_open_begins_there_too(read, tmp_path, elsewhere):
    assert read().location == str(tmp_path / "lake")


def test_a_file_named_by_a_relative_path_is_found_later(elsewhere, monkeypatch):
    (elsewhere / "my.toml").write_text("[lake]\nlocation = 'l'\n")
    config = load("my.toml", environ={})
    monkeypatch.chdir("/")
    assert config.location == str(elsewhere / "l")


def test_without_a_file_paths_begin_in_the_working_folder(elsewhere, monkeypatch):
    config = load(environ={})
    monkeypatch.chdir("/")
    assert config.location == str(elsewhere / "lake")


def test_what_is_typed_begins_in_the_working_folder(read, tmp_path, elsewhere, monkeypatch):
    config = read(
        WEB.format("in"),
        settings=["lake.location=l"],
        environ={"TACTFUL__SOURCES__WEB__PATH": "typed"},
    )
    monkeypatch.chdir("/")
    assert config.location == str(elsewhere / "l")
    assert config.source_path("web") == str(elsewhere / "typed")
    assert read(WEB.format("in"), overrides={"lake": {"location": "o"}}).location == "/o"


def test_places_are_compared_from_where_they_begin(errors, elsewhere):
    """Both say `lake`, and mean two folders; and both lead to one, said from two folders."""
    assert not errors_or_none(errors, WEB.format("lake"), settings=["lake.location=lake"])
    [line] = errors(WEB.format("elsewhere/lake"), settings=["lake.location=lake"])
    assert "sources.web.path" in line and "which is the lake" in line


def errors_or_none(errors, text, **also):
    try:
        return errors(text, **also)
    except pytest.fail.Exception:
        return []


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("in", "in", "is"),
        ("in", "./in/../in/", "is"),
        ("in", "in/shop", "lies in"),
        ("in/web", "in", "contains"),
    ],
)
def test_no_file_is_read_by_two_sources(errors, one, other, how):
    [line] = errors(WEB.format(one) + SHOP.format(other))
    assert line == (
        f'my.toml: sources.shop.path: found "{other}", which {how} that of sources.web; '
        "allowed: a folder of its own, since every file below it is read"
    )


def test_a_source_does_not_read_reference_files(errors):
    text = WEB.format("in") + "[reference.products]\npath = 'in/products.json'\n"
    [line] = errors(text)
    assert "reference.products.path" in line and "lies in that of sources.web" in line


def test_folders_whose_names_begin_alike_are_two(read):
    assert len(read(WEB.format("in") + SHOP.format("in2")).sources) == 2


def test_a_link_to_a_folder_is_that_folder(errors, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "in")
    [line] = errors(WEB.format("in") + SHOP.format("link"))
    assert "which is that of sources.web" in line


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (WEB.format("~nobody_here/in"), "sources.web.path"),
        ("[reference.products]\npath = '~nobody_here/in'", "reference.products.path"),
        ("[lake]\nlocation = '~nobody_here/in'", "lake.location"),
    ],
)
def test_the_home_of_nobody_is_refused(errors, text, key):
    assert errors(text) == [
        f'my.toml: {key}: found "~nobody_here/in", whose user nobody knows; '
        "allowed: a path, with ~user only of a user whom this machine knows "
        "(a folder of that name is ./~nobody_here/in)"
    ]


@pytest.mark.parametrize("name", ["main.tactful", "main.shop.lake"])
def test_the_names_of_a_catalog_are_no_folder(read, errors, name, tmp_path):
    text = f"[lake]\nlocation = '{name}'"
    assert errors(text) == [
        f'my.toml: lake.location: found "{name}", which reads as the names of a catalog and a '
        "schema; allowed: a folder or a URI; lake.catalog and lake.schema name where tables are "
        "kept "
        f"(a folder of that name is ./{name})"
    ]
    assert read(f"[lake]\nlocation = './{name}'").location == str(tmp_path / name)


@pytest.mark.parametrize(("told", "lacking"), [("catalog", "schema"), ("schema", "catalog")])
def test_a_catalog_and_a_schema_come_together(errors, told, lacking):
    assert errors(f"[lake]\n{told} = 'main'") == [
        f'my.toml: lake.{told}: found "main" alone; allowed: lake.{lacking} beside it'
    ]


@pytest.mark.parametrize("name", ["a.b", "a b", "1a", ""])
def test_a_schema_is_one_name(errors, name):
    [said] = errors(f"[lake]\ncatalog = 'main'\nschema = '{name}'")
    assert said.startswith("my.toml: lake.schema: found")


@pytest.mark.parametrize(
    ("path", "why", "instead"),
    [
        ("file:x", "names the file system file and no place in it", "file:/x"),
        ("dbfs:lake", "names the file system dbfs and no place in it", "dbfs:/lake"),
        ("file://far/x", "is a disk of another machine", "file:/x"),
    ],
)
@pytest.mark.parametrize(
    ("text", "key"), [("[lake]\nlocation = '{}'", "lake.location"), (WEB, "sources.web.path")]
)
def test_a_path_that_nobody_can_understand_is_refused(errors, text, key, path, why, instead):
    assert errors(text.format(path)) == [
        f'my.toml: {key}: found "{path}", which {why}; allowed: a path, or a URI as its file '
        f"system has it (such as {instead}; a folder of that name is ./{path})"
    ]


def test_a_volume_is_one_of_databricks_wherever_its_path_is_read(read, monkeypatch):
    text = "[lake]\nlocation = '/Volumes/main/shop/lake'"
    monkeypatch.setattr("os.path.isdir", lambda path: False)
    assert read(text).location == "dbfs:/Volumes/main/shop/lake"
    monkeypatch.setattr("os.path.isdir", lambda path: path == "/Volumes/")  # a Mac
    assert read(text).location == "/Volumes/main/shop/lake"
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert read(text).location == "dbfs:/Volumes/main/shop/lake"


def test_a_home_is_found(read, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read("[lake]\nlocation = '~/l'").location == str(tmp_path / "l")


@pytest.mark.parametrize(
    ("text", "key"),
    [(WEB, "sources.web.path"), ("[lake]\nlocation = '{}'", "lake.location"),
     ("[reference.products]\npath = '{}'", "reference.products.path")],
)  # fmt: skip
def test_a_path_that_no_disk_can_have_is_an_error_like_any_other(errors, text, key):
    [line] = errors(text.format("x").replace("'x'", '"x\\u0000"'), looks_at_disk=True)
    assert line.startswith(f"my.toml: {key}: found ") and line.endswith("a path or a URI")


def test_a_source_that_is_a_file_is_found_where_the_disk_is_looked_at(read, errors, tmp_path):
    (tmp_path / "in").write_text("{}\n")
    read(WEB.format("in"))  # a reading command has no use for a look
    [line] = errors(WEB.format("in"), looks_at_disk=True)
    assert line == (
        'my.toml: sources.web.path: found "in", which is a file; '
        "allowed: the folder in which files land"
    )
    read("[reference.products]\npath = 'in'", looks_at_disk=True)  # that may be one
