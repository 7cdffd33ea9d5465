//! The metrics of a task's answers, with confidence intervals.

use super::file::TaskFile;
use super::given::Given;
use super::measured::{AnswerMeasures, Measuring};
use super::rows::{Kind, Right, Row};
use Kind::{Choose, Classify, Continue, Generate, Tag};
use Needs::{Benchmark, Rows};
use glasshouse_metrics::metrics::{bleu, chrf, exact, f1};
use glasshouse_metrics::statistics::Bootstrap;
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::config::{RewardRule, RewardSettings};
use glasshouse_protocol::evaluation::measures::Needs;
use glasshouse_protocol::names;
use glasshouse_text::data::rewards::Judge;
use std::pin::Pin;

/// References with more words are texts, measured by word overlap instead of equality.
const WORDS: usize = 6;

type Computing<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A metric of the table in `glasshouse_protocol::evaluation::measures`.
#[derive(Debug)]
struct Entry {
    name: &'static str,
    needs: Needs,
    compute: for<'a> fn(&'a mut Measuring<'_>) -> Computing<'a>,
}

macro_rules! entries {
    (tasks { $($name:literal, $needs:expr, |$task:ident| $compute:expr => { $($figures:tt)* })* } others { $($others:tt)* }) => {
        static ENTRIES: &[Entry] = &[$(Entry {
            name: $name,
            needs: $needs,
            compute: {
                fn compute<'a>($task: &'a mut Measuring<'_>) -> Computing<'a> {
                    Box::pin(async move { $compute })
                }
                compute
            },
        }),*];
    };
}

glasshouse_protocol::measures!(entries);

#[derive(Clone, Debug)]
pub(super) struct TaskMetric {
    entry: &'static Entry,
    /// Whether ROUGE stems words.
    pub(super) stems: bool,
    /// A reward rule instead of the row's own check.
    pub(super) judge: Option<Judge>,
}

impl TaskMetric {
    pub(super) fn name(&self) -> &'static str {
        self.entry.name
    }
}

#[derive(Clone, Debug)]
pub(super) struct Measures(Vec<TaskMetric>);

impl Measures {
    /// The metrics in `wanted`, or those that suit the rows. Rows that a metric cannot judge are moved to the broken ones.
    /// Fails if a metric is unknown, does not fit the rows, or can judge none of them.
    pub(super) fn new(wanted: &[String], file: &mut TaskFile) -> Result<Self> {
        let named: Vec<String> = match wanted {
            [] => default_of(file),
            wanted => {
                // Ignore duplicates.
                let first = |(at, name): (usize, &String)| {
                    let before = wanted.iter().take(at).any(|other| other == name);
                    (!before).then(|| name.clone())
                };
                wanted.iter().enumerate().filter_map(first).collect()
            }
        };
        let mut measures = Vec::with_capacity(named.len());
        for name in &named {
            let measure = measure_of(name, file)?;
            leave_out_what_has_nothing_to_compare_with(&measure, name, file)?;
            measures.push(measure);
        }
        Ok(Self(measures))
    }

    pub(super) async fn measure(
        &self,
        rows: &[(&Row, Given)],
        names: &[String],
        bootstrap: &Bootstrap,
    ) -> AnswerMeasures {
        let (yielder, mut found) = (Yielder::new(), AnswerMeasures::default());
        for metric in &self.0 {
            let mut measuring =
                Measuring { metric, rows, names, bootstrap, yielder: &yielder, found: &mut found };
            (metric.entry.compute)(&mut measuring).await;
            yielder.maybe_yield().await;
        }
        found
    }
}

fn default_of(file: &TaskFile) -> Vec<String> {
    if let Some(set) = file.set.as_ref().filter(|set| !set.metrics.is_empty()) {
        return set.metrics.clone();
    }
    let names = match file.kind {
        Kind::Continue => vec!["perplexity", "acc"],
        Kind::Choose => vec!["acc"],
        Kind::Classify => vec!["acc", "classification_report"],
        Kind::Tag => vec!["entities", "acc"],
        Kind::Generate => {
            let (mut checked, mut words, mut count) = (true, 0, 0);
            for row in &file.rows {
                let Right::Answers { references, judged } = &row.right else { continue };
                checked &= judged.check.is_some();
                words += references.iter().map(|text| text.split_whitespace().count()).sum::<usize>();
                count += references.len();
            }
            match (checked, words > WORDS * count) {
                (true, _) => vec!["rule"],
                (false, false) => vec!["exact_match", "f1"],
                (false, true) => vec!["f1", "bleu", "chrf", "rouge"],
            }
        }
    };
    names.into_iter().map(str::to_owned).collect()
}

