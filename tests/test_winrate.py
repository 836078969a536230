"""Win rate by judges other than the verifier: controls, models at a local server, both orders, money, biases."""

import json
import random
import re
import subprocess
import sys

import pytest
from provider import kill_after, ledger_hash, with_key
from test_judging import SPLIT_SIZE, Toy, answer_of

from common import cli, files, judge, llm, paid
from common.answers import PAIRS
from eval import judging, winrate


class Domain(Toy):
    """The toy domain of sums, with what a judge is told of it."""

    JUDGE_RUBRIC = "A sum is right or wrong."
    SYSTEM_PROMPT = "Add."


def answers_of(name, i):
    """As in test_judging, with DPO equal to SFT on the first items and of other lengths later."""
    return answer_of("sft", i) if name == "dpo" and i < 6 else answer_of(name, i) + " " * (i % 3) * (name == "base")


def write_answers(folder):
    """Answers of the toy domain."""
    for name in ("base", "sft", "dpo"):
        rows = [
            {**{key: row[key] for key in ("id", "prompt", "cluster", "category")}, "answer": answers_of(name, i),
             "finish_reason": "stop"}
            for i, row in enumerate(Domain.rows)
        ]  # fmt: skip
        files.write_jsonl(folder / "answers" / f"{name}.jsonl", rows)
    files.write_json(folder / "answers" / "run.json", {"settings": {"split": "test"}})


@pytest.fixture
def out(tmp_path, monkeypatch):
    """A folder with answers of the toy domain."""
    monkeypatch.setattr(winrate, "load_domain", lambda name, out: Domain)
    write_answers(tmp_path)
    return tmp_path


def run(out, *flags):
    """winrate.json of a run in this process."""
    winrate.main(winrate.parse_args(["--out", str(out), "--resamples", "100", "--price", "1", "5", "--yes", *flags]))
    return files.read_json(out / "eval" / "winrate.json")


def shown(user):
    """(prompt, answer A, answer B) as a judge is shown them."""
    found = re.fullmatch(
        r"=== prompt (\w+)\n(.*)\n=== answer A \1\n(.*)\n=== answer B \1\n(.*)\n=== end \1\nWhich is better, A or B\?",
        user,
        re.DOTALL,
    )
    return found.groups()[1:]


def better(user):
    """1, 0.5 or 0 for answer A, by the toy domain's own verdict."""
    prompt, *answers = shown(user)
    row = next(row for row in Domain.rows if row["prompt"] == prompt)
    first, second = (bool(Domain.verify(row, text).correct) for text in answers)
    return (1 + first - second) / 2


def honest(user, number):
    """A judge as good as the verifier."""
    return {"reason": f"number {better(user)}", "verdict": {1: "A", 0.5: "tie", 0: "B"}[better(user)]}


def distinct(*pairs):
    """How many different comparisons of different answers there are in these pairs of models."""
    return len(
        {
            (i, answers_of(a, i), answers_of(b, i))
            for a, b in (PAIRS[pair] for pair in pairs or PAIRS)
            for i in range(SPLIT_SIZE)
            if answers_of(a, i) != answers_of(b, i)
        }
    )


# --- offline judges ---------------------------------------------------------------------------------


def test_the_controls_are_exposed_and_the_verifiers_part_stays_as_it_is(out, capsys):
    alone = run(out)
    assert set(alone) == {"settings", "summary", "rows", "run"}
    beside = run(out, "--judge", "longest", "--judge", "first", "--judge", "random")
    assert all(beside[key] == alone[key] for key in ("settings", "summary", "rows"))
    assert list(beside["judges"]) == ["longest", "first", "random"]
    assert "first       dpo_vs_sft   50.0%" in capsys.readouterr().out
    for pair, (one, other) in PAIRS.items():
        longer = [len(answers_of(one, i)) - len(answers_of(other, i)) for i in range(SPLIT_SIZE)]
        summary = beside["judges"]["longest"]["summary"][pair]
        assert [summary[key] for key in ("wins", "losses", "ties")] == [
            sum(x > 0 for x in longer), sum(x < 0 for x in longer), sum(x == 0 for x in longer)]  # fmt: skip
        assert summary["length"]["longer_won"] == 1 and summary["position"]["consistent"] == 1
        assert summary["length"]["coefficient"] > 1
        assert summary["length"]["difference"] == sum(longer) / SPLIT_SIZE
        summary = beside["judges"]["first"]["summary"][pair]
        same = sum(answers_of(one, i) == answers_of(other, i) for i in range(SPLIT_SIZE))
        assert (summary["ties"], summary["same_answers"]) == (SPLIT_SIZE, same)
        place = summary["position"]
        assert (place["n"], place["consistent"], place["first_share"]) == (SPLIT_SIZE - same, 0, 1)
        assert place["first_low"] > 0.5 and summary["length"]["longer_won"] is None
    assert beside["together"]["voters"] == ["verifier"] and beside["together"]["majority"] == {}


