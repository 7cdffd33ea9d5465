//! The buffers behind a plan. All sizes are known before the first is created, so what cannot fit is refused with numbers
//! and nothing is left half allocated.

use super::Gpu;
use crate::error::{Error, Result};
use crate::plan::{Buffer, Dispatch};
use wgpu::BufferUsages;

const ADVICE: &str = "lower train.batch or model.context, or choose another device";

/// Buffers by what plans call them.
#[derive(Debug, Default)]
pub(super) struct Storage {
    entries: Vec<(Buffer, wgpu::Buffer)>,
}

impl Storage {
    /// Creates buffers of these sizes in bytes. They begin as zeros.
    pub(super) async fn create(gpu: &Gpu, sizes: &[(Buffer, u64)]) -> Result<Self> {
        gpu.check()?;
        for (buffer, bytes) in sizes {
            fits(&format!("{buffer:?}"), *bytes, gpu.limits().max_buffer_size)?;
        }
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let mut entries = Vec::with_capacity(sizes.len());
        for (buffer, bytes) in sizes {
            entries.push((*buffer, gpu.buffer(&format!("{buffer:?}"), *bytes, usage).await?));
        }
        Ok(Self { entries })
    }

    /// The buffer that a plan calls so.
    pub(super) fn get(&self, buffer: Buffer) -> Result<&wgpu::Buffer> {
        let found = self.entries.iter().find(|(name, _)| *name == buffer);
        found.map(|(_, created)| created).ok_or_else(|| Error::Internal(format!("no buffer for {buffer:?}")))
    }

    /// What was created.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Buffer, &wgpu::Buffer)> {
        self.entries.iter().map(|(name, buffer)| (*name, buffer))
    }

    /// Sum of the sizes.
    pub(super) fn bytes(&self) -> u64 {
        self.entries.iter().map(|(_, buffer)| buffer.size()).sum()
    }
}

/// Refuses what is larger than the device offers.
fn fits(what: &str, needed: u64, available: u64) -> Result<()> {
    if needed <= available {
        return Ok(());
    }
    Err(Error::TooLarge { what: what.to_owned(), needed, available, advice: ADVICE.to_owned() })
}

/// Refuses a plan of which a dispatch sees more of one buffer than the device can bind. `sizes` are the buffers' own.
pub(super) fn bindings_fit(gpu: &Gpu, dispatches: &[Dispatch], sizes: &[(Buffer, u64)]) -> Result<()> {
    let available = gpu.limits().max_storage_buffer_binding_size;
    for dispatch in dispatches {
        for binding in &dispatch.bindings {
            let whole = sizes.iter().find(|(name, _)| *name == binding.buffer).map_or(0, |(_, bytes)| *bytes);
            let needed = binding.bytes.unwrap_or(whole.saturating_sub(binding.offset));
            fits(&format!("{} ({})", dispatch.scope, dispatch.kernel.name), needed, available)?;
        }
    }
    Ok(())
}
