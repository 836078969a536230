"""python eval/mmlu.py

The alignment tax: 5-shot multiple choice through lm-eval on base, SFT and DPO, the same questions
for all three. Reads --base, out/sft, out/dpo and MMLU's own files (--mmlu_dir DIR); without
them it writes a general-skills test in MMLU's file format to out/eval/general_skills and uses that.
Writes out/eval/mmlu.json.
"""

import contextlib
import csv
import functools
import hashlib
import io
import json
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ when run by hand

from common import cli, files, model, skills
from eval import stats

MODELS = ("base", "sft", "dpo")
PAIRS = {"dpo_vs_base": ("dpo", "base"), "sft_vs_base": ("sft", "base")}
SHOTS = 5  # MMLU's own number, and the number of rows in its dev files
LETTERS = "ABCD"
HEADER = ["question", "choice0", "choice1", "choice2", "choice3", "answer"]
TEST_SEED = 20  # the general-skills test is one fixed test, whatever --seed is
LEAST = 2  # questions per subject, fewer have no standard error
SHORTEST_PREFIX = 16  # tokens; a shorter shared beginning is not worth a forward pass of its own


def parse_args(argv=None):
    parser = cli.parser(__doc__, "mmlu")
    parser.add_argument("--base", default="models/nano", help="model folder or name on the Hub")
    parser.add_argument("--mmlu_dir", default=None, metavar="DIR",
                        help="MMLU's files: DIR/dev/SUBJECT_dev.csv and DIR/test/SUBJECT_test.csv "
                             "(default: a general-skills test is made)")
    parser.add_argument("--n", type=int, default=skills.TEST_SIZE,
                        help="questions, in proportion to the subjects; 0 takes all of MMLU")
    parser.add_argument("--batch_size", type=int, default=16, help="questions in one forward pass")
    parser.add_argument("--dtype", default="auto", choices=("auto", "bfloat16", "float32"),
                        help="dtype of computation; auto is bfloat16 on a GPU, float32 on a CPU")
    return cli.parse(parser, argv)


def read_csv(path):
    """MMLU rows of one file as {"question", "choices", "answer"}, the answer an index.

    Reads both layouts: a header row and answers 0-3, or no header row and answers A-D.
    """
    rows, line = [], 0
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.reader(handle, strict=True)
            for cells in reader:
                first, line = line + 1, reader.line_num  # a quoted cell may run over several lines
                if not cells or (cells == HEADER and not rows):
                    continue
                rows.append(_row(cells, f"{path}:{first}"))
    except csv.Error as error:
        raise cli.UserError(f"{path}:{line + 1} is not CSV ({error}); mend or remove the "
                            "line.") from None
    except UnicodeDecodeError:
        raise cli.UserError(f"{path} has bytes that are not UTF-8 after line {line}; "
                            "mend the file.") from None
    return rows


def _row(cells, where):
    """One row from its six cells."""
    if len(cells) != len(HEADER):
        raise cli.UserError(f"{where} has {len(cells)} cells; a line is a question, four choices "
                            "and the answer.")
    question, *choices, answer = cells
    answer = answer.strip()
    if answer not in tuple("0123" + LETTERS):
        raise cli.UserError(f"{where} has the answer {answer!r}; it is 0 to 3 or A to D.")
    if not question.strip() or not all(choice.strip() for choice in choices):
        raise cli.UserError(f"{where} has an empty question or choice; mend or remove the line.")
    index = LETTERS.index(answer) if answer in LETTERS else int(answer)
    return {"question": question, "choices": choices, "answer": index}


def read_benchmark(folder):
    """(few-shot rows, test rows), each {subject: rows}; test rows have an id.

    UserError for whatever is missing.
    """
    folder = Path(folder)
    for part in ("dev", "test"):
        if not (folder / part).is_dir():
            raise cli.UserError(f"there is no folder {folder / part}; MMLU's files are "
                                f"{folder}/dev/SUBJECT_dev.csv and {folder}/test/SUBJECT_test.csv.")
    tests = (folder / "test").glob("*_test.csv")
    subjects = sorted(path.name.removesuffix("_test.csv") for path in tests)
    if not subjects:
        raise cli.UserError(f"{folder / 'test'} has no file SUBJECT_test.csv.")
    dev, test = {}, {}
    for subject in subjects:
        path = folder / "dev" / f"{subject}_dev.csv"
        if not path.is_file():
            raise cli.UserError(f"{path} is missing; each subject needs {SHOTS} few-shot rows.")
        dev[subject] = read_csv(path)[:SHOTS]
        if len(dev[subject]) < SHOTS:
            raise cli.UserError(f"{path} has {len(dev[subject])} rows; {SHOTS}-shot needs {SHOTS}.")
        path = folder / "test" / f"{subject}_test.csv"
        rows = read_csv(path)
        test[subject] = [{"id": f"{subject}-{i:04d}", **row} for i, row in enumerate(rows)]
        if len(rows) < LEAST:
            raise cli.UserError(f"{path} has {len(rows)} questions; a subject needs {LEAST}.")
    return dev, test


