"""Questions about database files: the schema as models see it, the files' safety, own questions, Spider's rule."""

import json
import shutil
import sqlite3

import pytest

from common import files
from common.cli import UserError
from domains import text_to_sql
from domains.text_to_sql import explain, load_questions, sandbox, spider, verify
from domains.text_to_sql.databases import check_database, quoted, schema_text
from domains.text_to_sql.reading import is_one_sentence
from eval import domain as domain_eval

SCRIPT = """
CREATE TABLE [Guild]
(
    [GuildId] INTEGER  NOT NULL CHECK (GuildId > 0),
    "Hall Name" NVARCHAR(40) DEFAULT 'none',
    CONSTRAINT pk PRIMARY KEY ([GuildId])
);
CREATE TABLE "order" (no INTEGER PRIMARY KEY AUTOINCREMENT, guild INT REFERENCES Guild, total REAL, paid DATE);
CREATE TABLE line (order_no INTEGER, pos INTEGER, what TEXT, next_no INT, next_pos INT,
                   PRIMARY KEY (pos, order_no), FOREIGN KEY (next_no, next_pos) REFERENCES line (order_no, pos),
                   FOREIGN KEY (order_no) REFERENCES "order" (no) ON DELETE CASCADE);
CREATE VIEW paid_orders AS SELECT no FROM "order" WHERE paid IS NOT NULL;
CREATE INDEX by_guild ON "order" (guild);
INSERT INTO Guild VALUES (1, 'Weavers'), (2, 'Dyers'), (3, 'Tanners');
INSERT INTO "order" VALUES (1, 1, 10.5, '2024-01-02'), (2, 1, 3.0, NULL), (3, 2, 7.0, '2024-02-03');
INSERT INTO line VALUES (1, 1, 'wool', NULL, NULL), (1, 2, 'dye', NULL, NULL);
"""
SCHEMA = """CREATE TABLE Guild (
  GuildId INTEGER PRIMARY KEY,
  "Hall Name" NVARCHAR(40)
);
CREATE TABLE "order" (
  no INTEGER PRIMARY KEY,
  guild INT REFERENCES Guild,
  total REAL,
  paid DATE
);
CREATE TABLE line (
  order_no INTEGER REFERENCES "order"(no),
  pos INTEGER,
  what TEXT,
  next_no INT,
  next_pos INT,
  PRIMARY KEY (pos, order_no),
  FOREIGN KEY (next_no, next_pos) REFERENCES line(order_no, pos)
);"""
LINES = [
    {"question": "How many guilds?", "query": "SELECT COUNT(*) FROM Guild;", "explanation": "Counts the guilds."},
    {"question": "Which halls?", "query": 'SELECT "Hall Name" FROM Guild', "category": "select", "id": "halls"},
    {"question": "What colour is wool?", "query": None, "missing": ["colour"]},
]


@pytest.fixture
def database(tmp_path):
    """A database file in a folder whose name SQLite would read as more than a name."""
    path = tmp_path / "what? 50%#1" / "guild.sqlite"
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.executescript(SCRIPT)
    connection.close()
    return path


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_the_schema_as_models_see_it_builds_the_same_tables(database):
    assert schema_text(database) == SCHEMA
    with sqlite3.connect(":memory:") as again:
        again.executescript(SCHEMA)


def test_names_are_quoted_where_they_must_be():
    assert [quoted(name) for name in ("Guild", "select", "a b", 'say "x"', "1st", "naïve")] == [
        "Guild", '"select"', '"a b"', '"say ""x"""', '"1st"', '"naïve"',
    ]  # fmt: skip


def test_questions_become_rows_that_the_verifier_judges(database, tmp_path):
    rows = load_questions(database, write_lines(tmp_path / "own.jsonl", LINES))
    assert [row["id"] for row in rows] == ["own-001", "halls", "own-003"]
    assert [row["refuse"] for row in rows] == [False, False, True] and rows[2]["category"] == "refuse"
    assert rows[0]["prompt"] == f"{SCHEMA}\n\nQuestion: How many guilds?"
    for row in rows:
        verdict = verify(row, row["completion"])
        assert verdict.correct and (row["id"] == "halls" or verdict.format_ok), (row["id"], verdict)
    assert verify(rows[0], "```sql\nSELECT 3;\n```\nCounts the guilds.").correct
    for wrong in ("SELECT COUNT(*) FROM line", "SELECT 4", "SELECT 1, 3", "SELECT COUNT(*) FROM gild"):
        assert verify(rows[0], f"```sql\n{wrong}\n```\nCounts.").correct is False, wrong
    assert verify(rows[0], "I cannot answer that.").reason == "refused"


