"""Copies of the bank's questions with other names and other values, so that one question teaches more than its words.

A library: `teach_bank` and `teach_as_written` are teachers that data/gen_sft.py may ask. A copy keeps what is asked and
what it takes to answer it. Other are the names' case, some of their words, the layout of the schema, the texts and
numbers that stand in question, query and sentence alike, and how a refusal begins. A copy whose query finds nothing, or
whose sentence says less of it than the original's, is left out.
"""

import itertools
import random
import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

from sqlglot import exp

from domains.text_to_sql import explain
from domains.text_to_sql.bank import load_bank
from domains.text_to_sql.mutants import opened, results
from domains.text_to_sql.names import says, split_identifier, words_of
from domains.text_to_sql.sandbox import TOKEN
from domains.text_to_sql.schema import CASES, RESERVED, columns_of, identifier, literal, prompt_text

HALF = 0.5
ALIKE = 0.9  # of the words in threes of two copies; more would teach the same again
# Words of names that another word says as well; the sentence about the query follows, the question keeps its own.
SYNONYMS = {
    "phone": "telephone", "town": "city", "city": "town", "email": "mail", "price": "cost", "cost": "price",
    "salary": "wage", "wage": "salary", "kind": "type", "type": "kind", "remark": "note", "note": "remark",
    "qty": "quantity", "zone": "area", "area": "zone", "country": "nation", "dept": "department",
    "department": "division", "supplier": "vendor", "vendor": "supplier", "comment": "remark", "label": "caption",
    "client": "customer", "customer": "client", "doctor": "physician",
}  # fmt: skip
CASE_NAMES = [name for name in CASES if name != "flat"]  # whose words no sentence could tell apart
WORD = re.compile(r"[^\W\d]\w*")
MENTIONS = ("table", "into", "references", "exists")  # after these NAME( is a table, elsewhere a function
COMPARED = (exp.GT, exp.GTE, exp.LT, exp.LTE, exp.EQ, exp.Between, exp.Limit)


def teach_as_written(rng: random.Random, n: int, split: str) -> list:
    """The bank's questions of a split as they stand, at most n, in random order."""
    rows = [{**row, "seed_id": row["id"], "by_hand": True} for row in load_bank(split)]
    rng.shuffle(rows)
    return rows[:n]


def teach_bank(rng: random.Random, n: int, split: str) -> list:
    """n rows: the bank's questions of a split in random order, then restyled copies of all of them, lap by lap.

    Fewer where a lap brings hardly a copy any more that is unlike the earlier ones of its question.
    """
    rows = teach_as_written(rng, n, split)
    originals, known = list(rows), {row["id"]: [_shingles(row)] for row in rows}
    refused = Counter(map(_refusal, rows))
    made, lap, before = Counter(refused), 0, 0
    while len(rows) < n and len(rows) - before > len(originals) // 10:
        lap, before = lap + 1, len(rows)
        for row in originals:
            kind = _refusal(row)
            surplus = kind and made[kind] * len(originals) > refused[kind] * len(rows)  # they are easier to copy
            copy = restyled(row, rng, lap) if len(rows) < n and not surplus else None
            if copy and all(_likeness(_shingles(copy), one) < ALIKE for one in known[row["id"]]):
                known[row["id"]].append(_shingles(copy))
                made[kind] += 1
                rows.append(copy)
    return rows


def _refusal(row: dict) -> str:
    """What is refused: what is missing, a change, or nothing ("")."""
    return ("missing" if row["missing"] else "change") if row["refuse"] else ""


def _shingles(row: dict) -> set:
    """Every three words in a row of question and answer."""
    words = f"{row['question']} {row['completion']}".lower().split()
    return set(zip(words, words[1:], words[2:], strict=False))


def _likeness(one: set, other: set) -> float:
    return len(one & other) / max(1, len(one | other))


def restyled(row: dict, rng: random.Random, lap: int) -> dict | None:
    """A copy of a row with other names and values, or None; its id is the row's with the number of the copy."""
    sql, said = row["gold"], row["completion"].rsplit("\n", 1)[-1]
    parts = {"ddl": row["ddl"], "fills": row["fills"], "gold": sql or "", "say": said, "question": row["question"]}
    if sql:
        parts = _other_names(_other_numbers(_other_texts(parts, rng), rng), rng)
        if not _finds_some(parts, parts["gold"]) or _unsaid(parts["gold"], parts["say"]) > _unsaid(sql, said):
            return None
    else:
        parts = _other_refusal(_other_names(parts, rng, row["missing"]), row["missing"], rng)
    ddl = _other_layout(parts["ddl"], rng)
    return {
        **row,
        "id": f"{row['id']}-copy{lap}",
        "prompt": prompt_text(ddl, parts["question"]),
        "completion": f"```sql\n{parts['gold']}\n```\n{parts['say']}" if sql else parts["say"],
        "ddl": ddl,
        "fills": parts["fills"],
        "gold": parts["gold"] or None,
        "question": parts["question"],
        "seed_id": row["id"],
    }


