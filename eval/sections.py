"""The words and tables of EVAL_REPORT.md: from loaded result files (`found`) to lines of markdown.

Used by eval/report.py, which loads the files, and by eval/card.py. No figure is written here: each
comes from `found`. "Better" and "worse" are said only where a 95 % interval excludes no difference.
"""

import json
import math

from common.answers import MODELS, PAIRS
from eval.plots import NAMES

ORDER = ("sft_vs_base", "dpo_vs_base", "dpo_vs_sft")
SIDE_BY_SIDE = 10  # items whose three answers are shown
LOST_SHOWN = 20
LONGEST = 800  # characters shown of an answer
STOP_GOAL = 0.99
STILL = 1e-3  # a KL below this, in nats per answer, means that the policy did not move
REHEARSAL = 200  # with fewer items the report calls itself a rehearsal
UNCLEAR = "no difference shown"
AT_CHANCE = "cannot be measured: the base is at chance in both forms"
PARTS = {"all": "all", "answerable": "answerable", "to_be_refused": "to be refused"}
ALWAYS_REFUSE = "always_refuse"


# ---- figures as text -----------------------------------------------------------------------------


def percent(value) -> str:
    """A share as per cent."""
    return "-" if value is None else f"{100 * value:.1f} %"


def points(value) -> str:
    """A difference of shares in percentage points, with its sign."""
    return f"{100 * value:+.1f}"


def share(one, key="accuracy", low="low", high="high") -> str:
    """A share of a result with its interval, '-' when nothing could be judged."""
    if one[key] is None:
        return "-"
    return f"{percent(one[key])} ({100 * one[low]:.1f} to {100 * one[high]:.1f})"


def shares(results) -> list:
    """The share of each model, '-' for one that was not asked."""
    return [share(results[model]) if model in results else "-" for model in MODELS]


def change(one) -> str:
    """A difference of a result with its interval, in points, '-' when nothing could be judged."""
    if one["difference"] is None:
        return "-"
    return f"{points(one['difference'])} points ({points(one['low'])} to {points(one['high'])})"


def sizes(ones) -> str:
    """The n of several results: once when it is the same, else one after another."""
    found = [one["n"] for one in ones]
    return str(found[0]) if len(set(found)) == 1 else " / ".join(map(str, found))


def verdict(one, zero=0.0) -> str:
    """What an interval says: 'better' or 'worse' only when it lies on one side of `zero`."""
    if one["low"] is None:
        return "not judged"
    return "better" if one["low"] > zero else "worse" if one["high"] < zero else UNCLEAR


def table(header, rows) -> list:
    """A markdown table."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in (header, *rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return [lines[0], "|" + "---|" * len(header), *lines[1:]]


def fenced(text, longest=None) -> list:
    """Text as it stands, in a fence that it cannot close; beyond `longest` it is cut."""
    more = len(text) - longest if longest else 0
    shown = f"{text[:longest]}\n[... {more} more characters]" if more > 0 else text
    fence = "~~~"
    while fence in shown:
        fence += "~"
    return [fence, shown, fence]


def capital(text) -> str:
    """The text with its first letter in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def against(pair) -> str:
    """A pair in words, for example 'SFT against base'."""
    after, before = PAIRS[pair]
    return f"{NAMES[after]} against {'base' if before == 'base' else NAMES[before]}"


# ---- the first screen ----------------------------------------------------------------------------


def benchmark_name(found) -> str:
    """MMLU, or what the test is called that stands in where MMLU is not measured or its base is at chance."""
    return found.mmlu["summary"]["headline"]["benchmark"]


def benchmark_label(found, name, form) -> str:
    """A benchmark as it was asked, for example 'MMLU (5-shot, letters)'."""
    return f"{capital(name)} ({found.mmlu['settings']['shots']}-shot, {form})"


def reported_forms(found, name) -> dict:
    """{form: result} that the tax of a benchmark is told in: one, or none when the base is at chance in both."""
    form = found.mmlu["summary"]["reported"][name]
    return {form: found.mmlu["summary"]["benchmarks"][name][form]} if form else {}


def headline_taxes(found) -> dict:
    """The headline benchmark's tax by pair; {} when it cannot be measured."""
    return next((made["tax"] for made in reported_forms(found, benchmark_name(found)).values()), {})


def mmlu_rows(found) -> list:
    """The first table's rows on MMLU, on what stands in for it, and on general text, n last."""
    summary = found.mmlu["summary"]
    rows = [] if "MMLU" in summary["benchmarks"] else [["MMLU", "not measured here", "-", "-", "-"]]
    for name in summary["benchmarks"]:
        if name in ("MMLU", benchmark_name(found)):
            rows += benchmark_rows(found, name)
    text = summary["general_text"]
    return [
        *rows,
        [
            "Perplexity on general text",
            *(f"{text['perplexity'][model]:.3f}" for model in MODELS),
            f"{text['tokens']} tokens",
        ],
    ]


def benchmark_rows(found, name) -> list:
    """Accuracy and tax of one benchmark: in the form that the tax is told in, in both where it cannot be measured."""
    told, rows = reported_forms(found, name), []
    for form, made in (told or found.mmlu["summary"]["benchmarks"][name]).items():
        label = benchmark_label(found, name, form)
        rows.append([f"{label}: accuracy", *shares(made["accuracy"]), made["accuracy"]["base"]["n"]])
        if told:
            tax = made["tax"]
            rows.append(
                [f"{label}: tax", "-", change(tax["sft_vs_base"]), change(tax["dpo_vs_base"]), tax["dpo_vs_base"]["n"]]
            )
    return rows if told else [*rows, [f"{capital(name)}: tax", AT_CHANCE, "-", "-", "-"]]


