"""A domain that has what README.md's table says and nothing else, through every stage on a tiny base."""

import json
import os
import re
from types import SimpleNamespace

import pytest

from common import cli, files, model, provenance
from common import domain as finder
from data import gen_dpo, gen_sft, mix
from eval import answer, mmlu, report, winrate
from eval import domain as domain_eval
from train import dpo, sft

# Written from the table alone: even or odd. No row has a key beyond it, and no name of the default domain is used.
SOURCE = """
from collections import namedtuple

SYSTEM_PROMPT = "Say whether the number is even or odd."
JUDGE_RUBRIC = "correct: the right one of the two words."

Verdict = namedtuple("Verdict", "correct format_ok explanation_ok reason")


def row(name, number, asked):
    return {"id": name, "prompt": f"{asked} {number}?", "completion": "odd." if number % 2 else "even.",
            "category": "large" if number > 500 else "small"}


def load_seeds():
    return [row(f"seed-{i}", 1000 + i, "Kind of") for i in range(6)]


def load_benchmark(split):
    first, asked = {"dev": (2000, "Parity of"), "test": (3000, "Name")}[split]
    return [{**row(f"{split}-{i}", first + i, asked), "cluster": i // 3} for i in range(24)]


def generate(rng, n, split):
    asked = {"sft": "What is", "dpo": "Tell me"}[split]
    return [row(f"{split}-{i}", i, asked) for i in rng.sample(range(1000), n)]


def verify(row, answer):
    if row["prompt"].endswith("7?"):
        return None
    word = answer.strip().rstrip(".")
    if word not in ("even", "odd"):
        return Verdict(False, False, None, "no word")
    right = row["completion"] == word + "."
    return Verdict(right, answer.endswith("."), None, "ok" if right else "other")
"""


@pytest.fixture
def own_domain(add_domain):
    """The name of the domain, written to a folder."""
    return add_domain("parity", SOURCE)


def test_sft_data_of_a_domain_without_more_than_the_table_asks(own_domain, tmp_path):
    gen_sft.main(gen_sft.parse_args(["--domain", own_domain, "--out", str(tmp_path / "out"), "--n", "40"]))
    rows = files.read_jsonl(tmp_path / "out/data/sft.jsonl")
    assert len(rows) == 40 and set(rows[0]) == {"id", "prompt", "completion", "seed_id", "teacher", "category"}
    text = (tmp_path / "out/gen_sft/report.md").read_text(encoding="utf-8")
    assert "6 curated rows." in text and "schemas" not in text and "families" not in text


def test_another_teacher_of_the_domain_alone_and_beside_the_templates(own_domain, tmp_path):
    guessing = """
def guess(rng, n, split):
    return [{**one, "prompt": "Guess " + one["prompt"]} for one in generate(rng, n, split)]


TEACHERS = {"guesses": guess}
"""
    (finder.DOMAINS / own_domain / "__init__.py").write_text(SOURCE + guessing, encoding="utf-8")
    flags = ["--domain", own_domain, "--out", str(tmp_path / "out"), "--teacher"]
    for teacher, guesses in (("guesses", 34), ("templates:1,guesses:1", 17)):
        gen_sft.main(gen_sft.parse_args([*flags, teacher, "--n", "40"]))
        rows = files.read_jsonl(tmp_path / "out/data/sft.jsonl")
        made = [row for row in rows if row["prompt"].startswith("Guess ")]
        assert len(rows) == 40 and abs(len(made) - guesses) <= (0 if guesses == 34 else 6)
        assert all((row["teacher"] == "guesses") == (row in made) for row in rows)
    with pytest.raises(cli.UserError, match="cannot be taught by a model"):
        gen_sft.main(gen_sft.parse_args([*flags, "oracles"]))
    domain = finder.load_domain(own_domain)
    args = gen_dpo.parse_args([*flags, "templates:3,guesses:1", "--n", "41"])
    gen_dpo.check(args, domain)
    rows = mix.make_rows(domain, mix.shares_of(domain, args), 1, args.n, "dpo")
    assert [sum(row["prompt"].startswith(begin) for row in rows) for begin in ("Guess Tell me", "Tell me")] == [10, 31]
    assert len({row["id"] for row in rows}) == 41 and rows == mix.make_rows(
        domain, mix.shares_of(domain, args), 1, args.n, "dpo"
    )
    with pytest.raises(cli.UserError, match=r"the domain's own teachers alone \(templates, guesses\)"):
        gen_dpo.check(gen_dpo.parse_args([*flags, "oracles"]), domain)
    domain.DEFAULT_TEACHER = "guesses"
    args = gen_sft.parse_args([*flags[:-1], "--n", "40"])
    gen_sft.main(args)
    rows = files.read_jsonl(tmp_path / "out/data/sft.jsonl")
    assert sum(row["prompt"].startswith("Guess ") for row in rows) == 34 and args.teacher == "guesses"
    assert gen_dpo.deciding(gen_dpo.parse_args(flags[:-1]), domain)["teacher"] == "guesses"


