//! What changed from one model to another: predictions on a text, weights, outputs of parts, and the effect of each part.
//!
//! * Divergence per token: KL(p ‖ q) = Σ p·log₂(p / q) (Kullback and Leibler 1951), in both directions. Means have 95 % bootstrap
//!   intervals over blocks of neighbouring tokens, which are not independent (Künsch 1989).
//! * Change of weights and of outputs on the text: ‖b − a‖ / max(‖a‖, ‖b‖), Frobenius norms; 1 if one of them is 0. The share of
//!   the largest singular direction is σ₁² / ‖b − a‖² of the difference, by power iteration (Golub and Van Loan, 8.2).
//! * Effect: loss(a with one part of b) − loss(a): patching (Meng et al. 2022) of weights in place of activations.

use super::linear::{dot, norm, products};
use super::outputs::{divergence_bits, largest, log_probabilities};
use super::what_if::Changed;
use super::{Found, Lens, Subject, Tensor, check};
use glasshouse_compiler::graph::Heads;
use glasshouse_compiler::model::HookPoint;
use glasshouse_generation::{Batch, prompt_tokens, request};
use glasshouse_metrics::statistics::Bootstrap;
use glasshouse_platform::{Error, Result, Yielder};
use glasshouse_protocol::evaluation::{Cell, Table};
use glasshouse_protocol::inspect::{Detail, InspectSettings, View};
use glasshouse_text::tokenizer::Tokenizer;
use std::collections::BTreeMap;
use std::f64::consts::LN_2;
use std::ops::Range;

/// Tokens per resampled block, and bytes if the tokenizers differ.
const BLOCK: usize = 16;
const BLOCK_BYTES: usize = 64;
/// Listed predictions of each model.
const TOP: usize = 3;
const MIN_WINDOW: usize = 16;
/// Iterations for the largest singular value: within a few percent unless the spectrum is flat, where the share says so anyway.
const ITERATIONS: usize = 16;
/// Words and characters of the text that both models continue.
const WORDS: usize = 8;
const CHARACTERS: usize = 80;
/// Places of attention and MLP on the axis `part`; heads follow.
const ATTENTION: usize = 0;
const MLP: usize = 1;
const FIRST_HEAD: usize = 2;

/// The earlier model, which the inspected one is compared with.
pub struct Base<'a> {
    pub lens: &'a mut Lens,
    pub tokenizer: &'a Tokenizer,
    /// Names of this model and of the inspected one.
    pub names: [String; 2],
    /// Receives the completed and the total amount of work.
    pub tell: &'a dyn Fn(u64, u64),
}

impl std::fmt::Debug for Base<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Base").field("names", &self.names).finish_non_exhaustive()
    }
}

/// ids, change [text]: the text's tokens, and log₂ of the factor by which each became likelier. With the same tokenizer: divergence
/// and divergence_back [text], KL(before ‖ after) and KL(after ‖ before) in bits; with another one: bits_before and bits_after
/// \[byte\]. With the same shape: weights, activations and effect [L, part]. Everything else is in tables.
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let missing = || Error::Refused("this view compares two models; choose the earlier one".to_owned());
    let mut base = subject.base.take().ok_or_else(missing)?;
    for (config, name) in [base.lens.config(), subject.lens.config()].into_iter().zip(&base.names) {
        if !config.labels.is_empty() || config.scores() {
            let reason = format!("{name} predicts no tokens; compare models that generate text");
            return Err(Error::Refused(reason));
        }
    }
    let (old, new) =
        (prompt_tokens(base.tokenizer, subject.prompt)?, prompt_tokens(subject.tokenizer, subject.prompt)?);
    for (lens, tokens) in [(&*base.lens, &old), (&*subject.lens, &new)] {
        check(lens.config(), &InspectSettings::default(), tokens)?;
        if tokens.len() < 2 {
            return Err(Error::Refused("the text has a single token; at least two are needed".to_owned()));
        }
    }
    let (mut found, mut tables) = (Found::default(), Vec::new());
    let outputs = [&*base.lens, &*subject.lens].map(|lens| lens.config().outputs());
    if outputs[0] == outputs[1] && base.tokenizer.to_json()? == subject.tokenizer.to_json()? {
        by_token(subject, &mut base, &new, (&mut found, &mut tables)).await?;
    } else {
        by_byte(subject, &mut base, [&old, &new], (&mut found, &mut tables)).await?;
    }
    found.detail(Detail::Tables { tables });
    let prompt = beginning(subject.prompt);
    let mut texts = Vec::with_capacity(2);
    for ((lens, tokenizer), name) in
        [(&*base.lens, base.tokenizer), (&*subject.lens, subject.tokenizer)].into_iter().zip(base.names)
    {
        texts.push((name, sample(lens, tokenizer, prompt, subject.settings).await?));
    }
    found.detail(Detail::Samples { prompt: prompt.to_owned(), texts });
    Ok(found)
}

