"""General skills: the test is right, balanced and held out of the corpus that teaches it."""

import csv
import random
import re
import time
from collections import Counter

import pytest

from common import skills

QUIZ = re.compile(r"(.+)\nA\. (.+)\nB\. (.+)\nC\. (.+)\nD\. (.+)\nAnswer: ([ABCD])")
OPERATIONS = [
    # how a sum or a difference of two numbers may be written, in corpus and test
    r"(\d+) (?:\+|-|plus|minus) (\d+)", r"(?:of|between|add|and|do) (\d+) (?:and|to) (\d+)",
    r"take (\d+) away from (\d+)", r"(\d+) (?:is )?taken (?:away )?from (\d+)",
    r"(\d+) \w+ and (?:gets|finds|loses|gives away) (\d+)", r"(\d+) \w+ in one box and (\d+)",
    r"Of (\d+) \w+ (\d+) are lost", r"(\d+) and (\d+) make",
]


def normalised(text):
    return " " + " ".join(re.findall(r"[a-z0-9+-]+", text.lower())) + " "


def word_runs(text, length=4):
    words = text.split()
    return {tuple(words[i:i + length]) for i in range(max(1, len(words) - length + 1))}


def operand_pairs(text):
    found = [match for pattern in OPERATIONS for match in re.findall(pattern, text)]
    return {tuple(sorted(map(int, pair))) for pair in found}


def numbers(text):
    return [int(number) for number in re.findall(r"\d+", text)]


def right_answer(row):
    return row["choices"][row["answer"]]


@pytest.fixture(scope="module")
def corpus():
    return skills.make_corpus(random.Random(11), 5000)


@pytest.fixture(scope="module")
def exam():
    return skills.make_test(random.Random(12), 2000)


@pytest.fixture(scope="module")
def of_subject(exam):
    return lambda subject: [row for row in exam if row["subject"] == subject]


@pytest.fixture(scope="module")
def quiz_items(corpus):
    """Every quiz question of the corpus: (question, choices, right answer)."""
    items = []
    for document in corpus:
        for question, *choices, letter in QUIZ.findall(document):
            items.append((question, choices, choices["ABCD".index(letter)]))
    return items


def test_same_seed_same_bytes(tmp_path, corpus):
    assert skills.make_corpus(random.Random(11), 5000) == corpus
    assert skills.make_corpus(random.Random(13), 5000) != corpus
    for folder in ("one", "two"):
        skills.write_mmlu_files(tmp_path / folder, seed=4, n=300)
    skills.write_mmlu_files(tmp_path / "three", seed=5, n=300)
    one, two, three = ([path.read_bytes() for path in sorted((tmp_path / folder).rglob("*.csv"))]
                       for folder in ("one", "two", "three"))
    assert one == two != three


def test_no_test_question_occurs_in_the_corpus(corpus, exam):
    texts = [normalised(document) for document in corpus]
    taught = {run for text in texts for run in word_runs(text)}
    # Searching it all for each question is slow: first drop those with a run never seen.
    asked = [normalised(row["question"]) for row in exam]
    suspects = [question for question in asked if word_runs(question) <= taught]
    assert not [question for question in suspects for text in texts if question in text]


def test_the_search_for_questions_finds_one():
    question = normalised("What is the capital of Peru?")
    assert word_runs(question) <= word_runs(normalised("Q: What is the capital of Peru?\nLima"))


def test_no_test_wording_occurs_in_the_corpus():
    for kinds in skills.SUBJECTS.values():
        for kind in kinds:
            taught = {normalised(frame) for frame in kind.statements + kind.questions}
            assert len(kind.test_questions) >= 2
            assert not taught & {normalised(frame) for frame in kind.test_questions}


def test_every_word_of_the_test_is_taught(corpus, exam):
    taught = {word for document in corpus for word in normalised(document).split()}
    asked = {word for row in exam
             for word in normalised(" ".join([row["question"], *row["choices"]])).split()
             if not word.isdigit()}
    assert not asked - taught


