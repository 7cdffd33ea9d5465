//! Composition of a corpus, and its training mixture.
//!
//! * [`Tally`] counts documents, bytes and words by source, genre, language, licence, year and length, for raw and for kept
//!   documents: the comparison shows whom the rules affected.
//! * [`Mixture`] determines the training share of each source.
//!
//! A tally has bounded memory and takes documents in corpus order, so that the same documents give the same tables.

mod mixture;
mod tally;
#[cfg(test)]
mod tests;

pub use mixture::Mixture;
pub use tally::{Tally, tables};
