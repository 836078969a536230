"""pytest tests/test_templates.py

The templates of text_to_sql: every kind in every split, splits that share nothing, right and explained answers, foreign
keys the right way round, schemas in every style, databases with borders.
"""

import random
import re
import sqlite3
from collections import Counter
from contextlib import closing
from functools import lru_cache
from itertools import product
from unittest import mock

import pytest

from domains.text_to_sql import explain, schema, templates, traits
from domains.text_to_sql.templates import data, layout, phrases, rows, shared, style, trees, voice
from domains.text_to_sql.templates.families import FAMILIES, SPLITS, Column, Family, Table
from domains.text_to_sql.templates.subjects import SUBJECTS, Subject, subjects
from domains.text_to_sql.verify import verify

REFUSED = {"unanswerable", "write_request"}
EVERY_FAMILY = [*FAMILIES, *(subject.family for subject in SUBJECTS)]
WORDS = {
    "VERBS",
    "PLACES",
    "AGG_WORDS",
    "MOST",
    "BOUNDS",
    "SIDES",
    "EXPLAINED",
    "SUMS",
    "FRONT",
    "ACTIVE",
}  # words, no phrases
TRAINED_ONLY = {"BEFORE", "AFTER"}  # what is said around a question, in the trained splits
FEWEST = {"sft": 8, "dpo": 2, "dev": 2, "test": 3}  # phrases of a table
TABLES = {
    name: value
    for name, value in vars(phrases).items()
    if name.isupper() and isinstance(value, dict) and name not in WORDS
}


@lru_cache
@mock.patch.object(templates, "MEASURED", ())  # the search for telling databases is test_mutate.py's
def rows_of(split):
    """Rows that several tests look at, one of each kind; nobody changes them."""
    rng, rows = random.Random(split), []
    for kind in templates.KINDS:
        for number in range(200):
            made = templates.make_layout(rng, rng.choice(subjects(split)), number)
            row, _ = templates.row_with(rng, made, split, kind)
            if row is not None:
                rows.append({"id": f"{split}-{len(rows)}", **row})
                break
    return rows


def phrases_by_split(table):
    """{split: phrases} of a table of phrases.py, however deep its splits lie."""
    if set(table) & set(SPLITS):
        return {split: leaves(table.get(split, ())) for split in SPLITS}
    found = {split: [] for split in SPLITS}
    for value in table.values():
        for split, some in phrases_by_split(value).items():
            found[split] += some
    return found


def leaves(value):
    if isinstance(value, str):
        return [value]
    return [text for item in (value.values() if isinstance(value, dict) else value) for text in leaves(item)]


# --- splits and phrases -------------------------------------------------------------------------------


def test_no_phrase_stands_in_two_splits():
    owners = {}
    for table in TABLES.values():
        for split, some in phrases_by_split(table).items():
            for phrase in some:
                owners.setdefault(re.sub(r"[^\w{}<>=]+", " ", phrase.lower()).strip(), set()).add(split)
    assert len(owners) > 700
    assert {phrase: splits for phrase, splits in owners.items() if len(splits) > 1} == {}


@pytest.mark.parametrize(
    "name",
    sorted(
        set(TABLES) - {"CONDITIONS", "COMPARATIVE", "NAMED", "WHEN", "WHERE", "ACTS", "AGE", "DIRECTION", *TRAINED_ONLY}
    ),
)
def test_every_frame_is_said_in_many_ways(name):
    for split, fewest in FEWEST.items():
        assert len(set(phrases_by_split(TABLES[name])[split])) >= fewest, (name, split)


@pytest.mark.parametrize("operator", phrases.CONDITIONS)
def test_every_condition_is_said_in_many_ways(operator):
    for split, fewest in FEWEST.items():
        assert len(set(phrases.CONDITIONS[operator][split])) >= fewest, (operator, split)


def test_subjects_share_no_name_and_no_noun():
    owners = {}
    assert len({family.name for family in EVERY_FAMILY}) == len(EVERY_FAMILY)
    for split in SPLITS:
        for subject in subjects(split):
            for table in subject.family.tables:
                for noun in {table.singular, table.plural, *table.synonyms}:
                    owners.setdefault(noun.lower(), set()).add((split, subject.family.name))
    assert {noun: names for noun, names in owners.items() if len(names) > 1} == {}
    assert {subject.family.split for subject in subjects("test")} == {"test"}


