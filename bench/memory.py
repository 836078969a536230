"""python bench/memory.py --recipe recipes/qwen2.5-7b.yaml

Counts, without a GPU and without the weights, what each stage of a recipe has on the card at its peak: which models it
loads (name, dtype, device), adapters, optimizer and activations at the longest batch. Shapes come from the base's
config, or from bench/shapes.yaml; the network is built on the meta device, where tensors have sizes and no content.
Writes OUT/memory.json, to be held beside what bench/gpu.sh measures.
"""

import importlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and the stages when run by hand

from common import cli, files, model
from common.training import LORA

SHAPES = files.ROOT / "bench/shapes.yaml"
LIMIT = 22e9 / 24  # bytes that a stage may take for each GiB of the card: 22 GB of one of 24
ENGINE_SHARE = 0.85  # of the card, which vLLM takes (common/engine.py)
GIB = 2**30
LOADS = {  # what each moment of a stage loads on the card, a training beside its base: see loads_of
    "merge": [("merged", "bfloat16")],
    "sampling (vLLM)": [("base", "bfloat16")],
    "references of answers": [("merged", "bfloat16")],
    "answers (vLLM)": [("base", "bfloat16")],
    "mmlu": [("base", "bfloat16")],
}


def config_of(base):
    """The base's config: its own where it is on this machine, else by bench/shapes.yaml, else from the Hub.

    UserError where none of them has it.
    """
    import yaml
    from transformers import AutoConfig

    shapes = yaml.safe_load(SHAPES.read_text(encoding="utf-8"))
    if base in shapes and not Path(base).is_dir():
        return AutoConfig.for_model(**shapes[base])
    if not (Path(base) / "config.json").is_file():  # a folder needs no weights to be counted
        model.require_base(base)
    return AutoConfig.from_pretrained(base)


def held_in(settings) -> str:
    """How a training holds its base on a card: nf4 (fp4 is as large), int8, bfloat16 or float32."""
    if settings.load_in_8bit:
        return "int8"
    return "nf4" if settings.load_in_4bit else settings.dtype.replace("auto", "bfloat16")


def loads_of(settings) -> dict:
    """{moment of a stage: [(model, how it is held)]}: nothing stays from one moment to the next."""
    return {f"{stage} training": [("base", held_in(settings[stage]))] for stage in ("sft", "dpo")} | LOADS


def empty(config, layers=None):
    """The network in bf16 on the meta device, with its own number of layers or `layers`."""
    import copy

    import torch
    from transformers import AutoModelForCausalLM

    config = copy.deepcopy(config)
    config.num_hidden_layers = layers or config.num_hidden_layers
    config.layer_types = None if getattr(config, "layer_types", None) is None else config.layer_types[:layers]
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16, attn_implementation=counted_attention())


def counted_attention() -> str:
    """Register, and return the name of, attention by the kernel that needs no matrix of all pairs, as on a GPU.

    On the meta device torch would take the one that keeps every probability.
    """
    import torch
    from transformers import AttentionInterface
    from transformers.integrations.sdpa_attention import repeat_kv

    def attend(module, query, key, value, attention_mask, scaling=None, **kwargs):
        repeats = query.shape[1] // key.shape[1]
        key, value = repeat_kv(key, repeats), repeat_kv(value, repeats)
        out = torch.ops.aten._scaled_dot_product_efficient_attention(query, key, value, None, True)[0]
        return out.transpose(1, 2).contiguous(), None

    AttentionInterface.register("counted", attend)
    return "counted"


