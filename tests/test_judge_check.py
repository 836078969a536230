"""Judges measured on pairs whose better answer is known: accuracy, place, length, attacks; bad judges are exposed."""

import json
import random

import pytest
from test_judging import SPLIT_SIZE
from test_winrate import Domain, answers_of, honest, out, shown  # noqa: F401 (fixtures)

from common import cli, files, judge
from common.answers import PAIRS
from eval import judge_check, winrate


@pytest.fixture
def pairs_file(tmp_path):
    """Forty pairs in LLMBar's format; the better output says so and is the shorter one in three of five."""
    rng, rows = random.Random(0), []
    for i in range(40):
        good, bad = f"good {i}{' indeed' * (i % 5 == 4)}", f"poor {i}{' indeed' * (i % 5 % 4)}"
        label = rng.choice((1, 2))
        both = (good, bad) if label == 1 else (bad, good)
        rows.append({"input": f"write {i}", "output_1": both[0], "output_2": both[1], "label": label})
    path = tmp_path / "Hard" / "dataset.json"
    files.write_json(path, rows)
    return path


def check(out, *flags):  # noqa: F811
    """judge_check.json of a run in this process."""
    args = ["--out", str(out), "--resamples", "200", "--price", "1", "5", "--yes", *flags]
    judge_check.main(judge_check.parse_args(args))
    return files.read_json(out / "eval" / "judge_check.json")


def sound(user, number):
    """A judge that looks at what an answer says, whatever is added to it."""
    _, first, second = shown(user)
    one, other = ("good" in text.split("\n")[0] for text in (first, second))
    return {"reason": "r", "verdict": "tie" if one == other else "A" if one else "B"}


def gullible(user, number):
    """As `sound`, but it does what a note to the judge says."""
    _, first, second = shown(user)
    for letter, text in (("A", first), ("B", second)):
        if "Note to the judge" in text:
            return {"reason": "told so", "verdict": letter}
    return sound(user, number)


def test_bad_judges_are_exposed_and_a_sound_one_is_not(serve, tmp_path, pairs_file):
    good, weak = serve(sound), serve(gullible)
    flags = ["--judge", f"openai:sound@{good.url}", "--judge", f"anthropic:gullible@{weak.url}", str(pairs_file)]
    flags += ["--attacked", "15", "--seed", "1"]  # by seed 0 the random judge is lucky: 71 %
    found = check(tmp_path, *flags)
    made = {name: one["Hard/dataset.json"] for name, one in found["summary"].items()}
    assert list(made) == ["longest", "first", "random", "openai:sound", "anthropic:gullible"]
    faults = {name: one["faults"] for name, one in made.items()}
    assert faults["openai:sound"] == [] and made["openai:sound"]["accuracy"] == 1
    assert faults["anthropic:gullible"] == ["gives in to: choose me"] and made["anthropic:gullible"]["accuracy"] == 1
    guessing = "not shown to be better than guessing"
    assert {guessing, "prefers the longer answer"} < set(faults["longest"]) and made["longest"]["accuracy"] == 0.3
    assert "gives in to: choose me, fake verdict, hidden text, verdict alone" in faults["longest"]
    assert faults["first"] == [guessing, "prefers the answer shown first"]
    assert guessing in faults["random"]
    attack = made["anthropic:gullible"]["attacks"]["choose me"]
    assert (attack["success"], attack["n"], attack["effect"]) == (1, 15, 1) and attack["low"] > 0.7
    attack = made["openai:sound"]["attacks"]["choose me"]
    assert (attack["success"], attack["effect"]) == (0, 0) and attack["effect_low"] < 0 < attack["effect_high"]
    assert made["longest"]["better_is_shorter"]["accuracy"] == 0 and made["longest"]["position"]["consistent"] == 1
    assert made["first"]["position"]["first_share"] == 1
    calls = 2 * (40 + 15 * len(judge_check.ATTACKS))
    assert len(good.calls) == len(weak.calls) == calls
    rows = found["rows"]
    assert len(rows) == 40 and sum(bool(row["attacks"]) for row in rows) == 15
    assert sum(row["judges"]["longest"]["score"] == row["better"] for row in rows) == made["longest"]["right"] == 8
    check(tmp_path, *flags)
    assert len(good.calls) == calls, "the second run pays for nothing"


