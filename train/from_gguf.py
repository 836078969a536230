"""python train/from_gguf.py FILE DIR

Turns a GGUF file of the Llama architecture into a model folder that every script takes as --base: bf16 safetensors,
config, tokenizer with its chat template, licence, and SOURCE.json (what it is and where it came from). Quantised
weights are dequantised. setup.sh does this once for the default base, models/smollm2-135m.
"""

import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ when run by hand

from common import cli, files

SKIPPED_TYPES = ("F32", "F16", "BF16")  # tensors of a quantised file that are not quantised (norms)


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("file", help="GGUF file")
    parser.add_argument("folder", help="model folder to write")
    parser.add_argument("--sha256", default=None, help="refuse a file with another SHA-256")
    parser.add_argument("--origin", default=None, help="where the file came from, for SOURCE.json")
    return parser.parse_args(argv)


def read_header(path):
    """{name: value} of the metadata, with `tensor_types` {type: parameters}; UserError for anything but a Llama."""
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
    except (ValueError, OSError, IndexError) as error:
        raise cli.UserError(f"{path} is no GGUF file ({error}); give the file of a model in GGUF form.") from None
    header = {name: field.contents() for name, field in reader.fields.items() if name.startswith("general.")}
    header["has_template"] = "tokenizer.chat_template" in reader.fields
    header["tensor_types"] = {}
    for tensor in reader.tensors:
        kind = tensor.tensor_type.name
        header["tensor_types"][kind] = header["tensor_types"].get(kind, 0) + int(tensor.n_elements)
    architecture = header.get("general.architecture")
    if architecture != "llama":
        raise cli.UserError(
            f"{path} holds the architecture {architecture!r}; only llama is converted: give the model's safetensors "
            "folder or its name on the Hub as --base instead."
        )
    return header


def quantisation(header):
    """The type that holds most of the weights, for example Q4_1."""
    return max(header["tensor_types"], key=header["tensor_types"].get)


def load(path):
    """(model in bf16, tokenizer) from a GGUF file; a fresh model, since transformers cannot save the one it read."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    read = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    settings = read.config.to_dict()
    for name in (
        "quantization_config",
        "_name_or_path",
        "_model_name_or_path",
    ):  # weights are plain; a title is no path
        settings.pop(name, None)
    config = LlamaConfig(**settings)
    model = LlamaForCausalLM(config)
    model.load_state_dict(read.state_dict())
    return model.to(torch.bfloat16), AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)


def describe(path, header, args):
    """SOURCE.json: what the model is, in one sentence, and the facts behind it."""
    kind = quantisation(header)
    name = path.name.removesuffix(".gguf").removesuffix(f".{kind}")
    stored = "" if kind in SKIPPED_TYPES else f", stored at {kind} and dequantised to bf16"
    return {
        "what": f"{name} from a GGUF file{stored}",
        "origin": args.origin or path.name,
        "licence": header.get("general.license", "unknown"),
        "quantisation": kind,
        "sha256": args.sha256 or files.sha256(path),
        "parameters": sum(header["tensor_types"].values()),
    }


def convert(path, folder, header, args):
    """Write the model folder whole or not at all."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    model, tokenizer = load(path)
    model.save_pretrained(part)
    tokenizer.save_pretrained(part)
    source = describe(path, header, args)
    if source["licence"] == "apache-2.0":
        shutil.copy(cli.ROOT / "LICENSE", part / "LICENSE")
    files.write_json(part / "SOURCE.json", source)
    files.replace_folder(part, folder)
    return source


def main(args):
    started = time.time()
    path, folder = Path(args.file), Path(args.folder)
    if not path.is_file():
        raise cli.UserError(f"there is no file {path}; give the path of a GGUF file.")
    if args.sha256 and files.sha256(path) != args.sha256:
        raise cli.UserError(
            f"{path} has the SHA-256 {files.sha256(path)[:16]}..., not {args.sha256[:16]}...: it is damaged or another "
            "file; remove it and fetch it again."
        )
    header = read_header(path)
    if folder.exists() and not (folder / "config.json").is_file():
        raise cli.UserError(f"{folder} is there and holds no model; give another folder, or remove it.")
    source = convert(path, folder, header, args)
    note = "" if header["has_template"] else "; it has no chat template, so give --chat_template when training"
    print(
        f"{source['what']}, {source['parameters'] / 1e6:.0f} M parameters, licence {source['licence']}{note}; wrote "
        f"{folder} in {time.time() - started:.0f} s; next: python train/sft.py --base {folder}"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
