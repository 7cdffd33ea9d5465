//! Formulas of the walk's values for a model's settings: with its norm placement, rotations and biases.

use glasshouse_protocol::{Activation, Gate, ModelConfig, NormKind, Position, Residual};

/// The walk's tensors by name, each with its formula. A block starts with x, its attention gives y, and its MLP the next block's x.
pub(super) fn of(config: &ModelConfig, layer: usize) -> Vec<(String, String)> {
    let ModelConfig { bias, residual, ref position, qk_norm, .. } = *config;
    let placement = config.norm.placement;
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
    let normed = |first: bool, name: &str| if first { format!("{norm}({name})") } else { name.to_owned() };
    let read = normed(placement.is_before(), "x");
    let turns = config.rope(layer).is_some();
    let projected = |letter: &str, normed: bool, turned: bool| {
        let product = format!("{read}·W_{letter}{}", plus(bias.qkv, &format!("b_{letter}")));
        let product = if normed { format!("RMSNorm({product})") } else { product };
        if turned { format!("RoPE({product}, t)") } else { product }
    };
    let added = |name: &str, product: String| {
        let product = normed(placement.output_norm().is_some(), &product);
        match config.residual_scale {
            1.0 => format!("{name} = {product}"),
            scale => format!("{name} = {scale}·({product})"),
        }
    };
    let between = format!("y = {}", normed(!placement.has_final(), "x + attention"));
    let mlp_input = match residual {
        Residual::Sequential => normed(placement.is_before(), "y"),
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
    let experts = config.experts;
    let hidden = match experts.count {
        0 => hidden,
        _ => format!("{hidden}, of each expert, times its weight"),
    };
    let chosen = if experts.renormalise { "softmax of the" } else { "the softmax's" };
    let gates = format!("{chosen} {} largest of {mlp_input}·W_router", experts.per_token);
    let stream = format!("x = {}", normed(!placement.has_final(), "y + mlp"));
    let last = normed(placement.has_final(), "x");
    let scores = match config.attention_scale {
        None => "q·kᵀ / √D".to_owned(),
        Some(scale) => format!("{scale}·q·kᵀ"),
    };
    let scores = match config.attention_softcap {
        None => scores,
        Some(cap) => format!("{cap}·tanh({scores} / {cap})"),
    };
    // A tied head has no matrix of its own; a classification head always has.
    let head = if config.tied_head && config.labels.is_empty() { "Eᵀ" } else { "W_U" };
    let head_bias = plus(bias.head && config.labels.is_empty(), "b_U");
    let logits = format!("{last}·{head}{head_bias}");
    let logits = match config.logit_divisor {
        divisor if divisor != 1.0 && config.labels.is_empty() => format!("{logits} / {divisor}"),
        _ => logits,
    };
    let logits = match config.logit_softcap {
        Some(cap) if config.labels.is_empty() => format!("{cap}·tanh(({logits}) / {cap})"),
        _ => logits,
    };

    let formulas = [
        ("embedded", embedded),
        ("attention_input", read.clone()),
        ("queries", format!("q = {}", projected("Q", qk_norm, turns))),
        ("keys", format!("k = {}", projected("K", qk_norm, turns))),
        ("values", format!("v = {}", projected("V", false, false))),
        ("probabilities", format!("A = softmax({scores} + mask)")),
        ("attended", "A·v".to_owned()),
        ("attention_output", added("attention", format!("A·v·W_O{}", plus(bias.output, "b_O")))),
        ("between", between),
        ("mlp_input", mlp_input.clone()),
        ("gates", gates),
        ("hidden", hidden),
        ("mlp_output", added("mlp", format!("h·W_down{}", plus(bias.mlp, "b_down")))),
        ("stream", stream),
        ("normed", last),
        ("logits", logits),
    ];
    let is_own = |(name, _): &(&str, String)| *name != "gates" || experts.count > 0;
    formulas.into_iter().filter(is_own).map(|(name, formula)| (name.to_owned(), formula)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::parts::bench::{gpt, llama, post, sandwich};
    use glasshouse_protocol::{NormPlacement, Rope};

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
        let mut model = sandwich().model;
        let of = |model: &ModelConfig, name| formula(model, 0, name);
        assert_eq!(of(&model, "probabilities"), "A = softmax(0.7·q·kᵀ + mask)");
        model.attention_softcap = Some(5.0);
        assert_eq!(of(&model, "probabilities"), "A = softmax(5·tanh(0.7·q·kᵀ / 5) + mask)");
        assert_eq!(of(&model, "mlp_input"), "RMSNorm(y)");
        assert_eq!(of(&model, "mlp_output"), "mlp = 0.5·(RMSNorm(h·W_down))");
        model.norm.placement = NormPlacement::Output;
        assert_eq!([of(&model, "mlp_input"), of(&model, "stream")], ["y", "x = y + mlp"]);
        assert_eq!(of(&model, "attention_output"), "attention = 0.5·(RMSNorm(A·v·W_O))");
        assert_eq!(of(&model, "logits"), "RMSNorm(x)·W_U / 3");
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
