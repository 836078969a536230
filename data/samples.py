"""Samples of the SFT model: drawn block by block, judged by the domain's verifier, kept so that a killed run goes on.

A library for gen_dpo.py, which makes pairs of them.
"""

import json
import random
from concurrent.futures import ThreadPoolExecutor

from common import chat, files, model, provenance
from common.domain import Verdict, rows_of, verdict_on
from common.endpoint import endpoint_of
from common.engine import Engine, choose_engine
from common.sampling import Sampling
from data import pairs

SAMPLING = ("samples", "temperature", "top_p", "max_new_tokens", "seed", "dtype", "shots")
BLOCK = 512  # prompts between two saves
NO_VERDICT = Verdict(None, None, None, "no verifier")


def each_temperature(args) -> list:
    """The temperatures as a list."""
    return args.temperature if isinstance(args.temperature, list) else [args.temperature]


def sampled_with(args, domain, parent) -> dict:
    """What decides the samples of a prompt, by hash, the prompt itself aside."""
    settings = {key: getattr(args, key) for key in SAMPLING}
    return {
        "settings": model.settings_hash(
            {**settings, "engine": choose_engine(args.engine, endpoint_of(args)), "block": BLOCK}
        ),
        "adapter": parent["adapter_sha256"],
        "weights": model.fingerprint(args.out / "sft/merged"),
        "template": parent.get("tokenizer_sha256"),
        "system prompt": model.settings_hash(domain.SYSTEM_PROMPT),
        **({"seeds": model.settings_hash(rows_of(domain, "load_seeds"))} if args.shots else {}),
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
    adapters = {"sft": args.out / "sft"}
    engine = Engine(model.trained_base(args), adapters, args.engine, args.dtype, endpoint_of(args))
    args.dtype = engine.dtype  # by which kept samples are told
    done = kept_samples(args, domain, rows, folder, parent)
    if len(done) == len(rows):
        return done
    engine.require("sft")
    if done:
        print(f"goes on after {len(done)} of {len(rows)} prompts")
    tokenizer = model.load_tokenizer(args.out / "sft")
    with (folder / "samples.jsonl").open("a", encoding="utf-8") as handle, ThreadPoolExecutor(4) as pool:
        for start in range(len(done), len(rows), BLOCK):
            block = rows[start : start + BLOCK]
            made = sample(args, domain, engine, tokenizer, block, start, len(rows))
            judged = pool.map(lambda pair: judge(domain, *pair), zip(block, made, strict=True))
            for row, samples in zip(block, judged, strict=True):
                done.append({"id": row["id"], "row_sha256": model.settings_hash(row), "samples": samples})
                handle.write(json.dumps(done[-1], ensure_ascii=False) + "\n")
            handle.flush()
    return done


def sample(args, domain, engine, tokenizer, block, start, total):
    """args.samples samples of each row of a block that begins at `start`: as many at each temperature."""
    several, seeds = each_temperature(args), rows_of(domain, "load_seeds") if args.shots else []
    n, made = args.samples // len(several), [[] for _ in block]
    for i, temperature in enumerate(several):
        at = f" at {temperature:g}" if len(several) > 1 else ""
        asked = [
            chat.encode(tokenizer, shown, domain.SYSTEM_PROMPT)
            for row in block
            for shown in with_shots(args, seeds, row, n, temperature)
        ]
        each = n * len(block) // len(asked)
        sampling = Sampling(each, temperature, args.top_p, args.max_new_tokens, args.seed * 1000 + start + i)
        found = engine.generate("sft", asked, sampling, f"prompts {start}-{start + len(block)} of {total}{at}")
        for j, completions in enumerate(found):
            kept = as_samples(completions)
            made[j * len(block) // len(asked)] += [{**one, "temperature": temperature} for one in kept] if at else kept
    return made


def with_shots(args, seeds, row, n, temperature) -> list:
    """The prompt as it is, or n times with different seeds before it, as turns that went well."""
    if not args.shots:
        return [row["prompt"]]
    rng, made = random.Random(f"shots {args.seed} {row['id']} {temperature}"), []
    for _ in range(n):
        chosen = rng.sample(seeds, min(args.shots, len(seeds)))
        turns = [
            (role, seed[key]) for seed in chosen for role, key in (("user", "prompt"), ("assistant", "completion"))
        ]
        made.append([{"role": role, "content": text} for role, text in (*turns, ("user", row["prompt"]))])
    return made


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
    """Each sample with the verifier's verdict and score; without a verifier nothing is known of one that finished."""
    judged = []
    for one in samples:
        verdict = verdict_on(domain, row, one["text"]) if hasattr(domain, "verify") else NO_VERDICT
        reason = verdict.reason if one["finished"] else "unfinished"
        judged.append({**one, "score": pairs.score(verdict, one["finished"]), "reason": reason})
    return pairs.level(judged)
