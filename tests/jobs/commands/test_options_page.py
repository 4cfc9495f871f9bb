"""The page of all options: whatever the settings read stands on it, and nothing else."""

from __future__ import annotations

import re
from typing import get_args

from pydantic import BaseModel
from typer.testing import CliRunner

from tactful.jobs import cli
from tactful.jobs.commands.options import option_page
from tactful.jobs.settings.config import model_in
from tactful.jobs.settings.models import Config
from tactful.transforms.checks import CHECKS
from tactful.transforms.options import options_of
from tactful.transforms.rules import RULES
from tactful.transforms.sinks import SINKS
from tactful.transforms.sources import DIALECTS
from tactful.transforms.triggers import TRIGGERS


def sections() -> dict[str, dict[str, list[str]]]:
    """The keys of each section of the page, with what is said of each."""
    found: dict[str, dict[str, list[str]]] = {}
    for part in re.split(r"^##+ ", option_page(), flags=re.M)[1:]:
        rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", part, flags=re.M)
        found[part.split("\n")[0].strip("`")] = {
            key: [cell.strip() for cell in re.split(r"(?<!\\)\|", rest)] for key, rest in rows
        }
    return found


def keys(model: type[BaseModel]) -> set[str]:
    return set(model.model_fields)


def entry(name: str) -> type[BaseModel]:
    """The model of the entries of a list or table of tables."""
    return next(a for a in get_args(Config.model_fields[name].annotation) if isinstance(a, type))


def test_every_option_is_on_the_page():
    page = sections()
    plain = {name: f.annotation for name, f in Config.model_fields.items()
             if isinstance(f.annotation, type) and issubclass(f.annotation, BaseModel)}  # fmt: skip
    assert {"lake", "plans", "privacy", "quality", "metrics"} <= set(plain)
    for name, model in plain.items():
        inner = {key for key, field in model.model_fields.items() if model_in(field) is not None}
        assert set(page[f"[{name}]"]) == keys(model) - inner, name
        for key in inner:
            told = [place for place in page if place.startswith((f"[{name}.{key}", f"[[{name}."))]
            assert told, f"{name}.{key}"
    types = get_args(Config.model_fields["identity"].annotation.model_fields["types"].annotation)
    assert set(page["[identity.types.NAME]"]) == keys(types[1])
    caps, sources, reference = (
        get_args(Config.model_fields[name].annotation) for name in ("caps", "sources", "reference")
    )
    assert set(page["[[caps]]"]) == keys(caps[0]) - {"relaxed"}
    assert set(page["[[caps.relaxed]]"]) == {"where", "limit"}
    assert set(page["[sources.NAME]"]) == keys(sources[1])
    assert set(page["[reference.products|campaigns|contents|rates|context]"]) == keys(reference[1])
    seen = {"[[suppress]]": set(page["[[suppress]]"]), "[[destinations]]": set()}
    for when, rule in {**RULES, **CHECKS}.items():
        own = page[f'when = "{when}"']
        assert set(own) == set(options_of(rule.options)), when
        seen["[[suppress]]"] |= set(own)
    seen["[[destinations]]"] = set(page["[[destinations]]"])
    for kind, sink in SINKS.items():
        own = {key.partition(".")[0] for key in page[f'kind = "{kind}"']}
        assert own == set(options_of(sink.options)), kind
        seen["[[destinations]]"] |= own
    assert seen["[[suppress]]"] == keys(entry("suppress"))
    assert seen["[[destinations]]"] == keys(entry("destinations"))
    seen = set(page["[[activate]]"])
    for when, trigger in TRIGGERS.items():
        own = set(page.get(f'when = "{when}"', ()))
        assert own == set(options_of(trigger.options)), when
        seen |= own
    assert seen == keys(entry("activate"))
    for inner in ("steps", "content"):
        model = get_args(entry("activate").model_fields[inner].annotation)[0]
        assert set(page[f"[[activate.{inner}]]"]) == keys(model)
    assert "account.account_id" in page['kind = "google_data_manager"']
    for name, dialect in DIALECTS.items():
        assert f"- `{name}`: {dialect.doc}" in option_page()


def test_each_says_what_it_may_be_and_what_it_does():
    for section, rows in sections().items():
        for key, (allowed, _, doc) in rows.items():
            assert allowed and doc.endswith("."), f"{section} {key}"


def test_the_defaults_are_those_of_the_file():
    page = sections()
    assert page["[lake]"]["publish_every"][1] == '`"10m"`'
    assert page["[identity]"]["max_links"][1] == "`5`"
    assert page["[[caps]]"]["limit"][1] == "has to be given"
    assert page['when = "purchased"']["match"][:2] == [
        "sku, category, brand or all", "has to be given",
    ]  # fmt: skip


def test_the_command_prints_it():
    run = CliRunner().invoke(cli.app, ["tables", "--options"])
    assert (run.exit_code, run.stdout) == (0, option_page() + "\n")
    run = CliRunner().invoke(cli.app, ["tables", "--options", "clicks"])
    assert run.exit_code == 2
    assert "found a table or --json beside it; allowed: --options alone" in run.stderr
