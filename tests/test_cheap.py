"""What cheap strategies answer, and that they are worth next to nothing on the test."""

import random

import pytest

from domains.text_to_sql import cheap, generate, load_benchmark
from domains.text_to_sql.bank import load_bank

ROW = {
    "ddl": 'CREATE TABLE "Order" (OrderId INTEGER PRIMARY KEY, buyer_name TEXT);\n'
    'CREATE TABLE parcels (parcel_no INTEGER, weight_kg REAL, town TEXT, OrderId INT REFERENCES "Order"(OrderId));',
    "question": "What is the weight in kg of parcels to the towns in the north?",
}


def test_what_the_strategies_write():
    assert cheap.whole_table(ROW) == 'SELECT * FROM "Order";'
    assert cheap.words_as_columns(ROW) == "SELECT weight_kg, town FROM parcels;"
    assert cheap.words_as_columns({**ROW, "question": "Who?"}) == 'SELECT * FROM "Order";'


def test_the_most_frequent_query_is_that_of_places_not_names():
    golds = (
        ("CREATE TABLE a (x INT, y INT);", "SELECT y FROM a WHERE x > 3;"),
        ("CREATE TABLE b (c INT, d INT);", "SELECT d FROM b WHERE c > 3;"),
        ("CREATE TABLE b (c INT, d INT);", "SELECT c FROM b;"),
        ("CREATE TABLE b (c INT, d INT);", None),
    )
    query, share = cheap.most_frequent([{"ddl": ddl, "gold": gold} for ddl, gold in golds])
    assert (query, share) == ("SELECT t0_c1 FROM t0 WHERE t0_c0 > 3;", 2 / 3)
    assert cheap.put_in(query, ROW) == 'SELECT buyer_name FROM "Order" WHERE OrderId > 3;'


def test_a_right_strategy_would_be_seen():
    rows = [row for row in load_benchmark("test") if row["gold"]][:6]
    assert cheap.share_right(rows, lambda row: row["completion"]) == 1
    assert cheap.share_right(rows, lambda row: cheap.REFUSAL) == 0


@pytest.mark.slow
def test_cheap_strategies_get_under_five_per_cent_of_the_test():
    training = generate(random.Random(0), 2000, "sft") + load_bank("sft")
    rows = cheap.by_slice(load_benchmark("test"))
    assert set(rows) == {"generated", "bank"}
    table = cheap.table(rows, training)
    assert len(table) == 4
    for strategy, shares in table:
        assert set(shares) == set(rows) and max(shares.values()) < 0.05, (strategy, shares)
