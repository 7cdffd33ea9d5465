//! The settings of the decoder and its batches, in groups that correspond to components of the diagram.

use super::decoder::Component;
use super::{Draft, ModelPage};
use crate::format;
use crate::pages::Context;
use crate::pages::parts::{caption, fraction, head, number, pick, switch};
use crate::theme::{self, Palette};
use crate::widgets::{Stat, card, field, fold, plain, slider, stat_row, with_code};
use egui::text::{LayoutJob, TextFormat};
use egui::{Button, ComboBox, Response, RichText, Role, Slider, TextStyle, Ui, WidgetInfo};
use egui_material_icons::icons;
use glasshouse_protocol::presets::{self, PRESETS};
use glasshouse_protocol::{
    Activation, ErrorReport, Gate, ModelConfig, NormKind, NormPlacement, Position, Residual, Rope,
    RopeScaling, RunConfig,
};
use std::mem::discriminant;
use std::ops::RangeInclusive;

/// Maximum of the layer slider: larger models take weeks on one device.
const DIAL: usize = 16;

/// Width of the preset list with its descriptions, and its maximum height, in points.
const PRESET_LIST: f32 = 380.0;

const POSITIONS: [&str; 4] = ["learned", "sinusoidal", "rotary", "none"];

/// An entry of the preset list: name and description as one button.
fn preset_ui(ui: &mut Ui, chosen: bool, preset: &str, sentence: &str) -> Response {
    let palette = Palette::of(ui);
    let name = TextFormat::simple(TextStyle::Button.resolve(ui.style()), palette.text);
    let small = TextFormat::simple(theme::caption().resolve(ui.style()), palette.quiet);
    let mut words = LayoutJob::default();
    words.append(preset, 0.0, name);
    words.append("\n", 0.0, small.clone());
    words.append(sentence, 0.0, small);
    let entry = ui.add(Button::selectable(chosen, words).wrap());
    entry.widget_info(|| WidgetInfo::selected(Role::Button, true, chosen, format!("{preset}: {sentence}")));
    entry
}

impl ModelPage {
    /// The simple choice: a preset, or one number that determines all others.
    pub(super) fn dial_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        card(ui, |ui| {
            head(ui, "Start from");
            let mut chosen = None;
            let name = context.draft.preset.clone();
            let shown = if name.is_empty() { "your own settings".to_owned() } else { name.clone() };
            field(ui, "Preset", "preset", None, |ui| {
                let width = ui.available_width().clamp(100.0, 200.0);
                let list = ComboBox::from_id_salt("preset").selected_text(shown).width(width);
                let list = list.height(PRESET_LIST).show_ui(ui, |ui| {
                    ui.set_min_width(PRESET_LIST.min(ui.ctx().content_rect().width() - 48.0));
                    for (preset, sentence) in PRESETS {
                        if preset_ui(ui, *preset == name, preset, sentence).clicked() {
                            chosen = presets::preset(preset).ok();
                        }
                    }
                });
                list.response.accessible_name("Preset");
            });
            if let Some((_, sentence)) = PRESETS.iter().find(|(preset, _)| *preset == name) {
                caption(ui, *sentence);
            }
            let mut layers = context.draft.model.layers;
            field(ui, "Size by layers", "size by layers", None, |ui| {
                ui.spacing_mut().slider_width = (ui.available_width() - 72.0).clamp(60.0, 200.0);
                let dial = Slider::new(&mut layers, 1..=DIAL);
                if slider(ui, dial).accessible_name("Size by layers").changed() {
                    chosen = presets::from_layers(layers).ok();
                }
            });
            caption(
                ui,
                "The number of layers sets the rest: width 64 per layer, and about twelve training tokens per parameter of the blocks.",
            );
            crate::pages::train::start::begins_ui(ui, context.draft);
            if let Some(config) = chosen {
                let by = config.preset.clone();
                let config = kept(context.draft, config);
                // Dragging the dial is one change: undo goes back to before the drag.
                match &self.before {
                    Some((_, last)) if last.starts_with("layers-") && by.starts_with("layers-") => {
                        *context.draft = config;
                    }
                    _ => self.replace(context, config, &by),
                }
            }
            self.undo_ui(ui, context);
        });
    }

    fn undo_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let Some((_, by)) = &self.before else { return };
        if plain(ui, icons::ICON_UNDO, &format!("Undo {by}")).clicked()
            && let Some((before, _)) = self.before.take()
        {
            *context.draft = before;
        }
    }

    pub(super) fn settings_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, draft: &Draft) {
        let refused = draft.refused.as_ref();
        if std::mem::take(&mut self.reveal)
            && let Some(part) = self.chosen
        {
            context.preferences.folds.insert(group(part).to_owned(), true);
        }
        // A broken rule is never hidden in a fold.
        if let Some(name) =
            draft.refused.as_ref().and_then(|error| error.field.as_deref()).and_then(group_of_field)
        {
            context.preferences.folds.insert(name.to_owned(), true);
        }
        card(ui, |ui| {
            let shared = self.chosen.map(group);
            for (name, title, open, draw) in GROUPS {
                let note = if shared == Some(name) { "the part that you pressed" } else { "" };
                let config = &mut *context.draft;
                fold(ui, context.preferences, name, (title, note), open, |ui, _| draw(ui, refused, config));
            }
            if let Some(error) = draft.refused.as_ref().filter(|error| error.field.is_none()) {
                let failure = context.palette.failure;
                let look = |words: RichText| words.color(failure).text_style(theme::caption());
                ui.label(with_code(ui, &error.message, look));
            }
        });
    }
}

