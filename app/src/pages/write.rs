//! Write: generates text. A click on any token shows the candidates at that position, and an alternative can be continued from
//! there. Two columns compare two sources or settings with the same seed.

mod column;

use super::written::{another_source, drawn_seed, named_run, sampling_ui, silence, stop_ui};
use crate::pages::prelude::*;
use column::Column;

pub const WHAT: &str = "The model writes one token at a time: it gives every token of its vocabulary a probability, the settings narrow the choice, and \
    one token is drawn. Write a beginning and press Enter; then click any token to see its alternatives and continue from one of them.";

#[derive(Debug)]
pub struct WritePage {
    prompt: String,
    columns: [Column; 2],
    /// The second column is shown.
    comparing: bool,
    /// Index of the column whose settings are shown.
    setting: usize,
    /// The seed stays the same from text to text; otherwise each draws a new one.
    locked: bool,
}

impl Default for WritePage {
    fn default() -> Self {
        Self {
            prompt: "Once upon a time".to_owned(),
            columns: Default::default(),
            comparing: false,
            setting: 0,
            locked: false,
        }
    }
}

impl Page for WritePage {
    fn needs(&self) -> Needs {
        Needs::Model(
            "Write needs a model, and models belong to a project. The sample project includes a trained one.",
            "Train for a minute, then read the model's first text here, even during training.",
        )
    }

    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        if let Some(source) = context.asks.weights.take() {
            self.columns[0].sampling.source = source;
        }
        let shown = if self.comparing { 2 } else { 1 };
        for column in self.columns.iter_mut().take(shown) {
            column.ask(ui, context);
        }
        let width = ui.available_width();
        if Breakpoint::of(width) == Breakpoint::Phone {
            self.prompt_ui(ui, context);
            self.columns_ui(ui, context);
            self.settings_ui(ui, context);
        } else {
            let right = 248.0;
            columns_ui(ui, space::LARGE, &[width - right - space::LARGE, right], |ui, place| match place {
                0 => {
                    self.prompt_ui(ui, context);
                    self.columns_ui(ui, context);
                }
                _ => self.settings_ui(ui, context),
            });
        }
    }

    fn for_project(self, _: bool) -> Self {
        Self { prompt: self.prompt, locked: self.locked, ..Self::default() }
    }

    fn models(&self) -> Models<'_> {
        Models::Weights(named_run(&self.columns[0].sampling.source).into_iter().collect())
    }

    fn dot(&self, state: &State) -> Option<Dot> {
        state.writing.is_writing(false).then_some(Dot::Running)
    }
}

impl WritePage {
    fn prompt_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        card(ui, |ui| {
            let hint = "How does the text begin?";
            let (_, entered) = composer(ui, "Prompt", hint, true, &mut self.prompt);
            ui.horizontal_wrapped(|ui| {
                let writing = self.shown().any(|column| column.is_writing(context.state));
                let valid = self.shown().all(|Column { sampling, .. }| {
                    sampling.refused().is_none() && silence(&sampling.source, context.state).is_none()
                });
                // Both buttons share one place, so that the layout does not jump.
                let pressed = if writing {
                    if plain(ui, icons::ICON_STOP, "Stop").clicked() {
                        self.stop(context);
                    }
                    false
                } else {
                    widgets::pressed(ui, valid, |ui| primary(ui, icons::ICON_EDIT, "Write"))
                };
                let name = if self.comparing { "One column" } else { "Compare" };
                if plain(ui, icons::ICON_COMPARE, name).clicked() {
                    self.compare(context);
                }
                if Breakpoint::of(ui.ctx().content_rect().width()) == Breakpoint::Desktop {
                    quiet_text(ui, "Enter writes, Shift+Enter starts a new line");
                }
                if (pressed || entered && !writing) && valid {
                    let prompt = self.prompt.clone();
                    self.write(context, &prompt, None);
                }
            });
        });
    }

    fn shown(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().take(if self.comparing { 2 } else { 1 })
    }

    /// Opens or closes the second column. It starts with the first one's settings and other weights, or, without others, another
    /// temperature.
    fn compare(&mut self, context: &Context<'_>) {
        self.comparing = !self.comparing;
        self.setting = usize::from(self.comparing);
        if self.comparing {
            let [first, second] = &mut self.columns;
            *second = first.like();
            match another_source(&first.sampling.source, context.state) {
                Some(source) => second.sampling.source = source,
                None => {
                    let before = first.sampling.config.temperature;
                    second.sampling.config.temperature = if before > 0.0 { 0.0 } else { 0.8 };
                }
            }
        }
    }

    /// Continues a text, in one column or in all visible ones.
    fn write(&mut self, context: &mut Context<'_>, prompt: &str, only: Option<usize>) {
        let seed = &mut self.columns[0].sampling.config.seed;
        if !self.locked && only.is_none() {
            *seed = drawn_seed(*seed);
        }
        let seed = *seed;
        let shown = if self.comparing { 2 } else { 1 };
        for (place, column) in self.columns.iter_mut().enumerate().take(shown) {
            if only.is_none_or(|only| only == place) {
                column.write(context, prompt, seed);
            }
        }
    }

    fn stop(&self, context: &mut Context<'_>) {
        for column in self.shown().filter(|column| column.is_writing(context.state)) {
            if let Some(request) = column.request {
                context.outbox.send(Command::Cancel { request });
            }
        }
    }

    fn columns_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let mut on = None;
        if !self.comparing {
            on = self.columns[0].ui(ui, context, "first").map(|prompt| (0, prompt));
        } else {
            halves(ui, space::LARGE, |ui, place| {
                let name = if place == 0 { "first" } else { "second" };
                if let Some(column) = self.columns.get_mut(place) {
                    on = column.ui(ui, context, name).map(|prompt| (place, prompt)).or(on.take());
                }
            });
        }
        if let Some((place, prompt)) = on {
            self.write(context, &prompt, Some(place));
        }
    }

    fn settings_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        card(ui, |ui| {
            if self.comparing {
                segmented(ui, &mut self.setting, &[(0, "First column"), (1, "Second")]);
            } else {
                self.setting = 0;
            }
            let [first, second] = &mut self.columns;
            let seed = first.sampling.config.seed;
            let (column, given) = if self.setting == 1 { (second, Some(seed)) } else { (first, None) };
            sampling_ui(ui, context.state, &mut column.sampling, &mut self.locked, given);
            if self.comparing {
                caption(ui, "Both columns use the same seed.");
            }
            stop_ui(ui, &mut column.sampling.stop);
            ui.add_space(space::TIGHT);
            moderation_ui(ui, context);
        });
    }
}
