//! The engine's wgpu device. It requests all limits the adapter offers, and turns asynchronous failures (a lost device,
//! an uncaptured error) into an error that the next call returns.

use super::adapter::{self, AdapterReport};
use super::pipeline::Pipelines;
use super::signal;
use crate::device::{DeviceDescription, DeviceKind};
use glasshouse_compiler::plan::fuse::Fusions;
use glasshouse_compiler::plan::lower::{Choices, Cooperative, Target};
use glasshouse_platform::{Error, Result};
use glasshouse_shaders::cast_f16;
use half::f16;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use web_time::Instant;
use wgpu::{Device, Features, Limits, Queue};

/// Largest range read back or written at once, in bytes; bounds the staging memory.
const CHUNK: u64 = 64 << 20;
/// Milliseconds between submissions that make a browser deliver pending callbacks.
const NUDGE_MILLISECONDS: i32 = 2;
/// Seconds without an answer after which a device counts as lost: a driver's own watchdog is several times faster, and no submission is meant
/// to take a second. A software adapter may share its cores.
const SILENCE_SECONDS: f64 = 30.0;
const SOFTWARE_SILENCE_SECONDS: f64 = 600.0;
/// Seconds in which a device compiles a program's kernels, of which it needs about sixty. A software adapter may share its cores.
const PATIENCE_SECONDS: f64 = 180.0;
const SOFTWARE_PATIENCE_SECONDS: f64 = 1800.0;
/// Times to look for a device's loss after a failure that may be its consequence, and seconds between.
const LOSS_LOOKS: usize = 50;
const LOSS_PAUSE: f64 = 0.02;
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
    /// Whether 16-bit floats work as training in mixed precision needs them.
    half: bool,
    /// Whether kernels begin with poisoned workgroup memory.
    pub(super) poisons: bool,
    /// Seconds in which it must compile a program's kernels.
    pub(super) patience: f64,
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

    /// Whether nothing worse can be reported any more.
    fn is_final(&self) -> bool {
        let cause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(&*cause, Some(Cause::Lost(_) | Cause::Closed))
    }

    /// The cause of a failure. A lost device may fail in other ways first, so its loss is waited for; `poll` makes the device report it.
    async fn or_loss(&self, poll: impl Fn(), error: Error) -> Error {
        for _ in 0..LOSS_LOOKS {
            poll();
            if self.is_final() {
                break;
            }
            glasshouse_platform::pause(LOSS_PAUSE).await.ok();
        }
        self.get().unwrap_or(error)
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
                error => refused("a command", &one_line(&error)),
            }));
        }));
        let target = report.target();
        let pipelines = Pipelines::default();
        let half = device.features().contains(Features::SHADER_F16);
        let (wait, poisons) = (0.0, false);
        let patience = if report.software { SOFTWARE_PATIENCE_SECONDS } else { PATIENCE_SECONDS };
        let mut gpu =
            Self { device, queue, pipelines, limits, report, target, wait, half, poisons, patience, fault };
        gpu.wait = gpu.shortest_wait().await.unwrap_or(0.0);
        gpu.half = half && gpu.overflows().await.unwrap_or(false);
        gpu.check()?;
        Ok(gpu)
    }

    /// Whether a float beyond the range of f16 becomes infinite, on which the search for a loss scale rests: WGSL also allows other values.
    async fn overflows(&self) -> Result<bool> {
        let kernel = cast_f16::kernel(cast_f16::Width::Half);
        self.prepare([kernel]).await?;
        let built = self.pipelines.get(kernel)?;
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let arguments = self.buffer("probe", 16, usage | wgpu::BufferUsages::UNIFORM).await?;
        let [x, y] = [
            self.buffer("probe", 16, usage | wgpu::BufferUsages::STORAGE).await?,
            self.buffer("probe", 16, usage | wgpu::BufferUsages::STORAGE).await?,
        ];
        self.write(&arguments, 0, cast_f16::Arguments { count: 1 }.bytes().as_ref()).await?;
        self.write(&x, 0, bytemuck::bytes_of(&PROBED)).await?;
        let entries = [&arguments, &x, &y].into_iter().zip(kernel.bindings).map(|(buffer, binding)| {
            let resource = buffer.as_entire_binding();
            wgpu::BindGroupEntry { binding: binding.binding, resource }
        });
        let bind_group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(kernel.name),
            layout: &built.layout,
            entries: &entries.collect::<Vec<_>>(),
        });
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&built.pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(1, 1, 1);
        }
        self.queue.submit([encoder.finish()]);
        Ok(overflowed(&self.read(&y, 0, 8).await?))
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

    /// The same device, whose kernels begin with poisoned workgroup memory. For tests.
    #[doc(hidden)]
    #[must_use]
    pub fn poisoned(self) -> Self {
        Self { pipelines: Pipelines::default(), poisons: true, ..self }
    }

    /// The same device with another time for compiling a program's kernels.
    #[cfg(test)]
    pub(crate) fn with_patience(self, patience: f64) -> Self {
        Self { patience, ..self }
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
        self.half
    }

    /// Closes the device; later uses return [`Error::Device`].
    pub fn destroy(&self) {
        self.fault.set(Cause::Closed);
        self.device.destroy();
    }

    /// Returns the failure outside any call, if one occurred. It persists, since the device's contents can no longer be trusted.
    pub fn check(&self) -> Result<()> {
        let Some(error) = self.fault.get() else { return Ok(()) };
        if self.fault.is_final() {
            return Err(error);
        }
        // It may be the consequence of a loss.
        self.device.poll(wgpu::PollType::Poll).ok();
        Err(self.fault.get().unwrap_or(error))
    }

    /// The cause of a failure: the loss of the device, if that is reported soon.
    async fn cause_of(&self, error: Error) -> Error {
        let poll = || {
            self.device.poll(wgpu::PollType::Poll).ok();
        };
        self.fault.or_loss(poll, error).await
    }

    /// Seconds without an answer after which the device counts as lost.
    fn silence(&self) -> f64 {
        if self.report.software { SOFTWARE_SILENCE_SECONDS } else { SILENCE_SECONDS }
    }

    /// Waits until all submitted work is done.
    pub async fn idle(&self) -> Result<()> {
        self.finished(self.under_way(None)).await?;
        self.check()
    }

    /// The work submitted so far, of which `submission` is the last.
    pub(super) fn under_way(&self, submission: Option<wgpu::SubmissionIndex>) -> UnderWay {
        let (sender, done) = async_channel::bounded(1);
        self.queue.on_submitted_work_done(move || {
            sender.try_send(()).ok();
        });
        UnderWay { submission, done }
    }

    /// Waits until work is done; on the desktop by polling, in a browser for the signal.
    pub(super) async fn finished(&self, work: UnderWay) -> Result<()> {
        self.turn(work.submission).await?;
        match self.receive(work.done.recv()).await? {
            Ok(()) => Ok(()),
            Err(_) => Err(self.cause_of(gone()).await),
        }
    }

    /// Awaits a device callback. Fails if the device does not answer.
    async fn receive<T>(&self, receiver: impl Future<Output = T>) -> Result<T> {
        // Counted, so that the time of a suspended machine or a hidden tab does not count.
        let mut left = (self.silence() * 1e3 / f64::from(NUDGE_MILLISECONDS)) as u64;
        let nudge = || {
            self.queue.submit([]);
            left = left.saturating_sub(1);
            left > 0
        };
        let answer = signal::nudged(receiver, || glasshouse_platform::later(NUDGE_MILLISECONDS), nudge).await;
        answer.ok_or_else(|| silent(self.silence()))
    }

    /// Lets the device deliver callbacks. On the desktop this waits for the submission (or the latest one) and yields
    /// meanwhile. In the browser it does nothing: awaiting the callback yields to the event loop.
    async fn turn(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
        let mut left = self.silence();
        loop {
            let submission_index = submission.clone();
            match self
                .device
                .poll(wgpu::PollType::Wait { submission_index, timeout: Some(glasshouse_platform::TURN) })
            {
                Ok(_) => return Ok(()),
                Err(wgpu::PollError::Timeout) => {
                    left -= glasshouse_platform::TURN.as_secs_f64();
                    if left <= 0.0 {
                        return Err(self.cause_of(silent(self.silence())).await);
                    }
                    glasshouse_platform::yield_now().await;
                }
                Err(error) => {
                    let error = Error::Device(format!("waiting for the device failed: {error}"));
                    return Err(self.cause_of(error).await);
                }
            }
        }
    }

    /// Begins mapping the first `bytes` of a staging buffer that `submission` fills.
    pub(super) fn begin_read(
        &self,
        staging: &wgpu::Buffer,
        bytes: u64,
        submission: wgpu::SubmissionIndex,
    ) -> PendingRead {
        let (sender, done) = async_channel::bounded(1);
        let on_mapped = move |result: Result<_, wgpu::BufferAsyncError>| {
            sender.try_send(result.is_ok()).ok();
        };
        staging.slice(..bytes).map_async(wgpu::MapMode::Read, on_mapped);
        PendingRead { staging: staging.clone(), bytes, submission, done }
    }

    /// Waits for the mapping and returns the bytes.
    pub(super) async fn end_read(&self, reading: PendingRead) -> Result<Vec<u8>> {
        self.turn(Some(reading.submission.clone())).await?;
        if self.receive(reading.done.recv()).await? != Ok(true) {
            return Err(self.cause_of(gone()).await);
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
        let create = |size| {
            self.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some(label),
                size,
                usage,
                mapped_at_creation: false,
            })
        };
        let fault = BufferFault::due();
        if fault == Some(BufferFault::Uncaught) {
            create(BufferFault::REFUSED);
        }
        let memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let validation = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let buffer = create(if fault == Some(BufferFault::Refused) { BufferFault::REFUSED } else { size });
        // Both scopes are popped before awaiting: they belong to the thread that pushed them.
        let (validation, memory) = (validation.pop(), memory.pop());
        if let Some(error) = validation.await {
            let what = format!("a buffer of {size} bytes for {label}");
            let error = Error::Device(refused(&what, &one_line(&error)));
            return Err(self.cause_of(error).await);
        }
        if memory.await.is_some() || fault == Some(BufferFault::OutOfMemory) {
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

/// A failure at the creation of a buffer, for tests.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferFault {
    OutOfMemory,
    Refused,
    /// Another command is refused first, outside any error scope.
    Uncaught,
}

