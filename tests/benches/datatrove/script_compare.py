"""The script that `glasshouse data script` prints, run here, beside `glasshouse data clean` by the same recipe.

    python tests/benches/datatrove/script_compare.py target/release/glasshouse [--recipes fineweb gopher c4 light]

The documents are made by `generate.py`, read by `data clean --recipe raw` and cut into files, from which the script starts, two
tasks at a time. Decisions are compared document by document, and so is the text of what both keep. The language rule is
off on both sides: datatrove's downloads a model, which is another than ours. The last line printed is a JSON object; the exit
status is 1 where a document's fate or text differs for a reason that is none of those below.

Reasons for which the sides differ:
  no counterpart   a stage dropped it here that the head of the script says datatrove has none for, or replaced a class of
                   personal data that it names there
  other copy       both keep one document of a family, and not the same one: the script meets documents source by source, as
                   the folder it starts from has them, and its tasks take files in turns
  gone before      here a copy of it went by a stage without a counterpart, so that it had none left
  unverified       datatrove joins documents that agree in a band; their true similarity is below the recipe's
  numbers, accents datatrove writes every number as 0, or takes accents off letters, before comparing
  chain            datatrove joins copies of copies; we keep a document that is like none that is kept
  short            datatrove makes no shingle of texts with fewer words than one has
  bands            similar enough by both, and they met in a band on one side only: the permutations differ

Needs a Python with datatrove, spacy and orjson.
"""

import argparse
import collections
import gzip
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from minhash import SHINGLE, SIMILARITY, jaccard

HERE = Path(__file__).parent
FILES, TASKS = 3, 2
# Their filters' names of our stages; copies are one stage to datatrove.
STAGES = {
    "GopherRepetitionFilter": "gopher-repetition",
    "GopherQualityFilter": "gopher-quality",
    "C4QualityFilter": "c4-quality",
    "FineWebQualityFilter": "fineweb-quality",
    "MinhashDedupFilter": "copies",
    "exact-duplicates": "copies",
    "near-duplicates": "copies",
}
PLACEHOLDERS = {
    "<SECRET>": "secret",
    "<IBAN>": "iban",
    "<CARD>": "card",
    "<PHONE>": "phone",
    "<NAME>": "name",
    "<IDENTIFIER>": "identifier",
}


def run(*command, **options):
    """A command's output; its error is shown where it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr[-4000:]}")
    return done.stdout


def lines(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as text:
        return [json.loads(line) for line in text]


def without_language(program, name, folder):
    """The recipe as a file, its language rule off."""
    text = run(program, "data", "recipe", name)
    if any(rule["rule"] == "language" for rule in tomllib.loads(text)["rules"]):
        text = text.replace("off = []", 'off = ["language"]', 1)
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


class Side:
    """What one side decided: the stage that dropped a document by its id, and the text of those that are kept."""

    def __init__(self, kept, dropped):
        self.kept = {one["id"]: one["text"] for one in kept}
        self.dropped = dropped

    def fate(self, name):
        return "kept" if name in self.kept else self.dropped.get(name, "lost")


def ours(program, recipe, documents, folder):
    run(program, "data", "clean", "--in", documents, "--out", folder, "--recipe", recipe)
    dropped = {one["id"]: STAGES.get(one["rule"], one["rule"]) for one in lines(folder / "dropped.jsonl")}
    return Side(lines(folder / "kept.jsonl"), dropped)


def theirs(program, recipe, raw, folder):
    """The script's decisions, and the lines at its head about what datatrove does not do."""
    script = folder / "script.py"
    script.write_text(run(program, "data", "script", "--recipe", recipe))
    out = folder / "out"
    run(sys.executable, script, raw, out, "--tasks", TASKS, "--without-language")
    dropped = {}
    for path in (out / "dropped").glob("*/*"):
        dropped |= {one["id"]: STAGES[path.parent.name] for one in lines(path)}
    kept = [one for path in sorted((out / "kept").iterdir()) for one in lines(path)]
    missing = [line.removeprefix("#   ").rstrip() for line in script.read_text().splitlines() if line.startswith("#   ")]
    return Side(kept, dropped), missing


