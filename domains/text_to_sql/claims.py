"""Does a sentence say exactly what a query does? For queries of a plain shape, against their syntax tree.

A library: `contradictions(tree, sentence, synonyms, is_key)`. The sentence is written as a line of symbols, one for
each mention of a column, table, value, comparison, aggregate, order; the query asks for its own parts in that line,
each condition with its column, operator and value side by side, and takes them out. What is left over must be the
columns that it shows. A word that is neither a part of the query nor an ordinary filler counts against the sentence,
since nobody knows what it adds. A query of another shape (WITH, UNION, window functions, CASE) raises Unreadable.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from sqlglot import exp

from domains.text_to_sql.names import WORD, joined, plain, split_identifier, stem, words_of


class Unreadable(Exception):
    """A query whose shape cannot be compared with a sentence here."""


# --- the words of sentences: symbol, then the phrases that mean it ----------------------------------

BIGGER = (
    "higher greater larger bigger longer later taller heavier faster deeper wider stronger richer thicker hotter more"
)
SMALLER = "lower smaller less fewer shorter earlier cheaper lighter slower narrower weaker poorer thinner colder"
MOST = (
    "highest largest greatest biggest maximum max maximal longest latest most tallest heaviest fastest deepest widest"
    " strongest richest busiest priciest dearest hottest best top"
)
LEAST = (
    "lowest smallest least fewest minimum min minimal shortest earliest cheapest lightest slowest narrowest weakest"
    " poorest coldest worst"
)
OLDER, OLDEST, YOUNGER, YOUNGEST = "older", "oldest", "younger newer", "youngest newest"
PHRASES = {
    "GT": "above, over, beyond, past, after, exceeding, exceeds, exceed",
    "LT": "below, under, beneath, before, prior to, short of",
    "GE": "at least, greater than or equal to, more than or equal to, on or after, since, starting from, minimum of",
    "LE": "at most, less than or equal to, smaller than or equal to, on or before, up to, until, maximum of",
    "ORMORE": "or more, or above, or over, or up, and up, or later, or after, or older, onwards",
    "ORLESS": "or less, or below, or under, or before, or earlier, or fewer, or younger",
    "BETWEEN": "between, in the range, in the range of",
    "EQ": "equals, equal to, exactly, precisely",
    "NOT": (
        "not, no, without, other than, lack, lacks, lacking, except, excluding, neither, cannot, never, anything but"
        ", any other than, differs from, different from, none"
    ),
    "NULLISH": "missing, empty, null, blank, unknown, absent, unset",
    "KNOWN": "known, present, recorded, given, available, filled in, filled",
    "STARTS": "starts with, starting with, start with, begins with, beginning with, begin with",
    "ENDS": "ends in, ends with, ending in, ending with, end in, end with",
    "CONTAINS": "contains, contain, containing, includes, include, including",
    "COUNT": "number of, numbers of, count of, total number of, how many, counts, counts of, count, tally of",
    "AVG": "average, averages, mean",
    "SUM": "total, totals, sum, sum of, total of, combined, summed, overall",
    "MAX": MOST.replace(" ", ", "),
    "MIN": LEAST.replace(" ", ", "),
    "SORT": (
        "sorted, sorts, ordered, orders, ranked, ranks, arranged, in order of, in the order of, sorting, ordering"
    ),
    "SORT DESC": "in descending order of",
    "SORT ASC": "in ascending order of",
    "DESC": "descending, in descending order, descending order, high to low, from high to low",
    "ASC": "ascending, in ascending order, ascending order, low to high, from low to high, alphabetically",
    "FIRST": "first",
    "LAST": "last",
    "EACH": "each, every, per, for each, for every",
    "BY": "by, grouped by, broken down by",
    "DISTINCT": "different, distinct, unique, once, only once, without duplicates, without repeats, no duplicates",
    "TIMES": "times, multiplied by, multiplied with",
    "PLUS": "plus, added to",
    "MINUS": "minus",
    "DIVIDED": "divided by",
    "AND": "and, but, also, as well as",
    "OR": "or, nor",
    "FROM": "from",
    "TO": "to, through, and up to",
    "REF": "that number, that total, that count, that average, that sum, that date, that day, that value",
    "ALL": "all columns, every column, all details, all fields, everything, all data, all information, all the columns",
    "L": "of, in, as, for, on, at, among, across, within, during",
    # What a date column may be called besides its name: "the adopted on date", "on a day after".
    "WHEN": "date, dates, day, days, time, year, years, month",
    "WORD": "a second word, second word, a later word, a word",
    # A verb in front, and little words that add nothing.
    "VERB": (
        "lists, list, gives, give, shows, show, returns, return, finds, find, names, tells, selects, select, displays"
        ", display, reports, report, gets, retrieves, prints"
    ),
    "": (
        "a, an, the, any, all, is, are, was, were, be, been, being, has, have, had, having, do, does, that, which"
        ", who, it, whom, whose, where, when, what, with, its, their, his, her, they, them, this, these, those, there"
        ", one, ones, same, only, just, both, so, then, if, s, query, together, along, matching, corresponding"
        ", respective, belonging, belong, belongs, row, rows, record, records, entry, entries, value, values, column"
        ", table, appear, appears, text"
    ),
}
COMPARED = {
    **{f"{word} than": "GT" for word in BIGGER.split()},
    **{f"{word} than": "LT" for word in SMALLER.split()},
    **{f"{no} {word} than": "LE" for no in ("no", "not") for word in BIGGER.split()},
    **{f"{no} {word} than": "GE" for no in ("no", "not") for word in SMALLER.split()},
    **{f"{no} {word}": "LE" for no in ("no", "not") for word in ("above", "over", "after", "exceeding")},
    **{f"{no} {word}": "GE" for no in ("no", "not") for word in ("below", "under", "before")},
    **{f"or {word}": "ORMORE" for word in BIGGER.split()},
    **{f"or {word}": "ORLESS" for word in SMALLER.split()},
    **{f"{word} than or equal to": "GE" for word in BIGGER.split()},
    **{f"{word} than or equal to": "LE" for word in SMALLER.split()},
}
LEXICON = {
    **{tuple(phrase.split()): symbol for symbol, text in PHRASES.items() for phrase in text.split(", ")},
    **{tuple(phrase.split()): symbol for phrase, symbol in COMPARED.items()},
}
PREFIXES = ("tbl", "t", "app", "core", "crm", "stg")  # of table names, which no sentence repeats
NUMBERS = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty"),
]
UNITS = re.compile("[cfm]|km|kmh|cm|mm|kg|g|mg|ml|l|mb|gb|kwh|min|minutes|hours|days|months|years|sec|seconds|euros")
TOKEN = re.compile(rf"(?P<number>(?<![\w.])-?\d+(?:,\d{{3}})*(?:\.\d+)?(?![\w]))|(?P<comma>[,;、，:()])|{WORD.pattern}")


# --- the query --------------------------------------------------------------------------------------


MOST_PARTS = 12  # conditions, columns, tables; no sentence says more of them, and the comparison stays quick
PLAIN_PARTS = {"expressions", "from_", "where", "kind"}


COUNTED = r"(?:COUNT (?:L )*)?t\d+"  # "the most books", "the highest number of books"


class Leaf(NamedTuple):
    """One condition: patterns that say it, the table of its column (None: not known), that column's symbol or ""."""

    patterns: list
    owner: str | None = None
    column: str = ""


