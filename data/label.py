"""python data/label.py

A page on this machine on which people say which of two answers is better, without being told whose they are: keys 1, 2
and 0 for A, B and equal, U to undo. Any number of raters, each with an id and an order of their own. By default the
answers of base, SFT and DPO in out/answers; with --pairs the samples that python data/gen_dpo.py --judge hand wrote.
Ratings are kept in out/ratings after every key, so that a stopped server goes on where it was. With --export it writes
what was rated and the raters' agreement: out/eval/winrate_hand.json, or with --pairs out/data/dpo_hand.jsonl.
"""

import hashlib
import json
import random
import re
import shlex
import socket
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import cli, files
from common.answers import PAIRS, load_answers
from common.layouts import read_text
from common.rows import read_prompt

LOOPBACK = ("127.0.0.1", "localhost", "::1")
RATER = re.compile(r"[A-Za-z0-9_-]{1,32}")
CHOICES = {"a": 0, "b": 1, "tie": None}  # which of the two shown
PAGE = Path(__file__).with_suffix(".html")
LONGEST = 10_000  # bytes of a request


def parse_args(argv=None):
    parser = cli.parser(__doc__, "label")
    parser.add_argument(
        "--pairs", nargs="?", const="", default=None, metavar="FILE",
        help="rate samples for DPO instead: JSONL with prompt and answers (default: out/gen_dpo/to_rate.jsonl)",
    )  # fmt: skip
    parser.add_argument(
        "--compare", nargs="+", default=list(PAIRS), choices=list(PAIRS), help="which models are compared"
    )
    parser.add_argument("--n", type=int, default=0, help="rate a seeded sample of this many prompts; 0 takes all")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on: of this machine only")
    parser.add_argument("--port", type=int, default=8766)
    parser.add_argument("--export", action="store_true", help="write what was rated, start no server")
    parser.add_argument("--resamples", type=int, default=10000, help="bootstrap resamples for each interval")
    args = cli.within(cli.parse(parser, argv), n=(0, None), resamples=(1, None), port=(0, 65535))
    if args.host not in LOOPBACK:
        raise cli.UserError(
            f"--host {args.host} is not of this machine alone; the page asks for no password, so it listens on "
            f"{LOOPBACK[0]} only (from elsewhere: ssh -L {args.port}:127.0.0.1:{args.port} HOST)."
        )
    return args


# --- what is rated ----------------------------------------------------------------------------------


def make_item(kind, row, texts, **more) -> dict:
    """Two answers to rate. Its id says nothing of whose they are, and changes with their texts."""
    known = json.dumps([kind, row["id"], row["prompt"], texts], sort_keys=True)
    return {"item": hashlib.sha256(known.encode()).hexdigest()[:16], "kind": kind, "row": row, "texts": texts, **more}


def sample_of(rows, args) -> list:
    """--n of the rows, at random by --seed; all when 0."""
    if not args.n or args.n >= len(rows):
        return rows
    return [rows[i] for i in sorted(random.Random(args.seed).sample(range(len(rows)), args.n))]


def answer_items(args) -> list:
    """An item for each prompt and each pair of models; equal answers are no question to anybody."""
    answers = load_answers(args)
    by_id = {name: {row["id"]: row for row in made} for name, made in answers.items()}
    return [
        make_item(pair, {key: row[key] for key in ("id", "prompt", "cluster", "category")}, texts)
        for row in sample_of(answers["base"], args)
        for pair in args.compare
        for texts in [[by_id[name][row["id"]]["answer"] for name in PAIRS[pair]]]
    ]


def pair_items(args) -> list:
    """An item for each prompt: two of its samples, by --seed."""
    path = args.pairs or args.out / "gen_dpo" / "to_rate.jsonl"
    rows = read_to_rate(path, f"python data/gen_dpo.py --judge hand{args.command_tail}")
    made = []
    for i, row in enumerate(sample_of(rows, args)):
        texts = row["answers"]
        row = {"id": f"row-{i}", **{key: value for key, value in row.items() if key != "answers"}}
        made.append(make_item("pairs", row, random.Random(f"{args.seed} {row['id']}").sample(texts, 2)))
    return made


