//! A view's numbers as text: every entry of every tensor a row, for whoever reads with the ears, and as CSV. What is no tensor has rows
//! of its own.

mod lists;

use super::shown::Shown;
use crate::format;
use crate::pages::parts::caption;
use crate::state::Tensor;
use crate::widgets::{self, Align, Column, Table};
use egui::{ComboBox, ScrollArea, Ui};
use glasshouse_protocol::inspect::ElementKind;
use lists::List;

/// Height of a row in points.
const ROW: f32 = 24.0;
/// Height of the list in points.
const HEIGHT: f32 = 264.0;
/// Rows from which on a CSV is not written out: it is made within a frame.
const MOST: usize = 200_000;
/// What is said where there is nothing to list.
const NOTHING: &str = "This view has no numbers of its own.";

/// Draws the tensors and the lists of a view, one of them at a time.
pub(super) fn ui(ui: &mut Ui, shown: &Shown<'_>) {
    let (tensors, lists) = (&shown.data.tensors, lists(shown));
    let names = tensors.iter().map(title).chain(lists.iter().map(list_title));
    let names: Vec<String> = names.collect();
    let id = ui.scope_id().with("tensor");
    let place: usize = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let mut place = place.min(names.len().saturating_sub(1));
    let Some(name) = names.get(place) else {
        caption(ui, NOTHING);
        return;
    };
    if names.len() > 1 {
        let list = ComboBox::from_id_salt("tensor").selected_text(name.as_str()).width(240.0).truncate();
        let list = list.show_ui(ui, |ui| {
            for (number, name) in names.iter().enumerate() {
                ui.selectable_value(&mut place, number, name.as_str());
            }
        });
        list.response.accessible_name("Tensor");
        ui.data_mut(|data| data.insert_temp(id, place));
    } else {
        caption(ui, name.as_str());
    }
    if let Some(tensor) = tensors.get(place) {
        tensor_ui(ui, shown, tensor);
    } else if let Some(list) = place.checked_sub(tensors.len()).and_then(|place| lists.get(place)) {
        let columns = list.columns().iter();
        let columns = columns.map(|&(title, width)| Column { title, width, align: Align::Left });
        let columns: Vec<Column<'_>> = columns.collect();
        rows_ui(ui, list.name(), &columns, list.count(), |number| list.row(number));
    }
}

/// What the view has beside its tensors.
fn lists<'a>(shown: &Shown<'a>) -> Vec<List<'a>> {
    shown.data.details.iter().filter_map(List::of).collect()
}

/// A list's name and its number of rows: `operations [N 512]`.
fn list_title(list: &List<'_>) -> String {
    format!("{} [N {}]", list.name(), format::whole(list.count() as u64))
}

/// A tensor's name and shape: `probabilities [L 4, H 4, T 12, T 12]`.
fn title(tensor: &Tensor) -> String {
    let axes = tensor.summary.axes.iter();
    let axes: Vec<String> =
        axes.map(|axis| format!("{} {}", axis.name, format::whole(axis.size as u64))).collect();
    format!("{} [{}]", tensor.summary.name, axes.join(", "))
}

fn tensor_ui(ui: &mut Ui, shown: &Shown<'_>, tensor: &Tensor) {
    let axes = &tensor.summary.axes;
    // A phone has room for so much beside the value.
    let room = (ui.available_width() - 150.0).max(120.0);
    let each = (room / axes.len().max(1) as f32 - 14.0).clamp(34.0, 130.0);
    let mut columns: Vec<Column<'_>> = Vec::new();
    for axis in axes {
        columns.push(Column { title: &axis.name, width: each, align: Align::Left });
    }
    columns.push(Column { title: "value", width: 110.0, align: Align::Right });
    let count = tensor.floats.len() + tensor.integers.len();
    rows_ui(ui, &tensor.summary.name, &columns, count, |entry| {
        let mut cells: Vec<String> = indices(tensor, entry)
            .into_iter()
            .zip(axes)
            .map(|(at, axis)| if axis.name == "T" { shown.place(at) } else { at.to_string() })
            .collect();
        cells.push(value(shown, tensor, entry));
        cells
    });
}

