#!/usr/bin/env python3
"""Trains this bundle's model on from the step it was exported at, on one process or many.

    python train.py                                                             one process
    torchrun --nproc_per_node 2 train.py                                        DDP: a whole model in each process
    torchrun --nproc_per_node 2 train.py --shard                                FSDP2 by `fully_shard`, on GPUs and on CPUs
    accelerate launch --config_file configs/eight-gpus-fsdp2.yaml train.py      FSDP2 by Accelerate, on GPUs

Under FSDP2 parameters, gradients and optimizer state are sharded. A step sees the same windows and takes the same update whatever
the number of processes, up to rounding; only dropout draws its own random numbers, so that a model with dropout is comparable by
its curves and not bit for bit. The schedule, clipping, decay and accumulation are those of the run that the bundle was made from.

In --out it writes metrics.jsonl (a JSON object an event), processes.json (who holds what) and checkpoint-STEP/, and goes on from
the newest of those when it is started again. SIGTERM and Ctrl-C finish the step, save and end.
"""

import argparse
import bisect
import contextlib
import hashlib
import json
import math
import os
import re
import shutil
import signal
import sys
import time
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from accelerate import Accelerator, DistributedType, InitProcessGroupKwargs  # noqa: E402
from safetensors import safe_open  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from torch.distributed.device_mesh import init_device_mesh  # noqa: E402
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard  # noqa: E402
from torch.distributed.tensor import DTensor, distribute_tensor  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer  # noqa: E402
from transformers.integrations.deepspeed import unset_hf_deepspeed_config  # noqa: E402
from transformers.utils import logging  # noqa: E402

MOMENTS = ("exp_avg", "exp_avg_sq")
DIVERGED_AFTER = 10  # steps in a row without a finite gradient
# What model classes call the three kinds of dropout.
DROPOUT_FIELDS = {
    "embedding": ["embd_pdrop", "embed_dropout"],
    "attention": ["attn_pdrop", "attention_dropout"],
    "residual": ["resid_pdrop", "hidden_dropout", "resid_dropout"],
}


