//! Plans for generation: prefill prompts in chunks, and decode all texts token by token with caches. Once a text fills the context, its
//! newest half is prefilled again.
//!
//! Both begin with `decode_feed`, which takes tokens from the texts' histories on the device, and end with `sample`, which appends one
//! token to each. The host uploads prompts and random numbers, assigns a text to each row of a plan, replays the plan, and reads many
//! tokens at once.

use super::buffers::{Allocation, buffers};
use super::memory::Spot;
use super::{Binding, Buffer, Dispatch, Plan, compile, lower};
use crate::graph::{Input, ValueId};
use crate::model::{Purpose, build};
use crate::sampler::Sampling;
use crate::{Error, Result};
use bytemuck::{Pod, Zeroable};
use glasshouse_protocol::config::MAX_ENDS;
use glasshouse_protocol::{MemoryKind, ModelConfig, WeightFormat};
use glasshouse_shaders::{decode_feed, sample};
use std::rc::Rc;

/// Prefill chunk size in tokens.
const CHUNK: usize = 32;

/// Maximum number of draws between two uploads of random numbers.
pub const MAX_DRAWS: usize = 64;

/// Buffers used only by generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeBuffer {
    /// [`DecodeState`] of each text.
    State,
    /// [`SampleSettings`] of each row of the next plan.
    Settings,
    /// u32: a ring of [`capacity`] tokens for each text.
    History,
    /// f32\[S, [`MAX_DRAWS`]\]: random numbers in [0, 1) for each text.
    Draws,
    /// u32\[S, [`MAX_DRAWS`]\]: the token chosen by each draw.
    Written,
    /// u32\[B, V\]: the sampler's ranking keys.
    Keys,
    /// f32\[B, V\]: the sampler's weights.
    Weights,
}

/// Progress of a text, as the device sees it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct DecodeState {
    /// Tokens ever appended to the history.
    pub length: u32,
    /// Draws used since the last upload.
    pub drawn: u32,
    /// Tokens of the history that the model has processed.
    pub read: u32,
    /// Tokens of the history before the model's window.
    pub dropped: u32,
}

/// [`Sampling`] of a plan's row, as the device sees it.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Pod, Zeroable)]
pub struct SampleSettings {
    /// The first half of the masked tokens, which are excluded during the first `masked_draws` draws.
    pub masked: [u32; MAX_ENDS / 2],
    /// The second half of the masked tokens.
    pub masked_high: [u32; MAX_ENDS / 2],
    /// 0 is greedy.
    pub temperature: f32,
    /// 1 keeps all.
    pub top_p: f32,
    /// 0 drops none.
    pub min_p: f32,
    /// 1 is off.
    pub repetition_penalty: f32,
    /// 0 keeps all.
    pub top_k: u32,
    /// The text that the row continues, or `u32::MAX` in [`Self::IDLE`].
    pub text: u32,
    /// Number of draws since the last upload during which tokens are masked.
    pub masked_draws: u32,
    pub masked_tokens: u32,
}

impl SampleSettings {
    /// A row without a text.
    pub const IDLE: Self = Self {
        masked: [0; MAX_ENDS / 2],
        masked_high: [0; MAX_ENDS / 2],
        temperature: 0.0,
        top_p: 1.0,
        min_p: 0.0,
        repetition_penalty: 1.0,
        top_k: 0,
        text: u32::MAX,
        masked_draws: 0,
        masked_tokens: 0,
    };

    /// A row that continues text number `text`.
    pub fn new(sampling: &Sampling, text: usize) -> Self {
        Self {
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            min_p: sampling.min_p,
            repetition_penalty: sampling.repetition_penalty,
            top_k: sampling.top_k,
            text: text as u32,
            ..Self::IDLE
        }
    }

    /// Excludes `tokens`, at most [`MAX_ENDS`], during the first `draws` draws.
    pub fn masking(mut self, tokens: &[u32], draws: u64) -> Self {
        self.masked_draws = u32::try_from(draws).unwrap_or(u32::MAX);
        self.masked_tokens = tokens.len().min(MAX_ENDS) as u32;
        let places = self.masked.iter_mut().chain(&mut self.masked_high);
        places.zip(tokens).for_each(|(masked, token)| *masked = *token);
        self
    }
}

/// Tokens kept of a full window, the one just drawn included. With half of them, each token is read about twice on average, as in
/// llama.cpp's context shift.
pub fn kept(context_length: usize) -> usize {
    context_length.div_ceil(2)
}

/// Length of a text's history ring: a window, plus the tokens written before the host reads again.
pub fn capacity(context_length: usize) -> usize {
    context_length + MAX_DRAWS
}

/// The generation plans of a model. Each one's last dispatch is the sampler and can be left out.
pub struct DecodePlans {
    /// Prefills up to a chunk of a text's tokens.
    pub prompt: Plan,
    /// Decodes one token of each text.
    pub step: Plan,
    /// Tokens of a prompt's chunk.
    pub chunk: usize,
    /// Number of texts generated at once.
    pub texts: usize,
}

impl DecodePlans {
    /// Builds and lowers the graphs for `texts` texts at once, with matrices in the format `weights`.
    pub fn new(
        model: &ModelConfig,
        texts: usize,
        weights: WeightFormat,
        target: &lower::Target,
    ) -> Result<Self> {
        let chunk = CHUNK.min(model.context_length);
        Ok(Self {
            prompt: plan(model, Purpose::Decode { batch: 1, chunk, texts, weights }, chunk, target)?,
            step: plan(model, Purpose::Decode { batch: texts, chunk: 1, texts, weights }, 1, target)?,
            chunk,
            texts,
        })
    }