class Query(NamedTuple):
    """What a sentence has to say. Symbols: c0, c1 for columns, t0 for tables, v0 for texts, n3.0 for numbers."""

    columns: dict  # (owner or "", name) -> symbol
    tables: dict  # name -> symbol
    texts: dict  # text -> symbol
    leaves: list
    tree: object  # of conditions: an index into leaves, ("and" or "or", ...), None
    outputs: list  # ("plain", column), (aggregate, column or "*"), ("sum", pattern) of arithmetic, ("all",)
    groups: list
    owners: dict  # symbol of a column -> symbol of its table, where the query says it
    qualified: set  # symbols of columns that are called with their table, since two have the name
    keys: set  # symbols of key columns, which need no mention
    order: list  # (pattern of the term, descending)
    limit: int | None
    distinct: bool


class _Reader:
    """Reads a syntax tree into a Query; carries the symbols that it has given out."""

    def __init__(self, tree: exp.Expression, is_key: Callable):
        self.tree, self.is_key = tree, is_key
        self.columns, self.tables, self.texts, self.leaves, self.keys = {}, {}, {}, [], set()
        self.owners, self.optional, self.joins = (
            {},
            {},
            0,
        )  # LEFT JOINs that no IS NULL has answered; tables tied by a condition
        names = [(self._owner_name(c), c.name.lower()) for c in tree.find_all(exp.Column)]
        owners = {}
        for owner, name in names:
            owners.setdefault(name, set()).add(owner)
        self.ambiguous = {name for name, found in owners.items() if len(found - {""}) > 1}

    def _owner_name(self, column: exp.Column) -> str:
        for select in self._scopes(column):
            for table in self._sources(select):
                if column.table and column.table.lower() in (table.alias.lower(), table.name.lower()):
                    return table.name.lower()
        return ""

    @staticmethod
    def _scopes(node):
        while node is not None:
            node = node.find_ancestor(exp.Select)
            if node is not None:
                yield node

    @staticmethod
    def _sources(select) -> list:
        source = select.args.get("from_")
        return [part.this for part in [*([source] if source else []), *(select.args.get("joins") or [])]]

    def read(self) -> Query:
        tree = self.tree
        _require_select(tree, PLAIN_PARTS | {"joins", "group", "having", "order", "limit", "distinct"})
        conditions = self._clauses(tree)
        having = tree.args.get("having")
        if having:
            conditions.append(self._condition(having.this))
        conditions = [one for one in conditions if one is not None]
        group, order, limit = tree.args.get("group"), tree.args.get("order"), tree.args.get("limit")
        groups = [self._symbol(one) for one in group.expressions] if group else []
        outputs = [self._output(one) for one in tree.expressions]
        if (
            max(map(len, (self.leaves, self.columns, self.tables, outputs, order.expressions if order else ())))
            > MOST_PARTS
        ):
            raise Unreadable
        if groups and not having and all(kind in ("plain",) for kind, *_ in outputs) and not order:
            raise Unreadable  # groups that nothing is said of: a DISTINCT in other words
        return Query(
            self.columns,
            self.tables,
            self.texts,
            self.leaves,
            _flat("and", conditions),
            outputs,
            [one for one in groups if one not in self.keys or ("plain", one) in outputs],
            self.owners,
            {symbol for (owner, _), symbol in self.columns.items() if owner},
            self.keys,
            [(self._term(one.this), bool(one.args.get("desc"))) for one in order.expressions] if order else [],
            self._limit(limit),
            bool(tree.args.get("distinct")),
        )

    @staticmethod
    def _limit(limit) -> int | None:
        if limit is None:
            return None
        if not (isinstance(limit.expression, exp.Literal) and limit.expression.is_int):
            raise Unreadable
        return int(limit.expression.name)

    def _clauses(self, select) -> list:
        """The conditions of FROM, JOIN and WHERE, without those that only join."""
        sources = self._sources(select)
        if not sources or not all(isinstance(source, exp.Table) for source in sources):
            raise Unreadable
        for table in sources:
            self._table(table.name)
        found, before = [], self.joins
        for join in select.args.get("joins") or []:
            if join.args.get("side") == "LEFT":
                self.optional[(join.this.alias or join.this.name).lower()] = join.this.name
            elif join.args.get("side") or join.args.get("method") or join.args.get("kind") not in (None, "", "INNER"):
                raise Unreadable
            if join.args.get("on"):
                found.append(self._condition(join.args["on"]))
            self.joins += bool(join.args.get("using"))
        if select.args.get("where"):
            found.append(self._condition(select.args["where"].this))
        if self.joins - before < len(sources) - 1 or self.optional:
            raise Unreadable  # every row with every row, or rows without a partner that are kept
        return found

    def _table(self, name: str) -> str:
        return _same_name(self.tables, name, f"t{len(self.tables)}")

    def _symbol(self, node) -> str:
        """The symbol of a column."""
        if not isinstance(node, exp.Column) or not isinstance(node.this, exp.Identifier):
            raise Unreadable
        name, owner = node.name, self._owner_name(node)
        key = (owner if name.lower() in self.ambiguous else "", name)
        if name.lower() in self.ambiguous and not owner:
            raise Unreadable
        symbol = _same_name(self.columns, key, f"c{len(self.columns)}")
        if self.is_key(name, set(self.tables)):
            self.keys.add(symbol)
        if table := self._owner(node):
            self.owners[symbol] = table
        return symbol

    def _owner(self, node) -> str | None:
        """The symbol of the table of the first column below."""
        column = node if isinstance(node, exp.Column) else node.find(exp.Column)
        owner = self._owner_name(column) if column is not None else ""
        return next((symbol for name, symbol in self.tables.items() if name.lower() == owner), None) if owner else None

    def _value(self, node) -> str:
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
            return f"n{-float(node.this.name)}"
        if not isinstance(node, exp.Literal):
            raise Unreadable
        if re.fullmatch(r"\d+(\.\d+)?", node.name):
            return f"n{float(node.name)}"
        if not node.is_string or not node.name.strip():
            raise Unreadable
        return self._text(node.name)

    def _text(self, text: str) -> str:
        return self.texts.setdefault(" ".join(text.split()), f"v{len(self.texts)}")

    def _aggregate(self, node) -> tuple[str, str]:
        """("COUNT", "*"), ("DISTINCT", column) for a count of different values, or (aggregate, column)."""
        kinds = {exp.Count: "COUNT", exp.Avg: "AVG", exp.Sum: "SUM", exp.Max: "MAX", exp.Min: "MIN"}
        kind, inner = kinds.get(type(node)), node.this
        if kind is None or node.args.get("expressions"):
            raise Unreadable
        if isinstance(inner, exp.Star) and kind == "COUNT":
            return kind, "*"
        if isinstance(inner, exp.Distinct) and kind == "COUNT" and len(inner.expressions) == 1:
            return "DISTINCT", self._symbol(inner.expressions[0])
        symbol = self._symbol(inner)
        return (kind, "*") if kind == "COUNT" and symbol in self.keys else (kind, symbol)

    def _output(self, node) -> tuple:
        node = node.unalias()
        if isinstance(node, exp.Star):
            return ("all",)
        if isinstance(node, exp.AggFunc):
            return self._aggregate(node)
        if isinstance(node, exp.Binary):
            return "sum", self._arithmetic(node)
        return "plain", self._symbol(node)

    def _arithmetic(self, node) -> str:
        words = {exp.Mul: "TIMES", exp.Add: "PLUS", exp.Sub: "MINUS", exp.Div: "DIVIDED"}
        if isinstance(node, exp.Column):
            return self._symbol(node)
        if isinstance(node, (exp.Literal, exp.Neg)):
            return self._value(node)
        if type(node) not in words:
            raise Unreadable
        left, right = self._arithmetic(node.this), self._arithmetic(node.expression)
        ways = [f"{left} {words[type(node)]} {right}"]
        if isinstance(node, (exp.Mul, exp.Add)):
            ways.append(f"{right} {words[type(node)]} {left}")
        return f"(?:{'|'.join(ways)})"

    def _term(self, node) -> str:
        """A pattern for what ORDER BY or a comparison is about."""
        if isinstance(node, exp.Column):
            alias = next((one.this for one in self.tree.expressions if one.alias.lower() == node.name.lower()), None)
            return self._term(alias) if alias is not None else self._symbol(node)
        kind, symbol = self._aggregate(node)
        if kind == "COUNT":
            return COUNTED if symbol == "*" else rf"COUNT (?:L )*{symbol}"
        return f"COUNT DISTINCT {symbol}" if kind == "DISTINCT" else f"{kind} (?:L )*{symbol}"

    # Conditions.

    def _condition(self, node):
        """An index into leaves, ("and" or "or", ...), or None for what only joins tables."""
        node = node.unnest()
        if isinstance(node, (exp.And, exp.Or)):
            parts = [self._condition(one) for one in (node.this, node.expression)]
            if isinstance(node, exp.Or) and None in parts:
                raise Unreadable
            return _flat("and" if isinstance(node, exp.And) else "or", [part for part in parts if part is not None])
        negated = False
        while isinstance(node, exp.Not):
            node, negated = node.this.unnest(), not negated
        negated ^= bool(node.args.get("negate"))  # how sqlglot reads NOT LIKE
        if isinstance(node, exp.EQ) and not negated and self._joins(node):
            self.joins += 1
            return None
        if isinstance(node, exp.Is) and not negated and self._is_antijoin(node):
            return self._add(Leaf([f"NOT (?:L )*{self._table(self.optional.pop(node.this.table.lower()))}"]))
        if isinstance(node, exp.Exists) or isinstance(node, exp.In) and node.args.get("query"):
            return self._subquery(node, negated)
        if isinstance(node, exp.EQ) and isinstance(node.expression, exp.Subquery) and not negated:
            inner = node.expression.unnest()
            if isinstance(inner, exp.Select) and isinstance(inner.expressions[0], exp.Column):
                return self._subquery(exp.In(this=node.this.copy(), query=node.expression.copy()), False)
        return self._add(self._leaf(node, negated))

    def _add(self, leaf: Leaf) -> int:
        self.leaves.append(leaf)
        return len(self.leaves) - 1

    def _joins(self, node: exp.EQ) -> bool:
        sides = (node.this, node.expression)
        return all(isinstance(side, exp.Column) for side in sides) and sides[0].table.lower() != sides[1].table.lower()

    def _is_antijoin(self, node: exp.Is) -> bool:
        column = node.this
        return (
            isinstance(node.expression, exp.Null)
            and isinstance(column, exp.Column)
            and column.table.lower() in self.optional
            and self.is_key(column.name, set(self.tables))
        )

    def _subquery(self, node, negated: bool):
        """EXISTS or IN with a query of one table, which the sentence names; what is said there counts as said here."""
        inner = node.this if isinstance(node, exp.Exists) else node.args["query"].unnest()
        _require_select(inner, PLAIN_PARTS)
        if isinstance(node, exp.In):
            if not self.is_key(node.this.name, {table.name for table in self._sources(inner)} | set(self.tables)):
                raise Unreadable
            self._symbol(node.this)
        sources = self._sources(inner)
        if len(sources) != 1 or not isinstance(sources[0], exp.Table):
            raise Unreadable
        table, joins, where = self._table(sources[0].name), self.joins, inner.args.get("where")
        condition = self._condition(where.this) if where else None
        if isinstance(node, exp.Exists) and self.joins == joins:
            raise Unreadable  # whether any row is there at all
        self.joins = joins
        if not negated:
            return condition
        if condition is not None:
            raise Unreadable  # "no lessons whose ...": which part is denied, a line of symbols does not show
        return self._add(Leaf([f"NOT (?:L )*{table}"]))

    def _leaf(self, node, negated: bool) -> Leaf:
        swapped = {exp.GT: exp.LT, exp.LT: exp.GT, exp.GTE: exp.LTE, exp.LTE: exp.GTE}
        opposite = {
            exp.GT: exp.LTE,
            exp.LT: exp.GTE,
            exp.GTE: exp.LT,
            exp.LTE: exp.GT,
            exp.EQ: exp.NEQ,
            exp.NEQ: exp.EQ,
        }
        kind, left = type(node), node.this
        if kind in opposite:
            right = node.expression
            if isinstance(left, (exp.Literal, exp.Neg)):
                left, right, kind = right, left, swapped.get(kind, kind)
            return self._comparison(opposite[kind] if negated else kind, _bare(left), _bare(right))
        column = self._symbol(left)
        owner = self._owner(left)
        no = "NOT " if negated else ""
        if isinstance(node, exp.Between):
            return Leaf(
                _between(column, self._value(node.args["low"]), self._value(node.args["high"]), no), owner, column
            )
        if isinstance(node, exp.In) and 0 < len(node.expressions) <= MOST_PARTS:
            values = [self._value(one) for one in node.expressions]
            return Leaf(_one_of(column, values, no), owner, column)
        if isinstance(node, (exp.Like, exp.Glob)) and isinstance(node.expression, exp.Literal):
            return Leaf(self._like(column, node.expression.name, no), owner, column)
        if isinstance(node, exp.Is) and isinstance(node.expression, exp.Null):
            return Leaf(_known(column) if negated else _unknown(column), owner, column)
        raise Unreadable

    def _like(self, column: str, pattern: str, no: str) -> list:
        inner = pattern.strip("%*")
        if not inner.strip() or re.search(r"[%_*?\[]", inner):
            raise Unreadable
        value = self._text(inner) if not re.fullmatch(r"\d+(\.\d+)?", inner) else f"n{float(inner)}"
        start, end = pattern[0] in "%*", pattern[-1] in "%*"
        if start and end:
            ways = ["CONTAINS"] + (["WORD STARTS"] if inner[0] == " " else [])
        elif start or end:
            ways = ["ENDS" if start else "STARTS"]
        else:
            ways = ["(?:EQ )?"]
        found = [f"{column} (?:L )*(?:t\\d+ )?{no}{way} (?:L )*{value}" for way in ways]
        if "CONTAINS" in ways:
            found.append(f"{no}(?:L )*{value} L (?:L )*{column}")
        return found

    def _comparison(self, kind, left, right) -> Leaf:
        owner = self._owner(left)
        column = self._term_or_year(left)
        subject = column if re.fullmatch(r"c\d+", column) else ""
        if isinstance(right, exp.Subquery):
            return Leaf(_compared(kind, column, self._average(right.unnest()), True), owner, subject)
        if isinstance(right, exp.Column):
            return Leaf(_compared(kind, column, self._symbol(right), True), owner, subject)
        value = self._value(right)
        if column == COUNTED:  # "the number of books is above 3", "more than 3 books"
            few = [pattern for pattern in _compared(kind, r"t\d+", value) if not pattern.startswith("t")]
            patterns = _compared(kind, r"COUNT (?:L )*t\d+", value) + [p for p in few if " t\\d+ L" not in p]
            patterns += [rf"(?:EQ )?{value} t\d+"] if kind is exp.EQ else []
        else:
            patterns = _compared(kind, column, value)
        if not subject:  # an aggregate: "where that number is more than 2"
            patterns += _compared(kind, "REF", value)
        return Leaf(patterns, owner if subject else None, subject)

    def _term_or_year(self, node) -> str:
        """As _term; of strftime('%Y', column) the column, since "in 2020" says the rest."""
        if isinstance(node, exp.TimeToStr) or isinstance(node, exp.Anonymous) and node.name.lower() == "strftime":
            formats = [one.name for one in node.find_all(exp.Literal)]
            columns = list(node.find_all(exp.Column))
            if len(columns) != 1 or not set(formats) <= {"%Y", "%Y-%m", "%m", "%Y-%m-%d"}:
                raise Unreadable
            return self._symbol(columns[0])
        return self._term(node)

    def _average(self, inner) -> str:
        """A pattern for (SELECT AVG(column) FROM table)."""
        _require_select(inner, PLAIN_PARTS - {"where"})
        sources = self._sources(inner)
        if len(inner.expressions) != 1 or len(sources) != 1 or not isinstance(sources[0], exp.Table):
            raise Unreadable
        table = self._table(sources[0].name)
        kind, symbol = self._aggregate(inner.expressions[0].unalias())
        if kind in ("COUNT", "DISTINCT"):
            raise Unreadable
        return rf"{kind}(?: (?:L )*{symbol}\b)?(?: L (?:L )*{table}\b)?"


