"""Check the sentence beside a query: does it say what the query does?

A library: `explains(sql, sentence)` and, for a report, `unexplained(sql, sentence)`.

Two looks at it. The first asks only for words: tables, columns, values, aggregates, order, the direction of
comparisons, negation; it knows every query, but not which word belongs to which. Foreign and primary keys need no
mention, they only hold the tables together. The second (claims.py) compares the sentence with the syntax tree, part by
part, and knows queries of a plain shape. So True means that both found nothing wrong, False that a part is missing, is
said otherwise or is said in words that are not understood, and None that the words are there and the query has a shape
that only a reader can judge.
"""

import logging
import re
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite

from domains.text_to_sql.claims import NUMBERS, contradictions
from domains.text_to_sql.names import plain, says, split_identifier, stem
from domains.text_to_sql.parts import Unreadable

# sqlglot logs what it cannot parse; a wrong answer of a model is no news for the screen.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

MAX_SQL = 5000  # characters
MAX_TOKENS = 1500
MAX_SENTENCE = 1000  # characters; the longest right one has a few hundred


def _words(text: str) -> re.Pattern:
    """A pattern for any of the words or phrases of `text`, which `|` separates."""
    return re.compile(rf"(?<!\w)(?:{text})(?!\w)")


HIGHEST = (
    "highest|maximum|max|maximal|largest|latest|most|greatest|biggest|longest|newest|top"
    "|best|last|heaviest|tallest|fastest|deepest|widest|strongest|richest|busiest|priciest"
    "|dearest|hottest|oldest|youngest|upper|farthest|furthest|thickest|hardest|loudest"
)
LOWEST = (
    "lowest|minimum|min|minimal|smallest|earliest|least|fewest|shortest|oldest|youngest|first"
    "|cheapest|lightest|worst|bottom|slowest|nearest|closest|weakest|poorest|narrowest"
    "|coldest|newest|shallowest|thinnest|softest|easiest"
)
AGGREGATES = {
    exp.Count: _words(r"counts?|counted|counting|numbers?|how many|tally|total of"),
    exp.Avg: _words("averages?|averaged|mean"),
    exp.Sum: _words("totals?|totalled|sums?|summed|altogether|combined|overall"),
    exp.Max: _words(HIGHEST),
    exp.Min: _words(LOWEST),
}
ORDERED = _words(
    rf"{HIGHEST}|{LOWEST}|sort(?:s|ed|ing)?|rank(?:s|ed|ing)?|ordered|ordering|orders? \w+ by"
    r"|in (?:\w+ )?order|order of|ascending|descending|alphabetical(?:ly)?|chronological(?:ly)?"
    r"|arranged|from \w+ to \w+|then by"
)
MORE = _words(
    "above|over|more|greater|after|exceed(?:s|ing|ed)?|higher|later|larger|bigger|longer|newer"
    "|older|younger|beyond|past|taller|heavier|faster|deeper|wider|costlier|pricier|dearer|hotter"
    "|stronger|richer|thicker|better"
)
LESS = _words(
    "below|under|less|fewer|before|lower|earlier|smaller|shorter|newer|older|younger|cheaper"
    "|lighter|slower|beneath|narrower|colder|weaker|poorer|thinner|worse|nearer|closer|short of"
)
UP = "more|above|higher|later|after|over|greater|longer|larger|bigger|newer|up|onwards?|older"
DOWN = "less|fewer|below|lower|earlier|before|under|smaller|shorter|older|down|younger"
INCLUSIVE_MORE = (
    rf"at least|no(?:t|ne)? (?:{DOWN})(?: than)?|(?:or|and) (?:{UP})|on or after"
    r"|(?:\w+) than or equal(?: to)?|since|minimum(?: of)?|starting|onwards?|between"
    r"|up from|from"
)
INCLUSIVE_LESS = (
    rf"at most|no(?:t|ne)? (?:{UP})(?: than)?|(?:or|and) (?:{DOWN})|on or before"
    r"|(?:\w+) than or equal(?: to)?|up to|until|till|through|maximum(?: of)?|within"
    r"|between|from .+ to"
)
COMPARISONS = {exp.GT: MORE, exp.LT: LESS, exp.GTE: _words(INCLUSIVE_MORE), exp.LTE: _words(INCLUSIVE_LESS)}
OPPOSITE = {exp.GT: exp.LTE, exp.LT: exp.GTE, exp.GTE: exp.LT, exp.LTE: exp.GT}
MIRRORED = {exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE}
# "or more" must not pass for "more": these go before a strict comparison is looked for.
INCLUSIVE = _words(
    rf"at least|at most|no(?:t|ne)? (?:{UP}|{DOWN})|(?:or|and) (?:{UP}|{DOWN})"
    r"|on or (?:after|before)|(?:\w+) than or equal(?: to)?"
)
NEGATION = re.compile(
    r"(?<!\w)(?:not|no|non|without|missing|other than|except|exclud\w+|empty|lack\w*|never|none"
    r"|neither|nor|unknown|blank|absent|null|cannot|nothing|outside|unlike|differ(?:s|ent)? from"
    r"|differs|besides|apart from|un\w+ed)(?!\w)|n['’]t(?!\w)"
)
PRESENCE = _words("has|have|having|with|known|present|recorded|given|filled|set|exists?|available")
RISING = _words("lowest|smallest|least|fewest|minimum|ascending|cheapest|shortest|low to high")
FALLING = _words("highest|largest|most|greatest|biggest|maximum|descending|longest|high to low")
DATE_FUNCTIONS = {
    "date",
    "datetime",
    "time",
    "julianday",
    "strftime",
    "unixepoch",
    "time_to_str",
    "str_to_time",
    "ts_or_ds_to_date",
    "ts_or_ds_to_timestamp",
    "timestamp",
}
ISO_DATE = re.compile(r"\d{4}-\d\d")


