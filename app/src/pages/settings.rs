//! Settings: device, look, keys, storage.

#[cfg(feature = "command-line")]
mod serve;
mod text;

pub use text::WHAT;

use crate::pages::prelude::*;
use crate::preferences::ThemeChoice;

/// Width in points from which a column holds the widest row.
const TWO_COLUMNS: f32 = 760.0;
/// Keyboard shortcuts and their effects (`app/keys.rs`).
const SHORTCUTS: [(&str, &str); 7] = [
    ("1 … 9, or Ctrl + 1 … 9", "Open a page, in the order of the rail"),
    ("Ctrl + comma", "Open Settings"),
    ("Tab, Shift + Tab", "Go to the next or the previous control"),
    ("Space, Enter", "Press the control"),
    ("Arrow keys", "Change a slider, move in a text"),
    ("P", "Pause training, or continue"),
    ("Ctrl + plus, Ctrl + minus, Ctrl + 0", "Larger text, smaller text, text as designed"),
];

#[derive(Debug, Default)]
pub struct SettingsPage {
    listed: bool,
}

impl Page for SettingsPage {
    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        if !self.listed && context.state.engine.is_some() {
            self.listed = true;
            context.outbox.send(Command::ListDevices);
        }
        let mut part = |ui: &mut Ui, column: usize| {
            ui.spacing_mut().item_spacing.y = space::LARGE;
            if column == 0 {
                device_ui(ui, context);
                #[cfg(feature = "command-line")]
                serve::serve_ui(ui, context);
                storage_ui(ui, context);
            } else {
                look_ui(ui, context);
                keys_ui(ui, context);
                about_ui(ui, context);
            }
        };
        if ui.available_width() < TWO_COLUMNS {
            (0..2).for_each(|column| part(ui, column));
        } else {
            halves(ui, space::LARGE, part);
        }
    }

    fn for_project(self, _: bool) -> Self {
        self
    }
}

fn group(ui: &mut Ui, title: &str, contents: impl FnOnce(&mut Ui)) {
    card(ui, |ui| {
        ui.spacing_mut().item_spacing.y = space::SMALL;
        section(ui, title);
        contents(ui);
    });
}

fn device_ui(ui: &mut Ui, context: &mut Context<'_>) {
    group(ui, "Device", |ui| {
        let Some(engine) = &context.state.engine else {
            return quiet_text(ui, "The engine is starting.");
        };
        let mut chosen = None;
        let shown = if engine.automatic { "auto" } else { &engine.device.request };
        let why = if engine.automatic { &*format::capitalized(&engine.device.why) } else { text::AUTO };
        if radio(ui, engine.automatic, "Automatic", why) {
            chosen = Some("auto".to_owned());
        }
        for device in &context.state.devices {
            let detail = describe(device);
            if radio(ui, shown == device.request, &device.name, &detail) {
                chosen = Some(device.request.clone());
            }
        }
        if context.state.devices.is_empty() {
            quiet_text(ui, "Looking for devices");
        }
        // The shown one may stand in for a preferred device that is gone.
        if let Some(device) = chosen.filter(|it| it != shown || *it != context.preferences.device) {
            context.preferences.device.clone_from(&device);
            context.outbox.send(Command::ChooseDevice { device });
        }
        ui.add_space(space::TIGHT);
        let has_f16 = engine.device.mixed_precision;
        if !has_f16 && context.draft.train.precision == Precision::F32 {
            return quiet_text(ui, text::NO_MIXED_PRECISION);
        }
        quiet_text(ui, "Precision of the next run and of new projects");
        for (precision, text) in Precision::ALL.into_iter().zip(Precision::TEXTS) {
            let is_missing = precision == Precision::Mixed && !has_f16;
            let detail = if is_missing { text::NOT_HERE.to_owned() } else { text.help() };
            if radio(ui, context.draft.train.precision == precision, text.title, &detail) {
                context.preferences.precision = precision;
                context.draft.train.precision = precision;
                if let Some(tune) = &mut context.drafts.tune {
                    tune.train.precision = precision;
                }
            }
        }
    });
}