impl BufferFault {
    /// A size that every device refuses.
    const REFUSED: u64 = u64::MAX - 3;

    /// Makes the buffer of this number from now on, from 0, fail on this thread. Returns an earlier fault that has not occurred, with the
    /// number of buffers before it.
    #[doc(hidden)]
    pub fn inject(fault: Option<(u64, Self)>) -> Option<(u64, Self)> {
        BUFFER_FAULT.replace(fault)
    }

    fn due() -> Option<Self> {
        let (before, fault) = BUFFER_FAULT.get()?;
        BUFFER_FAULT.set(before.checked_sub(1).map(|before| (before, fault)));
        (before == 0).then_some(fault)
    }
}

thread_local! {
    static BUFFER_FAULT: Cell<Option<(u64, BufferFault)>> = const { Cell::new(None) };
}

/// Floats of the probe of 16-bit floats, of which the first two are beyond their range.
const PROBED: [f32; 4] = [1e6, -65520.0, 65504.0, 1.0];

/// Whether the probed floats became ±∞, and the others did not.
fn overflowed(halves: &[u8]) -> bool {
    let halves = halves.as_chunks::<2>().0.iter().map(|half| f16::from_le_bytes(*half).to_f32());
    halves.eq([f32::INFINITY, f32::NEG_INFINITY, 65504.0, 1.0])
}