def _same_name(symbols: dict, key, new: str) -> str:
    """The symbol of a name that is there already, in whatever case, or `new`, which it then gets."""
    found = next((symbol for other, symbol in symbols.items() if str(other).lower() == str(key).lower()), None)
    return found or symbols.setdefault(key, new)


def _require_select(node, parts: set):
    """Unreadable for anything but a SELECT that has no other parts."""
    if not isinstance(node, exp.Select) or {key for key, value in node.args.items() if value} - parts:
        raise Unreadable


def _bare(node):
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _flat(kind: str, parts: list):
    """A condition without nesting that says nothing: a and (b and c) is and(a, b, c)."""
    found = []
    for part in parts:
        found += part[1:] if isinstance(part, tuple) and part[0] == kind else [part]
    return (kind, *found) if len(found) > 1 else found[0] if found else None


AGAIN = r"(?: COMMA)?(?: (?:GT|LT|GE|LE) REF)?"  # "at least 2024-06-01, so on or after that day"


def _compared(kind, column: str, value: str, computed: bool = False) -> list:
    """Patterns for a comparison of a column, or an aggregate, with a value, another column or an average."""
    if kind is exp.EQ:
        ways = [f"{column} (?:(?:L|EQ) )*{value}"]
        return ways if computed else [*ways, f"{value} L (?:L )*{column}"]
    if kind is exp.NEQ:
        ways = [f"{column} (?:L )*NOT (?:(?:L|EQ) )*{value}"]
        return ways if computed else [*ways, f"NOT (?:L )*{value} L (?:L )*{column}"]
    word, tail = {exp.GT: ("GT", ""), exp.LT: ("LT", ""), exp.GTE: ("GE", "ORMORE"), exp.LTE: ("LE", "ORLESS")}[kind]
    ways = [
        rf"{column} (?:L )*(?:t\d+ )?{word} (?:L )*{value}{AGAIN}",
        rf"{word} {value} (?:L )*{column}",
        rf"{word} {column} L (?:L )*{value}",
    ]
    if tail and not computed:
        ways += [rf"{column} (?:L )*{value} {tail}", rf"{value} {tail} (?:L )*{column}"]
    return ways