type GroupUi = fn(&mut Ui, Option<&ErrorReport>, &mut RunConfig);

/// Each group's fold key, title, whether it is open by default, and settings.
const GROUPS: [(&str, &str, bool, GroupUi); 6] = [
    ("model size", "Size", true, size_ui),
    ("model batch", "Batch and length", true, batch_ui),
    ("model attention", "Attention and positions", false, attention_ui),
    ("model mlp", "MLP", false, mlp_ui),
    ("model norm", "Norms, head and biases", false, norm_ui),
    ("model beginning", "Dropout and initialisation", false, beginning_ui),
];

fn group(part: Component) -> &'static str {
    match part {
        Component::Embedding => "model size",
        Component::Attention => "model attention",
        Component::Mlp => "model mlp",
        Component::AttentionNorm
        | Component::AttentionOutputNorm
        | Component::MlpNorm
        | Component::MlpOutputNorm
        | Component::FinalNorm
        | Component::Head => "model norm",
    }
}

fn group_of_field(path: &str) -> Option<&'static str> {
    let groups: [(&str, &[&str]); 6] = [
        ("model attention", &["heads", "kv_heads", "head_size", "position", "sliding_window"]),
        ("model attention", &["attention_scale", "qk_norm"]),
        ("model norm", &["logit", "residual", "bias", "norm"]),
        ("model mlp", &["mlp"]),
        ("model beginning", &["dropout", "init"]),
        ("model size", &[""]),
    ];
    if let Some(name) = path.strip_prefix("model.") {
        let holds = |starts: &[&str]| starts.iter().any(|start| name.starts_with(start));
        return groups.iter().find(|(_, starts)| holds(starts)).map(|(group, _)| *group);
    }
    let of_batch = ["train.steps", "train.batch_size", "train.accumulate"];
    of_batch.iter().any(|start| path.starts_with(start)).then_some("model batch")
}

/// New settings with the draft's text and device.
fn kept(draft: &RunConfig, config: RunConfig) -> RunConfig {
    RunConfig { data: draft.data.clone(), device: draft.device.clone(), ..config }
}

fn size_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    let model = &mut config.model;
    number(ui, ("Layers", "model.layers"), &mut model.layers, 1..=1024, refused);
    number(ui, ("Width", "model.width"), &mut model.width, 1..=65_536, refused);
    number(ui, ("Context length", "model.context_length"), &mut model.context_length, 1..=1 << 20, refused);
    fraction(
        ui,
        ("Embedding scale", "model.embedding_scale"),
        &mut model.embedding_scale,
        0.001..=1000.0,
        0.01,
        refused,
    );
    let value = format!("{} from the tokenizer", format::whole(model.vocabulary as u64));
    stat_row(ui, Stat { name: "Vocabulary", value: &value, exact: "" });
}