def tax_verdict(found) -> str:
    """What the headline benchmark's interval allows to say of SFT + DPO."""
    name, tax = capital(benchmark_name(found)), headline_taxes(found).get("dpo_vs_base")
    if not tax:
        return f"{name}, {against('dpo_vs_base')}: the tax {AT_CHANCE}."
    return (
        f"{name}, {against('dpo_vs_base')}: {change(tax)}, **{verdict(tax)}** (n = {tax['n']} would show "
        f"{100 * tax['detectable']:.1f} points or more with 80 % power)."
    )


def tax_phrase(found) -> str:
    """The headline benchmark's tax as the end of a sentence."""
    name, tax = benchmark_name(found), headline_taxes(found).get("dpo_vs_base")
    begun = f"at an alignment tax (change from the base in {name})"
    if not tax:
        return f"{begun} that {AT_CHANCE}"
    unclear = f", {UNCLEAR}" if verdict(tax) == UNCLEAR else ""
    return (
        f"{begun} of {points(tax['difference'])} points ({points(tax['low'])} to {points(tax['high'])}, "
        f"n = {tax['n']}, detectable {100 * tax['detectable']:.1f}{unclear})"
    )


def base_name(found) -> str:
    """The base as the training run was given it."""
    return found.runs["sft"]["settings"]["base"]


def base_lines(found) -> list:
    """What the base is, in the sentence of its SOURCE.json; nothing without that file."""
    return [f"The base, `{base_name(found)}`: {found.source['what']}", ""] if found.source else []


def domain_rows(summary) -> list:
    """The rows of the first table on the domain: accuracy by part, over-refusal, what could not be judged."""
    rows = []
    for part, made in summary["accuracy"].items():
        label = f"Domain accuracy, {PARTS[part]}" if len(summary["accuracy"]) > 1 else "Domain accuracy"
        rows.append([label, *map(share, made.values()), sizes(made.values())])
        for name, apart in summary.get("slices", {}).items():
            if part in apart["accuracy"]:
                inside = apart["accuracy"][part].values()
                rows.append([f"{label}: {name}", *map(share, inside), sizes(inside)])
    refused = summary["refused_answerable"]
    if refused:
        shares = [share(one, "share") for one in refused.values()]
        rows.append(["Refused, though answerable", *shares, sizes(refused.values())])
    unjudged = summary["unjudged"]["correct"]
    if any(unjudged.values()):
        asked = unjudged["dpo"] + summary["accuracy"]["all"]["dpo"]["n"]
        constant = ["-"] if always_refuses(summary) else []
        rows.append(["Answers that could not be judged", *(unjudged[model] for model in MODELS), *constant, asked])
    return rows


def always_refuses(summary) -> bool:
    """Whether the domain has a constant refusal to set beside the models."""
    return ALWAYS_REFUSE in summary["accuracy"]["all"]


def headline(found) -> list:
    """The table of base, SFT and SFT + DPO on domain, win rate and tax, with a constant refusal beside them."""
    domain, wins = found.domain["summary"], found.winrate["summary"]["correctness"]
    rows = [
        [
            "Win rate against base",
            "-",
            share(wins["sft_vs_base"], "rate"),
            share(wins["dpo_vs_base"], "rate"),
            wins["dpo_vs_base"]["n"],
        ],
        ["Win rate against SFT", "-", "-", share(wins["dpo_vs_sft"], "rate"), wins["dpo_vs_sft"]["n"]],
        *control_rows(found),
        *mmlu_rows(found),
    ]
    columns, note = list(NAMES.values()), ""
    if always_refuses(domain):
        columns.append("Always refuse")
        rows = [[*cells, "-", n] for *cells, n in rows]
        note = "Always refuse: one constant refusal as the answer to every item. "
    return [
        *table(["", *columns, "n"], [*domain_rows(domain), *rows]),
        "",
        "In brackets: 95 % intervals. Win rate: by correctness alone, (wins + ties / 2) / n, so 50 % is a draw. "
        f"{note}{control_note(found)}Tax: change from the base on the same items, negative is worse.",
    ]


def control_rows(found) -> list:
    """The rows of the first table on the control, none where bench/control.py was not run."""
    if not found.control:
        return []
    summary = found.control["summary"]
    rows = []
    for part, made in summary["difference"].items():
        label = f"Against the control, {PARTS[part]}" if len(summary["difference"]) > 1 else "Against the control"
        sft, after = made["sft_vs_control"], made["dpo_vs_control"]
        rows.append([label, "-", change(sft), change(after), after["n"]])
    return rows


def control_note(found) -> str:
    """What the control is, for below the first table; nothing where there is none."""
    if not found.control:
        return ""
    one = found.control["summary"]["accuracy"]["all"]
    return (
        "Control: the SFT model trained on for as many steps and rows as DPO, on the chosen answers alone; its domain "
        f"accuracy is {share(one)}. "
    )


def verdicts(found) -> list:
    """What the intervals allow to say, a sentence for each comparison."""
    made = []
    for pair in ORDER:
        difference = found.domain["summary"]["difference"]["all"][pair]
        wins = found.winrate["summary"]["correctness"][pair]
        made.append(
            f"{against(pair)}: accuracy {change(difference)}, **{verdict(difference)}**; "
            f"win rate {share(wins, 'rate')}, **{verdict(wins, 0.5)}**"
            f"{answerable(found, pair)}{gained(found, pair)}."
        )
    return [*made, *control_verdict(found), tax_verdict(found)]


