"""python data/quality.py

Looks at the rows that are to be trained on: duplicates (exact, near by MinHash, near in meaning with --embedding),
length in tokens, language, a judge's score, and prompts that repeat the benchmark's, the win rate's or MMLU's. What is
dropped is counted by reason. Reads FILE... (default: data/sft.jsonl and out/data/dpo.jsonl, where they are); writes
out/quality: NAME.jsonl (what is kept), dropped.jsonl, report.md, quality.json, run.json. Your files stay as they are:
  python data/quality.py mine.jsonl --language en --max_tokens 1024
  python train/sft.py --data out/quality/mine.jsonl
"""

import os
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files, model
from common.domain import load_domain, rows_of, splits_of
from common.rows import SAME, pairs_of, read_examples, read_prompt
from common.tables import own_rows
from data.similar import FEWEST, near_duplicates, shared
from eval.questions import GENERAL_KNOWLEDGE, read_benchmark

OPTIONAL = "requirements-quality.txt"  # what --embedding and --language need
SURE = 0.8  # probability from which the language of a text is believed
AT_ONCE = 1024  # texts that are compared with all the others in one product


def parse_args(argv=None):
    parser = cli.parser(__doc__, "quality")
    parser.add_argument("file", nargs="*", help="JSONL that train/sft.py or train/dpo.py takes")
    parser.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="FILE",
        help="more prompts that no row may repeat: JSONL with prompt",
    )
    parser.add_argument(
        "--mmlu_dir",
        default=None,
        metavar="DIR",
        help="MMLU's files, DIR/dev/SUBJECT_dev.csv and DIR/test/SUBJECT_test.csv",
    )
    parser.add_argument("--ngram", type=int, default=13, help="words in a row from which a prompt repeats another one")
    parser.add_argument(
        "--jaccard", type=float, default=0.9, help="word-trigram similarity from which rows are duplicates"
    )
    parser.add_argument(
        "--embedding", default=None, metavar="MODEL", help="folder or name on the Hub of a sentence-transformers model"
    )
    parser.add_argument("--cosine", type=float, default=0.95, help="similarity of embeddings of duplicates")
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="folder or name whose tokenizer counts")
    parser.add_argument("--max_tokens", type=int, default=None, help="longest row in tokens (default: any)")
    parser.add_argument("--language", default=None, metavar="CODE", help="keep this language only, for example en")
    parser.add_argument("--min_score", type=float, default=None, help="least score of a judge (default: not looked at)")
    parser.add_argument("--score_key", default="score", help="key of a row with the score, a number or a list of them")
    return cli.within(
        cli.parse(parser, argv), ngram=(FEWEST, None), jaccard=(0, 1), cosine=(0, 1), max_tokens=(1, None)
    )


# ---- reading ---------------------------------------------------------------------------------------------------------


def inputs_of(args) -> dict:
    """{name: path} of the files that are looked at; UserError when there is none, two have one name, or one's
    name is that of a file that this script writes."""
    usual = [files.product(args, "data/sft.jsonl"), args.out / "data/dpo.jsonl"]
    paths = [Path(name) for name in args.file] or [path for path in usual if path.is_file()]
    if not paths:
        raise cli.UserError(f"{usual[0]} is not there yet; run python data/gen_sft.py{args.command_tail} first.")
    named = {path.name.removesuffix(".gz").removesuffix(".jsonl"): path for path in paths}
    if len(named) < len(paths):
        raise cli.UserError("two of the files have one name, under which what is kept would be written; rename one.")
    for name, path in named.items():
        if name == "dropped" or (args.out / "quality" / f"{name}.jsonl").resolve() == path.resolve():
            raise cli.UserError(f"{path} would be written over; copy it to another name and look at that.")
    return named


def read(path) -> tuple:
    """(The rows of a file, with prompt and either completion or chosen and rejected; ids of pairs of one answer)."""
    if "chosen" not in files.numbered_rows(path)[0][1]:
        return read_examples(path), []
    found = own_rows(path)
    rows = pairs_of(found, path)[0]
    fit = {row["id"] for row in rows}
    return rows, [name for _, name, _ in found if name not in fit]


