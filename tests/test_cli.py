"""The command line that all scripts share: precedence, near names, one sentence per error, quick starts."""

import errno
import importlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common import cli, files

SCRIPTS = sorted(
    str(path.relative_to(cli.ROOT))
    for folder in ("data", "train", "eval", "serve")
    for path in (cli.ROOT / folder).glob("*.py")
    if "def parse_args" in path.read_text(encoding="utf-8")
)
RECIPES = sorted(f"recipes/{path.name}" for path in (cli.ROOT / "recipes").glob("*.yaml"))
HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "vllm", "lm_eval", "bitsandbytes")

# Each script is looked at in a fork of its own, so that what one imports is not blamed on the next.
LOOK_AT_EACH_SCRIPT = """
import contextlib, io, json, os, runpy, sys
def look(script, recipes):
    sys.path[0] = os.path.dirname(script)  # what `python SCRIPT` does; the script has to find common/ itself
    found = runpy.run_path(script)
    plain = "plain_parser" in open(script).read()  # a tool with a file and a folder, and no recipe
    tracked = plain or found["parse_args"]([]).tracked
    for recipe in () if plain else recipes:
        found["parse_args"](["--recipe", recipe])
    sys.argv, shown = [script, "--help"], io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        runpy.run_path(script, run_name="__main__")
    return {"tracked": tracked, "help": shown.getvalue(), "modules": sorted(sys.modules)}
results, (scripts, recipes) = {}, json.load(sys.stdin)
for script in scripts:
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            told = look(script, recipes)
        except BaseException as error:
            told = {"error": f"{type(error).__name__}: {error}"}
        with os.fdopen(write, "w") as out:
            json.dump(told, out)
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as told:
        results[script] = json.load(told)
    os.wait()
print(json.dumps(results))
"""


def make_parser(section="sft"):
    """A parser with a flag of each type that the scripts use."""
    parser = cli.parser("python a.py\n\nDoes a thing.", section)
    parser.add_argument("--base", default="from the default")
    parser.add_argument("--learning_rate", type=float, default=0.1)
    parser.add_argument("--n", type=int, default=1)
    parser.add_argument("--packing", action=cli.Switch, default=True)
    parser.add_argument("--engine", default="auto", choices=("auto", "hf"))
    parser.add_argument("--loss_type", nargs="+", default=["sigmoid"])
    parser.add_argument("--parts", nargs="+", default=["one"], choices=("one", "two"))
    parser.add_argument("--weights", nargs="+", type=float, default=None)
    return parser


def parse_with(tmp_path, recipe, *flags):
    """The settings under a recipe of the given text."""
    path = tmp_path / "mine.yaml"
    path.write_text(recipe, encoding="utf-8")
    return cli.parse(make_parser(), ["--recipe", str(path), *flags])


def refusal(tmp_path, recipe, *flags):
    """The sentence that refuses a recipe or a flag."""
    with pytest.raises(cli.UserError) as caught:
        parse_with(tmp_path, recipe, *flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_unknown_flag_names_the_nearest(tmp_path):
    message = refusal(tmp_path, "", "--learning_rat", "3")
    assert "--learning_rat " in message and "did you mean --learning_rate?" in message
    assert "did you mean --packing?" in refusal(tmp_path, "", "--pakcing=1")
    assert "did you mean" not in refusal(tmp_path, "", "--zzzzzzzz")


def test_abbreviated_flag_is_refused(tmp_path):
    assert "did you mean --learning_rate?" in refusal(tmp_path, "", "--learning", "3")


def test_unknown_section_names_the_nearest(tmp_path):
    message = refusal(tmp_path, "gensft:\n  n: 3\n")
    assert "'gensft'" in message and "did you mean gen_sft?" in message


def test_unknown_key_names_file_section_and_nearest(tmp_path):
    message = refusal(tmp_path, "sft:\n  learning_rat: 3\n")
    assert "mine.yaml" in message and "'sft'" in message and "did you mean learning_rate?" in message


@pytest.mark.parametrize("key", ["out", "recipe", "help"])
def test_key_that_only_a_flag_can_set_is_refused(tmp_path, key):
    assert f"'{key}'" in refusal(tmp_path, f"sft:\n  {key}: x\n")


def test_unknown_shared_key_names_the_nearest(tmp_path):
    message = refusal(tmp_path, "shared:\n  engin: hf\n")
    assert "'shared'" in message and "did you mean engine?" in message
    # n is a flag of this script, but what is no shared key may not be set for all scripts at once
    assert "'n'" in refusal(tmp_path, "shared:\n  n: 3\n")


def test_sections_of_other_scripts_and_shared_keys_without_a_flag_here_are_left_alone(tmp_path):
    args = parse_with(tmp_path, "shared:\n  dtype: float32\nmmlu:\n  whatever: 1\nsft:\n")
    assert not hasattr(args, "dtype") and not hasattr(args, "whatever")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("n: many", "n cannot be 'many'"),
        ("n: true", "n is not a switch"),
        ("packing: 3", "packing is a switch"),
        ("packing: 'yes'", "packing is a switch"),
        ("engine: vlm", "engine cannot be 'vlm'"),
        ("learning_rate: quick", "learning_rate cannot be 'quick'"),
        ("n: .inf", "n cannot be inf"),
        ("n: .nan", "n cannot be nan"),
        ("n:", "n has no value"),
        ("base: ~", "base has no value"),
        ("[a, b]: 1", ":2 has a list or a mapping as key"),
        ("1: 2", "unknown key 1 in section 'sft'"),
        ("parts: [one, three]", "parts cannot be 'three'; it is one of ['one', 'two']"),
    ],
)
def test_wrong_type_in_a_recipe_is_refused(tmp_path, line, word):
    assert word in refusal(tmp_path, f"sft:\n  {line}\n")


