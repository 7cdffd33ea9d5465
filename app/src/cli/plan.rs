//! `glasshouse plan`: memory and time of a run, computed without a device.

use super::arguments::ConfigArguments;
use super::driver::{Engine, drive};
use super::settings::run_config;
use anyhow::Result;
use clap::Args;
use glasshouse_engine::protocol::cluster::ClusterRequest;
use glasshouse_engine::protocol::quantity::{bytes, counted, flop, percent, quantity, whole};
use glasshouse_engine::protocol::{
    Command, Event, Forecast, MemoryKind, PlanSummary, Precision, RunConfig, TrainConfig,
};
use glasshouse_engine::session;
use serde_json::{Map, Value, json};

pub(super) fn plan(arguments: &PlanArguments) -> Result<()> {
    let config = run_config(&arguments.config, "first-stories")?;
    drive(session::Options::default(), async |engine| {
        if let Some(gpus) = arguments.gpus {
            return beyond(engine, &config, gpus, arguments).await;
        }
        let plan = planned(engine, &config).await?;
        if arguments.json {
            return Ok(say!("{}", report(&config, &plan))?);
        }
        print(&config, &plan)?;
        trade(engine, &config, &plan).await?;
        whole_run(&config, &plan)
    })
}

async fn planned(engine: &mut Engine, config: &RunConfig) -> Result<Box<PlanSummary>> {
    let command = Command::Plan { config: Box::new(config.clone()) };
    let pick = |event| if let Event::Planned(Forecast::Run { plan }) = event { Some(plan) } else { None };
    engine.ask_for(command, pick).await
}

/// Prints a forecast for many GPUs.
async fn beyond(
    engine: &mut Engine,
    config: &RunConfig,
    gpus: usize,
    arguments: &PlanArguments,
) -> Result<()> {
    let request = ClusterRequest {
        gpu: arguments.gpu.clone(),
        gpus: Some(gpus).filter(|gpus| *gpus > 0),
        utilization: arguments.utilization,
        price: arguments.price,
    };
    let command = Command::PlanCluster { config: Box::new(config.clone()), request };
    let pick = |event| if let Event::Planned(Forecast::Cluster { plan }) = event { Some(plan) } else { None };
    let plan = engine.ask_for(command, pick).await?;
    if arguments.json {
        return Ok(say!("{}", serde_json::to_string(&*plan)?)?);
    }
    say!("{}: on {} of {}", config.preset, counted(plan.gpus as u64, "GPU"), arguments.gpu)?;
    for (name, value) in plan.rows() {
        say!("  {name:<20} {value:>20}")?;
    }
    if !plan.fits {
        say!("this does not fit; use more GPUs, larger ones, or train.activation_checkpointing=true")?;
    }
    say!("\nassumed (--utilization and --price change it):")?;
    plan.assumptions.iter().try_for_each(|assumption| say!("  {assumption}"))?;
    Ok(())
}

fn report(config: &RunConfig, plan: &PlanSummary) -> Value {
    let mut bytes = Map::from_iter([("total".to_owned(), plan.bytes.into())]);
    bytes.extend(
        plan.bytes_by_kind.iter().map(|(kind, number)| (kind.name().replace(' ', "_"), (*number).into())),
    );
    bytes.insert("largest_binding".to_owned(), plan.largest_binding.into());
    bytes.insert("largest_buffer".to_owned(), plan.largest_buffer.into());
    bytes.insert("peak_live".to_owned(), plan.peak_live.into());
    json!({
        "parameters": plan.parameters,
        "trained_parameters": plan.trained_parameters,
        "active_parameters": plan.parameters.saturating_sub(config.model.inactive_parameters() as u64),
        "parameters_by_part": plan.parameters_by_part,
        "bytes": bytes,
        "disk": {"total": plan.disk_bytes, "milestones": plan.milestone_bytes},
        "dispatches_per_step": plan.dispatches_per_step,
        "flops_per_token": plan.flops_per_token,
        "flops_per_token_by_pass": plan.flops_per_token_by_pass,
    })
}