fn attention_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    let model = &mut config.model;
    number(ui, ("Heads", "model.heads"), &mut model.heads, 1..=1024, refused);
    number(ui, ("Key-value heads", "model.kv_heads"), &mut model.kv_heads, 1..=1024, refused);
    number(ui, ("Head size", "model.head_size"), &mut model.head_size, 1..=256, refused);
    let (path, names) = ("model.attention_scale", ("Attention scale", "Factor on scores"));
    let default = 1.0 / (model.head_size.max(1) as f32).sqrt();
    optional_ui(ui, refused, names, path, &mut model.attention_scale, (default, 0.0001..=1000.0, 0.01));
    switch(ui, ("Query-key norm", "model.qk_norm"), &mut model.qk_norm, refused);
    model.qk_norm_whole &= model.qk_norm;
    if model.qk_norm {
        switch(ui, ("Over all heads", "model.qk_norm_whole"), &mut model.qk_norm_whole, refused);
    }
    let mut slides = model.sliding_window.is_some();
    switch(ui, ("Sliding window", "model.sliding_window"), &mut slides, refused);
    model.sliding_window = slides.then(|| model.sliding_window.unwrap_or(model.context_length.div_ceil(2)));
    if let Some(window) = &mut model.sliding_window {
        number(ui, ("Positions seen", "model.sliding_window"), window, 1..=1 << 20, refused);
    }
    let mut position = match model.position {
        Position::Learned => 0,
        Position::Sinusoidal => 1,
        Position::Rope(_) => 2,
        Position::None => 3,
    };
    let before = position;
    let choices: Vec<(usize, &str)> = POSITIONS.into_iter().enumerate().collect();
    pick(ui, ("Positions", "model.position"), &mut position, &choices, refused);
    if position != before {
        model.position = match position {
            0 => Position::Learned,
            1 => Position::Sinusoidal,
            2 => Position::Rope(Rope::new(10_000.0)),
            _ => Position::None,
        };
    }
    if let Position::Rope(rope) = &mut model.position {
        if model.sliding_window.is_some() {
            let (path, names) =
                ("model.position.local_base", ("Local rotary base", "Base of windowed layers"));
            optional_ui(ui, refused, names, path, &mut rope.local_base, (10_000.0, 2.0..=1e8, 100.0));
        }
        rope_ui(ui, refused, rope, (model.head_size, model.context_length));
    }
}

/// A switch for an optional number, and while it is on the number, with its value when switched on, range and speed.
fn optional_ui(
    ui: &mut Ui,
    refused: Option<&ErrorReport>,
    (title, name): (&str, &str),
    path: &str,
    value: &mut Option<f32>,
    (default, range, speed): (f32, RangeInclusive<f32>, f64),
) {
    let mut on = value.is_some();
    switch(ui, (title, path), &mut on, refused);
    *value = on.then(|| value.unwrap_or(default));
    if let Some(value) = value {
        fraction(ui, (name, path), value, range, speed, refused);
    }
}