def test_a_key_without_a_value_is_what_the_default_is_when_that_is_none(tmp_path):
    args = parse_with(tmp_path, "sft:\n  weights:\n  parts: [two, one]\n")
    assert args.weights is None and args.parts == ["two", "one"]
    assert parse_with(tmp_path, "sft:\n  parts: two\n").parts == ["two"]
    assert "seed has no value" in refusal(tmp_path, "shared:\n  seed:\n")


@pytest.mark.parametrize("text", ["- a\n- b\n", "sft: 3\n", "sft: {n: 3\n", "words\n"])
def test_recipe_that_is_no_mapping_is_refused(tmp_path, text):
    assert "mine.yaml" in refusal(tmp_path, text)


def test_missing_recipe_lists_what_there_is(tmp_path):
    with pytest.raises(cli.UserError) as caught:
        cli.parse(make_parser(), ["--recipe", "recipes/cpp.yaml"])
    assert "did you mean recipes/cpu.yaml?" in str(caught.value)


def test_recipe_values_have_the_type_that_the_flag_gives(tmp_path):
    args = parse_with(tmp_path, "sft:\n  learning_rate: 2e-4\n  n: '7'\n  packing: false\n  loss_type: ipo\n")
    assert (args.learning_rate, args.n, args.packing, args.loss_type) == (2e-4, 7, False, ["ipo"])
    assert type(args.learning_rate) is float and type(args.n) is int
    assert parse_with(tmp_path, "sft:\n  loss_type: [sigmoid, sft]\n").loss_type == ["sigmoid", "sft"]


def test_flag_beats_section_beats_shared_beats_default(tmp_path):
    shared, section = "shared:\n  base: from shared\n", "sft:\n  base: from the section\n"
    assert parse_with(tmp_path, "").base == "from the default"
    assert parse_with(tmp_path, shared).base == "from shared"
    assert parse_with(tmp_path, shared + section).base == "from the section"
    assert parse_with(tmp_path, shared + section, "--base", "from the flag").base == "from the flag"
    # A flag also wins when it says what the default says.
    assert parse_with(tmp_path, section, "--base", "from the default").base == "from the default"
    assert parse_with(tmp_path, "sft:\n  packing: false\n", "--packing").packing is True


def test_numbers_of_a_recipe_in_any_spelling(tmp_path):
    text = "sft:\n  learning_rate: 2e-4\n  warmup_steps: 3E-2\n  max_length: 1000.0\n  packing: no\n"
    path = tmp_path / "mine.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())  # as an editor on Windows saves it
    args = importlib.import_module("train.sft").parse_args(["--recipe", str(path)])
    assert (args.learning_rate, args.warmup_steps, args.max_length, args.packing) == (2e-4, 0.03, 1000, False)
    assert type(args.max_length) is int


