//! Terms of the Tune page.

use super::{Term, entry};

pub const TERMS: &[Term] = &[
    entry(
        "initial weights",
        &["base checkpoint", "base model"],
        "The initial weights: random ones, or those of a checkpoint or an imported model, with their tokenizer.",
        "",
        "Howard and Ruder 2018, ULMFiT",
    ),
    entry(
        "trains",
        &["blocks at the end", "names of parameters"],
        "The trained parameters. The others are frozen: they keep their values and need no gradients or optimizer state.",
        "",
        "Howard and Ruder 2018, ULMFiT, §3.3",
    ),
    entry(
        "base weights",
        &[],
        "The frozen weights under an adapter. Those of the blocks can be kept in 16-bit floats, half the bytes: each is rounded once.",
        "",
        "Hu et al. 2021, LoRA, arXiv 2106.09685",
    ),
    entry(
        "rank",
        &[],
        "Rows of an adapter's first matrix and columns of its second. A higher rank learns more and takes more memory.",
        "W + scale · B·A, A of [rank, in], B of [out, rank]",
        "Hu et al. 2021, LoRA, arXiv 2106.09685",
    ),
    entry(
        "alpha",
        &[],
        "Sets the scale of an adapter relative to its base weights.",
        "scale = alpha / rank",
        "Hu et al. 2021, LoRA, arXiv 2106.09685",
    ),
    entry(
        "adapter dropout",
        &[],
        "Share of an adapter's inputs set to zero at random during training, to reduce memorising.",
        "",
        "Hu et al. 2021, LoRA, arXiv 2106.09685",
    ),
    entry(
        "adapted layers",
        &[],
        "The linear layers with an adapter, in every block: those of attention (qkv, output), of the MLP (up, down), or the head.",
        "",
        "Hu et al. 2021, LoRA, arXiv 2106.09685",
    ),
];
