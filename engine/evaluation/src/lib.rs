//! Evaluation of models by prediction and by answers, on either executor. Computations that need no model are in
//! `glasshouse-metrics`.

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
mod stories;
mod tally;
pub mod tasks;
mod temperatures;
mod training_text;
pub mod windows;

pub use baselines::baselines;
pub use contamination::{contaminations, text_contamination};
pub use documents::{Document, HeldOut};
pub use glasshouse_compiler::sampler::TokenScore;
pub use likelihood::{likelihood, stride_of};
pub use scorer::{Detail, Scorer, Scoring};

use glasshouse_project::Run;
use glasshouse_text::tokenizer::TokenizerFiles;

#[derive(Debug)]
pub struct Subject<'a> {
    pub scorer: &'a mut Scorer,
    pub tokenizer: &'a TokenizerFiles,
    /// The run, for its settings and text.
    pub run: &'a Run,
    /// The weights, laid out by [`glasshouse_compiler::plan::arena::ArenaLayout`].
    pub parameters: &'a [f32],
}

/// Progress callback: current activity, amount done and total.
pub type OnProgress<'a> = &'a mut dyn FnMut(&str, u64, u64);
