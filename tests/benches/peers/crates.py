"""The Rust peers, burn and candle: small crates in this folder, built once for this CPU."""

import os
import shutil
import statistics
from pathlib import Path

from surroundings import CACHE, HERE, Unavailable, answer, install


def program(crate, features=()):
    """Builds a crate, politely, and returns its program. GLASSHOUSE_PEERS_BUILD=never takes what is built already."""
    target = Path(os.environ.get("GLASSHOUSE_PEERS_TARGET", CACHE / "target-peers"))
    plain = target / f"release/peer-{crate}"
    built = plain.with_name("-".join([plain.name, *features]))
    if os.environ.get("GLASSHOUSE_PEERS_BUILD") == "never":
        if not built.exists():
            raise Unavailable("is not built, and GLASSHOUSE_PEERS_BUILD is never")
        return built
    command = ["nice", "-n", "15", "cargo", "build", "--release", "--locked"]
    if features:
        command += ["--features", ",".join(features)]
    # As candle's own examples are built; burn gains, too.
    environment = os.environ | {"CARGO_TARGET_DIR": str(target), "RUSTFLAGS": "-C target-cpu=native"}
    install(command, cwd=HERE / crate, env=environment)
    if features:
        # Programs of different features share their dependencies' builds, and would share their name.
        shutil.copy2(plain, built)
    return built


def candle(config, repeats, problem):
    """The quicker of candle with all threads and with one: its threads spin while they wait, and beside other work lose time."""
    command = [program("candle"), "train", problem, config.heads, repeats]
    found = {}
    for threads in {1, os.cpu_count()}:
        found[threads] = answer(command, env=os.environ | {"RAYON_NUM_THREADS": str(threads)})
    threads = min(found, key=lambda count: statistics.median(found[count]["milliseconds"]))
    return found[threads] | {"device": "cpu, 1 thread" if threads == 1 else f"cpu, {threads} threads"}


def burn(config, repeats, problem, backend):
    features = () if backend == "flex" else (backend,)
    return answer([program("burn", features), backend, problem, config.heads, repeats])
