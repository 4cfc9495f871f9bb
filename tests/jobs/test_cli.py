"""The command line: exit codes, one line per error, and answers for people and programs."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import pytest
from py4j.protocol import Py4JNetworkError
from typer.testing import CliRunner

from tactful.jobs import cli, errors
from tactful.schemas.identity import IDENTITY

ZONED = "an ISO 8601 time with its zone, of 1971 to 2999, such as 2026-01-31T00:00:00Z"


@dataclass
class Summary:
    batches: int = 2
    read: int = 1234
    failed_sources: dict[str, str] = field(default_factory=dict)
    would_tell: list[dict[str, Any]] | None = None
    untold: dict[str, str] = field(default_factory=dict)
    quality: dict[str, Any] | None = None
    held: str | None = None

    def as_dict(self):
        return asdict(self)


@pytest.fixture
def pipeline(monkeypatch):
    """A pipeline that only remembers how it was called, or raises what a test gives it."""
    fake = ModuleType("tactful.jobs.runs.pipeline")
    fake.calls = []
    fake.error = None
    fake.summary = Summary()

    def answer(config, **given):
        fake.calls.append({"config": config, **given})
        given["on_progress"]("[landing] web")
        if fake.error is not None:
            raise fake.error
        return fake.summary

    fake.run = fake.replay = answer
    for name in ("tactful.jobs.runs.pipeline", "tactful.jobs.runs.replay"):
        monkeypatch.setitem(sys.modules, name, fake)
        monkeypatch.setattr(name, fake, raising=False)
    return fake


@pytest.fixture
def tactful(tmp_path, monkeypatch):
    """Run a command in an empty folder; returns exit code, output and what went to stderr."""
    monkeypatch.chdir(tmp_path)

    def tactful(*arguments: str):
        result = CliRunner().invoke(cli.app, [*arguments])
        return result.exit_code, result.stdout, result.stderr

    return tactful


def test_run_hands_on_what_was_asked(tactful, pipeline, tmp_path):
    (tmp_path / "my.toml").write_text("[attribution]\nwindow = '2d'\n")
    asked = ("run", "stitch", "--conf", "my.toml", "--set", "consent.default=opt_out")
    code, out, err = tactful(*asked, "--as-of", "2026-01-31T01:00:00+01:00")
    call = pipeline.calls[0]
    assert code == 0
    assert call["config"].attribution.window == timedelta(days=2)
    assert call["config"].consent.default == "opt_out"
    assert call["as_of"] == datetime(2026, 1, 31, tzinfo=UTC)
    assert (call["steps"], call["continuous"]) == (("stitch",), None)
    assert err == "[landing] web\n"
    assert [line.split() for line in out.splitlines()] == [["batches", "2"], ["read", "1,234"]]


def test_a_dry_run_is_handed_on_and_says_what_would_be_told(tactful, pipeline):
    row = {"destination": "google", "audience": "bought_it", "operation": "add", "records": 2}
    pipeline.summary.would_tell = [row]
    code, out, _ = tactful("run", "--dry-run")
    assert (code, pipeline.calls[0]["is_preview"], pipeline.calls[0]["is_confirmed"]) == (
        0, True, False,
    )  # fmt: skip
    assert (
        out.splitlines()[-1] == "The next run would add 2 records to google (audience bought_it)."
    )
    assert json.loads(tactful("run", "--dry-run", "--json")[1])["would_tell"] == [row]
    tactful("run", "--confirm")
    assert pipeline.calls[-1]["is_confirmed"]


def test_continuous_takes_an_interval(tactful, pipeline):
    assert tactful("run", "--continuous", "30s")[0] == 0
    assert pipeline.calls[0]["continuous"] == timedelta(seconds=30)


def test_replay_names_its_table(tactful, pipeline):
    assert tactful("replay", "--from", "received")[0] == 0
    assert pipeline.calls[0]["from_table"] == "received"


def test_json_is_one_summary(tactful, pipeline):
    code, out, _ = tactful("run", "--json")
    told = {"batches": 2, "read": 1234, "failed_sources": {}, "would_tell": None,
            "untold": {}, "quality": None, "held": None}  # fmt: skip
    assert (code, json.loads(out)) == (0, told)


def test_a_source_that_could_not_be_read_is_told_and_is_exit_1(tactful, pipeline):
    """Once for people, and for programs in the summary: the run has come to its end."""
    said = {"web": "Source web could not read x.", "shop": "Source shop could not read [y]."}
    pipeline.summary = Summary(failed_sources=said)
    code, out, err = tactful("run")
    assert (code, "could not read" in out) == (1, False)
    assert err == "[landing] web\n" + "".join(f"error: {line}\n" for line in said.values())
    code, out, _ = tactful("run", "--json")
    assert (code, json.loads(out)["failed_sources"]) == (1, said)


def test_what_waits_behind_a_gate_is_told_and_is_exit_3(tactful, pipeline):
    said = "By quality.hold nothing new is said while table clicks fails [x]."
    pipeline.summary = Summary(held=said)
    code, out, err = tactful("run")
    assert (code, err) == (3, f"[landing] web\ngate: {said}\n") and "held" not in out
    code, out, _ = tactful("run", "--json")
    assert (code, json.loads(out)["held"]) == (3, said)
    # Who was harmed by it is another matter, and comes first.
    pipeline.summary = Summary(held=said, untold={"hook": "Destination hook is down."})
    assert tactful("run")[0] == 1


EXITS = {
    "source": (errors.SourceMissing("There is no x; put it there."), 2),
    "clock": (errors.ClockError("Too early; use replay --as-of."), 2),
    "step": (errors.StepFailed("stitch failed in batch 3; run again."), 1),
    "gate": (errors.QualityGate("outcomes holds 2 rows of one message."), 3),
}


@pytest.mark.parametrize(("error", "code"), EXITS.values(), ids=EXITS)
def test_an_error_is_one_line_and_its_exit_code(tactful, pipeline, error, code):
    pipeline.error = error
    assert tactful("run") == (code, "", f"[landing] web\nerror: {error}\n")


def test_an_unforeseen_error_tells_its_first_line_only(tactful, pipeline):
    pipeline.error = RuntimeError("boom.\n\tat org.apache.spark\n\tat java.base")
    code, _, err = tactful("run")
    said = "error: RuntimeError: boom. Run again with --debug for the whole trace.\n"
    assert (code, err.removeprefix("[landing] web\n")) == (1, said)


@pytest.mark.parametrize("error", [Py4JNetworkError("no answer"), ConnectionRefusedError(111)])
def test_a_lost_spark_says_what_to_do(tactful, pipeline, error):
    pipeline.error = error
    code, _, err = tactful("run")
    assert code == 1
    assert "error: Spark's process has ended" in err and "--debug" not in err


def test_debug_shows_the_trace(tactful, pipeline):
    pipeline.error = errors.StepFailed("stitch failed.")
    code, _, err = tactful("run", "--debug")
    assert code == 1
    assert "error: stitch failed." in err
    assert "Traceback" in err


def test_stopping_by_hand_is_no_trace(tactful, pipeline):
    pipeline.error = KeyboardInterrupt()
    code, _, err = tactful("run")
    assert (code, "Traceback" in err) == (130, False)
    assert "Stopped; the next run takes up where this one left off." in err


REFUSED = {
    "no zone": (
        ("run", "--as-of", "2026-01-31T00:00:00"),
        f'error: --as-of: found "2026-01-31T00:00:00"; allowed: {ZONED}\n',
    ),
    "no time": (
        ("replay", "--from", "received", "--as-of", "soon"),
        f'error: --as-of: found "soon"; allowed: {ZONED}\n',
    ),
    "no interval": (
        ("run", "--continuous", "0s"),
        'error: --continuous: found "0s"; allowed: an interval above zero, such as 30s\n',
    ),
    "two paces": (
        ("run", "--continuous", "30s", "--until-caught-up"),
        "error: --continuous: found --until-caught-up beside it; allowed: one of the two\n",
    ),
    "no file": (
        ("check", "--conf", "none.toml"),
        "error: none.toml: found no such file or directory; "
        "allowed: a readable TOML file in UTF-8\n",
    ),
    "no table": (
        ("tables", "nonsense"),
        "error: There is no table nonsense; tactful tables lists them all.\n",
    ),
    "no lake": (
        ("status", "--lake", "nowhere"),
        "error: There is no lake at nowhere; name one with --lake or --conf.\n",
    ),
}


@pytest.mark.parametrize(("arguments", "line"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_done_is_exit_2_and_one_line(tactful, pipeline, arguments, line):
    assert tactful(*arguments) == (2, "", line)
    assert pipeline.calls == []


def test_check_tells_every_error(tactful, tmp_path):
    (tmp_path / "my.toml").write_text("[attribution]\nwindow = 'x'\n[consent]\ndefault = 'y'\n")
    code, out, err = tactful("check", "--conf", "my.toml", "--json")
    told = json.loads(out)
    assert (code, told["exit_code"]) == (2, 2)
    assert [p["key"] for p in told["problems"]] == ["consent.default", "attribution.window"]
    assert err.startswith("error: 2 configuration errors:\n  my.toml: consent.default: found")


def test_check_notes_idle_rules_and_absent_paths(tactful, tmp_path):
    (tmp_path / "my.toml").write_text("[sources.web]\nstream = 'clicks'\npath = 'landing'\n")
    code, out, _ = tactful("check", "--conf", "my.toml")
    assert code == 0
    assert out.splitlines() == [
        "The configuration (my.toml) is in order.",
        "note: suppress.unsubscribed is idle: no source feeds the stream messages.",
        "note: suppress.bounced is idle: no source feeds the stream messages.",
        "note: suppress.complained is idle: no source feeds the stream messages.",
        "note: suppress.service_open is idle: no source feeds the stream service.",
        f"note: sources.web.path does not exist: {tmp_path}/landing; "
        "run refuses a source whose folder was never there.",
    ]


@pytest.mark.parametrize("place", ["{}/landing", "file:{}/landing", "file://{}/landing"])
def test_check_looks_at_paths_of_this_machine_in_every_form(tactful, tmp_path, place):
    text = f"[sources.web]\nstream = 'clicks'\npath = '{place.format(tmp_path)}'\n"
    (tmp_path / "my.toml").write_text(text)
    line = (
        f"note: sources.web.path does not exist: {tmp_path}/landing; "
        "run refuses a source whose folder was never there."
    )
    assert tactful("check", "--conf", "my.toml")[1].splitlines()[-1] == line
    (tmp_path / "landing").mkdir()
    assert line not in tactful("check", "--conf", "my.toml")[1]


def test_check_looks_for_schemas_and_tables_of_other_formats(tactful, tmp_path):
    (tmp_path / "my.toml").write_text(
        "[sources.bus]\nstream = 'clicks'\nformat = 'kafka'\nservers = 'a:1'\nsubscribe = ['x']\n"
        "[sources.bus.avro_schemas]\n7 = 'x.avsc'\n"
        "[sources.d]\nstream = 'clicks'\nformat = 'delta'\npath = 'gone'\n"
    )
    assert tactful("check", "--conf", "my.toml")[1].splitlines()[-2:] == [
        f"note: sources.d.path does not exist: {tmp_path}/gone; "
        "run refuses a source whose folder was never there.",
        f"note: sources.bus.avro_schemas.7 does not exist: {tmp_path}/x.avsc.",
    ]


def test_check_tells_of_a_folder_that_is_no_delta_table(tactful, tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "my.toml").write_text(
        "[sources.d]\nstream = 'clicks'\nformat = 'delta'\npath = 'plain'\n"
    )
    told = tactful("check", "--conf", "my.toml")[1].splitlines()
    assert f"note: sources.d.path is no Delta table: {tmp_path}/plain." in told


def test_tables_prints_pages(tactful):
    code, out, _ = tactful("tables", "suppressions", "_log/links")
    assert code == 0
    assert "## `suppressions`" in out
    assert "| `ends_at` | `timestamp` |" in out
    assert "## `_log/links`" in out
    every = json.loads(tactful("tables", "--json")[1])["tables"]
    assert every[0]["table"] == "identity"
    assert every[0]["key"] == ["identifier_key"]
    columns = {column["name"]: column["allowed"] for column in every[0]["columns"]}
    assert columns["state"] == list(IDENTITY.column("state").allowed) != []
    assert columns["person_id"] == []


def test_the_script_starts_no_jvm_and_ends_without_exit_where_all_went_well(tmp_path):
    script = (
        "import sys; sys.argv = ['tactful', 'check']; from tactful.jobs.cli import main; main();"
        "from pyspark import SparkContext; assert SparkContext._gateway is None; print('on')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("on\n")
