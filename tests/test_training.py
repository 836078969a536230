"""Training on a tiny base for a few steps: what is trained, what is refused, and the proof of the DPO reference."""

import json
import math
import random
import shutil

import pytest

from bench import kills
from common import cli, files, model, provenance
from common.domain import load_domain
from data import gen_dpo, samples
from train import dpo, reward, sft
from train.reference import prove_reference

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def smoke(tiny_base):
    """Flags of every stage: the smoke recipe on the tiny base."""
    return ["--recipe", "recipes/smoke.yaml", "--base", str(tiny_base), "--dtype", model.choose_dtype("auto")]


def sft_rows(n, split="sft"):
    domain = load_domain("text_to_sql")
    return [
        {"id": row["id"], "prompt": row["prompt"], "completion": row["completion"]}
        for row in domain.generate(random.Random(5), n, split)
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory, smoke):
    """An SFT adapter trained for a few steps, in a folder that the later stages accept."""
    out = tmp_path_factory.mktemp("trained")
    files.write_jsonl(out / "data/sft.jsonl", sft_rows(96))
    args = sft.parse_args([*smoke, "--out", str(out), "--eval_rows", "8"])
    cli.quiet()
    sft.main(args)
    return out


def pairs(n):
    domain = load_domain("text_to_sql")
    rows = domain.generate(random.Random(6), n, "dpo")
    return [
        {
            "id": row["id"],
            "prompt": row["prompt"],
            "chosen": row["completion"],
            "schema_id": row["schema_id"],
            "rejected": row["completion"].replace("SELECT", "SELECT DISTINCT"),
        }
        for row in rows
        if row["gold"]
    ]


def dpo_trainer(smoke, out, policy, work):
    """A DPO trainer over `policy` as train/dpo.py builds it, with what prove_reference needs."""
    args = dpo.parse_args([*smoke, "--out", str(out)])
    domain, tokenizer = load_domain("text_to_sql"), model.load_tokenizer(out / "sft")
    rows = pairs(40)
    trainer = dpo.build_trainer(args, policy, tokenizer, rows, rows[:4], domain, work)
    return args, trainer, tokenizer, rows, domain


def test_sft_writes_adapter_lineage_and_merged_model(trained, tiny_base):
    folder = trained / "sft"
    lineage = model.check_adapter(folder, str(tiny_base))
    assert lineage["data_sha256"] == files.sha256(trained / "data/sft.jsonl")
    assert model.check_merged(folder / "merged", str(tiny_base))["adapter_sha256"] == lineage["adapter_sha256"]
    record = json.loads((folder / "run.json").read_text())
    assert record["metrics"]["perplexity_after"] < record["metrics"]["perplexity_before"]
    dev = load_domain("text_to_sql").load_benchmark("dev")
    assert record["dev"] == {**provenance.benchmark_told("dev", dev), "used": 8} and record["dev"]["rows"] == len(dev)
    assert not list(folder.rglob("*.bin")) and list(folder.glob("*.safetensors"))
    assert (folder / "samples.md").read_text().count("**reference**") == 12


def test_only_the_completion_and_its_stop_token_are_trained(trained, tmp_path, smoke, tiny_base):
    args = sft.parse_args([*smoke, "--out", str(trained)])
    domain, tokenizer = load_domain("text_to_sql"), model.load_tokenizer(tiny_base)
    rows = sft_rows(12)
    trainer = sft.build_trainer(args, model.load_base(args.base, args), tokenizer, rows, rows[:2], domain, tmp_path)
    batch = trainer.data_collator([trainer.train_dataset[i] for i in range(len(rows))])
    for row, labels in zip(rows, batch["labels"], strict=True):
        kept = [t for t in labels.tolist() if t != -100]
        text, _, after = tokenizer.decode(kept).partition(tokenizer.eos_token)
        assert text == row["completion"] and after == "\n"  # the template ends a line there


