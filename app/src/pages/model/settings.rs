//! The settings of the decoder and its batches, in groups that correspond to components of the diagram.

use super::*;
use egui::Button;
use glasshouse_protocol::presets::PRESETS;
use std::mem::discriminant;

/// Maximum of the layer slider: larger models take weeks on one device.
const DIAL: usize = 16;

/// Width of the preset list with its descriptions, and its maximum height, in points.
const PRESET_LIST: f32 = 380.0;

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
            let shown = crate::pages::train::confirm::preset_name(context.draft);
            field(ui, "Preset", "preset", None, |ui| {
                let width = ui.available_width().clamp(100.0, 200.0);
                let list = ComboBox::from_id_salt("preset").selected_text(shown).width(width);
                let list = list.height(PRESET_LIST).show_ui(ui, |ui| {
                    ui.set_min_width(PRESET_LIST.min(ui.ctx().content_rect().width() - 48.0));
                    for (preset, sentence) in PRESETS.iter() {
                        if closing(ui, |ui| preset_ui(ui, *preset == name, preset, sentence)) {
                            chosen = presets::preset(preset).ok();
                        }
                    }
                });
                list.response.accessible_name("Preset");
            });
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
                "The number of layers sets the rest: 64 channels per layer, and about twelve training tokens per parameter of the blocks, but at \
                 most 16 epochs of the text.",
            );
            // Below the controls, which they would move when they come and go.
            if let Some((_, sentence)) = PRESETS.iter().find(|(preset, _)| *preset == name) {
                caption(ui, *sentence);
            }
            let other = presets::named(&name).filter(|preset| preset.tokenizer != context.draft.tokenizer);
            if other.is_some() {
                let tokenizer = crate::pages::tokenizer::full_name(&context.draft.tokenizer);
                caption(ui, format!("The project's tokenizer stays: {tokenizer}. Change it on Tokenizer."));
            }
            if let Some(config) = chosen {
                context.asks.replaced(format!("The settings are those of {}", config.preset));
                let is_sized = config.preset.starts_with("layers-");
                *context.draft = in_project(context, config);
                // A preset has the length that it was measured with.
                if is_sized && let Some((known, plan)) = &context.state.planning.plan {
                    // The text's tokens by the new tokenizer.
                    let tokens = |config: &RunConfig| config.tokenizer.estimated_tokens(1 << 20) as f64;
                    let share = tokens(context.draft) / tokens(known);
                    context.draft.follow_text((plan.text_tokens as f64 * share) as u64);
                }
            }
        });
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
            context.draft.model.settle_parametrisation();
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
        ("model attention", &["attention_", "qk_norm"]),
        ("model norm", &["logit", "residual", "bias", "base_width", "norm"]),
        ("model mlp", &["mlp", "experts"]),
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

fn size_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    form_ui(ui, config, refused, "model", &["layers", "width", "context_length", "embedding_scale"]);
    let value = format!("{} from the tokenizer", format::whole(config.model.vocabulary as u64));
    stat_row(ui, "Vocabulary", &value, "");
}

fn attention_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    form_ui(ui, config, refused, "model", &["heads", "kv_heads", "head_size"]);
    let model = &mut config.model;
    let default = 1.0 / (model.head_size.max(1) as f32).sqrt();
    optional_ui(ui, refused, "model.attention_scale", &mut model.attention_scale, default);
    optional_ui(ui, refused, "model.attention_softcap", &mut model.attention_softcap, 50.0);
    form_ui(ui, config, refused, "model", &["qk_norm"]);
    config.model.qk_norm_whole &= config.model.qk_norm;
    if config.model.qk_norm {
        form_ui(ui, config, refused, "model", &["qk_norm_whole"]);
    }
    let model = &mut config.model;
    let half = model.context_length.div_ceil(2);
    optional_ui(ui, refused, "model.sliding_window", &mut model.sliding_window, half);
    let positions = [
        ("learned", Position::Learned),
        ("sinusoidal", Position::Sinusoidal),
        ("rotary", Position::Rope(Rope::new(10_000.0))),
        ("none", Position::None),
    ];
    field(ui, "Positions", "model.position", refused, |ui| {
        variant_ui(ui, "Positions", &mut model.position, &positions, discriminant);
    });
    if let Position::Rope(rope) = &mut model.position {
        if model.sliding_window.is_some() {
            optional_ui(ui, refused, "model.position.local_base", &mut rope.local_base, 10_000.0);
        }
        number(ui, "model.position.base", &mut rope.base, refused);
        let half = (model.head_size / 4).max(1) * 2;
        optional_ui(ui, refused, "model.position.channels", &mut rope.channels, half);
        scaling_ui(ui, refused, rope, model.context_length);
        number(ui, "model.position.skip_every", &mut rope.skip_every, refused);
    }
}

