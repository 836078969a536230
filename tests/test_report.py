"""The report's figures come from the result files; it claims only what their intervals allow."""

import gzip
import json
from types import SimpleNamespace

import pytest
import yaml

from common import files, judge, provenance, rows_domain
from common.answers import PAIRS
from common.cli import UserError
from common.domain import load_domain
from eval import domain as domain_eval
from eval import judging, pages, plots, report

KINDS = [f"kind_{letter}" for letter in "abcdefghijkl"]
ITEMS = [(f"test-{i:03d}", KINDS[i % len(KINDS)]) for i in range(48)]
ASKED = [
    {"id": i, "prompt": f"table\n\nQuestion: {i}?", "completion": "a", "cluster": "c", "category": kind}
    for i, kind in ITEMS
]
DOMAIN = SimpleNamespace(
    __doc__="Asking a small machine.\n\nMore.",
    SYSTEM_PROMPT="Answer in one line.",
    verify=lambda row, answer: None,
    load_benchmark=lambda split: ASKED,
)
DRAW_ALL = plots.draw_all
PAIR_FIGURES = {
    "dpo_vs_sft": (0.01, -0.02, 0.04, 0.505, 0.481, 0.529),
    "dpo_vs_base": (0.41, 0.37, 0.45, 0.705, 0.671, 0.739),
    "sft_vs_base": (0.40, 0.36, 0.44, 0.695, 0.661, 0.729),
}


def run_of(stage, **more):
    return {
        "stage": stage,
        "seed": 0,
        "commit": "abc",
        "versions": {"torch": "2.13.0"},
        "inputs": {},
        "seconds": 12.0,
        "peak_memory_gib": 1.5,
        "counts": {},
        "settings": {"judge": "verifier"},
        **more,
    }


def training_run(stage, counts, **more):
    metrics = {"perplexity_before": 9.125, "perplexity_after": 1.375, "kl": 0.4321, "trainable": 10, "total": 100}
    return run_of(
        stage,
        counts=counts,
        metrics=metrics,
        settings={"base": "models/small", "learning_rate": 2e-4}
        | ({"r": 64, "lora_alpha": 96} if stage == "sft" else {}),
        **more,
    )


def interval(value, n=48, key="share"):
    return {key: value, "low": value - 0.03, "high": value + 0.03, "n": n}


def domain_rows():
    def verdict(correct):
        return {
            "correct": correct,
            "format_ok": True,
            "explanation_ok": True,
            "reason": "ok" if correct else "wrong_rows",
        }

    return [
        {
            "id": name,
            "cluster": "c",
            "category": kind,
            "base": verdict(False),
            "sft": verdict(True),
            "dpo": verdict(name != "test-003"),
        }
        for name, kind in ITEMS
    ]


def domain_result():
    values = {"base": 0.215, "sft": 0.615, "dpo": 0.625}
    shown = {**values, "always_refuse": 0.1458}
    refused = dict(zip(shown, (0.021, 0.073, 0.094, 1.0), strict=True))
    summary = {
        "accuracy": {
            part: {name: interval(v + shift, n, "accuracy") for name, v in shown.items()}
            for part, shift, n in (("all", 0, 48), ("answerable", -0.1, 40), ("to_be_refused", 0.2, 8))
        },
        "by_kind": {kind: {name: {"accuracy": v, "n": 4} for name, v in values.items()} for kind in KINDS},
        "difference": {
            part: {
                pair: {
                    "difference": f[0],
                    "low": f[1],
                    "high": f[2],
                    "mcnemar_p": 0.01,
                    "n": n,
                    "gained": gained,
                    "lost": 2,
                }
                for pair, f in PAIR_FIGURES.items()
            }
            for part, n, gained in (("all", 48, 13), ("answerable", 40, 5), ("to_be_refused", 8, 8))
        },
        "format": {name: interval(0.75) for name in values},
        "explanation": {name: interval(v - 0.05) for name, v in values.items()},
        "explanation_difference": {
            pair: {
                "difference": f[0] + 0.003,
                "low": f[1],
                "high": f[2],
                "mcnemar_p": 0.25,
                "n": 47,
                "gained": 9,
                "lost": 1,
            }
            for pair, f in PAIR_FIGURES.items()
        },
        "refused_answerable": {name: interval(v, 40) for name, v in refused.items()},
        "unjudged": {field: dict.fromkeys(values, 0) for field in ("correct", "format_ok", "explanation_ok")},
        "reasons": dict.fromkeys(values, {"ok": 30, "wrong_rows": 18}),
        "perplexity": {"base": 8.5, "base_chat": 9.5, "base_few_shot": 8.5, "sft": 1.5, "dpo": 1.625},
        "stopped": {name: interval(v) for name, v in (("base", 0.5), ("sft", 1.0), ("dpo", 0.9375))},
        "lost": ["test-003"],
        "won": [],
    }
    return {"settings": {"split": "test"}, "summary": summary, "rows": domain_rows(), "run": run_of("domain")}


def winrate_result():
    summary = {
        way: {
            pair: {
                "rate": f[3] + shift,
                "low": f[4] + shift,
                "high": f[5] + shift,
                "n": 48,
                "unjudged": 0,
                "wins": 20,
                "ties": 20,
                "losses": 8,
                "tie_share": 20 / 48,
                "decided_rate": 20 / 28,
                "decided_low": 0.51,
                "decided_high": 0.87,
                "length_difference": 2.5,
                "by_reason": {name: {"wins": 4, "losses": 2} for name in ("correct", "format", "explanation")},
            }
            for pair, f in PAIR_FIGURES.items()
        }
        for way, shift in (("correctness", 0), ("full", 0.2))
    }
    return {"settings": {"judge": "verifier"}, "summary": summary, "rows": [], "run": run_of("winrate")}


def mmlu_form(accuracy, difference):
    models = {
        name: {"accuracy": accuracy, "low": accuracy - 0.045, "high": accuracy + 0.045, "stderr": 0.02, "n": 550}
        for name in ("base", "sft", "dpo")
    }
    tax = {
        pair: {
            "difference": difference,
            "low": difference - 0.018,
            "high": difference + 0.018,
            "n": 550,
            "mcnemar_p": 0.02,
            "gained": 3,
            "lost": 9,
            "detectable": 0.026,
        }
        for pair in ("dpo_vs_base", "sft_vs_base")
    }
    return {"accuracy": models, "tax": tax, "by_subject": {"units": models}}


def of_the_base(form):
    """A form in which the base alone was asked."""
    shown = {key: {"base": form[key]["base"]} for key in ("accuracy", "by_length") if key in form}
    return {**shown, "by_subject": {"units": {"base": form["by_subject"]["units"]["base"]}}, "tax": {}}


def mmlu_result(names=("general knowledge",), reported="continuation"):
    """A result in which the base is at chance in letters; `reported` None: in both forms."""
    forms = {
        "letters": mmlu_form(0.265, 0.0112),
        "continuation": {**mmlu_form(0.445, -0.0231), "by_length": mmlu_form(0.475, 0.0)["accuracy"]},
    }
    told = reported or "letters"
    forms = {name: form if name == told else of_the_base(form) for name, form in forms.items()}
    text = {
        "windows": 79,
        "tokens": 22824,
        "perplexity": {"base": 9.5, "sft": 9.75, "dpo": 10.125},
        "difference": {
            pair: {"difference": -0.0637, "low": -0.0712, "high": -0.0561, "n": 79, "detectable": 0.0108}
            for pair in ("dpo_vs_base", "sft_vs_base")
        },
    }
    return {
        "settings": {
            "benchmarks": {name: {"files": "eval/files", "of": 675} for name in names},
            "shots": 5,
            "general_text": "the help topics of Python 3.14.1",
            "dtype": "float32",
            "base_weights": "the weights that were trained on",
        },
        "rows": [],
        "run": run_of("mmlu", counts={"tokens": {"base": 70_000, "sft": 1}, "cut": {}, "ties": {}}),
        "summary": {
            "benchmarks": dict.fromkeys(names, forms),
            "reported": dict.fromkeys(names, reported),
            "headline": {"benchmark": names[0], "form": reported},
            "general_text": text,
        },
    }


