"""train/merge.py: what is merged is what was trained, file by file, and the figures say how near it is."""

import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from common import cli, files, model
from common.domain import load_domain
from train import merge


@pytest.fixture(scope="module")
def adapter(tiny_base, tmp_path_factory):
    """out/sft: an adapter on the tiny base, with updates as large as the weights."""
    folder = tmp_path_factory.mktemp("merge") / "sft"
    torch.manual_seed(1)
    network = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32),
        LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False),
    )
    network.save_pretrained(folder)
    model.load_tokenizer(tiny_base).save_pretrained(folder)
    model.write_lineage(folder, "sft", str(tiny_base))
    return folder


def run(folder, base, *flags):
    args = merge.parse_args(["--base", str(base), "--adapter", str(folder), "--dtype", "float32", *flags])
    return merge.merge(args, folder)


def test_plain_merge_equals_peft(adapter, tiny_base, monkeypatch):
    figures = run(adapter, tiny_base, "--no-load_in_4bit")
    assert figures["taken"] == "plain" and list(figures) == ["plain", "taken"]
    domain = load_domain("text_to_sql")
    found = domain.load_benchmark("dev")
    rows = SimpleNamespace(SYSTEM_PROMPT=domain.SYSTEM_PROMPT, load_benchmark=lambda split: iter(found))
    monkeypatch.setattr(merge, "load_domain", lambda *given: rows)
    assert run(adapter, tiny_base, "--no-load_in_4bit") == figures, "a domain may give its rows by a generator"
    own = load_file(adapter / "merged/model.safetensors")
    plain = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    peft = PeftModel.from_pretrained(plain, str(adapter)).merge_and_unload().state_dict()
    assert {name for name in own} <= set(peft) and len(own) > 10
    for name, tensor in own.items():
        assert tensor.dtype == torch.bfloat16
        torch.testing.assert_close(tensor, peft[name].bfloat16(), msg=name)
    assert not list(adapter.glob(".merged*")) and not (adapter / "base").exists()


def test_a_dora_adapter_merges_as_peft_does(tiny_base, tmp_path):
    folder = tmp_path / "sft"
    config = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", use_dora=True, init_lora_weights=False)
    network = get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32), config)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "magnitude" in name:
                parameter.mul_(1 + 0.2 * torch.rand_like(parameter))
    network.save_pretrained(folder)
    model.load_tokenizer(tiny_base).save_pretrained(folder)
    model.write_lineage(folder, "sft", str(tiny_base))
    assert run(folder, tiny_base, "--no-load_in_4bit")["plain"]["kl"] < 1e-3
    own, peft = load_file(folder / "merged/model.safetensors"), network.merge_and_unload().state_dict()
    for name, tensor in own.items():
        torch.testing.assert_close(tensor, peft[name].bfloat16(), msg=name)


def test_quantised_merge_takes_the_nearer_base_and_says_how_near(adapter, tiny_base, capsys):
    figures = run(adapter, tiny_base)
    assert figures["taken"] == "dequantised" == files.read_json(adapter / "merged/lineage.json")["merged_from"]
    assert figures == files.read_json(adapter / "merged/merge.json")
    kept = files.read_json(adapter / "merged/lineage.json")["merged_sha256"]
    assert kept == model.fingerprint(adapter / "merged")
    near, far = figures["dequantised"], figures["plain"]
    assert 0 <= near["kl"] < far["kl"] and near["agreement"] >= far["agreement"] and near["tokens"] > 200
    assert f"{near['agreement']:.1%} of {near['tokens']} next tokens" in capsys.readouterr().out
    assert not list(adapter.glob(".merged*"))


def test_the_base_that_was_trained_on_is_written_and_compared_with(adapter, tiny_base):
    run(adapter, tiny_base)
    args = merge.parse_args(["--base", str(tiny_base), "--out", str(adapter.parent), "--dtype", "float32"])
    args.base_weights = "trained"
    assert model.compared_base(args) == str(adapter / "base") == model.trained_base(args)
    args.base_weights = "plain"
    assert model.compared_base(args) == str(tiny_base)
    quantised = model.load_base(str(tiny_base), args)
    text = torch.arange(3, 40)[None]
    with torch.inference_mode():
        wanted = quantised.eval()(text).logits.float()
        got = AutoModelForCausalLM.from_pretrained(adapter / "base", dtype=torch.float32)(text).logits
        far = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)(text).logits
    assert (wanted - got).abs().max() < 0.2 * (wanted - far).abs().max()
    known = files.read_json(adapter / "base/lineage.json")
    files.write_json(adapter / "base/lineage.json", known | {"base_sha256": "another"})
    with pytest.raises(cli.UserError, match="made from another base"):
        model.trained_base(args)


