"""What a model is asked for as teacher of text-to-SQL, and how its answers become rows.

One answer is a schema, two fills and a few questions with query and sentence. Nothing of it is trusted: only plain
CREATE TABLE and INSERT build the databases, every query runs in the sandbox, and other answers have to agree with it.
"""

import hashlib
import re

from domains.text_to_sql.sandbox import TOKEN, execute, split_statements
from domains.text_to_sql.schema import prompt_text
from domains.text_to_sql.verify import verify

VERSION = "1"  # of all texts below; part of every row's provenance
MAX_TOKENS = 6000  # a schema with two fills and four questions has about 1,500; thinking counts as well
SOLVE_TOKENS = 3000
QUESTIONS = 4  # of one schema

SYSTEM = """You write training data for an assistant that answers questions about a SQLite database with one read-only
query and one sentence. Each time you invent a small, realistic database and questions about it.

ddl: one to three CREATE TABLE statements (no other statement), each table with a primary key, with foreign keys where
tables belong together, 3 to 9 columns each. Vary naming and types as real databases do: snake_case, CamelCase,
abbreviations, a column or two that no question needs.
fills: two scripts of INSERT INTO ... VALUES statements (nothing else), which fill the same tables with different data:
6 to 12 rows in each table, a NULL here and there where the column allows it, an apostrophe in a name, values on both
sides of every condition that a question asks for. Every query must return at least one row on both fills, and
different rows on the two.
questions: as many as asked for, each of the kind asked for:
- question: what a person who knows the subject would type; sometimes terse, sometimes chatty. It must have exactly one
  right answer on this schema: say which columns to show, and what decides an order.
- sql: one SELECT, ended by a semicolon, that returns exactly the columns asked for. No ORDER BY unless an order is
  asked for. An order must not leave ties open where a LIMIT follows.
- sentence: one sentence in the third person, ended by a full stop, that names all that the query does: what it shows,
  from which tables, every value and comparison of its conditions ("above 40", "at most 3"), the aggregate, the
  grouping, the order and its direction. Example: "Gives the average width of the shelves of each material whose height
  is above 40."
- missing: "" except for the kind unanswerable.
The kind "unanswerable" asks for something that the schema does not have: sql is "", missing is that thing in one or two
words, and sentence is "I cannot answer this because the schema has no MISSING." The kind "write_request" asks to
change, add or delete data: sql is "", sentence is "I can only read data, so I will not ..."."""

TOPICS = (
    "school library", "bakery orders", "hospital wards", "football league", "car repair shop", "vineyard harvests",
    "museum loans", "space missions", "city bus network", "recipe collection", "online courses", "wind farm output",
    "film festival", "fishing fleet", "house rentals", "chess tournament", "blood donations", "music streaming",
    "weather stations", "parcel delivery", "bee keeping", "court cases", "theatre tickets", "greenhouse sensors",
    "second-hand books", "mountain huts", "laboratory samples", "customer support", "gym memberships",
    "coin collection", "railway maintenance", "village elections", "translation agency", "pharmacy stock",
    "ski resort", "archaeological finds", "software bugs", "wedding planning", "cheese dairy", "whale sightings",
    "insurance claims", "radio programmes", "apprenticeships", "tree register", "marathon results",
    "video game scores", "hotel housekeeping", "charity donations",
)  # fmt: skip
KINDS = {
    "filter": "rows under one condition",
    "two_filters": "rows under two conditions joined by and or or",
    "negation": "rows that are not something",
    "range": "rows with a number or date between two values",
    "null_test": "rows with or without a value in a column",
    "text_match": "rows whose text begins with or contains something",
    "date": "rows by a date or a year",
    "count": "how many rows, with or without a condition",
    "aggregate": "an average, sum, highest or lowest value",
    "group": "a number or aggregate for each of something",
    "having": "groups with more or less than a number of rows",
    "order": "all rows in an order",
    "top_k": "the first few rows of an order",
    "distinct": "different values of a column",
    "join": "columns of one table under a condition on another",
    "anti_join": "rows of one table without any in another",
    "nested": "rows compared with an aggregate over all rows",
    "arithmetic": "a value computed from two columns",
    "unanswerable": "something that the schema does not have",
    "write_request": "a request to change, add or delete data",
}
LEVELS = {
    "easy": "one table, words of the question close to the column names",
    "medium": "two tables or two steps, some words differ from the column names",
    "hard": "two or three tables, several steps, everyday words instead of column names",
}
EVOLVE = {
    "deepen": "It shall need one more step: another table, a grouping, or a comparison with an aggregate.",
    "constrain": "Add one more condition that changes the result.",
    "concretise": "Replace a general notion by a concrete value, date or number that occurs in the data.",
    "broaden": "Ask something rarer of the same subject, in another way of speaking.",
}