def test_rows_that_would_be_cut_or_never_stop_are_refused(trained, tmp_path, smoke, tiny_base):
    domain, tokenizer = load_domain("text_to_sql"), model.load_tokenizer(tiny_base)
    rows = sft_rows(12)
    args = sft.parse_args([*smoke, "--out", str(trained), "--max_length", "120"])
    with pytest.raises(cli.UserError, match=r"rows are longer than --max_length 120 tokens, by up to \d+"):
        sft.check_lengths(tokenizer, domain.SYSTEM_PROMPT, rows, ("completion",), args)
    args.allow_truncation = True
    sft.check_lengths(tokenizer, domain.SYSTEM_PROMPT, rows, ("completion",), args)
    trainer = sft.build_trainer(args, model.load_base(args.base, args), tokenizer, rows, rows[:2], domain, tmp_path)
    with pytest.raises(cli.UserError, match="stop token|no trained token"):
        sft.check_labels(trainer, tokenizer, tokenizer.eos_token_id, False, len(rows))


def test_all_labels_masked_is_refused(trained, tmp_path, smoke, tiny_base):
    args = sft.parse_args([*smoke, "--out", str(trained)])
    domain, tokenizer = load_domain("text_to_sql"), model.load_tokenizer(tiny_base)
    rows = sft_rows(8)
    trainer = sft.build_trainer(args, model.load_base(args.base, args), tokenizer, rows, rows[:2], domain, tmp_path)
    trainer.train_dataset = trainer.train_dataset.map(lambda row: {"labels": [-100] * len(row["input_ids"])})
    with pytest.raises(cli.UserError, match="no trained token"):
        sft.check_labels(trainer, tokenizer, tokenizer.eos_token_id, False, len(rows))


def test_an_adapter_of_another_base_is_refused(trained, tmp_path, tiny_base):
    other = tmp_path / "other"
    shutil.copytree(tiny_base, other)
    weights = other / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-2] + b"\x11\x3c")
    with pytest.raises(cli.UserError, match="was trained on .*, not on"):
        model.check_adapter(trained / "sft", str(other))


def test_the_right_reference_is_proved(trained, tmp_path, smoke):
    args = dpo.parse_args([*smoke, "--out", str(trained)])
    policy = model.load_trained(args, trained / "sft")
    args, trainer, tokenizer, rows, domain = dpo_trainer(smoke, trained, policy, tmp_path)
    proof = prove_reference(trainer, args, tokenizer, rows, domain.SYSTEM_PROMPT, trained / "sft", tmp_path)
    assert abs(proof["loss_at_step_0"] - math.log(2)) < proof["tolerance"]


def test_the_base_as_reference_is_caught(trained, tmp_path, smoke):
    from peft import get_peft_model

    from common.training import lora_config

    args = sft.parse_args([*smoke, "--out", str(trained)])
    fresh = get_peft_model(model.load_base(args.base, args), lora_config(args))
    args, trainer, tokenizer, rows, domain = dpo_trainer(smoke, trained, fresh, tmp_path)
    with pytest.raises(cli.UserError, match="reference is not"):
        prove_reference(trainer, args, tokenizer, rows, domain.SYSTEM_PROMPT, trained / "sft", tmp_path)


def test_a_dpo_checkpoint_as_reference_is_caught(trained, tmp_path, smoke):
    import torch

    args = dpo.parse_args([*smoke, "--out", str(trained)])
    moved = model.load_trained(args, trained / "sft")
    with torch.no_grad():  # a policy that training has moved a little
        for name, parameter in moved.named_parameters():
            if "lora_B" in name:
                parameter.add_(0.01 * torch.randn_like(parameter))
    args, trainer, tokenizer, rows, domain = dpo_trainer(smoke, trained, moved, tmp_path)
    with pytest.raises(cli.UserError, match="reference is not"):
        prove_reference(trainer, args, tokenizer, rows, domain.SYSTEM_PROMPT, trained / "sft", tmp_path)


