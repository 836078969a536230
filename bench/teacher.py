"""python bench/teacher.py

How well the client of paid models keeps a rate and survives kills, against the local server of tests/provider.py.

simulated: the same client in simulated time (tests/simulation.py), which the load of the machine does not touch; and
once more as on a busy machine, where the process stands still for a second every ten seconds, on average.
rate: a server that enforces a limit over every window of a minute; the share of the allowed rate that was used between
the first and the last call, and the share of calls answered 429. The limit is told by flag or learnt from headers.
kills: data/gen_sft.py of 500 rows, killed (SIGKILL) after a random number of calls until --kills are done, then run to
its end; rows against an uninterrupted run, and answers made twice by the server's own count. What the server counted is
kept in out/bench_teacher after each kill, so that after --seconds the same command goes on; remove it to begin anew.
Writes bench/results/teacher.json. About two minutes for each rate and six seconds for each kill.
"""

import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # find common/, data/ and the server when run by hand

from common import cli, files, llm
from common.ledger import Ledger, Price

STATE = ROOT / "out/bench_teacher"
WORKERS = 32
STALLS = (10.0, 1.0)  # seconds between two, and of one, on average
KILLED_WORKERS = 8  # of the run that is killed
SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
CALLS_A_MINUTE, TOKENS_A_MINUTE = 300, 60_000
CASES = {
    "calls, by flag": (dict(limit=(CALLS_A_MINUTE, 60)), {"requests": CALLS_A_MINUTE}),
    "calls, from headers": (
        dict(limit=(CALLS_A_MINUTE, 60), headers={"x-ratelimit-limit-requests": str(CALLS_A_MINUTE)}),
        {},
    ),
    "tokens, by flag": (dict(limit=(TOKENS_A_MINUTE, 60), in_tokens=True), {"tokens": TOKENS_A_MINUTE}),
}


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument(
        "--minutes",
        type=float,
        default=1.7,
        help="of each rate in real time; 0: none (with --kills 0 the simulation alone)",
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--rows", type=int, default=500, help="of the run that is killed")
    parser.add_argument("--seconds", type=float, default=1200, help="after which no other kill is begun")
    return parser.parse_args(argv)


def rate(settings, limits, minutes) -> dict:
    """Ask for so long as fast as the client goes; what the server saw."""
    from provider import Provider

    server = Provider(
        lambda user, number: {"text": "x" * random.Random(user).randint(50, 1200)}, latency=0.3, **settings
    )

    async def go():
        spec = llm.parse_spec(f"openai:m@{server.url}")
        ledger = Ledger(Path(folder) / "ledger.db", "bench", {})
        model = llm.Model(spec, "none", ledger, Price(1, 1, 1, 1), limits, WORKERS)
        end = time.monotonic() + 60 * minutes

        async def worker(number):
            for i in range(10**6):
                if time.monotonic() > end:
                    return
                await model.ask(llm.Request("Answer.", f"{number} {i} " + "word " * 60, SCHEMA, 400))

        await llm.gather(model, [worker(number) for number in range(WORKERS)])
        await model.close()
        ledger.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(go())
    server.stop()
    calls = server.statuses()
    span = server.calls[-1]["at"] - server.calls[0]["at"]
    used = server.tokens_in + server.tokens_out if settings.get("in_tokens") else calls[200]
    allowed = settings["limit"][0] * span / settings["limit"][1]
    return {"calls": sum(calls.values()), "seconds": round(span, 1), "used_share": round(used / allowed, 4),
            "share_429": round(calls[429] / sum(calls.values()), 4)}  # fmt: skip


def simulated() -> dict:
    """{"simulated" with and without stalls: {case: what the server saw}} of ten simulated minutes each.

    The server enforces each limit over every window of a minute.
    """
    from simulation import Window, simulate

    found = {"simulated": {}, "simulated_with_stalls": {}}
    for kind, stalls in zip(found, ((0, 0), STALLS), strict=True):
        for name, (settings, limits) in CASES.items():
            more = {key: settings[key] for key in ("in_tokens", "headers") if key in settings}
            with tempfile.TemporaryDirectory() as folder:
                seen = simulate(Path(folder), Window(settings["limit"][0], **more), limits, stalls=stalls)
            found[kind][name] = seen
            print(kind, name, seen, flush=True)
    return found


def kept_state(rows) -> dict:
    """What the server of the kills so far has counted; anew when there were none, or this script ended during one."""
    path = STATE / "state.json"
    state = files.read_json(path) if path.is_file() else {}
    if state.get("rows") == rows and state["whole"]:
        return state
    shutil.rmtree(STATE, ignore_errors=True)
    return {"rows": rows, "whole": True, "kills": 0, "seconds": 0.0, "billed": {}, "tokens_in": 0, "tokens_out": 0}


def kill_until(args, state, server, start, kill_after) -> bool:
    """Kill the run until --kills are done; False when --seconds passed before. `state` is kept after each kill."""
    begun, before = time.monotonic(), state["seconds"]
    while state["kills"] < args.kills:
        if time.monotonic() - begun > args.seconds:
            return False
        files.write_json(STATE / "state.json", {**state, "whole": False})
        rng = random.Random(f"kill {state['kills']}")
        calls, wait = rng.randint(1, 9), rng.random() / 5
        process = start(server.url, STATE / "killed", args.rows, "--workers", str(KILLED_WORKERS))
        killed = kill_after(process, server, calls, wait)
        while server.open:  # answers that nobody waits for are billed all the same
            time.sleep(0.05)
        counted = {"billed": dict(server.billed), "tokens_in": server.tokens_in, "tokens_out": server.tokens_out}
        state |= {**counted, "kills": state["kills"] + killed, "seconds": before + time.monotonic() - begun}
        files.write_json(STATE / "state.json", state)
        if not killed:
            return True  # nothing was left to kill
    return True


def kills(args) -> dict | None:
    """Kill a run of gen_sft again and again; what was lost and what was paid twice. None when kills remain."""
    from provider import Provider, kill_after
    from test_teacher import Answers, start

    state, answers = kept_state(args.rows), Answers(round(args.rows * 1.5))
    os.environ["LLM_API_KEY"] = "none"
    if not (STATE / "calm/data/sft.jsonl").is_file():
        calm = Provider(answers)
        assert start(calm.url, STATE / "calm", args.rows).wait() == 0
        calm.stop()
    server = Provider(answers, latency=0.02)
    server.billed.update(state["billed"])
    server.tokens_in, server.tokens_out = state["tokens_in"], state["tokens_out"]
    if not kill_until(args, state, server, start, kill_after):
        print(f"{state['kills']} of {args.kills} kills; run the same command again, it goes on.")
        return None
    last = start(server.url, STATE / "killed", args.rows, "--workers", str(KILLED_WORKERS))
    assert last.wait() == 0, last.stdout.read()
    server.stop()
    return found_after(state, server)


def found_after(state, server) -> dict:
    """What the kills did, from the files of the killed and the uninterrupted run and from the server's count."""
    made, wanted = ((STATE / name / "data/sft.jsonl").read_bytes() for name in ("killed", "calm"))
    totals = files.read_json(STATE / "killed/gen_sft/run.json")["model_calls"]
    repeats, lost = sum(server.billed.values()) - len(server.billed), totals["calls"].get("lost: killed", 0)
    return {
        "kills": state["kills"], "rows": wanted.count(b"\n"), "same_bytes_as_uninterrupted": made == wanted,
        "rows_lost": len(set(wanted.splitlines()) - set(made.splitlines())),
        "answers": len(server.billed), "answers_made_twice": repeats, "calls_in_flight_at_a_kill": lost,
        "received_answers_paid_again": max(0, repeats - lost),
        "most_in_flight_allowed": KILLED_WORKERS * state["kills"],
        "dollars_by_server": round(server.cost, 6), "dollars_by_ledger": totals["dollars"],
        "seconds": round(state["seconds"], 1),
    }  # fmt: skip


def main(args):
    target, commit = ROOT / "bench/results/teacher.json", files.commit()  # before a result makes the tree differ
    found = files.read_json(target) if target.is_file() else {"commit": {}}

    def keep(**made):
        found.update(made, versions=files.versions())
        found["commit"] |= dict.fromkeys(made, commit)  # of each part: they need not be measured together
        files.write_json(target, found)

    if args.minutes or not args.kills:
        keep(**simulated())
    for name, (settings, limits) in CASES.items() if args.minutes else ():
        keep(rate={**found.get("rate", {}), name: rate(settings, limits, args.minutes)})
        print(name, found["rate"][name])
    if args.kills:
        made = kills(args)
        if made is None:
            return
        keep(kills=made)
        print(made)
    print(f"wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    cli.run(main, parse_args)
