"""python eval/look.py

All held-out answers of base, SFT and DPO side by side, to be looked at: one page with search, filters, a word diff and
what executing the answers gives where the domain can say, and the same as text. With --categories the three models
first answer the 60 prompts of eval/prompts/categories.jsonl, and those are shown, too.
Reads out/answers and, where they are, out/eval/{domain,winrate}.json; writes out/eval/index.html and
out/eval/side_by_side_comparison.txt. The page loads nothing and sends nothing: open it in any browser.
"""

import base64
import hashlib
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model, provenance
from common.answers import MODELS, PAIRS, load_answers, load_rows
from common.domain import load_domain
from common.endpoint import endpoint_of
from common.engine import Engine, add_engine_flags
from common.sampling import Sampling
from eval.plots import NAMES

CATEGORIES = cli.ROOT / "eval/prompts/categories.jsonl"
WIDTH = 100  # of a line between two items of the text


def parse_args(argv=None):
    parser = cli.parser(__doc__, "look")
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    parser.add_argument(
        "--categories", action=cli.Switch, default=False, help="answer and show the category prompts as well"
    )
    parser.add_argument("--max_new_tokens", type=int, default=256, help="longest answer to a category prompt in tokens")
    add_engine_flags(parser)
    model.add_base_weights_flag(parser)
    return cli.within(cli.parse(parser, argv), max_new_tokens=(1, None))


# ---- category prompts ------------------------------------------------------------------------------------------------


def answer_categories(args) -> dict:
    """{model: answers} to the category prompts; a model whose answers are there already is not asked again.

    Asked in the chat template without a system text, since the domain's says what else is to be done.
    """
    args.dtype = model.choose_dtype(args.dtype)
    adapters = {name: args.out / name for name in ("sft", "dpo")}
    model.check_descent(
        args.out, **{name: model.check_merged(one / "merged", args.base) for name, one in adapters.items()}
    )
    engine = Engine(model.compared_base(args), adapters, args.engine, args.dtype, endpoint_of(args))
    args.dtype = engine.dtype  # for the records
    tokenizer = model.load_tokenizer(adapters["sft"])
    rows, made = files.read_jsonl(CATEGORIES, ("id", "prompt", "category")), {}
    prompts = [chat.encode(tokenizer, row["prompt"], "") for row in rows]
    for name in MODELS:
        path = args.out / "answers/categories" / f"{name}.jsonl"
        mark = path.with_suffix(".made_with.json")
        settings = {key: getattr(args, key) for key in ("max_new_tokens", "dtype")}
        settings |= {**engine.weights(name), "prompts": model.settings_hash(prompts)}
        settings |= {"rows": model.settings_hash(rows), "engine": engine.kind}
        if path.is_file() and mark.is_file() and files.read_json(mark) == settings:
            print(f"{path} is there already")
        else:
            answers = engine.generate(name, prompts, Sampling(max_new_tokens=args.max_new_tokens), f"{name} categories")
            mark.unlink(missing_ok=True)  # or a kill between the two files leaves answers told to be other ones
            files.write_jsonl(path, [{**row, "answer": one[0].text, "finish_reason": one[0].finish_reason}
                                     for row, one in zip(rows, answers, strict=True)])  # fmt: skip
            files.write_json(mark, settings)
        made[name] = files.read_jsonl(path, ("id", "prompt", "answer", "category"))
    return made


# ---- what is shown ---------------------------------------------------------------------------------------------------


def judged(args, domain, name) -> dict:
    """{id: row} of a result of eval/, {} where it has not been made; UserError when it is out of date."""
    path, made_by = args.out / "eval" / f"{name}.json", f"python eval/{name}.py{args.command_tail}"
    if not path.is_file():
        return {}
    result = files.read_json(path)
    provenance.check_inputs(args, result["run"], path, made_by)
    provenance.check_judged(result["run"], domain, path, made_by)
    return {row["id"]: row for row in result["rows"]}