def _between(column: str, low: str, high: str, no: str) -> list:
    return [
        rf"{column} (?:L )*{no}(?:L )*BETWEEN {low} AND {high}",
        rf"{column} (?:L )*{no}(?:FROM |L )*{low} TO {high}",
        rf"{no}BETWEEN {low} AND {high} L (?:L )*{column}",
    ]


def _one_of(column: str, values: list, no: str) -> list:
    one = f"(?:{'|'.join(values)})"
    rest = rf"(?: COMMA)?(?: (?:OR|AND))?(?: {no}{one}| {one})" * (len(values) - 1)
    every = "".join(rf"(?=[^<>]*(?<!\S){value}(?!\S))" for value in values)
    return [rf"{every}{column} (?:(?:L|EQ) )*{no}(?:(?:L|EQ) )*{one}{rest}"]


def _unknown(column: str) -> list:
    return [
        f"NOT (?:L )*{column}",
        f"{column} (?:L )*NULLISH",
        f"NULLISH {column}",
        f"{column} NOT KNOWN",
        f"NOT {column} KNOWN",
    ]


def _known(column: str) -> list:
    return [f"{column} (?:L )*NOT NULLISH", f"{column} KNOWN", f"KNOWN {column}", f"NOT NULLISH {column}"]


# --- the sentence -----------------------------------------------------------------------------------