def read_prompts(path) -> list:
    """The rows of a file, each with a prompt; UserError naming file, line and field for one that is none."""
    found = []
    for number, row in files.numbered_rows(path):
        if "prompt" not in row:
            raise cli.UserError(f"{path}:{number} lacks prompt; each line needs it.")
        found.append({**row, "prompt": read_prompt(row["prompt"], f"{path}:{number}")})
    return found


def prompt_text(prompt) -> str:
    """A prompt as one text: of messages, what the user says."""
    if isinstance(prompt, str):
        return prompt
    return "\n".join(message["content"] for message in prompt if message["role"] == "user")


def answer_text(row) -> str:
    """The answer that is trained, or both of a pair."""
    return "\n".join(row[key] for key in ("completion", "chosen", "rejected") if key in row)


def compared(domain, row, answer: str) -> str:
    """What counts of a row with this answer: by the domain's dedup_text where it takes the row, else everything."""
    whole = {**row, "prompt": prompt_text(row["prompt"]), "completion": answer}
    if hasattr(domain, "dedup_text"):
        try:
            return domain.dedup_text(whole)
        except KeyError:  # it asks for a key that only the domain's own rows have
            pass
    return f"{whole['prompt']}\n{answer}"


def protected(args, domain) -> dict:
    """{source: texts} of the prompts that no training row may repeat, as they are compared."""
    found = {
        f"benchmark, {split}": [compared(domain, row, "") for row in rows_of(domain, "load_benchmark", split)]
        for split in splits_of(domain)
    }
    categories = cli.ROOT / "eval/prompts/categories.jsonl"
    for name, path in [("win-rate prompts", categories)] * categories.is_file() + [(one, one) for one in args.against]:
        found[str(name)] = [compared(domain, row, "") for row in read_prompts(path)]
    tests = {"general knowledge": cli.ROOT / GENERAL_KNOWLEDGE, "MMLU": args.mmlu_dir}
    for name, folder in tests.items():
        if folder is not None:
            asked = [row for part in read_benchmark(folder) for rows in part.values() for row in rows]
            # With its choices, too: many a question says nothing without them.
            found[name] = [row["question"] for row in asked]
            found[name] += ["\n".join([row["question"], *row["choices"]]) for row in asked]
    return found


# ---- reasons to drop a row -------------------------------------------------------------------------------------------


def scores(rows, args, path) -> list:
    """The judge's score of each row, of a list its mean; UserError for a row without one."""
    made = []
    for row in rows:
        given = row.get(args.score_key)
        given = given if isinstance(given, list) else [given]
        if not given or not all(isinstance(one, (int, float)) for one in given):
            raise cli.UserError(f"{path}: row {row['id']} has no number in {args.score_key!r}; name it by --score_key.")
        made.append(sum(given) / len(given))
    return made


def load_identifier(args):
    """What tells languages, None when it is not asked for; UserError where the package is missing."""
    if not args.language:
        return None
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise missing("--language", "py3langid") from None
    known = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    if args.language not in known.labels:
        raise cli.UserError(f"--language has no {args.language!r}; it is one of {', '.join(sorted(known.labels))}.")
    return known


def load_encoder(args):
    """The sentence-transformers model, None when none is asked for; UserError where it is not to be had."""
    if not args.embedding:
        return None
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise missing("--embedding", "sentence-transformers") from None
    try:
        return SentenceTransformer(args.embedding)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise cli.UserError(f"no sentence-transformers model can be loaded from {args.embedding} ({said}).") from None


def languages(texts, identifier) -> list:
    """The language of each text as a code of two letters, '' where it cannot be told; [] without an identifier."""
    told = (identifier.classify(text) for text in texts) if identifier else ()
    return [name if sure >= SURE else "" for name, sure in told]


def missing(flag: str, package: str) -> cli.UserError:
    """What is said where an optional package is not installed."""
    return cli.UserError(f"{flag} needs {package}, which is not installed; run uv pip install -r {OPTIONAL}.")


