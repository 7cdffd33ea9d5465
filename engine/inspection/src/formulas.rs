//! Formulas of the walk's values for a model's settings: with its norm placement, rotations and biases.

use glasshouse_protocol::{Activation, Gate, ModelConfig, NormKind, NormPlacement, Position, Residual};

/// The walk's tensors by name, each with its formula. A block starts with x, its attention gives y, and its MLP the next block's
/// x.
pub(super) fn of(config: &ModelConfig, layer: usize) -> Vec<(String, String)> {
    let ModelConfig { bias, residual, position, qk_norm, .. } = *config;
    let is_post = config.norm.placement == NormPlacement::Post;
    let norm = match config.norm.kind {
        NormKind::Layer => "LayerNorm",
        NormKind::Rms => "RMSNorm",
    };
    let plus = |has: bool, name: &str| if has { format!(" + {name}") } else { String::new() };

    let positions = plus(matches!(position, Position::Learned | Position::Sinusoidal), "P[t]");
    let embedded = match config.embedding_scale {
        1.0 => format!("x = E[id]{positions}"),
        scale if positions.is_empty() => format!("x = {scale}·E[id]"),
        scale => format!("x = {scale}·(E[id]{positions})"),
    };
    // With post-norm, both parts read the vector as it is.
    let read = if is_post { "x".to_owned() } else { format!("{norm}(x)") };
    let turns = matches!(position, Position::Rope(rope) if rope.turns(layer));
    let projected = |letter: &str, normed: bool, turned: bool| {
        let product = format!("{read}·W_{letter}{}", plus(bias.qkv, &format!("b_{letter}")));
        let product = if normed { format!("RMSNorm({product})") } else { product };
        if turned { format!("RoPE({product}, t)") } else { product }
    };
    let between = if is_post { format!("y = {norm}(x + attention)") } else { "y = x + attention".to_owned() };
    let mlp_input = match residual {
        _ if is_post => "y".to_owned(),
        Residual::Sequential => format!("{norm}(y)"),
        Residual::Parallel => format!("{norm}₂(x)"),
        Residual::ParallelOneNorm => read.clone(),
    };
    let up =
        |letter: &str| format!("{mlp_input}·W_{letter}{}", plus(config.bias.mlp, &format!("b_{letter}")));
    let hidden = match config.mlp.gate {
        Gate::Swiglu => format!("h = SiLU({}) × ({})", up("gate"), up("up")),
        Gate::Geglu => format!("h = GELU({}) × ({})", up("gate"), up("up")),
        Gate::None => {
            let activation = match config.mlp.activation {
                Activation::GeluExact | Activation::GeluTanh => "GELU",
                Activation::Relu => "ReLU",
                Activation::ReluSquared => "ReLU²",
                Activation::Silu => "SiLU",
            };
            format!("h = {activation}({})", up("up"))
        }
    };
    let stream = if is_post { format!("x = {norm}(y + mlp)") } else { "x = y + mlp".to_owned() };
    // A tied head has no matrix of its own; a classification head always has.
    let head = if config.tied_head && config.labels.is_empty() { "Eᵀ" } else { "W_U" };
    let head_bias = plus(bias.head && config.labels.is_empty(), "b_U");

    let formulas = [
        ("embedded", embedded),
        ("attention_input", read.clone()),
        ("queries", format!("q = {}", projected("Q", qk_norm, turns))),
        ("keys", format!("k = {}", projected("K", qk_norm, turns))),
        ("values", format!("v = {}", projected("V", false, false))),
        ("probabilities", "A = softmax(q·kᵀ / √D + mask)".to_owned()),
        ("attended", "A·v".to_owned()),
        ("attention_output", format!("attention = A·v·W_O{}", plus(bias.output, "b_O"))),
        ("between", between),
        ("mlp_input", mlp_input.clone()),
        ("hidden", hidden),
        ("mlp_output", format!("mlp = h·W_down{}", plus(bias.mlp, "b_down"))),
        ("stream", stream),
        ("normed", read.clone()),
        ("logits", format!("{read}·{head}{head_bias}")),
    ];
    formulas.map(|(name, formula)| (name.to_owned(), formula)).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests_parts::bench::{gpt, llama, post};
    use glasshouse_protocol::Rope;

    fn formula(config: &ModelConfig, layer: usize, name: &str) -> String {
        of(config, layer).into_iter().find(|(own, _)| own == name).unwrap().1
    }

    #[test]
    fn queries_and_keys_are_told_with_their_rotations_norms_and_biases() {
        let llama = llama().model;
        let of_first = |config: &ModelConfig, name| formula(config, 0, name);
        assert_eq!(of_first(&llama, "queries"), "q = RoPE(RMSNorm(x)·W_Q, t)");
        assert_eq!(of_first(&llama, "values"), "v = RMSNorm(x)·W_V");
        assert_eq!(of_first(&llama, "hidden"), "h = SiLU(RMSNorm(y)·W_gate) × (RMSNorm(y)·W_up)");
        let mut qwen = ModelConfig { qk_norm: true, ..llama.clone() };
        qwen.bias.qkv = true;
        assert_eq!(of_first(&qwen, "keys"), "k = RoPE(RMSNorm(RMSNorm(x)·W_K + b_K), t)");
        // Every second layer has no rotation.
        let position = Position::Rope(Rope { skip_every: 2, ..Rope::new(100.0) });
        let some = ModelConfig { position, ..llama };
        assert_eq!(formula(&some, 0, "keys"), "k = RoPE(RMSNorm(x)·W_K, t)");
        assert_eq!(formula(&some, 1, "keys"), "k = RMSNorm(x)·W_K");
    }

    #[test]
    fn norms_stand_where_the_model_has_them() {
        let of_post = |name| formula(&post().model, 0, name);
        assert_eq!(of_post("attention_input"), "x");
        assert_eq!(of_post("between"), "y = LayerNorm(x + attention)");
        assert_eq!(of_post("mlp_input"), "y");
        assert_eq!(of_post("stream"), "x = LayerNorm(y + mlp)");
        assert_eq!(of_post("normed"), "x", "no norm stands before the head");
        assert!(of_post("logits").starts_with("x·"));
        let of_gpt = |name| formula(&gpt().model, 0, name);
        assert_eq!([of_gpt("between"), of_gpt("mlp_input")], ["y = x + attention", "LayerNorm(y)"]);
        assert_eq!(of_gpt("embedded"), "x = E[id] + P[t]");
        let parallel = |residual| formula(&ModelConfig { residual, ..gpt().model }, 0, "mlp_input");
        assert_eq!(parallel(Residual::Parallel), "LayerNorm₂(x)");
        assert_eq!(parallel(Residual::ParallelOneNorm), "LayerNorm(x)");
    }

    #[test]
    fn heads_scales_and_biases_are_told_where_a_model_has_them() {
        let mut config = gpt().model;
        (config.bias, config.tied_head, config.embedding_scale) = (true.into(), true, 4.0);
        assert_eq!(formula(&config, 0, "embedded"), "x = 4·(E[id] + P[t])");
        assert_eq!(formula(&config, 0, "attention_output"), "attention = A·v·W_O + b_O");
        assert_eq!(formula(&config, 0, "mlp_output"), "mlp = h·W_down + b_down");
        assert_eq!(formula(&config, 0, "logits"), "LayerNorm(x)·Eᵀ");
        (config.tied_head, config.bias.head) = (false, true);
        assert_eq!(formula(&config, 0, "logits"), "LayerNorm(x)·W_U + b_U");
        config.labels = vec!["good".to_owned(), "bad".to_owned()];
        assert_eq!(formula(&config, 0, "logits"), "LayerNorm(x)·W_U");
    }
}