def control_verdict(found) -> list:
    """Whether the preferences did more than further training on the chosen answers; nothing without a control."""
    if not found.control:
        return []
    one = found.control["summary"]["difference"]["all"]["dpo_vs_control"]
    return [f"SFT + DPO against the control (SFT on the chosen answers): accuracy {change(one)}, **{verdict(one)}**."]


def answerable(found, pair) -> str:
    """The difference on answerable items alone, which no refusal can better; nothing when the rows do not say."""
    made = found.domain["summary"]["difference"].get("answerable")
    return f"; on answerable items alone {change(made[pair])}, **{verdict(made[pair])}**" if made else ""


def gained(found, pair, over="") -> str:
    """How many of the items gained are refusals that were due; nothing when the rows do not say which are."""
    difference = found.domain["summary"]["difference"]
    if len(difference) == 1:
        return ""
    due = difference["to_be_refused"][pair]["gained"] if "to_be_refused" in difference else 0
    return f"; of {difference['all'][pair]['gained']} items gained{over}, {due} are refusals that were due"


def policy(found) -> str:
    """'on-policy' when every pair was sampled from the SFT model that DPO began with, as its run says."""
    counts = found.runs["dpo"].get("policy", {})
    return "off-policy" if counts.get("off") or counts.get("unknown") else "on-policy"


def copyable(found) -> str:
    """The result in one sentence."""
    says = {"better": "beats", "worse": "loses to", UNCLEAR: "shows no difference from"}
    phrases = []
    for pair, other in (("dpo_vs_base", "the base"), ("dpo_vs_sft", "the SFT model")):
        one = found.winrate["summary"]["correctness"][pair]
        phrases.append(
            f"{says[verdict(one, 0.5)]} {other} (win rate {percent(one['rate'])}, 95 % "
            f"interval {100 * one['low']:.1f} to {100 * one['high']:.1f}, "
            f"n = {one['n']})"
        )
    return (
        f"{base_name(found)} after SFT on {found.runs['sft']['counts']['rows']:,} rows and DPO "
        f"on {found.runs['dpo']['counts']['pairs']:,} {policy(found)} pairs "
        f"{' and '.join(phrases)} in correctness as judged by the {found.winrate['settings']['judge']}, "
        f"{tax_phrase(found)}{gained(found, 'dpo_vs_sft', ' over the SFT model')}."
    )


# ---- domain, win rates, skills -------------------------------------------------------------------


def domain_section(found, plot) -> list:
    """Differences, accuracy by kind, form of the answers, refusals, verdicts by reason."""
    summary = found.domain["summary"]
    changes = [
        [against(pair), PARTS[part], *difference_cells(made[pair])]
        for pair in ORDER
        for part, made in summary["difference"].items()
    ]
    changes += [
        [against(pair), f"{PARTS[part]}: {name}", *difference_cells(made[pair])]
        for pair in ORDER
        for name, apart in summary.get("slices", {}).items()
        for part, made in apart["difference"].items()
    ]
    kinds = [
        [kind, one["dpo"]["n"], *(percent(one[name]["accuracy"]) for name in MODELS)]
        for kind, one in sorted(summary["by_kind"].items())
    ]
    return [
        "## Domain",
        "",
        "Accuracy is the share of answers that the domain's verifier accepts, of those that it can "
        "judge. Its intervals resample whole clusters (items that depend on each other). Differences "
        "are paired; McNemar's exact p beside them takes items as independent.",
        "",
        *table(["difference", "items", "accuracy", "verdict", "gained", "lost", "n", "McNemar p"], changes),
        "",
        *plot,
        *table(["kind", "n", *NAMES.values()], kinds),
        "",
        *_form_and_refusals(summary),
        *_reasons(summary),
    ]


def difference_cells(one) -> list:
    """A paired difference, its verdict, gained, lost, n and McNemar's p, as cells of a table."""
    p = "-" if one["mcnemar_p"] is None else f"{one['mcnemar_p']:.2g}"
    return [change(one), verdict(one), one["gained"], one["lost"], one["n"], p]


def _form_and_refusals(summary):
    labels = {"format": "right format", "explanation": "right explanation", "stopped": "ended by itself",
              "refused_answerable": "refused, though answerable"}  # fmt: skip
    rows = [
        [label, *(share(summary[key][name], "share") for name in MODELS), sizes(summary[key].values())]
        for key, label in labels.items()
        if summary[key]
    ]
    if "to_be_refused" in summary["accuracy"]:
        due = summary["accuracy"]["to_be_refused"]
        rows.append(["refused, as was due", *(share(due[name]) for name in MODELS), sizes(due.values())])
    for field, label in (("correct", "answer"), ("format_ok", "format"), ("explanation_ok", "explanation")):
        unjudged = summary["unjudged"][field]
        if any(unjudged.values()):
            rows.append([f"number that could not be judged: {label}", *(unjudged[name] for name in MODELS), "-"])
    changes = [[against(pair), *difference_cells(summary["explanation_difference"][pair])] for pair in ORDER]
    header = ["difference", "right explanations", "verdict", "gained", "lost", "n", "McNemar p"]
    return ["### Form and refusals", "", *table(["share of answers", *NAMES.values(), "n"], rows), "",
            "Intervals resample whole clusters; n is the number judged.", "", *table(header, changes), ""]  # fmt: skip


