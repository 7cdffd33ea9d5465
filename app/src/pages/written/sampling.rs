//! The weights that generate a text, and the sampling settings.

use super::*;

#[derive(Clone, Debug, Default)]
pub struct Sampling {
    pub source: WeightSource,
    pub config: GenerateConfig,
    /// Stop strings as typed, one per line.
    pub stop: String,
}

impl Sampling {
    /// The choices that a text was generated with.
    pub fn new(source: &WeightSource, config: &GenerateConfig) -> Self {
        let typed = |stop: &String| stop.replace('\n', "\\n");
        let stop = config.stop.iter().map(typed).collect::<Vec<_>>().join("\n");
        Self { source: source.clone(), config: config.clone(), stop }
    }

    pub fn settings(&self, seed: u64) -> GenerateConfig {
        let stop =
            self.stop.lines().filter(|line| !line.is_empty()).map(|line| line.replace("\\n", "\n")).collect();
        GenerateConfig { seed, stop, ..self.config.clone() }
    }

    /// Like [`settings`](Self::settings), with the person's moderation.
    pub fn moderated(&self, context: &Context<'_>, seed: u64) -> GenerateConfig {
        let has_classifier = context.state.projects.has_classifier();
        let moderation = Box::new(context.preferences.moderation.in_project(has_classifier));
        GenerateConfig { moderation, ..self.settings(seed) }
    }

    /// The rule that the settings break, if any.
    pub fn refused(&self) -> Option<ErrorReport> {
        self.settings(self.config.seed).validate().err().map(ErrorReport::from)
    }
}

/// A random seed of at most six digits, different from the one before.
pub fn drawn_seed(before: u64) -> u64 {
    let since = web_time::SystemTime::now().duration_since(web_time::UNIX_EPOCH);
    let nanoseconds = since.map_or(0, |since| u64::from(since.subsec_nanos()) ^ since.as_secs());
    // The multiplier of Steele and Vigna's generators spreads similar values.
    let mixed = (nanoseconds ^ before.rotate_left(32)).wrapping_mul(0xd134_2543_de82_ef95);
    let seed = (mixed >> 40) % 1_000_000;
    if seed == before { (seed + 1) % 1_000_000 } else { seed }
}

/// Draws all sampling settings. `locked` keeps the seed from text to text; a `given` seed cannot be changed.
pub fn sampling_ui(
    ui: &mut Ui,
    state: &State,
    sampling: &mut Sampling,
    locked: &mut bool,
    given: Option<u64>,
) {
    let quiet = Palette::of(ui).quiet;
    let refused = sampling.refused();
    ui.label("Weights");
    source_ui(ui, state, "Weights", &mut sampling.source);
    ui.add_space(space::TIGHT);
    let config = &mut sampling.config;
    let refused = refused.as_ref();
    narrowing_ui(ui, config, refused);
    let quiet_term = |ui: &mut Ui, name: &str| term(ui, name, Some(quiet));
    number_ui(ui, "max_tokens", &mut config.max_tokens, refused);
    ui.horizontal(|ui| {
        quiet_term(ui, "Seed");
        if let Some(seed) = given {
            // One seed, so that only the intended setting differs.
            ui.label(seed.to_string());
        } else {
            let typed = ui.add(DragValue::new(&mut config.seed).speed(0.1)).accessible_name("Seed");
            // A typed seed is kept.
            *locked |= typed.changed();
            let (icon, name) = match *locked {
                true => (icons::ICON_LOCK, "Draw a new seed for each text"),
                false => (icons::ICON_LOCK_OPEN, "Keep this seed"),
            };
            if icon_button(ui, true, icon, name) {
                *locked = !*locked;
            }
        }
    });
    let line = match *locked {
        true => "Kept: the same prompt gives the same text again.",
        false => "A new seed for each text.",
    };
    caption(ui, line);
}

/// Settings that narrow the choice of the next token.
pub fn narrowing_ui(ui: &mut Ui, config: &mut GenerateConfig, refused: Option<&ErrorReport>) {
    let quiet = Palette::of(ui).quiet;
    ui.spacing_mut().item_spacing.y = space::TIGHT;
    ui.spacing_mut().slider_width = (ui.available_width() - 80.0).max(80.0);
    for (name, path, value, range) in [
        ("Temperature", "temperature", &mut config.temperature, 0.0..=2.0),
        ("Top-p", "top_p", &mut config.top_p, 0.05..=1.0),
        ("Min-p", "min_p", &mut config.min_p, 0.0..=0.5),
        ("Repetition penalty", "repetition_penalty", &mut config.repetition_penalty, 0.8..=2.0),
    ] {
        term(ui, name, Some(quiet));
        let value = Slider::new(value, range).fixed_decimals(2).step_by(0.01);
        slider(ui, value).accessible_name(name);
        field_error(ui, path, refused);
    }
    number_ui(ui, "top_k", &mut config.top_k, refused);
}

pub fn stop_ui(ui: &mut Ui, stop: &mut String) {
    let quiet = Palette::of(ui).quiet;
    term(ui, "Stop strings", Some(quiet));
    ui.add(text_area("Stop strings", "One per line", 1, stop)).accessible_name("Stop strings");
}

fn number_ui(ui: &mut Ui, name: &str, value: &mut usize, refused: Option<&ErrorReport>) {
    let Some(setting) = GenerateConfig::setting(name) else { return };
    ui.horizontal(|ui| {
        term(ui, setting.title, Some(Palette::of(ui).quiet));
        ui.add(drag(Some(&setting), value)).accessible_name(setting.title);
    });
    field_error(ui, name, refused);
}
