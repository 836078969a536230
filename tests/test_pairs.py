"""Pairs and duplicates: what becomes training data, and what is dropped, by rules that a reader can check."""

import itertools
import json
import random
from argparse import Namespace
from collections import Counter
from typing import NamedTuple

import pytest

from common.cli import UserError
from common.domain import load_domain
from data import gen_dpo, gen_sft, similar
from train.dpo import split_pairs

GOOD, BAD_FORMAT, NO_EXPLANATION = [1, 1, 1], [1, 0, 1], [1, 1, 0]


class Verdict(NamedTuple):
    """A verdict as domains give it."""

    correct: bool | None
    format_ok: bool | None = True
    explanation_ok: bool | None = True
    reason: str = "wrong_result"


class Completion(NamedTuple):
    """A completion as engines give it."""

    text: str
    token_ids: list
    finish_reason: str


def sample(text, score, finished=True):
    """One judged sample."""
    return {"text": text, "finished": finished, "tokens": len(text), "score": list(score), "reason": "r"}


def texts(pair):
    """The two texts of a pair."""
    return tuple(one["text"] for one in pair)


# --- pairs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", list(itertools.product((0, 1), repeat=3)))
def test_equal_samples_make_no_pair(score):
    assert gen_dpo.make_pair([sample("short", score), sample("much longer than that", score)]) is None


def test_no_correct_sample_makes_no_pair():
    assert gen_dpo.make_pair([sample("a", (0, 1, 1)), sample("b", (0, 0, 0)), sample("c", (0, 1, 0))]) is None
    assert gen_dpo.make_pair([]) is None and gen_dpo.make_pair([sample("a", GOOD)]) is None


@pytest.mark.parametrize("right", [(1, *rest) for rest in itertools.product((0, 1), repeat=2)])
@pytest.mark.parametrize("wrong", [(0, *rest) for rest in itertools.product((0, 1), repeat=2)])
def test_correct_beats_wrong_whatever_the_form(right, wrong):
    for samples in itertools.permutations([sample("right", right), sample("wrong", wrong)]):
        chosen, rejected = gen_dpo.make_pair(list(samples))
        assert texts((chosen, rejected)) == ("right", "wrong")
        assert gen_dpo.margin_of(chosen, rejected) == "correct"


def test_among_correct_samples_format_comes_before_explanation():
    pair = gen_dpo.make_pair([sample("f", BAD_FORMAT), sample("good", GOOD), sample("e", NO_EXPLANATION)])
    assert texts(pair) == ("good", "f") and gen_dpo.margin_of(*pair) == "format"
    pair = gen_dpo.make_pair([sample("e", NO_EXPLANATION), sample("good", GOOD)])
    assert texts(pair) == ("good", "e") and gen_dpo.margin_of(*pair) == "explanation"
    pair = gen_dpo.make_pair([sample("f", BAD_FORMAT), sample("e", NO_EXPLANATION)])
    assert texts(pair) == ("e", "f") and gen_dpo.margin_of(*pair) == "format"


def test_a_wrong_sample_is_rejected_before_a_correct_one_of_bad_form():
    samples = [sample("abcd", GOOD), sample("abce", (1, 0, 0)), sample("zzzz", (0, 1, 1))]
    assert texts(gen_dpo.make_pair(samples)) == ("abcd", "zzzz")


def test_wrong_samples_are_not_ranked_by_their_form():
    for form, other in itertools.permutations([(0, 1, 1), (0, 0, 0), (0, 1, 0)], 2):
        samples = [sample("SELECT a FROM b;", GOOD), sample("something else", other), sample("SELECT a FROM c;", form)]
        assert texts(gen_dpo.make_pair(samples)) == ("SELECT a FROM b;", "SELECT a FROM c;")


def test_the_nearest_negative_is_taken_and_then_the_earlier():
    samples = [sample("xxxxxxxx", (0, 1, 1)), sample("abcdefgx", (0, 1, 1)), sample("abcdefgh", GOOD)]
    assert texts(gen_dpo.make_pair(samples)) == ("abcdefgh", "abcdefgx")
    # The chosen one, too, is the nearest of its equals.
    samples = [sample("qqqq", GOOD), sample("abcd", GOOD), sample("abcx", (0, 1, 1))]
    assert texts(gen_dpo.make_pair(samples)) == ("abcd", "abcx")
    first, second = sample("abcx", (0, 1, 1)), sample("abcx", (0, 1, 1))
    assert gen_dpo.make_pair([first, sample("abcd", GOOD), second])[1] is first


