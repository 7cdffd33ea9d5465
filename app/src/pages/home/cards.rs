//! Project cards: a small loss curve, the last sentence, and the actions.

use crate::pages::prelude::*;
use crate::theme::CARD_CORNER;
use egui::UiBuilder;

/// Minimum and maximum card width in points.
const CARD_WIDTHS: [f32; 2] = [264.0, 840.0];
const HEIGHTS: [f32; 2] = [172.0, 40.0];
/// Card widths on pages with room for a third column ([`WIDE`]).
const WIDE_CARD_WIDTHS: [f32; 2] = [400.0, 1200.0];
const WIDE_HEIGHTS: [f32; 2] = [260.0, 120.0];
/// Number of points of a small curve.
const CURVE: usize = 60;

#[derive(Debug, Default)]
pub struct Cards {
    /// The project being renamed, and the typed name.
    renaming: Option<(String, String)>,
    /// The best run, and [`Runs::revision`], when the projects were last listed for a card.
    listed: (String, u64),
}

impl Cards {
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>) {
        if let Some(best) = unlisted_best(context.state)
            && (&*self.listed.0, self.listed.1) != (best, context.state.runs.revision)
        {
            self.listed = (best.to_owned(), context.state.runs.revision);
            context.outbox.send(Command::ListProjects);
        }
        let alive = context.state.projects.list.iter().filter(|project| !project.deleted);
        let projects: Vec<ProjectSummary> =
            alive.map(|project| as_it_stands(context.state, project)).collect();
        let room = ui.available_width();
        let ([least, most], heights) = match room >= WIDE {
            true => (WIDE_CARD_WIDTHS, WIDE_HEIGHTS),
            false => (CARD_WIDTHS, HEIGHTS),
        };
        // Few projects share the full width.
        let (columns, width) = columns_fit(room, least, space::MEDIUM, projects.len());
        let width = width.min(most);
        for row in projects.chunks(columns) {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = space::MEDIUM;
                for project in row {
                    ui.push_id(&project.id, |ui| self.card_ui(ui, context, project, (width, heights)));
                }
            });
            ui.add_space(space::TIGHT);
        }
    }

    fn card_ui(
        &mut self,
        ui: &mut Ui,
        context: &mut Context<'_>,
        project: &ProjectSummary,
        (width, [height, curve]): (f32, [f32; 2]),
    ) {
        let palette = context.palette;
        let (rect, response) = ui.allocate_exact_size(Vec2::new(width, height), Sense::click());
        let lit = response.hovered() || response.has_focus();
        let fill = if lit { palette.raised } else { palette.panel };
        ui.painter().rect_filled(rect, f32::from(CARD_CORNER), fill);
        let open = context.state.projects.open.as_ref().is_some_and(|open| open.summary.id == project.id);
        if open || response.has_focus() {
            let ring = Stroke::new(1.5, palette.accent);
            ui.painter().rect_stroke(rect, f32::from(CARD_CORNER), ring, StrokeKind::Inside);
        }
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::Button, true, format!("Open {}", project.name));
            info.current_text_value = Some(came_to(project));
            info
        });
        let inner = rect.shrink(space::LARGE);
        let layout = Layout::top_down(egui::Align::Min);
        let mut inside = ui.new_child(UiBuilder::new().max_rect(inner).layout(layout));
        inside.spacing_mut().item_spacing = Vec2::new(space::SMALL, space::TIGHT);
        inside.set_clip_rect(rect.intersect(ui.clip_rect()));
        self.head_ui(&mut inside, context, project);
        sparkline(&mut inside, &project.curve, Vec2::new(inner.width(), curve), palette.series[0]);
        let (text, colour) = match (&project.problem, last_sentence(&project.sample)) {
            (Some(problem), _) => (format!("Cannot be opened: {problem}"), palette.warning),
            (None, "") => ("No samples yet".to_owned(), palette.quiet),
            (None, sentence) => (format!("“{sentence}”"), palette.quiet),
        };
        two_lines(&mut inside, &text, inner.width(), colour);
        foot_ui(ui, context, project, inner);
        if response.clicked() {
            if !open {
                context.outbox.send(Command::OpenProject { id: project.id.clone() });
            }
            *context.go = Some(if project.runs > 0 { PageName::Train } else { PageName::Data });
        }
    }

    fn head_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, project: &ProjectSummary) {
        ui.horizontal(|ui| {
            let room = ui.available_width() - 36.0;
            match &mut self.renaming {
                Some((id, name)) if *id == project.id => {
                    let edit = ui
                        .add(TextEdit::singleline(name).desired_width(room - 8.0))
                        .accessible_name("New name");
                    if !edit.has_focus() && !edit.lost_focus() {
                        edit.request_focus();
                    }
                    if edit.lost_focus() {
                        let kept = !ui.input(|input| input.key_pressed(Key::Escape));
                        let name = name.trim().to_owned();
                        if kept && !name.is_empty() && name != project.name {
                            context.outbox.send(ProjectChange::Rename(name).to(&project.id));
                        }
                        self.renaming = None;
                    }
                }
                _ => {
                    let size = Vec2::new(room, ui.spacing().interact_size.y);
                    let layout = Layout::left_to_right(egui::Align::Center);
                    ui.allocate_ui_with_layout(size, layout, |ui| {
                        ui.set_min_width(room);
                        let name = RichText::new(&project.name).text_style(theme::emphasis()).strong();
                        ui.add(Label::new(name).truncate());
                    });
                }
            }
            self.menu_ui(ui, context, project);
        });
    }

    fn menu_ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, project: &ProjectSummary) {
        let label = format!("More about {}", project.name);
        let button = widgets::icon_button(ui, icons::ICON_MORE_VERT, &label);
        let id = project.id.clone();
        Popup::menu(&button).width(180.0).show(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            if widgets::quiet(ui, icons::ICON_EDIT, "Rename").clicked() {
                self.renaming = Some((id.clone(), project.name.clone()));
            }
            let open = context.state.projects.open.as_ref().is_some_and(|open| open.summary.id == id);
            let shared = context.state.runs.list.iter().rev().find(|run| !run.checkpoints.is_empty());
            if let Some(run) = shared.filter(|_| open)
                && widgets::quiet(ui, icons::ICON_LINK, "Share").clicked()
            {
                context.asks.share(&run.name);
                *context.go = Some(PageName::Runs);
            }
            if widgets::quiet(ui, icons::ICON_CONTENT_COPY, "Duplicate").clicked() {
                let name = format!("{} copy", project.name);
                context.outbox.send(ProjectChange::Duplicate(name).to(&id));
            }
            if widgets::quiet(ui, icons::ICON_DOWNLOAD, "Export as a file").clicked() {
                context.asks.wish = Some(Wish::ExportProject { id: id.clone(), name: project.name.clone() });
            }
            if widgets::quiet(ui, icons::ICON_DELETE, "Delete").clicked() {
                let sent = context.outbox.send(ProjectChange::Delete.to(&id));
                let undo = ProjectChange::Restore.to(&id);
                context.asks.toast_when_done(sent, format!("Deleted {}", project.name), Some(undo));
            }
        });
    }
}

