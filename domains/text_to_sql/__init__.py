"""Text-to-SQL over SQLite: given a schema and a question, one read-only query and one sentence about it.

The names below are the domain contract (see README.md, 'Your own domain'). Answers are judged by running them. Of the
files of this folder each imports only from those that stand before it:
  names, compare, parts, schema                       words, results, queries, schemas
  sandbox (its worker: sandbox_worker), databases      running a query, questions about a database file
  reading, claims, explain, spider, verify             judging an answer
  mutants, templates/, bank, restyle, teach            rows: by templates, written by hand, by a model
  this file                                            the contract
  write_benchmark, mutate, cheap                       commands, as bank is
"""

from pathlib import Path

from common.cli import ROOT
from common.files import read_json, read_jsonl
from domains.text_to_sql import teach as teacher
from domains.text_to_sql.bank import benchmark_questions
from domains.text_to_sql.databases import load_questions
from domains.text_to_sql.reading import extract
from domains.text_to_sql.restyle import teach_as_written, teach_bank
from domains.text_to_sql.sandbox import execute
from domains.text_to_sql.schema import case_of, columns_of, prompt_text
from domains.text_to_sql.spider import load_spider
from domains.text_to_sql.templates import generate
from domains.text_to_sql.verify import verify

__all__ = [
    "SYSTEM_PROMPT",
    "JUDGE_RUBRIC",
    "load_seeds",
    "load_benchmark",
    "load_questions",
    "SPLITS",
    "BENCHMARKS",
    "TEACHERS",
    "DEFAULT_TEACHER",
    "generate",
    "verify",
    "dedup_text",
    "traits",
    "few_shot_prompt",
    "executed",
    "teacher",
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

# Besides `generate`, whom --teacher NAME of data/gen_sft.py and gen_dpo.py may name; called as generate is.
TEACHERS = {"bank": teach_bank, "bank_as_written": teach_as_written}
DEFAULT_TEACHER = "templates:1,bank:1"  # whom they ask where no --teacher is given: half of the rows by each
# eval/domain.py --benchmark NAME[:WHICH] asks these: what reads their rows, given WHICH.
BENCHMARKS = {"bank": benchmark_questions, "spider": load_spider}
# What load_benchmark takes; each has two slices, of `generate` and of the bank.
SPLITS = ("dev", "test")
BENCHMARK = Path(__file__).parent / "benchmark"  # the rows themselves; write_benchmark.py makes others


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
    """The benchmark rows of one of SPLITS, from their file."""
    return read_jsonl(BENCHMARK / f"{split}.jsonl.gz", made_by="python domains/text_to_sql/write_benchmark.py")


def dedup_text(row: dict) -> str:
    """What counts when rows are compared: question and answer, not the schema that many rows share."""
    return f"{row['prompt'].rsplit('Question: ', 1)[-1]}\n{row['completion']}"


def traits(row: dict) -> dict:
    """How the row's schema is written, by what is counted: the case of its names, its number of tables."""
    tables = columns_of(row["prompt"].rsplit("\n\nQuestion: ", 1)[0])
    names = [*tables, *(column for columns in tables.values() for column in columns)]
    return {"case of names": case_of(names), "tables": str(len(tables))}


def executed(row: dict, answer: str, most: int = 10) -> str:
    """What the answer's query returns on the row's first database, at most `most` rows; "" without a query."""
    sql = extract(answer)[0]
    if sql is None or not row.get("fills"):
        return ""
    found = execute(row["ddl"], row["fills"][:1], sql)[0]
    if found.error:
        return f"{found.error}: {found.detail}"
    lines = [" | ".join("NULL" if value is None else str(value) for value in one) for one in found.rows[:most]]
    more = [f"... {len(found.rows) - most} more rows"] if len(found.rows) > most else []
    return "\n".join([" | ".join(found.columns), *(lines or ["(no row)"]), *more])


EXAMPLES = (
    (
        "CREATE TABLE lamps (\n  lamp_id INTEGER PRIMARY KEY,\n  label TEXT,\n  colour TEXT,\n  watts INTEGER\n);",
        "How many lamps have more than 40 watts?",
        "SELECT COUNT(*) FROM lamps WHERE watts > 40;",
    ),
    (
        "CREATE TABLE Kiln (KilnId INT PRIMARY KEY, KilnName VARCHAR(40), FuelType VARCHAR(40), Depth NUMERIC(10,2));",
        "For each fuel type, show the average depth of the kilns.",
        "SELECT FuelType, AVG(Depth) FROM Kiln GROUP BY FuelType;",
    ),
    (
        "CREATE TABLE quarries (id INTEGER PRIMARY KEY, name TEXT, county TEXT);\n"
        "CREATE TABLE stones (id INTEGER PRIMARY KEY, name TEXT, weight REAL, "
        "quarry_id INTEGER REFERENCES quarries(id));",
        "Which stones come from quarries in the county Kent? Give the names.",
        "SELECT stones.name FROM stones JOIN quarries ON stones.quarry_id = quarries.id "
        "WHERE quarries.county = 'Kent';",
    ),
)


def few_shot_prompt(row: dict) -> tuple:
    """(text, stop strings): schema, question and bare query under a heading each, three times solved, then the row's.

    A form that any base model can go on with, also one that never saw a chat; verify() accepts a bare query. Chosen on
    dev among seven (WRITEUP.md): after the heading the default base does write a query.
    """
    form = "### Schema\n{}\n### Question\n{}\n### SQLite query\n{}"
    ddl, question = row["prompt"].rsplit("\n\nQuestion: ", 1)
    return "\n\n".join([form.format(*shown) for shown in (*EXAMPLES, (ddl, question, ""))]), ["\n\n", "###", ";"]
