//! The engine's own device. It asks for all that the adapter offers, and turns what goes wrong behind the caller's back
//! (a lost device, an error that no scope caught) into a named error that the next call returns.

use super::adapter::{self, AdapterReport, DeviceChoice, DeviceRequest};
use super::pipeline::Pipelines;
use super::signal;
use crate::device::{DeviceDescription, DeviceKind};
use crate::error::{Error, Result};
use crate::plan::fuse::Fusions;
use crate::plan::lower::{Choices, Cooperative, Target};
use crate::platform;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use web_time::Instant;
use wgpu::{Device, Features, Limits, Queue};

/// Largest part of a buffer that is read back or written at once: what staging adds to the peak of memory.
const CHUNK: u64 = 64 << 20;
/// A browser is asked for a device's answer again after so long.
const NUDGE_MILLISECONDS: i32 = 2;
/// Waits of which the shortest tells what waiting takes by itself.
const WAITS: usize = 3;

/// An open device. Clones are the same device.
#[derive(Clone, Debug)]
pub struct Gpu {
    pub(super) device: Device,
    pub(super) queue: Queue,
    pub(super) pipelines: Pipelines,
    limits: Limits,
    report: AdapterReport,
    pub(super) target: Target,
    /// Seconds of a wait for nothing.
    wait: f64,
    fault: Fault,
}

/// The first thing that went wrong outside any call.
#[derive(Clone, Debug, Default)]
struct Fault(Arc<Mutex<Option<Cause>>>);

/// What went wrong, in a sentence.
#[derive(Clone, Debug)]
enum Cause {
    /// The driver took the device away.
    Lost(String),
    /// A command failed. A device that is lost may say so first.
    Failed(String),
    /// We gave it up.
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
    /// Opens the adapter that `choice` means. [`Error::Device`] lists the adapters where none is meant.
    pub async fn open(choice: &DeviceChoice) -> Result<Self> {
        let (adapter, report) = adapter::choose(&adapter::instance(), choice).await?;
        let limits = adapter.limits();
        Self::request(&adapter, report, limits).await
    }

    /// What is known of the adapter that a device's word means, as [`Gpu::from_request`] has it; none is opened.
    ///
    /// # Errors
    /// [`Error::Device`] lists the adapters where one that was asked for is missing.
    pub async fn adapter_of(device: &str) -> Result<Option<AdapterReport>> {
        match DeviceRequest::of(device)? {
            // No driver is loaded for it.
            DeviceRequest::Cpu => Ok(None),
            DeviceRequest::Auto => Ok(adapter::real(&adapter::instance()).await.map(|(_, report)| report)),
            DeviceRequest::Gpu(choice) => {
                adapter::choose(&adapter::instance(), &choice).await.map(|(_, report)| Some(report))
            }
        }
    }

    /// Opens the best real GPU; `None` where there is none, since the CPU executor beats a software adapter.
    pub async fn open_real() -> Result<Option<Self>> {
        match adapter::real(&adapter::instance()).await {
            Some((adapter, report)) => {
                let limits = adapter.limits();
                Self::request(&adapter, report, limits).await.map(Some)
            }
            None => Ok(None),
        }
    }

    /// Opens what a device's word means, as [`DeviceRequest`] has it. No GPU stands for the CPU. The second half is a warning where the device is a fallback;
    /// `auto` takes the CPU, with a warning, where a GPU is found that cannot be opened.
    ///
    /// # Errors
    /// [`Error::Device`] where a device that was asked for by name is missing or cannot be opened.
    pub async fn from_request(device: &str) -> Result<(Option<Self>, Option<String>)> {
        let gpu = match DeviceRequest::of(device)? {
            DeviceRequest::Cpu => None,
            DeviceRequest::Auto => return Ok(real_or_cpu(Self::open_real().await)),
            DeviceRequest::Gpu(choice) => Some(Self::open(&choice).await?),
        };
        let warning = gpu.as_ref().and_then(Self::warning);
        Ok((gpu, warning))
    }

    /// The device whose buffers hold no more than so many bytes, which it holds everybody to.
    #[cfg(test)]
    pub(super) async fn open_with_buffers_of(choice: &DeviceChoice, bytes: u64) -> Result<Self> {
        let (adapter, mut report) = adapter::choose(&adapter::instance(), choice).await?;
        let mut limits = adapter.limits();
        limits.max_buffer_size = bytes;
        limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(bytes);
        report.limits = adapter::AdapterLimits::of(&limits);
        Self::request(&adapter, report, limits).await
    }