def _reasons(summary):
    found = {name: summary["reasons"][name] for name in MODELS}
    most = {reason: max(one.get(reason, 0) for one in found.values()) for one in found.values() for reason in one}
    rows = [
        [f"`{reason}`", *(found[name].get(reason, 0) for name in MODELS)]
        for reason in sorted(most, key=lambda reason: (-most[reason], reason))
    ]
    return [
        "### Verdicts by reason",
        "",
        "Answers for each reason code of the verifier.",
        "",
        *table(["reason", *NAMES.values()], rows),
        "",
    ]


def winrate_section(found, plot) -> list:
    """Win rates by correctness alone and in full, decided pairs, wins by reason, lengths."""
    summary = found.winrate["summary"]
    ways = {"correctness": "correctness alone", "full": "correctness, format, explanation"}
    rates = [[against(pair), ways[way], *_rate_cells(summary[way][pair])] for way in ways for pair in ORDER]
    fields = list(summary["full"]["dpo_vs_sft"]["by_reason"])
    reasons = []
    for pair in ORDER:
        one = summary["full"][pair]
        by = (f"{one['by_reason'][field]['wins']} / {one['by_reason'][field]['losses']}" for field in fields)
        reasons.append([against(pair), *by, f"{one['length_difference']:+.1f}"])
    header = ["pair", "decided by", "win rate", "verdict", "won / tied / lost", "ties", "decided pairs won", "n",
              "not judged"]  # fmt: skip
    return ["## Win rates", "", *plot, *table(header, rates), "",
            "The win rate's interval resamples whole clusters; that of the decided pairs is the exact binomial one. "
            "An item of which either answer cannot be judged is left out. The first screen counts correctness alone: "
            "a base asked few-shot is never shown the format or the explanation that the full rule asks for.", "",
            "Wins by reason under the full rule: a comparison is decided (won / lost) by the first of these in which "
            "the two answers differ. Length never decides; its mean difference stands beside.", "",
            *table(["decided by", *fields, "length (characters)"], reasons), ""]  # fmt: skip


def _rate_cells(one):
    return [
        share(one, "rate"),
        verdict(one, 0.5),
        f"{one['wins']} / {one['ties']} / {one['losses']}",
        percent(one["tie_share"]),
        share(one, "decided_rate", "decided_low", "decided_high"),
        one["n"],
        one["unjudged"],
    ]


def judges_section(found) -> list:
    """Win rates, biases and agreement of judges beside the verifier; nothing when it judged alone."""
    judges = found.winrate.get("judges")
    if not judges:
        return []
    header = ["judge", "pair", "win rate", "verdict", "won / tied / lost", "decided pairs won", "at equal length", "n",
              "not judged"]  # fmt: skip
    rates = [[f"`{name}`", against(pair), *_judged_cells(one["summary"][pair])] for name, one in judges.items()
             for pair in ORDER]  # fmt: skip
    together = found.winrate["together"]
    rates += [
        ["majority", against(pair), *_judged_cells({**one, "unjudged": len(found.winrate["rows"]) - one["n"]})]
        for pair in ORDER
        if (one := together["majority"].get(pair))
    ]
    voters = ", ".join(f"`{name}`" for name in together["voters"]) or "none"
    kappas = [[names, *(_kappa_cell(made[pair]) for pair in ORDER)] for names, made in together["kappa"].items()]
    return [
        "### Other judges",
        "",
        "Each pair was judged in both orders; what both agree on counts, else it is a tie. `longest`, `first` and "
        "`random` are controls: they show what a bad judge looks like. At equal length: AlpacaEval 2's "
        "length-controlled rate, with an interval of the whole fit. Majority: what more than half of the judges with a "
        f"vote say ({voters}; the verifier by its full rule).",
        "",
        *table(header, rates),
        "",
        *_bias_lines(judges),
        *table(["Cohen's kappa of", *map(against, ORDER)], kappas),
        "",
        "Beside kappa and its interval: the plain share of items on which the two agree.",
        "",
    ]


def _judged_cells(one):
    if one["rate"] is None:
        return ["-", "not judged", "-", "-", "-", 0, one["unjudged"]]
    length = one.get("length")
    return [
        share(one, "rate"),
        verdict(one, 0.5),
        f"{one['wins']} / {one['ties']} / {one['losses']}",
        share(one, "decided_rate", "decided_low", "decided_high"),
        share(length, "controlled_rate", "controlled_low", "controlled_high") if length else "-",
        one["n"],
        one["unjudged"],
    ]


def _kappa_cell(one):
    if one is None or one["kappa"] is None:
        return "-"
    return f"{one['kappa']:.2f} ({one['low']:.2f} to {one['high']:.2f}); {percent(one['agreement'])}"


def _bias_lines(judges):
    """The table of position and length, and a sentence on every bias that an interval shows or a name suggests."""
    rows, said = [], []
    for name, one in judges.items():
        for pair in ORDER:
            made = one["summary"][pair]
            place, length = made.get("position"), made.get("length")
            rows.append([f"`{name}`", against(pair), *_place_cells(place), *_length_cells(length)])
            if place and (place["first_low"] > 0.5 or place["first_high"] < 0.5):
                shown = "first" if place["first_low"] > 0.5 else "second"
                said.append(f"`{name}` favours the answer shown {shown} ({against(pair)}).")
            if length and length["coefficient"] and length["coefficient_low"] * length["coefficient_high"] > 0:
                which = "longer" if length["coefficient"] > 0 else "shorter"
                said.append(f"`{name}` goes with the {which} answer ({against(pair)}).")
        if one["settings"]["self_preference"]:
            said.append(f"`{name}` may prefer its own kind: {one['settings']['self_preference']}.")
    header = ["judge", "pair", "both orders agree", "first place favoured where not", "longer answer won",
              "length coefficient"]  # fmt: skip
    return [
        *table(header, rows),
        "",
        "Same answers are ties that nobody is asked about, and do not count in the first two figures. Longer answer "
        "won: of the decided pairs. Length coefficient: log-odds of a win by tanh of the length difference in standard "
        "deviations; above 0 the longer answer wins more often than it would at equal length, by merit or by bias.",
        "",
        *(f"- {line}" for line in said),
        *([""] if said else []),
    ]


