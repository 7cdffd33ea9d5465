#!/usr/bin/env python3
"""Reads a model card with huggingface_hub's own parser and prints what the Hub would make of it.

    python check_model_card.py README.md

Prints one JSON object: `name` (the model's), `library`, `task`, and `results`, a list of {task, dataset, split, metric, name, value,
args} in the card's order. Exits with 1 and one line where the parser refuses the card.
"""

import json
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from huggingface_hub import ModelCard  # noqa: E402


def main():
    try:
        # Its own refusals alone: with this, what it cannot read would be left out silently.
        card = ModelCard.load(sys.argv[1], ignore_metadata_errors=False)
    except (ValueError, KeyError, OSError) as error:
        return " ".join(str(error).split())
    data = card.data
    # What is written again is what was read.
    again = ModelCard(str(card), ignore_metadata_errors=False).data.eval_results
    if again != data.eval_results:
        return "the results are others once they are written again"
    results = [
        {
            "task": result.task_type,
            "dataset": result.dataset_type,
            "split": result.dataset_split,
            "metric": result.metric_type,
            "name": result.metric_name,
            "value": result.metric_value,
            "args": result.metric_args,
        }
        for result in data.eval_results or []
    ]
    print(json.dumps({"name": data.model_name, "library": data.library_name, "task": data.pipeline_tag, "results": results}))
    return None


if __name__ == "__main__":
    sys.exit(main())