/// Windows of inputs and targets that together predict every token but the first once.
fn windows(tokens: &[u32], time: usize) -> impl ExactSizeIterator<Item = (&[u32], &[u32])> {
    tokens.chunks(time).zip(tokens.get(1..).unwrap_or_default().chunks(time))
}

async fn by_token(
    subject: &mut Subject<'_>,
    base: &mut Base<'_>,
    tokens: &[u32],
    (found, tables): (&mut Found, &mut Vec<Table>),
) -> Result<()> {
    let (before, after) = (&*base.lens, &*subject.lens);
    let heads = after.heads();
    let layers = after.config().layers;
    let alike = before.parameters() == after.parameters() && before.heads() == heads;
    let context = before.config().context_length.min(after.config().context_length);
    let parts = if alike { layers * (FIRST_HEAD + heads.heads) } else { 0 };
    let sites = sites(if alike { layers } else { 0 });
    let (mut moved, yielder) = (vec![Norms::default(); parts], Yielder::new());
    let mut seen = Predictions::default();
    let windows = windows(tokens, context);
    let (mut done, total) = (0, (windows.len() + parts) as u64);
    for (inputs, targets) in windows {
        let old = base.lens.probe(inputs, &sites).await?;
        let new = subject.lens.probe(inputs, &sites).await?;
        if let ([old, ..], [new, ..]) = (&old[..], &new[..]) {
            for ((old, new), target) in old.rows().zip(new.rows()).zip(targets) {
                seen.add(old, new, *target);
                yielder.maybe_yield().await;
            }
        }
        let outputs = (old.get(1..).unwrap_or_default(), new.get(1..).unwrap_or_default());
        add_outputs((&*base.lens, &*subject.lens), outputs, &mut moved, &yielder).await;
        done += 1;
        (base.tell)(done, total);
    }
    seen.show(subject, tokens, (&mut *found, &mut *tables));
    if !alike {
        found.notice("The models have different shapes: changes of weights and of outputs, and effects of parts, are left out.");
        return Ok(());
    }
    let axes = [("L", layers), ("part", FIRST_HEAD + heads.heads)];
    let mut weights = Vec::with_capacity(parts);
    let mut effects = Vec::with_capacity(parts);
    let loss = mean(&losses(base.lens, tokens, context).await?);
    for layer in 0..layers {
        for part in 0..FIRST_HEAD + heads.heads {
            let entries = entries_of(subject.lens, layer, part);
            let mut norms = Norms::default();
            let mut changed = Changed::new(base.lens, &[]);
            for (name, ranges) in &entries {
                let Some((new, _)) = subject.lens.weight(name) else { continue };
                let Some(own) = changed.entries(name) else { continue };
                for range in ranges {
                    norms.add(&own[range.clone()], &new[range.clone()]);
                    own[range.clone()].copy_from_slice(&new[range.clone()]);
                }
            }
            weights.push(norms.change());
            effects.push((mean(&losses(changed.lens, tokens, context).await?) - loss) as f32);
            done += 1;
            (base.tell)(done, total);
        }
    }
    let activations = moved.iter().map(Norms::change).collect::<Vec<f32>>();
    let mut rows: Vec<(f32, Vec<Cell>)> = Vec::with_capacity(parts);
    for (at, effect) in effects.iter().enumerate() {
        let part = View::Diff.place_name("part", at % axes[1].1).unwrap_or_default();
        let name = format!("layer {} {part}", at / axes[1].1);
        let numbers = [*effect, weights[at], activations[at]].map(number);
        rows.push((effect.abs(), std::iter::once(Cell::Text(name)).chain(numbers).collect()));
    }
    let about = "Effect: change of the earlier model's loss with this part of the later one. Weights and outputs: relative change.";
    tables.push(ranked("Parts", about, &["part", "effect (bits per token)", "weights", "outputs"], rows));
    found.floats("weights", "", &axes, weights);
    found.floats("activations", "", &axes, activations);
    found.floats("effect", "", &axes, effects);
    let mut rows = Vec::new();
    for (name, _) in subject.lens.parameters() {
        if let (Some((old, shape)), Some((new, _))) = (base.lens.weight(name), subject.lens.weight(name)) {
            let mut norms = Norms::default();
            norms.add(old, new);
            let direction = first_direction(old, new, shape, &yielder).await;
            let cells = vec![Cell::Text(name.clone()), number(norms.change()), number(direction)];
            rows.push((norms.change(), cells));
        }
    }
    let about = "Relative change of each parameter, and the share of the largest singular direction of a matrix's change.";
    tables.push(ranked("Parameters", about, &["parameter", "change", "largest direction"], rows));
    Ok(())
}

