"""Pairs and duplicates: what becomes training data, and what is dropped, by rules that a reader can check."""

import itertools
import json
import random
from argparse import Namespace
from collections import Counter
from typing import NamedTuple

import pytest

from common import files
from common.cli import UserError
from common.domain import load_domain
from common.provenance import policy_of
from data import gen_dpo, gen_sft, pair_report, pairs, row_report, samples, similar
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


def make_pair(samples, **more):
    """The pair alone."""
    return pairs.make_pair(samples, **more)[0]


def texts(pair):
    """The two texts of a pair."""
    return tuple(one["text"] for one in pair)


# --- pairs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", list(itertools.product((0, 1), repeat=3)))
def test_equal_samples_make_no_pair(score):
    assert make_pair([sample("short", score), sample("much longer than that", score)]) is None


def test_no_correct_sample_makes_no_pair():
    assert make_pair([sample("a", (0, 1, 1)), sample("b", (0, 0, 0)), sample("c", (0, 1, 0))]) is None
    assert make_pair([]) is None and make_pair([sample("a", GOOD)]) is None


@pytest.mark.parametrize("right", [(1, *rest) for rest in itertools.product((0, 1), repeat=2)])
@pytest.mark.parametrize("wrong", [(0, *rest) for rest in itertools.product((0, 1), repeat=2)])
def test_correct_beats_wrong_whatever_the_form(right, wrong):
    for both in itertools.permutations([sample("right", right), sample("wrong", wrong)]):
        chosen, rejected = make_pair(list(both))
        assert texts((chosen, rejected)) == ("right", "wrong")
        assert pairs.margin_of(chosen, rejected) == "correct"


def test_among_correct_samples_format_comes_before_explanation():
    pair = make_pair([sample("f", BAD_FORMAT), sample("good", GOOD), sample("e", NO_EXPLANATION)])
    assert texts(pair) == ("good", "f") and pairs.margin_of(*pair) == "format"
    pair = make_pair([sample("e", NO_EXPLANATION), sample("good", GOOD)])
    assert texts(pair) == ("good", "e") and pairs.margin_of(*pair) == "explanation"
    pair = make_pair([sample("f", BAD_FORMAT), sample("e", NO_EXPLANATION)])
    assert texts(pair) == ("e", "f") and pairs.margin_of(*pair) == "format"


def test_a_wrong_sample_is_rejected_before_a_correct_one_of_bad_form():
    samples = [sample("abcd", GOOD), sample("abce", (1, 0, 0)), sample("zzzz", (0, 1, 1))]
    assert texts(make_pair(samples)) == ("abcd", "zzzz")


def test_wrong_samples_are_not_ranked_by_their_form():
    for form, other in itertools.permutations([(0, 1, 1), (0, 0, 0), (0, 1, 0)], 2):
        samples = [sample("SELECT a FROM b;", GOOD), sample("something else", other), sample("SELECT a FROM c;", form)]
        assert texts(make_pair(samples)) == ("SELECT a FROM b;", "SELECT a FROM c;")


def test_the_nearest_negative_is_taken_and_then_the_earlier():
    samples = [sample("xxxxxxxx", (0, 1, 1)), sample("abcdefgx", (0, 1, 1)), sample("abcdefgh", GOOD)]
    assert texts(make_pair(samples)) == ("abcdefgh", "abcdefgx")
    # The chosen one, too, is the nearest of its equals.
    samples = [sample("qqqq", GOOD), sample("abcd", GOOD), sample("abcx", (0, 1, 1))]
    assert texts(make_pair(samples)) == ("abcd", "abcx")
    first, second = sample("abcx", (0, 1, 1)), sample("abcx", (0, 1, 1))
    assert make_pair([first, sample("abcd", GOOD), second])[1] is first


def test_an_unfinished_sample_is_never_used():
    assert make_pair([sample("a", GOOD), sample("b", (0, 0, 0), finished=False)]) is None
    assert make_pair([sample("a", (0, 1, 1)), sample("b", GOOD, finished=False)]) is None
    pair = make_pair([sample("ab", GOOD), sample("ac", (0, 0, 0), False), sample("zz", (0, 0, 0))])
    assert texts(pair) == ("ab", "zz")


