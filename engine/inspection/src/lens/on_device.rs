//! Graphs on a GPU that share weights, with version tracking of the uploaded parameters.

use glasshouse_compiler::graph::{Graph, ParameterId, ValueId};
use glasshouse_compiler::plan::arena::ArenaLayout;
use glasshouse_compiler::plan::fuse::Fusions;
use glasshouse_compiler::step::Data;
use glasshouse_executors::gpu::{Gpu, PreparedGraph};
use glasshouse_platform::Result;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A graph on the device. All graphs of a lens share the weights.
#[derive(Debug)]
pub(super) struct OnDevice {
    pub(super) graph: PreparedGraph,
    /// Version of each uploaded parameter; 0 for none.
    versions: Arc<[AtomicU64]>,
}

/// The desired state of the parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'lens> {
    pub(super) arena: &'lens [f32],
    pub(super) layout: &'lens ArenaLayout,
    pub(super) versions: &'lens [u64],
}

impl OnDevice {
    /// Prepares a graph, sharing the weights of another if given. Fails if the device cannot hold or bind what the graph needs.
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

    /// Uploads parameters whose version differs.
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
            // If cancelled during the upload, the contents are undefined.
            has.store(0, Ordering::Relaxed);
            self.graph.upload(gpu, &[(value, Data::F32(own))]).await?;
            has.store(version, Ordering::Relaxed);
        }
        Ok(())
    }
}