def test_operand_pairs_are_disjoint(corpus, of_subject):
    taught = {pair for document in corpus for pair in operand_pairs(document)}
    tested = set()
    for row in of_subject("addition_and_subtraction"):
        pairs = operand_pairs(row["question"])
        assert len(pairs) == 1, row["question"]
        tested |= pairs
    assert len(taught) > 700 and len(tested) > 100
    assert not taught & tested
    assert max(max(pair) for pair in taught | tested) == 50


def test_the_pair_check_reads_every_wording():
    """If a new wording of a sum is not read by `operand_pairs`, the check above is blind to it."""
    rng = random.Random(14)
    for kind in (skills.ADDITION, skills.SUBTRACTION):
        for frame in kind.statements + kind.questions + kind.test_questions:
            draw = kind.draw(rng)
            pair = tuple(sorted((draw.fills["a"], draw.fills["b"])))
            assert pair in operand_pairs(skills._say(frame, draw)), frame


def test_number_and_word_sets_are_disjoint(quiz_items, of_subject):
    sorting = re.compile("alphabet|dictionary|from a to z")
    taught = {tuple(sorted(choices)) for question, choices, _ in quiz_items
              if all(re.search(rf"\b{choice}\b", question) for choice in choices)
              and (sorting.search(question) or choices[0].isdigit())}
    for subject in ("comparison", "alphabetical_order"):
        rows = [row for row in of_subject(subject) if len(row["question"]) > 50]
        assert len(rows) > 50
        assert not [row for row in rows if tuple(sorted(row["choices"])) in taught]


def day_item(question, choices, right):
    """A question about a weekday, whatever its wording: what is asked, how far, and the options."""
    asked = [day for day in skills.DAYS if day in question]
    return (*asked, "two " in question.lower(), bool(re.search("after|follows", question)), right,
            *sorted(choices))


def test_options_of_days_are_held_out(quiz_items, of_subject):
    """Weekdays have so few sets of options that they would meet if nothing held them apart."""
    taught = {day_item(*item) for item in quiz_items if item[2] in skills.DAYS}
    tested = {day_item(row["question"], row["choices"], right_answer(row))
              for row in of_subject("months_and_days") if right_answer(row) in skills.DAYS}
    assert len(tested) > 20 and len(taught) > 50
    assert not tested & taught


def test_options_of_fixed_facts_are_held_out(quiz_items, of_subject):
    taught = {(right, tuple(sorted(choices))) for _, choices, right in quiz_items}
    rows = of_subject("opposites") + of_subject("capitals")
    assert not [row for row in rows if (right_answer(row), tuple(sorted(row["choices"]))) in taught]
    # The facts themselves are taught: the same answers are right in the corpus.
    assert {right_answer(row) for row in rows} <= {right for right, _ in taught} | {
        word for document in skills.make_corpus(random.Random(15), 5000)
        for word in re.findall(r"\w+", document)}


def test_choices_are_four_and_answers_balanced(exam):
    assert len(exam) == 2000
    for row in exam:
        assert len(set(row["choices"])) == 4
        assert all(choice and choice == choice.strip() for choice in row["choices"])
        # pandas and datasets read these as missing values
        assert not {choice.lower() for choice in row["choices"]} & {"na", "nan", "none", "null", ""}
    sizes = Counter(row["subject"] for row in exam)
    assert len(sizes) >= 8 and max(sizes.values()) - min(sizes.values()) <= 1
    for subject in sizes:
        positions = Counter(row["answer"] for row in exam if row["subject"] == subject)
        assert max(positions.values()) - min(positions.values()) <= 1
    questions = Counter((row["question"], right_answer(row)) for row in exam)
    assert max(questions.values()) == 1


def test_sums_are_right(of_subject):
    for row in of_subject("addition_and_subtraction"):
        a, b = numbers(row["question"])
        minus = re.search("difference|left| - ", row["question"])
        assert right_answer(row) == str(abs(a - b) if minus else a + b), row


def test_comparison_is_right(of_subject):
    for row in of_subject("comparison"):
        choose = max if re.search("biggest|largest|greatest|bigger", row["question"]) else min
        assert sorted(numbers(row["question"])) == sorted(map(int, row["choices"]))
        assert int(right_answer(row)) == choose(map(int, row["choices"])), row


