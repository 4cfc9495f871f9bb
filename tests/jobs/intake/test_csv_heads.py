"""The first line of a CSV file: what is no UTF-8 is said to be none, and names no columns."""

from __future__ import annotations

import gzip

import pytest

from tactful.jobs.intake.csv_files import _fault, _names, _other_sign, _packed
from tactful.jobs.settings.csv_form import CsvForm


@pytest.mark.parametrize(
    ("line", "encoding", "is_refused"),
    [("id;größe", "utf-16", True), ("id;größe", "latin-1", True), ("id;x", "utf-16-le", True),
     ("id;größe", "utf-8", False), ("id;größe", "utf-8-sig", False)],
)  # fmt: skip
def test_a_head_that_is_no_utf8_is_refused_as_such(line, encoding, is_refused):
    # As the reader of first lines decodes them.
    head = line.encode(encoding).decode("utf-8", "replace")
    fault = _fault(_names(head, CsvForm(delimiter=";")))
    assert ("UTF-8" in fault) is is_refused and bool(fault) is is_refused


@pytest.mark.parametrize(("head", "way_out"), [
    (gzip.compress(b"id;when"), "does not end in .gz"), (b"PK\x03\x04\x14\x00", "unpack it"),
    (b"id;when", ""),
])  # fmt: skip
def test_a_file_that_is_packed_is_said_to_be(head, way_out):
    told = _packed(head.decode("utf-8", "replace"))
    assert way_out in told and bool(told) is bool(way_out)


def test_a_head_that_another_sign_parts_is_told_with_it():
    comma = CsvForm(delimiter=",")
    assert _other_sign(_names("id;when", comma), comma) == '; is its delimiter ";", not ","?'
    assert _other_sign(_names("id,when", comma), comma) == ""