def test_links_name_tables_of_their_subject():
    for split in SPLITS:
        for subject in subjects(split):
            names = {table.singular for table in subject.family.tables}
            for link in subject.links:
                assert {link.child, link.parent} <= names and link.of
                assert link.child != link.parent or link.role
            for one in subject.across:
                ends = {link.parent for link in subject.links if link.child == one.via}
                assert {one.one, one.other} <= ends


def test_no_question_and_no_frame_is_shared_by_two_splits():
    for key in ("question", "frame"):
        owners = {}
        for split in SPLITS:
            for row in rows_of(split):
                owners.setdefault(" ".join(re.findall(r"[\w{}]+", row[key].lower())), set()).add(split)
        assert [text for text, splits in owners.items() if len(splits) > 1] == []


# --- rows ---------------------------------------------------------------------------------------------


def test_same_seed_same_rows_and_all_answerable_kinds_come_up():
    once, again, other = (templates.generate(random.Random(seed), 12, "sft") for seed in (8, 8, 9))
    assert once == again and [row["prompt"] for row in once] != [row["prompt"] for row in other]
    assert len({row["id"] for row in once}) == 12 and len({row["schema_id"] for row in once}) == 12
    assert all(row["cluster"] == row["schema_id"] for row in once)


@pytest.mark.parametrize("split", SPLITS)
def test_every_kind_can_be_asked_in_every_split(split):
    rows = rows_of(split)
    assert [row["category"] for row in rows] == list(templates.KINDS)
    own = {subject.family.name for subject in subjects(split)}
    for row in rows:
        assert row["family"] in own and row["prompt"] == f"{row['ddl']}\n\nQuestion: {row['question']}"
        assert row["refuse"] == (row["gold"] is None) == (row["category"] in REFUSED)
        assert bool(row["missing"]) == (row["category"] == "unanswerable")
        assert len(set(row["fills"])) == 2 and row["frame"]


@pytest.mark.parametrize("split", SPLITS)
def test_reference_answers_are_right_well_formed_and_explained(split):
    for row in rows_of(split):
        verdict = verify(row, row["completion"])
        assert verdict.correct and verdict.format_ok and verdict.explanation_ok is not False, (
            row["completion"],
            verdict,
        )


@pytest.mark.parametrize("split", SPLITS)
def test_questions_and_answers_are_tidy(split):
    for row in rows_of(split):
        sentence = row["completion"].rsplit("```\n", 1)[-1]
        for text in (row["question"], sentence):
            assert not re.search(r"\{|\}|⟦|  | [.,:?;]|\n|\bNone\b|\ba (?:[aeio]|u(?!ni|s)|hour)", text), text
            assert not re.search(r"\ban? (?:wins|draws|\w+ (?:hours|days|years|visits))\b", text), text
        assert sentence.endswith(".") and sentence[0].isupper()


def test_gold_is_written_as_people_write_it():
    for split in SPLITS:
        for row in rows_of(split):
            if row["gold"]:
                assert explain.parse(row["gold"]) is not None and "STRFTIME" not in row["gold"]
                assert "WHERE NOT " not in row["gold"] and row["gold"].endswith(";")


@pytest.mark.parametrize("split", SPLITS)
def test_gold_finds_rows_and_its_condition_leaves_some_out(split):
    for row in rows_of(split):
        if row["gold"] is None:
            continue
        tree = explain.parse(row["gold"])
        everything = tree.copy()
        everything.set("where", None)
        for found, all_rows in zip(results(row, row["gold"]), results(row, everything.sql("sqlite")), strict=True):
            assert any(value is not None for line in found for value in line)
            assert not tree.args.get("where") or Counter(found) != Counter(all_rows), row["gold"]


@pytest.mark.parametrize("split", SPLITS)
def test_a_limit_cuts_through_no_tie(split):
    """Read backwards, a table gives the same rows."""
    looked_at = 0
    for row in rows_of(split):
        if " LIMIT " in (row["gold"] or ""):
            looked_at += 1
            there, back = (results(row, row["gold"], f"PRAGMA reverse_unordered_selects = {way}") for way in (0, 1))
            assert [Counter(one) for one in there] == [Counter(one) for one in back], row["gold"]
    assert looked_at >= 3