def nf4_bytes(weights: int) -> int:
    """Bytes of a matrix of so many weights in NF4 with double quantisation: 4 bits each, 8 for a block of 64 (the
    block's scale), 32 for 256 such blocks, and 32 once (arXiv 2305.14314, section 3)."""
    blocks = -(-weights // 64)
    return -(-weights // 2) + blocks + 4 * -(-blocks // 256) + 4


def quantised_layers(network) -> dict:
    """{name: layer} of what bitsandbytes turns to 4 or 8 bits: every linear layer but the one that makes the logits."""
    from torch.nn import Linear

    head = network.get_output_embeddings()
    return {name: one for name, one in network.named_modules() if isinstance(one, Linear) and one is not head}


def weight_bytes(network, dtype: str) -> int:
    """Bytes of the weights in nf4 or int8 (what is not quantised in bf16), bfloat16 or float32; tied ones count once.

    int8: a byte for each weight and 32 bits for each row of a matrix, its scale (arXiv 2208.07339).
    """
    whole = sum(p.numel() for p in network.parameters())
    if dtype in ("bfloat16", "float32"):
        return whole * {"bfloat16": 2, "float32": 4}[dtype]
    matrices = [layer.weight for layer in quantised_layers(network).values()]
    held = [nf4_bytes(one.numel()) if dtype == "nf4" else one.numel() + 4 * one.shape[0] for one in matrices]
    return sum(held) + 2 * (whole - sum(one.numel() for one in matrices))


def adapter_parameters(network, settings) -> int:
    """Parameters of the stage's adapter."""
    return sum(p.numel() for p in with_adapter(network, settings).parameters() if p.requires_grad)


def saved_bytes(network, rows, width) -> int:
    """Bytes that the forward pass of a network with adapters keeps for its backward pass, weights not counted."""
    import torch

    own = {p.untyped_storage()._cdata for p in network.parameters()}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage  # kept alive, or its number could be used again
        return tensor

    like = {"dtype": torch.bfloat16, "device": next(network.parameters()).device}
    embedded = torch.zeros(rows, width, network.config.hidden_size, requires_grad=True, **like)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network.get_base_model().get_decoder()(inputs_embeds=embedded, use_cache=False)
    return sum(storage.nbytes() for storage in kept.values())


def with_adapter(network, settings):
    """The network with the stage's adapter, to be trained, in bf16 as under autocast."""
    import torch
    from peft import get_peft_model

    from common.training import lora_config

    return get_peft_model(network, lora_config(settings)).to(torch.bfloat16).train()


def activations(config, settings, rows, width) -> dict:
    """{what: bytes} of activations at the peak, in the backward pass of a layer under gradient checkpointing."""
    tokens = rows * width
    one, two = (saved_bytes(with_adapter(empty(config, layers), settings), rows, width) for layers in (1, 2))
    layer = two - one
    largest = max(one.weight.numel() for one in quantised_layers(empty(config, 1)).values())
    layers = config.num_hidden_layers
    return {
        "inputs of layers" if settings.gradient_checkpointing else "activations of layers": layers
        * (2 * tokens * config.hidden_size if settings.gradient_checkpointing else layer),
        "the layer at work": layer if settings.gradient_checkpointing else 0,
        # The gradients of the widest activation and of its two factors, and the matrix they go through, dequantised.
        "gradients at work": 3 * 2 * tokens * config.intermediate_size + 2 * largest,
    }


def training_parts(config, settings, stage) -> dict:
    """{what: bytes} of a training at its longest batch. DPO runs chosen and rejected rows together and keeps two
    adapters, the frozen reference and during the proof the one from disk."""
    network = empty(config)
    held = held_in(settings)
    loads = {f"base in {held}": weight_bytes(network, held)}  # before the adapter is put into the network
    adapter = adapter_parameters(network, settings)
    rows = settings.per_device_train_batch_size * (2 if stage == "dpo" else 1)
    state = 2 if settings.optim.endswith("8bit") else 8
    return {
        **loads,
        "adapter, float32": 4 * adapter,
        "adapter for autocast, bf16": 2 * adapter,
        "reference adapter, float32": 4 * adapter if stage == "dpo" else 0,
        "gradients of the adapter": 4 * adapter,
        f"optimizer ({settings.optim})": state * adapter,
        **activations(config, settings, rows, settings.max_length),
    }


def scoring_parts(config) -> dict:
    """{what: bytes} of common/score.py on the merged model: weights, logits kept and the chunk in float32."""
    from common import score

    return {"merged in bfloat16": weight_bytes(empty(config), "bfloat16"), "logits": 2 * score.LOGITS + 8 * score.CHUNK}


def cache_bytes(config, tokens) -> int:
    """Bytes of keys and values in bf16."""
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * 2 * tokens * config.num_hidden_layers * config.num_key_value_heads * size


def count(config, settings, card) -> dict:
    """{moment of a stage: {what: bytes on the card}}; the settings are those of each script by its recipe."""
    merged = scoring_parts(config)
    engine = {"vLLM: weights, cache and work": int(ENGINE_SHARE * card)}
    mmlu = settings["mmlu"]
    return {
        "sft training": training_parts(config, settings["sft"], "sft"),
        "merge": merged,
        "sampling (vLLM)": engine,
        "dpo training": training_parts(config, settings["dpo"], "dpo"),
        "references of answers": merged,
        "answers (vLLM)": engine,
        # 4,096 tokens of few-shot rows and a question, for each row of a batch, beside the beginning kept once
        "mmlu": merged | {"cache": cache_bytes(config, 4096 * (mmlu.batch_size + 1))},
    }


def parse_args(argv=None):
    parser = cli.parser(__doc__, "memory")
    parser.add_argument("--card_gib", type=float, default=24, help="memory of the card")
    return cli.parse(parser, argv)


def main(args):
    scripts = {"sft": "train.sft", "dpo": "train.dpo", "mmlu": "eval.mmlu"}
    flags = ["--recipe", args.recipe]
    settings = {stage: importlib.import_module(name).parse_args(flags) for stage, name in scripts.items()}
    vars(settings["dpo"]).update({key: getattr(settings["sft"], key) for key in LORA})  # DPO goes on with SFT's adapter
    base = settings["sft"].base
    counted, limit = count(config_of(base), settings, args.card_gib * GIB), LIMIT * args.card_gib
    for moment, parts in counted.items():
        total = sum(parts.values())
        shown = ", ".join(f"{what} {size / 1e9:.2f}" for what, size in parts.items() if size)
        print(f"{moment:<22} {total / 1e9:6.2f} GB{'' if total <= limit else '  too much'}: {shown}")
    found = loads_of(settings)
    loads = {moment: [f"{name}, {dtype}, on the card" for name, dtype in some] for moment, some in found.items()}
    target = args.out / "memory.json"
    files.write_json(target, {"base": base, "card_gib": args.card_gib, "loads": loads, "bytes": counted})
    over = [moment for moment, parts in counted.items() if sum(parts.values()) > limit]
    print(f"{'under' if not over else 'NOT under'} {limit / 1e9:.0f} GB in every stage; wrote {target}")


if __name__ == "__main__":
    cli.run(main, parse_args)
