//! Near duplicates, found without comparing all pairs.
//!
//! A document is the set of its runs of five words (*shingles*); the similarity of two documents is their Jaccard similarity:
//! shingles in both divided by shingles in either. MinHash (Broder 1997, *On the resemblance and containment of documents*)
//! reduces each set to 128 numbers, each the minimum of all shingles under another permutation: any one of them agrees between
//! two documents with a probability equal to their similarity. The numbers are grouped into *bands* of *rows*, and documents
//! that agree in a whole band meet (Leskovec, Rajaraman and Ullman, *Mining of Massive Datasets*, chapter 3). Only a hash of
//! each band is kept: four bytes. Documents that meet are read again and compared by their true similarity, so that nothing is
//! dropped because of an estimate.
//!
//! Probability that two documents meet, by bands × rows (exactly 1 − (1 − similarity^rows)^bands):
//!
//! | similarity | 16 × 8 (here) | 14 × 8 (FineWeb) | 14 × 9 | 25 × 5 |
//! |-----------:|--------------:|-----------------:|-------:|-------:|
//! |        0.5 |         0.061 |            0.053 |  0.027 |  0.548 |
//! |        0.6 |         0.238 |            0.211 |  0.132 |  0.868 |
//! |        0.7 |         0.613 |            0.565 |  0.436 |  0.990 |
//! |       0.75 |         0.815 |            0.772 |  0.661 |  0.999 |
//! |        0.8 |         0.947 |            0.924 |  0.867 |  1.000 |
//! |       0.85 |         0.994 |            0.988 |  0.975 |  1.000 |
//! |        0.9 |         1.000 |            1.000 |  0.999 |  1.000 |
//!
//! Documents that meet and reach the similarity threshold are joined into clusters. In each cluster the first document is
//! kept, and every other one is dropped if it reaches the threshold *with a kept document*. So a chain of copies, each a little
//! further from the first, is not dropped as a whole, as it is if clusters alone decide (FineWeb, datatrove), and every dropped
//! document has a kept counterpart.

mod cluster;
mod compare;
mod index;
mod sign;
#[cfg(test)]
mod tests;

pub use cluster::{Decision, Dropped};
pub use index::{Comparison, Index};
pub use sign::Keys;
pub(super) use sign::{Signature, Signer};

use glasshouse_documents::{Error, Result};
use glasshouse_documents::{settings, threshold::Thresholds as _};

settings! {
    Settings {
        permutations: u32 = 128, 1 to 1024, "MinHash values per document, at least bands × rows. Signing time is proportional to it.";
        bands: u32 = 16, 1 to 1024,
            "Bands of values; documents that agree in one are compared. More find more copies, at four bytes per document each: 16 × 8 finds 6 % of pairs at the threshold of 0.5, 82 % of those at 0.75, 99.4 % of those at 0.85.";
        rows: u32 = 8, 1 to 64, "Values per band: with more rows, fewer dissimilar documents meet.";
        shingle_words: u32 = 5, 1 to 32, "Words per compared run: 5, as in FineWeb (Penedo et al. 2024) and Lee et al. 2022.";
        // One changed word in 33 gives 0.74 and one in 25 gives 0.67: clearly copies, which the 0.8 of Lee et al. (2022) and
        // Gopher (Rae et al. 2021) keeps. FineWeb drops whatever meets in a band, unverified; with 0.5 such pairs are found as
        // often as by its 14 × 8, even for randomly scattered changes, and nothing below is dropped.
        similarity: f64 = 0.5, 0.1 to 1.0, "Jaccard similarity of the word runs from which two documents count as near duplicates.";
    }
    lists {
        enabled: bool = true, "Whether to search near copies.";
    }
}

impl Settings {
    pub fn validate(&self) -> Result<()> {
        self.check("duplicates.near.")?;
        if self.bands * self.rows > self.permutations {
            return Err(Error::Invalid(format!(
                "duplicates.near.bands × rows is {} × {} = {}: at most permutations, {}",
                self.bands,
                self.rows,
                self.bands * self.rows,
                self.permutations
            )));
        }
        Ok(())
    }

    /// Bytes per document while the corpus is read: a key per band, and the number of words.
    pub fn bytes_per_document(&self) -> u64 {
        4 * u64::from(self.bands) + 4
    }
}