def results(row, query, setting=""):
    """The rows of a query on each of the row's databases."""
    found = []
    for fill in row["fills"]:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(f"{row['ddl']}{fill}{setting}")
            found.append(connection.execute(query).fetchall())
    return found


def test_unanswerable_questions_ask_for_what_the_schema_lacks():
    for row in several("unanswerable"):
        names = {letters(name) for _, columns in tables_of(row["ddl"]) for name, *_ in columns}
        (words,) = row["missing"]
        assert letters(words) not in names
        assert letters(words)[:4] in letters(row["question"]) and words in row["completion"]


def test_nulls_are_asked_for_only_where_they_can_be():
    looked_at = 0
    for row in several("null_test"):
        name = re.search(r'("[^"]+"|\w+) IS ', row["gold"])[1].strip('"')
        looked_at += "NOT NULL" in row["ddl"]
        assert any((column, fixed) == (name, False) for _, some in tables_of(row["ddl"]) for column, _, fixed in some)
    assert looked_at > 3


@mock.patch.object(templates, "MEASURED", ())
def several(kind, number=6):
    """So many rows of a kind in each split."""
    rng, made = random.Random(kind), []
    for i, split in enumerate(SPLITS, 1):
        while len(made) < i * number:
            one = layout.make_layout(rng, rng.choice(subjects(split)), len(made))
            row, _ = templates.row_with(rng, one, split, kind)
            made += [] if row is None else [row]
    return made


def tables_of(ddl):
    """[(table, [(column, type, NOT NULL or key)])] in the order of the text."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(ddl)
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        found = {name: connection.execute(f'PRAGMA table_info("{name}")').fetchall() for name in names}
        return [(name, [(row[1], row[2], bool(row[3] or row[5])) for row in some]) for name, some in found.items()]


def letters(name):
    """The letters of an identifier or of words, so that page_count, PageCount and page count agree."""
    return re.sub(r"[^a-z]", "", name.lower())


def test_joins_go_from_foreign_key_to_primary_key():
    """Every join of every gold query is one of the schema's references, or a table with itself by one of them."""
    seen = 0
    for split in SPLITS:
        for row in rows_of(split):
            if not row["gold"]:
                continue
            references = references_of(row["ddl"])
            tree = explain.parse(row["gold"])
            real = {one.alias_or_name.lower(): one.name.lower() for one in tree.find_all(trees.exp.Table)}
            for join in tree.find_all(trees.exp.Join):
                ends = {
                    (real[side.table.lower()], side.name.lower())
                    for side in (join.args["on"].this, join.args["on"].expression)
                }
                assert ends in references, row["gold"]
                seen += 1
    assert seen > 40


