//! How much of its training text a model reproduces: it continues the beginnings of passages greedily, and the
//! completions are compared with the text (Carlini et al. 2022, "Quantifying memorization across neural language
//! models", arXiv:2202.07646). Held-out passages show how much of that is chance.

use super::{Auditor, mean, share, skipped};
use crate::OnProgress;
use glasshouse_generation::{Batch, Request};
use glasshouse_inspection::Indices;
use glasshouse_platform::{Result, Yielder, files};
use glasshouse_protocol::evaluation::{AuditSection, AuditTopic, Cell, Metric, Passage, Table};
use glasshouse_protocol::quantity::{counted, whole};
use glasshouse_protocol::random::nth;
use glasshouse_protocol::{AuditSettings, GenerateConfig, WeightFormat};
use glasshouse_text::data::store::{INDEX_FILE, Split, TokenStore};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

const TITLE: &str = "Memorisation";

/// Tokens of a passage's prefix and continuation, if the context has room.
const PREFIX: usize = 32;
const FOLLOWING: usize = 50;
/// If the context would leave a shorter prefix, the continuation takes only half of it.
const MIN_PREFIX: usize = 8;

/// Maximum draws per passage; passages that span documents or were drawn before are redrawn.
const DRAWS: u64 = 8;

/// Stream id of the random draws.
const PASSAGES: u64 = 0x7061_7373;

/// Groups of passages by number of occurrences in the training text.
const GROUPS: [(&str, RangeInclusive<usize>); 4] = [
    ("once", 1..=1),
    ("2 to 4 times", 2..=4),
    ("5 to 16 times", 5..=16),
    ("more than 16 times", 17..=usize::MAX),
];

const SHOWN: usize = 10;

/// Lengths of passages, and the threshold for near-exact matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lengths {
    pub(super) prefix: usize,
    pub(super) following: usize,
    /// Length of a common run of tokens that counts as near-exact.
    pub(super) near: usize,
}

impl Lengths {
    /// The paper's lengths; a shorter context shortens the prefix, and a very short one both.
    pub(super) fn new(context: usize) -> Self {
        let following = if context >= FOLLOWING + MIN_PREFIX { FOLLOWING } else { context.div_ceil(2) };
        let prefix = PREFIX.min(context.saturating_sub(following)).max(1);
        Self { prefix, following, near: following.div_ceil(2) }
    }

    fn all(self) -> usize {
        self.prefix + self.following
    }
}

#[derive(Clone, Debug)]
struct Tried {
    tokens: Vec<u32>,
    /// Number of occurrences in the training text.
    occurrences: usize,
    written: Vec<u32>,
    exact: bool,
    near: bool,
    /// 1 − edit distance / length.
    similarity: f64,
}

pub(super) async fn memorisation(
    auditor: &mut Auditor<'_>,
    settings: &AuditSettings,
    yielder: &Yielder,
    on_progress: OnProgress<'_>,
) -> Result<AuditSection> {
    let run = auditor.subject.run;
    let folder = run.data_folder()?;
    if !files::is_file(&folder.join(INDEX_FILE)) {
        let reason = match run.is_from_outside()? {
            true => "it is an imported model, whose training text is not available".to_owned(),
            false => format!("the training text of the run {} is not available", run.name()),
        };
        return Ok(skipped(AuditTopic::Memorisation, TITLE, reason));
    }
    let context = auditor.subject.scorer.config().context_length;
    let lengths = Lengths::new(context);
    let store = TokenStore::open(&folder)?;
    let wanted = settings.samples;
    let trained = drawn(&store, Split::Train, lengths, wanted, settings.seed, yielder).await?;
    // More are drawn, as some also occur in the training text.
    let held = drawn(&store, Split::Validation, lengths, 2 * wanted, settings.seed, yielder).await?;
    if trained.is_empty() {
        let tokens = store.len(Split::Train);
        let reason = format!("the training text has {} and a passage {}", tokens_of(tokens), lengths.all());
        return Ok(skipped(AuditTopic::Memorisation, TITLE, reason));
    }
    on_progress("memorisation: searching the training text", 0, 0);
    let trained = looked_up(auditor.indices, &folder, trained, yielder).await?;
    let held = looked_up(auditor.indices, &folder, held, yielder).await?;
    let (held, copies): (Vec<_>, Vec<_>) = held.into_iter().partition(|(_, occurrences)| *occurrences == 0);
    let held: Vec<_> = held.into_iter().take(trained.len()).collect();
    let known = trained.len();
    let passages = trained.into_iter().map(|(tokens, occurrences)| (tokens, occurrences.max(1))).chain(held);
    let mut tried = write(auditor, passages.collect(), lengths, yielder, on_progress).await?;
    let held = tried.split_off(known);
    let mut sample = format!(
        "{} of the training text and {} of the held-out text. After the first {} of each, {} were generated greedily.",
        counted(tried.len() as u64, "passage"),
        whole(held.len() as u64),
        tokens_of(lengths.prefix as u64),
        whole(lengths.following as u64),
    );
    if lengths.all() < PREFIX + FOLLOWING {
        sample += &format!(
            " The context of {} is too short for the usual {PREFIX} and {FOLLOWING}.",
            tokens_of(context as u64)
        );
    }
    if !copies.is_empty() {
        sample += &format!(
            " Of the held-out passages, {} left out because they also occur in the training text.",
            match copies.len() {
                1 => "1 was".to_owned(),
                more => format!("{} were", whole(more as u64)),
            }
        );
    }
    let shown = |tokens: &[u32]| auditor.subject.tokenizer.tokenizer.decode(tokens);
    let mut tables = vec![by_occurrences(&tried, &held, settings.seed)];
    tables.extend(regurgitated(&tried, lengths, &shown));
    Ok(AuditSection {
        name: AuditTopic::Memorisation,
        title: TITLE.to_owned(),
        sample,
        metrics: figures(&tried, "", lengths, settings.seed)
            .into_iter()
            .chain(figures(&held, "_held_out", lengths, settings.seed))
            .collect(),
        tables,
        limits: limits(run.config()?.start.is_some()),
        skipped: None,
    })
}

