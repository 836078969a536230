"""The multiple-choice stage: MMLU's form, lm-eval against a direct computation, files, sampling."""

import csv
import json
import math
import random
import shutil
from pathlib import Path

import pytest

from common import cli, files, model, skills
from eval import mmlu

cli.quiet()  # before torch is loaded: threads that spin while they wait make small tests slow

NANO = cli.ROOT / "models" / "nano"
LAYOUTS = ("header", "headerless")
needs_nano = pytest.mark.skipif(not NANO.is_dir(), reason="models/nano is not there")


def make_rows(count, word="number"):
    """Rows with awkward text: a comma, quotes, a line break, spaces around, braces."""
    return [{"question": f' Which {word}, "quoted" {{{{x}}}},\nis {i}? ',
             "choices": [str(i + shift) for shift in (3, 0, 2, 1)], "answer": i % 4}
            for i in range(count)]


def write_rows(path, rows, layout="header"):
    """Rows as MMLU's CSV in one of its two layouts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        if layout == "header":
            writer.writerow(["question", "choice0", "choice1", "choice2", "choice3", "answer"])
        for row in rows:
            answer = row["answer"] if layout == "header" else "ABCD"[row["answer"]]
            writer.writerow([row["question"], *row["choices"], answer])


def make_benchmark(folder, sizes, layout="header"):
    """A folder in MMLU's form with `sizes` = {subject: questions}."""
    for subject, size in sizes.items():
        write_rows(folder / "dev" / f"{subject}_dev.csv", make_rows(6, "letter"), layout)
        write_rows(folder / "test" / f"{subject}_test.csv", make_rows(size), layout)
    return folder


def make_merged(folder, seed):
    """A merged stage as train/merge.py leaves it: the base with noise on its weights."""
    import torch
    from transformers import AutoModelForCausalLM

    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"stands for an adapter" + bytes([seed]))
    model.write_lineage(folder, folder.name, str(NANO))
    network = AutoModelForCausalLM.from_pretrained(NANO, dtype=torch.float32)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.2 * weight.std() * torch.randn(weight.shape, generator=generator))
    network.save_pretrained(folder / "merged")
    files.write_json(folder / "merged" / "lineage.json", model.read_lineage(folder))


def arguments(tmp_path, *more):
    args = mmlu.parse_args(["--base", str(NANO), "--out", str(tmp_path), *more])
    args.dtype = mmlu.choose_dtype(args.dtype)
    return args


def test_the_prompt_is_mmlus():
    dev = [{"question": f" What is {i}? ", "choices": ["w", "x", "y", "z"], "answer": i % 4}
           for i in range(7)]
    test = [{"id": "a-0000", "question": "Is it {{1}}?\n", "answer": 2,
             "choices": ["yes", "no ", "{% if %}", "0"]}]
    task = mmlu.make_task("high_school_maths", dev, test)
    task.build_all_requests()
    shots = "".join(f"What is {i}?\nA. w\nB. x\nC. y\nD. z\nAnswer: {letter}\n\n"
                    for i, letter in enumerate("ABCDA"))
    prompt = ("The following are multiple choice questions (with answers) about high school maths."
              f"\n\n{shots}Is it {{{{1}}}}?\nA. yes\nB. no \nC. {{% if %}}\nD. 0\nAnswer:")
    assert [one.args for one in task.instances] == [(prompt, f" {letter}") for letter in "ABCD"]
    assert task.process_results(test[0], [(-3, 0), (-2, 0), (-1, 0), (-4, 0)]) == {"acc": 1.0}


def test_the_task_is_lm_evals_own_but_for_its_data():
    """A newer lm-eval that changes its MMLU shows here."""
    import lm_eval
    import yaml
    from lm_eval.utils import apply_template

    folder = Path(lm_eval.__file__).parent / "tasks" / "mmlu" / "default"
    theirs = yaml.safe_load((folder / "_default_template_yaml").read_text(encoding="utf-8"))
    anatomy = yaml.safe_load((folder / "mmlu_anatomy.yaml").read_text(encoding="utf-8"))
    rows = make_rows(5)
    ours = mmlu.make_task("anatomy", rows, rows)
    assert ours.config.description == anatomy["description"]
    for row in rows:
        assert ours.doc_to_text(row) == apply_template(theirs["doc_to_text"], row)
    for key in ("output_type", "doc_to_choice", "doc_to_target", "metric_list", "fewshot_split"):
        assert ours.config[key] == theirs[key], key
    assert ours.config.fewshot_config.sampler == theirs["fewshot_config"]["sampler"]
    assert ours.config.target_delimiter == " " and ours.config.num_fewshot == 5