def test_an_unfinished_sample_is_never_used():
    assert gen_dpo.make_pair([sample("a", GOOD), sample("b", (0, 0, 0), finished=False)]) is None
    assert gen_dpo.make_pair([sample("a", (0, 1, 1)), sample("b", GOOD, finished=False)]) is None
    pair = gen_dpo.make_pair([sample("ab", GOOD), sample("ac", (0, 0, 0), False), sample("zz", (0, 0, 0))])
    assert texts(pair) == ("ab", "zz")


def test_length_never_decides():
    short, long = "SELECT a FROM b;", "SELECT a FROM b;" + " It is so." * 20
    for scores in itertools.product(itertools.product((0, 1), repeat=3), repeat=2):
        one = gen_dpo.make_pair([sample(short, scores[0]), sample(long, scores[1])])
        swapped = gen_dpo.make_pair([sample(long, scores[0]), sample(short, scores[1])])
        assert (one is None) == (swapped is None)
        if one is not None:
            assert [side["score"] for side in one] == [side["score"] for side in swapped]


def test_every_pair_has_a_margin():
    rng = random.Random(0)
    made = 0
    for _ in range(2000):
        samples = [
            sample("".join(rng.choices("ab", k=rng.randint(1, 9))), rng.choices((0, 1), k=3), rng.random() < 0.8)
            for _ in range(4)
        ]
        pair = gen_dpo.make_pair(samples)
        finished = [one["score"] for one in samples if one["finished"]]
        right = [score for score in finished if score[0]]
        assert (pair is not None) == (bool(right) and any(score != max(finished) for score in finished))
        if pair:
            made += 1
            chosen, rejected = pair
            assert chosen["finished"] and rejected["finished"] and chosen["score"] == max(right)
            assert not rejected["score"][0] if len(right) < len(finished) else rejected["score"] == min(right)
            assert chosen["score"] > rejected["score"] and gen_dpo.margin_of(chosen, rejected)
    assert made > 500


def test_a_sample_is_judged_by_verdict_and_ending():
    verdicts = {"yes": Verdict(True, True, None, "ok"), "no": Verdict(False, True, None, "no")}
    domain = Namespace(verify=lambda row, text: verdicts[text])
    made = [Completion("yes", [1, 2], "stop"), Completion("no", [1], "stop"), Completion("yes", [1, 2, 3], "length")]
    judged = gen_dpo.judge(domain, {}, gen_dpo.as_samples(made))
    assert [one["score"] for one in judged] == [[1, 1, None], [0, 1, None], [0, 0, 0]]
    assert [one["reason"] for one in judged] == ["ok", "no", "unfinished"]
    assert [one["finished"] for one in judged] == [True, True, False]


def judged_pair(*verdicts):
    """The pair, and what it differs in, of finished samples with these verdicts; their texts are their places."""
    domain = Namespace(verify=lambda row, text: verdicts[int(text)])
    made = [Completion(str(i), [1], "stop") for i in range(len(verdicts))]
    pair = gen_dpo.make_pair(gen_dpo.judge(domain, {}, gen_dpo.as_samples(made)))
    return pair and (*texts(pair), gen_dpo.margin_of(*pair))


def test_what_cannot_be_judged_is_never_the_worse():
    right, wrong, unknown = Verdict(True), Verdict(False), Verdict(None, None, None, "cannot_judge")
    assert judged_pair(right, unknown) is None and judged_pair(right, None) is None and judged_pair(unknown) is None
    assert judged_pair(unknown, wrong) is None and judged_pair(unknown, right, wrong) == ("1", "2", "correct")
    formless, bad = Verdict(True, None, True), Verdict(True, False, True)
    assert judged_pair(right, formless) is None
    assert judged_pair(right, bad, formless) is None, "the form of one is unknown, so form decides nothing"
    assert judged_pair(right, bad) == ("0", "1", "format")
    silent = Verdict(True, True, False)
    assert judged_pair(right, Verdict(True, None, False), bad) == ("0", "1", "explanation")
    assert judged_pair(Verdict(True, True, None), silent) is None
    # The form of a wrong sample, known or not, is nothing to the right ones.
    assert judged_pair(right, bad, Verdict(False, None, None)) == ("0", "2", "correct")


