//! Graphs on a GPU that read the same weights, and which of these are there.

use crate::error::Result;
use crate::gpu::{Gpu, PreparedGraph};
use crate::graph::{Graph, ParameterId, ValueId};
use crate::plan::arena::ArenaLayout;
use crate::plan::fuse::Fusions;
use crate::step::Data;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A graph on the device. Of a lens's graphs all have the weights together.
#[derive(Debug)]
pub(super) struct OnDevice {
    pub(super) graph: PreparedGraph,
    /// The version of each parameter that is there, 0 for none.
    versions: Arc<[AtomicU64]>,
}

/// Parameters as they are to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'lens> {
    /// Their entries.
    pub(super) arena: &'lens [f32],
    pub(super) layout: &'lens ArenaLayout,
    /// Their versions.
    pub(super) versions: &'lens [u64],
}

impl OnDevice {
    /// A graph made ready, over the weights of another, where there is one.
    ///
    /// # Errors
    /// The device cannot hold or bind what the graph needs.
    pub(super) async fn new(
        gpu: &Gpu,
        graph: &Graph,
        read: &[ValueId],
        fusions: Fusions,
        beside: Option<&Self>,
    ) -> Result<Self> {
        let neighbour = beside.map(|other| &other.graph);
        let prepared = PreparedGraph::new(gpu, graph, read, fusions, neighbour).await?;
        let versions = match beside {
            Some(other) if prepared.shares_weights() => other.versions.clone(),
            _ => graph.parameters.iter().map(|_| AtomicU64::new(0)).collect(),
        };
        Ok(Self { graph: prepared, versions })
    }

    /// Uploads those of some parameters that are there otherwise, or not at all.
    ///
    /// # Errors
    /// The device is lost.
    pub(super) async fn bring(
        &self,
        gpu: &Gpu,
        parameters: impl Iterator<Item = (ParameterId, ValueId)>,
        wanted: Wanted<'_>,
    ) -> Result<()> {
        for (id, value) in parameters {
            let (has, version) = (&self.versions[id.index()], wanted.versions[id.index()]);
            if has.load(Ordering::Relaxed) == version {
                continue;
            }
            let own = wanted.arena[wanted.layout.range(id)].to_vec();
            // Given up in the midst of it, it has neither these nor those.
            has.store(0, Ordering::Relaxed);
            self.graph.upload(gpu, &[(value, Data::F32(own))]).await?;
            has.store(version, Ordering::Relaxed);
        }
        Ok(())
    }
}
