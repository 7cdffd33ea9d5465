"""Runs a bundle's train.py under DeepSpeed where there is no GPU: accelerate launch … deepspeed_on_cpus.py TRAIN.PY ARGUMENTS…

DeepSpeed trains on CPUs by gloo. Accelerate counts DeepSpeed's processes only where it knows the backend, which it looks up for
GPUs alone, so it is told here. And DeepSpeed would compile an operation that only its inference calls, which is left out.
"""

import functools
import importlib
import runpy
import sys

import accelerate

accelerate.InitProcessGroupKwargs = functools.partial(accelerate.InitProcessGroupKwargs, backend="gloo")
# By its whole name: as an attribute of its package it is PyTorch itself.
importlib.import_module("deepspeed.comm.torch").build_shm_op = lambda: None
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
