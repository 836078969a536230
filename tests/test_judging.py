"""Domain accuracy and win rate from answers: parts, a constant refusal, and what cannot be judged."""

from typing import NamedTuple

import pytest

from common import files
from common.cli import UserError
from eval import answer as answer_eval
from eval import domain as domain_eval
from eval import pages, report, winrate

SPLIT_SIZE = 40


class Verdict(NamedTuple):
    """A verdict as domains give it."""

    correct: bool | None
    format_ok: bool | None
    explanation_ok: bool | None
    reason: str


class Toy:
    """A domain of sums, of which every fourth is to be refused; the answer 'odd' cannot be judged."""

    rows = [
        {
            "id": f"t{i:02d}",
            "prompt": f"item {i}",
            "cluster": i // 5,
            "category": "xy"[i % 2],
            "refuse": i % 4 == 3,
            "completion": "No, not that." if i % 4 == 3 else f"It is {i}.",
        }
        for i in range(SPLIT_SIZE)
    ]

    @classmethod
    def load_benchmark(cls, split):
        """The rows, whatever the split."""
        return cls.rows

    @staticmethod
    def verify(row, answer):
        """A refusal starts with 'No', a right answer is the completion; without its stop the format is wrong."""
        if answer == "odd":
            return Verdict(None, None, None, "cannot_judge")
        if answer.startswith("No"):
            return Verdict(row["refuse"], True, answer == "No, not that.", "ok" if row["refuse"] else "refused")
        right = answer.rstrip(".") == row["completion"].rstrip(".") and not row["refuse"]
        return Verdict(right, answer.endswith("."), None if answer.endswith("!") else right, "ok" if right else "no")


def answer_of(name, i):
    """Base answers item 0 only; SFT the first half; DPO refuses everything from item 8 on, item 0 cannot be judged."""
    right = f"It is {i}."
    if name == "base":
        return right if i == 0 else "?"
    if name == "sft":
        return right if i < 20 else "?"
    return "odd" if i == 0 else right if i < 8 else "No"


@pytest.fixture()
def make_results(tmp_path, monkeypatch):
    """A function that runs both scripts on the toy domain and gives (domain.json, winrate.json)."""

    def make(module=Toy, answers=answer_of):
        for script in (domain_eval, winrate):
            monkeypatch.setattr(script, "load_domain", lambda name, out: module)
        for name in ("base", "sft", "dpo"):
            rows = [
                {
                    **{key: row[key] for key in ("id", "prompt", "cluster", "category")},
                    "answer": answers(name, i),
                    "finish_reason": "stop",
                    "tokens": 3,
                    "reference_logprob": -2.0,
                    "reference_tokens": 4,
                }
                for i, row in enumerate(module.rows)
            ]
            for file in (name, *(["base_chat"] if name == "base" else [])):
                files.write_jsonl(tmp_path / "answers" / f"{file}.jsonl", rows)
        files.write_json(tmp_path / "answers" / "run.json", {"settings": {"split": "test"}})
        for script in (domain_eval, winrate):
            script.main(script.parse_args(["--out", str(tmp_path), "--resamples", "200"]))
        return [files.read_json(tmp_path / "eval" / f"{name}.json") for name in ("domain", "winrate")]

    return make


def test_accuracy_by_part_beside_a_constant_refusal(make_results):
    accuracy = make_results()[0]["summary"]["accuracy"]
    shown = {part: {name: (one["accuracy"], one["n"]) for name, one in made.items()} for part, made in accuracy.items()}
    assert shown == {
        "all": {"base": (1 / 40, 40), "sft": (15 / 40, 40), "dpo": ((5 + 8) / 39, 39), "always_refuse": (10 / 40, 40)},
        "answerable": {"base": (1 / 30, 30), "sft": (0.5, 30), "dpo": (5 / 29, 29), "always_refuse": (0, 30)},
        "to_be_refused": {"base": (0, 10), "sft": (0, 10), "dpo": (0.8, 10), "always_refuse": (1, 10)},
    }
    for made in accuracy.values():
        for one in made.values():
            assert one["low"] <= one["accuracy"] <= one["high"] and one["low"] < one["high"]


def test_differences_count_only_what_both_sides_are_judged_on(make_results):
    difference = make_results()[0]["summary"]["difference"]
    got = {part: [made["dpo_vs_sft"][key] for key in ("n", "gained", "lost")] for part, made in difference.items()}
    assert got == {"all": [39, 8, 9], "answerable": [29, 0, 9], "to_be_refused": [10, 8, 0]}
    assert difference["all"]["dpo_vs_sft"]["difference"] == pytest.approx(-1 / 39)
    assert difference["to_be_refused"]["dpo_vs_sft"]["mcnemar_p"] == pytest.approx(2 / 256)
    assert difference["answerable"]["sft_vs_base"]["n"] == 30
    assert difference["answerable"]["dpo_vs_sft"]["difference"] == pytest.approx(-9 / 29)
    assert difference["to_be_refused"]["dpo_vs_sft"]["low"] > 0


