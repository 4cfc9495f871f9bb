"""How sources are reached: each format has its own keys, and secrets are references."""

from __future__ import annotations

import json

import pytest

from tactful.jobs.connectors import AVRO, KAFKA
from tactful.jobs.settings.config import load

BUS = """
[sources.bus]
stream = "clicks"
format = "kafka"
servers = "broker:9092"
subscribe = ["web"]
"""

MAPPED = """
[sources.shop]
stream = "clicks"
dialect = "mapped"
path = "x"
[sources.shop.fields]
event_id = "id"
type = "what"
occurred_at = "at"
"""


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (BUS + "path = 'x'", 'sources.bus.path: found "x"; allowed: no path: topics have none'),
        (
            "[sources.bus]\nstream = 'clicks'\nformat = 'kafka'",
            "sources.bus.servers: found nothing; allowed: host:port of a broker",
        ),
        (
            BUS.replace("broker:9092", "broker:9092, other"),
            'sources.bus.servers: found " other"; allowed: host:port of a broker',
        ),
        (
            MAPPED + "identifiers.emial = 'mail'",
            'sources.shop.fields.identifiers.emial: found "emial"; allowed: customer_id,',
        ),
        (BUS + "starting_offsets = '2026-01-31'", "sources.bus.starting_offsets: found"),
        (BUS + "subscribe_pattern = 'w.*'", "allowed: a list or a pattern, not both"),
        (BUS.replace('subscribe = ["web"]', "subscribe_pattern = '('"), "a regular expression"),
        (BUS + "table = 'a.b'", 'sources.bus.table: found "a.b"; allowed: only with format ='),
        (
            "[sources.d]\nstream = 'clicks'\nformat = 'delta'\ntable = 'orders'",
            'sources.d.table: found "orders"; allowed: schema.table or catalog.schema.table',
        ),
        (
            "[sources.d]\nstream = 'clicks'\nformat = 'delta'\ntable = 'a.b'\npath = 'x'",
            'sources.d.table: found "a.b"; allowed: a table or a path, not both',
        ),
        (BUS + "columns = ['a']", "sources.bus.columns: found"),
        (
            "[sources.web]\nstream = 'clicks'\npath = 'x'\nsubscribe = ['web']",
            'sources.web.subscribe: found ["web"]; allowed: only with format = "kafka"',
        ),
        ("[sources.web]\nstream = 'clicks'", "sources.web.path: found nothing; allowed: a path"),
        ("[sources.d]\nstream = 'clicks'\nformat = 'delta'", "sources.d.path: found nothing"),
        (BUS + "[sources.bus.avro_schemas]\nx = 'y'", "allowed: the number of a schema"),
        (
            BUS + "[sources.bus.options]\n'group.id' = 'x'",
            "a setting that Tactful does not set itself",
        ),
        (
            BUS + "[sources.bus.options]\n'sasl.jaas.config' = 'a password'",
            'a value that is not shown; allowed: a reference such as "env:KAFKA_PASSWORD"',
        ),
        (
            BUS + "[sources.bus.options]\n'ssl.key.password' = 'env:NOT_SET'",
            "NOT_SET unset or empty",
        ),
    ],
)
def test_what_does_not_fit_is_refused(errors, text: str, wrong: str) -> None:
    told = errors(text)
    assert any(wrong in line for line in told), told
    assert not any("a password" in line for line in told)


@pytest.mark.parametrize("servers", ["a:1", "PLAINTEXT://a-b.c:9092,[::1]:9093", "10.0.0.1:1, x:2"])
def test_brokers_are_named_as_clients_name_them(read, servers: str) -> None:
    assert read(BUS.replace("broker:9092", servers)).sources["bus"].servers == servers


def test_connectors_are_asked_for_where_a_source_needs_them(read, tmp_path) -> None:
    assert read("[sources.web]\nstream = 'clicks'\npath = 'x'").connectors == ()
    assert read(BUS).connectors == (KAFKA,) and read(BUS).folders == {}
    (tmp_path / "a.avsc").write_text(json.dumps({"type": "record"}))
    avro = read(BUS + "[sources.bus.avro_schemas]\n7 = 'a.avsc'")
    assert avro.connectors == (AVRO, KAFKA) and [*avro.schema_paths("bus")] == [7]
    files = "[sources.web]\nstream = 'clicks'\npath = 'x'\nformat = "
    assert read(files + "'avro'").connectors == (AVRO,)
    assert read(files + "'delta'").landing_folders == {}
    named = files.replace("path = 'x'", "table = 'a.b.c'") + "'delta'"
    assert read(named).folders == {} and read(named).sources["web"].table == "a.b.c"
    assert load(environ={}).connectors == ()