class Comparison:
    """Why two sides differ about a document."""

    def __init__(self, mine, other, texts, missing):
        self.mine, self.other, self.missing = mine, other, missing
        # What copies were looked for among: the texts that passed the rules, as far as they are known.
        self.texts = {
            name: mine.kept.get(name) or other.kept.get(name) or text
            for name, text in texts.items()
            if {mine.fate(name), other.fate(name)} & {"kept", "copies"}
        }

    def has_no_counterpart(self, stage):
        return stage in self.missing

    def like(self, name, **folding):
        """The documents that are copies of one by true similarity."""
        text = self.texts[name]
        size = len(text)
        return [
            other
            for other, own in self.texts.items()
            if other != name and 0.5 < (len(own) + 1) / (size + 1) < 2 and jaccard(text, own, **folding) >= SIMILARITY
        ]

    def reason(self, name):
        """One of the reasons above, or none."""
        here, there = self.mine.fate(name), self.other.fate(name)
        if self.has_no_counterpart(here):
            return "no counterpart"
        if {here, there} != {"kept", "copies"}:
            return None
        if len(re.findall(r"\w+", self.texts[name])) < SHINGLE:
            return "short"
        like = self.like(name)
        if any((self.mine.fate(one), self.other.fate(one)) == (there, here) for one in like):
            return "other copy"
        if any(self.has_no_counterpart(self.mine.fate(one)) for one in like):
            return "gone before"
        if like:
            return "chain" if here == "kept" and all(self.mine.fate(one) == "copies" for one in like) else "bands"
        if here == "copies":
            return None
        if self.like(name, numbers=False):
            return "numbers"
        if self.like(name, accents=False):
            return "accents"
        near = max((jaccard(self.texts[name], own) for other, own in self.texts.items() if other != name), default=0)
        return "unverified" if near > 0.3 else None

    def text_reason(self, name):
        """Why a text that both keep differs: only what the script says that it leaves."""
        pattern = re.escape(self.mine.kept[name])
        for placeholder, klass in PLACEHOLDERS.items():
            if f"personal-data: {klass}" in self.missing:
                pattern = pattern.replace(re.escape(placeholder), ".{1,100}?")
        return "no counterpart" if re.fullmatch(pattern, self.other.kept[name], re.DOTALL) else None


def compare(name, program, documents, raw, texts, folder):
    """The table of a recipe; its summary."""
    recipe = without_language(program, name, folder)
    mine = ours(program, recipe, documents, folder / "ours")
    other, missing = theirs(program, recipe, raw, folder)
    comparison = Comparison(mine, other, texts, missing)
    reasons, unexplained = collections.Counter(), []
    alike = collections.Counter()
    for one in texts:
        here, there = mine.fate(one), other.fate(one)
        if here == there:
            alike[here] += 1
            continue
        reason = comparison.reason(one)
        reasons[f"here {here}, there {there}: {reason or 'UNEXPLAINED'}"] += 1
        if reason is None:
            unexplained.append(one)
    both = [one for one in mine.kept if one in other.kept]
    different = [one for one in both if mine.kept[one] != other.kept[one]]
    for one in different:
        reason = comparison.text_reason(one)
        reasons[f"text of a document that both keep: {reason or 'UNEXPLAINED'}"] += 1
        if reason is None:
            unexplained.append(one)
    summary = {
        "documents": len(texts),
        "same fate": sum(alike.values()),
        "kept": {"ours": len(mine.kept), "datatrove": len(other.kept), "both": len(both)},
        "same text": len(both) - len(different),
        "differences": dict(reasons),
        "unexplained": unexplained,
    }
    share = 100 * summary["same fate"] / len(texts)
    print(f"{name}: {len(texts)} documents, {summary['same fate']} of the same fate ({share:.2f} %): "
          f"{', '.join(f'{fate} {count}' for fate, count in alike.most_common())}")
    print(f"  text alike: {summary['same text']} of {len(both)} that both keep")
    for reason, count in reasons.most_common():
        print(f"  {count:5}  {reason}")
    for one in unexplained[:10]:
        print(f"         as {one}")
    return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=Path, help="the program `glasshouse`, built for release")
    parser.add_argument("--recipes", nargs="+", default=["fineweb", "gopher", "c4", "light"])
    parser.add_argument("--bytes", type=int, default=1_500_000, help="of documents")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    program = arguments.program.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        documents = folder / "documents.jsonl"
        documents.write_text(run(sys.executable, HERE / "generate.py", arguments.bytes, arguments.seed))
        run(program, "data", "clean", "--in", documents, "--out", folder / "raw", "--recipe", "raw")
        read = lines(folder / "raw" / "kept.jsonl")
        # In order and in several files: the first of a family is the first of all, and tasks share the work.
        parts = folder / "parts"
        parts.mkdir()
        size = -(-len(read) // FILES)
        for number in range(FILES):
            part = read[number * size : (number + 1) * size]
            text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in part)
            (parts / f"kept-{number}.jsonl").write_text(text)
        texts = {one["id"]: one["text"] for one in read}
        results = {}
        for recipe in arguments.recipes:
            own = folder / recipe
            own.mkdir()
            results[recipe] = compare(recipe, program, documents, parts, texts, own)
    print(json.dumps(results))
    return 1 if any(result["unexplained"] for result in results.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
