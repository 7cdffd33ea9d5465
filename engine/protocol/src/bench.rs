//! What benches find out. A report's JSON is a line of `glasshouse bench --json`.

use crate::Precision;
use crate::device::DeviceDescription;
use crate::inspect::View;
use serde::{Deserialize, Serialize};

/// A line of a bench.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "bench", rename_all = "snake_case")]
pub enum BenchReport {
    /// A training step's time.
    Step(Box<StepMeasurement>),
    /// How fast a prompt is read and continued.
    Decode(Box<DecodeMeasurement>),
    /// What a kernel of a training step reaches.
    Kernel(Box<KernelMeasurement>),
    /// How long a view of the lens takes, as soon as it is known.
    View(Box<ViewTime>),
    /// How long views of the lens take.
    Inspect(Box<InspectMeasurement>),
    /// A model of many.
    Scaling(Box<ScalingCell>),
    /// What came of all of them.
    ScalingSummary(Box<ScalingSummary>),
}

/// Training steps, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepMeasurement {
    /// The preset's name.
    pub config: String,
    /// Windows in a micro-batch.
    pub batch_size: usize,
    /// Micro-batches per step.
    pub accumulate: usize,
    /// Tokens of a window.
    pub context_length: usize,
    /// `f32` or `mixed`.
    pub precision: Precision,
    /// Where it ran.
    pub device: DeviceDescription,
    /// Kernels were chosen by measuring.
    pub autotune: bool,
    /// Every operation of a layer ran by itself.
    pub unfused: bool,
    /// Classes of kernels that were timed for it just now; what is known from before is not timed again.
    pub tuned_kernels: usize,
    /// Seconds that this took.
    pub tuning_seconds: f64,
    /// Steps measured.
    pub repeats: usize,
    /// Milliseconds per step, median.
    pub ms_per_step: f64,
    /// Of the fastest step.
    pub ms_fastest: f64,
    /// Of the slowest step.
    pub ms_slowest: f64,
    /// Training tokens per second, by the median.
    pub tokens_per_s: f64,
    /// Floating-point operations per second, likewise.
    pub flops_per_s: f64,
    /// Microseconds of the CPU's time to encode and submit a dispatch, median over up to ten steps sent to an idle device
    /// as one submission each; `None` without a GPU, where a step lasts longer than a fifth of a second, and where steps are not
    /// counted.
    pub launch_overhead_us_per_dispatch: Option<f64>,
    /// The same where the step was recorded once just before: the overhead where the device's work does not empty the
    /// CPU's caches meanwhile, as a software adapter's does.
    pub launch_overhead_warm_us_per_dispatch: Option<f64>,
    /// Milliseconds per step where several are sent one behind another, as training sends them; on a GPU with a clock, where steps are
    /// counted.
    pub ms_per_step_together: Option<f64>,
    /// The share of the time between the first and the last pass of those steps in which the device ran none, by its own clock; likewise.
    pub idle_share: Option<f64>,
    /// Kernel launches per step.
    pub dispatches_per_step: usize,
    /// Bytes that the executor holds.
    pub bytes: u64,
    /// Loss of the first step.
    pub loss_first: f32,
    /// Loss of the last step.
    pub loss_last: f32,
}

fn one() -> usize {
    1
}

/// Writing, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecodeMeasurement {
    /// The preset's name.
    pub config: String,
    /// Tokens of a window.
    pub context_length: usize,
    /// Entries of the vocabulary.
    pub vocabulary: usize,
    /// Where it ran.
    pub device: DeviceDescription,
    /// What weights were read as while a token was written: `f32` or `mixed`.
    pub precision: Precision,
    /// Texts written at once.
    #[serde(default = "one")]
    pub batch: usize,
    /// Passages measured.
    pub repeats: usize,
    /// Tokens of each text's prompt.
    pub prompt_tokens: usize,
    /// Tokens written of each text, the first one left out.
    pub generated_tokens: usize,
    /// How many of each text's lie past the window, which is then read anew for every token.
    pub tokens_past_window: usize,
    /// Tokens of all prompts read a second, the drawing of the first tokens included; median.
    pub prompt_tokens_per_s: f64,
    /// Tokens written a second after the first, of all texts together, median.
    pub generated_tokens_per_s: f64,
    /// Milliseconds to the first token of all texts, median.
    pub ms_first_token: f64,
    /// Milliseconds for each token after it, one of each text, median of the passages' means.
    pub ms_per_token: f64,
    /// Of the fastest passage.
    pub ms_fastest: f64,
    /// Of the slowest passage.
    pub ms_slowest: f64,
    /// Bytes that the decoder holds.
    pub bytes: u64,
}