fn describe(device: &DeviceSummary) -> String {
    let kind = match device.kind {
        DeviceType::Cpu => "Runs on the processor's cores",
        DeviceType::Software => "Software rendering, for tests: slower than the CPU device",
        DeviceType::Gpu => "GPU",
    };
    let memory = device.memory.map(|memory| format!(" · {} for a model", format::bytes(memory)));
    format!("{kind}{}\n{}", memory.unwrap_or_default(), device.details)
}

fn look_ui(ui: &mut Ui, context: &mut Context<'_>) {
    group(ui, "Appearance", |ui| {
        let preferences = &mut *context.preferences;
        field(ui, "Theme", "theme", None, |ui| {
            let choices =
                [(ThemeChoice::System, "System"), (ThemeChoice::Dark, "Dark"), (ThemeChoice::Light, "Light")];
            segmented(ui, &mut preferences.theme, &choices);
        });
        field(ui, "Text size", "scale", None, |ui| {
            // Applied on release: a slider that scales itself while dragged runs away from the pointer.
            let id = ui.scope_id().with("scale");
            let mut scale = ui.data(|data| data.get_temp::<f32>(id)).unwrap_or(preferences.scale);
            let slider = Slider::new(&mut scale, 0.8..=2.0)
                .step_by(0.1)
                .show_value(false)
                .custom_formatter(|value, _| format!("{:.0} %", value * 100.0));
            let response = widgets::slider(ui, slider).accessible_name("Text size");
            ui.label(format!("{:.0} %", scale * 100.0));
            if response.dragged() {
                ui.data_mut(|data| data.insert_temp(id, scale));
            } else {
                ui.data_mut(|data| data.remove_temp::<f32>(id));
                preferences.scale = scale;
            }
        });
        field(ui, "Losses in", "loss unit", None, |ui| {
            let choices = [(LossUnit::Nats, "Nats"), (LossUnit::Bits, "Bits per byte")];
            segmented(ui, &mut preferences.loss_unit, &choices);
        });
        quiet_text(ui, text::LANGUAGE);
    });
}

fn storage_ui(ui: &mut Ui, context: &mut Context<'_>) {
    group(ui, "Storage", |ui| {
        let Some(engine) = &context.state.engine else {
            return quiet_text(ui, "The engine is starting.");
        };
        let storage = &engine.storage;
        ui.add(Label::new(&storage.place).wrap().selectable(true));
        if let Some(used) = storage.used {
            let value = match storage.quota {
                Some(quota) => format!("{} of {}", format::bytes(used), format::bytes(quota)),
                None => format::bytes(used),
            };
            stat_row(ui, "Used", &value, &format!("{used} bytes"));
            if let Some(quota) = storage.quota.filter(|quota| *quota > 0) {
                progress_bar(ui, used as f32 / quota as f32, ui.available_width());
            }
        }
        quiet_text(ui, if storage.lasting { text::LASTING } else { text::NOT_LASTING });
    });
}

fn keys_ui(ui: &mut Ui, context: &mut Context<'_>) {
    group(ui, "Keyboard", |ui| {
        let single = &mut context.preferences.single_keys;
        switch_line(ui, single, "Single keys open pages and pause training");
        let palette = theme::Palette::of(ui);
        for (keys, meaning) in SHORTCUTS {
            ui.horizontal_top(|ui| {
                let room = 170.0;
                ui.allocate_ui(Vec2::new(room, 0.0), |ui| {
                    ui.set_width(room);
                    ui.add(Label::new(RichText::new(keys).text_style(theme::strong())).wrap());
                });
                ui.add(Label::new(RichText::new(meaning).color(palette.quiet)).wrap());
            });
        }
    });
}

fn about_ui(ui: &mut Ui, context: &Context<'_>) {
    group(ui, "About", |ui| {
        let version =
            context.state.engine.as_ref().map_or(env!("CARGO_PKG_VERSION"), |engine| &engine.app_version);
        ui.label(format!("Glasshouse {version}"));
        quiet_text(ui, text::ABOUT);
        ui.hyperlink_to("Source, licence and questions", env!("CARGO_PKG_REPOSITORY"));
    });
}