def explains(sql: str, sentence: str, synonyms: dict | None = None) -> bool | None:
    """Whether `sentence` says what `sql` does; None where that cannot be told, False for what cannot be parsed."""
    missing = unexplained(sql, sentence, synonyms)
    return None if missing is None else not missing


def unexplained(sql: str, sentence: str, synonyms: dict | None = None) -> list[str] | None:
    """What `sentence` does not say of `sql`, or says otherwise; `synonyms`: {identifier: [words]}.

    None where its words are there, but the query has a shape that is not compared any further.
    """
    nodes = _nodes(sql)
    if not nodes:
        return ["query that cannot be parsed"]
    if len(sentence) > MAX_SENTENCE:
        return ["sentence that is too long"]
    try:
        return _unmet(nodes, sentence, synonyms or {}) or contradictions(nodes[0], sentence, synonyms or {}, _is_key)
    except Unreadable:
        return None
    except Exception as error:  # a model's query can have a shape that nobody thought of
        return [f"query that cannot be understood: {error!r}"]


def _unmet(nodes: list, sentence: str, synonyms: dict) -> list[str]:
    sentence = plain(sentence)
    text = " ".join(sentence.casefold().split())
    parts = [
        *_tables(nodes, sentence, synonyms),
        *_columns(nodes, sentence, synonyms),
        *_values(nodes, text),
        *_aggregates(nodes, text),
        *_comparisons(nodes, text),
    ]
    if _all(nodes, exp.Order) and not ORDERED.search(text):
        parts.append("order")
    if _reverses_order(nodes, text):
        parts.append("direction of the order")
    if _hides_negation(nodes, text):
        parts.append("negation")
    return parts


def _named(sentence: str, identifier: str, synonyms: dict, last_only: bool = False) -> bool:
    alternatives = synonyms.get(identifier, ())
    return says(sentence, identifier, last_only) or any(says(sentence, words) for words in alternatives)


# --- the parts of a query -------------------------------------------------------------------------


class _TooCostly(Exception):
    """sqlglot would take exponential time."""


class _Parser(SQLite.parser_class):
    """SQLite's parser with a budget: some inputs (a JOIN chain without ON) make sqlglot try every
    way to read them, which takes all time and memory. A usual query moves once per token."""

    budget = 0

    def _advance(self, times: int = 1) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise _TooCostly
        super()._advance(times)


