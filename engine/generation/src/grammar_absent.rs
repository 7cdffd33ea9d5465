//! Stands in for [`grammar`](super::grammar) in builds without the feature `structured`.

use glasshouse_compiler::sampler::Constraint;
use glasshouse_platform::{Error, Result};
use glasshouse_text::tokenizer::Tokenizer;

#[derive(Debug)]
pub enum Vocabulary {}

impl Vocabulary {
    /// Always fails.
    pub fn new(_: &Tokenizer) -> Result<Self> {
        Err(Error::Refused("this build writes no JSON by a schema; use the program's release".to_owned()))
    }

    pub fn follow(&self, _: &str, _: &[u32]) -> Result<Box<dyn Constraint>> {
        match *self {}
    }
}
