"""What a rule gives is held to the columns of suppressions, and the rule is named."""

from __future__ import annotations

import pytest

from tactful.jobs import decide
from tactful.schemas.suppressions import SUPPRESSIONS
from tactful.transforms.rules import Policy


def test_a_rule_with_another_column_is_named(spark) -> None:
    policies = [Policy("open", "service_open", None), Policy("more", "service_open", None)]
    right = spark.createDataFrame([], f"{SUPPRESSIONS.ddl()}, cause string")
    assert decide._whole(right, policies) is right
    wrong = right.drop("evidence").withColumn("contact_id", right["cause"])
    words = r"rows of service_open lack \['evidence'\] .* have \['contact_id'\] beside them"
    with pytest.raises(TypeError, match=words):
        decide._whole(wrong, policies)