def test_length_never_decides():
    short, long = "SELECT a FROM b;", "SELECT a FROM b;" + " It is so." * 20
    for scores in itertools.product(itertools.product((0, 1), repeat=3), repeat=2):
        one = make_pair([sample(short, scores[0]), sample(long, scores[1])])
        swapped = make_pair([sample(long, scores[0]), sample(short, scores[1])])
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
        pair = make_pair(samples)
        finished = [one["score"] for one in samples if one["finished"]]
        right = [score for score in finished if score[0]]
        assert (pair is not None) == (bool(right) and any(score != max(finished) for score in finished))
        if pair:
            made += 1
            chosen, rejected = pair
            assert chosen["finished"] and rejected["finished"] and chosen["score"] == max(right)
            assert not rejected["score"][0] if len(right) < len(finished) else rejected["score"] == min(right)
            assert chosen["score"] > rejected["score"] and pairs.margin_of(chosen, rejected)
    assert made > 500


def test_a_sample_is_judged_by_verdict_and_ending():
    verdicts = {"yes": Verdict(True, True, None, "ok"), "no": Verdict(False, True, None, "no")}
    domain = Namespace(verify=lambda row, text: verdicts[text])
    made = [Completion("yes", [1, 2], "stop"), Completion("no", [1], "stop"), Completion("yes", [1, 2, 3], "length")]
    judged = samples.judge(domain, {}, samples.as_samples(made))
    assert [one["score"] for one in judged] == [[1, 1, None], [0, 1, None], [0, 0, 0]]
    assert [one["reason"] for one in judged] == ["ok", "no", "unfinished"]
    assert [one["finished"] for one in judged] == [True, True, False]


def judged_pair(*verdicts):
    """The pair, and what it differs in, of finished samples with these verdicts; their texts are their places."""
    domain = Namespace(verify=lambda row, text: verdicts[int(text)])
    made = [Completion(str(i), [1], "stop") for i in range(len(verdicts))]
    pair = make_pair(samples.judge(domain, {}, samples.as_samples(made)))
    return pair and (*texts(pair), pairs.margin_of(*pair))


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


def report_of(sampled, made=(), dropped=None):
    """The report of a verifier's run."""
    args = gen_dpo.parse_args(["--samples", "2"])
    return pair_report.report(args, sampled, sampled, list(made), Counter(dropped or {}))


def test_the_report_averages_over_what_was_judged():
    unknown = sample("b", (None, None, None))
    sampled = [{"id": "p", "samples": [sample("a", GOOD), unknown]}, {"id": "q", "samples": [unknown, unknown]}]
    text = report_of(sampled, [], pairs.make_pairs(sampled, "hardest", 1.0)[1])
    assert "| pass@1 (mean over judged samples) | 1.000 |" in text and "(any judged sample) | 1.000 |" in text
    assert "| samples that the verifier could not judge | 0.750 |" in text
    assert "| none can be judged | 1 | 0.500 |" in text and "| all equal | 1 | 0.500 |" in text
    assert "none correct" not in text


def test_rows_are_built_for_prompts_with_a_margin_only():
    rows = [
        {"id": f"p{i}", "prompt": f"q{i}", "category": "count", "schema_id": "s", "family": "f", "refuse": i == 1}
        for i in range(3)
    ]
    sampled = [
        {"id": "p0", "samples": [sample("a", GOOD), sample("b", GOOD)]},
        {"id": "p1", "samples": [sample("a", (0, 1, 1)), sample("b", GOOD)]},
        {"id": "p2", "samples": [sample("a", (0, 1, 1)), sample("b", (0, 0, 0))]},
    ]
    made, dropped = gen_dpo.build_rows(gen_dpo.parse_args([]), rows, sampled, {"adapter_sha256": "0" * 64})
    keys = ("prompt", "prompt_id", "chosen", "rejected", "margin", "refuse")
    assert [[row[key] for key in keys] for row in made] == [["q1", "p1", "b", "a", "correct", True]]
    assert dropped == {"all equal": 1, "none correct": 1}
    text = report_of(sampled, made, dropped)
    assert "| none correct | 1 | 0.333 |" in text and "| all equal | 1 | 0.333 |" in text
    assert "| pass@1 (mean over judged samples) | 0.500 |" in text and "| pass@2 (any judged sample) | 0.667 |" in text


