//! Copies at the end of the first pass: reports exact ones, decides and drops near ones, and shows the largest groups.
//!
//! Groups and their sizes are unlimited: only a count is stored per group, and details only of the few in the report.

use super::Ending;
use crate::duplicates::near;
use crate::pipeline::Processor;
use crate::pipeline::stages::At;
use crate::pipeline::staging::Staging;
use crate::pipeline::work::Worker;
use crate::report::{Amount, CLUSTERS_SHOWN, Cluster, Member};
use glasshouse_documents::Result;
use glasshouse_documents::document::Document;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

const SHOWN_COPIES: usize = 6;
/// Maximum number of cached ids: a few megabytes.
const REMEMBERED: usize = 1 << 16;

/// Ids of originals, so that one with many copies is not read again for each of them.
#[derive(Default)]
struct Ids(FxHashMap<u32, String>);

impl Ids {
    fn of(&mut self, staging: &mut Staging, number: u32) -> Result<&str> {
        if self.0.len() >= REMEMBERED && !self.0.contains_key(&number) {
            self.0.clear();
        }
        match self.0.entry(number) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(place) => Ok(place.insert(staging.id(number)?)),
        }
    }
}

impl Ending {
    /// Reports exact copies, now that the originals' ids can be read.
    pub(super) fn exact_copies(&mut self, processor: &mut Processor<'_>) -> Result<()> {
        let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
        let mut ids = Ids::default();
        while let Some((first, mut dropped)) = self.copies.next()? {
            let kept = ids.of(&mut self.staging, first)?;
            dropped.reason = format!("{}: exact copy of {kept}", dropped.reason);
            *counts.entry(first).or_insert(1) += 1;
            processor.gone(At::Exact, &dropped)?;
        }
        let mut shown = self.shown_copies(&counts)?;
        for (first, size) in counts {
            let cluster = match shown.remove(&first) {
                Some(copies) => cluster(&self.staging.document(first)?, copies, size, &processor.worker),
                // A larger one will replace it.
                None => Cluster::default(),
            };
            processor.recorders.exact.cluster(size, || cluster);
        }
        Ok(())
    }

    /// Reads the first few copies of the largest groups again, now that these are known.
    fn shown_copies(&mut self, counts: &BTreeMap<u32, u64>) -> Result<BTreeMap<u32, Vec<Member>>> {
        let mut largest: Vec<(&u32, &u64)> = counts.iter().collect();
        glasshouse_protocol::order::sort_by_key(&mut largest, |(_, size)| std::cmp::Reverse(**size));
        let mut shown: BTreeMap<u32, Vec<Member>> =
            largest.into_iter().take(CLUSTERS_SHOWN).map(|(first, _)| (*first, Vec::new())).collect();
        if shown.is_empty() {
            return Ok(shown);
        }
        self.copies.again()?;
        while let Some((first, copy)) = self.copies.next()? {
            if let Some(members) = shown.get_mut(&first).filter(|members| members.len() < SHOWN_COPIES) {
                members.push(Member {
                    id: copy.id,
                    source: copy.source,
                    words: copy.words,
                    kept: false,
                    similarity: Some(1.0),
                    found_by: copy.reason,
                    excerpt: copy.excerpt,
                });
            }
        }
        Ok(shown)
    }

    /// Compares near copies by one band; `None` before the last one.
    pub(super) fn compare(&mut self, comparison: &mut near::Comparison) -> Result<Option<near::Decision>> {
        let staging = &mut self.staging;
        comparison.step(&self.near, &mut |numbers| {
            let documents = staging.documents(numbers)?;
            Ok(documents.into_iter().map(|document| document.text).collect())
        })
    }

    pub(super) fn near_copies(
        &mut self,
        mut decision: near::Decision,
        processor: &mut Processor<'_>,
    ) -> Result<()> {
        let staging = &mut self.staging;
        decision.dropped.retain(|copy| copy.document >= self.earlier);
        let mut ids = Ids::default();
        for copy in &decision.dropped {
            let reason = decision.reason(copy, ids.of(staging, copy.kept)?);
            processor.drop_document(At::Near, reason, &staging.document(copy.document)?)?;
            super::mark(&mut self.alive, copy.document, false);
        }
        for (kept, copies) in decision.clusters() {
            let size = copies.len() as u64 + 1;
            if !processor.recorders.near.shows(size) {
                processor.recorders.near.cluster(size, Cluster::default);
                continue;
            }
            let kept = staging.document(kept)?;
            let mut members = Vec::new();
            for copy in copies.iter().take(SHOWN_COPIES) {
                let document = staging.document(copy.document)?;
                members.push(Member {
                    words: Amount::from_text(&document.text).words,
                    kept: false,
                    similarity: Some(copy.similarity),
                    found_by: decision.found_by(copy),
                    excerpt: processor.worker.excerpt(&document.text),
                    id: document.id,
                    source: document.source,
                });
            }
            let cluster = cluster(&kept, members, size, &processor.worker);
            processor.recorders.near.cluster(size, || cluster);
        }
        Ok(())
    }
}

fn cluster(kept: &Document, mut members: Vec<Member>, size: u64, worker: &Worker) -> Cluster {
    let own = Member {
        id: kept.id.clone(),
        source: kept.source.clone(),
        words: Amount::from_text(&kept.text).words,
        kept: true,
        similarity: None,
        found_by: String::new(),
        excerpt: worker.excerpt(&kept.text),
    };
    members.insert(0, own);
    Cluster { size: 0, reason: format!("the first of {size} copies"), members }
}
