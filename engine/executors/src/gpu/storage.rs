//! The buffers of a set of plans. All sizes are known before the first buffer is created, so a model that does not fit
//! is rejected with exact numbers and nothing is left half allocated.

use super::Gpu;
use glasshouse_compiler::graph::{Input, Origin};
use glasshouse_compiler::plan::buffers::{Allocation, Role};
use glasshouse_compiler::plan::control::Control;
use glasshouse_compiler::plan::{Binding, Buffer, Dispatch, Numbered, Plan};
use glasshouse_compiler::step::LossScale;
use glasshouse_platform::{Error, Result};
use std::mem::offset_of;
use wgpu::BufferUsages;

/// Buffers by their role in plans.
#[derive(Debug, Default)]
pub(super) struct Storage {
    entries: Vec<(Allocation, wgpu::Buffer)>,
}

impl Storage {
    /// Creates the buffers, filled with zeros. `plans` and `further` will run over them: if the device cannot hold or
    /// bind something, returns [`Error::TooLarge`] before creating anything.
    pub(super) async fn create(
        gpu: &Gpu,
        allocations: &[Allocation],
        plans: &[&Plan],
        further: &[Dispatch],
    ) -> Result<Self> {
        Self::create_beside(gpu, allocations, plans, further, None).await
    }

    /// Like [`Self::create`], sharing the weights of another storage that [has them](Self::lends_weights).
    pub(super) async fn create_beside(
        gpu: &Gpu,
        allocations: &[Allocation],
        plans: &[&Plan],
        further: &[Dispatch],
        other: Option<&Self>,
    ) -> Result<Self> {
        gpu.check()?;
        let batch = plans.iter().find_map(|plan| batch(plan));
        // The batch size is suggested for the largest buffer.
        if let Some(Allocation { role, bytes, .. }) =
            allocations.iter().max_by_key(|allocation| allocation.bytes)
        {
            fits(&describe(*role), *role, *bytes, gpu.limits().max_buffer_size, batch)?;
        }
        let own = plans
            .iter()
            .enumerate()
            .flat_map(|(at, plan)| plan.dispatches.iter().map(move |dispatch| (Some(at), dispatch)));
        let all = own.chain(further.iter().map(|dispatch| (None, dispatch)));
        let bound = all.flat_map(|(plan, dispatch)| {
            dispatch
                .bindings
                .iter()
                .map(move |binding| (bound_bytes(binding, plan, allocations), binding, dispatch))
        });
        if let Some((bytes, binding, dispatch)) = bound.max_by_key(|(bytes, ..)| *bytes) {
            let role = Role::Bound(binding.buffer);
            let what = format!("{} at {} ({})", describe(role), dispatch.scope, dispatch.kernel.name);
            fits(&what, role, bytes, gpu.limits().max_storage_buffer_binding_size, batch)?;
        }
        let total: u64 = allocations.iter().map(|allocation| allocation.bytes).sum();
        let mut created = Self::default();
        for allocation in allocations {
            if let Some(buffer) = other.and_then(|other| other.weights_of(allocation)) {
                created.entries.push((*allocation, buffer.clone()));
                continue;
            }
            let label = describe(allocation.role);
            let buffer = gpu.buffer(&label, allocation.bytes, usage(allocation.role)).await;
            let buffer = buffer.map_err(|error| match error {
                Error::OutOfMemory { advice, .. } => Error::OutOfMemory {
                    what: format!("the model with its batch (refused at {label})"),
                    needed: total,
                    held: Some(created.bytes()),
                    advice,
                },
                other => other,
            })?;
            created.entries.push((*allocation, buffer));
        }
        created.clear(gpu, other.is_none());
        Ok(created)
    }

    /// Whether it has all requested weights, in the same layout. Weights stored in fewer bits are derived from these and cannot be shared.
    pub(super) fn lends_weights(&self, allocations: &[Allocation]) -> bool {
        allocations.iter().all(|allocation| match allocation.role {
            Role::Bound(Buffer::Parameters(_)) => self.weights_of(allocation).is_some(),
            role => !matches!(role, Role::Bound(Buffer::Stored(_))),
        })
    }

    fn weights_of(&self, wanted: &Allocation) -> Option<&wgpu::Buffer> {
        let same = |own: &&(Allocation, wgpu::Buffer)| own.0 == *wanted && is_weights(own.0.role);
        self.entries.iter().find(same).map(|(_, buffer)| buffer)
    }

