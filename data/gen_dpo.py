"""python data/gen_dpo.py

Makes on-policy preference pairs: samples the SFT model on prompts held apart from SFT, judges each sample, pairs the
best with the worst, and drops pairs that choose a refusal beyond the share that the prompts deserve. Reads out/sft;
writes out/data/dpo.jsonl and out/gen_dpo (samples.jsonl, report.md, run.json). A killed run goes on from its last block
of prompts. With --judge hand it writes out/gen_dpo/to_rate.jsonl instead, which a person rates in data/label.py.
"""

import json
import random
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model, provenance
from common.domain import Verdict, load_domain, rows_of, verdict_on
from common.engine import add_engine_flags

SAMPLING = ("samples", "temperature", "top_p", "max_new_tokens", "seed", "dtype")
BLOCK = 512  # prompts between two saves
NO_VERDICT = Verdict(None, None, None, "no verifier")
DROPPED = "dropped: refusals beyond their share"


def parse_args(argv=None):
    parser = cli.parser(__doc__, "gen_dpo")
    parser.add_argument(
        "--judge",
        default="verifier",
        choices=("verifier", "hand"),
        help="who ranks: the domain's own verifier, or a person in data/label.py",
    )
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    parser.add_argument("--n", type=int, default=4000, help="prompts to sample")
    parser.add_argument("--samples", type=int, default=4, help="samples per prompt")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top_p", type=float, default=1.0)
    parser.add_argument("--max_new_tokens", type=int, default=256, help="longest sample in tokens")
    add_engine_flags(parser)
    args = cli.parse(parser, argv)
    return cli.within(
        args, n=(1, None), samples=(2, None), temperature=(0.01, None), top_p=(0.01, 1), max_new_tokens=(1, None)
    )


def score(verdict, finished):
    """A sample's rank as [correct, format, explanation], each 0, 1 or None where it cannot be judged.

    An unfinished sample has rank [0, 0, 0].
    """
    if not finished:
        return [0, 0, 0]
    return [None if one is None else int(one) for one in (verdict.correct, verdict.format_ok, verdict.explanation_ok)]


def make_pair(samples):
    """(best, worst) of one prompt's judged samples, or None without a margin.

    A margin is a difference in correctness or, among correct samples, in format or explanation. A sample whose
    correctness cannot be judged is in no pair. Among equals the two nearest texts are taken (the hardest negative),
    then the earlier samples; length never decides.
    """
    judged = [sample for sample in samples if sample["finished"] and sample["score"][0] is not None]
    if not judged:
        return None
    best, worst = max(map(rank, judged)), min(map(rank, judged))
    if best[0] == 0 or best == worst:
        return None
    chosen = [s for s in judged if rank(s) == best]
    rejected = [s for s in judged if (rank(s) == worst if worst[0] else not s["score"][0])]
    near = {
        (i, j): SequenceMatcher(None, c["text"], r["text"], autojunk=False).ratio()
        for i, c in enumerate(chosen)
        for j, r in enumerate(rejected)
    }
    i, j = max(near, key=lambda pair: (near[pair], -pair[0], -pair[1]))
    return chosen[i], rejected[j]


def rank(sample):
    """A sample's score for comparison; what cannot be judged is the same in all correct samples (see judge)."""
    return [one or 0 for one in sample["score"]]


def margin_of(chosen, rejected):
    """What the pair differs in: 'correct', 'format' or 'explanation'."""
    return next(
        name
        for name, a, b in zip(("correct", "format", "explanation"), rank(chosen), rank(rejected), strict=True)
        if a != b
    )


def sampled_with(args, domain, parent) -> dict:
    """What decides the samples of a prompt, by hash, the prompt itself aside."""
    from common.engine import choose_engine

    settings = {key: getattr(args, key) for key in SAMPLING}
    return {
        "settings": model.settings_hash({**settings, "engine": choose_engine(args.engine), "block": BLOCK}),
        "adapter": parent["adapter_sha256"],
        "weights": model.fingerprint(args.out / "sft/merged"),
        "template": parent.get("tokenizer_sha256"),
        "system prompt": model.settings_hash(domain.SYSTEM_PROMPT),
    }


