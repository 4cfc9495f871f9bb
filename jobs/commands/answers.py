"""How a command answers: progress while it works, one summary at its end, one line on an error."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from py4j.protocol import Py4JJavaError, Py4JNetworkError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tactful.jobs.commands.stopping import stoppable
from tactful.jobs.errors import ConfigError, QualityGate, SparkNotStarted, TactfulError
from tactful.jobs.progress import Step
from tactful.jobs.runs.failures import cause

if TYPE_CHECKING:
    from tactful.jobs.commands.watching import Watching

# What JSON leaves as it is and a terminal obeys, and what turns the direction of writing.
OBEYED = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
STOPPED = "Stopped."
SAID = {
    "add": ("add", "to"),
    "remove": ("remove", "from"),
    "suppress": ("suppress", "at"),
    "unsuppress": ("unsuppress", "at"),
    "send": ("tell", "by"),
    "cancel": ("call back", "at"),
    "test": ("show", "by"),
}
BUG = "Run again with --debug for the whole trace."
SPARK_ENDED = (
    "Spark's process has ended, most often for lack of memory; the next run finishes what it had "
    "begun, and spark.driver.memory gives it more."
)


class Answer:
    """What one command tells its user: people on the terminal, or programs with `--json`."""

    def __init__(self, *, as_json: bool, is_debugged: bool = False) -> None:
        self.as_json = as_json
        self.is_debugged = is_debugged
        # Made per command: a test or a scheduler may have changed the streams since import.
        self.out = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self.err = Console(file=sys.stderr, highlight=False, soft_wrap=True)
        is_watched = self.err.is_terminal and not self.err.is_dumb_terminal and not is_debugged
        is_watched &= not as_json
        self._watching: Watching | None = None
        if is_watched:
            # Only here: most commands answer at once, and would only wait for it to be read.
            from tactful.jobs.commands.watching import Watching

            self._watching = Watching(sys.stderr.fileno())

    def progress(self, line: str) -> None:
        """One line about what is going on, beside the answer.

        What is being done, and how far it is, is told on a terminal only, or for `--debug`.
        """
        if self._watching is not None:
            told = self._watching.show if isinstance(line, Step) else self._watching.say
            told(line)
        elif self.is_debugged or not isinstance(line, Step):
            self.err.print(escape(line), style="dim")

    def settle(self) -> None:
        """Let nothing more be shown of what is going on: it is over."""
        if self._watching is not None:
            self._watching.end()

    def shown(self, facts: Mapping[str, Any], render: Callable[[Any], Any] | None) -> None:
        """The answer, in the command's own form for people."""
        self.settle()
        if self.as_json or render is None:
            text = json.dumps(facts, default=str, ensure_ascii=False)
            # Programs read both alike; a terminal would obey one.
            typer.echo(OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
        else:
            for part in render(facts):
                self.out.print(part)

    def beside(
        self, facts: Mapping[str, Any], render: Callable[[Any], Any], *, is_beside: bool
    ) -> None:
        """The answer beside what was printed already, or as `shown` where nothing was."""
        self.settle()
        if is_beside and not self.as_json:
            for part in render(facts):
                self.err.print(part)
        else:
            self.shown(facts, render)

    def summary(
        self,
        facts: Mapping[str, Any],
        *,
        told_beside: Collection[str] = (),
        more: Iterable[str] = (),
    ) -> None:
        """What a long command did, as a short table; without what people are told elsewhere.

        more: lines below the table.
        """
        short = {name: value for name, value in facts.items() if name not in told_beside}
        self.shown(facts, lambda _: [fact_table(short), *more])

    def run(self, facts: Mapping[str, Any], *, more: Iterable[str] = ()) -> None:
        """What a run or replay did, or of a dry run what the next one would tell.

        more: what else it found, line by line.
        """
        lines = [
            *_finished_lines(facts),
            *_refused_lines(facts),
            *would_tell_lines(facts["would_tell"]),
            *more,
        ]
        beside = ("finished_batches", "failed_sources", "untold", "would_tell", "quality", "held")
        self.summary(facts, told_beside=beside, more=lines)

    def checked(self, facts: Mapping[str, Any]) -> None:
        """That a configuration is in order, and what is worth knowing about it."""
        self.shown(facts, _check_lines)

    def harmed(self, sentences: Iterable[str]) -> None:
        """End with exit code 1 where a run came to its end, but not for everybody."""
        said = list(sentences)
        for sentence in said:
            self.err.print(f"[bold red]error[/]: {escape(sentence)}")
        if said:
            raise typer.Exit(1)

    def gated(self, sentences: Iterable[str | None]) -> None:
        """End with exit code 3 where a run came to its end, and its tables are not as they must."""
        said = [sentence for sentence in sentences if sentence]
        for sentence in said:
            self.err.print(f"[bold red]gate[/]: {escape(sentence)}")
        if said:
            raise typer.Exit(QualityGate.exit_code)

    def failed(self, error: BaseException) -> int:
        """Say on one line what went wrong, and return the exit code."""
        code = error.exit_code if isinstance(error, TactfulError) else 1
        text = _sentence(error)
        self.err.print(f"[bold red]error[/]: {escape(text)}")
        if self.as_json:
            failure: dict[str, Any] = {"error": text, "exit_code": code}
            if isinstance(error, ConfigError):
                failure["problems"] = [vars(problem) for problem in error.problems]
            typer.echo(json.dumps(failure, ensure_ascii=False))
        return code


def _finished_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """That batches were finished whose rows an earlier run had read."""
    for batch in facts.get("finished_batches", ()):
        read = "" if facts["read_rows"] else ", with rows that it had read and counted"
        yield (
            f"Finished batch {batch['batch_id']} of query {escape(batch['query'])}, which a run "
            f"before had begun{read}."
        )


def _refused_lines(facts: Mapping[str, Any]) -> Iterator[str]:
    """That rows were refused, and where it is told why."""
    count = facts.get("quarantined_rows", 0)
    if count:
        all_of_them = "" if facts.get("accepted_rows") else "Nothing was accepted: "
        rows = "1 row was" if count == 1 else f"{count:,} rows were"
        yield f"{all_of_them}{rows} refused; tactful status says why, and quarantine holds them."


@contextmanager
def answering(*, as_json: bool, debug: bool, stopped: str = STOPPED) -> Iterator[Answer]:
    """Turn errors into one clear line and an exit code; with `--debug`, let them through.

    stopped: what is said when somebody stops the command.
    """
    answer = Answer(as_json=as_json, is_debugged=debug)
    try:
        with stoppable(stopped, as_json=as_json):
            yield answer
    except (typer.Exit, BrokenPipeError):
        raise
    except KeyboardInterrupt as stop:
        if debug:
            raise
        answer.err.print(stopped)
        raise typer.Exit(130) from stop
    except Exception as error:
        answer.settle()
        code = answer.failed(error)
        if debug:
            answer.err.print_exception(show_locals=False)
            if isinstance(error, SparkNotStarted):
                answer.err.print(escape(error.printed))
        raise typer.Exit(code) from error
    finally:
        answer.settle()


def fact_table(facts: Mapping[str, Any]) -> Table:
    """Facts by name; a table inside a fact becomes rows of its own."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in flat(facts):
        table.add_row(escape(name), escape(written(value)))
    return table


def would_tell_lines(would_tell: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    """A line on what each audience would be told; None: nobody asked."""
    if would_tell == []:
        yield "The next run would tell no destination anything."
    for row in would_tell or ():
        said, joint = SAID[row["operation"]]
        yield (
            f"The next run would {said} {counted(row['records'], 'record')} {joint} "
            f"{escape(row['destination'])} (audience {escape(row['audience'])})."
        )


def counted(number: int, what: str) -> str:
    """So many of something: 1 row, 1,200 rows."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def flat(facts: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Facts as (name, value) pairs, those of inner tables after the table's own name."""
    for name, value in facts.items():
        label = f"{within} {name}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from flat(value, label)
        else:
            yield label, value


def written(value: Any) -> str:
    """A value as people read it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, list | tuple):
        return ", ".join(written(inner) for inner in value) or "-"
    return str(value)


def _sentence(error: BaseException) -> str:
    if isinstance(error, TactfulError):
        return str(error)
    if isinstance(error, (Py4JNetworkError, ConnectionError)):
        return SPARK_ENDED
    # Anything else was not foreseen. Spark's messages run to pages, of which one line says most.
    if isinstance(error, Py4JJavaError):
        kind, said = cause(str(error))
        return f"{kind}: {said[:300].rstrip('.')}. {BUG}"
    first = (str(error).strip().splitlines() or ["no message"])[0][:300].rstrip(".")
    return f"{type(error).__name__}: {first}. {BUG}"


def _check_lines(facts: Mapping[str, Any]) -> list[str]:
    lines = [f"The configuration ({escape(facts['configuration'])}) is in order."]
    return [*lines, *(f"[yellow]note[/]: {escape(note)}" for note in facts["notes"])]