def _place_cells(place):
    if not place:
        return ["-", "-"]
    return [share(place, "consistent", "consistent_low", "consistent_high"),
            share(place, "first_share", "first_low", "first_high")]  # fmt: skip


def _length_cells(length):
    if not length:
        return ["-", "-"]
    fitted = length["coefficient"] is not None
    value = "{coefficient:+.2f} ({coefficient_low:+.2f} to {coefficient_high:+.2f})".format(**length) if fitted else "-"
    return [share(length, "longer_won", "longer_low", "longer_high"), value]


def skills_section(found) -> list:
    """Accuracy in both forms and the paired tax of every benchmark, general text, and the headline by subject."""
    lines = ["## Alignment tax", "", *_tax_method(found)]
    for name in found.mmlu["summary"]["benchmarks"]:
        lines += _benchmark_part(found, name)
    lines += [*_general_text_part(found), *_tasks_part(found)]
    for form, made in reported_forms(found, benchmark_name(found)).items():
        subjects = [
            [subject, one["dpo"]["n"], *(percent(one[name]["accuracy"]) for name in MODELS)]
            for subject, one in sorted(made["by_subject"].items())
        ]
        lines += [
            f"### {benchmark_label(found, benchmark_name(found), form)} by subject",
            "",
            *table(["subject", "n", *NAMES.values()], subjects),
            "",
        ]
    return lines


def _tax_method(found):
    run = found.runs["mmlu"]
    took = (
        f"The stage took {run['seconds']:.0f} s for {sum(run['counts']['tokens'].values()):,} tokens through the "
        f"three models, in {found.mmlu['settings']['dtype']}."
    )
    missing = (
        []
        if "MMLU" in found.mmlu["summary"]["benchmarks"]
        else ["MMLU is not measured here: `eval/mmlu.py --mmlu_dir` takes its files.", ""]
    )
    return [
        "Multiple choice by lm-eval, the same questions for all three models. The base is asked in two forms: "
        "letters (the choices are shown, the model names one by its letter) and continuation (each choice is scored "
        "as the answer, as its summed log-likelihood). Guessing is right in 25.0 %. The tax is told in the form in "
        "which the lower end of the base's interval lies above that, in letters if both do: a base that guesses has "
        "nothing to lose. The other two are asked in that form alone, in letters where the base guesses in both. "
        f"{took}",
        "",
        *missing,
    ]


def _benchmark_part(found, name):
    summary, about = found.mmlu["summary"], found.mmlu["settings"]["benchmarks"][name]
    forms, chosen = summary["benchmarks"][name], summary["reported"][name]
    rows = [[form, *shares(made["accuracy"])] for form, made in forms.items()]
    rows += [[f"{form}, by length", *shares(made["by_length"])] for form, made in forms.items() if "by_length" in made]
    taxes = [
        [
            form,
            against(pair),
            change(one),
            verdict(one) if form == chosen else "-",
            one["gained"],
            one["lost"],
            f"{one['mcnemar_p']:.2g}",
            f"{100 * one['detectable']:.1f} points",
        ]
        for form, made in forms.items()
        for pair, one in made["tax"].items()
    ]
    first = next(iter(forms.values()))
    told = f"The tax is told in the form {chosen}." if chosen else f"The tax {AT_CHANCE}."
    return [
        f"### {capital(name)}",
        "",
        f"{first['accuracy']['base']['n']} of {about['of']} questions of {len(first['by_subject'])} subjects, from "
        f"{about['files']}. {told}",
        "",
        *table(["accuracy", *NAMES.values()], rows),
        "",
        *table(["form", "change", "tax", "verdict", "gained", "lost", "McNemar p", "detectable"], taxes),
        "",
        "Taxes are paired differences over the same questions; a verdict stands only in the form that the tax is "
        "told in. Detectable: the smallest true difference that this n shows with 80 % power. By length: each "
        "choice's score is divided by its characters (lm-eval's acc_norm).",
        "",
    ]


def _general_text_part(found):
    text, source = found.mmlu["summary"]["general_text"], found.mmlu["settings"]["general_text"]
    rows = [
        [
            against(pair),
            f"{one['difference']:+.4f} ({one['low']:+.4f} to {one['high']:+.4f})",
            verdict(one),
            f"{one['detectable']:.4f}",
        ]
        for pair, one in text["difference"].items()
    ]
    shown = ", ".join(f"{NAMES[model]} {text['perplexity'][model]:.3f}" for model in MODELS)
    weights = found.mmlu["settings"]["base_weights"]
    plain = text["perplexity"].get("base_plain")
    other = f" As it was stored the base has {plain:.3f}." if plain else ""
    return [
        "### Perplexity on general text",
        "",
        f"Per token, over {text['tokens']} tokens in {text['windows']} windows of text outside the domain "
        f"({source}): {shown}. All three models stand on {weights}.{other} Below: the change of the mean "
        "log-probability per token, in nats, paired by window and averaged over windows; negative is worse.",
        "",
        *table(["change", "log-probability", "verdict", "detectable"], rows),
        "",
    ]


