"""Does a sentence say exactly what a query does? For queries of a plain shape, against their syntax tree.

A library: `contradictions(tree, sentence, synonyms, is_key)`. The sentence is written as a line of symbols, one for
each mention of a column, table, value, comparison, aggregate, order; the query asks for its own parts in that line,
each condition with its column, operator and value side by side, and takes them out. What is left over must be the
columns that it shows. A word that is neither a part of the query nor an ordinary filler counts against the sentence,
since nobody knows what it adds. A query whose parts cannot be read (parts.py) raises Unreadable.
"""

import re
from collections.abc import Callable

from sqlglot import exp

from domains.text_to_sql.names import ABBREVIATIONS, WORD, joined, plain, split_identifier, stem, words_of
from domains.text_to_sql.parts import Query, Reader, Unreadable, flat

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
        ", display, reports, report, gets, retrieves, prints, computes, compute, calculates, calculate"
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
    ways += [way[:-1] for way in ways if len(way) > 1 and UNITS.fullmatch(way[-1])]
    whole = [tuple(ABBREVIATIONS.get(word, word) for word in way) for way in ways]
    return ways + [way for way in whole if way not in ways]


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
            if words[i] == "min" and [one for one in found if one][-1:] and found[-1][:1] == "n":
                found.append("")  # minutes
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
            return symbols[i - 1] == before[-1] or self._is_participle(before[-1])  # "the arrival date"
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
    query = Reader(tree, is_key).read()
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
            groups.append(flat("and", current))
            current = []
    said = flat("or", groups)
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
        match = _search(rf"(?P<way>MAX |MIN |FIRST )?{k} (?P<after>(?:MAX |MIN )?t\d+)", text)
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
        least = "MIN" if most == "MAX" else "MAX"
        ways = [rf"(?:COMMA )?{most} FIRST (?:BY|L) (?:L )*{term}", rf"BY {term} (?:COMMA )?{most} FIRST"]
        # "highest price first", "from the lowest price to the highest"
        ways.append(rf"(?:COMMA )?(?:SORT )?(?:FROM )?{most} (?:L )*{term} (?:FIRST|TO {least}(?: {term})?)")
        match = _search("|".join(ways), text)
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
    if any(kind != "plain" for kind, *_ in query.outputs):  # else "the cities with at least 3 shops" says it
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
                if pending[-1] == "COUNT" and len(pending) > 1 and symbols[i - 2] == pending[-2]:
                    pending.pop()  # "the average number of pages"
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