def read_json(path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SystemExit(f"{path}: {error}") from None


def checksum(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---- Batches: pure functions of the seed and the step ---------------------------------------------------------------------------

MASK = 2**64 - 1
TRAINING, EVALUATION, DROPOUT = 0x7261_696E, 0x6576_616C, 0xD20_9017
SPLITS = ("train", "validation")


def split_mix(state):
    """One step of SplitMix64 (Steele et al. 2014)."""
    z = (state + 0x9E37_79B9_7F4A_7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58_476D_1CE4_E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D0_49BB_1331_11EB) & MASK
    return z ^ (z >> 31)


def nth(seed, purpose, n):
    """A stream's n-th number."""
    return split_mix((split_mix(split_mix(seed) ^ purpose) + n * 0xD134_2543_DE82_EF95) & MASK)


def scaled(number, limit):
    """A number below `limit` from 64 random bits."""
    return (number * limit) >> 64


class Bundle:
    """What the bundle says, its tokens and the order of its batches."""

    def __init__(self, folder):
        self.folder = folder
        manifest = read_json(folder / "bundle.json")
        if manifest.get("format") != "glasshouse-bundle" or manifest.get("version") != 1:
            raise SystemExit(f"{folder / 'bundle.json'}: not a bundle of version 1")
        self.checksum = checksum(folder / "bundle.json")
        self.run = run = read_json(folder / "run.json")
        if run["optimizer"] not in ("adamw", "adam"):
            raise SystemExit(f"run.json: optimizer is {run['optimizer']!r}; train.py supports adamw and adam")
        self.seed, self.context, self.batch, self.accumulate = (
            run[key] for key in ("seed", "context_length", "batch_size", "accumulate")
        )
        self.mixture, self.tokens = run["data"]["mixture"], {}
        for split in SPLITS:
            path, count = folder / "data" / f"{split}.bin", run["data"][f"{split}_tokens"]
            if not path.exists() or path.stat().st_size != count * run["data"]["element_bytes"]:
                raise SystemExit(f"{path}: missing, or not the {count} tokens of run.json")
            self.tokens[split] = np.memmap(path, dtype=f"<u{run['data']['element_bytes']}", mode="r")

    def anywhere(self, split, key):
        """Where a window begins that may begin anywhere alike."""
        return scaled(key, len(self.tokens[split]) - self.context)

    def by_mixture(self, key):
        """Where a window begins in a source, drawn by its share, and anywhere in that source alike."""
        draw = scaled(nth(key, 1, 0), 1 << 52)
        at = bisect.bisect_right([source["upto"] for source in self.mixture], draw)
        source = self.mixture[min(at, len(self.mixture) - 1)]
        window = scaled(nth(key, 1, 1), source["windows"])
        stretch = bisect.bisect_right([first for first, _ in source["stretches"]], window) - 1
        first, start = source["stretches"][max(stretch, 0)]
        return start + (window - first)

    def training(self, step):
        """Where the windows of a step (counted from 0) begin, micro-batch after micro-batch."""
        key = nth(nth(self.seed, TRAINING, step), TRAINING, 0)
        keys = [nth(key, 0, row) for row in range(self.batch * self.accumulate)]
        return [self.by_mixture(key) if self.mixture else self.anywhere("train", key) for key in keys]

    def evaluation(self, split):
        """Where the windows of every evaluation begin, anywhere alike with a mixture too."""
        key = nth(self.seed, EVALUATION, SPLITS.index(split))
        keys = [nth(key, EVALUATION, index) for index in range(self.run["eval_batches"])]
        rows = range(self.batch * self.accumulate)
        return [self.anywhere(split, nth(key, 0, row)) for key in keys for row in rows]

    def windows(self, split, starts):
        """[windows, T + 1] token ids: each window and the token after it."""
        tokens = self.tokens[split]
        return torch.from_numpy(np.stack([tokens[start : start + self.context + 1] for start in starts]).astype(np.int64))


def learning_rate_at(run, step):
    """Learning rate of `step`, counted from 0: linear warm-up, then the decay, which would reach its end at step `steps`."""
    peak, low, warmup, steps = run["learning_rate"], run["min_learning_rate"], run["warmup_steps"], run["steps"]
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)

    def share(begin):
        return min(max(step - begin, 0) / max(steps - begin, 1), 1.0)

    if run["decay"] == "constant":
        return peak
    if run["decay"] == "linear":
        return peak + (low - peak) * share(warmup)
    if run["decay"] == "cosine":
        return low + 0.5 * (1.0 + math.cos(math.pi * share(warmup))) * (peak - low)
    if run["decay"] == "warmup_stable_decay":
        begin = max(steps - (run["decay_steps"] or steps // 10), warmup)
        return peak if step < begin else peak + (low - peak) * share(begin)
    raise SystemExit(f"run.json: decay is {run['decay']!r}, which train.py does not support")


# ---- Safetensors, in one file or several ----------------------------------------------------------------------------------------


def read_tensors(folder, stem):
    """(name, tensor) of STEM.safetensors or of the files that its index names; nothing where there are neither."""
    index = folder / f"{stem}.safetensors.index.json"
    files = sorted(set(read_json(index)["weight_map"].values())) if index.exists() else [f"{stem}.safetensors"]
    for file in files:
        if index.exists() or (folder / file).exists():
            with safe_open(folder / file, "pt") as tensors:
                for name in tensors.keys():
                    yield name, tensors.get_tensor(name)


def write_tensors(folder, stem, shapes, tensor, shards, writes):
    """Writes tensors of these shapes in so many files and returns their names; `tensor` is asked for each on every process, since
    it may gather it from all, and only the file being written is in memory."""
    sizes = {name: 4 * math.prod(shape) for name, shape in shapes.items()}
    files, seen, total = [[] for _ in range(shards)], 0, sum(sizes.values())
    for name, size in sizes.items():
        files[min(seen * shards // max(total, 1), shards - 1)].append(name)
        seen += size
    files = [names for names in files if names]
    titles = [f"{stem}-{index + 1:05}-of-{len(files):05}.safetensors" for index in range(len(files))]
    if len(files) == 1:
        titles = [f"{stem}.safetensors"]
    for title, names in zip(titles, files):
        content = {}
        for name in names:
            whole = tensor(name)
            if writes:
                content[name] = whole.detach().cpu().contiguous()
        if writes:
            save_file(content, folder / title, metadata={"format": "pt"})
    if writes and len(titles) > 1:
        titles.append(f"{stem}.safetensors.index.json")
        places = {name: title for title, names in zip(titles, files) for name in names}
        (folder / titles[-1]).write_text(json.dumps({"metadata": {"total_size": total}, "weight_map": places}, indent=1))
    return titles


# ---- The model and how processes share it ---------------------------------------------------------------------------------------


def load_model(bundle, folder, dropout):
    """The model with the weights in `folder`, and notices."""
    run, notices, dropping = bundle.run, [], False
    config = AutoConfig.from_pretrained(bundle.folder / "model", local_files_only=True)
    config.use_cache = False
    for kind, names in DROPOUT_FIELDS.items():
        rate = run["dropout"][kind] if dropout else 0.0
        known = [name for name in names if hasattr(config, name)]
        for name in known:
            setattr(config, name, rate)
        dropping |= bool(rate and known)
        if rate and not known:
            notices.append(f"the model class has no {kind} dropout: {rate} is ignored")
    if dropping:
        notices.append("dropout draws its own random numbers here: compare this run's curves, not its bits")
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    named, read = dict(model.named_parameters(remove_duplicate=False)), set()
    with torch.no_grad():
        for name, tensor in read_tensors(folder, "model"):
            if name in named and named[name].shape != tensor.shape:
                raise SystemExit(f"{folder}: {name} is {list(tensor.shape)}, but the model's is {list(named[name].shape)}")
            if name in named:
                named[name].copy_(tensor)
                read.add(named[name])
    if missing := [name for name, parameter in model.named_parameters() if parameter not in read]:
        raise SystemExit(f"{folder}: model.safetensors has no {', '.join(missing)}")
    if run["trainable"] is not None:
        if unknown := set(run["trainable"]) - set(named):
            raise SystemExit(f"run.json: trainable has names that the model does not have: {', '.join(sorted(unknown))}")
        model.requires_grad_(False)
        for name in run["trainable"]:
            named[name].requires_grad_(True)
    return model, notices


def fill(rows, row, count):
    """Rows, and as many of that row as they lack."""
    return torch.cat([rows, row.expand(count - len(rows), *row.shape[1:])])


def make_optimizer(run, parameters):
    """AdamW; matrices and embeddings decay, vectors do not."""
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.dim() >= 2], "weight_decay": run["weight_decay"]},
        {"params": [parameter for parameter in trained if parameter.dim() < 2], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=run["learning_rate"], betas=(run["beta1"], run["beta2"]), eps=run["eps"])


class Trainer:
    """The model on all processes, and the step."""

    def __init__(self, bundle, arguments, folder, step):
        self.bundle, self.run, self.arguments, self.at = bundle, bundle.run, arguments, step
        self.accelerator = accelerator = Accelerator(
            cpu=arguments.cpu,
            mixed_precision={None: None, True: "bf16", False: "no"}[arguments.bf16],
            kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(hours=1))],
        )
        self.ranks, self.rank, self.device = accelerator.num_processes, accelerator.process_index, accelerator.device
        self.main = accelerator.is_main_process
        self.deepspeed = accelerator.distributed_type == DistributedType.DEEPSPEED
        self.check_launch()
        windows = bundle.batch * bundle.accumulate
        # Each process computes as many, so that all call each layer as often; repeated ones have no share in the loss.
        self.mine = -(-windows // self.ranks)
        self.piece = min(arguments.micro_batch or bundle.batch, self.mine)
        if self.deepspeed:  # Else transformers would make a model that is sharded already, and empty to load_model.
            unset_hf_deepspeed_config()
        model, self.notices = load_model(bundle, folder, not arguments.no_dropout)
        if windows < self.ranks:
            counted = f"a step's windows ({windows}, batch_size x accumulate)"
            self.notices.append(f"{self.ranks} processes are more than {counted}: some compute windows that do not count")
        if arguments.recompute:
            model.gradient_checkpointing_enable()
        computes_in = torch.bfloat16 if accelerator.mixed_precision == "bf16" else None
        policy = MixedPrecisionPolicy(param_dtype=computes_in, reduce_dtype=torch.float32)
        if arguments.shard:
            mesh = init_device_mesh(self.device.type, (self.ranks,))
            layers = [module for module in model.modules() if type(module).__name__ == self.run["layer_class"]]
            for module in [*layers, model]:
                fully_shard(module, mesh=mesh, mp_policy=policy)
            self.model = model.to(self.device)
            self.optimizer = make_optimizer(self.run, model.parameters())
        else:
            if self.deepspeed:
                settings = accelerator.state.deepspeed_plugin.deepspeed_config
                settings.update(train_micro_batch_size_per_gpu=self.piece, gradient_accumulation_steps=1)
                settings["gradient_clipping"] = self.run["gradient_clipping"]
            elif accelerator.distributed_type == DistributedType.FSDP:
                plugin = accelerator.state.fsdp_plugin
                plugin.transformer_cls_names_to_wrap, plugin.mixed_precision_policy = [self.run["layer_class"]], policy
            self.model, self.optimizer = accelerator.prepare(model, make_optimizer(self.run, model.parameters()))
        # Tied weights are one parameter, and have one name.
        self.parameters = dict(accelerator.unwrap_model(self.model).named_parameters())
        self.trained = {name: parameter for name, parameter in self.parameters.items() if parameter.requires_grad}
        self.shapes = {name: tuple(getattr(parameter, "ds_shape", parameter.shape)) for name, parameter in self.parameters.items()}
        self.put_moments(dict(read_tensors(folder if step > self.run["step"] else bundle.folder, "optimizer")))

    def check_launch(self):
        """Refuses what would train something else than was asked for."""
        ranks = self.ranks
        kind, precision = self.accelerator.distributed_type, self.accelerator.mixed_precision
        started = int(os.environ.get("WORLD_SIZE", 1))
        if started != ranks:
            raise SystemExit(f"{started} processes were started, but each would train alone: start CPU processes with torchrun")
        if os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true" and kind != DistributedType.FSDP:
            raise SystemExit("the configuration requests FSDP, which Accelerate has only on GPUs: torchrun train.py --shard")
        if self.arguments.shard and (kind in (DistributedType.FSDP, DistributedType.DEEPSPEED) or not dist.is_initialized()):
            raise SystemExit("--shard shards without Accelerate: start train.py with torchrun")
        seen = [self.at, int(self.bundle.checksum[:8], 16)]
        if self.summed(*seen) != [number * ranks for number in seen]:
            raise SystemExit("processes see different bundles or checkpoints: bundle and --out must be on a shared file system")
        if precision not in ("no", "bf16"):
            raise SystemExit(f"mixed_precision is {precision}: train.py supports no and bf16, which need no loss scale")

    def layout(self):
        """Who holds how much, as seen from all processes."""
        parts = [isinstance(parameter, DTensor) or hasattr(parameter, "ds_tensor") for parameter in self.parameters.values()]
        held = sum(
            parameter.to_local().numel() if isinstance(parameter, DTensor) else getattr(parameter, "ds_tensor", parameter).numel()
            for parameter in self.parameters.values()
        )
        kind = "DeepSpeed" if self.deepspeed else "FSDP2" if all(parts) else "DDP" if self.ranks > 1 else "one process"
        if (self.arguments.shard or self.accelerator.distributed_type == DistributedType.FSDP) and not all(parts):
            raise SystemExit(f"{parts.count(False)} of {len(parts)} parameters are not sharded: check the configuration")
        return {
            "kind": kind,
            "processes": self.ranks,
            "device": self.device.type,
            "parameters": len(parts),
            "sharded": sum(parts),
            "entries": sum(math.prod(shape) for shape in self.shapes.values()),
            "held": [int(entries) for entries in self.summed(*(held * (rank == self.rank) for rank in range(self.ranks)))],
        }

    def summed(self, *numbers):
        """Sums over all processes."""
        together = torch.tensor(numbers, dtype=torch.float64, device=self.device if dist.is_initialized() else "cpu")
        if dist.is_initialized():
            dist.all_reduce(together)
        return together.tolist()

    def put_moments(self, moments):
        """Gives the optimizer its moments, zeros where there are none, each process its part."""
        if self.deepspeed:
            from deepspeed.utils import safe_set_local_optimizer_state

            # Its optimizer steps over flat parts of many tensors, and makes their moments at its first step.
            sharded = self.model.optimizer
            for part in sharded.fp32_partitioned_groups_flat:
                zeros = {kind: torch.zeros_like(part) for kind in MOMENTS}
                sharded.optimizer.state[part] = {"step": torch.tensor(float(self.at)), **zeros}
            for name, parameter in self.trained.items():
                size = parameter.ds_tensor.numel()
                for kind in MOMENTS:
                    if (whole := moments.get(f"{kind}.{name}")) is not None:
                        parts = F.pad(whole.flatten(), (0, size * self.ranks - whole.numel())).to(self.device)
                        safe_set_local_optimizer_state(parameter, parts.split(size)[self.rank], kind)
            return
        for name, parameter in self.trained.items():
            state = {"step": torch.tensor(float(self.at))}
            for kind in MOMENTS:
                whole = moments.get(f"{kind}.{name}", torch.zeros(self.shapes[name])).to(self.device)
                if isinstance(parameter, DTensor):
                    whole = distribute_tensor(whole, parameter.device_mesh, parameter.placements, src_data_rank=None)
                state[kind] = whole
            self.optimizer.state[parameter] = state

    def whole(self, kind, name):
        """A whole weight or moment; every process must ask."""
        parameter = self.parameters[name]
        if self.deepspeed:
            from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state
            from deepspeed.runtime.zero import GatheredParameters

            if parameter.requires_grad:
                return safe_get_full_optimizer_state(parameter, kind) if kind else safe_get_full_fp32_param(parameter)
            with GatheredParameters([parameter]):
                return parameter.detach().float().clone()
        tensor = self.optimizer.state[parameter][kind] if kind else parameter
        return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor

    def losses(self, windows, label_smoothing=0.0):
        """Each window's summed loss, with 0 for targets that do not count."""
        windows = windows.to(self.device)
        logits = self.model(input_ids=windows[:, :-1]).logits.float()
        ignored = -100 if self.run["ignore_index"] is None else self.run["ignore_index"]
        options = {"reduction": "none", "label_smoothing": label_smoothing, "ignore_index": ignored}
        return F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten(), **options).view(len(windows), -1).sum(1)

    def counted(self, windows):
        """Targets that count, by window."""
        return (windows[:, 1:] != (-100 if self.run["ignore_index"] is None else self.run["ignore_index"])).sum(1)

    def step(self, stop):
        """One optimizer step; returns (loss, learning rate, gradient norm, whether any process was told to stop)."""
        run, ranks = self.run, self.ranks
        windows = self.bundle.windows("train", self.bundle.training(self.at))
        # A step's loss is the mean over all its targets that count, whichever process and micro-batch has a window.
        shares = (1.0 / self.counted(windows).sum().clamp(min=1)).repeat(len(windows)).to(self.device)
        mine = slice(self.rank * self.mine, (self.rank + 1) * self.mine)
        windows, shares = fill(windows[mine], windows[:1], self.mine), fill(shares[mine], shares[:1] * 0, self.mine)
        pieces = list(zip(windows.split(self.piece), shares.split(self.piece)))
        rate = learning_rate_at(run, self.at)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        # A resumed run drops what an uninterrupted one would have dropped.
        torch.manual_seed(nth(run["seed"], DROPOUT, self.at * ranks + self.rank) >> 1)
        self.model.train()
        total = 0.0
        for index, (window, share) in enumerate(pieces):
            last = index + 1 == len(pieces)
            # DDP adds up processes' gradients once a step; FSDP2 each time, so that whole gradients are never kept.
            keep = hasattr(self.model, "no_sync") and not self.deepspeed and not last
            self.accelerator.sync_gradients = last or not self.deepspeed
            with self.model.no_sync() if keep else contextlib.nullcontext():
                loss = (self.losses(window, run["label_smoothing"]) * share).sum()
                # Processes' gradients are averaged, and the shares are of the whole step.
                self.accelerator.backward(loss * ranks)
            total += loss.item()
        if self.deepspeed:  # It has clipped and updated at the end of the last backward pass.
            norm = float(self.model.get_global_grad_norm())
        else:
            norm = torch.nn.utils.clip_grad_norm_(self.trained.values(), run["gradient_clipping"] or math.inf)
            norm = (norm.full_tensor() if isinstance(norm, DTensor) else norm).item()
            if math.isfinite(norm):
                self.optimizer.step()
            else:  # The step counts, and changes nothing.
                for state in self.optimizer.state.values():
                    state["step"] += 1
            self.optimizer.zero_grad()
        self.at += 1
        loss, stop = self.summed(total, stop)
        return loss, rate, norm, stop > 0

    @torch.no_grad()
    def evaluate(self, split):
        """Mean loss over the evaluation's windows; each process has as many, repeated ones not counting."""
        self.model.eval()
        starts = self.bundle.evaluation(split)
        count = -(-len(starts) // self.ranks)
        own = starts[self.rank :: self.ranks]
        windows = self.bundle.windows(split, own + starts[:1] * (count - len(own)))
        counts = self.counted(windows)
        total = sum(
            losses.double()[: max(len(own) - index * self.piece, 0)].sum().item()
            for index, losses in enumerate(map(self.losses, windows.split(self.piece)))
        )
        total, count = self.summed(total, counts[: len(own)].sum().item())
        return total / max(count, 1)

    @torch.no_grad()
    def sample(self):
        """A text by the model as it is. Every process writes the same one: sharded layers must be called by all."""
        folder, prompt = self.bundle.folder / "model", self.run["sample_prompt"]
        if not (folder / "tokenizer.json").exists():
            return None, "the bundle has no tokenizer.json"
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        ids = tokenizer(prompt, return_tensors="pt").input_ids.long()
        count = min(self.run["sample_tokens"], self.run["context_length"] - ids.shape[1])
        if not ids.numel() or count < 1:
            return None, "the prompt is empty, or fills the context"
        self.model.eval()
        torch.manual_seed(nth(self.run["seed"], EVALUATION, self.at) >> 1)
        ids = ids.to(self.device)
        written = self.accelerator.unwrap_model(self.model).generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=count,
            do_sample=True,
            temperature=0.8,
            top_k=0,
            use_cache=True,
            pad_token_id=tokenizer.eos_token_id or 0,
            synced_gpus=self.ranks > 1,
        )
        return prompt + tokenizer.decode(written[0, ids.shape[1] :]), None

    def save(self, out, val_loss):
        """A checkpoint in whole tensors; its state.json comes last, and without it there is no checkpoint."""
        folder, shards = out / f"checkpoint-{self.at}", self.arguments.shards
        if self.main:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "state.json").unlink(missing_ok=True)
        moments = {f"{kind}.{name}": self.shapes[name] for kind in MOMENTS for name in self.trained}
        files = write_tensors(folder, "model", self.shapes, lambda name: self.whole(None, name), shards, self.main)
        files += write_tensors(folder, "optimizer", moments, lambda name: self.whole(*name.split(".", 1)), shards, self.main)
        if self.main:
            # With these, transformers opens the checkpoint as it is.
            for path in sorted((self.bundle.folder / "model").glob("*.json")):
                if not path.name.endswith(".index.json"):
                    files.append(shutil.copy(path, folder / path.name).name)
            state = {
                "format": "glasshouse-bundle-checkpoint",
                "version": 1,
                "step": self.at,
                "tokens_seen": self.at * self.bundle.batch * self.bundle.accumulate * self.bundle.context,
                "val_loss": val_loss,
                "files": {name: checksum(folder / name) for name in files},
                "bundle": self.bundle.checksum,
            }
            beside = folder / "state.json.partial"
            beside.write_text(json.dumps(state, indent=1))
            beside.replace(folder / "state.json")
            for old in checkpoints(out)[: -self.arguments.keep]:
                shutil.rmtree(old)
        self.accelerator.wait_for_everyone()
        return folder


