"""Nothing stale is used: each stage compares what its inputs were made with, and refuses or begins anew."""

import contextlib
import gzip
import json
import sys
from argparse import Namespace
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from common import answers, files, model, provenance, training
from common.cli import UserError
from common.domain import Verdict, load_domain
from data import gen_dpo, gen_sft, samples
from domains.text_to_sql import write_benchmark
from eval import answer as answer_eval
from train import dpo


@pytest.fixture
def domain(tmp_path):
    """A domain with a file of its own, whose prompts, examples and code a test may change."""
    path = tmp_path / "mine" / "__init__.py"
    files.write_text(path, "CODE = 1\n")
    rows = [{"id": f"t{i}", "prompt": f"p{i}", "completion": f"c{i}", "category": "x", "cluster": i} for i in range(10)]
    return SimpleNamespace(
        __file__=str(path),
        __name__="domains.mine",
        SYSTEM_PROMPT="Answer.",
        rows=rows,
        load_seeds=lambda: [{"id": "s"}],
        generate=None,
        load_benchmark=lambda split: rows,
        few_shot_prompt=lambda row: (f"example\n{row['prompt']}", ["\n"]),
        verify=lambda row, answer: Verdict(answer == row["completion"], True, True, "r"),
    )


def refusal(call, *given):
    """The one sentence of a refusal."""
    with pytest.raises(UserError) as caught:
        call(*given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# --- data -------------------------------------------------------------------------------------------


@pytest.fixture
def made_data(tmp_path, domain):
    """(args, file) of data with the record of the stage that wrote it."""
    args = Namespace(out=tmp_path / "out", data=None, domain="mine", command_tail=" --out x")
    data = tmp_path / "out/data/sft.jsonl"
    files.write_jsonl(data, [{"id": "a"}])
    record = {"output": {data.name: files.sha256(data)}, "made_with": provenance.teacher_of(args, domain)}
    files.write_json(args.out / "gen_sft/run.json", record)
    return args, data


def test_data_of_another_generator_or_seed_is_refused(made_data, domain):
    args, data = made_data
    provenance.check_data(args, domain, gen_sft, data)
    files.write_text(domain.__file__, "CODE = 2\n")
    said = refusal(provenance.check_data, args, domain, gen_sft, data)
    assert "made with another generator than today's" in said and "python data/gen_sft.py --out x again" in said
    assert f"--data {data}" in said
    domain.load_seeds = lambda: [{"id": "other"}]
    assert "another generator and seeds" in refusal(provenance.check_data, args, domain, gen_sft, data)
    args.data = str(data)  # named: as it is
    provenance.check_data(args, domain, gen_sft, data)


def test_what_a_generator_reads_is_a_part_of_it(domain):
    folder, before = Path(domain.__file__).parent, provenance.generator(domain)
    files.write_text(folder / "benchmark/test.jsonl", "{}\n")
    files.write_text(folder / "README.md", "words")
    assert provenance.generator(domain) == before
    files.write_text(folder / "bank/questions.yaml", "- How many?\n")
    after = provenance.generator(domain)
    files.write_text(folder / "bank/questions.yaml", "- How few?\n")
    assert len({before, after, provenance.generator(domain)}) == 3


def test_data_that_the_record_does_not_tell_of_is_refused(made_data, domain):
    args, data = made_data
    files.write_jsonl(data, [{"id": "b"}])
    assert "is not the file that" in refusal(provenance.check_data, args, domain, gen_sft, data)
    data.rename(data.with_name("elsewhere"))
    provenance.check_data(args, domain, gen_sft, data)  # its reader says that it is missing
    data.with_name("elsewhere").rename(data)
    (args.out / "gen_sft/run.json").unlink()  # the repository's own file, on a fresh clone
    provenance.check_data(args, domain, gen_sft, data)


SETTINGS = {
    gen_sft: ("--n 7", "--seed 4", "--max_characters 900", "--jaccard 0.5", "--teacher bank"),
    gen_dpo: ("--n 7", "--seed 4", "--samples 6", "--temperature 0.5,1", "--top_p 0.9", "--max_new_tokens 7",
              "--shots 2", "--pairs best_worst", "--max_similarity 0.5", "--judge hand", "--teacher bank"),
}  # fmt: skip


@pytest.mark.parametrize("script, flag", [(script, flag) for script, flags in SETTINGS.items() for flag in flags])
def test_data_made_with_other_settings_than_the_recipes_are_refused(tmp_path, domain, script, flag):
    """A key of the recipe that was changed after the data were made; the same by hand, as a flag, is taken."""
    stage = script.__name__.removeprefix("data.")
    key, value = flag.removeprefix("--").split()
    domain.TEACHERS = {"bank": None}
    data, recipes = tmp_path / "out/data/x.jsonl", [tmp_path / f"{name}.yaml" for name in ("before", "after")]
    files.write_jsonl(data, [{"id": "a"}])
    recipes[0].write_text("")
    recipes[1].write_text(f"{stage}:\n  {key}: {value}\n")

    def made_with(*flags):
        args = script.parse_args([*flags, "--out", str(tmp_path / "out"), "--recipe", str(recipes[0])])
        made = {**provenance.teacher_of(args, domain), "settings": script.deciding(args, domain)}
        record = {"output": {data.name: files.sha256(data)}, "made_with": made, "flags": args.flags}
        files.write_json(args.out / stage / "run.json", json.loads(json.dumps(record)))

    def check(recipe):
        args = Namespace(
            out=tmp_path / "out", data=None, domain="text_to_sql", command_tail="", recipe=str(recipes[recipe])
        )
        provenance.check_data(args, domain, script, data)

    made_with()
    check(0)
    said = refusal(check, 1)
    assert (
        f"was made with {key} " in said and f"{recipes[1]} now says {'[0.5, 1.0]' if ',' in value else value}" in said
    )
    made_with(f"--{key}", value)
    check(1)
    check(0)


def test_settings_that_change_no_row_are_not_compared(tmp_path, domain):
    for flags in ("--workers 3", "--max_cost 5", "--agree 2", "--method evol"):
        args = gen_sft.parse_args(flags.split())
        assert gen_sft.deciding(args, domain) == gen_sft.deciding(gen_sft.parse_args([]), domain), flags
    by_model = [gen_sft.parse_args(["--teacher", f"openai:m@http://{host}"]) for host in ("a:1", "b:1")]
    assert gen_sft.deciding(by_model[0], domain) == gen_sft.deciding(by_model[1], domain)
    assert gen_sft.deciding(by_model[0], domain)["agree"] == 3


# --- adapters ---------------------------------------------------------------------------------------


@pytest.fixture
def base(tmp_path):
    """A folder that looks like a model."""
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        files.write_text(tmp_path / "base" / name, name)
    return str(tmp_path / "base")


def adapter(folder, base, weights, stage="sft", parent=None):
    """An adapter folder with its lineage."""
    for name, text in (
        ("adapter_model.safetensors", weights),
        ("chat_template.jinja", "{{ x }}"),
        ("tokenizer.json", "t"),
    ):
        files.write_text(folder / name, text)
    model.write_lineage(folder, stage, base, parent, system="Answer.")
    return folder


def test_an_adapter_is_refused_under_another_template_or_system_prompt(tmp_path, base):
    folder = adapter(tmp_path / "sft", base, "w")
    lineage = model.check_adapter(folder, base)
    model.check_system(lineage, folder, "Answer.")
    assert "another system prompt" in refusal(model.check_system, lineage, folder, "Answer it.")
    model.check_system({**lineage, "system_sha256": None}, folder, "Answer it.")  # not known
    files.write_text(folder / "chat_template.jinja", "{{ y }}")
    assert "tokenizer or chat template" in refusal(model.check_adapter, folder, base)


def test_merged_weights_of_another_tokenizer_are_refused(tmp_path, base):
    folder = adapter(tmp_path / "sft", base, "w")
    files.write_json(folder / "merged/lineage.json", model.read_lineage(folder))
    model.check_merged(folder / "merged", base)
    files.write_text(folder / "tokenizer.json", "other")
    model.write_lineage(folder, "sft", base, system="Answer.")
    assert "merged from an earlier adapter" in refusal(model.check_merged, folder / "merged", base)


def test_a_merged_model_that_was_exchanged_is_refused(tmp_path, base):
    """Its weights are bound to it by hash, where the merge has kept one."""
    folder = adapter(tmp_path / "sft", base, "w")
    for name in ("model.safetensors", "config.json"):
        files.write_text(folder / "merged" / name, name)
    kept = {"merged_sha256": model.fingerprint(folder / "merged")}
    files.write_json(folder / "merged/lineage.json", model.read_lineage(folder) | kept)
    assert model.check_merged(folder / "merged", base)["merged_sha256"] == kept["merged_sha256"]
    files.write_text(folder / "merged/model.safetensors", "another's")
    said = refusal(model.check_merged, folder / "merged", base)
    assert "does not hold the model that was merged there" in said and "run python train/merge.py --adapter" in said
    files.write_json(folder / "merged/lineage.json", model.read_lineage(folder))  # of before it was kept
    model.check_merged(folder / "merged", base)


def test_a_dpo_adapter_of_another_sft_adapter_is_refused(tmp_path, base):
    sft = adapter(tmp_path / "sft", base, "first")
    adapter(tmp_path / "dpo", base, "d", "dpo", sft)
    lineages = model.read_lineage(sft), model.read_lineage(tmp_path / "dpo")
    model.check_descent(tmp_path, *lineages)
    adapter(sft, base, "second")
    said = refusal(model.check_descent, tmp_path, model.read_lineage(sft), lineages[1])
    assert "trained from another SFT adapter" in said and "python train/dpo.py" in said


@pytest.mark.parametrize(
    "change",
    [
        {"system_prompt": "B"},
        {"template": "B"},
        {"dev_rows": [1]},
        {"learning_rate": 2},
        {"parent": "B"},
        {"data": "B"},
        {"processes": "2"},
    ],
)
def test_checkpoints_of_another_training_are_not_resumed(tmp_path, base, capsys, monkeypatch, change):
    data = tmp_path / "data.jsonl"
    monkeypatch.setattr(training, "first_alone", contextlib.nullcontext)

    def prepared(**other):
        monkeypatch.setenv("WORLD_SIZE", other.pop("processes", "1"))
        args = Namespace(base=base, learning_rate=other.pop("learning_rate", 1), out=tmp_path / "o", report_to="none")
        data.write_text(other.pop("data", "A"))
        parent = {"adapter_sha256": other.pop("parent", "A")}
        more = {"system_prompt": "A", "template": "A", "dev_rows": [], **other}
        return training.prepare_output(tmp_path / "sft", args, data, parent, **more) / "checkpoint-4"

    prepared().mkdir()
    assert prepared().is_dir() and capsys.readouterr().out == ""
    assert not prepared(**change).exists()
    name = {"learning_rate": "settings"}.get(*change, next(iter(change)).replace("_", " "))
    assert f"changed since the last checkpoint: {name};" in capsys.readouterr().out


def test_a_checkpoint_is_resumed_where_only_its_place_differs(tmp_path, base):
    data = tmp_path / "data.jsonl"
    data.write_text("A")
    args = Namespace(base=base, seed=1, out=tmp_path / "o", report_to="none", command_tail="", off_policy=False)
    (training.prepare_output(tmp_path / "sft", args, data) / "checkpoint-4").mkdir()
    args.out, args.report_to, args.command_tail, args.off_policy = "elsewhere", "wandb", " --out x", True
    assert (training.prepare_output(tmp_path / "sft", args, data) / "checkpoint-4").is_dir()


def test_checkpoints_without_a_word_on_what_made_them_are_not_resumed(tmp_path, base, capsys):
    """What a kill leaves that came while the checkpoints of a finished training were being removed."""
    data = tmp_path / "data.jsonl"
    data.write_text("A")
    args = Namespace(base=base, out=tmp_path / "o")
    (training.prepare_output(tmp_path / "sft", args, data) / "checkpoint-4").mkdir()
    (tmp_path / "sft/checkpoints/made_with.json").unlink()
    assert not (training.prepare_output(tmp_path / "sft", args, data) / "checkpoint-4").exists()
    assert "training starts anew" in capsys.readouterr().out


@pytest.mark.parametrize("state", [None, "", '{"global_step": 8, "log_hist', "[1]"])
def test_a_checkpoint_that_was_not_written_to_its_end_is_gone(tmp_path, capsys, state):
    """transformers writes its trainer_state.json last, and a kill may come in the middle of that too."""
    for step, text in ((4, '{"global_step": 4}'), (8, state)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if text is not None:
            (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text(text)
    assert training.resume_point(tmp_path) == str(tmp_path / "checkpoint-4")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-4"]


def test_an_adapter_that_is_being_saved_has_no_record_of_an_earlier_one(tmp_path):
    class Dies:
        def save_pretrained(self, folder, **more):
            raise ProcessLookupError("killed")

    for name in ("run.json", "lineage.json"):
        files.write_json(tmp_path / name, {"metrics": "of an earlier training"})
    with pytest.raises(ProcessLookupError):
        training.save_adapter(tmp_path, Dies(), None, "sft", "base", None, None, "Answer.")
    assert not list(tmp_path.iterdir())


# --- samples and pairs ------------------------------------------------------------------------------


@pytest.fixture
def sampled(tmp_path, domain, monkeypatch):
    """A function that gives the kept samples, and at first writes some of all rows."""
    monkeypatch.setattr(samples, "BLOCK", 4)
    settings = {"samples": 2, "temperature": 1.0, "top_p": 1.0, "max_new_tokens": 8, "seed": 0}
    settings |= {"dtype": "float32", "shots": 0}
    parent = {"adapter_sha256": "a" * 64, "tokenizer_sha256": "t"}

    def kept(rows=domain.rows, **change):
        args = Namespace(
            **{**settings, "out": tmp_path, "engine": "hf", "endpoint": None, **change.pop("settings", {})}
        )
        files.write_text(tmp_path / "sft/merged/model.safetensors", change.pop("merged", "w"))
        return samples.kept_samples(args, domain, rows, tmp_path / "gen_dpo", {**parent, **change})

    assert kept() == []
    lines = [
        {
            "id": row["id"],
            "row_sha256": model.settings_hash(row),
            "samples": samples.judge(domain, row, [{"text": row["completion"], "finished": True, "tokens": 1}]),
        }
        for row in domain.rows
    ]
    files.write_jsonl(tmp_path / "gen_dpo/samples.jsonl", lines)
    assert kept() == lines
    return kept


def changed(rows, place, **change):
    """Rows of which one is another."""
    return [{**row, **change} if i == place else row for i, row in enumerate(rows)]


def test_samples_are_never_put_to_other_prompts(sampled, domain):
    assert len(sampled(changed(domain.rows, 5, prompt="another frame"))) == 4, "the block with it, and what follows"
    assert len(sampled(domain.rows)) == 4, "the others are gone"
    assert sampled(changed(domain.rows, 0, prompt="another frame")) == []


@pytest.mark.parametrize("rows, kept", [(9, 8), (10, 10), (8, 8), (3, 0)])
def test_only_whole_blocks_of_the_same_rows_are_kept(sampled, domain, rows, kept):
    assert len(sampled(domain.rows[:rows])) == kept


def test_a_row_that_is_judged_by_something_else_is_sampled_again(sampled, domain):
    assert len(sampled(changed(domain.rows, 9, completion="another"))) == 8


@pytest.mark.parametrize(
    "change, name",
    [
        ({"settings": {"temperature": 0.7}}, "settings"),
        ({"settings": {"engine": "vllm"}}, "settings"),
        ({"adapter_sha256": "b" * 64}, "adapter"),
        ({"tokenizer_sha256": "u"}, "template"),
        ({"merged": "merged otherwise"}, "weights"),
    ],
)
def test_samples_of_another_model_or_setting_are_gone(sampled, change, name, capsys):
    assert sampled(**change) == []
    assert f"changed since the last samples: {name};" in capsys.readouterr().out


def test_samples_are_told_by_the_dtype_that_the_engine_takes(tmp_path, monkeypatch):
    """A GPU with adapters takes bfloat16 where float32 is asked for."""
    monkeypatch.setattr(samples, "Engine", lambda *given: Namespace(dtype="bfloat16"))
    monkeypatch.setattr(model, "trained_base", lambda args: "base")
    monkeypatch.setattr(samples, "kept_samples", lambda args, *given: [args.dtype])
    args = Namespace(out=tmp_path, engine="vllm", dtype="float32", endpoint=None)
    assert samples.sample_blocks(args, None, ["row"], tmp_path, {}) == ["bfloat16"] == [args.dtype]


def test_samples_under_another_system_prompt_are_gone(sampled, domain):
    domain.SYSTEM_PROMPT = "Answer now."
    assert sampled() == []


def test_kept_samples_are_judged_again_by_other_code(sampled, domain, capsys):
    domain.verify = lambda row, answer: Verdict(False, True, True, "stricter")
    assert {one["samples"][0]["reason"] for one in sampled()} == {"r"}, "the same code is not asked again"
    files.write_text(domain.__file__, "CODE = 2\n")
    again = sampled()
    assert [(one["samples"][0]["score"], one["samples"][0]["reason"]) for one in again] == [
        ([0, 1, 1], "stricter")
    ] * 10
    assert "judged again" in capsys.readouterr().out and sampled() == again


def test_pairs_of_another_adapter_need_off_policy(tmp_path, capsys):
    parent = {"adapter_sha256": "0123456789abcdef" * 4}
    args = Namespace(out=tmp_path, off_policy=False, command_tail=" --out x")
    own, other, silent = ({"adapter_sha256": "0123456789abcdef"}, {"adapter_sha256": "f" * 16}, {})
    dpo.check_policy(args, [own, own], parent, "d.jsonl")
    assert provenance.policy_of([own, own], parent) == {"on": 2, "off": 0, "unknown": 0}
    said = refusal(dpo.check_policy, args, [own, other, silent], parent, "d.jsonl")
    assert "1 of 3 pairs in d.jsonl were sampled from another model than the SFT adapter" in said
    assert "--off_policy" in said
    assert refusal(dpo.check_policy, args, [{"adapter_sha256": ""}], parent, "d.jsonl"), "no hash is no match"
    args.off_policy = True
    dpo.check_policy(args, [own, other, silent], parent, "d.jsonl")
    assert provenance.policy_of([own, other, silent], parent) == {"on": 1, "off": 1, "unknown": 1}
    assert "1 of 3 pairs do not say which model wrote them" in capsys.readouterr().out


# --- answers ----------------------------------------------------------------------------------------


@pytest.fixture
def answered(tmp_path, domain):
    """A function that loads the answers of all models and the rows they answer."""
    weights = tmp_path / "sft/adapter_model.safetensors"
    files.write_text(weights, "w")
    keys = ("id", "prompt", "cluster", "category")
    made = [{**{key: row[key] for key in keys}, "answer": "", "finish_reason": "stop"} for row in domain.rows]
    for name in answers.MODELS:
        files.write_jsonl(tmp_path / f"answers/{name}.jsonl", made)
    record = {"settings": {"split": "test"}, "inputs": {str(weights): files.sha256(weights)}}
    files.write_json(tmp_path / "answers/run.json", {**record, "asked": provenance.asked(domain, domain.rows)})
    args = Namespace(out=tmp_path, domain="mine", command_tail="")
    return lambda: answers.load_rows(args, domain, answers.load_answers(args))


@pytest.mark.parametrize("change", [{"completion": "another"}, {"cluster": 99}, {"extra": 1}])
def test_a_benchmark_that_changed_under_the_answers_is_refused(answered, domain, change):
    assert len(answered()) == 10
    domain.load_benchmark = lambda split: changed(domain.rows, 3, **change)
    assert "have changed since" in refusal(answered)


def test_answers_to_another_system_prompt_or_examples_are_refused(answered, domain):
    domain.few_shot_prompt = lambda row: (f"another example\n{row['prompt']}", ["\n"])
    assert "few-shot examples of mine have changed" in refusal(answered)
    del domain.few_shot_prompt
    assert "have changed" in refusal(answered)


def test_answers_of_another_adapter_are_refused(answered, tmp_path):
    files.write_text(tmp_path / "sft/adapter_model.safetensors", "trained again")
    said = refusal(answered)
    assert "was made from another" in said and "python eval/answer.py" in said


def test_of_a_copied_folder_its_own_files_are_compared(tmp_path):
    """By a record that names them by the folder it was made in, which is still there, or by another current folder."""
    for name in ("first", "second"):
        files.write_text(tmp_path / name / "sft/adapter_model.safetensors", "w")
    other = tmp_path / "other.jsonl"
    files.write_text(other, "o")
    inputs = [tmp_path / "first/sft/adapter_model.safetensors", other]
    for was in (str(tmp_path / "first"), "first"):
        named = {str(path).replace(str(tmp_path / "first"), was): files.sha256(path) for path in inputs}
        run, args = {"settings": {"out": was}, "inputs": named}, Namespace(out=tmp_path / "second")
        provenance.check_inputs(args, run, "x.json", "python eval/domain.py")
        files.write_text(tmp_path / "second/sft/adapter_model.safetensors", "trained again")
        assert "was made from another" in refusal(provenance.check_inputs, args, run, "x.json", "python eval/domain.py")
        files.write_text(tmp_path / "second/sft/adapter_model.safetensors", "w")
        files.write_text(other, "changed")
        assert "other.jsonl than" in refusal(provenance.check_inputs, args, run, "x.json", "python eval/domain.py")
        files.write_text(other, "o")


def test_answers_are_given_anew_where_anything_of_the_prompt_changed(tmp_path, domain, base, monkeypatch):
    asked = []

    class Engine:
        kind = "hf"

        def weights(self, name):
            return {"weights": model.fingerprint(base)}

        def generate(self, name, prompts, sampling, said):
            asked.append(prompts)
            return [[SimpleNamespace(text="a", token_ids=[1], finish_reason="stop")] for _ in prompts]

    monkeypatch.setattr(answer_eval, "render_all", lambda domain, tokenizer, rows, form: (
        [f"{domain.SYSTEM_PROMPT} {domain.few_shot_prompt(row)[0]}" for row in rows], ("stop",)))  # fmt: skip
    args = Namespace(split="test", max_new_tokens=4, reference_rows=1, dtype="float32", out=tmp_path)

    def times(rows):
        job = answer_eval.make_job(args, args.out / "answers", domain, Engine(), None, rows, "base", "chat")
        answer_eval.answer(args, Engine(), rows, job, {job.path: [None] * len(rows)})
        return len(asked)

    rows = domain.rows
    assert times(rows) == times(rows) == 1
    assert times(changed(rows, 2, completion="another reference")) == 2
    domain.SYSTEM_PROMPT = "Answer now."
    assert times(changed(rows, 2, completion="another reference")) == 3
    domain.few_shot_prompt = lambda row: ("another example", ())
    assert times(changed(rows, 2, completion="another reference")) == 4
    assert times(changed(rows, 2, completion="another reference")) == 4


def test_a_killed_answering_leaves_no_record_of_an_earlier_one(tmp_path, domain, base, answered, monkeypatch):
    """With other settings for the first model only, the answers would be a mixture that the old record vouches for."""
    assert len(answered()) == 10
    files.write_jsonl(tmp_path / "answers/base_few_shot.jsonl", [{"of": "a domain that had few-shot examples"}])
    del domain.few_shot_prompt

    class Engine:
        kind, dtype, asked = "hf", "bfloat16", []  # another dtype than is asked for

        def __init__(self, *given):
            pass

        def require(self, *names):
            pass

        def weights(self, name):
            return {"weights": model.fingerprint(base)}

        def generate(self, name, prompts, sampling, said):
            self.asked.append(name)
            if name == killed:
                raise ProcessLookupError("killed")
            return [[SimpleNamespace(text=name, token_ids=[1], finish_reason="stop")] for _ in prompts]

    monkeypatch.setattr(answer_eval, "Engine", Engine)
    for where, name, value in (
        (answer_eval, "checked_adapters", lambda args, domain: {"sft": tmp_path / "sft", "dpo": tmp_path / "sft"}),
        (answer_eval, "render_all", lambda domain, tokenizer, rows, form: ([row["prompt"] for row in rows], ())),
        (answer_eval, "reference_scores", lambda *given: defaultdict(lambda: [None] * 10)),
        (model, "load_tokenizer", lambda folder: None),
        (model, "compared_base", lambda args: base),
        (model, "base_weights_told", lambda args: "plain"),
    ):
        monkeypatch.setattr(where, name, value)
    args = Namespace(split="test", max_new_tokens=4, reference_rows=1, dtype="float32", out=tmp_path, engine="hf",
                     endpoint=None, section="answer", seed=0, domain="mine", command_tail="")  # fmt: skip
    for killed, left in (("dpo", ["base", "sft", "dpo"]), (None, ["dpo"])):
        Engine.asked.clear()
        if killed:
            with pytest.raises(ProcessLookupError):
                answer_eval.answer_all(args, domain, domain.rows, tmp_path / "answers")
            assert "run.json is not there yet; run python eval/answer.py" in refusal(answered)
        else:
            answer_eval.answer_all(args, domain, domain.rows, tmp_path / "answers")
        assert Engine.asked == left
    assert files.read_json(tmp_path / "answers/run.json")["settings"]["dtype"] == "bfloat16"
    assert files.read_json(tmp_path / "answers/dpo.made_with.json")["dtype"] == "bfloat16"
    assert [row["answer"] for row in answers.load_answers(args)["dpo"]] == ["dpo"] * 10
    assert not (tmp_path / "answers/base_few_shot.jsonl").exists()


def test_verdicts_of_another_verifier_are_refused(domain):
    run = {"judged_by": provenance.generator(domain)}
    provenance.check_judged(run, domain, "x.json", "python eval/domain.py")
    provenance.check_judged({}, domain, "x.json", "python eval/domain.py")
    files.write_text(domain.__file__, "CODE = 2\n")
    said = refusal(provenance.check_judged, run, domain, "x.json", "python eval/domain.py")
    assert "x.json was judged by another version of the domain" in said and "run python eval/domain.py again" in said


@pytest.mark.parametrize(("stage", "source"), provenance.TAUGHT_BY.items())
def test_an_adapter_of_other_rows_than_its_data_stage_has_written_since_is_refused(tmp_path, stage, source):
    args, wrote = Namespace(out=tmp_path, command_tail=" --out x"), {"output": {"x.jsonl": "a" * 64}}
    trained = {"settings": {"data": None}, "inputs": {"data/x.jsonl": "a" * 64}}
    provenance.check_taught(args, stage)  # nothing is known
    files.write_json(tmp_path / stage / "run.json", trained)
    provenance.check_taught(args, stage)
    files.write_json(tmp_path / source / "run.json", wrote)
    provenance.check_taught(args, stage)
    files.write_json(tmp_path / source / "run.json", {"output": {"x.jsonl": "b" * 64}})
    said = refusal(provenance.check_taught, args, stage)
    assert f"{tmp_path / stage} was trained on other data than {tmp_path / source} tells of" in said
    assert f"run python train/{stage}.py --out x again" in said
    files.write_json(tmp_path / stage / "run.json", {**trained, "settings": {"data": "mine.jsonl"}})
    provenance.check_taught(args, stage)  # data of one's own


def test_data_that_change_while_they_are_trained_on_are_not_named_as_what_was_trained(tmp_path, base):
    data, folder = tmp_path / "mine.jsonl", tmp_path / "sft"
    data.write_text("A")
    training.prepare_output(folder, Namespace(base=base, out=tmp_path), data)
    files.write_text(folder / "lineage.json", "{}")
    data.write_text("B")
    given = (folder, None, None, "sft", base, None, data, "Answer.")
    assert "mine.jsonl has changed since the training on it began" in refusal(training.save_adapter, *given)
    assert (folder / "lineage.json").is_file(), "an earlier adapter stays as it is"
    data.write_text("A")
    with pytest.raises(AttributeError):  # there is no network to save
        training.save_adapter(*given)


def test_a_parent_that_is_trained_again_meanwhile_is_not_named_as_what_was_gone_on_from(tmp_path, base):
    data, folder, parent = tmp_path / "mine.jsonl", tmp_path / "dpo", tmp_path / "sft"
    data.write_text("A")
    for weights in (b"first", b"second"):
        parent.mkdir(exist_ok=True)
        (parent / "adapter_model.safetensors").write_bytes(weights)
        sha256 = files.sha256(parent / "adapter_model.safetensors")
        files.write_json(parent / "lineage.json", {"adapter_sha256": sha256})
        if weights == b"first":
            training.prepare_output(folder, Namespace(base=base, out=tmp_path), data, {"adapter_sha256": sha256})
    said = refusal(training.save_adapter, folder, None, None, "dpo", base, parent, data, "Answer.")
    assert f"{parent} has been trained again since" in said


def test_verdicts_by_another_rubric_of_a_domain_of_rows_are_refused():
    run = {"judged_by": provenance.generator(SimpleNamespace(JUDGE_RUBRIC="Short is good."))}
    provenance.check_judged(run, SimpleNamespace(JUDGE_RUBRIC="Short is good."), "x.json", "python eval/winrate.py")
    other = SimpleNamespace(JUDGE_RUBRIC="Long is good.")
    assert "judged by another" in refusal(provenance.check_judged, run, other, "x.json", "python eval/winrate.py")


# --- the benchmark ----------------------------------------------------------------------------------


def test_the_benchmark_is_a_file(tmp_path, monkeypatch):
    domain = load_domain("text_to_sql")
    path = domain.BENCHMARK / "dev.jsonl.gz"
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    assert domain.load_benchmark("dev") == rows and len(rows) == 858
    assert len(domain.load_benchmark("test")) == 1002
    monkeypatch.setattr(sys.modules[domain.__name__], "BENCHMARK", tmp_path)
    files.write_jsonl(tmp_path / "dev.jsonl.gz", rows[:3])
    assert domain.load_benchmark("dev") == rows[:3], "its rows and no others, packed or not"
    assert "write_benchmark.py" in refusal(domain.load_benchmark, "test")


def test_the_benchmark_is_written_alike_each_time(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(write_benchmark, "SIZE", {"dev": 4, "test": 5})
    for name in ("a", "b"):
        write_benchmark.main(write_benchmark.parse_args(["--folder", str(tmp_path / name)]))
    said = capsys.readouterr().out
    for split, n in (("dev", 4 + 108), ("test", 5 + 252)):
        path = tmp_path / "a" / f"{split}.jsonl.gz"
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        rows = files.read_jsonl(path)
        assert len(rows) == n and said.count(f"SHA-256 {provenance.rows_sha256(rows)}") == 2


def test_the_hash_is_of_the_rows_whatever_the_order_of_their_keys():
    one = {"a": 1, "b": "é"}
    assert provenance.rows_sha256([one]) == provenance.rows_sha256([dict(reversed(one.items()))])
    assert provenance.rows_sha256([one]) != provenance.rows_sha256([one, one])