def embedding_gradient(network, ids):
    """The loss's gradient at the embeddings, which passes through every layer."""
    embedded = network.get_input_embeddings()(ids).detach().float().requires_grad_(True)
    network(inputs_embeds=embedded, labels=ids).loss.backward()
    return embedded.grad


def test_an_evaluation_leaves_the_gradient_of_a_4_bit_base_as_it_was(smoke):
    import torch

    args = sft.parse_args([*smoke, "--dtype", "float32"])
    network = model.load_base(args.base, args)
    ids = torch.arange(20, 60)[None]
    network.train()
    before = embedding_gradient(network, ids)
    network.eval()
    with torch.no_grad():
        network(input_ids=ids)
    network.train()
    assert before.norm() > 0
    torch.testing.assert_close(embedding_gradient(network, ids), before)


def test_scoring_only_trained_tokens_changes_no_loss_and_no_gradient(monkeypatch, tiny_base):
    import torch
    from transformers import AutoModelForCausalLM
    from trl.trainer import utils

    from common.training import score_trained_tokens_only

    ids = torch.arange(20, 84).reshape(2, 32)
    labels = ids.masked_fill(torch.arange(32) < 24, -100)
    found = []
    for apply in (lambda: None, score_trained_tokens_only):
        monkeypatch.setattr(utils, "_use_triton", lambda device: False)
        apply()
        network = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
        utils.add_fused_lm_head(network, outputs=("log_probs", "entropy"))
        out = network(input_ids=ids, labels=labels, fused_lm_head=True)
        out.loss.backward()
        found.append((out.loss.detach(), out.log_probs.detach(), network.model.layers[0].mlp.up_proj.weight.grad))
    assert utils._use_triton(torch.device("cpu"))  # or both ways were one, and the next line compares nothing
    torch.testing.assert_close(found[0], found[1])
    assert found[0][1].count_nonzero() == 16 and found[0][2].norm() > 0


def test_the_reference_copy_is_no_part_of_the_model():
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    base = LlamaForCausalLM(LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=2,
                                        num_attention_heads=2, num_key_value_heads=2))  # fmt: skip
    weights = base.num_parameters()
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"])
    policy = get_peft_model(base, config)
    adapter = 2 * 2 * 4 * (16 + 16)  # layers, projections, rank, width in and out
    assert model.trainable_share(policy) == (adapter, weights + adapter)
    policy.add_adapter("ref", config)
    assert sum(p.numel() for p in policy.parameters()) == weights + 2 * adapter
    assert model.trainable_share(policy) == (adapter, weights + adapter)


def test_gen_dpo_goes_on_after_a_kill(trained, monkeypatch, smoke):
    """A run stopped in its second block and started again gives the samples of a straight run."""
    monkeypatch.setattr(samples, "BLOCK", 4)
    monkeypatch.setattr(
        samples,
        "judge",
        lambda domain, row, samples: [
            {**one, "finished": True, "score": [i % 2, 1, 1], "reason": "ok"} for i, one in enumerate(samples)
        ],
    )
    args = gen_dpo.parse_args([*smoke, "--out", str(trained), "--engine", "hf", "--n", "12", "--max_new_tokens", "8",
                               "--max_characters", "6000"])  # fmt: skip
    gen_dpo.main(args)
    straight = (trained / "gen_dpo/samples.jsonl").read_bytes()
    lines = straight.split(b"\n")
    (trained / "gen_dpo/samples.jsonl").write_bytes(b"\n".join(lines[:6]) + b"\n" + lines[6][:40])
    gen_dpo.main(args)
    assert (trained / "gen_dpo/samples.jsonl").read_bytes() == straight