fn refused(what: &str, reason: &str) -> String {
    format!(
        "the device refused {what} ({reason}); finished checkpoints are safe; resume the run, or choose the CPU (device cpu)"
    )
}

fn gone() -> Error {
    Error::Device("the device stopped answering".to_owned())
}

fn silent(seconds: f64) -> Error {
    Error::DeviceLost(format!(
        "the device has not answered for {seconds:.0} seconds; finished checkpoints are safe; restart its driver or the computer, then resume \
         the run, or choose the CPU (device cpu)"
    ))
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

/// Submitted work that may still be running.
pub(super) struct UnderWay {
    submission: Option<wgpu::SubmissionIndex>,
    done: async_channel::Receiver<()>,
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
    fn a_failure_waits_for_the_loss_that_may_have_caused_it() {
        use std::cell::Cell;
        // A map fails first, or a command, and the loss is reported some polls later.
        for first in [None, Some("a command was refused")] {
            let (fault, polls) = (Fault::default(), Cell::new(0));
            if let Some(text) = first {
                fault.set(Cause::Failed(text.to_owned()));
            }
            let poll = || {
                polls.set(polls.get() + 1);
                if polls.get() == 3 {
                    fault.set(Cause::Lost("unplugged".to_owned()));
                }
            };
            let error = pollster::block_on(fault.or_loss(poll, gone()));
            assert!(matches!(&error, Error::DeviceLost(text) if text == "unplugged"), "{error:?}");
        }
        let error = pollster::block_on(Fault::default().or_loss(|| (), gone()));
        assert!(matches!(error, Error::Device(_)), "{error:?}");
    }

    #[test]
    fn a_map_that_fails_before_its_device_is_lost_counts_as_the_loss() {
        for is_lost in [true, false] {
            let gpu = super::super::test_gpu();
            let usages = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
            let staging = pollster::block_on(gpu.buffer("read-back", 64, usages)).unwrap();
            let reading = gpu.begin_read(&staging, 64, gpu.queue.submit([]));
            staging.unmap();
            assert_eq!(reading.done.try_recv(), Ok(false));
            if is_lost {
                gpu.lose();
            }
            let error = pollster::block_on(gpu.cause_of(gone()));
            assert_eq!(matches!(error, Error::DeviceLost(_)), is_lost, "{error:?}");
        }
    }

    #[test]
    fn only_infinite_halves_count_as_overflow() {
        let halves = |first: f32| {
            [first, f32::NEG_INFINITY, 65504.0, 1.0].map(|half| f16::from_f32(half).to_le_bytes()).concat()
        };
        assert!(overflowed(&halves(f32::INFINITY)));
        assert!(!overflowed(&halves(65504.0)) && !overflowed(&halves(f32::NAN)) && !overflowed(&[]));
        // The tests' adapter converts as IEEE 754 says, if it has f16 at all.
        let gpu = super::super::test_gpu();
        assert_eq!(gpu.has_half(), gpu.device.features().contains(Features::SHADER_F16));
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
