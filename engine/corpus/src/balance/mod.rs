//! What a corpus is made of, and in which shares it is trained on.
//!
//! * [`Tally`] counts documents, bytes and words by source, genre, language, licence, year and length, once for what was read and
//!   once for what was kept: the two side by side show whom the rules took.
//! * [`Terms`] counts pairs of terms that the user names (`he`/`she`) and what stands beside them, and says which words tell the
//!   two apart. [`Safety`] counts words of a list and shows where they stand.
//! * [`Mixture`] says in which shares a run sees the sources, and which documents go where a source has too many.
//!
//! Everything is bounded in memory and filled in the order of the corpus, so that the same documents give the same tables.

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