def test_the_report_averages_over_what_was_judged():
    args = Namespace(judge="verifier", temperature=1.0, top_p=1.0, samples=2)
    unknown = sample("b", (None, None, None))
    sampled = [{"id": "p", "samples": [sample("a", GOOD), unknown]}, {"id": "q", "samples": [unknown, unknown]}]
    text = gen_dpo.report(args, sampled, [], 0)
    assert "| pass@1 (mean over judged samples) | 1.000 |" in text and "(any judged sample) | 1.000 |" in text
    assert "| samples that could not be judged | 0.750 |" in text
    for kind, share in (("none can be judged", 0.5), ("none correct", 0), ("all equal", 0.5)):
        assert f"| prompts without a pair: {kind} | {share:.3f} |" in text


def test_rows_are_built_for_prompts_with_a_margin_only():
    args = Namespace(judge="verifier", temperature=1.0, top_p=1.0, samples=2)
    rows = [
        {"id": f"p{i}", "prompt": f"q{i}", "category": "count", "schema_id": "s", "family": "f", "refuse": i == 1}
        for i in range(3)
    ]
    sampled = [
        {"id": "p0", "samples": [sample("a", GOOD), sample("b", GOOD)]},
        {"id": "p1", "samples": [sample("a", (0, 1, 1)), sample("b", GOOD)]},
        {"id": "p2", "samples": [sample("a", (0, 1, 1)), sample("b", (0, 0, 0))]},
    ]
    made = gen_dpo.build_rows(args, rows, sampled, {"adapter_sha256": "0" * 64})
    keys = ("prompt", "prompt_id", "chosen", "rejected", "margin", "refuse")
    assert [[row[key] for key in keys] for row in made] == [["q1", "p1", "b", "a", "correct", True]]
    text = gen_dpo.report(args, sampled, made, 0)
    assert "dropped: refusals beyond their share: 0." in text
    assert "| prompts without a pair: none correct | 0.333 |" in text
    assert "| prompts without a pair: all equal | 0.333 |" in text
    assert "| pass@1 (mean over judged samples) | 0.500 |" in text and "| pass@2 (any judged sample) | 0.667 |" in text


def test_a_dropped_pair_is_no_prompt_of_equal_samples():
    args = Namespace(judge="verifier", temperature=1.0, top_p=1.0, samples=2)
    sampled = [{"id": f"p{i}", "samples": [sample("a", (0, 1, 1)), sample("b", GOOD)]} for i in range(4)]
    pair = {"chosen": "b", "rejected": "a", "margin": "correct", "reason": "r", "category": "c"}
    text = gen_dpo.report(args, sampled, [pair] * 3, 1)
    assert "| prompts without a pair: all equal | 0.000 |" in text and "share: 1." in text


@pytest.mark.parametrize(
    "refusals, answers, due, prompts, left",
    [(31, 69, 14, 100, 11), (2, 3, 1, 2, 2), (9, 3, 1, 2, 3), (5, 0, 1, 2, 0), (5, 5, 0, 9, 0), (5, 0, 7, 7, 5)],
)
def test_chosen_refusals_keep_to_the_share_that_the_prompts_deserve(refusals, answers, due, prompts, left):
    pairs = [
        {"id": i, "refuse": i % 2 == 0 if i < 2 * min(refusals, answers) else refusals > answers}
        for i in range(refusals + answers)
    ]
    kept = gen_dpo.drop_surplus_refusals(pairs, due, prompts, random.Random(1))
    assert [pair for pair in kept if not pair["refuse"]] == [pair for pair in pairs if not pair["refuse"]]
    assert sum(pair["refuse"] for pair in kept) == left <= refusals
    assert left * prompts <= due * len(kept), "their share is at most the deserved one"
    assert left == refusals or (left + 1) * prompts > due * (len(kept) + 1), "and one more would be beyond it"
    assert [pair["id"] for pair in kept] == sorted(pair["id"] for pair in kept)
    assert kept == gen_dpo.drop_surplus_refusals(pairs, due, prompts, random.Random(1))


