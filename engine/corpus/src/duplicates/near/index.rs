//! The keys of a corpus, and candidate pairs.

use rayon::prelude::*;

use super::cluster::{Decision, Families};
use super::compare::{Cache, Comparer};
use super::{Keys, Settings};
use glasshouse_documents::{Error, Result};

/// Documents per allocation of keys: memory grows in steps of this size and never doubles.
const PART: usize = 4096;
/// Maximum number of documents in a bucket that others are compared with. A bucket with more mutually unlike documents consists
/// of pages with shared boilerplate; comparing all pairs would take quadratic time.
const REPRESENTATIVES: usize = 16;
/// Documents read together.
pub(super) const BATCH: usize = 512;

/// A decision in progress, one band at a time.
pub struct Comparison {
    families: Families,
    cache: Cache,
    band: u32,
}

impl Comparison {
    pub fn new(index: &Index) -> Self {
        Self { families: Families::new(index.documents), cache: Cache::default(), band: 0 }
    }

    /// Compares the documents that meet in the next band; after the last one, returns which documents are copies: see [the
    /// module](super). `load` returns the texts of documents by number, in the given order and unchanged since their keys were
    /// made: at most 512 documents per call, and 2 million words unless one has more. Each text is loaded about once, and about
    /// 100 MB are cached. The result does not depend on the number of threads.
    pub fn step(
        &mut self,
        index: &Index,
        load: &mut dyn FnMut(&[u32]) -> Result<Vec<String>>,
    ) -> Result<Option<Decision>> {
        let mut comparer = Comparer { index, load, cache: &mut self.cache };
        if self.band < index.settings.bands {
            index.compare(self.band as usize, &mut self.families, &mut comparer)?;
            self.band += 1;
            return Ok(None);
        }
        super::cluster::decide(index, &mut self.families, &mut comparer).map(Some)
    }

    /// The fraction of the bands that were compared.
    pub fn share(&self, index: &Index) -> f64 {
        f64::from(self.band) / f64::from(index.settings.bands)
    }
}

#[derive(Clone, Debug)]
pub struct Index {
    pub(super) settings: Settings,
    /// Keys and number of words per document; 0 words if it meets no other.
    parts: Vec<Vec<u32>>,
    documents: u32,
}

impl Index {
    pub fn new(settings: &Settings) -> Result<Self> {
        settings.validate()?;
        Ok(Self { settings: settings.clone(), parts: Vec::new(), documents: 0 })
    }

    /// Adds the next document and returns its number, from 0. A document without keys has no copies. Fails if there are too many
    /// documents, or the keys were made with other settings.
    pub fn push(&mut self, keys: Option<&Keys>) -> Result<u32> {
        let bands = self.settings.bands as usize;
        let document = self.documents;
        if document == u32::MAX {
            return Err(super::super::too_many());
        }
        if keys.is_some_and(|keys| keys.bands.len() != bands) {
            return Err(Error::Refused("these keys were made with other settings of duplicates.near".into()));
        }
        let width = bands + 1;
        if self.parts.last().is_none_or(|part| part.len() == PART * width) {
            self.parts.push(Vec::with_capacity(PART * width));
        }
        if let Some(part) = self.parts.last_mut() {
            match keys {
                Some(keys) => {
                    part.extend_from_slice(&keys.bands);
                    part.push(keys.words);
                }
                None => part.resize(part.len() + width, 0),
            }
        }
        self.documents += 1;
        Ok(document)
    }

    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.capacity() as u64 * 4).sum()
    }

    /// A document's keys, then its number of words.
    fn row(&self, document: u32) -> &[u32] {
        let width = self.settings.bands as usize + 1;
        let row = document as usize % PART * width;
        let part = self.parts.get(document as usize / PART);
        part.and_then(|part| part.get(row..row + width)).unwrap_or_default()
    }

    pub fn words(&self, document: u32) -> u32 {
        self.row(document).last().copied().unwrap_or(0)
    }

    pub(super) fn agreeing(&self, one: u32, other: u32) -> u32 {
        let bands = self.settings.bands as usize;
        let pairs = self.row(one).iter().zip(self.row(other)).take(bands);
        pairs.filter(|(one, other)| one == other).count() as u32
    }

    /// All documents with words and their keys in a band, as `key << 32 | document`, sorted.
    fn band(&self, band: usize) -> Vec<u64> {
        let width = self.settings.bands as usize + 1;
        let mut entries = Vec::with_capacity(self.documents as usize);
        for (part_number, part) in self.parts.iter().enumerate() {
            for (at, row) in part.chunks_exact(width).enumerate() {
                if let (Some(&key), Some(&words)) = (row.get(band), row.last())
                    && words > 0
                {
                    entries.push(u64::from(key) << 32 | (part_number * PART + at) as u64);
                }
            }
        }
        entries.par_sort_unstable();
        entries
    }

    /// Decides which documents are copies at once: see [`Comparison::step`].
    pub fn decide(&self, load: &mut dyn FnMut(&[u32]) -> Result<Vec<String>>) -> Result<Decision> {
        let mut comparison = Comparison::new(self);
        loop {
            if let Some(decision) = comparison.step(self, load)? {
                return Ok(decision);
            }
        }
    }

    /// Joins the similar documents that meet in a band.
    fn compare(&self, band: usize, families: &mut Families, comparer: &mut Comparer<'_>) -> Result<()> {
        let entries = self.band(band);
        // Buckets are collected until there are enough documents to read and shingle on all threads.
        let mut waiting: Vec<Vec<u32>> = Vec::new();
        let mut documents = 0;
        for bucket in
            entries.chunk_by(|one, other| one >> 32 == other >> 32).filter(|bucket| bucket.len() > 1)
        {
            let members: Vec<u32> = bucket.iter().map(|&entry| entry as u32).collect();
            if comparer.is_settled(&members, families) {
                continue;
            }
            documents += members.len();
            waiting.push(members);
            if documents >= BATCH {
                self.join_all(&mut waiting, families, comparer)?;
                documents = 0;
            }
        }
        self.join_all(&mut waiting, families, comparer)
    }

    fn join_all(
        &self,
        waiting: &mut Vec<Vec<u32>>,
        families: &mut Families,
        comparer: &mut Comparer<'_>,
    ) -> Result<()> {
        let small: Vec<u32> =
            waiting.iter().filter(|members| members.len() <= BATCH).flatten().copied().collect();
        comparer.read_ahead(&small)?;
        waiting.drain(..).try_for_each(|members| self.join(&members, families, comparer))
    }

    /// Joins similar documents of a bucket. Each is compared only with the first of each family in the bucket, so that a
    /// thousand copies take a thousand comparisons; one that already belongs to a family takes none.
    fn join(&self, members: &[u32], families: &mut Families, comparer: &mut Comparer<'_>) -> Result<()> {
        let mut representatives: Vec<u32> = Vec::new();
        'members: for (at, &member) in members.iter().enumerate() {
            if members.len() > BATCH && at % BATCH == 0 {
                let next = members.get(at..).unwrap_or_default();
                comparer.read_ahead(next.get(..BATCH).unwrap_or(next))?;
            }
            let family = families.of(member);
            if representatives.iter().any(|&one| families.of(one) == family) {
                continue;
            }
            for &one in &representatives {
                if comparer.similarity(one, member)? >= self.settings.similarity {
                    families.join(one, member);
                    continue 'members;
                }
            }
            if representatives.len() < REPRESENTATIVES {
                representatives.push(member);
            }
        }
        Ok(())
    }
}
