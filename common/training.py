"""What the trainers must agree on: flags, held-out rows, checkpoints, saved adapters and their samples."""

import json
import math
import random
import re
import shutil
import time
from pathlib import Path

from common import chat, cli, files, model, passes, provenance, score, tracking
from common.apart import first_alone, processes, sharded
from common.domain import rows_of, verdict_on
from common.engine import complete
from common.sampling import Sampling

SAMPLES = 12
LORA = ("r", "lora_alpha", "lora_dropout", "target_modules", "use_dora")  # what add_lora_flags sets
# Settings that change no weight, or are compared by what they name.
ELSEWHERE = ("recipe", "tracked", "command_tail", "out", "base", "data", "chat_template", "replay", "report_to",
             "off_policy", "strict", "save_total_limit")  # fmt: skip
ELSEWHERE += ("benchmark", "system_prompt", "rubric", "pair_share")  # of a domain of rows alone: they decide its files
# What the numbers of the trainers may be, for cli.within.
BOUNDS = {
    "limit": (0, None),
    "learning_rate": (0, None),
    "num_train_epochs": (0.001, None),
    "warmup_steps": (0, None),
    "weight_decay": (0, None),
    "eval_steps": (0, None),
    "save_steps": (0, None),
    "per_device_train_batch_size": (1, None),
    "gradient_accumulation_steps": (1, None),
    "max_length": (1, None),
    "logging_steps": (1, None),
    "save_total_limit": (1, None),
    "loraplus_lr_ratio": (1, None),
}
DEV_BOUNDS = {"eval_rows": (1, None)}  # perplexity before and after is part of what a training says of itself
LORA_BOUNDS = {"r": (1, None), "lora_alpha": (1, None), "lora_dropout": (0, 0.99)}
# Schedules of transformers that need a number for which there is no flag, and those that go by the held-out loss.
UNSET_SCHEDULES = ("cosine_with_min_lr", "cosine_warmup_with_min_lr", "warmup_stable_decay")
BY_LOSS = ("reduce_lr_on_plateau", "greedy")
ALL_LINEAR = "all-linear"