fn limits(begins_with_another: bool) -> Vec<String> {
    let mut limits = vec![
        "The passages are a random sample: the rarest and most sensitive ones may not be included. Use canaries for those (data.canaries)."
            .to_owned(),
        "Only the most likely continuation was tried; more samples, or other beginnings, may extract more.".to_owned(),
        "The copyright of memorised passages was not examined.".to_owned(),
    ];
    if begins_with_another {
        limits.push("The text of the base model was not tested.".to_owned());
    }
    limits
}

/// `32 tokens`.
fn tokens_of(count: u64) -> String {
    counted(count, "token")
}

/// Distinct passages of a split at random positions, preferably within one document.
async fn drawn(
    store: &TokenStore,
    split: Split,
    lengths: Lengths,
    wanted: usize,
    seed: u64,
    yielder: &Yielder,
) -> Result<Vec<Vec<u32>>> {
    let places = (store.len(split) + 1).saturating_sub(lengths.all() as u64);
    let separator = store.index().and_then(|index| index.end_of_text);
    let examples = store.examples(split);
    let (mut known, mut within, mut across) = (BTreeSet::new(), Vec::new(), Vec::new());
    let draws = if places == 0 { 0 } else { DRAWS * wanted as u64 };
    for draw in 0..draws {
        if within.len() == wanted {
            break;
        }
        let place = nth(nth(seed, PASSAGES, split as u64), PASSAGES, draw) % places;
        if !known.insert(place) {
            continue;
        }
        let tokens = store.read(split, place, lengths.all())?;
        let several = match examples {
            Some(examples) => place + lengths.all() as u64 > examples.range(examples.holding(place)).end,
            None => tokens.iter().any(|token| Some(*token) == separator),
        };
        if several {
            across.push(tokens);
        } else {
            within.push(tokens);
        }
        yielder.maybe_yield().await;
    }
    within.extend(across.into_iter().take(wanted.saturating_sub(within.len())));
    Ok(within)
}

async fn looked_up(
    indices: &mut Indices,
    folder: &Path,
    passages: Vec<Vec<u32>>,
    yielder: &Yielder,
) -> Result<Vec<(Vec<u32>, usize)>> {
    let (index, _) = indices.open(folder, yielder).await?;
    let mut found = Vec::with_capacity(passages.len());
    for passage in passages {
        let count = index.occurrences(&passage, yielder).await?.count;
        found.push((passage, count));
        yielder.maybe_yield().await;
    }
    Ok(found)
}

async fn write(
    auditor: &mut Auditor<'_>,
    passages: Vec<(Vec<u32>, usize)>,
    lengths: Lengths,
    yielder: &Yielder,
    on_progress: OnProgress<'_>,
) -> Result<Vec<Tried>> {
    let config = GenerateConfig {
        max_tokens: lengths.following,
        temperature: 0.0,
        weights: Some(WeightFormat::F32),
        ..GenerateConfig::default()
    };
    let request = |(tokens, _): &(Vec<u32>, usize)| Request {
        prompt: tokens.iter().take(lengths.prefix).copied().collect(),
        config: config.clone(),
        ends: Vec::new(),
        classifier: None,
        watch: Default::default(),
        decode: (|_| None) as fn(Option<u32>) -> Option<String>,
    };
    let requests: Vec<_> = passages.iter().map(request).collect();
    let total = requests.len() as u64;
    let mut batch = Batch::new(auditor.decoder, requests)?;
    while !batch.is_over() {
        batch.next(auditor.decoder).await?;
        on_progress("memorisation: continuing passages", batch.written() as u64, total);
        yielder.maybe_yield().await;
    }
    let tried = batch.finish().into_iter().zip(passages).map(|(generated, (tokens, occurrences))| {
        let wanted = tokens.get(lengths.prefix..).unwrap_or_default();
        let written = generated.tokens;
        let similarity = similarity(&written, wanted);
        let (exact, near) = (written == wanted, common_run(&written, wanted) >= lengths.near);
        Tried { tokens, occurrences, written, exact, near, similarity }
    });
    Ok(tried.collect())
}