def read_to_rate(path, made_by) -> list:
    """Rows with a prompt and at least two answers; UserError naming file, line and field for anything else."""
    found = []
    for number, row in files.numbered_rows(path, made_by):
        where, missing = f"{path}:{number}", [key for key in ("prompt", "answers") if key not in row]
        if missing:
            raise cli.UserError(f"{where} lacks {', '.join(missing)}; each line needs prompt and answers.")
        if not isinstance(row["answers"], list) or len(row["answers"]) < 2:
            raise cli.UserError(
                f"{where}: answers is {files.kind_of(row['answers'])}; it must be a list of two or more."
            )
        for i, text in enumerate(row["answers"]):
            read_text(text, where, f"answers[{i}]")
        found.append({**row, "prompt": read_prompt(row["prompt"], where)})
    return found


def shown_prompt(prompt) -> str:
    """A prompt as a page shows it."""
    if isinstance(prompt, str):
        return prompt
    return "\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in prompt)


# --- the raters -------------------------------------------------------------------------------------


def has_rows(path) -> bool:
    """Whether the file of ratings holds any: it is empty when the only one was undone."""
    return path.is_file() and path.stat().st_size > 0


def take(path):
    """An open file that keeps any other server from these ratings until it is closed; UserError when one has them.

    Each server writes the whole file from what it holds, so two of them would drop each other's ratings.
    """
    told = f"another label.py is running on {path}; let all rate on its page, or stop it."
    return files.hold(path.with_name(f"{path.name}.lock"), told)


class Ratings:
    """Everything that was rated, in a file that is whole after each rating; safe to use from several threads.

    A rating is {rater, item, winner, seconds}: the winner's place in the item's texts, None for a tie.
    """

    def __init__(self, path, items, seed):
        self.path, self.seed, self.lock = Path(path), seed, threading.Lock()
        self.items = {one["item"]: one for one in items if one["texts"][0].strip() != one["texts"][1].strip()}
        known = files.read_jsonl(self.path, ("rater", "item", "winner")) if has_rows(self.path) else []
        self.rows = [row for row in known if row["item"] in self.items]
        self.others = [row for row in known if row["item"] not in self.items]  # of answers that are no longer there
        self.asked = {}

    def order(self, rater) -> list:
        """The items in this rater's own order."""
        return sorted(self.items, key=lambda name: self.mixed(rater, name, "order"))

    def mixed(self, *parts) -> str:
        return hashlib.sha256(f"{self.seed} {parts}".encode()).hexdigest()

    def turned(self, rater, name) -> bool:
        """Whether this rater sees the second text as A."""
        return int(self.mixed(rater, name, "side"), 16) % 2 == 1

    def next(self, rater, name=None) -> dict:
        """What the page shows: the item `name`, or the rater's next one; item None when all are rated."""
        rated = {row["item"] for row in self.rows if row["rater"] == rater}
        name = name or next((one for one in self.order(rater) if one not in rated), None)
        told = {"item": name, "done": len(rated), "total": len(self.items)}
        if name is None:
            return told
        self.asked[rater] = time.time()
        item = self.items[name]
        a, b = item["texts"][::-1] if self.turned(rater, name) else item["texts"]
        return {**told, "prompt": shown_prompt(item["row"]["prompt"]), "a": a, "b": b}

    def rate(self, rater, name, choice) -> dict:
        """Keep a choice of 'a', 'b' or 'tie' and return the next item; ValueError for what was not asked."""
        if name not in self.items:
            raise ValueError("this item is not among those that are rated; load the page again")
        if choice not in CHOICES:
            raise ValueError(f"the choice must be one of {', '.join(CHOICES)}")
        with self.lock:
            if any(row["rater"] == rater and row["item"] == name for row in self.rows):
                raise ValueError("you have rated this item already; undo it first")
            place = CHOICES[choice]
            winner = place if place is None else place ^ self.turned(rater, name)
            seconds = round(time.time() - self.asked.get(rater, time.time()), 1)
            self.rows.append({"rater": rater, "item": name, "winner": winner, "seconds": seconds})
            self.write()
            return self.next(rater)

    def undo(self, rater) -> dict:
        """Take the rater's last rating back and return its item; ValueError when there is none."""
        with self.lock:
            place = next((i for i in reversed(range(len(self.rows))) if self.rows[i]["rater"] == rater), None)
            if place is None:
                raise ValueError("there is nothing to undo")
            name = self.rows.pop(place)["item"]
            self.write()
            return self.next(rater, name)

    def write(self):
        files.write_jsonl(self.path, self.others + self.rows)

    def by_item(self) -> dict:
        """{item: {rater: winner}} of what was rated."""
        made = {}
        for row in self.rows:
            made.setdefault(row["item"], {})[row["rater"]] = row["winner"]
        return made


