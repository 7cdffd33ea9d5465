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
        let answer = |report, tuning| sink.answer(id, Event::Bench { report, tuning });
        match bench {
            Bench::Step { config, repeats } => {
                let measured = self.measured(&config, Extent::Steps(repeats as u64)).await?;
                answer(BenchReport::Step(Box::new(measured.step)), measured.tuning);
            }
            Bench::Decode { config, repeats, prompt_tokens, tokens, weights, batches } => {
                config.validate()?;
                let workload = DecodeWorkload::of(&config.model, prompt_tokens, tokens, repeats.max(1));
                let workload = DecodeWorkload { weights, ..workload };
                let tuning = self.tuning();
                let batches = if batches.is_empty() { vec![1] } else { batches };
                for batch in batches {
                    let workload = DecodeWorkload { batch, ..workload };
                    let measured = measure_decode(&config, device, threads, &tuning, workload).await?;
                    answer(BenchReport::Decode(Box::new(self.warned(measured))), None);
                }
            }
            Bench::Kernels { config, filter } => {
                config.validate()?;
                let autotune = self.options.autotune;
                let measured = measure_kernels(&config, device, threads, &filter, autotune).await?;
                for kernel in self.warned(measured) {
                    answer(BenchReport::Kernel(Box::new(kernel)), None);
                }
            }
            Bench::Inspect { config, repeats, views } => {
                config.validate()?;
                let mut on_view = |time: &_| answer(BenchReport::View(Box::new(Clone::clone(time))), None);
                let asked = (views.as_slice(), repeats);
                let measured = measure_views(&config, device, threads, asked, &mut on_view).await?;
                answer(BenchReport::Inspect(Box::new(self.warned(measured))), None);
            }
            Bench::Scaling { quick } => {
                let mut on_cell = |cell: &_| answer(BenchReport::Scaling(Box::new(Clone::clone(cell))), None);
                let measured = measure_scaling(device, threads, quick, &mut on_cell).await?;
                answer(BenchReport::ScalingSummary(Box::new(self.warned(measured))), None);
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
        self.sink.notices(&measured.warning);
        Ok(measured)
    }

    /// A measurement, after its warning is reported.
    fn warned<T>(&self, (measured, warning): (T, Option<String>)) -> T {
        self.sink.notices(warning);
        measured
    }
}
