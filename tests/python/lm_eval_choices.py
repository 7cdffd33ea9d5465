#!/usr/bin/env python3
"""Metrics of an exported folder on a file of rows, by lm-eval.

    python lm_eval_choices.py DIR FILE.jsonl [TASK.yaml]

Rows have `prompt`, `choices` and `answer`, a number, unless a task named `described` says otherwise. Prints one JSON object: `acc`, `acc_norm`,
`acc_mutual_info`, or the metrics of the task.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

CACHE = tempfile.mkdtemp()
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_CACHE=CACHE, TOKENIZERS_PARALLELISM="false")

import lm_eval  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402

ROWS = """
dataset_path: json
dataset_kwargs:
  data_files:
    test: {file}
test_split: test
"""
TASK = """
task: described
output_type: multiple_choice
doc_to_text: "{{prompt}}"
doc_to_choice: "{{choices}}"
doc_to_target: answer
metric_list:
  - metric: acc
  - metric: acc_norm
  - metric: acc_mutual_info
"""


def main(folder, rows, task=None):
    tasks = Path(CACHE) / "tasks"
    tasks.mkdir()
    where = ROWS.format(file=json.dumps(str(Path(rows).resolve())))
    (tasks / "described.yaml").write_text(where + (Path(task).read_text() if task else TASK))
    found = lm_eval.simple_evaluate(
        model="hf",
        model_args=f"pretrained={folder},dtype=float32",
        tasks=["described"],
        task_manager=TaskManager(include_path=str(tasks), include_defaults=False),
        device="cpu",
        bootstrap_iters=0,
    )["results"]["described"]
    metrics = {name.removesuffix(",none"): value for name, value in found.items() if name.endswith(",none")}
    print(json.dumps({name: value for name, value in metrics.items() if not name.endswith("_stderr")}))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