def test_only_short_prompts_are_asked(own_domain):
    domain, flags = finder.load_domain(own_domain), ["--domain", own_domain, "--n", "40"]
    rows = gen_dpo.prompts(gen_dpo.parse_args(flags), domain)
    limit = max(len(row["prompt"]) for row in rows) - 1
    args = gen_dpo.parse_args([*flags, "--max_characters", str(limit)])
    short = [row for row in rows if len(row["prompt"]) <= limit]
    assert gen_dpo.prompts(args, domain) == short and 0 < len(short) < len(rows)
    assert gen_dpo.deciding(args, domain)["max_characters"] == limit
    with pytest.raises(cli.UserError, match="leaves no prompt of 40: the shortest has"):
        gen_dpo.prompts(gen_dpo.parse_args([*flags, "--max_characters", "1"]), domain)


def test_an_explanation_written_by_hand_needs_no_proof(own_domain, tmp_path):
    source = SOURCE.replace('answer.endswith("."), None, "ok"', 'answer.endswith("."), row["id"][-1] > "4", "ok"')
    source += """
TEACHERS = {"people": lambda rng, n, split: [{**one, "by_hand": True} for one in generate(rng, n, split)]}
"""
    (finder.DOMAINS / own_domain / "__init__.py").write_text(source, encoding="utf-8")
    for teacher, dropped in (("templates", True), ("people", False)):
        flags = ["--domain", own_domain, "--out", str(tmp_path / teacher), "--teacher", teacher, "--n", "200"]
        gen_sft.main(gen_sft.parse_args(flags))
        counts = files.read_json(tmp_path / teacher / "gen_sft/run.json")["counts"]
        assert (counts.get("bad explanation", 0) > 50) == dropped
        text = (tmp_path / teacher / "gen_sft/report.md").read_text(encoding="utf-8")
        unproved = re.search(r"written by hand and not proved \| (\d+)", text)[1]
        assert (unproved == "0") == dropped


def test_a_split_that_the_domain_does_not_have_and_one_beside_dev_and_test(own_domain):
    domain = finder.load_domain(own_domain)
    with pytest.raises(cli.UserError, match=r"no such split \(did you mean dev\?\); it has dev, test"):
        answer.benchmark_of(answer.parse_args(["--domain", own_domain, "--split", "devel"]), domain)
    args = answer.parse_args(["--domain", own_domain, "--split", "dev"])
    assert answer.benchmark_of(args, domain) == domain.load_benchmark("dev")
    domain.SPLITS = ("dev", "test", "devel")
    row = {"prompt": "?", "completion": ".", "category": "c", "cluster": 0}
    domain.load_benchmark = lambda split: [{"id": split, **row}]
    args = answer.parse_args(["--domain", own_domain, "--split", "devel"])
    assert [row["id"] for row in answer.benchmark_of(args, domain)] == ["devel"]


@pytest.mark.parametrize(
    "text, instead, said",
    [
        ('"category": ', '"kind": ', r"load_seeds\(\) of domains/parity: row 0 has no category"),
        ("for i in range(6)", "for i in range(0)", r"load_seeds\(\) of domains/parity gives no row"),
        ('"completion": "odd." if', '"completion": 1 if', r"row 1: completion is a number; it must be text"),
        (
            '"prompt": f"{asked} {number}?"',
            '"prompt": " "',
            r"row 0: prompt is empty; it must be text that is not empty",
        ),
        ('return [row(f"seed-{i}", 1000 + i, "Kind of")', "return [str(i)", "row 0 is no dict but a str"),
        ("return None", 'return "yes"', r"verify\(\) of domains/parity gives a str; it must be a Verdict"),
    ],
)
def test_what_a_domain_lacks_is_one_sentence_before_anything_is_made(own_domain, tmp_path, text, instead, said):
    assert text in SOURCE
    (finder.DOMAINS / own_domain / "__init__.py").write_text(SOURCE.replace(text, instead), encoding="utf-8")
    with pytest.raises(cli.UserError, match=said):
        gen_sft.main(gen_sft.parse_args(["--domain", own_domain, "--out", str(tmp_path / "out"), "--n", "40"]))
    assert not (tmp_path / "out").exists()


