//! The engine's wgpu device. It requests all limits the adapter offers, and turns asynchronous failures (a lost device,
//! an uncaptured error) into an error that the next call returns.

use super::adapter::{self, AdapterReport};
use super::pipeline::Pipelines;
use super::signal;
use crate::device::{DeviceDescription, DeviceKind};
use glasshouse_compiler::plan::fuse::Fusions;
use glasshouse_compiler::plan::lower::{Choices, Cooperative, Target};
use glasshouse_platform::{Error, Result};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use web_time::Instant;
use wgpu::{Device, Features, Limits, Queue};

/// Largest range read back or written at once, in bytes; bounds the staging memory.
const CHUNK: u64 = 64 << 20;
/// Milliseconds between submissions that make a browser deliver pending callbacks.
const NUDGE_MILLISECONDS: i32 = 2;
/// Number of idle waits; the shortest gives the waiting overhead.
const WAITS: usize = 3;

/// An open device. Clones share it.
#[derive(Clone, Debug)]
pub struct Gpu {
    pub(super) device: Device,
    pub(super) queue: Queue,
    pub(super) pipelines: Pipelines,
    limits: Limits,
    report: AdapterReport,
    pub(super) target: Target,
    /// Overhead of waiting for an idle device, in seconds.
    wait: f64,
    fault: Fault,
}

/// The first failure outside any call.
#[derive(Clone, Debug, Default)]
struct Fault(Arc<Mutex<Option<Cause>>>);

#[derive(Clone, Debug)]
enum Cause {
    /// The driver lost the device.
    Lost(String),
    /// A command failed. A lost device may report this first.
    Failed(String),
    /// We closed the device.
    Closed,
}

impl Fault {
    fn set(&self, cause: Cause) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*first, &cause) {
            (None, _) | (Some(Cause::Failed(_)), Cause::Lost(_)) => *first = Some(cause),
            _ => {}
        }
    }

    fn get(&self) -> Option<Error> {
        let cause = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(match cause {
            Cause::Lost(text) => Error::DeviceLost(text),
            Cause::Failed(text) => Error::Device(text),
            Cause::Closed => Error::Device("the device was closed".to_owned()),
        })
    }
}

impl Gpu {
    /// Opens the adapter that a name selects, as in [`adapter::selected`].
    pub async fn open(name: &str) -> Result<Self> {
        let (adapter, report) = adapter::choose(&adapter::instance(), name).await?;
        let limits = adapter.limits();
        Self::request(&adapter, report, limits).await
    }

    /// Describes the adapter that a device name selects, as in [`Gpu::from_request`], without opening it. [`Error::Device`] lists the
    /// adapters if the requested one is missing.
    pub async fn adapter_of(device: &str) -> Result<Option<AdapterReport>> {
        match device {
            // Avoids loading a driver.
            "cpu" => Ok(None),
            "auto" => Ok(adapter::real(&adapter::instance()).await.map(|(_, report)| report)),
            name => adapter::choose(&adapter::instance(), name).await.map(|(_, report)| Some(report)),
        }
    }

