//! Analytic estimate of a run on many GPUs under PyTorch's FSDP2; it has not been compared with measurements on such a cluster.
//!
//! Weights, gradients and AdamW's two moments are sharded over all GPUs, each in 32 bits (Rajbhandari et al. 2020, ZeRO stage 3; Zhao et
//! al. 2023, FSDP). Not sharded are the weights of the blocks in use, which are gathered in bfloat16 one block ahead, and activations: for
//! each block, PyTorch keeps the input of each linear layer, norm and activation for the backward pass, in bfloat16.

use super::estimate::estimate;
use super::lower::Target;
use crate::model::parameters;
use crate::{Error, Result};
use glasshouse_protocol::cluster::{ClusterPlan, ClusterRequest, GpuModel};
use glasshouse_protocol::energy::{EnergySettings, EnergyUse};
use glasshouse_protocol::{Gate, ModelConfig, NormPlacement, PassFlops, RunConfig, TrainConfig};

/// Upper bound of the search for the fewest GPUs.
const MAX_GPUS: usize = 4096;
/// Usable fraction of a GPU's memory.
const PLANNED: f64 = 0.9;
/// Bytes per number in 32 bits and in bfloat16.
const FULL: u64 = 4;
const HALF: u64 = 2;
/// Blocks gathered at once: the current one and the next.
const GATHERED: u64 = 2;

/// Number of weights in each unit that is gathered as a whole.
struct Sizes {
    all: u64,
    trained: u64,
    /// The largest block, and everything outside the blocks: embeddings, last norm, head.
    block: u64,
    rest: u64,
}

impl Sizes {
    fn new(config: &RunConfig) -> Result<Self> {
        let mut blocks = vec![0; config.model.layers];
        let (mut all, mut trained, mut rest) = (0, 0, 0);
        for parameter in parameters(&config.model, &config.train)? {
            let count = parameter.ty.count() as u64;
            all += count;
            trained += if parameter.trainable { count } else { 0 };
            let block =
                parameter.name.strip_prefix("blocks.").and_then(|name| name.split('.').next()?.parse().ok());
            match block.and_then(|block: usize| blocks.get_mut(block)) {
                Some(block) => *block += count,
                None => rest += count,
            }
        }
        Ok(Self { all, trained, block: blocks.into_iter().max().unwrap_or(0), rest })
    }
}

/// Estimates a run on the requested GPUs, or on the smallest number that holds it. Fails if the GPU is unknown, the price or utilization is
/// invalid, or a step's windows cannot be divided among the GPUs.
pub fn cluster_plan(config: &RunConfig, request: &ClusterRequest) -> Result<ClusterPlan> {
    let gpu = GpuModel::named(&request.gpu).map_err(Error::Refused)?;
    let sensible = request.utilization > 0.0 && request.utilization <= 1.0;
    if !sensible {
        let share = request.utilization;
        return Err(Error::Refused(format!("utilization must be above 0 and at most 1 (got {share})")));
    }
    let price = request.price.unwrap_or(gpu.price);
    if !price.is_finite() || price < 0.0 {
        return Err(Error::Refused(format!("the price must be at least 0 dollars (got {price})")));
    }
    let sizes = Sizes::new(config)?;
    let windows = config.train.batch_size * config.train.accumulate;
    let fewest = (1..=MAX_GPUS.min(windows)).find(|gpus| {
        let memory = memory(config, &sizes, *gpus, 1);
        fits(memory.iter().map(|(_, bytes)| bytes).sum(), &gpu)
    });
    let gpus = request.gpus.or(fewest).unwrap_or(1);
    if gpus == 0 || gpus > windows {
        return Err(Error::Refused(format!(
            "a step of {windows} windows cannot be divided among {gpus} GPUs; change train.batch_size or train.accumulate"
        )));
    }
    // As many windows at once as fit, since larger products use a GPU better.
    let each = windows.div_ceil(gpus);
    let bytes_of =
        |windows| memory(config, &sizes, gpus, windows).iter().map(|(_, bytes)| bytes).sum::<u64>();
    let mut possible = (1..=each).rev().filter(|at_once| each.is_multiple_of(*at_once));
    let at_once = possible.find(|at_once| fits(bytes_of(*at_once), &gpu)).unwrap_or(1);
    let memory = memory(config, &sizes, gpus, at_once);
    let bytes = memory.iter().map(|(_, bytes)| bytes).sum();
    let tokens = config.train.steps as f64 * config.tokens_per_step() as f64;
    let flops = tokens * flops_per_token(config)?;
    // If windows do not divide evenly, some GPUs wait for the others.
    let busy = windows as f64 / (each * gpus) as f64;
    let seconds = flops / (gpus as f64 * gpu.peak * request.utilization * busy);
    Ok(ClusterPlan {
        gpus,
        fewest,
        bytes,
        memory,
        available: gpu.memory,
        fits: fits(bytes, &gpu),
        windows: at_once,
        accumulate: each / at_once,
        flops,
        seconds,
        dollars: seconds / 3600.0 * gpus as f64 * price,
        energy: energy(&gpu, gpus, seconds),
        assumptions: assumptions(config, request, &gpu, (price, busy), (at_once, each)),
    })
}