@pytest.fixture
def killed_at(monkeypatch):
    """killed_at(step): every trainer made from now on dies after that step; None ends it."""
    from transformers import Trainer, TrainerCallback

    make, when = Trainer.__init__, {"step": None}

    class Kill(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == when["step"]:
                raise ProcessLookupError("killed")

    def init(self, *given, **named):
        make(self, *given, **named)
        self.add_callback(Kill())

    monkeypatch.setattr(Trainer, "__init__", init)
    return lambda step: when.update(step=step)


def killed_merge(args, folder):
    """In the place of merge(): dies."""
    raise ProcessLookupError("killed")


@pytest.mark.parametrize(
    "stage, script, order", [("sft", sft, "random"), ("sft", sft, "group_by_length"), ("dpo", dpo, None)]
)
def test_a_killed_training_ends_as_a_straight_one(trained, tmp_path, smoke, killed_at, stage, script, order):
    """Killed after step 7 of 8, in the second epoch, with checkpoints at 2, 4, ..., and again when it begins to merge:
    the same bytes of adapter and merged weights, the same figures, log and KL of the whole training."""
    more = [
        "--save_steps",
        "2",
        "--eval_steps",
        "2",
        "--logging_steps",
        "5",
        "--limit",
        "16",
        "--num_train_epochs",
        "2",
    ]
    more += ["--train_sampling_strategy", order] if order else []
    more += ["--per_device_train_batch_size", "4", "--learning_rate", "1e-3"]
    made = []
    for name, step in (("straight", None), ("killed", 7)):
        out = tmp_path / name
        shutil.copytree(trained, out)
        shutil.rmtree(out / stage, ignore_errors=True)
        files.write_jsonl(out / "data/dpo.jsonl", [{**row, "id": row["id"]} for row in pairs(60)])
        own = ["--held_out_share", "0.1", "--data", str(out / "data/dpo.jsonl")] if stage == "dpo" else []
        flags = [*smoke, "--out", str(out), *more, *own]
        killed_at(step)
        if step:
            with pytest.raises(ProcessLookupError):
                script.main(script.parse_args(flags))
            killed_at(None)
            with pytest.MonkeyPatch.context() as patch, pytest.raises(ProcessLookupError):
                patch.setattr(script, "merge", killed_merge)
                script.main(script.parse_args(flags))
        script.main(script.parse_args(flags))
        made.append(kills.products(out / stage))
    straight, resumed = made
    for name in straight:
        assert resumed[name] == straight[name], name
    assert set(straight["figures"]) >= {"loss", "steps", "tokens", "perplexity_before", "perplexity_after"}
    if stage == "dpo":
        steps, values = zip(*((item["step"], item["kl"]) for item in straight["kl"]), strict=True)
        assert steps == (2, 4, 6, 8) and len(set(values)) == 4 and straight["figures"]["kl"] == values[-1]


def test_a_killed_reward_model_ends_as_a_straight_one(tmp_path, smoke, killed_at):
    """Killed after step 5, in the second epoch, with checkpoints at 2 and 4: the same bytes of adapter and rewards."""
    more = "--save_steps 2 --eval_steps 2 --limit 16 --num_train_epochs 2 --gradient_accumulation_steps 1"
    files.write_jsonl(tmp_path / "pairs.jsonl", pairs(60))
    made = []
    for name, step in (("straight", None), ("killed", 5)):
        flags = [*smoke, *more.split(), "--learning_rate", "1e-3", "--data", str(tmp_path / "pairs.jsonl")]
        args = reward.parse_args([*flags, "--out", str(tmp_path / name)])
        killed_at(step)
        if step:
            with pytest.raises(ProcessLookupError):
                reward.main(args)
            killed_at(None)
        reward.main(args)
        folder = tmp_path / name / "reward"
        made.append([(folder / file).read_bytes() for file in ("adapter_model.safetensors", "held_out.jsonl")])
        assert 5 < files.read_json(folder / "run.json")["metrics"]["steps"] < 10, "two epochs of three steps or more"
    assert made[0] == made[1]


def test_an_altered_reference_of_a_checkpoint_is_refused_before_anything_is_trained(
    trained, tmp_path, smoke, killed_at
):
    from safetensors.torch import load_file, save_file

    out, more = tmp_path / "out", ["--save_steps", "1", "--limit", "16", "--learning_rate", "1e-3"]
    shutil.copytree(trained, out)
    shutil.rmtree(out / "dpo", ignore_errors=True)
    files.write_jsonl(out / "data/dpo.jsonl", pairs(60))
    args = dpo.parse_args([*smoke, "--out", str(out), *more, "--data", str(out / "data/dpo.jsonl")])
    for step, change in ((2, lambda weights: weights + 0.01), (3, lambda weights: weights * math.nan)):
        killed_at(step)
        with pytest.raises(ProcessLookupError):
            dpo.main(args)
        (checkpoint,) = (out / "dpo/checkpoints").glob("checkpoint-*")
        weights = checkpoint / "ref/adapter_model.safetensors"
        whole = weights.read_bytes()
        save_file({name: change(value) for name, value in load_file(weights).items()}, weights)
        killed_at(step)  # which no step comes to
        with pytest.raises(cli.UserError) as caught:
            dpo.main(args)
        said = str(caught.value)
        assert f"the DPO reference in {checkpoint}/ref is not {out}/sft" in said
        assert f"remove {checkpoint} and run the same command again" in said and "\n" not in said
        assert [checkpoint] == list((out / "dpo/checkpoints").glob("checkpoint-*")), "nothing was trained"
        weights.write_bytes(whole)
    killed_at(None)
    dpo.main(args)
    assert json.loads((out / "dpo/run.json").read_text())["proof"]["largest_logprob_gap_after_resume"] < 1e-3


def test_checkpoints_that_are_kept_are_adapters_to_merge(trained, tmp_path, smoke):
    from safetensors.torch import load_file

    from train import merge

    out = tmp_path / "out"
    shutil.copytree(trained, out)
    files.write_jsonl(out / "data/dpo.jsonl", pairs(60))
    flags = [*smoke, "--out", str(out), "--limit", "16", "--learning_rate", "1e-3", "--save_steps", "1"]
    flags += ["--data", str(out / "data/dpo.jsonl")]
    dpo.main(dpo.parse_args([*flags, "--save_total_limit", "9"]))
    last = files.read_json(out / "dpo/run.json")["metrics"]["steps"]
    kept = {int(path.name): path for path in (out / "dpo/steps").iterdir()}
    assert sorted(kept) == list(range(1, last + 1)) and last > 2 and not (out / "dpo/checkpoints").exists()
    assert not {path.suffix for path in (out / "dpo/steps").rglob("*")} & {".pt", ".pth", ".bin"}, "no pickles"
    weights = {step: load_file(path / "adapter_model.safetensors") for step, path in kept.items()}
    final = load_file(out / "dpo/adapter_model.safetensors")
    assert all(weights[last][name].equal(value) for name, value in final.items())
    assert any(not weights[1][name].equal(value) for name, value in final.items())
    merge.main(merge.parse_args([*smoke, "--no-load_in_4bit", "--out", str(out), "--adapter", str(kept[1])]))
    assert files.read_json(kept[1] / "merged/lineage.json")["step"] == 1
    assert "dequantised" in files.read_json(kept[1] / "merged/merge.json"), "as the base was held in the training"
    dpo.main(dpo.parse_args(flags))
    assert not (out / "dpo/steps").exists(), "of the training before"


def test_a_dpo_checkpoint_of_another_sft_adapter_is_not_resumed(trained, tmp_path, smoke, capsys):
    from common.training import prepare_output

    args = dpo.parse_args([*smoke, "--out", str(tmp_path)])
    data = tmp_path / "dpo.jsonl"
    data.write_text("{}")
    work = prepare_output(tmp_path / "dpo", args, data, {"adapter_sha256": "a"})
    (work / "checkpoint-4").mkdir()
    assert (prepare_output(tmp_path / "dpo", args, data, {"adapter_sha256": "a"}) / "checkpoint-4").is_dir()
    assert not (prepare_output(tmp_path / "dpo", args, data, {"adapter_sha256": "b"}) / "checkpoint-4").exists()
    assert "changed since the last checkpoint: parent" in capsys.readouterr().out
