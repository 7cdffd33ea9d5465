//! From documents to batches: reading files or the built-in stories, training or reusing a tokenizer, storing the token
//! stream, and drawing batches; also instruction tasks about the world of the stories.
//!
//! [`prepare()`] does all of this for a run. The result is one folder in the project, named by a hash of everything
//! that determines its content. The folder appears atomically and is reused while nothing changes.

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

pub use batch::{Batches, IGNORED};
pub use examples::{ExampleBatches, PairBatches, Reference, Rows};
pub use glasshouse_stories::{stories, tasks};
pub use mixture::MixtureSampler;
pub use prepare::{Prepared, Progress, prepare};
pub use prompts::{Prompt, PromptSettings, Prompts};
pub use store::{Split, TokenStore};
pub use windows::Windows;