def kept_samples(args, domain, rows, folder, parent):
    """Samples of an earlier run that are those of `rows`: whole blocks, up to the first with another prompt.

    Their verdicts are given again where the domain's code has changed. Writes what kept ones have to agree with.
    """
    path, mark = folder / "samples.jsonl", folder / "made_with.json"
    now, judged_by = sampled_with(args, domain, parent), provenance.generator(domain)
    known = files.read_json(mark) if path.is_file() and mark.is_file() else {}
    done = read_whole_lines(path)
    changed = [name for name in now if known.get(name) != now[name]] if done else []
    if changed:
        print(f"changed since the last samples: {', '.join(changed)}; sampling starts anew.")
        done = []
    start = 0
    while start < len(rows):
        block, sampled = rows[start : start + BLOCK], done[start : start + BLOCK]
        if [one.get("row_sha256") for one in sampled] != [model.settings_hash(row) for row in block]:
            break
        start += len(block)
    done = done[:start]
    if done and known.get("judged_by") != judged_by:
        print("the domain's code has changed since the last samples; they are judged again.")
        with ThreadPoolExecutor(4) as pool:
            again = pool.map(lambda pair: judge(domain, pair[0], pair[1]["samples"]), zip(rows, done, strict=False))
            done = [{**one, "samples": samples} for one, samples in zip(done, again, strict=True)]
    folder.mkdir(parents=True, exist_ok=True)
    files.write_jsonl(path, done)
    files.write_json(mark, {**now, "judged_by": judged_by})
    return done


