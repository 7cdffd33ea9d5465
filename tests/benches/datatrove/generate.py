"""Generates a benchmark corpus: random English prose with planted bad documents, as JSON lines.

  generate.py BYTES [SEED] > documents.jsonl

Each document has `id`, `source`, `licence`, `text` and `planted`: its modification, or `prose`. The output depends only on the
seed, on any machine: it uses only `Random.random`, which is stable across Python versions.
"""

import json
import sys
from random import Random

NOUNS = """river harbour captain letter garden winter village teacher window morning engine market doctor mountain question
story kitchen island soldier picture forest station journey neighbour answer summer machine evening lantern bridge painter
daughter stranger meadow chapel railway library sailor merchant orchard cellar theatre barrel compass quarry festival
newspaper shepherd lighthouse blanket carpenter promise secret avenue basket candle thunder valley apprentice museum colony
furnace bargain mirror ladder pasture voyage council surgeon ticket harvest satellite language method theory circuit battery
climate vaccine protein budget treaty election novel chapter melody rhythm orchestra sculpture kingdom province frontier
warehouse tunnel glacier desert ocean current planet telescope crystal mineral insect sparrow leopard salmon beaver wolf
horse cattle wagon saddle anchor rudder canvas timber granite copper silver marble ribbon leather cotton linen pepper
honey butter vinegar cabbage walnut cherry almond barley dinner supper cupboard stairway chimney ceiling balcony corridor""".split()
VERBS = """carried followed noticed remembered painted repaired discovered described measured ignored borrowed delivered
collected promised expected finished imagined protected examined explained received returned guarded studied counted
gathered wanted watched visited answered avoided bought crossed divided entered filled greeted hid inspected joined kept
lifted mended named opened pushed questioned reached sold tested used valued wrapped admired blamed cleaned doubted
envied feared guided handled improved judged knew lost missed needed owed praised raised saved taught understood""".split()
ADJECTIVES = """old quiet narrow bright heavy distant careful broken gentle hollow familiar ancient crowded silent wooden
golden careless honest patient stubborn curious empty frozen hidden proud rough simple tired useful wild bitter calm dusty
early faint generous humble idle jealous keen lonely modern noisy open pale rare sharp tall urgent vast warm young foreign
common private public sudden steady complete electric magnetic digital chemical national medical legal royal coastal""".split()
ADVERBS = """slowly quickly never always seldom carefully suddenly quietly finally often nearly simply gladly rarely later
yesterday together apart outside again already perhaps certainly hardly partly mostly somewhere elsewhere indoors""".split()
NAMES = """Anna Bernard Clara Daniel Edith Frank Greta Henry Irene James Karen Louis Martha Nathan Olive Peter Quentin Rosa
Simon Thea Ulrich Vera Walter Yvonne Zoe Mr. Holloway Mrs. Pemberton Dr. Ashdown Captain Reyes""".replace(
    "Mr. ", "Mr._").replace("Mrs. ", "Mrs._").replace("Dr. ", "Dr._").replace("Captain ", "Captain_").split()
# n noun, v verb, a adjective, d adverb, N name, # number; everything else stands as it is.
SENTENCES = """The <a> <n> <v> the <n> of the <n>, and the <n> <v> it <d>.|<N> <v> a <n> with the <a> <n>.|It was <d> that the
<n> and the <n> <v> each other.|When <N> <v> the <n>, nobody <v> what the <a> <n> had to say.|"Have you <v> the <n>?" <N> asked
<d>.|In <#> there were <#> <n>s in the <a> <n>, which is <a> for a <n>.|<N> didn't know whether the <n> would be <a> or <a>.|To
be <a> is not to be <a>, as the <n> of <N> <v>.|They <v> the <n>; the <n>, however, <v> a well-<v> <n>.|Of all the <n>s that
<N> <v>, the <a> <n> (and the <n>) were <d> the most <a>.|Why had the <n> <v> <N>'s <n>?|You'll have to <d> be <a> with that
<n>, said the <n>.|By the time that the <n> <v> us, we had <v> a <n>, a <n> and a <a> <n>.|<N> and <N> <v> their <n> from
<#> to <#>, <d> with some <n>.|There isn't a <n> in the <n> that <N> has not <v>!|The <n>'s <n> was <a>, <a>, and <d> <v>
by the <n>.|If the <n> of a <n> is <a>, the <n> that it <v> can't be <a>.|<N> wrote about the <n>: it was <a> and had <v>
<#>% of the <n>.""".replace("\n", " ").split("|")
LISTS = {"n": NOUNS, "v": VERBS, "a": ADJECTIVES, "d": ADVERBS, "N": NAMES}
PLANTED = ["too short", "repeated lines", "repeated phrase", "repeated paragraph", "a list", "bullets", "cut-off lines",
           "filler Latin", "source code", "scripts and policies", "number signs", "few stop words", "numbers", "noise",
           "menu", "citations", "long words", "no sentences", "exact copy", "near copy", "personal data"]