def _tasks_part(found):
    tasks = found.mmlu["summary"].get("tasks", [])
    if not tasks:
        return []
    rows = []
    for one in tasks:
        changes = [
            "-"
            if change["low"] is None
            else f"{change['difference']:+.4f} ({change['low']:+.4f} to {change['high']:+.4f})"
            for change in one["difference"].values()
        ]
        label = f"{one['task']} ({one['filter']}, {one['metric']})"
        rows.append([label, *(f"{one['score'][model]:.4f}" for model in MODELS), *changes, one["n"]])
    pairs = [against(pair) for pair in tasks[0]["difference"]]
    return [
        "### Other tasks of lm-eval",
        "",
        "As lm-eval ships them; a score is the mean over questions, a difference is paired by question.",
        "",
        *table(["task (filter, metric)", *NAMES.values(), *pairs, "n"], rows),
        "",
    ]


# ---- training ------------------------------------------------------------------------------------


def dev_loss(found) -> tuple:
    """(whether SFT's dev loss is lowest at its last evaluation, that in words); (True, "") when none was logged."""
    losses = [(item["eval_loss"], item["step"]) for item in found.sft_log if "eval_loss" in item]
    if not losses:
        return True, ""
    (lowest, step), (last, end) = min(losses), losses[-1]
    if last <= lowest:
        return True, f"SFT's dev loss is at its minimum at the end: {last:.4f} at step {end}."
    return False, (f"SFT's dev loss is not at its minimum at the end: it was lowest at step {step} ({lowest:.4f}) and "
                   f"ended at {last:.4f} (step {end}), so the SFT model is not at its best.")  # fmt: skip


def training_section(found, plots) -> list:
    """What the training logs say, with the plots of loss, margin and KL, and the perplexities."""
    dpo, proof = found.runs["dpo"]["metrics"], found.runs["dpo"]["proof"]
    last = next((item for item in reversed(found.dpo_log) if "eval_rewards/margins" in item), {})
    end = "".join(
        f", held-out {label} {last[key]:.3f}"
        for key, label in (("eval_rewards/margins", "margin"), ("eval_rewards/accuracies", "accuracy"))
        if key in last
    )
    loss = [dev_loss(found)[1] or "No dev loss of SFT was logged.", ""]
    return [
        "## Training",
        "",
        *plots["sft"],
        *loss,
        *plots["dpo"],
        *plots["kl"],
        f"DPO ended at a KL of {dpo['kl']:.4f} nats per answer from its reference{end}. The "
        "reference was proved to be the SFT model: preference loss at step 0 "
        f"{proof['loss_at_step_0']:.6f} (ln 2 = {math.log(2):.6f}), largest gap of "
        f"log-probabilities to the adapter on disk {proof['largest_logprob_gap']:.2g} nats "
        f"over {proof['pairs']} pairs (allowed {proof['tolerance']:g}).",
        "",
        *_perplexities(found),
    ]


def _perplexities(found):
    sft, dpo = found.runs["sft"]["metrics"], found.runs["dpo"]["metrics"]
    test = found.domain["summary"]["perplexity"]
    rows = [
        ["dev rows, around SFT", sft["perplexity_before"], sft["perplexity_after"], None],
        ["dev rows, around DPO", None, dpo["perplexity_before"], dpo["perplexity_after"]],
        ["items of the report", *(test[name] for name in MODELS)],
    ]
    forms = [
        f"{key.removeprefix('base_').replace('_', '-')} {test[key]:.3f}"
        for key in sorted(test)
        if key.startswith("base_")
    ]
    return [
        "### Perplexity of the reference answers",
        "",
        *table(
            ["completion tokens only", *NAMES.values()],
            [[label, *("-" if value is None else f"{value:.3f}" for value in values)] for label, *values in rows],
        ),
        "",
        f"The base counts in the form with the lower perplexity ({', '.join(forms)}). No "
        "interval is computed for perplexities.",
        "",
    ]


def quality_section(found) -> list:
    """What data/quality.py dropped of the training data; nothing when it looked at none of it."""
    if not found.quality:
        return []
    reasons = sorted({reason for one in found.quality.values() for reason in one["dropped"]})
    rows = [[reason, *(one["dropped"].get(reason, 0) for one in found.quality.values())] for reason in reasons]
    rows += [[key, *(one[key] for one in found.quality.values())] for key in ("rows", "kept")]
    used = ["what is kept" if one["cleaned"] else "all rows" for one in found.quality.values()]
    return [
        "### Quality of the training data",
        "",
        "By `data/quality.py`: rows that it drops, by reason, and whether training took the file without them.",
        "",
        *table(["dropped because", *map(str.upper, found.quality)], [*rows, ["trained on", *used]]),
        "",
    ]


# ---- answers -------------------------------------------------------------------------------------


def last_paragraph(prompt) -> str:
    """The end of a prompt: what is asked, without the material it is asked about."""
    return prompt.strip().rsplit("\n\n", 1)[-1]


def lost_section(found) -> list:
    """Items that SFT had right and DPO has wrong."""
    lost, won = (found.domain["summary"][key] for key in ("lost", "won"))
    reasons = {row["id"]: row["dpo"]["reason"] for row in found.domain["rows"]}
    shown = sorted(lost)[:LOST_SHOWN]
    which = f" Shown: {len(shown)}, in order of id." if shown else ""
    lines = ["## SFT right, SFT + DPO wrong", "", f"Items: {len(lost)}; the other way round: {len(won)}.{which}", ""]
    for name in shown:
        row = found.answers["dpo"][name]
        lines += [
            f"**{name}** ({row['category']}; verdict on SFT + DPO: `{reasons[name]}`)",
            "",
            *fenced(last_paragraph(row["prompt"])),
            "",
            "SFT:",
            "",
            *fenced(found.answers["sft"][name]["answer"], LONGEST),
            "",
            "SFT + DPO:",
            "",
            *fenced(row["answer"], LONGEST),
            "",
        ]
    return lines


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


