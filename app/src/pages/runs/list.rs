//! The table of runs.

use super::text;
use crate::pages::prelude::*;
use std::cmp::Ordering;

/// Width of a run's colour mark before its name, in points.
const MARK: f32 = 18.0;
/// Indentation of a run under its base run, in points.
const BRANCH: f32 = 16.0;
const MAX_DEPTH: usize = 5;

type Order = fn(&RunSummary, &RunSummary) -> Ordering;

/// The columns: titles, and the orders of rows that they sort by.
const COLUMNS: [(&str, Align, Order); 8] = [
    ("Run", Align::Left, |a, b| called(a).cmp(&called(b))),
    ("Parameters", Align::Right, |a, b| a.parameters.cmp(&b.parameters)),
    ("Steps", Align::Right, |a, b| a.step.cmp(&b.step)),
    ("Validation", Align::Right, by_loss),
    ("Time", Align::Right, |a, b| a.seconds.total_cmp(&b.seconds)),
    ("State", Align::Left, |a, b| a.state.cmp(&b.state)),
    ("Device", Align::Left, |a, b| a.device.cmp(&b.device)),
    ("Made", Align::Left, |a, b| a.created.cmp(&b.created)),
];

/// Lowest first; a run without a loss is last.
fn by_loss(a: &RunSummary, b: &RunSummary) -> Ordering {
    let loss = |run: &RunSummary| {
        let nats = f64::from(run.validation().map_or(f32::INFINITY, |shown| shown.loss));
        nats * format::loss_factor(run.bytes_per_token)
    };
    loss(a).total_cmp(&loss(b))
}

const STATE: usize = 5;
const DEVICE: usize = 6;
/// Width of the state's icon, in points.
const STATE_ICON: f32 = 18.0;
/// Widths in points of the name column, between which it takes the room of less important columns for what it shows.
const NAME: [f32; 2] = [200.0, 420.0];

/// Indices of the columns, the least important last: those that do not fit are left out from there.
const BY_IMPORTANCE: [usize; 8] = [0, 3, STATE, 1, 2, 7, 4, DEVICE];

/// Number of runs from which the table has a search.
const SEARCHED: usize = 4;

/// The table's sort order and search.
#[derive(Debug)]
pub struct List {
    by: usize,
    falling: bool,
    search: String,
}

impl Default for List {
    fn default() -> Self {
        // Latest first.
        Self { by: COLUMNS.len() - 1, falling: true, search: String::new() }
    }
}

/// Buttons to import pretrained models and runs trained elsewhere.
pub fn import_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let idle = context.state.training.state == TrainingState::Idle;
    let ways = [
        (icons::ICON_UPLOAD_FILE, "Import a model", text::MODEL, Wish::ImportModel),
        (icons::ICON_UPLOAD_FILE, "Import a GGUF file", text::GGUF, Wish::ImportModelFile),
        (icons::ICON_LINK, "Import from a URL", text::URL, Wish::ImportModelAddress),
        (icons::ICON_LAN, "Import a bundle", text::BUNDLE, Wish::ImportBundle),
    ];
    let is_shown = |wish: &Wish| match wish {
        Wish::ImportModelFile => FOLDERS,
        // Without runs, none can have been trained elsewhere.
        Wish::ImportBundle => cfg!(feature = "cluster") && !context.state.runs.list.is_empty(),
        _ => true,
    };
    for (icon, name, means, wish) in ways.into_iter().filter(|(.., wish)| is_shown(wish)) {
        let button = |ui: &mut Ui| widgets::quiet(ui, icon, name);
        if ui.add_enabled(idle, button).on_hover_text(means).clicked() {
            context.asks.wish = Some(wish);
        }
    }
}

impl List {
    pub fn ui(&mut self, ui: &mut Ui, context: &mut Context<'_>, chosen: &mut BTreeSet<String>) {
        let all = &context.state.runs.list;
        let names = all.iter().map(|run| run.name.as_str());
        let lines = distinctions(all).into_iter().map(|words| words.join(" · "));
        let distinctions: BTreeMap<&str, String> = names.zip(lines).collect();
        // Ignore the search once there are too few runs to show it.
        let searched = all.len() >= SEARCHED;
        let search = if searched { self.search.as_str() } else { "" };
        let mut runs: Vec<&RunSummary> = all.iter().filter(|run| holds(run, search)).collect();
        runs.sort_by(|a, b| {
            let order = COLUMNS[self.by].2(a, b);
            if self.falling { order.reverse() } else { order }
        });
        let runs = as_trees(&runs);
        card(ui, |ui| {
            quiet_text(ui, count(runs.len(), chosen.len()));
            ui.horizontal_wrapped(|ui| import_ui(ui, context));
            ui.add_space(space::TIGHT);
            if searched {
                let hint = "Search names, titles, tags, settings and notes";
                line_edit(ui, "Search the runs", hint, f32::INFINITY, &mut self.search);
                ui.add_space(space::TIGHT);
            }
            let words = |run: &RunSummary| distinctions.get(run.name.as_str()).map_or("", String::as_str);
            let (shown, columns) = columns_in(ui, &runs, words);
            let table = Table { columns: &columns, row: 46.0 };
            let sorted = shown.iter().position(|place| *place == self.by).map(|place| (place, self.falling));
            ui.spacing_mut().item_spacing.y = 1.0;
            if let Some(place) = table.head_ui(ui, sorted).map(|place| shown[place]) {
                self.falling = if self.by == place { !self.falling } else { place == COLUMNS.len() - 1 };
                self.by = place;
            }
            for (depth, run) in &runs {
                let mine = chosen.contains(&run.name);
                let words = words(run);
                let row = table.row_ui(ui, &called(run), mine, |ui, place| match shown[place] {
                    0 => name_ui(ui, run, *depth, words),
                    STATE => state_ui(ui, run, columns[place].width > STATE_ICON),
                    place => cell_ui(ui, run, place),
                });
                ui.ctx().accesskit_node_builder(row.id, |node| node.set_description(words));
                if row.clicked() && !chosen.remove(&run.name) {
                    chosen.insert(run.name.clone());
                }
            }
        });
    }
}

