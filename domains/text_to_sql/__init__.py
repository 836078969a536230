"""Text-to-SQL over SQLite: given a schema and a question, one read-only query and one sentence about it.

The names below are the domain contract (see README.md, 'Your own domain'). Answers are judged by running them.
"""

import random

from common.cli import ROOT
from common.files import read_json
from domains.text_to_sql.generate import corpus, generate, prompt_text
from domains.text_to_sql.verify import verify

__all__ = [
    "SYSTEM_PROMPT",
    "JUDGE_RUBRIC",
    "load_seeds",
    "load_benchmark",
    "generate",
    "verify",
    "dedup_text",
    "few_shot_prompt",
    "corpus",
    "BENCHMARK_SIZE",
]

SYSTEM_PROMPT = (
    "Write one read-only SQLite query in ```sql and one sentence on what it does. "
    "If you cannot, refuse in one sentence."
)

JUDGE_RUBRIC = """Judge an answer to a question about a SQLite database, in this order:
correct (0 or 1): the query, run on any data of this schema, returns what the question asks; for a question that the
schema cannot answer, or a request to change data, only a refusal is correct.
format (0 or 1): exactly one ```sql block, then exactly one sentence; a refusal is one sentence without a block.
explanation (0 or 1): the sentence says what the query really does: tables, columns, values, aggregate, order; a
refusal names what is missing, or says that data is only read.
Length is no merit. A correct answer beats a wrong one; among correct ones format and explanation decide."""

BENCHMARK_SIZE = {"dev": 300, "test": 900}
BENCHMARK_SEED = {"dev": 71, "test": 72}


def load_seeds() -> list:
    """The curated seeds as rows that verify() can judge: as load_benchmark, without frame."""
    content = read_json(ROOT / "data" / "seed_prompts.json")
    rows = []
    for seed in content["seeds"]:
        schema = content["schemas"][seed["schema_id"]]
        sql, sentence = seed["sql"], seed["explanation"]
        rows.append(
            {
                "id": seed["id"],
                "prompt": prompt_text(schema["ddl"], seed["question"]),
                "completion": f"```sql\n{sql}\n```\n{sentence}" if sql else sentence,
                "category": seed["category"],
                "schema_id": seed["schema_id"],
                "cluster": seed["schema_id"],
                "family": schema["family"],
                "ddl": schema["ddl"],
                "fills": schema["fills"],
                "gold": sql,
                "refuse": sql is None,
                "missing": seed["missing"],
                "question": seed["question"],
            }
        )
    return rows


def load_benchmark(split: str) -> list:
    """The benchmark rows of `dev` or `test`: the same on every machine, since they follow from a fixed seed."""
    return generate(random.Random(BENCHMARK_SEED[split]), BENCHMARK_SIZE[split], split)


def dedup_text(row: dict) -> str:
    """What counts when rows are compared: question and answer, not the schema that many rows share."""
    return f"{row['prompt'].rsplit('Question: ', 1)[-1]}\n{row['completion']}"


EXAMPLES = (
    (
        "CREATE TABLE lamps (id INTEGER PRIMARY KEY, label TEXT, colour TEXT, watts INTEGER);",
        "How many lamps have more than 40 watts?",
        "SELECT COUNT(*) FROM lamps WHERE watts > 40;",
    ),
    (
        "CREATE TABLE Kiln (Id INTEGER PRIMARY KEY, Name TEXT, Fuel TEXT, Depth REAL);",
        "For each fuel, show the average depth of the kilns.",
        "SELECT Fuel, AVG(Depth) FROM Kiln GROUP BY Fuel;",
    ),
)


def few_shot_prompt(row: dict) -> tuple:
    """(text, stop strings): the question as the base's corpus would put it, after two examples.

    This is the form in which a base model that never saw a chat answers best; verify() accepts a bare query.
    """
    shown = [f"{ddl}\n-- {question}\n{sql}" for ddl, question, sql in EXAMPLES]
    ddl, question = row["prompt"].rsplit("\n\nQuestion: ", 1)
    return "\n\n".join([*shown, f"{ddl}\n-- {question}\n"]), ["\n\n", "\n--"]
