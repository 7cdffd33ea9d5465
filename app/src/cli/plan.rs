//! `glasshouse plan`: what a run would take, without touching a device.

use super::arguments::PlanArguments;
use super::output::{bytes, count};
use super::settings::run_config;
use anyhow::Result;
use glasshouse_engine::plan::buffers::Kind;
use glasshouse_engine::plan::estimate::{Estimate, estimate};
use glasshouse_engine::plan::lower::Target;
use glasshouse_engine::protocol::quantity::whole;
use glasshouse_engine::protocol::{Precision, RunConfig, TrainConfig};

pub(super) fn plan(arguments: &PlanArguments) -> Result<()> {
    let config = run_config(&arguments.config, "first-stories")?;
    let estimate = estimate(&config.model, &config.train, &Target::new(false))?;
    if arguments.json {
        say!("{}", serde_json::to_string(&estimate)?)?;
    } else {
        print(&config, &estimate)?;
    }
    Ok(())
}

fn print(config: &RunConfig, estimate: &Estimate) -> Result<()> {
    let (model, train) = (&config.model, &config.train);
    say!(
        "{}: {} layers, width {}, context length {}, vocabulary {}, batch size {} × {}",
        config.preset,
        model.layers,
        whole(model.width as u64),
        whole(model.context_length as u64),
        whole(model.vocabulary as u64),
        train.batch_size,
        train.accumulate
    )?;
    if train.precision == Precision::Auto {
        say!("precision auto is planned in 32 bits, which take the most; a run settles it on its device")?;
    }
    say!("\nparameters {:>24}", whole(estimate.parameters as u64))?;
    for (part, number) in &estimate.parameters_by_part {
        say!("  {part:<20} {:>12}", whole(*number as u64))?;
    }
    say!("\nmemory     {:>24}", bytes(estimate.bytes.total))?;
    for (kind, number) in &estimate.bytes.by_kind {
        say!("  {:<20} {:>12}", kind.name(), bytes(*number))?;
    }
    let largest = bytes(estimate.bytes.largest_binding);
    say!("  largest binding      {largest:>12}; a weight too large for a device is bound in parts")?;
    say!("  largest buffer       {:>12}, weights aside", bytes(estimate.bytes.largest_buffer))?;
    let (kept, alive) = (estimate.bytes.by_kind.get(&Kind::Activations), estimate.bytes.peak_live);
    say!(
        "  activations alive at the worst moment {}, in buffers of {:.2} times that",
        bytes(alive),
        kept.map_or(1.0, |kept| *kept as f64 / alive.max(1) as f64)
    )?;
    say!("\ndispatches per step {:>15}", whole(estimate.dispatches_per_step as u64))?;
    let flops = estimate.flops;
    let again = if flops.recomputed > 0.0 {
        format!(", {} recomputed", count(flops.recomputed))
    } else {
        String::new()
    };
    say!(
        "FLOPs per token {:>19} ({} forward, {} backward{again})",
        count(estimate.flops_per_token),
        count(flops.forward),
        count(flops.backward)
    )?;
    trade(config, estimate)?;
    let tokens = train.steps as f64 * config.tokens_per_step() as f64;
    say!(
        "whole run: {} steps, {} tokens, {}FLOP",
        whole(train.steps),
        count(tokens),
        count(tokens * estimate.flops_per_token)
    )?;
    Ok(())
}

/// What switching activation checkpointing would save and cost.
fn trade(config: &RunConfig, estimate: &Estimate) -> Result<()> {
    if config.train.activation_checkpointing {
        return Ok(());
    }
    let train = TrainConfig { activation_checkpointing: true, ..config.train.clone() };
    let other = self::estimate(&config.model, &train, &Target::new(false))?;
    if other.bytes.total < estimate.bytes.total {
        say!(
            "  with train.activation_checkpointing=true: {} less memory for {:.0} % more FLOPs",
            bytes(estimate.bytes.total - other.bytes.total),
            (other.flops_per_token / estimate.flops_per_token - 1.0) * 100.0
        )?;
    }
    Ok(())
}
