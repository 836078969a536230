"""python eval/mmlu.py

The alignment tax: 5-shot multiple choice through lm-eval on base, SFT and DPO, the same questions for all three, and
the perplexity of general text beside it. The base is asked in two forms; the adapters only in the one that the tax is
told in, which the base alone decides. Reads --base, out/sft, out/dpo, the project's general-knowledge test in
eval/general_knowledge and, when --mmlu_dir names them, MMLU's own files. Writes out/eval/mmlu.json.
"""

import contextlib
import copy
import csv
import functools
import hashlib
import io
import itertools
import json
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ when run by hand

from common import cli, files, model, score
from common.score import completion_logprobs
from eval import harness, stats

MODELS = ("base", "sft", "dpo")
PAIRS = {"dpo_vs_base": ("dpo", "base"), "sft_vs_base": ("sft", "base")}
SHOTS = 5  # MMLU's own number, and the number of rows in its dev files
LETTERS = "ABCD"
CHANCE = 1 / len(LETTERS)
HEADER = ["question", "choice0", "choice1", "choice2", "choice3", "answer"]
# lm-eval's two forms of MMLU, in the order in which one is taken for the tax, and how each prompt begins.
FORMS = {
    "letters": "The following are multiple choice questions (with answers) about {subject}.\n\n",
    "continuation": "The following are questions (with answers) about {subject}.\n\n",
}
HUB = "cais/mmlu"
GENERAL_KNOWLEDGE = "eval/general_knowledge"
SUBSET_SEED = 20  # the questions are the same whatever --seed is, or the taxes of two runs could not be compared
LEAST = 2  # questions per subject, fewer have no standard error
SHORTEST = 8  # tokens; a shorter shared beginning is not worth a forward pass of its own
PLAIN_BASE = "base_plain"  # the base's own weights, where base is what the adapters were trained on
SCORED = (*MODELS, PLAIN_BASE)
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
    return cli.parse(parser, argv)


# ---- questions -------------------------------------------------------------------------------------------------------


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
        raise cli.UserError(f"{path}:{line + 1} is not CSV ({error}); mend or remove the line.") from None
    except UnicodeDecodeError:
        raise cli.UserError(f"{path} has bytes that are not UTF-8 after line {line}; mend the file.") from None
    return rows


def _row(cells, where):
    """One row from its six cells."""
    if len(cells) != len(HEADER):
        raise cli.UserError(f"{where} has {len(cells)} cells; a line is a question, four choices and the answer.")
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
            raise cli.UserError(
                f"there is no folder {folder / part}; MMLU's files are {folder}/dev/SUBJECT_dev.csv and "
                f"{folder}/test/SUBJECT_test.csv."
            )
    subjects = sorted(path.name.removesuffix("_test.csv") for path in (folder / "test").glob("*_test.csv"))
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
        test[subject] = with_ids(subject, rows)
        if len(rows) < LEAST:
            raise cli.UserError(f"{path} has {len(rows)} questions; a subject needs {LEAST}.")
    return dev, test


def with_ids(subject, rows):
    """The rows with an id each."""
    return [{"id": f"{subject}-{i:04d}", **row} for i, row in enumerate(rows)]


def read_hub():
    """As read_benchmark, from the Hub's data set or its copy in the cache; UserError when there is neither."""
    from datasets import load_dataset

    parts = {"dev": {}, "test": {}}
    try:
        for part, subjects in parts.items():
            for row in load_dataset(HUB, "all", split=part):
                subjects.setdefault(row["subject"], []).append(
                    {key: row[key] for key in ("question", "choices", "answer")}
                )
    except Exception as error:  # the Hub's client, its HTTP client and the reader of its files each raise their own
        said = " ".join(str(error).split())[:150].rstrip(".") or type(error).__name__
        raise cli.UserError(f"{HUB} cannot be read from the Hub ({said}); give --mmlu_dir a folder instead.") from None
    dev, test = parts["dev"], parts["test"]
    return {s: dev[s][:SHOTS] for s in sorted(test)}, {s: with_ids(s, test[s]) for s in sorted(test)}