def test_a_row_of_the_verifier_has_the_fields_that_it_always_had():
    row = {"id": "p", "prompt": "q", "category": "c", "cluster": "s", "family": "f"}
    sampled = [{"id": "p", "samples": [sample("b", GOOD), sample("a", (0, 1, 1))]}]
    (made,), _ = gen_dpo.build_rows(gen_dpo.parse_args([]), [row], sampled, {"adapter_sha256": "0" * 64})
    assert list(made) == [
        "id", "prompt", "chosen", "rejected", "chosen_score", "rejected_score", "margin", "reason", "prompt_id",
        "category", "refuse", "cluster", "family", "judge", "temperature", "top_p", "samples", "adapter_sha256",
    ]  # fmt: skip
    assert made["temperature"] == 1.0 and made["judge"] == "verifier"


def test_the_report_on_length_counts_pairs():
    row = {"margin": "correct", "reason": "r", "category": "c"}
    made = [{**row, "chosen": "a b c", "rejected": "a"}] * 3 + [{**row, "chosen": "a", "rejected": "a b"}]
    text = report_of([{"id": "p", "samples": [sample("a", GOOD)]}], [*made, {**row, "chosen": "x", "rejected": "y"}])
    assert "longer in characters than the rejected one in 3 pairs and shorter in 1: 75.0 %" in text.replace("%", " %")
    assert "| chosen, words | 1 | 3 | 2.2 | 3 |" in text


# --- which pair -------------------------------------------------------------------------------------


def grades(*given):
    """Samples with a model's grades, their texts ever further from the first."""
    return [sample("abcdefgh"[: 8 - i] + "z" * i, [grade]) for i, grade in enumerate(given)]


def test_hardest_takes_the_nearest_of_the_worse_and_best_worst_the_worst():
    samples = grades(9, 7, 4, 1)
    chosen, rejected = make_pair(samples)
    assert (chosen["score"], rejected["score"], pairs.margin_of(chosen, rejected)) == ([9], [7], "grade")
    assert [one["score"] for one in make_pair(samples, how="best_worst")] == [[9], [1]]
    samples = [sample("qqqq", [9]), sample("abcd", [9]), sample("zzzz", [1]), sample("abcx", [5])]
    assert texts(make_pair(samples)) == ("abcd", "abcx")
    assert texts(make_pair(samples, how="best_worst")) == ("qqqq", "zzzz"), "of equals the earlier"


def test_best_worst_by_a_verdict_asks_for_the_form_of_the_wrong_too():
    samples = [sample("abcd", GOOD), sample("abcx", (0, 1, 1)), sample("zzzz", (0, 0, 1))]
    assert texts(make_pair(samples)) == ("abcd", "abcx")
    assert texts(make_pair(samples, how="best_worst")) == ("abcd", "zzzz")


def test_grades_that_are_all_equal_or_not_given_make_no_pair():
    assert pairs.make_pair(grades(5, 5, 5)) == (None, "all equal")
    assert pairs.make_pair(grades(None, None)) == (None, "none can be judged")
    assert pairs.make_pair(grades(0, 1), "best_worst")[0], "no win at all is a grade as any other"
    assert [one["score"] for one in make_pair(grades(None, 3, 2))] == [[3], [2]]


def test_near_identical_texts_make_no_pair():
    near, far = sample("SELECT a FROM b WHERE c > 10;", (0, 1, 1)), sample("DROP", (0, 1, 1))
    good = sample("SELECT a FROM b WHERE c > 11;", GOOD)
    alike = pairs.similarity(good["text"], near["text"])
    assert 0.9 < alike < 1
    assert texts(make_pair([good, near, far])) == (good["text"], near["text"])
    assert make_pair([good, near], most_alike=alike), "as similar as allowed"
    assert pairs.make_pair([good, near], most_alike=0.9) == (None, "near-identical")
    assert texts(make_pair([good, near, far], most_alike=0.9)) == (good["text"], "DROP"), "the next one is taken"


def test_an_empty_answer_is_in_no_pair():
    """train/dpo.py refuses a file with one."""
    assert pairs.make_pair([sample("a", GOOD), sample(" ", (0, 0, 0))]) == (None, "all equal")


# --- answers of other models ------------------------------------------------------------------------

PROMPTS = [{"id": f"p{i}", "prompt": f"question {i}"} for i in range(3)]


