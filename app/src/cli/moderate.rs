//! `glasshouse evaluate moderate`: finds offensive words and phrases by a word list and by a classifier trained on the user's rows.

use super::prelude::*;
use glasshouse_engine::metrics::moderation::{
    CLASSIFIER_FILE, Classifier, Figures, Finding, LabelledRow, LabelledRows, figures, find,
};
use glasshouse_engine::storage;

const MAX_FILE_BYTES: u64 = 256 << 20;
/// Maximum number of reported invalid lines.
const TOLD: usize = 5;

pub(super) fn moderate(arguments: &ModerateArguments) -> Result<()> {
    let ModerateArguments { project, train, check, text, seed, json } = arguments;
    if train.is_none() && check.is_none() && text.is_empty() {
        misuse!(
            "nothing to do; check a text (--text TEXT), train a classifier (--train ROWS), or measure word list and classifier (--check ROWS)"
        );
    }
    let kept = project.join(CLASSIFIER_FILE);
    let mut answer = json!({});
    if let Some(path) = train {
        ensure!(project.is_dir(), "{}: no such folder; create a project first", project.display());
        let trained = Classifier::train(&rows(path)?, *seed, |_, _| ());
        let trained = trained.map_err(|reason| anyhow!("{}: {reason}", path.display()))?;
        storage::write_json(&kept, &trained)?;
        let [harmful, innocent] = trained.rows;
        answer["trained"] = json!({ "harmful": harmful, "innocent": innocent, "file": kept });
        if !json {
            let (harmful, innocent) = (counted(harmful, "harmful row"), counted(innocent, "harmless row"));
            say!("trained on {harmful} and {innocent}; saved as {}", kept.display())?;
        }
    }
    let saved = storage::if_there(&kept, MAX_FILE_BYTES, storage::read_text)?;
    let classifier = saved.map(|text| Classifier::read(&text)).transpose();
    let classifier = classifier.map_err(|reason| anyhow!("{} {reason}", kept.display()))?;
    if let Some(path) = check {
        let rows = rows(path)?;
        let by_rules = |text: &str| !find(text, None).is_empty();
        let mut judges = vec![("rules", judged(&rows, *seed, by_rules))];
        if let Some(classifier) = &classifier {
            let by_classifier = |text: &str| classifier.is_harmful(text);
            judges.push(("classifier", judged(&rows, *seed, by_classifier)));
            judges.push(("either", judged(&rows, *seed, |text| by_rules(text) || by_classifier(text))));
        }
        for (name, figures) in &judges {
            let Figures { found, missed, alarms, passed, metrics } = figures;
            answer["checked"][*name] = json!({ "found": found, "missed": missed, "alarms": alarms, "passed": passed, "metrics": metrics });
            if !json {
                say!("\nBy {name}: {found} found, {missed} missed, {alarms} false alarms, {passed} passed")?;
                report::print(&[Block::Metrics(metrics.clone())])?;
            }
        }
    }
    let mut looked = Vec::new();
    for text in text {
        let findings = find(text, None);
        let probability = classifier.as_ref().map(|classifier| classifier.probability(text));
        if !json {
            print(text, &findings, probability)?;
        }
        looked.push(json!({ "text": text, "findings": findings, "probability": probability }));
    }
    if *json {
        answer["texts"] = looked.into();
        say!("{answer}")?;
    }
    Ok(())
}

pub(super) fn moderation(arguments: &ModerationArguments) -> Moderation {
    let ModerationArguments { mode, severity, categories, classifier } = arguments;
    let categories = categories.iter().copied().collect();
    Moderation { mode: *mode, severity: *severity, categories, classifier: *classifier }
}

fn print(text: &str, findings: &[Finding], probability: Option<f64>) -> Result<()> {
    say!("{text}")?;
    if findings.is_empty() {
        say!("  no rule matches")?;
    }
    for Finding { start, end, category, severity, rule } in findings {
        let own = text.get(*start..*end).unwrap_or_default();
        let (category, severity) = (category.name(), severity.name());
        say!("  {own:?}: {category}, {severity} (rule \"{rule}\", bytes {start} to {end})")?;
    }
    if let Some(probability) = probability {
        say!("  the classifier finds it harmful with probability {probability:.3}")?;
    }
    Ok(())
}

fn judged(rows: &[LabelledRow], seed: u64, is_harmful: impl Fn(&str) -> bool) -> Figures {
    let rows: Vec<(bool, bool)> = rows.iter().map(|row| (row.is_harmful, is_harmful(&row.text))).collect();
    figures(&rows, seed)
}

/// The rows of a file; invalid ones are reported.
fn rows(path: &Path) -> Result<Vec<LabelledRow>> {
    let LabelledRows { rows, broken } = LabelledRows::read(&storage::read_text(path, MAX_FILE_BYTES)?);
    for (line, reason) in broken.iter().take(TOLD) {
        report!("note: {}, line {line} is left out: {reason}", path.display());
    }
    if let Some(more @ 1..) = broken.len().checked_sub(TOLD) {
        report!("note: {} are left out as well", counted(more as u64, "further line"));
    }
    ensure!(!rows.is_empty(), "{} has no row {{\"text\", \"label\"}}", path.display());
    Ok(rows)
}

/// Moderation of what a model writes, shared by `generate`, `chat` and `serve`.
#[derive(Args, Clone, Debug)]
pub struct ModerationArguments {
    /// Moderation of the generated text, by the built-in word list (docs/moderation.md)
    #[arg(long = "moderation", id = "moderation", value_name = "MODE", value_parser = choice::<ModerationMode>(), default_value = "off")]
    pub mode: ModerationMode,
    /// Minimum severity of findings
    #[arg(long = "moderation-severity", value_name = "SEVERITY", value_parser = choice::<Severity>(), default_value = "medium", requires = "moderation")]
    pub severity: Severity,
    /// Categories, separated by commas [default: all]
    #[arg(long = "moderation-categories", value_name = "NAME,NAME", value_parser = choice::<Category>(), value_delimiter = ',', requires = "moderation")]
    pub categories: Vec<Category>,
    /// Also moderate sentences that the project's classifier finds harmful (trained by `moderate --train`)
    #[arg(long = "moderation-classifier", requires = "moderation")]
    pub classifier: bool,
}

#[derive(Args, Debug)]
pub struct ModerateArguments {
    /// Project folder with the classifier (moderation-classifier.json)
    #[arg(long, value_name = "DIR", default_value = DEFAULT_PROJECT)]
    pub project: PathBuf,
    /// Train the project's classifier on rows {"text", "label"}
    ///
    /// Labels such as `innocent`, `ok`, `clean` and 0 are innocent; all others are harmful.
    #[arg(long, value_name = "ROWS")]
    pub train: Option<PathBuf>,
    /// Measure word list and classifier on rows {"text", "label"}: precision, recall, F1, false alarms
    #[arg(long, value_name = "ROWS")]
    pub check: Option<PathBuf>,
    /// Text to check; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub text: Vec<String>,
    /// Seed of training and intervals
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