/// An upper bound, without the machines around the GPUs.
fn energy(gpu: &GpuModel, gpus: usize, seconds: f64) -> EnergyUse {
    let basis = format!("{} W per GPU, the published maximum, without the rest of the machines", gpu.watts);
    EnergyUse::bounded(gpus as f64 * gpu.watts, seconds, &basis, &EnergySettings::default())
}

/// Forward, backward, and one more forward pass with activation checkpointing. Recomputation by our fusions is not counted,
/// since PyTorch does not do it.
fn flops_per_token(config: &RunConfig) -> Result<f64> {
    let window =
        TrainConfig { batch_size: config.train.rows_together(), accumulate: 1, ..config.train.clone() };
    let PassFlops { forward, backward, .. } =
        estimate(&config.model, &window, &Target::new(false))?.flops_per_token_by_pass;
    let again = if config.train.activation_checkpointing { forward } else { 0.0 };
    Ok(forward + backward + again)
}

fn fits(bytes: u64, gpu: &GpuModel) -> bool {
    bytes as f64 <= PLANNED * gpu.memory as f64
}

/// Bytes by kind on one of `gpus` GPUs, with `windows` windows at once.
fn memory(config: &RunConfig, sizes: &Sizes, gpus: usize, windows: usize) -> Vec<(String, u64)> {
    let model = &config.model;
    let shard = |count: u64| count.div_ceil(gpus as u64);
    let tokens = (windows * model.context_length) as u64;
    let block = tokens * kept_of_block(model) * HALF;
    let edges = tokens * model.width as u64 * HALF * model.layers as u64;
    let blocks = match config.train.activation_checkpointing {
        true => edges + block,
        false => block * model.layers as u64,
    };
    // Logits in bfloat16, in 32 bits for the softmax, and their gradient.
    let logits = tokens * model.vocabulary as u64 * (HALF + 2 * FULL);
    let gathered = if gpus == 1 { 0 } else { (GATHERED * sizes.block + sizes.rest) * HALF };
    [
        ("weights", FULL * shard(sizes.all)),
        ("gradients", FULL * shard(sizes.trained)),
        ("optimizer state", 2 * FULL * shard(sizes.trained)),
        ("gathered weights", gathered),
        ("activations", blocks),
        ("logits", logits),
    ]
    .map(|(kind, bytes)| (kind.to_owned(), bytes))
    .to_vec()
}