    /// Opens the best real GPU; `None` if there is none, since the CPU executor beats a software adapter.
    pub async fn open_real() -> Result<Option<Self>> {
        match adapter::real(&adapter::instance()).await {
            Some((adapter, report)) => {
                let limits = adapter.limits();
                Self::request(&adapter, report, limits).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// Opens the device that a name selects: `auto` is the best real GPU, else the CPU; `cpu`; or an adapter, as in
    /// [`adapter::selected`]. `None` stands for the CPU. Also returns a warning if the device is a fallback: with `auto`, the CPU
    /// replaces a GPU that cannot be opened. Fails with [`Error::Device`] if a device requested by name is missing or cannot be opened.
    pub async fn from_request(device: &str) -> Result<(Option<Self>, Option<String>)> {
        let gpu = match device {
            "cpu" => None,
            "auto" => return Ok(real_or_cpu(Self::open_real().await)),
            name => Some(Self::open(name).await?),
        };
        let warning = gpu.as_ref().and_then(Self::warning);
        Ok((gpu, warning))
    }

    /// Opens a device that enforces a maximum buffer size of `bytes`.
    #[cfg(test)]
    pub(super) async fn open_with_buffers_of(name: &str, bytes: u64) -> Result<Self> {
        let (adapter, mut report) = adapter::choose(&adapter::instance(), name).await?;
        let mut limits = adapter.limits();
        limits.max_buffer_size = bytes;
        limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(bytes);
        report.limits = adapter::AdapterLimits::from_limits(&limits);
        Self::request(&adapter, report, limits).await
    }

    async fn request(adapter: &wgpu::Adapter, report: AdapterReport, limits: Limits) -> Result<Self> {
        let mut wanted = Features::TIMESTAMP_QUERY | Features::SHADER_F16 | Features::SUBGROUP;
        let mut experimental = wgpu::ExperimentalFeatures::disabled();
        if report.cooperative != Cooperative::NONE {
            wanted |= Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
            // SAFETY: wgpu marks cooperative matrices as experimental because a kernel can cause undefined behaviour with them. Our kernels
            // load and store them only within bound ranges, in types the adapter lists, in control flow that depends only on sizes and on
            // the subgroup's number, and in workgroups of 64 consecutive invocations, which subgroups of up to 64 fill.
            #[allow(unsafe_code, reason = "tensor cores are reached in no other way")]
            unsafe {
                experimental = wgpu::ExperimentalFeatures::enabled();
            }
        }
        let (device, queue) = adapter
            .request_device(&wgpu::DeviceDescriptor {
                label: Some("glasshouse"),
                required_features: adapter.features() & wanted,
                required_limits: limits.clone(),
                experimental_features: experimental,
                memory_hints: wgpu::MemoryHints::MemoryUsage,
                ..Default::default()
            })
            .await
            .map_err(|error| Error::Device(format!("cannot open {}: {}", report.name, one_line(&error))))?;
        let fault = Fault::default();
        let lost = fault.clone();
        device.set_device_lost_callback(move |reason, message| {
            let message = message.trim_end_matches('.');
            lost.set(Cause::Lost(format!(
                "the device was lost ({reason:?}: {message}); finished checkpoints are safe; resume the run, or try again"
            )));
        });
        let uncaught = fault.clone();
        device.on_uncaptured_error(Arc::new(move |error| {
            uncaught.set(Cause::Failed(match error {
                wgpu::Error::OutOfMemory { .. } => {
                    "the device ran out of memory; lower train.batch_size or model.context_length".to_owned()
                }
                error => format!("the device refused a command: {}", one_line(&error)),
            }));
        }));
        let target = report.target();
        let pipelines = Pipelines::default();
        let mut gpu = Self { device, queue, pipelines, limits, report, target, wait: 0.0, fault };
        gpu.wait = gpu.shortest_wait().await.unwrap_or(0.0);
        Ok(gpu)
    }

    /// Overhead of waiting for an idle device, in seconds; it is part of every measured time.
    pub(super) fn wait(&self) -> f64 {
        self.wait
    }

    async fn shortest_wait(&self) -> Result<f64> {
        let mut shortest = f64::INFINITY;
        for _ in 0..WAITS {
            let begun = Instant::now();
            self.queue.submit([]);
            self.idle().await?;
            shortest = shortest.min(begun.elapsed().as_secs_f64());
        }
        Ok(shortest)
    }

    /// Destroys the device without recording a cause, like a driver restart. For tests of recovery.
    pub fn lose(&self) {
        self.device.destroy();
    }

    pub fn report(&self) -> &AdapterReport {
        &self.report
    }

    /// The description stored in a run's record.
    pub fn describe(&self) -> DeviceDescription {
        let plain = DeviceDescription::plain(DeviceKind::Gpu, &self.report.name);
        DeviceDescription { software: self.report.software, variants: self.variants(), ..plain }
    }

    /// The device's limits, equal to the adapter's.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A warning for the user if the adapter is a software one.
    pub fn warning(&self) -> Option<String> {
        self.report.software.then(|| {
            format!("{} is a software adapter; the CPU (device cpu) is many times faster", self.report.name)
        })
    }

    /// The target kernels are chosen for.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    pub fn with_choices(&self, choices: &Choices) -> Self {
        Self { target: self.target.clone().with(choices), ..self.clone() }
    }

    pub fn with_fusions(&self, fusions: Fusions) -> Self {
        Self { target: self.target.clone().with_fusions(fusions), ..self.clone() }
    }

    /// The kernel choices that differ from the defaults, as stored in records.
    pub fn variants(&self) -> BTreeMap<String, String> {
        self.target.choices().map(Choices::texts).unwrap_or_default()
    }

    /// Whether passes can be timed.
    pub fn has_timestamps(&self) -> bool {
        self.device.features().contains(Features::TIMESTAMP_QUERY)
    }

    /// Whether kernels can store 16-bit floats.
    pub fn has_half(&self) -> bool {
        self.device.features().contains(Features::SHADER_F16)
    }

    /// Closes the device; later uses return [`Error::Device`].
    pub fn destroy(&self) {
        self.fault.set(Cause::Closed);
        self.device.destroy();
    }

    /// Returns the failure outside any call, if one occurred. It persists, since the device's contents can no longer be trusted.
    pub fn check(&self) -> Result<()> {
        self.fault.get().map_or(Ok(()), Err)
    }

    /// Waits until all submitted work is done.
    pub async fn idle(&self) -> Result<()> {
        let (sender, receiver) = async_channel::bounded(1);
        self.queue.on_submitted_work_done(move || {
            sender.try_send(()).ok();
        });
        self.turn(None).await?;
        self.heard(receiver.recv()).await.map_err(|_| self.gone())?;
        self.check()
    }

    /// Awaits a device callback.
    async fn heard<T>(&self, receiver: impl Future<Output = T>) -> T {
        let nudge = || {
            self.queue.submit([]);
        };
        signal::nudged(receiver, || glasshouse_platform::later(NUDGE_MILLISECONDS), nudge).await
    }

    /// Lets the device deliver callbacks. On the desktop this waits for the submission (or the latest one) and yields
    /// meanwhile. In the browser it does nothing: awaiting the callback yields to the event loop.
    pub(super) async fn turn(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
        loop {
            let submission_index = submission.clone();
            match self
                .device
                .poll(wgpu::PollType::Wait { submission_index, timeout: Some(glasshouse_platform::TURN) })
            {
                Ok(_) => return Ok(()),
                Err(wgpu::PollError::Timeout) => glasshouse_platform::yield_now().await,
                Err(error) => {
                    // A lost device rejects submissions, and reports the loss in a plain poll.
                    self.device.poll(wgpu::PollType::Poll).ok();
                    self.check()?;
                    return Err(Error::Device(format!("waiting for the device failed: {error}")));
                }
            }
        }
    }

    fn gone(&self) -> Error {
        self.fault.get().unwrap_or_else(|| Error::Device("the device stopped answering".to_owned()))
    }

    /// Begins mapping the first `bytes` of a staging buffer that `submission` fills.
    pub(super) fn begin_read(
        &self,
        staging: &wgpu::Buffer,
        bytes: u64,
        submission: wgpu::SubmissionIndex,
    ) -> PendingRead {
        let (sender, done) = async_channel::bounded(1);
        let tell = move |result: Result<_, wgpu::BufferAsyncError>| {
            sender.try_send(result.is_ok()).ok();
        };
        staging.slice(..bytes).map_async(wgpu::MapMode::Read, tell);
        PendingRead { staging: staging.clone(), bytes, submission, done }
    }

    /// Waits for the mapping and returns the bytes.
    pub(super) async fn end_read(&self, reading: PendingRead) -> Result<Vec<u8>> {
        self.turn(Some(reading.submission.clone())).await?;
        if self.heard(reading.done.recv()).await != Ok(true) {
            return Err(self.gone());
        }
        self.check()?;
        let range = reading
            .staging
            .slice(..reading.bytes)
            .get_mapped_range()
            .map_err(|error| Error::Device(format!("a buffer could not be read back: {error}")))?;
        Ok(range.to_vec())
    }

    /// Reads a range of a buffer in chunks, to keep staging small. Offset and length are multiples of 4.
    pub(super) async fn read(&self, buffer: &wgpu::Buffer, offset: u64, bytes: u64) -> Result<Vec<u8>> {
        self.check()?;
        let mut all = Vec::with_capacity(bytes as usize);
        let mut done = 0;
        while done < bytes {
            let size = CHUNK.min(bytes - done);
            let staging = self
                .buffer("read-back", size, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)
                .await?;
            let mut encoder = self.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(buffer, offset + done, &staging, 0, size);
            let submission = self.queue.submit([encoder.finish()]);
            all.extend(self.end_read(self.begin_read(&staging, size, submission)).await?);
            done += size;
        }
        Ok(all)
    }

    /// Reads small ranges of several buffers with one wait. Offsets and lengths are multiples of 4.
    pub(super) async fn read_several(&self, ranges: &[(&wgpu::Buffer, u64, u64)]) -> Result<Vec<Vec<u8>>> {
        self.check()?;
        let size: u64 = ranges.iter().map(|(_, _, bytes)| bytes).sum();
        if size == 0 {
            return Ok(vec![Vec::new(); ranges.len()]);
        }
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let staging = self.buffer("read-back", size, usage).await?;
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut end = 0;
        for (buffer, offset, bytes) in ranges {
            encoder.copy_buffer_to_buffer(buffer, *offset, &staging, end, *bytes);
            end += bytes;
        }
        let submission = self.queue.submit([encoder.finish()]);
        let all = self.end_read(self.begin_read(&staging, size, submission)).await?;
        let mut rest = all.as_slice();
        let mut own = |bytes: u64| {
            let (own, further) = rest.split_at_checked(bytes as usize).unwrap_or((rest, &[]));
            rest = further;
            own.to_vec()
        };
        Ok(ranges.iter().map(|(_, _, bytes)| own(*bytes)).collect())
    }

    /// Writes a range of a buffer in chunks, each completed before the next is staged.
    pub(super) async fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) -> Result<()> {
        self.check()?;
        let mut at = offset;
        for chunk in bytes.chunks(CHUNK as usize) {
            self.queue.write_buffer(buffer, at, chunk);
            at += chunk.len() as u64;
            if bytes.len() as u64 > CHUNK {
                self.queue.submit([]);
                self.idle().await?;
            }
        }
        self.check()
    }

    /// Creates a buffer, or returns [`Error::OutOfMemory`].
    pub(super) async fn buffer(
        &self,
        label: &str,
        size: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let buffer = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        });
        // Both scopes are popped before awaiting: they belong to the thread that pushed them.
        let (validation, memory) = (validation.pop(), memory.pop());
        if let Some(error) = validation.await {
            self.check()?;
            let error = one_line(&error);
            return Err(Error::Device(format!("a buffer of {size} bytes for {label} was refused: {error}")));
        }
        if memory.await.is_some() {
            return Err(Error::OutOfMemory {
                what: format!("a buffer for {label}"),
                needed: size,
                held: None,
                advice: "set train.activation_checkpointing = true, lower train.batch_size or model.context_length, or close other \
                         programs that use the device"
                    .to_owned(),
            });
        }
        Ok(buffer)
    }
}