fn print(config: &RunConfig, plan: &PlanSummary) -> Result<()> {
    let (model, train) = (&config.model, &config.train);
    say!(
        "{}: {}, width {}, context length {}, vocabulary {}, batch size {} × {}",
        config.preset,
        counted(model.layers as u64, "layer"),
        whole(model.width as u64),
        whole(model.context_length as u64),
        whole(model.vocabulary as u64),
        train.batch_size,
        train.accumulate
    )?;
    if let Some(window) = model.sliding_window {
        let slides = (0..model.layers).filter(|block| model.window(*block).is_some()).count();
        let layers = counted(model.layers as u64, "layer");
        say!("attention to the last {} positions in {slides} of {layers}", whole(window as u64))?;
    }
    if train.precision == Precision::Auto {
        say!(
            "precision auto is planned in 32 bits, which take the most memory; a run chooses on its device"
        )?;
    }
    say!("\nparameters {:>24}", whole(plan.parameters))?;
    for (part, number) in &plan.parameters_by_part {
        say!("  {part:<20} {:>12}", whole(*number))?;
    }
    if plan.trained_parameters < plan.parameters {
        say!("  trained              {:>12} ({})", whole(plan.trained_parameters), train.trains())?;
    }
    let (inactive, experts) = (model.inactive_parameters() as u64, model.experts);
    if experts.count > 0 {
        let active = whole(plan.parameters.saturating_sub(inactive));
        say!("  active per token     {active:>12} ({} of {} experts)", experts.per_token, experts.count)?;
    }
    say!("\nmemory     {:>24}", bytes(plan.bytes))?;
    for (kind, number) in &plan.bytes_by_kind {
        say!("  {:<20} {:>12}", kind.name(), bytes(*number))?;
    }
    let largest = bytes(plan.largest_binding);
    say!("  largest binding      {largest:>12}; a weight that exceeds the device's limit is bound in parts")?;
    say!("  largest buffer       {:>12}, without weights", bytes(plan.largest_buffer))?;
    let (kept, alive) = (plan.bytes_by_kind.get(&MemoryKind::Activations), plan.peak_live);
    say!(
        "  peak live activations {}, in buffers of {:.2} times that",
        bytes(alive),
        kept.map_or(1.0, |kept| *kept as f64 / alive.max(1) as f64)
    )?;
    say!("\ndisk       {:>24}, at most", bytes(plan.disk_bytes))?;
    if plan.milestone_bytes > 0 {
        say!("  milestones           {:>12}", bytes(plan.milestone_bytes))?;
    }
    say!("\ndispatches per step {:>15}", whole(plan.dispatches_per_step as u64))?;
    let flops = plan.flops_per_token_by_pass;
    let others = [(flops.recomputed, "recomputed"), (flops.optimizer, "optimizer")];
    let others = others.into_iter().filter(|(flops, _)| *flops > 0.0);
    let others: String = others.map(|(flops, pass)| format!(", {} {pass}", quantity(flops))).collect();
    say!(
        "FLOPs per token {:>19} ({} forward, {} backward{others})",
        quantity(plan.flops_per_token),
        quantity(flops.forward),
        quantity(flops.backward)
    )?;
    Ok(())
}

fn whole_run(config: &RunConfig, plan: &PlanSummary) -> Result<()> {
    if let Some(epochs) = config.train.epochs {
        return Ok(say!("whole run: {epochs} epochs (the number of steps depends on the data)")?);
    }
    let tokens = config.train.steps as f64 * config.tokens_per_step() as f64;
    say!(
        "whole run: {}, {} tokens, {}",
        counted(config.train.steps, "step"),
        quantity(tokens),
        flop(tokens * plan.flops_per_token)
    )?;
    Ok(())
}

/// Prints what activation checkpointing would save and cost.
async fn trade(engine: &mut Engine, config: &RunConfig, plan: &PlanSummary) -> Result<()> {
    if config.train.activation_checkpointing {
        return Ok(());
    }
    let train = TrainConfig { activation_checkpointing: true, ..config.train.clone() };
    let other = planned(engine, &RunConfig { train, ..config.clone() }).await?;
    if other.bytes < plan.bytes {
        say!(
            "  with train.activation_checkpointing=true: {} less memory for {} more FLOPs",
            bytes(plan.bytes - other.bytes),
            percent(other.flops_per_token / plan.flops_per_token - 1.0)
        )?;
    }
    Ok(())
}

#[derive(Args, Debug)]
pub struct PlanArguments {
    #[command(flatten)]
    pub config: ConfigArguments,
    /// Estimate training on N GPUs with PyTorch FSDP2; 0 finds the fewest that fit
    #[arg(long, value_name = "N")]
    pub gpus: Option<usize>,
    /// GPU model: h100-80gb, h200-141gb, b200-180gb, a100-40gb, a100-80gb, l40s-48gb, l4-24gb, rtx4090-24gb, mi300x-192gb
    #[arg(long, value_name = "NAME", default_value = "h100-80gb", requires = "gpus")]
    pub gpu: String,
    /// Share of the GPU's published peak that training reaches
    #[arg(long, value_name = "SHARE", default_value_t = 0.4, requires = "gpus")]
    pub utilization: f64,
    /// Price of one GPU in US dollars per hour
    #[arg(long, value_name = "DOLLARS", requires = "gpus")]
    pub price: Option<f64>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}
