"""Contacts: what a batch must look up to tell which service contacts of its persons are open.

A desk that closes a contact often knows nothing but its number, so no person's own identifiers
lead to that event.
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from tactful.jobs.evidence.orders import ROW
from tactful.transforms.identity.links import semi_join

CLASS = "service"


def is_of_contact() -> Column:
    """Whether an event opens or closes a contact that has a number."""
    return (F.col("event_class") == CLASS) & F.col("contact_id").isNotNull()


def of_the_same_contacts(fresh: DataFrame, relevant_events: DataFrame, *, count: int) -> DataFrame:
    """Everything that opened the contacts that this batch closes.

    count: how many rows of the batch are about a contact, about.
    """
    closed = fresh.where(is_of_contact() & (F.col("type") == "contact_closed"))
    opened = relevant_events.where(is_of_contact() & (F.col("type") == "contact_opened"))
    return semi_join(opened, closed.select("contact_id"), count=count)


def with_closings(own: DataFrame, relevant_events: DataFrame, *, count: int) -> DataFrame:
    """Some persons' events with what others, or nobody, closed of their contacts.

    Adds: rows with no person. relevant_events: the log's and the batch's.
    """
    contacts = own.where(is_of_contact())
    closed = relevant_events.where(is_of_contact() & (F.col("type") == "contact_closed"))
    theirs = semi_join(closed, contacts.select("contact_id"), count=count)
    others = theirs.join(contacts.select(*ROW), [*ROW], "left_anti")
    return own.unionByName(others, allowMissingColumns=True)
