"""The words of one question, and how they are made to fit: number, articles, what is said around it.

A library that the kinds of questions share.
"""

import random
import re

from domains.text_to_sql.templates import phrases
from domains.text_to_sql.templates.style import BoundColumn, BoundTable

AFTER_HEAD = re.compile(r" (?:in|of|to|on|at|for|per|by|it|the)\b")  # "height in metres": singular
NO_PLURAL = ("ss", "us", "is", "canvas", "maths")
VERBS = {"is": "are", "has": "have", "was": "were"}  # other verbs lose their s


class Voice:
    """The words of one question: its split's phrases, and a random choice of synonyms that then stays the same."""

    def __init__(self, rng: random.Random, split: str):
        self.rng, self.split, self.chosen = rng, split, {}

    def pick(self, table: dict):
        """One phrase of this split."""
        return self.rng.choice(table[self.split])

    def word(self, name: str, own: str, synonyms: tuple) -> str:
        """The same word for `name` all through one question, a synonym in a fifth of the questions."""
        if name not in self.chosen:
            self.chosen[name] = self.rng.choice(synonyms) if synonyms and self.rng.random() < 0.2 else own
        return self.chosen[name]

    def column(self, bound: BoundColumn) -> str:
        return self.word(f"{bound.table}.{bound.sql}", bound.column.words, bound.column.synonyms)

    def things(self, bound: BoundTable) -> str:
        return self.word(bound.sql, bound.table.plural, bound.table.synonyms)


def tidy(text: str) -> str:
    """Without the double spaces of empty slots, 'an' where it belongs, and a capital in front."""
    text = " ".join(text.split())
    text = re.sub(r"\ba (?=(?:[aeio]|u(?!ni|s)|hour))", "an ", text)
    for mark in ".,:?;":
        text = text.replace(f" {mark}", mark)
    return text[:1].upper() + text[1:]


def agree(phrase: str, words: str) -> str:
    """The phrase as it fits these column words: '{col} are' instead of 'a {col} is' for a plural."""
    head = AFTER_HEAD.split(words)[0].split()
    if not any(word.endswith("s") and not word.endswith(NO_PLURAL) for word in head):
        return phrase
    phrase = re.sub(r"\ba \{col\}", "{col}", phrase)
    return re.sub(r"(?<=\{col\} )\w+s\b", lambda verb: VERBS.get(verb[0], verb[0][:-1]), phrase)


def surround(rng: random.Random, split: str, question: str) -> str:
    """The question with a greeting before or a word after it: an eighth of the questions each, in training splits."""
    before = rng.choice(phrases.BEFORE[split]) if split in phrases.BEFORE and rng.random() < 0.125 else ""
    after = rng.choice(phrases.AFTER[split]) if split in phrases.AFTER and rng.random() < 0.125 else ""
    return " ".join(part for part in (before, question, after) if part)
