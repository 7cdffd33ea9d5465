//! Terms of the Inspect page.

use super::{Term, entry};

pub const TERMS: &[Term] = &[
    entry(
        "direct logit attribution",
        &[],
        "What each part of the model adds to a token's logit. The residual stream is a sum, so with the scale of the final norm held fixed, so is \
         the logit.",
        "logit = Σ (part ⊙ scale / rms(x)) · W_U[token]",
        "Elhage et al. 2021, A Mathematical Framework for Transformer Circuits",
    ),
    entry(
        "saliency",
        &[],
        "How much a prompt token supports the chosen token, to first order.",
        "∂ ln p(token) / ∂ embedding · embedding",
        "Simonyan et al. 2013, Deep Inside Convolutional Networks, arXiv 1312.6034",
    ),
    entry(
        "net change per step",
        &[],
        "Change of a parameter per step since the previous milestone, relative to its size there. Steps that cancel out are not counted, so a single \
         update is larger: in a healthy run, its norm is about a thousandth of the weights' norm.",
        "‖w[t] − w[s]‖ / (‖w[s]‖·(t − s))",
        "Karpathy 2022, makemore, part 3",
    ),
];