/// Numbers kept per block and token.
fn kept_of_block(model: &ModelConfig) -> u64 {
    let (width, hidden) = (model.width, model.mlp.hidden);
    let queries = model.heads * model.head_size;
    let packed = queries + 2 * model.kv_heads * model.head_size;
    // Gate, up, activated gate and their product; or the activation's input and output.
    let mlp = if model.mlp.gate == Gate::None { 2 * hidden } else { 4 * hidden };
    let mlp = mlp * if model.experts.count > 0 { model.experts.per_token } else { 1 };
    let norms = if model.norm.placement == NormPlacement::Sandwich { 4 } else { 2 };
    // Input and output of the norms; queries, keys and values; attention output.
    (2 * norms * width + packed + queries + mlp) as u64
}

fn assumptions(
    config: &RunConfig,
    request: &ClusterRequest,
    gpu: &GpuModel,
    (price, busy): (f64, f64),
    (at_once, each): (usize, usize),
) -> Vec<String> {
    let stated = if request.price.is_some() { "as given" } else { "a round figure; yours may differ" };
    let activations = match config.train.activation_checkpointing {
        true => "each block's activations are recomputed (`--recompute`)",
        false => "all activations are kept in bfloat16, except attention scores (flash attention)",
    };
    let mut all = vec![
        format!(
            "{}: {} GB of memory, of which a tenth is left free, and {} TFLOP/s on bfloat16 as published",
            gpu.name,
            gpu.memory / 1_000_000_000,
            gpu.peak / 1e12
        ),
        format!("training reaches {:.0} % of that peak", 100.0 * request.utilization),
        "it computes in bfloat16, as a bundle's `launch` does (`--bf16` of train.py on one GPU)".to_owned(),
        format!("{price} US dollars per hour and GPU ({stated})"),
        "FSDP2 shards weights, gradients and optimizer state, in 32 bits, over all GPUs, and gathers two blocks at a time in bfloat16"
            .to_owned(),
        format!("{activations}; communication overlaps with computation; evaluations and checkpoints are not counted"),
    ];
    // The default of a bundle's train.py.
    let default = config.train.batch_size.min(each);
    if at_once != default {
        all.push(format!(
            "a micro-batch of {at_once} windows on each GPU: `--micro-batch {at_once}` (default {default})"
        ));
    }
    if busy < 1.0 {
        all.push(format!(
            "the windows of a step do not divide evenly: the GPUs idle {:.0} % of the time",
            100.0 * (1.0 - busy)
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::presets;

    fn plan(config: &RunConfig, gpus: Option<usize>) -> ClusterPlan {
        cluster_plan(config, &ClusterRequest { gpus, ..ClusterRequest::default() }).unwrap()
    }

    fn kind(plan: &ClusterPlan, name: &str) -> u64 {
        plan.memory.iter().find(|(kind, _)| kind == name).unwrap().1
    }

    #[test]
    fn what_is_sharded_is_divided_and_what_is_not_is_not() {
        let config = presets::preset("gpt2-124m").unwrap();
        let (one, eight) = (plan(&config, Some(1)), plan(&config, Some(8)));
        for name in ["weights", "gradients", "optimizer state"] {
            assert!(kind(&eight, name).abs_diff(kind(&one, name) / 8) <= 8, "{name}");
        }
        // 124.4 M weights without nanoGPT's vocabulary padding, 4 bytes each.
        let weights = estimate(&config.model, &config.train, &Target::new(false)).unwrap().parameters;
        assert_eq!(kind(&one, "weights"), 4 * weights);
        assert_eq!(kind(&one, "optimizer state"), 8 * weights);
        assert_eq!(kind(&one, "gathered weights"), 0);
        assert!(kind(&eight, "gathered weights") > 0);
        assert_eq!(one.bytes, one.memory.iter().map(|(_, bytes)| bytes).sum::<u64>());
        assert_eq!(
            (one.fewest, one.windows * one.accumulate),
            (Some(1), config.train.batch_size * config.train.accumulate)
        );
        assert!((one.seconds / eight.seconds - 8.0).abs() < 1e-9);
        assert!(
            (one.dollars / eight.dollars - 1.0).abs() < 1e-9,
            "eight times the GPUs for an eighth of the time"
        );
        // 6 FLOPs per weight and token plus attention, at 40 % of 989 TFLOP/s.
        let tokens = config.train.steps as f64 * config.tokens_per_step() as f64;
        let least = 6.0 * weights as f64 * tokens / (0.4 * 989e12);
        assert!(one.seconds > least && one.seconds < 1.5 * least, "{} {least}", one.seconds);
    }

    #[test]
    fn what_a_bundle_must_be_told_to_do_the_same_is_said() {
        let mut config = presets::preset("gpt2-124m").unwrap();
        let said = |config: &RunConfig, gpus| {
            let plan = plan(config, Some(gpus));
            (plan.windows, plan.assumptions)
        };
        let has = |lines: &[String], words: &str| lines.iter().any(|line| line.contains(words));
        // 480 windows in micro-batches of four: sixty for each of eight GPUs, which an H100 holds at once.
        let (windows, lines) = said(&config, 8);
        assert_eq!((windows, config.train.batch_size), (60, 4));
        assert!(has(&lines, "`--micro-batch 60` (default 4)"), "{lines:?}");
        for gpus in [1, 8] {
            assert!(
                has(&said(&config, gpus).1, "computes in bfloat16") && has(&lines, "`--bf16`"),
                "{lines:?}"
            );
        }
        // The default needs no flag.
        let (windows, lines) = said(&config, 120);
        assert_eq!(windows, 4);
        assert!(!has(&lines, "--micro-batch"), "{lines:?}");
        assert!(!has(&lines, "--recompute"), "{lines:?}");
        config.train.activation_checkpointing = true;
        assert!(has(&said(&config, 120).1, "recomputed (`--recompute`)"));
    }

    #[test]
    fn the_fewest_gpus_hold_what_one_less_does_not() {
        let mut config = presets::preset("llama-tiny").unwrap();
        // The shape of Llama 2 7B.
        let model = &mut config.model;
        (model.layers, model.width, model.heads, model.kv_heads, model.head_size) = (32, 4096, 32, 32, 128);
        (model.mlp.hidden, model.vocabulary, model.context_length, model.tied_head) =
            (11_008, 32_000, 4096, false);
        (config.train.batch_size, config.train.accumulate) = (1, 64);
        let plan = plan(&config, None);
        let fewest = plan.fewest.unwrap();
        assert_eq!((plan.gpus, plan.fits), (fewest, true));
        // 6.7 G weights at 16 bytes exceed one 80 GB GPU.
        assert!(fewest >= 2, "{fewest}");
        let less = super::tests::plan(&config, Some(fewest - 1));
        assert!(!less.fits && less.bytes > plan.bytes);
        config.train.activation_checkpointing = true;
        let lean = super::tests::plan(&config, Some(fewest));
        assert!(
            kind(&lean, "activations")
                <= kind(&plan, "activations") * lean.windows as u64 / plan.windows as u64
        );
    }

    #[test]
    fn what_cannot_be_divided_or_is_unknown_is_refused() {
        let config = presets::preset("gpt2-124m").unwrap();
        let refused = |request: ClusterRequest| cluster_plan(&config, &request).unwrap_err().to_string();
        let many = refused(ClusterRequest { gpus: Some(481), ..ClusterRequest::default() });
        assert!(many.contains("a step of 480 windows cannot be divided among 481 GPUs"), "{many}");
        assert!(refused(ClusterRequest { price: Some(-1.0), ..ClusterRequest::default() }).contains("price"));
        // With seven GPUs, most have 69 of the 480 windows, and some wait part of the time.
        let (seven, eight) = (plan(&config, Some(7)), plan(&config, Some(8)));
        assert!(
            seven.seconds > eight.seconds * 8.0 / 7.0
                && seven.assumptions.len() == eight.assumptions.len() + 1
        );
        let unknown = refused(ClusterRequest { gpu: "h100".to_owned(), ..ClusterRequest::default() });
        assert!(unknown.contains("h100-80gb"), "{unknown}");
        assert!(
            refused(ClusterRequest { utilization: 40.0, ..ClusterRequest::default() })
                .contains("utilization")
        );
    }
}
