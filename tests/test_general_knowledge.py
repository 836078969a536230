"""The general-knowledge test in eval/general_knowledge: its files, its balance, no question twice."""

import csv
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "eval" / "general_knowledge"
HEADER = ["question", "choice0", "choice1", "choice2", "choice3", "answer"]
SUBJECTS = ("astronomy", "biology", "chemistry", "computing", "economics", "everyday_life", "geography",
            "language_and_grammar", "law_and_government", "literature", "mathematics", "medicine_and_health",
            "music_and_art", "physics", "world_history")  # fmt: skip
LEAST_TEST = 600  # questions over all subjects
DEV_ROWS = 5  # a subject's few-shot rows


def read_rows(part, subject):
    """[(question, choices, index of the right one)] of one file, which has nothing but whole rows."""
    with (FOLDER / part / f"{subject}_{part}.csv").open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle, strict=True)
    assert header == HEADER
    assert all(len(row) == len(HEADER) and row[-1] in tuple("0123") for row in rows)
    return [(question, choices, int(answer)) for question, *choices, answer in rows]


def all_rows():
    return [row for part in ("dev", "test") for subject in SUBJECTS for row in read_rows(part, subject)]


def plain(text):
    """A text without case, punctuation and runs of spaces, in which repeats are looked for."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


@pytest.mark.parametrize("part", ["dev", "test"])
def test_the_files_are_the_subjects(part):
    assert sorted(path.name for path in (FOLDER / part).iterdir()) == [f"{name}_{part}.csv" for name in SUBJECTS]


def test_counts():
    assert [len(read_rows("dev", subject)) for subject in SUBJECTS] == [DEV_ROWS] * len(SUBJECTS)
    total = sum(len(read_rows("test", subject)) for subject in SUBJECTS)
    assert total >= LEAST_TEST
    said = (FOLDER / "SOURCE.txt").read_text(encoding="utf-8")
    assert f"{len(SUBJECTS)} subjects, {total} test questions" in said


@pytest.mark.parametrize("subject", SUBJECTS)
def test_right_answers_are_spread(subject):
    """So that always saying one letter earns about a quarter."""
    rows = read_rows("test", subject)
    counts = Counter(answer for _, _, answer in rows)
    assert all(0.15 <= counts[index] / len(rows) <= 0.35 for index in range(4))


def test_no_question_twice():
    counts = Counter(plain(question) for question, _, _ in all_rows())
    assert not [question for question, count in counts.items() if count > 1]


def test_four_different_choices():
    for question, choices, _ in all_rows():
        texts = [text.strip().casefold() for text in choices]
        assert question.strip() and all(texts) and len(set(texts)) == 4, question


def test_length_does_not_give_the_answer_away():
    longest = shortest = 0
    rows = all_rows()
    for _, choices, answer in rows:
        others = [len(text) for index, text in enumerate(choices) if index != answer]
        longest += len(choices[answer]) > max(others)
        shortest += len(choices[answer]) < min(others)
    assert longest <= len(rows) / 2
    assert shortest <= len(rows) / 2
