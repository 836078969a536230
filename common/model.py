"""Loading models so that two stages can never disagree about which one: base, adapter, lineage.

Every adapter folder has lineage.json: what it was trained on, by hash, from the base on. A stage that loads an
adapter checks it against the base it was given.
"""

import hashlib
import json
import os
from pathlib import Path

from common import cli, files
from common.apart import sharded
from common.cli import UserError

READ = ("config.json", "tokenizer_config.json", "tokenizer.json", "tokenizer.model")  # beside weights and templates
UNTRAINED = 0.2  # of the median length: rows never trained keep their small start, or have decayed to nothing
NO_WEIGHTS = (
    "{} has no .safetensors file; convert the weights first (pickles and Mistral's consolidated files are not loaded)."
)
AGAIN = "consolidated"  # what the files begin with that hold a model a second time, see weight_files
WHOLE = 256 << 20  # files up to this many bytes are hashed whole, larger ones by size and 64 blocks


def local_folder(model: str) -> Path:
    """The folder of a model that is given as a folder or as a name on the Hub (fetched when it is not there yet)."""
    if Path(model).is_dir():
        return Path(model)
    from huggingface_hub import snapshot_download

    wanted = ["*.safetensors", "*.json", "*.jinja", "tokenizer.model"]
    terms = ["README.md", "LICENSE*", "NOTICE*"]  # what whoever passes the model on has to keep to
    again = [f"*{AGAIN}*"]  # in folders below, too
    return Path(snapshot_download(model, allow_patterns=wanted + terms, ignore_patterns=again))


def weight_files(folder) -> list:
    """The safetensors files that hold the weights of a model folder, in order of name.

    Mistral's folders have all weights again in consolidated*.safetensors, under other names: nothing here reads those,
    but vLLM would read nothing else. Beside them the index, where there is one, says which files are the weights. In
    other folders all files are: lineages name bases by the hash of these.
    """
    found = sorted(Path(folder).glob("*.safetensors"))
    own = [path for path in found if not path.name.startswith(AGAIN)]
    index = Path(folder) / "model.safetensors.index.json"
    if own == found or not index.is_file():
        return own
    named = set(files.read_json(index)["weight_map"].values())
    return [path for path in own if path.name in named]