# --- the page ---------------------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """The page and its three routes: /next, /rate, /undo. The server holds the ratings."""

    def do_GET(self):
        url = urlsplit(self.path)
        if not self.is_local():
            return self.refuse(403, "this page is for this machine only")
        if url.path == "/":
            return self.send(200, PAGE.read_bytes(), "text/html; charset=utf-8")
        if url.path != "/next":
            return self.refuse(404, "there is no such page")
        self.answer(self.server.ratings.next, parse_qs(url.query).get("rater", [""])[0])

    def do_POST(self):
        size = self.headers.get("Content-Length", "")
        if not self.is_local() or self.headers.get_content_type() != "application/json":
            return self.refuse(403, "only this page may rate")
        if not size.isdigit() or int(size) > LONGEST:
            return self.refuse(413, "the request has no length, or is too long")
        try:
            given = json.loads(self.rfile.read(int(size)))
            rater, item, choice = (str(given.get(key, "")) for key in ("rater", "item", "choice"))
        except (ValueError, AttributeError):
            return self.refuse(400, "the request is not a JSON object")
        if self.path == "/rate":
            self.answer(lambda rater: self.server.ratings.rate(rater, item, choice), rater)
        elif self.path == "/undo":
            self.answer(self.server.ratings.undo, rater)
        else:
            self.refuse(404, "there is no such page")

    def is_local(self):
        """Whether the browser asked for this machine by its own name, and for a page of ours.

        A page from elsewhere can make a browser send requests here, under its own name or from its own origin.
        """
        names = [urlsplit(f"//{self.headers.get('Host', '')}").hostname]
        if origin := self.headers.get("Origin"):
            names.append(urlsplit(origin).hostname)
        return all(name in LOOPBACK for name in names)

    def answer(self, act, rater):
        if not RATER.fullmatch(rater):
            return self.refuse(400, "a rater id has 1 to 32 letters, digits, - or _")
        try:
            told = act(rater)
        except ValueError as error:
            return self.refuse(409, str(error))
        self.send(200, json.dumps(told).encode(), "application/json")

    def refuse(self, status, why):
        self.close_connection = True  # what was sent may not have been read
        self.send(status, json.dumps({"error": why}).encode(), "application/json")

    def send(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header(
            "Content-Security-Policy",
            "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
            "frame-ancestors 'none'",
        )
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *given):
        """Nothing: a line for each key would hide what matters."""


class Server(ThreadingHTTPServer):
    """What listens; `ratings` is what its handlers serve."""

    daemon_threads = True

    def __init__(self, ratings, host, port):
        self.ratings = ratings
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)


def make_server(ratings, host, port) -> Server:
    """The server; UserError when the port cannot be had."""
    try:
        return Server(ratings, host, port)
    except OSError as error:
        raise cli.UserError(
            f"port {port} of {host} cannot be had ({error.strerror}); take another by --port."
        ) from None