/// The open project's best run, if its entry in the list is of another one: of this one, only numbers are known.
fn unlisted_best(state: &State) -> Option<&str> {
    let best = RunSummary::best_text(&state.runs.list)?;
    let is_in_training = state.training.run.as_ref().is_some_and(|run| run.name == best.name);
    let open = &state.projects.open.as_ref()?.summary.id;
    let listed = state.projects.list.iter().find(|project| project.id == *open)?;
    (!is_in_training && listed.run != best.name).then_some(&*best.name)
}

/// The project's current state: the list's entry for the open one predates its run.
fn as_it_stands(state: &State, project: &ProjectSummary) -> ProjectSummary {
    let mut project = project.clone();
    if state.projects.open.as_ref().is_none_or(|open| open.summary.id != project.id) {
        return project;
    }
    project.runs = project.runs.max(state.runs.list.len());
    if let Some(run) = state.runs.latest() {
        project.interrupted = (run.state == RunState::Interrupted).then_some((run.step, run.steps));
    }
    // Loss, curve and sentence belong to one run.
    let Some(best) = RunSummary::best_text(&state.runs.list) else { return project };
    let training = &state.training;
    let is_in_training = training.run.as_ref().is_some_and(|run| run.name == best.name);
    if is_in_training && (training.points.len() > 1 || project.run != best.name) {
        let every = training.points.len().div_ceil(CURVE).max(1);
        project.curve = training.points.iter().step_by(every).map(|point| point.loss).collect();
        project.sample = training.samples.last().map(|sample| sample.text.clone()).unwrap_or_default();
    }
    if is_in_training || project.run == best.name {
        project.run.clone_from(&best.name);
        project.val_loss = best.validation().map(|shown| shown.loss);
        project.bytes_per_token = best.bytes_per_token;
    }
    project
}