def test_which_refusals_are_dropped_is_chance():
    pairs = [{"id": i, "refuse": i < 60} for i in range(100)]
    kept = [pair["id"] for pair in gen_dpo.drop_surplus_refusals(pairs, 1, 3, random.Random(2)) if pair["refuse"]]
    assert len(kept) == 20 and kept != list(range(20)) and kept != list(range(40, 60))


def test_half_a_line_of_a_killed_run_is_dropped(tmp_path):
    path = tmp_path / "samples.jsonl"
    assert gen_dpo.read_whole_lines(path) == []
    whole = [{"id": "a", "text": "é\u2028"}, {"id": "b", "text": "x"}]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in whole).encode()
    path.write_bytes(data)
    assert gen_dpo.read_whole_lines(path) == whole
    cut = json.dumps({"id": "c", "text": "é"}, ensure_ascii=False).encode()
    for length in range(1, len(cut) + 1):  # also in the middle of a letter of two bytes
        path.write_bytes(data + cut[:length])
        assert gen_dpo.read_whole_lines(path) == whole


# --- duplicates and selection -----------------------------------------------------------------------


def shingles(text):
    """The set of word trigrams of a text, the whole text when it is shorter."""
    words = text.lower().split()
    return {" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2))}


def brute_force(candidates, threshold):
    """near_duplicates by comparing each text with every earlier one that was kept."""
    sets, kept, found = [shingles(text) for text in candidates], [], []
    for i, own in enumerate(sets):
        twin = next((j for j in kept if len(own & sets[j]) / len(own | sets[j]) >= threshold), None)
        found.append(twin)
        if twin is None:
            kept.append(i)
    return found


@pytest.fixture(scope="module")
def generated_texts():
    """300 texts of the default domain, every third with a near copy."""
    domain, rng = load_domain("text_to_sql"), random.Random(2)
    made = [domain.dedup_text(row) for row in domain.generate(random.Random(2), 225, "sft")]
    for text in made[:225:3]:
        words = text.split()
        words[rng.randrange(len(words))] = "changed"
        made.append(" ".join(words))
    rng.shuffle(made)
    return made


@pytest.mark.parametrize("threshold", [0.6, 0.8, 0.9])
def test_near_duplicates_are_those_of_a_full_comparison(generated_texts, threshold):
    found, expected = similar.near_duplicates(generated_texts, threshold), brute_force(generated_texts, threshold)
    assert len(found) == 300
    duplicates = [i for i, twin in enumerate(expected) if twin is not None]
    assert len(duplicates) >= (40 if threshold < 0.9 else 5)
    missed = [i for i in duplicates if found[i] is None]
    wrong = [i for i, twin in enumerate(found) if twin is not None and expected[i] is None]
    # MinHash may overlook a pair at the very border, but what it proposes is compared truly.
    assert len(missed) <= 0.15 * len(duplicates) and len(wrong) <= len(missed)
    for i, twin in enumerate(found):
        if twin is not None:
            one, other = shingles(generated_texts[i]), shingles(generated_texts[twin])
            assert twin < i and found[twin] is None and len(one & other) >= threshold * len(one | other)


def test_equal_and_short_texts_are_duplicates_and_case_does_not_matter():
    assert similar.near_duplicates(["Hi", "hi", "ho", "Count the big cats now.", "count the BIG cats now."], 0.9) == [
        None,
        0,
        None,
        None,
        3,
    ]


def test_selection_counts_every_reason():
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
    base = " ".join(f"{word}{i}" for i in range(4) for word in words.split())
    prompts = {
        "a": base,
        "b": base,
        "c": f"{base} more",
        "d": "y" * 9999,
        "e": "an unlike question",
        "f": "right later",
        "g": "right later",
        "h": "one too many",
    }
    rows = [{"id": key, "prompt": prompt, "completion": "z"} for key, prompt in prompts.items()]
    reasons = ["", "", "", "", "bad format", "wrong: no_query", "", ""]
    kept, dropped = gen_sft.select(object(), rows, reasons, Namespace(max_characters=6000, jaccard=0.9, n=2))
    # What was dropped as wrong does not stand in the way of the same text when it is right.
    assert [row["id"] for row in kept] == ["a", "g"]
    assert {row["id"]: row["reason"] for row in dropped} == {
        "b": "exact duplicate",
        "c": "near duplicate",
        "d": "too long",
        "e": "bad format",
        "f": "wrong: no_query",
        "h": "not needed",
    }
    text = gen_sft.report(
        [{**row, "category": "count", "schema_id": "s", "family": "f", "teacher": "templates"} for row in kept],
        dropped,
        len(rows),
        object(),
    )
    assert "8 candidates, 2 kept, 6 dropped." in text
    for reason in ("exact duplicate", "near duplicate", "too long", "bad format", "wrong: no_query", "not needed"):
        assert f"| {reason} | 1 |" in text


def test_selection_compares_what_the_domain_says():
    rows = [{"id": i, "prompt": f"schema {i} Question: same?", "completion": "same"} for i in "ab"]
    args = Namespace(max_characters=6000, jaccard=0.9, n=9)
    domain = Namespace(dedup_text=lambda row: row["prompt"].split("Question: ")[1])
    assert [row["id"] for row in gen_sft.select(domain, rows, ["", ""], args)[0]] == ["a"]
    assert [row["id"] for row in gen_sft.select(object(), rows, ["", ""], args)[0]] == ["a", "b"]


def test_rows_are_judged_by_their_own_answer():
    verdicts = {
        "a": Verdict(True),
        "b": Verdict(False),
        "c": Verdict(True, False),
        "d": Verdict(True, True, False),
        "e": Verdict(None, None, None),
    }
    rows = [{"id": key, "completion": key} for key in verdicts]
    domain = Namespace(verify=lambda row, answer: verdicts[answer])
    assert gen_sft.judge(domain, rows) == ["", "wrong: wrong_result", "bad format", "bad explanation", ""]
    assert gen_sft.judge(object(), rows) == [""] * 5


# --- held-out pairs ---------------------------------------------------------------------------------


def test_held_out_pairs_are_whole_schemas():
    rng = random.Random(3)
    rows = [{"id": f"r{i}", "prompt": f"p{i}", "schema_id": f"s{rng.randrange(60)}"} for i in range(900)]
    training, held = split_pairs(rows, 0.05)
    assert Counter(row["id"] for row in training + held) == Counter(row["id"] for row in rows)
    assert {row["schema_id"] for row in training} & {row["schema_id"] for row in held} == set()
    assert 0.03 < len(held) / len(rows) < 0.08
    shuffled = rng.sample(rows, len(rows))
    assert {row["id"] for row in split_pairs(shuffled, 0.05)[1]} == {row["id"] for row in held}


def test_few_schemas_still_give_a_held_out_one():
    rows = [{"id": f"r{i}", "prompt": f"p{i}", "schema_id": f"s{i % 2}"} for i in range(8)]
    training, held = split_pairs(rows, 0.05)
    assert len(training) == len(held) == 4
    training, held = split_pairs([{"id": f"r{i}", "prompt": f"p{i}"} for i in range(40)], 0.1)
    assert len(held) == 4 and len(training) == 36, "without a schema each prompt stands alone"


def test_one_schema_is_split_by_prompts_and_one_prompt_not_at_all(capsys):
    one = [{"id": f"r{i}", "prompt": f"p{i % 4}", "schema_id": "s"} for i in range(8)]
    training, held = split_pairs(one, 0.05)
    assert [row["prompt"] for row in held] == ["p0", "p0"] and len(training) == 6
    assert "held out by their prompts" in capsys.readouterr().out
    with pytest.raises(UserError, match="all pairs have one prompt.* --held_out_share 0"):
        split_pairs([{**row, "prompt": "p"} for row in one], 0.05)
    assert split_pairs(one, 0) == (one, [])
