"""Names and words: how an identifier of a schema, in any script, is said in a sentence.

A library that explain.py, claims.py and verify.py share.
"""

import re
import unicodedata
from functools import lru_cache
from itertools import product

IRREGULAR = {
    "people": "person",
    "children": "child",
    "men": "man",
    "women": "woman",
    "mice": "mouse",
    "feet": "foot",
    "analyses": "analysis",
    "criteria": "criterion",
    "ids": "id",
}
ABBREVIATIONS = {
    "no": "number", "nr": "number", "num": "number", "nm": "name", "dt": "date", "qty": "quantity", "pct": "percent",
    "amt": "amount", "descr": "description", "addr": "address", "dept": "department", "tel": "telephone", "yr": "year",
    "min": "minutes", "hrs": "hours", "wt": "weight", "cap": "capacity", "temp": "temperature", "avg": "average",
    "lang": "language", "est": "estimated", "acct": "account", "cust": "customer", "grp": "group", "lat": "latitude",
}  # fmt: skip
# Vowel signs and accents of many scripts are no letters to Python's \w, but parts of words.
MARKS = "".join(chr(i) for i in range(0x300, 0xFE30) if unicodedata.category(chr(i)).startswith("M"))
WORD = re.compile(rf"[^\W_](?:[^\W_]|[{MARKS}])*")


def plain(text: str) -> str:
    """The text with composed accents and straight apostrophes, its case kept."""
    return unicodedata.normalize("NFC", text).replace("’", "'")


def words_of(text: str) -> list[str]:
    """The words of a text, without case: straße and STRASSE are the same."""
    return [plain(word.casefold()) for word in WORD.findall(plain(text))]


@lru_cache(maxsize=65536)
def split_identifier(name: str) -> list[str]:
    """ "page_count", "PageCount", "PAGE_COUNT" and "page count" are all page, count."""
    return [plain(part.casefold()) for chunk in WORD.findall(plain(name)) for part in _humps(chunk)]


def _humps(chunk: str) -> list[str]:
    """The parts of a word in camel case: "JobID2" is Job, ID, 2."""
    cuts = [0]
    for i in range(1, len(chunk)):
        before, here, after = chunk[i - 1], chunk[i], chunk[i + 1 : i + 2]
        if unicodedata.category(here).startswith("M"):
            continue
        hump = here.isupper() and (not before.isupper() or after.islower())
        if hump or before.isdigit() != here.isdigit():
            cuts.append(i)
    return [chunk[start:end] for start, end in zip(cuts, [*cuts[1:], len(chunk)], strict=True)]


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """A rough root, the same for singular and plural: city, cities; box, boxes; leaf, leaves."""
    word = IRREGULAR.get(word, word)
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    if word.endswith("y"):
        return f"{word[:-1]}i"
    return f"{word[:-1]}v" if word.endswith("f") else word


def says(sentence: str, words: str, last_only: bool = False) -> bool:
    """Whether the words of an identifier or phrase (or its last one) stand anywhere in the sentence.

    The single letter of "b_title" needs no mention, and "pagecount" may be said as "page count".
    """
    wanted = split_identifier(words)
    if len(wanted) > 1 and len(wanted[0]) == 1:
        wanted = wanted[1:]
    if last_only:
        wanted = [word for word in wanted if not word.isdigit()][-1:] or wanted
    spoken = frozenset(words_of(sentence))
    present = {stem(word) for word in spoken}
    return all(
        stem(word) in present or stem(ABBREVIATIONS.get(word, word)) in present or spelled(word, spoken, last_only)
        for word in wanted
    )


def spelled(letters: str, spoken: frozenset, last_only: bool = False) -> bool:
    """Whether the letters are some of these words run together, or end in one ("tblbooks")."""
    forms = {form for word in spoken for form in forms_of(word) if len(form) > 1}
    if last_only:
        return any(len(form) > 2 and letters.endswith(form) for form in forms)
    reached = {0}
    for start in range(len(letters)):
        if start in reached:
            reached |= {start + len(form) for form in forms if letters.startswith(form, start)}
    return len(letters) in reached


@lru_cache(maxsize=65536)
def forms_of(word: str) -> frozenset:
    """The word and what may be its singular."""
    forms = {word, IRREGULAR.get(word, word)}
    if word.endswith("s"):
        forms |= {word[:-1], word[:-2] if word.endswith("es") else word}
        forms |= {f"{word[:-3]}y"} if word.endswith("ies") else set()
    return frozenset(forms)


def joined(words: tuple) -> set[str]:
    """What the words may look like run together, each as it is or in the singular."""
    return {"".join(forms) for forms in product(*(forms_of(word) for word in words[:4]))} if words else set()