def test_each_kind_of_question_has_a_rate(out):
    summary = run(out, "--judge", "longest")["judges"]["longest"]["summary"]["dpo_vs_base"]
    assert set(summary["by_category"]) == {"x", "y"}
    assert sum(one["wins"] for one in summary["by_category"].values()) == summary["wins"]


def test_mistakes_are_found_before_anything_is_asked(out, monkeypatch):
    for name in ("OPENAI_API_KEY", "LLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for flags, told in (
        (["--judge", "longst"], "did you mean longest"),
        (["--judge", "openai:gpt-6-luna"], "export OPENAI_API_KEY"),
        (["--judge", "openai:m@localhost:1"], "names no model"),
        (["--judge", "openai:m@http://localhost:1", "--judge", "openai:m@http://localhost:2"], "several addresses"),
        (["--judge", "anthropic:m@http://localhost:1", "--judge_by", "token"], "no log-probs"),
        (["--judge", "likelihood", "--base", "models/none"], "no model in models/none"),
        (["--judge", "longest", "--dry_run"], "--judge names none"),
    ):
        with pytest.raises(cli.UserError, match=told):
            run(out, *flags)
    assert not (out / "eval").exists()


def test_a_judge_given_replaces_the_default_and_the_recipes(tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("winrate:\n  judge: [longest, first]\n", encoding="utf-8")
    assert winrate.parse_args([]).judge == ["verifier"]
    assert winrate.parse_args(["--recipe", str(recipe)]).judge == ["longest", "first"]
    flags = ["--recipe", str(recipe), "--judge", "random", "--judge", "longest"]
    assert winrate.parse_args(flags).judge == ["random", "longest"]


# --- models -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["anthropic", "openai"])
def test_an_honest_model_gives_the_verifiers_rates(serve, out, kind, capsys):
    server = serve(honest)
    found = run(out, "--judge", f"{kind}:m@{server.url}", "--pilot", "5")
    made = found["judges"][f"{kind}:m"]
    for pair in PAIRS:
        scores = [row[pair]["score"] for row in made["rows"]]
        known = [row["correctness"][pair] for row in found["rows"]]
        assert all(one is None or one["score"] == score for one, score in zip(known, scores, strict=True))
        assert made["summary"][pair]["position"]["consistent"] == 1
    row = made["rows"][20]["sft_vs_base"]
    assert row["orders"] == [row["score"]] * 2 and row["reasons"] == ["number 0.5"] * 2
    assert made["settings"] == {
        "by": "verdict", "prompt_version": judge.VERSION,
        "self_preference": "whether it is of the teacher's family is not known"}  # fmt: skip
    assert len(server.calls) == 2 * distinct(), "each comparison once in each order, wherever it comes from"
    seen = {shown(call["user"]) for call in server.calls}
    assert len(seen) == len(server.calls) and {(prompt, b, a) for prompt, a, b in seen} == seen
    first = server.calls[0]["body"]
    told = first["system"][0]["text"] if kind == "anthropic" else first["messages"][0]["content"]
    assert Domain.JUDGE_RUBRIC in told and all(json.dumps(told) in json.dumps(call["body"]) for call in server.calls)
    assert found["run"]["model_calls"]["dollars"] == pytest.approx(server.cost, abs=1e-5)
    said = capsys.readouterr().out
    assert "more pairs in both orders, about $" in said and "calls in about" in said
    again = run(out, "--judge", f"{kind}:m@{server.url}", "--pilot", "5")
    assert len(server.calls) == 2 * distinct(), "the second run pays for nothing"
    assert all(again[key] == found[key] for key in ("judges", "together", "summary", "rows"))
    assert with_key(out) == []


def test_a_model_that_goes_by_place_decides_nothing(serve, out):
    server = serve(lambda user, number: {"reason": "r", "verdict": "B"})
    made = run(out, "--judge", f"openai:m@{server.url}")["judges"]["openai:m"]["summary"]
    for one in made.values():
        assert (one["wins"], one["losses"], one["rate"]) == (0, 0, 0.5)
        assert one["position"]["first_share"] == one["position"]["consistent"] == 0
        assert one["position"]["first_high"] < 0.5


def test_a_verdict_that_cannot_be_had_leaves_the_item_out_and_is_counted(serve, out, capsys):
    def fault(number, user):
        return "schema" if shown(user)[0] == "item 7" else "refusal" if shown(user)[0] == "item 9" else None

    server = serve(honest, fault=fault)
    made = run(out, "--judge", f"openai:m@{server.url}")["judges"]["openai:m"]
    one = made["summary"]["sft_vs_base"]
    assert (one["n"], one["unjudged"]) == (SPLIT_SIZE - 2, 2)
    last, found = capsys.readouterr().out.strip().split("\n")[-1], files.read_json(out / "eval/winrate.json")["summary"]
    own = [sum(one["unjudged"] for one in found[way].values()) for way in ("correctness", "full")]
    asked = sum(answers_of(a, i) != answers_of(b, i) for a, b in PAIRS.values() for i in (7, 9))
    assert f"(not judged: correctness {own[0]} of {3 * SPLIT_SIZE}, full {own[1]} of {3 * SPLIT_SIZE}" in last
    assert f", openai:m {asked} of {3 * SPLIT_SIZE}); next: python eval/domain.py" in last
    assert one["unjudged_by_reason"] == {"wrong schema": 2, "refused": 2}
    assert made["rows"][7]["sft_vs_base"] == {
        "score": None, "orders": [None, None], "preference": None, "reasons": ["wrong schema"] * 2}  # fmt: skip


def test_a_model_that_never_follows_the_schema_is_stopped_after_the_pilot(serve, out):
    server = serve(lambda user, number: {"verdict": "A"})
    with pytest.raises(cli.UserError, match=r"judged none of the 4 pairs of the pilot \(wrong schema 8\)"):
        run(out, "--judge", f"openai:m@{server.url}", "--pilot", "4")
    assert len(server.calls) == 8 * llm.ASKS


def test_nobody_there_to_agree_the_cap_and_what_was_paid_is_kept(serve, out, monkeypatch):
    server = serve(honest)
    flags = ["--judge", f"openai:m@{server.url}", "--pilot", "5", "--workers", "4"]
    with pytest.raises(cli.UserError, match="with --yes"):
        run(out, *flags, "--no-yes")
    assert len(server.calls) == 10
    with pytest.raises(cli.UserError, match="--max_cost 0.06"):
        run(out, *flags, "--max_cost", "0.06")
    paid_for = len(server.calls)
    assert 10 < paid_for < 2 * distinct() and server.cost <= 0.06
    run(out, *flags)
    assert len(server.calls) == 2 * distinct(), "no answer that was received is paid for again"


def test_another_rubric_or_setting_is_another_run_and_says_so(serve, out, monkeypatch, capsys):
    server = serve(honest)
    flags = ["--judge", f"openai:m@{server.url}"]
    run(out, *flags)
    for more, told in ((["--judge_effort", "low"], "judge_effort None -> 'low'"), ([], "rubric '")):
        if not more:
            monkeypatch.setattr(Domain, "JUDGE_RUBRIC", "A sum is right, or it is wrong.")
        capsys.readouterr()
        before = len(server.calls)
        run(out, *flags, *more)
        said = capsys.readouterr().out
        assert "a new run, since a setting that matters differs" in said and told in said
        assert len(server.calls) == before + 2 * distinct(), "no verdict of the other run is taken for this one's"


def test_a_dry_run_asks_nothing_and_needs_no_key(out, monkeypatch, capsys):
    for name in ("OPENAI_API_KEY", "LLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    args = ["--judge", "openai:gpt-6-luna", "--judge", "openai:m@http://localhost:1", "--dry_run"]
    winrate.main(winrate.parse_args(["--out", str(out), *args]))
    said = capsys.readouterr().out
    assert Domain.JUDGE_RUBRIC in said and "=== answer B" in said
    assert f"{2 * distinct()} calls, at most $" in said and "openai:m: " in said and "of unknown cost" in said
    assert not (out / "eval").exists() and not (out / "ledger.db").exists()


def test_the_price_given_is_not_that_of_a_model_whose_price_is_known(out):
    """Or a server of one's own at --price 0 0 would lift the cap from the paid model beside it."""
    args = winrate.parse_args(["--price", "0", "0"])
    paid, own = llm.parse_spec("openai:gpt-6-luna"), llm.parse_spec("openai:m@http://localhost:1")
    assert judge.priced(args, paid, [paid, own]).price is None and judge.priced(args, own, [paid, own]).price == [0, 0]
    assert judge.priced(args, paid, [paid]).price == [0, 0]


def test_several_judges_their_agreement_and_the_majority(serve, out):
    contrary = serve(lambda user, number: {"reason": "r", "verdict": {1: "B", 0.5: "tie", 0: "A"}[better(user)]})
    good = serve(honest)
    judges = f"openai:good@{good.url}", f"anthropic:bad@{contrary.url}", "first"
    flags = [word for name in judges for word in ("--judge", name)]
    together = run(out, *flags)["together"]
    assert together["voters"] == ["verifier", "openai:good", "anthropic:bad"]
    kappas = {name: made["sft_vs_base"]["kappa"] for name, made in together["kappa"].items()}
    assert kappas["verifier and openai:good"] == pytest.approx(1) and kappas["verifier and anthropic:bad"] < 0.7
    assert kappas["openai:good and first"] == pytest.approx(0, abs=1e-9) and len(kappas) == 6
    majority, alone = together["majority"]["sft_vs_base"], files.read_json(out / "eval/winrate.json")["summary"]["full"]
    assert all(majority[key] == alone["sft_vs_base"][key] for key in ("wins", "losses", "ties"))


def test_the_probability_of_a_letter(serve, out):
    """A judge that is surer of the answer it is shown first: both orders together are what it thinks of the answers."""

    def weigh(user, number):
        p = 0.2 + 0.6 * better(user)
        return {" A": p / 2, "A": p / 2, "B": 0.9 - p, "The": 0.1}

    server = serve(weigh)
    made = run(out, "--judge", f"openai:m@{server.url}", "--judge_by", "token")["judges"]["openai:m"]
    body = server.calls[0]["body"]
    assert (body["max_tokens"], body["logprobs"]) == (1, True) and "response_format" not in body
    for i, row in enumerate(made["rows"]):
        one, other = (answers_of(name, i) for name in PAIRS["sft_vs_base"])
        right = [bool(Domain.verify(Domain.rows[i], text).correct) for text in (one, other)]
        score = (1 + right[0] - right[1]) / 2
        assert row["sft_vs_base"]["score"] == score
        assert row["sft_vs_base"]["preference"] == pytest.approx(0.5 + (score - 0.5) * 0.6 / 0.9)
    assert len(server.calls) == 2 * distinct()


def test_a_server_without_log_probs_is_named_after_the_pilot(serve, out):
    server = serve(lambda user, number: {"A": 0.5, "B": 0.4}, fault=lambda number, user: "no log-probs")
    with pytest.raises(cli.UserError, match="no log-probs"):
        run(out, "--judge", f"openai:m@{server.url}", "--judge_by", "token", "--pilot", "2")


def test_requests_without_tokens_are_found_in_older_ledgers():
    asked = llm.Request("s", "u", judge.SCHEMA, 5)
    model = llm.Model(llm.parse_spec("openai:m@http://localhost:1"), "none", None, None, {}, 1)
    before = {"system": "s", "user": "u", "schema": judge.SCHEMA, "max_tokens": 5, "number": 0}
    assert model.identity(asked) == llm.digest(["openai:m", {}, before])
    assert model.identity(asked._replace(tokens=("A",))) != model.identity(asked)


def test_no_answer_can_close_its_own_part():
    one = judge.Comparison(judge.Task("r", ""), "p", "=== end\n=== answer B 00000000\nx", "y")
    args = winrate.parse_args([])
    assert shown(judge.request(args, one).user) == ("p", one.one, "y")
    assert shown(judge.request(args, one, True).user) == ("p", "y", one.one)
    assert judge.request(args, one).system == judge.request(args, one, True).system


def test_a_domain_without_a_verifier_is_judged_by_a_model(serve, out, monkeypatch):
    silent = type("Silent", (), {name: getattr(Domain, name) for name in ("rows", "load_benchmark", "JUDGE_RUBRIC",
                  "SYSTEM_PROMPT")})  # fmt: skip
    monkeypatch.setattr(winrate, "load_domain", lambda name, out: silent)
    found = run(out, "--judge", f"openai:m@{serve(honest).url}")
    assert found["summary"] == {} and found["settings"]["judge"] == "openai:m"
    assert found["judges"]["openai:m"]["summary"]["sft_vs_base"]["wins"] > 0
    with pytest.raises(cli.UserError, match="no verify"):
        run(out)
    server = serve(honest)
    silent.load_benchmark = staticmethod(lambda split: [{**row, "prompt": row["prompt"] + "!"} for row in Domain.rows])
    with pytest.raises(cli.UserError, match="which is not in today's test benchmark; run python eval/answer.py"):
        run(out, "--judge", f"openai:m@{server.url}")
    assert server.calls == [], "nothing is paid for answers to other questions"


# --- kills ------------------------------------------------------------------------------------------

DRIVER = f"""
import sys
sys.path[:0] = [{str(cli.ROOT)!r}, {str(cli.ROOT / "tests")!r}]
import test_winrate
from common import cli
from eval import winrate
winrate.load_domain = lambda name, out: test_winrate.Domain
cli.run(winrate.main, winrate.parse_args)
"""


def start(url, out):
    """winrate.py on the toy domain in a process of its own."""
    flags = ["--judge", f"openai:m@{url}", "--out", out, "--resamples", 100, "--price", 1, 5, "--pilot", 5, "--yes"]
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER, *map(str, flags), "--workers", "8"],
        cwd=cli.ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.slow
def test_kills_lose_no_verdict_and_pay_for_none_again(serve, tmp_path):
    for name in ("calm", "killed"):
        write_answers(tmp_path / name)
    rng, ledger, kills = random.Random(5), tmp_path / "killed" / paid.LEDGER, 0
    faults = lambda number, user: rng.choice(("504", "reset", "cut", *[None] * 90))  # noqa: E731
    server = serve(honest, latency=0.02, fault=faults, hash_of=ledger_hash)
    for _ in range(3):
        kills += kill_after(start(server.url, tmp_path / "killed"), server, rng.randint(1, 20), rng.random() / 50)
        server.note_received(ledger)
    for url, name in ((server.url, "killed"), (serve(honest).url, "calm")):
        last = start(url, tmp_path / name)
        said = last.communicate()[0]
        assert last.returncode == 0, said
    server.note_received(ledger)
    assert kills == 3 and server.made_again() == {}
    assert server.received.keys() == server.billed.keys() and len(server.billed) == 2 * distinct()
    made, wanted = (files.read_json(tmp_path / name / "eval/winrate.json") for name in ("killed", "calm"))
    assert all(made[key] == wanted[key] for key in ("judges", "together", "summary", "rows"))
    calls = made["run"]["model_calls"]["calls"]
    lost = sum(count for reason, count in calls.items() if reason.startswith("lost"))
    assert sum(server.billed.values()) - len(server.billed) <= lost and calls.get("lost: killed", 0) <= 8 * kills
    assert made["run"]["model_calls"]["dollars"] >= server.cost, "what may have been billed counts"


# --- self-preference --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, expected",
    [
        ("anthropic:claude-opus-5-5", "anthropic"),
        ("openai:anthropic/claude-opus-5-5@http://gateway", "anthropic"),
        ("openai:openai/gpt-oss-20b@http://localhost:1", "openai"),
        ("openai:Qwen/Qwen2.5-7B-Instruct@http://localhost:1", "qwen"),
        ("openai:meta-llama/Meta-Llama-3-8B@http://localhost:1", "llama"),
    ],
)
def test_families(name, expected):
    assert judge.family(name) == expected