def test_refused_answerable_items_and_unjudged_answers(make_results):
    summary = make_results()[0]["summary"]
    refused = {name: (one["share"], one["n"]) for name, one in summary["refused_answerable"].items()}
    assert refused == {"base": (0, 30), "sft": (0, 30), "dpo": (24 / 29, 29), "always_refuse": (1, 30)}
    assert summary["unjudged"]["correct"] == {"base": 0, "sft": 0, "dpo": 1}
    assert summary["lost"] == [f"t{i:02d}" for i in range(8, 20) if i % 4 != 3]
    assert summary["won"] == [f"t{i:02d}" for i in range(8, 40) if i % 4 == 3]


def test_slices_are_reported_apart(make_results, capsys):
    class Sliced(Toy):
        rows = [{**row, "slice": "easy" if i < 16 else "hard"} for i, row in enumerate(Toy.rows)]

    summary = make_results(Sliced)[0]["summary"]
    shown = {
        name: {part: (one["sft"]["accuracy"], one["sft"]["n"]) for part, one in made["accuracy"].items()}
        for name, made in summary["slices"].items()
    }
    assert shown == {
        "easy": {"all": (12 / 16, 16), "answerable": (1, 12), "to_be_refused": (0, 4)},
        "hard": {"all": (3 / 24, 24), "answerable": (3 / 18, 18), "to_be_refused": (0, 6)},
    }
    difference = summary["slices"]["hard"]["difference"]["answerable"]["dpo_vs_sft"]
    assert [difference[key] for key in ("n", "gained", "lost")] == [18, 0, 3]
    assert summary["slices"]["easy"]["refused_answerable"]["dpo"]["n"] == 11  # item 0 cannot be judged
    assert summary["accuracy"] == make_results()[0]["summary"]["accuracy"], "the whole stays what it is"
    assert "of 18  (hard)" in capsys.readouterr().out

    class OneSlice(Toy):
        rows = [{**row, "slice": "only"} for row in Toy.rows]

    assert make_results(OneSlice)[0]["summary"]["slices"] == make_results()[0]["summary"]["slices"] == {}


def test_right_explanations_have_a_paired_difference(make_results):
    summary = make_results(answers=lambda name, i: "?!" if name == "sft" and i > 29 else answer_of(name, i))[0][
        "summary"
    ]
    shares = {name: (one["share"], one["n"]) for name, one in summary["explanation"].items()}
    assert shares == {"base": (1 / 40, 40), "sft": (15 / 30, 30), "dpo": (5 / 39, 39)}  # "No" names no reason
    one = summary["explanation_difference"]["dpo_vs_sft"]
    assert [one[key] for key in ("n", "gained", "lost")] == [29, 0, 9]
    assert one["difference"] == pytest.approx(-9 / 29) and one["low"] <= one["difference"] <= one["high"]


def test_a_domain_without_refuse_has_only_all(make_results):
    class Silent(Toy):
        rows = [{**{k: v for k, v in row.items() if k != "refuse"}, "completion": "It is 1."} for row in Toy.rows]

        @staticmethod
        def verify(row, answer):
            return Verdict(answer == row["completion"], True, True, "r")

    summary = make_results(Silent)[0]["summary"]
    assert list(summary["accuracy"]) == list(summary["difference"]) == ["all"]
    assert set(summary["accuracy"]["all"]) == {"base", "sft", "dpo"} and summary["refused_answerable"] == {}


def test_win_rates_by_correctness_alone_and_in_full(make_results):
    summary = make_results()[1]["summary"]
    keys = ("n", "wins", "losses", "ties", "unjudged")
    got = {way: [made["dpo_vs_sft"][key] for key in keys] for way, made in summary.items()}
    assert got == {"correctness": [39, 8, 9, 22, 1], "full": [39, 8, 9, 22, 1]}
    sloppy = make_results(
        answers=lambda name, i: answer_of(name, i).rstrip(".") if name == "sft" else answer_of(name, i)
    )
    got = {way: [made["dpo_vs_sft"][key] for key in keys] for way, made in sloppy[1]["summary"].items()}
    assert got == {"correctness": [39, 8, 9, 22, 1], "full": [39, 13, 9, 17, 1]}
    assert sloppy[1]["summary"]["full"]["dpo_vs_sft"]["by_reason"]["format"] == {"wins": 5, "losses": 0}
    assert sloppy[1]["rows"][1]["correctness"]["dpo_vs_sft"] == {"score": 0.5, "by": "tie"}
    assert sloppy[1]["rows"][1]["full"]["dpo_vs_sft"] == {"score": 1.0, "by": "format"}
    assert sloppy[1]["rows"][0]["full"]["dpo_vs_sft"] is None