@lru_cache(maxsize=4096)
def parse(sql: str) -> exp.Expression | None:
    """The syntax tree of one SELECT, WITH or VALUES; None for anything else. Not to be changed."""
    if len(sql) > MAX_SQL:
        return None
    try:
        dialect = SQLite()
        tokens = dialect.tokenize(sql)
        if len(tokens) > MAX_TOKENS:
            return None
        parser = _Parser(dialect=dialect, error_level=sqlglot.ErrorLevel.IMMEDIATE)
        parser.budget = 500 + 4 * len(tokens)
        trees = [tree for tree in parser.parse(tokens, sql) if tree is not None]
    except Exception:  # a parser of hostile text: RecursionError, its own errors, its own bugs
        return None
    return trees[0] if len(trees) == 1 and isinstance(trees[0], exp.Query) else None


@lru_cache(maxsize=4096)
def _nodes(sql: str) -> list[exp.Expression]:
    """All nodes of the syntax tree, walked once because that takes longer than the rest."""
    tree = parse(sql)
    return list(tree.walk()) if tree is not None else []


def _all(nodes: list[exp.Expression], *kinds: type) -> list[exp.Expression]:
    return [node for node in nodes if isinstance(node, kinds)]


def _tables(nodes: list, sentence: str, synonyms: dict) -> list[str]:
    defined = {cte.alias_or_name.lower() for cte in _all(nodes, exp.CTE)}
    used = {table.name for table in _all(nodes, exp.Table)}
    return [
        f"table {name}"
        for name in sorted(used)
        if name.lower() not in defined and not _named(sentence, name, synonyms, True)
    ]


def _columns(nodes: list, sentence: str, synonyms: dict) -> list[str]:
    made = {alias.alias.lower() for alias in _all(nodes, exp.Alias)}
    made |= {name.lower() for alias in _all(nodes, exp.TableAlias) for name in alias.alias_column_names}
    tables = {table.name for table in _all(nodes, exp.Table)}
    used = {
        column.name
        for column in _all(nodes, exp.Column)
        if isinstance(column.this, exp.Identifier) and not _joins_tables(column)
    }
    return [
        f"column {name}"
        for name in sorted(used)
        if name.lower() not in made and not _is_key(name, tables) and not _named(sentence, name, synonyms)
    ]


def _is_key(name: str, tables: set[str]) -> bool:
    """Whether this is a key by its name: "id", "artist_id"; with a table of artists also "artistid", "artist_no"."""
    words = split_identifier(name) or [""]
    if name.lower() == "rowid" or words[-1] == "id":
        return True
    owner = re.fullmatch(r"(.+)(?:id|no|key)", "".join(words))
    return owner is not None and any(
        stem("".join(split_identifier(table))).endswith(stem(owner[1])) for table in tables
    )


def _joins_tables(column: exp.Column) -> bool:
    """Whether the column stands in `a.x = b.y`."""
    parent = column.parent
    return (
        isinstance(parent, exp.EQ)
        and all(isinstance(side, exp.Column) for side in (parent.this, parent.expression))
        and parent.this.table.lower() != parent.expression.table.lower()
    )