def test_a_database_file_is_only_read(database):
    before, beside = database.read_bytes(), sorted(database.parent.iterdir())
    read = sandbox.execute(None, [str(database)], "SELECT no FROM paid_orders ORDER BY no")
    assert read[0].rows == [(1,), (3,)]
    for sql, error in (
        ('DELETE FROM "order"', "forbidden"),
        ("WITH x AS (SELECT 1) INSERT INTO line SELECT 1, 1, 1, 1, 1", "forbidden"),
        ("SELECT * FROM sqlite_master", "forbidden"),
        ("SELECT load_extension('x')", "forbidden"),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n", "timeout"),
    ):
        assert sandbox.execute(None, [str(database)], sql)[0].error == error, sql
    assert database.read_bytes() == before and sorted(database.parent.iterdir()) == beside
    with pytest.raises(RuntimeError, match="cannot be read"):
        sandbox.execute(None, [str(database) + "x"], "SELECT 1")


@pytest.mark.parametrize(
    "line, said",
    [
        ({"query": "SELECT 1"}, r"own.jsonl:2: question is null; it must be text"),
        ({"question": "Why?"}, r"own.jsonl:2 lacks query"),
        ({"question": "Why?", "query": 3}, r"own.jsonl:2: query is a number; it must be text or null"),
        ({"question": "Why?", "query": " "}, r"own.jsonl:2: query is empty"),
        ({"question": "Why?", "query": None, "missing": "x"}, r"own.jsonl:2: missing is text; it must be a list"),
        ({"question": "Why?", "query": "SELECT x FROM Guild"}, r"own.jsonl:2: the query fails on .* no such column: x"),
        ({"question": "Why?", "query": "DELETE FROM Guild"}, r"own.jsonl:2: the query fails on .*\(forbidden"),
    ],
)
def test_a_wrong_line_is_named_before_any_model_is_asked(database, tmp_path, line, said):
    path = write_lines(tmp_path / "own.jsonl", [LINES[0], line])
    with pytest.raises(UserError, match=said):
        load_questions(database, path)


def test_what_is_no_database_is_one_sentence(tmp_path, database):
    other = tmp_path / "table.csv"
    other.write_text("a,b\n" * 10, encoding="utf-8")
    empty = tmp_path / "empty.sqlite"
    with sqlite3.connect(empty) as connection:
        connection.execute("PRAGMA user_version = 1")
    for path, said in ((other, "no SQLite database"), (tmp_path / "none", "not there"), (tmp_path, "no file")):
        with pytest.raises(UserError, match=said):
            check_database(path)
    with pytest.raises(UserError, match="has no table"):
        schema_text(check_database(empty))
    (database.parent / "guild.sqlite-wal").write_bytes(b"x")
    with pytest.raises(UserError, match="close the program"):
        check_database(database)


# --- Spider's rule ----------------------------------------------------------------------------------


@pytest.fixture
def spider_folder(database, tmp_path):
    """Spider's layout with two fillings of one database, and one that is handed round empty."""
    folder = tmp_path / "spider"
    for name in ("guild", "wta_1"):
        (folder / "database" / name).mkdir(parents=True)
    home = folder / "database" / "guild"
    (home / "guild.sqlite").write_bytes(database.read_bytes())
    (home / "more.sqlite").write_bytes(database.read_bytes())
    with sqlite3.connect(home / "more.sqlite") as connection:
        connection.execute("INSERT INTO \"order\" VALUES (4, 1, 3.0, '2024-03-03')")
    connection.close()
    gold = (
        'SELECT guild, total FROM "order"',
        'SELECT DISTINCT guild FROM "order" ORDER BY guild',
        'SELECT COUNT(*) FROM "order" WHERE total > 98',
        'SELECT no FROM "order" WHERE total > 99',
    )
    files.write_json(
        folder / "dev.json",
        [{"db_id": "guild", "question": f"{i}?", "query": sql} for i, sql in enumerate(gold)]
        + [{"db_id": "wta_1", "question": "4?", "query": "SELECT 1"}],
    )
    return folder


