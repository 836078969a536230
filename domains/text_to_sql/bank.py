"""python domains/text_to_sql/bank.py [FILE ...]

Checks the bank, the questions written by hand in domains/text_to_sql/bank/NAME.yaml (without FILE: all of them).
Prints one line a problem (error, warning, or mutant: a wrong query near the gold one that no data set tells apart from
it), then how many questions there are of each split and kind. Exit code 2 when there are errors.
"""

import sqlite3
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # find common/ and domains/ when run by hand

import yaml
from sqlglot import exp

from common import cli
from domains.text_to_sql import explain, sandbox
from domains.text_to_sql.mutants import mutants_of, unnoticed
from domains.text_to_sql.schema import prompt_text
from domains.text_to_sql.templates.families import SPLITS
from domains.text_to_sql.verify import GOLD_LIMITS, gold_results, is_one_sentence, verify

BANK = Path(__file__).resolve().parent / "bank"
FIELDS = ["name", "area", "split", "ddl", "fills", "questions"]
MAX_DDL = 1400  # characters
# How many questions of a schema have a query, ask for what it does not hold, and ask for a change.
PER_SCHEMA = {"": 15, "unanswerable": 2, "change": 1}
MORE = ("", "unanswerable")  # of one of these a schema of the split dpo may have one more
KIND_NAMES = """
select filter two_filters or_filter in_list like_start like_contains like_end between null order top_n distinct count
aggregate several_aggregates count_distinct group having_count having_sum having_avg join join_filter three_tables
join_aggregate join_group left_join_zero anti_join most above_average arithmetic per_month per_year date_range
order_date set_operation case self_join subquery refuse
"""
KINDS = frozenset(KIND_NAMES.split())


def bank_files() -> list:
    """The paths of all files of the bank, sorted."""
    return sorted(BANK.glob("*.yaml"))


def read_bank_file(path: Path) -> dict:
    """One file as it stands. Raises cli.UserError when it is missing or no YAML mapping."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError as error:
        raise cli.UserError(f"{path} does not exist; name a file of {BANK.name}/.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise cli.UserError(f"{path}: not readable as YAML, mend it: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise cli.UserError(f"{path}: must be a mapping with the keys {', '.join(FIELDS)}.")
    return content


def load_bank(split: str | None = None) -> list:
    """The questions of one split (None: of all) as rows that verify() can judge, in the form of load_seeds()."""
    contents = [read_bank_file(path) for path in bank_files()]
    return [row for content in contents if split in (None, content["split"]) for row in bank_rows(content)]


def bank_rows(content: dict) -> list:
    """The rows of one file's content."""
    rows = []
    for number, question in enumerate(content["questions"], 1):
        sql = question.get("sql")
        rows.append(
            {
                "id": f"{content['name']}-{number:02d}",
                "prompt": prompt_text(content["ddl"], question["q"]),
                "completion": f"```sql\n{sql}\n```\n{question['say']}" if sql else question["say"],
                "category": question["kind"],
                "schema_id": content["name"],
                "cluster": content["name"],
                "family": content["name"],
                "ddl": content["ddl"],
                "fills": content["fills"],
                "gold": sql,
                "refuse": sql is None,
                "missing": question.get("missing", []),
                "question": question["q"],
                "teacher": "bank",
                "split": content["split"],
            }
        )
    return rows


def benchmark_questions(split: str) -> list:
    """The bank's questions of a benchmark split, `test` when none is named. UserError for another split."""
    if split not in ("", "dev", "test"):
        raise cli.UserError(f"the bank's questions to be asked are those of dev and test, not {split!r}.")
    return load_bank(split or "test")


# --- checks ---------------------------------------------------------------------------------------
# A problem is (question number or 0 for the file, "error", "warning" or "mutant", what is wrong).


