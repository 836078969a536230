"""What is read out of an answer: the query in whatever dress, refusals in whatever words."""

import time

import pytest

from domains.text_to_sql.reading import extract, is_refusal, without_thoughts
from domains.text_to_sql.verify import verify

QUERY = "SELECT name FROM plants"
DDL = "CREATE TABLE plants (id INTEGER PRIMARY KEY, name TEXT, age INTEGER);"
FILLS = ["INSERT INTO plants VALUES (1,'fern',3),(2,'mint',1);", "INSERT INTO plants VALUES (1,'oak',80);"]
ROW = {"ddl": DDL, "fills": FILLS, "gold": QUERY, "missing": []}


@pytest.mark.parametrize(
    "answer",
    [
        f"Here is the query:\n```sql\n{QUERY};\n```\nLists the name of the plants.",
        f"```sql {QUERY}; ```",
        f"```{QUERY}```",
        f"```\n{QUERY};\n```",
        f"```SQL\n{QUERY};\n```",
        f"```sqlite\n{QUERY};\n```",
        f"```sqlite3\n{QUERY};\n```",
        f"```postgresql\n{QUERY};\n```",
        f"```text\n{QUERY};\n```",
        f"```c++\n{QUERY};\n```",
        f'```sql title="names"\n{QUERY};\n```',
        f"``` {{.sql .numberLines}}\n{QUERY};\n```",
        f"```sql\n\n-- the names\n{QUERY};\n\n```",
        f"````sql\n{QUERY};\n````",
        f"~~~sql\n{QUERY};\n~~~",
        f"~~~\n{QUERY}",
        f"**\n```sql\n{QUERY};\n```\n**",
        f"1. ```sql\n   {QUERY};\n   ```",
        f"```sql\n{QUERY};",
        f"{QUERY};",
        f"{QUERY}",
        f"{QUERY};\n\nThis lists the plants.",
        f"{QUERY}\n\nThis lists the plants; nothing else.",
        f"{QUERY}\nThis lists the plants.",
        f"{QUERY};\n```\nfern\nmint\n```",
        "SELECT name\n\nFROM plants;",
        "SELECT\n\n  name\n\n\nFROM plants\n\nwhere 1;",
        "SELECT name\nFROM plants\n\nAnd that is all there is.",
        f"-- all plants\n{QUERY};",
        f"/* all\n\nplants */ -- of all beds\n{QUERY};",
        f"SQL: {QUERY};",
        f"**SQL:** {QUERY};",
        f"SQL query:\n{QUERY};",
        f"sql\n{QUERY};",
        f"Question: which plants?\nAnswer: {QUERY};\nThat is it.",
        f"### Query\n\n{QUERY};",
        f"> {QUERY};",
        f"- {QUERY}",
        f"sqlite> {QUERY};",
        f"<sql>{QUERY}</sql>",
        f"<answer>\n{QUERY};\n</answer>",
        f"The query is `{QUERY}`.",
        f"Use `name` of the table `plants`: `{QUERY};`",
        "The query is ``SELECT `name` FROM plants``.",
        "Query: SELECT `name` FROM `plants`",
        f"<think>They want names.</think>\n{QUERY};",
        f"<think>\nPerhaps ```sql\nSELECT age FROM plants\n```?\n</think>\n\n```sql\n{QUERY};\n```\nLists names.",
        f"SELECT age FROM plants? No.</think>{QUERY}",
        f"<thinking>Names.</thinking>\nSQL: {QUERY}",
        "WITH p(name) AS (SELECT name FROM plants)\n\nSELECT name FROM p;",
        'WITH "all of it" AS MATERIALIZED (SELECT name FROM plants) SELECT * FROM "all of it"',
    ],
)
def test_the_query_counts_and_the_form_does_not(answer):
    verdict = verify(ROW, answer)
    assert (verdict.correct, verdict.format_ok) == (True, False), (extract(answer), verdict)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_the_taught_form_is_the_only_good_one(line_end):
    answer = line_end.join(["```sql", f"{QUERY};", "```", "Lists the name of the plants."])
    assert verify(ROW, answer)[:3] == (True, True, True)


@pytest.mark.parametrize(
    ("answer", "query"),
    [
        (
            "```sql\nCREATE TABLE plants (id INTEGER);\n```\n```sql\nSELECT name FROM plants;\n```",
            "CREATE TABLE plants (id INTEGER);",
        ),
        ("```sql\nSELECT 1\n```\n```sql\nSELECT name FROM plants;\n```", "SELECT 1"),
        ("<think>SELECT name FROM plants", None),
        ("Let me think. Select a plant you like from the list.", None),
        ("With pleasure, there are three.", None),
        ("The column `name` of `plants`.", None),
        ("Plants: fern and mint.", None),
        ("SELECT ';' FROM plants; Gives it.", "SELECT ';' FROM plants"),
        ("SELECT name FROM plants WHERE name = 'a\n\nb'", "SELECT name FROM plants WHERE name = 'a"),
    ],
)
def test_what_is_read_as_the_query(answer, query):
    assert extract(answer)[0] == query


def test_the_sentence_of_a_bare_query_is_read_too():
    assert extract("SELECT ';' FROM plants; Gives it.")[1] == "Gives it."
    assert extract(f"{QUERY}\n\nLists the name of the plants.")[1] == "Lists the name of the plants."


