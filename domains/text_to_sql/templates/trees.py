"""Gold queries as sqlglot trees: small builders, so that any condition goes with any selection.

A library. Every column is written with its table; `text` takes the tables away where one table is all there is.
"""

from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite

OPERATORS = {">": exp.GT, "<": exp.LT, ">=": exp.GTE, "<=": exp.LTE, "=": exp.EQ, "<>": exp.NEQ}
FUNCTIONS = {"AVG": exp.Avg, "SUM": exp.Sum, "MAX": exp.Max, "MIN": exp.Min, "COUNT": exp.Count}
ARITHMETIC = {"-": exp.Sub, "+": exp.Add, "*": exp.Mul}


class _Writer(SQLite.generator_class):
    """SQLite's text as people write it: x NOT IN (...), x IS NOT NULL."""

    def not_sql(self, expression: exp.Not) -> str:
        inner = expression.this
        if isinstance(inner, exp.Is):
            return f"{self.sql(inner, 'this')} IS NOT {self.sql(inner, 'expression')}"
        if isinstance(inner, (exp.In, exp.Like)):
            operator = "IN" if isinstance(inner, exp.In) else "LIKE"
            left, whole = self.sql(inner, "this"), self.sql(inner)
            return f"{left} NOT {operator}{whole.removeprefix(f'{left} {operator}')}"
        return super().not_sql(expression)


WRITER = _Writer(dialect=SQLite(), normalize_functions=False)


def name(written: str) -> exp.Identifier:
    """An identifier as schema.identifier() writes it, with its quotes where it has some."""
    quoted = written.startswith('"')
    return exp.Identifier(this=written[1:-1].replace('""', '"') if quoted else written, quoted=quoted)


def table(bound, alias: str = "") -> exp.Table:
    shown = exp.TableAlias(this=name(alias)) if alias else None
    return exp.Table(this=name(bound.sql), alias=shown)


def col(written: str, owner: str) -> exp.Column:
    """A column by the names of itself and of its table, or the table's alias."""
    return exp.Column(this=name(written), table=name(owner))


def of(bound) -> exp.Column:
    """The column of a BoundColumn."""
    return col(bound.sql, bound.table)


def value(given) -> exp.Expression:
    """A number, a text, or NULL."""
    if given is None:
        return exp.Null()
    return exp.Literal.string(given) if isinstance(given, str) else exp.Literal.number(given)


def compare(operator: str, left: exp.Expression, right) -> exp.Expression:
    right = right if isinstance(right, exp.Expression) else value(right)
    return OPERATORS[operator](this=left, expression=right)


def between(column, low, high) -> exp.Expression:
    return exp.Between(this=column, low=value(low), high=value(high))


def one_of(column, values) -> exp.Expression:
    return exp.In(this=column, expressions=[value(one) for one in values])


def like(column, pattern: str) -> exp.Expression:
    return exp.Like(this=column, expression=exp.Literal.string(pattern))


def is_null(column, negated: bool = False) -> exp.Expression:
    test = exp.Is(this=column, expression=exp.Null())
    return exp.Not(this=test) if negated else test


def negated(condition) -> exp.Not:
    return exp.Not(this=condition)


def subquery(query) -> exp.Subquery:
    return exp.Subquery(this=query)


def within(column, query, negated: bool = False) -> exp.Expression:
    """column IN (query), or NOT IN."""
    test = exp.In(this=column, query=subquery(query))
    return exp.Not(this=test) if negated else test


def both(word: str, left, right) -> exp.Expression:
    """Two conditions joined by "and" or "or"; an OR inside an AND gets its brackets."""
    if word == "or":
        return exp.Or(this=left, expression=right)
    left, right = (exp.Paren(this=one) if isinstance(one, exp.Or) else one for one in (left, right))
    return exp.And(this=left, expression=right)


def count(what=None, distinct: bool = False) -> exp.Count:
    """COUNT(*), COUNT(what) or COUNT(DISTINCT what)."""
    if what is None:
        return exp.Count(this=exp.Star())
    return exp.Count(this=exp.Distinct(expressions=[what]) if distinct else what)


def call(function: str, what) -> exp.Expression:
    return FUNCTIONS[function](this=what)


def date_part(form: str, column) -> exp.Expression:
    """strftime(form, column)."""
    return exp.Anonymous(this="strftime", expressions=[exp.Literal.string(form), column])


def calculate(sign: str, left, right) -> exp.Expression:
    return ARITHMETIC[sign](this=left, expression=right)


def case(condition, then, otherwise) -> exp.Case:
    return exp.Case(ifs=[exp.If(this=condition, true=value(then))], default=value(otherwise))


def join(bound, on, side: str = "", alias: str = "") -> exp.Join:
    return exp.Join(this=table(bound, alias), on=on, side=side or None)


def ties(ref, child: str = "", parent: str = "") -> exp.EQ:
    """What holds a child to its parent: its foreign key is the parent's key. Names: aliases, where there are some."""
    return exp.EQ(
        this=col(ref.column, child or ref.child.sql), expression=col(ref.parent.key, parent or ref.parent.sql)
    )


def select(outputs, source, joins=(), where=None, group=(), having=None, order=(), limit=None, distinct=False):
    """A SELECT; `source` is a table of `table`, `order` are pairs (term, descending)."""
    query = exp.Select(expressions=list(outputs), from_=exp.From(this=source))
    if joins:
        query.set("joins", list(joins))
    if where is not None:
        query.set("where", exp.Where(this=where))
    if group:
        query.set("group", exp.Group(expressions=list(group)))
    if having is not None:
        query.set("having", exp.Having(this=having))
    if order:
        query.set("order", ordered(order))
    if limit is not None:
        query.set("limit", exp.Limit(expression=exp.Literal.number(limit)))
    if distinct:
        query.set("distinct", exp.Distinct())
    return query


def ordered(terms) -> exp.Order:
    """ORDER BY of pairs (term, descending)."""
    return exp.Order(
        expressions=[exp.Ordered(this=one, desc=down or None, nulls_first=not down) for one, down in terms]
    )


def _sources(query) -> dict:
    """{name that its columns are written with: table} of one SELECT."""
    tables = [query.args["from_"].this, *(one.this for one in query.args.get("joins") or ())]
    return {one.alias_or_name: one for one in tables}


def _bare(query: exp.Select, columns: list) -> None:
    """Take the table from the columns of a SELECT over one table that nothing else refers to."""
    sources = _sources(query)
    if len(sources) != 1 or any(one.alias for one in sources.values()):
        return
    inner = [one for one in columns if one.find_ancestor(exp.Select) is not query]
    if any(one.table in sources for one in inner if one.table not in _sources(one.find_ancestor(exp.Select))):
        return  # a subquery that asks about this row
    own = [one for one in columns if one.find_ancestor(exp.Select) is query]
    if all(one.table in sources for one in own):
        for one in own:
            one.set("table", None)


def finish(query: exp.Expression) -> exp.Expression:
    """The tree with tables only before the columns that need them; changes it in place."""
    for one in list(query.find_all(exp.Select)):
        _bare(one, list(one.find_all(exp.Column)))
    return query


def text(query: exp.Expression) -> str:
    """The query as SQL, with a semicolon."""
    return f"{WRITER.generate(query)};"


def combine(word: str, left, right) -> exp.Expression:
    """INTERSECT, EXCEPT or UNION of two queries, without duplicates."""
    kinds = {"INTERSECT": exp.Intersect, "EXCEPT": exp.Except, "UNION": exp.Union}
    return kinds[word](this=left, expression=right, distinct=True)
