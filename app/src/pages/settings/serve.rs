//! The switch of the API server, which lets other programs use this window's engine.

use super::*;
use std::time::Duration;

pub fn serve_ui(ui: &mut Ui, context: &mut Context<'_>) {
    group(ui, "API server", |ui| {
        quiet_text(ui, text::SERVE);
        let serving = &context.asks.serving;
        let on = serving.is_on();
        ui.horizontal(|ui| {
            if switch(ui, on, "API server").clicked() {
                context.asks.serve = Some(!on);
            }
            ui.label(match on {
                true if serving.starting => "Starting…",
                true => "On, until the window closes",
                false => "Off",
            });
        });
        if let Some(refused) = &serving.refused {
            ui.add(Label::new(RichText::new(refused).color(context.palette.failure)).wrap());
        }
        if let Some(address) = &serving.address {
            ui.horizontal_wrapped(|ui| {
                let shown = RichText::new(address).text_style(TextStyle::Monospace);
                ui.add(Label::new(shown).selectable(true));
                if quiet(ui, icons::ICON_CONTENT_COPY, "Copy").clicked() {
                    ui.ctx().copy_text(address.clone());
                }
            });
            ui.add_space(space::TIGHT);
            let trains = context.state.training.state != TrainingState::Idle;
            let project = context.state.projects.open.is_some();
            let words = match (project, trains) {
                (false, _) => text::SERVES_NOTHING,
                (true, true) => text::SERVES_BETWEEN_STEPS,
                (true, false) => text::SERVES,
            };
            quiet_text(ui, words);
        }
        access_ui(ui, context, on);
        ui.add_space(space::TIGHT);
        let serving = &context.asks.serving;
        let found = on.then(|| format::moderated(&serving.moderated));
        moderation_ui(ui, context);
        if context.preferences.moderation.mode != ModerationMode::Off {
            quiet_text(ui, text::MODERATES);
            if let Some(found) = found {
                let found = if found.is_empty() { "nothing" } else { &found };
                quiet_text(ui, format!("Found in answers so far: {found}."));
                // Update the counts while nothing else causes a repaint.
                ui.ctx().request_repaint_after(Duration::from_secs(1));
            }
        }
    });
}

/// The port, and who may send requests. Changes apply from the next start.
fn access_ui(ui: &mut Ui, context: &mut Context<'_>, on: bool) {
    let chosen = &mut context.preferences.serving;
    ui.horizontal(|ui| {
        ui.label("Port");
        ui.add(DragValue::new(&mut chosen.port).speed(1.0)).accessible_name("Port");
        quiet_text(ui, "0 is 8080, or any free one");
    });
    let field = |ui: &mut Ui, name: &str, hint: &str, text: &mut String, secret: bool| {
        ui.label(name);
        let width = ui.available_width().min(theme::PROSE / 2.0);
        let field = TextEdit::singleline(text).hint_text(hint).password(secret).desired_width(width);
        ui.add(field).accessible_name(name);
    };
    field(ui, "Token", "None: every program on this machine may send requests", &mut chosen.token, true);
    field(ui, "Web pages", "None; or an origin such as http://localhost:3000", &mut chosen.cors, false);
    let is_new = *chosen != context.asks.serving.chosen;
    if on && pressed(ui, is_new, |ui| plain(ui, icons::ICON_REFRESH, "Apply")) {
        context.asks.serve = Some(true);
    }
}
