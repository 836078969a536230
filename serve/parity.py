"""python serve/parity.py

Starts the server, asks it benchmark prompts and compares its greedy answers with those in out/answers; checks on the
way that it reads the prompts as training did and that its answers end by themselves.
Of vLLM only, since transformers serve tells no token ids, and of an adapter that was evaluated. Reads out/dpo and
out/answers; writes out/eval/parity.json. Exit code 1 when fewer than --least are equal.
"""

import json
import sys
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model, provenance
from common.domain import load_domain
from serve import launch

AT_ONCE = 16  # requests in flight
REPLY_SECONDS = 120  # for the slowest of them


def parse_args(argv=None):
    parser = launch.make_parser(__doc__)
    parser.add_argument("--n", type=int, default=100, help="prompts to compare")
    parser.add_argument("--least", type=float, default=0.98, help="share of equal answers below which this fails")
    args = cli.within(cli.parse(parser, argv), n=(1, None))
    if args.engine == "hf":
        raise cli.UserError(
            "transformers serve (--engine hf) tells no token ids, so its answers cannot be held beside the evaluated "
            "ones; give --engine vllm, or check that server with python serve/smoke.py."
        )
    args.engine = "vllm"
    return args


def evaluated(args, adapter, record) -> str:
    """Which of the models in out/answers the adapter is, by hash; UserError when it is none of them."""
    weights = files.sha256(adapter / "adapter_model.safetensors")
    names = [Path(source).parent.name for source, digest in record["inputs"].items() if digest == weights]
    if not names:
        raise cli.UserError(
            f"the answers in {args.out / 'answers'} are not of {adapter}: eval/answer.py asks the sft and the dpo of a "
            f"run; give --adapter one that was asked ({', '.join(record['inputs'])}), or --out the run it is of."
        )
    return names[0]


def ask(url, body):
    """The JSON reply of one POST; UserError with what the server says when it refuses."""
    try:
        return json.loads(launch.ask(url, body, REPLY_SECONDS))
    except urllib.error.HTTPError as error:
        said = error.read(300).decode(errors="replace")
        raise cli.UserError(f"{url} answered {error.code}: {said}") from None


def served(server, name, prompt, max_tokens):
    """The server's greedy answer: prompt ids as it read them, answer ids, text, reason, log-probs of the top two."""
    body = {"model": name, "prompt": prompt, "temperature": 0, "max_tokens": max_tokens, "logprobs": 2}
    reply = ask(f"{server.url}/v1/completions", {**body, "add_special_tokens": False, "return_token_ids": True})
    choice = reply["choices"][0]
    return {
        "prompt_ids": choice["prompt_token_ids"],
        "ids": choice["token_ids"],
        "text": choice["text"],
        "finish_reason": choice["finish_reason"],
        "top": choice["logprobs"]["top_logprobs"],
    }


def describe_difference(network, tokenizer, prompt_ids, ours, theirs):
    """Where two answers part: the first different token in each, and the gap of the top two (nats) in both engines."""
    import torch

    at = next((i for i, (a, b) in enumerate(zip(ours, theirs["ids"], strict=False)) if a != b), None)
    at = min(len(ours), len(theirs["ids"])) - 1 if at is None else at
    with torch.inference_mode():
        logits = network(torch.tensor([prompt_ids + ours[:at]])).logits[0, -1].float().log_softmax(-1)
    top = logits.topk(2).values
    there = sorted(theirs["top"][at].values(), reverse=True)
    return {
        "position": at,
        "evaluated": tokenizer.decode(ours[at : at + 1]),
        "served": tokenizer.decode(theirs["ids"][at : at + 1]),
        "gap_evaluated": float(top[0] - top[1]),
        "gap_served": there[0] - there[1] if len(there) > 1 else None,
    }


def compare(domain, tokenizer, answers, replies, folder):
    """The result: how many answers are equal, where the others part, how many ended by themselves."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    differences, read_alike = [], 0
    for row, reply in zip(answers, replies, strict=True):
        prompt_ids = chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT)
        read_alike += prompt_ids == reply["prompt_ids"]
        if row["answer"] != reply["text"]:
            ours = chat.answer_ids(tokenizer, row["answer"]) + [tokenizer.eos_token_id]
            one = describe_difference(network, tokenizer, prompt_ids, ours, reply)
            differences.append({"id": row["id"], **one})
    n = len(answers)
    return {
        "n": n,
        "equal": 1 - len(differences) / n,
        "prompts_read_alike": read_alike / n,
        "stopped": sum(reply["finish_reason"] == "stop" for reply in replies) / n,
        "differences": differences,
    }


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    plan = launch.prepare(args)
    made_by = f"python eval/answer.py{args.command_tail}"
    record = files.read_json(args.out / "answers" / "run.json", made_by)
    provenance.check_inputs(args, record, args.out / "answers", made_by)
    name = evaluated(args, Path(args.adapter) if args.adapter else args.out / "dpo", record)
    keys, texts = ("id", "prompt", "answer"), ("prompt", "answer")
    answers = files.read_jsonl(args.out / "answers" / f"{name}.jsonl", keys, made_by, texts)
    answers = answers[: args.n]
    settings = record["settings"]
    tokenizer = model.load_tokenizer(plan.folder)
    prompts = [chat.render(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in answers]
    print(f"starting vLLM on {plan.folder} (log: {plan.log})", flush=True)
    with launch.running(plan, launch.show_waiting) as server, ThreadPoolExecutor(AT_ONCE) as pool:
        replies = list(pool.map(lambda text: served(server, plan.name, text, settings["max_new_tokens"]), prompts))
    result = compare(domain, tokenizer, answers, replies, plan.folder)
    target = args.out / "eval" / "parity.json"
    files.write_json(target, {**result, "run": files.run_record(args, started)})
    for one in result["differences"]:
        print(f"{one['id']}: token {one['position']} {one['evaluated']!r} evaluated, {one['served']!r} served")
    print(f"{result['equal']:.1%} of {result['n']} served answers equal the evaluated ones")
    print(f"{result['stopped']:.1%} ended by themselves; {result['prompts_read_alike']:.1%} of the prompts read alike")
    print(f"wrote {target} in {time.time() - started:.0f} s")
    if result["equal"] < args.least or result["prompts_read_alike"] < 1:
        sys.exit(1)


if __name__ == "__main__":
    cli.run(main, parse_args)