def test_one_value_where_a_list_is_due_and_a_number_in_quotes(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text('dpo:\n  learning_rate: 5e-7\n  beta: "0.1"\n  loss_type: sigmoid\n', encoding="utf-8")
    args = importlib.import_module("train.dpo").parse_args(["--recipe", str(path)])
    assert (args.learning_rate, args.beta, args.loss_type) == (5e-7, 0.1, ["sigmoid"])
    path.write_text("dpo:\n  loss_type: [sigmoid, sft]\n  loss_weights: 1\n", encoding="utf-8")
    with pytest.raises(cli.UserError, match="1 --loss_weights for 2 losses"):
        importlib.import_module("train.dpo").parse_args(["--recipe", str(path)])


@pytest.mark.parametrize(
    "text, line",
    [
        ("base:\n  seed: 1\n  base: x\n  seed: 2\n", 4),
        ("shared:\n  base: x\nsft:\n  r: 8\nshared:\n  base: y\n", 5),
    ],
)
def test_a_key_given_twice_is_refused(tmp_path, text, line):
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(cli.UserError, match=rf"mine\.yaml:{line} has the key .* again, after line"):
        cli.read_recipe(path)
    path.write_bytes("# größer\n".encode("utf-16"))
    with pytest.raises(cli.UserError, match=r"mine\.yaml is not UTF-8"):
        cli.read_recipe(path)


def test_the_next_command_can_be_pasted(tmp_path):
    folder = tmp_path / "my run"
    args = cli.parse(cli.parser("", "winrate"), ["--out", str(folder)])
    assert shlex.split(args.command_tail) == ["--out", str(folder)]
    folder.mkdir()
    (folder / "mine.yaml").write_text("", encoding="utf-8")
    args = cli.parse(cli.parser("", "winrate"), ["--recipe", str(folder / "mine.yaml")])
    assert shlex.split(args.command_tail) == ["--recipe", str(folder / "mine.yaml")]


def test_only_the_default_recipe_without_out_is_tracked(tmp_path):
    parser = cli.parser("", "winrate")
    args = cli.parse(parser, [])
    assert args.tracked and args.out == Path("out") and args.command_tail == ""
    assert files.product(args, "data/sft.jsonl") == cli.ROOT / "data/sft.jsonl"
    args = cli.parse(parser, ["--recipe", str(cli.ROOT / cli.DEFAULT_RECIPE)])
    assert args.tracked and args.out == Path("out")
    args = cli.parse(parser, ["--out", str(tmp_path)])
    assert not args.tracked and args.out == tmp_path and args.command_tail == f" --out {tmp_path}"
    assert files.product(args, "data/sft.jsonl") == tmp_path / "data/sft.jsonl"
    # --out out is where the default run writes, but it was asked for: the tracked files stay as they are.
    assert not cli.parse(parser, ["--out", "out"]).tracked


def test_another_recipe_writes_to_a_folder_of_its_name(tmp_path):
    args = parse_with(tmp_path, "")
    assert not args.tracked and args.out == Path("out/mine")
    assert args.command_tail == f" --recipe {tmp_path / 'mine.yaml'}"
    # A copy of the default recipe is another recipe, even when its name is the same.
    copy = tmp_path / "cpu.yaml"
    copy.write_text((cli.ROOT / cli.DEFAULT_RECIPE).read_text(encoding="utf-8"), encoding="utf-8")
    args = cli.parse(cli.parser("", "base"), ["--recipe", str(copy)])
    assert not args.tracked and args.out == Path("out/cpu")
    args = parse_with(tmp_path, "", "--out", "elsewhere")
    assert not args.tracked and args.out == Path("elsewhere")


def test_default_recipe_is_found_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.parse(cli.parser("", "winrate"), []).tracked


def test_another_working_directory_gives_the_same_products_and_base(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "ROOT", tmp_path / "project")
    (tmp_path / "project/models/small").mkdir(parents=True)
    (tmp_path / "project/recipes").mkdir()
    for name in ("cpu", "other"):
        (tmp_path / f"project/recipes/{name}.yaml").write_text("sft:\n  base: models/small\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    args = cli.parse(make_parser(), [])
    assert args.out == tmp_path / "project/out" and args.base == str(tmp_path / "project/models/small")
    assert cli.parse(make_parser(), ["--recipe", "recipes/other.yaml"]).out == tmp_path / "project/out/other"
    (tmp_path / "models/small").mkdir(parents=True)  # what is here goes before what is there
    args = cli.parse(make_parser(), ["--out", "mine"])
    assert args.out == Path("mine") and args.base == "models/small"
    assert cli.parse(make_parser(), ["--base", "owner/name"]).base == "owner/name"
    monkeypatch.chdir(tmp_path / "project")
    args = cli.parse(make_parser(), [])
    assert args.out == Path("out") and args.base == "models/small"


# In the place of a clone's Python: answers the two questions of run.sh, and says what it was asked to run, and where.
STAND_IN = """#!/bin/bash
case "$*" in
  *time.time*) echo 1 ;;
  "-c "*cli.run*) [ "$PYTHONPATH" = "$HERE" ] && printf 'mine/out\\nmine/out/EVAL_REPORT.md\\n' ;;
  "-c "*) [ "$PYTHONPATH" = "$HERE" ] ;;
  *) echo "$PWD | $*" ;;
esac
"""


@pytest.mark.parametrize("cdpath", ["", "."])
def test_the_shell_scripts_read_paths_from_the_folder_they_are_started_in(tmp_path, cdpath):
    clone = tmp_path / "a clone"
    (clone / ".venv/bin").mkdir(parents=True)
    for name in ("run.sh", "serve.sh"):
        shutil.copy(cli.ROOT / name, clone)
    (clone / "setup.sh").write_text('echo "set up" >&2\n', encoding="utf-8")
    (clone / ".venv/bin/python").write_text(STAND_IN, encoding="utf-8")
    (clone / ".venv/bin/python").chmod(0o755)
    environment = {**os.environ, "HERE": str(clone), "CDPATH": cdpath}
    environment.pop("SERVE_PYTHON", None)

    def lines(*words):
        done = subprocess.run(["bash", *words], cwd=tmp_path, env=environment, text=True, capture_output=True)
        assert (done.returncode, done.stderr) == (0, "set up\n"), done.stderr
        return done.stdout.splitlines()

    flags = "--recipe my.yaml --out mine/out"
    said = lines("a clone/run.sh", "my.yaml", "--out", "mine/out", "--mmlu_dir", "mmlu", "--from", "mmlu")
    assert f"{tmp_path} | {clone}/eval/mmlu.py {flags} --mmlu_dir mmlu" in said
    assert f"{tmp_path} | {clone}/eval/report.py {flags}" in said
    assert "wrote mine/out/EVAL_REPORT.md; models: mine/out/sft, mine/out/dpo; results: mine/out/eval; seconds:" in (
        " ".join(said)
    )
    assert lines("a clone/serve.sh", "--out", "mine/out") == [f"{tmp_path} | {clone}/serve/launch.py --out mine/out"]


def test_the_next_command_names_the_domain():
    parser = cli.parser("", "winrate")
    assert cli.parse(parser, ["--domain", "text_to_sql"]).command_tail == ""
    args = cli.parse(parser, ["--domain", "mine"])
    assert args.command_tail == " --domain mine" and args.out == Path("out/mine")
    assert not args.tracked, "the tracked files are of the default domain"
    assert cli.parse(parser, ["--domain", "mine", "--recipe", "recipes/smoke.yaml"]).out == Path("out/smoke-mine")


def test_a_domain_of_the_recipe_counts_as_one_of_the_flag(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    (tmp_path / "recipes").mkdir()
    for name in ("cpu", "mine"):
        (tmp_path / f"recipes/{name}.yaml").write_text("shared:\n  domain: other\n")
    monkeypatch.chdir(tmp_path)
    args = cli.parse(cli.parser("", "winrate"), [])
    assert not args.tracked and args.out == Path("out/other") and args.command_tail == ""
    args = cli.parse(cli.parser("", "winrate"), ["--domain", "text_to_sql"])
    assert args.tracked and args.out == Path("out") and args.command_tail == " --domain text_to_sql"
    args = cli.parse(cli.parser("", "winrate"), ["--recipe", "recipes/mine.yaml"])
    assert args.out == Path("out/mine-other") and args.command_tail == " --recipe recipes/mine.yaml"


def test_out_that_cannot_be_a_folder_is_refused_at_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for name in ("file", "file/below"):
        with pytest.raises(cli.UserError, match=r"--out .*file.*: .*file is a file; name a folder"):
            cli.parse(cli.parser("", "winrate"), ["--out", str(tmp_path / name)])
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)  # as for anyone but root
    with pytest.raises(cli.UserError, match=rf"--out .*new/er: the folder {tmp_path} cannot be written to"):
        cli.parse(cli.parser("", "winrate"), ["--out", str(tmp_path / "new/er")])
    assert cli.parse(cli.parser("", "push"), ["--out", str(tmp_path)]).out == tmp_path, "it only reads"


def test_every_script_with_a_recipe_has_a_section():
    own = {
        name
        for folder in ("data", "train", "eval", "serve", "bench")
        for path in (cli.ROOT / folder).glob("*.py")
        for name in re.findall(r'cli\.parser\(\w+, "(\w+)"\)', path.read_text(encoding="utf-8"))
    }
    assert len(own) > 20 and own == set(cli.SECTIONS)


@pytest.mark.parametrize(
    "script, flag, value, allowed",
    [
        ("data.gen_sft", "n", "0", "at least 1"),
        ("data.gen_dpo", "samples", "1", "at least 2"),
        ("data.gen_dpo", "n", "-3", "at least 1"),
        ("data.gen_dpo", "temperature", "0", "at least 0.01"),
        ("train.sft", "eval_rows", "0", "at least 1"),
        ("train.sft", "limit", "-1", "at least 0"),
        ("train.dpo", "eval_rows", "0", "at least 1"),
        ("train.dpo", "held_out_share", "0.9", "from 0 to 0.5"),
        ("train.dpo", "held_out_share", "-0.1", "from 0 to 0.5"),
        ("train.dpo", "held_out_share", "nan", "from 0 to 0.5"),
        ("train.reward", "held_out_share", "0", "from 0.01 to 0.5"),
        ("eval.answer", "reference_rows", "0", "at least 1"),
        ("eval.answer", "max_new_tokens", "0", "at least 1"),
        ("eval.winrate", "resamples", "0", "at least 1"),
        ("eval.domain", "resamples", "0", "at least 1"),
        ("eval.domain", "seed", "-1", "from 0 to 4294967295"),
        ("eval.winrate", "seed", "-1", "from 0 to 4294967295"),
        ("data.gen_dpo", "seed", "-1", "from 0 to 4294967295"),
        ("data.label", "seed", "4294967296", "from 0 to 4294967295"),
        ("train.sft", "seed", "-1", "from 0 to 4294967295"),
        ("bench.seeds", "seed", "-1", "from 0 to 4294967295"),
        ("bench.kills", "seed", "-1", "from 0 to 4294967295"),
        ("data.import_public", "seed", "-1", "from 0 to 4294967295"),
        *(
            (script, flag, value, allowed)
            for script in ("train.sft", "train.dpo", "train.reward")
            for flag, value, allowed in (
                ("learning_rate", "-0.1", "at least 0"),
                ("num_train_epochs", "0", "at least 0.001"),
                ("warmup_steps", "-3", "at least 0"),
                ("weight_decay", "-1", "at least 0"),
                ("eval_steps", "-1", "at least 0"),
                ("eval_steps", "1.5", "a whole number, or a share of all steps below 1"),
                ("save_steps", "2.5", "a whole number, or a share of all steps below 1"),
            )
        ),
        *(
            (script, "lora_dropout", value, "from 0 to 0.99")
            for script in ("train.sft", "train.reward")
            for value in "12"
        ),
        ("train.sft", "lora_alpha", "0", "at least 1"),
        ("train.dpo", "beta", "-1", "at least 0.001"),
        ("train.dpo", "beta", "0", "at least 0.001"),
        ("train.dpo", "label_smoothing", "2", "from 0 to 0.5"),
        ("train.dpo", "loss_weights", "-1", "at least 0"),
        ("train.dpo", "undesirable_weight", "-1", "at least 0"),
    ],
)
def test_a_number_that_cannot_be_is_refused_at_once(script, flag, value, allowed):
    with pytest.raises(cli.UserError, match=rf"--{flag} must be {allowed}, not .*{value}"):
        importlib.import_module(script).parse_args([f"--{flag}={value}"])


def test_the_ends_of_what_a_number_may_be_are_taken():
    flags = "--seed 4294967295 --eval_steps 1 --save_steps 3 --warmup_steps 0 --weight_decay 0 --lora_dropout 0.5"
    args = importlib.import_module("train.sft").parse_args(flags.split())
    assert (args.seed, args.eval_steps, args.save_steps, args.lora_dropout) == (2**32 - 1, 1, 3, 0.5)


@pytest.fixture(autouse=True)
def keep_settings(monkeypatch):
    """run() silences warnings for the whole process, which other tests want to see."""
    monkeypatch.setattr(cli, "quiet", lambda: None)


def run_with(error, capsys):
    """(exit code, lines on stderr) of a script whose main raises `error`."""

    def main(args):
        raise error

    with pytest.raises(SystemExit) as caught:
        cli.run(main, lambda: None)
    return caught.value.code, capsys.readouterr().err.strip().splitlines()


def test_user_error_is_one_sentence_and_code_2(capsys):
    assert run_with(cli.UserError("the file x is empty."), capsys) == (2, ["error: the file x is empty."])


def test_user_error_of_the_parser_is_one_sentence_too(capsys):
    def parse_args():
        return cli.parse(make_parser("winrate"), ["--bse", "x"])

    with pytest.raises(SystemExit) as caught:
        cli.run(lambda args: None, parse_args)
    lines = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2 and len(lines) == 1 and "did you mean --base?" in lines[0]


def test_a_reader_that_ends_early_is_no_error():
    """python eval/domain.py | head."""
    code = "from common import cli; cli.run(lambda args: [print(i) for i in range(99999)], lambda: None)"
    made = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=files.ROOT
    )
    assert made.stdout.readline() == "0\n"
    made.stdout.close()
    assert made.stderr.read() == "" and made.wait(60) == 141
    made.stderr.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_one_sentence_and_code_2(capsys, number):
    code, lines = run_with(OSError(number, os.strerror(number), "out/sft/model.safetensors"), capsys)
    assert code == 2 and len(lines) == 1
    assert "space" in lines[0] and "out/sft/model.safetensors" in lines[0] and "Traceback" not in lines[0]


@pytest.mark.parametrize("name", ["EACCES", "EPERM", "ENOTDIR", "EISDIR", "EEXIST", "EROFS"])
def test_a_file_that_cannot_be_used_is_one_sentence_and_code_2(capsys, name):
    number = getattr(errno, name)
    code, lines = run_with(OSError(number, os.strerror(number), "out/sft/run.json"), capsys)
    assert code == 2 and len(lines) == 1 and f"out/sft/run.json cannot be used ({os.strerror(number)})" in lines[0]
    renaming = OSError(number, os.strerror(number), "out/sft/.run.json.7.part", None, "out/sft/run.json")
    assert "error: out/sft/run.json cannot" in run_with(renaming, capsys)[1][0]


def test_a_full_gpu_is_one_sentence_and_code_2(capsys):
    import torch

    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    code, lines = run_with(error, capsys)
    assert code == 2 and len(lines) == 1 and "the GPU's memory ran out in" in lines[0] and "--check" in lines[0]


def test_interrupt_says_how_to_go_on(capsys):
    code, lines = run_with(KeyboardInterrupt(), capsys)
    assert code == 130 and len(lines) == 1 and "run the same command" in lines[0]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bug"),
        OSError(errno.EACCES, "denied"),
        OSError(errno.ENOENT, "no such file", "x"),
        KeyError("x"),
        RuntimeError("x"),
    ],
)
def test_a_bug_keeps_its_traceback(error):
    def main(args):
        raise error

    with pytest.raises(type(error)) as caught:
        cli.run(main, lambda: None)
    assert caught.value is error


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory):
    """What each script imports and says, from a process that starts elsewhere."""
    paths = [str(cli.ROOT / script) for script in SCRIPTS]
    done = subprocess.run(
        [sys.executable, "-c", LOOK_AT_EACH_SCRIPT],
        input=json.dumps([paths, RECIPES]),
        text=True,
        capture_output=True,
        cwd=tmp_path_factory.mktemp("elsewhere"),
        check=True,
    )
    return {script: found for script, found in zip(SCRIPTS, json.loads(done.stdout).values(), strict=True)}


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_parses_quickly_helps_and_takes_every_recipe(looked_at, script):
    found = looked_at[script]
    assert "error" not in found, found
    assert found["tracked"] is True
    assert [name for name in HEAVY if name in found["modules"]] == [], "heavy imports belong into functions"
    assert found["help"].startswith("usage: ") and ("--recipe" in found["help"] or "positional" in found["help"])
    assert f"python {script}" in found["help"], "the docstring begins with the command"


def test_scripts_of_the_data_and_training_stages_are_there():
    assert {"data/gen_sft.py", "data/gen_dpo.py", "train/sft.py", "train/dpo.py", "eval/answer.py"} <= set(SCRIPTS)
