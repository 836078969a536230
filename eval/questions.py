"""The questions of eval/mmlu.py: general knowledge, the project's own, and MMLU's from its files or the Hub.

A library. Questions are rows {"question", "choices", "answer"}, the answer an index, in {subject: rows}.
"""

import csv
import random
from pathlib import Path

from common import cli, files

SHOTS = 5  # MMLU's own number, and the number of rows in its dev files
LETTERS = "ABCD"
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


def stratify(test, n, rng, flag):
    """`n`, which is that of `flag`, of the questions, each subject in proportion to its size but with at least LEAST.

    0, or more than there are, is all of them.
    """
    total = sum(map(len, test.values()))
    if n < 0 or 0 < n < LEAST * len(test):
        raise cli.UserError(
            f"{flag} {n} is too few: it must be at least {LEAST * len(test)}, {LEAST} for each subject, or 0 for all."
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
        chosen = stratify(test, args.n, random.Random(SUBSET_SEED), "--n")
        source = f"{HUB} on the Hub" if at_hub else "MMLU's own files (--mmlu_dir)"
        made["MMLU"] = {"files": source, "of": sum(map(len, test.values())), "dev": dev, "test": chosen}
    dev, test = read_benchmark(files.ROOT / GENERAL_KNOWLEDGE)
    made["general knowledge"] = {
        "files": GENERAL_KNOWLEDGE,
        "of": sum(map(len, test.values())),
        "dev": dev,
        "test": stratify(test, args.general_n, random.Random(SUBSET_SEED), "--general_n"),
    }
    return made
