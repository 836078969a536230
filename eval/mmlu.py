"""python eval/mmlu.py

The alignment tax: 5-shot multiple choice through lm-eval on base, SFT and DPO, the same questions for all three, and
the perplexity of general text beside it. The base is asked in two forms; the adapters only in the one that the tax is
told in, which the base alone decides. Reads --base, out/sft, out/dpo, the project's general-knowledge test in
eval/general_knowledge and, when --mmlu_dir names them, MMLU's own files. Writes out/eval/mmlu.json.
"""

import contextlib
import functools
import hashlib
import io
import itertools
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ when run by hand

from common import cli, files, model
from common.score import completion_logprobs
from eval import harness
from eval.beginnings import share_beginnings
from eval.questions import FORMS, HUB, LETTERS, SHOTS, read_benchmarks
from eval.tax import MODELS, PAIRS, PLAIN_BASE, SCORED, notes, reported_forms, summarise, summarise_benchmarks, table

WINDOW = 384  # tokens of a topic of general text: 79 topics make 20,000 to 25,000 tokens
WINDOWS_AT_ONCE = 2048  # tokens in one forward pass: their logits are 400 MB at 50,000 words


def parse_args(argv=None):
    parser = cli.parser(__doc__, "mmlu")
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    parser.add_argument(
        "--mmlu_dir",
        default=None,
        metavar="DIR",
        help="MMLU's files, DIR/dev/SUBJECT_dev.csv and DIR/test/SUBJECT_test.csv, or the word hub for the data set "
        f"{HUB} (default: MMLU is not measured)",
    )
    parser.add_argument(
        "--n", type=int, default=1000, help="questions of MMLU, in proportion to its subjects; 0 takes all"
    )
    parser.add_argument(
        "--general_n",
        type=int,
        default=0,
        help="questions of general knowledge; 0 takes all, as a report does",
    )
    parser.add_argument("--text_n", type=int, default=0, help="topics of general text; 0 takes all, as a report does")
    parser.add_argument("--batch_size", type=int, default=16, help="rows in one forward pass")
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=model.DTYPES,
        help="dtype of computation; auto: bfloat16 where the hardware has it",
    )
    model.add_base_weights_flag(parser)
    harness.add_task_flags(parser)
    args = cli.within(cli.parse(parser, argv), batch_size=(1, None), limit=(0, None))
    return args if args.text_n == 0 else cli.within(args, text_n=(2, None))  # one topic has no interval


# ---- lm-eval's task --------------------------------------------------------------------------------------------------


def letters_text(row):
    """A question with its choices, as MMLU shows it, up to "Answer:"."""
    choices = [f"{letter}. {text}" for letter, text in zip(LETTERS, row["choices"], strict=True)]
    return "\n".join([row["question"].strip(), *choices, "Answer:"])


def continuation_text(row):
    """A question without its choices, which are then scored as its answer."""
    return f"Question: {row['question'].strip()}\nAnswer:"


def make_task(subject, form, dev, test):
    """lm-eval's MMLU task for one subject in one of FORMS, over rows in memory."""
    from datasets import Dataset, DatasetDict
    from lm_eval.api.task import ConfigurableTask

    data = DatasetDict(dev=Dataset.from_list(dev), test=Dataset.from_list(test))
    letters = form == "letters"
    # As lm_eval/tasks/mmlu/default and .../continuation, but with rows in memory and functions as quicker templates.
    metrics = ("acc",) if letters else ("acc", "acc_norm")
    config = {
        "task": subject,
        "custom_dataset": lambda **_: data,
        "output_type": "multiple_choice",
        "test_split": "test",
        "fewshot_split": "dev",
        "fewshot_config": {"sampler": "first_n"},
        "num_fewshot": SHOTS,
        "description": FORMS[form].format(subject=subject.replace("_", " ")),
        "doc_to_text": letters_text if letters else continuation_text,
        "doc_to_choice": list(LETTERS) if letters else lambda row: row["choices"],
        "doc_to_target": "answer",
        "metric_list": [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in metrics],
    }
    return ConfigurableTask(config=config)


def answer(lm, task):
    """Per question of a subject, by lm-eval: {"right": 0 or 1, "scores": the choices' log-likelihoods}.

    In continuation form also "by_length": 0 or 1 with each score divided by its choice's length in characters.
    """
    import lm_eval

    subject = task.config.task
    with contextlib.redirect_stderr(io.StringIO()):  # lm-eval's bars, one per step and subject
        result = lm_eval.evaluate(lm, {"tasks": {subject: task}, "groups": {}}, bootstrap_iters=0)
    made = []
    for sample in sorted(result["samples"][subject], key=lambda sample: sample["doc_id"]):
        one = {"right": int(sample["acc"]), "scores": [value for value, _ in sample["filtered_resps"]]}
        if "acc_norm" in sample:
            one["by_length"] = int(sample["acc_norm"])
        made.append(one)
    return made