fn rope_ui(
    ui: &mut Ui,
    refused: Option<&ErrorReport>,
    rope: &mut Rope,
    (head_size, context_length): (usize, usize),
) {
    fraction(ui, ("Rotary base", "model.position.base"), &mut rope.base, 2.0..=1e8, 100.0, refused);
    let mut partial = rope.channels.is_some();
    switch(ui, ("Partial rotary", "model.position.channels"), &mut partial, refused);
    rope.channels = partial.then(|| rope.channels.unwrap_or((head_size / 4).max(1) * 2));
    if let Some(channels) = &mut rope.channels {
        number(ui, ("Rotary channels", "model.position.channels"), channels, 2..=256, refused);
    }
    let original = context_length;
    let mut scalings = vec![
        ("none", None),
        ("linear", Some(RopeScaling::Linear { factor: 2.0 })),
        (
            "Llama 3.1",
            Some(RopeScaling::Llama3 {
                factor: 8.0,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_context_length: original,
            }),
        ),
        ("dynamic NTK", Some(RopeScaling::Dynamic { factor: 2.0, original_context_length: original })),
        (
            "YaRN",
            Some(RopeScaling::Yarn {
                factor: 4.0,
                original_context_length: original,
                attention_factor: None,
                beta_fast: 32.0,
                beta_slow: 1.0,
                truncate: true,
            }),
        ),
    ];
    // Its factors come with a model.
    if matches!(rope.scaling, Some(RopeScaling::Longrope { .. })) {
        scalings.push(("LongRoPE", rope.scaling.clone()));
    }
    let kind_of = |scaling: &Option<RopeScaling>| scaling.as_ref().map(discriminant);
    let own = kind_of(&rope.scaling);
    let before = scalings.iter().position(|(_, scaling)| kind_of(scaling) == own).unwrap_or(0);
    let mut kind = before;
    let kinds: Vec<(usize, &str)> = scalings.iter().map(|(name, _)| *name).enumerate().collect();
    pick(ui, ("Rotary scaling", "model.position.scaling"), &mut kind, &kinds, refused);
    if kind != before {
        rope.scaling = scalings.swap_remove(kind).1;
    }
    let path = "model.position.scaling.factor";
    match &mut rope.scaling {
        None | Some(RopeScaling::Longrope { .. }) => {}
        Some(
            RopeScaling::Linear { factor }
            | RopeScaling::Llama3 { factor, .. }
            | RopeScaling::Dynamic { factor, .. }
            | RopeScaling::Yarn { factor, .. },
        ) => fraction(ui, ("Scaling factor", path), factor, 1.0..=1e4, 0.1, refused),
    }
    let pair = match &mut rope.scaling {
        Some(RopeScaling::Llama3 { low_freq_factor, high_freq_factor, .. }) => vec![
            ("Low frequency factor", "model.position.scaling.low_freq_factor", low_freq_factor),
            ("High frequency factor", "model.position.scaling.high_freq_factor", high_freq_factor),
        ],
        Some(RopeScaling::Yarn { beta_fast, beta_slow, .. }) => vec![
            ("Fast turns", "model.position.scaling.beta_fast", beta_fast),
            ("Slow turns", "model.position.scaling.beta_slow", beta_slow),
        ],
        _ => Vec::new(),
    };
    for (name, path, bound) in pair {
        fraction(ui, (name, path), bound, 0.01..=1e3, 0.1, refused);
    }
    let path = "model.position.scaling.original_context_length";
    match &mut rope.scaling {
        None | Some(RopeScaling::Linear { .. }) => {}
        Some(
            RopeScaling::Llama3 { original_context_length, .. }
            | RopeScaling::Dynamic { original_context_length, .. }
            | RopeScaling::Yarn { original_context_length, .. }
            | RopeScaling::Longrope { original_context_length, .. },
        ) => number(ui, ("Original context length", path), original_context_length, 2..=1 << 20, refused),
    }
    number(ui, ("NoPE layers: every", "model.position.skip_every"), &mut rope.skip_every, 0..=1024, refused);
}

fn mlp_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    let mlp = &mut config.model.mlp;
    number(ui, ("Hidden size", "model.mlp.hidden"), &mut mlp.hidden, 1..=1 << 18, refused);
    let gates = [(Gate::None, "none"), (Gate::Swiglu, "SwiGLU (Llama)"), (Gate::Geglu, "GeGLU (Gemma)")];
    pick(ui, ("Gate", "model.mlp.gate"), &mut mlp.gate, &gates, refused);
    let activations = [
        (Activation::GeluExact, "GELU"),
        (Activation::GeluTanh, "GELU (tanh)"),
        (Activation::Relu, "ReLU"),
        (Activation::ReluSquared, "ReLU squared"),
        (Activation::Silu, "SiLU"),
    ];
    // A gate determines the activation.
    ui.add_enabled_ui(mlp.gate == Gate::None, |ui| {
        pick(ui, ("Activation", "model.mlp.activation"), &mut mlp.activation, &activations, refused);
    });
}