def write_trainings(folder):
    """Records and logs of SFT and DPO."""
    files.write_json(folder / "sft" / "run.json", training_run("sft", {"rows": 6001}))
    files.write_json(
        folder / "dpo" / "run.json",
        training_run(
            "dpo",
            {"pairs": 2345, "held_out": 120},
            proof={"loss_at_step_0": 0.693147, "largest_logprob_gap": 0.0, "tolerance": 0.01, "pairs": 16},
        ),
    )
    files.write_json(
        folder / "sft" / "log.json",
        [
            {"step": 1, "loss": 2.0},
            {"step": 5, "loss": 0.5},
            {"step": 5, "eval_loss": 0.4},
            {"step": 9, "eval_loss": 0.45},
        ],
    )
    files.write_json(
        folder / "dpo" / "log.json",
        [
            {"step": 1, "loss": 0.69, "rewards/margins": 0.0, "rewards/accuracies": 0.0},
            {"step": 4, "eval_loss": 0.6, "eval_rewards/margins": 0.2, "eval_rewards/accuracies": 0.8},
        ],
    )
    files.write_json(folder / "dpo" / "kl.json", [{"step": 4, "kl": 0.4321}])


@pytest.fixture()
def out(tmp_path, monkeypatch):
    """A folder with every file that the report reads; domain and plots are stand-ins."""
    monkeypatch.setattr(report, "load_domain", lambda name, out: DOMAIN)
    names = ("accuracy", "winrate", "sft", "dpo", "kl")
    monkeypatch.setattr(plots, "draw_all", lambda found, folder: {name: (f"{name}.png", "Plot.") for name in names})
    folder = tmp_path / "out"
    for name in ("base", "sft", "dpo"):
        files.write_jsonl(
            folder / "answers" / f"{name}.jsonl",
            [
                {
                    "id": i,
                    "cluster": "c",
                    "category": kind,
                    "prompt": f"table\n\nQuestion: {i}?",
                    "answer": f"{name} on {i}\n~~~",
                    "tokens": 3,
                    "finish_reason": "stop",
                    "form": "chat",
                }
                for i, kind in ITEMS
            ],
        )
    counts = {"base_chat_accuracy": 0.05, "base_few_shot_accuracy": 0.215, "base_form": "few_shot"}
    files.write_json(folder / "answers" / "run.json", run_of("answer", counts=counts, settings={"split": "test"}))
    files.write_json(
        folder / "gen_sft" / "run.json",
        run_of("gen_sft", counts={"candidates": 7777, "kept": 6001}, settings={"teacher": "templates"}),
    )
    files.write_json(
        folder / "gen_dpo" / "run.json",
        run_of(
            "gen_dpo",
            counts={"prompts": 4000, "stopped": 0.991},
            settings={"judge": "verifier", "samples": 4, "temperature": 1.0},
        ),
    )
    write_trainings(folder)
    for result in (domain_result(), winrate_result(), mmlu_result()):
        files.write_json(folder / "eval" / f"{result['run']['stage']}.json", result)
    return folder


def write_report(out):
    report.main(report.parse_args(["--out", str(out)]))
    return (out / "EVAL_REPORT.md").read_text(encoding="utf-8")


def change(path, *keys, value):
    """Set one value deep inside a JSON file."""
    content = inner = files.read_json(path)
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    files.write_json(path, content)


def screen(text):
    """What stands before the first section: the table, the verdict, the copyable sentence."""
    return text.split("\n## ")[0]


def test_first_screen_holds_the_figures(out):
    text = screen(write_report(out))
    for figure in (
        "62.5 % (59.5 to 65.5)",
        "70.5 % (67.1 to 73.9)",
        "50.5 % (48.1 to 52.9)",
        "-2.3 points (-4.1 to -0.5)",
        "6,001 rows",
        "2,345 on-policy pairs",
        "| 48 |",
        "| 550 |",
        "2.6 points or more",
    ):
        assert figure in text


def test_every_section_and_plot_is_there(out, monkeypatch):
    monkeypatch.setattr(plots, "draw_all", DRAW_ALL)
    text = write_report(out)
    for words in (
        "| kind_a | 4 |",
        "### Verdicts by reason",
        "| refused, though answerable | 2.1 % (-0.9 to 5.1) | 7.3 % (4.3 to 10.3) | 9.4 % (6.4 to 12.4) |",
        "| SFT + DPO against SFT | to be refused | +1.0 points (-2.0 to +4.0) | no difference shown | 8 |",
        "| right explanation | 16.5 % (13.5 to 19.5) |",
        "| +1.3 points (-2.0 to +4.0) |",
        "| SFT + DPO against SFT | correctness alone | 50.5 % (48.1 to 52.9) |",
        "| SFT + DPO against SFT | correctness, format, explanation | 70.5 % (68.1 to 72.9) |",
        "few-shot 8.500",
        "| torch | 2.13.0 |",
        "KL of 0.4321",
    ):
        assert words in text
    images = [line for line in text.splitlines() if line.startswith("![")]
    links = [line.split("](")[1].split(")")[0] for line in images]
    assert len(links) == 5
    assert all((out / link).read_bytes().startswith(b"\x89PNG") for link in links)


def test_changed_figure_changes_the_report(out):
    before = write_report(out)
    change(out / "eval" / "domain.json", "summary", "accuracy", "all", "dpo", "accuracy", value=0.6389)
    after = write_report(out)
    assert "63.9 %" in screen(after) and "63.9 %" not in screen(before)
    assert files.read_json(out / "eval" / "summary.json")["domain"]["dpo"]["accuracy"] == 0.6389