def write(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_other_answers_find_their_prompts(tmp_path, capsys):
    path = write(
        tmp_path / "extra.jsonl",
        {"prompt": "question 1", "completion": "yes"},
        {"prompt_id": "p1", "completion": [{"role": "assistant", "content": "no"}]},
        {"prompt": "another", "completion": "x"},
        {"prompt": "another", "prompt_id": "p0", "completion": "x"},
    )
    found, strange = pairs.read_extra(path, PROMPTS)
    assert [one["text"] for one in found["p1"]] == ["yes", "no"] and set(found) == {"p1"} and strange == 2
    domain = Namespace(verify=lambda row, text: Verdict(text == "yes", reason=text))
    args = gen_dpo.parse_args(["--extra", str(path)])
    sampled = [{"id": row["id"], "samples": [sample("own", (0, 1, 1))]} for row in PROMPTS]
    candidates = gen_dpo.with_extra(domain, PROMPTS, sampled, gen_dpo.load_extra(args, PROMPTS))
    assert "2 lines of" in capsys.readouterr().out and len(sampled[1]["samples"]) == 1
    rows = [{**row, "category": "c"} for row in PROMPTS]
    made, _ = gen_dpo.build_rows(args, rows, candidates, {"adapter_sha256": "b" * 64})
    assert [(row["prompt_id"], row["chosen"], row["rejected"], row["on_policy"]) for row in made] == [
        ("p1", "yes", "own", False)
    ]
    assert policy_of(made, {"adapter_sha256": "b" * 64}) == {"on": 0, "off": 1, "unknown": 0}
    text = pair_report.report(args, sampled, candidates, made, Counter())
    assert "Of 5 candidates 2 are other models' answers; 1 of 1 pairs (100.0%)" in text
    own = [{"id": "p0", "samples": [sample("own", (0, 1, 1)), sample("good", GOOD)]}]
    ((row,), _) = gen_dpo.build_rows(args, rows[:1], own, {"adapter_sha256": "b" * 64})
    assert row["on_policy"] and policy_of([row], {"adapter_sha256": "b" * 64})["on"] == 1


@pytest.mark.parametrize(
    "line, said",
    [
        ({"completion": "x"}, "extra.jsonl:1 has neither prompt nor prompt_id"),
        ({"prompt_id": "p1"}, "extra.jsonl:1 lacks completion"),
        ({"prompt_id": ["p1"], "completion": "x"}, "extra.jsonl:1: prompt_id is a list"),
        ({"prompt_id": None, "completion": "x"}, "extra.jsonl:1: prompt_id is null"),
        ({"prompt_id": "p1", "completion": " "}, "extra.jsonl:1: completion is empty"),
        ({"prompt": 3, "completion": "x"}, "extra.jsonl:1: prompt is a number"),
        ({"prompt": "other", "completion": "x"}, "none of the 1 lines of .* answers a prompt of this run"),
    ],
)
def test_other_answers_that_cannot_be_used_are_one_sentence(tmp_path, line, said):
    with pytest.raises(UserError, match=said):
        pairs.read_extra(write(tmp_path / "extra.jsonl", line), PROMPTS)


def test_other_answers_are_not_rated_by_hand():
    args = gen_dpo.parse_args(["--judge", "hand", "--extra", "extra.jsonl"])
    with pytest.raises(UserError, match="--judge hand .* leave --extra out"):
        gen_dpo.check(args, load_domain("text_to_sql"))


# --- temperatures and examples ----------------------------------------------------------------------


class FakeEngine:
    """Records what it is asked, and answers with the temperature."""

    def __init__(self):
        self.asked = []

    def generate(self, name, prompts, sampling, description):
        self.asked.append((prompts, sampling))
        return [
            [Completion(f"{prompt} at {sampling.temperature} {j}", [1], "stop") for j in range(sampling.n)]
            for prompt in prompts
        ]


def samples_with(monkeypatch, *flags):
    """(what the engine was asked, the samples of two rows)."""
    monkeypatch.setattr(samples.chat, "encode", lambda tokenizer, prompt, system: prompt)
    domain = Namespace(
        SYSTEM_PROMPT="s",
        load_seeds=lambda: [{"id": i, "prompt": f"s{i}", "completion": f"c{i}", "category": "c"} for i in range(9)],
    )
    engine, rows = FakeEngine(), [{"id": "r0", "prompt": "q0"}, {"id": "r1", "prompt": "q1"}]
    return engine.asked, samples.sample(gen_dpo.parse_args(list(flags)), domain, engine, None, rows, 512, 2)


def test_samples_are_shared_out_over_temperatures_and_keep_theirs(monkeypatch):
    asked, made = samples_with(monkeypatch, "--temperature", "0.7,1.2")
    assert [(prompts, s.n, s.temperature, s.seed) for prompts, s in asked] == [
        (["q0", "q1"], 2, 0.7, 512), (["q0", "q1"], 2, 1.2, 513),
    ]  # fmt: skip
    assert [[(one["text"], one["temperature"]) for one in row] for row in made] == [
        [(f"q{i} at {t} {j}", t) for t in (0.7, 1.2) for j in range(2)] for i in range(2)
    ]
    asked, made = samples_with(monkeypatch)
    assert [(s.n, s.temperature, s.seed) for _, s in asked] == [(4, 1.0, 512)]
    assert set(made[0][0]) == {"text", "finished", "tokens"} and len(made[1]) == 4
    with pytest.raises(UserError, match="--samples 4 cannot be shared out evenly over 3 temperatures"):
        gen_dpo.parse_args(["--temperature", "0.7,1,1.2"])
    with pytest.raises(UserError, match="--temperature must be at least 0.01"):
        gen_dpo.parse_args(["--temperature", "0.7,0"])


def test_each_sample_sees_examples_of_its_own(monkeypatch):
    asked, made = samples_with(monkeypatch, "--shots", "2", "--temperature", "0.7,1.2")
    prompts = [prompt for one, _ in asked for prompt in one]
    assert [s.n for _, s in asked] == [1, 1] and [len(one) for one, _ in asked] == [4, 4]
    assert [prompt[-1] for prompt in prompts] == [{"role": "user", "content": f"q{i}"} for i in (0, 0, 1, 1)] * 2
    assert all([turn["role"] for turn in prompt] == ["user", "assistant"] * 2 + ["user"] for prompt in prompts)
    assert len({json.dumps(prompt) for prompt in prompts}) == len(prompts)
    assert [len(row) for row in made] == [4, 4] and all("q1" in one["text"] for one in made[1])
    assert asked == samples_with(monkeypatch, "--shots", "2", "--temperature", "0.7,1.2")[0]


# --- refusals ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "refusals, answers, due, prompts, left",
    [(31, 69, 14, 100, 11), (2, 3, 1, 2, 2), (9, 3, 1, 2, 3), (5, 0, 1, 2, 0), (5, 5, 0, 9, 0), (5, 0, 7, 7, 5)],
)
def test_chosen_refusals_keep_to_the_share_that_the_prompts_deserve(refusals, answers, due, prompts, left):
    made = [
        {"id": i, "refuse": i % 2 == 0 if i < 2 * min(refusals, answers) else refusals > answers}
        for i in range(refusals + answers)
    ]
    kept = pairs.drop_surplus_refusals(made, due, prompts, random.Random(1))
    assert [pair for pair in kept if not pair["refuse"]] == [pair for pair in made if not pair["refuse"]]
    assert sum(pair["refuse"] for pair in kept) == left <= refusals
    assert left * prompts <= due * len(kept), "their share is at most the deserved one"
    assert left == refusals or (left + 1) * prompts > due * (len(kept) + 1), "and one more would be beyond it"
    assert [pair["id"] for pair in kept] == sorted(pair["id"] for pair in kept)
    assert kept == pairs.drop_surplus_refusals(made, due, prompts, random.Random(1))