def side_by_side_section(found) -> list:
    """Answers of the three models to the same prompts."""
    rows = {row["id"]: row for row in found.domain["rows"]}
    chosen = choose_items(found.domain["rows"])
    lines = [
        "## Answers side by side",
        "",
        f"{len(chosen)} items, chosen by rule: the kinds in alphabetical order, "
        f"{SIDE_BY_SIDE} of them evenly spaced when there are more; of each the item with the "
        f"smallest id; with fewer kinds than {SIDE_BY_SIDE}, then each kind's next.",
        "",
    ]
    for name in chosen:
        lines += [f"### {name} ({rows[name]['category']})", "", *fenced(found.answers["dpo"][name]["prompt"]), ""]
        for model in MODELS:
            lines += [
                f"{NAMES[model]} (`{rows[name][model]['reason']}`):",
                "",
                *fenced(found.answers[model][name]["answer"], LONGEST),
                "",
            ]
    return lines


# ---- what does not hold --------------------------------------------------------------------------


def caveats(found) -> list:
    """What the figures do not show: a sentence stands only when the files say that it applies."""
    return [*_method_caveats(found), *_interval_caveats(found), *_kind_caveats(found), *_run_caveats(found)]


def _method_caveats(found):
    made = []
    ranker, judge = found.runs.get("gen_dpo"), found.winrate["settings"]["judge"]
    if ranker and ranker["settings"]["judge"] == judge:
        made.append(
            "The ranker of the preference pairs and the judge of the win rate are the "
            f"same: the {judge}. DPO was trained on what it is measured by, and the win "
            "rate is no person's preference."
        )
    if judge == "verifier":
        made.append(
            "The verifier judges each answer alone, so the order of two answers cannot "
            "matter: there is no position bias to report. It also decides the domain "
            "accuracy, so win rate and accuracy are not independent evidence."
        )
    if policy(found) == "off-policy":
        pairs = found.runs["dpo"]["policy"]
        made.append(
            f"DPO was off-policy: of {sum(pairs.values())} pairs {pairs['off']} were sampled from another SFT model "
            f"than the one it began with, and {pairs['unknown']} do not say from which."
        )
    teachers = found.runs["gen_sft"]["settings"]["teacher"].split(",") if "gen_sft" in found.runs else ()
    if any(name.startswith("templates") for name in teachers):
        made.append(
            "Training data and benchmark come from one generator, with other families and "
            "other phrasings. What people ask differs more than these splits do."
        )
    counts = found.runs["answers"]["counts"]
    forms = [
        f"{key.removeprefix('base_').removesuffix('_accuracy')} {percent(counts[key])}"
        for key in counts
        if key.startswith("base_") and key.endswith("_accuracy")
    ]
    if len(forms) > 1:
        made.append(
            f"The base was asked in several forms ({', '.join(forms)}) and counts in the "
            f"better, {counts['base_form']}. That was chosen on the reported items, which "
            "favours the base."
        )
    if benchmark_name(found) != "MMLU":
        made.append(
            f"The {benchmark_name(found)} test is this project's own, in MMLU's file "
            "format. It is not MMLU and compares with no published score."
        )
    for key, what in (
        ("cut", "prompts are longer than the context and lost their beginning"),
        ("ties", "questions have a tie of the best answers, and the first counts"),
    ):
        for label, most in found.runs["mmlu"]["counts"][key].items():
            made.append(f"In {label}, up to {most} {what}.")
    return made


def _interval_caveats(found):
    parts = (
        ("accuracy", found.domain["summary"]["difference"]["all"], 0.0),
        ("win rate", found.winrate["summary"]["correctness"], 0.5),
        (benchmark_name(found), headline_taxes(found), 0.0),
    )
    unclear = [
        f"{label}, {against(pair)}"
        for label, part, zero in parts
        for pair, one in part.items()
        if verdict(one, zero) == UNCLEAR
    ]
    made = []
    if unclear:
        made.append(f"No difference is shown for: {'; '.join(unclear)}. That is no proof of equality.")
    made.append(
        "Several intervals are reported and none is widened for their number. They cover "
        "the choice of items, not a new training: this is one run, with seed "
        f"{found.runs['sft']['seed']}."
    )
    n = len(found.domain["rows"])
    if n < REHEARSAL:
        made.append(f"Only {n} items were answered: a rehearsal, not a result.")
    return made


def _kind_caveats(found):
    made, kinds = [], sorted(found.domain["summary"]["by_kind"].items())
    worse = [
        f"{kind} ({points(one['dpo']['accuracy'] - one['sft']['accuracy'])} points, n {one['dpo']['n']})"
        for kind, one in kinds
        if one["dpo"]["accuracy"] < one["sft"]["accuracy"]
    ]
    if worse:
        made.append(
            f"After DPO fewer answers are right than after SFT in: {', '.join(worse)}. A "
            "single kind is too small for a verdict of its own."
        )
    weak = [f"{kind} ({percent(one['dpo']['accuracy'])})" for kind, one in kinds if one["dpo"]["accuracy"] < 0.5]
    if weak:
        made.append(f"The final model answers fewer than half of these kinds correctly: {', '.join(weak)}.")
    return made


