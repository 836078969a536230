"""The alignment tax: lm-eval's two forms, shared beginnings against plain lm-eval, files, sampling, general text."""

import csv
import json
import math
import random
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from common import cli, files, model
from eval import mmlu, questions, tax

cli.quiet()  # before torch is loaded: threads that spin while they wait make small tests slow

LAYOUTS = ("header", "headerless")
DTYPE = SimpleNamespace(dtype="float32", batch_size=16)


def make_rows(count, word="number"):
    """Rows with awkward text: a comma, quotes, a line break, spaces around, braces."""
    return [
        {
            "question": f' Which {word}, "quoted" {{{{x}}}},\nis {i}? ',
            "choices": [str(i + shift) for shift in (3, 0, 2, 1)],
            "answer": i % 4,
        }
        for i in range(count)
    ]


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


def make_stages(out, base):
    """out/sft and out/dpo as training leaves them: the base's tokenizer, and its weights with noise on them."""
    import torch
    from transformers import AutoModelForCausalLM

    for seed, name in enumerate(("sft", "dpo")):
        folder = out / name
        model.load_tokenizer(base).save_pretrained(folder)
        (folder / "adapter_model.safetensors").write_bytes(b"stands for an adapter" + bytes([seed]))
        model.write_lineage(folder, name, str(base))
        network = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in network.parameters():
                weight.add_(weight.std() * torch.randn(weight.shape, generator=generator))
        network.save_pretrained(folder / "merged")
        files.write_json(folder / "merged" / "lineage.json", model.read_lineage(folder))


def arguments(out, base, *more):
    return mmlu.parse_args(["--base", str(base), "--out", str(out), *more])


def lm_of(base, batch_size=16):
    """Our lm-eval model of a base, and its counts."""
    args = SimpleNamespace(dtype="float32", batch_size=batch_size)
    return mmlu.load_lm(str(base), None, model.load_tokenizer(base), args)


def plain_lm_of(base):
    """lm-eval's own model of a base."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=str(base), tokenizer=model.load_tokenizer(base), dtype="float32", batch_size=3, device="cpu")


def scores_of(answers):
    return [score for one in answers for score in one["scores"]]


def test_the_prompt_in_letters_is_mmlus():
    dev = [{"question": f" What is {i}? ", "choices": ["w", "x", "y", "z"], "answer": i % 4} for i in range(7)]
    test = [{"id": "a-0000", "question": "Is it {{1}}?\n", "answer": 2, "choices": ["yes", "no ", "{% if %}", "0"]}]
    task = mmlu.make_task("high_school_maths", "letters", dev, test)
    task.build_all_requests()
    shots = "".join(f"What is {i}?\nA. w\nB. x\nC. y\nD. z\nAnswer: {letter}\n\n" for i, letter in enumerate("ABCDA"))
    prompt = (
        "The following are multiple choice questions (with answers) about high school maths."
        f"\n\n{shots}Is it {{{{1}}}}?\nA. yes\nB. no \nC. {{% if %}}\nD. 0\nAnswer:"
    )
    assert [one.args for one in task.instances] == [(prompt, f" {letter}") for letter in "ABCD"]
    assert task.process_results(test[0], [(-3, 0), (-2, 0), (-1, 0), (-4, 0)]) == {"acc": 1.0}


def test_a_continuation_is_the_choice_itself():
    dev = [{"question": f" What is {i}? ", "choices": ["w", "x", "y", "z"], "answer": i % 4} for i in range(7)]
    test = [{"id": "a-0000", "question": "Is it?\n", "answer": 2, "choices": ["yes", "no", "perhaps so", "0"]}]
    task = mmlu.make_task("high_school_maths", "continuation", dev, test)
    task.build_all_requests()
    shots = "".join(f"Question: What is {i}?\nAnswer: {right}\n\n" for i, right in enumerate("wxyzw"))
    prompt = f"The following are questions (with answers) about high school maths.\n\n{shots}Question: Is it?\nAnswer:"
    assert [one.args for one in task.instances] == [(prompt, f" {text}") for text in test[0]["choices"]]
    # The sum decides acc; by length the long right choice overtakes.
    assert task.process_results(test[0], [(-3, 0), (-4, 0), (-5, 0), (-4, 0)]) == {"acc": 0.0, "acc_norm": 1.0}


@pytest.mark.parametrize("form, folder", [("letters", "default"), ("continuation", "continuation")])
def test_the_task_is_lm_evals_own_but_for_its_data(form, folder):
    """The same requests from lm-eval's own files; a newer lm-eval that changes its MMLU shows here."""
    import lm_eval
    import yaml
    from datasets import Dataset, DatasetDict
    from lm_eval.api.task import ConfigurableTask

    place = Path(lm_eval.__file__).parent / "tasks" / "mmlu" / folder
    template = place / f"_{folder}_template_yaml"
    theirs = yaml.safe_load(template.read_text(encoding="utf-8"))
    theirs |= yaml.safe_load((place / "mmlu_anatomy.yaml").read_text(encoding="utf-8"))
    for key in ("include", "tag", "dataset_path", "dataset_name"):
        del theirs[key]
    rows = [{**row, "question": row["question"].replace("{", "(")} for row in make_rows(6)]
    data = DatasetDict(dev=Dataset.from_list(rows[:5]), test=Dataset.from_list(rows))
    own = ConfigurableTask(config={**theirs, "num_fewshot": 5, "custom_dataset": lambda **_: data})
    ours = mmlu.make_task("anatomy", form, rows[:5], rows)
    for task in (own, ours):
        task.build_all_requests()
    assert len(own.instances) == 24 and [one.args for one in ours.instances] == [one.args for one in own.instances]
    assert set(ours.aggregation()) == set(own.aggregation())