/// A table in descending order of the rows' ranks.
fn ranked(title: &str, about: &str, columns: &[&str], mut rows: Vec<(f32, Vec<Cell>)>) -> Table {
    rows.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    Table {
        title: title.to_owned(),
        about: about.to_owned(),
        columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        rows: rows.into_iter().map(|(_, cells)| cells).collect(),
    }
}

/// JSON has only finite numbers.
fn number(value: impl Into<f64>) -> Cell {
    let value = value.into();
    if value.is_finite() { Cell::Number(value) } else { Cell::Text("–".to_owned()) }
}

fn sites(layers: usize) -> Vec<HookPoint> {
    let outputs = (0..layers).flat_map(|layer| {
        [HookPoint::AttentionOutput(layer), HookPoint::MlpOutput(layer), HookPoint::Attended(layer)]
    });
    std::iter::once(HookPoint::Logits).chain(outputs).collect()
}

/// Squared norms of earlier and later values, and of their difference.
#[derive(Clone, Copy, Debug, Default)]
struct Norms {
    old: f64,
    new: f64,
    change: f64,
}

impl Norms {
    fn add(&mut self, old: &[f32], new: &[f32]) {
        for (old, new) in old.iter().zip(new).map(|(old, new)| (f64::from(*old), f64::from(*new))) {
            self.old += old * old;
            self.new += new * new;
            self.change += (new - old) * (new - old);
        }
    }

    fn change(&self) -> f32 {
        if self.change == 0.0 { 0.0 } else { libm::sqrt(self.change / self.old.max(self.new)) as f32 }
    }
}

/// Adds the outputs of all parts [L, part]; `outputs` are in the order of [`sites`], without the logits. A head's output is its
/// contribution to the residual stream, before an output norm.
async fn add_outputs(
    (before, after): (&Lens, &Lens),
    (old, new): (&[Tensor], &[Tensor]),
    moved: &mut [Norms],
    yielder: &Yielder,
) {
    let Heads { heads, head_size, .. } = after.heads();
    let width = after.config().width;
    let parts = moved.chunks_exact_mut(FIRST_HEAD + heads);
    let layers = old.chunks_exact(3).zip(new.chunks_exact(3)).zip(parts);
    for (layer, ((old, new), moved)) in layers.enumerate() {
        for part in [ATTENTION, MLP] {
            moved[part].add(&old[part].data, &new[part].data);
        }
        let name = format!("blocks.{layer}.attention.output.weight");
        let (Some((before, _)), Some((after, _))) = (before.weight(&name), after.weight(&name)) else {
            continue;
        };
        let [mut one, mut other] = [vec![0.0; width], vec![0.0; width]];
        for (old, new) in old[2].rows().zip(new[2].rows()) {
            for (head, moved) in moved[FIRST_HEAD..].iter_mut().enumerate() {
                let own = head * head_size..(head + 1) * head_size;
                products(&old[own.clone()], &before[own.start..], old.len(), 1.0, &mut one);
                products(&new[own.clone()], &after[own.start..], new.len(), 1.0, &mut other);
                moved.add(&one, &other);
            }
            yielder.maybe_yield().await;
        }
    }
}