def _values(nodes: list, text: str) -> list[str]:
    numbers = {float(number.replace(",", "")) for number in re.findall(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?", text)}
    numbers |= {float(NUMBERS.index(word)) for word in re.findall("[a-z]+", text) if word in NUMBERS}
    parts = []
    for literal in _condition_literals(nodes):
        if not literal.is_string:
            if _number(literal) not in numbers:
                parts.append(f"value {literal.name}")
        elif not _says(text, literal):
            parts.append(f"value '{literal.name}'")
    for limit in _all(nodes, exp.Limit):
        k = limit.expression
        if isinstance(k, exp.Literal) and k.name != "1" and _number(k) not in numbers:
            parts.append(f"limit {k.name}")
    return parts


def _number(literal: exp.Literal) -> float | None:
    try:
        return float(literal.name)
    except ValueError:
        return None


def _says(text: str, literal: exp.Literal) -> bool:
    value = plain(literal.name).casefold()
    if isinstance(literal.parent, (exp.Like, exp.ILike, exp.Glob, exp.Escape)):
        value = re.sub(r"[%*_]+", " ", value).strip(" -/.,:")
    value = " ".join(value.split())
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def _condition_literals(nodes: list) -> list[exp.Literal]:
    """The values of WHERE, HAVING and ON; not the settings of functions, such as '%Y'."""
    found = []
    for literal in _all(nodes, exp.Literal):
        clause = literal.find_ancestor(exp.Where, exp.Having, exp.Join, exp.Limit, exp.Offset, exp.Select)
        if isinstance(clause, (exp.Where, exp.Having, exp.Join)) and not _is_setting(literal):
            found.append(literal)
    return found


def _is_setting(literal: exp.Literal) -> bool:
    node = literal.parent
    while node is not None and not isinstance(node, (exp.Query, exp.Predicate, exp.Connector)):
        if isinstance(node, exp.Func) and not isinstance(node, (exp.AggFunc, exp.Cast, exp.Case)):
            name = (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
            if not literal.is_string:
                return True
            return name in DATE_FUNCTIONS and not ISO_DATE.match(literal.name)
        node = node.parent
    return False


def _aggregates(nodes: list, text: str) -> list[str]:
    parts = []
    for kind, pattern in AGGREGATES.items():
        for call in _all(nodes, kind):
            # "more than 3 books", "the most orders": the comparison or the order says it already.
            clause = call.find_ancestor(exp.Having, exp.Order, exp.Select)
            counted = kind is exp.Count and isinstance(clause, (exp.Having, exp.Order))
            if not counted and not pattern.search(text):
                parts.append(f"aggregate {kind.__name__.upper()}")
    return sorted(set(parts))


def _comparisons(nodes: list, text: str) -> list[str]:
    strict_text = INCLUSIVE.sub(" ", text)
    parts = []
    for node in _all(nodes, *COMPARISONS):
        clause = node.find_ancestor(exp.Where, exp.Having, exp.Join, exp.Select)
        if isinstance(clause, exp.Select):
            continue  # a computed column, not a condition
        kind = type(node)
        if isinstance(node.this, exp.Literal):
            kind = MIRRORED[kind]
        if _is_negated(node):
            kind = OPPOSITE[kind]
        if not COMPARISONS[kind].search(strict_text if kind in (exp.GT, exp.LT) else text):
            parts.append(f"comparison {kind.__name__}")
    return parts


def _is_negated(node: exp.Expression) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    return isinstance(parent, exp.Not)


def _reverses_order(nodes: list, text: str) -> bool:
    """Whether the sentence says only "lowest" of a descending order, or only "highest" of a rising
    one; not asked when the order has several terms or the query has such words of its own."""
    terms = _all(nodes, exp.Ordered)
    if len(terms) != 1 or _all(nodes, exp.Max, exp.Min):
        return False
    own = " ".join(word for node in _all(nodes, exp.Identifier) for word in split_identifier(node.name))
    if FALLING.search(own) or RISING.search(own):
        return False
    text = INCLUSIVE.sub(" ", text)
    rising, falling = RISING.search(text), FALLING.search(text)
    return bool(rising and not falling if terms[0].args.get("desc") else falling and not rising)


def _hides_negation(nodes: list, text: str) -> bool:
    """Whether the query denies something and the sentence does not."""
    if NEGATION.search(text):
        return False
    if _all(nodes, exp.NEQ, exp.NullSafeNEQ, exp.Except):
        return True
    if any(isinstance(node.expression, exp.Null) and not _is_negated(node) for node in _all(nodes, exp.Is)):
        return True
    for node in _all(nodes, exp.Not):
        inner = node.this.unnest()
        present = isinstance(inner, exp.Is) and PRESENCE.search(text)
        if not present and not isinstance(inner, tuple(COMPARISONS)):
            return True
    return False
