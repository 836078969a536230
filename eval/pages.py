"""Fills the templates of eval/templates, which hold the words of EVAL_REPORT.md and MODEL_CARD.md, with figures.

Used by eval/report.py, which loads the result files (`found`). Here are the filters that turn a figure into text and
the facts that no file states in so many words. No figure is written here or there: each comes from `found`. "Better"
and "worse" are said only where a 95 % interval excludes no difference and the exact test does, too.
"""

import functools
import json
import math
from pathlib import Path

from common import files
from common.answers import MODELS, PAIRS
from common.cli import ROOT
from common.paid import judge_terms, teacher_terms
from eval.domain import parts_of, slices_of
from eval.plots import NAMES

ORDER = ("sft_vs_base", "dpo_vs_base", "dpo_vs_sft")
SIDE_BY_SIDE = 10  # items whose three answers are shown
LOST_SHOWN = 20
LONGEST = 800  # characters shown of an answer
STOP_GOAL = 0.99
STILL = 1e-3  # a KL below this, in nats per answer, means that the policy did not move
FEW = 20  # clusters: an interval that resamples fewer is too narrow
REHEARSAL = 200  # with fewer items the report calls itself a rehearsal
UNCLEAR = "no difference shown"
AT_CHANCE = "cannot be measured: the base is at chance in both forms"
PARTS = {"all": "all", "answerable": "answerable", "to_be_refused": "to be refused"}
ALWAYS_REFUSE = "always_refuse"
BLOCKS = ("|", "#", "![", "~~~", "---")  # how a line begins that is no prose
# How the text of a LICENSE begins, and the Hub's name of it.
LICENCES = (("apache-2.0", "Apache License"), ("mit", "MIT License"), ("llama3", "META LLAMA 3 COMMUNITY LICENSE"))
DUTIES = Path(__file__).parent / "licences.json"
# Settings that decide a training, under the names of trl, peft and bitsandbytes.
SETTINGS = (
    *("learning_rate", "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps", "max_length"),
    *("warmup_steps", "lr_scheduler_type", "optim", "dtype", "load_in_4bit", "bnb_4bit_quant_type"),
    *("bnb_4bit_use_double_quant", "r", "lora_alpha", "lora_dropout", "target_modules", "packing", "beta"),
    *("loss_type", "loss_weights"),
)
IF_SET = ("load_in_8bit", "use_dora", "loraplus_lr_ratio", "label_smoothing")  # off unless asked for


# ---- figures as text: the templates' filters -----------------------------------------------------


def num(value, form) -> str:
    """A number in Python's format, '-' for none."""
    return "-" if value is None else format(value, form)


def percent(value) -> str:
    """A share as per cent."""
    return "-" if value is None else f"{100 * value:.1f} %"


def hundredths(value) -> str:
    """A share as per cent, without the sign."""
    return num(value and 100 * value, ".1f")


def points(value) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}"


def ends(one, key) -> list:
    """The interval of a figure: for `decided_rate` decided_low and decided_high, where there are none low and high."""
    stem = key.split("_")[0]
    return [one.get(f"{stem}_{end}", one.get(end)) for end in ("low", "high")]


def share(one, key="accuracy") -> str:
    """A share of a result with its interval, '-' when nothing could be judged or nobody was asked."""
    if not one or one[key] is None:
        return "-"
    low, high = ends(one, key)
    return f"{percent(one[key])} ({hundredths(low)} to {hundredths(high)})"


def change(one) -> str:
    """A difference of a result with its interval, in points, '-' when nothing could be judged."""
    if one["difference"] is None:
        return "-"
    return f"{points(one['difference'])} points ({points(one['low'])} to {points(one['high'])})"


def estimate(one, key, form) -> str:
    """A figure of a result with its interval in a format, '-' when there is none."""
    if not one or one[key] is None:
        return "-"
    low, high = ends(one, key)
    return f"{one[key]:{form}} ({low:{form}} to {high:{form}})" if low is not None else "-"


