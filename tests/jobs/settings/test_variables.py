"""Variables that look like settings and are none are named; those of others are left alone."""

from __future__ import annotations

import pytest

from tactful.jobs.settings.variables import unread

MEANT = {
    "TACTFUL_LAKE_LOCATION": "TACTFUL__LAKE__LOCATION",
    "TACTFUL_INTAKE_MAX_ROW_BYTES": "TACTFUL__INTAKE__MAX_ROW_BYTES",
    "TACTFUL_LAKE_SECRET": "TACTFUL__LAKE__SECRET",
    "TACTFUL_SOURCES_WEB_PATH": "TACTFUL__SOURCES__NAME__KEY",
    "TACTFUL_CAPS_WEEKLY_LIMIT": "TACTFUL__CAPS__NAME__KEY",
    "TACTFUL_IDENTITY_TYPES_EMAIL_MAX_LINKS": "TACTFUL__IDENTITY__TYPES__NAME__KEY",
}


@pytest.mark.parametrize(("name", "meant"), MEANT.items(), ids=MEANT)
def test_one_underscore_is_named(errors, name, meant):
    assert errors(environ={name: "x"}) == [
        f"environment variable {name}: found one underscore, so that nobody reads it; "
        f"allowed: {meant}"
    ]


@pytest.mark.parametrize("name", ["TACTFUL_SECRET", "TACTFUL_SHOP_SECRET", "TACTFUL_LAKE", "TACT"])
def test_what_others_need_is_left_alone(read, name):
    read(environ={name: "x"})
    assert unread({name: "x"}) == []


def test_the_variable_of_the_secret_may_be_called_anything(read):
    text = "[lake]\nsecret = 'env:TACTFUL_LAKE_SECRET'"
    read(text, environ={"TACTFUL_LAKE_SECRET": "a secret of some length"})


def test_what_is_nothing_of_ours_is_told(read):
    read(environ={"TACTFUL_CONF": "x"})
    assert unread({"TACTFUL_CONF": "x", "TACTFUL__LAKE__LOCATION": "y"}) == [
        "The environment variable TACTFUL_CONF is read by nobody; settings are "
        "TACTFUL__SECTION__KEY"
    ]
