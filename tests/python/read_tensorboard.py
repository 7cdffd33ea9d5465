#!/usr/bin/env python3
"""Reads a folder of TensorBoard event files with TensorBoard's own reader and prints its scalars.

    python read_tensorboard.py DIR

Prints one JSON object: tag -> [[step, value], ...] in the order of the file. Exits with 1 when there is no event file.
"""

import json
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray


def main():
    if len(sys.argv) != 2:
        return __doc__
    folder = Path(sys.argv[1])
    if not any("tfevents" in path.name for path in folder.glob("*")):
        return f"{folder}: no event file"
    # 0 keeps every event; the default thins them out.
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0}).Reload()
    scalars = {tag: [[event.step, event.value] for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    # TensorBoard 2 writes scalars as tensors of no dimension; the older form is above.
    for tag in events.Tags()["tensors"]:
        values = [[event.step, make_ndarray(event.tensor_proto)] for event in events.Tensors(tag)]
        if all(value.ndim == 0 and value.dtype.kind == "f" for _, value in values):
            scalars[tag] = [[step, float(value)] for step, value in values]
    print(json.dumps(scalars))
    return None


if __name__ == "__main__":
    sys.exit(main())
