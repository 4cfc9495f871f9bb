"""Pages of tables: grain, key, and every column with its unit and source; and a dbt source."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tactful.jobs.errors import LakeError
from tactful.jobs.publication.tables import PUBLICATIONS
from tactful.jobs.report.environment import environment
from tactful.schemas.catalog import APPENDED, LOGS, PUBLISHED, REFERENCE, TABLES
from tactful.schemas.events import ACCEPTED, STREAMS
from tactful.schemas.table import ERASURES, Column, Table
from tactful.schemas.units import unit_of

TEMPLATE = "tables.html.j2"
KINDS = (
    ("Published tables", PUBLISHED), ("Tables that grow", APPENDED),
    ("Reference tables", REFERENCE), ("Logs", LOGS),
)  # fmt: skip


def page_md(names: Iterable[str] = ()) -> str:
    """The page of every table in Markdown, those first that people read."""
    return "\n".join(_markdown(table) for table in chosen(names))


def page_html(names: Iterable[str] = ()) -> str:
    """The same as one file for a browser, which needs nothing else."""
    wanted = chosen(names)
    groups = [
        (title, [_facts(table) for table in group if table in wanted]) for title, group in KINDS
    ]
    return environment().get_template(TEMPLATE).render(groups=[g for g in groups if g[1]])


def page_dbt(names: Iterable[str] = ()) -> str:
    """The tables as a source of dbt, to be kept as `models/sources.yml`."""
    return "\n".join(_dbt(chosen(names, logs=False))) + "\n"


FORMATS: dict[str, Callable[[Iterable[str]], str]] = {
    "md": page_md, "html": page_html, "dbt": page_dbt,
}  # fmt: skip


def table_facts(names: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The same for programs."""
    return [_facts(table) for table in chosen(names)]


def chosen(names: Iterable[str], *, logs: bool = True) -> list[Table]:
    """The tables of these names, else all. Raises: LakeError, where there is none of a name."""
    wanted = list(names)
    unknown = [name for name in wanted if name not in TABLES]
    if unknown:
        raise LakeError(f"There is no table {unknown[0]}; tactful tables lists them all.")
    ordered = [*PUBLISHED, *APPENDED, *REFERENCE, *(LOGS if logs else ())]
    found = [TABLES[name] for name in wanted] or ordered
    if not logs and any(table.log for table in found):
        log = next(table for table in found if table.log)
        raise LakeError(f"{log.id} is a log that only jobs read, no source of dbt; leave it out.")
    return found


def source_of(table: Table, column: Column) -> str:
    """Where a column's values come from."""
    if table in STREAMS.values():
        is_ours = column in ACCEPTED
        return "worked out when the row is accepted" if is_ours else "as its source sends it"
    if table in REFERENCE:
        return f"as handed over in [reference.{table.name}]"
    made = {one.table.name: one for one in PUBLICATIONS}.get(table.name) if not table.log else None
    if made is None:
        return "written by Tactful's jobs"
    return "made from " + ", ".join(read.id for read in made.reads)


def _facts(table: Table) -> dict[str, Any]:
    return {
        "table": table.id,
        "about": table.doc,
        "grain": table.grain,
        "key": list(table.key),
        "forgotten": ERASURES.get(table.erased_by, ""),
        "is_protected": table.is_protected,
        "columns": [
            {
                "name": c.name,
                "type": c.type,
                "unit": unit_of(c),
                "source": source_of(table, c),
                "about": f"{c.doc} {c.note}".rstrip(),
                "nullable": c.nullable,
                "allowed": list(c.allowed),
                "protected": c.protected,
                "clock": c.clock,
            }
            for c in table.columns
        ],
    }


def _markdown(table: Table) -> str:
    """A table's page: where all its columns come from one place, that stands above them."""
    sources = {source_of(table, column) for column in table.columns}
    head, _, rows = table.page().partition("\n| column |")
    lines = rows.splitlines()[2:]
    more = ["unit", *(["source"] if len(sources) > 1 else [])]
    told = [head.rstrip()]
    if len(sources) == 1:
        told.append(f"Columns are {sources.pop()}.")
    told += ["", f"| column | type | {' | '.join(more)} | what it tells |"]
    told.append("|---" * (3 + len(more)) + "|")
    for column, line in zip(table.columns, lines, strict=True):
        start = f"| `{column.name}` | `{column.type}` |"
        cells = [unit_of(column), *([source_of(table, column)] if "source" in more else [])]
        told.append(f"{start} {' | '.join(cells)} |{line.removeprefix(start)}")
    return "\n".join([*told, ""])


def _dbt(tables: Iterable[Table]) -> Iterator[str]:
    """Lines of YAML; every text is written as JSON, which YAML reads alike."""
    yield "version: 2"
    yield "sources:"
    yield "  - name: tactful"
    yield f"    description: {_text('What Tactful knows and decides: the tables of a lake.')}"
    yield "    tables:"
    for table in tables:
        facts = _facts(table)
        yield f"      - name: {table.name}"
        yield f"        description: {_text(f'{table.doc} One row per {table.grain}.')}"
        yield "        meta:"
        yield f"          key: {_text(facts['key'])}"
        yield f"          holds_raw_personal_data: {_text(table.is_protected)}"
        yield f"          forgets: {_text(facts['forgotten'])}"
        yield "        columns:"
        for column, told in zip(table.columns, facts["columns"], strict=True):
            yield f"          - name: {column.name}"
            yield f"            description: {_text(told['about'])}"
            yield f"            data_type: {_text(column.type)}"
            unit, source = _text(told["unit"]), _text(told["source"])
            yield f"            meta: {{unit: {unit}, source: {source}}}"
            tests = list(_tests(table, column))
            if tests:
                yield "            tests:"
                yield from (f"              - {test}" for test in tests)


def _tests(table: Table, column: Column) -> Iterator[str]:
    """What dbt itself can check of a column."""
    if table.key == (column.name,):
        yield "unique"
    if not column.nullable:
        yield "not_null"
    if column.allowed and not column.type.startswith("array"):
        yield f"accepted_values: {{values: {_text(list(column.allowed))}}}"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
