//! Measurements on the chosen device.

use super::Session;
use crate::Result;
use crate::measure::{
    DecodeWorkload, Extent, MeasuredSteps, measure, measure_decode, measure_kernels, measure_scaling,
    measure_views,
};
use crate::protocol::{Bench, BenchReport, Event, RunConfig};

impl Session {
    pub(super) async fn bench(&mut self, id: u64, bench: Bench) -> Result<()> {
        let (device, threads) = (&self.device.request, self.options.threads);
        let sink = &self.sink;
        let tell = |report, tuning| sink.answer(id, Event::Bench { report, tuning });
        match bench {
            Bench::Step { config, repeats } => {
                let measured = self.measured(&config, Extent::Steps(repeats as u64)).await?;
                tell(BenchReport::Step(Box::new(measured.step)), measured.tuning);
            }
            Bench::Decode { config, repeats, prompt_tokens, tokens, weights, batches } => {
                config.validate()?;
                let workload = DecodeWorkload::of(&config.model, prompt_tokens, tokens, repeats.max(1));
                let workload = DecodeWorkload { weights, ..workload };
                let tuning = self.tuning();
                let batches = if batches.is_empty() { vec![1] } else { batches };
                for batch in batches {
                    let workload = DecodeWorkload { batch, ..workload };
                    let measuring = measure_decode(&config, device, threads, &tuning, workload);
                    let (measured, warning) = measuring.await?;
                    self.warn(warning);
                    tell(BenchReport::Decode(Box::new(measured)), None);
                }
            }
            Bench::Kernels { config, filter } => {
                config.validate()?;
                let autotune = self.options.autotune;
                let measuring = measure_kernels(&config, device, threads, &filter, autotune);
                let (measured, warning) = measuring.await?;
                self.warn(warning);
                for kernel in measured {
                    tell(BenchReport::Kernel(Box::new(kernel)), None);
                }
            }
            Bench::Inspect { config, repeats, views } => {
                config.validate()?;
                let mut on_view = |time: &_| tell(BenchReport::View(Box::new(Clone::clone(time))), None);
                let measuring = measure_views(&config, device, threads, (&views, repeats), &mut on_view);
                let (measured, warning) = measuring.await?;
                self.warn(warning);
                tell(BenchReport::Inspect(Box::new(measured)), None);
            }
            Bench::Scaling { quick } => {
                let mut on_cell = |cell: &_| tell(BenchReport::Scaling(Box::new(Clone::clone(cell))), None);
                let (summary, warning) = measure_scaling(device, threads, quick, &mut on_cell).await?;
                self.warn(warning);
                tell(BenchReport::ScalingSummary(Box::new(summary)), None);
            }
        }
        Ok(())
    }

    /// Measures training steps of a run on the chosen device, or on its own if none was chosen.
    pub(super) async fn measured(&self, config: &RunConfig, extent: Extent) -> Result<MeasuredSteps> {
        config.validate()?;
        let (chosen, threads) = (&self.device.request, self.options.threads);
        let device = if chosen.is_empty() { &config.device } else { chosen };
        let measured = measure(config, device, threads, extent, &self.tuning()).await?;
        self.warn(measured.warning.clone());
        Ok(measured)
    }

    fn warn(&self, warning: Option<String>) {
        warning.into_iter().for_each(|warning| self.sink.notice(warning));
    }
}