def test_spider_rows_are_judged_by_the_official_rule(spider_folder):
    rows = text_to_sql.BENCHMARKS["spider"](str(spider_folder))
    assert [row["id"] for row in rows] == [f"spider-{i:04d}" for i in range(4)]
    assert {row["cluster"] for row in rows} == {"guild"} and len(rows[0]["fills"]) == 2
    for number, sql, reason in (
        (0, 'select total , guild from "order"', "ok"),
        (0, 'SELECT no, guild FROM "order"', "wrong_result"),
        (0, 'SELECT guild, total FROM "order" WHERE no < 4', "wrong_result"),  # right on the first filling only
        (0, 'SELECT DISTINCT guild, total FROM "order"', "ok_without_distinct"),
        (1, 'SELECT guild FROM "order" GROUP BY guild ORDER BY guild', "ok_with_distinct"),
        (1, 'SELECT DISTINCT guild FROM "order" ORDER BY guild DESC', "wrong_result"),
        (2, "SELECT 0.0", "ok"),
        (2, "SELECT '0'", "wrong_result"),
        (2, 'SELECT COUNT(*) FROM "order" WHERE total > = 99', "ok"),
        (2, "SELECT COUNT(*) FROM line WHERE what = 'DISTINCT'", "ok"),
        (2, "SELECT YEAR(CURDATE()) - 2020", "ok"),
        (2, "SELECT value - 1", "ok"),
        (3, 'SELECT no, total FROM "order" WHERE total > 98', "ok"),  # two empty results, whatever their columns
        (3, "SELECT nothing", "sql_error"),
    ):
        assert spider.compare(rows[number], sql) == reason, sql
        verdict = verify(rows[number], f"```sql\n{sql}\n```")
        assert verdict.correct is (reason in ("ok", "ok_without_distinct")) and verdict.reason == reason, sql


def test_spider_without_its_files_is_one_sentence(spider_folder):
    with pytest.raises(UserError, match="spider:DIR"):
        text_to_sql.BENCHMARKS["spider"]("")
    for path in (spider_folder / "database/guild").iterdir():
        path.unlink()
    with pytest.raises(UserError, match=r"database/guild has no \*.sqlite file"):
        text_to_sql.BENCHMARKS["spider"](str(spider_folder))


# --- the script -------------------------------------------------------------------------------------


def ask(*flags):
    return domain_eval.main(domain_eval.parse_args(list(map(str, flags))))


@pytest.fixture
def answered(monkeypatch):
    """In place of the models: the base says nothing, SFT repeats the reference, DPO refuses."""
    asked = []

    def answer_all(args, domain, rows, folder, **told):
        asked.append((args, rows))
        made = {"base": lambda row: "?", "sft": lambda row: row["completion"], "dpo": lambda row: "I cannot say."}
        answers = {
            name: [{**row, "answer": say(row), "finish_reason": "stop"} for row in rows] for name, say in made.items()
        }
        for name, one in answers.items():
            files.write_jsonl(folder / f"{name}.jsonl", one)
        return answers, "chat"

    monkeypatch.setattr(domain_eval.answer, "answer_all", answer_all)
    return asked


def test_own_questions_are_scored_and_shown(database, tmp_path, answered, capsys):
    path, out = write_lines(tmp_path / "own.jsonl", LINES), tmp_path / "out"
    ask("--out", out, "--db", database, "--questions", path, "--resamples", 200)
    result = files.read_json(out / "eval/own.json")
    shares = {part: {name: one["accuracy"] for name, one in made.items()}
              for part, made in result["summary"]["accuracy"].items()}  # fmt: skip
    assert shares["answerable"] == {"base": 0, "sft": 1, "dpo": 0, "always_refuse": 0}
    assert shares["to_be_refused"] == {"base": 0, "sft": 1, "dpo": 1, "always_refuse": 1}
    assert [row["id"] for row in result["rows"]] == ["own-001", "halls", "own-003"]
    assert str(tmp_path) not in json.dumps({key: result[key] for key in ("settings", "summary", "rows")})
    assert str(database.parent) not in json.dumps(result["run"])
    said = capsys.readouterr().out
    assert "answerable    sft           100.0% [" in said and "eval/own.json" in said.strip().split("\n")[-1]


def test_a_part_of_a_benchmark_is_chosen_evenly(spider_folder, tmp_path, answered):
    ask("--out", tmp_path, "--benchmark", f"spider:{spider_folder}", "--items", 2, "--name", "few", "--resamples", 99)
    ((args, rows),) = answered
    assert [row["id"] for row in rows] == ["spider-0000", "spider-0002"] and args.reference_rows == 0
    assert files.read_json(tmp_path / "eval/few.json")["summary"]["accuracy"]["all"]["sft"]["accuracy"] == 1