def test_agreement_with_the_verifier_on_the_answers(serve, out, monkeypatch, capsys):  # noqa: F811
    monkeypatch.setattr(judge_check, "load_domain", lambda name, out: Domain)
    monkeypatch.setattr(winrate, "load_domain", lambda name, out: Domain)
    found = check(out, "--judge", f"openai:m@{serve(honest).url}", "--attacked", "10")
    decided = set()
    for a, b in PAIRS.values():
        for i in range(SPLIT_SIZE):
            one, other = (Domain.verify(Domain.rows[i], answers_of(name, i)) for name in (a, b))
            outcome = winrate.compare(one, other, tuple(winrate.FIELDS))
            if outcome and outcome[1] != "tie":
                decided.add((i, answers_of(a, i), answers_of(b, i)))
    one = found["summary"]["openai:m"]["answers"]
    assert one["n"] == len(decided) > 15 and one["by"]["correct"]["accuracy"] == 1
    assert (
        one["faults"] == []
        and f"n {len(decided)}, 0 not judged; consistent 100.0%; no fault" in capsys.readouterr().out
    )
    kept = found["rows"][0]
    assert kept["by"] in winrate.FIELDS and kept["judges"]["openai:m"]["reasons"][0].startswith("number")
    few = check(out, "--limit", "5", "--attacked", "0")["summary"]["longest"]["answers"]
    assert few["n"] == 5 and few["attacks"]["choose me"]["effect"] is None


@pytest.mark.parametrize("swayed, told", [(4, []), (6, ["gives in to: choose me"])])
def test_an_attack_counts_only_where_the_exact_test_shows_it_too(swayed, told):
    """Four of 50 swayed and none turned back exclude 0 in the bootstrap, and have an exact p of 0.125."""
    task, pairs, judged = judge_check.LLMBAR, [], {}
    for i in range(50):
        pairs.append(judge_check.Known(f"{i}", f"{i}", judge.Comparison(task, f"p{i}", "good", "bad"), 1.0, "label"))
        judged[pairs[i].comparison] = judge.Judged(1.0, 1.0, 1.0)
        judged[pairs[i].attacked("choose me")] = judge.Judged(*[float(i >= swayed)] * 3)
    args = judge_check.parse_args(["--resamples", "500"])
    attack = judge_check.measure_attack(args, pairs, judged, "choose me")
    assert attack["effect_low"] > 0 and attack["mcnemar_p"] == 2 / 2**swayed
    assert judge_check.faults({**judge_check.measure(args, pairs, judged), "attacks": {"choose me": attack}}) == told


@pytest.mark.parametrize(
    "rows, told",
    [
        ({"input": "x"}, "must be a JSON list"),
        ([{"input": "x", "output_1": "a"}], "row 0 lacks output_2, label"),
        ([{"input": "x", "output_1": "a", "output_2": 3, "label": 1}], "row 0: output_2 is"),
        ([{"input": "x", "output_1": "a", "output_2": "b", "label": "1"}], "row 0: label is '1'"),
        ([{"input": "x", "output_1": "a", "output_2": "a", "label": 1}], "the same in all rows"),
    ],
)
def test_a_file_of_another_form_is_named_with_row_and_field(tmp_path, rows, told):
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(cli.UserError, match=told):
        judge_check.read_known(path)


def test_nothing_to_measure_on_is_said(tmp_path, pairs_file):
    with pytest.raises(cli.UserError, match="name a FILE"):
        check(tmp_path)
    with pytest.raises(cli.UserError, match="two files end in Hard/dataset.json"):
        check(tmp_path, str(pairs_file), str(pairs_file))
    with pytest.raises(cli.UserError, match="is not there yet"):
        check(tmp_path, str(tmp_path / "none.json"))
