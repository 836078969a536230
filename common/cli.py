"""What every script's command line agrees on: flags over recipe over default, and one sentence per error.

A recipe is a YAML file with one section per script; its keys are the script's flags. The section `shared` holds
keys that several scripts have (SHARED_KEYS). An unknown flag, section or key ends with the nearest valid name.
"""

import argparse
import difflib
import errno
import os
import shlex
import sys
from pathlib import Path

Switch = argparse.BooleanOptionalAction  # type=bool would read "False" as True
ROOT = Path(__file__).resolve().parents[1]
DEFAULT_RECIPE = "recipes/cpu.yaml"
SECTIONS = (
    "gen_sft",
    "sft",
    "merge",
    "export_gguf",
    "push",
    "quality",
    "gen_dpo",
    "label",
    "dpo",
    "reward",
    "answer",
    "rerank",
    "winrate",
    "judge_check",
    "mmlu",
    "domain",
    "report",
    "look",
    "serve",
    "estimate",
    "memory",
    "seeds",
    "control",
)
READING = ("serve", "push")  # sections of scripts that write nothing to --out
SHARED_KEYS = ("base", "domain", "seed", "engine", "dtype")
SEEDS = (0, 2**32 - 1)  # what every library here takes as a seed, for within
# No right to a path, a file where a folder is due or the other way round, a file system that is only read.
UNFIT_PATHS = (errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EROFS)


class UserError(Exception):
    """Something the user can mend: its message is one sentence (what, where, what to do); exit code 2."""


class Several(argparse.Action):
    """A flag that may be given several times (nargs=1), in a recipe a list; what is given takes the default's place."""

    def __call__(self, parser, namespace, values, option_string=None):
        given = getattr(namespace, self.dest)
        setattr(namespace, self.dest, values if given is self.default else given + values)


class _Parser(argparse.ArgumentParser):
    """argparse that names the nearest valid flag instead of printing the usage."""

    def error(self, message):
        if "unrecognized arguments" in message:
            flag = next((word for word in message.split() if word.startswith("-")), "").split("=")[0]
            if flag:
                message = f"unknown flag {flag}{nearest(flag, self._option_string_actions)}"
        raise UserError(f"{self.prog}: {message}; --help lists the flags.")