def _alternatives(name: str, tables: list) -> list[tuple]:
    """How a column may be called: its words, without a table's name or a letter before, without a unit behind."""
    words = tuple(split_identifier(name))
    ways = [words]
    for start in range(1, len(words)):
        before = "".join(map(stem, words[:start]))
        if (
            len(words[0]) == 1
            and start == 1
            or any("".join(map(stem, split_identifier(t))).endswith(before) for t in tables)
        ):
            ways.append(words[start:])
    return ways + [way[:-1] for way in ways if len(way) > 1 and UNITS.fullmatch(way[-1])]


class _Line:
    """The sentence as symbols; `unknown` are words that mean nothing here."""

    def __init__(self, query: Query, sentence: str, synonyms: dict):
        self.query = query
        self.names = self._names(synonyms)
        self.ages = any("age" in split_identifier(name) for _, name in query.columns)
        self.loose = []
        tokens = self._tokens(plain(sentence).replace("n't", " not"))
        self.text = f" {' '.join(self._relations(self._symbols(tokens)))} "

    def _names(self, synonyms: dict) -> list:
        """[(words, symbol)] of every column and table, and of their synonyms."""
        tables, found = list(self.query.tables), []
        for (owner, name), symbol in self.query.columns.items():
            ways = _alternatives(name, tables) + [tuple(words_of(way)) for way in synonyms.get(name, ())]
            if owner:
                owners = [
                    tuple(words_of(w))
                    for t in tables
                    if t.lower() == owner
                    for w in (" ".join(split_identifier(t)), *synonyms.get(t, ()))
                ]
                whole = [way for way in owners] + [way[-1:] for way in owners]
                ways = [(*o, *way) for o in whole for way in ways] + [
                    (*way, "of", *a, *o) for o in whole for way in ways for a in (("the",), ("each",), ())
                ]
            found += [(way, symbol) for way in ways]
        taken = {}
        for way, symbol in found:
            taken.setdefault(tuple(map(stem, way)), set()).add(symbol)
        found = [(way, symbol) for way, symbol in found if len(taken[tuple(map(stem, way))]) == 1]
        for name, symbol in self.query.tables.items():
            words = split_identifier(name)
            found += [(tuple(words[start:]), symbol) for start in range(len(words))]
            found += [(tuple(words_of(way)), symbol) for way in synonyms.get(name, ())]
        return found

    def _tokens(self, text: str) -> list:
        """[(word, its start)]: values of the query as symbols, numbers as n3.0, commas, words without case."""
        spans = []
        for value in sorted(self.query.texts, key=len, reverse=True):
            pattern = rf"(?<!\w){re.escape(value)}(?!\w)"
            hits = list(re.finditer(pattern, text)) or list(re.finditer(pattern, text, re.IGNORECASE))
            if (value.casefold(),) in LEXICON:
                hits = hits[-1:]  # "whose title contains the"
            spans += [
                (hit.start(), hit.end(), self.query.texts[value])
                for hit in hits
                if not any(hit.start() < end and start < hit.end() for start, end, _ in spans)
            ]
        found = []
        for match in TOKEN.finditer(text):
            inside = next((span for span in spans if span[0] <= match.start() < span[1]), None)
            if inside:
                if not found or found[-1] != (f"={inside[2]}", inside[0]):
                    found.append((f"={inside[2]}", inside[0]))
            elif match["number"]:
                found.append((f"=n{float(match['number'].replace(',', ''))}", match.start()))
            elif match["comma"]:
                found.append(("=COMMA", match.start()))
            else:
                found.append((plain(match.group().casefold()), match.start()))
        return found

    def _symbols(self, tokens: list) -> list:
        """The symbols in order; "" for a filler, "?" and the word for an unknown one."""
        words, found, i = [word for word, _ in tokens], [], 0
        while i < len(words):
            if words[i].startswith("="):
                found.append(words[i][1:])
                i += 1
                continue
            size, symbol = self._longest(words, i, found)
            if size == 0:
                size, symbol = 1, self._single(words[i], found)
            if symbol == "VERB":
                symbol = f"?{words[i]}" if any(found) and found[-1] != "COMMA" else ""
            found.append(symbol)
            i += size
        return found

    def _longest(self, words: list, i: int, before: list) -> tuple[int, str]:
        """(words, symbol) of the longest mention of a name or phrase that starts at i; (0, "") for none."""
        best = {}
        for way, symbol in self.names:
            size = _matches(way, words, i, symbol[0] == "t", self.query.tables)
            if size:
                best.setdefault(size, []).append(symbol)
        phrase = next((n for n in range(min(7, len(words) - i), 0, -1) if tuple(words[i : i + n]) in LEXICON), 0)
        size = max(best, default=0)
        if size == 0 or phrase > size:
            return (phrase, LEXICON[tuple(words[i : i + phrase])]) if phrase else (0, "")
        symbols = best[size]
        columns, tables = [s for s in symbols if s[0] == "c"], [s for s in symbols if s[0] == "t"]
        if columns and tables:  # "the title of the titles"
            last = [one for one in before if one]
            plural = words[i + size - 1] != stem(words[i + size - 1]) and words[i + size - 1].endswith("s")
            counted = bool(last) and (last[-1][0] == "n" or last[-1] in ("L", "FROM", "COUNT", "EACH") and plural)
            return size, tables[0] if counted or last[-1:] in (["L"], ["FROM"]) else columns[0]
        return size, symbols[0]

    def _single(self, word: str, before: list) -> str:
        if word in NUMBERS:
            return "" if word == "one" else f"n{float(NUMBERS.index(word))}"
        if word in (OLDEST, *YOUNGEST.split()):
            return "MAX" if (word == OLDEST) == self.ages else "MIN"
        if word in (OLDER, *YOUNGER.split()):
            return "GT" if (word == OLDER) == self.ages else "LT"
        if word == "than" and before and before[-1] in ("GT", "LT"):
            return ""
        if UNITS.fullmatch(word) and before and before[-1][:1] in ("n", "c"):
            return ""
        heads = {part[:4] for name in self.query.tables for part in split_identifier(name) if len(part) > 4}
        return "" if len(word) > 4 and word.endswith(("ed", "ing")) and word[:4] in heads else f"?{word}"

    def _relations(self, symbols: list) -> list:
        """Without fillers; what stands between two tables ("written by") ties them together and is taken out.

        Mentions that follow one another with nothing between are no sentence: they are noted in `loose`.
        """
        tables = [i for i, symbol in enumerate(symbols) if symbol[:1] == "t"]
        for a, b in zip(tables, tables[1:], strict=False):
            between = {symbol[:1] if symbol[:1] == "?" else symbol for symbol in symbols[a + 1 : b]}
            if symbols[a] != symbols[b] and b - a < 6 and between <= {"", "?", "L", "BY", "FROM", "TO", "LT", "GT"}:
                symbols[a + 1 : b] = [""] * (b - a - 1)
        for i, symbol in enumerate(symbols):
            if symbol == "WHEN":
                symbols[i] = "" if self._is_date(symbols, i) else "?date"
        for i in range(1, len(symbols)):
            before = [symbol for symbol in symbols[: i - 1] if symbol][-2:]
            unit = before[-1:] in (["GE"], ["GT"], ["LE"], ["LT"]) and before[0][:1] != "c"  # "at least 200 hp"
            if not (unit and symbols[i][:1] == "c") and self._are_loose(symbols[i - 1], symbols[i], i == 1):
                self.loose.append(symbols[i])
            if symbols[i - 1] == "GT" and next((s for s in symbols[i:] if s), "")[:1] == "t":
                symbols[i - 1] = "L"  # "the total over the donation rows"
        self.unknown = [symbol[1:] for symbol in symbols if symbol[:1] == "?"]
        return [symbol for symbol in symbols if symbol and symbol[0] != "?"]

    def _is_date(self, symbols: list, i: int) -> bool:
        """Whether the noun at i only helps a column or a value: "the adopted on date", "in the year 2020"."""
        before = [symbol for symbol in symbols[:i] if symbol]
        after = [symbol for symbol in symbols[i + 1 :] if symbol and symbol != "EACH" and symbol[0] != "t"] + ["", ""]
        if before and before[-1][0] == "c":
            return self._is_participle(before[-1])
        if after[0][:1] == "c":
            return self._is_participle(after[0])
        value = after[1] if after[0] == "L" else after[0]
        return value[:1] in ("n", "v") or after[0] in ("GT", "LT", "GE", "LE", "BETWEEN", "EQ")

    def _is_participle(self, column: str) -> bool:
        name = next(name for (_, name), symbol in self.query.columns.items() if symbol == column)
        last = split_identifier(name)[-1]
        return last in ("on", "at", "in", "by", "to", "for") or last.endswith("ed")

    def _are_loose(self, one: str, other: str, first: bool) -> bool:
        pair = one[:1] + other[:1]
        if pair == "tc":  # "the stage name"; "books sold on"
            return len(self.query.tables) == 1 and not self._is_participle(other)
        return pair in ("cc", "tt", "vt", "vc", "nc") or pair == "ct" and not first  # "Names authors"