class Maker:
    def __init__(self, seed):
        self.random = Random(seed)
        self.before = ["The first document has none before it."]

    def below(self, number):
        return int(self.random.random() * number)

    def choice(self, items):
        return items[self.below(len(items))]

    def sentence(self):
        pieces = self.choice(SENTENCES).split("<")
        made = pieces[0]
        for piece in pieces[1:]:
            kind, _, rest = piece.partition(">")
            # Common words are common: the square of an even number leans to the front of a list.
            if kind == "#":
                made += str(self.below(2000))
            else:
                items = LISTS[kind]
                made += items[int(self.random.random() ** 1.5 * len(items))].replace("_", " ")
            made += rest
        return made[0].upper() + made[1:]

    def paragraph(self):
        return " ".join(self.sentence() for _ in range(2 + self.below(6)))

    def prose(self):
        return "\n\n".join(self.paragraph() for _ in range(2 + self.below(14)))

    def words(self, number):
        return [self.choice(self.choice([NOUNS, VERBS, ADJECTIVES])) for _ in range(number)]

    def planted(self, what):
        text = self.prose()
        lines = [self.sentence() for _ in range(12)]
        noise = "".join(self.choice("abcdefghijklmnopqrstuvwxyz    ") for _ in range(900))
        edited = self.choice(self.before).split(" ")
        edited[self.below(len(edited))] = self.choice(NOUNS)
        return {
            "too short": lambda: self.sentence(),
            "repeated lines": lambda: "\n".join(self.choice(lines) for _ in range(40)),
            "repeated phrase": lambda: text + f" {lines[0]} {lines[1]}" * (4 + self.below(8)),
            "repeated paragraph": lambda: f"{text}\n\n" + "\n\n".join([self.paragraph()] * 6),
            "a list": lambda: "\n".join(" ".join(self.words(3)) for _ in range(60)),
            "bullets": lambda: "\n".join(f"- {line}" for line in lines),
            "cut-off lines": lambda: "\n".join(f"{line[:-1]}..." for line in lines),
            "filler Latin": lambda: f"{text}\n\nLorem ipsum dolor sit amet, consectetur adipiscing elit.",
            "source code": lambda: f"{text}\n\nfn {self.choice(NOUNS)}() {{ return {self.below(99)}; }}",
            "scripts and policies": lambda: f"Please enable JavaScript to go on.\n{text}\n\nThis site uses cookies for you.",
            "number signs": lambda: " ".join(f"#{word}" for word in self.words(150)) + f"\n\n{self.paragraph()}",
            "few stop words": lambda: " ".join(self.words(300)) + ".",
            "numbers": lambda: " ".join(str(self.below(100_000)) for _ in range(300)) + f"\n{self.paragraph()}",
            "noise": lambda: noise,
            "menu": lambda: "\n".join(f"{word.title()} | {self.choice(NOUNS)}" for word in self.words(25)) + f"\n\n{text}",
            "citations": lambda: text.replace(". ", ".[3] ").replace("!", "![citation needed]"),
            "long words": lambda: f"{text}\n\n{'x' * 1200} and more of it.",
            "no sentences": lambda: " ".join(self.words(120)) + " the and of",
            "exact copy": lambda: self.choice(self.before),
            "near copy": lambda: " ".join(edited),
            "personal data": lambda: f"{text}\n\nWrite to {self.choice(NOUNS)}{self.below(99)}@example.org or call "
                                     f"+1 202 555 {1000 + self.below(9000)}.",
        }[what]()


def main(size, seed=1):
    maker, written, number = Maker(int(seed)), 0, 0
    while written < int(size):
        # One document in four is planted.
        what = maker.choice(PLANTED) if maker.below(4) == 0 else "prose"
        text = maker.prose() if what == "prose" else maker.planted(what)
        if what == "prose":
            maker.before = maker.before[-999:] + [text]
        record = {"id": f"made#{number}", "source": f"source-{number % 7}", "licence": "CC0-1.0", "text": text,
                  "planted": what}
        line = json.dumps(record, ensure_ascii=False)
        written += len(line.encode()) + 1
        number += 1
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