def fingerprint(model: str) -> str:
    """SHA-256 of a model: weights, config, tokenizer and chat template. `model` is a folder or a name on the Hub."""
    folder = local_folder(model)
    digest, weights = hashlib.sha256(), weight_files(folder)
    if not weights:
        raise UserError(NO_WEIGHTS.format(model))
    others = [path for path in folder.iterdir() if path.suffix == ".jinja" or path.name in READ]
    for path in sorted(weights + others):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as handle:
            if size <= WHOLE:
                digest.update(handle.read())
            else:
                for i in range(64):
                    handle.seek(i * (size - (1 << 20)) // 63)
                    digest.update(handle.read(1 << 20))
    return digest.hexdigest()


def require_base(base: str):
    """UserError unless `base` is a folder with config and safetensors, or a name on the Hub that can be fetched."""
    folder = Path(base)
    if folder.is_dir() and (folder / "config.json").is_file():
        if not weight_files(folder):
            raise UserError(NO_WEIGHTS.format(base))
        return
    if folder.exists() or base.count("/") != 1 or base.startswith((".", "/", "models/", "out/")):
        raise UserError(f"no model in {base}: it has no config.json; give --base a model folder or a name on the Hub.")
    require_on_hub(base)


def require_on_hub(name: str):
    """UserError, with what to do, unless the model `name` is in the Hub's cache here or can be fetched."""
    import huggingface_hub
    from huggingface_hub import errors

    try:
        if isinstance(huggingface_hub.try_to_load_from_cache(name, "config.json"), str):
            return  # it got there after this check, so a machine without a network can go on
        listed = huggingface_hub.HfApi().list_repo_files(name)
        weights = [file for file in listed if file.endswith(".safetensors") and not file.startswith(AGAIN)]
        if "config.json" not in listed or not weights:
            raise UserError(
                f"{name} on the Hub has no config.json with .safetensors files; take another model, or convert its "
                "weights first (pickles are not loaded)."
            )
        huggingface_hub.hf_hub_download(name, "config.json")  # the list of a gated model is open, its files are not
    except errors.GatedRepoError:
        raise UserError(
            f"{name} is gated: accept its terms on https://huggingface.co/{name}, then log in with `hf auth login` or "
            "set HF_TOKEN."
        ) from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        raise UserError(
            f"the Hub has no model {name} that is open to you; check the name, or log in with `hf auth login`."
        ) from None
    except UserError:
        raise
    except Exception as error:  # from whichever HTTP library huggingface_hub is built on
        said = f"{type(error).__name__}: {' '.join(str(error).split()).rstrip('.')[:100]}"
        raise UserError(
            f"{name} is no folder here, and the Hub cannot be reached ({said}); connect, or give --base a model folder."
        ) from None


def load_tokenizer(folder):
    """The tokenizer of a folder or of a name on the Hub; UserError when there is none."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        raise UserError(f"no tokenizer can be loaded from {folder} ({said}); it belongs beside the model.") from None


def embedding_rows(base: str):
    """Rows of the model's embedding by its config, or None when it does not say."""
    from transformers import AutoConfig

    return getattr(AutoConfig.from_pretrained(base).get_text_config(), "vocab_size", None)


def without_weights(base: str):
    """The model that the base's config describes, on the meta device: no weights are read."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(base))


def parameters_of(base: str) -> int:
    """Parameters of the model that its config describes."""
    return without_weights(base).num_parameters()


def row_looks_untrained(base: str, token_id: int) -> bool:
    """Whether a token's row of the embedding is far shorter than the others; False where that cannot be looked up.

    Looks at local safetensors only: the row and a thousand others.
    """
    from safetensors import safe_open

    for path in weight_files(base):
        with safe_open(path, "pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 (not a dict)
                if name.endswith(("embed_tokens.weight", "wte.weight", "word_embeddings.weight", "embed_in.weight")):
                    rows = tensors.get_slice(name)
                    step = max(1, rows.get_shape()[0] // 1000)
                    usual = rows[::step].float().norm(dim=-1).median()
                    return bool(rows[token_id : token_id + 1].float().norm() < UNTRAINED * usual)
    return False


DEFAULT_BASE = "models/smollm2-135m"
DTYPES = ("auto", "bfloat16", "float32")


def choose_dtype(name: str) -> str:
    """'bfloat16' or 'float32' for a --dtype, said on the screen when it was 'auto'.

    auto is bfloat16 on a GPU and on a processor that multiplies bf16 matrices itself (AVX512-BF16 or AMX), else
    float32: without such instructions bf16 is emulated and trains three times slower than float32 (71 against 210
    tokens/s for 135 M parameters on two cores, November 2026).
    """
    if name != "auto":
        return name
    import torch

    if torch.cuda.is_available():
        chosen, why = "bfloat16", "a GPU"
    elif torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
        chosen, why = "bfloat16", "this processor has bf16 instructions"
    else:
        chosen, why = "float32", "this processor has no bf16 instructions, which would make bfloat16 three times slower"
    print(f"dtype: {chosen} ({why})", flush=True)
    return chosen


def adapter_dtype(name: str) -> str:
    """The dtype, in place of `name`, in which a GPU's vLLM applies adapters at run time, said where it is another one.

    Its kernels for adapters take 16 bits only: with float32 the first request fails an assertion.
    """
    if name != "float32":
        return name
    print("note: vLLM computes adapters in 16 bits only, so this is done in bfloat16, not in float32.", flush=True)
    return "bfloat16"


QUANTIZATION = ("load_in_4bit", "load_in_8bit", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant")


def add_quantization_flags(parser):
    """How the base is held while adapters are trained on it; the keys of bitsandbytes keep their own names."""
    add = parser.add_argument
    add("--load_in_4bit", action=cli.Switch, default=True, help="the base quantised by bitsandbytes (QLoRA)")
    add("--load_in_8bit", action=cli.Switch, default=False, help="the base in 8 bits, in place of 4")
    add("--bnb_4bit_quant_type", default="nf4", choices=("nf4", "fp4"))
    add("--bnb_4bit_use_double_quant", action=cli.Switch, default=True)


def quantization(args):
    """The bitsandbytes settings of --load_in_8bit or --load_in_4bit, or None.

    Where processes share the weights, the 4-bit ones are stored as if they were numbers of args.dtype: FSDP splits
    floating-point numbers only, and those of one layer together.
    """
    import torch
    from transformers import BitsAndBytesConfig

    if args.load_in_8bit and not torch.cuda.is_available():
        raise UserError(
            "--load_in_8bit: bitsandbytes' 8-bit layers pass no gradient on a CPU; leave it out (4 bits, the default), "
            "or say --no-load_in_4bit."
        )
    if args.load_in_8bit:
        return BitsAndBytesConfig(load_in_8bit=True)
    if not args.load_in_4bit:
        return None
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=args.bnb_4bit_quant_type,
        bnb_4bit_use_double_quant=args.bnb_4bit_use_double_quant,
        bnb_4bit_compute_dtype=getattr(torch, args.dtype),
        bnb_4bit_quant_storage=getattr(torch, args.dtype if sharded() else "uint8"),
    )


def load_base(base: str, args, quantized: bool = True, scalar: bool = False):
    """The base model, quantised when asked, otherwise in args.dtype; on the GPU when there is one, of several
    processes each on its own.

    scalar: with a new head of one output, drawn by --seed, in place of the vocabulary's: a reward model.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    require_base(base)
    if scalar:
        torch.manual_seed(args.seed)
    model = (AutoModelForSequenceClassification if scalar else AutoModelForCausalLM).from_pretrained(
        base,
        quantization_config=quantization(args) if quantized else None,
        dtype=getattr(torch, args.dtype),
        device_map={"": int(os.environ.get("LOCAL_RANK", 0)) if torch.cuda.is_available() else "cpu"},
        **({"num_labels": 1} if scalar else {}),
    )
    for module in model.modules():
        # bitsandbytes repacks a layer for AVX512-BF16 in its first forward pass in eval mode on a CPU, and what is
        # repacked passes no gradient ever after, without an error: one evaluation would end the training.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model


def load_trained(args, adapter):
    """The base, quantised as for training, with an adapter folder's weights, trainable, under the name `default`."""
    from peft import PeftModel

    return PeftModel.from_pretrained(load_base(args.base, args), str(adapter), is_trainable=True)


def write_lineage(folder, stage: str, base: str, parent=None, data=None, system=None):
    """folder/lineage.json: stage, the parent's lineage, and by hash base, data, adapter, tokenizer, system prompt."""
    folder = Path(folder)
    files.write_json(
        folder / "lineage.json",
        {
            "stage": stage,
            "base": base,
            "base_sha256": fingerprint(base),
            "adapter_sha256": files.sha256(folder / "adapter_model.safetensors"),
            "data_sha256": files.sha256(data) if data else None,
            "tokenizer_sha256": tokenizer_hash(folder),
            "system_sha256": None if system is None else settings_hash(system),
            "parent": read_lineage(parent) if parent else None,
        },
    )


def tokenizer_hash(folder) -> str:
    """SHA-256 of the tokenizer's files in a folder, the chat template's among them."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).iterdir()):
        if path.suffix == ".jinja" or (path.name in READ and path.name != "config.json"):
            digest.update(path.name.encode() + b"\n" + path.read_bytes())
    return digest.hexdigest()


def read_lineage(folder) -> dict:
    """The lineage of an adapter folder. UserError when the folder is no finished adapter."""
    folder = Path(folder)
    made_by = f"python train/{folder.name}.py" if folder.name in ("sft", "dpo", "reward") else ""
    lineage = files.read_json(folder / "lineage.json", made_by)
    weights = folder / "adapter_model.safetensors"
    if not weights.is_file() or files.sha256(weights) != lineage["adapter_sha256"]:
        raise UserError(f"{weights} is not the file that {folder / 'lineage.json'} describes; train that stage again.")
    if lineage.get("tokenizer_sha256", tokenizer_hash(folder)) != tokenizer_hash(folder):
        raise UserError(
            f"tokenizer or chat template in {folder} are not those it was trained with; put them back, or train again."
        )
    return lineage


def check_system(lineage: dict, folder, system: str):
    """UserError when the adapter was trained under another system prompt."""
    if lineage.get("system_sha256") not in (None, settings_hash(system)):
        raise UserError(
            f"{folder} was trained under another system prompt than the domain's of today; put that back, name the "
            "--domain that it was trained for, or train again."
        )


def check_descent(out, sft: dict, dpo: dict):
    """UserError when the DPO adapter was trained from another SFT adapter than the one beside it."""
    if dpo["parent"] and dpo["parent"]["adapter_sha256"] != sft["adapter_sha256"]:
        raise UserError(
            f"{out / 'dpo'} was trained from another SFT adapter than the one now in {out / 'sft'}; run python "
            f"train/dpo.py again."
        )


def check_adapter(folder, base: str) -> dict:
    """The adapter's lineage, after making sure that it was trained on this very base."""
    lineage = read_lineage(folder)
    have = fingerprint(base)
    if lineage["base_sha256"] != have:
        raise UserError(
            f"{folder} was trained on {lineage['base']} ({lineage['base_sha256'][:12]}), not on {base} "
            f"({have[:12]}); give --base the model it was trained on, or train again."
        )
    return lineage


def check_merged(folder, base: str) -> dict:
    """The lineage of a merged model, after the same check; UserError when it is missing or out of date, or the model is
    another one than it describes."""
    folder = Path(folder)
    adapter = folder.parent
    lineage = check_adapter(adapter, base)
    merged = files.read_json(folder / "lineage.json", f"python train/merge.py --adapter {adapter}")
    if any(merged.get(key) != lineage.get(key) for key in ("adapter_sha256", "tokenizer_sha256")):
        raise UserError(f"{folder} was merged from an earlier adapter; run python train/merge.py --adapter {adapter}.")
    if "merged_sha256" in merged and merged["merged_sha256"] != fingerprint(folder):  # one of before it was kept passes
        raise UserError(
            f"{folder} does not hold the model that was merged there (weights, config or tokenizer are others); run "
            f"python train/merge.py --adapter {adapter}."
        )
    return merged


BASE_WEIGHTS = ("trained", "plain")


def add_base_weights_flag(parser):
    """--base_weights, of the stages that compare base, SFT and DPO."""
    parser.add_argument(
        "--base_weights",
        default="trained",
        choices=BASE_WEIGHTS,
        help="the base to compare with: trained, the (dequantised) weights that the adapters were trained on, or plain",
    )


def base_weights_told(args) -> str:
    """What compared_base took, in words for a report."""
    if compared_base(args) == args.base:
        return "the base's own weights"
    return "the weights that the adapters were trained on (the base in 4 bits, dequantised)"


def compared_base(args) -> str:
    """The base that SFT and DPO are compared with: by --base_weights trained_base's, or --base as it is."""
    return args.base if args.base_weights == "plain" else trained_base(args)


def training_of(adapter) -> Path:
    """The folder of the training that an adapter is of: its own, or for a step that was kept (dpo/steps/N) dpo."""
    adapter = Path(adapter)
    return adapter.parent.parent if adapter.parent.name == "steps" else adapter


def trained_base(args, out=None) -> str:
    """The weights that the adapters were trained on: out/sft/base (train/merge.py) after a quantised training.

    out: the folder of the adapters, where that is not --out.

    Nothing then differs between base and adapter but the adapter: neither a comparison nor a server that applies
    adapters at run time holds an error of quantisation. Without that folder, --base.
    """
    folder = (out or args.out) / "sft/base"
    if not folder.is_dir():
        return args.base
    again = f"python train/merge.py --adapter {folder.parent}"
    if files.read_json(folder / "lineage.json", again)["base_sha256"] != fingerprint(args.base):
        raise UserError(f"{folder} was made from another base; run {again}.")
    return str(folder)


LORA_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM 0.32 accepts as --max-lora-rank


def lora_rank(adapters) -> int:
    """The smallest rank vLLM accepts that holds every adapter."""
    configs = [files.read_json(Path(path) / "adapter_config.json") for path in adapters]
    largest = max(rank for one in configs for rank in (one["r"], *one.get("rank_pattern", {}).values()))
    fitting = [rank for rank in LORA_RANKS if rank >= largest]
    if not fitting:
        raise UserError(
            f"an adapter of rank {largest} is more than vLLM serves ({LORA_RANKS[-1]}); train one of a lower rank."
        )
    return fitting[0]


def run_time_adapters(adapters) -> bool:
    """Whether there are adapters here, and vLLM can apply each of them at run time: it refuses those of DoRA."""
    configs = [files.read_json(Path(path) / "adapter_config.json") for path in adapters]
    return bool(configs) and not any(one.get("use_dora") for one in configs)


def context_length(name) -> int:
    """Longest prompt with answer of a folder or a name on the Hub: the model's own, at most 4,096 tokens, so that a
    cache fits beside the weights."""
    config = Path(name) / "config.json"
    length = files.read_json(config).get("max_position_embeddings") if config.is_file() else None
    if length is None:
        from transformers import AutoConfig

        length = AutoConfig.from_pretrained(str(name)).get_text_config().max_position_embeddings
    return min(4096, length)


def release():
    """Give the memory of models that nothing refers to any more back to the card, for the next one that is loaded."""
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def trainable_share(model) -> tuple:
    """(trainable parameters, all parameters), 4-bit weights counted as the weights they stand for.

    The adapter `ref`, which trl makes of the SFT adapter as DPO's frozen reference, is a copy and no part of the model.
    """
    own = [p for name, p in model.named_parameters() if "ref" not in name.split(".")]
    trainable = sum(p.numel() for p in own if p.requires_grad)
    total = sum(
        p.numel() * (2 * p.element_size() if type(p).__name__ == "Params4bit" and p.bnb_quantized else 1) for p in own
    )
    return trainable, total


def settings_hash(settings: dict) -> str:
    """A short hash of settings, so that a resumed run can tell whether they are still the same."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]
