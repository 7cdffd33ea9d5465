"""The report: JSON for programs, Markdown for people, both small enough to be kept in the repository."""

import json
import math
from pathlib import Path

# What is wanted of a graphics card: share of its f32 peak in the whole step, and of cuBLAS's speed in the step's products.
PEAK, CUBLAS = 0.40, 0.80


def write(found, folder, most_bytes):
    """Writes report.json and report.md; the least telling figures go first where both together are too large."""
    found["summary"] = summary(found)
    for thin in (lambda found: None, *THINNING):
        thin(found)
        data, text = json.dumps(found, indent=1, default=str), markdown(found)
        if len(data.encode()) + len(text.encode()) <= most_bytes:
            break
        data = json.dumps(found, separators=(",", ":"), default=str)
        if len(data.encode()) + len(text.encode()) <= most_bytes:
            break
    folder.mkdir(parents=True, exist_ok=True)
    Path(folder, "report.json").write_text(data + "\n", encoding="utf-8")
    Path(folder, "report.md").write_text(text, encoding="utf-8")


def figures(found, part):
    return found["parts"].get(part, {}).get("figures", {})


def without(part, *keys):
    """A thinning: what these keys hold is left out of all that a part found."""

    def clean(value):
        if isinstance(value, dict):
            return {key: clean(inner) for key, inner in value.items() if key not in keys}
        return [clean(inner) for inner in value] if isinstance(value, list) else value

    def thin(found):
        if part in found["parts"]:
            found["parts"][part]["figures"] = clean(found["parts"][part]["figures"])
            found.setdefault("left_out_for_size", []).append(f"{part}: {', '.join(keys)}")

    return thin


THINNING = [
    without("kernels", "candidates"),
    without("devices", "tuned"),
    without("losses", "curve"),
    without("variants", "left", "told"),
    without("kernels", "variants"),
    without("steps", "device"),
    without("products", "rows"),
    without("kernels", "lines"),
    without("curve", "losses"),
]

# ---- Summary --------------------------------------------------------------------------------------------------------------


def summary(found):
    """A row a bar: what is asked, what was found, and whether that is enough."""
    rows = []

    def bar(name, asked, share, detail):
        verdict = "not measured" if share is None else "reached" if share >= asked else "missed"
        rows.append({"bar": name, "asked": asked, "found": share, "verdict": verdict, "detail": detail})

    def correct(name, part, detail):
        entry = found["parts"].get(part)
        state = entry["state"] if entry else "left out"
        verdict = {"done": "passed", "partly done": "passed as far as it went", "failed": "FAILED"}.get(state, "not measured")
        rows.append({"bar": name, "asked": None, "found": None, "verdict": verdict, "detail": entry["why"] or detail if entry else ""})

    step = figures(found, "steps").get("nanogpt-gpu f32", {})
    bar("f32 peak in the nanogpt-gpu step", PEAK, step.get("share_of_f32_peak"), step_words(step))
    for model in ("nanogpt-gpu", "gpt2-124m"):
        products = figures(found, "products").get(f"{model} f32", {})
        share = products.get("share_of_torch", {}).get("f32")
        device = products.get("device", "")
        bar(f"cuBLAS f32 on the products of {model}", CUBLAS, share, f"PyTorch on {device}" if device else "")
        if device.startswith("the CPU"):
            rows[-1]["verdict"] = "no cuBLAS here"
    variants = figures(found, "variants")
    run = f"{variants['kernels']} of {variants['kernels_of_device']} kernels" if "kernels" in variants else ""
    correct("self-test", "selftest", "")
    correct("every variant of every kernel", "variants", run)
    correct("losses of every tier", "losses", "")
    best = [loss for point in figures(found, "curve").get("evaluations", []) if (loss := point["val_loss"]) is not None]
    ran = figures(found, "curve")
    if best:
        rows.append({"bar": "nanogpt-gpu, validation loss", "asked": None, "found": min(best), "verdict": f"after {ran['steps']} steps", "detail": "nanoGPT's best over 5,000 steps: 1.4697" if "shakespeare" in ran["text"] else ran["text"]})  # fmt: skip
    return rows


def step_words(step):
    return f"{step['ms_per_step']:.2f} ms per step, {figure(step['flops_per_s'] / 1e12)} TFLOP/s" if step.get("ms_per_step") else step.get("error", "")


# ---- Markdown -------------------------------------------------------------------------------------------------------------


def table(heads, rows):
    clean = lambda cell: str(cell).replace("|", "\\|").replace("\n", " ")
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(clean(cell) for cell in row) + " |" for row in rows] + [""]


def number(value, digits=2):
    return "—" if value is None else f"{value:,.{digits}f}"


def figure(value):
    """Three digits, or all before the point: a card's speeds and a software adapter's are far apart."""
    if not value:
        return "—" if value is None else "0"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def percent(value):
    return "—" if value is None else f"{100 * value:.0f} %"


