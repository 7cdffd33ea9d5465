//! Generated texts, token by token, and sampling settings; shared by Write, Chat and Inspect.

mod candidates;
mod explain;
mod look;
mod paper;
mod sampling;
mod sources;
mod text;

pub use candidates::candidates_ui;
pub use look::{Look, all_tokens, source_of};
pub use sampling::{Sampling, drawn_seed, narrowing_ui, sampling_ui, stop_ui};
pub use sources::{
    another_source, named_run, run_of, silence, source_at, source_name, source_ui, sources, start_of,
};
pub use text::ending;

use crate::pages::prelude::*;

pub fn has_model(context: &Context<'_>) -> bool {
    let state = context.state;
    !matches!(state.training.state, TrainingState::Idle | TrainingState::Preparing)
        || state.runs.list.iter().any(|run| !run.checkpoints.is_empty())
}