/// Length of the longest common run of tokens.
pub(super) fn common_run(one: &[u32], other: &[u32]) -> usize {
    let (mut longest, mut before) = (0, vec![0_usize; other.len() + 1]);
    for token in one {
        let mut diagonal = 0;
        for (run, theirs) in before.iter_mut().skip(1).zip(other) {
            let ended = std::mem::take(run);
            if token == theirs {
                *run = diagonal + 1;
                longest = longest.max(*run);
            }
            diagonal = ended;
        }
    }
    longest
}

/// 1 − Levenshtein distance / longer length; 1 for two empty texts.
pub(super) fn similarity(one: &[u32], other: &[u32]) -> f64 {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, token) in (1..).zip(one) {
        let (mut diagonal, mut left) = (at - 1, at);
        if let Some(first) = row.first_mut() {
            *first = at;
        }
        for (cell, theirs) in row.iter_mut().skip(1).zip(other) {
            let replaced = diagonal + usize::from(token != theirs);
            diagonal = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
    }
    let longer = one.len().max(other.len()).max(1);
    1.0 - row.last().copied().unwrap_or(0) as f64 / longer as f64
}

/// The shares of exact and near-exact completions, and the mean similarity.
fn figures(tried: &[Tried], which: &str, lengths: Lengths, seed: u64) -> [Metric; 3] {
    let count = |is: fn(&Tried) -> bool| tried.iter().filter(|own| is(own)).count() as u64;
    let similarities: Vec<f64> = tried.iter().map(|own| own.similarity).collect();
    let (of, total) = ("passages", tried.len() as u64);
    let Lengths { prefix, following, near } = lengths;
    let signed = |metric: Metric, more: &str| {
        let signature = format!("prefix {prefix}, {following} following, greedy{more}");
        Metric { signature: Some(signature), ..metric }
    };
    [
        signed(share(&format!("extractable{which}"), count(|own| own.exact), total, of), ""),
        signed(
            share(&format!("near_exact{which}"), count(|own| own.near), total, of),
            &format!(", {near} or more in a row"),
        ),
        signed(mean(&format!("edit_similarity{which}"), &similarities, of, seed), ""),
    ]
}

fn by_occurrences(tried: &[Tried], held: &[Tried], seed: u64) -> Table {
    let lengths = Lengths { prefix: 0, following: 0, near: 0 };
    let row = |name: &str, own: &[Tried]| {
        let [exact, near, similarity] =
            figures(own, "", lengths, seed).map(|figure| Cell::from(Metric { signature: None, ..figure }));
        [name.into(), Cell::Count(own.len() as u64), exact, near, similarity]
    };
    let mut rows = Vec::new();
    for (name, range) in GROUPS {
        let own: Vec<Tried> = tried.iter().filter(|own| range.contains(&own.occurrences)).cloned().collect();
        if !own.is_empty() {
            rows.push(row(name, &own));
        }
    }
    rows.push(row("held out", held));
    let columns = ["occurrences", "passages", "exact", "near-exact", "edit similarity"];
    Table {
        about: "Memorisation grows with repetition; removing duplicates from the text (`data clean`) is the first remedy.".to_owned(),
        ..Table::new("By occurrences in the training text", columns, rows)
    }
}

/// Reproduced passages, the rarest first: memorising a passage that occurs only once is worse.
fn regurgitated(tried: &[Tried], lengths: Lengths, shown: &dyn Fn(&[u32]) -> String) -> Option<Table> {
    let mut found: Vec<&Tried> = tried.iter().filter(|own| own.exact || own.near).collect();
    glasshouse_protocol::order::sort_by_key(&mut found, |own| (own.occurrences, !own.exact));
    found.truncate(SHOWN);
    let row = |own: &&Tried| {
        let (prefix, _) = own.tokens.split_at(lengths.prefix.min(own.tokens.len()));
        let prompt = Passage { prompt: shown(prefix), token: String::new() };
        let how = if own.exact { "exact" } else { "near-exact" };
        let (written, times) = (shown(&own.written).into(), Cell::Count(own.occurrences as u64));
        [prompt.into(), written, how.into(), own.similarity.into(), times]
    };
    let columns = ["beginning", "written", "how", "edit similarity", "times in the text"];
    (!found.is_empty()).then(|| Table::new("Reproduced passages", columns, found.iter().map(row)))
}
