//! Task metrics against the packages that define them, on generated and hostile text, labels and tags, to 1e-9. The slow lane
//! runs the packages; the ordinary one reads their recorded answers to some of the cases from `tests/fixtures/metrics.json`.

use glasshouse_metrics::metrics::classification::{Averages, Tally};
use glasshouse_metrics::metrics::entities::Scheme;
use glasshouse_metrics::metrics::{
    Row, Score, bleu, calibration, chrf, classification, entities, exact, f1, rouge,
};
use glasshouse_metrics::statistics::sum;
use glasshouse_protocol::random::nth;
use serde_json::{Value, json};

/// Words whose stems differ by rule, subwords, and strings that tokenisers split, keep or stumble on.
const PARTS: &[&str] = &[
    "the",
    "a",
    "an",
    "The",
    "A.",
    "cat",
    "cats",
    "sat",
    "mat",
    "on",
    "was",
    "were",
    "running",
    "runs",
    "sky",
    "skies",
    "dying",
    "died",
    "flies",
    "spied",
    "happily",
    "enjoyment",
    "relational",
    "conditional",
    "rationally",
    "radicalli",
    "hopefully",
    "geologi",
    "theology",
    "hopping",
    "falling",
    "failing",
    "filing",
    "fizzed",
    "controlling",
    "generalizations",
    "oscillators",
    "adjustment",
    "replacement",
    "adoption",
    "effectiveness",
    "probate",
    "cease",
    "agreed",
    "feed",
    "yyyy",
    "syzygy",
    "x1y2z3",
    "innings",
    "proceeding",
    "oed",
    "1,000.50",
    "3-4",
    "0.5.",
    "U.S.A.",
    "a.m.",
    "e.g.,",
    "...",
    "-",
    "--",
    ",",
    ".",
    "'",
    "'s",
    "don't",
    "\"quoted\"",
    "(bracket)",
    "[x]",
    "{y}",
    "$5",
    "50%",
    "a/b",
    "c:\\d",
    "x_y",
    "#tag",
    "@me",
    "~",
    "^",
    "`",
    "|",
    "<skipped>",
    "<b>",
    "&quot;",
    "&amp;lt;",
    "&lt;i&gt;",
    "&",
    "&nbsp;",
    "well-\n",
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\u{b}",
    "\u{c}",
    "\u{1c}",
    "\u{1f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{3000}",
    "\u{200b}",
    "\u{feff}",
    "é",
    "e\u{301}",
    "a\u{301}",
    "naïve",
    "Straße",
    "İstanbul",
    "\u{212a}elvin",
    "ΟΔΟΣ",
    "ſ",
    "漢字",
    "東京。",
    "、",
    "हिन्दी",
    "का",
    "العربية",
    "٣",
    "½",
    "Ⅷ",
    "ⓐ",
    "²",
    "😀",
    "👩\u{200d}👧",
    "🇩🇪",
    "—",
    "–",
    "…",
    "“a”",
    "¿",
    "€3,50",
];

/// A seed and the number of draws so far.
struct Draws(u64, u64);

impl Draws {
    fn below(&mut self, end: usize) -> usize {
        self.1 += 1;
        (nth(7, self.0, self.1) % end as u64) as usize
    }

    fn text(&mut self, most: usize) -> Vec<String> {
        let count = self.below(most + 1);
        // Some texts use few words, so that many n-grams match.
        let parts = if self.below(2) == 0 { PARTS.len() } else { 2 + self.below(12) };
        let first = self.below(PARTS.len());
        let mut part = || PARTS[(first + self.below(parts)) % PARTS.len()].to_owned();
        (0..count).map(|_| part()).collect()
    }

    /// A text that shares much with another.
    fn like(&mut self, text: &[String]) -> Vec<String> {
        let mut other = text.to_vec();
        for _ in 0..self.below(1 + text.len() / 2) {
            let at = self.below(other.len() + 1);
            match self.below(3) {
                0 if at < other.len() => drop(other.remove(at)),
                1 => other.insert(at, PARTS[self.below(PARTS.len())].to_owned()),
                _ if at < other.len() => other.rotate_left(at),
                _ => {}
            }
        }
        other
    }