def test_same_files_same_bytes(out, monkeypatch):
    monkeypatch.setattr(plots, "draw_all", DRAW_ALL)

    def made():
        write_report(out)
        return {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    assert made() == made()


def test_summary_has_exactly_the_agreed_keys(out):
    write_report(out)
    summary = files.read_json(out / "eval" / "summary.json")
    interval = {"low", "high", "n"}
    assert set(summary) == {
        "domain",
        "domain_difference",
        "winrate",
        "tax_of",
        "tax",
        "general_text_perplexity",
        "perplexity",
        "stopped",
        "stage_seconds",
    }
    assert set(summary["domain"]) == {"base", "sft", "dpo"}
    assert all(set(one) == {"accuracy"} | interval for one in summary["domain"].values())
    assert set(summary["domain_difference"]) == {"dpo_vs_sft"}
    assert set(summary["domain_difference"]["dpo_vs_sft"]) == {"difference", "low", "high"}
    assert set(summary["winrate"]) == set(PAIRS)
    decided = {"tie_share", "decided_rate", "decided_low", "decided_high"}
    assert all(set(one) == {"rate"} | decided | interval for one in summary["winrate"].values())
    assert summary["tax_of"] == {"benchmark": "general knowledge", "form": "continuation"}
    assert set(summary["tax"]) == {"dpo_vs_base", "sft_vs_base"}
    assert all(set(one) == {"difference"} | interval for one in summary["tax"].values())
    assert set(summary["perplexity"]) == {"base", "sft", "dpo"}
    assert set(summary["stopped"]) == {"sft", "dpo"}
    assert summary["stage_seconds"] == dict.fromkeys(
        ("gen_sft", "sft", "gen_dpo", "dpo", "answer", "domain", "winrate", "mmlu"), 12.0
    )


def test_stage_seconds_are_those_that_run_sh_measured_of_the_same_run(out):
    """Shorter than the stage recorded, or much longer, is another run of it; the report has no record of itself."""
    files.write_json(out / "stage_seconds.json", {"gen_sft": 11.9, "sft": 12.5, "dpo": 210.0, "mmlu": 43, "report": 9})
    assert "| sft | 12 |" in write_report(out)
    seconds = files.read_json(out / "eval" / "summary.json")["stage_seconds"]
    assert [seconds[name] for name in ("gen_sft", "sft", "dpo", "mmlu", "domain")] == [12.0, 12.5, 12.0, 43, 12.0]
    assert "report" not in seconds


def test_a_stage_of_no_time_that_run_sh_did_not_measure_keeps_its_record(out):
    runs = {"domain": {"stage": "domain", "seconds": 0.0}}
    assert report.stage_seconds(report.parse_args(["--out", str(out)]), runs) == {"domain": 0.0}


@pytest.mark.parametrize(
    "low, high, p, words",
    [
        (-0.02, 0.04, 0.01, "no difference shown"),
        (0.0, 0.04, 0.01, "no difference shown"),
        (0.001, 0.04, 0.049, "better"),
        (-0.04, -0.001, 0.049, "worse"),
        (0.001, 0.04, 0.05, "no difference shown"),
        (-0.04, -0.001, 0.12, "no difference shown"),
    ],
)
def test_accuracy_verdict_needs_the_interval_and_the_exact_test(out, low, high, p, words):
    result = out / "eval" / "domain.json"
    for key, value in (("low", low), ("high", high), ("mcnemar_p", p)):
        change(result, "summary", "difference", "all", "dpo_vs_sft", key, value=value)
    said = screen(write_report(out)).split("SFT + DPO against SFT: accuracy ")[1]
    assert f"**{words}**" in said.split("; win rate")[0]


@pytest.mark.parametrize(
    "low, high, words",
    [
        (0.481, 0.529, "shows no difference from the SFT model"),
        (0.5, 0.53, "shows no difference from the SFT model"),
        (0.501, 0.53, "beats the SFT model"),
        (0.45, 0.499, "loses to the SFT model"),
    ],
)
def test_win_is_claimed_only_beyond_half(out, low, high, words):
    for key, value in (("low", low), ("high", high)):
        change(out / "eval" / "winrate.json", "summary", "correctness", "dpo_vs_sft", key, value=value)
    assert words in screen(write_report(out))
    for key, value in (("decided_low", 0.47), ("decided_high", 1.0)):  # five decided pairs, all one way
        change(out / "eval" / "winrate.json", "summary", "correctness", "dpo_vs_sft", key, value=value)
    assert "shows no difference from the SFT model" in screen(write_report(out))


def test_caveats_follow_the_files(out):
    def section():
        return write_report(out).split("## What does not hold")[1].split("\n## ")[0]

    text = section()
    for words in (
        "ranker of the preference pairs and the judge",
        "no position bias to report",
        "not MMLU",
        "counts in the better, few_shot",
        "SFT + DPO 93.8 %",
        "lowest at step 5",
        "Only 48 items",
        "accuracy, SFT + DPO against SFT; win rate, SFT + DPO against SFT.",
    ):
        assert words in text
    files.write_json(out / "eval" / "mmlu.json", mmlu_result(("MMLU", "general knowledge")))
    change(out / "eval" / "mmlu.json", "run", "counts", "ties", value={"MMLU, letters": 3})
    change(out / "eval" / "domain.json", "summary", "stopped", "dpo", "share", value=1.0)
    change(out / "gen_dpo" / "run.json", "settings", "judge", value="another")
    text = section()
    assert "In MMLU, letters, up to 3 questions have a tie" in text
    change(out / "eval" / "mmlu.json", "run", "counts", "ties", value={})
    text = section()
    for words in ("questions have a tie", "not MMLU", "ended by themselves", "ranker of the preference pairs"):
        assert words not in text
    change(out / "dpo" / "run.json", "metrics", "kl", value=2e-4)
    assert "not shown that DPO moved the policy: its KL is 0.0002 nats per answer." in section()
    change(out / "dpo" / "run.json", "metrics", "kl", value=None)
    assert "not shown that DPO moved the policy: its KL could not be measured." in section()
    assert "--endpoint" not in text
    change(out / "answers" / "run.json", "engine", value="endpoint sft=mine")
    assert "- The answers were made by servers that `--endpoint` named (endpoint sft=mine): nothing" in section()


def test_what_was_no_number_leaves_gaps_in_the_plots(out, monkeypatch):
    """NaN, as a diverged training logs it, is null in a file."""
    monkeypatch.setattr(plots, "draw_all", DRAW_ALL)
    files.write_json(out / "dpo" / "kl.json", [{"step": 2, "kl": None}, {"step": 4, "kl": 0.4}])
    files.write_json(out / "sft" / "log.json", [{"step": 1, "loss": None}, {"step": 5, "eval_loss": None}])
    change(out / "dpo" / "run.json", "metrics", "kl", value=None)
    assert "DPO ended at a KL of - nats" in write_report(out)


def test_a_kind_is_worse_only_over_items_judged_of_both(out):
    """kind_b: DPO is wrong in the one item of which SFT's answer cannot be judged; kind_d has an item less right."""
    path = out / "eval" / "domain.json"
    rows = files.read_json(path)["rows"]
    for i, row in enumerate(one for one in rows if one["category"] == "kind_b"):
        row["sft"]["correct"], row["dpo"]["correct"] = i > 0 or None, i > 0
    change(path, "rows", value=rows)
    change(path, "summary", "by_kind", "kind_b", "sft", value={"accuracy": 1.0, "n": 3})
    said = write_report(out).split("fewer answers are right than after SFT in: ")[1].split("\n")[0]
    assert said == "kind_d (-25.0 points, n 4). A single kind is too small for a verdict of its own."


def test_refusals_stand_in_the_first_screen(out):
    text = screen(write_report(out))
    for row in (
        "| Domain accuracy, all | 21.5 % (18.5 to 24.5) | 61.5 % (58.5 to 64.5) | 62.5 % (59.5 to 65.5) | "
        "14.6 % (11.6 to 17.6) | 48 |",
        "| Domain accuracy, answerable | 11.5 %",
        "| Domain accuracy, to be refused | 41.5 %",
        "| Refused, though answerable | 2.1 % (-0.9 to 5.1) | 7.3 % (4.3 to 10.3) | 9.4 % (6.4 to 12.4) | "
        "100.0 % (97.0 to 103.0) | 40 |",
    ):
        assert row in text
    assert text.count("; of 13 items gained, 8 are refusals that were due") == 3
    assert "of 13 items gained over the SFT model, 8 are refusals that were due" in text.split("\n> ")[1]
    assert "could not be judged" not in text
    change(out / "eval" / "domain.json", "summary", "difference", "answerable", "dpo_vs_sft", "high", value=-0.01)
    said = screen(write_report(out)).split("- SFT + DPO against SFT: ")[1].split("\n")[0]
    assert "; on answerable items alone +1.0 points (-2.0 to -1.0), **worse**; of 13" in said
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count(" | ") for line in table if "---" not in line}) == 1
    change(out / "eval" / "domain.json", "summary", "unjudged", "correct", "sft", value=2)
    assert "| Answers that could not be judged | 0 | 2 | 0 | - | 48 |" in screen(write_report(out))