def prompts_with(monkeypatch, judge, *refusals):
    """gen_dpo's prompts where the domain's rows have these as `refuse`."""
    rows = [{"id": f"p{i}", "prompt": "q", "category": "c", "refuse": one} for i, one in enumerate(refusals)]
    monkeypatch.setattr(gen_dpo.mix, "make_rows", lambda *given: rows)
    return gen_dpo.prompts(gen_dpo.parse_args(["--judge", judge]), load_domain("text_to_sql"))


@pytest.mark.parametrize("said", ["no", "1 of 2", 2, 0.5, [True], {}])
def test_a_refuse_that_is_neither_true_nor_false_is_refused_before_anything_is_sampled(monkeypatch, said):
    with pytest.raises(UserError) as caught:
        prompts_with(monkeypatch, "openai:m@http://127.0.0.1:1", True, said)
    assert str(caught.value) == f"the prompt p1 has refuse {said!r}; it must be true or false, or left out."
    assert len(prompts_with(monkeypatch, "hand", True, said)) == 2, "nobody asks for it there"


def test_a_refuse_of_a_table_is_read_as_true_or_false(monkeypatch):
    rows = prompts_with(monkeypatch, "verifier", True, False, None, "", "True", "false", " TRUE ", "FALSE", 1)
    assert [pairs.to_refuse(row) for row in rows] == [True, False, False, False, True, False, True, False, True]
    assert rows[4]["refuse"] == "True", "a row stays as it is, and so do samples that were drawn for it"
    sampled = [{"id": "p4", "samples": [sample("b", GOOD), sample("a", (0, 1, 1))]}]
    (made,), _ = gen_dpo.build_rows(gen_dpo.parse_args([]), rows[4:5], sampled, {"adapter_sha256": "0" * 64})
    assert made["refuse"] is True and not pairs.to_refuse({"id": "p"})