def form_problems(content: dict, stem: str) -> list:
    """What is wrong with the shape of a file; its queries are looked at only when this is empty."""
    if list(content) != FIELDS:
        return [(0, "error", f"the keys must be {', '.join(FIELDS)}, in this order")]
    found = []
    if content["name"] != stem:
        found.append((0, "error", f"name {content['name']!r} is not the file's name"))
    if content["split"] not in SPLITS:
        found.append((0, "error", f"split {content['split']!r} is none of {', '.join(SPLITS)}"))
    if not isinstance(content["area"], str):
        found.append((0, "error", "area must be a text"))
    if not isinstance(content["ddl"], str) or len(content["ddl"]) > MAX_DDL:
        found.append((0, "error", f"ddl must be a text of at most {MAX_DDL} characters"))
    fills = content["fills"]
    if not isinstance(fills, list) or len(fills) != 2 or fills[0] == fills[1]:
        found.append((0, "error", "fills must be two different scripts"))
    for number, question in enumerate(content["questions"], 1):
        found += [(number, "error", text) for text in _question_form(question)]
    if not found:
        counts = Counter(question.get("refuse", "") for question in content["questions"])
        allowed = [Counter(PER_SCHEMA)]
        if content["split"] == "dpo":
            allowed += [allowed[0] + Counter([kind]) for kind in MORE]
        if counts not in allowed:
            found.append((0, "error", f"a schema has {PER_SCHEMA} questions, this one {dict(counts)}"))
    return found


def _question_form(question: dict) -> list:
    """What is wrong with the keys and texts of one question."""
    keys = {"q", "say", "kind", *({"refuse"} if "refuse" in question else {"sql"})}
    keys |= {"missing"} if question.get("refuse") == "unanswerable" else set()
    if set(question) != keys:
        return [f"has the keys {sorted(question)} instead of {sorted(keys)}"]
    texts = [question[key] for key in keys - {"missing"}]
    if not all(isinstance(text, str) and text and text == text.strip() for text in texts):
        return ["has a value that is not a text, or begins or ends with a blank (quote what YAML would read as more)"]
    found = []
    if question["kind"] not in KINDS or (question["kind"] == "refuse") != ("refuse" in question):
        found.append(f"kind {question['kind']!r} is not allowed here")
    if question.get("refuse", "change") not in PER_SCHEMA:
        found.append(f"refuse {question['refuse']!r} is neither unanswerable nor change")
    if not question["say"].endswith(".") or not is_one_sentence(question["say"], question.get("sql", "")):
        found.append("say is not one sentence with a full stop")
    if not question.get("sql", ";").endswith(";"):
        found.append("sql does not end with a semicolon")
    missing = question.get("missing", ["some"])
    if not isinstance(missing, list) or not missing or not all(isinstance(word, str) for word in missing):
        found.append("missing must be a list of words")
    return found


def problems_of(content: dict, stem: str, mutants: bool = True) -> list:
    """All problems of one file, with those of its queries, by question."""
    found = form_problems(content, stem)
    if found:
        return found
    databases = []
    try:
        for script in content["fills"]:
            databases.append(sqlite3.connect(":memory:"))
            databases[-1].executescript(f"PRAGMA foreign_keys = ON;\n{content['ddl']}\n{script}")
        for number, row in enumerate(bank_rows(content), 1):
            found += [(number, *problem) for problem in _row_problems(row, databases)]
            if mutants and row["gold"]:
                found += [(number, "mutant", sql) for sql in unnoticed_mutants(row["gold"], databases)]
    except sqlite3.Error as error:
        found.append((0, "error", f"ddl or fill {len(databases)} does not run: {error}"))
    finally:
        for database in databases:
            database.close()
    return found


def _row_problems(row: dict, databases: list) -> list:
    """(level, text) for what is wrong with one question's query and sentence."""
    sql = row["gold"]
    if sql:
        try:
            results = [database.execute(sql).fetchall() for database in databases]
        except sqlite3.Error as error:
            return [("error", f"the query fails: {error}")]
        if explain.parse(sql) is None:
            return [("error", "the query is not one SELECT that sqlglot reads")]
        if any(all(value is None for line in result for value in line) for result in results):
            return [("error", "the result is empty on a fill")]
    found = []
    verdict = verify(row, row["completion"], GOLD_LIMITS)  # our own query: a busy machine is no fault of it
    if not verdict.correct or not verdict.format_ok:
        found.append(("error", f"verify() does not accept it: {verdict.reason}, format {verdict.format_ok}"))
    if verdict.explanation_ok is False:
        parts = explain.unexplained(sql, row["completion"].rsplit("\n", 1)[-1]) if sql else ["why it refuses"]
        found.append(("warning", f"say leaves out: {', '.join(parts)}"))
    if sql:
        if results[0] == results[1]:
            found.append(("warning", "both fills give the same result"))
        found += [("error", f"{text} cuts through a tie") for text in _cut_ties(row)]
        found += [("error", f'"{name}" is no name of the schema') for name in _false_names(row)]
    return found