/// The `auto` choice: a real GPU that cannot be opened falls back to the CPU with a warning.
fn real_or_cpu(real: Result<Option<Gpu>>) -> (Option<Gpu>, Option<String>) {
    match real {
        Ok(gpu) => (gpu, None),
        Err(error) => (None, Some(format!("{error}; using the CPU instead"))),
    }
}

/// Joins wgpu's multi-line error messages into one line.
pub(super) fn one_line(error: &impl std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) struct PendingRead {
    staging: wgpu::Buffer,
    bytes: u64,
    submission: wgpu::SubmissionIndex,
    done: async_channel::Receiver<bool>,
}

impl Drop for PendingRead {
    /// Unmaps the buffer so that it can be reused.
    fn drop(&mut self) {
        self.staging.unmap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_that_cannot_be_opened_gives_way_to_the_cpu() {
        let (gpu, warning) = real_or_cpu(Err(Error::Device("Voodoo 2 could not be opened: gone".to_owned())));
        assert!(gpu.is_none());
        assert_eq!(warning.as_deref(), Some("Voodoo 2 could not be opened: gone; using the CPU instead"));
        let (gpu, warning) = real_or_cpu(Ok(None));
        assert!(gpu.is_none() && warning.is_none());
    }

    #[test]
    fn a_word_means_a_device() {
        let (gpu, warning) = pollster::block_on(Gpu::from_request("cpu")).unwrap();
        assert!(gpu.is_none() && warning.is_none());
        assert!(pollster::block_on(Gpu::from_request("Voodoo 2")).is_err());
        let burn = pollster::block_on(Gpu::from_request("burn-wgpu")).unwrap_err().to_string();
        assert!(burn.contains("burn-wgpu is only for training") && burn.contains("choose auto"), "{burn}");
    }
}