# How a refusal goes: what is asked for is not there, or is more than reading.
REASON = re.compile(r"(?:I cannot|This cannot be)\b[^,]*?,? (?:because|since|as) (?P<reason>.+)\.")
CANNOT = (
    "I cannot answer this", "I cannot answer that", "I cannot tell", "I cannot say", "I cannot tell you that",
    "I cannot find that out", "I cannot look that up", "This cannot be answered", "That cannot be told",
)  # fmt: skip
BECAUSE = (" because", ", because", ", since", ", as")
CHANGE = re.compile(r"I can only read (?P<things>[^,]+?)(?:, so I cannot| and cannot) (?P<act>.+)\.")
CHANGES = (
    "I can only read {things}, so I cannot {act}.", "I can only read {things}, so I will not {act}.",
    "I can only read {things} and cannot {act}.", "I can only read {things} and will not {act}.",
    "I only read {things}, so I cannot {act}.", "I only read {things} and will not {act}.",
    "I cannot {act}, because I can only read {things}.", "I will not {act}, since I only read {things}.",
)  # fmt: skip


@lru_cache(maxsize=4096)  # of an original it is asked for every copy
def _unsaid(sql: str, sentence: str) -> int:
    """How many parts of the query the sentence does not say, or says otherwise."""
    return len(explain.unexplained(sql, sentence) or ())


def _other_refusal(parts: dict, missing: list, rng: random.Random) -> dict:
    """A refusal that begins in other words; as it was where it would no longer name what is missing."""
    change, reason = CHANGE.match(parts["say"]), REASON.match(parts["say"])
    if change:
        told = rng.choice(CHANGES).format(things=change["things"], act=change["act"])
    elif reason:
        told = f"{rng.choice(CANNOT)}{rng.choice(BECAUSE)} {reason['reason']}."
    if (change or reason) and (not missing or any(says(told, words) for words in missing)):
        return parts | {"say": told}
    return parts


# --- names ------------------------------------------------------------------------------------------


def _other_names(parts: dict, rng: random.Random, missing: Iterable = ()) -> dict:
    """The tables and columns in another case, some of their words by a synonym, in schema, data, query and sentence.

    No column gets a name that the refusal says is missing.
    """
    names = sorted({name for table, columns in columns_of(parts["ddl"]).items() for name in (table, *columns)})
    words = {word for name in names for word in split_identifier(name)}
    free = [word for word in sorted(words & set(SYNONYMS)) if SYNONYMS[word] not in words]
    other = {SYNONYMS[word]: word for word in free if rng.random() < HALF}  # of two with one synonym the last
    lacking = {word for text in missing for word in words_of(text)}
    other = {word: instead for instead, word in other.items() if instead not in lacking}
    case = rng.choice(CASE_NAMES)
    made = {
        name.lower(): identifier(" ".join(other.get(word, word) for word in split_identifier(name)), case)
        for name in names
        if name.lower() not in RESERVED
    }
    if len({name.lower() for name in made.values()}) < len(made):
        return parts  # two names have become one
    return parts | {
        "ddl": renamed(parts["ddl"], made),
        "fills": [renamed(fill, made) for fill in parts["fills"]],
        "gold": renamed(parts["gold"], made),
        "say": _reworded(parts["say"], other),
    }


def renamed(sql: str, made: dict) -> str:
    """A script with other names, outside of texts and comments."""
    parts = []
    for token in TOKEN.finditer(sql):
        text = token.group()
        if token.lastgroup == "skip" or text[0] == "'":
            parts.append(text)
        elif text[0] in '"`[':
            parts.append(made.get(text[1:-1].lower(), text))
        else:
            parts.append(WORD.sub(lambda word: _new_word(word, made), text))
    return "".join(parts)


def _new_word(word, made: dict) -> str:
    """What stands for one bare word: its new name, or the word itself where it is none or a function's."""
    if re.match(r"\s*\(", word.string[word.end() :]):
        ahead = WORD.findall(word.string[: word.start()])
        if not ahead or ahead[-1].lower() not in MENTIONS:
            return word.group()
    return made.get(word.group().lower(), word.group())


