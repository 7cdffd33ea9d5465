//! Composition of a corpus, and its training mixture.
//!
//! * [`Tally`] counts documents, bytes and words by source, genre, language, licence, year and length, for raw and for kept
//!   documents: the comparison shows whom the rules affected.
//! * [`Terms`] counts pairs of user-defined terms (`he`/`she`) and their neighbouring words, and finds the words that
//!   distinguish them. [`Safety`] counts listed words and shows occurrences.
//! * [`Mixture`] determines the training share of each source, and the documents to drop from capped sources.
//!
//! All of them have bounded memory and take documents in corpus order, so that the same documents give the same tables.

mod mixture;
mod safety;
mod settings;
mod tally;
mod terms;
#[cfg(test)]
mod tests;

pub use mixture::{Cap, Mixture};
pub use safety::Safety;
pub use settings::Settings;
pub use tally::{Tally, tables};
pub use terms::Terms;
