"""Native Glasshouse, by `glasshouse bench step`, on a GPU adapter or the CPU.

It draws its own weights and tokens from the same distribution, so its losses are similar to the others' but not equal.
"""

from surroundings import Unavailable, answer, glasshouse_binary

# With the three steps of its warm-up, the last loss is the one after 20 updates.
TWENTY = 18
SLOW_MS = 5000.0


def settings(config):
    """The settings that make a preset the configuration."""
    dropout = [f"model.dropout.{kind}=0" for kind in ("embedding", "attention", "residual")]
    return {"preset": config.name, "batch": config.batch, "sets": dropout}


def measure(config, repeats, device):
    """The table's figures; `device` as `--device` takes it."""
    wanted = settings(config)
    command = [glasshouse_binary(), "bench", "step", "--json", "--preset", wanted["preset"], "--batch-size", wanted["batch"]]
    for setting in wanted["sets"]:
        command += ["--set", setting]
    return paced(lambda repeats: answer([*command, "--device", device, "--repeats", repeats]), repeats)


def paced(bench, repeats):
    """Two steps first; where they are slow, they are all."""
    first = bench(2)
    if first["ms_per_step"] > SLOW_MS:
        return figures(first, None)
    twenty = bench(TWENTY)
    measured = twenty if repeats == TWENTY else bench(repeats)
    return figures(measured, twenty["loss_last"])


def figures(report, loss20):
    """A report of `bench step` in the table's words."""
    device = report["device"]
    if not report.get("ms_per_step"):
        raise Unavailable("the bench reported nothing")
    name = device["name"]
    if workers := device.get("variants", {}).get("workers"):
        name = f"{name}, {workers}"
    elif threads := device.get("threads"):
        name = f"{name}, {threads} {'thread' if threads == 1 else 'threads'}"
    return {
        "device": name or "WebGPU",
        "ms_per_step": report["ms_per_step"],
        "ms_fastest": report["ms_fastest"],
        "ms_slowest": report["ms_slowest"],
        "steps": report["repeats"],
        "loss0": report["loss_first"],
        "loss20": loss20,
        "loss_last": report["loss_last"],
    }