    fn join(&mut self, parts: &[String]) -> String {
        let mut text = String::new();
        for part in parts {
            text += part;
            text += [" ", " ", " ", "", "\n"][self.below(5)];
        }
        text
    }

    fn row(&mut self, most: usize, references: usize) -> Value {
        let parts = self.text(most);
        let expected: Vec<String> = (0..references)
            .map(|_| {
                let other = if self.below(8) == 0 { self.text(most) } else { self.like(&parts) };
                self.join(&other)
            })
            .collect();
        json!({ "answer": self.join(&parts), "expected": expected })
    }
}

fn cases(seed: u64) -> Vec<Value> {
    let mut cases = Vec::new();
    let fixed = [
        "", " ", ".", "...!?", "the", "a an the", "\u{1c}", "漢字", "😀", "a\u{301}", "&quot;", "1,2",
        "\n\n", "yyyy", "- -\n",
    ];
    for answer in fixed {
        for expected in fixed {
            let row = json!({ "kind": "answer", "rouge": true, "answer": answer, "expected": [expected] });
            cases.push(row);
            cases.push(json!({ "kind": "corpus", "rows": [{ "answer": answer, "expected": [expected] }] }));
        }
    }
    for number in 0..1200 {
        let mut draws = Draws(seed.wrapping_add(number), 0);
        let references = 1 + draws.below(3);
        let mut row = draws.row(40, references);
        row["kind"] = json!("answer");
        row["rouge"] = json!(true);
        cases.push(row);
        let (rows, varied) = (1 + draws.below(6), draws.below(3) == 0);
        let rows: Vec<Value> = (0..rows)
            .map(|_| {
                let references = if varied { 1 + draws.below(3) } else { references };
                draws.row(40, references)
            })
            .collect();
        cases.push(json!({ "kind": "corpus", "rows": rows }));
        cases.push(labels(&mut draws));
        cases.push(tags(&mut draws));
        let values: Vec<(f64, u8)> = (0..1 + draws.below(300))
            .map(|_| (draws.below(1_000_000_007) as f64 / 1_000_000_007.0, draws.below(2) as u8))
            .collect();
        cases.push(json!({ "kind": "confidences", "values": values }));
    }
    let mut draws = Draws(seed.wrapping_add(99_999), 0);
    // Much longer than a word of the bit vectors; the second is so long that Python can compute only the linear-time metrics.
    for (words, rouge) in [(700, true), (30_000, false)] {
        let parts: Vec<String> = (0..words).map(|_| PARTS[draws.below(PARTS.len())].to_owned()).collect();
        let other = draws.like(&parts[..words - 30]);
        let (answer, expected) = (draws.join(&parts), [draws.join(&other)]);
        cases.push(json!({ "kind": "answer", "rouge": rouge, "answer": answer, "expected": expected }));
        cases.push(json!({ "kind": "corpus", "rows": [{ "answer": answer, "expected": expected }] }));
    }
    cases
}

fn labels(draws: &mut Draws) -> Value {
    const LABELS: &[&str] = &[
        "yes",
        "no",
        "Maybe",
        "",
        " ",
        "漢字",
        "e\u{301}clair",
        "a label with a name that is long",
        "😀",
        "0",
    ];
    // Sums over more than eight and more than 128 classes are added in different orders.
    let most = [LABELS.len(), 40, 300][draws.below(3)];
    let labels = 1 + draws.below(most);
    let name =
        |label: usize| LABELS.get(label).map_or_else(|| format!("label {label}"), |name| (*name).to_owned());
    let pairs: Vec<(String, String)> = (0..1 + draws.below(40 + 2 * labels))
        .map(|_| {
            let expected = draws.below(labels);
            let answered = if draws.below(3) > 0 { expected } else { draws.below(labels) };
            (name(expected), name(answered))
        })
        .collect();
    json!({ "kind": "labels", "pairs": pairs })
}

