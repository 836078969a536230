"""python eval/answer.py

Answers the test benchmark with base, SFT and DPO in one engine with the same greedy decoding. The base answers twice,
in the chat template and few-shot in the form it was trained on; the form with more correct answers counts as the base.
Reads out/sft, out/dpo and the domain's benchmark; writes out/answers. A killed run keeps the models it has answered.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model, provenance, score
from common.domain import load_domain, rows_of, verdict_on
from common.engine import add_engine_flags


def parse_args(argv=None):
    parser = cli.parser(__doc__, "answer")
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    parser.add_argument(
        "--split", default="test", choices=("dev", "test"), help="benchmark split; test is for the reported run"
    )
    parser.add_argument("--limit", type=int, default=0, help="answer only this many items; 0 answers all")
    parser.add_argument(
        "--reference_rows", type=int, default=100, help="items whose reference is scored, for the perplexity"
    )
    parser.add_argument("--max_new_tokens", type=int, default=256, help="longest answer in tokens")
    add_engine_flags(parser)
    model.add_base_weights_flag(parser)
    args = cli.parse(parser, argv)
    return cli.within(args, limit=(0, None), reference_rows=(1, None), max_new_tokens=(1, None))


def render_all(domain, tokenizer, rows, form):
    """(prompt token ids, stop strings) of every row in the form 'chat' or 'few_shot'."""
    if form == "chat":
        return [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in rows], ()
    shown = [domain.few_shot_prompt(row) for row in rows]
    return [tokenizer(text)["input_ids"] for text, _ in shown], tuple(shown[0][1])


def answer(args, domain, engine, tokenizer, rows, name, form, path):
    """Write the answers of one model in one form, unless they are there already for these rows and this model."""
    from common.engine import Sampling

    weights = model.fingerprint(engine.path(name))
    mark = path.with_suffix(".made_with.json")
    prompts, stop = render_all(domain, tokenizer, rows, form)
    now = {
        "weights": weights,
        "split": args.split,
        "rows": model.settings_hash(rows),
        "prompts": model.settings_hash([prompts, stop]),  # as the model reads them: template, system prompt, examples
        "max_new_tokens": args.max_new_tokens,
        "reference_rows": args.reference_rows,
        "dtype": args.dtype,
        "engine": engine.kind,
    }
    if path.is_file() and mark.is_file() and files.read_json(mark) == now:
        print(f"{path} is there already")
        return files.read_jsonl(path)
    made = engine.generate(name, prompts, Sampling(max_new_tokens=args.max_new_tokens, stop=stop), f"{name} {form}")
    scored = reference_scores(args, domain, engine.path(name), tokenizer, rows, prompts, form)
    references = scored + [None] * (len(rows) - len(scored))
    answers = [
        {
            "id": row["id"],
            "cluster": row["cluster"],
            "category": row["category"],
            "prompt": row["prompt"],
            "answer": one[0].text,
            "tokens": len(one[0].token_ids),
            "finish_reason": one[0].finish_reason,
            "form": form,
            "reference_logprob": None if values is None else sum(values),
            "reference_tokens": None if values is None else len(values),
        }
        for row, one, values in zip(rows, made, references, strict=True)
    ]
    files.write_jsonl(path, answers)
    files.write_json(mark, now)
    return answers


def reference_scores(args, domain, folder, tokenizer, rows, prompts, form):
    """Log-probs of the tokens of the first --reference_rows references (no template or stop tokens) in this form."""
    import torch
    from transformers import AutoModelForCausalLM

    device = {"": 0} if torch.cuda.is_available() else {"": "cpu"}
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, args.dtype), device_map=device)
    rows = rows[: args.reference_rows]
    return score.completion_logprobs(
        network, prompts[: len(rows)], [score.completion_ids(tokenizer, row["completion"]) for row in rows]
    )


def accuracy(domain, rows, answers):
    """Share of correct answers among those that can be judged, None where none can."""
    if not hasattr(domain, "verify"):
        return None
    verdicts = [verdict_on(domain, row, made["answer"]).correct for row, made in zip(rows, answers, strict=True)]
    judged = [one for one in verdicts if one is not None]
    return sum(judged) / len(judged) if judged else None


def main(args):
    from common.engine import Engine

    started = time.time()
    args.dtype = model.choose_dtype(args.dtype)
    domain = load_domain(args.domain)
    adapters = {name: args.out / name for name in ("sft", "dpo")}
    lineages = {name: model.check_merged(folder / "merged", args.base) for name, folder in adapters.items()}
    model.check_descent(args.out, **lineages)
    for name, folder in adapters.items():
        model.check_system(lineages[name], folder, domain.SYSTEM_PROMPT)
    benchmark = rows_of(domain, "load_benchmark", args.split)
    rows = benchmark[: args.limit] if args.limit else benchmark
    tokenizer = model.load_tokenizer(adapters["sft"])
    engine = Engine(model.compared_base(args), adapters, args.engine, args.dtype)
    folder = args.out / "answers"
    forms = ["chat"] + (["few_shot"] if hasattr(domain, "few_shot_prompt") else [])
    base = {
        form: answer(args, domain, engine, tokenizer, rows, "base", form, folder / f"base_{form}.jsonl")
        for form in forms
    }
    scores = {form: accuracy(domain, rows, base[form]) for form in forms}
    better = max(forms, key=lambda form: -1 if scores[form] is None else scores[form])
    files.write_jsonl(folder / "base.jsonl", base[better])
    for name in adapters:
        answer(args, domain, engine, tokenizer, rows, name, "chat", folder / f"{name}.jsonl")
    counts = {
        "items": len(rows),
        "base_form": better,
        **{f"base_{form}_accuracy": value for form, value in scores.items()},
    }
    more = {
        "engine": engine.kind,
        "benchmark": {"rows": len(benchmark), "sha256": provenance.rows_sha256(benchmark)},
        "asked": provenance.asked(domain, rows),
        "base_weights": model.base_weights_told(args),
    }
    inputs = [adapter / "adapter_model.safetensors" for adapter in adapters.values()]
    files.write_run_record(folder, args, started, inputs=inputs, counts=counts, **more)
    print(
        f"wrote {len(rows)} answers of each model to {folder} in {time.time() - started:.0f} s; the base is better in "
        f"the form {better}; next: python eval/winrate.py{args.command_tail}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