def references_of(ddl):
    """[{(child, foreign key), (parent, key)}] of a schema, in lower case."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(ddl)
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return [
            {(table.lower(), row[3].lower()), (row[2].lower(), row[4].lower())}
            for table in tables
            for row in connection.execute(f'PRAGMA foreign_key_list("{table}")')
        ]


def test_the_kinds_are_what_they_are_called():
    """The construct that a kind is for stands in its gold query."""
    marks = {
        "join": " JOIN ",
        "three_tables": r" JOIN .* JOIN ",
        "anti_join": r"NOT IN \(SELECT ",
        "most_children": r"GROUP BY .* ORDER BY .* LIMIT [1-3];",
        "count_distinct": r"COUNT\(DISTINCT ",
        "in_list": r" IN \(| OR ",
        "arithmetic": r" [-+*] ",
        "group_order": r"GROUP BY .* ORDER BY ",
        "several_aggregates": r"\), \w+\(",
        "having_metric": r"HAVING (?:SUM|AVG)\(",
        "left_join_zero": " LEFT JOIN ",
        "per_month": r"strftime\('%Y-%m', ",
        "per_year": r"strftime\('%Y', ",
        "set_operation": " (?:UNION|INTERSECT|EXCEPT) ",
        "case": "CASE WHEN ",
        "self_join": " AS a JOIN .* AS b ",
        "date_range": "BETWEEN '",
        "text_match": " LIKE '",
        "than": r"\(SELECT .+ FROM .* WHERE ",
    }
    for split in SPLITS:
        for row in rows_of(split):
            assert re.search(marks.get(row["category"], ""), row["gold"] or ""), (row["category"], row["gold"])


# --- schemas and databases ----------------------------------------------------------------------------


@lru_cache
def layouts():
    rng = random.Random(3)
    some = subjects("sft")
    return [layout.make_layout(rng, some[i % len(some)], i) for i in range(300)]


def test_schemas_have_one_to_four_tables_and_every_style():
    counts = Counter(len(one.tables) for one in layouts())
    assert max(len(one.ddl) for one in layouts()) <= layout.MAX_DDL
    assert set(counts) == {1, 2, 3, 4} and min(counts.values()) >= 10
    for text, least in (("CHECK (", 15), ("DEFAULT ", 15), ("  -- ", 8), ("NOT NULL", 60)):
        assert sum(text in one.ddl for one in layouts()) >= least, text
    composite = [one for one in layouts() if any(not table.key for table in one.tables)]
    assert len(composite) >= 4 and all(re.search(r"PRIMARY KEY \([^()]+, [^()]+\)", one.ddl) for one in composite)
    assert any(ref.child.sql == ref.parent.sql for one in layouts() for ref in one.refs)
    for one in layouts():
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(one.ddl)


def share(is_so):
    return sum(is_so(one) for one in layouts()) / len(layouts())


@pytest.mark.parametrize("case", schema.CASES)
@mock.patch.object(templates, "MEASURED", ())
def test_every_style_runs_and_its_references_are_accepted(case, monkeypatch):
    draw, rng = layout.draw_style, random.Random(case)
    prefixes = [("", ""), ("tbl", "{table}"), ("app", "" if case == "flat" else "{letter}")]
    keys = ("id", "{table} id", "{table} no", "{table} key")
    for i, ((first, column), form) in enumerate(product(prefixes, product((0, 2), (True, False), (True, False)))):
        indent, inline, parent_first = form
        forced = {
            "case": case,
            "table_prefix": first,
            "column_prefix": column,
            "indent": indent,
            "inline_key": inline,
            "inline_foreign": inline,
            "parent_first": parent_first,
            "key": keys[i % 4],
            "plural": i % 3 > 0,
        }
        monkeypatch.setattr(layout, "draw_style", lambda rng, forced=forced: draw(rng)._replace(**forced))
        split = SPLITS[i % 4]
        made = layout.make_layout(rng, rng.choice(subjects(split)), 0)
        row, _ = templates.make_row(rng, made, split)
        verdict = verify(row, row["completion"])
        assert verdict.correct and verdict.format_ok and verdict.explanation_ok is not False, (
            row["ddl"],
            row["completion"],
            explain.unexplained(row["gold"] or "", row["completion"]),
        )
        assert ("\n  " in row["ddl"]) == bool(indent)
        assert (", PRIMARY KEY (" in row["ddl"]) <= (not inline or any(not table.key for table in made.tables))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_every_column_can_be_told_by_its_words(family):
    for table, case, prefix in product(family.tables, schema.CASES, ("", "{table}")):
        for column in table.columns:
            name = schema.identifier(f"{prefix.format(table=table.singular)} {column.words}", case)
            sentence = f"Lists the {column.words} of the {table.plural}."
            for noun in (table.singular, table.plural):
                query = f"SELECT {name} FROM {schema.identifier(f'tbl {noun}', case)};"
                assert explain.unexplained(query, sentence) == []
                assert explain.unexplained(query, f"Lists something of the {table.plural}.") != []
                if not any(table.singular.endswith(word) for word in column.words.split()):  # "horse name"
                    assert explain.unexplained(query, f"Lists the {column.words}.") != []


@pytest.mark.parametrize(
    ("words", "case", "expected"),
    [
        ("page count", "snake", "page_count"),
        ("page count", "camel", "PageCount"),
        ("page count", "lower camel", "pageCount"),
        ("page count", "upper", "PAGE_COUNT"),
        ("page count", "title", "Page_Count"),
        ("page count", "flat", "pagecount"),
        ("page count", "blank", '"page count"'),
        ("page count", "title blank", '"Page Count"'),
        ("order", "camel", '"Order"'),
        ("order", "upper", '"ORDER"'),
        ("price", "blank", "price"),
        ("artist id", "camel", "ArtistID"),
        ("id", "title", "ID"),
        ("paid", "camel", "Paid"),
    ],
)
def test_identifiers_of_every_case(words, case, expected):
    assert schema.identifier(words, case, loud_id=True) == expected


def test_traits_read_back_how_a_schema_is_written():
    told = [traits({"prompt": schema.prompt_text(one.ddl, "Question: why?")}) for one in layouts()]
    assert [one["tables"] for one in told] == [str(len(one.tables)) for one in layouts()]
    for case in schema.CASES:
        shown = [found["case of names"] for found, one in zip(told, layouts(), strict=True) if one.style.case == case]
        assert shown.count("one word each" if case == "flat" else case) >= 0.9 * len(shown), (case, Counter(shown))


def test_schemas_are_written_in_many_ways():
    styles = [one.style for one in layouts()]
    for case in schema.CASES:
        assert share(lambda one, case=case: one.style.case == case) >= 0.05, case
    for field in ("indent", "plural", "parent_first", "inline_key", "inline_foreign", "key"):
        counts = Counter(getattr(one, field) for one in styles)
        assert min(counts.values()) >= 0.08 * len(styles) and len(counts) >= 2, (field, counts)
    for text, least in (
        ("PRIMARY KEY (", 0.15),
        ("FOREIGN KEY (", 0.1),
        (") REFERENCES ", 0.1),
        ("NOT NULL,", 0.3),
        ('"', 0.1),
        ("\n  ", 0.3),
        ("VARCHAR(", 0.2),
        ("NUMERIC(10,2)", 0.05),
        ("varchar(", 0.05),
    ):
        assert share(lambda one, text=text: text in one.ddl) >= least, text
    # What a subject's tables look like once letters' case and names' prefixes are left aside.
    shapes = {tuple(tuple(kind for _, kind, _ in columns) for _, columns in tables_of(one.ddl)) for one in layouts()}
    assert len(shapes) > 200
    orders = {tuple(letters(name) for _, columns in tables_of(one.ddl) for name, *_ in columns) for one in layouts()}
    assert len(orders) > 290
    assert len({one.ddl for one in layouts()}) == 300
    assert set(Counter(one.style.spare for one in layouts())) == set(range(6))
    subjects_of = {case: {one.family.name for one in layouts() if one.style.case == case} for case in schema.CASES}
    assert all(len(names) > 10 for names in subjects_of.values()), "a subject has no style of its own"


def test_no_stock_column_answers_what_is_called_missing():
    for family in EVERY_FAMILY:
        columns = [column.words for table in family.tables for column in table.columns]
        asked = {word for text in (*family.missing, *columns) for word in text.split()}
        stock = style.stock_of(family)
        assert not any(asked & set(column.words.split()) for column in stock), family.name
    used = [(column.column.words, one.family) for one in layouts() for table in one.tables for column in table.stock]
    known = {family.name: {column.words for column in style.stock_of(family)} for _, family in used}
    alike = [words for words, family in used if words not in known[family.name]]
    assert len(used) > 100 and all(words.startswith("old ") or words.endswith(" code") for words in alike)


def test_types_change_no_comparison_and_no_value():
    values = {
        "text": ("10", "9", "2020", "Oak", "O'Brien"),
        "integer": (10, 9, 2020),
        "real": (10.5, 9.25, 100.75),
        "date": ("2020-01-15", "2019-12-31", "2020-02-01"),
        "boolean": (0, 1),
    }
    for kind, types in style.TYPES.items():
        seen = set()
        for declared in types:
            with closing(sqlite3.connect(":memory:")) as connection:
                connection.execute(f"CREATE TABLE t (c {declared})")
                connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values[kind]])
                queries = ["SELECT c, typeof(c) FROM t ORDER BY c", "SELECT strftime('%Y', c) FROM t"]
                queries += [
                    f"SELECT c FROM t WHERE c {sign} {schema.literal(value)} ORDER BY c"
                    for sign in ("=", "<", ">=", "<>")
                    for value in values[kind]
                ]
                seen.add(repr([connection.execute(query).fetchall() for query in queries]))
        assert len(seen) == 1, kind


def test_inserts_name_their_columns():
    for row in rows_of("sft"):
        columns = {name: {column for column, *_ in columns} for name, columns in tables_of(row["ddl"])}
        inserts = re.findall(r'INSERT INTO ("[^"]+"|\w+) \((.*?)\) VALUES\n', row["fills"][0])
        assert {name.strip('"') for name, _ in inserts} == set(columns)
        for name, text in inserts:
            assert {part.strip('"') for part in text.split(", ")} == columns[name.strip('"')]


def test_apostrophes_in_values():
    assert schema.literal("O'Brien") == "'O''Brien'"
    names = tuple(f"{first}a O'Brien" for first in "BCDFGHJKLMNPQR")
    columns = (
        Column("name", "name", names),
        Column("born in", "category", ("Coeur d'Alene", "Xi'an", "L'Aquila")),
        Column("age", "integer", (), 20, 70),
    )
    family = Family("people", "sft", (Table("singer", "singers", columns),), ("pet",))
    rng, quoted = random.Random(3), 0
    for number in range(40):
        row, _ = templates.make_row(rng, layout.make_layout(rng, Subject(family, ()), number), "sft")
        verdict = verify(row, row["completion"])
        assert verdict.correct and verdict.format_ok and verdict.explanation_ok is not False, (row, verdict)
        assert "O''Brien" in row["fills"][0]
        quoted += "''" in (row["gold"] or "")
    assert quoted > 3


def test_databases_keep_references_and_have_gaps_and_apostrophes():
    rng, gaps, values, quoted = random.Random(4), 0, 0, 0
    for one in layouts()[:60]:
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(f"{one.ddl}\n{data.fill(rng, one, data.Plan())}")
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            for table in one.tables:
                for column in table.columns + table.stock:
                    found = [value for (value,) in connection.execute(f"SELECT {column.sql} FROM {table.sql}")]
                    quoted += any(isinstance(value, str) and "'" in value for value in found)
                    if one.gaps and not column.required and column.column.kind != "name":
                        gaps, values = gaps + found.count(None), values + len(found)
    assert 0.06 < gaps / values < 0.14 and quoted > 10


def test_every_border_of_a_condition_is_planted():
    rng = random.Random(1)
    one = next(one for one in layouts() for table in one.tables for c in table.columns if c.column.kind == "integer")
    table = next(table for table in one.tables if any(c.column.kind == "integer" for c in table.columns))
    column = next(c for c in table.columns if c.column.kind == "integer")
    plan = data.Plan({(table.sql, column.sql): data.Plant((8, 9), (6, 7))})
    for _ in range(5):
        with closing(sqlite3.connect(":memory:")) as connection:
            connection.executescript(f"{one.ddl}\n{data.fill(rng, one, plan)}")
            found = {value for (value,) in connection.execute(f"SELECT {column.sql} FROM {table.sql}")}
            assert {6, 7, 8, 9} <= found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("wins", "whose wins are 3"),
        ("hours worked", "whose hours worked are 3"),
        ("height in metres", "whose height in metres is 3"),
        ("bonus", "whose bonus is 3"),
        ("number of pages", "whose number of pages is 3"),
        ("days in the season", "whose days in the season are 3"),
    ],
)
def test_a_plural_column_takes_a_plural_verb(words, expected):
    assert voice.agree("whose {col} is {v}", words).format(col=words, v=3) == expected


def test_articles_fit_the_column():
    phrase = voice.agree("with a {col} of 3", "opening year").format(col="opening year")
    assert voice.tidy(phrase) == "With an opening year of 3"
    assert voice.agree("with a {col} of 3", "wins") == "with {col} of 3"
    text = "with a unit price, a user count and a hourly rate"
    assert voice.tidy(text) == "With a unit price, a user count and an hourly rate"
    assert voice.tidy("{things} with A Open Door".format(things="books")) == "Books with A Open Door"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("title", "titles"),
        ("category", "categories"),
        ("box", "boxes"),
        ("branch", "branches"),
        ("height in metres", "heights in metres"),
        ("number of pages", "numbers of pages"),
        ("wins", "wins"),
        ("day", "days"),
    ],
)
def test_plurals_of_columns(words, expected):
    assert shared.plural(words) == expected


@pytest.mark.parametrize(
    ("comparative", "expected"),
    [("older", "oldest"), ("more expensive", "most expensive"), ("higher in calories", ""), ("", "")],
)
def test_superlatives(comparative, expected):
    assert rows.superlative(comparative) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("that have a price above 3", "that has a price above 3"),
        ("that belong to the city York", "that belongs to the city York"),
        ("that were built in 1990 and which are in York", "that was built in 1990 and which is in York"),
        ("whose price is 3", "whose price is 3"),
    ],
)
def test_conditions_after_a_singular(asked, expected):
    assert shared.of_one(asked) == expected
