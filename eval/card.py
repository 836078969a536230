"""MODEL_CARD.md in the Hub's form: YAML front matter and text, every figure from the result files.

Used by eval/report.py, so that card and report cannot differ.
"""

from common.cli import ROOT
from common.paid import teacher_terms
from eval import sections

LICENCES = (("apache-2.0", "Apache License"), ("mit", "MIT License"))
# Settings that decide a training, under the names of trl, peft and bitsandbytes.
SETTINGS = (
    "learning_rate",
    "num_train_epochs",
    "per_device_train_batch_size",
    "gradient_accumulation_steps",
    "max_length",
    "warmup_steps",
    "lr_scheduler_type",
    "optim",
    "dtype",
    "load_in_4bit",
    "bnb_4bit_quant_type",
    "bnb_4bit_use_double_quant",
    "r",
    "lora_alpha",
    "lora_dropout",
    "target_modules",
    "packing",
    "beta",
    "loss_type",
    "loss_weights",
)


def licence(found) -> str:
    """The licence that the base's SOURCE.json names, else the Hub's name of the LICENSE in its folder, else 'other'.

    An adapter inherits its base's terms; of a base from elsewhere this script knows none.
    """
    if found.source:
        return found.source["licence"]
    path = ROOT / sections.base_name(found) / "LICENSE"
    text = path.read_text(encoding="utf-8")[:400] if path.is_file() else ""
    return next((name for name, words in LICENCES if words in text), "other")


def front_matter(found, name) -> list:
    """The YAML block that the Hub reads, with the results as a model index."""
    import yaml

    benchmark = sections.benchmark_name(found)
    results = []
    measured = [(f"{name} benchmark (generated)", name, found.domain["summary"]["accuracy"]["all"]["dpo"])]
    for form, made in sections.reported_forms(found, benchmark).items():
        label = sections.benchmark_label(found, benchmark, form)
        measured.append((label, benchmark.lower().replace(" ", "_"), made["accuracy"]["dpo"]))
    for label, kind, one in measured:
        results.append(
            {
                "task": {"type": "text-generation"},
                "dataset": {"name": label, "type": kind},
                "metrics": [
                    {"type": "accuracy", "value": round(one["accuracy"], 4), "name": f"accuracy, n = {one['n']}"}
                ],
            }
        )
    base = sections.base_name(found)
    data = {
        "license": licence(found),
        "base_model": base,
        "library_name": "peft",
        "pipeline_tag": "text-generation",
        "tags": ["lora", "qlora", "sft", "dpo", "trl", name],
        "datasets": ["generated"],
        "model-index": [{"name": f"{name}-dpo", "results": results}],
    }
    return ["---", yaml.safe_dump(data, sort_keys=False, allow_unicode=True).strip(), "---"]


def training_data(found) -> list:
    """What the model was trained on, from the records of the data stages."""
    sft, dpo = found.runs["gen_sft"], found.runs["gen_dpo"]
    stages = (
        ("SFT data", sft["counts"]),
        ("SFT", found.runs["sft"]["counts"]),
        ("preference data", dpo["counts"]),
        ("DPO", found.runs["dpo"]["counts"]),
    )
    rows = [
        [f"{label}: {key}", sections.percent(value) if isinstance(value, float) else value]
        for label, counts in stages
        for key, value in counts.items()
    ]
    settings = dpo["settings"]
    return [
        "## Training data",
        "",
        f"All of it was generated: the SFT rows by the teacher `{sft['settings']['teacher']}` "
        f"with seed {sft['seed']}, the preference pairs from {settings['samples']} samples for "
        f"each prompt by the SFT model itself (temperature {settings['temperature']}), ranked "
        f"by the {settings['judge']}.",
        "",
        teacher_terms(sft["settings"]["teacher"]),
        "",
        *sections.table(["what", "count"], rows),
        "",
    ]


def procedure(found) -> list:
    """How it was trained: the settings that decide, and the reference's proof."""
    have = [found.runs[stage]["settings"] for stage in ("sft", "dpo")]
    rows = [
        [f"`{key}`", *(settings.get(key, "-") for settings in have)]
        for key in SETTINGS
        if any(key in settings for settings in have)
    ]
    proof, metrics = found.runs["dpo"]["proof"], found.runs["dpo"]["metrics"]
    return [
        "## Procedure",
        "",
        "SFT trains a LoRA adapter with the loss on the completion only. DPO goes on training "
        "it, with the frozen SFT model as reference (preference loss at step 0: "
        f"{proof['loss_at_step_0']:.6f}; KL at the end: {metrics['kl']:.4f} nats per answer).",
        "",
        *sections.table(["setting", "SFT", "DPO"], rows),
        "",
    ]


def safety() -> list:
    """What whoever uses the model must do."""
    return [
        "## Safety",
        "",
        "Nobody has checked what this model writes. Queries written by a model must be run "
        "read-only: on a connection that cannot write, with limits on time, rows and memory, "
        "and with no more rights than the person who asks. Its refusals are no protection: how often "
        "they came when they were due, and when they were not, stands in the table under Results.",
        "",
    ]


def card(found, args, domain, report_name) -> str:
    """The whole card."""
    base, dpo = sections.base_name(found), found.runs["dpo"]
    settings, metrics = dpo["settings"], dpo["metrics"]
    purpose = (domain.__doc__ or args.domain).strip().splitlines()[0]
    return "\n".join(
        [
            *front_matter(found, args.domain),
            "",
            f"# {args.domain}: {base} after SFT and DPO",
            "",
            f"{sections.copyable(found)} Details: [{report_name}]({report_name}).",
            "",
            "## What it is",
            "",
            purpose,
            "",
            *sections.base_lines(found),
            f"A LoRA adapter (rank {settings['r']}, alpha {settings['lora_alpha']}; "
            f"{metrics['trainable']:,} of {metrics['total']:,} parameters) over `{base}`. It answers "
            "in the base's chat template under this system prompt:",
            "",
            *sections.fenced(domain.SYSTEM_PROMPT),
            "",
            *training_data(found),
            *procedure(found),
            "## Results",
            "",
            *sections.headline(found),
            "",
            "## Limits",
            "",
            *(f"- {line}" for line in sections.caveats(found)),
            "",
            *safety(),
        ]
    )
