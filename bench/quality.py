"""python bench/quality.py

Times what data/quality.py does by default (duplicates, leaks, tokens) on 20,000 rows, and compares its near-duplicates
with those of a full comparison of all pairs. Rows: the domain's templates, 1,000 of them replaced by an earlier row
with up to five words changed. Writes bench/results/quality.json.
"""

import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files, model
from common.domain import load_domain
from data import quality, similar

GOAL_SECONDS, GOAL_RECALL = 10, 0.98
AT_ONCE = 500  # texts that are compared with all the others in one product


def parse_args(argv=None):
    parser = cli.parser(__doc__, "quality")
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--copies", type=int, default=1000, help="rows that are an earlier one with words changed")
    parser.add_argument("--jaccard", type=float, default=0.8)
    parser.add_argument("--ngram", type=int, default=13)
    parser.add_argument("--mmlu_dir", default=None, metavar="DIR")
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="folder whose tokenizer counts")
    return cli.parse(parser, argv)


def make_texts(args, domain) -> list:
    """Prompts with answers, schema and all: longer than what the domain itself compares."""
    rng = random.Random(args.seed)
    made = [f"{row['prompt']}\n{row['completion']}" for row in domain.generate(rng, args.rows, "sft")]
    for i in rng.sample(range(args.rows // 2, args.rows), args.copies):
        words = made[rng.randrange(args.rows // 2)].split()
        for place in rng.sample(range(len(words)), rng.randint(1, 5)):
            words[place] = "changed"
        made[i] = " ".join(words)
    return made


def full_comparison(texts, threshold) -> list:
    """near_duplicates with every pair compared, by products of sparse matrices of trigrams."""
    import numpy as np
    from scipy.sparse import csr_matrix
    from tqdm import tqdm

    sets = similar.shingle_sets(texts)
    column = {one: i for i, one in enumerate(set().union(*sets))}
    places = np.array([column[one] for some in sets for one in some])
    sizes = np.array([len(some) for some in sets])
    ends = np.concatenate([[0], np.cumsum(sizes)])
    matrix = csr_matrix((np.ones(len(places), np.int32), places, ends), shape=(len(sets), len(column)))
    found = [None] * len(texts)
    for start in tqdm(range(0, len(texts), AT_ONCE), desc="every pair", mininterval=2):
        both = (matrix[start : start + AT_ONCE] @ matrix[: start + AT_ONCE].T).tocsr()
        for i in range(start, min(start + AT_ONCE, len(texts))):
            part = slice(both.indptr[i - start], both.indptr[i - start + 1])
            others, common = both.indices[part], both.data[part]
            alike = others[common >= threshold * (sizes[i] + sizes[others] - common)]
            found[i] = next((j for j in sorted(alike[alike < i].tolist()) if found[j] is None), None)
    return found


def main(args):
    domain = load_domain(args.domain, args.out)
    texts = make_texts(args, domain)
    args.against, load = [], os.getloadavg()[0]
    clocks, laps = {"seconds": time.perf_counter, "processor_seconds": time.process_time}, {}
    last = {name: clock() for name, clock in clocks.items()}

    def lap(part):
        for name, clock in clocks.items():
            laps.setdefault(name, {})[part] = round(clock() - last[name], 2)
            last[name] = clock()

    found = similar.near_duplicates(texts, args.jaccard)
    lap("duplicates")
    guarded = [text for some in quality.protected(args, domain).values() for text in some]
    asked = [domain.dedup_text({"prompt": text, "completion": ""}) for text in texts]
    leaks = similar.shared(asked, guarded, args.ngram)
    lap("leaks")
    tokens = quality.token_counts(texts, args.base)
    lap("tokens")
    expected = full_comparison(texts, args.jaccard)
    true = [i for i, twin in enumerate(expected) if twin is not None]
    hit = sum(found[i] is not None for i in true)
    result = {
        "rows": len(texts),
        "words": sum(len(text.split()) for text in texts),
        "tokens": sum(tokens),
        "jaccard": args.jaccard,
        **{name: {**parts, "all": round(sum(parts.values()), 2)} for name, parts in laps.items()},
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(load, 2),  # what else the machine was doing
        "duplicates": len(true),
        "recall": hit / len(true),
        "precision": hit / sum(twin is not None for twin in found),
        "protected_texts": len(guarded),
        "leaks": sum(other is not None for other in leaks),
        "goal": {"seconds": GOAL_SECONDS, "recall": GOAL_RECALL},
        "versions": files.versions(),
        "commit": files.commit(),
    }
    target = cli.ROOT / "bench/results/quality.json"
    files.write_json(target, result)
    took, used, recall = result["seconds"]["all"], result["processor_seconds"]["all"], result["recall"]
    print(
        f"{took:.1f} s ({used:.1f} of processor time, beside a load of {load:.1f}) for {len(texts)} rows (goal "
        f"{GOAL_SECONDS}), recall {recall:.4f} of {len(true)} duplicates (goal {GOAL_RECALL}); wrote "
        f"{target.relative_to(cli.ROOT)}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
