"""Measures a complete recipe on a large corpus with Glasshouse and datatrove, one after the other on the same two cores.

    python tests/benches/datatrove/throughput.py target/release/glasshouse [--bytes 200000000] [--peer-bytes 20000000]

`generate.py` makes the corpus. `data clean` processes all of it with the fineweb recipe and two threads (complete, and without
the language rule), and its first tenth, to show how memory depends on the corpus size. datatrove processes only the first bytes,
with the script of `data script` for the recipe without the language rule, in two processes. Both read JSON lines and write kept and
dropped documents. Needs a Python with datatrove, spacy and orjson. The last line is a JSON object.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent


def run(*command):
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True).stdout


def without_language(program, name, folder):
    """The recipe as a file, its language rule off."""
    path = folder / f"{name}.toml"
    path.write_text(run(program, "data", "recipe", name).replace("off = []", 'off = ["language"]', 1))
    return path


def timed(*command, environment=None):
    """Seconds, CPU seconds and the largest resident bytes of a command, and what it printed."""
    began = time.monotonic()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True, env=environment)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, command))} failed")
    seconds = time.monotonic() - began
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024}, output


def clean(program, source, folder, recipe):
    environment = {**os.environ, "RAYON_NUM_THREADS": "2"}
    figures, output = timed(
        program, "data", "clean", "--in", source, "--out", folder, "--recipe", recipe, "--json", environment=environment
    )
    events = [json.loads(line) for line in output.splitlines()]
    known = [one["memory_bytes_per_document"] for one in events if "memory_bytes_per_document" in one]
    figures["bytes_per_document"] = known[-1] if known else None
    return finish(figures, source)


def finish(figures, *sources):
    figures["megabytes"] = sum(source.stat().st_size for source in sources) / 1e6
    figures["megabytes_per_second"] = figures["megabytes"] / figures["seconds"]
    return figures


def head(source, target, most):
    """The first documents of a file, of at most so many bytes."""
    with open(source, "rb") as whole, open(target, "wb") as part:
        for line in whole:
            most -= len(line)
            if most < 0:
                break
            part.write(line)


def cut(source, folder, files):
    """The lines of a file in several, one after the other."""
    folder.mkdir()
    targets = [open(folder / f"kept-{number}.jsonl", "wb") for number in range(files)]
    with open(source, "rb") as whole:
        for number, line in enumerate(whole):
            targets[number % files].write(line)
    for target in targets:
        target.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", type=Path)
    parser.add_argument("--bytes", type=int, default=200_000_000)
    parser.add_argument("--peer-bytes", type=int, default=20_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus, tenth, peer = folder / "corpus.jsonl", folder / "tenth.jsonl", folder / "peer.jsonl"
        with open(corpus, "wb") as target:
            subprocess.run([sys.executable, HERE / "generate.py", str(given.bytes)], stdout=target, check=True)
        head(corpus, tenth, given.bytes // 10)
        head(corpus, peer, given.peer_bytes)
        recipe = without_language(given.program, "fineweb", folder)
        results = {"load_before": os.getloadavg()[0]}
        results["ours, fineweb"] = clean(given.program, corpus, folder / "whole", "fineweb")
        results["ours, without language"] = clean(given.program, corpus, folder / "plain", recipe)
        results["ours, without language, a tenth"] = clean(given.program, tenth, folder / "small", recipe)
        # The script starts from the folder that a cleaning writes.
        raw = folder / "raw"
        run(given.program, "data", "clean", "--in", peer, "--out", folder / "unchanged", "--recipe", "raw")
        cut(folder / "unchanged" / "kept.jsonl", raw, 2)
        script = folder / "script.py"
        script.write_text(run(given.program, "data", "script", "--recipe", recipe))
        figures, _ = timed(sys.executable, script, raw, folder / "theirs", "--tasks", 2, "--without-language")
        # Its work is done in processes that are not its children: what it took of CPUs and memory is not known here.
        results["datatrove, without language"] = finish({"seconds": figures["seconds"]}, peer)
        results["load_after"] = os.getloadavg()[0]
    for side, figures in results.items():
        if isinstance(figures, dict):
            line = (
                f"{side}: {figures['megabytes']:.0f} MB in {figures['seconds']:.1f} s, "
                f"{figures['megabytes_per_second']:.2f} MB/s"
            )
            if "peak_bytes" in figures:
                line += (
                    f", {figures['cpu_seconds']:.1f} s of CPU time, {figures['peak_bytes'] / 1e6:.0f} MB of memory at "
                    f"most, {figures['bytes_per_document']} bytes per document"
                )
            print(line)
    results["ratio"] = (
        results["ours, without language"]["megabytes_per_second"]
        / results["datatrove, without language"]["megabytes_per_second"]
    )
    print(json.dumps(results))


if __name__ == "__main__":
    main()