def sample_blocks(args, domain, rows, folder, parent):
    """Judged samples of every row, block by block; finished blocks are read back from samples.jsonl."""
    from common.engine import Engine, Sampling

    done = kept_samples(args, domain, rows, folder, parent)
    if done:
        print(f"goes on after {len(done)} of {len(rows)} prompts")
    tokenizer = model.load_tokenizer(args.out / "sft")
    engine = Engine(model.trained_base(args), {"sft": args.out / "sft"}, args.engine, args.dtype)
    with (folder / "samples.jsonl").open("a", encoding="utf-8") as handle, ThreadPoolExecutor(4) as pool:
        for start in range(len(done), len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            prompts = [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in block]
            sampling = Sampling(
                args.samples, args.temperature, args.top_p, args.max_new_tokens, args.seed * 1000 + start
            )
            made = engine.generate("sft", prompts, sampling, f"prompts {start}-{start + len(block)} of {len(rows)}")
            judged = pool.map(lambda pair: judge(domain, pair[0], as_samples(pair[1])), zip(block, made, strict=True))
            for row, samples in zip(block, judged, strict=True):
                done.append({"id": row["id"], "row_sha256": model.settings_hash(row), "samples": samples})
                handle.write(json.dumps(done[-1], ensure_ascii=False) + "\n")
            handle.flush()
    return done


def as_samples(completions):
    """What is kept of each completion."""
    return [
        {"text": one.text, "finished": one.finish_reason == "stop", "tokens": len(one.token_ids)} for one in completions
    ]


def read_whole_lines(path):
    """Rows of a file that a kill may have cut in its last line."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="ignore").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def judge(domain, row, samples):
    """Each sample with its verdict and score.

    Where format or explanation of one correct sample cannot be judged, it counts for none of the prompt's samples: an
    unknown one is neither better nor worse than another.
    """
    judged = []
    for one in samples:
        verdict = verdict_on(domain, row, one["text"]) if hasattr(domain, "verify") else NO_VERDICT
        reason = verdict.reason if one["finished"] else "unfinished"
        judged.append({**one, "score": score(verdict, one["finished"]), "reason": reason})
    scores = [one["score"] for one in judged if one["finished"]]
    for i in (1, 2):
        if any(one[0] and one[i] is None for one in scores):
            for one in scores:
                one[i] = None
    return judged


def build_rows(args, rows, sampled, parent):
    """The preference rows: one pair for each prompt with a margin."""
    made = []
    for row, item in zip(rows, sampled, strict=True):
        pair = make_pair(item["samples"])
        if pair is None:
            continue
        chosen, rejected = pair
        made.append(
            {
                "id": f"dpo-{len(made):06d}",
                "prompt": row["prompt"],
                "chosen": chosen["text"],
                "rejected": rejected["text"],
                "chosen_score": chosen["score"],
                "rejected_score": rejected["score"],
                "margin": margin_of(chosen, rejected),
                "reason": rejected["reason"],
                "prompt_id": row["id"],
                "category": row["category"],
                "refuse": row.get("refuse", False),
                **{key: row[key] for key in ("cluster", "family") if key in row},
                "judge": args.judge,
                "temperature": args.temperature,
                "top_p": args.top_p,
                "samples": args.samples,
                "adapter_sha256": parent["adapter_sha256"][:16],
            }
        )
    return made


def drop_surplus_refusals(pairs, due, prompts, rng):
    """The pairs without as many refusals, at random, as there are beyond the share that the prompts deserve.

    Among the pairs that stay at most `due` of every `prompts` choose a refusal: `due` of the `prompts` sampled are to
    be refused. An SFT model refuses rightly more often than it answers rightly, so without this the pairs would teach
    it to refuse. With too few refusals nothing is dropped.
    """
    refusals = [i for i, pair in enumerate(pairs) if pair["refuse"]]
    answered = len(pairs) - len(refusals)
    allowed = due * answered // (prompts - due) if due < prompts else len(refusals)
    dropped = set(rng.sample(refusals, max(0, len(refusals) - allowed)))
    return [pair for i, pair in enumerate(pairs) if i not in dropped]


def report(args, sampled, pairs, dropped):
    """The quality report as markdown; `dropped` pairs were refusals beyond their share."""
    flat = [sample for item in sampled for sample in item["samples"]]
    correct = [[s["score"][0] for s in item["samples"] if s["score"][0] is not None] for item in sampled]
    judged, known = sum(map(len, correct)), [one for one in correct if one]
    none_correct, unknown = sum(not any(one) for one in known), len(sampled) - len(known)
    equal = len(known) - len(pairs) - dropped - none_correct
    words = {side: sorted(len(row[side].split()) for row in pairs) or [0] for side in ("chosen", "rejected")}
    lines = [
        "# Preference pairs",
        "",
        f"{len(sampled)} prompts x {args.samples} samples at temperature {args.temperature}, "
        f"judged by the {args.judge}: {len(pairs)} pairs.",
        "",
        f"{DROPPED}: {dropped}.",
        "",
        "| | share |",
        "|---|---|",
        f"| pass@1 (mean over judged samples) | {sum(map(sum, correct)) / max(1, judged):.3f} |",
        f"| pass@{args.samples} (any judged sample) | {sum(map(any, known)) / max(1, len(known)):.3f} |",
        f"| samples that could not be judged | {(len(flat) - judged) / len(flat):.3f} |",
        f"| samples that ended by themselves | {sum(s['finished'] for s in flat) / len(flat):.4f} |",
        f"| prompts without a pair: none can be judged | {unknown / len(sampled):.3f} |",
        f"| prompts without a pair: none correct | {none_correct / len(sampled):.3f} |",
        f"| prompts without a pair: all equal | {equal / len(sampled):.3f} |",
        "",
        "| score (correct, format, explanation) | samples |",
        "|---|---|",
    ]
    lines += [f"| {key} | {count} |" for key, count in Counter(str(tuple(s["score"])) for s in flat).most_common()]
    for title, key in (
        ("the pair differs in", "margin"),
        ("the rejected answer is wrong because", "reason"),
        ("kind", "category"),
    ):
        lines += ["", f"| {title} | pairs |", "|---|---|"]
        lines += [f"| {name} | {count} |" for name, count in Counter(row[key] for row in pairs).most_common()]
    lines += ["", "| words | shortest | median | mean | longest |", "|---|---|---|---|---|"]
    lines += [f"| {side} | {v[0]} | {v[len(v) // 2]} | {sum(v) / len(v):.1f} | {v[-1]} |" for side, v in words.items()]
    return "\n".join(lines) + "\n"


def hand_over(args, rows, sampled, parent):
    """Write the prompts with at least two different finished samples for a person to rate in data/label.py."""
    target, made = args.out / "gen_dpo/to_rate.jsonl", []
    for row, item in zip(rows, sampled, strict=True):
        texts = list(dict.fromkeys(one["text"].strip() for one in item["samples"] if one["finished"]))
        texts = [text for text in texts if text]
        if len(texts) > 1:
            kept = {key: row[key] for key in ("id", "prompt", "category", "cluster", "family") if key in row}
            made.append({**kept, "answers": texts, "adapter_sha256": parent["adapter_sha256"][:16]})
    if not made:
        raise cli.UserError(f"no prompt of {len(rows)} has two different finished samples; is the SFT model trained?")
    files.write_jsonl(target, made)
    print(
        f"wrote {len(made)} of {len(rows)} prompts, each with 2 to {args.samples} answers, to {target}; next: "
        f"python data/label.py --pairs{args.command_tail}"
    )


def main(args):
    started = time.time()
    args.dtype = model.choose_dtype(args.dtype)
    domain = load_domain(args.domain, args.out)
    if not hasattr(domain, "generate"):
        raise cli.UserError(f"the domain {args.domain} has no generate(), from which the prompts come.")
    if not hasattr(domain, "verify") and args.judge == "verifier":
        raise cli.UserError(
            f"the domain {args.domain} has no verify(), which --judge verifier needs; say --judge hand."
        )
    adapter, folder, target = args.out / "sft", args.out / "gen_dpo", args.out / "data/dpo.jsonl"
    parent = model.check_merged(adapter / "merged", args.base)
    model.check_system(parent, adapter, domain.SYSTEM_PROMPT)
    rows = rows_of(domain, "generate", random.Random(args.seed + 1), args.n, "dpo")
    sampled = sample_blocks(args, domain, rows, folder, parent)
    if args.judge == "hand":
        return hand_over(args, rows, sampled, parent)
    made = build_rows(args, rows, sampled, parent)
    due = sum(row.get("refuse", False) for row in rows)
    pairs = drop_surplus_refusals(made, due, len(rows), random.Random(args.seed))
    dropped = len(made) - len(pairs)
    if not pairs:
        raise cli.UserError(
            f"no prompt of {len(rows)} gave a pair that counts ({DROPPED}: {dropped}), see {folder}/samples.jsonl; is "
            "the SFT model trained?"
        )
    files.write_jsonl(target, pairs)
    files.write_text(folder / "report.md", report(args, sampled, pairs, dropped))
    finished = sum(s["finished"] for item in sampled for s in item["samples"]) / (len(rows) * args.samples)
    counts = {
        "prompts": len(rows),
        "samples": len(rows) * args.samples,
        "pairs": len(pairs),
        "stopped": finished,
        "not judged": sum(s["score"][0] is None for item in sampled for s in item["samples"]),
        DROPPED: dropped,
    }
    source = {key: value for key, value in provenance.teacher_of(args, domain).items() if key != "seeds"}
    source |= {"adapter": parent["adapter_sha256"], "prompts": model.settings_hash(rows)}
    output = {target.name: files.sha256(target)}
    files.write_run_record(folder, args, started, counts=counts, output=output, made_with=source)
    print(
        f"wrote {len(pairs)} pairs from {len(rows)} prompts to {target}, {finished:.1%} of the samples ended by "
        f"themselves, {time.time() - started:.0f} s; report: {folder}/report.md; "
        f"next: python train/dpo.py{args.command_tail}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