def markdown(found):
    lines = [f"# {found.get('device') or 'No device'}, {found['date'][:10]}", ""]
    program, host = found["program"], found["host"]
    lines += [
        f"{program['version']} ({program['sha256'][:12]}), `tests/gpu/run {' '.join(found['arguments'])}`, {found.get('seconds', 0):.0f} s, text: {found['text']}.",
        f"{host['processor']}, {host['cores']} cores, {host['memory']}; {host['system']}; {host['nvidia_smi'] or host['rocm_smi'] or 'no vendor tool'}.",
        "",
    ]
    rows = [(row["bar"], percent(row["asked"]) if row["asked"] else "", shown(row), row["verdict"], row["detail"]) for row in found["summary"]]
    lines += table(("Bar", "Asked", "Found", "Verdict", ""), rows)
    rows = [(part["title"], part["state"], number(part["seconds"], 0), part["why"] or "") for part in found["parts"].values()]
    lines += table(("Part", "State", "Seconds", ""), rows)
    for name, part in found["parts"].items():
        section = SECTIONS[name](part["figures"])
        if section:
            lines += [f"## {part['title']}", "", *section]
    if found.get("left_out_for_size"):
        lines += [f"Left out for size: {'; '.join(found['left_out_for_size'])}.", ""]
    return "\n".join(lines)


def shown(row):
    if row["found"] is None:
        return ""
    return percent(row["found"]) if row["asked"] else number(row["found"], 4)


def devices(figures):
    rows = []
    for adapter in figures.get("adapters", []):
        limits = adapter["limits"]
        size = f"buffers {limits['buffer_bytes'] / 2**30:.1f} GiB, bindings {limits['binding_bytes'] / 2**30:.2f} GiB, {limits['workgroup_bytes']} B a workgroup"
        rows.append((adapter["name"], f"{adapter['backend']}, {adapter['driver']}", ", ".join(adapter["features"]), ", ".join(adapter["precisions"]), size))
    return table(("Adapter", "Driver", "Features", "Precisions", "Limits"), rows) if rows else []


def selftest(figures):
    rows = [(row["model"], row["what"], f"{number_or_text(row['deviation'])}", f"{row['bound']:.0e}") for row in figures.get("rows", [])]
    return table(("Model", "What", "Deviation", "Allowed"), rows) if rows else []


def number_or_text(value):
    return f"{value:.1e}" if isinstance(value, float) else str(value)


def variants(figures):
    rows = [
        (row["operation"], f"{row['cases']} of {row['of']}", row["runs"], *(number_or_text(row[kind]) if row["runs"] else "—" for kind in ("forward", "gradient")), row["wrong"] or "", "; ".join(row.get("told", [])[:2])[:400])
        for row in figures.get("rows", [])
    ]  # fmt: skip
    if not rows:
        return []
    left = figures.get("left", [])
    tail = [f"Kernels run: {figures['kernels']} of {figures['kernels_of_device']} in {figures['seconds']:.0f} s." + (f" No turn: {', '.join(left)[:600]}." if left else ""), ""]
    return table(("Operation", "Cases", "Runs", "Value off by", "Gradient off by", "Wrong", ""), rows) + tail


def kernels(figures):
    lines = []
    for name, found in figures.items():
        if "lines" not in found:
            lines += [f"{name}: {found.get('error', 'lines left out for size')}", ""]
            continue
        lines += [f"**{name}**: {found['ms_per_step']:.2f} ms per step, each kernel by itself; peak as measured {figure(found['peak_gflop_per_s'])} GFLOP/s, {figure(found['peak_gb_per_s'])} GB/s.", ""]
        most = sorted(found["lines"], key=lambda line: -line["ms_per_step"])[:16]
        rows = [(line["kernel"], line["shapes"], line["count"], number(line["ms"], 4), number(line["ms_per_step"], 3), figure(line.get("gflop_per_s")), figure(line["gb_per_s"]), percent(line["share_of_peak"]), line.get("chosen", "")) for line in most]  # fmt: skip
        lines += table(("Kernel", "Shapes", "Count", "ms", "ms per step", "GFLOP/s", "GB/s", "Share", "Chosen"), rows)
    return lines


def products(figures):
    lines = []
    for name, found in figures.items():
        if "share_of_torch" not in found:
            lines += [f"{name}: {found.get('error', '')}", ""]
            continue
        share = ", ".join(f"{percent(value)} of {precision}" for precision, value in found["share_of_torch"].items())
        lines += [f"**{name}** beside PyTorch on {found['device']}, all products of a step: {share}.", ""]
        rows = [(row["kind"], f"{row['rows']}×{row['inner']}×{row['columns']}", row["count"], number(row["ms"], 4), *(number(row["torch_ms"].get(key), 4) for key in ("f32", "tf32", "bf16")), percent(row["torch_ms"]["f32"] / row["ms"])) for row in found.get("rows", [])]  # fmt: skip
        lines += table(("Product", "Rows×inputs×outputs", "Count", "Ours, ms", "f32", "TF32", "bf16", "Share of f32"), rows) if rows else []
    return lines