fn tags(draws: &mut Draws) -> Value {
    const STRICT: &[&str] = &[
        "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-a-b", "I-a-b", "B", "I", "B-", "I--x-", "B-x", "I-漢字",
        "B漢字",
    ];
    const MORE: &[&str] = &["E-PER", "S-PER", "E-LOC", "S-LOC", "E", "S", "X", "X-PER", ".", "L-PER", "o"];
    let strict = draws.below(2) == 0;
    let tag = |draws: &mut Draws| {
        let at = draws.below(if strict { STRICT.len() } else { STRICT.len() + MORE.len() });
        STRICT.get(at).copied().unwrap_or_else(|| MORE[at - STRICT.len()])
    };
    let rows: Vec<(Vec<&str>, Vec<&str>)> = (0..1 + draws.below(5))
        .map(|_| {
            let expected: Vec<&str> = (0..draws.below(14)).map(|_| tag(draws)).collect();
            let mut answered = expected.clone();
            answered.iter_mut().for_each(|old| *old = if draws.below(5) == 0 { tag(draws) } else { *old });
            (expected, answered)
        })
        .collect();
    json!({ "kind": "tags", "strict": strict, "rows": rows })
}

/// A row's texts, which a [`Row`] borrows.
fn owned(row: &Value) -> (String, Vec<String>) {
    let texts = row["expected"].as_array().unwrap().iter();
    (
        row["answer"].as_str().unwrap().to_owned(),
        texts.map(|text| text.as_str().unwrap().to_owned()).collect(),
    )
}

/// A case's numbers and texts, in the order of `metrics.py`.
type Values = (Vec<f64>, Vec<String>);

fn ours(case: &Value) -> Values {
    let three = |score: Score| [score.precision, score.recall, score.f1];
    let averages = |averages: &Averages| {
        [averages.micro, averages.macro_average, averages.weighted]
            .into_iter()
            .flat_map(three)
            .collect::<Vec<f64>>()
    };
    let by_class = |tallies: &[Tally]| {
        let numbers = |tally: &Tally| three(tally.score()).into_iter().chain([tally.expected as f64]);
        tallies.iter().flat_map(numbers).collect::<Vec<f64>>()
    };
    match case["kind"].as_str().unwrap() {
        "answer" => {
            let (answer, expected) = owned(case);
            let row = Row { answer: &answer, expected: &expected };
            let mut numbers = vec![exact(&row), f1(&row)];
            for stemmer in [false, true].into_iter().filter(|_| case["rouge"] == true) {
                let found = rouge(&row, stemmer);
                let sorts = [found.rouge_1, found.rouge_2, found.rouge_l];
                numbers.extend(sorts.into_iter().flat_map(three));
            }
            (numbers, Vec::new())
        }
        "corpus" => {
            let texts: Vec<(String, Vec<String>)> =
                case["rows"].as_array().unwrap().iter().map(owned).collect();
            let rows: Vec<Row<'_>> =
                texts.iter().map(|(answer, expected)| Row { answer, expected }).collect();
            let (found, characters) = (bleu(&rows), chrf(&rows));
            let mut numbers = vec![found.score, characters.score];
            numbers.extend(sum(&found.rows));
            (numbers, vec![found.signature, characters.signature])
        }
        "labels" => {
            let pairs: Vec<(String, String)> = serde_json::from_value(case["pairs"].clone()).unwrap();
            let found = classification(&pairs);
            let mut numbers = vec![found.accuracy];
            numbers.extend(averages(&found.averages));
            numbers.extend(by_class(&found.tallies));
            numbers.extend(found.confusion().concat().into_iter().map(|count| count as f64));
            (numbers, vec![found.report()])
        }
        "tags" => {
            let rows: Vec<(Vec<String>, Vec<String>)> = serde_json::from_value(case["rows"].clone()).unwrap();
            let scheme = if case["strict"] == true { Scheme::Iob2 } else { Scheme::Lenient };
            let found = entities(&rows, scheme);
            if found.types.is_empty() {
                return (Vec::new(), Vec::new());
            }
            let mut numbers = averages(&found.averages);
            numbers.extend(by_class(&found.tallies));
            (numbers, vec![found.report()])
        }
        "confidences" => {
            let values: Vec<(f64, u8)> = serde_json::from_value(case["values"].clone()).unwrap();
            let mut sums = calibration::NONE;
            values
                .iter()
                .for_each(|(confidence, right)| calibration::add(&mut sums, *confidence, *right == 1));
            (vec![calibration::ece(sums)], Vec::new())
        }
        other => panic!("{other}"),
    }
}

