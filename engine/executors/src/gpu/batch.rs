//! Validation of micro-batches and their upload to the device's ring.

use super::Gpu;
use super::storage::Storage;
use glasshouse_compiler::graph::ops::LossTargets;
use glasshouse_compiler::graph::{Graph, Input, Op, Origin, token_order};
use glasshouse_compiler::plan::Buffer;
use glasshouse_compiler::plan::control::ScheduleRow;
use glasshouse_compiler::step::MicroBatch;
use glasshouse_platform::{Error, Result};

/// The graph's requirements on a micro-batch. Kernels index tables by token without checks, so invalid ids are rejected here.
#[derive(Clone, Debug)]
pub(super) struct BatchRules {
    /// B·T.
    tokens: usize,
    /// Rows of the embedding.
    vocabulary: usize,
    /// Columns of the logits.
    classes: usize,
    /// Target id that is not counted.
    ignored: Option<u32>,
    /// Whether the embedding's gradient needs the tokens in sorted order.
    ordered: bool,
    /// T, if rows hold several documents.
    documents: Option<usize>,
    /// T, if experts are trained.
    shares: Option<usize>,
    /// Number of precomputed scores for the objective.
    scores: Option<usize>,
}

impl BatchRules {
    /// Reads the requirements from a graph with a loss.
    pub(super) fn new(graph: &Graph) -> Result<Self> {
        let tokens = graph.find(Origin::Input(Input::Tokens));
        let targets = graph.find(Origin::Input(Input::Targets));
        let missing = |what: &str| Error::Internal(format!("the graph has no {what}"));
        let embedding = graph.nodes.iter().rev().find(|node| matches!(node.op, Op::Embedding(_)));
        let vocabulary = embedding.map(|node| graph.ty(node.inputs[1]).rows());
        let (Some(vocabulary), Some(LossTargets { classes, ignored })) = (vocabulary, graph.loss_targets())
        else {
            return Err(missing("embedding or loss"));
        };
        Ok(Self {
            tokens: tokens.map(|value| graph.ty(value).count()).ok_or_else(|| missing("tokens"))?,
            vocabulary,
            classes,
            ignored,
            ordered: graph.find(Origin::Input(Input::TokenOrder)).is_some(),
            documents: graph.find(Origin::Input(Input::Starts)).map(|starts| graph.ty(starts).columns()),
            shares: graph.find(Origin::Input(Input::Shares)).and(targets).map(|ids| graph.ty(ids).columns()),
            scores: graph.find(Origin::Input(Input::Scores)).map(|scores| graph.ty(scores).count()),
        })
    }

    pub(super) fn check(&self, batch: &MicroBatch) -> Result<()> {
        for (name, ids) in [("tokens", &batch.tokens), ("targets", &batch.targets)] {
            if ids.len() != self.tokens {
                return Err(Error::Refused(format!(
                    "a micro-batch has {} {name}, but the model was built for {}",
                    ids.len(),
                    self.tokens
                )));
            }
        }
        batch.check(self.documents, self.scores)?;
        let token = batch.tokens.iter().find(|id| **id as usize >= self.vocabulary);
        let counts = |id: &&u32| **id as usize >= self.classes && Some(**id) != self.ignored;
        match token.or_else(|| batch.targets.iter().find(counts)) {
            None => Ok(()),
            Some(id) => Err(Error::Refused(format!(
                "token {id} is outside the model's vocabulary of {}",
                self.vocabulary
            ))),
        }
    }

    /// Uploads micro-batches with their schedule rows to the start of the ring, and resets the device's counter.
    /// Earlier submissions still see the previous rows, since the queue preserves order.
    pub(super) fn upload(
        &self,
        gpu: &Gpu,
        storage: &Storage,
        batches: &[(&MicroBatch, ScheduleRow)],
    ) -> Result<()> {
        let mut ids: Vec<u32> = Vec::with_capacity(batches.len() * 2 * self.tokens);
        let mut put = |input: Input, each: &dyn Fn(&MicroBatch, &mut Vec<u32>)| -> Result<()> {
            ids.clear();
            for (batch, _) in batches {
                each(batch, &mut ids);
            }
            gpu.queue.write_buffer(storage.get(0, Buffer::Input(input))?, 0, bytemuck::cast_slice(&ids));
            Ok(())
        };
        put(Input::Tokens, &|batch, ids| ids.extend_from_slice(&batch.tokens))?;
        put(Input::Targets, &|batch, ids| ids.extend_from_slice(&batch.targets))?;
        if self.documents.is_some() {
            put(Input::Starts, &|batch, ids| ids.extend(batch.document_starts.iter().flatten()))?;
        }
        if self.scores.is_some() {
            let bits = |batch: &MicroBatch, ids: &mut Vec<u32>| {
                ids.extend(batch.scores.iter().flatten().map(|score| score.to_bits()));
            };
            put(Input::Scores, &bits)?;
        }
        if let Some(time) = self.shares {
            let bits = |batch: &MicroBatch, ids: &mut Vec<u32>| {
                ids.extend(batch.shares(time, self.ignored).into_iter().map(f32::to_bits));
            };
            put(Input::Shares, &bits)?;
        }
        if self.ordered {
            put(Input::TokenOrder, &|batch, ids| ids.extend(token_order(&batch.tokens)))?;
        }
        let rows: Vec<ScheduleRow> = batches.iter().map(|(_, row)| *row).collect();
        gpu.queue.write_buffer(storage.get(0, Buffer::Schedule)?, 0, bytemuck::cast_slice(&rows));
        gpu.queue.write_buffer(storage.get(0, Buffer::Control)?, 0, bytemuck::bytes_of(&0u32));
        Ok(())
    }
}