/// Rows of cells below their titles.
fn rows_ui(
    ui: &mut Ui,
    name: &str,
    columns: &[Column<'_>],
    count: usize,
    cells_of: impl Fn(usize) -> Vec<String>,
) {
    let table = Table { columns, row: ROW };
    ScrollArea::horizontal().id_salt("columns").show(ui, |ui| {
        ui.vertical(|ui| {
            table.titles_ui(ui);
            let list = ScrollArea::vertical()
                .id_salt(("entries", name))
                .max_height(HEIGHT)
                .min_scrolled_height(HEIGHT);
            ui.spacing_mut().item_spacing.y = 0.0;
            list.show_rows(ui, ROW, count, |ui, rows| {
                for row in rows {
                    let cells = cells_of(row);
                    table.row_ui(ui, &cells.join(", "), false, |ui, column| {
                        ui.label(cells.get(column).map_or("", String::as_str));
                    });
                }
            });
        });
    });
}

/// An entry as it is read: an id with its token's text.
fn value(shown: &Shown<'_>, tensor: &Tensor, entry: usize) -> String {
    let text = tensor.text(entry);
    let known = tensor.integers.get(entry).filter(|_| tensor.summary.element == ElementKind::U32);
    match known.and_then(|id| shown.data.text_of(*id)) {
        Some(token) => format!("{text} {}", crate::pages::parts::visible(token)),
        None => text,
    }
}

/// An entry's place along each axis.
fn indices(tensor: &Tensor, entry: usize) -> Vec<usize> {
    let mut rest = entry;
    let mut places: Vec<usize> = Vec::new();
    for axis in tensor.summary.axes.iter().rev() {
        places.push(rest % axis.size.max(1));
        rest /= axis.size.max(1);
    }
    places.reverse();
    places
}

/// All tensors as CSV, a row for each entry, and below them what is no tensor.
///
/// # Errors
/// There is nothing to write, or too much for a table: the sentence says which.
pub(super) fn csv(shown: &Shown<'_>) -> Result<String, &'static str> {
    let (tensors, lists) = (&shown.data.tensors, lists(shown));
    let entries: usize = tensors.iter().map(|tensor| tensor.floats.len() + tensor.integers.len()).sum();
    let listed: usize = lists.iter().map(List::count).sum();
    match entries + listed {
        0 => return Err(NOTHING),
        count if count > MOST => {
            return Err("These are too many numbers for a table: save them with `glasshouse inspect --to`");
        }
        _ => {}
    }
    let rows = tensors.iter().flat_map(|tensor| {
        let axes: Vec<&str> = tensor.summary.axes.iter().map(|axis| axis.name.as_str()).collect();
        let axes = axes.join(" ");
        (0..tensor.floats.len() + tensor.integers.len()).map(move |entry| {
            let place: Vec<String> = indices(tensor, entry).iter().map(usize::to_string).collect();
            [tensor.summary.name.clone(), axes.clone(), place.join(" "), tensor.text(entry)]
        })
    });
    let mut parts: Vec<String> = Vec::new();
    if entries > 0 {
        parts.push(widgets::csv(&["tensor", "axes", "place", "value"], rows));
    }
    for list in lists.iter().filter(|list| list.count() > 0) {
        let titles: Vec<&str> = list.columns().iter().map(|(title, _)| *title).collect();
        parts.push(widgets::csv(&titles, (0..list.count()).map(|number| list.row(number))));
    }
    // An empty line stands between tables of other columns.
    Ok(parts.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ViewData;
    use crate::theme::DARK;
    use glasshouse_protocol::inspect::{Axis, Detail, GraphNode, Match, Passage, TensorSummary, TokenText};
    use glasshouse_protocol::{InspectSettings, Inspection, View};

    /// A view's CSV, and the names of what its table lists.
    fn written(tensors: Vec<Tensor>, details: Vec<Detail>) -> (Result<String, &'static str>, Vec<String>) {
        let data = ViewData { view: View::Residual, tensors, details, notices: Vec::new(), ms: 1.0 };
        let inspection = Inspection {
            run: "example".to_owned(),
            step: 1,
            device: "example".to_owned(),
            layers: 1,
            heads: 1,
            prompt: String::new(),
            tokens: Vec::new(),
            cut: 0,
            position: 2,
            views: Vec::new(),
            held_training_ms: None,
        };
        let settings = InspectSettings::default();
        let shown =
            Shown { inspection: &inspection, data: &data, settings: &settings, column: 0, palette: &DARK };
        (csv(&shown), lists(&shown).iter().map(list_title).collect())
    }

    #[test]
    fn every_entry_is_a_row_with_its_place() {
        let axis = |name: &str, size| Axis { name: name.to_owned(), size };
        let summary = TensorSummary {
            name: "norms".to_owned(),
            scope: String::new(),
            axes: vec![axis("stage", 2), axis("T", 3)],
            element: ElementKind::F32,
        };
        let floats = vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5];
        let tensor = Tensor { summary, floats, integers: Vec::new() };
        assert_eq!((indices(&tensor, 0), indices(&tensor, 5)), (vec![0, 0], vec![1, 2]));
        assert_eq!(title(&tensor), "norms [stage 2, T 3]");
        let (text, lists) = written(vec![tensor], Vec::new());
        assert!(lists.is_empty());
        let text = text.unwrap();
        assert_eq!(text.lines().count(), 7);
        assert_eq!(text.lines().nth(4), Some("norms,stage T,1 0,1.5"));
    }

    #[test]
    fn what_is_no_tensor_has_rows_of_its_own() {
        let stretch = Match {
            start: 2,
            length: 3,
            occurrences: 4,
            context: ["a ", "b, c", " d"].map(str::to_owned),
            document: Some((11, "Hello".to_owned())),
        };
        let (searched, index_bytes, build_ms, longest) = (9, 1, 0.0, None);
        let matches = Detail::Matches { matches: vec![stretch], searched, index_bytes, build_ms, longest };
        let node = GraphNode {
            scope: "head".to_owned(),
            operation: "linear".to_owned(),
            formula: "y = x · Wᵀ".to_owned(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            kernels: vec![("tiled".to_owned(), 2)],
            ms: Some(0.5),
        };
        let graph = Detail::Graph { nodes: vec![node], values: Vec::new(), kernels: Vec::new() };
        let token = |text: &str| TokenText { id: 1, text: text.to_owned() };
        let tokens = vec![token("the"), token(" fox")];
        let passage = Passage { tokens, activations: vec![0.5, 2.0], peak: 1 };
        let passages = Detail::Passages { passages: vec![passage], searched };
        let (text, lists) = written(Vec::new(), vec![matches, graph, passages]);
        assert_eq!(lists, ["stretches [N 1]", "operations [N 1]", "passages [N 1]"]);
        let text = text.unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 8, "three heads, three rows, and two empty lines: {text}");
        assert_eq!(lines[1], "0,2,3,4,\"b, c\",12,Hello");
        assert_eq!(lines[4], "0,head,linear,y = x · Wᵀ,0.5,tiled × 2");
        assert_eq!(lines[7], "0,1,2,the fox,0.5 2");
        assert!(written(Vec::new(), Vec::new()).0.is_err(), "a head without rows helps nobody");
    }
}
