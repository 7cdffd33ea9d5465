//! What changed from one model to another: predictions on a text, weights, outputs of parts, and the effect of each part.
//!
//! * Divergence per token: KL(p ‖ q) = Σ p·log₂(p / q) (Kullback and Leibler 1951), in both directions. Means have 95 % bootstrap
//!   intervals over blocks of neighbouring tokens, which are not independent (Carlstein 1986).
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
use glasshouse_metrics::statistics::{Bootstrap, ratio};
use glasshouse_platform::{Error, Result, Yielder, refuse};
use glasshouse_protocol::evaluation::{Cell, LossUnit, Metric, Table};
use glasshouse_protocol::inspect::{Detail, InspectSettings, View};
use glasshouse_protocol::order;
use glasshouse_protocol::quantity::{NOTHING, figures as figure};
use glasshouse_text::tokenizer::Tokenizer;
use std::collections::BTreeMap;
use std::f64::consts::LN_2;
use std::ops::Range;

/// Tokens per resampled block, and bytes if the tokenizers differ.
const BLOCK: usize = 16;
const BLOCK_BYTES: usize = 64;
const BITS: &str = "bits per token";
/// Fewer blocks give no interval.
const MIN_BLOCKS: usize = 5;
/// Listed predictions of each model.
const TOP: usize = 3;
const MIN_WINDOW: usize = 16;
/// Iterations for the largest singular value: within a few percent unless the spectrum is flat, where the share says so anyway.
const ITERATIONS: usize = 16;
/// Maximum characters of the text that both models continue.
const CHARACTERS: usize = 40;
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
    pub on_progress: &'a dyn Fn(u64, u64),
}