def test_slices_of_the_benchmark_stand_beside_the_whole(out):
    path = out / "eval" / "domain.json"
    whole = files.read_json(path)["summary"]
    assert ": bank" not in screen(write_report(out))
    change(path, "summary", "slices", value={"bank": {key: whole[key] for key in ("accuracy", "difference")}})
    text = write_report(out)
    for part in ("all", "answerable", "to be refused"):
        row = next(line for line in text.splitlines() if line.startswith(f"| Domain accuracy, {part} |"))
        assert row.replace(f"{part} |", f"{part}: bank |", 1) in screen(text)
    assert text.count("| answerable: bank | +") == text.count("| answerable | +") > 0


def test_a_domain_that_says_nothing_of_refusals_has_one_accuracy_row(out):
    path = out / "eval" / "domain.json"
    for key in ("accuracy", "difference"):
        everything = dict(files.read_json(path)["summary"][key]["all"])
        everything.pop("always_refuse", None)
        change(path, "summary", key, value={"all": everything})
    change(path, "summary", "refused_answerable", value={})
    text = write_report(out)
    assert "| Domain accuracy | 21.5 % (18.5 to 24.5) |" in screen(text)
    for words in ("Always refuse", "to be refused", "refusals that were due", "though answerable", "on answerable"):
        assert words not in text


@pytest.mark.parametrize(
    "last, words",
    [
        (0.45, "not at its minimum at the end: it was lowest at step 5 (0.4000) and ended at 0.4500 (step 9)"),
        (0.4, "is at its minimum at the end: 0.4000 at step 9."),
        (0.39, "is at its minimum at the end: 0.3900 at step 9."),
    ],
)
def test_the_report_says_whether_sft_ends_at_its_best(out, last, words):
    files.write_json(out / "sft" / "log.json", [{"step": 5, "eval_loss": 0.4}, {"step": 9, "eval_loss": last}])
    text = write_report(out)
    assert words in text.split("## Training")[1].split("\n## ")[0]
    assert ("lowest at step" in text.split("## What does not hold")[1]) == (last == 0.45)


def tax_section(text):
    return text.split("## Alignment tax")[1].split("\n## ")[0]


def test_the_tax_is_told_in_the_form_where_the_base_is_above_chance(out):
    text = write_report(out)
    for line in (
        "| MMLU | not measured here | - | - | - |",
        "| General knowledge (5-shot, continuation): accuracy | 44.5 % (40.0 to 49.0) |",
        "| General knowledge (5-shot, continuation): tax | - | -2.3 points (-4.1 to -0.5) |",
        "| Perplexity on general text | 9.500 | 9.750 | 10.125 | - | 22824 tokens |",
        "General knowledge, SFT + DPO against base: -2.3 points (-4.1 to -0.5), **worse**",
    ):
        assert line in screen(text)
    assert "letters" not in screen(text)
    section = tax_section(text)
    for line in (
        "MMLU is not measured here",
        "All three models stand on the weights that were trained on.",
        "The tax is told in the form continuation.",
        "550 of 675 questions",
        "Guessing is right in 25.0 %",
        "70,001 tokens",
        "12 s",
        "Python 3.14.1",
        "in float32",
        "| letters | 26.5 % (22.0 to 31.0) | - | - |",
        "| continuation, by length | 47.5 % (43.0 to 52.0) |",
        "| continuation | SFT + DPO against base | -2.3 points (-4.1 to -0.5) | worse | 3 | 9 | 0.02 |",
        "| SFT + DPO against base | -0.0637 (-0.0712 to -0.0561) | worse | 0.0108 |",
        "### General knowledge (5-shot, continuation) by subject",
    ):
        assert line in section


def test_with_mmlu_it_is_the_headline_and_general_knowledge_the_section(out):
    files.write_json(out / "eval" / "mmlu.json", mmlu_result(("MMLU", "general knowledge"), "letters"))
    text = write_report(out)
    assert "| MMLU (5-shot, letters): tax | - | +1.1 points (-0.7 to +2.9) |" in screen(text)
    assert "MMLU, SFT + DPO against base: +1.1 points (-0.7 to +2.9), **no difference shown**" in screen(text)
    assert "eneral knowledge" not in screen(text) and "not measured here" not in text
    section = tax_section(text)
    assert "\n### MMLU\n" in section and "\n### General knowledge\n" in section
    assert "MMLU (5-shot, letters) by subject" in section and "knowledge (5-shot, letters) by subject" not in section


def test_a_base_at_chance_in_both_forms_gives_no_tax_and_no_verdict(out):
    files.write_json(out / "eval" / "mmlu.json", mmlu_result(reported=None))
    text = write_report(out)
    words = "cannot be measured: the base is at chance in both forms"
    assert f"| General knowledge: tax | {words} | - |" in screen(text)
    assert f"- General knowledge, SFT + DPO against base: the tax {words}.\n" in screen(text)
    assert f"(change from the base in general knowledge) that {words}" in screen(text)
    assert "(5-shot, letters): accuracy" in screen(text) and "(5-shot, continuation): accuracy" in screen(text)
    section = tax_section(text)
    assert f"The tax {words}." in section and "by subject" not in section
    assert "| letters | SFT + DPO against base | +1.1 points (-0.7 to +2.9) | - | 3 | 9 |" in section
    summary = files.read_json(out / "eval" / "summary.json")
    assert summary["tax"] == {} and summary["tax_of"] == {"benchmark": "general knowledge", "form": None}
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    front = yaml.safe_load(card.split("---\n")[1])
    assert len(front["model-index"][0]["results"]) == 1


def test_lost_item_is_shown_with_both_answers(out):
    text = write_report(out).split("## SFT right")[1].split("\n## ")[0]
    assert "Items: 1; the other way round: 0." in text
    for words in ("Question: test-003?", "sft on test-003", "dpo on test-003", "`wrong_rows`"):
        assert words in text
    assert "\n~~~~\n" in text  # an answer that holds a fence cannot end ours


def test_side_by_side_follows_its_rule():
    rows = [{"id": name, "category": kind} for name, kind in reversed(ITEMS)]
    expected = [ITEMS[i][0] for i in (0, 1, 2, 3, 4, 6, 7, 8, 9, 10)]  # ten of twelve kinds
    assert pages.choose_items(rows) == expected
    few = [{"id": f"{i}", "category": "xy"[i % 2]} for i in range(6)]
    assert pages.choose_items(few) == ["0", "1", "2", "3", "4", "5"]


def test_model_card_is_what_the_hub_reads(out):
    write_report(out)
    text = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    front = yaml.safe_load(text.split("---\n")[1])
    assert front["base_model"] == "models/small" and front["library_name"] == "peft"
    assert front["license"] and front["tags"] and front["datasets"]
    values = [one["metrics"][0]["value"] for one in front["model-index"][0]["results"]]
    assert values == [0.625, 0.445]
    for words in (
        "Asking a small machine.",
        "Answer in one line.",
        "| 7777 |",
        "| 0.0002 |",
        "(rank 64, alpha 96; ",  # SFT's: DPO has none of its own
        "| `r` | 64 | - |",
        "read-only",
        "70.5 % (67.1 to 73.9)",
    ):
        assert words in text
    assert front["license"] == "other" and "The base, `" not in text
    assert "The base's licence is not known here, nor what it asks of whoever passes this model on" in text