/// A switch for an optional number, and while it is on the number.
fn optional_ui<T: Number>(
    ui: &mut Ui,
    refused: Option<&ErrorReport>,
    path: &str,
    value: &mut Option<T>,
    default: T,
) {
    let Some(setting) = Setting::at(path) else { return };
    field(ui, setting.title, path, refused, |ui| {
        let mut on = value.is_some();
        if ui.checkbox(&mut on, "").accessible_name(setting.title).changed() {
            *value = on.then_some(default);
        }
        if let Some(value) = value {
            ui.add(drag(Some(&setting), value)).accessible_name(setting.title);
        }
    });
}

fn scaling_ui(ui: &mut Ui, refused: Option<&ErrorReport>, rope: &mut Rope, original: usize) {
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
    let (title, path) = ("Rotary scaling", "model.position.scaling");
    field(ui, title, path, refused, |ui| {
        variant_ui(ui, title, &mut rope.scaling, &scalings, |scaling| scaling.as_ref().map(discriminant));
    });
    let rows: Vec<(&str, &str, &mut dyn Number)> = match &mut rope.scaling {
        None => Vec::new(),
        Some(RopeScaling::Linear { factor }) => vec![("Scaling factor", "factor", factor)],
        Some(RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context_length }) => {
            vec![
                ("Scaling factor", "factor", factor),
                ("Low frequency factor", "low_freq_factor", low_freq_factor),
                ("High frequency factor", "high_freq_factor", high_freq_factor),
                ("Original context length", "original_context_length", original_context_length),
            ]
        }
        Some(RopeScaling::Dynamic { factor, original_context_length }) => vec![
            ("Scaling factor", "factor", factor),
            ("Original context length", "original_context_length", original_context_length),
        ],
        Some(RopeScaling::Yarn { factor, original_context_length, beta_fast, beta_slow, .. }) => vec![
            ("Scaling factor", "factor", factor),
            ("Fast turns", "beta_fast", beta_fast),
            ("Slow turns", "beta_slow", beta_slow),
            ("Original context length", "original_context_length", original_context_length),
        ],
        Some(RopeScaling::Longrope { original_context_length, .. }) => {
            vec![("Original context length", "original_context_length", original_context_length)]
        }
    };
    for (name, key, number) in rows {
        field(ui, name, &format!("{path}.{key}"), refused, |ui| {
            ui.add(drag(None, number)).accessible_name(name)
        });
    }
}

fn mlp_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    form_ui(ui, config, refused, "model.mlp", &["hidden", "gate"]);
    // A gate determines the activation.
    ui.add_enabled_ui(config.model.mlp.gate == Gate::None, |ui| {
        form_ui(ui, config, refused, "model.mlp", &["activation"]);
    });
    form_ui(ui, config, refused, "model.experts", &["count"]);
    if config.model.experts.count > 0 {
        form_ui(ui, config, refused, "model.experts", &["per_token", "renormalise", "balance", "z_loss"]);
    }
}

fn norm_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    form_ui(ui, config, refused, "model.norm", &["kind", "placement", "bias", "eps", "add_unit_offset"]);
    form_ui(ui, config, refused, "model", &["residual", "residual_scale", "logit_divisor"]);
    optional_ui(ui, refused, "model.logit_softcap", &mut config.model.logit_softcap, 30.0);
    let before = config.model.base_width;
    optional_ui(ui, refused, "model.base_width", &mut config.model.base_width, 64);
    if before.is_some() && config.model.base_width.is_none() {
        config.model.logit_divisor = 1.0;
    }
    form_ui(ui, config, refused, "model", &["tied_head", "bias.qkv", "bias.output", "bias.mlp", "bias.head"]);
}

fn beginning_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    form_ui(ui, config, refused, "model.dropout", &["embedding", "attention", "residual"]);
    form_ui(ui, config, refused, "model.init", &["std", "scale_residual"]);
}

fn batch_ui(ui: &mut Ui, refused: Option<&ErrorReport>, config: &mut RunConfig) {
    form_ui(ui, config, refused, "train", &["batch_size", "accumulate", "steps"]);
    let value = format::whole(config.tokens_per_step());
    stat_row(ui, "Tokens per step", &value, "batch size × context length × gradient accumulation");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_the_decoder_has_a_group_that_opens() {
        for path in ["layers", "heads", "norm.eps", "position.base", "mlp.hidden"] {
            let name = group_of_field(&format!("model.{path}")).unwrap();
            assert!(GROUPS.iter().any(|(group, ..)| *group == name), "{path}");
        }
        assert_eq!(group_of_field("train.batch_size"), Some("model batch"));
        assert_eq!(group_of_field("data.validation"), None);
    }
}