/// The parameters of a part with the ranges that belong to it. Keys and values shared by several heads belong to none of them.
fn entries_of(lens: &Lens, layer: usize, part: usize) -> Vec<(String, Vec<Range<usize>>)> {
    let scope = format!("blocks.{layer}.{}.", if part == MLP { "mlp" } else { "attention" });
    let own = lens.parameters().iter().filter(|(name, _)| name.starts_with(&scope));
    let Some(head) = part.checked_sub(FIRST_HEAD) else {
        return own.map(|(name, ty)| (name.clone(), std::iter::once(0..ty.count()).collect())).collect();
    };
    let Heads { heads, kv_heads, head_size: size } = lens.heads();
    let rows = if kv_heads == heads { vec![head, heads + head, 2 * heads + head] } else { vec![head] };
    let ranges = |name: &str, shape: &[usize]| -> Vec<Range<usize>> {
        let columns = if shape.len() > 1 { shape[1] } else { 1 };
        match name.strip_prefix(&scope) {
            Some("qkv.weight" | "qkv.bias") => {
                rows.iter().map(|row| row * size * columns..(row + 1) * size * columns).collect()
            }
            Some("output.weight") => {
                let start = |row: usize| row * columns + head * size;
                (0..shape[0]).map(|row| start(row)..start(row) + size).collect()
            }
            _ => Vec::new(),
        }
    };
    let own = own.map(|(name, ty)| (name.clone(), ranges(name, &ty.shape)));
    own.filter(|(_, ranges)| !ranges.is_empty()).collect()
}

/// σ₁² / ‖new − old‖² of a matrix's difference; 0 without a difference, 1 for a vector.
async fn first_direction(old: &[f32], new: &[f32], shape: &[usize], yielder: &Yielder) -> f32 {
    let difference: Vec<f32> = new.iter().zip(old).map(|(new, old)| new - old).collect();
    let total = norm(&difference);
    if total == 0.0 {
        return 0.0;
    }
    let &[_, columns] = shape else { return 1.0 };
    let rows = || difference.chunks_exact(columns.max(1));
    let longest = rows().max_by(|one, other| norm(one).total_cmp(&norm(other)));
    let mut direction = longest.unwrap_or_default().to_vec();
    let mut value = 0.0;
    for _ in 0..ITERATIONS {
        let length = norm(&direction);
        let mut next = vec![0.0f64; columns];
        value = 0.0;
        for row in rows() {
            let along = dot(row, &direction) / length;
            value += along * along;
            next.iter_mut().zip(row).for_each(|(next, entry)| *next += along * f64::from(*entry));
            yielder.maybe_yield().await;
        }
        // In units of the whole difference, so that nothing leaves the range of f32.
        direction = next.into_iter().map(|entry| (entry / (total * total)) as f32).collect();
    }
    (value / (total * total)).min(1.0) as f32
}

/// The loss in bits of each token but the first.
async fn losses(lens: &mut Lens, tokens: &[u32], context: usize) -> Result<Vec<f64>> {
    let time = (tokens.len() - 1).next_power_of_two().max(MIN_WINDOW).min(context);
    let mut all = Vec::with_capacity(tokens.len());
    for (inputs, targets) in windows(tokens, time) {
        let found = lens.losses([1, time], inputs, targets).await?;
        all.extend(found.iter().take(targets.len()).map(|loss| f64::from(*loss) / LN_2));
    }
    Ok(all)
}

/// What both models predict for each token but the first.
#[derive(Debug, Default)]
struct Predictions {
    divergence: Vec<f64>,
    back: Vec<f64>,
    /// Loss in bits of the earlier and the later model.
    losses: [Vec<f64>; 2],
    /// Ids and probabilities of both models' likeliest tokens.
    tops: [Vec<(Vec<u32>, Vec<f32>)>; 2],
}

impl Predictions {
    fn add(&mut self, old: &[f32], new: &[f32], target: u32) {
        let both = [old, new].map(log_probabilities);
        self.divergence.push(divergence_bits(&both[0], &both[1]));
        self.back.push(divergence_bits(&both[1], &both[0]));
        for (((logits, logarithms), losses), tops) in
            [old, new].into_iter().zip(&both).zip(&mut self.losses).zip(&mut self.tops)
        {
            let of = |id: u32| logarithms.get(id as usize).copied().unwrap_or(f64::NAN);
            losses.push(-of(target) / LN_2);
            let ids = largest(logits, TOP);
            let probabilities = ids.iter().map(|id| libm::exp(of(*id)) as f32).collect();
            tops.push((ids, probabilities));
        }
    }