# ---- The run --------------------------------------------------------------------------------------------------------------------


def checkpoints(out):
    """Folders of the checkpoints in `out`, oldest first."""
    found = [(int(match[1]), path) for path in out.glob("checkpoint-*") if (match := re.fullmatch(r"checkpoint-(\d+)", path.name))]
    return [path for _, path in sorted(found) if (path / "state.json").exists()]


def resume_from(out, bundle):
    """(folder with weights, step) of the newest checkpoint in `out`, or of the bundle."""
    found = checkpoints(out)
    if not found:
        return bundle.folder / "model", bundle.run["step"]
    state = read_json(found[-1] / "state.json")
    if state["bundle"] != bundle.checksum:
        raise SystemExit(f"{found[-1]}: belongs to another bundle; choose another --out")
    for name, expected in state["files"].items():
        if not (found[-1] / name).exists() or checksum(found[-1] / name) != expected:
            raise SystemExit(f"{found[-1] / name}: missing or changed; delete {found[-1].name} to continue from the one before it")
    return found[-1], state["step"]


class Metrics:
    """metrics.jsonl, which the first process writes, and what it prints."""

    def __init__(self, out, step, writes):
        self.file, self.best = None, None
        if not writes:
            return
        out.mkdir(parents=True, exist_ok=True)
        path = out / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        # What came after the checkpoint is done again.
        events = [json.loads(line) for line in lines if line.endswith("}")]
        events = [event for event in events if event.get("step", step) <= step]
        losses = [event["val_loss"] for event in events if event["event"] == "eval" and event["step"] > 0]
        self.best = min((loss for loss in losses if loss is not None), default=None)
        path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
        self.file = open(path, "a", encoding="utf-8")

    def emit(self, event, **fields):
        if self.file is None:
            return
        fields = {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in fields.items()}
        self.file.write(json.dumps({"event": event, **fields}) + "\n")
        self.file.flush()
        shown = {key: f"{value:.6g}" if isinstance(value, float) else value for key, value in fields.items()}
        words = [f"{key} {value}" for key, value in shown.items()]
        print(*([] if event == "step" else [event]), *words, flush=True)