def _false_names(row: dict) -> list:
    """Quoted words that are no names: SQLite would take them for texts."""
    tree = explain.parse(row["gold"])
    known = row["ddl"].lower()
    made = {alias.alias.lower() for alias in tree.find_all(exp.Alias)}
    quoted = {node.name for node in tree.find_all(exp.Identifier) if node.args.get("quoted")}
    return sorted(name for name in quoted if name.lower() not in known and name.lower() not in made)


def _cut_ties(row: dict) -> list:
    """The LIMITs of the query, also of its subqueries, where the rows before and after the cut tie."""
    cut = []
    for node in explain.parse(row["gold"]).find_all(exp.Query):
        limit, order = node.args.get("limit"), node.args.get("order")
        if limit is None:
            continue
        if order is None:
            cut.append(f"{limit.sql().strip()} without order")
            continue
        whole = node.copy()
        offset = whole.args.get("offset")
        ends = [int(limit.expression.name), int(offset.expression.name) if offset else 0]
        ends[0] += ends[1]
        whole.set("limit", None)
        whole.set("offset", None)
        try:
            golds = gold_results(row["ddl"], tuple(row["fills"]), whole.sql(dialect="sqlite"))
        except RuntimeError:
            continue  # a subquery that does not run alone
        for gold in golds:
            borders = {sum(gold.runs[:i]) for i in range(len(gold.runs) + 1)}
            if any(0 < end < len(gold.rows) and end not in borders for end in ends):
                cut.append(limit.sql().strip())
                break
    return cut


# --- mutants --------------------------------------------------------------------------------------

# The mistakes that a database filled by hand has to show; of those in bounds and columns it cannot have all.
SHOWN = {
    "AND and OR",
    "condition dropped",
    "border",
    "LIKE",
    "DISTINCT",
    "order",
    "join",
    "WHERE dropped",
    "HAVING dropped",
}


def unnoticed_mutants(sql: str, databases: list) -> list:
    """The wrong queries near `sql` that give its result on every database."""
    return [query for query, what in unnoticed(sql, mutants_of(sql), databases).items() if what in SHOWN]


# --- the command ----------------------------------------------------------------------------------


def repeated(rows: list) -> list:
    """(row id, text) for questions and queries that stand in the bank already."""
    found, seen = [], {}
    for row in rows:
        for what in ("question", "gold"):
            text = " ".join((row[what] or "").lower().split())
            if text and (what, text) in seen:
                found.append((row["id"], f"the same {what} as in {seen[what, text]}"))
            seen.setdefault((what, text), row["id"])
    return found


def _table(rows: list) -> str:
    """Counts of kinds by split, as aligned text."""
    counts = Counter((row["category"], row["split"]) for row in rows)
    lines = [f"{'kind':20}" + "".join(f"{split:>6}" for split in SPLITS) + f"{'all':>7}"]
    for kind in [*sorted(KINDS - {"refuse"}), "refuse"]:
        line = [counts[kind, split] for split in SPLITS]
        lines.append(f"{kind:20}" + "".join(f"{n:6}" for n in line) + f"{sum(line):7}")
    line = [sum(n for (_, split), n in counts.items() if split == wanted) for wanted in SPLITS]
    lines.append(f"{'questions':20}" + "".join(f"{n:6}" for n in line) + f"{sum(line):7}")
    schemas = Counter(split for _, split in {(row["schema_id"], row["split"]) for row in rows})
    line = [schemas[split] for split in SPLITS]
    lines.append(f"{'schemas':20}" + "".join(f"{n:6}" for n in line) + f"{sum(line):7}")
    return "\n".join(lines)


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", type=Path, help="YAML files (default: the whole bank)")
    return parser.parse_args(argv)


def main(args):
    """Check and print. Raises cli.UserError when there are errors."""
    errors, rows = 0, []
    for path in args.files or bank_files():
        content = read_bank_file(path)
        found = problems_of(content, path.stem)
        if not form_problems(content, path.stem):
            rows += bank_rows(content)
        for number, level, text in found:
            errors += level == "error"
            print(f"{path.name}{f' question {number}' if number else ''}: {level}: {text}")
    others = [path for path in bank_files() if path.resolve() not in {file.resolve() for file in args.files}]
    rest = [row for path in others for row in bank_rows(read_bank_file(path))] if args.files else []
    for row_id, text in repeated(rest + rows):
        errors += 1
        print(f"{row_id}: error: {text}")
    print(_table(rows))
    sandbox.close()
    if errors:
        raise cli.UserError(f"the bank has {errors} errors, named above; mend them in the files.")


if __name__ == "__main__":
    cli.run(main, parse_args)
