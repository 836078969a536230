"""Other ways to train, by key: each moves the weights, and its loss is the formula of its paper."""

import math
import random
import shutil
from types import SimpleNamespace

import pytest

from common import cli, files, model
from common.cli import UserError
from common.domain import load_domain
from train import dpo, reference, reward, sft
from train.reference import reference_of

FLAGS = ["--recipe", "recipes/smoke.yaml", "--dtype", "float32"]
BETA = 0.3


def pairs(n):
    """n pairs of the default domain whose rejected answer has one word more or is shorter."""
    rows = [row for row in load_domain("text_to_sql").generate(random.Random(6), 2 * n, "dpo") if row["gold"]][:n]
    return [
        {
            "id": row["id"],
            "prompt": row["prompt"],
            "cluster": row["cluster"],
            "chosen": row["completion"],
            "rejected": row["completion"].replace("SELECT", "SELECT DISTINCT") if i % 2 else row["completion"][:-20],
        }
        for i, row in enumerate(rows)
    ]


def test_the_kl_is_sampled_by_the_seed_of_the_training(tmp_path, monkeypatch):
    asked = []
    kl = lambda trainer, tokenizer, prompts, seed: asked.append((len(prompts), seed)) or {"kl": 0.1}  # noqa: E731
    monkeypatch.setattr(reference, "kl_from_reference", kl)
    watch = reference.kl_callback(None, ["a prompt"] * 20, [], tmp_path, 7)
    watch.trainer = SimpleNamespace(is_fsdp_enabled=False)
    for step in (1, 2):
        watch.on_evaluate(None, SimpleNamespace(is_world_process_zero=True, global_step=step, max_steps=2), None)
    assert asked == [(16, 7), (20, 7)]


