//! Runs: a table of all runs, and the differences between chosen ones.

mod compare;
mod compress;
mod details;
mod export;
mod list;
mod text;

pub(super) use list::import_ui;

pub use text::WHAT;

use super::home;
use crate::pages::prelude::*;

#[derive(Debug, Default)]
pub struct RunsPage {
    list: list::List,
    chosen: BTreeSet<String>,
    asked: BTreeSet<(String, u64)>,
    compare: compare::Compare,
}

impl RunsPage {
    /// Opens a run's card.
    pub fn show(&mut self, run: String) {
        self.chosen = BTreeSet::from([run]);
    }
}

impl Page for RunsPage {
    fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let exported = context.asks.export.iter().map(|(run, _)| run.clone());
        let compressed = context.asks.compress.iter().map(|(run, _)| run.clone());
        for run in exported.chain(compressed).collect::<Vec<_>>() {
            super::train::want_history(context, &mut self.asked, &run);
        }
        export::ask_ui(ui, context);
        compress::ask_ui(ui, context);
        if context.state.runs.list.is_empty() {
            let (title, button) = match context.state.projects.open {
                Some(_) => ("No runs yet", "Go to Train"),
                None => ("No project is open", home::GROW),
            };
            if empty(ui, icons::ICON_TABLE_ROWS, title, text::EMPTY, button) {
                match context.state.projects.open {
                    Some(_) => *context.go = Some(PageName::Train),
                    None => home::grow_first_model(context),
                }
            }
            if context.state.projects.open.is_some() {
                ui.vertical_centered(|ui| list::import_ui(ui, context));
            }
            return;
        }
        let runs = &context.state.runs.list;
        self.chosen.retain(|name| runs.iter().any(|run| run.name == *name));
        self.list.ui(ui, context, &mut self.chosen);
        ui.add_space(space::LARGE);
        let chosen: Vec<_> =
            context.state.runs.list.iter().filter(|run| self.chosen.contains(&run.name)).cloned().collect();
        for run in &chosen {
            super::train::want_history(context, &mut self.asked, &run.name);
        }
        match chosen.as_slice() {
            [] => quiet_text(ui, text::CHOOSE),
            [one] => details::ui(ui, context, one),
            several => self.compare.ui(ui, context, several),
        }
    }

    fn for_project(self, _: bool) -> Self {
        Self { list: self.list, compare: self.compare, ..Self::default() }
    }

    fn models(&self) -> Models<'_> {
        Models::Runs(self.chosen.iter().map(String::as_str).collect())
    }
}