    /// Fills all bound buffers with zeros before any bind group is created; shared weights are left alone. wgpu would otherwise do this at
    /// first use, and check at each dispatch, for every buffer of every earlier bind group and under a lock, whether it is done.
    fn clear(&self, gpu: &Gpu, has_weights: bool) {
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        for buffer in self.all(|role| role != Role::Readback && (has_weights || !is_weights(role))) {
            encoder.clear_buffer(buffer, 0, None);
        }
        gpu.queue.submit([encoder.finish()]);
    }

    /// The buffer with this role in a plan, given by index.
    pub(super) fn get(&self, plan: usize, buffer: Buffer) -> Result<&wgpu::Buffer> {
        self.find(plan, Role::Bound(buffer))
    }

    pub(super) fn arguments(&self, plan: usize) -> Result<&wgpu::Buffer> {
        self.find(plan, Role::Arguments)
    }

    fn find(&self, plan: usize, role: Role) -> Result<&wgpu::Buffer> {
        self.entries
            .iter()
            .find(|(allocation, _)| allocation.role == role && allocation.plan.is_none_or(|own| own == plan))
            .map(|(_, buffer)| buffer)
            .ok_or_else(|| Error::Internal(format!("no buffer for {}", describe(role))))
    }

    /// All buffers with matching roles, in order.
    pub(super) fn all(&self, wanted: impl Fn(Role) -> bool) -> impl Iterator<Item = &wgpu::Buffer> {
        self.entries.iter().filter(move |(allocation, _)| wanted(allocation.role)).map(|(_, buffer)| buffer)
    }

    /// The pieces of an arena, in order; empty if there is no such arena.
    pub(super) fn pieces(&self, arena: Numbered) -> impl Iterator<Item = &wgpu::Buffer> {
        (0..).map_while(move |piece| self.get(0, arena(piece)).ok())
    }

    pub(super) async fn write_arena(&self, gpu: &Gpu, arena: Numbered, mut bytes: &[u8]) -> Result<()> {
        for piece in self.pieces(arena) {
            let (own, rest) = bytes.split_at(bytes.len().min(piece.size() as usize));
            gpu.write(piece, 0, own).await?;
            bytes = rest;
        }
        match bytes.len() {
            0 => Ok(()),
            more => Err(Error::Internal(format!(
                "{more} bytes more than {} has",
                describe(Role::Bound(arena(0)))
            ))),
        }
    }

    /// Reads an arena of floats; empty if there is no such arena.
    pub(super) async fn read_arena(&self, gpu: &Gpu, arena: Numbered) -> Result<Vec<f32>> {
        self.read_words(gpu, arena).await.map(bytemuck::allocation::cast_vec)
    }

    pub(super) async fn read_words(&self, gpu: &Gpu, arena: Numbered) -> Result<Vec<u32>> {
        let bytes: u64 = self.pieces(arena).map(wgpu::Buffer::size).sum();
        let mut words = Vec::with_capacity(bytes as usize / 4);
        for piece in self.pieces(arena) {
            let bytes = gpu.read(piece, 0, piece.size()).await?;
            words.extend(bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)));
        }
        Ok(words)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.entries.iter().map(|(_, buffer)| buffer.size()).sum()
    }

    /// Total bytes without the weights, which may be shared.
    pub(super) fn bytes_beside_weights(&self) -> u64 {
        self.all(|role| !is_weights(role)).map(wgpu::Buffer::size).sum()
    }

    /// Sets the loss scale, which only kernels change afterwards.
    pub(super) async fn set_loss_scale(
        &self,
        gpu: &Gpu,
        LossScale { scale, good_steps }: LossScale,
    ) -> Result<()> {
        let control = self.get(0, Buffer::Control)?;
        gpu.write(control, offset_of!(Control, loss_scale) as u64, bytemuck::bytes_of(&scale)).await?;
        gpu.write(control, offset_of!(Control, good_steps) as u64, bytemuck::bytes_of(&good_steps)).await
    }

    /// The loss scale, with its number of good steps.
    pub(super) async fn loss_scale(&self, gpu: &Gpu) -> Result<LossScale> {
        let bytes = gpu.read(self.get(0, Buffer::Control)?, 0, size_of::<Control>() as u64).await?;
        let Control { loss_scale, good_steps, .. } = bytemuck::pod_read_unaligned(&bytes);
        Ok(LossScale { scale: loss_scale, good_steps })
    }

    pub(super) async fn fill_constants(&self, gpu: &Gpu, at: usize, plan: &Plan) -> Result<()> {
        for (number, value) in plan.graph.values.iter().enumerate() {
            if let Origin::Constant(constant) = &value.origin {
                let buffer =
                    self.get(at, Buffer::Constant(glasshouse_compiler::graph::ValueId(number as u32)))?;
                gpu.write(buffer, 0, bytemuck::cast_slice(&constant.data(&value.ty))).await?;
            }
        }
        Ok(())
    }
}