@pytest.mark.parametrize(
    "flags, said",
    [
        (["--loss_type", "sigmod"], "no loss sigmod .did you mean sigmoid"),
        (["--loss_type", "kto", "sft"], "kto judges answers, not pairs"),
        (["--loss_type", "ipo", "--loss_weights", "1", "2"], "2 --loss_weights for 1 losses"),
        (["--loss_type", "robust"], "robust needs --label_smoothing between 0 and 0.5, not 0"),
        (["--loss_type", "kto", "--per_device_train_batch_size", "1"], "must be at least 2, not 1"),
        (["--loss_type", "kto", "--precompute_ref_log_probs"], "is for losses of pairs, and kto judges answers"),
        (["--loraplus_lr_ratio", "0.5"], "--loraplus_lr_ratio must be at least 1"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_a_sentence(flags, said):
    with pytest.raises(cli.UserError, match=said):
        dpo.parse_args([*FLAGS, *flags])


def test_answers_by_themselves_are_all_there_and_no_pair_stays_together():
    rows = pairs(30)
    made = dpo.single_answers(rows, "Be brief.", seed=0)
    told = {(one["prompt"][-1]["content"], one["completion"][0]["content"], one["label"]) for one in made}
    assert told == {(row["prompt"], row[side], side == "chosen") for row in rows for side in ("chosen", "rejected")}
    labels = [one["label"] for one in made]
    assert sum(labels) == 30 and 5 < sum(labels[:30]) < 25
    assert made == dpo.single_answers(rows, "Be brief.", seed=0) != dpo.single_answers(rows, "Be brief.", seed=1)


def test_replayed_rows_are_the_share_asked_for_and_not_under_the_domains_system_prompt(tmp_path, capsys):
    general = [{"prompt": f"How many is {i} and {i}?", "completion": str(2 * i)} for i in range(50)]
    general[7]["prompt"] = [{"role": "system", "content": "Count."}, {"role": "user", "content": "Seven?"}]
    files.write_jsonl(tmp_path / "general.jsonl", general)
    flags = [*FLAGS, "--replay", str(tmp_path / "general.jsonl"), "--replay_share"]
    made = sft.replayed(sft.parse_args([*flags, "0.2"]), list(range(96)))
    assert len(made) == 24 and made == sft.replayed(sft.parse_args([*flags, "0.2"]), list(range(96)))
    assert sft.replayed(sft.parse_args([*flags, "0.2", "--seed", "1"]), list(range(96))) != made
    everything = sft.replayed(sft.parse_args([*flags, "0.8"]), list(range(96)))
    assert "has 50 rows, where a share of 0.8 asks for 384" in capsys.readouterr().out
    systems = [row["prompt"][0]["content"] for row in everything]
    assert len(everything) == 50 and systems.count("") == 49 and systems[7] == "Count."
    assert {row["prompt"][0]["role"] for row in everything} == {"system"}
    assert sft.replayed(sft.parse_args(FLAGS), list(range(96))) == []


@pytest.fixture(scope="module")
def adapted(tiny_base, tmp_path_factory):
    """out with an adapter of random updates as out/sft, and pairs as out/data/dpo.jsonl."""
    import torch
    from peft import LoraConfig, get_peft_model

    out = tmp_path_factory.mktemp("methods")
    args = dpo.parse_args([*FLAGS, "--base", str(tiny_base)])
    torch.manual_seed(1)
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    get_peft_model(model.load_base(str(tiny_base), args), config).save_pretrained(out / "sft")
    model.load_tokenizer(tiny_base).save_pretrained(out / "sft")
    model.write_lineage(out / "sft", "sft", str(tiny_base))
    files.write_jsonl(out / "data/dpo.jsonl", pairs(60))
    cli.quiet()
    return out


def log_probs(network, ids, mask):
    """Summed log-prob of each row's masked tokens, and how many there are, by a plain forward pass."""
    import torch

    with torch.no_grad():
        logits = network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[:, :-1]
    each = logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0] * mask[:, 1:]
    return each.sum(1), mask[:, 1:].sum(1)


def formula(loss, policy, reference, lengths, smoothing):
    """The loss of a batch [chosen, rejected] from its summed log-probs, as its paper has it."""
    import torch
    from torch.nn.functional import logsigmoid

    (pc, pr), (rc, rr), (nc, nr) = policy.chunk(2), reference.chunk(2), lengths.chunk(2)
    margin = (pc - rc) - (pr - rr)
    normed = (pc - rc) / nc - (pr - rr) / nr
    flipped = (1 - smoothing) * logsigmoid(BETA * margin) - smoothing * logsigmoid(-BETA * margin)
    return {
        "sigmoid": lambda: -logsigmoid(BETA * margin).mean(),  # arXiv 2305.18290, equation 7
        "ipo": lambda: ((normed - 1 / (2 * BETA)) ** 2).mean(),  # arXiv 2310.12036, equation 17, log-probs per token
        "robust": lambda: (-flipped / (1 - 2 * smoothing)).mean(),  # arXiv 2403.00409, equation 12
        "sigmoid_norm": lambda: -logsigmoid(BETA * normed).mean(),
        "sft": lambda: -pc.sum() / torch.as_tensor(nc).sum(),
    }[loss]()


def moved_trainer(args, out, work, rows):
    """The trainer of train/dpo.py, its policy moved a little from its reference."""
    import torch

    policy, tokenizer = model.load_trained(args, out / "sft"), model.load_tokenizer(out / "sft")
    trainer = dpo.build_trainer(args, policy, tokenizer, rows, rows[:4], load_domain("text_to_sql"), work)
    torch.manual_seed(2)
    with torch.no_grad():
        for name, parameter in trainer.model.named_parameters():
            if "lora_B.default" in name:
                parameter.add_(0.02 * torch.randn_like(parameter))
    return trainer


def batch_of(trainer):
    return trainer._prepare_inputs(next(iter(trainer.get_train_dataloader())))


def both(trainer, ids, mask):
    """(policy's log-probs, reference's, lengths) of these rows."""
    policy, lengths = log_probs(trainer.model, ids, mask)
    network, context = reference_of(trainer)
    with context:
        reference, _ = log_probs(network, ids, mask)
    assert (policy - reference).abs().max() > 0.01  # or the formula would be tried at one point only
    return policy, reference, lengths


def steps_and_moves(trainer):
    """One step of training changes the trained adapter and not the reference."""
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters() if "lora_B" in name}
    trainer.args.max_steps, trainer.args.eval_strategy, trainer.args.save_strategy = 1, "no", "no"
    trainer.args.warmup_steps = 0  # or the only step would be one of rate 0
    trainer.train()
    moved = {name for name, p in trainer.model.named_parameters() if "lora_B" in name and not p.equal(before[name])}
    assert moved == {name for name in before if ".default." in name}


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "losses, weights", [(["sigmoid"], [1]), (["ipo"], [1]), (["robust"], [1]), (["sigmoid_norm", "sft"], [1, 0.5])]
)
def test_a_loss_of_pairs_is_its_formula(adapted, tiny_base, tmp_path, losses, weights):
    flags = ["--base", str(tiny_base), "--out", str(adapted), "--beta", str(BETA), "--label_smoothing", "0.2"]
    args = dpo.parse_args([*FLAGS, *flags, "--loss_type", *losses, "--loss_weights", *map(str, weights)])
    trainer = moved_trainer(args, adapted, tmp_path, pairs(16))
    batch = batch_of(trainer)
    known = both(trainer, batch["input_ids"], batch["completion_mask"])
    wanted = sum(w * formula(name, *known, 0.2) for name, w in zip(losses, weights, strict=True))
    assert float(trainer.compute_loss(trainer.model, batch)) == pytest.approx(float(wanted), abs=1e-4)
    steps_and_moves(trainer)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_reference_reads_a_pair_once_for_all_trainings(adapted, tiny_base, tmp_path, capsys, monkeypatch):
    from trl.trainer import dpo_trainer

    def run(network, adapter_name, plain=dpo_trainer.use_adapter):
        runs.append(adapter_name)
        return plain(network, adapter_name=adapter_name)

    runs, logs = [], []
    monkeypatch.setattr(dpo_trainer, "use_adapter", run)
    out = tmp_path / "out"
    shutil.copytree(adapted, out)
    flags = [*FLAGS, "--base", str(tiny_base), "--out", str(out), "--learning_rate", "1e-3", "--logging_steps", "1"]
    flags += ["--no-load_in_4bit", "--limit", "24", "--lr_scheduler_type", "constant"]
    for more in ([], ["--precompute_ref_log_probs"]):
        dpo.main(dpo.parse_args([*flags, *more]))
        logs.append(files.read_json(out / "dpo/log.json"))
    plain, told = logs
    names = ("loss", "eval_loss", "rewards/chosen", "rewards/margins", "eval_rewards/margins", "grad_norm")
    for name in names:
        had = [[item[name] for item in log if name in item] for log in logs]
        assert had[1] == pytest.approx(had[0], abs=1e-4) and had[0], name
    assert max(abs(item["rewards/margins"]) for item in plain if "rewards/margins" in item) > 0.01
    assert "reference: 24 pairs read, 0 known" in capsys.readouterr().out
    runs.clear()
    args = dpo.parse_args([*flags, "--precompute_ref_log_probs", "--loss_type", "ipo", "--limit", "30"])
    dpo.main(args)
    said = capsys.readouterr().out
    read_now = int(said.split("reference: ")[1].split(" pairs read")[0])
    first = 1  # batch is read each time, to see that the file is of this reference
    assert runs and set(runs) == {"ref"} and f"{30 - read_now} known from {out / 'sft/ref_log_probs.jsonl'}" in said
    assert 0 < read_now < 10 and len(runs) <= first + math.ceil(read_now / args.per_device_train_batch_size)
    rows = files.read_jsonl(out / "sft/ref_log_probs.jsonl")
    files.write_jsonl(out / "sft/ref_log_probs.jsonl", [{**row, "ref_chosen_logps": 0.0} for row in rows])
    with pytest.raises(UserError, match="ref_log_probs.jsonl is not of this reference") as caught:
        dpo.main(dpo.parse_args([*flags, "--precompute_ref_log_probs"]))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_kto_is_its_formula_with_the_neighbours_answers_as_estimate_of_the_kl(adapted, tiny_base, tmp_path):
    import torch

    flags = ["--base", str(tiny_base), "--out", str(adapted), "--beta", str(BETA), "--undesirable_weight", "0.5"]
    args = dpo.parse_args([*FLAGS, *flags, "--loss_type", "kto"])
    trainer = moved_trainer(args, adapted, tmp_path, pairs(16))
    batch = batch_of(trainer)
    policy, reference, _ = both(trainer, batch["input_ids"], batch["completion_mask"])
    other, other_reference, _ = both(trainer, batch["KL_input_ids"], batch["KL_completion_mask"])
    kl = (other - other_reference).mean().clamp(min=0)
    ratio, good = policy - reference, batch["label"]
    wanted = torch.where(  # arXiv 2402.01306, equations 6 and 7
        good, 1 - torch.sigmoid(BETA * (ratio - kl)), 0.5 * (1 - torch.sigmoid(BETA * (kl - ratio)))
    ).mean()
    assert 0 < good.sum() < len(good)
    assert float(trainer.compute_loss(trainer.model, batch)) == pytest.approx(float(wanted), abs=1e-4)
    steps_and_moves(trainer)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_kto_runs_through_the_stage(adapted, tiny_base, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(adapted, out)
    flags = ["--base", str(tiny_base), "--out", str(out), "--loss_type", "kto", "--limit", "24"]
    dpo.main(dpo.parse_args([*FLAGS, *flags, "--no-load_in_4bit"]))
    record = files.read_json(out / "dpo/run.json")
    assert record["metrics"]["steps"] == 2 * record["counts"]["pairs"] // 4 + bool(2 * record["counts"]["pairs"] % 4)
    assert record["metrics"]["kl"] != 0 and (out / "dpo/merged/lineage.json").is_file()


def test_no_control_beside_answers_of_servers(tmp_path):
    """They do not have it, and two engines do not compare."""
    from bench import control

    args = control.parse_args([*FLAGS[:2], "--out", str(tmp_path)])
    for engine in ("vllm", "hf"):
        files.write_json(tmp_path / "answers/run.json", {"engine": engine})
        assert control.engine_of(args) == engine
    files.write_json(tmp_path / "answers/run.json", {"engine": "endpoint sft=ours"})
    with pytest.raises(cli.UserError, match="are of servers .*run python eval/answer.py .*without --endpoint first"):
        control.main(args)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_control_takes_the_same_rows_and_steps_and_the_chosen_answers_alone(adapted, tiny_base, tmp_path, capsys):
    from bench import control
    from eval import answer
    from train import merge

    out = tmp_path / "out"
    shutil.copytree(adapted, out)
    flags = ["--base", str(tiny_base), "--out", str(out)]
    merge.merge(merge.parse_args([*flags, "--dtype", "float32"]), out / "sft")
    dpo.main(dpo.parse_args([*FLAGS, *flags, "--limit", "24"]))
    more = ["--engine", "hf", "--limit", "6", "--reference_rows", "2", "--max_new_tokens", "8"]
    answer.main(answer.parse_args([*FLAGS, *flags, *more]))
    control.main(control.parse_args([*FLAGS[:2], "--out", str(out)]))
    mine, its = (files.read_json(out / folder / "run.json") for folder in ("control/dpo", "dpo"))
    assert mine["counts"] == its["counts"] and mine["inputs"] == its["inputs"]
    for key in ("steps", "tokens"):
        assert mine["metrics"][key] == its["metrics"][key]
    assert {key for key, value in its["settings"].items() if mine["settings"][key] != value} == {
        "out", "data", "loss_type", "loss_weights"
    }  # fmt: skip
    assert mine["settings"]["loss_type"] == ["sft"]
    made = files.read_json(out / "control/control.json")
    asked = files.read_jsonl(out / "answers/dpo.jsonl")
    assert [row["id"] for row in made["rows"]] == [row["id"] for row in asked]
    assert made["summary"]["difference"]["all"]["dpo_vs_control"]["n"] == 6
    control.main(control.parse_args([*FLAGS[:2], "--out", str(out)]))
    assert "is there already" in capsys.readouterr().out
    with (out / "data/dpo.jsonl").open("a") as handle:
        handle.write("\n")
    with pytest.raises(cli.UserError, match="is not the file that .* was trained on"):
        control.main(control.parse_args([*FLAGS[:2], "--out", str(out)]))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_dora_with_loraplus_trains_with_replayed_rows_and_merges(tiny_base, tmp_path):
    rows = [{key: row[key] for key in ("id", "prompt")} | {"completion": row["chosen"]} for row in pairs(32)]
    files.write_jsonl(tmp_path / "sft.jsonl", rows)
    flags = ["--base", str(tiny_base), "--out", str(tmp_path), "--data", str(tmp_path / "sft.jsonl")]
    args = sft.parse_args([*FLAGS, *flags, "--use_dora", "--loraplus_lr_ratio", "8", "--learning_rate", "1e-3"])
    domain, tokenizer = load_domain("text_to_sql"), model.load_tokenizer(tiny_base)
    base = model.load_base(args.base, args)
    trainer = sft.build_trainer(args, base, tokenizer, rows, rows[:2], domain, tmp_path / "work")
    rates = {}
    for group in trainer.optimizer.param_groups:
        rates |= {id(parameter): group["lr"] for parameter in group["params"]}
    named = {name: rates[id(p)] for name, p in trainer.model.named_parameters() if p.requires_grad}
    assert {rate for name, rate in named.items() if "lora_A" in name} == {1e-3}
    assert {rate for name, rate in named.items() if "lora_B" in name} == {8e-3}
    assert any("lora_magnitude_vector" in name for name in named)
    files.write_jsonl(tmp_path / "general.jsonl", [{"prompt": "Which day is it?", "completion": "Monday."}] * 9)
    args.replay = str(tmp_path / "general.jsonl")
    sft.main(args)
    record = files.read_json(tmp_path / "sft/run.json")
    assert record["counts"] == {"rows": 32, "replay": 4} and args.replay in record["inputs"]
    assert record["metrics"]["perplexity_after"] < record["metrics"]["perplexity_before"]
    figures = files.read_json(tmp_path / "sft/merged/merge.json")
    assert figures["taken"] == "dequantised" and figures["dequantised"]["agreement"] > 0.95


def test_eight_bits_on_a_cpu_are_one_sentence(tiny_base):
    args = sft.parse_args([*FLAGS, "--base", str(tiny_base), "--load_in_8bit"])
    with pytest.raises(UserError, match="pass no gradient on a CPU"):
        model.load_base(args.base, args)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_reward_model_learns_which_answer_was_chosen_and_picks_samples(adapted, tiny_base, tmp_path):
    import torch

    from eval import rerank
    from train import merge

    out = tmp_path / "out"
    shutil.copytree(adapted, out)
    flags = ["--base", str(tiny_base), "--out", str(out)]
    more = ["--learning_rate", "5e-3", "--num_train_epochs", "4", "--gradient_accumulation_steps", "1"]
    args = reward.parse_args([*FLAGS, *flags, *more, "--held_out_share", "0.2"])
    reward.main(args)
    held = files.read_jsonl(out / "reward/held_out.jsonl")
    chosen, rejected = (torch.tensor([row[f"{side}_reward"] for row in held]) for side in ("chosen", "rejected"))
    found = files.read_json(out / "reward/run.json")["metrics"]["held_out"]
    assert found["accuracy"] == pytest.approx(float((chosen > rejected).float().mean())) and found["accuracy"] > 0.7
    assert found["loss"] == pytest.approx(float(torch.log1p(torch.exp(rejected - chosen)).mean()), abs=1e-5)

    network, tokenizer = reward.load(out / "reward")
    domain, rows = load_domain("text_to_sql"), {row["id"]: row for row in files.read_jsonl(out / "data/dpo.jsonl")}
    asked, texts = zip(*((rows[one["id"]]["prompt"], rows[one["id"]]["chosen"]) for one in held), strict=True)
    again = reward.rewards(network, tokenizer, domain.SYSTEM_PROMPT, asked, texts, batch_size=3)
    torch.testing.assert_close(again, chosen, atol=1e-4, rtol=0)  # from disk, in other batches

    base, some = model.load_base(args.base, args, scalar=True), [rows[one["id"]] for one in held]
    trainer = reward.build_trainer(args, base, tokenizer, some, some[:2], domain, tmp_path / "work")
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(some))])
    values = [
        reward.rewards(trainer.model, tokenizer, domain.SYSTEM_PROMPT, asked, [row[side] for row in some])
        for side in ("chosen", "rejected")
    ]
    trained = float(trainer.compute_loss(trainer.model, batch))
    assert trained == pytest.approx(float(reward.pairwise_loss(*values)), abs=1e-4)

    merge.merge(merge.parse_args([*flags, "--dtype", "float32"]), out / "sft")
    rerank.main(
        rerank.parse_args([*FLAGS, *flags, "--engine", "hf", "--limit", "6", "--samples", "2", "--max_new_tokens", "8"])
    )
    made = files.read_json(out / "eval/rerank.json")
    assert [row["picked"] for row in made["rows"]] == [
        int(row["rewards"][1] > row["rewards"][0]) for row in made["rows"]
    ]
    assert made["summary"]["first"]["n"] == 6


def test_what_is_picked_is_compared_with_the_first_sample_on_the_same_items():
    from eval import rerank

    items = [
        {"right": [0, 1], "picked": 1, "cluster": "a"},
        {"right": [0, 1], "picked": 1, "cluster": "b"},
        {"right": [1, 0], "picked": 1, "cluster": "c"},
        {"right": [0, 0], "picked": 0, "cluster": "d"},
        {"right": [None, 1], "picked": 0, "cluster": "e"},  # cannot be judged: left out
    ]
    made = rerank.summarise(items, seed=0)
    assert [made[name]["accuracy"] for name in ("first", "picked", "best")] == [0.25, 0.5, 0.75]
    assert made["picked_vs_first"]["difference"] == 0.25 and made["first"]["n"] == 4
