//! Home: the first step, and the list of projects.

mod cards;
mod text;

pub use text::WHAT;

use super::learn::NextLessons;
use super::train;
use crate::link;
use crate::pages::prelude::*;
use glasshouse_protocol::presets::FIRST_SECONDS;

/// Label of the button that trains a first model.
pub const GROW: &str = "Grow your first model";
/// Label of the button that creates an empty project.
const NEW: &str = "New project";

#[derive(Debug, Default)]
pub struct HomePage {
    cards: cards::Cards,
    lessons: NextLessons,
    /// The name of a new project, while it is typed.
    naming: Option<String>,
}

impl Page for HomePage {
    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let resumes = resume_ui(ui, context);
        let width = ui.available_width();
        if width > 760.0 {
            let left = theme::PROSE.min(width * 0.55);
            let widths = [left, width - left - space::SECTION];
            columns_ui(ui, space::SECTION, &widths, |ui, place| match place {
                0 => first_step_ui(ui, context, &mut self.naming, resumes),
                _ => own_text_ui(ui, context),
            });
        } else {
            first_step_ui(ui, context, &mut self.naming, resumes);
            ui.add_space(space::SMALL);
            own_text_ui(ui, context);
        }
        self.naming_ui(ui, context);
        ui.add_space(space::PAGE);
        self.projects_ui(ui, context);
        if context.state.projects.listed {
            ui.add_space(space::PAGE);
            self.lessons.ui(ui, context);
        }
    }

    fn for_project(self, _: bool) -> Self {
        self
    }
}

impl HomePage {
    /// Asks for the name of a new project, and creates it.
    fn naming_ui(&mut self, ui: &Ui, context: &mut Context<'_>) {
        let mut entered = false;
        let decision = question(ui.ctx(), "new project", 360.0, &mut self.naming, |ui, name| {
            section(ui, NEW);
            let field = line_edit(ui, "Project name", "My project", ui.available_width(), name);
            entered = field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            if ui.memory(|memory| memory.focused().is_none()) {
                field.request_focus();
            }
            quiet_text(ui, "It begins without text, runs or settings of other projects.");
            (Some(icons::ICON_CREATE_NEW_FOLDER), "Create", !name.trim().is_empty())
        });
        let named = |name: &String| !name.trim().is_empty();
        let entered = if entered { self.naming.take_if(|name| named(name)) } else { None };
        let agreed = decision.filter(|(_, agrees)| *agrees).map(|(name, _)| name);
        if let Some(name) = agreed.or(entered) {
            context.outbox.send(Command::create(name.trim()));
            *context.go = Some(PageName::Data);
        }
    }

    fn projects_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        if !context.state.projects.listed {
            working(ui, text::STARTING, None, None);
            return;
        }
        let any = context.state.projects.list.iter().any(|project| !project.deleted);
        section(ui, "Projects");
        ui.add_space(space::SMALL);
        if any {
            self.cards.ui(ui, context);
        } else {
            quiet_text(ui, text::NO_PROJECTS);
        }
        if let Some(engine) = context.state.engine.as_ref().filter(|engine| !engine.storage.lasting) {
            ui.add_space(space::MEDIUM);
            hint_line(ui, &format!("{} ({})", text::NOT_KEPT, engine.storage.place));
        }
    }
}

/// [`FIRST_SECONDS`] in words.
const FIRST_TAKES: &str = "about three minutes";

/// Continues the open project's latest run if its tab or program ended while it trained. Returns whether it did.
fn resume_ui(ui: &mut Ui, context: &mut Context<'_>) -> bool {
    let run = context.state.runs.latest().filter(|run| run.state == RunState::Interrupted);
    let Some(run) = run.filter(|_| !train::busy(context)).cloned() else { return false };
    let at = format!("{} of {}", format::whole(run.step), format::whole(run.steps));
    ui.horizontal(|ui| {
        if primary(ui, icons::ICON_PLAY_ARROW, "Resume").clicked() {
            let name = Some(run.name.clone());
            context.outbox.send(Command::Resume { run: name, launch: RunLaunch::default() });
            *context.go = Some(PageName::Train);
        }
        ui.add(Label::new(format!("{} was interrupted at step {at}.", run.name)).wrap());
    });
    ui.add_space(space::SECTION);
    true
}

/// The first step, the page's main action unless a run `resumes`, and next to it a project of one's own for returning users.
fn first_step_ui(ui: &mut Ui, context: &mut Context<'_>, naming: &mut Option<String>, resumes: bool) {
    let ready = context.state.engine.is_some();
    // Until the projects are listed, both buttons are drawn, so that they stay in place.
    let projects = &context.state.projects;
    let began = !projects.listed || projects.list.iter().any(|project| !project.deleted);
    ui.add_enabled_ui(ready, |ui| {
        if !began {
            if hero(ui, icons::ICON_POTTED_PLANT, GROW, FIRST_TAKES).clicked() {
                grow_first_model(context);
            }
            return;
        }
        let each = if ui.available_width() < 420.0 { 1 } else { 2 };
        let width = ((ui.available_width() - space::MEDIUM * (each - 1) as f32) / each as f32).floor();
        let buttons = |ui: &mut Ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(space::MEDIUM);
            let tall = column(ui, width, |ui| {
                let grow = match resumes {
                    true => hero_plain(ui, icons::ICON_POTTED_PLANT, GROW, FIRST_TAKES, 0.0),
                    false => hero(ui, icons::ICON_POTTED_PLANT, GROW, FIRST_TAKES),
                };
                if grow.clicked() {
                    grow_first_model(context);
                }
                grow.rect.height()
            });
            column(ui, width, |ui| {
                let text = "for your own text";
                if hero_plain(ui, icons::ICON_CREATE_NEW_FOLDER, NEW, text, tall).clicked() {
                    naming.get_or_insert_default();
                }
            });
        };
        // Align the tops, however many lines the labels take.
        match each {
            1 => ui.vertical(buttons),
            _ => ui.horizontal_top(buttons),
        };
    });
}

fn own_text_ui(ui: &mut Ui, context: &mut Context<'_>) {
    head(ui, "Or start with your own text");
    quiet_text(ui, text::DROP);
    ui.horizontal_wrapped(|ui| {
        if plain(ui, icons::ICON_DESCRIPTION, "Choose texts").clicked() {
            context.asks.wish = Some(Wish::AddDocuments);
        }
        if link::FOLDERS && plain(ui, icons::ICON_FOLDER_OPEN, "Choose a folder").clicked() {
            context.asks.wish = Some(Wish::AddFolder);
        }
        if plain(ui, icons::ICON_FILE_OPEN, "Open a project file").clicked() {
            context.asks.wish = Some(Wish::ImportProject);
        }
        if link::FOLDERS && plain(ui, icons::ICON_DRIVE_FILE_MOVE, "Open a project folder").clicked() {
            context.asks.wish = Some(Wish::OpenProjectFolder);
        }
    });
}

/// Creates a project with the built-in stories, starts a first training run in it, and opens the Train page.
pub fn grow_first_model(context: &mut Context<'_>) {
    let project = "My first model".to_owned();
    context.outbox.send(Command::TrainFirst { project, seconds: FIRST_SECONDS });
    *context.go = Some(PageName::Train);
}
