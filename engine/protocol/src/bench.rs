//! Benchmark results. Each report is one line of `glasshouse bench --json`.

use crate::device::DeviceDescription;
use crate::inspect::View;
use crate::setting::choices;
use crate::{Precision, WeightFormat};
use serde::{Deserialize, Serialize};

/// A line of a benchmark's output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "bench", rename_all = "snake_case")]
pub enum BenchReport {
    Step(Box<StepMeasurement>),
    Decode(Box<DecodeMeasurement>),
    /// Speed of a kernel of a training step.
    Kernel(Box<KernelMeasurement>),
    /// Time of one lens view, sent as soon as it is measured.
    View(Box<ViewTime>),
    Inspect(Box<InspectMeasurement>),
    Scaling(Box<ScalingCell>),
    ScalingSummary(Box<ScalingSummary>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMeasurement {
    /// Name of the preset.
    pub config: String,
    /// Windows per micro-batch.
    pub batch_size: usize,
    /// Micro-batches per step.
    pub accumulate: usize,
    /// Tokens per window.
    pub context_length: usize,
    pub precision: Precision,
    pub device: DeviceDescription,
    /// Whether kernels were chosen by measurement.
    pub autotune: bool,
    /// Whether every operation of a layer ran as a separate kernel.
    pub unfused: bool,
    /// Number of kernel classes timed for this benchmark; cached choices are not timed again.
    pub tuned_kernels: usize,
    pub tuning_seconds: f64,
    pub repeats: usize,
    /// Milliseconds per step, median.
    pub ms_per_step: f64,
    pub ms_fastest: f64,
    pub ms_slowest: f64,
    /// From the median.
    pub tokens_per_s: f64,
    /// From the median.
    pub flops_per_s: f64,
    /// Median CPU time in microseconds to encode and submit a dispatch, over up to ten steps, each sent to an idle device as one
    /// submission; `None` without a GPU, for steps longer than 0.2 s, and if the benchmark runs for a duration instead of a number of
    /// steps.
    pub launch_overhead_us_per_dispatch: Option<f64>,
    /// The same with warm CPU caches: the step was encoded once just before. A software adapter's own work would otherwise evict the
    /// caches.
    pub launch_overhead_warm_us_per_dispatch: Option<f64>,
    /// Milliseconds per step with several steps queued, as in training; only on a GPU with timestamps, and if the benchmark runs for a
    /// number of steps.
    pub ms_per_step_together: Option<f64>,
    /// Fraction of the time between the first and the last pass of those steps in which the device was idle, by its own clock.
    pub idle_share: Option<f64>,
    pub dispatches_per_step: usize,
    pub bytes: u64,
    pub loss_first: f32,
    pub loss_last: f32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecodeMeasurement {
    /// Name of the preset.
    pub config: String,
    /// Tokens per window.
    pub context_length: usize,
    pub vocabulary: usize,
    pub device: DeviceDescription,
    /// Storage format of the matrices.
    pub weights: WeightFormat,
    /// Number of texts generated in parallel.
    pub batch: usize,
    pub repeats: usize,
    pub prompt_tokens: usize,
    /// Generated tokens of each text, without the first.
    pub generated_tokens: usize,
    /// Generated tokens per text beyond the window; the window is read again for each of them.
    pub tokens_past_window: usize,
    /// Prefill speed over all prompts, including the sampling of the first tokens; median.
    pub prompt_tokens_per_s: f64,
    /// Decoding speed after the first token, over all texts; median.
    pub generated_tokens_per_s: f64,
    /// Milliseconds until all texts have their first token; median.
    pub ms_first_token: f64,
    /// Milliseconds per further token of each text; median of the passes' means.
    pub ms_per_token: f64,
    pub ms_fastest: f64,
    pub ms_slowest: f64,
    pub bytes: u64,
}

/// Measurement of a class of dispatches, or of CPU nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelMeasurement {
    /// Name of the preset.
    pub config: String,
    pub device: DeviceDescription,
    /// The kernel with its variant; on the CPU, the operation.
    pub kernel: String,
    /// Path of the class's first occurrence in the model, or the phase's name.
    pub scope: String,
    /// Operand shapes, as in `768x128 384x128 -> 768x384`; empty after the last micro-batch.
    pub shapes: String,
    /// Number per step, over all micro-batches.
    pub count: usize,
    /// The shape bucket, as in `linear 1024x128x512`, if the kernel has variants and was timed for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The timed variants; the heuristic's choice comes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<KernelCandidate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// Number of workgroups; `None` on the CPU.
    pub groups: Option<[u32; 3]>,
    /// Milliseconds of one dispatch.
    pub ms: f64,
    /// Milliseconds of all of them in a step.
    pub ms_per_step: f64,
    /// Billions of operations per second; `None` if the kernel is not a matrix product.
    pub gflop_per_s: Option<f64>,
    /// Billions of bytes per second; each operand is counted once.
    pub gb_per_s: f64,
    /// The theoretical bottleneck.
    pub bound: Bound,
    /// Minimum time at the measured peaks, divided by the actual time.
    pub share_of_peak: f64,
    /// Measured peak of the device.
    pub peak_gflop_per_s: f64,
    /// Measured peak of the device.
    pub peak_gb_per_s: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    Flops,
    Bytes,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelCandidate {
    /// As in `direct`, `tiled`, `tiled in 4 slices`.
    pub choice: String,
    /// Milliseconds of one run at the largest shapes of the bucket.
    pub ms: f64,
}

/// Measurement of lens views.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InspectMeasurement {
    /// Name of the preset.
    pub config: String,
    pub parameters: u64,
    /// Tokens per window.
    pub context_length: usize,
    pub vocabulary: usize,
    pub device: DeviceDescription,
    /// Measurements per view; fewer for slow views.
    pub repeats: usize,
    /// Tokens of training text searched for provenance.
    pub text_tokens: u64,
    /// By prompt, in the order of the views.
    pub times: Vec<ViewTime>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmeasured: Vec<UnmeasuredView>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewTime {
    pub view: View,
    /// The measured part, if it is one that is computed only on request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<ViewPart>,
    pub prompt_tokens: usize,
    /// Milliseconds of the first answer, including the preparation of programs.
    pub ms_first: f64,
    /// Median milliseconds of further answers.
    pub ms: f64,
    pub ms_fastest: f64,
    pub ms_slowest: f64,
    pub answers: usize,
}

choices! {
    /// A slow part of a view that is computed only on request.
    pub enum ViewPart {
        /// What if: separate ablation of each head and MLP.
        EveryPart = "every part";
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnmeasuredView {
    pub view: View,
    /// As in [`ViewTime::part`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<ViewPart>,
    pub prompt_tokens: usize,
    pub reason: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSize {
    pub layers: usize,
    /// Width of the residual stream.
    pub width: usize,
    /// Tokens per window.
    pub context_length: usize,
    pub vocabulary: usize,
}

/// A model's estimates and measurements.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScalingCell {
    #[serde(flatten)]
    pub size: ModelSize,
    /// Windows per step.
    pub batch_size: usize,
    /// Whether the estimate was fitted to this model; it is then not judged by it.
    pub calibration: bool,
    /// Why it was not measured.
    pub skipped: Option<String>,
    /// Milliseconds per step, median.
    pub ms_per_step: Option<f64>,
    pub repeats: usize,
    /// Estimated milliseconds; `None` for models that the estimate is fitted to.
    pub ms_estimated: Option<f64>,
    /// Measured time divided by estimated time.
    pub time_ratio: Option<f64>,
    pub bytes: Option<u64>,
    /// Estimated bytes: on a GPU the plan's total, on the CPU its executor's own estimate.
    pub bytes_estimated: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingSummary {
    /// `None` if nothing could be measured.
    pub device: Option<DeviceDescription>,
    /// Number of models that the estimate was judged by.
    pub cells: usize,
    /// Number of models left out.
    pub skipped: usize,
    /// Fraction of judged models whose time was estimated within 30 %.
    pub within_30_percent: f64,
    /// Fraction of judged models whose memory use equals the estimate exactly.
    pub exact_bytes: f64,
}
