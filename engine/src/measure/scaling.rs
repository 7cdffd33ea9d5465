//! Accuracy of the estimates of a step's time and memory: predicts and measures models of many sizes.
//!
//! The time estimate ([`CostModel`]) is fitted to a few small models, which are not used for judging it. All steps have about the
//! same number of tokens, so that a longer context only adds attention.

use super::step::{Extent, MeasuredSteps, measure};
use crate::cpu::CpuExecutor;
use crate::device::DeviceDescription;
use crate::gpu::Tuning;
use crate::model::training_graphs;
use crate::optimizer::Optimizer;
use crate::plan::estimate;
use crate::plan::forecast::{CostModel, Demand};
use crate::plan::lower::Target;
use crate::protocol::bench::{ModelSize, ScalingCell, ScalingSummary};
use crate::protocol::model::Dropout;
use crate::protocol::{DeviceKind, RunConfig, presets};
use crate::{Error, Result, refuse};

/// Tokens per step, rounded to whole contexts.
const TOKENS: usize = 1024;

/// Models with a longer estimated step are skipped.
const MAX_SECONDS: f64 = 20.0;

/// Relative error within which an estimate counts as correct.
const TOLERANCE: f64 = 0.3;

/// The model that the others vary, one factor at a time.
const BASE: ModelSize = size(4, 192, 128, 1024);

/// Models for fitting: dominated by launches, matrix products, attention, memory traffic, and a mix.
const CALIBRATION: [ModelSize; 5] = [
    size(2, 64, 64, 65),
    size(2, 384, 64, 65),
    size(2, 128, 512, 65),
    size(2, 64, 64, 16_384),
    size(8, 128, 128, 512),
];

const fn size(layers: usize, width: usize, context_length: usize, vocabulary: usize) -> ModelSize {
    ModelSize { layers, width, context_length, vocabulary }
}

/// Models for judging; with `quick`, only those small enough for any device.
fn cells(quick: bool) -> Vec<ModelSize> {
    let mut cells = vec![BASE];
    cells.extend([2, 6, 8, 12].map(|layers| ModelSize { layers, ..BASE }));
    cells.extend([64, 128, 384, 768].map(|width| ModelSize { width, ..BASE }));
    cells.extend([64, 256, 512, 1024].map(|context_length| ModelSize { context_length, ..BASE }));
    cells.extend([65, 256, 8192, 50_304].map(|vocabulary| ModelSize { vocabulary, ..BASE }));
    // nanoGPT's two shapes, and all factors at their maximum.
    cells.extend([size(4, 128, 64, 65), size(6, 384, 256, 65), size(12, 768, 1024, 50_304)]);
    if quick {
        cells.retain(|cell| {
            cell.layers <= 4 && cell.width <= 192 && cell.context_length <= 256 && cell.vocabulary <= 1024
        });
    }
    cells
}

/// A run with a model of this size: GPT-2's architecture as trained by nanoGPT, without dropout.
fn config(size: ModelSize) -> Result<RunConfig> {
    let mut config = presets::preset("nanogpt-gpu").map_err(Error::Internal)?;
    let model = &mut config.model;
    let head_size = if size.width < 384 { 32 } else { 64 };
    (model.layers, model.width, model.context_length, model.vocabulary) =
        (size.layers, size.width, size.context_length, size.vocabulary);
    (model.heads, model.kv_heads, model.head_size) =
        (size.width / head_size, size.width / head_size, head_size);
    model.mlp.hidden = 4 * size.width;
    model.dropout = Dropout::default();
    config.train.batch_size = (TOKENS / size.context_length).max(1);
    config.preset = format!("{}/{}/{}/{}", size.layers, size.width, size.context_length, size.vocabulary);
    config.validate()?;
    Ok(config)
}

fn summary(cells: &[ScalingCell], device: Option<DeviceDescription>) -> ScalingSummary {
    let judged: Vec<&ScalingCell> =
        cells.iter().filter(|cell| !cell.calibration && cell.skipped.is_none()).collect();
    let share = |right: &dyn Fn(&ScalingCell) -> bool| {
        judged.iter().filter(|cell| right(cell)).count() as f64 / judged.len().max(1) as f64
    };
    let in_time = |cell: &ScalingCell| cell.time_ratio.is_some_and(|ratio| (ratio - 1.0).abs() <= TOLERANCE);
    ScalingSummary {
        device,
        cells: judged.len(),
        skipped: cells.iter().filter(|cell| cell.skipped.is_some()).count(),
        within_30_percent: share(&in_time),
        exact_bytes: share(&|cell| cell.bytes.is_some() && cell.bytes == cell.bytes_estimated),
    }
}

/// Measures models of many sizes on a device and reports each; `quick` only measures the small ones, for less time. Also returns a warning
/// if the device is a fallback. Fails if the device is missing, is one of burn's, or fails. A model that does not fit is reported as
/// skipped.
pub async fn measure_scaling(
    device: &str,
    threads: Option<usize>,
    quick: bool,
    on_cell: &mut dyn FnMut(&ScalingCell),
) -> Result<(ScalingSummary, Option<String>)> {
    if DeviceKind::is_of_burn(device) {
        refuse!("{device} has no plan to compare with; choose the device cpu or gpu");
    }
    let mut bench = ScalingBench { device, threads, quick, measured: None, warning: None };
    let mut all = Vec::new();
    let mut known = Vec::new();
    for size in CALIBRATION {
        let (cell, demand) = bench.cell(size, None).await?;
        known.extend(cell.ms_per_step.map(|milliseconds| (demand, milliseconds / 1e3)));
        on_cell(&cell);
        all.push(cell);
    }
    let pace = CostModel::fit(&known);
    for size in cells(quick) {
        let (cell, _) = bench.cell(size, Some(&pace)).await?;
        on_cell(&cell);
        all.push(cell);
    }
    Ok((summary(&all, bench.measured.map(|(device, _)| device)), bench.warning))
}