# --- products ---------------------------------------------------------------------------------------


def agreed(winners):
    """The place that more than half of the raters chose, None (a tie) when there is none."""
    return next((place for place in (0, 1) if 2 * winners.count(place) > len(winners)), None)


def agreement(ratings, args) -> dict:
    """Share of equal ratings and Cohen's kappa of every two raters, on the items that both have rated."""
    from eval import stats

    by_item, made = ratings.by_item(), {}
    for first, second in combinations(sorted({row["rater"] for row in ratings.rows}), 2):
        both = [(one[first], one[second]) for one in by_item.values() if first in one and second in one]
        if both:
            labels = zip(*([str(winner) for winner in pair] for pair in both), strict=True)
            made[f"{first} and {second}"] = stats.kappa(*labels, seed=args.seed, resamples=args.resamples)
    return made


def score_of(winner) -> float:
    """The first model's score: 1 when its answer won, 0.5 for a tie."""
    return 0.5 if winner is None else 1.0 - winner


def raters_of(ratings) -> dict:
    """{rater: how many ratings}."""
    return dict(Counter(row["rater"] for row in ratings.rows))


def to_count(args, ratings, items, by_item) -> tuple:
    """(how many different answers of each pair of models nobody has rated, the items that its win rate counts).

    Equal answers are ties that nobody has to rate. Where raters stopped early, only as large a share of them counts,
    drawn by --seed, as of the different ones: all of them beside a few rated ones would pull the rate to a half.
    """
    left, counted = {}, set()
    for pair in dict.fromkeys(one["kind"] for one in items):
        names = [one["item"] for one in items if one["kind"] == pair]
        different = [name for name in names if name in ratings.items]
        rated, same = [name for name in different if name in by_item], [n for n in names if n not in ratings.items]
        left[pair] = len(different) - len(rated)
        share = len(rated) / len(different) if different else 1
        counted |= {*rated, *random.Random(f"{args.seed} {pair}").sample(same, round(share * len(same)))}
    return left, counted


def export_answers(args, started, ratings, items, agree):
    """out/eval/winrate_hand.json: per pair of models the win rate by what the raters agreed on, and every rating."""
    from eval import stats

    by_item, rows, summary = ratings.by_item(), {}, {}
    left, counted = to_count(args, ratings, items, by_item)
    for one in items:
        pair, same = one["kind"], one["item"] not in ratings.items
        if one["item"] not in counted:
            continue
        rated = by_item.get(one["item"], {})
        winner = agreed(list(rated.values()))
        row = rows.setdefault(one["row"]["id"], {key: one["row"][key] for key in ("id", "cluster", "category")})
        row.setdefault("hand", {})[pair] = {
            "score": score_of(winner),
            "by": "same answer" if same else "tie" if winner is None else "hand",
            "raters": {rater: score_of(place) for rater, place in rated.items()},
        }
    for pair in args.compare:
        judged = [(row["hand"][pair]["score"], row["cluster"]) for row in rows.values() if pair in row["hand"]]
        if judged:
            scores, clusters = zip(*judged, strict=True)
            summary[pair] = stats.win_rate(scores, clusters, seed=args.seed, resamples=args.resamples)
            summary[pair]["unjudged"] = left[pair]
    target = args.out / "eval" / "winrate_hand.json"
    inputs = [args.out / "answers" / f"{name}.jsonl" for name in ("base", "sft", "dpo")]
    about = {"judge": "hand", "orders": "each rater sees a random order", "raters": raters_of(ratings)}
    run = files.run_record(args, started, inputs=inputs)
    files.write_json(target, {"settings": about, "summary": {"hand": summary}, "rows": list(rows.values()),
                              "agreement": agree, "run": run})  # fmt: skip
    for pair, one in summary.items():
        print(f"{pair:12s} {one['rate']:.1%} [{one['low']:.1%}, {one['high']:.1%}], n {one['n']}; {one['wins']} won, "
              f"{one['losses']} lost, {one['ties']} tied, {one['unjudged']} not rated")  # fmt: skip
    return target, f"; next: python eval/domain.py{args.command_tail}"