def benchmark(**change):
    """Two rows of a benchmark, the second changed."""
    row = {"prompt": "Name 1?", "completion": "odd.", "category": "small", "cluster": 0}
    return [{"id": "a", **row}, {"id": "b", **row, **change}]


TALK = [{"role": "user", "content": "Name 1?"}]


@pytest.mark.parametrize(
    "change, said",
    [
        ({"id": "a"}, "row 1 repeats the id 'a' of .*: row 0; ids must be unique"),
        ({"id": ["b"]}, "row 1: id is a list; it must be text or a number"),
        ({"id": 2}, "id is text in some rows and a number in others; make it one kind in all"),
        ({"prompt": TALK}, "row 1: prompt is a list; it must be text"),
        ({"cluster": ["schema", 1]}, "row 1: cluster is a list; it must be text or a number"),
        ({"cluster": ("schema", 1)}, "row 1: cluster is a tuple; it must be text or a number"),
        ({"cluster": {}}, "row 1: cluster is a dict; it must be text or a number"),
        ({"category": ["small"]}, "row 1: category is a list; it must be text or a number"),
        ({"category": 1}, "category is text in some rows and a number in others; make it one kind in all"),
        ({"words": {"odd", "uneven"}}, "row 1: words cannot be written as JSON .Object of type set is not JSON"),
        ({"by": {"gold": [object()]}}, "row 1: by cannot be written as JSON .Object of type object is not JSON"),
        ({"by": {(1, 2): "x"}}, "row 1: by cannot be written as JSON"),
        ({"by": {3: "x", "y": 1}}, "row 1: by cannot be written as JSON"),
    ],
)
def test_a_benchmark_that_a_later_stage_could_not_use_is_one_sentence_at_once(change, said):
    domain = SimpleNamespace(__name__="domains.parity", load_benchmark=lambda split: benchmark(**change))
    with pytest.raises(cli.UserError, match=said) as caught:
        finder.rows_of(domain, "load_benchmark", "dev")
    assert str(caught.value).startswith("load_benchmark('dev') of domains/parity") and "\n" not in str(caught.value)


def test_what_every_stage_can_use_is_taken():
    """Numbers as labels, and where nothing but answers is kept, messages."""
    rows = [{**row, "id": i, "category": i, "cluster": "c"} for i, row in enumerate(benchmark(more=[None, {"a": 1.5}]))]
    assert finder.check_rows(iter(rows), "load_benchmark", "it") == rows
    rows = benchmark(prompt=TALK)
    assert finder.check_rows(rows, "load_questions", "it") == finder.check_rows(rows, "generate", "it") == rows
    with pytest.raises(cli.UserError, match="repeats the id"):
        finder.check_rows(benchmark(id="a"), "load_questions", "it")
    assert len(finder.check_rows(benchmark(id="a", cluster=["c"]), "generate", "it")) == 2, "nobody looks these up"


def test_a_set_in_a_row_that_is_taught_is_refused_too():
    with pytest.raises(cli.UserError, match="row 1: words cannot be written as JSON"):
        finder.check_rows(benchmark(words={1}), "load_seeds", "it")


def test_no_script_takes_a_domains_rows_but_by_rows_of():
    """A domain may write its rows as a generator, which has no place 0 and no length."""
    folders = ("common", "data", "train", "eval", "serve", "bench")
    scripts = [path for name in folders for path in (cli.ROOT / name).glob("*.py")]
    direct = [path.name for path in scripts if re.search(r"\.load_benchmark\(", path.read_text(encoding="utf-8"))]
    assert len(scripts) > 50 and not direct


def test_seeds_written_as_a_generator_have_the_hash_of_their_rows(own_domain):
    domain, args = finder.load_domain(own_domain), SimpleNamespace(domain=own_domain)
    seeds = domain.load_seeds()
    known = provenance.teacher_of(args, domain)
    domain.load_seeds = lambda: iter(seeds)
    assert provenance.teacher_of(args, domain) == known


