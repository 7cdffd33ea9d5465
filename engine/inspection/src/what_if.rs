//! Ablation, scaling of parts, and activation patching from another prompt.

use super::outputs::{divergence_bits, largest, log_probabilities};
use super::{Found, Lens, Subject, Tensor, exists};
use glasshouse_compiler::model::HookPoint;
use glasshouse_generation::prompt_tokens;
use glasshouse_platform::{Error, Result, refuse};
use glasshouse_protocol::inspect::Edit;
use glasshouse_protocol::{ModelConfig, order};
use std::ops::Range;

/// Rows per call of the head.
const ROWS: usize = 64;

/// The parts of a block, each with its last layer.
const ATTENTION: [&str; 2] = ["attention", "output"];
const MLP: [&str; 2] = ["mlp", "down"];

/// before [V] and after [V], probabilities at the position; ids [N], before_listed [N] and after_listed [N], the most likely
/// outputs of both; divergence [1], KL(before ‖ after) in bits. With `every_part`, heads [L, H] and mlps [L]: the divergence from
/// ablating each part alone; token_heads [L, H] and token_mlps [L]: the resulting change of the chosen token's log-probability.
pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let (tokens, position, settings) = (subject.tokens, subject.position, subject.settings);
    let mut found = Found::default();
    if let Some(about) = subject.about_outputs() {
        found.notice(about);
    }
    settings.edits.iter().try_for_each(|edit| check(edit, subject.lens.config(), tokens.len()))?;
    let patches = patches(subject, &mut found).await?;
    let logits = logits(subject.lens, tokens, &[], position).await?;
    let token = subject.output(&logits)?;
    let before = log_probabilities(&logits);
    let after = {
        let changed = Changed::new(subject.lens, &settings.edits);
        log_probabilities(&self::logits(changed.lens, tokens, &patches, position).await?)
    };
    let probabilities = |logarithms: &[f64]| -> Vec<f32> {
        logarithms.iter().map(|logarithm| libm::exp(*logarithm) as f32).collect()
    };
    let (old, new) = (probabilities(&before), probabilities(&after));
    let larger: Vec<f32> = old.iter().zip(&new).map(|(old, new)| old.max(*new)).collect();
    let ids = largest(&larger, settings.count);
    let listed = |of: &[f32]| -> Vec<f32> { ids.iter().map(|id| of[*id as usize]).collect() };
    let (axes, all) = ([("N", ids.len())], [("V", old.len())]);
    found.floats("before_listed", "", &axes, listed(&old));
    found.floats("after_listed", "", &axes, listed(&new));
    found.floats("before", "", &all, old);
    found.floats("after", "", &all, new);
    found.detail(subject.outputs_of(ids.iter().copied().chain([token])));
    found.ids("ids", "", &axes, ids);
    found.floats("divergence", "", &[("1", 1)], vec![divergence_bits(&before, &after) as f32]).unit =
        "bits".to_owned();
    if settings.every_part {
        every_part(subject, &mut found, &before, token as usize).await?;
    }
    Ok(found)
}

/// Fails if an edit refers to something that the model or prompt does not have.
fn check(edit: &Edit, config: &ModelConfig, tokens: usize) -> Result<()> {
    let factor = match *edit {
        Edit::Head { layer, head, factor } => {
            exists("layer", layer, config.layers)?;
            exists("head", head, config.heads)?;
            factor
        }
        Edit::Attention { layer, factor } | Edit::Mlp { layer, factor } | Edit::Layer { layer, factor } => {
            exists("layer", layer, config.layers)?;
            factor
        }
        Edit::Patch { layer, position } => {
            exists("layer", layer, config.layers + 1)?;
            exists("position", position, tokens)?;
            1.0
        }
    };
    if factor.is_finite() {
        return Ok(());
    }
    refuse!("the factor of a part must be a number, 0 to ablate it (got {factor})")
}

/// A row of the residual stream to replace.
struct Patch {
    layer: usize,
    position: usize,
    row: Vec<f32>,
}