/// Runs under their base runs, each with its depth. A tree is placed where its first run would be.
fn as_trees<'runs>(runs: &[&'runs RunSummary]) -> Vec<(usize, &'runs RunSummary)> {
    let parent = |run: &RunSummary| {
        let start = run.start.as_ref().filter(|start| start.project.is_none())?;
        // A run must be newer than its base run, whatever its record says.
        runs.iter().copied().find(|other| other.name == start.run && number(other) < number(run))
    };
    let mut placed: Vec<(usize, &RunSummary)> = Vec::new();
    for run in runs {
        let root = std::iter::successors(Some(*run), |run| parent(run)).last().unwrap_or(run);
        let mut waiting = vec![(0, root)];
        while let Some((depth, run)) = waiting.pop() {
            if placed.iter().any(|(_, other)| other.name == run.name) {
                continue;
            }
            placed.push((depth, run));
            let children =
                runs.iter().rev().filter(|other| parent(other).is_some_and(|it| it.name == run.name));
            waiting.extend(children.map(|child| (depth + 1, *child)));
        }
    }
    placed
}

fn number(run: &RunSummary) -> u64 {
    run.name.split('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn count(runs: usize, chosen: usize) -> String {
    let runs = format::counted(runs as u64, "run");
    if chosen == 0 { runs } else { format!("{runs} · {chosen} chosen") }
}

/// The columns that fit, with their indices, as wide as their contents; spare width goes to the last. `words` distinguish a run.
fn columns_in<'a>(
    ui: &Ui,
    runs: &[(usize, &RunSummary)],
    words: impl Fn(&RunSummary) -> &'a str,
) -> (Vec<usize>, Vec<Column<'static>>) {
    let [body, head, strong, small] =
        [TextStyle::Body, theme::quiet_strong(), theme::strong(), theme::caption()]
            .map(|style| style.resolve(ui.style()));
    let named = runs.iter().map(|(depth, run)| {
        let widest = text_width(ui, &called(run), &strong).max(text_width(ui, words(run), &small));
        MARK + widest + BRANCH * (1 + depth) as f32
    });
    let named = named.fold(NAME[0], f32::max);
    let width_of = |place: usize| {
        let icon = if place == STATE { STATE_ICON } else { 0.0 };
        let cells = runs.iter().map(|(_, run)| icon + text_width(ui, &cell_text(run, place), &body));
        cells.fold(text_width(ui, &format!("{} ↓", COLUMNS[place].0), &head), f32::max).ceil()
    };
    let mut widths: Vec<f32> = (0..COLUMNS.len()).map(width_of).collect();
    widths[0] = named.min(NAME[1]);
    let columns_of = |shown: &[usize]| -> Vec<Column<'static>> {
        let column = |place: &usize| match (COLUMNS[*place], shown.len()) {
            ((_, align, _), ..5) if *place == STATE => Column { title: "", width: STATE_ICON, align },
            ((title, align, _), _) => Column { title, width: widths[*place], align },
        };
        shown.iter().map(column).collect()
    };
    let rest = |columns: &[Column<'_>]| ui.available_width() - Table { columns, row: 0.0 }.width();
    let mut shown = BY_IMPORTANCE.to_vec();
    while shown.len() > 3 && rest(&columns_of(&shown)) < 0.0 {
        shown.pop();
    }
    shown.sort_unstable();
    let mut columns = columns_of(&shown);
    columns[0].width = (columns[0].width + rest(&columns)).clamp(60.0, named);
    let spare = rest(&columns).max(0.0);
    columns.last_mut().into_iter().for_each(|last| last.width += spare);
    (shown, columns)
}

fn cell_text(run: &RunSummary, place: usize) -> String {
    match place {
        1 => format::count(run.parameters),
        2 if run.steps == 0 => String::new(),
        2 => run.progress(),
        3 => run
            .validation()
            .map_or_else(|| format::NOTHING.to_owned(), |shown| format::loss_of(run, shown.loss)),
        4 => format::duration(run.seconds),
        STATE => run.state_words().to_owned(),
        DEVICE => format::short_device(&run.device),
        _ => format::date_time(run.created),
    }
}