def nearest(name, valid):
    """' (did you mean X?)' for the closest of `valid`, or '' when nothing is close."""
    close = difflib.get_close_matches(str(name), list(valid), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def plain_parser(doc):
    """A parser without recipe: its docstring as help, no abbreviations, one sentence for a mistake."""
    return _Parser(description=doc, allow_abbrev=False, formatter_class=_Help)


def parser(doc, section):
    """The parser of one stage: as plain_parser, with the flags that all stages share."""
    made = plain_parser(doc)
    made.set_defaults(section=section)
    made.add_argument("--recipe", default=DEFAULT_RECIPE, help="YAML file with one section per script")
    made.add_argument(
        "--out",
        default=None,
        metavar="DIR",
        help="folder of every product (default: out, or out/NAME for another recipe or domain)",
    )
    made.add_argument("--domain", default="text_to_sql", help="a folder of domains/, or rows: see train/sft.py")
    made.add_argument("--seed", type=int, default=0, help="seed of everything random in this stage")
    return made


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """The docstring as it stands, and every default."""

    def _get_help_string(self, action):
        return action.help if action.default is None else super()._get_help_string(action)


def parse(made, argv=None, borrowed=()):
    """Flags > the recipe's section > `borrowed` keys of other sections > its `shared` section > the script's default.

    borrowed: (section, keys) of which this script has the flags, too, and means the same by them.

    Products and the default base are the repository's wherever the script is started. Sets args.out (Path),
    args.tracked (True when this run may write the tracked files: default recipe and domain, no --out) and
    args.command_tail. Raises UserError for an unknown flag, recipe, section or key, and for a seed out of SEEDS.
    """
    known, _ = made.parse_known_args(argv)
    usual, section = made.get_default("domain"), known.section
    recipe = find_recipe(known.recipe)
    settings = read_recipe(recipe)
    flags = {
        action.dest: action
        for action in made._actions
        if action.option_strings and action.dest not in ("help", "recipe", "out")
    }
    own = settings.get(section, {})
    for key in own:
        if key not in flags:
            raise UserError(f"{known.recipe}: unknown key {key!r} in section {section!r}{nearest(key, flags)}.")
    shared = {key: value for key, value in settings.get("shared", {}).items() if key in flags}
    for other, keys in borrowed:
        shared |= {key: value for key, value in settings.get(other, {}).items() if key in keys}
    made.set_defaults(**{key: _typed(flags[key], value, known.recipe) for key, value in {**shared, **own}.items()})
    args = made.parse_args(argv)
    is_default = recipe == (ROOT / DEFAULT_RECIPE).resolve()
    names = ("" if is_default else recipe.stem, "" if args.domain == usual else args.domain)
    own_name = "-".join(filter(None, names))
    args.tracked = not own_name and args.out is None
    args.out = check_out(args.out, section) if args.out else from_root("out") / own_name
    if getattr(args, "base", None) and not Path(args.base).exists() and (ROOT / args.base).is_dir():
        args.base = str(ROOT / args.base)
    own_domain = None if args.domain == made.get_default("domain") else args.domain  # the recipe's goes without saying
    given = {"recipe": None if is_default else known.recipe, "out": known.out, "domain": own_domain}
    args.command_tail = "".join(f" --{name} {shlex.quote(value)}" for name, value in given.items() if value)
    return within(args, seed=SEEDS)


def check_out(name, section) -> Path:
    """--out as a path; UserError when it cannot be a folder, or not one that this section's script can write to."""
    out = there = Path(name)
    while not there.exists():
        there = there.parent
    if not there.is_dir():
        raise UserError(f"--out {name}: {there} is a file; name a folder.")
    if section not in READING and not os.access(there, os.W_OK | os.X_OK):
        raise UserError(f"--out {name}: the folder {there} cannot be written to; name another, or mend its rights.")
    return out


def from_root(name) -> Path:
    """A path in the repository: as it is where that is the current folder, else with the repository's own."""
    return Path(name) if Path.cwd().resolve() == ROOT else ROOT / name


def within(args, **bounds):
    """`args` again; UserError for the first that is below or above its (least, most), None being no bound.

    Of a list, all have to be within.
    """
    for name, (least, most) in bounds.items():
        value = getattr(args, name)
        each = value if isinstance(value, list) else [value]
        if value is None or all((least is None or one >= least) and (most is None or one <= most) for one in each):
            continue
        allowed = f"at least {least}" if most is None else f"from {least} to {most}"
        raise UserError(f"--{name} must be {allowed}, not {value}.")
    return args


def find_recipe(name):
    """The recipe's path, looked for from the current folder and from the repository."""
    for folder in (Path.cwd(), ROOT):
        if (folder / name).is_file():
            return (folder / name).resolve()
    have = sorted(f"recipes/{path.name}" for path in (ROOT / "recipes").glob("*.yaml"))
    raise UserError(f"no recipe {name}{nearest(str(name), have)}; there is {', '.join(have)}.")


def read_recipe(path):
    """The recipe as {section: {key: value}}; refuses unknown sections and shared keys."""
    import yaml

    try:
        text = Path(path).read_text(encoding="utf-8-sig")
        refuse_repeated_keys(yaml.compose(text, yaml.SafeLoader), path)
        settings = yaml.safe_load(text) or {}
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8; save it as UTF-8.") from None
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        raise UserError(
            f"{path}{f':{where.line + 1}' if where else ''} is not YAML: {getattr(error, 'problem', error)}."
        ) from None
    if not isinstance(settings, dict) or not all(isinstance(v, dict) or v is None for v in settings.values()):
        raise UserError(f"{path}: a recipe is a mapping of sections, each a mapping of keys.")
    for name in settings:
        if name not in SECTIONS + ("shared",):
            raise UserError(f"{path}: unknown section {name!r}{nearest(name, SECTIONS + ('shared',))}.")
    for key in settings.get("shared") or {}:
        if key not in SHARED_KEYS:
            raise UserError(f"{path}: unknown key {key!r} in section 'shared'{nearest(key, SHARED_KEYS)}.")
    return {name: value or {} for name, value in settings.items()}


def refuse_repeated_keys(node, path):
    """UserError for a mapping that has a key twice, of which YAML would keep the last."""
    seen = {}
    for key, value in node.value if getattr(node, "id", None) == "mapping" else ():
        if not isinstance(key.value, str):
            raise UserError(f"{path}:{key.start_mark.line + 1} has a list or a mapping as key; a key is one word.")
        if key.value in seen:
            raise UserError(
                f"{path}:{key.start_mark.line + 1} has the key {key.value!r} again, after line {seen[key.value]}; "
                "keep one of them."
            )
        seen[key.value] = key.start_mark.line + 1
        refuse_repeated_keys(value, path)


def _typed(action, value, recipe):
    """The recipe's value as the flag would have read it, so that both ways give one type."""
    if value is None:
        if action.default is None:
            return None
        raise UserError(f"{recipe}: {action.dest} has no value; give it one or remove the line.")
    if isinstance(value, bool):
        if isinstance(action, argparse.BooleanOptionalAction):
            return value
        raise UserError(f"{recipe}: {action.dest} is not a switch; give it a value.")
    if isinstance(action, argparse.BooleanOptionalAction):
        raise UserError(f"{recipe}: {action.dest} is a switch; write true or false, not {value!r}.")
    is_list = action.nargs in ("+", "*") or isinstance(action.nargs, int)
    values = value if isinstance(value, list) else [value]
    try:
        if isinstance(value, list) and not is_list:
            raise ValueError
        convert = action.type or str
        if convert is int and any(isinstance(item, float) and item != int(item) for item in values):
            raise ValueError
        made = [convert(item) for item in values]
    except (TypeError, ValueError, OverflowError):  # the last of infinity as a whole number
        raise UserError(f"{recipe}: {action.dest} cannot be {value!r}.") from None
    for one in made if action.choices else ():
        if one not in action.choices:
            raise UserError(f"{recipe}: {action.dest} cannot be {one!r}; it is one of {list(action.choices)}.")
    return made if is_list else made[0]


def quiet():
    """Settings that keep lines of libraries that no user can act on off the screen; before heavy imports."""
    import contextlib
    import ctypes
    import logging
    import warnings

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    # Two threads that spin while they wait starve each other on a small machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.platform == "linux":
        # Keep freed memory instead of handing it back: training asks for the same large blocks at every step.
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
            libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD
    for library in ("bitsandbytes", "vllm"):  # the latter speaks before it reads its level from the environment
        logging.getLogger(library).setLevel(logging.ERROR)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")


def reader_has_gone() -> bool:
    """Whether what reads our output has ended; if so, the rest of it goes nowhere."""
    import select

    watched = select.poll()
    watched.register(sys.stdout, select.POLLOUT)
    if not any(event & select.POLLERR for _, event in watched.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python writes again at its end
    return True


def mendable(error: OSError) -> str:
    """What the user can do about an error of the file system, in one sentence; empty for one that is a bug of ours."""
    name = error.filename2 or error.filename  # the second is what a file was to be renamed to
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left on the disk while writing {name or 'a file'}; free some and run the same command again."
    if error.errno in UNFIT_PATHS and name:
        return (
            f"{name} cannot be used ({error.strerror}); mend it, its rights or the path, and run the same command "
            "again."
        )
    return ""


def run(main, parse_args):
    """Run a script: UserError, a full disk or GPU, files that cannot be read or written, and Ctrl-C end with one
    sentence; other tracebacks are our bugs.
    """
    if int(os.environ.get("RANK", 0)):  # of several processes the first one speaks
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (for as long as the process lives)
    try:
        args = parse_args()
        quiet()
        main(args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print(
            "\nstopped by Ctrl-C: finished products are whole, the unfinished one is not written; "
            "run the same command to go on.",
            file=sys.stderr,
        )
        sys.exit(130)
    except BrokenPipeError:
        if not reader_has_gone():
            raise
        sys.exit(141)  # as the shell has it for `| head`
    except OSError as error:
        said = mendable(error)
        if not said:
            raise
        print(f"error: {said}", file=sys.stderr)
        sys.exit(2)
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's, which is not loaded to ask for this
            raise
        print(
            f"error: the GPU's memory ran out in {Path(sys.argv[0]).name}; free some (nvidia-smi says who holds it), "
            "or take smaller batches or a smaller base: --check of a trainer says what fits.",
            file=sys.stderr,
        )
        sys.exit(2)