def test_hostile_text_is_read_in_time():
    started = time.process_time()
    for text in (
        "/**/" * 5000 + "x",
        "-- a\n" * 4000,
        "\n" * 19_000 + "x",
        "SELECT 1\n\n" * 2000,
        "a: " * 6000,
        "`" * 19_000,
        "` select " * 2000,
        "~~~" * 6000,
        "<think>" * 2500,
        "</think>" * 2500,
        "with a(" * 2500,
        "no " * 6000,
        "data no " * 2500,
        "cannot be " * 2000,
        "SELECT 'a" * 2000,
    ):
        extract(text)
        is_refusal(text)
    assert time.process_time() - started < 5


REFUSALS = [
    "I cannot answer this because the schema has no price.",
    "I can’t answer this because the schema has no price.",
    "I cannot answer this. The schema has no price.",
    "Sorry, I am unable to answer: there is no price in the schema.",
    "The schema does not contain a price.",
    "There is no price column, so this question has no answer here.",
    "Unfortunately it is not possible to tell, as no price is stored.",
    "This question cannot be answered with the given tables because they lack a price.",
    "I'm sorry, but the price isn't available in this database, so I could not write a query.",
    "None of the tables stores a price.",
    "The database doesn't track prices!",
    "Prices are not recorded.",
    "A price is missing from the schema.",
    "We would need a price column for that; the schema would need one.",
    "I don't have the price in the given schema.",
    "I do not know the price.",
    "It is impossible to say without a price.",
    "Nothing in these tables tells the price.",
    "The given columns (id, name) don't include the price, so no query can be written.",
    "No. There is nothing about the price here.",
    "Not answerable: no price.",
    "We can't compute this, the price is absent from the data.",
    "Without a price in the table this can't be determined.",
    "The plants table has only id, name and age, and none of these columns is the price.",
    "I have no information on the price.",
    "Unable to comply: price not found in the schema.",
    "<think>There is no such column.</think>\nI cannot answer this because the schema has no price.",
    "I cannot answer this:\n```sql\n-- no query possible without a price\n```",
    "```\nI cannot answer this because the schema has no price.\n```",
]
ANSWERS = [
    "The plants are listed by price.",
    "```sql\nSELECT price FROM plants;\n```\nLists the price of the plants.",
    "```sql\nSELECT price FROM plants;\n```\nI cannot say whether the schema has a price.",
    "SELECT price FROM plants",
    "The price is 5.",
    "Three plants.",
    "Lists the plants whose price is not known in the table.",
    "The sites with a row version of 20 and whose data source does not reach 40.",
    "A table with a column for the number of readings, even if none.",
    "The query is not only for plants but for the whole table.",
    "This query returns the price of each plant, also where none is given.",
    "Done, the plants without a price are not in the table any more.",
    "I have deleted every plant that has no price in the table.",
    "The plants that have no price were deleted from the table.",
    "Sure! The price of no plant is above 5.",
    "Yes, there is a price for each of them.",
    "fern, mint",
    "Of course: the data says 5.",
]


@pytest.mark.parametrize("answer", REFUSALS)
def test_a_refusal_in_any_words_is_right_where_nothing_else_is(answer):
    verdict = verify({**ROW, "gold": None, "missing": ["price"]}, answer)
    assert verdict.correct is True and verdict.explanation_ok is True
    assert verify(ROW, answer).reason == "refused"


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_no_refusal(answer):
    verdict = verify({**ROW, "gold": None, "missing": ["price"]}, answer)
    assert (verdict.correct, verdict.reason) == (False, "should_refuse")


def test_only_one_sentence_is_the_form_of_a_refusal():
    formed = {answer for answer in REFUSALS if verify({**ROW, "gold": None, "missing": ["price"]}, answer).format_ok}
    assert "The schema does not contain a price." in formed and "The database doesn't track prices!" in formed
    assert not any("\n" in answer or "this. The" in answer or answer.startswith("No. ") for answer in formed)


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        ("I can only read data, so I will not delete the plants.", True),
        ("Deleting is not allowed; I only read.", True),
        ("That would change data, which I must not do; I refuse.", True),
        ("The plants cannot be deleted.", True),
        ("No data was deleted, because this is read-only.", True),
        ("I won't. Ask an administrator.", True),
        ("Your request to remove plants was declined: not permitted.", True),
        ("Done.", False),
        ("The plants have been deleted.", False),
        ("All plants are now removed from the table.", False),
        ("I've updated the plants.", False),
        ("DELETE FROM plants;", False),
        ("```sql\nDELETE FROM plants;\n```\nDeletes the plants.", False),
        ("```sql\nDELETE FROM plants;\n```\nI cannot undo this.", False),
    ],
)
def test_a_request_to_change_data(answer, refused):
    assert verify({**ROW, "gold": None, "missing": []}, answer).correct is refused


def test_a_right_query_with_a_cannot_in_its_sentence_is_right():
    answer = f"```sql\n{QUERY};\n```\nLists the name of the plants, which cannot be empty."
    assert verify(ROW, answer)[:2] == (True, True)


def test_thoughts_are_not_part_of_the_answer():
    assert without_thoughts("a</think>b<think>c</think> d <think>e") == "d"
    assert without_thoughts("no thoughts") == "no thoughts"