    async fn request(adapter: &wgpu::Adapter, report: AdapterReport, limits: Limits) -> Result<Self> {
        let mut wanted = Features::TIMESTAMP_QUERY | Features::SHADER_F16 | Features::SUBGROUP;
        let mut experimental = wgpu::ExperimentalFeatures::disabled();
        if report.cooperative != Cooperative::NONE {
            wanted |= Features::EXPERIMENTAL_COOPERATIVE_MATRIX;
            // SAFETY: wgpu calls these matrices experimental since a kernel can make undefined behaviour of them, and asks that
            // this be known. Ours load and store them only within what is bound, in types that the adapter lists, in control flow
            // that hangs on sizes and on the number of the subgroup alone, and in workgroups of 64 invocations in a row, which
            // subgroups of up to 64 fill.
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

    /// Seconds that waiting takes by itself, of an idle device: what is measured of work has as much on top.
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

    /// Gives the device up under whoever uses it, as a driver does that starts again. For tests of what comes after.
    pub fn lose(&self) {
        self.device.destroy();
    }

    /// What is known of the adapter.
    pub fn report(&self) -> &AdapterReport {
        &self.report
    }

    /// As a run's record keeps it.
    pub fn describe(&self) -> DeviceDescription {
        let plain = DeviceDescription::plain(DeviceKind::Gpu, &self.report.name);
        DeviceDescription { software: self.report.software, variants: self.variants(), ..plain }
    }

    /// The device's limits: the adapter's own.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A sentence for the user where the adapter is a software one.
    pub fn warning(&self) -> Option<String> {
        self.report.software.then(|| {
            format!("{} is a software adapter; the CPU (device cpu) is many times faster", self.report.name)
        })
    }

    /// What kernels should be chosen for.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// The same device, for which kernels are chosen so.
    pub fn with_choices(&self, choices: &Choices) -> Self {
        Self { target: self.target.clone().with(choices), ..self.clone() }
    }

    /// The same device, for which these fusions are made.
    pub fn with_fusions(&self, fusions: Fusions) -> Self {
        Self { target: self.target.clone().with_fusions(fusions), ..self.clone() }
    }

    /// What differs from the kernels of its kind, as a record keeps it.
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

    /// Gives the device up: whatever uses it from here on returns [`Error::Device`].
    pub fn destroy(&self) {
        self.fault.set(Cause::Closed);
        self.device.destroy();
    }

    /// The error that befell the device outside any call, if one did. It stays: what the device holds is not to be trusted.
    pub fn check(&self) -> Result<()> {
        self.fault.get().map_or(Ok(()), Err)
    }

    /// Waits until everything submitted so far is done.
    pub async fn idle(&self) -> Result<()> {
        let (sender, receiver) = signal::channel();
        self.queue.on_submitted_work_done(move || sender.send(()));
        self.turn(None).await?;
        self.heard(receiver).await.ok_or_else(|| self.gone())?;
        self.check()
    }

    /// Awaits what the device calls back with.
    async fn heard<T>(&self, receiver: impl Future<Output = T>) -> T {
        let nudge = || {
            self.queue.submit([]);
        };
        signal::nudged(receiver, || platform::later(NUDGE_MILLISECONDS), nudge).await
    }

    /// Lets the device call back. On the desktop this waits until the submission (or the latest one) is done, and gives others
    /// their turn meanwhile; in the browser it does nothing, and awaiting the callback gives the event loop its turn.
    pub(super) async fn turn(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
        loop {
            let submission_index = submission.clone();
            match self.device.poll(wgpu::PollType::Wait { submission_index, timeout: Some(platform::TURN) }) {
                Ok(_) => return Ok(()),
                Err(wgpu::PollError::Timeout) => platform::yield_now().await,
                Err(error) => {
                    // A device that is lost takes no submission, and says that it is when it is asked for nothing else.
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

    /// Begins to map the first `bytes` of a staging buffer that `submission` fills.
    pub(super) fn begin_read(
        &self,
        staging: &wgpu::Buffer,
        bytes: u64,
        submission: wgpu::SubmissionIndex,
    ) -> PendingRead {
        let (sender, done) = signal::channel();
        staging.slice(..bytes).map_async(wgpu::MapMode::Read, move |result| sender.send(result.is_ok()));
        PendingRead { staging: staging.clone(), bytes, submission, done }
    }

    /// Waits for the mapping and takes the bytes.
    pub(super) async fn end_read(&self, mut reading: PendingRead) -> Result<Vec<u8>> {
        self.turn(Some(reading.submission.clone())).await?;
        if self.heard(&mut reading.done).await != Some(true) {
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

    /// Reads a range of a buffer, in chunks, so that staging stays small. Offset and length are multiples of 4.
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

    /// Reads small ranges of several buffers at once: the device is waited for once. Offsets and lengths are multiples of 4.
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

    /// Writes a range of a buffer, in chunks that are each done before the next is staged.
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

    /// Creates a buffer, or says that there is no memory for it.
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
        // Both are popped at once and awaited afterwards: scopes belong to the thread that pushed them.
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

/// What `auto` makes of the best real GPU: one that is there and cannot be opened is no reason to stop.
fn real_or_cpu(real: Result<Option<Gpu>>) -> (Option<Gpu>, Option<String>) {
    match real {
        Ok(gpu) => (gpu, None),
        Err(error) => (None, Some(format!("{error}; using the CPU instead"))),
    }
}

/// wgpu's errors run over several lines; ours are one.
pub(super) fn one_line(error: &impl std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A read-back under way.
#[derive(Debug)]
pub(super) struct PendingRead {
    staging: wgpu::Buffer,
    bytes: u64,
    submission: wgpu::SubmissionIndex,
    done: signal::Receiver<bool>,
}

impl Drop for PendingRead {
    /// Whatever became of the reading, the buffer is free for the next.
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
        assert!(burn.contains("burn-wgpu is for training") && burn.contains("choose auto"), "{burn}");
    }
}