def train(bundle, arguments):
    """The run, from the newest checkpoint on; returns the signal that ended it, or 0."""
    run, out, signals = bundle.run, arguments.out, []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: signals.append(received))
    folder, first = resume_from(out, bundle)
    trainer = Trainer(bundle, arguments, folder, first)
    metrics = Metrics(out, first, trainer.main)
    layout = trainer.layout()
    if trainer.main:
        (out / "processes.json").write_text(json.dumps(layout, indent=1))
    about = "{kind}, {processes} on {device}, {sharded} of {parameters} parameters sharded".format(**layout)
    for text in [about, *trainer.notices]:
        metrics.emit("notice", text=text)
    end = min(arguments.stop_after or run["steps"], run["steps"])
    began, training, bad, saved = time.monotonic(), 0.0, 0, None if first == run["step"] else first
    train_loss = val_loss = None
    tokens = bundle.batch * bundle.accumulate * bundle.context

    def due(interval):
        return interval > 0 and (trainer.at % interval == 0 or trainer.at == run["steps"])

    def look():
        """Evaluates and writes a sample where they are due; they change no number."""
        nonlocal train_loss, val_loss
        if due(run["eval_interval"]) and not arguments.no_evaluation:
            train_loss, val_loss = trainer.evaluate("train"), trainer.evaluate("validation")
            best = trainer.at > 0 and (metrics.best is None or val_loss < metrics.best)
            metrics.best = val_loss if best else metrics.best
            metrics.emit("eval", step=trainer.at, train_loss=train_loss, val_loss=val_loss, best=best)
        if due(run["sample_interval"]) and not arguments.no_evaluation:
            text, problem = trainer.sample()
            if text is None:
                metrics.emit("notice", text=f"no sample at step {trainer.at}: {problem}")
            else:
                metrics.emit("sample", step=trainer.at, text=text)

    def save():
        nonlocal saved
        evaluated = val_loss if due(run["eval_interval"]) else None
        path, saved = trainer.save(out, evaluated), trainer.at
        metrics.emit("checkpoint", step=trainer.at, path=str(path), best=evaluated is not None and evaluated == metrics.best)

    if first == 0:
        look()
    stop = False
    while trainer.at < end and not stop:
        before = time.monotonic()
        loss, rate, norm, stop = trainer.step(len(signals))
        seconds = time.monotonic() - before
        training += seconds
        skipped = not math.isfinite(norm)
        numbers = {"loss": loss, "lr": rate, "grad_norm": norm, "tokens_per_s": tokens / max(seconds, 1e-9)}
        metrics.emit("step", step=trainer.at, **numbers, skipped=skipped)
        bad = bad + 1 if skipped or not math.isfinite(loss) else 0
        if bad >= DIVERGED_AFTER:
            raise SystemExit(f"training diverged: no finite gradient in the {bad} steps up to {trainer.at}; checkpoints are safe")
        if not stop:
            look()
        if due(run["checkpoint_interval"]) and not stop:
            save()
    if saved != trainer.at and trainer.at > first:
        save()
    metrics.emit(
        "done",
        step=trainer.at,
        finished=trainer.at == run["steps"],
        train_loss=train_loss,
        val_loss=val_loss,
        best_val_loss=metrics.best,
        seconds=time.monotonic() - began,
        tokens_per_s=(trainer.at - first) * tokens / max(training, 1e-9),
    )
    if dist.is_initialized():
        # A process that leaves while another still speaks to it would end that one with an error.
        dist.barrier()
        dist.destroy_process_group()
    return signals[0] if signals else 0


