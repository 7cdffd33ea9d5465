//! Words of the Tune page.

use super::{Term, entry};

/// Each explained.
pub const TERMS: &[Term] = &[
    entry(
        "begins with",
        &["began with", "checkpoint to begin with"],
        "The weights of the first step: random ones, or those of a checkpoint or an imported model, with the tokenizer that they were \
         trained with.",
        "",
        "Howard and Ruder 2018, ULMFiT",
    ),
    entry(
        "trains",
        &["blocks at the end", "names of parameters"],
        "Which parameters are trained. The others are frozen: they keep their values, and take neither gradients nor optimizer state.",
        "",
        "Howard and Ruder 2018, ULMFiT, §3.3",
    ),
    entry(
        "base weights",
        &[],
        "The weights that an adapter stands beside, which stand still. Those of the blocks can be held in 16-bit floats, half the bytes: each is \
         rounded once.",
        "",
        "Hu et al. 2021, LoRA, arXiv 2106.09685",
    ),
    entry(
        "rank",
        &[],
        "Rows of an adapter's first matrix and columns of its second: how much the adapter can learn, and how large it is.",
        "W + scale · B·A, A of [rank, in], B of [out, rank]",
        "Hu et al. 2021, LoRA, arXiv 2106.09685",
    ),
    entry(
        "alpha",
        &[],
        "How much an adapter counts beside the weights that it adapts.",
        "scale = alpha / rank",
        "Hu et al. 2021, LoRA, arXiv 2106.09685",
    ),
    entry(
        "adapter dropout",
        &[],
        "Share of an adapter's inputs that are zeroed by chance while it trains, so that it does not learn rows by heart.",
        "",
        "Hu et al. 2021, LoRA, arXiv 2106.09685",
    ),
    entry(
        "adapted layers",
        &[],
        "The linear layers that an adapter stands beside, in every block: those of attention (qkv, output), of the MLP (up, down), or the head.",
        "",
        "Hu et al. 2021, LoRA, arXiv 2106.09685",
    ),
];