    /// The plans in the order in which their buffers are numbered.
    pub fn all(&self) -> [&Plan; 2] {
        [&self.prompt, &self.step]
    }

    pub fn allocations(&self, model: &ModelConfig) -> Vec<Allocation> {
        let mut all = buffers(&self.all(), None, &[], 1);
        let outputs = model.vocabulary.max(model.outputs());
        all.extend(sampler_allocations(outputs, model.context_length, self.texts));
        all
    }
}

pub fn sampler_allocations(
    vocabulary: usize,
    context_length: usize,
    texts: usize,
) -> impl Iterator<Item = Allocation> {
    let sizes = [
        (DecodeBuffer::State, size_of::<DecodeState>()),
        (DecodeBuffer::Settings, size_of::<SampleSettings>()),
        (DecodeBuffer::History, capacity(context_length) * 4),
        (DecodeBuffer::Draws, MAX_DRAWS * 4),
        (DecodeBuffer::Written, MAX_DRAWS * 4),
        (DecodeBuffer::Keys, vocabulary * 4),
        (DecodeBuffer::Weights, vocabulary * 4),
    ];
    sizes.into_iter().map(move |(buffer, bytes)| {
        Allocation::shared(Buffer::Decode(buffer), (texts * bytes) as u64, MemoryKind::TablesAndStaging)
    })
}

fn plan(model: &ModelConfig, purpose: Purpose, time: usize, target: &lower::Target) -> Result<Plan> {
    let built = build(model, purpose)?;
    let mut plan = compile(built.graph, &[built.logits], target)?;
    let rows = plan.graph.ty(built.logits).rows();
    plan.dispatches.insert(0, feed([rows, time], model.context_length));
    plan.dispatches.push(sampler(&plan, built.logits, model.context_length)?);
    Ok(plan)
}

fn feed([rows, time]: [usize; 2], context_length: usize) -> Dispatch {
    let arguments = decode_feed::Arguments { time: time as u32, capacity: capacity(context_length) as u32 };
    let own = [DecodeBuffer::Settings, DecodeBuffer::State, DecodeBuffer::History].map(Buffer::Decode);
    let bindings = own.into_iter().chain([Input::Cursor, Input::Tokens].map(Buffer::Input));
    let (bindings, groups) = (bindings.map(Binding::whole).collect(), [rows as u32, 1, 1]);
    Dispatch::of_phase(decode_feed::kernel(), arguments.bytes(), bindings, groups, &Rc::from("feed"))
}

/// The dispatch that samples from a plan's `logits` [B, 1, V].
pub fn sampler(plan: &Plan, logits: ValueId, context_length: usize) -> Result<Dispatch> {
    let Spot { slot, offset } = plan.placement.spot_of_value[logits.index()]
        .ok_or_else(|| Error::Internal("the logits have no slot".to_owned()))?;
    let ty = plan.graph.ty(logits);
    let arguments = sample::Arguments {
        vocabulary: ty.columns() as u32,
        context_length: context_length as u32,
        capacity: capacity(context_length) as u32,
        each: MAX_DRAWS as u32,
    };
    let own = |buffer| Binding::whole(Buffer::Decode(buffer));
    let bindings = vec![
        own(DecodeBuffer::Settings),
        own(DecodeBuffer::Draws),
        Binding { buffer: Buffer::Slot(slot), offset, bytes: Some(ty.bytes()) },
        own(DecodeBuffer::Keys),
        own(DecodeBuffer::Weights),
        own(DecodeBuffer::History),
        own(DecodeBuffer::Written),
        own(DecodeBuffer::State),
    ];
    let groups = [ty.rows() as u32, 1, 1];
    Ok(Dispatch::of_phase(sample::kernel(), arguments.bytes(), bindings, groups, &Rc::from("sample")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn structures_lie_as_the_kernels_have_them() {
        let of = |name: &str| {
            glasshouse_shaders::STRUCTURES.iter().find(|structure| structure.name == name).unwrap()
        };
        let state = of("DecodeState");
        assert_eq!(state.size as usize, size_of::<DecodeState>());
        assert_eq!(
            state.fields,
            [
                ("length", offset_of!(DecodeState, length) as u32),
                ("drawn", offset_of!(DecodeState, drawn) as u32),
                ("read", offset_of!(DecodeState, read) as u32),
                ("dropped", offset_of!(DecodeState, dropped) as u32)
            ]
        );
        let settings = of("SampleSettings");
        assert_eq!(settings.size as usize, size_of::<SampleSettings>());
        assert_eq!(
            settings.fields,
            [
                ("masked", offset_of!(SampleSettings, masked) as u32),
                ("masked_high", offset_of!(SampleSettings, masked_high) as u32),
                ("temperature", offset_of!(SampleSettings, temperature) as u32),
                ("top_p", offset_of!(SampleSettings, top_p) as u32),
                ("min_p", offset_of!(SampleSettings, min_p) as u32),
                ("repetition_penalty", offset_of!(SampleSettings, repetition_penalty) as u32),
                ("top_k", offset_of!(SampleSettings, top_k) as u32),
                ("text", offset_of!(SampleSettings, text) as u32),
                ("masked_draws", offset_of!(SampleSettings, masked_draws) as u32),
                ("masked_tokens", offset_of!(SampleSettings, masked_tokens) as u32)
            ]
        );
    }
}
