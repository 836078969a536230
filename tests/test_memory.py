"""What is in memory at once: loads counted while stages run on a tiny base, and the formula of bench/memory.py."""

import contextlib
import random
import weakref
from typing import NamedTuple

import pytest

from bench import memory
from bench.seven_b import TINY
from common import cli, files, model
from common.domain import load_domain
from train import dpo, sft
from train.reference import row_logprobs, row_logprobs_from_disk

PUBLISHED = {  # parameters, as the Hub counts them
    "Qwen/Qwen2.5-7B-Instruct": 7_615_616_512,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "meta-llama/Meta-Llama-3-8B-Instruct": 8_030_261_248,
    "mistralai/Mistral-7B-Instruct-v0.3": 7_248_023_552,
    "Qwen/Qwen2.5-0.5B-Instruct": 494_032_768,
    "TinyLlama/TinyLlama-1.1B-Chat-v1.0": 1_100_048_384,
}


class Load(NamedTuple):
    """One call of from_pretrained; `network` is a weak reference to what it gave."""

    path: str
    dtype: str
    device: str
    network: weakref.ref


@contextlib.contextmanager
def recording():
    """The list of every model that transformers loads from now on."""
    from unittest import mock

    from transformers import PreTrainedModel

    loads, whole = [], PreTrainedModel.from_pretrained.__func__

    def noted(cls, path, *rest, **named):
        made = whole(cls, path, *rest, **named)
        dtype = "nf4" if getattr(made, "is_loaded_in_4bit", False) else str(made.dtype).removeprefix("torch.")
        loads.append(Load(str(path), dtype, made.device.type, weakref.ref(made)))
        return made

    with mock.patch.object(PreTrainedModel, "from_pretrained", classmethod(noted)):
        yield loads


def alive(loads) -> list:
    """The paths of those that are still in memory."""
    return [load.path for load in loads if load.network() is not None]


@pytest.mark.parametrize("base", PUBLISHED)
def test_the_shape_of_a_recipe_has_the_published_number_of_parameters(base):
    assert sum(p.numel() for p in memory.empty(memory.config_of(base)).parameters()) == PUBLISHED[base]


def tiny_config(layers=2):
    from transformers import Qwen2Config

    return Qwen2Config(**{**TINY, "num_hidden_layers": layers}, eos_token_id=2, pad_token_id=0)


def settings_of_7b(*flags):
    return sft.parse_args(["--recipe", "recipes/qwen2.5-7b.yaml", *flags])


def test_weights_in_4_bits_take_the_bytes_that_are_counted():
    import torch
    from bitsandbytes.nn import Linear4bit
    from transformers import Qwen2ForCausalLM

    from bench.seven_b import random_weights

    config = tiny_config()
    settings = sft.parse_args(["--dtype", "bfloat16"])
    network = Qwen2ForCausalLM.from_pretrained(
        None, config=config, state_dict=random_weights(config, torch.bfloat16, "cpu"), dtype=torch.bfloat16,
        quantization_config=model.quantization(settings), device_map={"": "cpu"},
    )  # fmt: skip
    found = sum(p.nbytes for p in network.parameters())
    for layer in network.modules():
        if isinstance(layer, Linear4bit):
            state = layer.weight.quant_state
            found += state.absmax.nbytes + state.state2.absmax.nbytes + state.offset.nbytes
    assert found == memory.weight_bytes(memory.empty(config), "nf4")


def test_a_base_is_counted_as_the_stage_holds_it():
    """8 bits and no quantisation, too, by each stage's own settings."""
    network = memory.empty(tiny_config())
    linear = memory.quantised_layers(network).values()
    weights, rows = sum(one.weight.numel() for one in linear), sum(one.weight.shape[0] for one in linear)
    whole = sum(p.numel() for p in network.parameters())
    assert memory.weight_bytes(network, "int8") == weights + 4 * rows + 2 * (whole - weights)
    for flags, held, size in (
        ((), "nf4", memory.weight_bytes(network, "nf4")),
        (("--load_in_8bit",), "int8", memory.weight_bytes(network, "int8")),
        (("--no-load_in_4bit",), "bfloat16", 2 * whole),
        (("--no-load_in_4bit", "--dtype", "float32"), "float32", 4 * whole),
    ):
        settings = settings_of_7b("--max_length", "64", *flags)
        assert memory.training_parts(tiny_config(), settings, "sft")[f"base in {held}"] == size
        loads = memory.loads_of({"sft": settings, "dpo": settings_of_7b()})
        assert loads["sft training"] == [("base", held)] and loads["dpo training"] == [("base", "nf4")]


@pytest.mark.parametrize("card, told", [(24, "under 22 GB"), (80, "under 73 GB"), (4, "NOT under 4 GB")])
def test_the_limit_grows_with_the_card(card, told, tmp_path, monkeypatch, capsys):
    """As the engine's share does."""
    parts = {"sft training": {"base in nf4": int(5e9)}, "sampling (vLLM)": {"all": int(0.85 * card * memory.GIB)}}
    monkeypatch.setattr(memory, "config_of", lambda base: None)
    monkeypatch.setattr(memory, "count", lambda *given: parts)
    memory.main(memory.parse_args(["--card_gib", str(card), "--out", str(tmp_path)]))
    said = capsys.readouterr().out
    assert said.strip().split("\n")[-1].startswith(told) and said.count("too much") == (card == 4)


