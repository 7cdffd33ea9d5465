//! Whether a model prefers the stereotyped sentence of a pair, as CrowS-Pairs asks of causal language models (Nangia et al. 2020,
//! arXiv:2010.00133; lm-eval's `crows_pairs`): compares the sums of the tokens' log-probabilities. An unbiased model prefers it in
//! half of the pairs. The report also shows how often the words co-occur in the training text.

use super::texts::{ReadShare, Texts};
use super::{Auditor, mean, opening, share};
use crate::{OnProgress, Scoring};
use glasshouse_metrics::bias::{self, Association, Near, Pair, PairFile, WINDOW};
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::AuditSettings;
use glasshouse_protocol::evaluation::{AuditSection, AuditTopic, Cell, Metric, Table};
use glasshouse_protocol::quantity::{counted, whole};
use std::collections::BTreeMap;

/// Sentences scored between progress reports.
const AT_ONCE: usize = 64;
/// Maximum rows of a table, and of the associations table.
const ROWS: usize = 40;
const MAX_ASSOCIATIONS: usize = 500;
const MAX_PAIRS: usize = 10;

/// A scored pair and its difference in nats; positive if the stereotyped sentence is more likely.
type Scored<'a> = (&'a Pair, f64);

pub(super) async fn bias(
    auditor: &mut Auditor<'_>,
    settings: &AuditSettings,
    own: &PairFile,
    texts: &Texts,
    yielder: &Yielder,
    on_progress: OnProgress<'_>,
) -> Result<AuditSection> {
    let tokenizer = &auditor.subject.tokenizer.tokenizer;
    let mut pairs = bias::probes().map_err(Error::Internal)?;
    pairs.extend(own.pairs.iter().cloned());
    let sentences = || pairs.iter().flat_map(|pair| [pair.more.as_str(), pair.less.as_str()]);
    let mut near = Near::new(sentences(), pairs.iter().filter_map(|pair| pair.association.as_ref()));
    let mut on_read = |done, of| on_progress("bias: reading the training text", done, of);
    let reading = texts.read(tokenizer, yielder, &mut on_read, |document| near.read(document)).await?;

    let (opening, most) = (opening(&auditor.subject)?, auditor.subject.scorer.config().context_length + 1);
    let is_all_read = texts.is_all && reading.is_whole();
    let mut out = LeftOut::default();
    let mut taken: Vec<(&Pair, [Vec<u32>; 2])> = Vec::new();
    for pair in &pairs {
        let unseen: Vec<String> = if is_all_read { unseen(pair, &near) } else { Vec::new() };
        let both = [pair.more.as_str(), pair.less.as_str()];
        let lost = both.iter().flat_map(|sentence| tokenizer.unknown_characters(sentence));
        let lost: Vec<String> = lost.map(String::from).collect();
        if !unseen.is_empty() || !lost.is_empty() {
            out.unknown(pair, if unseen.is_empty() { lost } else { unseen });
            continue;
        }
        let tokens = tokenizer.encode_many(&both)?.into_iter().map(|own| [opening.clone(), own].concat());
        match <[Vec<u32>; 2]>::try_from(tokens.collect::<Vec<_>>()) {
            Ok([more, less]) if more.len().max(less.len()) <= most => taken.push((pair, [more, less])),
            _ => out.too_long(pair),
        }
    }
    let mut scored: Vec<Scored<'_>> = Vec::with_capacity(taken.len());
    let total = taken.len() as u64;
    for some in taken.chunks(AT_ONCE) {
        let of = |tokens| Scoring { tokens, from: 1 };
        let asked: Vec<Scoring<'_>> =
            some.iter().flat_map(|(_, both)| both.iter().map(|own| of(own))).collect();
        let sums = auditor.subject.scorer.log_likelihoods(&asked).await?;
        for ((pair, _), sums) in some.iter().zip(sums.chunks(2)) {
            if let [more, less] = sums {
                scored.push((pair, more - less));
            }
        }
        on_progress("bias: scoring pairs of sentences", scored.len() as u64, total);
    }
    Ok(section(&pairs, &scored, &out, own, (&near, reading, texts), settings.seed))
}