def test_each_part_of_a_benchmark_has_a_name_and_a_record_of_its_own(spider_folder, tmp_path, answered):
    home = spider_folder.name
    for asked, name, told in (
        ("bank", "bank", "bank"),
        ("bank:dev", "bank-dev", "bank:dev"),
        (f"spider:{spider_folder}", "-".join(dict.fromkeys(["spider", home])), f"spider:{home}"),
    ):
        ask("--out", tmp_path, "--benchmark", asked, "--items", 2, "--resamples", 9)
        made = files.read_json(tmp_path / f"eval/{name}.json")
        assert made["settings"]["benchmark"] == made["run"]["settings"]["benchmark"] == told
        assert (tmp_path / "answers" / name / "sft.jsonl").is_file()


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--db", "x"], "give --db and --questions together"),
        (["--db", "x", "--questions", "y", "--benchmark", "spider:z"], "or --benchmark alone"),
        (["--benchmark", "spyder:x"], r"has no benchmark 'spyder' \(did you mean spider\?\)"),
        (["--benchmark", "spider:{}", "--name", "mmlu"], "cannot be called 'mmlu'"),
        (["--benchmark", "spider:{}", "--name", "summary"], "cannot be called 'summary'"),
        (["--benchmark", "spider:{}", "--name", "a/b"], "cannot be called 'a/b'"),
        (["--benchmark", "spider:{}", "--name", ".."], r"cannot be called '\.\.'"),
        (["--benchmark", "spider:{}", "--name", "categories"], "cannot be called 'categories'"),
    ],
)
def test_flags_that_do_not_fit_are_one_sentence(flags, said, spider_folder, tmp_path, answered):
    with pytest.raises(UserError, match=said):
        ask("--out", tmp_path / "out", *(flag.format(spider_folder) for flag in flags))
    assert not answered and not (tmp_path / "out").exists()


def test_the_questions_on_real_databases_are_well_formed():
    """Their databases are not in the repository; that each query runs on its own is checked when they are asked."""
    seen = set()
    for path in sorted((text_to_sql.BENCHMARK / "real").glob("*.jsonl")):
        rows = files.read_jsonl(path, ("question", "query", "explanation", "category"))
        for row in rows:
            assert is_one_sentence(row["explanation"], row["query"] or ""), row
            assert (row["query"] is None) == (row["category"] == "refuse"), row
            assert row["query"] is None or explain.parse(row["query"]) is not None, row
        seen |= {row["question"].lower() for row in rows}
        assert sum(row["query"] is not None for row in rows) >= 30 and any(row["query"] is None for row in rows)
    assert len(seen) >= 70, "no question twice"


def test_models_are_asked_about_a_database_and_a_second_run_asks_nothing(
    database, tiny_base, tmp_path, monkeypatch, capsys
):
    """The tiny base in place of all three models: its answers mean nothing, what is asked, kept and written does."""
    out, adapters = tmp_path / "out", {}
    for name in ("sft", "dpo"):
        adapters[name] = out / name
        shutil.copytree(tiny_base, out / name / "merged")
        shutil.copytree(tiny_base, out / name, dirs_exist_ok=True)
        (out / name / "model.safetensors").rename(out / name / "adapter_model.safetensors")
    monkeypatch.setattr(domain_eval.answer, "checked_adapters", lambda args, domain: adapters)
    path = write_lines(tmp_path / "own.jsonl", LINES)
    flags = ["--recipe", "recipes/smoke.yaml", "--out", out, "--base", tiny_base, "--dtype", "float32"]
    flags += ["--engine", "hf", "--db", database, "--questions", path, "--max_new_tokens", 8, "--resamples", 99]
    for said in ("base few_shot", "is there already"):
        capsys.readouterr()
        ask(*flags)
        shown = capsys.readouterr()
        assert said in shown.out + shown.err
    answers = files.read_jsonl(out / "answers/own/dpo.jsonl")
    assert [row["prompt"] for row in answers] == [row["prompt"] for row in load_questions(database, path)]
    result = files.read_json(out / "eval/own.json")
    assert result["run"]["settings"]["max_new_tokens"] == 8 and result["run"]["settings"]["engine"] == "hf"
    assert result["settings"]["db"] == "guild.sqlite"
    assert result["summary"]["accuracy"]["all"]["dpo"]["n"] == len(LINES)
    record = files.read_json(out / "answers/own/run.json")
    assert record["settings"]["split"] == "own" and str(database.parent) not in json.dumps(record)


def test_flags_before_recipe_before_what_answer_has_in_it(tmp_path):
    recipe = tmp_path / "own.yaml"
    recipe.write_text(
        "shared: {engine: hf, dtype: bfloat16}\nanswer: {max_new_tokens: 48, limit: 7, dtype: float32}\n"
        "domain: {resamples: 500}\n",
        encoding="utf-8",
    )
    args = domain_eval.parse_args(["--recipe", str(recipe), "--out", str(tmp_path)])
    assert (args.max_new_tokens, args.dtype, args.engine, args.resamples, args.items) == (48, "float32", "hf", 500, 0)
    args = domain_eval.parse_args(["--recipe", str(recipe), "--out", str(tmp_path), "--max_new_tokens", "9"])
    assert args.max_new_tokens == 9