/// A class of dispatches, or of nodes on the CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelMeasurement {
    /// The preset's name.
    pub config: String,
    /// Where it ran.
    pub device: DeviceDescription,
    /// The kernel with its variant; on the CPU the operation.
    pub kernel: String,
    /// Where in the model the first of the class stands, or the phase's name.
    pub scope: String,
    /// Operands, as in `768x128 384x128 -> 768x384`; empty behind the last micro-batch.
    pub shapes: String,
    /// How many there are in a step, all its micro-batches together.
    pub count: usize,
    /// The shape bucket, as in `linear 1024x128x512`, where the kernel has a choice and was timed for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// What was timed for the bucket: the rule's choice first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub candidates: Vec<KernelCandidate>,
    /// What was chosen of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chosen: Option<String>,
    /// Workgroups; `None` on the CPU.
    pub groups: Option<[u32; 3]>,
    /// Milliseconds of one.
    pub ms: f64,
    /// Milliseconds of all of them in a step.
    pub ms_per_step: f64,
    /// Operations per second in billions; `None` where the work is not a product.
    pub gflop_per_s: Option<f64>,
    /// Bytes per second in billions, each operand counted once.
    pub gb_per_s: f64,
    /// What holds it back if nothing else does.
    pub bound: Bound,
    /// The least time that the peaks allow over the time that it took.
    pub share_of_peak: f64,
    /// The device's peak of operations, as measured.
    pub peak_gflop_per_s: f64,
    /// The device's peak of bytes, as measured.
    pub peak_gb_per_s: f64,
}

/// What bounds a kernel's speed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Arithmetic.
    Flops,
    /// Memory traffic.
    Bytes,
}

/// A variant that a kernel was chosen from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KernelCandidate {
    /// `direct`, `tiled`, `tiled in 4 slices`.
    pub choice: String,
    /// Milliseconds of one run, at the largest shapes of the bucket.
    pub ms: f64,
}

/// Views of the lens, measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InspectMeasurement {
    /// The preset's name.
    pub config: String,
    /// Weights of the model.
    pub parameters: u64,
    /// Tokens of a window.
    pub context_length: usize,
    /// Entries of the vocabulary.
    pub vocabulary: usize,
    /// Where it ran.
    pub device: DeviceDescription,
    /// Answers measured of each view, fewer where they take long.
    pub repeats: usize,
    /// Tokens of the training text that provenance is looked for in.
    pub text_tokens: u64,
    /// By prompt, in the order of views.
    pub times: Vec<ViewTime>,
    /// Views that could not be measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmeasured: Vec<UnmeasuredView>,
}

/// How long a view takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewTime {
    /// The view.
    pub view: View,
    /// What of it, where it is asked for once, by a click.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<ViewPart>,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Milliseconds of the first answer, which makes programs ready.
    pub ms_first: f64,
    /// Milliseconds of an answer after it, median.
    pub ms: f64,
    /// Of the fastest.
    pub ms_fastest: f64,
    /// Of the slowest.
    pub ms_slowest: f64,
    /// How many answers that is of.
    #[serde(default)]
    pub answers: usize,
}

/// What of a view a person asks for by a click, since it takes long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ViewPart {
    /// Of what-if: what each head and MLP does by itself.
    #[serde(rename = "every part")]
    EveryPart,
    /// Of a neuron: the passages of the validation text that excite it most.
    #[serde(rename = "passages")]
    Passages,
}

impl std::fmt::Display for ViewPart {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::EveryPart => "every part",
            Self::Passages => "passages",
        })
    }
}

/// A view that gave no answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnmeasuredView {
    /// The view.
    pub view: View,
    /// As a view's time has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<ViewPart>,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Why there was none.
    pub reason: String,
}

/// A model's size: layers, channels, window, vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelSize {
    /// Layers.
    pub layers: usize,
    /// Channels.
    pub width: usize,
    /// Tokens of a window.
    pub context_length: usize,
    /// Entries of the vocabulary.
    pub vocabulary: usize,
}

/// A model, estimated and measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingCell {
    /// Its size.
    #[serde(flatten)]
    pub size: ModelSize,
    /// Windows in a step.
    pub batch_size: usize,
    /// The forecast was fitted to it, and is not judged by it.
    pub calibration: bool,
    /// Why it was not measured, where it was not.
    pub skipped: Option<String>,
    /// Milliseconds per step, median.
    pub ms_per_step: Option<f64>,
    /// Steps measured.
    pub repeats: usize,
    /// Milliseconds estimated; `None` for the models that the forecast is fitted to.
    pub ms_estimated: Option<f64>,
    /// Measured over estimated.
    pub time_ratio: Option<f64>,
    /// Bytes that the executor holds.
    pub bytes: Option<u64>,
    /// Bytes estimated: on a GPU the plan's sum, on the CPU what its executor says that it needs.
    pub bytes_estimated: Option<u64>,
    /// Held over estimated.
    pub bytes_ratio: Option<f64>,
}

/// What came of models of many sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScalingSummary {
    /// Where it ran; `None` where nothing could be measured.
    pub device: Option<DeviceDescription>,
    /// Models that the forecast was judged by.
    pub cells: usize,
    /// Those that were left out.
    pub skipped: usize,
    /// Share of the judged whose time was estimated within 30 %.
    pub within_30_percent: f64,
    /// Share of the judged that hold exactly the bytes that were estimated.
    pub exact_bytes: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_view_is_called_alike_in_json_and_to_people() {
        for part in [ViewPart::EveryPart, ViewPart::Passages] {
            assert_eq!(serde_json::to_value(part).unwrap(), part.to_string());
        }
    }
}