fn bias_ui(ui: &mut Ui, refused: Option<&ErrorReport>, model: &mut ModelConfig) {
    let bias = &mut model.bias;
    for (name, path, has) in [
        ("Query, key and value biases", "model.bias.qkv", &mut bias.qkv),
        ("Attention output bias", "model.bias.output", &mut bias.output),
        ("MLP biases", "model.bias.mlp", &mut bias.mlp),
        ("Head bias", "model.bias.head", &mut bias.head),
    ] {
        switch(ui, (name, path), has, refused);
    }
}

fn norm_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    let model = &mut config.model;
    let kinds = [(NormKind::Rms, "RMSNorm"), (NormKind::Layer, "LayerNorm")];
    pick(ui, ("Norm", "model.norm.kind"), &mut model.norm.kind, &kinds, refused);
    let places = [
        (NormPlacement::Pre, "before each part"),
        (NormPlacement::Post, "after each addition"),
        (NormPlacement::Output, "on outputs (OLMo 2)"),
        (NormPlacement::Sandwich, "before and on outputs (Gemma 3)"),
    ];
    pick(ui, ("Norm placement", "model.norm.placement"), &mut model.norm.placement, &places, refused);
    switch(ui, ("Norm bias", "model.norm.bias"), &mut model.norm.bias, refused);
    fraction(ui, ("Norm epsilon", "model.norm.eps"), &mut model.norm.eps, 1e-12..=0.1, 1e-6, refused);
    switch(ui, ("Norm unit offset", "model.norm.add_unit_offset"), &mut model.norm.add_unit_offset, refused);
    let forms = [
        (Residual::Sequential, "sequential"),
        (Residual::Parallel, "parallel (GPT-NeoX)"),
        (Residual::ParallelOneNorm, "parallel, one norm (Phi)"),
    ];
    pick(ui, ("Residual", "model.residual"), &mut model.residual, &forms, refused);
    for (name, path, factor) in [
        ("Residual scale", "model.residual_scale", &mut model.residual_scale),
        ("Logit divisor", "model.logit_divisor", &mut model.logit_divisor),
    ] {
        fraction(ui, (name, path), factor, 0.001..=1000.0, 0.01, refused);
    }
    let (path, names) = ("model.logit_softcap", ("Logit cap", "Largest logit"));
    optional_ui(ui, refused, names, path, &mut model.logit_softcap, (30.0, 0.1..=1000.0, 0.1));
    switch(ui, ("Tied head", "model.tied_head"), &mut model.tied_head, refused);
    bias_ui(ui, refused, model);
}

fn beginning_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    let model = &mut config.model;
    let rates = [
        ("Embedding dropout", "model.dropout.embedding", &mut model.dropout.embedding),
        ("Attention dropout", "model.dropout.attention", &mut model.dropout.attention),
        ("Residual dropout", "model.dropout.residual", &mut model.dropout.residual),
    ];
    for (name, path, rate) in rates {
        fraction(ui, (name, path), rate, 0.0..=0.99, 0.005, refused);
    }
    fraction(
        ui,
        ("Initial standard deviation", "model.init.std"),
        &mut model.init.std,
        0.0..=1.0,
        0.001,
        refused,
    );
    switch(
        ui,
        ("Scaled residual initialisation", "model.init.scale_residual"),
        &mut model.init.scale_residual,
        refused,
    );
}

fn batch_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    let train = &mut config.train;
    number(ui, ("Batch size", "train.batch_size"), &mut train.batch_size, 1..=65_536, refused);
    number(ui, ("Gradient accumulation", "train.accumulate"), &mut train.accumulate, 1..=65_536, refused);
    number(ui, ("Steps", "train.steps"), &mut train.steps, 1..=10_000_000, refused);
    let value = format::whole(config.tokens_per_step());
    stat_row(
        ui,
        Stat {
            name: "Tokens per step",
            value: &value,
            exact: "batch size × context length × gradient accumulation",
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_the_decoder_has_a_group_that_opens() {
        for path in [
            "model.layers",
            "model.heads",
            "model.norm.eps",
            "model.position.base",
            "model.mlp.hidden",
            "train.batch_size",
        ] {
            let name = group_of_field(path).unwrap();
            assert!(GROUPS.iter().any(|(group, ..)| *group == name), "{path}");
        }
        assert_eq!(group_of_field("data.validation"), None);
    }
}