/// ids, change [text]: the text's tokens, and log₂ of the factor by which each became more likely. With the same tokenizer: divergence
/// and divergence_back [text], KL(before ‖ after) and KL(after ‖ before) in bits; with another one: bits_before and bits_after
/// \[byte\]. With the same shape: weights, activations and effect [L, part]. Everything else is in tables.
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let missing = || Error::Refused("this view compares two models; choose the earlier one".to_owned());
    let mut base = subject.base.take().ok_or_else(missing)?;
    for (config, name) in [base.lens.config(), subject.lens.config()].into_iter().zip(&base.names) {
        if !config.labels.is_empty() || config.scores() {
            refuse!("{name} predicts no tokens; compare models that generate text");
        }
    }
    let (old, new) =
        (prompt_tokens(base.tokenizer, subject.prompt)?, prompt_tokens(subject.tokenizer, subject.prompt)?);
    for (lens, tokens) in [(&*base.lens, &old), (&*subject.lens, &new)] {
        check(lens.config(), &InspectSettings::default(), tokens)?;
        if tokens.len() < 2 {
            refuse!("the text has a single token; at least two are needed");
        }
    }
    let mut found = Found::default();
    let outputs = [&*base.lens, &*subject.lens].map(|lens| lens.config().outputs());
    let alike = outputs[0] == outputs[1] && base.tokenizer.to_json()? == subject.tokenizer.to_json()?;
    let verdict = match alike {
        true => by_token(subject, &mut base, &new, &mut found).await?,
        false => by_byte(subject, &mut base, [&old, &new], &mut found).await?,
    };
    let prompt = beginning(subject.prompt);
    let mut texts = Vec::with_capacity(2);
    let models = [(&*base.lens, base.tokenizer), (&*subject.lens, subject.tokenizer)];
    for ((lens, tokenizer), name) in models.into_iter().zip(base.names) {
        texts.push((name, sample(lens, tokenizer, prompt, subject.settings).await?));
    }
    // What the models write says more than any table.
    found.details.insert(0, Detail::Samples { prompt: prompt.to_owned(), texts, verdict });
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
    found: &mut Found,
) -> Result<String> {
    let (before, after) = (&*base.lens, &*subject.lens);
    let (heads, layers) = (after.heads(), after.config().layers);
    let alike = before.parameters() == after.parameters() && before.heads() == heads;
    let context = before.config().context_length.min(after.config().context_length);
    let columns = FIRST_HEAD + heads.heads;
    let compared = if alike { layers } else { 0 };
    let parts = compared * columns;
    let outputs =
        |layer| [HookPoint::AttentionOutput, HookPoint::MlpOutput, HookPoint::Attended].map(|of| of(layer));
    let sites: Vec<_> = std::iter::once(HookPoint::Logits).chain((0..compared).flat_map(outputs)).collect();
    let (mut moved, yielder) = (vec![Norms::default(); parts], Yielder::new());
    let mut seen = Predictions::default();
    let windows = windows(tokens, context);
    let total = (windows.len() + parts) as u64;
    let mut done = 0;
    for (inputs, targets) in windows {
        let old = base.lens.probe(inputs, &sites).await?;
        let new = subject.lens.probe(inputs, &sites).await?;
        if let ([old, ..], [new, ..]) = (&old[..], &new[..]) {
            for ((old, new), target) in old.rows().zip(new.rows()).zip(targets) {
                seen.add(subject, [old, new], *target);
                yielder.maybe_yield().await;
            }
        }
        let outputs = (old.get(1..).unwrap_or_default(), new.get(1..).unwrap_or_default());
        add_outputs((&*base.lens, &*subject.lens), outputs, &mut moved, &yielder).await;
        done += 1;
        (base.on_progress)(done, total);
    }
    let verdict = seen.show(subject, &base.names, tokens, found);
    if !alike {
        found.notice("The models have different shapes: changes of weights and of outputs, and effects of parts, are left out.");
        return Ok(verdict);
    }
    let (factor, unit) = unit_of(subject, tokens);
    let loss = mean(&losses(base.lens, tokens, context).await?);
    let [mut weights, mut effects] = [const { Vec::new() }; 2];
    let mut rows = Vec::with_capacity(parts);
    for (at, outputs) in moved.iter().map(Norms::change).enumerate() {
        let (layer, part) = (at / columns, at % columns);
        let mut norms = Norms::default();
        let mut changed = Changed::new(base.lens, &[]);
        let scope = format!("blocks.{layer}.{}.", if part == MLP { "mlp" } else { "attention" });
        for (name, ty) in subject.lens.parameters().iter().filter(|(name, _)| name.starts_with(&scope)) {
            let ranges = ranges_of(heads, name, &ty.shape, part);
            let Some((new, _)) = subject.lens.weight(name).filter(|_| !ranges.is_empty()) else { continue };
            let Some(own) = changed.entries(name) else { continue };
            for range in ranges {
                norms.add(&own[range.clone()], &new[range.clone()]);
                own[range.clone()].copy_from_slice(&new[range]);
            }
        }
        let effect = (mean(&losses(changed.lens, tokens, context).await?) - loss) as f32;
        let part = View::Diff.place_name("part", part).unwrap_or_default();
        let [one, two, three] = [effect * factor as f32, norms.change(), outputs].map(number);
        rows.push((effect.abs(), [format!("layer {layer} {part}").into(), one, two, three]));
        weights.push(norms.change());
        effects.push(effect);
        done += 1;
        (base.on_progress)(done, total);
    }
    let about = "Effect: change of the earlier model's loss with this part of the later one. Weights and outputs: relative change.";
    show(found, about, ranked("Parts", ["part", &format!("effect ({unit})"), "weights", "outputs"], rows));
    let axes = [("L", layers), ("part", columns)];
    let activations = moved.iter().map(Norms::change).collect();
    for (name, values) in [("weights", weights), ("activations", activations), ("effect", effects)] {
        found.floats(name, "", &axes, values);
    }
    let mut rows = Vec::new();
    for (name, _) in subject.lens.parameters() {
        if let (Some((old, shape)), Some((new, _))) = (base.lens.weight(name), subject.lens.weight(name)) {
            let mut norms = Norms::default();
            norms.add(old, new);
            let direction = first_direction(old, new, shape, &yielder).await;
            rows.push((norms.change(), [name.clone().into(), number(norms.change()), number(direction)]));
        }
    }
    let about = "Relative change of each parameter, and the share of the largest singular direction of a matrix's change.";
    show(found, about, ranked("Parameters", ["parameter", "change", "largest direction"], rows));
    Ok(verdict)
}