def export_pairs(args, started, ratings, items, agree):
    """out/data/dpo_hand.jsonl: the better and the worse answer of each prompt on which the raters agreed."""
    by_item, made = ratings.by_item(), []
    for one in items:
        rated = by_item.get(one["item"], {})
        winner = agreed(list(rated.values()))
        if winner is None:
            continue
        kept = {key: value for key, value in one["row"].items() if key not in ("id", "prompt")}
        made.append(
            {
                "id": f"dpo-{len(made):06d}", "prompt": one["row"]["prompt"], "chosen": one["texts"][winner],
                "rejected": one["texts"][1 - winner], **kept, "prompt_id": one["row"]["id"], "judge": "hand",
                "raters": sorted(rated),
            }
        )  # fmt: skip
    if not made:
        raise cli.UserError("the raters preferred an answer to no prompt, so there is no pair; rate more of them.")
    target = args.out / "data" / "dpo_hand.jsonl"
    files.write_jsonl(target, made)
    files.write_run_record(
        args.out / "ratings", args, started, inputs=[ratings.path], counts={"pairs": len(made), "rated": len(by_item)},
        output={target.name: files.sha256(target)}, raters=raters_of(ratings), agreement=agree,
    )  # fmt: skip
    print(f"{len(made)} pairs of {len(by_item)} rated prompts; the others are ties")
    return target, f"; next: python train/dpo.py --data {target}{args.command_tail}"


def export(args, started, ratings, items):
    """Write the product and say how far the raters agree; UserError when nothing was rated."""
    if not ratings.rows:
        raise cli.UserError(f"{ratings.path} has no rating of today's answers; run python data/label.py first.")
    agree = agreement(ratings, args)
    target, following = (export_answers if args.pairs is None else export_pairs)(args, started, ratings, items, agree)
    print(f"rated by {', '.join(f'{rater} ({count})' for rater, count in raters_of(ratings).items())}")
    for names, one in agree.items():
        kappa = "not defined" if one["kappa"] is None else f"{one['kappa']:.2f} [{one['low']:.2f}, {one['high']:.2f}]"
        print(f"{names}: {one['agreement']:.1%} of {one['n']} alike, Cohen's kappa {kappa}")
    print(f"wrote {target}{following}")


def main(args):
    started = time.time()
    items = answer_items(args) if args.pairs is None else pair_items(args)
    name = "answers" if args.pairs is None else "pairs"
    path = args.out / "ratings" / f"{name}.jsonl"
    if args.export:
        return export(args, started, Ratings(path, items, args.seed), items)
    with take(path):
        serve(args, Ratings(path, items, args.seed), items)


def serve(args, ratings, items):
    """Serve the page until Ctrl-C; UserError when there is nothing to rate."""
    if not ratings.items:
        raise cli.UserError("all answers are the same in each pair, so there is nothing to rate.")
    server = make_server(ratings, args.host, args.port)
    host = f"[{args.host}]" if ":" in args.host else args.host
    print(f"{len(ratings.items)} to rate, {len(items) - len(ratings.items)} pairs of equal answers left out; open "
          f"http://{host}:{server.server_port}/ in a browser; Ctrl-C stops, nothing is lost", flush=True)  # fmt: skip
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pairs = "" if args.pairs is None else f" --pairs {shlex.quote(args.pairs) if args.pairs else ''}".rstrip()
        print(f"\n{len(ratings.rows)} ratings in {ratings.path}; next: python data/label.py{pairs} --export"
              f"{args.command_tail}")  # fmt: skip
    finally:
        server.server_close()


if __name__ == "__main__":
    cli.run(main, parse_args)