def steps(figures):
    rows = [
        (name, found.get("batch_size"), number(found["ms_per_step"]), number(found.get("ms_per_step_together")), f"{found['tokens_per_s']:,.0f}", figure(found["flops_per_s"] / 1e12), percent(found.get("share_of_f32_peak")), percent(found.get("idle_share")), number(found.get("launch_overhead_us_per_dispatch")), f"{found['bytes'] / 1e6:,.0f}", f"{found['loss_first']:.3f} to {found['loss_last']:.3f}")
        if "ms_per_step" in found else (name, "", found.get("error", "")[:300], *[""] * 8)
        for name, found in figures.items()
    ]  # fmt: skip
    heads = ("Step", "Batch", "ms", "ms in a row", "Tokens/s", "TFLOP/s", "Of f32 peak", "Device idle", "µs per dispatch", "MB", "Loss")
    return table(heads, rows) if rows else []


def torch_steps(figures):
    torch = figures.get("torch", {})
    rows = [
        (name, found["batch"], number(found["ms_per_step"]), f"{found['tokens_per_s']:,.0f}", number(found["peak_bytes"] and found["peak_bytes"] / 1e6, 0), found["backend"] or "", number(found["warm_up_seconds"], 1), f"{found['loss_first']:.3f} to {found['loss_last']:.3f}")
        if "ms_per_step" in found else (name, "", found.get("error", "")[:300], *[""] * 5)
        for name, found in figures.items() if name != "torch"
    ]  # fmt: skip
    if not rows:
        return []
    return [f"torch {torch.get('torch')} on {torch.get('device')}; without dropout.", ""] + table(("Step", "Batch", "ms", "Tokens/s", "MB", "Compiler", "Warm-up, s", "Loss"), rows)


def decode(figures):
    rows = [
        (name, number(found["generated_tokens_per_s"], 0), number(found["ms_per_token"], 3), number(found["prompt_tokens_per_s"], 0), found["prompt_tokens"], found["generated_tokens"])
        if "ms_per_token" in found else (name, found.get("error", "")[:300], *[""] * 4)
        for name, found in figures.items()
    ]  # fmt: skip
    return table(("Model", "Tokens/s", "ms per token", "Prompt tokens/s", "Prompt", "Written"), rows) if rows else []


def losses(figures):
    lines = []
    for name, found in figures.items():
        if "rows" not in found:
            lines += [f"{name}: {found.get('error', '')}", ""]
            continue
        rows = [(row["way"], number(row["first"], 4), number(row["last"], 4), "—" if row["apart"] is None else f"{100 * row['apart']:.2f} %", row["skipped"], number(row["seconds"], 1), row["error"] or "") for row in found["rows"]]  # fmt: skip
        left = f" No time for: {'; '.join(found['left'])}." if found["left"] else ""
        lines += [f"{found['config']}, {found['steps']} steps; the end is the mean of the last 20.{left}", ""]
        lines += table(("Way", "First loss", "End", "Apart", "Skipped", "Seconds", ""), rows)
    return lines


def curve(figures):
    if not figures.get("steps"):
        return []
    done = figures.get("done", {})
    lines = [f"{figures['steps']} of {figures['wanted']} steps of nanogpt-gpu on {figures['text']} in {figures['seconds']:.0f} s, {number(done.get('tokens_per_s'), 0)} tokens/s; mean loss of the last {min(100, figures['steps'])} steps {number(figures['last_100'], 4)}.", ""]
    lines += table(("Step", "Training loss", "Validation loss"), [(point["step"], number(point["train_loss"], 4), number(point["val_loss"], 4)) for point in figures["evaluations"]])
    if figures.get("losses"):
        lines += ["```", *plot([(step, loss) for step, loss, _ in figures["losses"] if loss is not None]), "```", ""]
    if figures.get("sample"):
        lines += ["```", figures["sample"], "```", ""]
    return lines


def plot(points, width=72, height=14):
    """A curve in letters."""
    if len(points) < 2:
        return ["too few points"]
    low, high = min(loss for _, loss in points), max(loss for _, loss in points)
    first, last = points[0][0], points[-1][0]
    rows = [[" "] * width for _ in range(height)]
    for step, loss in points:
        column = round((step - first) / max(last - first, 1) * (width - 1))
        row = round((high - loss) / max(high - low, 1e-9) * (height - 1))
        rows[row][column] = "·"
    edge = lambda at: f"{high - (high - low) * at / (height - 1):7.3f} │"
    lines = [(edge(at) if at in (0, height // 2, height - 1) else " " * 8 + "│") + "".join(row).rstrip() for at, row in enumerate(rows)]
    return [*lines, " " * 8 + "└" + "─" * width, f"{'':9}{first}{last:>{width - len(str(first))}}"]


SECTIONS = {
    "devices": devices,
    "selftest": selftest,
    "kernels": kernels,
    "products": products,
    "steps": steps,
    "torch_steps": torch_steps,
    "curve": curve,
    "losses": losses,
    "decode": decode,
    "variants": variants,
}
