"""python serve/smoke.py

Starts the server as serve.sh does, with a key, and asks it through the official openai client what people ask a
server: an answer, the same one as a stream, 50 at once, and what must be refused: another model's name, a prompt longer
than the context, a wrong key. Reads out/dpo; writes out/eval/smoke.json. Exit code 1 when a check fails.
"""

import os
import secrets
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files
from common.domain import load_domain, rows_of
from serve import launch

SECONDS = 600  # for the slowest answer of all at once
HALF = "\ufffd"  # stands for a cut letter, which a stream may leave out


def parse_args(argv=None):
    parser = launch.make_parser(__doc__)
    parser.add_argument("--n", type=int, default=50, help="requests at once")
    parser.add_argument("--max_tokens", type=int, default=64, help="longest answer in tokens")
    return cli.within(cli.parse(parser, argv), n=(1, None), max_tokens=(2, None))


def say(client, name, messages, most) -> tuple:
    """(text, why it ended) of one answer."""
    reply = client.chat.completions.create(model=name, messages=messages, max_tokens=most, temperature=0)
    return reply.choices[0].message.content, reply.choices[0].finish_reason


def stream(client, name, messages, most) -> list:
    """The pieces of one answer as they come."""
    asked = {"model": name, "messages": messages, "max_tokens": most, "temperature": 0, "stream": True}
    choices = [choice for piece in client.chat.completions.create(**asked) for choice in piece.choices]
    return [choice.delta.content for choice in choices if choice.delta.content]


def refusal(ask) -> str:
    """The status and name of the client's error for a request that must be refused, 'answered' without one."""
    from openai import APIStatusError

    try:
        ask()
    except APIStatusError as error:
        return f"{error.status_code} {type(error).__name__}"
    return "answered"


def ask_all(args, plan, server, domain) -> dict:
    """{question to the server: [whether it went well, what was seen]}."""
    from openai import OpenAI

    key, url = os.environ["VLLM_API_KEY"], f"{server.url}/v1"
    options = {"base_url": url, "timeout": SECONDS, "max_retries": 0}
    client, stranger = OpenAI(api_key=key, **options), OpenAI(api_key=f"{key}x", **options)
    rows = rows_of(domain, "load_benchmark", "dev")
    asked = [chat.messages(rows[i % len(rows)]["prompt"], domain.SYSTEM_PROMPT) for i in range(args.n)]
    most, seen = args.max_tokens, {}
    names = [one.id for one in client.models.list()]
    seen["the model is listed"] = [plan.name in names, ", ".join(names)]
    text, why = say(client, plan.name, asked[0], most)
    seen["an answer"] = [bool(text) and why in ("stop", "length"), f"{len(text)} characters, {why}"]
    pieces = stream(client, plan.name, asked[0], most)
    same = "".join(pieces).replace(HALF, "") == text.replace(HALF, "")
    seen["the same as a stream"] = [
        same and len(pieces) > 1,
        f"{len(pieces)} pieces, {'equal' if same else 'different'}",
    ]
    started = time.time()
    with ThreadPoolExecutor(args.n) as pool:
        made = list(pool.map(lambda messages: say(client, plan.name, messages, most), asked))
    ended = sum(why in ("stop", "length") for _, why in made)
    seen[f"{args.n} at once"] = [ended == args.n, f"{ended} answers in {time.time() - started:.1f} s"]
    long = [{"role": "user", "content": "word " * 40000}]
    refused = {
        "an unknown model": (lambda: say(client, "no-such-model", asked[0], most), ("400", "404")),
        "too long a prompt": (lambda: say(client, plan.name, long, most), ("400",)),
        "a wrong key": (lambda: say(stranger, plan.name, asked[0], most), ("401",)),
    }
    for what, (ask, statuses) in refused.items():
        said = refusal(ask)
        seen[f"{what} is refused"] = [said.startswith(statuses), said]
    seen["it still answers"] = [say(client, plan.name, asked[0], most)[0] == text, "the first question again"]
    return seen


def main(args):
    started = time.time()
    os.environ.setdefault("VLLM_API_KEY", secrets.token_urlsafe())  # of this server alone; it is shown nowhere
    domain, plan = load_domain(args.domain, args.out), launch.prepare(args)
    print(f"starting {plan.engine} on {plan.folder} (log: {plan.log})", flush=True)
    with launch.running(plan, launch.show_waiting) as server:
        seen = ask_all(args, plan, server, domain)
    for what, (well, detail) in seen.items():
        print(f"{'ok  ' if well else 'FAIL'} {what}: {detail}")
    target = args.out / "eval" / "smoke.json"
    checks = {what: {"ok": well, "seen": detail} for what, (well, detail) in seen.items()}
    files.write_json(target, {"engine": plan.engine, "checks": checks, "run": files.run_record(args, started)})
    failed = sum(not well for well, _ in seen.values())
    print(f"wrote {target} in {time.time() - started:.0f} s; {failed} of {len(seen)} checks failed")
    if failed:
        sys.exit(1)


if __name__ == "__main__":
    cli.run(main, parse_args)