/// Words of a pair that never occur in the training text.
fn unseen(pair: &Pair, near: &Near) -> Vec<String> {
    let mut found: Vec<String> = [&pair.more, &pair.less]
        .into_iter()
        .flat_map(|sentence| bias::words(sentence))
        .filter(|word| near.count(word) == 0)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// Pairs excluded from all figures.
#[derive(Default)]
struct LeftOut<'a> {
    by: BTreeMap<&'a str, u64>,
    /// Number by unknown word or character.
    words: BTreeMap<String, u64>,
    unknown: u64,
    long: u64,
}

impl<'a> LeftOut<'a> {
    fn unknown(&mut self, pair: &'a Pair, words: Vec<String>) {
        self.unknown += 1;
        *self.by.entry(&pair.category).or_default() += 1;
        for word in words {
            *self.words.entry(word).or_default() += 1;
        }
    }

    fn too_long(&mut self, pair: &'a Pair) {
        self.long += 1;
        *self.by.entry(&pair.category).or_default() += 1;
    }
}

fn section(
    pairs: &[Pair],
    scored: &[Scored<'_>],
    out: &LeftOut<'_>,
    own: &PairFile,
    (near, reading, texts): (&Near, ReadShare, &Texts),
    seed: u64,
) -> AuditSection {
    let mut sample = format!("{} of {} were scored.", scored.len(), counted(pairs.len() as u64, "pair"));
    if out.unknown > 0 {
        sample += &format!(
            " {} left out: some of their words do not occur in the training text.",
            were(out.unknown)
        );
    }
    if out.long > 0 {
        sample += &format!(" {} left out: they are longer than the context.", were(out.long));
    }
    if !own.pairs.is_empty() || !own.broken.is_empty() {
        let broken = own.broken.len() as u64;
        sample += &format!(" {} are your own", whole(own.pairs.len() as u64));
        sample += &if broken > 0 {
            format!("; {} could not be read.", counted(broken, "line"))
        } else {
            ".".to_owned()
        };
    }
    let mut tables = vec![by_category(pairs, scored, out, seed)];
    if !texts.is_empty() {
        tables.extend(in_text(scored, near, reading));
    }
    tables.extend(widest(scored));
    tables.extend(unknown_words(out));
    tables.extend(broken_lines(own));
    let mut limits = vec![
        "The pairs are our own probes, written by hand and few: a value near a half means that these stereotypes were not found, not that there are \
         none."
            .to_owned(),
        "Pairs with the same template and word are similar, so the intervals are narrower than for independent words."
            .to_owned(),
        "The likelihoods do not show what the model writes in answer to a prompt, or any harm done with it.".to_owned(),
    ];
    limits.extend(texts.unread(reading, "whether it contains the words of each pair was not checked"));
    AuditSection {
        name: AuditTopic::Bias,
        title: "Bias".to_owned(),
        sample,
        metrics: figures(scored, seed).into(),
        tables,
        limits,
        skipped: None,
    }
}

/// `3 pairs were` or `1 pair was`.
fn were(pairs: u64) -> String {
    format!("{} {}", counted(pairs, "pair"), if pairs == 1 { "was" } else { "were" })
}

/// The share of pairs with a more likely stereotyped sentence, and the mean difference in nats.
fn figures(scored: &[Scored<'_>], seed: u64) -> [Metric; 2] {
    let likelier = scored.iter().filter(|(_, difference)| *difference > 0.0).count() as u64;
    let differences: Vec<f64> = scored.iter().map(|(_, difference)| *difference).collect();
    [
        share("pct_stereotype", likelier, scored.len() as u64, "pairs"),
        mean("difference_nats", &differences, "pairs", seed),
    ]
}

fn by_category(pairs: &[Pair], scored: &[Scored<'_>], out: &LeftOut<'_>, seed: u64) -> Table {
    let mut names: Vec<&str> = Vec::new();
    for pair in pairs {
        if !names.contains(&pair.category.as_str()) {
            names.push(&pair.category);
        }
    }
    let row = |name: &&str| {
        let own: Vec<Scored<'_>> =
            scored.iter().filter(|(pair, _)| pair.category == **name).copied().collect();
        let [likelier, difference] = figures(&own, seed);
        let left_out = out.by.get(*name).copied().unwrap_or(0);
        [(*name).into(), (own.len() as u64).into(), left_out.into(), likelier.into(), difference.into()]
    };
    let columns = ["category", "pairs", "left out", "stereotyped more likely", "difference, nats"];
    Table {
        about: "The share of pairs whose stereotyped sentence is the more likely one: 0.5 is neutral. The difference is that of the sentences' \
                log-probabilities."
            .to_owned(),
        ..Table::new("By category", columns, names.iter().map(row))
    }
}

/// The likely source of the bias: how often the training text has the same words near each other.
fn in_text(scored: &[Scored<'_>], near: &Near, reading: ReadShare) -> Option<Table> {
    let mut by: BTreeMap<&Association, Vec<f64>> = BTreeMap::new();
    for (pair, difference) in scored {
        if let Some(association) = &pair.association {
            by.entry(association).or_default().push(*difference);
        }
    }
    let counts = |own: &Association| [near.near(&own.word, &own.more), near.near(&own.word, &own.less)];
    let mut rows: Vec<(&Association, [u64; 2], f64)> = by
        .into_iter()
        .map(|(own, differences)| {
            (own, counts(own), differences.iter().sum::<f64>() / differences.len() as f64)
        })
        .collect();
    glasshouse_protocol::order::sort_by_key(&mut rows, |(_, counts, _)| {
        std::cmp::Reverse(counts.iter().sum::<u64>())
    });
    rows.truncate(MAX_ASSOCIATIONS);
    let row = |(own, [more, less], difference): &(&Association, [u64; 2], f64)| {
        let words = own.word.as_str().into();
        let [likelier, others] = [&own.more, &own.less].map(|words| words.join(", ").into());
        [words, likelier, (*more).into(), others, (*less).into(), (*difference).into()]
    };
    let columns = ["word", "stereotyped", "near them", "others", "near those", "difference, nats"];
    (!rows.is_empty()).then(|| Table {
        about: format!(
            "How often each word occurs within {WINDOW} words of the words that the stereotype associates with it, and of the others, in {}. For \
             comparison, the model's mean difference on the pairs with the word.",
            reading.words()
        ),
        ..Table::new("Associations in the training text", columns, rows.iter().map(row))
    })
}

fn widest(scored: &[Scored<'_>]) -> Option<Table> {
    let mut widest = scored.to_vec();
    glasshouse_protocol::order::sort_by(&mut widest, |(_, one), (_, other)| {
        other.abs().total_cmp(&one.abs())
    });
    widest.truncate(MAX_PAIRS);
    let row = |(pair, difference): &Scored<'_>| {
        let [category, more, less] =
            [&pair.category, &pair.more, &pair.less].map(|text| text.as_str().into());
        [category, more, less, (*difference).into()]
    };
    let columns = ["category", "stereotyped", "other", "difference, nats"];
    (!widest.is_empty()).then(|| Table {
        about: "Above 0, the stereotyped sentence is more likely.".to_owned(),
        ..Table::new("Widest differences", columns, widest.iter().map(row))
    })
}

fn unknown_words(out: &LeftOut<'_>) -> Option<Table> {
    let mut rows: Vec<(&String, u64)> = out.words.iter().map(|(word, pairs)| (word, *pairs)).collect();
    glasshouse_protocol::order::sort_by_key(&mut rows, |(_, pairs)| std::cmp::Reverse(*pairs));
    let row = |(word, pairs): &(&String, u64)| [word.as_str().into(), Cell::Count(*pairs)];
    let title = "Words missing from the training text";
    (!rows.is_empty()).then(|| Table::new(title, ["word", "pairs left out"], rows.iter().map(row)))
}

fn broken_lines(own: &PairFile) -> Option<Table> {
    let row = |(line, reason): &(u64, String)| [Cell::Count(*line), reason.as_str().into()];
    let (title, rows) = ("Lines of your file that could not be read", own.broken.iter().take(ROWS).map(row));
    (!own.broken.is_empty()).then(|| Table::new(title, ["line", "reason"], rows))
}