def token_counts(texts, base) -> list:
    """Tokens of each text, without the chat template."""
    file = Path(base) / "tokenizer.json"
    if not file.is_file():
        return [len(ids) for ids in model.load_tokenizer(base)(texts, add_special_tokens=False)["input_ids"]]
    from tokenizers import Tokenizer  # without transformers, whose import takes longer than the counting

    os.environ["TOKENIZERS_PARALLELISM"] = "true"  # cli.quiet turns it off for processes that fork; this one does not
    return [len(one) for one in Tokenizer.from_file(str(file)).encode_batch_fast(texts, add_special_tokens=False)]


def vectors(texts, encoder):
    """A row of length 1 for each text."""
    return encoder.encode(texts, normalize_embeddings=True, show_progress_bar=len(texts) > 500)


def near_in_meaning(vectors, threshold) -> list:
    """For each vector the index of an earlier one of at least this cosine, that has none itself; or None."""
    import numpy as np

    found = [None] * len(vectors)
    for start in range(0, len(vectors), AT_ONCE):
        alike = vectors[start : start + AT_ONCE] @ vectors[: start + AT_ONCE].T >= threshold
        for i, row in enumerate(alike, start):
            found[i] = next((j for j in np.flatnonzero(row[:i]).tolist() if found[j] is None), None)
    return found


def look(args, domain, path, rows, guarded, identifier, encoder) -> tuple:
    """(the reason against each row, '' without one; the row or prompt that it is like; facts for the report)."""
    asked, texts = ([compared(domain, row, answer) for row, answer in zip(rows, more, strict=True)]
                    for more in ([""] * len(rows), [answer_text(row) for row in rows]))  # fmt: skip
    tokens = token_counts([f"{prompt_text(row['prompt'])}\n{answer_text(row)}" for row in rows], args.base)
    spoken = languages(texts, identifier)
    judged = scores(rows, args, path) if args.min_score is not None else []
    reasons, like = [""] * len(rows), [None] * len(rows)

    def drop(i, reason, other=None):
        if not reasons[i]:
            reasons[i], like[i] = reason, other

    for i in range(len(rows)):
        if judged and judged[i] < args.min_score:
            drop(i, "judge's score")
        if spoken and spoken[i] not in ("", args.language):
            drop(i, "language")
        if args.max_tokens and tokens[i] > args.max_tokens:
            drop(i, "too long")
    sources = [(name, text) for name, some in guarded.items() for text in some]
    for i, other in enumerate(shared(asked, [text for _, text in sources], args.ngram)):
        if other is not None:
            drop(i, f"repeats {sources[other][0]}", sources[other][1])
    drop_twins(args, rows, texts, reasons, drop, encoder)
    return reasons, like, {"tokens": quantiles(tokens), "languages": dict(Counter(spoken).most_common())}


def drop_twins(args, rows, texts, reasons, drop, encoder):
    """Drop what is like an earlier row that is kept: exactly, nearly, and in meaning."""
    seen = {}
    for i, text in enumerate(texts):
        if not reasons[i] and seen.setdefault(text, i) != i:
            drop(i, "exact duplicate", rows[seen[text]]["id"])
    ways = [("near duplicate", lambda some: near_duplicates(some, args.jaccard))]
    if encoder:
        ways.append(("near in meaning", lambda some: near_in_meaning(vectors(some, encoder), args.cosine)))
    for reason, twins in ways:
        left = [i for i in range(len(rows)) if not reasons[i]]
        for i, twin in zip(left, twins([texts[i] for i in left]), strict=True):
            if twin is not None:
                drop(i, reason, rows[left[twin]]["id"])


def quantiles(values) -> dict:
    """Shortest, median, 95 % and longest."""
    ordered = sorted(values)
    return {name: ordered[int(share * (len(ordered) - 1))]
            for name, share in (("shortest", 0), ("median", 0.5), ("95 %", 0.95), ("longest", 1))}  # fmt: skip


# ---- writing ---------------------------------------------------------------------------------------------------------


def table(header, lines) -> list:
    """A markdown table with an empty line after it."""
    return [f"| {' | '.join(map(str, one))} |" for one in (header, ["---"] * len(header), *lines)] + [""]