def _matches(way: tuple, words: list, i: int, is_table: bool, tables) -> int:
    """How many words from i on say these words of an identifier; 0 for none."""
    here = words[i : i + len(way)]
    if len(here) == len(way) and all(stem(a) == stem(b) for a, b in zip(way, here, strict=True)):
        return len(way)
    if len(way) > 1:
        small = {"in", "of", "to", "on", "at", "the", "a", "and"}  # "age in months"
        j = i
        for n, part in enumerate(way):
            while n and j < len(words) and words[j] in small and stem(words[j]) != stem(part):
                j += 1
            if j >= len(words) or stem(words[j]) != stem(part):
                break
            j += 1
        else:
            return j - i if j - i <= len(way) + 2 else 0
        return 0
    letters = way[0]
    for size in range(min(4, len(words) - i), 0, -1):
        for form in joined(tuple(words[i : i + size])):
            if len(form) < 3 or not letters.endswith(form) and stem(letters) != stem(form):
                continue
            rest = letters[: len(letters) - len(form)]
            if stem(letters) == stem(form) or is_table and (rest in PREFIXES or len(form) > 4):
                return size
            if not is_table and any(stem("".join(split_identifier(t))).endswith(stem(rest)) for t in tables):
                return size
    return 0


# --- the comparison ---------------------------------------------------------------------------------


