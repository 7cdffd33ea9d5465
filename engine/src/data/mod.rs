//! From documents to batches: reading files or the embedded stories, training or reusing a tokenizer, storing the token
//! stream, and drawing batches from it; and instruction tasks about the world of the stories.
//!
//! [`prepare()`] does all of it for a run. What it makes lies in one folder under the project, named after everything
//! that decides its content; it appears there complete or not at all, and is reused while nothing changed.

pub mod batch;
pub mod canaries;
pub mod content;
pub mod diverse;
mod documents;
mod examples;
mod mixture;
pub mod prepare;
mod prompts;
pub mod read;
pub mod recipes;
pub mod rewards;
pub mod store;
pub mod survey;
pub mod task_folder;
mod windows;

pub use batch::{Batch, Batches, IGNORED};
pub use examples::{ExampleBatches, PairBatches, Reference};
pub use glasshouse_stories::{stories, tasks};
pub use mixture::MixtureSampler;
pub use prepare::{Prepared, Progress, prepare};
pub use prompts::{Prompt, PromptSettings, Prompts};
pub use store::{Split, TokenStore};
pub use windows::Windows;
