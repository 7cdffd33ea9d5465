"""What is measured, part by part: each asks the program, or PyTorch, and gives back figures."""

import json
import math
import os
import platform
import re
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent

# Models so small that a software adapter does a step in milliseconds.
TINY = [
    "model.layers=1", "model.width=32", "model.heads=2", "model.kv_heads=2", "model.head_size=16", "model.mlp.hidden=64",
    "model.context_length=32", "train.batch_size=2", "train.accumulate=1",
]  # fmt: skip


class Failed(Exception):
    """Something that was asked for went wrong; what, in words."""


class NoTime(Exception):
    """A part's time is over."""


def last_lines(text, lines=6, characters=800):
    return "\n".join(text.strip().splitlines()[-lines:])[-characters:]


class Clock:
    """The time that a part has."""

    def __init__(self, seconds):
        self.end = time.monotonic() + seconds

    def left(self):
        return self.end - time.monotonic()

    def expect(self, seconds):
        """Ends the part where it has less than so long left."""
        if self.left() < seconds:
            raise NoTime


@dataclass
class Day:
    """What is measured with what."""

    program: str
    device: str
    python: str
    text: str
    work: Path
    tiny: bool
    long: bool
    device_name: str = None
    peak_gflop_per_s: float = None
    # What parts found, by their names.
    found: dict = field(default_factory=dict)

    def environment(self):
        # A cache of its own: kernels are tuned anew, and nothing that this machine keeps is changed.
        return {**os.environ, "XDG_CACHE_HOME": str(self.work / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}

    def version(self):
        return self.run([self.program, "--version"], 30)[0].strip()

    def run(self, command, seconds, accept=(0,), given=None, partly=False):
        """What a command says on both channels. Failed where it fails, NoTime where it takes too long, unless what it said until then will do."""
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE if given is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self.environment(),
            cwd=self.work,
            start_new_session=True,
        )
        try:
            out, err = process.communicate(given, timeout=max(seconds, 0.1))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            if not (partly and out):
                raise NoTime from None
        if process.returncode not in accept and not (partly and out):
            raise Failed(f"ended with {process.returncode}: {last_lines(err or out)}")
        return out, err

    def ask(self, words, clock, accept=(0,)):
        """The JSON lines of a command of the program, on the device."""
        clock.expect(1)
        out, _ = self.run([self.program, *words, "--device", self.device or "auto", "--json"], clock.left(), accept)
        lines = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
        if lines and lines[-1].get("event") == "error":
            raise Failed(lines[-1]["message"])
        return lines

    def torch(self, work, request, clock):
        """The JSON lines that with_torch.py answers a request with. Lines that came before it failed count."""
        clock.expect(5)
        command = [self.python, HERE / "with_torch.py", work, f"{clock.left() - 3:.0f}", 1 if self.tiny else 0]
        out, _ = self.run(command, clock.left(), given=json.dumps(request), partly=True)
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]

    def preset(self, name, settings=()):
        """The words that choose a model."""
        words = ["--preset", name]
        for setting in [*(TINY if self.tiny else []), *settings]:
            words += ["--set", setting]
        return words


def host():
    """The machine around the device."""

    def first_line(file, beginning):
        try:
            lines = Path(file).read_text(errors="replace").splitlines()
        except OSError:
            return None
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(beginning)), None)

    def said(*command):
        if not shutil.which(command[0]):
            return None
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10, errors="replace")
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip()[:2000] or None

    drivers = [str(file) for folder in ("/etc", "/usr/share") for file in Path(folder, "vulkan/icd.d").glob("*.json")]
    wanted = "name,driver_version,memory.total,clocks.max.sm,clocks.max.memory,power.limit"
    return {
        "system": f"{platform.system()} {platform.release()}, {platform.machine()}, libc {'-'.join(platform.libc_ver())}",
        "processor": first_line("/proc/cpuinfo", "model name") or platform.processor(),
        "cores": os.cpu_count(),
        "memory": first_line("/proc/meminfo", "MemTotal"),
        "vulkan_drivers": sorted(drivers),
        "nvidia_smi": said("nvidia-smi", f"--query-gpu={wanted}", "--format=csv,noheader"),
        "rocm_smi": said("rocm-smi", "--showproductname"),
    }


