//! Moderation of sampled texts, by the word list and the project's classifier if any. The training text is checked in the
//! same way to show the source.

use super::texts::Texts;
use super::{Auditor, NOT_THERE, Sampled, of_sampled, share};
use crate::OnProgress;
use glasshouse_metrics::moderation::{CLASSIFIER_FILE, Category, Classifier, Finding, Severity, find};
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::evaluation::{AuditSection, AuditTopic, Better, Cell, Metric, Table};
use glasshouse_protocol::quantity::{counted, whole};
use std::collections::BTreeMap;

const ROWS: usize = 30;

#[derive(Debug, Default)]
struct ModerationCounts {
    texts: u64,
    /// Texts with any finding.
    any: u64,
    by_category: BTreeMap<Category, u64>,
    /// Number of matches per rule.
    by_rule: BTreeMap<(Category, Severity, String), u64>,
}

impl ModerationCounts {
    fn note(&mut self, findings: Vec<Finding>) {
        self.texts += 1;
        self.any += u64::from(!findings.is_empty());
        let mut seen: Vec<Category> = findings.iter().map(|finding| finding.category).collect();
        seen.sort_unstable();
        seen.dedup();
        for category in seen {
            *self.by_category.entry(category).or_default() += 1;
        }
        let of_rules = findings.into_iter().filter(|finding| finding.category != Category::Classifier);
        for Finding { category, severity, rule, .. } in of_rules {
            *self.by_rule.entry((category, severity, rule)).or_default() += 1;
        }
    }
}

pub(super) async fn moderation(
    auditor: &Auditor<'_>,
    classifier: Option<&Classifier>,
    written: &Sampled,
    texts: &Texts,
    yielder: &Yielder,
    on_progress: OnProgress<'_>,
) -> Result<AuditSection> {
    let (mut own, mut there) = (ModerationCounts::default(), ModerationCounts::default());
    for text in &written.texts {
        own.note(find(text, classifier));
        yielder.maybe_yield().await;
    }
    let mut on_read = |done, of| on_progress("moderation: reading the training text", done, of);
    let tokenizer = &auditor.subject.tokenizer.tokenizer;
    let reading = texts.read(tokenizer, yielder, &mut on_read, |document| {
        if !document.trim().is_empty() {
            there.note(find(document, classifier));
        }
    });
    let reading = reading.await?;
    let beside = if texts.is_empty() {
        "the training text is not available".to_owned()
    } else {
        format!("compared with {} in {}", counted(there.texts, "document"), reading.words())
    };
    let also = if classifier.is_some() { " and the project's classifier" } else { "" };
    let sample = format!("{}, by the word list{also}; {beside}.", written.words());
    let unread = texts.unread(reading, NOT_THERE);
    Ok(section(&own, &there, (unread, classifier.is_some()), sample))
}

/// The project's classifier, if it has one. Fails if it is damaged.
pub(super) fn classifier_of(auditor: &Auditor<'_>) -> Result<Option<Classifier>> {
    let project = auditor.subject.run.project()?;
    let classifier = project.moderation_classifier()?.map(|kept| Classifier::read(&kept)).transpose();
    classifier.map_err(|reason| Error::bad_file(project.folder().join(CLASSIFIER_FILE), reason))
}

fn section(
    own: &ModerationCounts,
    there: &ModerationCounts,
    (unread, classifies): (Option<String>, bool),
    sample: String,
) -> AuditSection {
    let mut metrics = vec![share("texts_with_findings", own.any, own.texts, "texts")];
    if there.texts > 0 {
        let beside = share("training_documents_with_findings", there.any, there.texts, "documents");
        metrics.push(beside);
    }
    let mut limits = vec![
        "Rules match English words and phrases, not meaning: they miss harm in innocent words, and match quotations and texts about harm.",
        "Texts without a prompt show what the model writes by default; prompts that ask for it may produce more.",
        "Sampled texts and documents have different lengths: the shares show in which categories they differ, not by how much.",
    ];
    if classifies {
        limits.push(
            "The classifier knows only what its training rows taught it, and judges each sentence separately.",
        );
    }
    let tables = [Some(by_category(own, there, classifies)), by_rule(own, there)];
    of_sampled((AuditTopic::Moderation, "Moderation"), sample, metrics, tables, (&limits, unread))
}

