//! The page's prose.

pub(super) const WHAT: &str = "How good is a model? It is asked to predict text that it never trained on, and to do tasks whose answers are \
    known. Every number has the interval that holds it in 95 of 100 samples, and stands beside what needs no neural network at all: \
    counts of words, and compressors. Choose up to four runs to see whether one is better, or whether the difference is chance. An audit \
    looks for bias, for text that was learned by heart, and for personal data.";

pub(super) const NO_PROJECT: &str =
    "Models belong to a project. The sample project has one that can be evaluated at once.";

pub(super) const NO_MODEL: &str =
    "Train for a minute, or import a model: then it is evaluated here, beside what is simpler than it.";

pub(super) const NOTHING_YET: &str = "Press Evaluate: in a few minutes it says here how well the model predicts text that it has not seen, \
    and what is simpler and does as well. What is found is kept with the run.";

pub(super) const TASKS: &str = "JSON Lines, each with a \"prompt\" and its \"answer\", to be written; with \"choices\" as well, to be chosen from; \
    with a \"text\" and its \"label\"; or with \"tokens\" and their \"tags\".";

pub(super) const PAIRS: &str =
    "Pairs of sentences of your own that differ in one word, beside those that come with Glasshouse.";

pub(super) const LEARNS: &str = "A run is training. Models are evaluated and audited meanwhile, which takes turns with its steps: they are slower until it is done.";

pub(super) const SUITE: &str =
    "Each family in wordings that no training row has, the worst first. The answers of each stand below.";

pub(super) const RELIABILITY: &str = "Of the tokens that the model held likely by about so much, the share that came. On the dashed line it \
    is as sure as it is right; below it, it is too sure. Larger dots stand for more tokens; of fewer \
    than 10 there is none.";

pub(super) const BASELINES: &str = "Bits for each byte of the same text: shorter is better. What a compressor or a table of counts reaches is \
    what a model has to beat.";

pub(super) const OTHER_TEXT: &str =
    "These runs were evaluated on different texts: only the paired differences are of what both of two did.";

pub(super) const PAIRED: &str = "On what both did, the first less the second. An interval that holds 0 says that the difference may be chance.";