def add_training_flags(parser):
    """Flags of all trainers; the keys of trl, peft and bitsandbytes keep their own names."""
    add = parser.add_argument
    add("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    add("--limit", type=int, default=0, help="train on a seeded sample of this many rows; 0 takes all")
    add("--learning_rate", type=float, help="peak learning rate")
    add("--num_train_epochs", type=float, help="passes over the data")
    add("--per_device_train_batch_size", type=int, help="rows in memory at once")
    add("--gradient_accumulation_steps", type=int, help="batches per optimizer step")
    add("--max_length", type=int, help="longest row in tokens; longer ones are refused, see --allow_truncation")
    add("--allow_truncation", action=cli.Switch, default=False, help="cut rows longer than --max_length")
    add("--warmup_steps", type=float, default=0.03, help="steps, or a share of all steps when below 1")
    add("--lr_scheduler_type", default="cosine", help="a schedule of transformers")
    add("--optim", default="paged_adamw_8bit", help="an optimizer of transformers")
    add("--weight_decay", type=float, default=0.0)
    add("--max_grad_norm", type=float, default=1.0)
    add("--gradient_checkpointing", action=cli.Switch, default=True, help="less memory for a third more time")
    add(
        "--dtype",
        default="auto",
        choices=model.DTYPES,
        help="dtype of computation; auto: bfloat16 where the hardware has it",
    )
    model.add_quantization_flags(parser)
    add("--loraplus_lr_ratio", type=float, default=None, help="LoRA+: learning rate of B over that of A, such as 16")
    add("--logging_steps", type=int, default=5)
    add("--eval_steps", type=float, default=0.2, help="steps between evaluations, or a share of all steps when below 1")
    add("--save_steps", type=float, default=0.2, help="steps between checkpoints, or a share of all steps when below 1")
    add(
        "--save_total_limit",
        type=int,
        default=1,
        help="checkpoints to keep; more than one stay as adapters, steps/N, when the training is done",
    )
    add(
        "--check",
        action=cli.Switch,
        default=False,
        help="two steps at the longest batch: does it fit, how long, no more",
    )
    add(
        "--report_to",
        default="none",
        choices=tracking.BACKENDS,
        help="wandb is offline unless WANDB_API_KEY is set; mlflow writes to ./mlruns",
    )


def add_dev_flag(parser):
    """--eval_rows, of the trainers of a language model."""
    parser.add_argument(
        "--eval_rows", type=int, default=200, help="rows of the dev benchmark held out for loss and perplexity"
    )


def add_lora_flags(parser):
    """Flags of a new adapter, with PEFT's names: SFT makes it, DPO goes on with it."""
    add = parser.add_argument
    add("--r", type=int, default=16, help="LoRA rank")
    add("--lora_alpha", type=int, default=32)
    add("--lora_dropout", type=float, default=0.0)
    add("--target_modules", default=ALL_LINEAR, help=f"modules that get an adapter: names with commas, or {ALL_LINEAR}")
    add("--use_dora", action=cli.Switch, default=False, help="DoRA: the length of each weight row is trained apart")


def check_names(args):
    """UserError for an optimizer or a schedule that transformers does not have or that cannot be used here."""
    from transformers.trainer_utils import SchedulerType
    from transformers.training_args import OptimizerNames

    for key, known in (("optim", OptimizerNames), ("lr_scheduler_type", SchedulerType)):
        name, names = getattr(args, key), [one.value for one in known if one.value not in UNSET_SCHEDULES]
        if name in UNSET_SCHEDULES:
            raise cli.UserError(f"--{key}: {name} needs a number that no flag gives; there is {', '.join(names)}.")
        if name not in names:
            raise cli.UserError(f"--{key}: no {name!r}{cli.nearest(name, names)}; there is {', '.join(names)}.")
    if args.lr_scheduler_type in BY_LOSS and not getattr(args, "held_out_share", True):
        raise cli.UserError(
            f"--lr_scheduler_type {args.lr_scheduler_type} goes by the loss of pairs that are held out, and "
            "--held_out_share 0 keeps none; name another schedule, or keep some."
        )


def check_whole_steps(args):
    """`args` again; UserError for an interval that ends within a step."""
    for key in ("eval_steps", "save_steps"):
        value = getattr(args, key)
        if value > 1 and value % 1 != 0:
            raise cli.UserError(f"--{key} must be a whole number, or a share of all steps below 1, not {value:g}.")
    return args


def check_targets(args, scalar=False):
    """UserError for --target_modules that name no layer of the base that can have an adapter and be merged with it.

    scalar: the base gets a head of its own, as for a reward model.
    """
    import torch
    from transformers.pytorch_utils import Conv1D

    wanted = lora_config(args).target_modules
    if wanted == ALL_LINEAR:
        return
    network = model.without_weights(args.base)
    tied = network.config.get_text_config().tie_word_embeddings  # the head is no weight of its own then
    head = network.get_output_embeddings() if scalar or tied else None
    modules = dict(network.named_modules())
    layers = {name for name, one in modules.items() if isinstance(one, (torch.nn.Linear, Conv1D)) and one is not head}
    each = {wanted: wanted} if isinstance(wanted, str) else {one: rf"(.*\.)?{re.escape(one)}" for one in sorted(wanted)}
    missing = [one for one, pattern in each.items() if not names_layers(pattern, modules, layers)]
    if missing:
        have = sorted({name.rpartition(".")[2] for name in layers})
        raise cli.UserError(
            f"--target_modules: {args.base} has no layers {missing[0]!r} that can have an adapter"
            f"{cli.nearest(missing[0], have)}; it has {', '.join(have)}, or say {ALL_LINEAR}."
        )


def names_layers(pattern: str, modules, layers: set) -> bool:
    """Whether a regular expression is the name of some of these layers and of no other module, as PEFT reads it."""
    try:
        found = {name for name in modules if re.fullmatch(pattern, name)}
    except re.error:
        return False
    return bool(found) and found <= layers


def limited(rows: list, args) -> list:
    """A sample of --limit rows by --seed, in the file's order, which is said; all rows when the limit is 0."""
    if not args.limit or args.limit >= len(rows):
        return rows
    print(f"a sample of {args.limit:,} of {len(rows):,} rows is trained on (--limit; 0 takes all)")
    return [rows[i] for i in sorted(random.Random(args.seed).sample(range(len(rows)), args.limit))]


def held_out(domain, args) -> tuple:
    """(the dev rows that both stages measure themselves on, what their records say of that benchmark)."""
    rows = rows_of(domain, "load_benchmark", "dev")
    used = rows[: args.eval_rows]
    return used, {**provenance.benchmark_told("dev", rows), "used": len(used)}


def lora_config(args, task_type="CAUSAL_LM"):
    """PEFT's config from the flags."""
    from peft import LoraConfig

    known = {key: getattr(args, key) for key in LORA}
    if re.fullmatch(r"[\w., ]*", args.target_modules):  # names; PEFT takes a text for a regular expression
        known["target_modules"] = [name.strip() for name in args.target_modules.split(",")]
    return LoraConfig(bias="none", task_type=task_type, **known)


def make_trainer_arguments(args, config, work, evaluated=True, **more):
    """The trainer's config: every flag that has a field of the same name, and what follows from the machine.

    `evaluated` is whether there are rows to evaluate on.
    """
    import dataclasses

    import torch

    fields = {field.name for field in dataclasses.fields(config)}
    named = {key: value for key, value in vars(args).items() if key in fields and key != "report_to"}
    on_gpu = torch.cuda.is_available()
    return config(
        output_dir=str(work),
        bf16=args.dtype == "bfloat16",
        use_cpu=not on_gpu,
        eval_strategy="steps" if evaluated else "no",
        save_strategy="no" if sharded() else "steps",  # see common/sharded.py: a checkpoint would hold no adapter
        per_device_eval_batch_size=args.per_device_train_batch_size,
        disable_tqdm=False,
        report_to="none",  # common/tracking.py does it, with one set of names for all
        dataset_num_proc=None,
        run_name=f"{args.section}-{args.seed}",
        logging_first_step=True,
        logging_nan_inf_filter=False,  # or a loss of NaN is logged as the mean of the others
        dataloader_pin_memory=on_gpu,
        **(named | more),
    )


def prepare_trainer(trainer, args, weights=None):
    """What all trainers need after construction: fp32 adapter weights, LoRA+ where asked, a bar with loss and speed.

    trl rounds a QLoRA adapter to bf16, whose steps are 1/256 of a weight: a learning rate of 5e-7 would change nothing,
    and DPO would not start from the SFT model. `weights` are the adapter's own, {name: tensor}, to be put back.
    """
    from transformers import ProgressCallback

    for name, parameter in trainer.model.named_parameters():
        if parameter.requires_grad:
            parameter.data = (weights[name] if weights else parameter.data).float()
    if args.loraplus_lr_ratio:
        use_loraplus(trainer, args.loraplus_lr_ratio)
    trainer.remove_callback(ProgressCallback)
    for callback in training_callbacks():
        trainer.add_callback(callback)
    score_trained_tokens_only()
    passes.drop_padding_mask(trainer.model.get_base_model())
    keep_order(trainer, args.seed)
    return trainer


def training_callbacks() -> tuple:
    """A bar with loss and speed, the adapter's inputs in one dtype, and log entries that count the whole training."""
    from transformers import ProgressCallback, TrainerCallback

    class WholeTraining(TrainerCallback):
        """Has seconds, peak memory and tokens in each log entry, counted on from a checkpoint's when there was one."""

        def on_train_begin(self, args, state, control, **kwargs):
            last = next((item for item in reversed(state.log_history) if "seconds" in item), {})
            self.started = time.time() - last.get("seconds", 0)
            self.peak = last.get("peak_memory_gib", 0)
            self.tokens = max((item.get("num_tokens", 0) for item in state.log_history), default=0)

        def on_log(self, args, state, control, **kwargs):
            self.peak = max(self.peak, files.peak_memory_gib())
            entry = state.log_history[-1]
            entry |= {"seconds": time.time() - self.started, "peak_memory_gib": self.peak}
            for name in {"num_tokens", "eval_num_tokens"} & set(entry):  # trl counts from zero after a resume
                entry[name] += self.tokens

        def on_step_end(self, args, state, control, **kwargs):
            control.should_log |= control.should_save  # or a checkpoint lacks what came after the last entry before it

    class NoWidening(TrainerCallback):
        """peft widens every input to the adapter's float32 and autocast narrows it again: same numbers, two copies."""

        def on_train_begin(self, args, state, control, model=None, **kwargs):
            self.switch(model, not args.bf16)

        def on_train_end(self, args, state, control, model=None, **kwargs):
            self.switch(model, True)  # outside the trainer nothing narrows

        def switch(self, model, value):
            for module in model.modules():
                if hasattr(module, "cast_input_dtype_enabled"):
                    module.cast_input_dtype_enabled = value

    class Progress(ProgressCallback):
        """The library's bar, with the figures beside it instead of a printed dictionary at each log."""

        def on_log(self, args, state, control, logs=None, **kwargs):
            if self.training_bar is not None and logs:
                shown = {name: logs[name] for name in ("loss", "rewards/margins", "rewards/accuracies") if name in logs}
                self.training_bar.set_postfix({name: f"{float(value):.3f}" for name, value in shown.items()})

    return Progress(), NoWidening(), WholeTraining()


def keep_order(trainer, seed):
    """Have the order of rows grouped by length follow from the seed and the epoch alone.

    transformers draws it from the global generator, which a training that goes on in its second epoch has not put back
    by then: rows would be trained twice and others never.
    """
    import torch
    from transformers.trainer_pt_utils import LengthGroupedSampler

    class ByLength(LengthGroupedSampler):
        """Told the epoch, as accelerate tells its own sampler of a random order."""

        def set_epoch(self, epoch):
            self.generator = torch.Generator().manual_seed(seed + epoch)

    make = trainer._get_train_sampler

    def sampler(*given):
        made = make(*given)
        if isinstance(made, LengthGroupedSampler):
            made = ByLength(made.batch_size, lengths=made.lengths)
            made.set_epoch(0)
        return made

    trainer._get_train_sampler = sampler


def use_loraplus(trainer, ratio):
    """Have the trainer's optimizer step the matrices B at `ratio` times the rate of A (LoRA+, arXiv 2402.12354)."""
    from peft.optimizers import create_loraplus_optimizer

    kind, settings = trainer.get_optimizer_cls_and_kwargs(trainer.args, trainer.model)
    trainer.optimizer = create_loraplus_optimizer(
        trainer.model, kind, loraplus_lr_ratio=ratio, loraplus_weight_decay=trainer.args.weight_decay, **settings
    )


def score_trained_tokens_only():
    """Have trl compute probabilities over the vocabulary only where there is a label, as it does on a GPU.

    On a CPU it does so at every position, prompt and padding too: a third of the time of a step with short answers.
    The losses are the same (tests/test_training.py).
    """
    from trl.trainer import utils

    utils._use_triton = lambda device: True  # this name only decides that; the kernels ask their own module


def check_lengths(tokenizer, system, rows, columns, args):
    """Refuse rows that --max_length would cut, saying how many and by how much; count them when cutting is allowed.

    Says, too, which answers begin in the prompt's last token.
    """
    prompts = [len(chat.encode(tokenizer, row["prompt"], system)) for row in rows]
    longest = [max(len(chat.answer_ids(tokenizer, row[name])) for name in columns) + 1 for row in rows]
    over = [p + c - args.max_length for p, c in zip(prompts, longest, strict=True) if p + c > args.max_length]
    if over and not args.allow_truncation:
        raise cli.UserError(
            f"{len(over)} of {len(rows)} rows are longer than --max_length {args.max_length} tokens, by up "
            f"to {max(over)}; raise it to {args.max_length + max(over)}, or say --allow_truncation."
        )
    if over:
        print(f"note: {len(over)} of {len(rows)} rows are cut at {args.max_length} tokens, by up to {max(over)}.")
    answers = [(row["id"], row[name]) for row in rows for name in columns]
    odd = [answers[i][0] for i in chat.joined(tokenizer, [text for _, text in answers])]
    if odd:
        print(
            f"note: {len(odd)} answers begin with blanks or marks that join the prompt's last token (first: row "
            f"{odd[0]}), so they are trained after another end than is asked; better remove what they begin with."
        )


def prepare_output(folder, args, data, parent=None, **more) -> Path:
    """The folder for checkpoints, emptied when they come from anything else than this training.

    That is: settings, data, base, parent adapter, and `more` (values by name, such as the system prompt).
    """
    work = folder / "checkpoints"
    settings = {key: value for key, value in vars(args).items() if key not in ELSEWHERE}
    now = {
        "settings": model.settings_hash(settings),
        "data": files.sha256(data),
        "base": model.fingerprint(args.base),
        "parent": parent and parent["adapter_sha256"],
        "processes": processes(),  # by which the rows of a step are counted
        **{name: model.settings_hash(value) for name, value in more.items()},
    }
    mark = work / "made_with.json"
    with first_alone():
        known = files.read_json(mark) if mark.is_file() else {}
        if work.is_dir() and known != now:
            if any(work.glob("checkpoint-*")):
                changed = ", ".join(name.replace("_", " ") for name in now if known.get(name) != now[name])
                print(f"changed since the last checkpoint: {changed}; training starts anew.")
            files.discard(work)
        files.write_json(mark, now)
    return work


def resume_point(work):
    """The last whole checkpoint, or None."""
    from transformers.trainer_utils import get_last_checkpoint

    found = get_last_checkpoint(str(work))
    while found and not is_whole(found):
        files.discard(found)  # killed while it was being written
        found = get_last_checkpoint(str(work))
    if found:
        print(f"goes on from {found}")
    return found


def is_whole(checkpoint) -> bool:
    """Whether a checkpoint was written to its end: transformers writes trainer_state.json last, not by renaming."""
    try:
        return "global_step" in json.loads((Path(checkpoint) / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def perplexity_of(network, tokenizer, domain, rows) -> float:
    """Perplexity of the rows' reference completions after the chat prompt, stop token not counted."""
    prompts = [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in rows]
    completions = [chat.answer_ids(tokenizer, row["completion"]) for row in rows]
    return score.perplexity(score.completion_logprobs(network, prompts, completions))


def mean_loss(history) -> float:
    """Mean training loss over all steps of a log; a log entry is the mean since the one before it."""
    logged = [(item["step"], item["loss"]) for item in history if "loss" in item]
    steps = [after - before for (after, _), (before, _) in zip(logged, [(0, 0), *logged], strict=False)]
    return sum(n * loss for n, (_, loss) in zip(steps, logged, strict=True)) / sum(steps)


def training_metrics(trainer, folder, **more) -> dict:
    """Save the log and return the figures of the whole training, from the log, which a checkpoint carries on.

    UserError when the training diverged: `more` and each loss must be finite.
    """
    history = trainer.state.log_history
    files.write_json(folder / "log.json", history)
    check_finite(history, more, folder)
    tokens = max((item.get("num_tokens", 0) for item in history), default=0)
    seconds = max(item["seconds"] for item in history if "seconds" in item)
    adapter = sum(p.numel() * p.element_size() for p in trainer.model.parameters() if p.requires_grad)
    return {
        "loss": mean_loss(history),
        "steps": trainer.state.global_step,
        "tokens": tokens,
        "tokens_per_second": tokens / seconds,
        "train_seconds": seconds,
        "train_peak_memory_gib": max(item["peak_memory_gib"] for item in history if "seconds" in item),
        "adapter_mib": adapter / 2**20,
        "processes": processes(),
        **more,
    }


def check_finite(history, figures, folder):
    """UserError for a loss, or a figure after training, that is NaN or infinite: what was trained is no model."""
    logged = [
        (f"its {key} at step {item['step']}", item[key])
        for item in history
        for key in ("loss", "eval_loss")
        if key in item
    ]
    logged += [(f"its {key.replace('_', ' ')}", value) for key, value in figures.items() if isinstance(value, float)]
    bad = next((f"{what} is {value}" for what, value in logged if not math.isfinite(value)), None)
    if bad:
        raise cli.UserError(
            f"the training diverged: {bad} (see {folder / 'log.json'}); lower --learning_rate and run it again."
        )


def conversation_of(tokenizer, domain, dev_rows) -> dict:
    """What makes a prompt model input, and the rows to evaluate on, for prepare_output."""
    template = [tokenizer.chat_template, tokenizer.eos_token, tokenizer.pad_token]
    return {"system_prompt": domain.SYSTEM_PROMPT, "template": template, "dev_rows": dev_rows}


def save_adapter(folder, network, tokenizer, stage, base, parent, data, system):
    """The adapter as safetensors, the tokenizer, and last the lineage: a folder without it is not finished.

    UserError when data or parent are not those that the training began with: the lineage names them by what they are
    now.
    """
    mark = folder / "checkpoints/made_with.json"
    if data and mark.is_file() and files.sha256(data) != files.read_json(mark)["data"]:
        raise cli.UserError(
            f"{data} has changed since the training on it began; put it back as it was and run the same command, which "
            "goes on from the last checkpoint, or run it as it is now, which trains anew."
        )
    if parent and mark.is_file() and model.read_lineage(parent)["adapter_sha256"] != files.read_json(mark)["parent"]:
        raise cli.UserError(
            f"{parent} has been trained again since the training on it began; put it back as it was and run the same "
            "command, which goes on from the last checkpoint, or run it as it is now, which trains anew."
        )
    for name in ("run.json", "lineage.json"):  # of an earlier training: its figures are not this adapter's
        (folder / name).unlink(missing_ok=True)
    network.save_pretrained(folder, selected_adapters=["default"])
    tokenizer.save_pretrained(folder)
    model.write_lineage(folder, stage, base, parent, data, system)


def greedy_answers(network, tokenizer, prompts) -> list:
    """The texts of the network's greedy answers."""
    return [completions[0].text for completions in complete(network, tokenizer, prompts, Sampling(max_new_tokens=96))]


def write_samples(folder, domain, tokenizer, trained, before):
    """Write samples.md: the answers of the trained model beside those of the model that its training began with.

    trained and before are (name, network, context in which the network is that model): the trainer's own network, so
    that no second model is in memory.
    """
    rows = rows_of(domain, "load_benchmark", "dev")[:SAMPLES]
    prompts = [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in rows]
    answers = {}
    for name, network, context in (before, trained):
        with context:
            answers[name] = greedy_answers(network, tokenizer, prompts)
    lines = [
        f"# {trained[0]} beside {before[0]}",
        "",
        f"Greedy answers to the first {SAMPLES} dev prompts, in the chat template.",
        "",
    ]
    for i, row in enumerate(rows):
        lines += [f"## {row['id']} ({row['category']})", "", row["prompt"], ""]
        for name, made in answers.items():
            text = made[i]
            verdict = verdict_on(domain, row, text).reason if hasattr(domain, "verify") else "not verified"
            lines += [f"**{name}** ({verdict}):", "", "~~~", text, "~~~", ""]
        lines += ["**reference**:", "", "~~~", row["completion"], "~~~", ""]
    files.write_text(folder / "samples.md", "\n".join(lines))


def remove_checkpoints(folder, args):
    """The last step of a training, after run.json: the same command would train anew."""
    files.discard(folder / "steps")  # of an earlier training
    if args.save_total_limit > 1:
        keep_steps(folder)
    files.discard(folder / "checkpoints")


def keep_steps(folder):
    """folder/steps/N for each checkpoint: its adapter with tokenizer and lineage, which train/merge.py can merge."""
    lineage, part = files.read_json(folder / "lineage.json"), folder / ".steps.part"
    files.discard(part)
    part.mkdir()
    for checkpoint in sorted(folder.glob("checkpoints/checkpoint-*")):
        kept = part / checkpoint.name.removeprefix("checkpoint-")
        state = shutil.ignore_patterns("*.pt", "*.pth", "*.bin", "trainer_state.json", "ref")  # to go on from
        shutil.copytree(checkpoint, kept, ignore=state)
        own = {"adapter_sha256": files.sha256(kept / "adapter_model.safetensors")}
        own |= {"tokenizer_sha256": model.tokenizer_hash(kept), "step": int(kept.name)}
        files.write_json(kept / "lineage.json", lineage | own)
    files.replace_folder(part, folder / "steps")