class Died(BaseException):
    """What no handler catches: the files are left as a kill leaves them."""


def dies_at(monkeypatch, place):
    """Have merge() die at its n-th write of weights, in the middle of it, or (place 'name') at a folder's removal or
    renaming."""
    from safetensors import torch as stored

    save, put, remove, count = stored.save_file, files.replace_folder, shutil.rmtree, [0]

    def half_saved(tensors, path, **more):
        save(tensors, path, **more)
        count[0] += 1
        if count[0] == place:
            path.write_bytes(path.read_bytes()[:5000])
            raise Died

    def half_put(made, folder):
        if folder.name == place:
            files.discard(folder)
            raise Died
        put(made, folder)

    def half_removed(path, **more):
        if path.name == place and path.is_dir():
            next(path.glob("*.safetensors")).unlink()
            raise Died
        remove(path, **more)

    monkeypatch.setattr(stored, "save_file", half_saved)
    monkeypatch.setattr(files, "replace_folder", half_put)
    monkeypatch.setattr(shutil, "rmtree", half_removed)


def weights_of(folder) -> dict:
    """{folder's name: bytes of its weights} of what a reader would take, which is refused unless it is whole."""
    made = {}
    for name in ("merged", "base"):
        if (folder / name / "lineage.json").is_file():
            made[name] = (folder / name / "model.safetensors").read_bytes()
    return made


PLACES = [("sft", place) for place in (1, 2, 3, "base", "merged", ".gone.base.part", ".gone.merged.part")]
PLACES += [("dpo", place) for place in (1, 2, "merged", ".gone.merged.part")]


@pytest.mark.parametrize(("stage", "place"), PLACES)
@pytest.mark.parametrize("again", (False, True))
def test_a_merge_that_dies_leaves_nothing_half_and_ends_as_a_straight_one(
    adapter, tiny_base, tmp_path, stage, place, again
):
    """1 to 3: while the dequantised, the plain candidate and SFT's base are written; `again`: over an earlier one."""
    folder = tmp_path / stage
    shutil.copytree(adapter, folder, ignore=shutil.ignore_patterns("merged", "base", ".*"))
    if stage == "dpo":
        model.write_lineage(folder, "dpo", str(tiny_base), adapter)
    run(folder, tiny_base)
    whole = weights_of(folder)
    assert set(whole) == ({"merged", "base"} if stage == "sft" else {"merged"})
    if not again:
        for name in whole:
            shutil.rmtree(folder / name)
    with pytest.MonkeyPatch.context() as monkeypatch:
        dies_at(monkeypatch, place)
        if again or not str(place).startswith(".gone"):
            with pytest.raises(Died):
                run(folder, tiny_base)
    left = weights_of(folder)
    assert left == {name: whole[name] for name in left}
    run(folder, tiny_base)
    assert weights_of(folder) == whole and not list(folder.glob(".*"))


def test_candidates_of_a_merge_that_died_are_no_candidates_of_the_next(adapter, tiny_base, tmp_path):
    folder = tmp_path / "sft"
    shutil.copytree(adapter, folder, ignore=shutil.ignore_patterns("merged", "base", ".*"))
    with pytest.MonkeyPatch.context() as monkeypatch:
        dies_at(monkeypatch, "merged")
        with pytest.raises(Died):
            run(folder, tiny_base)
    assert (folder / ".merged.dequantised.part").is_dir() and (folder / "base").is_dir()
    figures = run(folder, tiny_base, "--no-load_in_4bit")
    assert list(figures) == ["plain", "taken"]
    assert not (folder / "base").exists(), "the base in 4 bits is not what this adapter is trained on"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_merge_that_is_killed_and_run_again_ends_as_a_straight_one(adapter, tiny_base, tmp_path):
    """SIGKILL of train/merge.py itself as soon as a candidate is there."""
    folder = tmp_path / "sft"
    shutil.copytree(adapter, folder, ignore=shutil.ignore_patterns("merged", "base", ".*"))
    run(folder, tiny_base)
    whole = weights_of(folder)
    words = ["--base", tiny_base, "--adapter", folder, "--dtype", "float32"]
    (folder / "merged/lineage.json").unlink()
    process = subprocess.Popen([sys.executable, cli.ROOT / "train/merge.py", *map(str, words)], cwd=cli.ROOT)
    while process.poll() is None and not list(folder.glob(".merged.*.part")):
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    with pytest.raises(cli.UserError, match="is not there yet; run python train/merge.py"):
        model.check_merged(folder / "merged", str(tiny_base))
    subprocess.run([sys.executable, cli.ROOT / "train/merge.py", *map(str, words)], cwd=cli.ROOT, check=True)
    assert weights_of(folder) == whole and not list(folder.glob(".*"))