    fn show(&self, subject: &Subject<'_>, tokens: &[u32], (found, tables): (&mut Found, &mut Vec<Table>)) {
        let [before, after] = &self.losses;
        tables.push(figures(
            "bits per token",
            BLOCK,
            &[
                ("KL(before ‖ after)", &self.divergence),
                ("KL(after ‖ before)", &self.back),
                ("loss before", before),
                ("loss after", after),
            ],
        ));
        let change: Vec<f64> = before.iter().zip(after).map(|(before, after)| before - after).collect();
        let divergence: Vec<f32> = self.divergence.iter().map(|bits| *bits as f32).collect();
        let likeliest = |(ids, shares): &(Vec<u32>, Vec<f32>)| {
            let said =
                ids.iter().zip(shares).map(|(id, share)| format!("{} {share:.2}", quoted(subject, *id)));
            Cell::Text(said.collect::<Vec<_>>().join(" "))
        };
        let row = |at: u32| {
            let at = at as usize;
            let [before, after] = self.tops.each_ref().map(|tops| likeliest(&tops[at]));
            let place = Cell::Count(at as u64 + 1);
            let token = Cell::Text(quoted(subject, tokens[at + 1]));
            let cells = vec![place, token, number(divergence[at]), number(change[at]), before, after];
            (divergence[at], cells)
        };
        let rows = largest(&divergence, subject.settings.count).into_iter().map(row).collect();
        let about =
            "KL(before ‖ after) in bits; change: log₂ of the factor by which the token became likelier.";
        let columns = ["place", "token", "KL", "change", "likeliest before", "likeliest after"];
        tables.push(ranked("Largest divergence", about, &columns, rows));
        text_of(subject, tokens, &change, (&mut *found, &mut *tables));
        let axes = [("text", tokens.len())];
        found.floats("divergence", "", &axes, after_first(divergence));
        found.floats("divergence_back", "", &axes, after_first(self.back.iter().map(|bits| *bits as f32)));
    }
}

/// The first token has no prediction.
fn after_first(values: impl IntoIterator<Item = f32>) -> Vec<f32> {
    std::iter::once(0.0).chain(values).collect()
}

/// A token in quotes, so that its spaces are visible.
fn quoted(subject: &Subject<'_>, token: u32) -> String {
    // The text already writes bytes of incomplete characters as `\xE6`.
    format!("{:?}", subject.token(token).text).replace(r"\\x", r"\x")
}

/// The text's tokens with the change of each, and the tokens gained and forgotten.
fn text_of(
    subject: &Subject<'_>,
    tokens: &[u32],
    change: &[f64],
    (found, tables): (&mut Found, &mut Vec<Table>),
) {
    let axes = [("text", tokens.len())];
    found.integers("ids", "", &axes, tokens.to_vec());
    found.floats("change", "", &axes, after_first(change.iter().map(|bits| *bits as f32)));
    found.detail(subject.tokens_of(tokens.iter().copied()));
    let mut tally: BTreeMap<u32, (f64, u64)> = BTreeMap::new();
    for (token, bits) in tokens.iter().skip(1).zip(change) {
        let entry = tally.entry(*token).or_default();
        *entry = (entry.0 + bits, entry.1 + 1);
    }
    let about = "Sum over the text of log₂ of the factor by which the token became likelier.";
    for (title, sign) in [("Tokens gained", 1.0), ("Tokens forgotten", -1.0)] {
        let row = |(token, (bits, count)): (&u32, &(f64, u64))| {
            let cells = vec![Cell::Text(quoted(subject, *token)), number(*bits), Cell::Count(*count)];
            (sign * *bits as f32, cells)
        };
        let rows = tally.iter().map(row).filter(|(bits, _)| *bits > 0.0).collect();
        let mut table = ranked(title, about, &["token", "bits", "occurrences"], rows);
        table.rows.truncate(subject.settings.count);
        tables.push(table);
    }
}