/// Whether a metric applies to a file. A benchmark's own scores need its rows.
fn fits(entry: &Entry, file: &TaskFile) -> bool {
    let of_set = || file.set.as_ref().is_some_and(|set| set.metrics.iter().any(|own| own == entry.name));
    entry.needs.kinds().contains(&file.kind) && (matches!(entry.needs, Rows(_)) || of_set())
}

fn measure_of(name: &str, file: &TaskFile) -> Result<TaskMetric> {
    let (plain, rule) = name.split_once(':').map_or((name, None), |(plain, rule)| (plain, Some(rule)));
    let Some(entry) = ENTRIES.iter().find(|entry| entry.name == plain) else {
        let known = ENTRIES.iter().map(|entry| entry.name);
        return Err(Error::Unknown(names::unknown("metric", plain, known)));
    };
    if !fits(entry, file) {
        let fit: Vec<&str> =
            ENTRIES.iter().filter(|entry| fits(entry, file)).map(|entry| entry.name).collect();
        return Err(Error::Refused(format!(
            "the metric {plain} does not fit {}, whose rows {}; those that fit: {}",
            file.name,
            file.kind.title(),
            fit.join(", ")
        )));
    }
    let measure = TaskMetric { entry, stems: rule.is_some(), judge: None };
    match (plain, rule) {
        (_, None) | ("rouge", Some("stemmer")) => Ok(measure),
        ("rule", Some(rule)) => Ok(TaskMetric { judge: Some(judge(rule)?), ..measure }),
        _ => {
            Err(Error::Refused(format!("the metric {plain} has no settings; remove the text after its name")))
        }
    }
}

/// Parses a reward rule: `numeric`, `regex=^[A-Z]`, `length=20`.
fn judge(text: &str) -> Result<Judge> {
    let (name, setting) = text.split_once('=').unwrap_or((text, ""));
    let rule = RewardRule::named("rule", name).map_err(Error::Unknown)?;
    let mut settings = RewardSettings { rule, pattern: setting.to_owned(), ..RewardSettings::default() };
    if rule == RewardRule::Length && !setting.is_empty() {
        let words = setting.parse().ok().filter(|words| *words > 0);
        settings.words = words
            .ok_or_else(|| Error::Refused(format!("rule:length={setting}: expected a number of words")))?;
    }
    let needs_pattern = matches!(rule, RewardRule::Regex | RewardRule::Format);
    if needs_pattern && setting.is_empty() {
        let reason = format!("the rule {name} needs a regular expression: rule:{name}=^[A-Z]");
        return Err(Error::Refused(reason));
    }
    Judge::from_name(&format!("the pattern of rule:{name}"), &settings)
}

/// Moves rows without data for a metric to the broken ones.
fn leave_out_what_has_nothing_to_compare_with(
    measure: &TaskMetric,
    name: &str,
    file: &mut TaskFile,
) -> Result<()> {
    let mut first = None;
    let broken = &mut file.broken;
    file.rows.retain(|row| {
        let Right::Answers { references, judged } = &row.right else { return true };
        let fault = match &measure.judge {
            Some(judge) => judge.fault(judged).map(str::to_owned),
            None => (measure.name() != "rule" && references.is_empty())
                .then(|| format!("`answer`: missing; the metric {name} compares with it")),
        };
        if let Some(reason) = &fault {
            first.get_or_insert_with(|| (row.line, reason.clone()));
            broken.push((row.line, reason.clone()));
        }
        fault.is_none()
    });
    match first {
        Some((line, reason)) if file.rows.is_empty() => Err(Error::bad_file(
            &file.name,
            format!("the metric {name} can judge no row; line {line}: {reason}"),
        )),
        _ => Ok(()),
    }
}

/// Measures answers by one metric, without a yield.
#[cfg(test)]
pub(super) fn measured_by(
    name: &str,
    rows: &[(&Row, Given)],
    names: &[String],
    bootstrap: &Bootstrap,
) -> AnswerMeasures {
    let entry = ENTRIES.iter().find(|entry| entry.name == name);
    let measures = entry.map(|entry| TaskMetric { entry, stems: false, judge: None });
    let measures = Measures(measures.into_iter().collect());
    glasshouse_platform::block_on(measures.measure(rows, names, bootstrap))
}