def contradictions(tree: exp.Expression, sentence: str, synonyms: dict, is_key: Callable) -> list[str]:
    """What the sentence says otherwise than the query, or does not say of it; empty when it says the same."""
    query = _Reader(tree, is_key).read()
    line = _Line(query, sentence, synonyms)
    found = [f"unknown word {word!r}" for word in line.unknown] + [f"loose {symbol}" for symbol in line.loose]
    text, wrong = _take_conditions(query, line.text)
    found += wrong
    for column, table in re.findall(r"(?<!\S)(c\d+) (?:L|FROM) (t\d+)(?!\S)", line.text):
        if query.owners.get(column, table) != table and column not in query.keys | query.qualified:
            found.append(f"column {column} of another table")
    for take in (_take_conditions_tree, _take_order, _take_distinct):
        text, wrong = take(query, text)
        found += wrong
    return found + _rest(query, text)


def _search(pattern: str, text: str):
    return re.search(rf"(?<!\S)(?:{pattern})(?!\S)", text)


def _take_conditions(query: Query, text: str) -> tuple[str, list]:
    """The line with <0> for the first condition, and so on, and what is not said."""
    wrong, many = [], len(query.tables) > 1
    for i, leaf in enumerate(query.leaves):
        match = next((m for pattern in leaf.patterns if (m := _search(pattern, text))), None)
        if (
            match
            and match.group().startswith("NOT")
            and re.search(r"(?<!\S)c\d+ (?:AND|OR|COMMA) $", text[: match.start()])
        ):
            match = None  # "the title and no author of books" shows something
        if match is None and leaf.column:  # "at least 84 and at most 88": the column was said before
            earlier = [k for k in range(i) if query.leaves[k].column == leaf.column]
            shorter = [p.removeprefix(f"{leaf.column} ") for p in leaf.patterns if p.startswith(f"{leaf.column} ")]
            ways = [rf"(?<=<{k}> {word} ){p}" for k in earlier for word in ("AND", "OR") for p in shorter]
            match = next((m for way in ways if (m := _search(way, text))), None)
        if match is None:
            wrong.append(f"condition {leaf.patterns[0]}")
            continue
        if many and leaf.owner and leaf.column and leaf.column not in query.qualified:
            said = re.findall(r"(?<!\S)[tc]\d+", text[: match.start()] + match.group().partition(leaf.column)[0])
            tables = [
                query.owners[one] if one[0] == "c" else one for one in said if one[0] == "t" or one in query.qualified
            ]
            if tables and tables[-1] != leaf.owner:
                wrong.append(f"condition on {leaf.column} of another table")
        kept = re.match(rf"{leaf.column} (?:L )*t\d+ ", match.group()) if leaf.column else None
        each = leaf.column and re.search(r"EACH (?:DISTINCT )?$", text[: match.start()])
        again = kept.group() if kept else f"{leaf.column} " if each else ""
        text = f"{text[: match.start()]}{again}<{i}>{text[match.end() :]}"
    return text, wrong


def _take_conditions_tree(query: Query, text: str) -> tuple[str, list]:
    """Whether the conditions are tied by the same AND and OR, which bind as usual; the line without them."""
    marks = list(re.finditer(r"<(\d+)>", text))
    words = []
    for a, b in zip(marks, marks[1:], strict=False):
        between = text[a.end() : b.start()].split()
        words.append("or" if "OR" in between else "and" if "AND" in between or "COMMA" not in between else "")
    for i in range(len(words) - 2, -1, -1):  # "a, b or c"
        words[i] = words[i] or words[i + 1]
    groups, current = [], []
    for mark, word in zip(marks, [*words, "or"], strict=False):
        current.append(int(mark[1]))
        if word == "or":
            groups.append(_flat("and", current))
            current = []
    said = _flat("or", groups)
    wrong = [] if _unordered(said) == _unordered(query.tree) else ["AND and OR"]
    if re.search(r"[^>\s] (?:AND|OR) <", text):
        wrong.append("condition that is said beside what is shown")  # "the number of books and their price above 20"
    if marks and not re.search(r"(?<!\S)(?:c\d+|COUNT|ALL|t\d+|REF)(?!\S)", text[: marks[0].start()]):
        wrong.append("condition before anything is shown")
    return re.sub(r"(?:(?:AND|OR|COMMA) )*<\d+>", "", text), wrong


def _unordered(tree):
    return (tree[0], frozenset(map(_unordered, tree[1:]))) if isinstance(tree, tuple) else tree