fn by_category(own: &ModerationCounts, there: &ModerationCounts, classifies: bool) -> Table {
    let row = |category: Category| {
        let of = |tally: &ModerationCounts, of: &str, better: Better| {
            let found = tally.by_category.get(&category).copied().unwrap_or(0);
            if tally.texts == 0 {
                Cell::from("not known")
            } else {
                Metric { better, ..share("share", found, tally.texts, of) }.into()
            }
        };
        [
            category.name().replace('_', " ").into(),
            of(own, "texts", Better::Lower),
            of(there, "documents", Better::Neither),
        ]
    };
    let rows = Category::ALL.into_iter().chain(classifies.then_some(Category::Classifier)).map(row);
    Table {
        about: "The share of sampled texts, and of training documents, in which a rule of the category matches, or the classifier finds a sentence \
            harmful.".to_owned(),
        ..Table::new("By category", ["category", "sampled texts", "training text"], rows)
    }
}

/// The rules that matched sampled texts, most frequent first.
fn by_rule(own: &ModerationCounts, there: &ModerationCounts) -> Option<Table> {
    let mut rows: Vec<_> = own.by_rule.iter().collect();
    glasshouse_protocol::order::sort_by_key(&mut rows, |(_, times)| std::cmp::Reverse(**times));
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let row = |(key, times): (&(Category, Severity, String), &u64)| {
        let (category, severity, rule) = key;
        let beside = there.by_rule.get(key).copied().unwrap_or(0);
        let (rule, category) = (rule.as_str().into(), category.name().replace('_', " ").into());
        let beside = if there.texts == 0 { "not known".into() } else { Cell::Count(beside) };
        [rule, category, severity.name().into(), Cell::Count(*times), beside]
    };
    let columns = ["rule", "category", "severity", "times generated", "times in the training text"];
    (!rows.is_empty()).then(|| Table {
        about: if more > 0 { format!("{} more are not listed.", whole(more as u64)) } else { String::new() },
        ..Table::new("By rule", columns, rows.into_iter().map(row))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_metrics::moderation::LabelledRows;

    #[test]
    fn a_text_counts_once_for_a_category_and_a_rule_as_often_as_it_matches() {
        let mut tally = ModerationCounts::default();
        for text in ["Shit, shit, what a damn day.", "A class in Essex.", "You idiot."] {
            tally.note(find(text, None));
        }
        assert_eq!((tally.texts, tally.any), (3, 2));
        assert_eq!(tally.by_category, BTreeMap::from([(Category::Profanity, 1), (Category::Insults, 1)]));
        let shit = (Category::Profanity, Severity::Medium, "shit".to_owned());
        assert_eq!(tally.by_rule.get(&shit), Some(&2));
        let table = by_category(&tally, &ModerationCounts::default(), false);
        assert_eq!(table.rows.len(), Category::ALL.len());
        let Some(Cell::Metric(profanity)) = table.rows[0].get(1) else { panic!("{table:?}") };
        assert_eq!((profanity.value, profanity.count), (Some(1.0 / 3.0), 3));
        assert_eq!(by_rule(&tally, &ModerationCounts::default()).unwrap().rows.len(), 3);
    }

    #[test]
    fn what_a_classifier_finds_is_a_category_of_its_own_and_no_rule() {
        let rows = "{\"text\":\"I hate the dog\",\"label\":1}\n{\"text\":\"I like the dog\",\"label\":0}\n"
            .repeat(5);
        let rows = LabelledRows::read(&rows).rows;
        let classifier = Classifier::train(&rows, 1, |_, _| ()).unwrap();
        let mut tally = ModerationCounts::default();
        for text in ["I hate the dog. I hate the dog.", "I like the dog.", "I hate it, shit."] {
            tally.note(find(text, Some(&classifier)));
        }
        assert_eq!(tally.by_category, BTreeMap::from([(Category::Profanity, 1), (Category::Classifier, 2)]));
        assert_eq!(by_rule(&tally, &ModerationCounts::default()).unwrap().rows.len(), 1);
        let table = by_category(&tally, &ModerationCounts::default(), true);
        let Some([Cell::Text(name), Cell::Metric(share), _]) = table.rows.last().map(Vec::as_slice) else {
            panic!("{table:?}")
        };
        assert_eq!((name.as_str(), share.value), ("classifier", Some(2.0 / 3.0)));
    }
}
