-- What the business said of who is one customer, one row a word.
FROM said_links
