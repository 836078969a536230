"""python bench/teacher.py

How well the client of paid models keeps a rate and survives kills, against the local server of tests/provider.py.

simulated: the same client in simulated time (tests/simulation.py), which the load of the machine does not touch; and
once more as on a busy machine, where the process stands still for a second every ten seconds, on average.
rate: a server that enforces a limit over every window of a minute; the share of the allowed rate that was used between
the first and the last call, and the share of calls answered 429. The limit is told by flag or learnt from headers.
kills: data/gen_sft.py of 500 rows, killed (SIGKILL) after a random number of calls, or seconds, until --kills are done,
then run to its end; rows against an uninterrupted run, and by the server's own count, request by request: answers made
again after the client had one (none may be), and answers made twice (at most as many as calls were in flight). What the
server counts stands in out/bench_teacher at once, so that after --seconds, or a stop at any moment, the same command
goes on; remove it to begin anew. It fails when a row is lost or a received answer was paid for again.
Writes bench/results/teacher.json. About two minutes for each rate and six seconds for each kill.
"""

import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]  # find common/, data/ and the server when run by hand

from common import cli, files, llm, paid
from common.ledger import Ledger, Price

STATE = ROOT / "out/bench_teacher"
WORKERS = 32
STALLS = (10.0, 1.0)  # seconds between two, and of one, on average
KILLED_WORKERS = 8  # of the run that is killed
BLIND_SHARE, BLIND_SECONDS = 0.2, 3.0  # of the kills that wait for no call: they fall into the start and the reading
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
    """What is known of the kills so far; anew when there were none, or of a run of another size.

    begun: runs that were started to be killed. One that a stop of this script cut short is no kill, but its calls were
    in flight as well.
    """
    path = STATE / "state.json"
    state = files.read_json(path) if path.is_file() else {}
    if state.get("rows") == rows:
        return state
    shutil.rmtree(STATE, ignore_errors=True)
    return {"rows": rows, "kills": 0, "begun": 0, "seconds": 0.0}


class Book:
    """What the server counts, in a file as it happens, and counted again from there by the next process."""

    def __init__(self, path, server):
        self.server, count = server, server.bill
        for kind, request, *tokens in map(str.split, path.read_text().splitlines() if path.is_file() else ()):
            if kind == "made":
                count(request, *map(int, tokens))
            else:
                server.received.setdefault(request, server.billed[request])
        path.parent.mkdir(parents=True, exist_ok=True)
        self.file = path.open("a", buffering=1)  # a line at a time

        def bill(request, *tokens):
            count(request, *tokens)
            self.write("made", request, *tokens)

        server.bill = bill

    def write(self, *words):
        """A line at once: many threads of the server write."""
        with self.server.lock:
            self.file.write(" ".join(map(str, words)) + "\n")

    def note_received(self, ledger):
        """Of the killed run's ledger."""
        before = set(self.server.received)
        self.server.note_received(ledger)
        for request in self.server.received.keys() - before:
            self.write("received", request)


def moment(args, state, answered) -> tuple:
    """(calls, seconds after them) of the next kill, so that those to come are spread over the rows that are left."""
    rng = random.Random(f"kill {state['begun']}")
    if rng.random() < BLIND_SHARE:
        return 0, BLIND_SECONDS * rng.random()
    mean = (args.rows - answered) / (args.kills - state["kills"] + 1)
    return rng.randint(1, max(1, round(2 * mean) - KILLED_WORKERS)), rng.random() / 20