def stratify(test, n, rng):
    """`n` of the questions, each subject in proportion to its size but with at least LEAST.

    0, or more than there are, is all of them.
    """
    total = sum(map(len, test.values()))
    if n < 0 or 0 < n < LEAST * len(test):
        raise cli.UserError(f"--n {n} is too few: it must be at least {LEAST * len(test)}, {LEAST} "
                            "for each subject, or 0 for all.")
    if n == 0 or n >= total:
        return test
    fair = {subject: n * len(rows) / total for subject, rows in test.items()}
    counts = {subject: max(LEAST, int(share)) for subject, share in fair.items()}
    while missing := n - sum(counts.values()):
        step = 1 if missing > 0 else -1
        can = [s for s in counts if LEAST <= counts[s] + step <= len(test[s])]
        counts[max(can, key=lambda s: step * (fair[s] - counts[s]))] += step
    return {subject: [rows[i] for i in sorted(rng.sample(range(len(rows)), counts[subject]))]
            for subject, rows in test.items()}


def prepare_benchmark(args):
    """(name, folder, few-shot rows, test rows).

    MMLU from --mmlu_dir, or else the general-skills test, whose files are written first.
    """
    if args.mmlu_dir:
        name, folder = "MMLU", Path(args.mmlu_dir)
    else:
        name, folder = "general skills", args.out / "eval" / "general_skills"
        least = LEAST * len(skills.SUBJECTS)
        if args.n and args.n < least:
            raise cli.UserError(f"--n {args.n} is too few: it must be at least {least}, {LEAST} "
                                "for each subject.")
        try:
            skills.write_mmlu_files(folder, TEST_SEED, args.n or skills.TEST_SIZE)
        except ValueError as error:
            raise cli.UserError(f"no general-skills test with --n {args.n}: {error}.") from None
    dev, test = read_benchmark(folder)
    return name, folder, dev, stratify(test, args.n, random.Random(args.seed))


def question_text(row):
    """A question as MMLU shows it, up to "Answer:"."""
    choices = [f"{letter}. {text}" for letter, text in zip(LETTERS, row["choices"], strict=True)]
    return "\n".join([row["question"].strip(), *choices, "Answer:"])


def make_task(subject, dev, test):
    """lm-eval's MMLU task for one subject, over rows in memory."""
    from datasets import Dataset, DatasetDict
    from lm_eval.api.task import ConfigurableTask

    data = DatasetDict(dev=Dataset.from_list(dev), test=Dataset.from_list(test))
    name = subject.replace("_", " ")
    # As lm_eval/tasks/mmlu/default, but with rows in memory and a function as quicker template.
    return ConfigurableTask(config={
        "task": subject, "custom_dataset": lambda **_: data, "output_type": "multiple_choice",
        "test_split": "test", "fewshot_split": "dev", "fewshot_config": {"sampler": "first_n"},
        "num_fewshot": SHOTS, "description": skills.QUIZ_HEADER.format(subject=name),
        "doc_to_text": question_text, "doc_to_choice": list(LETTERS), "doc_to_target": "answer",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}]})


def model_paths(args):
    """{name: (weights, adapter or None)}, every adapter checked against the base.

    On a CPU the merged weights; on a GPU the base with the adapter applied at run time.
    """
    import torch

    model.require_base(args.base)
    paths = {"base": (args.base, None)}
    for name in MODELS[1:]:
        folder = args.out / name
        if torch.cuda.is_available():
            model.check_adapter(folder, args.base)
            paths[name] = (args.base, str(folder))
        else:
            model.check_merged(folder / "merged", args.base)
            paths[name] = (str(folder / "merged"), None)
    return paths


