"""What every stage that asks a paid model shares: its flags, the estimate after a pilot, the question, the progress."""

import math
import random
import sys
from collections import Counter
from pathlib import Path

from common import cli, llm
from common.ledger import Ledger, find_price, require_price

LEDGER = "ledger.db"  # under --out; one for all stages
RESAMPLES = 1000
TERMS = {
    "anthropic": "https://www.anthropic.com/legal/commercial-terms",
    "openai": "https://openai.com/policies/services-agreement/",
}


def add_flags(made, role: str):
    """The flags of a model as `role` ('teacher' or 'judge')."""
    group = made.add_argument_group(f"a model as {role}", "Nothing here matters to a run that asks no model.")
    group.add_argument("--max_cost", type=float, default=None, help="dollars that this run never exceeds")
    group.add_argument("--price", type=float, nargs=2, default=None, metavar=("INPUT", "OUTPUT"),
                       help="dollars for a million tokens, where common/prices.json has none")  # fmt: skip
    group.add_argument("--pilot", type=int, default=20, help="requests made before the estimate of cost and time")
    group.add_argument("--yes", action=cli.Switch, default=False, help="go on after the estimate without asking")
    group.add_argument("--dry_run", action=cli.Switch, default=False, help="show prompts and highest cost; ask nothing")
    group.add_argument("--workers", type=int, default=32, help="calls at once, at most, at each address")
    group.add_argument("--requests_per_minute", type=float, default=None,
                       help="limit of calls at each address (without it: what the provider's headers say)")  # fmt: skip
    group.add_argument("--tokens_per_minute", type=float, default=None,
                       help="limit of tokens at each address, prompts and answers")  # fmt: skip
    group.add_argument("--timeout", type=float, default=180.0, help="seconds after which a call is given up")
    group.add_argument(f"--{role}_temperature", type=float, default=None, help="left to the model when not given")
    group.add_argument(f"--{role}_effort", default=None, help="how much the model thinks, in the provider's own words")
    group.add_argument(f"--{role}_max_tokens", type=int, default=None, help="longest answer, thinking counted")


def check(args, spec: llm.Spec):
    """UserError for what can be known to be wrong before anything is done: flags, a cap without a price, no key."""
    for name in ("max_cost", "pilot", "workers", "requests_per_minute", "tokens_per_minute", "timeout"):
        value = getattr(args, name)
        if value is not None and value <= 0:
            raise cli.UserError(f"--{name} {value:g} makes no sense; it must be above 0.")
    if args.price and min(args.price) < 0:
        raise cli.UserError("--price cannot be below 0.")
    require_price(spec.name, find_price(spec.name, not spec.urls, args.price), args.max_cost)
    if not args.dry_run:
        llm.find_key(spec)


def open_ledger(args, settings: dict) -> Ledger:
    """The ledger of this stage's run; `settings` are those that decide the answers."""
    ledger = Ledger(Path(args.out) / LEDGER, args.section, settings, args.max_cost)
    if ledger.news:
        print(f"note: {ledger.news}.")
    if ledger.lost:
        print(f"note: {ledger.lost} calls were open when the last run ended; they count as spent.")
    return ledger


def open_model(args, role: str, spec: llm.Spec, ledger: Ledger) -> llm.Model:
    """A model that asks by way of the ledger, which several may share. Inside an event loop."""
    limits = {"requests": args.requests_per_minute, "tokens": args.tokens_per_minute}
    limits = {name: value for name, value in limits.items() if value}
    price = find_price(spec.name, not spec.urls, args.price)
    return llm.Model(
        spec, llm.find_key(spec), ledger, price, limits, args.workers, args.timeout,
        temperature=getattr(args, f"{role}_temperature"), effort=getattr(args, f"{role}_effort"),
    )  # fmt: skip


class Asked:
    """What all requests for one item took: dollars, tokens, calls."""

    def __init__(self):
        self.cost, self.tokens, self.calls = 0.0, 0, 0

    async def ask(self, model: llm.Model, request: llm.Request) -> llm.Reply:
        """model.ask(), counted."""
        reply = await model.ask(request)
        self.cost, self.tokens, self.calls = self.cost + reply.cost, self.tokens + reply.tokens, self.calls + 1
        return reply


def estimate(per_item: list, wanted: float) -> tuple:
    """(middle, low, high) of the total that `wanted` more yields will take, from (taken, yielded) of each pilot item.

    A ratio, since an item may yield nothing or several; the interval (95 %) resamples the items.
    """
    rng, ratios = random.Random(0), []
    total, yielded = sum(taken for taken, _ in per_item), sum(count for _, count in per_item)
    for _ in range(RESAMPLES):
        drawn = rng.choices(per_item, k=len(per_item))
        ratios.append(sum(taken for taken, _ in drawn) / max(0.5, sum(count for _, count in drawn)))
    ratios.sort()
    low, high = ratios[int(0.025 * RESAMPLES)], ratios[math.ceil(0.975 * RESAMPLES) - 1]
    return tuple(wanted * ratio for ratio in (total / max(0.5, yielded), low, high))