def test_which_refusals_are_dropped_is_chance():
    made = [{"id": i, "refuse": i < 60} for i in range(100)]
    kept = [pair["id"] for pair in pairs.drop_surplus_refusals(made, 1, 3, random.Random(2)) if pair["refuse"]]
    assert len(kept) == 20 and kept != list(range(20)) and kept != list(range(40, 60))


def test_half_a_line_of_a_killed_run_is_dropped(tmp_path):
    path = tmp_path / "samples.jsonl"
    assert samples.read_whole_lines(path) == []
    whole = [{"id": "a", "text": "é\u2028"}, {"id": "b", "text": "x"}]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in whole).encode()
    path.write_bytes(data)
    assert samples.read_whole_lines(path) == whole
    cut = json.dumps({"id": "c", "text": "é"}, ensure_ascii=False).encode()
    for length in range(1, len(cut) + 1):  # also in the middle of a letter of two bytes
        path.write_bytes(data + cut[:length])
        assert samples.read_whole_lines(path) == whole


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


def test_a_row_near_any_text_of_the_benchmark_is_dropped():
    """Also near one that is itself near an earlier one of the benchmark."""
    words = [f"w{i}" for i in range(40)]
    first, second = " ".join(words), " ".join(["other", *words[1:]])
    row = " ".join(["other", *words[1:38], "so", "on"])
    assert similar.near_duplicates([first, second, row], 0.9) == [None, 0, None]
    assert similar.near_duplicates([first, second, row], 0.9, apart=2) == [None, 0, 1]
    rows = [{"id": i, "prompt": text, "completion": "z", "category": "c", "cluster": i}
            for i, text in enumerate((first, second, row))]  # fmt: skip
    domain = Namespace(SPLITS=("test",), load_benchmark=lambda split: rows[:2], dedup_text=lambda row: row["prompt"])
    assert gen_sft.held_out(domain, rows[2:], [""], Namespace(jaccard=0.9)) == ["in the benchmark"]


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
    text = row_report.report(
        [{**row, "category": "count", "schema_id": "s", "family": "f", "teacher": "templates"} for row in kept],
        dropped,
        len(rows),
        object(),
    )
    assert "8 candidates, 2 kept, 6 dropped." in text and "| size |" not in text
    for reason in ("exact duplicate", "near duplicate", "too long", "bad format", "wrong: no_query", "not needed"):
        assert f"| {reason} | 1 |" in text


def test_nothing_is_written_when_no_row_is_left(tmp_path, monkeypatch):
    seeds = gen_sft.load_seeds(load_domain("text_to_sql"))[:3]
    monkeypatch.setattr(gen_sft, "candidates", lambda domain, args: (seeds, ["", "bad format", ""], None))
    files.write_jsonl(tmp_path / "data/sft.jsonl", [{"id": "before"}])
    with pytest.raises(
        UserError, match=r"no row of 3 can be kept \(too long 2, bad format 1\), so nothing was written"
    ):
        gen_sft.main(gen_sft.parse_args(["--max_characters", "1", "--out", str(tmp_path)]))
    assert files.read_jsonl(tmp_path / "data/sft.jsonl") == [{"id": "before"}] and not (tmp_path / "gen_sft").exists()


def test_the_report_counts_what_the_domain_calls_traits():
    row = {"prompt": "p", "completion": "c", "category": "count", "teacher": "templates"}
    domain = Namespace(traits=lambda row: {"size": "large" if row["n"] > 1 else "small"})
    text = row_report.report([{**row, "n": n} for n in (1, 2, 3)], [], 3, domain)
    assert "| size | rows |\n|---|---|\n| large | 2 |\n| small | 1 |\n" in text


def test_pairs_whose_rejected_answer_is_right_have_no_reason_why_it_is_wrong():
    made = [{"margin": "correct", "reason": "sql_error"}, {"margin": "explanation", "reason": "ok"}]
    assert pair_report.reasons(made) == ["sql_error"]


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