/// The rows of the other prompt that the edits use, in layer order, from the unmodified model.
async fn patches(subject: &mut Subject<'_>, found: &mut Found) -> Result<Vec<Patch>> {
    let asked = subject.settings.edits.iter().filter_map(|edit| match *edit {
        Edit::Patch { layer, position } => Some((layer, position)),
        _ => None,
    });
    let asked = order::distinct(asked);
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let prompt = &subject.settings.other_prompt;
    if prompt.is_empty() {
        refuse!("a patch needs another prompt for its position; give one");
    }
    let other = prompt_tokens(subject.tokenizer, prompt)?;
    let cut = other.len().saturating_sub(subject.lens.config().context_length);
    if cut > 0 {
        found.notice(format!(
            "The first {cut} tokens of the other prompt do not fit the context and are left out."
        ));
    }
    let other = &other[cut..];
    if let Some((_, position)) = asked.iter().find(|(_, position)| *position >= other.len()) {
        let (count, last) = (other.len(), other.len().saturating_sub(1));
        return Err(Error::Unknown(format!(
            "the other prompt has {count} tokens and no position {position}; the nearest is {last} (0 to {last})"
        )));
    }
    let mut layers: Vec<usize> = asked.iter().map(|(layer, _)| *layer).collect();
    layers.dedup();
    let sites: Vec<HookPoint> = layers.iter().copied().map(HookPoint::Stream).collect();
    let streams = subject.lens.probe(other, &sites).await?;
    let mut patches = Vec::with_capacity(asked.len());
    for (layer, stream) in layers.into_iter().zip(&streams) {
        for (_, position) in asked.iter().filter(|(own, _)| *own == layer) {
            patches.push(Patch { layer, position: *position, row: stream.row(*position).to_vec() });
        }
    }
    Ok(patches)
}

/// The logits at a position, with rows of the residual stream replaced in layer order.
async fn logits(lens: &mut Lens, tokens: &[u32], patches: &[Patch], position: usize) -> Result<Vec<f32>> {
    let mut reached: Option<(usize, Tensor)> = None;
    for Patch { layer, position, row } in patches {
        let mut stream = match reached.take() {
            Some((own, stream)) if own == *layer => stream,
            Some((own, stream)) => {
                one(lens.probe_from(HookPoint::Stream(own), &stream, &[HookPoint::Stream(*layer)]).await?)
            }
            None => {
                let stream = one(lens.probe(tokens, &[HookPoint::Stream(*layer)]).await?);
                Tensor::new(&[1, tokens.len(), stream.columns()], stream.data)
            }
        };
        let columns = stream.columns();
        stream.data[position * columns..(position + 1) * columns].copy_from_slice(row);
        reached = Some((*layer, stream));
    }
    let logits = match reached {
        Some((layer, stream)) => {
            lens.probe_from(HookPoint::Stream(layer), &stream, &[HookPoint::Logits]).await?
        }
        None => lens.probe(tokens, &[HookPoint::Logits]).await?,
    };
    Ok(one(logits).row(position).to_vec())
}

fn one(found: Vec<Tensor>) -> Tensor {
    found.into_iter().next().unwrap_or_default()
}

/// Ablates each head and each MLP alone, and measures the change of the distribution and of a token.
async fn every_part(
    subject: &mut Subject<'_>,
    found: &mut Found,
    before: &[f64],
    token: usize,
) -> Result<()> {
    let (tokens, position, lens) = (subject.tokens, subject.position, &mut *subject.lens);
    let (layers, heads) = (lens.config().layers, lens.config().heads);
    let head = |layer| (0..heads).map(move |head| Edit::Head { layer, head, factor: 0.0 });
    let mlps = (0..layers).map(|layer| Edit::Mlp { layer, factor: 0.0 });
    let mut rows = Vec::new();
    for edit in (0..layers).flat_map(head).chain(mlps) {
        let changed = Changed::new(lens, &[edit]);
        let stream = one(changed.lens.probe(tokens, &[HookPoint::Stream(layers)]).await?);
        rows.extend_from_slice(stream.row(position));
    }
    // Norm and head process each position independently, so rows of several streams are batched.
    let width = lens.config().width;
    let together = ROWS.min(lens.config().context_length);
    let (mut divergences, mut changes) = (Vec::new(), Vec::new());
    for rows in rows.chunks(together * width) {
        let rows = Tensor::new(&[1, rows.len() / width, width], rows.to_vec());
        let logits = one(lens.probe_from(HookPoint::Stream(layers), &rows, &[HookPoint::Logits]).await?);
        for logits in logits.rows() {
            let after = log_probabilities(logits);
            let of = |logarithms: &[f64]| logarithms.get(token).copied().unwrap_or_default();
            divergences.push(divergence_bits(before, &after) as f32);
            changes.push((of(&after) - of(before)) as f32);
        }
    }
    let (of_mlps, token_mlps) = (divergences.split_off(layers * heads), changes.split_off(layers * heads));
    let (by_head, by_layer) = ([("L", layers), ("H", heads)], [("L", layers)]);
    found.floats("heads", "", &by_head, divergences);
    found.floats("mlps", "", &by_layer, of_mlps);
    found.floats("token_heads", "", &by_head, changes);
    found.floats("token_mlps", "", &by_layer, token_mlps);
    Ok(())
}