@needs_nano
@pytest.mark.slow
@pytest.mark.parametrize("batch_size", ["1", "7"])
def test_scores_equal_a_direct_computation(tmp_path, batch_size):
    """Log-likelihoods and right answers, question by question, without lm-eval or shared prefix."""
    import torch
    from transformers import AutoModelForCausalLM

    args = arguments(tmp_path, "--n", "24", "--batch_size", batch_size)
    name, _, dev, test = mmlu.prepare_benchmark(args)
    tokenizer = model.load_tokenizer(NANO)
    letters = [tokenizer.encode(f" {letter}", add_special_tokens=False) for letter in "ABCD"]
    assert name == "general skills" and all(len(ids) == 1 for ids in letters)
    lm, counts = mmlu.load_lm(str(NANO), None, tokenizer, args)
    network = AutoModelForCausalLM.from_pretrained(NANO, dtype=torch.float32).eval()
    for subject, rows in test.items():
        found = mmlu.answer(lm, mmlu.make_task(subject, dev[subject], rows))
        assert len(found) == len(rows)
        for row, (correct, scores) in zip(rows, found, strict=True):
            shots = "".join(f"{mmlu.question_text(shot)} {'ABCD'[shot['answer']]}\n\n"
                            for shot in dev[subject])
            head = skills.QUIZ_HEADER.format(subject=subject.replace("_", " "))
            ids = tokenizer(head + shots + mmlu.question_text(row), return_tensors="pt").input_ids
            with torch.no_grad():
                expected = network(ids).logits[0, -1].log_softmax(-1)[sum(letters, [])]
            assert scores == pytest.approx(expected.tolist(), abs=2e-3)
            assert correct == int(expected.argmax() == row["answer"])
    # One forward row per question: lm-eval saw that four one-token choices share a prompt.
    assert counts == {"forwarded": 24, "cut": 0}


@needs_nano
@pytest.mark.slow
def test_prompts_beyond_the_context_are_cut_and_counted(tmp_path):
    rows = make_rows(3)
    rows[1]["question"] = "long " * 1500
    args = arguments(tmp_path)
    lm, counts = mmlu.load_lm(str(NANO), None, model.load_tokenizer(NANO), args)
    found = mmlu.answer(lm, mmlu.make_task("a", make_rows(5), rows))
    assert counts["cut"] == 1 and all(math.isfinite(s) for _, scores in found for s in scores)