/// Compares models with different tokenizers by the bytes of the text: a token's bits are spread evenly over its bytes.
async fn by_byte(
    subject: &mut Subject<'_>,
    base: &mut Base<'_>,
    [old, new]: [&[u32]; 2],
    (found, tables): (&mut Found, &mut Vec<Table>),
) -> Result<()> {
    let text = subject.prompt;
    let mut sizes = Vec::with_capacity(2);
    for (tokenizer, tokens) in [(base.tokenizer, old), (subject.tokenizer, new)] {
        let [before, after] = &base.names;
        let refused = || {
            Error::Refused(format!(
                "{before} and {after} have different tokenizers, and not both spell this text byte for byte; choose a text without \
                 characters that a vocabulary lacks"
            ))
        };
        sizes.push(byte_counts(tokenizer, tokens, text).ok_or_else(refused)?);
    }
    (base.tell)(0, 2);
    let context = base.lens.config().context_length;
    let before = losses(base.lens, old, context).await?;
    (base.tell)(1, 2);
    let context = subject.lens.config().context_length;
    let after = losses(subject.lens, new, context).await?;
    let spread = |losses: &[f64], sizes: &[usize]| -> Vec<f64> {
        let first = std::iter::once(&0.0).chain(losses);
        let bytes = first
            .zip(sizes)
            .flat_map(|(bits, size)| std::iter::repeat_n(bits / (*size).max(1) as f64, *size));
        bytes.collect()
    };
    let (before, after) = (spread(&before, &sizes[0]), spread(&after, &sizes[1]));
    // No first token has a prediction, so the longer of them is left out for both.
    let unknown = sizes.iter().filter_map(|sizes| sizes.first()).copied().max().unwrap_or_default();
    let compared = |bits: &[f64]| bits.get(unknown..).unwrap_or_default().to_vec();
    let losses = [("loss before", &compared(&before)), ("loss after", &compared(&after))];
    tables.push(figures("bits per byte", BLOCK_BYTES, &losses));
    let change = |range: Range<usize>| -> f64 {
        let known = range.start.max(unknown)..range.end.max(unknown);
        before[known.clone()].iter().sum::<f64>() - after[known].iter().sum::<f64>()
    };
    let mut at = 0;
    let changes: Vec<f64> = sizes[1]
        .iter()
        .map(|size| {
            at += size;
            change(at - size..at)
        })
        .collect();
    text_of(subject, new, changes.get(1..).unwrap_or_default(), (&mut *found, tables));
    for (name, bits) in [("bits_before", before), ("bits_after", after)] {
        let axes = [("byte", bits.len())];
        found.floats(name, "", &axes, bits.into_iter().map(|bits| bits as f32).collect());
    }
    found.notice(
        "The models have different tokenizers: compared by bytes of the text; losses are in bits per byte. Divergence, weights, outputs and \
         effects of parts are left out.",
    );
    Ok(())
}