#[cfg(test)]
mod tests {
    use super::super::choices::ModelChoice;
    use super::*;
    use glasshouse_platform::block_on;
    use glasshouse_protocol::evaluation::measures::Measure;
    use glasshouse_protocol::evaluation::metric_names;
    use glasshouse_text::data::rewards::Judged;

    fn file(line: &str) -> TaskFile {
        TaskFile::read("rows.jsonl", line.as_bytes(), None).unwrap()
    }

    fn error(names: &[&str], line: &str) -> String {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        Measures::new(&names, &mut file(line)).unwrap_err().to_string()
    }

    const ANSWERED: &str = r#"{"prompt":"a","answer":"b"}"#;
    const CHOICES: &str = r#"{"prompt":"a","choices":["b","c"],"answer":0}"#;

    #[test]
    fn a_metric_that_does_not_fit_names_those_that_do() {
        let said = error(&["bleu"], CHOICES);
        assert!(
            said.contains("bleu does not fit rows.jsonl, whose rows choose among answers")
                && said.ends_with("acc"),
            "{said}"
        );
        let said = error(&["acc"], ANSWERED);
        assert!(said.ends_with("exact_match, f1, bleu, chrf, rouge, rule"), "{said}");
        let twice = ["f1", "exact_match", "f1"].map(str::to_owned);
        assert_eq!(Measures::new(&twice, &mut file(ANSWERED)).unwrap().0.len(), 2);
        assert!(error(&["blue"], ANSWERED).contains("did you mean `bleu`"));
        // Names of other packages are unknown, and the valid ones are listed.
        for (other, listed) in
            [("accuracy", "did you mean `acc`? Known: exact_match, f1"), ("exact", "Known: ")]
        {
            assert!(error(&[other], ANSWERED).contains(listed), "{other}");
        }
        assert!(error(&["exact_match:yes"], ANSWERED).contains("has no settings"));
        assert!(error(&["rule:numerik"], ANSWERED).contains("did you mean `numeric`"));
        assert!(error(&["rule:regex"], ANSWERED).contains("needs a regular expression"));
        let said = error(&["rule:regex=("], ANSWERED);
        assert!(said.contains("the pattern of rule:regex is not a regular expression"), "{said}");
        assert!(error(&["rule:length=x"], ANSWERED).contains("expected a number of words"));
        let said = error(&["rule:numeric"], ANSWERED);
        assert!(said.contains("can judge no row; line 1: `answer`: not a number"), "{said}");
    }