def test_a_base_that_is_nowhere_is_one_sentence():
    with pytest.raises(cli.UserError, match="no model in models/none: it has no config.json"):
        memory.config_of("models/none")


def test_activations_are_those_that_torch_keeps():
    """A layer of random weights on the CPU beside the same on the meta device, whose attention is another kernel."""
    import torch
    from transformers import AutoModelForCausalLM

    settings, kept = settings_of_7b(), {}
    for place in ("meta", "cpu"):
        sizes = []
        for layers in (1, 2):
            config = tiny_config(layers)
            network = (
                memory.empty(config)
                if place == "meta"
                else AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation="sdpa")
            )
            sizes.append(memory.saved_bytes(memory.with_adapter(network, settings), 2, 96))
        kept[place] = sizes[1] - sizes[0]
    assert kept["meta"] == pytest.approx(kept["cpu"], rel=0.1)
    wide = 4 * 2 * 2 * 96 * TINY["intermediate_size"]  # gate, up, silu and their product alone, in bf16
    assert kept["meta"] > wide


def test_counts_grow_with_batch_and_reference_and_fall_with_checkpoints():
    config = tiny_config()
    settings = settings_of_7b("--max_length", "64")
    training = memory.training_parts(config, settings, "sft")
    assert training["adapter, float32"] == 4 * 32768
    assert memory.training_parts(config, settings, "dpo")["reference adapter, float32"] == 4 * 32768
    settings.per_device_train_batch_size *= 2
    longer = memory.training_parts(config, settings, "sft")
    assert longer["inputs of layers"] == 2 * training["inputs of layers"]
    settings.gradient_checkpointing = False
    assert sum(memory.training_parts(config, settings, "sft").values()) > sum(longer.values())


@pytest.fixture
def policy(tiny_base):
    """The tiny base with an adapter that changes its answers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    return get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32), config)


def test_the_adapter_from_disk_is_read_beside_the_policy_and_leaves_it_as_it_was(policy, tmp_path):
    import torch

    prompts, completions = [[5, 6, 7], [8, 9]], [[10, 11], [12, 13, 14]]
    policy.save_pretrained(tmp_path)
    saved = row_logprobs(policy, prompts, completions)
    with torch.no_grad():
        for name, parameter in policy.named_parameters():
            if "lora_B" in name:
                parameter.add_(0.1)
    own = row_logprobs(policy, prompts, completions)
    trained = [name for name, p in policy.named_parameters() if p.requires_grad]
    assert own != pytest.approx(saved, abs=1e-3)
    assert row_logprobs_from_disk(policy, tmp_path, prompts, completions) == pytest.approx(saved, abs=1e-5)
    assert row_logprobs(policy, prompts, completions) == own and list(policy.peft_config) == ["default"]
    assert [name for name, p in policy.named_parameters() if p.requires_grad] == trained != []


def test_samples_are_the_answers_of_the_trained_network_and_of_what_it_began_with(policy, tiny_base, tmp_path):
    from common import chat, training

    domain, tokenizer = load_domain("text_to_sql"), model.load_tokenizer(tiny_base)
    policy.train()
    with recording() as loads:
        training.write_samples(
            tmp_path,
            domain,
            tokenizer,
            ("sft", policy, contextlib.nullcontext()),
            ("base", policy, policy.disable_adapter()),
        )
    text = (tmp_path / "samples.md").read_text()
    assert loads == [] and policy.training and text.count("**reference**") == 12
    prompt = chat.encode(tokenizer, domain.load_benchmark("dev")[0]["prompt"], domain.SYSTEM_PROMPT)
    with policy.disable_adapter():
        (before,) = training.greedy_answers(policy, tokenizer, [prompt])
    (after,) = training.greedy_answers(policy, tokenizer, [prompt])
    assert before != after
    first = text[text.index("**base**") : text.index("**reference**")]
    assert first.split("~~~\n")[1] == before + "\n" and first.split("~~~\n")[3] == after + "\n"


def rows_of(n, split):
    return [
        {**row, "chosen": row["completion"], "rejected": row["completion"].replace("SELECT", "SELECT DISTINCT")}
        for row in load_domain("text_to_sql").generate(random.Random(5), n, split)
        if row["gold"]
    ]


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_training_loads_one_quantised_base_and_has_let_go_of_it_when_the_merge_begins(
    tiny_base, tmp_path, monkeypatch
):
    at_merge = []
    flags = ["--recipe", "recipes/smoke.yaml", "--base", str(tiny_base), "--out", str(tmp_path), "--limit", "24"]
    for stage, script, data in (("sft", sft, rows_of(60, "sft")), ("dpo", dpo, rows_of(60, "dpo"))):
        files.write_jsonl(tmp_path / f"data/{stage}.jsonl", data)
        with recording() as loads:
            monkeypatch.setattr(script, "merge", lambda args, folder: at_merge.append(alive(loads)))  # noqa: B023
            args = script.parse_args([*flags, "--dtype", "float32"])
            cli.quiet()
            script.main(args)
        assert [(load.path, load.dtype, load.device) for load in loads] == [(str(tiny_base), "nf4", "cpu")], stage
        samples = (tmp_path / stage / "samples.md").read_text()
        assert samples.count("**reference**") == 12 and f"**{'base' if stage == 'sft' else 'sft'}** (" in samples
    assert at_merge == [[], []]
    trainable = model.read_lineage(tmp_path / "dpo")["parent"]["stage"]
    assert trainable == "sft"