def kill_until(args, state, server, book, start) -> bool:
    """Kill the run until --kills are done; False when --seconds passed before. `state` is kept after each kill."""
    from provider import kill_after

    begun, before, ledger = time.monotonic(), state["seconds"], STATE / "killed" / paid.LEDGER
    while state["kills"] < args.kills:
        book.note_received(ledger)
        if time.monotonic() - begun > args.seconds:
            return False
        calls, wait = moment(args, state, len(server.received))
        state["begun"] += 1
        files.write_json(STATE / "state.json", state)
        process = start(server.url, STATE / "killed", args.rows, "--workers", str(KILLED_WORKERS))
        try:
            killed = kill_after(process, server, calls, wait)
        finally:
            process.kill()  # when this script is stopped
        while server.open:  # answers that nobody waits for are billed all the same
            time.sleep(0.05)
        state |= {"kills": state["kills"] + killed, "seconds": before + time.monotonic() - begun}
        files.write_json(STATE / "state.json", state)
        if not killed:  # it had ended by itself
            finish(process)
            return True
    return True


def finish(process):
    """Let a run come to its end; UserError with what it said when it fails."""
    try:
        said = process.communicate()[0]
    finally:
        process.kill()  # when this script is stopped
    if process.returncode:
        raise cli.UserError(f"the run failed:\n{said}")


def kills(args) -> dict | None:
    """Kill a run of gen_sft again and again; what was lost and what was paid twice. None when kills remain."""
    from provider import Provider
    from test_teacher import Answers, start

    state, answers = kept_state(args.rows), Answers(round(args.rows * 1.5))
    os.environ["LLM_API_KEY"] = "none"
    if not (STATE / "calm/data/sft.jsonl").is_file():
        calm = Provider(answers)
        finish(start(calm.url, STATE / "calm", args.rows))
        calm.stop()
    server = Provider(answers, latency=0.02, hash_of=answers.hash_of)
    book = Book(STATE / "book.txt", server)
    if not kill_until(args, state, server, book, start):
        print(f"{state['kills']} of {args.kills} kills; run the same command again, it goes on.")
        return None
    book.note_received(STATE / "killed" / paid.LEDGER)
    finish(start(server.url, STATE / "killed", args.rows, "--workers", str(KILLED_WORKERS)))
    server.stop()
    return found_after(state, server)


def found_after(state, server) -> dict:
    """What the kills did, from the files of the killed and the uninterrupted run and from the server's count."""
    made, wanted = ((STATE / name / "data/sft.jsonl").read_bytes() for name in ("killed", "calm"))
    totals = files.read_json(STATE / "killed/gen_sft/run.json")["model_calls"]
    lost = [count for reason, count in totals["calls"].items() if reason.startswith("lost")]
    return {
        "kills_survived": state["kills"], "rows": wanted.count(b"\n"), "same_bytes_as_uninterrupted": made == wanted,
        "rows_lost": len(set(wanted.splitlines()) - set(made.splitlines())),
        "requests_answered": len(server.billed), "requests_known_to_be_received": len(server.received),
        "received_answers_paid_twice": sum(server.made_again().values()),
        "repeats": sum(server.billed.values()) - len(server.billed),
        "repeats_allowed": KILLED_WORKERS * state["begun"],
        "calls_that_the_ledger_counts_as_lost": sum(lost),
        "dollars_by_server": round(server.cost, 6), "dollars_by_ledger": totals["dollars"],
        "seconds": round(state["seconds"], 1),
    }  # fmt: skip


def broken(found, wanted) -> list:
    """What of the promises did not hold, in words."""
    return [
        f"{key} is {found[key]}"
        for key, holds in (
            ("kills_survived", found["kills_survived"] >= wanted),
            ("same_bytes_as_uninterrupted", found["same_bytes_as_uninterrupted"]),
            ("rows_lost", not found["rows_lost"]),
            ("received_answers_paid_twice", not found["received_answers_paid_twice"]),
            (
                "repeats",
                found["repeats"] <= min(found["repeats_allowed"], found["calls_that_the_ledger_counts_as_lost"]),
            ),
            ("dollars_by_ledger", found["dollars_by_ledger"] >= found["dollars_by_server"]),
        )
        if not holds
    ]


def main(args):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the run that is being killed ends with this one
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
        if wrong := broken(made, args.kills):
            sys.exit(f"a promise is broken: {'; '.join(wrong)}")
    print(f"wrote {target.relative_to(ROOT)}")


if __name__ == "__main__":
    cli.run(main, parse_args)