/// Temporary changes to a lens's weights; on drop, the original bits are restored in any case.
pub(super) struct Changed<'lens> {
    pub(super) lens: &'lens mut Lens,
    /// Original entries and versions of the changed parameters.
    before: Vec<(String, Vec<f32>, u64)>,
}

impl<'lens> Changed<'lens> {
    /// Applies the scaling edits; patches do not change weights.
    pub(super) fn new(lens: &'lens mut Lens, edits: &[Edit]) -> Self {
        let size = lens.config().head_size;
        let mut changed = Self { lens, before: Vec::new() };
        for edit in edits {
            match *edit {
                Edit::Head { layer, head, factor } => {
                    let columns = head * size..(head + 1) * size;
                    changed.scale(
                        &format!("blocks.{layer}.attention.output.weight"),
                        Some(columns),
                        factor,
                        0.0,
                    );
                }
                Edit::Attention { layer, factor } => changed.part(layer, ATTENTION, factor),
                Edit::Mlp { layer, factor } => changed.part(layer, MLP, factor),
                Edit::Layer { layer, factor } => {
                    [ATTENTION, MLP].into_iter().for_each(|part| changed.part(layer, part, factor));
                }
                Edit::Patch { .. } => {}
            }
        }
        changed
    }

    /// Scales what a part adds to the stream, by the weights of its output norm or else of its last layer.
    fn part(&mut self, layer: usize, [part, last]: [&str; 2], factor: f32) {
        let norm = &self.lens.config().norm;
        let (name, unit) = match norm.placement.output_norm() {
            Some(name) => (name, norm.add_unit_offset),
            None => (last, false),
        };
        self.scale(
            &format!("blocks.{layer}.{part}.{name}.weight"),
            None,
            factor,
            if unit { 1.0 } else { 0.0 },
        );
        self.scale(&format!("blocks.{layer}.{part}.{name}.bias"), None, factor, 0.0);
    }

    /// A parameter's entries to change, restored on drop; `None` if the model lacks it.
    pub(super) fn entries(&mut self, name: &str) -> Option<&mut [f32]> {
        let version = self.lens.version(name)?;
        if self.before.iter().all(|(kept, ..)| kept != name) {
            self.before.push((name.to_owned(), self.lens.weight(name)?.0.to_vec(), version));
        }
        self.lens.weights_mut(name)
    }

    /// Scales `offset` plus some or all columns of a parameter; no-op if the model lacks it, such as biases.
    fn scale(&mut self, name: &str, columns: Option<Range<usize>>, factor: f32, offset: f32) {
        let width = self.lens.weight(name).and_then(|(_, shape)| shape.last().copied());
        let (Some(width), Some(entries)) = (width, self.entries(name)) else { return };
        let columns = columns.unwrap_or(0..width);
        for row in entries.chunks_exact_mut(width) {
            row[columns.clone()].iter_mut().for_each(|entry| *entry = (*entry + offset) * factor - offset);
        }
    }
}

impl Drop for Changed<'_> {
    fn drop(&mut self) {
        for (name, entries, version) in &self.before {
            self.lens.put_back(name, entries, *version);
        }
    }
}
