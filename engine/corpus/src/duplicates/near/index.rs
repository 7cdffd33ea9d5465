//! The keys of a corpus, and who meets whom.

use rayon::prelude::*;

use super::cluster::{Decision, Families};
use super::compare::Comparer;
use super::{Keep, Keys, Settings};
use crate::{Error, Result};

/// Documents whose keys are held together: memory grows in steps of this many, and never doubles.
const PART: usize = 4096;
/// Documents of a bucket that others in it are compared with. A bucket in which more than this many are all unlike each other
/// is made of pages that share their boilerplate; comparing each with each would take time by the square.
const REPRESENTATIVES: usize = 16;
/// Documents read together.
pub(super) const BATCH: usize = 512;

/// The keys of a corpus, in the order of its documents.
#[derive(Clone, Debug)]
pub struct Index {
    settings: Settings,
    /// For each document its keys, then its words; zero words for one that meets nobody.
    parts: Vec<Vec<u32>>,
    documents: u32,
}

impl Index {
    /// An empty index.
    ///
    /// # Errors
    /// The settings break a rule.
    pub fn new(settings: &Settings) -> Result<Self> {
        settings.validate()?;
        Ok(Self { settings: settings.clone(), parts: Vec::new(), documents: 0 })
    }

    /// Adds the next document; returns its number, counted from 0. A document without keys has a number and no copies.
    ///
    /// # Errors
    /// There are too many documents, or the keys were made with other settings.
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

    /// How many bytes the keys take.
    pub fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.capacity() as u64 * 4).sum()
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A document's keys and, last, its words.
    fn row(&self, document: u32) -> &[u32] {
        let width = self.settings.bands as usize + 1;
        let row = document as usize % PART * width;
        let part = self.parts.get(document as usize / PART);
        part.and_then(|part| part.get(row..row + width)).unwrap_or_default()
    }

    /// How many words a document has.
    pub fn words(&self, document: u32) -> u32 {
        self.row(document).last().copied().unwrap_or(0)
    }

    /// In how many bands two documents agree.
    pub(super) fn agreeing(&self, one: u32, other: u32) -> u32 {
        let bands = self.settings.bands as usize;
        let pairs = self.row(one).iter().zip(self.row(other)).take(bands);
        pairs.filter(|(one, other)| one == other).count() as u32
    }

    /// Every document that has words, with its key in a band, as `key << 32 | document`, sorted.
    fn band(&self, band: usize, entries: &mut Vec<u64>) {
        let width = self.settings.bands as usize + 1;
        entries.clear();
        entries.reserve_exact(self.documents as usize);
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
    }

    /// Decides which documents are copies of which: see [the module](super). `load` gives the texts of several documents by their
    /// numbers, in the order asked, as they were when their keys were made: of at most 512 documents, and 2 million words unless one has
    /// more. Each is asked for about once, and about 100 MB of what was read are remembered. The result is the same whatever the number
    /// of threads.
    ///
    /// # Errors
    /// Whatever `load` meets.
    pub fn decide(&self, load: &mut dyn FnMut(&[u32]) -> Result<Vec<String>>) -> Result<Decision> {
        let mut families = Families::new(self.documents);
        let mut comparer = Comparer::new(self, load);
        let mut entries = Vec::new();
        let mut uncompared = 0;
        for band in 0..self.settings.bands as usize {
            self.band(band, &mut entries);
            // Buckets wait until there are enough documents in them to be read and cut up on all threads.
            let mut waiting: Vec<Vec<u32>> = Vec::new();
            let mut documents = 0;
            let buckets =
                entries.chunk_by(|one, other| one >> 32 == other >> 32).filter(|bucket| bucket.len() > 1);
            for bucket in buckets {
                let mut members: Vec<u32> = bucket.iter().map(|&entry| entry as u32).collect();
                if comparer.is_settled(&members, &mut families) {
                    continue;
                }
                self.sort_by_preference(&mut members);
                documents += members.len();
                waiting.push(members);
                if documents >= BATCH {
                    uncompared += self.join_all(&mut waiting, &mut families, &mut comparer)?;
                    documents = 0;
                }
            }
            uncompared += self.join_all(&mut waiting, &mut families, &mut comparer)?;
        }
        drop(entries);
        super::cluster::decide(self, &mut families, &mut comparer, uncompared)
    }

    /// Joins those who are alike in each of the buckets that wait.
    fn join_all(
        &self,
        waiting: &mut Vec<Vec<u32>>,
        families: &mut Families,
        comparer: &mut Comparer<'_>,
    ) -> Result<u64> {
        let small: Vec<u32> =
            waiting.iter().filter(|members| members.len() <= BATCH).flatten().copied().collect();
        comparer.read_ahead(&small)?;
        let mut uncompared = 0;
        for members in waiting.drain(..) {
            uncompared += self.join(&members, families, comparer)?;
        }
        Ok(uncompared)
    }

    /// Puts the documents to be kept rather than others first.
    pub(super) fn sort_by_preference(&self, documents: &mut [u32]) {
        match self.settings.keep {
            Keep::First => documents.sort_unstable(),
            Keep::Longest => {
                documents.sort_by_cached_key(|&document| (std::cmp::Reverse(self.words(document)), document));
            }
        }
    }

    /// Joins those of a bucket that are alike. Each is compared only with the first of each family in the bucket, so that a
    /// thousand copies take a thousand comparisons; one that a family already has takes none. Returns how many were left
    /// uncompared with some, since the bucket had too many families.
    fn join(&self, members: &[u32], families: &mut Families, comparer: &mut Comparer<'_>) -> Result<u64> {
        let mut representatives: Vec<u32> = Vec::new();
        let mut uncompared = 0;
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
            } else {
                uncompared += 1;
            }
        }
        Ok(uncompared)
    }
}