def main():
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=here, help="the bundle's folder (this file's)")
    parser.add_argument("--out", type=Path, help="where metrics and checkpoints go (BUNDLE/out)")
    parser.add_argument("--cpu", action="store_true", help="train on CPUs even if there are GPUs")
    parser.add_argument("--shard", action="store_true", help="shard with fully_shard, without Accelerate; needs torchrun")
    parser.add_argument(
        "--bf16", action=argparse.BooleanOptionalAction, help="compute in bfloat16; weights and moments stay in 32 bits"
    )
    parser.add_argument("--recompute", action="store_true", help="compute layers again in the backward pass, for less memory")
    parser.add_argument("--micro-batch", type=int, help="windows per process and pass (batch_size)")
    parser.add_argument("--shards", type=int, default=1, help="number of files for a checkpoint's weights (1)")
    parser.add_argument("--keep", type=int, default=3, help="number of newest checkpoints to keep (3)")
    parser.add_argument("--stop-after", type=int, metavar="STEP", help="stop after this step of the run; the schedule stays")
    parser.add_argument("--no-dropout", action="store_true", help="train without dropout, as verify does")
    parser.add_argument("--no-evaluation", action="store_true", help="do not evaluate or write samples")
    arguments = parser.parse_args()
    for name in ("shards", "keep", "micro_batch"):
        if getattr(arguments, name) is not None and getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')} must be at least 1")
    arguments.out = arguments.out or arguments.bundle / "out"
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    received = train(Bundle(arguments.bundle), arguments)
    return 128 + received if received else 0


if __name__ == "__main__":
    sys.exit(main())
