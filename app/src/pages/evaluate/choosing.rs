//! The choice of runs, and the actions on them.

use super::*;
use crate::link::Chosen;

/// Number of runs offered before all are shown.
const LATEST: usize = 8;
/// Maximum characters of a run's name.
const LETTERS: usize = 48;

impl EvaluatePage {
    pub fn take_tasks(&mut self, files: Vec<Chosen>) {
        self.asking.take_tasks(files);
    }

    pub fn take_pairs(&mut self, files: Vec<Chosen>) {
        self.asking.take_pairs(files);
    }

    pub(super) fn choosing_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, runs: &[&RunSummary]) {
        card(ui, |ui| {
            head(ui, "Runs");
            self.runs_ui(ui, context, runs);
            ui.add_space(space::TIGHT);
            self.buttons_ui(ui, context, runs);
            if context.state.training.state != TrainingState::Idle {
                caption(ui, text::LEARNS);
            }
            self.settings_ui(ui, context);
        });
    }

    fn runs_ui(&mut self, ui: &mut Ui, context: &Context<'_>, runs: &[&RunSummary]) {
        let latest = runs.len().saturating_sub(LATEST);
        let full = self.chosen.len() >= MAX_RUNS;
        ui.horizontal_wrapped(|ui| {
            // Newest first.
            for (place, run) in runs.iter().enumerate().rev() {
                let mut on = self.chosen.contains(&run.name);
                if place < latest && !self.all_runs && !on {
                    continue;
                }
                let (colour, _) = run_colour(context.palette, &run.name);
                let name = format::shortened(&offered(run), LETTERS);
                let choice = ui.add_enabled(on || !full, Checkbox::new(&mut on, name));
                if on {
                    let line = choice.rect.x_range();
                    ui.painter().hline(line, choice.rect.bottom(), Stroke::new(2.0, colour));
                }
                let choice =
                    choice.on_disabled_hover_text("At most four runs can be compared: leave one out first");
                if choice.changed() {
                    self.choose(runs, &run.name, on);
                }
                ui.add_space(space::SMALL);
            }
            if latest > 0 && !self.all_runs {
                let words = format!("All {} runs", format::whole(runs.len() as u64));
                self.all_runs = quiet(ui, None, &words).clicked();
            }
        });
    }

    /// Selects or deselects a run; at least one stays selected.
    fn choose(&mut self, runs: &[&RunSummary], name: &str, on: bool) {
        let wanted = |run: &&RunSummary| if run.name == name { on } else { self.chosen.contains(&run.name) };
        let chosen: Vec<String> = runs.iter().copied().filter(wanted).map(|run| run.name.clone()).collect();
        if (1..=MAX_RUNS).contains(&chosen.len()) {
            (self.chosen, self.by_hand) = (chosen, true);
        }
    }

    fn buttons_ui(&self, ui: &mut Ui, context: &mut Context<'_>, runs: &[&RunSummary]) {
        let state = context.state;
        let lack = self.asking.lack();
        let free = state.evaluation.under_way.is_empty();
        let chosen = || runs.iter().copied().filter(|run| self.chosen.contains(&run.name));
        ui.horizontal_wrapped(|ui| {
            let ready = free && lack.is_none();
            if pressed(ui, ready, |ui| primary(ui, icons::ICON_FACT_CHECK, "Evaluate")) {
                for run in chosen() {
                    let text_of = self.text_of(runs, run);
                    let (command, bytes) = self.asking.evaluate(source_of(state, run), text_of);
                    context.outbox.send_with(command, bytes);
                }
            }
            if pressed(ui, free, |ui| plain(ui, icons::ICON_POLICY, "Audit")) {
                for run in chosen() {
                    context.outbox.send(self.asking.audit(source_of(state, run)));
                }
            }
            let known = chosen().filter(|run| state.evaluation.evaluations.contains_key(&run.name));
            let detailed = |run: &&RunSummary| Some(&run.name) == self.detail.as_ref();
            let run = known.clone().find(detailed).or_else(|| known.clone().next_back());
            let hint = "A self-contained page, also for printing";
            let card = |ui: &mut Ui| plain(ui, icons::ICON_SAVE, "Save card").on_hover_text(hint);
            let saves = pressed(ui, run.is_some(), card);
            if let Some(run) = run.filter(|_| saves) {
                context.asks.wish = Some(Wish::WriteCard { run: run.name.clone() });
            }
        });
        if let Some(lack) = lack {
            hint_line(ui, lack);
        }
    }

    /// The run whose text an imported model is evaluated on: the newest of the other chosen runs, so that both can be compared,
    /// else the newest run.
    fn text_of(&self, runs: &[&RunSummary], run: &RunSummary) -> Option<String> {
        if run.state != RunState::Imported {
            return None;
        }
        let with_text = || runs.iter().rev().filter(|other| other.state != RunState::Imported);
        let chosen = with_text().find(|other| self.chosen.contains(&other.name));
        chosen.or_else(|| with_text().next()).map(|other| other.name.clone())
    }

    fn settings_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        let notes = [self.asking.summary(), self.asking.audited()];
        let heads =
            [("evaluate:options", "What is evaluated"), ("evaluate:audit options", "What is audited")];
        for ((key, title), note) in heads.into_iter().zip(&notes) {
            if fold_row(ui, context.preferences, key, (title, note), false) {
                ui.push_id(key, |ui| match key {
                    "evaluate:options" => self.asking.evaluation_ui(ui, context),
                    _ => self.asking.audit_ui(ui, context),
                });
                ui.add_space(space::SMALL);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_to_four_can_be_looked_at() {
        let named = |number: usize| RunSummary { name: format!("{number}-a"), ..RunSummary::default() };
        let runs: Vec<RunSummary> = (1..=6).map(named).collect();
        let runs: Vec<&RunSummary> = runs.iter().collect();
        let mut page = EvaluatePage::default();
        page.follow(&runs);
        assert_eq!(page.chosen, ["6-a"], "the latest");
        page.follow(&runs[..5]);
        assert_eq!(page.chosen, ["5-a"]);
        page.choose(&runs, "5-a", false);
        assert_eq!(page.chosen, ["5-a"], "one stays");
        for name in ["2-a", "1-a", "6-a", "3-a"] {
            page.choose(&runs, name, true);
        }
        assert_eq!(page.chosen, ["1-a", "2-a", "5-a", "6-a"], "four at most, as the list has them");
        page.follow(&runs[..2]);
        assert_eq!(page.chosen, ["1-a", "2-a"], "those that are gone are not looked at");
        page.follow(&runs[3..]);
        assert_eq!(page.chosen, ["6-a"]);
        let other = RunSummary { for_comparison: true, ..named(7) };
        let mut page = EvaluatePage::default();
        page.follow(&[runs[0], &other]);
        assert_eq!(page.chosen, ["1-a"], "a model to compare with is not the latest");
        page.follow(&[&other]);
        assert_eq!(page.chosen, ["7-a"], "but where there is no other");
    }

    #[test]
    fn an_imported_model_is_evaluated_on_the_text_of_a_run_that_has_one() {
        let named = |name: &str, state: RunState| RunSummary {
            name: name.to_owned(),
            state,
            ..RunSummary::default()
        };
        let runs = [
            named("1-a", RunState::Finished),
            named("2-b", RunState::Finished),
            named("3-gpt2", RunState::Imported),
            named("4-other", RunState::Imported),
        ];
        let runs: Vec<&RunSummary> = runs.iter().collect();
        let mut page = EvaluatePage { chosen: vec!["3-gpt2".to_owned()], ..EvaluatePage::default() };
        assert_eq!(page.text_of(&runs, runs[2]).as_deref(), Some("2-b"));
        page.chosen = vec!["1-a".to_owned(), "3-gpt2".to_owned()];
        assert_eq!(page.text_of(&runs, runs[2]).as_deref(), Some("1-a"), "both are to be compared");
        assert_eq!((page.text_of(&runs, runs[0]), page.text_of(&runs[2..], runs[2])), (None, None));
    }
}
