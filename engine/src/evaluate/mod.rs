//! Evaluating models: how well they predict and answer, on either executor. What is computed beside a model is in `glasshouse-evaluate`.

pub mod audit;
pub mod baselines;
mod calibration;
pub mod contamination;
pub mod documents;
mod errors;
mod frequencies;
pub mod likelihood;
mod repetition;
pub mod scorer;
mod tally;
pub mod tasks;
mod temperatures;
mod training_text;
pub mod windows;

pub use baselines::baselines;
pub use contamination::{contaminations, text_contamination};
pub use documents::{Document, HeldOut};
pub use likelihood::{likelihood, stride_of};
pub use scorer::{Detail, Scorer, Scoring, TokenScore};
pub use windows::score_text;

use crate::project::Run;
use crate::tokenizer::TokenizerFiles;

/// A model that is evaluated, and the run that it is of.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The model on its device.
    pub scorer: &'a mut Scorer,
    /// Its tokenizer.
    pub tokenizer: &'a TokenizerFiles,
    /// The run: its settings and its text.
    pub run: &'a Run,
    /// The weights, laid out as [`crate::plan::arena::ArenaLayout`] says.
    pub parameters: &'a [f32],
}

/// Hears what is under way, how much of it is done, and of how much.
pub type Tell<'a> = &'a mut dyn FnMut(&str, u64, u64);
