"""The parts of a query that a sentence about it has to say, read from its syntax tree for claims.py.

A library: `Reader(tree, is_key).read()`. Every condition becomes patterns over the symbols in which claims.py writes a
sentence. A query of a shape that is not compared (WITH, UNION, window functions, CASE, outer joins) raises Unreadable.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from sqlglot import exp


class Unreadable(Exception):
    """A query whose shape cannot be compared with a sentence here."""


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


class Reader:
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
        terms = order.expressions if order else []
        if max(map(len, (self.leaves, self.columns, self.tables, outputs, terms))) > MOST_PARTS:
            raise Unreadable
        if groups and not having and all(kind in ("plain",) for kind, *_ in outputs) and not order:
            raise Unreadable  # groups that nothing is said of: a DISTINCT in other words
        return Query(
            self.columns,
            self.tables,
            self.texts,
            self.leaves,
            flat("and", conditions),
            outputs,
            [one for one in groups if one not in self.keys or ("plain", one) in outputs],
            self.owners,
            {symbol for (owner, _), symbol in self.columns.items() if owner},
            self.keys,
            [(self._term(one.this), bool(one.args.get("desc"))) for one in terms],
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
            condition = self._condition(join.args["on"]) if join.args.get("on") else None
            if condition is not None and join.args.get("side"):
                raise Unreadable  # a condition on what may be missing
            found.append(condition)
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
            return flat("and" if isinstance(node, exp.And) else "or", [part for part in parts if part is not None])
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


def flat(kind: str, parts: list):
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