# ---- models ----------------------------------------------------------------------------------------------------------


def model_paths(args):
    """{name: (weights, adapter or None)}, every adapter checked against the base.

    On a CPU the merged weights; on a GPU the base with the adapter applied at run time.
    """
    import torch

    model.require_base(args.base)
    base = model.compared_base(args)
    paths, lineages = {"base": (base, None)}, {}
    for name in MODELS[1:]:
        folder = args.out / name
        if torch.cuda.is_available():
            lineages[name] = model.check_adapter(folder, args.base)
            paths[name] = (base, str(folder))
        else:
            lineages[name] = model.check_merged(folder / "merged", args.base)
            paths[name] = (str(folder / "merged"), None)
    model.check_descent(args.out, **lineages)
    return paths


def load_lm(weights, adapter, tokenizer, args):
    """lm-eval's model, sharing beginnings as share_beginnings says, and the counts that keeps."""
    import torch
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(
        pretrained=weights,
        peft=adapter,
        tokenizer=tokenizer,
        dtype=args.dtype,
        batch_size=max(args.batch_size, len(LETTERS)),  # the four choices of a question run together
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
    # lm-eval encodes a prompt again for each of its choices.
    lm.tok_encode = functools.lru_cache(8)(lm.tok_encode)
    return lm, share_beginnings(lm, args.batch_size)


# ---- general text ----------------------------------------------------------------------------------------------------


def general_text(tokenizer, longest):
    """[{"topic", "ids"}]: how each topic of Python's own help begins, at most WINDOW and `longest` tokens of it.

    The texts come with Python (pydoc_data.topics), so they are the same wherever that version runs. One window for a
    topic: windows of one text would not be independent.
    """
    from pydoc_data.topics import topics

    size = min(WINDOW, longest)
    made = [{"topic": name, "ids": tokenizer(topics[name])["input_ids"][:size]} for name in sorted(topics)]
    return [one for one in made if len(one["ids"]) > 1]


def text_logprobs(network, windows):
    """For each window the summed log-prob (nats) of its tokens after the first."""
    prompts, texts = [one["ids"][:1] for one in windows], [one["ids"][1:] for one in windows]
    return [sum(values) for values in completion_logprobs(network, prompts, texts, batch_tokens=WINDOWS_AT_ONCE)]


# ---- the stage -------------------------------------------------------------------------------------------------------


def size_of(rows):
    """Characters of questions and choices, to which the time that they take is in proportion."""
    return sum(len(row["question"]) + sum(map(len, row["choices"])) for row in rows)


def evaluate_models(args, paths, benchmarks):
    """(results[model][benchmark][form] = {subject: answers}, windows of general text, counts) of every model."""
    import gc
    import logging

    import torch
    from tqdm import tqdm

    # lm-eval's warnings are about its own defaults; no user of this script can act on them.
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    tokenizer = model.load_tokenizer(args.out / "sft")  # what SFT decided about special tokens is saved with it
    work = sum(size_of(rows) for one in benchmarks.values() for part in ("dev", "test") for rows in one[part].values())
    results, windows, forms = {}, [], {name: list(FORMS) for name in benchmarks}
    counts = {"items": {name: sum(map(len, one["test"].values())) for name, one in benchmarks.items()}}
    counts |= {"tokens": {}, "cut": {}, "ties": {}}
    total = (len(FORMS) + len(paths) - 1) * work
    bar = tqdm(total=total, unit="char", unit_scale=True, mininterval=2)
    for name, (weights, adapter) in paths.items():
        lm, seen = load_lm(weights, adapter, tokenizer, args)
        if not windows:
            windows = general_text(tokenizer, lm.max_length)[: args.text_n or None]
            bar.total += len(paths) * sum(text_size(one) for one in windows)
        results[name] = {}
        for benchmark, form in [(one, form) for one in benchmarks for form in forms[one]]:
            bar.set_description(f"{name}, {benchmark}, {form}")
            before = seen["cut"]
            made = answer_all(lm, form, benchmarks[benchmark], bar)
            results[name].setdefault(benchmark, {})[form] = made
            found = {"cut": seen["cut"] - before, "ties": count_ties(made)}
            for key, value in found.items():
                if value:
                    label = f"{benchmark}, {form}"
                    counts[key][label] = max(value, counts[key].get(label, 0))
        bar.set_description(f"{name}, general text")
        for one, value in zip(windows, text_logprobs(lm.model, windows), strict=True):
            one[name] = value
            bar.update(text_size(one))
        counts["tokens"][name] = seen["tokens"] + sum(len(one["ids"]) for one in windows)
        if name == "base":
            told = reported_forms(summarise_benchmarks(make_rows(benchmarks, results)))
            forms = {benchmark: [form or next(iter(FORMS))] for benchmark, form in told.items()}
        del lm
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    bar.close()
    if paths["base"][0] != args.base:  # once, what the other choice of --base_weights would give
        network = load_lm(args.base, None, tokenizer, args)[0].model
        for one, value in zip(windows, text_logprobs(network, windows), strict=True):
            one[PLAIN_BASE] = value
    return results, windows, counts


def text_size(window):
    """Characters of a window, at four for a token."""
    return 4 * len(window["ids"])


def answer_all(lm, form, benchmark, bar):
    """{subject: answers} of a benchmark in one form."""
    made = {}
    for subject, rows in benchmark["test"].items():
        dev = benchmark["dev"][subject]
        made[subject] = answer(lm, make_task(subject, form, dev, rows))
        bar.update(size_of(dev) + size_of(rows))
    return made


def count_ties(made):
    """Questions whose two best answers have the same score."""
    scores = [sorted(one["scores"]) for answers in made.values() for one in answers]
    return sum(values[-1] == values[-2] for values in scores)


def make_rows(benchmarks, results):
    """A row for each question and form: id, subject, benchmark, form and 0 or 1 of each model asked in that form."""
    rows = []
    for benchmark, form in itertools.product(benchmarks, FORMS):
        asked = [name for name in results if form in results[name][benchmark]]
        for subject, questions in benchmarks[benchmark]["test"].items():
            for i, question in enumerate(questions):
                found = {name: results[name][benchmark][form][subject][i] for name in asked}
                row = {"id": question["id"], "subject": subject, "benchmark": benchmark, "form": form}
                row |= {name: one["right"] for name, one in found.items()}
                if form == "continuation":
                    row["by_length"] = {name: one["by_length"] for name, one in found.items()}
                rows.append(row)
    return rows


def fingerprint(*parts):
    """SHA-256 of the questions used, so that two runs can be told to be on the same test."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def describe(benchmarks):
    """What the settings say of each benchmark."""
    return {
        name: {"files": one["files"], "of": one["of"], "questions_sha256": fingerprint(one["dev"], one["test"])}
        for name, one in benchmarks.items()
    }


def main(args):
    started = time.time()
    paths = model_paths(args)
    args.dtype = model.choose_dtype(args.dtype)
    benchmarks = read_benchmarks(args)
    manager, names = harness.find_tasks(args)
    results, texts, counts = evaluate_models(args, paths, benchmarks)
    rows = make_rows(benchmarks, results)
    windows = [
        {"topic": one["topic"], "tokens": len(one["ids"]) - 1, **{key: one[key] for key in SCORED if key in one}}
        for one in texts
    ]
    summary = summarise(rows, windows)
    more = harness.run_tasks(args, paths, manager, names) if names else []
    if more:
        summary["tasks"] = harness.summarise(more, MODELS, PAIRS)
    settings = {
        "benchmarks": describe(benchmarks),
        "shots": SHOTS,
        "models": {name: adapter or weights for name, (weights, adapter) in paths.items()},
        "dtype": args.dtype,
        "base_weights": model.base_weights_told(args),
        "general_text": f"the help topics of Python {sys.version.split()[0]}, at most {WINDOW} tokens of each",
    }
    target = args.out / "eval" / "mmlu.json"
    adapters = [args.out / name / "adapter_model.safetensors" for name in MODELS[1:]]
    args.mmlu_dir = args.mmlu_dir and Path(args.mmlu_dir).name  # where it lies on this machine is nobody's business
    run = files.run_record(args, started, inputs=adapters, counts=counts)
    made = {"settings": settings, "summary": summary, "rows": rows, "windows": windows, "run": run}
    files.write_json(target, made | ({"task_rows": more} if more else {}))
    print("\n".join([table(summary), *harness.table(summary.get("tasks", [])), *notes(counts, args.dtype)]))
    print(f"wrote {target} in {time.time() - started:.0f} s; next: python eval/report.py{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