def _reworded(sentence: str, other: dict) -> str:
    """A sentence with other words, in the singular and in the plural."""
    for word, instead in other.items():
        for one, new in ((word, instead), (_plural(word), _plural(instead))):
            sentence = re.sub(rf"\b{one}\b", new, sentence, flags=re.IGNORECASE)
    return sentence


def _plural(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


def _other_layout(ddl: str, rng: random.Random) -> str:
    """The schema as it is, or without its comments, or so with each table on one line."""
    if rng.random() < HALF:
        return ddl
    bare = "".join(token.group() for token in TOKEN.finditer(ddl) if token.lastgroup != "skip")
    if rng.random() < HALF:
        return re.sub(r"[ \t]+\n", "\n", bare)
    return re.sub(r"; (?=CREATE)", ";\n", re.sub(r"\( ", "(", re.sub(r" \)", ")", re.sub(r"\s+", " ", bare))))


# --- values -----------------------------------------------------------------------------------------


def _other_texts(parts: dict, rng: random.Random) -> dict:
    """Texts that question and query share, each exchanged for another one of the same column, here and in the data."""
    values = [node.name for node in explain.parse(parts["gold"]).find_all(exp.Literal) if node.is_string]
    kept = set(values)
    for value in dict.fromkeys(values):
        said = _said(value)
        if not said.search(parts["question"]) or not said.search(parts["say"]):
            continue
        beside = _beside(parts, value)
        others = [one for one in beside if one not in kept and not _said(one).search(parts["question"])]
        if others:
            other = rng.choice(others)
            kept.add(other)
            swap = {literal(value): literal(other), literal(other): literal(value)}
            parts = parts | {
                "ddl": _swapped(parts["ddl"], swap),
                "fills": [_swapped(fill, swap) for fill in parts["fills"]],
                "gold": _swapped(parts["gold"], swap),
                "say": _exchanged(parts["say"], said, other),
                "question": _exchanged(parts["question"], said, other),
            }
    return parts


def _said(value: str):
    """A value as a whole word of a sentence, in any case."""
    return re.compile(rf"(?<!\w){re.escape(value)}(?!\w)", re.IGNORECASE)


def _exchanged(sentence: str, said, other: str) -> str:
    """The sentence with another value, in small letters where the first one was written so."""
    return said.sub(lambda found: other.lower() if found.group().islower() else other, sentence)


def _swapped(script: str, swap: dict) -> str:
    """A script with texts exchanged."""
    return "".join(swap.get(token.group(), token.group()) for token in TOKEN.finditer(script))


def _beside(parts: dict, value: str) -> list:
    """The other texts of the columns that hold `value`, sorted; none that is a number, a date or one letter."""
    found = set()
    columns = [(table, column) for table, some in columns_of(parts["ddl"]).items() for column in some]
    with opened(parts["ddl"], parts["fills"]) as databases:
        for database, (table, column) in itertools.product(databases, columns):
            texts = {one for (one,) in database.execute(f'SELECT "{column}" FROM "{table}"') if isinstance(one, str)}
            found |= texts if value in texts else set()
    return sorted(one for one in found - {value} if len(one) > 1 and one[0].isalpha() and "'" not in one)


def _other_numbers(parts: dict, rng: random.Random) -> dict:
    """Numbers that question, query and sentence have once each, each another one near it that finds something, too.

    Years stay, and 0 and 1, of which people speak in words of their own.
    """
    nodes = [node for node in explain.parse(parts["gold"]).find_all(exp.Literal) if not node.is_string]
    for number in dict.fromkeys(node.name for node in nodes if isinstance(node.parent, COMPARED)):
        pattern = re.compile(rf"(?<![\w.,'-]){re.escape(number)}(?![\w'-]|[.,:]\d)")
        texts = {key: parts[key] for key in ("gold", "say", "question")}
        if not number.isdigit() or int(number) < 2 or 1900 <= int(number) <= 2100:
            continue
        if any(len(pattern.findall(text)) != 1 for text in texts.values()):
            continue
        step = 10 ** (len(number) - len(number.rstrip("0")))
        near = [int(number) + step * i for i in (-3, -2, -1, 1, 2, 3)]
        other = str(rng.choice([one for one in near if one >= 2]))
        changed = {key: pattern.sub(other, text) for key, text in texts.items()}
        if _finds_some(parts, changed["gold"]):
            parts = parts | changed
    return parts


def _finds_some(parts: dict, sql: str) -> bool:
    """Whether a query runs and gives more than nothing on every database."""
    with opened(parts["ddl"], parts["fills"]) as databases:
        found = list(results(sql, databases))
    return all(rows and any(value is not None for row in rows for value in row) for rows in found)