struct ScalingBench<'a> {
    device: &'a str,
    threads: Option<usize>,
    quick: bool,
    /// The device and its target, once a model was measured.
    measured: Option<(DeviceDescription, Target)>,
    warning: Option<String>,
}

impl ScalingBench<'_> {
    /// Measures a model, after estimating it if the cost model is fitted.
    async fn cell(&mut self, size: ModelSize, pace: Option<&CostModel>) -> Result<(ScalingCell, Demand)> {
        let config = config(size)?;
        let demand = |bench: &Self| Demand::new(&config.model, &config.train, &bench.target());
        let expected = match pace {
            Some(pace) => Some(pace.seconds(&demand(self)?)),
            None => None,
        };
        let mut cell = ScalingCell {
            size,
            batch_size: config.train.batch_size,
            calibration: pace.is_none(),
            ms_estimated: expected.map(|seconds| seconds * 1e3),
            ..ScalingCell::default()
        };
        if let Some(seconds) = expected.filter(|seconds| *seconds > MAX_SECONDS) {
            cell.skipped = Some(format!("a step would last {seconds:.0} s"));
            return Ok((cell, demand(self)?));
        }
        let extent = Extent::Warm {
            steps: if expected.is_some_and(|seconds| seconds > 2.0) { 1 } else { 3 },
            seconds: if self.quick { 0.3 } else { 2.0 },
        };
        match measure(&config, self.device, self.threads, extent, &Tuning::Default).await {
            Ok(MeasuredSteps { step: measured, target, warning, .. }) => {
                self.warning = self.warning.take().or(warning);
                cell.bytes_estimated = Some(bytes(&config, &measured.device, &target)?);
                cell.bytes = Some(measured.bytes);
                cell.ms_per_step = Some(measured.ms_per_step);
                cell.repeats = measured.repeats;
                cell.time_ratio = expected.map(|seconds| measured.ms_per_step / 1e3 / seconds.max(1e-9));
                self.measured = Some((measured.device, target));
            }
            Err(error @ (Error::TooLarge { .. } | Error::OutOfMemory { .. })) => {
                cell.skipped = Some(error.to_string());
            }
            Err(error) => return Err(error),
        }
        Ok((cell, demand(self)?))
    }

    /// The target of the kernels; a default one before the first measurement.
    fn target(&self) -> Target {
        self.measured.as_ref().map_or(Target::new(false), |(_, target)| target.clone())
    }
}

/// Estimated bytes of a run's executor: `plan`'s estimate on a GPU, and the actual allocations on the CPU.
fn bytes(config: &RunConfig, device: &DeviceDescription, target: &Target) -> Result<u64> {
    let Some(_) = device.threads else {
        return Ok(estimate::estimate(&config.model, &config.train, target)?.bytes);
    };
    let graphs = training_graphs(&config.model, &config.train)?;
    Ok(CpuExecutor::needed(&graphs, Optimizer::new(&config.train)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Layers 2 to 12, width 64 to 768, context 64 to 1024, vocabulary 65 to 50,304; models for fitting are not judged.
    #[test]
    fn the_cells_span_the_table() {
        let all = cells(false);
        let span = |of: fn(&ModelSize) -> usize| {
            (all.iter().map(of).min().unwrap_or(0), all.iter().map(of).max().unwrap_or(0))
        };
        assert_eq!(span(|cell| cell.layers), (2, 12));
        assert_eq!(span(|cell| cell.width), (64, 768));
        assert_eq!(span(|cell| cell.context_length), (64, 1024));
        assert_eq!(span(|cell| cell.vocabulary), (65, 50_304));
        assert!(all.iter().all(|cell| !CALIBRATION.contains(cell)));
        assert!(cells(true).len() >= 5 && cells(true).iter().all(|cell| all.contains(cell)));
        for cell in all.iter().chain(&CALIBRATION) {
            let config = config(*cell).unwrap();
            assert!(config.train.batch_size * config.model.context_length >= TOKENS);
        }
    }

    #[test]
    fn the_share_is_of_what_was_judged() {
        let cell = |calibration, skipped: bool, ratio: Option<f64>| ScalingCell {
            size: BASE,
            batch_size: 8,
            calibration,
            skipped: skipped.then(|| "too large".to_owned()),
            ms_per_step: ratio,
            repeats: 1,
            ms_estimated: Some(1.0),
            time_ratio: ratio,
            bytes: Some(if ratio == Some(1.2) { 100 } else { 101 }),
            bytes_estimated: Some(100),
        };
        let cells = [
            cell(true, false, None),
            cell(false, true, None),
            cell(false, false, Some(1.2)),
            cell(false, false, Some(0.69)),
            cell(false, false, Some(0.71)),
            cell(false, false, Some(1.31)),
        ];
        let summary = summary(&cells, None);
        assert_eq!((summary.cells, summary.skipped), (4, 1));
        assert_eq!((summary.within_30_percent, summary.exact_bytes), (0.5, 0.25));
        assert_eq!(super::summary(&[], None).within_30_percent, 0.0);
    }
}