/// Loss, runs and, if there is room, age, on the card's last line.
fn foot_ui(ui: &Ui, context: &Context<'_>, project: &ProjectSummary, inner: Rect) {
    let font = theme::caption().resolve(ui.style());
    let quiet = context.palette.quiet;
    let painter = ui.painter();
    let text = painter.text(inner.left_bottom(), Align2::LEFT_BOTTOM, came_to(project), font.clone(), quiet);
    let ago = painter.layout_no_wrap(format::ago(project.updated, format::now()), font, quiet);
    if text.right() + space::SMALL <= inner.right() - ago.size().x {
        painter.galley(inner.right_bottom() - ago.size(), ago, quiet);
    }
}

/// Loss and runs in a few words, or the progress of an interrupted run.
fn came_to(project: &ProjectSummary) -> String {
    let runs = match (project.interrupted, project.runs) {
        (Some((step, steps)), _) => {
            format!("interrupted at step {} of {}", format::whole(step), format::whole(steps))
        }
        (None, 0) => "no runs yet".to_owned(),
        (None, runs) => format::counted(runs as u64, "run"),
    };
    match project.val_loss {
        Some(loss) => format!("validation {} · {runs}", format::loss_in(project.bytes_per_token, loss)),
        None => runs,
    }
}

/// At most two lines of a text, truncated with an ellipsis.
fn two_lines(ui: &mut Ui, text: &str, width: f32, colour: Color32) {
    let font = TextStyle::Body.resolve(ui.style());
    let mut job = egui::text::LayoutJob::simple(text.to_owned(), font, colour, width);
    job.wrap.max_rows = 2;
    ui.add(Label::new(job));
}

/// The last answer of a sample, if it has any. A chat run prefixes each answer after the prompt with `> `, and a reward run also
/// appends ` [reward 1.00]`.
fn last_answer(sample: &str) -> &str {
    let Some((_, answer)) = sample.rsplit_once("\n> ") else { return sample };
    let worth = answer.rsplit_once(" [reward ").filter(|(_, worth)| worth.trim_end().ends_with(']'));
    worth.map_or(answer, |(answer, _)| answer)
}

/// The last complete sentence of a sample, or its last words if none is complete.
fn last_sentence(sample: &str) -> &str {
    let text = last_answer(sample).trim();
    let end = text.rfind(['.', '!', '?']).map_or(text.len(), |place| place + 1);
    let whole = &text[..end];
    let before = whole.trim_end_matches(['.', '!', '?', '"', '”']);
    let begin = before.rfind(['.', '!', '?', '\n']).map_or(0, |place| place + 1);
    whole[begin..].trim_matches(|letter: char| letter.is_whitespace() || letter == '"' || letter == '”')
}

#[cfg(test)]
mod tests {
    use super::last_sentence;

    #[test]
    fn the_last_whole_sentence_is_found() {
        assert_eq!(last_sentence("One day. Mia ran home. She was so"), "Mia ran home.");
        assert_eq!(last_sentence("Once upon a time"), "Once upon a time");
        assert_eq!(last_sentence("He asked: \"Why?\""), "He asked: \"Why?");
        assert_eq!(last_sentence(""), "");
        assert_eq!(last_sentence("What is it?\n> A new forest."), "A new forest.");
        assert_eq!(last_sentence("Who? Say it.\n> "), "");
        assert_eq!(last_sentence("Who?\n> Bo. [reward 0.25]\n> It is Ada. [reward 1.00]"), "It is Ada.");
        assert_eq!(last_sentence("5 > 4. So it is."), "So it is.");
        assert_eq!(last_sentence("Größe… ja. Schön"), "Größe… ja.");
    }
}