/// A table in descending order of the rows' ranks.
fn ranked<const N: usize>(title: &str, columns: [&str; N], mut rows: Vec<(f32, [Cell; N])>) -> Table {
    order::sort_by(&mut rows, |(one, _), (other, _)| other.total_cmp(one));
    Table::new(title, columns, rows.into_iter().map(|(_, cells)| cells))
}

fn show(found: &mut Found, about: &str, table: Table) {
    found.detail(Detail::Tables { tables: vec![Table { about: about.to_owned(), ..table }] });
}

/// JSON has only finite numbers.
fn number(value: f32) -> Cell {
    if value.is_finite() { Cell::Number(value.into()) } else { NOTHING.into() }
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
        if self.change == 0.0 { 0.0 } else { (self.change / self.old.max(self.new)).sqrt() as f32 }
    }
}

/// Adds the outputs of all parts [L, part]; `old` and `new` have attention, MLP and attended values of each layer. A head's output is
/// its contribution to the residual stream, before an output norm.
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

/// The ranges of a parameter that belong to a part; none of keys and values that several heads share.
fn ranges_of(heads: Heads, name: &str, shape: &[usize], part: usize) -> Vec<Range<usize>> {
    let columns = shape.get(1).copied().unwrap_or(1);
    let Some(head) = part.checked_sub(FIRST_HEAD) else {
        return std::iter::once(0..shape[0] * columns).collect();
    };
    let Heads { heads, kv_heads, head_size: size } = heads;
    if name.ends_with("attention.output.weight") {
        let start = |row: usize| row * columns + head * size;
        (0..shape[0]).map(|row| start(row)..start(row) + size).collect()
    } else if name.contains("attention.qkv.") {
        let matrices = if kv_heads == heads { 3 } else { 1 };
        let rows = (0..matrices).map(|matrix| matrix * heads + head);
        rows.map(|row| row * size * columns..(row + 1) * size * columns).collect()
    } else {
        Vec::new()
    }
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
    (value / (total * total)).clamp(0.0, 1.0) as f32
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
    /// The most likely tokens of both models with their probabilities.
    likeliest: Vec<[String; 2]>,
}

impl Predictions {
    fn add(&mut self, subject: &Subject<'_>, logits: [&[f32]; 2], target: u32) {
        let logarithms = logits.map(log_probabilities);
        let [old, new] = &logarithms;
        self.divergence.push(divergence_bits(old, new));
        self.back.push(divergence_bits(new, old));
        self.likeliest.push(std::array::from_fn(|at| {
            let of = |id: u32| logarithms[at].get(id as usize).copied().unwrap_or(f64::NAN);
            self.losses[at].push(-of(target) / LN_2);
            let said = |id| format!("{} {:.2}", quoted(subject, id), libm::exp(of(id)));
            largest(logits[at], TOP).into_iter().map(said).collect::<Vec<_>>().join(" ")
        }));
    }

    /// Shows them; returns the verdict of [`figures`].
    fn show(&self, subject: &Subject<'_>, names: &[String; 2], tokens: &[u32], found: &mut Found) -> String {
        let (factor, unit) = unit_of(subject, tokens);
        let values = [("KL(before ‖ after)", &self.divergence), ("KL(after ‖ before)", &self.back)];
        let losses = self.losses.clone().map(|losses| losses.into_iter().map(|bits| bits * factor).collect());
        let verdict = figures(found, names, (unit, BLOCK), &values, &losses);
        let change = difference(&self.losses[0], &self.losses[1]);
        let divergence: Vec<f32> = self.divergence.iter().map(|bits| *bits as f32).collect();
        let row = |at: u32| {
            let at = at as usize;
            let [before, after] = self.likeliest[at].clone().map(Cell::Text);
            let (place, token) = (Cell::Count(at as u64 + 1), quoted(subject, tokens[at + 1]));
            let (kl, change) = (number(divergence[at]), number(change[at] as f32));
            (divergence[at], [place, token.into(), kl, change, before, after])
        };
        let rows = largest(&divergence, subject.settings.count).into_iter().map(row).collect();
        let about =
            "KL(before ‖ after) in bits; change: log₂ of the factor by which the token's probability rose.";
        let columns = ["place", "token", "KL", "change", "most likely before", "most likely after"];
        show(found, about, ranked("Largest divergence", columns, rows));
        text_of(subject, tokens, &change, found);
        let axes = [("text", tokens.len())];
        found.floats("divergence", "", &axes, after_first(&self.divergence)).unit = "bits".to_owned();
        found.floats("divergence_back", "", &axes, after_first(&self.back));
        verdict
    }
}

