-- Words that many rules use.

-- A stream's events with whose each is (DESIGN 6, identity rule 5; see owners.sql).
CREATE OR REPLACE MACRO owned(stream) AS TABLE
SELECT
    e.*,
    CASE WHEN e.occurred_at >= o.neutral_from_at THEN o.neutral_person_id ELSE o.person_id END
        AS person_id
FROM query_table(stream) AS e
LEFT JOIN owners AS o USING (identifier_set);

-- Whether somebody stands behind an id: nobody's events and a shared device's have no profile.
CREATE OR REPLACE MACRO is_person(person_id) AS starts_with(person_id, 'p_');

-- What holds of an event of a message: a subscription says so itself, of all else the message does.
CREATE OR REPLACE MACRO first_of(type, own, of_message) AS
CASE WHEN type = 'subscribed' THEN coalesce(own, of_message) ELSE coalesce(of_message, own) END;

-- How evidence names an event.
CREATE OR REPLACE MACRO named(stream, event_id) AS stream || ':' || event_id;

-- A rule without channels makes one row, for all channels.
CREATE OR REPLACE MACRO each_channel(channels) AS
CASE WHEN len(channels) = 0 THEN [NULL] ELSE channels END;

-- A duration of the configuration, such as 7d; what a rule's options say is text (see inputs.py).
CREATE OR REPLACE MACRO span(text) AS to_seconds(
    CAST(text[:-2] AS BIGINT)
    * CASE text[-1:] WHEN 's' THEN 1 WHEN 'm' THEN 60 WHEN 'h' THEN 3600 WHEN 'd' THEN 86400 ELSE 604800 END
);

-- Whole ten-thousandths as money.
CREATE OR REPLACE MACRO money(parts) AS
CAST(CAST(parts AS DECIMAL(28, 0)) * 0.0001 AS DECIMAL(28, 4));

-- A topic as it is compared: case, blanks, hyphens and underscores make no other one.
CREATE OR REPLACE MACRO topic_word(topic) AS
regexp_replace(lower(trim(topic, ' ')), '[ _-]+', '_', 'g');
-- Whether one of some topics, however they are spelled, is among a message's.
CREATE OR REPLACE MACRO names_topic(topics, own) AS
list_has_any(list_transform(topics, lambda t: topic_word(t)), own);

-- A part of a scope, none where it names nothing.
CREATE OR REPLACE MACRO scope_part(kind, told, negated) AS
CASE
    WHEN len(told) > 0 THEN [{
        kind: kind,
        "values": list_sort(
            CASE WHEN kind = 'topic' THEN list_transform(told, lambda t: topic_word(t)) ELSE told END
        ),
        negated: negated
    }]
    ELSE []
END;

-- The country whose code a text is, or begins with before a part of the country (US-CA).
CREATE OR REPLACE MACRO country_in(told) AS
CASE
    WHEN regexp_full_match(upper(trim(told, ' ')), '[A-Z]{2}(-[A-Z0-9]{1,3})?')
        THEN upper(trim(told, ' '))[:2]
END;