@pytest.mark.parametrize(
    "given, known",
    [
        (SimpleNamespace(correct=1, format_ok=0, explanation_ok=None, reason=3), (True, False, None, "3")),
        (finder.Verdict(False, None, True, "r"), (False, None, True, "r")),
        (None, (None, None, None, "cannot_judge")),
    ],
)
def test_a_verdict_is_read_by_its_fields(given, known):
    assert finder.verdict_on(SimpleNamespace(verify=lambda row, answer: given), {}, "") == known


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_stage_on_a_domain_of_ones_own(own_domain, tmp_path, tiny_base, monkeypatch, capsys):
    """From another working directory, with no pair held out."""
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "my run"
    flags = ["--recipe", "recipes/smoke.yaml", "--domain", own_domain, "--out", str(out)]
    based = [*flags, "--base", os.path.relpath(tiny_base), "--dtype", "float32"]
    steps = ["--learning_rate", "5e-3", "--r", "16", "--lora_alpha", "32", "--per_device_train_batch_size", "8"]
    steps += ["--optim", "paged_adamw_8bit"]
    cli.quiet()
    for script, given in (
        (gen_sft, [*flags, "--n", "320"]),
        (sft, [*based, *steps, "--num_train_epochs", "5", "--limit", "320"]),
        (gen_dpo, [*based, "--n", "240", "--engine", "hf", "--max_new_tokens", "12", "--temperature", "0.1"]),
        (dpo, [*based, "--held_out_share", "0"]),
        (answer, [*based, "--engine", "hf", "--max_new_tokens", "12"]),
        (winrate, flags),
        (domain_eval, flags),
        (mmlu, based),
        (report, flags),
    ):
        script.main(script.parse_args(given))
        assert "my run' --domain parity" in capsys.readouterr().out.strip().split("\n")[-1], (
            "the next command can be pasted"
        )
    run = json.loads((out / "dpo/run.json").read_text(encoding="utf-8"))
    assert run["counts"]["held_out"] == 0 and run["counts"]["pairs"] > 4
    assert [item["step"] for item in json.loads((out / "dpo/kl.json").read_text())] == [run["metrics"]["steps"]]
    summary = json.loads((out / "eval/domain.json").read_text(encoding="utf-8"))["summary"]
    unjudged = [row["id"] for row in finder.load_domain(own_domain).load_benchmark("test") if "7?" in row["prompt"]]
    assert summary["unjudged"]["correct"] == dict.fromkeys(("base", "sft", "dpo"), len(unjudged)) and unjudged
    assert summary["accuracy"]["all"]["sft"]["n"] == 24 - len(unjudged)
    assert summary["accuracy"]["all"]["sft"]["accuracy"] > 0.2, "the tiny base learnt to say one of the words"
    text = (out / "EVAL_REPORT.md").read_text(encoding="utf-8")
    assert "Answers that could not be judged" in text and "# Evaluation: parity" in text
    assert model.read_lineage(out / "dpo")["parent"]["stage"] == "sft"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_messages_train_the_same_adapter_as_texts(tmp_path, tiny_base):
    """SFT and DPO on the files that people have, in TRL's layout and in the project's own."""
    cli.quiet()
    based = ["--recipe", "recipes/smoke.yaml", "--base", str(tiny_base), "--dtype", "float32"]
    based += ["--per_device_train_batch_size", "1", "--learning_rate", "1e-2"]
    cases, weights = cli.ROOT / "tests/fixtures/rows", {}
    for kind in ("messages", "texts"):
        out = tmp_path / kind
        for script, name, columns, more in (
            (sft, "sft_messages", ("prompt", "completion"), []),
            (dpo, "dpo_messages", ("prompt", "chosen", "rejected"), ["--held_out_share", "0.5"]),
        ):
            path = cases / f"{name}.jsonl"
            if kind == "texts":
                rows = [{**row, **{key: row[key][0]["content"] for key in columns}} for row in files.read_jsonl(path)]
                path = tmp_path / f"{name}.jsonl"
                files.write_jsonl(path, rows)
            script.main(script.parse_args([*based, "--out", str(out), "--data", str(path), *more]))
            folder = out / script.__name__.split(".")[1]
            weights.setdefault(name, []).append((folder / "adapter_model.safetensors").read_bytes())
    assert all(first == second for first, second in weights.values())
    run = json.loads((tmp_path / "texts/dpo/run.json").read_text(encoding="utf-8"))
    assert run["policy"] == {"on": 0, "off": 0, "unknown": 3} and run["counts"]["held_out"] == 3
    for stage in ("sft", "dpo"):
        metrics = json.loads((tmp_path / "texts" / stage / "run.json").read_text(encoding="utf-8"))["metrics"]
        assert metrics["perplexity_after"] != metrics["perplexity_before"], "it was trained at all"
