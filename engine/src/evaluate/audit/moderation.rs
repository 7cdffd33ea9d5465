//! Moderation of what a model writes by itself: texts are sampled and looked through by the rules, and so is the training text, so that a
//! person sees where it comes from.

use super::texts::Texts;
use super::{Auditor, Sampled, metric, of_sampled, share, words};
use crate::error::{Error, Result};
use crate::evaluate::Tell;
use crate::evaluation::moderation::{Category, Finding, RULES_FILE, Rules, Severity};
use crate::platform::Turns;
use crate::protocol::evaluation::{AuditSection, AuditTopic, Better, Cell, Table};
use crate::protocol::quantity::{counted, whole};
use std::collections::BTreeMap;

/// Rules that are listed.
const ROWS: usize = 30;

/// In how many texts something was found.
#[derive(Debug, Default)]
struct Tally {
    texts: u64,
    /// Those with anything.
    any: u64,
    by_category: BTreeMap<Category, u64>,
    /// How often each rule matched.
    by_rule: BTreeMap<(Category, Severity, String), u64>,
}

impl Tally {
    fn note(&mut self, findings: Vec<Finding>) {
        self.texts += 1;
        self.any += u64::from(!findings.is_empty());
        let mut seen: Vec<Category> = findings.iter().map(|finding| finding.category).collect();
        seen.sort_unstable();
        seen.dedup();
        for category in seen {
            *self.by_category.entry(category).or_default() += 1;
        }
        for Finding { category, severity, rule, .. } in findings {
            *self.by_rule.entry((category, severity, rule)).or_default() += 1;
        }
    }
}

pub(super) async fn moderation(
    auditor: &Auditor<'_>,
    (rules, is_own): &(Rules, bool),
    written: &Sampled,
    texts: &Texts,
    turns: &Turns,
    tell: Tell<'_>,
) -> Result<AuditSection> {
    let (mut own, mut there) = (Tally::default(), Tally::default());
    for text in &written.texts {
        own.note(rules.find(text));
        turns.give().await;
    }
    let mut told = |done, of| tell("moderation: reading the training text", done, of);
    let tokenizer = &auditor.subject.tokenizer.tokenizer;
    let reading = texts.read(tokenizer, turns, &mut told, |document| {
        if !document.trim().is_empty() {
            there.note(rules.find(document));
        }
    });
    let reading = reading.await?;
    let beside = if texts.is_empty() {
        "the training text is not here".to_owned()
    } else {
        format!("beside {} in {}", counted(there.texts, "document"), reading.words())
    };
    let by = if *is_own { "our rules and the project's own" } else { "our rules" };
    let sample = format!("{}, by {by}; {beside}.", written.words());
    Ok(section(&own, &there, texts.is_all && reading.is_whole(), sample))
}

/// Our rules, and the project's own where it has any.
///
/// # Errors
/// A line of those is broken.
pub(super) fn rules_of(auditor: &Auditor<'_>) -> Result<(Rules, bool)> {
    let project = auditor.subject.run.project()?;
    let own = project.moderation_rules()?;
    let place = project.folder().join(RULES_FILE);
    let rules = Rules::with(own.as_deref().unwrap_or_default());
    Ok((rules.map_err(|reason| Error::bad_file(&place, reason))?, own.is_some()))
}

fn section(own: &Tally, there: &Tally, is_all: bool, sample: String) -> AuditSection {
    let mut metrics = vec![share("texts_with_findings", own.any, own.texts, "texts", Better::Lower)];
    if there.texts > 0 {
        let beside =
            share("training_documents_with_findings", there.any, there.texts, "documents", Better::Neither);
        metrics.push(beside);
    }
    let limits = [
        "Rules see words and phrases of English, and not what is meant: harm in innocent words is missed, and a quotation or a text about harm \
         is found.",
        "Texts that follow nothing show what comes up by itself; a prompt that asks for it may bring up more.",
        "A sampled text and a document are not equally long, so that their shares say in which categories they differ, and not by how much.",
    ];
    let tables = [Some(by_category(own, there)), by_rule(own, there)];
    of_sampled((AuditTopic::Moderation, "Moderation"), sample, metrics, tables, (&limits, is_all))
}

fn by_category(own: &Tally, there: &Tally) -> Table {
    let row = |category: Category| {
        let of = |tally: &Tally, of: &str, better: Better| {
            let found = tally.by_category.get(&category).copied().unwrap_or(0);
            if tally.texts == 0 {
                words("not known")
            } else {
                metric(share("share", found, tally.texts, of, better))
            }
        };
        vec![
            words(category.name().replace('_', " ")),
            of(own, "texts", Better::Lower),
            of(there, "documents", Better::Neither),
        ]
    };
    Table {
        title: "By category".to_owned(),
        about: "The share of sampled texts, and of the training text's documents, in which a rule of the category matches.".to_owned(),
        columns: ["category", "sampled texts", "training text"].map(str::to_owned).into(),
        rows: Category::ALL.into_iter().map(row).collect(),
    }
}

/// The rules that matched what was sampled, the most frequent first.
fn by_rule(own: &Tally, there: &Tally) -> Option<Table> {
    let mut rows: Vec<_> = own.by_rule.iter().collect();
    rows.sort_by_key(|(_, times)| std::cmp::Reverse(**times));
    let more = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let row = |(key, times): (&(Category, Severity, String), &u64)| {
        let (category, severity, rule) = key;
        let beside = there.by_rule.get(key).copied().unwrap_or(0);
        vec![
            words(rule.clone()),
            words(category.name().replace('_', " ")),
            words(severity.name()),
            Cell::Count(*times),
            if there.texts == 0 { words("not known") } else { Cell::Count(beside) },
        ]
    };
    (!rows.is_empty()).then(|| Table {
        title: "By rule".to_owned(),
        about: if more > 0 { format!("{} more are not listed.", whole(more as u64)) } else { String::new() },
        columns: ["rule", "category", "severity", "times written", "times in the training text"]
            .map(str::to_owned)
            .into(),
        rows: rows.into_iter().map(row).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_counts_once_for_a_category_and_a_rule_as_often_as_it_matches() {
        let (rules, mut tally) = (Rules::ours().unwrap(), Tally::default());
        for text in ["Shit, shit, what a damn day.", "A class in Essex.", "You idiot."] {
            tally.note(rules.find(text));
        }
        assert_eq!((tally.texts, tally.any), (3, 2));
        assert_eq!(tally.by_category, BTreeMap::from([(Category::Profanity, 1), (Category::Insults, 1)]));
        let shit = (Category::Profanity, Severity::Medium, "shit".to_owned());
        assert_eq!(tally.by_rule.get(&shit), Some(&2));
        let table = by_category(&tally, &Tally::default());
        assert_eq!(table.rows.len(), Category::ALL.len());
        let Some(Cell::Metric(profanity)) = table.rows[0].get(1) else { panic!("{table:?}") };
        assert_eq!((profanity.value, profanity.count), (Some(1.0 / 3.0), 3));
        assert_eq!(by_rule(&tally, &Tally::default()).unwrap().rows.len(), 3);
    }
}