def _run_caveats(found):
    made, stopped = [], found.domain["summary"]["stopped"]
    cut = [
        f"{NAMES[name]} {percent(stopped[name]['share'])}"
        for name in ("sft", "dpo")
        if stopped[name]["share"] < STOP_GOAL
    ]
    if cut:
        made.append(f"Fewer than {percent(STOP_GOAL)} of the answers ended by themselves: {', '.join(cut)}.")
    kl = found.runs["dpo"]["metrics"]["kl"]
    if not kl >= STILL:  # also when it was not measured (nan)
        made.append(f"It is not shown that DPO moved the policy: KL {kl:.2g} nats per answer.")
    at_minimum, words = dev_loss(found)
    if not at_minimum:
        made.append(words)
    for stage, one in found.quality.items():
        if one["leaks"] and not one["cleaned"]:
            made.append(
                f"{sum(one['leaks'].values())} training prompts of {stage.upper()} repeat one of "
                f"{', '.join(one['leaks'])}, and were trained on."
            )
    limited = [
        f"{stage} {run['settings']['limit']}" for stage, run in found.runs.items() if run["settings"].get("limit")
    ]
    if limited:
        made.append(f"Stages were limited to a number of rows: {', '.join(limited)}.")
    split = found.runs["answers"]["settings"]["split"]
    if not split.startswith("test"):
        made.append(f"The items are those of the {split} split, on which settings are chosen.")
    commits = sorted({run["commit"] for run in found.runs.values()})
    if len(commits) > 1 or commits[0].endswith("-dirty"):
        made.append(f"Not all stages ran from one clean commit: {', '.join(commits)}.")
    return made


# ---- settings and sources ------------------------------------------------------------------------


def benchmark_lines(found) -> list:
    """Which rows were answered: split, number and hash of the benchmark; nothing when its record does not say."""
    run = found.runs["answers"]
    if "benchmark" not in run:
        return []
    split, about = run["settings"]["split"], run["benchmark"]
    return [
        f"Benchmark: {len(found.domain['rows'])} of the {about['rows']} rows of `{split}`, SHA-256 of all of them as "
        f"JSON lines `{about['sha256']}`.",
        "",
    ]


def settings_section(found) -> list:
    """Benchmark, settings of every stage, versions and stage times."""
    lines, versions = ["## Settings, versions, times", "", *benchmark_lines(found)], {}
    for stage, run in found.runs.items():
        settings = ", ".join(
            f"`{key} {json.dumps(value)}`"
            for key, value in run["settings"].items()
            if key not in ("recipe", "out", "tracked")
        )
        counts = ", ".join(f"{key} {value}" for key, value in run["counts"].items())
        lines += [
            f"**{stage}** (commit `{run['commit']}`, peak {run['peak_memory_gib']} GiB): "
            f"{settings}.{f' Counts: {counts}.' if counts else ''}",
            "",
        ]
        for package, version in run["versions"].items():
            versions.setdefault(package, set()).add(version)
    rows = [[name, ", ".join(sorted(versions[name]))] for name in sorted(versions)]
    times = [[stage, f"{seconds:.0f}"] for stage, seconds in found.seconds.items()]
    times.append(["all", f"{sum(found.seconds.values()):.0f}"])
    return [*lines, *table(["package", "version"], rows), "", *table(["stage", "wall seconds"], times), ""]


def recompute_section(places, judges=()) -> list:
    """Where each number comes from; `places` gives the path of each result file, `judges` those beside the verifier."""
    rows = [
        (
            "accuracy, differences, kinds, form, refusals, reasons, perplexity",
            "domain",
            "`summary`; by `eval/domain.py` from "
            "`rows[].{base,sft,dpo,always_refuse}.{correct,format_ok,explanation_ok,reason}` and `rows[].refuse`",
        ),
        (
            "win rates, ties, decided pairs, reasons",
            "winrate",
            "`summary`; by `eval/winrate.py` from `rows[].{correctness,full}.{pair}.{score,by}`",
        ),
        *(
            [
                (
                    "other judges' win rates, biases, kappa, majority",
                    "winrate",
                    "`judges.{judge}.summary`, `together`; by `eval/judging.py` from "
                    "`judges.{judge}.rows[].{pair}.{score,orders,preference}`",
                )
            ]
            if judges
            else []
        ),
        (
            "alignment tax: accuracies, taxes, general text",
            "mmlu",
            "`summary`; by `eval/mmlu.py` from `rows[].{base,sft,dpo}` and `windows[].{tokens,base,sft,dpo}`",
        ),
        *(
            (
                f"answers and perplexity of {NAMES[name]}",
                name,
                "`answer`, `finish_reason`, `reference_logprob`, `reference_tokens`",
            )
            for name in MODELS
        ),
        ("SFT loss", "sft_log", "`loss` and `eval_loss` by `step`"),
        ("DPO loss, rewards, margin, accuracy", "dpo_log", "`loss`, `rewards/*`, `logps/*` and `eval_*` by `step`"),
        ("KL", "kl", "`kl` by `step`"),
        *(
            [("control", "control", "`summary`; from `rows[].{sft,dpo,control}.correct`")]
            if "control" in places
            else []
        ),
        (
            "rows, pairs, settings, versions, proof of the reference",
            "runs",
            "`counts`, `settings`, `versions`, `proof`, `metrics`",
        ),
    ]
    return [
        "## How to recompute",
        "",
        "Intervals: `eval/stats.py` on the rows named here, with the seed of the stage.",
        "",
        *table(["figure", "file", "key"], [[figure, f"`{places[key]}`", how] for figure, key, how in rows]),
        "",
    ]