# Databases are built before the sandbox's limits hold, so nothing in them may compute.
COSTLY = re.compile(
    r"\bSELECT\b|\bGENERATED\b|\bAS\s*\(|\b(?:zeroblob|randomblob|printf|format|replace|char|load_extension)\s*\(",
    re.IGNORECASE,
)
TEXT = {"type": "string", "minLength": 1}
SCHEMA = {
    "type": "object",
    "properties": {
        "ddl": {**TEXT, "maxLength": 3000},
        "fills": {"type": "array", "minItems": 2, "maxItems": 2, "items": {**TEXT, "maxLength": 5000}},
        "questions": {
            "type": "array",
            "minItems": 1,
            "maxItems": QUESTIONS,
            "items": {
                "type": "object",
                "properties": {
                    "kind": {"type": "string", "enum": list(KINDS)},
                    "question": {**TEXT, "maxLength": 400},
                    "sql": {"type": "string", "maxLength": 1000},
                    "sentence": {**TEXT, "maxLength": 400},
                    "missing": {"type": "string", "maxLength": 60},
                },
                "required": ["kind", "question", "sql", "sentence", "missing"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["ddl", "fills", "questions"],
    "additionalProperties": False,
}
SOLVE_SYSTEM = """You answer questions about a SQLite database with one read-only query that returns exactly the columns
asked for. When the schema cannot answer the question, or the request would change data, sql is ""."""
SOLVE_SCHEMA = {
    "type": "object",
    "properties": {"sql": {"type": "string", "maxLength": 1000}},
    "required": ["sql"],
    "additionalProperties": False,
}


def describe(row: dict) -> str:
    """A row as a teacher is shown it: as example, or to be evolved."""
    ask = row["gold"] or "(to be refused)"
    return f"{row['ddl']}\nquestion ({row['category']}): {row['question']}\nsql: {ask}"


def make_rows(data: dict, topic: str) -> list:
    """The rows of one answer, each with the reason why it is unfit ('' when it may be fit)."""
    ddl, fills = data["ddl"].strip(), [fill.strip() for fill in data["fills"]]
    schema = f"taught-{hashlib.sha256(ddl.encode('utf-8')).hexdigest()[:12]}"
    broken = check_databases(ddl, fills)
    rows = []
    for item in data["questions"]:
        sql, sentence = item["sql"].strip() or None, " ".join(item["sentence"].split())
        refuse = item["kind"] in ("unanswerable", "write_request")
        row = {
            "prompt": prompt_text(ddl, " ".join(item["question"].split())),
            "completion": f"```sql\n{sql}\n```\n{sentence}" if sql else sentence,
            "category": item["kind"],
            "schema_id": schema,
            "cluster": schema,
            "family": topic,
            "ddl": ddl,
            "fills": fills,
            "gold": sql,
            "refuse": refuse,
            "missing": [item["missing"].strip().lower()] if item["kind"] == "unanswerable" else [],
            "question": " ".join(item["question"].split()),
        }
        odd = "kind and query do not fit" if (sql is None) != refuse else ""
        rows.append((row, broken or odd or (check_query(ddl, fills, sql) if sql else "")))
    return rows


def check_databases(ddl: str, fills: list) -> str:
    """'' when both databases can be built from plain statements, else the reason."""
    tables = split_statements(ddl)
    if not tables or not all(re.match(r"CREATE\s+TABLE\s+[^;]*\(", one, re.IGNORECASE) for one in tables):
        return "ddl is more than CREATE TABLE"
    inserts = [statement for fill in fills for statement in split_statements(fill)]
    if not all(re.match(r"INSERT\s+INTO\s", one, re.IGNORECASE) for one in inserts):
        return "a fill is more than INSERT"
    if any(COSTLY.search(_without_texts(one)) for one in [*tables, *inserts]):
        return "a database is more than plain values"
    try:
        execute(f"{ddl.rstrip(';')};", [f"{fill}\n" for fill in fills], "SELECT 1")
    except RuntimeError:
        return "database cannot be built"
    return ""


def _without_texts(sql: str) -> str:
    """The statement with empty texts in place of its texts; a quote inside a quoted name begins none."""
    return "".join("''" if token.group()[0] == "'" else token.group() for token in TOKEN.finditer(sql))


def check_query(ddl: str, fills: list, sql: str) -> str:
    """'' when the query says something on both databases, and not the same, else the reason."""
    runs = execute(ddl, fills, sql)
    if failed := next((run.error for run in runs if run.error), ""):
        return f"query fails: {failed}"
    if any(not any(value is not None for row in run.rows for value in row) for run in runs):
        return "query finds nothing"
    if sorted(map(repr, runs[0].rows)) == sorted(map(repr, runs[1].rows)):
        return "same result on both databases"
    return ""


def solve(row: dict) -> str:
    """The user's message of an independent attempt at the row."""
    return row["prompt"]


def agrees(row: dict, data: dict) -> bool:
    """Whether an independent attempt gives the row's result on both databases, or refuses where it does."""
    sql = data["sql"].strip()
    answer = f"```sql\n{sql}\n```\nIt answers." if sql else "I cannot answer this."
    return verify(row, answer).correct is True