@pytest.mark.slow
@pytest.mark.parametrize("form", questions.FORMS)
@pytest.mark.parametrize("batch_size", [4, 16])
def test_shared_beginnings_give_plain_lm_evals_scores(tiny_base, form, batch_size):
    rows = make_rows(9)  # of one length but for one; with four rows at once, one question runs after the other
    rows[4]["question"] = "Which of these is longer than the others, by a few words?"
    rows[2]["choices"] = ["one", "a much longer choice, with words", "two", "three and a half"]
    task = mmlu.make_task("anatomy", form, make_rows(5, "letter"), rows)
    lm, counts = lm_of(tiny_base, batch_size)
    ours, plain = mmlu.answer(lm, task), mmlu.answer(plain_lm_of(tiny_base), task)
    assert len(ours) == 9 and scores_of(ours) == pytest.approx(scores_of(plain), abs=1e-4)
    assert [{**one, "scores": 0} for one in ours] == [{**one, "scores": 0} for one in plain]
    assert counts["cut"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("form", questions.FORMS)
def test_few_shot_rows_run_once_for_a_subject(tiny_base, form):
    """Ten questions more cost their own tokens and no prefix."""
    spent, dev = [], make_rows(5, "letter")
    for count in (10, 20):
        lm, counts = lm_of(tiny_base, 4)
        mmlu.answer(lm, mmlu.make_task("anatomy", form, dev, make_rows(count)))
        spent.append(counts["tokens"])
    tokenizer, text = model.load_tokenizer(tiny_base), getattr(mmlu, f"{form}_text")
    shots = len(tokenizer("".join(text(row) for row in dev)).input_ids)
    question = len(tokenizer(text(make_rows(1)[0])).input_ids)
    assert spent[1] - spent[0] < 10 * (question + 25) < 20 * shots
    assert spent[0] > shots


@pytest.mark.slow
@pytest.mark.parametrize("form", questions.FORMS)
def test_prompts_beyond_the_context_are_cut_as_lm_eval_cuts_them(tiny_base, form):
    rows = make_rows(4)
    rows[1]["question"] = "long " * 1500
    task = mmlu.make_task("a", form, make_rows(5), rows)
    lm, counts = lm_of(tiny_base)
    assert scores_of(mmlu.answer(lm, task)) == pytest.approx(
        scores_of(mmlu.answer(plain_lm_of(tiny_base), task)), abs=1e-4
    )
    assert counts["cut"] == 1


@pytest.mark.slow
def test_a_context_shorter_than_an_answer_does_not_stop_it(tiny_base, tmp_path):
    shutil.copytree(tiny_base, tmp_path / "short")
    config = files.read_json(tmp_path / "short" / "config.json")
    files.write_json(tmp_path / "short" / "config.json", {**config, "max_position_embeddings": 16})
    rows = make_rows(3)
    rows[0]["choices"][1] = "a very long choice indeed " * 20
    for form in questions.FORMS:
        lm, counts = lm_of(tmp_path / "short")
        found = mmlu.answer(lm, mmlu.make_task("a", form, make_rows(5), rows))
        assert counts["cut"] == 3 and all(map(math.isfinite, scores_of(found)))
    assert {len(one["ids"]) for one in mmlu.general_text(lm.tokenizer, lm.max_length)} == {16}


@pytest.mark.slow
def test_an_adapter_at_run_time_scores_as_the_merged_model(tiny_base, tmp_path):
    """The way a GPU takes."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(3)
    network = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    settings = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    tuned = get_peft_model(network, settings)
    tuned.save_pretrained(tmp_path / "adapter")
    tuned.merge_and_unload().save_pretrained(tmp_path / "merged")
    tokenizer = model.load_tokenizer(tiny_base)
    for form in questions.FORMS:
        task, found = mmlu.make_task("a", form, make_rows(5), make_rows(6)), []
        for weights, adapter in ((tiny_base, tmp_path / "adapter"), (tmp_path / "merged", None), (tiny_base, None)):
            lm, _ = mmlu.load_lm(str(weights), adapter and str(adapter), tokenizer, DTYPE)
            found.append(scores_of(mmlu.answer(lm, task)))
        assert found[0] == pytest.approx(found[1], abs=2e-3)
        assert found[0] != pytest.approx(found[2], abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("with_mmlu", [False, True])
def test_the_stage_end_to_end(tiny_base, tmp_path, capsys, monkeypatch, with_mmlu):
    make_stages(tmp_path, tiny_base)
    monkeypatch.setattr(
        questions, "GENERAL_KNOWLEDGE", str(make_benchmark(tmp_path / "own", {"maps": 12, "old_maths": 8}))
    )
    make_benchmark(tmp_path / "files", {"law": 9, "old_maths": 31})
    if not with_mmlu:  # the base that was trained on is another than the stored one
        shutil.copytree(tmp_path / "sft/merged", tmp_path / "sft/base")
        files.write_json(tmp_path / "sft/base/lineage.json", {"base_sha256": model.fingerprint(str(tiny_base))})
    asked = ["--dtype", "float32", *(["--mmlu_dir", str(tmp_path / "files"), "--n", "20"] * with_mmlu)]
    mmlu.main(arguments(tmp_path, tiny_base, *asked))
    shown = capsys.readouterr().out
    made = json.loads((tmp_path / "eval" / "mmlu.json").read_text(encoding="utf-8"))
    rows, summary, counts = made["rows"], made["summary"], made["run"]["counts"]
    names = ["MMLU", "general knowledge"] if with_mmlu else ["general knowledge"]
    assert list(summary["benchmarks"]) == names == list(counts["items"])
    assert summary["headline"]["benchmark"] == names[0] and ("MMLU" in shown) == with_mmlu
    assert made["settings"]["dtype"] == "float32" and made["settings"]["shots"] == 5 and counts["ties"] == {}
    assert len({(row["benchmark"], row["form"], row["id"]) for row in rows}) == len(rows) == 2 * 20 * len(names)
    both = [row for row in rows if "dpo" in row]
    assert len({tuple(row[name] for row in both) for name in tax.MODELS}) > 1  # each model's own answers
    for name in names:
        told = summary["reported"][name] or "letters"
        for form, found in summary["benchmarks"][name].items():
            own = [row for row in rows if row["benchmark"] == name and row["form"] == form]
            asked = list(tax.MODELS if form == told else ["base"])
            assert list(found["accuracy"]) == asked == [one for one in own[0] if one in tax.MODELS]
            for one in asked:
                assert found["accuracy"][one]["accuracy"] == pytest.approx(sum(row[one] for row in own) / 20)
                assert sum(subject[one]["n"] for subject in found["by_subject"].values()) == 20
            assert list(found["tax"]) == (list(tax.PAIRS) if form == told else [])
            if form == told:
                changes = [row["dpo"] - row["base"] for row in own]
                assert found["tax"]["dpo_vs_base"]["difference"] == pytest.approx(sum(changes) / 20)
            assert ("by_length" in found) == (form == "continuation") == ("by_length" in own[0])
    assert summary == tax.summarise(rows, made["windows"])  # the rows are all that the figures come from
    text = summary["general_text"]
    if with_mmlu:
        assert made["settings"]["base_weights"] == "the base's own weights" and "base_plain" not in text["perplexity"]
    else:
        assert (
            made["settings"]["models"]["base"] == str(tmp_path / "sft/base")
            and "trained on" in made["settings"]["base_weights"]
        )
        assert text["perplexity"]["base"] == text["perplexity"]["sft"] != text["perplexity"]["base_plain"]
    assert text["windows"] == len(made["windows"]) > 70 and f"{text['perplexity']['base']:.2f}" in shown
    assert "next: python eval/report.py" in shown


@pytest.mark.slow
def test_general_text_scores_equal_a_direct_computation(tiny_base):
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32).eval()
    windows = mmlu.general_text(model.load_tokenizer(tiny_base), network.config.max_position_embeddings)
    chosen = windows[:3] + [min(windows, key=lambda one: len(one["ids"]))]
    assert max(len(one["ids"]) for one in windows) == mmlu.WINDOW and len({one["topic"] for one in windows}) == len(
        windows
    )
    for one, found in zip(chosen, mmlu.text_logprobs(network, chosen), strict=True):
        ids = torch.tensor([one["ids"]])
        with torch.no_grad():
            loss = network(ids, labels=ids).loss.item()
        assert found == pytest.approx(-loss * (len(one["ids"]) - 1), rel=1e-4)


def test_general_text_is_compared_window_by_window():
    windows = [
        {"topic": str(i), "tokens": 10 * i, "base": -20.0 * i, "sft": -20.0 * i - i % 2, "dpo": -25.0 * i - i % 3}
        for i in range(1, 9)
    ]
    made = tax.text_summary(windows)
    assert made["tokens"] == 360 and made["windows"] == 8 and made["perplexity"]["base"] == pytest.approx(math.exp(2))
    dpo = made["difference"]["dpo_vs_base"]
    assert dpo["difference"] == pytest.approx(sum(-0.5 - i % 3 / (10 * i) for i in range(1, 9)) / 8)
    assert dpo["low"] < dpo["difference"] < dpo["high"] < 0 < dpo["detectable"]
    assert made["perplexity"]["dpo"] > made["perplexity"]["sft"] > made["perplexity"]["base"]


def rows_of(form, base, dpo, benchmark="general knowledge"):
    """Rows of two subjects from 0/1 per question; SFT is as the base."""
    return [
        {"id": str(i), "subject": "ab"[i % 2], "benchmark": benchmark, "form": form, "base": x, "sft": x, "dpo": y,
         **({"by_length": {"base": y, "sft": y, "dpo": x}} if form == "continuation" else {})}
        for i, (x, y) in enumerate(zip(base, dpo, strict=True))
    ]  # fmt: skip


TEXT = [{"topic": str(i), "tokens": 9, "base": -i, "sft": -i, "dpo": -i - 1.5} for i in range(1, 4)]


def test_a_loss_is_negative():
    base, worse = [1, 1, 1, 0, 1, 1], [0, 1, 0, 0, 1, 1]
    made = tax.summarise(rows_of("letters", base, worse) + rows_of("continuation", worse, base), TEXT)
    found = made["benchmarks"]["general knowledge"]["letters"]
    assert found["accuracy"]["base"]["accuracy"] == pytest.approx(5 / 6)
    assert found["by_subject"]["a"]["dpo"] == {"accuracy": pytest.approx(1 / 3), "n": 3} and "by_length" not in found
    told = found["tax"]["dpo_vs_base"]
    assert told["difference"] == pytest.approx(-2 / 6) and (told["gained"], told["lost"]) == (0, 2)
    assert told["mcnemar_p"] == 0.5 and told["n"] == 6
    same = found["tax"]["sft_vs_base"]
    assert same["difference"] == 0 and same["low"] < 0 < same["high"] and same["detectable"] > 0
    other = made["benchmarks"]["general knowledge"]["continuation"]
    assert other["by_length"]["base"]["accuracy"] == pytest.approx(5 / 6)


ABOVE, GUESSING = [1] * 60 + [0] * 40, [1] * 28 + [0] * 72  # 28 of 100: its interval reaches below 25 %


@pytest.mark.parametrize(
    "letters, continuation, form",
    [
        (ABOVE, ABOVE, "letters"),
        (ABOVE, GUESSING, "letters"),
        (GUESSING, ABOVE, "continuation"),
        (GUESSING, GUESSING, None),
    ],
)
@pytest.mark.parametrize("tuned", [ABOVE, GUESSING])
def test_the_base_alone_decides_the_form(letters, continuation, form, tuned):
    rows = rows_of("letters", letters, tuned) + rows_of("continuation", continuation, tuned)
    made = tax.summarise(rows, TEXT)
    assert made["reported"] == {"general knowledge": form}
    assert made["headline"] == {"benchmark": "general knowledge", "form": form}
    assert ("cannot be measured" in tax.table(made)) == (form is None)
    assert ("dpo - base" in tax.table(made)) == (form is not None)


def test_the_headline_is_what_can_be_measured():
    rows = [
        row
        for name, base in (("general knowledge", ABOVE), ("MMLU", GUESSING))
        for form in questions.FORMS
        for row in rows_of(form, base, base, name)
    ]
    made = tax.summarise(rows, TEXT)
    assert made["headline"] == {"benchmark": "general knowledge", "form": "letters"}
    assert made["reported"] == {"general knowledge": "letters", "MMLU": None}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_layouts_read_the_same(tmp_path, layout):
    rows = make_rows(9)
    write_rows(tmp_path / "a.csv", rows, layout)
    assert questions.read_csv(tmp_path / "a.csv") == rows


def test_a_subject_with_more_dev_rows_uses_the_first_five(tmp_path):
    dev, test = questions.read_benchmark(make_benchmark(tmp_path, {"b": 3, "a_c": 2}))
    assert list(test) == ["a_c", "b"] and [row["id"] for row in test["b"]][2] == "b-0002"
    assert dev["b"] == make_rows(6, "letter")[:5]


def test_sampling_is_stratified_and_repeatable():
    sizes = {"large": 500, "middle": 300, "small": 200, "tiny": 3}
    test = {name: [{"id": f"{name}-{i}"} for i in range(size)] for name, size in sizes.items()}
    drawn = questions.stratify(test, 101, random.Random(0), "--n")
    assert {name: len(rows) for name, rows in drawn.items()} == {"large": 50, "middle": 30, "small": 19, "tiny": 2}
    for name, rows in drawn.items():
        places = [test[name].index(row) for row in rows]
        assert places == sorted(set(places))
    assert drawn["large"] != test["large"][:50]
    assert questions.stratify(test, 101, random.Random(0), "--n") == drawn
    assert questions.stratify(test, 101, random.Random(1), "--n") != drawn
    for n in range(8, 1004):
        assert sum(map(len, questions.stratify(test, n, random.Random(0), "--n").values())) == n
    assert questions.stratify(test, 0, random.Random(0), "--n") == test
    assert questions.stratify(test, 5000, random.Random(0), "--n") == test
    for n in (-1, 7):
        with pytest.raises(cli.UserError, match=f"--n {n} is too few"):
            questions.stratify(test, n, random.Random(0), "--n")


def test_the_questions_do_not_depend_on_the_seed(tmp_path):
    """Or the taxes of two runs could not be compared."""
    make_benchmark(tmp_path, {"law": 50, "old_maths": 31})

    def asked(*more):
        made = questions.read_benchmarks(arguments(tmp_path / "out", "any/base", "--mmlu_dir", str(tmp_path), *more))
        return [row["id"] for rows in made["MMLU"]["test"].values() for row in rows]

    assert asked("--n", "20", "--seed", "0") == asked("--n", "20", "--seed", "7")
    assert (
        len(asked("--n", "20")) == 20 and asked("--n", "20") != asked("--n", "21")[:20] and len(asked("--n", "0")) == 81
    )
    with pytest.raises(cli.UserError, match="--n 3 is too few: it must be at least 4"):
        asked("--n", "3")
    with pytest.raises(cli.UserError, match="--general_n 3 is too few"):
        asked("--general_n", "3")


@pytest.mark.parametrize("flags", [("--text_n", "1"), ("--text_n", "-1"), ("--batch_size", "0"), ("--limit", "-1")])
def test_a_number_that_cannot_be_is_refused_before_anything_is_loaded(flags):
    with pytest.raises(cli.UserError, match=f"{flags[0]} must be at least"):
        mmlu.parse_args(list(flags))


def test_general_knowledge_is_the_projects_own_and_whole(tmp_path):
    made = questions.read_benchmarks(arguments(tmp_path, "any/base", "--n", "5"))
    assert list(made) == ["general knowledge"] and made["general knowledge"]["files"] == "eval/general_knowledge"
    asked = sum(map(len, made["general knowledge"]["test"].values()))
    assert asked == made["general knowledge"]["of"] >= 600


def test_the_hubs_data_set_is_read_or_refused_in_a_sentence(tmp_path, monkeypatch):
    import datasets

    rows = {"dev": make_rows(6, "letter"), "test": make_rows(9)}
    monkeypatch.setattr(
        datasets, "load_dataset", lambda name, part, split: [{**row, "subject": "law"} for row in rows[split]]
    )
    args = arguments(tmp_path, "any/base", "--mmlu_dir", "hub", "--n", "4")
    made = questions.read_benchmarks(args)["MMLU"]
    assert made["dev"] == {"law": rows["dev"][:5]} and made["of"] == 9 and len(made["test"]["law"]) == 4
    assert {key: made["test"]["law"][0][key] for key in rows["test"][0]} in rows["test"]

    def unreachable(*_, **__):
        raise ConnectionError("Couldn't reach\nthe Hub.")

    monkeypatch.setattr(datasets, "load_dataset", unreachable)
    with pytest.raises(cli.UserError, match=r"cannot be read from the Hub \(Couldn't reach the Hub\); give"):
        questions.read_benchmarks(args)


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
        questions.read_benchmark(tmp_path)


def test_missing_files_and_rows_are_named(tmp_path):
    make_benchmark(tmp_path, {"law": 3})
    write_rows(tmp_path / "dev" / "law_dev.csv", make_rows(4))
    with pytest.raises(cli.UserError, match=r"law_dev\.csv has 4 rows; 5-shot needs 5"):
        questions.read_benchmark(tmp_path)
    (tmp_path / "dev" / "law_dev.csv").unlink()
    with pytest.raises(cli.UserError, match=r"law_dev\.csv is missing"):
        questions.read_benchmark(tmp_path)
    (tmp_path / "test" / "law_test.csv").write_bytes(b"q,\xff,2,3,4,A\n")
    write_rows(tmp_path / "dev" / "law_dev.csv", make_rows(5))
    with pytest.raises(cli.UserError, match="not UTF-8"):
        questions.read_benchmark(tmp_path)
    (tmp_path / "test" / "law_test.csv").unlink()
    with pytest.raises(cli.UserError, match="has no file SUBJECT_test.csv"):
        questions.read_benchmark(tmp_path)
    shutil.rmtree(tmp_path / "dev")
    with pytest.raises(cli.UserError, match="there is no folder .*dev"):
        questions.read_benchmark(tmp_path)


def test_a_stage_before_its_input_names_the_command(tmp_path):
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "base" / "model.safetensors").touch()
    args = mmlu.parse_args(["--base", str(tmp_path / "base"), "--out", str(tmp_path / "out")])
    with pytest.raises(cli.UserError, match="run python train/sft.py first"):
        mmlu.main(args)
    assert not (tmp_path / "out").exists()
    with pytest.raises(cli.UserError, match="no model in models/none"):
        mmlu.main(mmlu.parse_args(["--base", "models/none", "--out", str(tmp_path / "out")]))
