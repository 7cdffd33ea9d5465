//! The metrics of a task's answers, with confidence intervals.

use super::file::TaskFile;
use super::given::Given;
use super::measured::AnswerMeasures;
use super::rows::{Kind, Right, Row};
use glasshouse_metrics::metrics::{bleu, chrf, exact, f1};
use glasshouse_metrics::statistics::Bootstrap;
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::config::{RewardRule, RewardSettings};
use glasshouse_protocol::names;
use glasshouse_text::data::rewards::Judge;

/// References with more words are texts, measured by word overlap instead of equality.
const WORDS: usize = 6;

#[derive(Clone, Debug)]
struct TaskMetric {
    /// One of [`MEASURES`].
    name: &'static str,
    /// Whether ROUGE stems words.
    stems: bool,
    /// A reward rule instead of the row's own check.
    judge: Option<Judge>,
}

/// Metrics by name, with the kinds of row they apply to.
const MEASURES: [(&str, &[Kind]); 13] = [
    ("exact_match", &[Kind::Generate]),
    ("f1", &[Kind::Generate]),
    ("bleu", &[Kind::Generate]),
    ("chrf", &[Kind::Generate]),
    ("rouge", &[Kind::Generate]),
    ("acc", &[Kind::Choose, Kind::Classify, Kind::Tag, Kind::Continue]),
    ("perplexity", &[Kind::Continue]),
    ("classification_report", &[Kind::Classify]),
    ("entities", &[Kind::Tag]),
    ("rule", &[Kind::Generate]),
    ("stereotypes", &[Kind::Choose]),
    ("bbq", &[Kind::Choose]),
    ("mc2", &[Kind::Choose]),
];

/// Metrics that apply only to rows of their own benchmark.
const OF_SETS: [&str; 3] = ["stereotypes", "bbq", "mc2"];

#[derive(Clone, Debug)]
pub(super) struct Measures(Vec<TaskMetric>);

impl Measures {
    /// The metrics in `wanted`, or those that suit the rows. Rows that a metric cannot judge are moved to the broken ones.
    ///
    /// # Errors
    /// A metric is unknown, does not fit the rows, or can judge none of them.
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
        let (yielder, mut measured) = (Yielder::new(), AnswerMeasures::default());
        for measure in &self.0 {
            match measure.name {
                "exact_match" => measured.of_each("exact_match", rows, exact, bootstrap),
                "f1" => measured.of_each("f1", rows, f1, bootstrap),
                "bleu" => measured.of_corpus("bleu", rows, bleu, (bootstrap, &yielder)).await,
                "chrf" => measured.of_corpus("chrf", rows, chrf, (bootstrap, &yielder)).await,
                "rouge" => measured.rouge(rows, measure.stems, bootstrap, &yielder).await,
                "perplexity" => measured.perplexity(rows, bootstrap),
                "classification_report" => measured.report(rows, bootstrap, &yielder).await,
                "entities" => measured.entities(rows, names, bootstrap),
                "stereotypes" => measured.stereotypes(rows, bootstrap, &yielder).await,
                "bbq" => measured.bbq(rows, bootstrap),
                "mc2" => measured.mc2(rows, bootstrap),
                "rule" => measured.rule(rows, measure.judge.as_ref(), bootstrap),
                // `acc`, and nothing else: `MEASURES` names all.
                _ => measured.accuracy(rows, names, bootstrap),
            }
            yielder.maybe_yield().await;
        }
        measured
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
fn fits(name: &str, file: &TaskFile) -> bool {
    let of_kind = MEASURES.iter().any(|(own, kinds)| *own == name && kinds.contains(&file.kind));
    of_kind
        && (!OF_SETS.contains(&name)
            || file.set.as_ref().is_some_and(|set| set.metrics.iter().any(|own| own == name)))
}

fn measure_of(name: &str, file: &TaskFile) -> Result<TaskMetric> {
    let (plain, rule) = name.split_once(':').map_or((name, None), |(plain, rule)| (plain, Some(rule)));
    let known = || MEASURES.iter().map(|(name, _)| *name);
    let Some(own) = known().find(|name| *name == plain) else {
        return Err(Error::Unknown(names::unknown("metric", plain, known())));
    };
    let fit: Vec<&str> = known().filter(|name| fits(name, file)).collect();
    if !fit.contains(&plain) {
        return Err(Error::Refused(format!(
            "the metric {plain} does not fit {}, whose rows {}; those that fit: {}",
            file.name,
            file.kind.title(),
            fit.join(", ")
        )));
    }
    let measure = TaskMetric { name: own, stems: rule.is_some(), judge: None };
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
            None => (measure.name != "rule" && references.is_empty())
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

#[cfg(test)]
mod tests {
    use super::super::choices::ModelChoice;
    use super::*;
    use glasshouse_metrics::card::is_titled;
    use glasshouse_platform::block_on;
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
        let read_names = |list: &str| read(list).iter().map(|own| (own.name, own.stems)).collect::<Vec<_>>();
        assert_eq!(read_names("rouge, Rouge:stemmer"), [("rouge", false), ("rouge", true)]);
        let judged = |list: &str, answer: &str| match &read(list)[..] {
            [TaskMetric { name: "exact_match", .. }, TaskMetric { name: "rule", judge: Some(judge), .. }] => {
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
            for (name, _) in MEASURES.iter().filter(|(name, _)| fits(name, &file)) {
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
                measured.extend(found.metrics.into_iter().map(|metric| metric.name));
                seen.push(*name);
            }
        }
        for (name, _) in MEASURES {
            assert!(seen.contains(&name), "no row that {name} measures: {seen:?}");
        }
        let untitled: Vec<&String> = measured.iter().filter(|name| !is_titled(name)).collect();
        assert!(
            measured.len() > 25 && untitled.is_empty(),
            "evaluation/metrics.toml lacks {untitled:?} of {measured:?}"
        );
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
        for (name, kinds) in MEASURES {
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