/// The requested unit of losses, as the factor from bits per token and its name.
fn unit_of(subject: &Subject<'_>, tokens: &[u32]) -> (f64, &'static str) {
    let tokens_per_byte = || {
        // The first token has no prediction.
        let bytes: usize = byte_counts(subject.tokenizer, tokens, subject.prompt)?.iter().skip(1).sum();
        (bytes > 0).then(|| (tokens.len() - 1) as f64 / bytes as f64)
    };
    let factor = match subject.settings.unit {
        None => None,
        Some(LossUnit::Nats) => Some(LN_2),
        Some(LossUnit::Bits) => tokens_per_byte(),
    };
    factor.zip(subject.settings.unit).map_or((1.0, BITS), |(factor, unit)| (factor, unit.name()))
}

fn difference(of: &[f64], and: &[f64]) -> Vec<f64> {
    of.iter().zip(and).map(|(of, and)| of - and).collect()
}

/// The first token has no prediction.
fn after_first(values: &[f64]) -> Vec<f32> {
    std::iter::once(0.0).chain(values.iter().map(|value| *value as f32)).collect()
}

/// A token in quotes, so that its spaces are visible.
fn quoted(subject: &Subject<'_>, token: u32) -> String {
    // The text already writes bytes of incomplete characters as `\xE6`.
    format!("{:?}", subject.token(token).text).replace(r"\\x", r"\x")
}

/// The text's tokens with the change of each, and the tokens gained and forgotten.
fn text_of(subject: &Subject<'_>, tokens: &[u32], change: &[f64], found: &mut Found) {
    let axes = [("text", tokens.len())];
    found.ids("ids", "", &axes, tokens.to_vec());
    found.floats("change", "", &axes, after_first(change));
    found.detail(subject.tokens_of(tokens.iter().copied()));
    let mut tally: BTreeMap<u32, (f64, u64)> = BTreeMap::new();
    for (token, bits) in tokens.iter().skip(1).zip(change) {
        let entry = tally.entry(*token).or_default();
        *entry = (entry.0 + bits, entry.1 + 1);
    }
    let about = "Sum over the text of log₂ of the factor by which the token's probability rose.";
    for (title, sign) in [("Tokens gained", 1.0), ("Tokens forgotten", -1.0)] {
        let row = |(token, (bits, count)): (&u32, &(f64, u64))| {
            let bits = *bits as f32;
            (sign * bits, [quoted(subject, *token).into(), number(bits), (*count).into()])
        };
        let rows = tally.iter().map(row).filter(|(bits, _)| *bits > 0.0).collect();
        let mut table = ranked(title, ["token", "bits", "occurrences"], rows);
        table.rows.truncate(subject.settings.count);
        show(found, about, table);
    }
}