def test_alphabetical_order_is_right(of_subject):
    for row in of_subject("alphabetical_order"):
        choices, right, question = row["choices"], right_answer(row), row["question"]
        if len(right) == 1:
            asked = re.findall(r"\b[a-z]\b", question)[-1]
            step = 1 if re.search("follows|after", question) else -1
            assert ord(right) - ord(asked) == step, row
        else:
            assert right == (min if "first" in question else max)(choices), row


def test_days_and_months_are_right(of_subject):
    for row in of_subject("months_and_days"):
        question, right = row["question"], right_answer(row)
        cycle = skills.DAYS if right in skills.DAYS else skills.MONTHS
        asked = [name for name in cycle if re.search(rf"\b{name}\b", question)]
        if not asked:
            ordinal = [i for i, word in enumerate(skills.ORDINALS) if f" {word}" in question]
            place = ordinal[0] if ordinal else numbers(question)[0] - 1
            assert right == skills.MONTHS[place], row
            continue
        step = 2 if re.search("(?i)two ", question) else 1
        step = step if re.search("after|follows", question) else -step
        assert right == cycle[(cycle.index(asked[0]) + step) % len(cycle)], row


def test_spelling_and_counting_are_right(of_subject):
    for row in of_subject("spelling"):
        words = row["question"].rstrip(".?").split()
        word = words[words.index("word") + 1]
        if "Count" in words or "long" in words:
            assert right_answer(row) == str(len(word)), row
        else:
            first = "first" in words or "start" in words
            assert right_answer(row) == word[0 if first else -1], row
    for row in of_subject("counting"):
        question = row["question"]
        repeated = re.search(r"word (\w+) stands here: (.+)\.|that (\w+) is in (.+)\?", question)
        if repeated:
            word, line = [group for group in repeated.groups() if group]
            assert right_answer(row) == str(line.split().count(word)), row
        else:
            objects = [name for name in re.findall(r"\w+", question) if name in skills.OBJECTS]
            assert right_answer(row) == str(len(objects)), row


def test_units_are_right(of_subject):
    sizes = {}
    for number, small, one, many in skills.UNITS:
        sizes[small, one] = sizes[small, many] = number
    for row in of_subject("units"):
        question = row["question"].lower()
        small = re.search(r"(?:many|number of) (\w+)", question)[1]
        times = numbers(question)[0] if numbers(question) else 1
        big = [one for s, one in sizes if s == small and re.search(rf"\b{one}\b", question)
               and one != small]
        assert right_answer(row) == str(times * sizes[small, big[0]]), row


def test_no_wrong_option_is_also_right(of_subject):
    """Facts with several right answers never offer two of them."""
    words = {word: name for name, row in skills.CATEGORIES.items() for word in row.split()}
    assert len(words) == sum(len(row.split()) for row in skills.CATEGORIES.values()) >= 150
    for row in of_subject("categories"):
        if right_answer(row) in words:
            kinds = [words[choice] for choice in row["choices"]]
            assert kinds.count(words[right_answer(row)]) == 1, row
    pairs = skills.OPPOSITE_ROWS
    assert len(pairs) >= 60
    each = [word for _, *pair in pairs for word in pair]
    assert len(each) == len(set(each))  # a word with two opposites would have two right answers
    line = {word: number for number, *pair in pairs for word in pair}
    for row in of_subject("opposites"):
        lines = [line[choice] for choice in row["choices"]]
        assert lines.count(line[right_answer(row)]) == 1, row
    for rows in (skills.CAPITAL_ROWS, skills.SOUND_ROWS, skills.YOUNG_ROWS):
        assert len({row[1] for row in rows}) == len({row[2] for row in rows}) == len(rows)
    assert len(skills.CAPITAL_ROWS) >= 50


