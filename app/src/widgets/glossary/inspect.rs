//! Words of the Inspect page.

use super::{Term, entry};

/// Each explained.
pub const TERMS: &[Term] = &[
    entry(
        "direct logit attribution",
        &[],
        "What each part of the model adds to a token's logit by itself: the residual stream is a sum, and the final norm with its scale held as it is leaves it one.",
        "logit = Σ (part ⊙ scale / rms(x)) · W_U[token]",
        "Elhage et al. 2021, A Mathematical Framework for Transformer Circuits",
    ),
    entry(
        "saliency",
        &[],
        "How much a token of the prompt speaks for the chosen one, as far as a straight line tells.",
        "∂ ln p(token) / ∂ embedding · embedding",
        "Simonyan et al. 2013, Deep Inside Convolutional Networks, arXiv 1312.6034",
    ),
    entry(
        "net change per step",
        &[],
        "How far a parameter has come per step since the milestone before, beside how large it was there. What steps undo of one another is not counted, so that a single update is larger: the ratio of its norm to the weights' is about a thousandth in a healthy run.",
        "‖w[t] − w[s]‖ / (‖w[s]‖·(t − s))",
        "Karpathy 2022, makemore, part 3",
    ),
];
