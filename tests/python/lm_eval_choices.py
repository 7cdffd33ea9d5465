#!/usr/bin/env python3
"""Multiple-choice accuracies of an exported folder on a file of rows, by lm-eval.

    python lm_eval_choices.py DIR FILE.jsonl

Rows have `prompt`, `choices` and `answer`, a number. Prints one JSON object: `acc`, `acc_norm`, `acc_mutual_info`.
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

TASK = """
task: choices
dataset_path: json
dataset_kwargs:
  data_files:
    test: {file}
test_split: test
output_type: multiple_choice
doc_to_text: "{{{{prompt}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: answer
metric_list:
  - metric: acc
  - metric: acc_norm
  - metric: acc_mutual_info
"""


def main(folder, rows):
    tasks = Path(CACHE) / "tasks"
    tasks.mkdir()
    (tasks / "choices.yaml").write_text(TASK.format(file=json.dumps(str(Path(rows).resolve()))))
    found = lm_eval.simple_evaluate(
        model="hf",
        model_args=f"pretrained={folder},dtype=float32",
        tasks=["choices"],
        task_manager=TaskManager(include_path=str(tasks), include_defaults=False),
        device="cpu",
        bootstrap_iters=0,
    )["results"]["choices"]
    print(json.dumps({name: found[f"{name},none"] for name in ("acc", "acc_norm", "acc_mutual_info")}))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