# ---- Parts ----------------------------------------------------------------------------------------------------------------
# Each takes the day, its clock and a dictionary, which it fills as figures come, so that those that came before a failure count.


def devices(day, clock, figures):
    out, _ = day.run([day.program, "devices", "--json"], clock.left())
    found = json.loads(out)
    figures.update(found)
    adapters = found["adapters"]
    if day.device is None:
        real = [adapter for adapter in adapters if not adapter["software"]]
        if not real:
            names = ", ".join(adapter["name"] for adapter in adapters) or "no adapter at all"
            raise Failed(f"Vulkan finds no real GPU here ({names}): is the driver's ICD file in vulkan/icd.d, with graphics allowed in a container?")
        day.device = real[0]["name"]
    chosen = next((adapter for adapter in adapters if day.device.lower() in adapter["name"].lower()), None)
    if chosen is None:
        raise Failed(f"no adapter is called {day.device}")
    day.device_name = chosen["name"]
    figures["chosen"] = chosen


def selftest(day, clock, figures):
    figures.update(day.ask(["selftest"], clock, accept=(0, 1))[-1])
    wrong = [row["what"] for row in figures["rows"] if not row["deviation"] <= row["bound"]]
    figures["passed"] = not wrong
    if wrong:
        raise Failed(f"too far from the reference: {'; '.join(wrong)}")


def variants(day, clock, figures):
    clock.expect(3)
    # A software adapter takes a second to build a variant: there a few of each operation will do.
    seconds = 20 if day.tiny else max(clock.left() - 15, 1)
    words = ["selftest", "--variants", "--seconds", f"{seconds:.0f}"]
    figures.update(day.ask(words, Clock(clock.left() + 120), accept=(0, 1))[-1])
    wrong = sum(row["wrong"] for row in figures["rows"])
    figures["passed"] = wrong == 0
    if wrong:
        raise Failed(f"{wrong} results too far from the reference")


def kernels(day, clock, figures):
    for preset, settings in (("nanogpt-gpu", ()), ("gpt2-124m", ("train.accumulate=1",))):
        for precision in ("f32", "mixed"):
            if precision == "mixed" and not has_half(day):
                continue
            name = f"{preset} {precision}"
            words = ["bench", "kernel", *day.preset(preset, settings), "--precision", precision]
            # A software adapter builds a variant in a second: there one model is enough to see the choice made.
            if day.tiny and name != "nanogpt-gpu f32":
                words.append("--no-autotune")
            attempt(figures, name, lambda words=words: kernel_lines(day.ask(words, clock)))
    lines = figures.get("nanogpt-gpu f32", {}).get("lines")
    day.peak_gflop_per_s = lines and figures["nanogpt-gpu f32"]["peak_gflop_per_s"]


def kernel_lines(lines):
    """The figures of `bench kernel` without what all lines share."""
    if not lines:
        raise Failed("no kernel was measured")
    shared = ("peak_gflop_per_s", "peak_gb_per_s")
    left_out = {*shared, "bench", "config", "device", "groups"}
    own = [{key: value for key, value in line.items() if key not in left_out} for line in lines]
    return {
        **{key: lines[0][key] for key in shared},
        "variants": lines[0]["device"].get("variants", {}),
        "ms_per_step": sum(line["ms_per_step"] for line in lines),
        "lines": own,
    }


def products(day, clock, figures):
    """The matrix products of the steps that `kernels` measured, by cuBLAS."""
    for name in ("nanogpt-gpu f32", "gpt2-124m f32"):
        lines = day.found.get("kernels", {}).get(name, {}).get("lines")
        if not lines:
            figures[name] = {"error": "its kernels were not measured"}
            continue
        sizes = [dict(line, **size) for line in lines if (size := product(line))]
        asked = [{key: line[key] for key in ("kind", "rows", "inner", "columns")} for line in sizes]
        attempt(figures, name, lambda asked=asked, sizes=sizes: beside(sizes, day.torch("products", asked, clock)))