@pytest.mark.parametrize(
    "first, second, alone, full",
    [
        ((True, True, True), (False, True, True), (1.0, "correct"), (1.0, "correct")),
        ((False, True, True), (False, False, None), (0.5, "tie"), (0.5, "tie")),  # the form of a wrong answer
        ((None, True, True), (False, True, True), None, None),
        ((True, True, True), (None, None, None), None, None),
        ((True, None, True), (True, False, True), (0.5, "tie"), None),
        ((True, False, None), (True, True, True), (0.5, "tie"), (0.0, "format")),
        ((True, True, None), (True, True, True), (0.5, "tie"), None),
        ((True, True, True), (True, True, False), (0.5, "tie"), (1.0, "explanation")),
    ],
)
def test_what_decides_between_two_answers(first, second, alone, full):
    one, other = Verdict(*first, "r"), Verdict(*second, "r")
    assert winrate.compare(one, other, winrate.WAYS["correctness"]) == alone
    assert winrate.compare(one, other, winrate.WAYS["full"]) == full
    for fields, outcome in (("correctness", alone), ("full", full)):
        mirrored = outcome and (1 - outcome[0], outcome[1])
        assert winrate.compare(other, one, winrate.WAYS[fields]) == mirrored


def test_a_domain_that_judges_nothing_is_refused(make_results):
    with pytest.raises(UserError, match="can judge no answer"):
        make_results(answers=lambda name, i: "odd")


def test_other_judges_judge_where_the_verifier_cannot(make_results, tmp_path, capsys):
    """verify() may say nothing of whether an answer is right: then the domain counts as one without it."""

    class Blind(Toy):
        JUDGE_RUBRIC = SYSTEM_PROMPT = ""

        @staticmethod
        def verify(row, answer):
            return Verdict(None, True, None, "open") if answer.startswith("It") else Verdict(True, True, None, "r")

    with pytest.raises(UserError, match=r"can judge no answer .* eval/winrate\.py --out .* --judge"):
        make_results(Blind, lambda name, i: f"It is {name}.")
    winrate.main(winrate.parse_args(["--out", str(tmp_path), "--resamples", "9", "--judge", "longest"]))
    assert "verifier of the domain text_to_sql judges no answer of both of dpo_vs_sft: it" in capsys.readouterr().out
    made = files.read_json(tmp_path / "eval/winrate.json")
    assert made["summary"] == {} and made["judges"]["longest"]["summary"]["dpo_vs_base"]["losses"] == SPLIT_SIZE
    domain_eval.main(domain_eval.parse_args(["--out", str(tmp_path), "--resamples", "9"]))
    made = files.read_json(tmp_path / "eval/domain.json")
    assert "accuracy" not in made["summary"] and made["settings"]["verified"] is False
    args = report.parse_args(["--out", str(tmp_path)])
    assert not report.is_verified(args, Blind)
    make_results()
    assert report.is_verified(args, Blind)


def test_wins_in_one_cluster_show_nothing(make_results):
    class One(Toy):
        rows = [{**row, "cluster": "c"} for row in Toy.rows]

    domain, wins = make_results(One, lambda name, i: "It is none." if name == "base" else One.rows[i]["completion"])
    for one, zero in (
        (domain["summary"]["difference"]["answerable"]["sft_vs_base"], 0),
        (wins["summary"]["correctness"]["sft_vs_base"], 0.5),
    ):
        assert one["low"] > zero and one["clusters"] == 1 and pages.verdict(one, zero) == pages.UNCLEAR
        assert pages.verdict({**one, "clusters": 2}, zero) == "better"


def test_a_field_that_the_domain_never_judges_decides_nothing(make_results):
    class Formless(Toy):
        @staticmethod
        def verify(row, answer):
            return None if answer == "odd" else Verdict(answer == row["completion"], None, None, "r")

    summaries = [result["summary"] for result in make_results(Formless)]
    pair = summaries[1]["full"]["dpo_vs_sft"]
    assert pair["unjudged"] == 1 and list(pair["by_reason"]) == ["correct"]
    assert pair["by_reason"] == summaries[1]["correctness"]["dpo_vs_sft"]["by_reason"]
    assert summaries[0]["format"]["sft"] == {"share": None, "low": None, "high": None, "n": 0}
    assert summaries[0]["reasons"]["dpo"]["cannot_judge"] == 1


def test_the_better_form_of_the_base_is_that_of_judged_answers():
    rows = Toy.rows[:4]
    made = [{"answer": text} for text in ("It is 0.", "odd", "odd", "no")]
    assert answer_eval.accuracy(Toy, rows, made) == 0.5
    assert answer_eval.accuracy(Toy, rows, [{"answer": "odd"}] * 4) is None
    assert answer_eval.accuracy(object(), rows, made) is None
