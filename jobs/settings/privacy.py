"""Privacy: what the business says to its customers about what it holds of them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tactful.jobs.settings.fields import Duration, Name, Stream, Text, attribute_names
from tactful.jobs.settings.section import Section

# Regulation (EU) 2016/679 (GDPR), Article 6(1) (a) to (f), in its order; the law is stable.
BASES = {
    "consent": "because you agreed to it",
    "contract": "because we need it for what you ordered",
    "legal_obligation": "because the law demands it of us",
    "vital_interests": "because somebody's life may depend on it",
    "public_task": "because we do it in the public interest",
    "legitimate_interests": "because we have a legitimate interest in it",
}


class StreamPrivacy(Section):
    """What a customer is told about one stream of what is held of them."""

    purpose: Text = Field(title="For what it is held, as a customer reads it in `statement`.")
    basis: Literal[tuple(BASES)] = Field(  # type: ignore[valid-type]
        title="On which legal basis (GDPR, Article 6(1)), told in `statement` in plain words."
    )
    benefit: Text | None = Field(
        default=None,
        description="a text that is not empty",
        title="What the customer has of it, as promised; told in `statement`.",
    )
    kept: Duration | None = Field(
        default=None,
        title="How long it is kept; `statement` says so, and how much of it is older by now.",
    )


class Privacy(Section):
    """Who holds what customers leave, why, and to whom they may object; for `statement`."""

    controller: Text | None = Field(
        default=None,
        description="a text that is not empty",
        title="Who is answerable, with an address.",
    )
    contact: Text | None = Field(
        default=None, description="a text that is not empty", title="Where a customer may object."
    )
    authority: Text | None = Field(
        default=None,
        description="a text that is not empty",
        title="With whom a customer may lodge a complaint.",
    )
    recipients: dict[Name, Text] = Field(
        default_factory=dict,
        description="a table: of each destination who stands behind it",
        title="Who stands behind each destination, as a customer knows them.",
    )
    sensitive: Annotated[tuple[Text, ...], AfterValidator(attribute_names)] = Field(
        default=(),
        description="a list of attributes such as health",
        title="Attributes that no rule may go by, and after which no rule, cap or destination is "
        "called, without a basis in writing: health, credit rating, religion.",
    )
    sensitive_bases: dict[Text, Text] = Field(
        default_factory=dict,
        description="a table: of a sensitive attribute the basis on which it is used",
        title="On which basis, in writing, each sensitive attribute is used that is used.",
    )
    streams: dict[Stream, StreamPrivacy] = Field(default_factory=dict)
