//! The top bar: page, model, device, and the run with its progress. The pause button is always visible.

use super::App;
use crate::format::capitalized;
use crate::pages::prelude::*;
use egui::Align;

impl App {
    pub(super) fn top_bar_ui(&mut self, ui: &mut Ui) {
        let narrow = is_narrow(ui);
        let side = if narrow { 16 } else { 28 };
        let margin = Margin { left: side, right: side, top: 10, bottom: 2 };
        Frame::new().inner_margin(margin).show(ui, |ui| {
            let size = Vec2::new(ui.available_width(), 40.0);
            ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
                ui.set_min_size(size);
                ui.spacing_mut().item_spacing.x = space::SMALL;
                self.page_title_ui(ui);
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    self.run_chip_ui(ui, narrow);
                    self.device_chip_ui(ui, narrow);
                    self.work_chip_ui(ui, narrow);
                    if !narrow {
                        self.model_line_ui(ui);
                    }
                });
            });
        });
    }

    /// The page's model in a few words; the number of models if there are several.
    fn model_line_ui(&self, ui: &mut Ui) {
        let line = match self.shown_runs().as_slice() {
            [run] => format!("{} · {} · {}", run.name, run.shape, format::count(run.parameters)),
            [] if self.state.projects.open.is_none() => return,
            [] => {
                let draft = self.drafts.of(self.page.draft());
                let parameters =
                    self.state.planning.plan.as_ref().filter(|(config, _)| config.model == draft.model);
                let size = parameters.map(|(_, plan)| format!(" · {}", format::count(plan.parameters)));
                let (shape, size) = (draft.model.shape(), size.unwrap_or_default());
                match self.page.draft() {
                    DraftOf::Tune if draft.start.is_none() => "fine-tune: choose a base model".to_owned(),
                    DraftOf::Search => format!("search: {} · {shape}{size}", self.drafts.search.base_name()),
                    DraftOf::Train | DraftOf::Tune => format!("{} · {shape}{size}", draft.beginning()),
                }
            }
            several => format::counted(several.len() as u64, "run"),
        };
        let quiet = Palette::of(ui).quiet;
        let label = Label::new(RichText::new(&line).color(quiet)).truncate();
        ui.add(label).on_hover_text(line);
    }

    /// The runs of [`Models`] that exist; none on pages about the next run.
    fn shown_runs(&self) -> Vec<&RunSummary> {
        let (state, training) = (&self.state, &self.state.training);
        let (chosen, of_weights) = match self.pages.get(self.page).models() {
            Models::Next => return Vec::new(),
            Models::Weights(chosen) => (chosen, true),
            Models::Runs(chosen) => (chosen, false),
        };
        let chosen: Vec<&RunSummary> =
            state.runs.list.iter().filter(|run| chosen.contains(&run.name.as_str())).collect();
        if !chosen.is_empty() {
            return chosen;
        }
        let goes_on = training.state != TrainingState::Idle || self.page == PageName::Train;
        let shown = match of_weights {
            true => state.current_run(),
            false => training.run.as_ref().filter(|_| goes_on).or(state.runs.latest()),
        };
        shown.into_iter().collect()
    }

    /// The device; a click shows why it was selected.
    fn device_chip_ui(&mut self, ui: &mut Ui, narrow: bool) {
        let Some(engine) = &self.state.engine else {
            let quiet = Palette::of(ui).quiet;
            ui.label(RichText::new("Starting the engine").color(quiet));
            return;
        };
        let device = &engine.device;
        let kind = match device.kind {
            DeviceType::Cpu => "CPU",
            DeviceType::Software => "Software",
            DeviceType::Gpu => "GPU",
        };
        let name = format::shortened(&device.name, 28);
        let response = if narrow {
            widgets::icon_button(ui, icons::ICON_MEMORY, &format!("Device: {}", device.name))
        } else {
            let words =
                if device.kind == DeviceType::Cpu { kind.to_owned() } else { format!("{kind} {name}") };
            plain(ui, icons::ICON_MEMORY, &words)
        };
        let label = format!("Device: {}", device.name);
        response.widget_info(|| WidgetInfo::labeled(Role::Button, true, &label));
        let mut settings = false;
        Popup::menu(&response).width(320.0).show(|ui| {
            ui.set_max_width(320.0);
            ui.spacing_mut().item_spacing.y = space::SMALL;
            let quiet = Palette::of(ui).quiet;
            ui.label(RichText::new(&device.name).text_style(theme::strong()));
            ui.add(Label::new(&device.why).wrap());
            ui.add(Label::new(RichText::new(&device.details).color(quiet)).wrap());
            if let Some(memory) = device.memory {
                ui.label(RichText::new(format!("{} for a model", format::bytes(memory))).color(quiet));
            }
            settings = plain(ui, None, "Choose another device").clicked();
        });
        if settings {
            self.page = PageName::Settings;
        }
    }

    /// A long-running task of the engine with its progress and a cancel button, unless the open page shows that task itself.
    fn work_chip_ui(&mut self, ui: &mut Ui, narrow: bool) {
        let shown_by_page = |request: &u64| match self.state.waiting.get(request) {
            Some(Command::Clean | Command::FetchCorpus { .. }) => self.page == PageName::Data,
            Some(Command::Evaluate { .. } | Command::Audit { .. }) => self.page == PageName::Evaluate,
            Some(Command::Train { .. } | Command::TrainFirst { .. } | Command::Resume { .. }) => {
                matches!(self.page, PageName::Train | PageName::Lab)
            }
            Some(Command::Fit(Fit::LearningRate { .. })) => self.page == PageName::Lab,
            Some(Command::TrainDictionary { .. }) => self.page == PageName::Features,
            _ => false,
        };
        let mut others = self.state.underway.iter().filter(|(request, _)| !shown_by_page(request));
        let Some((request, (work, share))) = others.next() else { return };
        let words = match share {
            Some(share) => format!("{} · {:.0} %", capitalized(work), share * 100.0),
            None => capitalized(work),
        };
        let palette = Palette::of(ui);
        let frame = Frame::new().fill(palette.raised).corner_radius(theme::CONTROL_CORNER + 2);
        let mut pressed = false;
        frame.inner_margin(Margin { left: 12, right: 4, top: 2, bottom: 2 }).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().interact_size.y = theme::CONTROL;
                // The end of the bar is laid out from right to left.
                pressed = widgets::icon_button(ui, icons::ICON_CLOSE, &format!("Cancel: {work}")).clicked();
                if let (Some(share), false) = (share, narrow) {
                    progress_bar(ui, *share as f32, 56.0);
                }
                if !narrow {
                    ui.add(Label::new(&words).truncate());
                }
                ui.add(egui::Spinner::new().size(16.0)).on_hover_text(words);
            });
        });
        if pressed {
            let request = *request;
            self.outbox.send(Command::Cancel { request });
        }
    }

    /// The run's progress, and a button to pause or resume it.
    fn run_chip_ui(&mut self, ui: &mut Ui, narrow: bool) {
        let training = &self.state.training;
        let (icon, name, command) = match training.state {
            TrainingState::Idle => return,
            TrainingState::Running => (icons::ICON_PAUSE, "Pause", Some(Command::Steer(Steer::Pause))),
            TrainingState::Paused => {
                (icons::ICON_PLAY_ARROW, "Continue", Some(Command::Steer(Steer::Continue)))
            }
            TrainingState::Preparing => (icons::ICON_PROGRESS_ACTIVITY, "Preparing", None),
            TrainingState::Stopping => (icons::ICON_PROGRESS_ACTIVITY, "Stopping", None),
        };
        let run = training.run.as_ref();
        let share = run.map_or(0.0, RunSummary::share);
        let words = match training.state {
            TrainingState::Preparing => "preparing".to_owned(),
            TrainingState::Stopping => "saving".to_owned(),
            _ if narrow => format!("{:.0} %", share * 100.0),
            _ => run.map_or_else(String::new, RunSummary::progress),
        };
        let palette = Palette::of(ui);
        let mut pressed = false;
        let mut go = false;
        let frame = Frame::new().fill(palette.raised).corner_radius(theme::CONTROL_CORNER + 2);
        frame.inner_margin(Margin { left: 4, right: 12, top: 2, bottom: 2 }).show(ui, |ui| {
            // The end of the bar is laid out from right to left.
            ui.horizontal(|ui| {
                ui.spacing_mut().interact_size.y = theme::CONTROL;
                // Reserve the width of the last step's number, so that the bar does not move.
                let most = format::whole(training.steps());
                let font = TextStyle::Body.resolve(ui.style());
                let widest = if narrow { "100 %".to_owned() } else { format!("{most} / {most}") };
                let size = Vec2::new(text_width(ui, &widest, &font), theme::CONTROL);
                let layout = Layout::right_to_left(Align::Center);
                ui.allocate_ui_with_layout(size, layout, |ui| {
                    ui.set_min_width(size.x);
                    let label = Label::new(words).sense(Sense::click());
                    go = ui.add(label).on_hover_text("Go to Train").clicked();
                });
                if !narrow {
                    progress_bar(ui, share, 72.0);
                }
                match &command {
                    Some(_) => pressed = widgets::icon_button(ui, icon, name).clicked(),
                    None => {
                        ui.label(icon.rich_text().size(18.0).color(palette.quiet));
                    }
                }
            });
        });
        if go {
            self.page = PageName::Train;
        }
        if let Some(command) = command.filter(|_| pressed) {
            self.outbox.send(command);
        }
    }
}