def verdict(one, zero=0.0) -> str:
    """What a result says: 'better' or 'worse' only when its interval lies beyond `zero` and the exact test agrees.

    The bootstrap alone is too sure of a few items that all changed one way: four gained and none lost exclude zero in
    98 of 100 resamples, and have an exact p of 0.12. A single cluster says nothing of others, whatever the width of its
    interval (where all its items are alike it is that of as many independent items).
    """
    if one["low"] is None:
        return "not judged"
    if one["low"] == one["high"] or one.get("clusters") == 1:
        return UNCLEAR
    if one.get("mcnemar_p", 0) >= 0.05 or one.get("decided_low", 1) <= 0.5 <= one.get("decided_high", 1):
        return UNCLEAR
    return "better" if one["low"] > zero else "worse" if one["high"] < zero else UNCLEAR


def leaning(length) -> str:
    """'longer' or 'shorter': what a judge goes with; '' unless its coefficient and the decided pairs both show it."""
    if not length or length["coefficient"] is None:
        return ""
    if length["coefficient_low"] > 0 and length["longer_low"] > 0.5:
        return "longer"
    return "shorter" if length["coefficient_high"] < 0 and length["longer_high"] < 0.5 else ""


def cell(text) -> str:
    """A text in a table."""
    return str(text).replace("|", "\\|")


def row(results, form="") -> str:
    """A number of each model, as cells of a table."""
    return " | ".join(num(results[model], form) for model in MODELS)


def shares(results, key="accuracy", names=MODELS) -> str:
    """The share of each model with its interval, as cells of a table."""
    return " | ".join(share(results.get(name), key) for name in names)


def percents(results) -> str:
    """The accuracy of each model without its interval, as cells of a table."""
    return " | ".join(percent(results[model]["accuracy"]) for model in MODELS)


def sizes(results) -> str:
    """The n of several results: once when it is the same, else one after another."""
    found = [one["n"] for one in results.values()]
    return str(found[0]) if len(set(found)) == 1 else " / ".join(map(str, found))


def fenced(text, longest=None) -> str:
    """Text as it stands, in a fence that it cannot close; beyond `longest` it is cut."""
    more = len(text) - longest if longest else 0
    shown = f"{text[:longest]}\n[... {more} more characters]" if more > 0 else text
    fence = "~~~"
    while fence in shown:
        fence += "~"
    return f"{fence}\n{shown}\n{fence}"


def capital(text) -> str:
    """The text with its first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def against(pair) -> str:
    """A pair in words, for example 'SFT against base'."""
    after, before = PAIRS[pair]
    return f"{NAMES[after]} against {'base' if before == 'base' else NAMES[before]}"


def last_paragraph(prompt) -> str:
    """The end of a prompt: what is asked, without the material it is asked about."""
    return prompt.strip().rsplit("\n\n", 1)[-1]


def own_file(run) -> str:
    """The file that --data named to a training, as the report may show it: its name and hash."""
    return f"`{Path(run['settings']['data']).name}` (SHA-256 {next(iter(run['inputs'].values()), '')[:16]})"


FILTERS = (
    *(num, percent, hundredths, points, share, change, estimate, verdict, leaning, cell, row, shares, percents, sizes),
    *(fenced, capital, against, last_paragraph, own_file),
)


# ---- what the files do not say in so many words --------------------------------------------------


def reported_forms(found, name) -> dict:
    """{form: result} that the tax of a benchmark is told in: one, or none when the base is at chance in both."""
    form = found.mmlu["summary"]["reported"][name]
    return {form: found.mmlu["summary"]["benchmarks"][name][form]} if form else {}


def headline_taxes(found) -> dict:
    """The tax by pair in MMLU, or in what stands in where MMLU is not measured; {} when it cannot be measured."""
    name = found.mmlu["summary"]["headline"]["benchmark"]
    return next((made["tax"] for made in reported_forms(found, name).values()), {})


def policy(found) -> str:
    """'on-policy' when every pair was sampled from the SFT model that DPO began with, as its run says."""
    counts = found.runs["dpo"].get("policy", {})
    return "off-policy" if counts.get("off") or counts.get("unknown") else "on-policy"


def watched(runs) -> list:
    """[(the trainings, the dev benchmark that they measured themselves on)], of those whose record names one."""
    found = []
    for stage in ("sft", "dpo"):
        dev = runs[stage].get("dev")
        if dev and found and found[-1][1] == dev:
            found[-1][0].append(stage.upper())
        elif dev:
            found.append(([stage.upper()], dev))
    return found


def dev_loss(log) -> dict:
    """SFT's lowest dev loss with its step and the last with its; {} when none was logged."""
    losses = [(item["eval_loss"], item["step"]) for item in log if item.get("eval_loss") is not None]
    return dict(zip(("lowest", "step", "last", "end"), (*min(losses), *losses[-1]), strict=True)) if losses else {}