/// Compares models with different tokenizers by the bytes of the text: a token's bits are spread evenly over its bytes.
async fn by_byte(
    subject: &mut Subject<'_>,
    base: &mut Base<'_>,
    [old, new]: [&[u32]; 2],
    found: &mut Found,
) -> Result<String> {
    let text = subject.prompt;
    let (Some(old_sizes), Some(new_sizes)) =
        (byte_counts(base.tokenizer, old, text), byte_counts(subject.tokenizer, new, text))
    else {
        let [before, after] = &base.names;
        refuse!(
            "{before} and {after} have different tokenizers, and not both spell this text byte for byte; choose a text without \
             characters that a vocabulary lacks"
        );
    };
    let spread = |losses: Vec<f64>, sizes: &[usize]| -> Vec<f64> {
        let bits = std::iter::once(0.0).chain(losses).zip(sizes);
        bits.flat_map(|(bits, size)| std::iter::repeat_n(bits / *size as f64, *size)).collect()
    };
    let context = [&*base.lens, &*subject.lens].map(|lens| lens.config().context_length);
    (base.on_progress)(0, 2);
    let before = spread(losses(base.lens, old, context[0]).await?, &old_sizes);
    (base.on_progress)(1, 2);
    let after = spread(losses(subject.lens, new, context[1]).await?, &new_sizes);
    for (name, bits) in [("bits_before", &before), ("bits_after", &after)] {
        found.floats(name, "", &[("byte", bits.len())], bits.iter().map(|bits| *bits as f32).collect());
    }
    // No first token has a prediction, so the longer of them is left out for both.
    let unknown = old_sizes.first().max(new_sizes.first()).copied().unwrap_or_default();
    let losses = [before, after].map(|mut bits| bits.split_off(unknown.min(bits.len())));
    let verdict = figures(found, &base.names, ("bits per byte", BLOCK_BYTES), &[], &losses);
    let mut bits = std::iter::repeat_n(0.0, unknown).chain(difference(&losses[0], &losses[1]));
    let changes: Vec<f64> = new_sizes.iter().map(|size| bits.by_ref().take(*size).sum()).collect();
    text_of(subject, new, changes.get(1..).unwrap_or_default(), found);
    found.notice(
        "The models have different tokenizers: compared by bytes of the text; losses are in bits per byte. Divergence, weights, outputs and \
         effects of parts are left out.",
    );
    Ok(verdict)
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

/// Shows means of values, of the losses before and after, and of their difference. Returns a sentence on that difference.
fn figures(
    found: &mut Found,
    [before, after]: &[String; 2],
    (unit, block): (&'static str, usize),
    values: &[(&'static str, &Vec<f64>)],
    losses: &[Vec<f64>; 2],
) -> String {
    let more = difference(&losses[1], &losses[0]);
    let measured = |values: &[f64]| {
        let blocks = values.chunks(block).map(|block| [block.iter().sum(), block.len() as f64]);
        let blocks: Vec<[f64; 2]> = blocks.collect();
        let interval = Bootstrap::default()
            .sums(&blocks, ratio)
            .filter(|ends| blocks.len() >= MIN_BLOCKS && ends.iter().all(|end| end.is_finite()));
        let value = Some(mean(values)).filter(|value| value.is_finite());
        Metric { value, interval, ..Metric::default() }
    };
    let rows = [("loss before", &losses[0]), ("loss after", &losses[1]), ("loss after − before", &more)];
    let rows = values.iter().map(|own| (own, BITS)).chain(rows.iter().map(|own| (own, unit)));
    let rows = rows.map(|((name, values), unit)| [(*name).into(), (&measured(values)).into(), unit.into()]);
    let about = format!("From {before} to {after}. Means with 95 % intervals.");
    let table = Table::new("The whole text", ["", "mean", "unit"], rows);
    show(found, &about, table);
    let (old, new) = (figure(mean(&losses[0])), figure(mean(&losses[1])));
    let Metric { value: Some(change), interval, .. } = measured(&more) else {
        return format!("The losses of {before} and {after} cannot be compared: they are not finite.");
    };
    let better = if change < 0.0 { after } else { before };
    let losses = format!("{old} {unit} of {before}, {new} of {after}");
    match interval {
        _ if change == 0.0 => format!("Both models predict this text equally well: {losses}."),
        None => {
            format!("{better} has the lower loss ({losses}), but the text is too short to exclude chance.")
        }
        Some([low, high]) if low <= 0.0 && high >= 0.0 => {
            format!("The difference in loss is within the noise: {losses}.")
        }
        Some(_) => format!("{better} predicts this text better: {losses}."),
    }
}

/// The first words of a text, for both models to continue.
fn beginning(text: &str) -> &str {
    let Some((end, _)) = text.char_indices().nth(CHARACTERS) else { return text };
    let cut = text.get(..end).unwrap_or(text);
    let words = cut.rsplit_once(char::is_whitespace).map(|(words, _)| words);
    words.filter(|words| !words.trim().is_empty()).unwrap_or(cut)
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
        assert_eq!(
            beginning("One day a boy walked by the river and saw it"),
            "One day a boy walked by the river and"
        );
        assert_eq!(beginning(&"é".repeat(300)), "é".repeat(CHARACTERS));
        assert_eq!(beginning(" "), " ");
    }

    #[test]
    fn tokens_spell_the_bytes_of_the_text_or_are_refused() {
        let config = |kind| TokenizerConfig { min_frequency: 1, ..TokenizerConfig::new(kind, 0) };
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