fn is_weights(role: Role) -> bool {
    matches!(role, Role::Bound(Buffer::Parameters(_)))
}

fn usage(role: Role) -> BufferUsages {
    match role {
        Role::Bound(_) => BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST,
        Role::Arguments => BufferUsages::UNIFORM | BufferUsages::COPY_DST,
        Role::Readback => BufferUsages::MAP_READ | BufferUsages::COPY_DST,
    }
}

fn describe(role: Role) -> String {
    match role {
        Role::Bound(Buffer::Slot(number)) => format!("activation buffer {number}"),
        Role::Bound(Buffer::Parameters(piece)) => numbered("the weights", piece),
        Role::Bound(Buffer::HalfParameters(piece)) => numbered("the weights in 16 bits", piece),
        Role::Bound(Buffer::Stored(piece)) => numbered("the stored weights", piece),
        Role::Bound(Buffer::Gradients(piece)) => numbered("the gradients", piece),
        Role::Bound(Buffer::FirstMoments(piece) | Buffer::SecondMoments(piece)) => {
            numbered("the optimizer's moments", piece)
        }
        Role::Bound(Buffer::Input(input)) => format!("input {input:?}"),
        Role::Bound(Buffer::Constant(value)) => format!("constant {}", value.0),
        Role::Bound(Buffer::Cache(number)) => format!("cache {number}"),
        Role::Bound(Buffer::Schedule) => "the schedule".to_owned(),
        Role::Bound(Buffer::Control) => "the control structure".to_owned(),
        Role::Bound(Buffer::Partials) => "the gradient norm's partial sums".to_owned(),
        Role::Bound(Buffer::Reports) => "the reports".to_owned(),
        Role::Bound(Buffer::Decode(buffer)) => format!("generation's {buffer:?}"),
        Role::Arguments => "the kernels' arguments".to_owned(),
        Role::Readback => "the read-back".to_owned(),
    }
}

/// The name of an arena's piece; most arenas have only one.
fn numbered(arena: &str, piece: usize) -> String {
    if piece == 0 { arena.to_owned() } else { format!("{arena}, piece {piece}") }
}

/// Batch size, from the token input's shape.
fn batch(plan: &Plan) -> Option<usize> {
    let tokens = plan.graph.find(Origin::Input(Input::Tokens))?;
    plan.graph.ty(tokens).shape.first().copied()
}

/// Returns [`Error::TooLarge`], with a setting that would fit, if `needed` exceeds `available`.
fn fits(what: &str, role: Role, needed: u64, available: u64, batch: Option<usize>) -> Result<()> {
    if needed <= available {
        return Ok(());
    }
    let grows_with_batch = matches!(role, Role::Bound(Buffer::Slot(_) | Buffer::Input(_)));
    let fitting =
        batch.map_or(0, |batch| (batch as u128 * u128::from(available) / u128::from(needed)) as usize);
    let advice = if grows_with_batch && fitting > 0 {
        format!("train.batch_size = {fitting} would fit")
    } else if grows_with_batch {
        "lower model.context_length or model.vocabulary".to_owned()
    } else {
        "lower model.width, model.layers or model.vocabulary".to_owned()
    };
    Err(Error::TooLarge { what: what.to_owned(), needed, available, advice })
}

/// Bytes bound by a dispatch of a plan, or of no plan.
fn bound_bytes(binding: &Binding, plan: Option<usize>, allocations: &[Allocation]) -> u64 {
    let role = Role::Bound(binding.buffer);
    let same = |allocation: &&Allocation| {
        allocation.role == role && (allocation.plan.is_none() || allocation.plan == plan)
    };
    let whole = allocations.iter().find(same).map_or(0, |allocation| allocation.bytes);
    binding.bytes.unwrap_or(whole.saturating_sub(binding.offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_a_batch_that_fits() {
        let role = Role::Bound(Buffer::Slot(3));
        match fits("activation buffer 3", role, 640, 100, Some(64)) {
            Err(error) => assert_eq!(
                error.to_string(),
                "activation buffer 3 needs 640 bytes and the device offers 100; train.batch_size = 10 would fit"
            ),
            Ok(()) => panic!("640 bytes in 100"),
        }
        let weights = fits("the weights", Role::Bound(Buffer::Parameters(0)), 640, 100, Some(64));
        assert!(weights.is_err_and(|error| {
            error.to_string().ends_with("lower model.width, model.layers or model.vocabulary")
        }));
        let single = fits("activation buffer 3", role, 640, 100, Some(1));
        assert!(single.is_err_and(|error| error.to_string().contains("model.context_length")));
        assert!(fits("x", role, 100, 100, None).is_ok());
    }
}