def stratify(test, n, rng):
    """`n` of the questions, each subject in proportion to its size but with at least LEAST.

    0, or more than there are, is all of them.
    """
    total = sum(map(len, test.values()))
    if n < 0 or 0 < n < LEAST * len(test):
        raise cli.UserError(
            f"--n {n} is too few: it must be at least {LEAST * len(test)}, {LEAST} for each subject, or 0 for all."
        )
    if n == 0 or n >= total:
        return test
    fair = {subject: n * len(rows) / total for subject, rows in test.items()}
    counts = {subject: max(LEAST, int(share)) for subject, share in fair.items()}
    while missing := n - sum(counts.values()):
        step = 1 if missing > 0 else -1
        can = [s for s in counts if LEAST <= counts[s] + step <= len(test[s])]
        counts[max(can, key=lambda s: step * (fair[s] - counts[s]))] += step
    return {
        subject: [rows[i] for i in sorted(rng.sample(range(len(rows)), counts[subject]))]
        for subject, rows in test.items()
    }


def read_benchmarks(args):
    """{name: {"files", "of" (questions in all), "dev", "test"}}: MMLU when asked for, and general knowledge whole."""
    made = {}
    if args.mmlu_dir:
        at_hub = args.mmlu_dir == "hub"
        dev, test = read_hub() if at_hub else read_benchmark(args.mmlu_dir)
        chosen = stratify(test, args.n, random.Random(SUBSET_SEED))
        source = f"{HUB} on the Hub" if at_hub else "MMLU's own files (--mmlu_dir)"
        made["MMLU"] = {"files": source, "of": sum(map(len, test.values())), "dev": dev, "test": chosen}
    dev, test = read_benchmark(files.ROOT / GENERAL_KNOWLEDGE)
    made["general knowledge"] = {
        "files": GENERAL_KNOWLEDGE,
        "of": sum(map(len, test.values())),
        "dev": dev,
        "test": stratify(test, args.general_n, random.Random(SUBSET_SEED)),
    }
    return made


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


def share_beginnings(lm, batch_size):
    """Make lm-eval's model run the few-shot rows once for a subject, and a question once for its choices.

    Every call of its scorer is one subject in one form. Returns counts that go on growing: "tokens" run through the
    network and "cut", questions that are longer than the context and lost their beginning.
    """
    score, counts = lm._loglikelihood_tokens, {"tokens": 0, "cut": 0}

    def score_subject(requests, **_):
        # lm-eval refuses an answer that is longer than the context.
        requests = [(text, prompt, choice[-lm.max_length :]) for text, prompt, choice in requests]
        questions = [list(group) for _, group in itertools.groupby(range(len(requests)), key=lambda i: requests[i][1])]
        fits = {
            places[0]: max(len(requests[i][1]) + len(requests[i][2]) for i in places) <= lm.max_length + 1
            for places in questions
        }
        scores = [None] * len(requests)
        cut = [i for places in questions if not fits[places[0]] for i in places]
        if cut:
            counts["cut"] += sum(not one for one in fits.values())
            counts["tokens"] += sum(min(len(requests[i][1]) + len(requests[i][2]) - 1, lm.max_length) for i in cut)
            for i, one in zip(cut, score([requests[i] for i in cut], disable_tqdm=True), strict=True):
                scores[i] = one
        whole = sorted((q for q in questions if fits[q[0]]), key=lambda places: len(requests[places[0]][1]))
        for places, found in zip(whole, score_whole(lm, whole, requests, batch_size, counts), strict=True):
            for i, one in zip(places, found, strict=True):
                scores[i] = one
        return scores

    lm._loglikelihood_tokens = score_subject
    return counts