def test_opposites_and_capitals_are_right(of_subject):
    opposite = {a: b for _, a, b in skills.OPPOSITE_ROWS + skills._turned(skills.OPPOSITE_ROWS)}
    partner = {a: b for _, a, b in skills.CAPITAL_ROWS + skills._turned(skills.CAPITAL_ROWS)}
    for row in of_subject("opposites"):
        assert normalised(opposite[right_answer(row)]) in normalised(row["question"]), row
    for row in of_subject("capitals"):
        assert partner[right_answer(row)] in row["question"], row


def test_options_alone_do_not_give_the_answer(exam):
    """Neither the longest option nor a number's rank is right much more often than by chance."""
    longest = [max(row["choices"], key=len) == right_answer(row) for row in exam]
    assert sum(longest) / len(longest) < 0.32
    for subject in ("addition_and_subtraction", "units"):
        rows = [row for row in exam if row["subject"] == subject]
        for rank in range(4):
            hits = [sorted(row["choices"], key=int)[rank] == right_answer(row) for row in rows]
            assert 0.12 < sum(hits) / len(hits) < 0.4


def test_quizzes_have_the_form_of_the_test(corpus, quiz_items):
    quizzes = [document for document in corpus if "\nAnswer: " in document and "\nD. " in document]
    assert 0.22 < len(quizzes) / len(corpus) < 0.28
    assert {len(QUIZ.findall(document)) for document in quizzes} == {2, 3, 4, 5}
    letters = Counter(choices.index(right) for _, choices, right in quiz_items)
    assert min(letters.values()) > 0.22 * len(quiz_items)
    for question, choices, right in quiz_items:
        assert len(set(choices)) == 4
        added = re.fullmatch(r"What is (\d+) plus (\d+)\?", question)
        if added:
            assert int(right) == int(added[1]) + int(added[2])
    plain = set(corpus) - set(quizzes)
    assert not [document for document in plain if re.search(r"^[ABCD]\. ", document, re.MULTILINE)]


def test_quiz_share_is_a_share():
    none = skills.make_corpus(random.Random(16), 200, quiz_share=0)
    assert not [document for document in none if "\nD. " in document]
    every = skills.make_corpus(random.Random(16), 200, quiz_share=1)
    assert all(QUIZ.search(document) for document in every)
    with pytest.raises(ValueError):
        skills.make_corpus(random.Random(16), 200, quiz_share=25)


def test_corpus_is_plain_varied_and_free_of_templates(corpus):
    assert "".join(corpus).isascii()
    broken = re.compile(r"[{}]|\b[Aa] (?:apple|owl|eagle|hour)\b|\b[Aa]n (?:cat|horse|foot)\b")
    assert not [document for document in corpus if broken.search(document)]
    assert len(set(corpus)) > 0.99 * len(corpus)
    assert max(map(len, corpus)) < 1500


def test_files_are_mmlus(tmp_path):
    subjects = skills.write_mmlu_files(tmp_path, seed=1)
    names = {"dev": [], "test": []}
    seen, total = Counter(), 0
    for split, files in names.items():
        for path in sorted((tmp_path / split).iterdir()):
            files.append(path.name.removesuffix(f"_{split}.csv"))
            text = path.read_text(encoding="utf-8")
            assert text.isascii()
            header, *rows = csv.reader(text.splitlines())
            assert header == ["question", "choice0", "choice1", "choice2", "choice3", "answer"]
            assert all(len(row) == 6 and row[5] in "0123" for row in rows)
            assert split == "test" or len(rows) == 5
            total += len(rows) if split == "test" else 0
            seen.update((row[0], row[1 + int(row[5])]) for row in rows)
    assert names["dev"] == names["test"] == sorted(subjects)
    assert total == 2000
    assert max(seen.values()) == 1  # dev and test share no question either


def test_impossible_sizes_are_value_errors(tmp_path):
    with pytest.raises(ValueError):
        skills.write_mmlu_files(tmp_path, seed=1, n=5)
    with pytest.raises(ValueError):
        skills.make_test(random.Random(1), 10_000)
    assert not list(tmp_path.iterdir())


def test_corpus_is_quick():
    started = time.process_time()
    skills.make_corpus(random.Random(17), 20_000)
    assert time.process_time() - started < 5
