"""The peers in Chromium: Glasshouse through its JavaScript API, jax-js and TensorFlow.js, the latter two installed by npm."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import glasshouse
from surroundings import CACHE, HERE, PEERS, REPOSITORY, Unavailable, answer, install


def place():
    """The scripts beside their packages: Node finds packages beside a script only, and the repository holds none."""
    source, target = HERE / "browser", PEERS / "browser"
    target.mkdir(parents=True, exist_ok=True)
    for file in source.glob("*.*js"):
        shutil.copy(file, target)
    lock = (source / "package-lock.json").read_bytes()
    mark = target / "installed"
    if not mark.exists() or mark.read_bytes() != lock:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, target)
        install(["npm", "ci", "--prefix", target, "--ignore-scripts", "--no-audit", "--no-fund"])
        mark.write_bytes(lock)
    return target


def dist():
    """The built web app: GLASSHOUSE_DIST, or where tests/run and web/build put it."""
    for folder in (os.environ.get("GLASSHOUSE_DIST"), CACHE / "dist", REPOSITORY / "dist"):
        if folder and (Path(folder) / "glasshouse.js").is_file():
            return Path(folder)
    raise Unavailable("no built web app; run web/build, or name one in GLASSHOUSE_DIST")


def measure(config, repeats, problem, page, device, isolated=False):
    """What a page measured; `device` as the page's library calls it."""
    ours = page == "glasshouse.js"
    wish = {
        "peer": page,
        "options": {"config": dataclasses.asdict(config), "device": device, "repeats": repeats},
        "problem": str(problem),
        "dist": str(dist()) if ours else "",
        "isolated": isolated,
    }
    told = answer(["node", place() / "drive.mjs", json.dumps(wish)])
    found = glasshouse.figures(told["report"], told.get("loss20")) if ours else told
    return found | {"device": f"{found['device']} in Chromium {told['browser']}", "isolated": told["isolated"]}
