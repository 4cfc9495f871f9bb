"""Replies: what a text message that came in says, as people and the law read it."""

from __future__ import annotations

import random

from tactful.schemas.replies import PLAIN, START_WORDS, STOP_WORDS
from tactful.transforms.sources import replies
from tests.decision_cases import CASES, given
from tests.oracle import replies as read_by_people

REPLIES = {name: given(name)["body"] for name in CASES if "body" in given(name) and name < "A126"}
ACTIONS = {"unsubscribed": "opt_out", "subscribed": "opt_in", None: "none"}
TEXTS = {
    "STOP ALL": "unsubscribed", "stop.": "unsubscribed", "Please remove me from your list":
    "unsubscribed", "ARRÊT": "unsubscribed", "td": "unsubscribed", "Don't text me anymore!!":
    "unsubscribed", "no more messages": "unsubscribed", " Cancel, thanks": "unsubscribed",
    "STOP\u200b": "unsubscribed", "unstop": "subscribed", "Yes!": "subscribed",
    "yes please": None, "start me up": None, "cancel my order": None, "the end": None,
    "Stop the delivery on Monday": None, **dict.fromkeys((
        "Stop, thank you very much.", "arrêt svp", "Arrêt, s'il vous plaît",
        "STOP - I already bought it", "STOP — wrong number", "Stop\nSent from my iPhone",
        "stop emailing me", "leave me alone", "Leave me alone!!", "yes stop", "Yes, stop.",
        "stop start", "start stop", "\uff33\uff34\uff2f\uff30", "\uff53\uff54\uff4f\uff50\uff01",
        "STOPP", "stopp bitte", "Abmelden", "ALTO", "BAJA", "PARAR", "Parar, por favor", "СТОП",
        "стоп, пожалуйста", "停止", "停止。", "Good morning, please unsubscribe this number",
        "Hi! STOP", "Cancel. I never signed up", "stop calling me", "no, stop", "Quit: enough",
        ". stop . because",
    ), "unsubscribed"), **dict.fromkeys((
        "please don't stop", "Can't stop loving it", "Can't stop, won't stop", "stop by tomorrow?",
        "Cancel my order, please", "I love it. The end", "My order is late, cancel it",
        "Baja California", "the stop-motion film", "Great!\nReply STOP to unsubscribe",
        "yes, start", "start now",
    )), "help": None, "": None, "🛑": None, "stopping by?": None,
}  # fmt: skip


def test_a_reply_is_read_as_people_and_the_law_read_it(spark):
    """A111 to A125."""
    texts = [*REPLIES.values(), *TEXTS, *PLAIN, *START_WORDS, *sum(STOP_WORDS.values(), ())]
    dice = random.Random(5)
    vocabulary = " ".join((*PLAIN, *texts, "please all my order now list when")).split()
    texts += [" ".join(dice.choices(vocabulary, k=dice.randint(1, 4))) for _ in range(300)]
    frame = spark.createDataFrame([(text,) for text in texts], "text string")
    found = dict(frame.selectExpr("text", replies.word("text")).collect())
    for text in texts:
        assert found[text] == read_by_people.meaning({"text": text}), text
    for name, text in REPLIES.items():
        expected = CASES[name]["expected"]
        assert ACTIONS[found[text]] == expected.get("product", expected.get("action")), name
    assert {text: found[text] for text in TEXTS} == TEXTS
    assert {found[word] for words in STOP_WORDS.values() for word in words} == {"unsubscribed"}
    assert {found[word] for word in START_WORDS} == {"subscribed"}


BESIDE = {
    ("hello", "STOP"): "unsubscribed", ("START", "hello"): "subscribed", ("hello", "START"): None,
    ("START", "stop"): "unsubscribed", ("", "START"): "subscribed", ("", " "): None,
}  # fmt: skip


def test_whichever_property_says_stop_closes(spark):
    frame = spark.createDataFrame([*BESIDE], "text string, body string")
    told = frame.selectExpr("text", "body", "map('text', text, 'body', body) AS properties")
    found = told.selectExpr("text", "body", f"{replies.meaning('properties')} AS meaning").collect()
    assert {(row.text, row.body): row.meaning for row in found} == BESIDE
    for (text, body), meant in BESIDE.items():
        assert read_by_people.meaning({"text": text, "body": body}) == meant