/// The packages' answer: a case of the fixture, or of the output of `metrics.py`.
fn theirs(case: &Value) -> Values {
    serde_json::from_value(json!([case["numbers"], case["texts"]])).unwrap()
}

fn assert_same(case: &Value, (numbers, texts): &Values, (expected, expected_texts): &Values) {
    let same = numbers.len() == expected.len()
        && numbers.iter().zip(expected).all(|(number, expected)| (number - expected).abs() <= 1e-9);
    let case = case.to_string().chars().take(2000).collect::<String>();
    assert!(same, "{case}\nfound    {numbers:?}\nexpected {expected:?}");
    assert_eq!(texts, expected_texts, "{case}");
}

/// The output of `metrics.py` for the cases.
fn asked(cases: &[Value]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cases.jsonl");
    let lines: Vec<String> = cases.iter().map(Value::to_string).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    glasshouse_tests::output_of(glasshouse_tests::python("metrics.py").arg(&path))
}

/// Cases for the fixture: some short ones of each kind, and a text longer than a word of the bit vectors.
fn few() -> Vec<Value> {
    let mut short = cases(0);
    let long = short.split_off(short.len() - 4);
    short.retain(|case| case.to_string().len() < 1000);
    short.into_iter().step_by(17).chain(long.into_iter().take(2)).collect()
}

#[test]
fn metrics_equal_what_the_packages_that_define_them_answered() {
    let fixture = std::fs::read(glasshouse_tests::fixture("metrics.json")).unwrap();
    let fixture: Value = serde_json::from_slice(&fixture).unwrap();
    let known = fixture["cases"].as_array().unwrap();
    for kind in ["answer", "corpus", "labels", "tags", "confidences"] {
        let count = known.iter().filter(|known| known["case"]["kind"] == kind).count();
        assert!(count >= 8, "{count} cases of {kind}");
    }
    for known in known {
        assert_same(&known["case"], &ours(&known["case"]), &theirs(known));
    }
}

#[test]
fn slow_python_metrics_equal_the_packages_that_define_them() {
    let path = glasshouse_tests::fixture("metrics.json");
    if std::env::var_os("GLASSHOUSE_WRITE_FIXTURES").is_some() {
        std::fs::write(&path, asked(&few())).unwrap();
    }
    let fixture: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let known = fixture["cases"].as_array().unwrap();
    let seed = std::env::var("GLASSHOUSE_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let cases: Vec<Value> = known.iter().map(|known| known["case"].clone()).chain(cases(seed)).collect();
    let referee: Value = serde_json::from_slice(&asked(&cases)).unwrap();
    let answers = referee["cases"].as_array().unwrap();
    assert_eq!(answers.len(), cases.len());
    // The fixture matches the installed packages.
    assert_eq!(fixture["packages"], referee["packages"]);
    for (known, answer) in known.iter().zip(answers) {
        assert_same(&known["case"], &theirs(known), &theirs(answer));
    }
    for (case, answer) in cases.iter().zip(answers) {
        assert_same(case, &ours(case), &theirs(answer));
    }
}