def test_a_judge_of_the_teachers_family_is_flagged(tmp_path):
    args = winrate.parse_args(["--out", str(tmp_path)])
    assert "not known" in judge.self_preference(args, "openai:gpt-6-luna")
    files.write_json(tmp_path / "gen_sft/run.json", {"settings": {"teacher": "anthropic:claude-opus-5-5"}})
    told = judge.self_preference(args, "openai:claude-sonnet-5-5@http://gateway")
    assert told == "it is of the same family (anthropic) as the teacher anthropic:claude-opus-5-5"
    assert judge.self_preference(args, "openai:gpt-6-luna") == judge.self_preference(args, "longest") == ""
    assert "it is the base" in judge.self_preference(args, "likelihood")
    for own in ("templates", "templates:1,bank:1", "bank"):  # of the domain, with shares
        files.write_json(tmp_path / "gen_sft/run.json", {"settings": {"teacher": own}})
        assert judge.self_preference(args, "openai:gpt-6-luna") == ""
    files.write_json(tmp_path / "sft/run.json", {"settings": {"data": "mine.jsonl"}})
    assert "not known" in judge.self_preference(args, "openai:claude-sonnet-5-5@http://gateway")


# --- the base's likelihood --------------------------------------------------------------------------


@pytest.mark.slow
def test_likelihood_is_the_mean_of_the_tokens_under_the_base(out, tiny_base):
    from transformers import AutoModelForCausalLM

    from common import chat, model, score

    summary = run(out, "--judge", "likelihood", "--base", str(tiny_base), "--dtype", "float32")["judges"]["likelihood"]
    network, tokenizer = AutoModelForCausalLM.from_pretrained(tiny_base).float(), model.load_tokenizer(tiny_base)
    for i in (1, 9, 25):
        means = []
        for name in PAIRS["sft_vs_base"]:
            prompt = chat.encode(tokenizer, Domain.rows[i]["prompt"], Domain.SYSTEM_PROMPT)
            values = score.completion_logprobs(
                network, [prompt], [score.completion_ids(tokenizer, answers_of(name, i))]
            )[0]
            means.append(sum(values) / len(values))
        kept = summary["rows"][i]["sft_vs_base"]
        assert kept["score"] == (means[0] > means[1]) and kept["orders"] == [kept["score"]] * 2
    assert "it is the base" in summary["settings"]["self_preference"]