    /// Settings keep the case in which the user typed them.
    #[test]
    fn settings_of_metrics_are_taken_as_they_are_typed() {
        let read = |list: &str| Measures::new(&metric_names(list), &mut file(ANSWERED)).unwrap().0;
        let read_names =
            |list: &str| read(list).iter().map(|own| (own.name(), own.stems)).collect::<Vec<_>>();
        assert_eq!(read_names("rouge, Rouge:stemmer"), [("rouge", false), ("rouge", true)]);
        let judged = |list: &str, answer: &str| match &read(list)[..] {
            [first, TaskMetric { judge: Some(judge), .. }] if first.name() == "exact_match" => {
                judge.score(&Judged::default(), answer)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(["Ada", "ada"].map(|answer| judged("exact_match,rule:regex=^[A-Z]", answer)), [1.0, 0.0]);
        assert_eq!(
            ["12", "1234"].map(|answer| judged("Exact_Match, rule:regex=^[0-9]{1,3}$", answer)),
            [1.0, 0.0]
        );
    }

    /// Cards show titles; a metric without one would show its key.
    #[test]
    fn whatever_is_measured_has_a_title() {
        let stereotypes = r#"{"type":"intrasentence","target":"Dane","bias_type":"race","context":"He is BLANK.","stereotype":"He is tall.",
            "anti-stereotype":"He is small.","unrelated":"He is blue rain."}"#
            .replace('\n', "");
        let bbq = r#"{"context":"Two met.","question":"Who?","ans0":"The cook","ans1":"Not known","ans2":"The clerk","answer_info":
            {"ans0":["the cook","lowSES"],"ans1":["Not known","unknown"],"ans2":["the clerk","highSES"]},"additional_metadata":
            {"stereotyped_groups":["low SES"]},"question_polarity":"neg","label":1,"category":"SES","context_condition":"ambig"}"#
            .replace('\n', "");
        let bbq = format!(
            "{bbq}\n{}",
            bbq.replace("\"ambig\"", "\"disambig\"").replace("\"label\":1", "\"label\":0")
        );
        let truth = r#"{"question":"Is it?","mc1_targets":{"choices":["Yes","No"],"labels":[1,0]},"mc2_targets":{"choices":["Yes","No"],"labels":[1,0]}}"#;
        let parts =
            r#"{"prompt":"a","answer":"red","check":{"type":"contains","all":["red","blue"],"max_words":9}}"#;
        let (labelled, tagged) = (r#"{"text":"a","label":"b"}"#, r#"{"tokens":["Ada"],"tags":["B-PER"]}"#);
        let (mut measured, mut seen) = (Vec::new(), Vec::new());
        let continued = r#"{"text":"a b"}"#;
        for rows in [parts, CHOICES, labelled, tagged, &stereotypes, &bbq, truth, continued] {
            let named = if rows == continued { "lambada.jsonl" } else { "rows.jsonl" };
            let file = TaskFile::read(named, rows.as_bytes(), None).unwrap();
            for Entry { name, .. } in ENTRIES.iter().filter(|entry| fits(entry, &file)) {
                let mut own = file.clone();
                let Ok(measures) = Measures::new(&[(*name).to_owned()], &mut own) else {
                    panic!("{name}: {rows}")
                };
                let chosen = ModelChoice {
                    per_character: Some(0),
                    mutual_info: Some(0),
                    sums: vec![-1.0, -2.0, -3.0],
                    per_token: Some(vec![-1.0, -2.0, -3.0]),
                    ..ModelChoice::default()
                };
                let given = Given { answer: "red".to_owned(), chosen: Some(chosen) };
                let rows: Vec<(&Row, Given)> = own.rows.iter().map(|row| (row, given.clone())).collect();
                let bootstrap = Bootstrap { resamples: 4, seed: 1 };
                let found = block_on(measures.measure(&rows, &["B-PER".to_owned()], &bootstrap));
                measured.extend(found.metrics);
                seen.push(*name);
            }
        }
        for Entry { name, .. } in ENTRIES {
            assert!(seen.contains(name), "no row that {name} measures: {seen:?}");
        }
        assert!(measured.len() > 25, "{measured:?}");
        for metric in measured {
            let Some(measure) = Measure::named(&metric.name) else {
                panic!("{metric:?} is not in the table")
            };
            let [low, high] = measure.range;
            let is_in = |value| (low - 1e-9..=high + 1e-9).contains(&value);
            assert!(metric.value.is_none_or(is_in), "{metric:?}");
            assert_eq!(metric.better, measure.better, "{metric:?}");
        }
    }

    #[test]
    fn what_fits_rows_follows_from_their_answers() {
        for (line, wanted) in [
            (ANSWERED, vec!["exact_match", "f1"]),
            (CHOICES, vec!["acc"]),
            (
                r#"{"prompt":"a","answer":"one two three four five six seven"}"#,
                vec!["f1", "bleu", "chrf", "rouge"],
            ),
            (r#"{"prompt":"a","check":{"type":"numeric","value":1}}"#, vec!["rule"]),
            (r#"{"text":"a","label":"b"}"#, vec!["acc", "classification_report"]),
            (r#"{"tokens":["a"],"tags":["O"]}"#, vec!["entities", "acc"]),
        ] {
            assert_eq!(default_of(&file(line)), wanted, "{line}");
        }
        for Entry { name, needs, .. } in ENTRIES {
            let kinds = needs.kinds();
            assert!(!kinds.is_empty() && kinds.iter().all(|kind| Kind::title(*kind).len() > 3), "{name}");
        }
    }

    #[test]
    fn rows_that_a_metric_cannot_judge_are_broken() {
        let two = format!("{ANSWERED}\n{}", r#"{"prompt":"a","check":{"type":"numeric","value":1}}"#);
        let mut both = file(&two);
        Measures::new(&["rule".to_owned()], &mut both).unwrap();
        assert_eq!((both.rows.len(), both.broken.len()), (2, 0));
        Measures::new(&["exact_match".to_owned()], &mut both).unwrap();
        assert_eq!((both.rows.len(), both.broken.len()), (1, 1));
        assert!(both.broken[0].1.contains("the metric exact_match compares with it"), "{:?}", both.broken);
    }
}