fn cell_ui(ui: &mut Ui, run: &RunSummary, place: usize) {
    let text = cell_text(run, place);
    let cell = if matches!(place, DEVICE | 7) { quiet_cell(ui, &text) } else { ui.label(text) };
    if place == DEVICE {
        cell.on_hover_text(format::device(&run.device));
    } else if let Some(exact) = format::validation(run).filter(|_| place == 3) {
        cell.on_hover_text(format!("validation {exact}"));
    }
}

fn quiet_cell(ui: &mut Ui, text: &str) -> Response {
    ui.add(Label::new(RichText::new(text).color(Palette::of(ui).quiet)).truncate())
}

fn state_ui(ui: &mut Ui, run: &RunSummary, has_words: bool) {
    let palette = Palette::of(ui);
    let (icon, colour) = match run.state {
        RunState::Failed => (icons::ICON_ERROR, palette.failure),
        RunState::Running => (icons::ICON_PLAY_ARROW, palette.accent),
        RunState::Finished => (icons::ICON_CHECK, palette.accent),
        RunState::Imported => (icons::ICON_DOWNLOAD, palette.accent),
        RunState::Created | RunState::Interrupted | RunState::Stopped | RunState::StoppedEarly => {
            (icons::ICON_STOP, palette.quiet)
        }
    };
    ui.spacing_mut().item_spacing.x = 4.0;
    ui.label(icon.rich_text().size(14.0).color(colour)).on_hover_text(run.state_words());
    if has_words {
        quiet_cell(ui, run.state_words());
    }
}

/// Title or name with the note's mark; below it what distinguishes the run.
fn name_ui(ui: &mut Ui, run: &RunSummary, depth: usize, words: &str) {
    let palette = theme::Palette::of(ui);
    let cell = ui.max_rect();
    let cell = cell.with_min_x(cell.left() + BRANCH * depth.min(MAX_DEPTH) as f32);
    if depth > 0 {
        let (x, y) = (cell.left() - BRANCH / 2.0, cell.center().y);
        let corner = [pos2(x, cell.top()), pos2(x, y), pos2(cell.left() - 1.0, y)];
        ui.painter().line(corner.to_vec(), Stroke::new(1.0, palette.quiet));
    }
    let line = |text: &str, style: TextStyle, colour| {
        let font = style.resolve(ui.style());
        elided(ui.painter(), text, font, colour, cell.width() - MARK - 4.0)
    };
    let name = line(&called(run), theme::strong(), palette.text);
    let (colour, _) = run_colour(palette, &run.name);
    let cell = cell.with_min_x(cell.left() + MARK);
    let shape = line(words, theme::caption(), palette.quiet);
    let mark = pos2(cell.left() - MARK + 5.0, cell.center().y);
    ui.painter().circle_filled(mark, 4.0, colour);
    let top = cell.center().y - (name.size().y + shape.size().y + 2.0) / 2.0;
    let at = pos2(cell.left() + name.size().x + 6.0, top);
    let note = Rect::from_min_size(at, Vec2::splat(name.size().y));
    let below = top + name.size().y + 2.0;
    ui.painter().galley(pos2(cell.left(), top), name, palette.text);
    ui.painter().galley(pos2(cell.left(), below), shape, palette.quiet);
    if !run.notes.trim().is_empty() {
        let mark = icons::ICON_NOTES.rich_text().size(14.0).color(palette.quiet);
        ui.put(note, Label::new(mark)).on_hover_text(&run.notes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_stand_below_those_that_they_began_with() {
        let run = |name: &str, start: Option<&str>| RunSummary {
            name: name.to_owned(),
            start: start.map(Start::best_of),
            ..RunSummary::default()
        };
        let runs = [
            run("1-smollm2", None),
            run("2-tales", Some("1-smollm2")),
            run("3-other", None),
            run("4-tales", Some("2-tales")),
            run("5-letters", Some("1-smollm2")),
            // A deleted base run, and a record that was edited by hand.
            run("6-alone", Some("0-gone")),
            run("7-itself", Some("7-itself")),
        ];
        let shown = |order: &mut dyn Iterator<Item = usize>| {
            let trees = as_trees(&order.map(|at| &runs[at]).collect::<Vec<_>>());
            trees.into_iter().map(|(depth, run)| (depth, number(run))).collect::<Vec<_>>()
        };
        let upwards = [(0, 1), (1, 2), (2, 4), (1, 5), (0, 3), (0, 6), (0, 7)];
        assert_eq!(shown(&mut (0..7)), upwards);
        let latest_first = [(0, 7), (0, 6), (0, 1), (1, 5), (1, 2), (2, 4), (0, 3)];
        assert_eq!(shown(&mut (0..7).rev()), latest_first);
        // A search hit is at the top level if its base run is no hit.
        assert_eq!(shown(&mut [3, 4].into_iter()), [(0, 4), (0, 5)]);
    }
}