def test_strict_keeps_no_candidate(tmp_path):
    for name in ("dequantised", "plain"):
        (tmp_path / f".merged.{name}.part").mkdir()
    figures = {name: {"kl": 1.0, "agreement": 0.5, "tokens": 10} for name in ("dequantised", "plain")}
    with pytest.raises(cli.UserError, match="so nothing is kept"):
        merge.take_best(SimpleNamespace(strict=True), tmp_path, {}, figures)
    assert list(tmp_path.iterdir()) == []


def test_low_agreement_warns_and_fails_when_strict(adapter, tiny_base, monkeypatch, capsys):
    monkeypatch.setattr(merge, "AGREEMENT", 1.1)
    run(adapter, tiny_base, "--no-load_in_4bit")
    assert "is not quite what was trained" in capsys.readouterr().out
    shutil.rmtree(adapter / "merged")
    with pytest.raises(cli.UserError, match="nothing is kept"):
        run(adapter, tiny_base, "--no-load_in_4bit", "--strict")
    assert not (adapter / "merged").exists()


def test_compare_by_hand():
    p, q = torch.tensor([0.5, 0.25, 0.25]).log(), torch.tensor([0.25, 0.5, 0.25]).log()
    made = merge.compare([p, p], [p, q])
    assert made["kl"] == pytest.approx((0.5 * 0.693147 - 0.25 * 0.693147) / 2, abs=1e-5)
    assert made["agreement"] == 0.5 and made["tokens"] == 2


def test_what_cannot_be_merged_is_refused_in_a_sentence(adapter, tiny_base, tmp_path, monkeypatch):
    more = tmp_path / "more"
    shutil.copytree(adapter, more, ignore=shutil.ignore_patterns("merged", "base"))
    head = {"base_model.model.score.weight": torch.zeros(1, 64)}
    save_file(load_file(more / "adapter_model.safetensors") | head, more / "adapter_model.safetensors")
    with pytest.raises(cli.UserError, match="no LoRA or DoRA adapter alone"):
        merge.updates_of(more)
    other = tmp_path / "base"
    shutil.copytree(tiny_base, other)
    weights = load_file(other / "model.safetensors")
    dropped = next(name for name in weights if "q_proj" in name)
    save_file({name: t for name, t in weights.items() if name != dropped}, other / "model.safetensors")
    with pytest.raises(cli.UserError, match=f"has no weight {dropped}"):
        merge.write_candidate(other, tmp_path / "made", merge.updates_of(adapter), {}, "cpu")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(100, 99, 1))
    with pytest.raises(cli.UserError, match="merging needs .* GiB"):
        run(adapter, tiny_base)


def test_weights_that_a_base_has_a_second_time_are_not_merged(adapter, tiny_base, tmp_path, monkeypatch):
    """Mistral's consolidated.safetensors, under other names: vLLM would serve them, unmerged, and nothing else."""
    other, names = tmp_path / "base", {"model.safetensors": "model", "consolidated.safetensors": "consolidated"}
    shutil.copytree(tiny_base, other)
    weights = load_file(other / "model.safetensors")
    save_file({f"of mistral {name}": t for name, t in weights.items()}, other / "consolidated.safetensors")
    for file, name in names.items():
        files.write_json(other / f"{name}.safetensors.index.json", {"weight_map": {name: file for name in weights}})
    merge.write_candidate(other, tmp_path / "made", merge.updates_of(adapter), {}, "cpu")
    made = sorted(path.name for path in (tmp_path / "made").iterdir())
    assert made == ["model.safetensors", "model.safetensors.index.json"]
    size = (other / "model.safetensors").stat().st_size
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(0, 0, int(1.1 * size)))
    merge.require_disk(other, tmp_path, 1)  # a refusal would raise