def score_whole(lm, questions, requests, batch_size, counts):
    """score_choices of every question (the places of its choices in `requests`), about `batch_size` rows at a time."""
    prompts = [requests[places[0]][1] for places in questions]
    choices = [[requests[i][2] for i in places] for places in questions]
    known = shared_beginning(prompts)
    cache = run_beginning(lm.model, prompts[0][:known], lm.device) if known else None
    counts["tokens"] += known
    counts["tokens"] += sum(len(prompt) - known for prompt in prompts)
    counts["tokens"] += sum(len(choice) - 1 for those in choices for choice in those)
    one_token = all(len(choice) == 1 for those in choices for choice in those)
    size, found = batch_size if one_token else max(1, batch_size // len(LETTERS)), []
    for start in range(0, len(questions), size):
        part = slice(start, start + size)
        found += score_choices(lm.model, cache, known, [prompt[known:] for prompt in prompts[part]], choices[part])
    return found


def shared_beginning(prompts):
    """How many tokens all the prompts begin with, each keeping its last one for itself; 0 when below SHORTEST."""
    if not prompts:
        return 0
    shared = min(len(os.path.commonprefix(prompts)), min(map(len, prompts)) - 1)
    return shared if shared >= SHORTEST else 0


def run_beginning(network, ids, device):
    """The network's cache after these tokens."""
    import torch

    with torch.inference_mode():
        inputs = torch.tensor([ids], device=device)
        return network(inputs, use_cache=True, logits_to_keep=1).past_key_values


def score_choices(network, cache, known, prompts, choices):
    """For every prompt (token ids) its choices' [(log-likelihood in nats, whether it is the greedy answer)].

    `cache` holds the `known` tokens that all prompts begin with. The prompts run once, padded on the left, so that the
    first token of every choice is read from their last place; longer choices then run on from there.
    """
    import torch

    device, width = network.device, max(map(len, prompts))
    ids, mask = padded(prompts, width, left=True, device=device)
    before = mask.new_ones(len(prompts), known)
    with torch.inference_mode():
        past = copy.deepcopy(cache)
        if past is not None:
            past.batch_repeat_interleave(len(prompts))
        seen = torch.cat([before, mask], 1)
        places = known + (mask.cumsum(1) - 1).clamp(min=0)
        made = network(
            ids, attention_mask=seen, position_ids=places, past_key_values=past, use_cache=True, logits_to_keep=1
        )
        first = made.logits[:, -1].float().log_softmax(-1)
        owners = [i for i, those in enumerate(choices) for _ in those]
        flat = [choice for those in choices for choice in those]
        rest = [None] * len(flat)
        longest = max(map(len, flat))
        if longest > 1:
            rows = torch.tensor(owners, device=device)
            past = made.past_key_values
            past.batch_select_indices(rows)
            ids, mask = padded([choice[:-1] for choice in flat], longest - 1, left=False, device=device)
            ends = known + torch.tensor([len(prompts[i]) for i in owners], device=device)[:, None]
            places = ends + torch.arange(longest - 1, device=device)[None]
            seen = torch.cat([seen[rows], mask], 1)
            rest = network(ids, attention_mask=seen, position_ids=places, past_key_values=past, use_cache=True).logits
        found = [score_choice(first[i], row, choice) for i, row, choice in zip(owners, rest, flat, strict=True)]
    return [[one for owner, one in zip(owners, found, strict=True) if owner == i] for i in range(len(prompts))]


def padded(rows, width, left, device):
    """(ids, mask) of rows of token ids, each (rows, width): 1 in the mask where a token stands."""
    import torch

    ids = torch.zeros(len(rows), width, dtype=torch.long, device=device)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        place = slice(width - len(row), width) if left else slice(0, len(row))
        ids[i, place] = torch.tensor(row, dtype=torch.long, device=device)
        mask[i, place] = 1
    return ids, mask


def score_choice(first, rest, choice):
    """(log-likelihood, whether greedy) of one choice.

    `first` are the log-probs of its first token (vocabulary), `rest` the logits of the following ones (places,
    vocabulary), None where every choice is one token.
    """
    import torch

    values = first[None]
    if len(choice) > 1:
        values = torch.cat([values, rest[: len(choice) - 1].float().log_softmax(-1)])
    ids = torch.tensor(choice, device=values.device)
    return values.gather(1, ids[:, None]).sum().item(), bool((values.argmax(-1) == ids).all())


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


def text_summary(windows):
    """{"windows", "tokens" scored, "perplexity": {model, and the plain base: per token}, "difference": {pair: ...}}.

    A difference is that of the mean log-prob per token (nats) of the same window, averaged over windows, with Student's
    interval: negative is worse than the base.
    """
    tokens = sum(one["tokens"] for one in windows)
    means = {name: [one[name] / one["tokens"] for one in windows] for name in MODELS}
    difference = {}
    for pair, (after, before) in PAIRS.items():
        value, low, high = stats.paired_t_interval(means[after], means[before])
        difference[pair] = {
            "difference": value,
            "low": low,
            "high": high,
            "n": len(windows),
            "detectable": stats.detectable_difference(means[after], means[before]),
        }
    scored = [name for name in SCORED if name in windows[0]]
    perplexity = {name: score.perplexity_from(sum(one[name] for one in windows), tokens) for name in scored}
    return {"windows": len(windows), "tokens": tokens, "perplexity": perplexity, "difference": difference}


# ---- summary ---------------------------------------------------------------------------------------------------------


def summarise(rows, windows):
    """The summary, from the rows and windows of mmlu.json alone:

    benchmarks: {name: {form: {"accuracy": {model: {accuracy, low, high, stderr, n}},
                               "by_length": {model: the same}, in continuation form only: lm-eval's acc_norm,
                               "tax": {pair: {difference, low, high, n, mcnemar_p, gained, lost, detectable}},
                               "by_subject": {subject: {model: {accuracy, n}}}}}}; the base in both forms, the
                 adapters in the reported one, or in letters when there is none
    reported:   {name: the form that the tax is told in, None when the base is at chance in both}
    headline:   {"benchmark": MMLU, or general knowledge where MMLU is not measured or its base at chance, "form"}
    general_text: as text_summary

    Accuracy weighs subjects by size; its interval is 1.96 of lm-eval's pooled standard error to both sides, questions
    being independent and the subjects not a sample of anything. A tax is a paired difference, negative when worse than
    the base, with Student's interval. Shares are fractions of 1.
    """
    benchmarks = summarise_benchmarks(rows)
    reported = reported_forms(benchmarks)
    first = next((name for name in benchmarks if reported[name]), next(iter(benchmarks)))  # MMLU comes first
    return {
        "benchmarks": benchmarks,
        "reported": reported,
        "headline": {"benchmark": first, "form": reported[first]},
        "general_text": text_summary(windows),
    }


def summarise_benchmarks(rows):
    """{benchmark: {form: summarise_form}}, MMLU first."""
    groups = {}
    for row in rows:
        groups.setdefault(row["benchmark"], {}).setdefault(row["form"], []).append(row)
    return {name: {form: summarise_form(forms[form]) for form in forms} for name, forms in groups.items()}


def summarise_form(rows):
    """Accuracies, taxes and subjects of one benchmark in one form, of the models that were asked in it."""
    scored = [name for name in MODELS if name in rows[0]]
    right = {name: [row[name] for row in rows] for name in scored}
    groups = {name: by_subject(rows, values) for name, values in right.items()}
    made = {
        "accuracy": {name: without_subjects(group) for name, group in groups.items()},
        "tax": {
            pair: compare(right[after], right[before]) for pair, (after, before) in PAIRS.items() if after in right
        },
        "by_subject": {
            subject: {name: pick(groups[name]["subjects"][subject], "accuracy", "n") for name in scored}
            for subject in groups["base"]["subjects"]
        },
    }
    if "by_length" in rows[0]:
        normed = {name: [row["by_length"][name] for row in rows] for name in scored}
        made["by_length"] = {name: without_subjects(by_subject(rows, values)) for name, values in normed.items()}
    return made


def by_subject(rows, right):
    """stats.group_accuracy of 0/1 per row, over the rows' subjects."""
    grouped = {}
    for row, value in zip(rows, right, strict=True):
        grouped.setdefault(row["subject"], []).append(value)
    return stats.group_accuracy(grouped)


def pick(one, *keys):
    """These keys of a dict."""
    return {key: one[key] for key in keys}


def without_subjects(group):
    """A group's accuracy with its interval."""
    return pick(group, "accuracy", "low", "high", "stderr", "n")


def reported_forms(benchmarks):
    """{benchmark: the first of FORMS in which the base's interval lies above chance, or None}.

    A tax can only be seen where the base has something to lose. Looks at the base alone, never at the tax.
    """
    return {
        name: next((form for form in FORMS if forms[form]["accuracy"]["base"]["low"] > CHANCE), None)
        for name, forms in benchmarks.items()
    }


def compare(after, before):
    """The paired difference of two models' 0/1 on the same questions."""
    difference, low, high = stats.paired_t_interval(after, before)
    changes = [a - b for a, b in zip(after, before, strict=True)]
    gained, lost = changes.count(1), changes.count(-1)
    return {
        "difference": difference,
        "low": low,
        "high": high,
        "n": len(changes),
        "mcnemar_p": stats.mcnemar_exact(gained, lost),
        "gained": gained,
        "lost": lost,
        "detectable": stats.detectable_difference(after, before),
    }


def table(summary):
    """What the screen shows."""
    lines = []
    for name, forms in summary["benchmarks"].items():
        for form, made in forms.items():
            n, subjects = made["accuracy"]["base"]["n"], len(made["by_subject"])
            lines.append(f"{name}, {SHOTS}-shot, {form}, {n} questions of {subjects} subjects")
            lines += [
                f"  {model:5} {row['accuracy']:6.1%} ({row['low']:.1%} to {row['high']:.1%})"
                for model, row in made["accuracy"].items()
            ]
            if form == summary["reported"][name]:
                lines += [f"  {tax_line(pair, row)}" for pair, row in made["tax"].items()]
        if summary["reported"][name] is None:
            lines.append("  the tax cannot be measured: the base is at chance in both forms")
    text = summary["general_text"]
    shown = ", ".join(f"{model} {value:.2f}" for model, value in text["perplexity"].items())
    return "\n".join([*lines, f"perplexity on general text ({text['tokens']} tokens): {shown}"])


def tax_line(pair, row):
    """A tax on the screen."""
    difference, low, high, detectable = (100 * row[key] for key in ("difference", "low", "high", "detectable"))
    return (
        f"{pair.replace('_vs_', ' - ')}: {difference:+.1f} points ({low:+.1f} to {high:+.1f}), {row['gained']} gained, "
        f"{row['lost']} lost, McNemar p {row['mcnemar_p']:.2g}; the smallest difference that {row['n']} questions can "
        f"show is {detectable:.1f} points"
    )


def notes(counts, dtype):
    """Sentences about what a reader of the figures should know, if there is anything."""
    found = []
    for label, most in counts["cut"].items():
        found.append(f"note: {most} prompts of {label} are longer than the model's context and lost their beginning.")
    for label, most in counts["ties"].items():
        advice = "; --dtype float32 separates them." if dtype == "bfloat16" else "."
        found.append(
            f"note: up to {most} questions of {label} have a tie of the best answers in {dtype}, and the first counts"
            + advice
        )
    return found


def fingerprint(*parts):
    """SHA-256 of the questions used, so that two runs can be told to be on the same test."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


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


def describe(benchmarks):
    """What the settings say of each benchmark."""
    return {
        name: {"files": one["files"], "of": one["of"], "questions_sha256": fingerprint(one["dev"], one["test"])}
        for name, one in benchmarks.items()
    }


def main(args):
    started = time.time()
    if args.batch_size < 1:
        raise cli.UserError(f"--batch_size must be at least 1, not {args.batch_size}.")
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