def run_all(domain, pairs) -> list:
    """What the domain's executed(row, answer) says of each pair; '' for all where it has none."""
    from tqdm import tqdm

    if not hasattr(domain, "executed"):
        return [""] * len(pairs)
    with ThreadPoolExecutor(4) as pool:  # each waits for a process of its own
        made = pool.map(lambda pair: domain.executed(*pair), pairs)
        return list(tqdm(made, total=len(pairs), desc="execute", unit="answer", mininterval=2))


def held_out(args, domain) -> list:
    """The held-out items as the page shows them."""
    answers = load_answers(args)
    rows = load_rows(args, domain, answers)
    verdicts, wins = (judged(args, domain, name) for name in ("domain", "winrate"))
    asked = [rows[row["id"]] for row in answers["base"]]
    ran = {name: run_all(domain, list(zip(asked, (one["answer"] for one in answers[name]), strict=True)))
           for name in MODELS}  # fmt: skip
    due = run_all(domain, [(row, row["completion"]) for row in asked])
    items = []
    for i, row in enumerate(asked):
        verdict = verdicts.get(row["id"], {})
        three = {
            name: {
                "text": answers[name][i]["answer"],
                "correct": verdict.get(name, {}).get("correct"),
                "reason": verdict.get(name, {}).get("reason", ""),
                "ran": ran[name][i],
            }
            for name in MODELS
        }
        outcome = wins.get(row["id"], {}).get("correctness", {})
        won = {pair: outcome[pair]["score"] if outcome.get(pair) else None for pair in PAIRS}
        items.append(item(row, three, won, row["completion"], due[i]))
    return items


def item(row, three, won=None, expected="", ran="") -> dict:
    """One item of the page."""
    return {
        "id": str(row["id"]),
        "kind": row["category"],
        "prompt": row["prompt"] if isinstance(row["prompt"], str) else json.dumps(row["prompt"], ensure_ascii=False),
        "expected": expected,
        "expected_ran": ran,
        "won": won or {},
        "answers": three,
    }


def category_items(made) -> list:
    """The category prompts as items: there is nothing to judge them by."""
    return [
        item({**row, "category": f"category: {row['category']}"}, {
            name: {"text": made[name][i]["answer"], "correct": None, "reason": "", "ran": ""} for name in MODELS
        })
        for i, row in enumerate(made["base"])
    ]  # fmt: skip


def page(items) -> str:
    """The page as one file. Its data cannot end the element they stand in, and only its own script may run."""
    here = Path(__file__).parent
    data = json.dumps({"names": NAMES, "pairs": PAIRS, "items": items}, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    script = (here / "look.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    text = (here / "look.html").read_text(encoding="utf-8")
    # The data come last: whatever they hold is not looked through for the other marks.
    text = text.replace("__HASH__", f"'sha256-{digest}'").replace("__SCRIPT__", script)
    return text.replace("__DATA__", data)


def as_text(items) -> str:
    """The same answers as plain text."""
    lines = [f"{len(items)} items: base, SFT and SFT + DPO side by side", ""]
    for one in items:
        lines += ["=" * WIDTH, f"{one['id']}  {one['kind']}", "", one["prompt"], ""]
        for name, label in NAMES.items():
            answer = one["answers"][name]
            said = f" ({answer['reason']})" if answer["reason"] else ""
            lines += [f"--- {label}{said}", answer["text"]]
            lines += ["", answer["ran"]] if answer["ran"] else []
            lines.append("")
    return "\n".join(lines)


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    items = held_out(args, domain)
    if args.categories:
        items += category_items(answer_categories(args))
    target = args.out / "eval" / "index.html"
    files.write_text(target, page(items))
    files.write_text(target.with_name("side_by_side_comparison.txt"), as_text(items))
    size = target.stat().st_size / 2**20
    print(
        f"wrote {len(items)} items to {target} ({size:.1f} MiB) and side_by_side_comparison.txt in "
        f"{time.time() - started:.0f} s; open it in a browser"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