def duration(model: llm.Model, calls: float, tokens: float) -> float:
    """Seconds that so many calls and tokens take: by their mean time and the workers, or by the tightest limit."""
    seconds = [calls * model.ledger.mean_seconds() / model.workers]
    for name, amount in (("requests", calls), ("tokens", tokens)):
        limits = [one.pace.buckets[name].limit for one in model.endpoints if name in one.pace.buckets]
        if limits:
            seconds.append(60 * amount / sum(limits))
    return max(seconds)


def ask_to_go_on(args, model: llm.Model, items: list, yields: list, more: int, told: str, note: str = ""):
    """After the pilot: the estimate of cost and time with its interval, and the question whether to go on.

    items: the pilot's, as Asked; yields: how much of what is wanted each brought, of which `more` is still to come.
    """
    cost, tokens, calls = (
        estimate([(getattr(item, name), count) for item, count in zip(items, yields, strict=True)], more)
        for name in ("cost", "tokens", "calls")
    )
    minutes = [duration(model, some, many) / 60 for some, many in zip(calls, tokens, strict=True)]
    lines, free = [told], model.price is not None and not any(model.price)
    if model.price and not free:
        middle, low, high = map(shown, cost)
        lines.append(f"they will cost about {middle} ({low} to {high}), beside {shown(model.ledger.spent)} spent.")
        if args.max_cost is not None and model.ledger.spent + cost[2] > args.max_cost:
            lines.append(f"--max_cost {args.max_cost:g} may end the run before.")
    elif not free:
        lines.append("their cost is unknown (no price).")
    lines.append(
        f"about {calls[0]:,.0f} calls, {tokens[0]:,.0f} tokens ({tokens[1]:,.0f} to {tokens[2]:,.0f}), "
        f"{minutes[0]:.1f} minutes ({minutes[1]:.1f} to {minutes[2]:.1f}). {note}".strip()
    )
    confirm("\n".join(lines), args.yes or free)


def confirm(text: str, yes: bool):
    """Show the estimate and ask; UserError unless the answer, or --yes, is yes."""
    print(text)
    if yes:
        return
    if not sys.stdin.isatty():
        raise cli.UserError("nobody is there to agree to the estimate above; run the same command with --yes to go on.")
    try:
        said = input("go on? [y/N] ")
    except EOFError:  # Ctrl-D
        said = ""
        print()
    if said.strip().lower() not in ("y", "yes"):
        raise cli.UserError("stopped before the estimate was spent; what was answered so far stays in the ledger.")


def shown(dollars: float | None) -> str:
    """Dollars with as many digits as say something."""
    return f"${dollars:,.2f}" if dollars >= 1 or dollars == 0 else f"${dollars:.4f}"


def teacher_terms(teacher: str) -> str:
    """What is known of the right to train on this teacher's outputs, in one or two sentences."""
    if not teacher.startswith(tuple(f"{provider}:" for provider in llm.PROVIDERS)):
        own = "templates and seeds" if teacher == "templates" else "questions, templates and seeds"
        return f"The rows come from this repository's own {own}, under its licence (Apache-2.0)."
    spec = llm.parse_spec(teacher)
    if spec.urls:
        return (
            f"The rows were written by `{spec.model}` on a server of the user's. Whether its licence allows to train "
            "another model on its outputs is not known here: see the model's licence."
        )
    return (
        f"The rows were written by `{spec.model}` of {spec.provider}. Its terms ({TERMS[spec.provider]}) restrict the "
        "training of competing models on its outputs; whether they allow this one is not known here: read them first."
    )


def judge_terms(judge: str) -> str:
    """What is known of the right to train on a model's verdicts, in one sentence."""
    spec = llm.parse_spec(judge)
    where = "its licence and terms" if spec.urls else f"its provider's terms ({TERMS[spec.provider]})"
    return f"Whether {where} allow to train on what `{spec.model}` preferred is not known here: read them first."


class Progress:
    """A bar over the rows (or other units) wanted: rate, time left, dollars so far and at the end, drops by reason."""

    def __init__(self, model: llm.Model, wanted: int, have: int, unit: str = "row"):
        from tqdm import tqdm

        self.model, self.dropped, self.started_with, self.spent_before = model, Counter(), have, model.ledger.spent
        self.bar = tqdm(total=wanted, initial=min(have, wanted), desc=f"{unit}s", unit=unit, mininterval=2)

    def add(self, kept: int, reasons: list):
        """One item's rows: how many are fit, and why the others are not."""
        self.dropped.update(reason.split(":")[0] for reason in reasons)
        self.bar.update(min(kept, self.bar.total - self.bar.n))
        told = [f"{reason} {count}" for reason, count in self.dropped.most_common(4)]
        if self.model.price:
            spent, new = self.model.ledger.spent, self.bar.n - self.started_with
            end = spent + (spent - self.spent_before) / new * (self.bar.total - self.bar.n) if new else spent
            told.insert(0, f"{shown(spent)}, about {shown(end)} at the end")
        self.bar.set_postfix_str("; ".join(told), refresh=False)

    def close(self):
        """Leave the line as it is."""
        self.bar.close()
