"""eval/mmlu.py --tasks: a task in lm-eval's YAML form, from local files, answered by real models and compared."""

import json

import pytest

from common import cli
from eval import harness, mmlu, stats, tax

TASK = """task: colours
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
output_type: multiple_choice
test_split: test
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: answer
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = [
        {"question": f"Which colour has number {i}?", "choices": ["red", "green"], "answer": i % 2} for i in range(8)
    ]
    (tmp_path / "colours.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "tasks").mkdir()
    (tmp_path / "tasks/colours.yaml").write_text(TASK.format(data=tmp_path / "colours.jsonl"))
    return tmp_path


@pytest.mark.slow
def test_a_task_from_local_files_is_scored_on_every_model_by_the_same_questions(folder, tiny_base):
    import torch
    from transformers import AutoModelForCausalLM

    network = AutoModelForCausalLM.from_pretrained(tiny_base, dtype=torch.float32)
    with torch.no_grad():
        network.model.layers[0].mlp.up_proj.weight.mul_(-9)
    network.save_pretrained(folder / "other")
    flags = ["--tasks", "colours", "--include_path", str(folder / "tasks"), "--dtype", "float32", "--limit", "6"]
    args = mmlu.parse_args([*flags, "--out", str(folder)])
    (folder / "sft").symlink_to(tiny_base)
    paths = {"base": (str(tiny_base), None), "sft": (str(folder / "other"), None), "dpo": (str(folder / "other"), None)}
    rows = harness.run_tasks(args, paths, *harness.find_tasks(args))
    assert [row["id"] for row in rows] == list(range(6)) and {row["metric"] for row in rows} == {"acc"}
    (one,) = harness.summarise(rows, tax.MODELS, tax.PAIRS)
    assert one["n"] == 6 and one["score"]["dpo"] == one["score"]["sft"]
    assert {row["base"] for row in rows} | {row["sft"] for row in rows} == {0.0, 1.0}
    wanted = stats.paired_t_interval([row["sft"] for row in rows], [row["base"] for row in rows])
    assert tuple(one["difference"]["sft_vs_base"].values()) == wanted
    assert any("colours (none, acc, n = 6)" in line for line in harness.table([one]))


def test_a_task_that_there_is_not_is_refused_before_anything_is_loaded(folder):
    flags = ["--tasks", "colors", "--include_path", str(folder / "tasks")]
    with pytest.raises(cli.UserError, match="lm-eval has no task colors .did you mean colours"):
        harness.find_tasks(mmlu.parse_args(flags))


def test_without_the_data_it_says_so(folder):
    (folder / "colours.jsonl").unlink()
    with pytest.raises(cli.UserError, match="the data cannot be read"):
        harness.find_tasks(mmlu.parse_args(["--tasks", "colours", "--include_path", str(folder / "tasks")]))