def product(line):
    """Rows, inputs and outputs of a kernel that is a linear layer's product, out of its operands and operations."""
    kind = re.sub("_(tiled|cooperative)$", "", line["kernel"].split(":")[0])
    if kind not in ("linear", "linear_few", "linear_input_backward", "linear_weight_backward") or not line.get("gflop_per_s"):
        return None
    operands = [[int(side) for side in shape.split("x")] for shape in line["shapes"].split(" -> ")[0].split()]
    first, second = (operand[-1] for operand in operands[:2])
    outputs, inputs = operands[1][0], second
    flops = line["gflop_per_s"] * 1e9 * line["ms"] * 1e-3
    rows_of = lambda operand: max(1, math.prod(operand[:-1]))
    if kind == "linear_weight_backward" and abs(flops / (2 * first * second) / rows_of(operands[0]) - 1) < 1e-3:
        outputs = first
    # A chunk of the head's rows has fewer than its operands.
    rows = max(1, round(flops / (2 * outputs * inputs)))
    kind = "linear" if kind == "linear_few" else kind
    return {"kind": kind, "rows": rows, "inner": inputs, "columns": outputs}


def beside(ours, theirs):
    """Our products and cuBLAS's, and what all of them in a step come to."""
    device = theirs[0]["device"]
    rows, sums = [], {}
    for line, other in zip(ours, theirs[1:]):
        row = {key: line[key] for key in ("kernel", "scope", "count", "kind", "rows", "inner", "columns", "ms")}
        row["torch_ms"] = other["ms"]
        rows.append(row)
        for name, ms in other["ms"].items():
            mine, their = sums.get(name, (0.0, 0.0))
            sums[name] = (mine + line["count"] * line["ms"], their + line["count"] * ms)
    share = {name: their / mine for name, (mine, their) in sums.items() if mine > 0.0}
    return {"device": device, "rows": rows, "share_of_torch": share, "compared": len(rows), "of": len(ours)}


def step_ways(day):
    """Name, preset, settings and further words of the steps that are timed, the most telling first."""
    plain = ("train.accumulate=1",)
    batch = lambda count: ("train.batch_size=2",) if day.tiny else (f"train.batch_size={count}",)
    still = ("model.dropout.embedding=0", "model.dropout.attention=0", "model.dropout.residual=0")
    again = ("train.activation_checkpointing=true",)
    nanogpt, cpu, gpt2 = ("nanogpt-gpu", batch(64)), ("nanogpt-cpu", ()), ("gpt2-124m", plain + batch(4))
    models = (nanogpt, gpt2, cpu)
    ways = [(preset, settings, precision, "") for preset, settings in models for precision in ("f32", "mixed")]
    ways += [("nanogpt-gpu", batch(64) + still, precision, "without dropout") for precision in ("f32", "mixed")]
    ways += [("gpt2-124m", plain + batch(16), precision, "batch 16") for precision in ("mixed", "f32")]
    ways += [(preset, settings, precision, "without autotune") for precision in ("f32", "mixed") for preset, settings in models]
    ways += [(preset, settings, precision, "without autotune and fusions") for precision in ("f32", "mixed") for preset, settings in models]
    ways += [(preset, settings + again, precision, "with activation checkpointing") for precision in ("f32", "mixed") for preset, settings in models]
    ways += [("gpt2-124m", plain + batch(8), precision, "batch 8") for precision in ("f32", "mixed")]
    # A trial takes each thing that is varied once, of the first model that has it.
    return list({way[2:]: way for way in reversed(ways)}.values()) if day.tiny else ways