def test_the_base_says_what_it_is(out, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    source = tmp_path / "models" / "small" / "SOURCE.json"
    files.write_json(source, {"what": "Converted from a published file.", "licence": "apache-2.0", "origin": "x"})
    lines = write_report(out).splitlines()
    assert lines[2] == "The base, `models/small`: Converted from a published file."
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert lines[2] in card and yaml.safe_load(card.split("---\n")[1])["license"] == "apache-2.0"
    files.write_json(source, {"what": "Converted."})
    with pytest.raises(UserError, match="SOURCE.json lacks licence"):
        write_report(out)


@pytest.mark.parametrize(
    "texts, name, told",
    [
        ({"README.md": "---\nlicense: llama3\n---\nA model."}, "llama3", '"Built with Meta Llama 3" is displayed'),
        ({"README.md": "---\nlicense: gemma\n---\n", "LICENSE": "MIT License"}, "gemma", "is gemma. It is not known"),
        ({"README.md": "---\nlicense: other\n---\n", "LICENSE": "MIT License"}, "mit", "text of the licence go with"),
        ({"README.md": "no front matter", "LICENSE": " Apache License\n"}, "apache-2.0", "is stated prominently"),
        ({"LICENSE": "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT"}, "other", "licence is not known here, nor"),
    ],
)
@pytest.mark.parametrize("on_hub", [False, True])
def test_the_duties_of_the_bases_licence_are_those_of_its_own_texts(
    out, tmp_path, monkeypatch, on_hub, texts, name, told
):
    """As they lie in a model's folder, or in the Hub's cache after the base was fetched by its name there."""
    folder = tmp_path / "root" / "models" / "small"
    if on_hub:
        cache = tmp_path / "hub" / "models--models--small"
        folder = cache / "snapshots" / "abc"
        files.write_text(cache / "refs" / "main", "abc")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(pages, "ROOT", tmp_path / "root")
    for path, text in {"config.json": "{}", **texts}.items():
        files.write_text(folder / path, text)
    write_report(out)
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert yaml.safe_load(card.split("---\n")[1])["license"] == name
    assert told in next(line for line in card.splitlines() if line.startswith("The base's licence is"))


def test_each_licence_has_its_duties_source_and_date():
    known = files.read_json(pages.DUTIES)["licences"]
    assert {name for name, _ in pages.LICENCES} == set(known)
    for name, one in known.items():
        assert one["source"].startswith("https://") and one["read"] in pages.base_terms(name), name
        assert one["duties"] in pages.base_terms(name)


@pytest.mark.parametrize(
    "path, command",
    [
        ("eval/domain.json", "eval/domain.py"),
        ("eval/winrate.json", "eval/winrate.py"),
        ("eval/mmlu.json", "eval/mmlu.py"),
        ("answers/dpo.jsonl", "eval/answer.py"),
        ("answers/run.json", "eval/answer.py"),
        ("gen_sft/run.json", "data/gen_sft.py"),
        ("gen_dpo/run.json", "data/gen_dpo.py"),
        ("sft/log.json", "train/sft.py"),
        ("dpo/kl.json", "train/dpo.py"),
    ],
)
def test_missing_file_names_the_command(out, path, command):
    (out / path).unlink()
    with pytest.raises(UserError, match=f"run python {command} --out {out}"):
        write_report(out)
    assert not (out / "EVAL_REPORT.md").exists() and not (out / "eval" / "plots").exists()


def test_result_of_other_answers_is_refused(out):
    path = out / "answers" / "dpo.jsonl"
    change(out / "eval" / "domain.json", "run", "inputs", value={str(path): files.sha256(path)})
    write_report(out)
    later = path.read_text(encoding="utf-8").replace("dpo on", "dpo, later, on")
    path.write_text(later, encoding="utf-8")
    with pytest.raises(UserError, match="run python eval/domain.py"):
        write_report(out)


def test_result_without_a_part_is_refused(out):
    content = files.read_json(out / "eval" / "mmlu.json")
    del content["summary"]["reported"]
    files.write_json(out / "eval" / "mmlu.json", content)
    with pytest.raises(UserError, match="lacks summary.reported; run python eval/mmlu.py"):
        write_report(out)


def test_nothing_outside_out_is_written(out, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROOT", tmp_path / "repository")
    readme = tmp_path / "repository" / "README.md"
    files.write_text(readme, f"a\n{report.BEGIN}\n{report.END}\nb\n")
    write_report(out)
    outside = [path for path in tmp_path.rglob("*") if path.is_file() and out not in path.parents]
    assert outside == [readme] and "62.5 %" not in readme.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "clusters, said",
    [(1, "All items are in one cluster"), (5, "The items are in 5 clusters"), (48, None)],
)
def test_few_clusters_are_told(out, clusters, said):
    for name in ("base", "sft", "dpo"):
        rows = files.read_jsonl(out / "answers" / f"{name}.jsonl")
        rows = [{**row, "cluster": f"c{i % clusters}"} for i, row in enumerate(rows)]
        files.write_jsonl(out / "answers" / f"{name}.jsonl", rows)
    text = write_report(out)
    assert said in text if said else "one cluster" not in text and "clusters: intervals" not in text


def test_few_clusters_of_a_slice_are_told_where_the_whole_has_enough(out):
    for name in ("base", "sft", "dpo"):
        rows = files.read_jsonl(out / "answers" / f"{name}.jsonl")
        files.write_jsonl(out / "answers" / f"{name}.jsonl", [{**row, "cluster": row["id"]} for row in rows])
    path = out / "eval" / "domain.json"
    rows = [
        {**row, "cluster": row["id"], "refuse": i % 2 == 0, "slice": "bank" if i < 19 else "made"}
        for i, row in enumerate(files.read_json(path)["rows"])
    ]
    change(path, "rows", value=rows)
    told = (
        "those of all: bank (19), answerable: bank (9), to be refused: bank (10), answerable: made (15), to be refused:"
    )
    assert f"Intervals that resample few clusters are too narrow: {told} made (14), with" in write_report(out)
    change(path, "rows", value=[{**row, "slice": "one"} for row in rows])
    assert "few clusters" not in write_report(out)


def test_an_interval_without_width_shows_no_difference():
    assert pages.verdict({"low": 0.75, "high": 0.75, "mcnemar_p": 0.001}) == pages.UNCLEAR
    assert pages.verdict({"low": 0.7, "high": 0.8, "mcnemar_p": 0.001}) == "better"


@pytest.mark.parametrize(
    "coefficient, longer, said",
    [
        ((0.2, 1.9), (0.16, 1.0), ""),  # two decided pairs, the longer one winning both
        ((0.2, 1.9), (0.6, 1.0), "longer"),
        ((-1.9, -0.2), (0.0, 0.4), "shorter"),
        ((-0.1, 1.9), (0.6, 1.0), ""),
        ((-1.9, -0.2), (0.6, 1.0), ""),
    ],
)
def test_a_judge_goes_with_a_length_only_where_the_decided_pairs_show_it_too(coefficient, longer, said):
    ends = ("coefficient_low", "coefficient_high", "longer_low", "longer_high")
    length = dict(zip(ends, coefficient + longer, strict=True))
    assert pages.leaning({**length, "coefficient": 1.0}) == said
    assert pages.leaning({**length, "coefficient": None}) == pages.leaning(None) == ""


def test_default_run_writes_the_tracked_files(out, tmp_path, monkeypatch):
    repository = tmp_path / "repository"
    monkeypatch.setattr(plots, "draw_all", DRAW_ALL)
    monkeypatch.setattr(files, "ROOT", repository)
    change(out / "sft" / "run.json", "inputs", value={f"{repository}/data/sft.jsonl": "0"})
    teacher = "openai:org/model:v1@http://10.0.0.5:8000/v1/team-token"
    change(out / "gen_sft" / "run.json", "settings", "teacher", value=teacher)
    change(out / "gen_sft" / "run.json", "flags", value=["--endpoint", "http://10.0.0.6:1", "--teacher", teacher])
    files.write_text(repository / "README.md", f"a\n{report.BEGIN}\nold\n{report.END}\nb\n")
    args = report.parse_args([])
    args.out = out
    assert args.tracked
    report.main(args)
    readme = (repository / "README.md").read_text(encoding="utf-8")
    assert "62.5 % (59.5 to 65.5)" in readme and "old" not in readme
    assert readme.startswith("a\n<!--") and readme.endswith("-->\nb\n")
    text = (repository / "EVAL_REPORT.md").read_text(encoding="utf-8")
    assert "](eval/results/plots/win_rates.png)" in text and str(repository) not in text
    assert (repository / "eval/results/plots/win_rates.png").is_file()
    assert (repository / "MODEL_CARD.md").is_file() and not (out / "MODEL_CARD.md").exists()
    kept = repository / "eval" / "results"
    packed = (kept / "domain.json.gz").read_bytes()
    assert json.loads(gzip.decompress(packed)) == files.read_json(out / "eval" / "domain.json")
    answers = gzip.decompress((kept / "answers" / "dpo.jsonl.gz").read_bytes())
    assert answers.count(b"\n") == len(ITEMS)
    assert str(repository).encode() not in gzip.decompress((kept / "runs.json.gz").read_bytes())
    published = [path.read_bytes() for path in repository.rglob("*") if path.is_file()]
    published = [gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data for data in published]
    assert any(b"openai:org/model:v1" in data for data in published), "the model is named"
    assert not [data for data in published if b"10.0.0." in data or b"team-token" in data], "where it is asked is not"
    named = {line.split("`")[1] for line in text.split("## How to recompute")[1].splitlines() if "eval/results" in line}
    assert len(named) == 10 and all((repository / name).is_file() for name in named)
    for name in ("control.json.gz", "seeds.json.gz", "mine.txt"):  # of another run, and a file of somebody's
        files.write_text(kept / name, "old")
    report.main(args)
    assert (kept / "domain.json.gz").read_bytes() == packed
    assert [path.name for path in kept.iterdir() if path.name.startswith(("control", "seeds", "mine"))] == ["mine.txt"]
    assert (repository / "README.md").read_text(encoding="utf-8") == readme


def test_off_policy_pairs_are_called_so(out):
    text = write_report(out)
    assert "off-policy" not in text
    change(out / "dpo" / "run.json", "policy", value={"on": 2345, "off": 0, "unknown": 0})
    assert write_report(out) == text
    change(out / "dpo" / "run.json", "policy", value={"on": 2000, "off": 300, "unknown": 45})
    text = write_report(out)
    assert "2,345 off-policy pairs" in screen(text) and "on-policy" not in text
    assert "of 2345 pairs 300 were sampled from another SFT model" in text and "and 45 do not say from which" in text
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "The preference pairs (off-policy) were generated from 4 samples" in card and "on-policy" not in card


def test_the_card_names_models_as_teacher_and_judge_with_their_terms_and_no_address(out):
    change(out / "gen_sft" / "run.json", "settings", "teacher", value="openai:t@http://host-1:8000")
    change(out / "gen_dpo" / "run.json", "settings", "judge", value="anthropic:j")
    write_report(out)
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "generated by the teacher `openai:t` with seed" in card and "host-1" not in card
    assert "written by `t` on a server of the user's" in card and "train on what `j` preferred is not known" in card


def test_files_of_ones_own_are_named_and_need_no_record_of_a_data_stage(out):
    for stage, name in (("sft", "mine.jsonl"), ("dpo", "pairs.jsonl")):
        change(out / stage / "run.json", "settings", "data", value=f"/somewhere/{name}")
        change(out / stage / "run.json", "inputs", value={f"/somewhere/{name}": "f" * 64})
    for stage in ("gen_sft", "gen_dpo"):
        (out / stage / "run.json").unlink()
    text = write_report(out)
    assert "have the same makers" not in text and "ranker of the preference pairs" not in text
    card = (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "The SFT rows are those of the file `mine.jsonl` (SHA-256 ffffffffffffffff)." in card
    assert "The preference pairs (on-policy) are those of the file `pairs.jsonl`" in card


@pytest.mark.parametrize("stage, training", [("gen_sft", "sft"), ("gen_dpo", "dpo")])
def test_a_training_on_other_data_than_the_report_would_tell_of_is_refused(out, stage, training):
    change(out / stage / "run.json", "output", value={"x.jsonl": "a" * 64})
    change(out / training / "run.json", "inputs", value={"data/x.jsonl": "a" * 64})
    write_report(out)
    change(out / stage / "run.json", "output", value={"x.jsonl": "b" * 64})
    with pytest.raises(
        UserError, match=rf"{training} was trained on other data than .*run python train/{training}\.py"
    ):
        write_report(out)


def test_answers_of_an_adapter_trained_anew_are_refused(out):
    weights = out / "sft" / "adapter_model.safetensors"
    files.write_text(weights, "w")
    change(out / "answers" / "run.json", "inputs", value={str(weights): files.sha256(weights)})
    write_report(out)
    files.write_text(weights, "trained again")
    with pytest.raises(UserError, match=r"was made from another .* run python eval/answer\.py"):
        write_report(out)


@pytest.mark.parametrize("name", ["domain", "winrate"])
def test_verdicts_of_another_version_of_the_domain_are_refused(out, name):
    change(out / "eval" / f"{name}.json", "run", "judged_by", value="another")
    with pytest.raises(UserError, match=rf"{name}\.json was judged by another version .* run python eval/{name}\.py"):
        write_report(out)


def test_answers_to_another_benchmark_or_system_prompt_are_refused(out, monkeypatch):
    change(out / "answers" / "run.json", "asked", value=provenance.asked(DOMAIN, ASKED))
    write_report(out)
    other = [{**row, "completion": "b"} for row in ASKED]
    for name, value in (("SYSTEM_PROMPT", "Answer."), ("load_benchmark", lambda split: other)):
        with monkeypatch.context() as patch:
            patch.setattr(DOMAIN, name, value)
            with pytest.raises(UserError, match=r"have changed since .* run python eval/answer\.py .*again"):
                write_report(out)


def test_the_benchmark_is_named_by_hash(out):
    assert "SHA-256" not in write_report(out)
    change(out / "answers" / "run.json", "benchmark", value={"rows": 900, "sha256": "abc123"})
    assert "Benchmark: 48 of the 900 rows of `test`, SHA-256 of all of them as JSON lines `abc123`." in write_report(
        out
    )


def test_the_dev_benchmark_of_the_trainings_is_named_by_hash(out):
    """One line where both trainings had the same; records from before it was kept leave the line out."""
    assert "measured the" not in write_report(out)
    dev = {"split": "dev", "rows": 300, "sha256": "abc123", "used": 200}
    for stage in ("sft", "dpo"):
        change(out / stage / "run.json", "dev", value=dev)
    last = "200 of the 300 rows of `dev`, SHA-256 of all of them as JSON lines `abc123`."
    assert f"SFT and DPO measured themselves on {last}" in write_report(out).splitlines()
    change(out / "dpo" / "run.json", "dev", value={**dev, "sha256": "def456"})
    made = write_report(out).splitlines()
    assert f"SFT measured itself on {last}" in made
    assert f"DPO measured itself on {last.replace('abc123', 'def456')}" in made


def control_result(**points):
    part = {pair: {**interval(value, key="difference"), "mcnemar_p": 1.0, "gained": 1, "lost": 1}
            for pair, value in points.items()}  # fmt: skip
    summary = {"accuracy": {"all": interval(0.612, key="accuracy")}, "difference": {"all": part}}
    return {"summary": summary, "rows": [], "run": run_of("control")}


def test_a_control_stands_in_the_first_screen_and_none_leaves_the_report_as_it_was(out, capsys):
    before = write_report(out)
    files.write_json(out / "control/control.json", control_result(dpo_vs_control=0.013, sft_vs_control=-0.051))
    text = write_report(out)
    row = next(line for line in screen(text).splitlines() if line.startswith("| Against the control |"))
    assert row == "| Against the control | - | -5.1 points (-8.1 to -2.1) | +1.3 points (-1.7 to +4.3) | - | 48 |"
    assert "its domain accuracy is 61.2 % (58.2 to 64.2)." in screen(text)
    assert "accuracy +1.3 points (-1.7 to +4.3), **no difference shown**." in screen(text)
    assert "control/control.json` |" in text.split("## How to recompute")[1]
    (out / "control/control.json").unlink()
    assert write_report(out) == before and "Against the control" not in before
    stale = control_result(dpo_vs_control=0.0, sft_vs_control=0.0)
    stale["run"]["inputs"] = {str(out / "dpo/log.json"): "0" * 64}
    files.write_json(out / "control/control.json", stale)
    capsys.readouterr()
    assert write_report(out) == before, "a stale one is as none"
    assert "left out of the report: " in (said := capsys.readouterr().out.split("\n")[0])
    assert "control.json was made from another" in said and "run python bench/control.py --out" in said


def seeds_result(over_control):
    def compared(value):
        single = {**interval(value, key="difference"), "mcnemar_p": 0.01, "gained": 5, "lost": 1}
        return single | {"sd": 0.004, "seeds": {"0": single, "1": single}}

    made = {"dpo_vs_sft": compared(0.04), "dpo_vs_control": compared(over_control)}
    summary = {"difference": {"answerable": made, "to_be_refused": made}, "counts": {"pairs": 1234}, "steps": 56}
    return {"summary": summary, "run": run_of("seeds")}


def test_several_seeds_stand_in_the_report_with_what_they_say_of_dpo(out):
    before = write_report(out)
    files.write_json(out / "seeds/seeds.json", seeds_result(0.035))
    text = write_report(out)
    assert "2 seeds on the 48 answerable dev items" in screen(text)
    assert "against the control +3.5 points (+0.5 to +6.5), **better**. It does. Of the items to be refused" in screen(
        text
    )
    rows = [line for line in text.split("### DPO with several seeds")[1].split("###")[0].splitlines() if "|" in line]
    assert len(rows) == 2 + 2 * 2 * 3 and "| answerable | 0 | +4.0 points" in rows[2]
    assert "| mean, deviation 0.4 | +4.0 points" in rows[4]
    assert "Right means here correct and ended by itself: an answer that the token" in text
    assert "seeds/seeds.json` |" in text.split("## How to recompute")[1]
    files.write_json(out / "seeds/seeds.json", seeds_result(0.01))
    assert "against the control +1.0 points (-2.0 to +4.0), **no difference shown**. It is not shown to." in screen(
        write_report(out)
    )
    (out / "seeds/seeds.json").unlink()
    assert write_report(out) == before and "several seeds" not in before


def test_other_judges_have_a_section_only_where_there_are_any(out):
    """Two judges on the items' pairs: one that goes by place, one that never finds DPO better."""
    assert "Other judges" not in write_report(out)
    args, rows = (
        SimpleNamespace(seed=0, resamples=100),
        [{"id": i, "cluster": i, "category": kind} for i, kind in ITEMS],
    )
    pairs = [judge.Comparison(judge.Task("r", ""), i, "a" * (3 + n % 4), "bbbb!") for n, (i, _) in enumerate(ITEMS)]
    results = {}
    for name, made in (("first", judge.Judged(1.0, 0.0, 0.5)), ("openai:m", judge.Judged(0.0, 0.0, 0.0, ("x", "y")))):
        summary = judging.summarise(dict.fromkeys(pairs, made), pairs, rows, args)
        kept = [{**row, **dict.fromkeys(PAIRS, judging.judged_row(made, ":" in name))} for row in rows]
        told = "it is of the same family (openai) as the teacher openai:t" if ":" in name else ""
        results[name] = {"settings": {"self_preference": told}, "summary": dict.fromkeys(PAIRS, summary), "rows": kept}
    path = out / "eval" / "winrate.json"
    verified = [{**row, "full": dict.fromkeys(PAIRS, {"score": 0.0, "by": "correct"})} for row in rows]
    change(path, "rows", value=verified)
    change(path, "judges", value=results)
    change(path, "together", value=judging.together(results, verified, args))
    section = write_report(out).split("### Other judges\n")[1].split("\n## ")[0]
    assert "| `first` | SFT + DPO against SFT | 50.0 % (" in section and "| 0 / 48 / 0 |" in section
    assert "| `openai:m` | SFT + DPO against SFT | 0.0 % (0.0 to 7.4) | worse | 0 / 0 / 48 |" in section
    assert "| majority | SFT + DPO against SFT | 0.0 % (0.0 to 7.4) | worse |" in section
    assert "(`verifier`, `openai:m`; the verifier by its full rule)" in section
    assert "- `first` favours the answer shown first (SFT against base)." in section
    assert "- `openai:m` may prefer its own kind: it is of the same family (openai) as the teacher" in section
    assert "| first and openai:m | 0.00 (0.00 to 0.00); 0.0 % |" in section
    assert "other judges' win rates, biases, kappa, majority" in write_report(out)


def test_the_quality_of_the_trained_file_is_told_with_its_leaks(out):
    for stage in ("sft", "dpo"):
        change(out / stage / "run.json", "inputs", value={f"data/{stage}.jsonl": f"hash of {stage}"})
    counts = {"rows": 6001, "kept": 5987, "dropped": {"near duplicate": 11, "repeats MMLU": 3}, "leaks": {"MMLU": 3}}
    looked = {
        "mine": {**counts, "sha256": "hash of sft", "kept_sha256": "x"},
        "pairs": {**counts, "sha256": "y", "kept_sha256": "hash of dpo"},
        "other": {**counts, "rows": 1234, "sha256": "z", "kept_sha256": "z"},
    }
    assert "Quality of the training data" not in write_report(out)
    files.write_json(out / "quality/quality.json", {"ngram": 13, "against": {}, "files": looked})
    text = write_report(out)
    part = text.split("### Quality of the training data")[1].split("\n#")[0]
    assert "| near duplicate | 11 | 11 |" in part and "| trained on | all rows | what is kept |" in part
    assert "3 training prompts of SFT repeat one of MMLU, and were trained on." in text
    assert "training prompts of DPO" not in text and "1234" not in part


def test_what_nobody_could_judge_is_counted_and_not_averaged(out):
    """Items without a verdict: in the domain by kind, in the win rates on the first screen."""
    before = write_report(out)
    assert "could not be judged" not in before
    path = out / "eval" / "domain.json"
    rows = files.read_json(path)["rows"]
    for row in rows:
        if row["category"] == "kind_a":
            row["dpo"] = {**row["dpo"], "correct": None, "reason": "cannot_judge"}
    change(path, "rows", value=rows)
    change(out / "eval" / "winrate.json", "summary", "correctness", "dpo_vs_base", "unjudged", value=4)
    text = write_report(out)
    assert "\n| kind_a | 4 | 0 | 0 | 4 |\n" in text and "\n| kind_b | 4 | 0 | 0 | 0 |" not in text
    assert "| Against base, could not be judged | - | 0 | 4 | - | 48 |" in screen(text)
    assert "| Against SFT, could not be judged | - | - | 0 | - | 48 |" in screen(text)


def test_wrapped_prose_becomes_a_line_and_nothing_else_does():
    text = "---\na: 1\nb: 2\n---\n\n# T\nOne\n  two\n\n| a |\n| b |\n\n- x\n  y\n- z\n\n~~~~\nq\n~~~\nr\n~~~~\nend\n"
    assert pages.one_line(text) == (
        "---\na: 1\nb: 2\n---\n\n# T\nOne two\n\n| a |\n| b |\n\n- x y\n- z\n\n~~~~\nq\n~~~\nr\n~~~~\nend"
    )


@pytest.fixture()
def rows_out(out, monkeypatch, capsys):
    """The same folder for a domain of rows, measured by eval/domain.py; nothing has judged its answers yet."""
    monkeypatch.setattr(report, "load_domain", load_domain)
    asked = {row["id"]: row["prompt"] for row in files.read_jsonl(out / "answers" / "base.jsonl")}
    test = [{"id": i, "prompt": asked[i], "completion": "a", "cluster": i, "category": kind} for i, kind in ITEMS]
    files.write_jsonl(out / "domain" / "test.jsonl", test)
    about = {"system_prompt": "Be short.", "rubric": rows_domain.RUBRIC, "inputs": {"my.csv": "0"}}
    files.write_json(out / "domain" / "domain.json", about)
    for name, logprob in (("base", -3.0), ("base_chat", -3.0), ("sft", -2.0), ("dpo", -1.0)):
        rows = files.read_jsonl(out / "answers" / f"{name.removesuffix('_chat')}.jsonl")
        scored = [{**row, "reference_logprob": logprob, "reference_tokens": 1} for row in rows]
        files.write_jsonl(out / "answers" / f"{name}.jsonl", scored)
    for stage in ("sft", "dpo"):
        change(out / stage / "run.json", "settings", "data", value=f"/somewhere/{stage}.jsonl")
    for name in ("domain", "winrate"):
        (out / "eval" / f"{name}.json").unlink()
    domain_eval.main(domain_eval.parse_args(["--domain", "rows", "--out", str(out)]))
    assert "no verifier: accuracy is not measured" in capsys.readouterr().out
    return out


def judged_by_models(out, verdicts):
    """out/eval/winrate.json as eval/winrate.py writes it without a verifier; verdicts: {judge: what it always says}."""
    args = SimpleNamespace(seed=0, resamples=100)
    rows = [{"id": i, "cluster": i, "category": kind} for i, kind in ITEMS]
    pairs = [judge.Comparison(judge.Task("r", ""), i, "a" * (3 + n % 4), "bbbb!") for n, (i, _) in enumerate(ITEMS)]
    results = {}
    for name, (made, failed) in verdicts.items():
        one = {pair: made if n >= failed else judge.Judged(None, None, None, ("timeout", "timeout"))
               for n, pair in enumerate(pairs)}  # fmt: skip
        kept = [{**row, **dict.fromkeys(PAIRS, judging.judged_row(one[pair], ":" in name))}
                for row, pair in zip(rows, pairs, strict=True)]  # fmt: skip
        summary = dict.fromkeys(PAIRS, judging.summarise(one, pairs, rows, args))
        results[name] = {"settings": {"self_preference": ""}, "summary": summary, "rows": kept}
    files.write_json(
        out / "eval" / "winrate.json",
        {"settings": {"judge": ", ".join(results)}, "summary": {}, "rows": rows, "judges": results,
         "together": judging.together(results, rows, args), "run": run_of("winrate")},
    )  # fmt: skip


def rows_report(out):
    report.main(report.parse_args(["--domain", "rows", "--out", str(out)]))
    return (out / "EVAL_REPORT.md").read_text(encoding="utf-8")


def test_a_domain_of_rows_is_reported_by_a_models_verdicts(rows_out, monkeypatch):
    """No verifier: the first screen has the judge's win rate, what it could not judge, the tax and the perplexities."""
    monkeypatch.setattr(plots, "draw_all", DRAW_ALL)
    with pytest.raises(UserError, match=r"nothing has judged .* python eval/winrate\.py .*, or rate them with"):
        rows_report(rows_out)
    win = judge.Judged(1.0, 1.0, 1.0, ("x", "y"))
    judged_by_models(rows_out, {"longest": (win, 0)})
    with pytest.raises(UserError, match="nothing has judged"):  # a control is no judge
        rows_report(rows_out)
    judged_by_models(rows_out, {"longest": (win, 0), "openai:m-5.5": (win, 3)})
    text = rows_report(rows_out)
    for line in (
        "| Domain accuracy | no verifier: accuracy is not measured | - | - | - |",
        "| Win rate against SFT | - | - | 100.0 % (92.1 to 100.0) | 45 |",
        "| Against SFT, could not be judged | - | - | 3 | 48 |",
        "- SFT + DPO against SFT: win rate 100.0 % (92.1 to 100.0), **better**.",
        "| General knowledge (5-shot, continuation): tax | - | -2.3 points (-4.1 to -0.5) |",
        "beats the SFT model (win rate 100.0 %, 95 % interval 92.1 to 100.0, n = 45) as judged by openai:m-5.5, at an",
    ):
        assert line in screen(text)
    for words in (
        "| ended by itself | 100.0 % (92.6 to 100.0) |",
        "| mean length in tokens | 3.0 | 3.0 | 3.0 | 48 |",
        "| items of the report | 20.086 | 7.389 | 2.718 |",
        "### Judges\n",
        "- `openai:m-5.5` could not judge 3 of 48 items (SFT against base), by the reasons of each order: timeout 6.\n",
        "![Win rates as judged by openai:m-5.5 with 95 % intervals; 50 % is a draw](eval/plots/win_rates.png)",
        "- There is no verifier: accuracy is not measured, and the win rates say what openai:m-5.5 prefers",
        "\nSFT + DPO:\n",
    ):
        assert words in text
    for words in ("McNemar p |\n|---|---|---|---|---|---|---|---|\n| SFT against", "SFT right", "None", "full rule"):
        assert words not in text
    card = (rows_out / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "Requests as in my.csv." in card and "no verifier: accuracy is not measured" in card and "Be short." in card
    results = yaml.safe_load(card.split("---\n")[1])["model-index"][0]["results"]
    assert [one["dataset"]["type"] for one in results] == ["general_knowledge"]
    summary = files.read_json(rows_out / "eval" / "summary.json")
    assert summary["domain"] == {} and summary["winrate"]["dpo_vs_sft"]["n"] == 45


def test_of_several_models_the_majority_counts_and_people_before_them(rows_out):
    win, loss = judge.Judged(1.0, 1.0, 1.0, ("x", "y")), judge.Judged(0.0, 0.0, 0.0, ("x", "y"))
    judged_by_models(rows_out, {"a:m": (win, 0), "b:m": (win, 0), "c:m": (loss, 0)})
    text = rows_report(rows_out)
    assert "| Win rate against SFT | - | - | 100.0 % (92.6 to 100.0) | 48 |" in screen(text)
    assert "as judged by the majority of a:m, b:m, c:m, at an" in screen(text)
    one = {**files.read_json(rows_out / "eval/winrate.json")["judges"]["c:m"]["summary"]["dpo_vs_sft"], "unjudged": 7}
    for key in ("position", "length", "unjudged_by_reason", "by_category", "same_answers"):
        one.pop(key)
    rated = {"settings": {}, "summary": {"hand": {"dpo_vs_sft": one}}, "rows": [], "run": run_of("label")}
    for models in (True, False):
        files.write_json(rows_out / "eval" / "winrate_hand.json", rated)
        if not models:
            (rows_out / "eval" / "winrate.json").unlink()
        text = rows_report(rows_out)
        assert "| Win rate against SFT | - | - | 0.0 % (0.0 to 7.4) | 48 |" in screen(text)
        assert "is not judged against the base" in screen(text) and "as judged by hand, at an" in screen(text)
        assert "| `hand` | SFT + DPO against SFT | 0.0 % (0.0 to 7.4) | worse | 0 / 0 / 48 |" in text
        assert ("| `a:m` |" in text) == models and "winrate_hand.json` |" in text
    change(rows_out / "eval" / "winrate_hand.json", "run", "inputs", value={str(rows_out / "dpo/log.json"): "0"})
    with pytest.raises(UserError, match=r"run python data/label\.py --export .*--domain rows"):
        rows_report(rows_out)