/// The number of bytes of the text that each token spells; `None` if together they spell another text.
fn byte_counts(tokenizer: &Tokenizer, tokens: &[u32], text: &str) -> Option<Vec<usize>> {
    let begins = tokenizer.begins().len();
    let mut rest = text.as_bytes();
    let mut counts = vec![0; begins];
    for (number, token) in tokens.iter().skip(begins).enumerate() {
        let bytes = tokenizer.token_bytes(*token);
        let own = match bytes.strip_prefix(b" ") {
            // SentencePiece puts a space before the text.
            Some(own) if number == 0 && !rest.starts_with(b" ") => own,
            _ => &bytes,
        };
        rest = rest.strip_prefix(own)?;
        counts.push(own.len());
    }
    rest.is_empty().then_some(counts)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// Means with their intervals, if there are enough blocks for one.
fn figures(unit: &str, block: usize, values: &[(&str, &Vec<f64>)]) -> Table {
    let row = |(name, values): &(&str, &Vec<f64>)| {
        let mean = mean(values);
        let (sums, counts): (Vec<f64>, Vec<f64>) =
            values.chunks(block).map(|block| (block.iter().sum::<f64>(), block.len() as f64)).unzip();
        let none = [if values.iter().all(|value| *value == mean) { mean } else { f64::NAN }; 2];
        let [low, high] = Bootstrap::default().ratio(&sums, &counts).unwrap_or(none);
        vec![Cell::Text((*name).to_owned()), number(mean), number(low), number(high)]
    };
    Table {
        title: "The whole text".to_owned(),
        about: "Means with 95 % intervals.".to_owned(),
        columns: ["", unit, "from", "to"].map(str::to_owned).to_vec(),
        rows: values.iter().map(row).collect(),
    }
}

/// The first words of a text, for both models to continue.
fn beginning(text: &str) -> &str {
    let words = text.split_inclusive(char::is_whitespace).scan((0, 0), |(bytes, words), piece| {
        *bytes += piece.len();
        *words += usize::from(!piece.trim().is_empty());
        Some((*bytes, *words))
    });
    let end = words.take_while(|(_, words)| *words <= WORDS).last().map_or(0, |(bytes, _)| bytes);
    let most = text.char_indices().nth(CHARACTERS).map_or(text.len(), |(at, _)| at);
    let cut = text.get(..end.min(most)).unwrap_or(text).trim_end();
    if cut.is_empty() { text } else { cut }
}

async fn sample(
    lens: &Lens,
    tokenizer: &Tokenizer,
    prompt: &str,
    settings: &InspectSettings,
) -> Result<String> {
    let tokens = prompt_tokens(tokenizer, prompt)?;
    let mut decoder = lens.decoder().await?;
    let mut batch = Batch::new(&mut decoder, [request(tokenizer, &tokens, &[], &settings.sampling)])?;
    while !batch.is_over() {
        batch.next(&mut decoder).await?;
    }
    Ok(batch.finish().pop().map(|generated| generated.text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_platform::block_on;
    use glasshouse_protocol::{TokenizerConfig, TokenizerKind};

    #[test]
    fn windows_predict_each_token_but_the_first_once() {
        let tokens: Vec<u32> = (0..9).collect();
        for time in 1..12 {
            let pairs = windows(&tokens, time).flat_map(|(inputs, targets)| inputs.iter().zip(targets));
            let pairs: Vec<(u32, u32)> = pairs.map(|(input, target)| (*input, *target)).collect();
            assert_eq!(pairs, (0..8).map(|at| (at, at + 1)).collect::<Vec<_>>(), "{time}");
        }
    }

    #[test]
    fn the_first_direction_of_a_difference_of_rank_one_is_all_of_it() {
        let share = |new: &[f32], shape: &[usize]| {
            block_on(first_direction(&vec![0.0; new.len()], new, shape, &Yielder::none()))
        };
        assert!((share(&[1.0, 2.0, -3.0, 2.0, 4.0, -6.0], &[2, 3]) - 1.0).abs() < 1e-6);
        assert!((share(&[3.0, 0.0, 0.0, 1.0], &[2, 2]) - 0.9).abs() < 1e-6);
        assert_eq!((share(&[0.0; 4], &[2, 2]), share(&[1.0, 5.0], &[2])), (0.0, 1.0));
    }

    #[test]
    fn samples_continue_the_first_words() {
        assert_eq!(beginning("One day, the"), "One day, the");
        assert_eq!(beginning("a b c d e f g h\ni j"), "a b c d e f g h");
        assert_eq!(beginning(&"é".repeat(300)), "é".repeat(CHARACTERS));
        assert_eq!(beginning(" "), " ");
    }

    #[test]
    fn tokens_spell_the_bytes_of_the_text_or_are_refused() {
        let config =
            |kind| TokenizerConfig { kind, vocabulary: 0, min_frequency: 1, special_tokens: Vec::new() };
        let train = |kind| block_on(Tokenizer::train(&config(kind), ["aé b"], &Yielder::none())).unwrap();
        for (kind, counts) in [(TokenizerKind::Byte, vec![1; 5]), (TokenizerKind::Char, vec![1, 2, 1, 1])] {
            let tokenizer = train(kind);
            let tokens = tokenizer.encode_prompt("aé b").unwrap();
            assert_eq!(byte_counts(&tokenizer, &tokens, "aé b"), Some(counts), "{kind:?}");
            assert_eq!(byte_counts(&tokenizer, &tokens, "aé bc"), None);
            assert_eq!(byte_counts(&tokenizer, &tokens, "aé"), None);
        }
    }
}