def steps(day, clock, figures):
    half = has_half(day)
    for preset, settings, precision, how in step_ways(day):
        if precision == "mixed" and not half:
            continue
        name = f"{preset} {precision}" + (f", {how}" if how else "")
        repeats = 3 if day.tiny else {"nanogpt-cpu": 40, "nanogpt-gpu": 12}.get(preset, 5)
        words = ["bench", "step", *day.preset(preset, settings), "--precision", precision, "--repeats", repeats]
        words += ["--no-autotune"] if how.startswith("without autotune") or (day.tiny and how) else []
        words += ["--unfused"] if how.endswith("fusions") else []
        attempt(figures, name, lambda words=words: day.ask(words, clock)[-1])
        measured = figures.get(name, {})
        if measured.get("flops_per_s") and day.peak_gflop_per_s:
            measured["share_of_f32_peak"] = measured["flops_per_s"] / day.peak_gflop_per_s / 1e9


def torch_steps(day, clock, figures):
    """PyTorch's steps on the same shapes, eager and compiled."""
    ways = [(model, mode, precision) for mode in ("eager", "compiled") for model in ("nanogpt-gpu", "gpt2-124m", "nanogpt-cpu") for precision in ("f32", "tf32", "bf16")]  # fmt: skip
    request = [
        {"model": model, "mode": mode, "precision": precision, "batch": {"nanogpt-gpu": 64, "gpt2-124m": 4}.get(model, 12), "tiny": day.tiny}
        for model, mode, precision in ways
    ]
    for line in day.torch("steps", request, clock):
        if "model" in line:
            name = f"{line['model']} {line['mode']} {line['precision']}"
            figures[name] = {key: value for key, value in line.items() if key not in ("model", "mode", "precision")}
        else:
            figures["torch"] = line
    if len(figures) <= len(ways):
        raise NoTime


def decode(day, clock, figures):
    for preset in ("gpt2-124m", "nanogpt-gpu"):
        for precision in ("f32", "mixed"):
            if precision == "mixed" and not has_half(day):
                continue
            words = ["bench", "decode", *day.preset(preset), "--precision", precision, "--repeats", 2 if day.tiny else 3]
            attempt(figures, f"{preset} {precision}", lambda words=words: day.ask(words, clock)[-1])


def losses(day, clock, figures):
    presets = ["nanogpt-cpu", *(["nanogpt-gpu"] if day.long else [])]
    for preset in presets:
        words = ["selftest", "--losses", "--preset", preset, "--steps", 2 if day.tiny else 200]
        words += ["--seconds", f"{max(clock.left() / len(presets) - 5, 1):.0f}"]
        words += ["--data", day.text] if day.text else []
        attempt(figures, preset, lambda words=words: day.ask(words, Clock(clock.left() + 60), accept=(0, 1))[-1])
    wrong = [f"{row['way']}: {row['error'] or row['apart']}" for found in figures.values() for row in found.get("rows", []) if not passed(row)]
    if wrong:
        raise Failed(f"ended elsewhere than 32 bits: {'; '.join(wrong)}")


def passed(row):
    return row["error"] is None and row["apart"] is not None and row["apart"] <= row["bound"]