def report(args, found, guarded) -> str:
    """The report as markdown."""
    lines = ["# Quality of the training data", ""]
    for name, one in found.items():
        lines += [f"## {name}", "", f"{one['rows']} rows, {one['kept']} kept.", ""]
        lines += table(["dropped because", "rows"], one["dropped"].items()) if one["dropped"] else []
        lines += table(["tokens", *one["tokens"]], [["of a row", *one["tokens"].values()]])
        lines += table(["language", "rows"], [(code or "not told", n) for code, n in one["languages"].items()])\
            if one["languages"] else []  # fmt: skip
    lines += [
        "## Prompts that no row may repeat",
        "",
        f"A prompt repeats one of these when both have the same {args.ngram} words in a row, when it has all the words "
        f"of a shorter one, or, below {FEWEST} words, when it is the same. Case and punctuation do not count, nor what "
        "the domain leaves out of its comparisons.",
        "",
        *table(["source", "texts", *(f"leaks in {name}" for name in found)],
               [[source, len(texts), *(one["leaks"].get(source, 0) for one in found.values())]
                for source, texts in guarded.items()]),
    ]  # fmt: skip
    looked = {
        "MMLU": args.mmlu_dir, "language": args.language, "duplicates in meaning": args.embedding,
        "a judge's score": args.min_score is not None,
    }  # fmt: skip
    unseen = [what for what, given in looked.items() if not given]
    return "\n".join([*lines, *([f"Not looked at: {', '.join(unseen)}.", ""] if unseen else [])])


def main(args):
    started = time.time()
    domain, named = load_domain(args.domain, args.out), inputs_of(args)
    identifier, encoder = load_identifier(args), load_encoder(args)
    given = {name: read(path) for name, path in named.items()}
    guarded = protected(args, domain)
    found, kept, dropped = {}, {}, []
    for name, path in named.items():
        rows, same = given[name]
        reasons, like, facts = look(args, domain, path, rows, guarded, identifier, encoder)
        kept[name] = [row for row, reason in zip(rows, reasons, strict=True) if not reason]
        counts = Counter([reason for reason in reasons if reason] + [SAME] * len(same))
        if not kept[name]:
            raise cli.UserError(f"{path}: no row is left ({', '.join(f'{k} {v}' for k, v in counts.items())}).")
        dropped += [
            {"file": name, "id": row["id"], "reason": reason, "like": other}
            for row, reason, other in zip(rows, reasons, like, strict=True)
            if reason
        ]
        dropped += [{"file": name, "id": one, "reason": SAME, "like": None} for one in same]
        leaks = {source: counts[f"repeats {source}"] for source in guarded if counts[f"repeats {source}"]}
        sizes = {"rows": len(rows) + len(same), "kept": len(kept[name]), "dropped": dict(counts.most_common())}
        found[name] = {**sizes, "leaks": leaks, **facts, "sha256": files.sha256(path)}
    folder = args.out / "quality"
    for name, some in kept.items():
        files.write_jsonl(folder / f"{name}.jsonl", some)
        found[name]["kept_sha256"] = files.sha256(folder / f"{name}.jsonl")
    files.write_jsonl(folder / "dropped.jsonl", dropped)
    files.write_text(folder / "report.md", report(args, found, guarded))
    sizes = {source: len(texts) for source, texts in guarded.items()}
    files.write_json(folder / "quality.json", {"ngram": args.ngram, "against": sizes, "files": found})
    counts = {name: one["kept"] for name, one in found.items()}
    files.write_run_record(folder, args, started, inputs=named.values(), counts=counts)
    for name, one in found.items():
        why = ", ".join(f"{reason} {n}" for reason, n in one["dropped"].items()) or "nothing dropped"
        print(f"{name}: {one['kept']} of {one['rows']} rows kept ({why})")
    first = next(iter(named))
    trainer = "dpo" if "chosen" in kept[first][0] else "sft"
    print(
        f"wrote {folder}/{{{','.join(named)}}}.jsonl and report.md in {time.time() - started:.0f} s; next: "
        f"python train/{trainer}.py --data {folder / first}.jsonl{args.command_tail}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