def choose_dtype(name):
    """'auto' is bfloat16 on a GPU, as lm-eval's published figures are, and float32 on a CPU.

    With models/nano the two best letters tie in bfloat16 in one question of six. The first letter
    then counts, and a model that merely moves its ties seems to lose or gain several points.
    """
    import torch

    if name != "auto":
        return name
    return "bfloat16" if torch.cuda.is_available() else "float32"


def load_lm(weights, adapter, tokenizer, args):
    """lm-eval's model, and a dict that counts its forwarded rows and the prompts it had to cut."""
    import torch
    from lm_eval.models.huggingface import HFLM

    lm = HFLM(pretrained=weights, peft=adapter, tokenizer=tokenizer, dtype=args.dtype,
              batch_size=args.batch_size, device="cuda" if torch.cuda.is_available() else "cpu")
    counts = {"forwarded": 0, "cut": 0}
    forward, score = lm._model_call, lm._loglikelihood_tokens

    def count_and_score(requests, **_):
        lengths = [len(prompt) + len(choice) for _, prompt, choice in requests]
        counts["cut"] += sum(length > lm.max_length + 1 for length in lengths) // len(LETTERS)
        return score(requests, disable_tqdm=True)  # the bar of main() is enough

    def share_prefix(inputs):
        counts["forwarded"] += len(inputs)
        return forward_sharing_prefix(lm.model, inputs) if len(inputs) > 1 else forward(inputs)

    lm._loglikelihood_tokens, lm._model_call = count_and_score, share_prefix
    # lm-eval encodes a prompt again for each of its choices.
    lm.tok_encode = functools.lru_cache(8)(lm.tok_encode)
    return lm, counts


def forward_sharing_prefix(network, inputs):
    """Logits of right-padded rows; the tokens they all begin with (few-shot rows) run once.

    Returns the logits after those tokens only. lm-eval counts positions from the end of the
    logits, as it does for models with soft prompts, so it finds the ones it needs.
    """
    import torch

    same = (inputs == inputs[0]).all(dim=0)
    # One less than all shared tokens, so that every row keeps a position of its own.
    shared = int(same.long().cumprod(0).sum()) - 1
    with torch.inference_mode():
        if shared < SHORTEST_PREFIX:
            return network(inputs).logits
        cache = network(inputs[:1, :shared], use_cache=True, logits_to_keep=1).past_key_values
        cache.batch_repeat_interleave(len(inputs))
        return network(inputs[:, shared:], past_key_values=cache, use_cache=True).logits


def answer(lm, task):
    """Per question of a subject, by lm-eval: (1 if right else 0, the letters' log-likelihoods)."""
    import lm_eval

    subject = task.config.task
    with contextlib.redirect_stderr(io.StringIO()):  # lm-eval's bars, one per step and subject
        result = lm_eval.evaluate(lm, {"tasks": {subject: task}, "groups": {}}, bootstrap_iters=0)
    samples = sorted(result["samples"][subject], key=lambda sample: sample["doc_id"])
    return [(int(sample["acc"]), [value for value, _ in sample["filtered_resps"]])
            for sample in samples]


def score_model(name, lm, tasks, total):
    """answer() for every subject, with a progress bar."""
    from tqdm import tqdm

    made = {}
    with tqdm(total=total, desc=name, unit="question", mininterval=2) as bar:
        for subject, task in tasks.items():
            made[subject] = answer(lm, task)
            bar.update(len(made[subject]))
    return made


def summarise(right):
    """The summary from right[model][subject] = list of 0/1, the same questions for every model.

    Accuracy weighs subjects by size; its interval is 1.96 of lm-eval's pooled standard error to
    both sides, questions being independent and the subjects not a sample of anything. A tax is a
    paired difference, negative when worse than the base, with Student's interval.
    """
    groups = {name: stats.group_accuracy(right[name]) for name in right}
    flat = {name: [one for values in right[name].values() for one in values] for name in right}
    accuracy = {name: {key: group[key] for key in ("accuracy", "low", "high", "stderr", "n")}
                for name, group in groups.items()}
    by_subject = {subject: {name: {key: groups[name]["subjects"][subject][key]
                                   for key in ("accuracy", "n")} for name in right}
                  for subject in right["base"]}
    tax = {pair: compare(flat[after], flat[before]) for pair, (after, before) in PAIRS.items()}
    return {"accuracy": accuracy, "tax": tax, "by_subject": by_subject}


