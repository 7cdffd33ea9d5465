//! Clusters as a person or a page looks at them.

use serde::Serialize;

use super::{Decision, Index};
use crate::Result;

/// How much is shown of a corpus with many copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Clusters, those with the most copies first.
    pub clusters: usize,
    /// Copies in each, the most different first: they are the ones to look at.
    pub copies: usize,
    /// Characters of each text.
    pub excerpt: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clusters: 100, copies: 10, excerpt: 300 }
    }
}

/// What is shown of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// Its id in the corpus.
    pub id: String,
    /// Its text, with personal data already masked.
    pub text: String,
}

/// A cluster, to be written as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClusterRecord {
    /// The document that stays.
    pub kept: MemberRecord,
    /// Why it is this one.
    pub why: String,
    /// How many copies there are.
    pub count: usize,
    /// The most different of them.
    pub copies: Vec<MemberRecord>,
}

/// A document of a cluster.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MemberRecord {
    /// Its id.
    pub id: String,
    /// True Jaccard similarity to the kept one, 1 for itself.
    pub similarity: f64,
    /// How many words it has.
    pub words: u32,
    /// The start of its text.
    pub excerpt: String,
}

impl Decision {
    /// The largest clusters, with the id and the start of each text, which `show` gives by a document's number.
    ///
    /// # Errors
    /// Whatever `show` meets.
    pub fn records(
        &self,
        index: &Index,
        limits: Limits,
        show: &mut dyn FnMut(u32) -> Result<Shown>,
    ) -> Result<Vec<ClusterRecord>> {
        let mut member = |document: u32, similarity: f64| -> Result<MemberRecord> {
            let shown = show(document)?;
            let excerpt = shown.text.chars().take(limits.excerpt).collect();
            Ok(MemberRecord { id: shown.id, similarity, words: index.words(document), excerpt })
        };
        let mut clusters = self.clusters(index);
        clusters.sort_by_key(|cluster| (std::cmp::Reverse(cluster.copies.len()), cluster.kept));
        clusters.truncate(limits.clusters);
        clusters
            .into_iter()
            .map(|mut cluster| {
                let count = cluster.copies.len();
                cluster.copies.sort_by(|one, other| {
                    one.similarity.total_cmp(&other.similarity).then(one.document.cmp(&other.document))
                });
                let copies = cluster.copies.iter().take(limits.copies);
                Ok(ClusterRecord {
                    kept: member(cluster.kept, 1.0)?,
                    why: cluster.why,
                    count,
                    copies: copies
                        .map(|copy| member(copy.document, copy.similarity))
                        .collect::<Result<_>>()?,
                })
            })
            .collect()
    }
}