def _take_order(query: Query, text: str) -> tuple[str, list]:
    """Order and limit, said as "the 3 books with the highest price" or as "sorted by price from high to low"."""
    wrong, limited, first = [], query.limit is not None, False
    if not query.order and not limited:
        return text, []
    if limited:
        if not query.order:
            raise Unreadable
        k = f"n{float(query.limit)}"
        match = _search(rf"(?P<way>TOP |MAX |MIN |FIRST )?{k} (?P<after>(?:TOP |MAX |MIN )?t\d+)", text)
        match = match or _search(rf"(?P<way>FIRST|MAX|MIN) {k}(?P<after>)", text)
        if match is None and query.limit != 1:
            wrong.append(f"limit {query.limit}")
        if match is not None:
            way = (match["way"] or "").strip()
            first = way == "FIRST"  # of an order that is said apart
            text = f"{text[: match.start()]}{'' if first else way} {match['after']}{text[match.end() :]}"
            text = f" {' '.join(text.split())} "
    terms = [(term, ("MAX", "DESC") if descending else ("MIN", "ASC")) for term, descending in query.order]
    text, said = _take_sorted(terms, text)
    if limited and len(terms) == 1 and not first:
        term, (most, _) = terms[0]
        extreme = _search(rf"(?<!COMMA )(?<!AND ){most} (?:L )*{term}", text) or _search(
            rf"{most} (?:L )*(?P<t>t\d+ )(?:BY|L) (?:L )*{term}", text
        )
        if extreme:
            kept = extreme.groupdict().get("t") or ""
            text = f"{text[: extreme.start()]}{kept}{text[extreme.end() :]}"
            text, said = _take_sorted(terms, text, True)[0], True
    return text, wrong + ([] if said else ["order"])


def _take_sorted(terms: list, text: str, said: bool = False) -> tuple[str, bool]:
    """Take out a "sorted by ..." with every term and its direction; rising needs no word.

    `said`: the only term was said before, so that a direction is enough.
    """
    parts = []
    for term, (most, word) in terms:
        least = "MIN" if most == "MAX" else "MAX"
        ways = [word, f"{most} FIRST", f"(?:FROM |L )?{most} (?:TO|L) {least}"]
        ways.append("FROM FIRST TO LAST" if most == "MIN" else "FROM LAST TO FIRST")
        way = f"(?: (?:COMMA |L )*(?:{'|'.join(ways)}))"
        name = f"(?: BY| L)*(?: REF| {term})"
        parts.append(
            f"(?:{name}{way}{'?' if most == 'MIN' else ''}|{way}(?: BY| L)* {term}{f'|{way}' if said else ''})"
        )
    match = _search(f"(?:COMMA )?(?:AND )?SORT{'(?: COMMA| AND)+'.join(parts)}", text)
    if match is None and len(terms) == 1:
        term, (most, word) = terms[0]
        match = _search(rf"(?:COMMA )?{most} FIRST (?:BY|L) (?:L )*{term}|BY {term} (?:COMMA )?{most} FIRST", text)
    if match is None:
        return text, False
    return f" {' '.join((text[: match.start()] + text[match.end() :]).split())} ", True


def _take_distinct(query: Query, text: str) -> tuple[str, list]:
    counted = any(kind == "DISTINCT" for kind, *_ in query.outputs)
    if query.distinct:
        return text.replace(" DISTINCT ", " "), [] if " DISTINCT " in text else ["DISTINCT"]
    return text, ["DISTINCT"] if " DISTINCT " in text and not counted else []


def _rest(query: Query, text: str) -> list:
    """What is wrong with the rest of the line, which must be the columns that the query shows."""
    wanted, wrong = set(), []
    for kind, *more in query.outputs:
        if kind == "sum":
            match = _search(rf"{more[0]}", re.sub(r" L(?= )", "", text))
            if match is None:
                wrong.append("arithmetic")
            else:
                text = re.sub(r" L(?= )", "", text)
                match = _search(rf"{more[0]}", text)
                text = f"{text[: match.start()]}{text[match.end() :]}"
        elif kind != "all":
            wanted.add((kind, *more))
    said, grouped, left = _said(text, query)
    everything = ("all",) in query.outputs
    said = {one for one in said if one in wanted or not (one[0] == "plain" and one[1] in query.keys)}
    missing = {one for one in wanted if not (one[0] == "plain" and one[1] in query.keys)} - said
    wrong += [f"shown {' '.join(one)}" for one in sorted(missing)]
    wrong += [f"not shown {' '.join(one)}" for one in sorted(said - wanted) if not everything]
    wrong += [f"group {one}" for one in query.groups if one not in grouped and one not in query.keys]
    if query.groups == [] and grouped - {one[1] for one in wanted if one[0] == "plain"}:
        wrong.append("groups that are not made")
    if "ALL" in left and not everything:
        wrong.append("all columns")
    return wrong + [f"left over {symbol}" for symbol in left if symbol != "ALL"]


def _said(text: str, query: Query) -> tuple[set, set, list]:
    """(shown columns as in Query.outputs, columns of groups, symbols that mean nothing here) of the rest of a line."""
    said, grouped, left, pending, each, different = set(), set(), [], [], False, False
    symbols, groups = text.split(), set(query.groups)
    for i, symbol in enumerate(symbols):
        if symbol in ("COUNT", "AVG", "SUM", "MAX", "MIN"):
            pending.append(symbol)
        elif symbol == "DISTINCT":
            different = True
        elif symbol in ("EACH", "BY"):
            each = True
            left += [symbol] if symbol == "BY" and not (symbols[i + 1 :] and symbols[i + 1][0] == "c") else []
        elif symbol[0] == "c":
            if pending:
                said |= {("DISTINCT" if one == "COUNT" and different else one, symbol) for one in pending}
            elif each:
                grouped.add(symbol)
                said |= {("plain", symbol)} if ("plain", symbol) in query.outputs or symbol not in groups else set()
            else:
                said.add(("plain", symbol))
            pending, each, different = [], False, False
        elif symbol[0] == "t":
            if "COUNT" in pending:
                said.add(("COUNT", "*"))
                pending.remove("COUNT")
            each = False
        elif symbol not in ("L", "AND", "COMMA", "FROM", "TO"):
            left.append(symbol)
    return said, grouped, left + pending