def compare(after, before):
    """The paired difference of two models' 0/1 on the same questions."""
    difference, low, high = stats.paired_t_interval(after, before)
    changes = [a - b for a, b in zip(after, before, strict=True)]
    gained, lost = changes.count(1), changes.count(-1)
    return {"difference": difference, "low": low, "high": high, "n": len(changes),
            "mcnemar_p": stats.mcnemar_exact(gained, lost), "gained": gained, "lost": lost,
            "detectable": stats.detectable_difference(after, before)}


def table(benchmark, summary):
    """What the screen shows."""
    n, subjects = summary["accuracy"]["base"]["n"], len(summary["by_subject"])
    lines = [f"{benchmark}, {SHOTS}-shot, {n} questions of {subjects} subjects",
             "model  accuracy  95 % interval"]
    lines += [f"{name:5}  {row['accuracy']:8.1%}  {row['low']:.1%} to {row['high']:.1%}"
              for name, row in summary["accuracy"].items()]
    for pair, row in summary["tax"].items():
        difference, low, high, detectable = (
            100 * row[key] for key in ("difference", "low", "high", "detectable"))
        lines.append(
            f"{pair.replace('_vs_', ' - ')}: {difference:+.1f} points ({low:+.1f} to {high:+.1f}), "
            f"{row['gained']} gained, {row['lost']} lost, McNemar p {row['mcnemar_p']:.2g}; the "
            f"smallest difference that {row['n']} questions can show is {detectable:.1f} points")
    return "\n".join(lines)


def notes(counts, args):
    """Sentences about what a reader of the figures should know, if there is anything."""
    total, cut, ties = counts["items"], counts["cut"]["base"], max(counts["ties"].values())
    found = []
    if cut:
        found.append(f"note: {cut} of {total} prompts are longer than the model's context and "
                     "lost their beginning.")
    if ties:
        found.append(f"note: for up to {ties} of {total} questions the best letters tie in "
                     f"{args.dtype}, and the first one counts"
                     + ("; --dtype float32 separates them." if args.dtype == "bfloat16" else "."))
    return found


def fingerprint(*parts):
    """SHA-256 of the questions used, so that two runs can be told to be on the same test."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def evaluate_models(args, paths, dev, test):
    """(right[model][subject] = 0/1 per question, counts) of every model on the same tasks."""
    import gc
    import logging

    import torch

    # lm-eval's warnings are about its own defaults; no user of this script can act on them.
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    tokenizer = model.load_tokenizer(args.base)
    tasks = {subject: make_task(subject, dev[subject], test[subject]) for subject in test}
    total = sum(map(len, test.values()))
    right = {}
    counts = {"items": total, "subjects": len(test), "forwarded": {}, "cut": {}, "ties": {}}
    for name, (weights, adapter) in paths.items():
        lm, seen = load_lm(weights, adapter, tokenizer, args)
        made = score_model(name, lm, tasks, total)
        right[name] = {subject: [one for one, _ in rows] for subject, rows in made.items()}
        scores = [sorted(letters) for rows in made.values() for _, letters in rows]
        counts["ties"][name] = sum(letters[-1] == letters[-2] for letters in scores)
        counts["forwarded"][name], counts["cut"][name] = seen["forwarded"], seen["cut"]
        del lm
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return right, counts


def main(args):
    started = time.time()
    if args.batch_size < 1:
        raise cli.UserError(f"--batch_size must be at least 1, not {args.batch_size}.")
    paths = model_paths(args)
    args.dtype = choose_dtype(args.dtype)
    benchmark, folder, dev, test = prepare_benchmark(args)
    right, counts = evaluate_models(args, paths, dev, test)
    summary = summarise(right)
    rows = [{"id": row["id"], "subject": subject,
             **{name: right[name][subject][i] for name in right}}
            for subject in test for i, row in enumerate(test[subject])]
    models = {name: adapter or weights for name, (weights, adapter) in paths.items()}
    settings = {"benchmark": benchmark, "files": str(folder), "shots": SHOTS, "models": models,
                "questions_sha256": fingerprint(dev, test), "dtype": args.dtype}
    target = args.out / "eval" / "mmlu.json"
    adapters = [args.out / name / "adapter_model.safetensors" for name in MODELS[1:]]
    run = files.run_record(args, started, inputs=adapters, counts=counts)
    files.write_json(target, {"settings": settings, "summary": summary, "rows": rows, "run": run})
    print("\n".join([table(benchmark, summary), *notes(counts, args)]))
    print(f"wrote {target} in {time.time() - started:.0f} s; next: "
          f"python eval/report.py{args.command_tail}")


if __name__ == "__main__":
    cli.run(main, parse_args)