def curve(day, clock, figures):
    """A real run, for as many steps as there is time for."""
    steps = 20 if day.tiny else 5000 if day.long else 2000
    settings = ["train.eval_batches=2"] if day.tiny else [] if day.long else ["train.eval_batches=20"]
    words = [day.program, "train", *day.preset("nanogpt-gpu", settings), "--stop-after", steps, "--json"]
    words += ["--device", day.device or "auto", "--project", day.work / "run"]
    words += ["--data", day.text] if day.text else []
    words += ["--set", "train.eval_interval=10"] if day.tiny else []
    clock.expect(5)
    process = subprocess.Popen(
        [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
        env=day.environment(), cwd=day.work,
    )  # fmt: skip
    # Interrupted, the program finishes its step and saves; one that does not is ended.
    over = threading.Timer(max(clock.left() - 10, 1), process.send_signal, [signal.SIGINT])
    dead = threading.Timer(clock.left() + 30, process.kill)
    for timer in (over, dead):
        timer.daemon = True
        timer.start()
    complaints = []
    reader = threading.Thread(target=lambda: complaints.append(process.stderr.read()), daemon=True)
    reader.start()
    losses, evaluations, done, began, error = [], [], {}, time.monotonic(), None
    for line in process.stdout:
        event = json.loads(line) if line.startswith("{") else {}
        kind = event.get("event")
        if kind == "step":
            losses.append((event["step"], event["loss"], round(event["tokens_per_s"])))
        elif kind == "eval":
            evaluations.append({key: event[key] for key in ("step", "train_loss", "val_loss")})
        elif kind == "sample":
            figures["sample"] = event["text"][-600:]
        elif kind == "done":
            done = {key: event[key] for key in ("step", "finished", "best_val_loss", "seconds", "tokens_per_s")}
        elif kind == "error":
            error = event["message"]
    process.wait()
    reader.join(5)
    over.cancel()
    dead.cancel()
    every = max(1, len(losses) // 200)
    figures.update(
        steps=losses[-1][0] if losses else 0,
        wanted=steps,
        seconds=round(time.monotonic() - began, 1),
        losses=[point for at, point in enumerate(losses) if at % every == 0 or at + 1 == len(losses)],
        last_100=mean([loss for _, loss, _ in losses[-100:] if loss is not None]),
        evaluations=evaluations,
        done=done,
        text=os.path.basename(day.text) if day.text else "the built-in stories",
    )
    if not losses:
        raise Failed(error or f"ended with {process.returncode}: {last_lines(''.join(complaints))}")
    if figures["steps"] < steps:
        raise NoTime


def mean(numbers):
    return sum(numbers) / len(numbers) if numbers else None


def has_half(day):
    chosen = day.found.get("devices", {}).get("chosen", {})
    return "mixed" in chosen.get("precisions", [])


def attempt(figures, name, work):
    """One figure: its failure is told in its place, and the next has its turn; out of time ends the part."""
    try:
        figures[name] = work()
    except (Failed, OSError, ValueError, KeyError, IndexError) as error:
        figures[name] = {"error": f"{type(error).__name__}: {error}" if not isinstance(error, Failed) else str(error)}


@dataclass
class Part:
    """A part of the report, and the seconds that it has at least and at most."""

    name: str
    title: str
    work: object
    least: float
    most: float
    most_long: float

    def run(self, day, seconds):
        """Its figures, with how it went: done, partly done for want of time, failed or left out."""
        began, figures, state, why = time.monotonic(), {}, "done", None
        try:
            if seconds < 2:
                state, why = "left out", "no time was left"
            else:
                self.work(day, Clock(seconds), figures)
        except NoTime:
            state, why = "partly done" if figures else "left out", f"its {seconds:.0f} s were over"
        except Failed as error:
            state, why = "failed", str(error)
        except Exception as error:  # noqa: BLE001: a part must never cost the others
            state, why = "failed", f"{type(error).__name__}: {error}"
        errors = [name for name, found in figures.items() if isinstance(found, dict) and found.get("error")]
        if state == "done" and errors:
            state, why = "failed", f"{len(errors)} of {len(figures)}: {', '.join(errors)[:300]}"
        day.found[self.name] = figures
        return {"title": self.title, "state": state, "why": why, "seconds": round(time.monotonic() - began, 1), "figures": figures}


PARTS = [
    Part("devices", "Adapters and features", devices, 3, 30, 30),
    Part("selftest", "Self-test against the reference", selftest, 10, 40, 60),
    Part("kernels", "Kernels and their share of peak", kernels, 50, 110, 180),
    Part("products", "The same products by cuBLAS", products, 12, 40, 60),
    Part("steps", "Whole steps", steps, 60, 130, 300),
    Part("torch_steps", "PyTorch's steps", torch_steps, 40, 90, 300),
    Part("curve", "A run and its loss curve", curve, 60, 150, 900),
    Part("losses", "Loss parity of every tier", losses, 25, 60, 200),
    Part("decode", "Writing, one text at a time", decode, 12, 40, 60),
    Part("variants", "Every variant of every kernel", variants, 45, 120, 600),
]
