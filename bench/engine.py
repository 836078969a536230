"""python bench/engine.py

Prompts and tokens per second, start included, of the ways to get answers from the SFT model: vLLM on merged weights,
vLLM with the adapter at run time, transformers' generate. Each answers the same prompts once, greedily, and with four
samples at temperature 1, in a process of its own that is stopped after --part_seconds. Reads out/sft; writes
bench/results/engine.json after each part, and the same command goes on with the parts that are not there.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, model
from common.domain import load_domain, rows_of

TARGET = files.ROOT / "bench/results/engine.json"
ENGINES = {"vllm merged": "vllm", "vllm adapter": "vllm", "generate": "hf"}
SAMPLES = (1, 4)


def parse_args(argv=None):
    parser = cli.plain_parser(__doc__)
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    parser.add_argument("--out", type=Path, default=cli.from_root("out"), help="folder of a run, with sft in it")
    parser.add_argument("--domain", default="text_to_sql", help="a folder of domains/")
    parser.add_argument("--n", type=int, default=300, help="prompts, the first of the test benchmark")
    parser.add_argument("--max_new_tokens", type=int, default=128)
    parser.add_argument("--dtype", default="auto", choices=model.DTYPES)
    parser.add_argument("--part_seconds", type=int, default=900, help="a part that takes longer is stopped")
    parser.add_argument("--part", choices=parts(), metavar="PART", help="measure only this part, here")
    return cli.within(parser.parse_args(argv), n=(1, None), max_new_tokens=(1, None), part_seconds=(1, None))


def parts() -> list:
    """The names of what is measured."""
    return [f"{engine} x {n}" for n in SAMPLES for engine in ENGINES]


def measure(args) -> dict:
    """One part, in this process: seconds from before the libraries are loaded until the last answer."""
    started = time.time()
    from common.engine import Engine
    from common.sampling import Sampling

    name, _, samples = args.part.rpartition(" x ")
    adapter, domain = args.out / "sft", load_domain(args.domain, args.out)
    tokenizer = model.load_tokenizer(adapter)
    rows = rows_of(domain, "load_benchmark", "test")[: args.n]
    prompts = [chat.encode(tokenizer, row["prompt"], domain.SYSTEM_PROMPT) for row in rows]
    engine = Engine(model.trained_base(args), {"sft": adapter}, ENGINES[name], args.dtype)
    engine.by_request = name == "vllm adapter"
    engine.generate("sft", prompts[:1], Sampling(max_new_tokens=1))
    start = time.time() - started
    made = engine.generate("sft", prompts, Sampling(int(samples), float(samples != "1"), 1.0, args.max_new_tokens))
    seconds = time.time() - started
    tokens = sum(len(one.token_ids) for completions in made for one in completions)
    return {
        "dtype": engine.dtype,  # which a GPU's adapters may have changed
        "seconds": round(seconds, 1),
        "start_seconds": round(start, 1),  # until the first token, libraries included
        "prompts_per_second": round(len(prompts) / seconds, 3),
        "tokens_per_second": round(tokens / seconds, 1),
        "tokens": tokens,
        "prompt_tokens": sum(map(len, prompts)),
        "peak_memory_gib": round(files.peak_memory_gib(), 2),
    }


def run_part(args, part) -> dict:
    """The figures of a part from a process of its own, or how long it was given when that was not enough."""
    command = [sys.executable, __file__, *sys.argv[1:], "--part", part]
    process = subprocess.Popen(command, start_new_session=True)  # vLLM has processes of its own
    try:
        code = process.wait(args.part_seconds)
    except subprocess.TimeoutExpired:
        return {"stopped_after_seconds": args.part_seconds}
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if code:
        raise cli.UserError(f"the part {part!r} ended with exit code {code}, see above.")
    made = files.read_json(part_file(part))
    part_file(part).unlink()
    return made


def part_file(part) -> Path:
    """Where a part's process leaves its figures."""
    return TARGET.with_name(f".{part.replace(' ', '_')}.json")


def setting_of(args) -> dict:
    """What has to be the same for two parts to stand in one table."""
    return {
        "n": args.n,
        "max_new_tokens": args.max_new_tokens,
        "dtype": args.dtype,
        "adapter_sha256": model.check_merged(args.out / "sft/merged", args.base)["adapter_sha256"],
        "cores": len(os.sched_getaffinity(0)),
        "versions": files.versions(),
    }


def main(args):
    args.dtype = model.choose_dtype(args.dtype)
    if args.part:
        files.write_json(part_file(args.part), measure(args))
        return
    setting = setting_of(args)
    known = files.read_json(TARGET) if TARGET.is_file() else {}
    done = known["parts"] if known.get("setting") == setting else {}
    for part in parts():
        if part not in done:
            print(f"measures {part}, at most {args.part_seconds} s", flush=True)
            done[part] = run_part(args, part)
            files.write_json(TARGET, {"setting": setting, "parts": done})
        told = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in done[part].items())
        print(f"{part}: {told}", flush=True)
    print(f"wrote {TARGET.relative_to(files.ROOT)}")


if __name__ == "__main__":
    cli.run(main, parse_args)