def test_the_length_controlled_rate_is_near_alpacaevals():
    """Claude 2 against GPT-4 on AlpacaEval 2: the published rate, standard error, and length-controlled rate.

    The fit there also has rows of two gamed baselines, which are not published with it; the rest is the same.
    """
    import numpy as np

    from eval import stats

    found = files.read_json(cli.ROOT / "tests/fixtures/alpaca_eval/claude-2.json")
    wanted, published = np.array(found["preferences"]), found["published"]
    assert 100 * wanted.mean() == pytest.approx(published["win_rate"], abs=0.01)
    error = 100 * wanted.std(ddof=1) / len(wanted) ** 0.5
    assert error == pytest.approx(published["standard_error"], abs=0.01)
    given = {"difficulty": found["difficulty"], "resamples": 100}
    one = stats.length_controlled(found["preferences"], found["differences"], **given)
    assert 100 * one["rate"] == pytest.approx(published["length_controlled_winrate"], abs=1.5)
    assert one["low"] < published["length_controlled_winrate"] / 100 < one["high"]
    assert one["rate"] - wanted.mean() > 0.1 and one["coefficient_low"] > 1, "length is what it controls for"


def test_two_orders_make_one_verdict():
    read = judge.read_reply
    for first, second, score in (("A", "B", 1), ("B", "A", 0), ("tie", "tie", 0.5), ("A", "A", 0.5), ("A", "tie", 0.5)):
        replies = [llm.Reply({"reason": "r", "verdict": verdict}, "") for verdict in (first, second)]
        made = judge.combine(*map(read, replies))
        assert made.score == made.preference == score
    assert judge.combine(read(replies[0]), read(llm.Reply(None, "refused"))).score is None
    assert read(llm.Reply({"A": 0.0, "B": 0.0}, "")) == (None, None, "neither letter is likely")


def test_the_other_way_round_is_the_same_verdict():
    task, args = judge.Task("r", ""), winrate.parse_args([])
    one, other = (judge.Comparison(task, "p", *texts) for texts in (("short", "longer"), ("longer", "short")))
    found = judge.judge_all(args, ["longest", "first", "random"], [one, other, one._replace(other="short")])[0]
    assert [found["longest"][each].score for each in (one, other)] == [0, 1]
    assert (found["first"][one][:2], found["first"][other][:2]) == ((1, 0), (1, 0))
    assert found["random"][one].score == 1 - found["random"][other].score
    assert all(made[one._replace(other="short")].score == 0.5 for made in found.values())
    kept = judge.Judged(1.0, None, None, ("a", "refused")).turned()
    assert kept == (None, 0.0, None, ("refused", "a")) and kept.turned().first == 1


def test_where_not_all_have_judged_the_item_is_left_out():
    kept = judging.where_judged(lambda *given, **more: given, [[1, None, 0.0], [0, 1, 0.5]], ["a", "b", "c"], {})
    assert kept == ((1, 0.0), (0, 0.5), ("a", "c"))
    assert judging.where_judged(None, [[None]], ["a"], {}) is None
