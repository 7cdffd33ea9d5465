//! `glasshouse plan`: memory and time of a run, computed without a device.

use super::prelude::*;
use glasshouse_engine::protocol::cluster::{ClusterPlan, ClusterRequest};

pub(super) fn plan(arguments: &PlanArguments) -> Result<()> {
    let config = run_config(&arguments.config, "first-stories")?;
    drive(session::Options::default(), async |engine| {
        if arguments.gpus.is_some() {
            return beyond(engine, &config, arguments).await;
        }
        let plan = planned(engine, &config).await?;
        if arguments.json {
            return Ok(say!("{}", json_of(&config, &plan))?);
        }
        print(&config, &plan, checkpointed(engine, &config, &plan).await?)
    })
}

async fn planned(engine: &mut Engine, config: &RunConfig) -> Result<PlanSummary> {
    engine.ask_for(Command::Plan { config: Box::new(config.clone()) }).await
}

async fn beyond(engine: &mut Engine, config: &RunConfig, arguments: &PlanArguments) -> Result<()> {
    let request = ClusterRequest {
        gpu: arguments.gpu.clone(),
        gpus: arguments.gpus.filter(|gpus| *gpus > 0),
        utilization: arguments.utilization,
        price: arguments.price,
    };
    let command = Command::PlanCluster { config: Box::new(config.clone()), request };
    let plan: ClusterPlan = engine.ask_for(command).await?;
    if arguments.json {
        return say_json(&plan);
    }
    say!("{}: on {} of {}", config.preset, counted(plan.gpus as u64, "GPU"), arguments.gpu)?;
    let too_large = "this does not fit; use more GPUs, larger ones, or train.activation_checkpointing=true";
    let warning = (!plan.fits).then(|| Block::Warning(too_large.to_owned()));
    let assumptions = Section::new("Assumptions", [Block::List(plan.assumptions.clone())]);
    let assumptions = Block::Section(assumptions.note("--utilization and --price change them"));
    let blocks: Vec<Block> =
        [Block::Facts(plan.facts())].into_iter().chain(warning).chain([assumptions]).collect();
    Ok(report::print(&blocks)?)
}

fn json_of(config: &RunConfig, plan: &PlanSummary) -> Value {
    let mut bytes = json!({
        "total": plan.bytes, "largest_binding": plan.largest_binding, "largest_buffer": plan.largest_buffer,
        "peak_live": plan.peak_live,
    });
    for (kind, number) in &plan.bytes_by_kind {
        bytes[kind.name().replace(' ', "_")] = json!(number);
    }
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
        "seconds": plan.run_seconds,
        "speed_from": plan.speed_from,
    })
}

/// Prints a plan; `checkpointed` is what activation checkpointing would change.
fn print(config: &RunConfig, plan: &PlanSummary, checkpointed: Option<Fact>) -> Result<()> {
    let (model, train) = (&config.model, &config.train);
    let (name, layers) = (&config.preset, counted(model.layers as u64, "layer"));
    let (shape, vocabulary) = (model.shape(), whole(model.vocabulary as u64));
    let batch = format!("{} × {}", train.batch_size, train.accumulate);
    say!("{name}: {shape} · vocabulary {vocabulary} · batch size {batch}")?;
    if let Some(window) = model.sliding_window {
        let slides = (0..model.layers).filter(|block| model.window(*block).is_some()).count();
        say!("attention to the last {} positions in {slides} of {layers}", whole(window as u64))?;
    }
    if train.precision == Precision::Auto {
        say!(
            "precision auto is planned in 32 bits, which take the most memory; a run chooses on its device"
        )?;
    }
    let mut parameters: Vec<Fact> =
        plan.parameters_by_part.iter().map(|(part, number)| Fact::new(part, whole(*number))).collect();
    if plan.trained_parameters < plan.parameters {
        let trained = whole(plan.trained_parameters);
        parameters.push(Fact::new("trained", format!("{trained} ({})", train.trains())));
    }
    let (inactive, experts) = (model.inactive_parameters() as u64, model.experts);
    if experts.count > 0 {
        let active = whole(plan.parameters.saturating_sub(inactive));
        let share = format!("{active} ({} of {} experts)", experts.per_token, experts.count);
        parameters.push(Fact::new("active per token", share));
    }
    let alive = plan.peak_live;
    let kept = plan.bytes_by_kind.get(&MemoryKind::Activations).copied().unwrap_or(alive);
    let times = kept as f64 / alive.max(1) as f64;
    let mut memory: Vec<Fact> =
        plan.bytes_by_kind.iter().map(|(kind, number)| Fact::new(kind.name(), bytes(*number))).collect();
    memory.extend([
        Fact::new("largest binding", bytes(plan.largest_binding))
            .note("a weight that exceeds the device's limit is bound in parts"),
        Fact::new("largest buffer", format!("{}, without weights", bytes(plan.largest_buffer))),
        Fact::new("peak live activations", format!("{}, in buffers of {times:.2} times that", bytes(alive))),
    ]);
    memory.extend(checkpointed);
    let speed = plan.speed_from.title();
    let time = plan
        .run_seconds
        .map(|seconds| Fact::new("Expected time", duration(seconds)).note(format!("by {speed}")));
    let work: Vec<Fact> = plan.work(config).into_iter().chain(time).collect();
    let sections = [
        ("Model", format!("{} parameters", whole(plan.parameters)), parameters),
        ("Memory", bytes(plan.bytes), memory),
        ("Work", String::new(), work),
    ];
    let section = |(title, note, facts): (&str, String, Vec<Fact>)| {
        Block::Section(Section::new(title, [Block::Facts(facts)]).note(note))
    };
    Ok(report::print(&sections.map(section))?)
}

/// Savings and cost of activation checkpointing.
async fn checkpointed(engine: &mut Engine, config: &RunConfig, plan: &PlanSummary) -> Result<Option<Fact>> {
    if config.train.activation_checkpointing {
        return Ok(None);
    }
    let train = TrainConfig { activation_checkpointing: true, ..config.train.clone() };
    let other = planned(engine, &RunConfig { train, ..config.clone() }).await?;
    Ok((other.bytes < plan.bytes).then(|| {
        let saved = bytes(plan.bytes - other.bytes);
        let cost = percent(other.flops_per_token / plan.flops_per_token - 1.0);
        Fact::new("with train.activation_checkpointing=true", format!("{saved} less for {cost} more FLOPs"))
    }))
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
