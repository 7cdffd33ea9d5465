//! Stands in for [`grammar`](super::grammar) in builds without the feature `structured`.

use glasshouse_compiler::sampler::Constraint;
use glasshouse_platform::{Error, Result};
use glasshouse_protocol::Grammar;
use glasshouse_text::tokenizer::Tokenizer;

pub enum Vocabulary {}

impl Vocabulary {
    /// Always fails.
    pub fn new(_: &Tokenizer) -> Result<Self> {
        let reason = "texts follow grammars and JSON Schemas only in the desktop program, not in a browser";
        Err(Error::Refused(reason.to_owned()))
    }

    pub fn follow(&self, _: &Grammar, _: &[u32]) -> Result<Box<dyn Constraint>> {
        match *self {}
    }
}