@needs_nano
@pytest.mark.slow
def test_an_adapter_at_run_time_scores_as_the_merged_model(tmp_path):
    """The way a GPU takes."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    network = AutoModelForCausalLM.from_pretrained(NANO, dtype=torch.float32)
    tuned = get_peft_model(network, LoraConfig(r=4, target_modules="all-linear",
                                               init_lora_weights=False, task_type="CAUSAL_LM"))
    tuned.save_pretrained(tmp_path / "adapter")
    tuned.merge_and_unload().save_pretrained(tmp_path / "merged")
    tokenizer, args = model.load_tokenizer(NANO), arguments(tmp_path)
    task = mmlu.make_task("a", make_rows(5), make_rows(6))
    found = []
    for weights, adapter in ((NANO, tmp_path / "adapter"), (tmp_path / "merged", None),
                             (NANO, None)):
        lm, _ = mmlu.load_lm(str(weights), adapter and str(adapter), tokenizer, args)
        found.append([score for _, scores in mmlu.answer(lm, task) for score in scores])
    assert found[0] == pytest.approx(found[1], abs=2e-3)
    assert found[0] != pytest.approx(found[2], abs=2e-2)


@needs_nano
@pytest.mark.slow
@pytest.mark.parametrize("benchmark", ["general skills", "MMLU"])
def test_the_stage_end_to_end(tmp_path, capsys, benchmark):
    for seed, name in enumerate(("sft", "dpo")):
        make_merged(tmp_path / name, seed)
    more = ["--n", "33"]
    if benchmark == "MMLU":
        make_benchmark(tmp_path / "files", {"law": 9, "old_maths": 31})
        more = ["--n", "20", "--mmlu_dir", str(tmp_path / "files")]
    mmlu.main(arguments(tmp_path, *more))
    shown = capsys.readouterr().out
    made = json.loads((tmp_path / "eval" / "mmlu.json").read_text(encoding="utf-8"))
    rows, summary = made["rows"], made["summary"]
    n = int(more[1])
    assert made["settings"]["benchmark"] == benchmark and ("MMLU" in shown) == (benchmark == "MMLU")
    assert made["settings"]["dtype"] == "float32"  # bfloat16 ties too often on a small model
    assert set(made["run"]["counts"]["ties"].values()) == {0}
    assert made["settings"]["shots"] == 5 and made["run"]["counts"]["items"] == n
    assert set(made["run"]["counts"]["forwarded"].values()) == {n}
    assert len({row["id"] for row in rows}) == len(rows) == n
    assert [row["base"] for row in rows] != [row["dpo"] for row in rows]
    for name in ("base", "sft", "dpo"):
        share = sum(row[name] for row in rows) / n
        assert summary["accuracy"][name]["accuracy"] == pytest.approx(share)
        assert summary["accuracy"][name]["n"] == n and f"{share:.1%}" in shown
        assert sum(one[name]["n"] for one in summary["by_subject"].values()) == n
    lost = sum(row["base"] > row["dpo"] for row in rows)
    gained = sum(row["base"] < row["dpo"] for row in rows)
    tax = summary["tax"]["dpo_vs_base"]
    assert tax["difference"] == pytest.approx((gained - lost) / n)
    assert tax["low"] < tax["difference"] < tax["high"] and tax["detectable"] > 0
    assert f"can show is {100 * tax['detectable']:.1f} points" in shown
    assert "next: python eval/report.py" in shown


def test_a_loss_is_negative():
    base = {"a": [1, 1, 1, 0], "b": [1, 1]}
    worse = {"a": [0, 0, 1, 0], "b": [1, 1]}
    made = mmlu.summarise({"base": base, "sft": base, "dpo": worse})
    assert made["accuracy"]["base"]["accuracy"] == pytest.approx(5 / 6)
    assert made["by_subject"]["a"]["dpo"] == {"accuracy": 0.25, "n": 4}
    tax = made["tax"]["dpo_vs_base"]
    assert tax["difference"] == pytest.approx(-2 / 6) and (tax["gained"], tax["lost"]) == (0, 2)
    assert tax["mcnemar_p"] == 0.5 and tax["n"] == 6
    same = made["tax"]["sft_vs_base"]
    assert same["difference"] == 0 and same["low"] < 0 < same["high"] and same["detectable"] > 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_layouts_read_the_same(tmp_path, layout):
    rows = make_rows(9)
    write_rows(tmp_path / "a.csv", rows, layout)
    assert mmlu.read_csv(tmp_path / "a.csv") == rows


def test_a_subject_with_more_dev_rows_uses_the_first_five(tmp_path):
    dev, test = mmlu.read_benchmark(make_benchmark(tmp_path, {"b": 3, "a_c": 2}))
    assert list(test) == ["a_c", "b"] and [row["id"] for row in test["b"]][2] == "b-0002"
    assert dev["b"] == make_rows(6, "letter")[:5]


def test_sampling_is_stratified_and_repeatable():
    sizes = {"large": 500, "middle": 300, "small": 200, "tiny": 3}
    test = {name: [{"id": f"{name}-{i}"} for i in range(size)] for name, size in sizes.items()}
    drawn = mmlu.stratify(test, 101, random.Random(0))
    assert {name: len(rows) for name, rows in drawn.items()} == {
        "large": 50, "middle": 30, "small": 19, "tiny": 2}
    for name, rows in drawn.items():
        places = [test[name].index(row) for row in rows]
        assert places == sorted(set(places))
    assert drawn["large"] != test["large"][:50]
    assert mmlu.stratify(test, 101, random.Random(0)) == drawn
    assert mmlu.stratify(test, 101, random.Random(1)) != drawn
    for n in range(8, 1004):
        assert sum(map(len, mmlu.stratify(test, n, random.Random(0)).values())) == n
    assert mmlu.stratify(test, 0, random.Random(0)) == test
    assert mmlu.stratify(test, 5000, random.Random(0)) == test
    for n in (-1, 7):
        with pytest.raises(cli.UserError, match=f"--n {n} is too few"):
            mmlu.stratify(test, n, random.Random(0))


def test_general_skills_are_one_fixed_test(tmp_path):
    """Every seed asks the same questions, or the tax of two runs could not be compared."""
    made = [mmlu.prepare_benchmark(arguments(tmp_path / seed, "--n", "44", "--seed", seed))
            for seed in ("0", "1")]
    assert made[0][2:] == made[1][2:] and made[0][0] == "general skills"
    assert sum(map(len, made[0][3].values())) == 44
    for n in ("-3", "21", "100000000"):
        with pytest.raises(cli.UserError, match=f"--n {n}"):
            mmlu.prepare_benchmark(arguments(tmp_path / "bad", "--n", n))
    assert not (tmp_path / "bad" / "eval").exists()


HEAD = "question,choice0,choice1,choice2,choice3,answer\n"
BAD = {
    "five cells": (HEAD + "q,1,2,3,4,0\nq,1,2,3,0\n", r"_test\.csv:3 has 5 cells"),
    "answer": (HEAD + "q,1,2,3,4,4\n", r"_test\.csv:2 has the answer '4'"),
    "no answer": ("q,1,2,3,4,\n", r"_test\.csv:1 has the answer ''"),
    "line after a line break": ('"q\nr",1,2,3,4,A\nq,1,2,3,4,E\n', r":3 has the answer 'E'"),
    "empty choice": ("q,1,,3,4,A\n", r":1 has an empty question or choice"),
    "open quote": ('q,1,2,3,4,A\n"q,1,2,3,4,A\n', r"_test\.csv:\d is not CSV"),
    "header only": (HEAD, r"_test\.csv has 0 questions"),
}


@pytest.mark.parametrize("text, message", BAD.values(), ids=BAD)
def test_a_bad_file_is_named_with_its_line(tmp_path, text, message):
    make_benchmark(tmp_path, {"law": 3})
    (tmp_path / "test" / "law_test.csv").write_text(text, encoding="utf-8")
    with pytest.raises(cli.UserError, match=message):
        mmlu.read_benchmark(tmp_path)


def test_missing_files_and_rows_are_named(tmp_path):
    make_benchmark(tmp_path, {"law": 3})
    write_rows(tmp_path / "dev" / "law_dev.csv", make_rows(4))
    with pytest.raises(cli.UserError, match=r"law_dev\.csv has 4 rows; 5-shot needs 5"):
        mmlu.read_benchmark(tmp_path)
    (tmp_path / "dev" / "law_dev.csv").unlink()
    with pytest.raises(cli.UserError, match=r"law_dev\.csv is missing"):
        mmlu.read_benchmark(tmp_path)
    (tmp_path / "test" / "law_test.csv").write_bytes(b"q,\xff,2,3,4,A\n")
    write_rows(tmp_path / "dev" / "law_dev.csv", make_rows(5))
    with pytest.raises(cli.UserError, match="not UTF-8"):
        mmlu.read_benchmark(tmp_path)
    (tmp_path / "test" / "law_test.csv").unlink()
    with pytest.raises(cli.UserError, match="has no file SUBJECT_test.csv"):
        mmlu.read_benchmark(tmp_path)
    shutil.rmtree(tmp_path / "dev")
    with pytest.raises(cli.UserError, match="there is no folder .*dev"):
        mmlu.read_benchmark(tmp_path)


def test_a_stage_before_its_input_names_the_command(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}", encoding="utf-8")
    args = mmlu.parse_args(["--base", str(tmp_path / "base"), "--out", str(tmp_path / "out")])
    with pytest.raises(cli.UserError, match="run python train/sft.py first"):
        mmlu.main(args)
    assert not (tmp_path / "out").exists()
    with pytest.raises(cli.UserError, match="no model in models/none"):
        mmlu.main(mmlu.parse_args(["--base", "models/none", "--out", str(tmp_path / "out")]))