def sorted_reasons(reasons) -> list:
    """[(reason, {model: answers})], the most frequent first."""
    counts = {
        reason: {model: reasons[model].get(reason, 0) for model in MODELS} for one in reasons.values() for reason in one
    }
    return sorted(counts.items(), key=lambda one: (-max(one[1].values()), one[0]))


def not_judged(rows) -> dict:
    """{kind: answers of each model that could not be judged, and `of` how many}, of the kinds that have any."""
    made = {}
    for row in rows:
        one = made.setdefault(row["category"], {"of": 0, **dict.fromkeys(MODELS, 0)})
        one["of"] += 1
        for model in MODELS:
            one[model] += row[model]["correct"] is None
    return {kind: one for kind, one in made.items() if any(one[model] for model in MODELS)}


def choose_items(rows) -> list:
    """Ids for the side-by-side answers: by rule, so that nobody picks.

    The kinds in alphabetical order, ten of them evenly spaced when there are more; of each kind
    the item with the smallest id; then, while ten are not reached, each kind's next item.
    """
    by_kind = {}
    for row in sorted(rows, key=lambda row: row["id"]):
        by_kind.setdefault(row["category"], []).append(row["id"])
    kinds = sorted(by_kind)
    if len(kinds) > SIDE_BY_SIDE:
        kinds = [kinds[i * len(kinds) // SIDE_BY_SIDE] for i in range(SIDE_BY_SIDE)]
    deepest = max(len(by_kind[kind]) for kind in kinds)
    chosen = [by_kind[kind][i] for i in range(deepest) for kind in kinds if i < len(by_kind[kind])]
    return chosen[:SIDE_BY_SIDE]


def unclear(found) -> list:
    """The comparisons of which the interval shows no difference."""
    parts = (
        ("accuracy", found.domain["summary"].get("difference", {}).get("all", {}), 0.0),
        ("win rate", found.wins, 0.5),
        (found.mmlu["summary"]["headline"]["benchmark"], headline_taxes(found), 0.0),
    )
    return [
        f"{label}, {against(pair)}"
        for label, part, zero in parts
        for pair, one in part.items()
        if verdict(one, zero) == UNCLEAR
    ]


def few_clusters(rows) -> list:
    """["to be refused: bank (9)", ...]: parts and slices with items of fewer than FEW clusters, and their number."""
    slices = {"": set(range(len(rows))), **slices_of(rows)}
    chosen = {
        PARTS[part] + (name and f": {name}"): {*some} & {*inside}
        for name, inside in slices.items()
        for part, some in parts_of(rows).items()
    }
    counts = {name: len({rows[i]["cluster"] for i in some}) for name, some in chosen.items()}
    return [f"{name} ({count})" for name, count in counts.items() if 0 < count < FEW]


def fallen(rows) -> list:
    """[(kind, change, n)] of the kinds with fewer right after DPO than after SFT, over the items judged of both."""
    changes = {}
    for row in rows:
        before, after = row["sft"]["correct"], row["dpo"]["correct"]
        if None not in (before, after):
            changes.setdefault(row["category"], []).append(after - before)
    return [(kind, sum(made) / len(made), len(made)) for kind, made in sorted(changes.items()) if sum(made) < 0]


def limits(found) -> dict:
    """What the caveats and tables name as lists."""
    domain, runs = found.domain["summary"], found.runs
    kinds, counts = sorted(domain.get("by_kind", {}).items()), runs["answers"]["counts"]
    rows = found.domain["rows"] if "accuracy" in domain else []
    forms = {key[5:].removesuffix("_accuracy"): counts[key] for key in counts
             if key.startswith("base_") and key.endswith("_accuracy")}  # fmt: skip
    teachers = runs["gen_sft"]["settings"]["teacher"].split(",") if "gen_sft" in runs else ()
    clusters = len({row["cluster"] for row in found.answers["sft"].values()})
    stopped = {NAMES[name]: domain["stopped"][name]["share"] for name in ("sft", "dpo")}
    return {
        "unclear": unclear(found),
        "clusters": clusters if clusters < FEW else 0,
        "few_clusters": few_clusters(rows),
        "worse": fallen(rows),
        "weak": [(kind, one) for kind, one in kinds if one["dpo"]["accuracy"] < 0.5],
        "base_forms": [f"{form} {percent(value)}" for form, value in forms.items()],
        "from_templates": any(name.startswith("templates") for name in teachers),
        "unfinished": [f"{name} {percent(value)}" for name, value in stopped.items() if value < STOP_GOAL],
        "limited": [
            f"{stage} {run['settings']['limit']}" for stage, run in runs.items() if run["settings"].get("limit")
        ],
        "commits": sorted({run["commit"] for run in runs.values()}),
        "dropped": sorted({reason for one in found.quality.values() for reason in one["dropped"]}),
    }


def versions(runs) -> dict:
    """{package: its versions over all stages}."""
    return {
        package: {run["versions"][package] for run in runs.values() if package in run["versions"]}
        for run in runs.values()
        for package in run["versions"]
    }


def facts(found) -> dict:
    """Everything that the templates name."""
    domain, mmlu, runs = found.domain["summary"], found.mmlu["summary"], found.runs
    verified = "accuracy" in domain
    rows, reasons, difference = found.domain["rows"], domain.get("reasons", {}), domain.get("difference", {})
    losses = dev_loss(found.sft_log)
    unmeasured = dict.fromkeys(("accuracy", "difference", "slices", "refused_answerable", "unjudged"), {})
    return vars(found) | limits(found) | {
        "verified": verified,
        "domain": unmeasured | domain,
        "winrate": found.winrate.get("summary", {}),
        "mmlu": mmlu,
        "asked": found.mmlu["settings"],
        "control": found.control.get("summary", {"accuracy": {}, "difference": {}}),
        "seeds": found.seeds.get("summary"),
        "rows": rows,
        "by_id": {row["id"]: row for row in rows},
        "columns": (*MODELS, ALWAYS_REFUSE) if verified and ALWAYS_REFUSE in domain["accuracy"]["all"] else MODELS,
        "base": runs["sft"]["settings"]["base"],
        "policy": policy(found),
        "headline": mmlu["headline"]["benchmark"],
        "told": reported_forms(found, mmlu["headline"]["benchmark"]),
        "taxes": headline_taxes(found),
        "due": {
            pair: difference.get("to_be_refused", {}).get(pair, {"gained": 0})["gained"]
            for pair in PAIRS
            if len(difference) > 1  # else the rows do not say which refusals were due
        },
        "reasons": sorted_reasons(reasons),
        "not_judged": not_judged(rows) if verified else {},
        "judged": {f"`{name}`": one["summary"] for name, one in found.judges.items()}
        | ({"majority": found.majority} if found.majority else {}),
        "together": found.winrate.get("together", {"voters": [], "kappa": {}, "majority": {}}),
        "watched": watched(runs),
        "losses": losses,
        "late": bool(losses) and losses["last"] > losses["lowest"],
        "held_out": next((item for item in reversed(found.dpo_log) if "eval_rewards/margins" in item), {}),
        "lost": sorted(domain.get("lost", ()))[:LOST_SHOWN],
        "chosen": choose_items(rows),
        "versions": versions(runs),
    }  # fmt: skip


# ---- the pages -----------------------------------------------------------------------------------


def one_line(text) -> str:
    """A line for each paragraph and each item of a list, one blank line between them; what is fenced stays as it is.

    So the templates can wrap their prose, and leave a part out without care for the blank line after it.
    """
    made, fence = [], None
    for line in text.strip().split("\n"):
        if fence or line.startswith("~~~") or line == "---":
            made.append(line)
            fence = None if line == fence else fence or line
            continue
        before = made[-1] if made else ""
        goes_on = line.strip() and before and not line.startswith((*BLOCKS, "- "))
        if goes_on and not before.startswith(BLOCKS):
            made[-1] = f"{before} {line.strip()}"
        elif line.strip() or before:
            made.append(line.rstrip())
    return "\n".join(made)


def licence(found) -> str:
    """The licence of the base as its SOURCE.json, else its own card, names it, else that of its LICENSE, else 'other'.

    An adapter inherits its base's terms; of a base that says none of this nothing is known.
    """
    if found.source:
        return found.source["licence"]
    from huggingface_hub import ModelCard

    folder = base_folder(found.runs["sft"]["settings"]["base"])
    card, path = folder / "README.md", folder / "LICENSE"
    named = card.is_file() and ModelCard.load(card, ignore_metadata_errors=True).data.license
    if isinstance(named, str) and named not in ("other", "unknown"):
        return named
    text = path.read_text(encoding="utf-8")[:400] if path.is_file() else ""
    return next((name for name, words in LICENCES if words in text), "other")


def base_folder(base) -> Path:
    """Where the base lies: its folder, or that of the Hub's cache for a name on the Hub; it need not be there."""
    folder = ROOT / base
    if folder.is_dir() or base.count("/") != 1 or base.startswith("."):
        return folder
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(base, "config.json")
    return Path(cached).parent if isinstance(cached, str) else folder


def base_terms(name) -> str:
    """A sentence on what the base's licence asks of whoever passes the model on, as far as it is known."""
    known = files.read_json(DUTIES)["licences"].get(name)
    if known:
        return (
            f"The base's licence is {name} ({known['source']}, read {known['read']}). For whoever passes this model on "
            f"it means: {known['duties']}."
        )
    told = "is not known here, nor" if name in ("other", "unknown") else f"is {name}. It is not known here"
    return f"The base's licence {told} what it asks of whoever passes this model on: read it where the base came from."


def terms(runs) -> list:
    """Sentences on what is known of the right to train on what a teacher wrote and a model preferred."""
    known = {stage: runs[stage]["settings"] for stage in ("gen_sft", "gen_dpo") if stage in runs}
    made = [teacher_terms(known["gen_sft"]["teacher"])] if "gen_sft" in known else []
    return made + ([judge_terms(known["gen_dpo"]["judge"])] if ":" in known.get("gen_dpo", {}).get("judge", "") else [])


def measured(found, name) -> list:
    """[(label, kind of data, result)] of the model index: the accuracies that could be judged."""
    benchmark, shots = found.mmlu["summary"]["headline"]["benchmark"], found.mmlu["settings"]["shots"]
    own = found.domain["summary"].get("accuracy", {}).get("all", {}).get("dpo")
    made = [(f"{name} benchmark", name, own)]
    for form, one in reported_forms(found, benchmark).items():
        label = f"{capital(benchmark)} ({shots}-shot, {form})"
        made.append((label, benchmark.lower().replace(" ", "_"), one["accuracy"]["dpo"]))
    return [one for one in made if one[-1] and one[-1]["accuracy"] is not None]


@functools.cache
def environment():
    """Jinja with the filters and constants of this file; a name that a template has wrong is an error."""
    import jinja2

    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # Markdown, no HTML
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {one.__name__: one for one in FILTERS} | {"json": json.dumps}
    made.globals |= {
        "MODELS": MODELS, "NAMES": NAMES, "ORDER": ORDER, "PARTS": PARTS, "UNCLEAR": UNCLEAR, "AT_CHANCE": AT_CHANCE,
        "STOP_GOAL": STOP_GOAL, "STILL": STILL, "REHEARSAL": REHEARSAL, "LONGEST": LONGEST, "LN2": math.log(2),
        "SIDE_BY_SIDE": SIDE_BY_SIDE, "SETTINGS": SETTINGS, "IF_SET": IF_SET,
    }  # fmt: skip
    return made


def fill(found, **told) -> dict:
    """{name: text} of the two pages, `report` and `card`, and of what they share: `table` and `sentence` among it.

    told: `name` of the domain, its `purpose` and `system_prompt`, `command_tail`, `images` and `places` by name, and
    `report_name`.
    """
    templates = environment()
    known = facts(found) | told | {"licence": licence(found), "measured": measured(found, told["name"])}
    known |= {"terms": terms(found.runs), "base_terms": base_terms(known["licence"])}
    for name in ("dev_loss", "table", "sentence", "caveats", "report", "card"):  # each may name those before it
        known[name] = one_line(templates.get_template(f"{name}.md.jinja").render(known))
    return known
