//! Words of the field, each explained in a sentence, with its formula and where to read more.

/// An explained word.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// The word, as pages write it, in lower case.
    pub term: &'static str,
    /// Other ways in which pages write it.
    pub also: &'static [&'static str],
    /// What it means, in a sentence or two.
    pub meaning: &'static str,
    /// Its formula; may be empty.
    pub formula: &'static str,
    /// Where to read more.
    pub more: &'static str,
}

impl Term {
    /// Whether a page's words are this term, in whatever case.
    pub fn names(&self, text: &str) -> bool {
        text.eq_ignore_ascii_case(self.term) || self.also.iter().any(|also| text.eq_ignore_ascii_case(also))
    }
}

const fn entry(
    term: &'static str,
    also: &'static [&'static str],
    meaning: &'static str,
    formula: &'static str,
    more: &'static str,
) -> Term {
    Term { term, also, meaning, formula, more }
}

/// Every explained word.
pub const GLOSSARY: &[Term] = &[
    entry(
        "loss",
        &["training loss"],
        "Cross-entropy: how surprised the model is by the next token on average, in nats. Lower is better; 0 would be certainty.",
        "loss = −mean(ln p(next token))",
        "Goodfellow, Bengio and Courville, Deep Learning, §6.2",
    ),
    entry(
        "validation loss",
        &["validation", "best validation loss"],
        "The loss on text that the model never trains on: it tells learning from memorising.",
        "loss over the held-out part",
        "Goodfellow, Bengio and Courville, Deep Learning, §5.3",
    ),
    entry(
        "perplexity",
        &[],
        "The number of equally likely tokens among which the model would be as undecided.",
        "perplexity = exp(loss)",
        "Jurafsky and Martin, Speech and Language Processing, §3.3",
    ),
    entry(
        "learning rate",
        &["peak learning rate"],
        "How far each step moves the weights. Too small is slow, too large diverges.",
        "θ ← θ − η · update",
        "Goodfellow, Bengio and Courville, Deep Learning, §8.3",
    ),
    entry(
        "minimum learning rate",
        &["min learning rate"],
        "The learning rate at the end of its schedule.",
        "",
        "Loshchilov and Hutter 2017, SGDR",
    ),
    entry(
        "warm-up",
        &["warm-up steps", "warmup"],
        "Steps at the beginning in which the learning rate rises from nearly nothing, while the optimizer's running means settle.",
        "η·(step + 1) / (warm-up + 1)",
        "Goyal et al. 2017, Accurate, Large Minibatch SGD",
    ),
    entry(
        "schedule",
        &["decay"],
        "How the learning rate falls after warm-up.",
        "cosine: η_low + ½(1 + cos πx)(η − η_low)",
        "Loshchilov and Hutter 2017, SGDR",
    ),
    entry(
        "gradient norm",
        &[],
        "The length of the gradient over all weights. A sudden jump is the first sign of trouble.",
        "‖g‖₂ = √Σ gᵢ²",
        "Pascanu, Mikolov and Bengio 2013",
    ),
    entry(
        "gradient clipping",
        &["clipping"],
        "A gradient longer than this is shortened to it, so that one odd batch cannot throw the weights far. 0 switches it off.",
        "g ← g · min(1, c / ‖g‖)",
        "Pascanu, Mikolov and Bengio 2013",
    ),
    entry(
        "guard",
        &["loss spike"],
        "Looks after the health of a run: losses that shoot up, gradients that are not finite, layers that learn nothing, overfitting, samples \
         that go round in circles. It says what it sees; it can also go back to the last good checkpoint, and on with other batches and a lower \
         learning rate.",
        "z = (loss − mean) / standard deviation, over the last 128 steps",
        "Karpathy 2024, llm.c, outlier_detector.h; Chowdhery et al. 2022, PaLM, §5.1",
    ),
    entry(
        "weight decay",
        &[],
        "Each step pulls the weights a little towards zero, which keeps them from growing without need.",
        "θ ← θ − η·λ·θ",
        "Loshchilov and Hutter 2019, Decoupled Weight Decay",
    ),
    entry(
        "batch size",
        &["batch"],
        "How many windows of text, each of the context length, a step trains on at once. More give a steadier gradient and take more memory.",
        "tokens per step = batch size × context length × gradient accumulation",
        "McCandlish et al. 2018, An Empirical Model of Large-Batch Training",
    ),
    entry(
        "gradient accumulation",
        &["accumulation"],
        "Batches whose gradients are averaged before one update of the weights: a large batch in the memory of a small one.",
        "g = mean of the batches' gradients",
        "Ott et al. 2018, Scaling Neural Machine Translation",
    ),
    entry(
        "mixed precision",
        &["precision"],
        "Activations and their gradients are 16-bit floats; weights and sums stay in 32 bits. It takes less memory, on GPUs that have \
         16-bit floats.",
        "gradient = (1/s) · gradient of s·loss, s the dynamic loss scale",
        "Micikevicius et al. 2018, Mixed Precision Training",
    ),
    entry(
        "steps",
        &["step"],
        "A step trains on one batch and updates the weights once.",
        "",
        "Goodfellow, Bengio and Courville, Deep Learning, §8.1",
    ),
    entry(
        "tokens per second",
        &["speed"],
        "Training tokens that the device processes per second.",
        "tokens per step / seconds per step",
        "",
    ),
    entry(
        "token",
        &["tokens"],
        "A piece of text that the model reads and writes as one: a byte, a character, or a frequent run of them.",
        "",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "tokenizer",
        &[],
        "The rule that encodes text as tokens and decodes tokens to text.",
        "",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "vocabulary",
        &["vocabulary size"],
        "All tokens that the model knows.",
        "V entries",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "bytes per token",
        &["compression"],
        "How much text one token stands for. More means shorter sequences and faster training.",
        "bytes of text / tokens",
        "Gage 1994, A New Algorithm for Data Compression",
    ),
    entry(
        "context length",
        &["context", "window"],
        "How many tokens the model sees at once; what lies before is forgotten.",
        "T tokens",
        "Vaswani et al. 2017, Attention Is All You Need",
    ),
    entry(
        "parameters",
        &["weights", "parameter"],
        "The numbers that training adjusts. They are the model.",
        "",
        "Vaswani et al. 2017, Attention Is All You Need",
    ),
    entry(
        "layers",
        &["depth", "blocks"],
        "Blocks of attention and feed-forward that a token passes through one after another.",
        "x ← x + attention(x); x ← x + mlp(x)",
        "Vaswani et al. 2017, Attention Is All You Need",
    ),
    entry(
        "width",
        &["channels"],
        "Channels of the residual stream: numbers that stand for a token inside the model.",
        "C",
        "Vaswani et al. 2017, Attention Is All You Need",
    ),
    entry(
        "heads",
        &["attention heads"],
        "Attention looks in several ways at once; each way is a head.",
        "head size D = C / H",
        "Vaswani et al. 2017, §3.2.2",
    ),
    entry(
        "key-value heads",
        &["kv heads", "grouped queries"],
        "Heads of keys and values, each shared by several query heads, which makes the KV cache smaller.",
        "H / K queries share a key",
        "Ainslie et al. 2023, GQA",
    ),
    entry(
        "attention",
        &[],
        "How a token gathers what it needs from the tokens before it.",
        "softmax(QKᵀ / √D) V",
        "Vaswani et al. 2017, §3.2",
    ),
    entry(
        "mlp",
        &["feed-forward", "hidden size"],
        "The part of a block that works on each token by itself.",
        "W₂ · f(W₁ x)",
        "Vaswani et al. 2017, §3.3",
    ),
    entry(
        "embedding",
        &[],
        "A table that gives each token its first numbers.",
        "x = E[token]",
        "Bengio et al. 2003",
    ),
    entry(
        "norm",
        &["normalisation", "rmsnorm", "layernorm"],
        "Brings the numbers of a token to one scale before each part of a block.",
        "x / √mean(x²) · γ",
        "Zhang and Sennrich 2019; Ba, Kiros and Hinton 2016",
    ),
    entry(
        "rope",
        &["rotary positions", "positions"],
        "Turns queries and keys by an angle that grows with their place, so that attention knows distances.",
        "angle = place · base^(−2i/D)",
        "Su et al. 2021, RoFormer",
    ),
    entry(
        "dropout",
        &[],
        "While training, some numbers are set to zero at random, so that the model relies on no single one.",
        "x · mask / (1 − p)",
        "Srivastava et al. 2014",
    ),
    entry(
        "optimizer",
        &["adamw", "adam"],
        "The rule that turns gradients into updates. AdamW scales the update of every weight by its own gradients.",
        "m / (√v + ε), and decay beside it",
        "Loshchilov and Hutter 2019",
    ),
    entry(
        "beta 1",
        &["beta1"],
        "How long the running mean of the gradient remembers.",
        "m ← β₁m + (1 − β₁)g",
        "Kingma and Ba 2015, Adam",
    ),
    entry(
        "beta 2",
        &["beta2"],
        "How long the running mean of the squared gradient remembers.",
        "v ← β₂v + (1 − β₂)g²",
        "Kingma and Ba 2015, Adam",
    ),
    entry(
        "label smoothing",
        &[],
        "Asks for a little less than certainty, which keeps the model from being too sure.",
        "target = (1 − s)·one-hot + s / V",
        "Szegedy et al. 2016",
    ),
    entry(
        "seed",
        &[],
        "The number that all chance comes from. The same seed, device and build give the same bits.",
        "",
        "Salmon et al. 2011, Parallel Random Numbers: As Easy as 1, 2, 3",
    ),
    entry(
        "checkpoint",
        &["checkpoints", "checkpoint every"],
        "All weights and the optimizer state on disk. A run resumes from it as if it had never stopped.",
        "",
        "",
    ),
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
        "evaluation",
        &["evaluate every", "evaluation batches"],
        "Now and then the loss is measured on text held out from training.",
        "",
        "Goodfellow, Bengio and Courville, Deep Learning, §5.3",
    ),
    entry(
        "temperature",
        &[],
        "Divides the logits: below 1 likely tokens gain, above 1 unlikely ones; 0 always takes the likeliest token (greedy).",
        "softmax(logits / temperature)",
        "Ackley, Hinton and Sejnowski 1985",
    ),
    entry(
        "top-k",
        &["top k"],
        "Only the k likeliest tokens may be drawn. 0 keeps all.",
        "",
        "Fan, Lewis and Dauphin 2018",
    ),
    entry(
        "top-p",
        &["top p", "nucleus"],
        "Only the smallest set of likeliest tokens that together reach p may be drawn. 1 keeps all.",
        "Σ p ≥ p",
        "Holtzman et al. 2020",
    ),
    entry(
        "min-p",
        &["min p"],
        "Tokens less likely than this share of the likeliest may not be drawn. 0 keeps all.",
        "p ≥ min-p · max p",
        "Nguyen et al. 2024",
    ),
    entry(
        "repetition penalty",
        &[],
        "Makes tokens that were written lately less likely. 1 is off.",
        "",
        "Keskar et al. 2019, CTRL",
    ),
    entry(
        "entropy",
        &[],
        "How undecided the model was, in bits: 0 is certainty, 3 is a choice among eight.",
        "−Σ p · log₂ p",
        "Shannon 1948",
    ),
    entry(
        "gradients",
        &["gradient"],
        "For every weight, how much the loss would change if it did.",
        "∂ loss / ∂ θ",
        "Rumelhart, Hinton and Williams 1986",
    ),
    entry(
        "optimizer state",
        &["moments"],
        "Two running means that the optimizer keeps for every weight: the moments.",
        "m and v",
        "Kingma and Ba 2015, Adam",
    ),
    entry(
        "activations",
        &[],
        "What the forward pass keeps for the backward pass; it grows with batch size and context length.",
        "",
        "Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost",
    ),
    entry("launch overhead", &[], "Time that the processor takes to launch kernels on the GPU.", "", ""),
    entry(
        "FLOPs",
        &["flop/s", "flops per token"],
        "Additions and multiplications that the work takes.",
        "about 6 · parameters per token",
        "Kaplan et al. 2020, appendix B",
    ),
    entry(
        "head size",
        &[],
        "Channels of one head: the numbers in which it compares tokens.",
        "D; the heads together are H·D wide",
        "Vaswani et al. 2017, §3.2.2",
    ),
    entry(
        "query-key norm",
        &[],
        "Brings queries and keys to one scale before they are compared, which keeps attention calm in long runs.",
        "q ← q / √mean(q²) · γ",
        "Dehghani et al. 2023, Scaling Vision Transformers to 22 Billion Parameters",
    ),
    entry(
        "rotary base",
        &[],
        "How slowly the slowest pair of channels turns: larger for longer contexts.",
        "angle = place · base^(−2i/D)",
        "Su et al. 2021, RoFormer",
    ),
    entry(
        "gate",
        &[],
        "One half of the hidden numbers opens and shuts the other half.",
        "W₂ · (f(W_gate x) ⊙ W_up x)",
        "Shazeer 2020, GLU Variants Improve Transformer",
    ),
    entry(
        "activation",
        &[],
        "The non-linearity between two linear layers. Without one they would be a single layer.",
        "GELU: x · Φ(x)",
        "Hendrycks and Gimpel 2016",
    ),
    entry(
        "biases",
        &[],
        "A learnt number added after each layer. Newer models leave them out.",
        "W x + b",
        "",
    ),
    entry(
        "norm placement",
        &[],
        "Before each part (as in GPT-2 and since) trains more easily; after it was the first transformer's way.",
        "x + f(norm(x)), or norm(x + f(x))",
        "Xiong et al. 2020, On Layer Normalization in the Transformer Architecture",
    ),
    entry(
        "norm bias",
        &[],
        "A learnt number added after the norm's scale. RMSNorm has none.",
        "γ · x + β",
        "",
    ),
    entry("norm epsilon", &[], "Keeps the norm from dividing by nothing.", "√(mean(x²) + ε)", ""),
    entry(
        "tied head",
        &[],
        "The head reads the embedding's matrix instead of one of its own: fewer weights, and often better small models.",
        "logits = E · x",
        "Press and Wolf 2017",
    ),
    entry(
        "sliding window",
        &["positions seen"],
        "Each token looks at so many positions before it and no further, which bounds the work and the caches of long texts.",
        "scores of positions before i − window + 1 are masked",
        "Beltagy et al. 2020, Longformer; Jiang et al. 2023, Mistral 7B",
    ),
    entry(
        "partial rotary",
        &["rotary channels"],
        "Only the first channels of each head turn with the position; the others compare contents alone.",
        "",
        "Black et al. 2022, GPT-NeoX-20B",
    ),
    entry(
        "rotary scaling",
        &["scaling factor", "low frequency factor", "high frequency factor", "original context length"],
        "Slower angles, so that a model works over more positions than it was trained with at first: all of them by one factor, or those \
         of long wavelengths alone.",
        "angle / factor",
        "Chen et al. 2023, Position Interpolation; Grattafiori et al. 2024, Llama 3, §3.4",
    ),
    entry(
        "layers without rotation: every",
        &[],
        "Every so many layers attention knows nothing of positions, which helps with longer texts than those of training.",
        "",
        "Yang et al. 2025, RoPE to NoPE and Back Again; SmolLM3",
    ),
    entry(
        "residual",
        &[],
        "Whether the MLP reads what attention has added to the stream, or what attention read, so that both are computed at once.",
        "x + attention(norm(x)) + MLP(norm(x))",
        "Wang and Komatsuzaki 2021, GPT-J",
    ),
    entry(
        "embedding scale",
        &[],
        "What embeddings are multiplied by before the first block.",
        "√width in Gemma",
        "Gemma Team 2024",
    ),
    entry(
        "norm unit offset",
        &[],
        "The norm multiplies by one more than its weights, which begin at 0, so that weight decay pulls towards no change.",
        "norm(x) · (1 + w)",
        "Gemma Team 2024",
    ),
    entry(
        "document mask",
        &[],
        "A token attends to earlier tokens of its own document alone, also where a window holds several documents.",
        "",
        "Grattafiori et al. 2024, The Llama 3 Herd of Models, section 3.2",
    ),
    entry(
        "activation checkpointing",
        &[],
        "Most of what the forward pass computed is computed again for the backward pass, instead of being kept.",
        "",
        "Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost",
    ),
    entry(
        "utilization",
        &[
            "gpu",
            "gpus",
            "the fewest gpus",
            "memory of each",
            "windows at once",
            "gpu hours",
            "dollars",
            "dollars per hour",
        ],
        "The share of a GPU's published peak that training reaches: model FLOPs utilisation. Well-kept trainers of dense models report \
         0.35 to 0.55. Time, and with it the price, follow from it.",
        "FLOPs / (GPUs · peak · utilization)",
        "Chowdhery et al. 2022, PaLM, appendix B",
    ),
    entry(
        "embedding dropout",
        &["attention dropout", "residual dropout"],
        "While training, this share of the numbers is set to zero at random: in the embedding, in what attention looks at, or in \
         what each part adds. It helps where the text is small and read many times.",
        "x · mask / (1 − p)",
        "Srivastava et al. 2014",
    ),
    entry(
        "initial standard deviation",
        &[],
        "Standard deviation of the initial weights.",
        "w ~ N(0, σ²)",
        "Radford et al. 2019, GPT-2",
    ),
    entry(
        "scaled residual initialisation",
        &[],
        "Projections into the residual stream start smaller the more layers there are, so that the stream keeps its scale.",
        "σ / √(2 · layers)",
        "Radford et al. 2019, GPT-2, §2.3",
    ),
    entry(
        "tokens per step",
        &[],
        "Tokens that one update of the weights is computed from.",
        "batch size × context length × gradient accumulation",
        "",
    ),
    entry(
        "kernel launches per step",
        &[],
        "Kernels (dispatches) that one step launches on the device.",
        "",
        "",
    ),
    entry(
        "size by layers",
        &[],
        "A number of layers that sets width, heads, context length, steps and learning rate in proportion.",
        "width = 64 · layers",
        "Karpathy 2025, nanochat",
    ),
    entry(
        "max tokens",
        &[],
        "How many tokens to write at most; the text ends earlier where the model ends it.",
        "",
        "",
    ),
    entry(
        "stop strings",
        &[],
        "The text ends where one of these would begin, one a line; \\n stands for a line's end.",
        "",
        "",
    ),
    entry(
        "minimum frequency",
        &[],
        "Pieces that the text holds less often than this are not worth an entry of their own.",
        "",
        "Sennrich, Haddow and Birch 2016",
    ),
    entry(
        "system prompt",
        &[],
        "What a model is told before a conversation, for the whole of it: who it is, how it should answer.",
        "",
        "",
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
    entry(
        "unused entries",
        &[],
        "Tokens of the vocabulary that the text never needs: the model learns nothing about them.",
        "",
        "",
    ),
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
        "update ratio",
        &[],
        "How far a parameter moved since the milestone before, beside how large it was there: one that stands still learns nothing, one that leaps forgets.",
        "‖w[t] − w[t−1]‖ / ‖w[t−1]‖",
        "Karpathy 2022, makemore, part 3",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_explained_once() {
        let mut seen = std::collections::BTreeSet::new();
        for entry in GLOSSARY {
            for name in entry.also.iter().chain([&entry.term]) {
                assert!(seen.insert(name.to_lowercase()), "{name} is explained twice");
            }
            assert!(entry.meaning.ends_with('.'), "{}", entry.term);
            assert!(entry.names(&entry.term.to_uppercase()));
        }
    }
}
