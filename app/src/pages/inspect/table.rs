//! A view's numbers as text: every entry of every tensor a row, for whoever reads with the ears, and as CSV.

use super::shown::Shown;
use crate::format;
use crate::pages::parts::caption;
use crate::state::Tensor;
use crate::widgets::{self, Align, Column, Table};
use egui::{ComboBox, ScrollArea, Ui};
use glasshouse_protocol::inspect::ElementKind;

/// Height of a row in points.
const ROW: f32 = 24.0;
/// Height of the list in points.
const HEIGHT: f32 = 264.0;
/// Entries from which on a CSV is not written out.
const MOST: usize = 2_000_000;

/// Draws the tensors of a view, one of them at a time.
pub(super) fn ui(ui: &mut Ui, shown: &Shown<'_>) {
    let tensors: Vec<&Tensor> = shown.data.tensors.iter().collect();
    let id = ui.scope_id().with("tensor");
    let place: usize = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let mut place = place.min(tensors.len().saturating_sub(1));
    let Some(tensor) = tensors.get(place) else {
        caption(ui, "This view has no numbers of its own.");
        return;
    };
    if tensors.len() > 1 {
        let list = ComboBox::from_id_salt("tensor").selected_text(title(tensor)).width(240.0).truncate();
        let list = list.show_ui(ui, |ui| {
            for (number, tensor) in tensors.iter().enumerate() {
                ui.selectable_value(&mut place, number, title(tensor));
            }
        });
        list.response.accessible_name("Tensor");
        ui.data_mut(|data| data.insert_temp(id, place));
    } else {
        caption(ui, title(tensor));
    }
    rows_ui(ui, shown, tensor);
}

/// A tensor's name and shape: `probabilities [L 4, H 4, T 12, T 12]`.
fn title(tensor: &Tensor) -> String {
    let axes = tensor.summary.axes.iter();
    let axes: Vec<String> =
        axes.map(|axis| format!("{} {}", axis.name, format::whole(axis.size as u64))).collect();
    format!("{} [{}]", tensor.summary.name, axes.join(", "))
}

fn rows_ui(ui: &mut Ui, shown: &Shown<'_>, tensor: &Tensor) {
    let axes = &tensor.summary.axes;
    // A phone has room for so much beside the value.
    let room = (ui.available_width() - 150.0).max(120.0);
    let each = (room / axes.len().max(1) as f32 - 14.0).clamp(34.0, 130.0);
    let mut columns: Vec<Column<'_>> = Vec::new();
    for axis in axes {
        columns.push(Column { title: &axis.name, width: each, align: Align::Left });
    }
    columns.push(Column { title: "value", width: 110.0, align: Align::Right });
    let table = Table { columns: &columns, row: ROW };
    ScrollArea::horizontal().id_salt("columns").show(ui, |ui| {
        ui.vertical(|ui| {
            table.titles_ui(ui);
            let count = tensor.floats.len() + tensor.integers.len();
            let list = ScrollArea::vertical().id_salt(("entries", &tensor.summary.name)).max_height(HEIGHT);
            ui.spacing_mut().item_spacing.y = 0.0;
            list.show_rows(ui, ROW, count, |ui, rows| {
                for entry in rows {
                    let mut cells: Vec<String> = indices(tensor, entry)
                        .into_iter()
                        .zip(axes)
                        .map(|(at, axis)| if axis.name == "T" { shown.place(at) } else { at.to_string() })
                        .collect();
                    cells.push(value(shown, tensor, entry));
                    table.row_ui(ui, &cells.join(", "), false, |ui, column| {
                        ui.label(&cells[column]);
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

/// All tensors as CSV: a row for each entry. `None` where they are too many for a table.
pub(super) fn csv(shown: &Shown<'_>) -> Option<String> {
    let tensors = &shown.data.tensors;
    let count: usize = tensors.iter().map(|tensor| tensor.floats.len() + tensor.integers.len()).sum();
    let rows = tensors.iter().flat_map(|tensor| {
        let axes: Vec<&str> = tensor.summary.axes.iter().map(|axis| axis.name.as_str()).collect();
        let axes = axes.join(" ");
        (0..tensor.floats.len() + tensor.integers.len()).map(move |entry| {
            let place: Vec<String> = indices(tensor, entry).iter().map(usize::to_string).collect();
            [tensor.summary.name.clone(), axes.clone(), place.join(" "), tensor.text(entry)]
        })
    });
    (count <= MOST).then(|| widgets::csv(&["tensor", "axes", "place", "value"], rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ViewData;
    use crate::theme::DARK;
    use glasshouse_protocol::inspect::{Axis, TensorSummary};
    use glasshouse_protocol::{InspectSettings, Inspection, View};

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
        let data = ViewData {
            view: View::Residual,
            tensors: vec![tensor],
            details: Vec::new(),
            notices: Vec::new(),
            ms: 1.0,
        };
        let inspection = Inspection {
            run: "example".to_owned(),
            step: 1,
            device: "example".to_owned(),
            layers: 1,
            heads: 1,
            tokens: Vec::new(),
            cut: 0,
            position: 2,
            views: Vec::new(),
            held_training_ms: None,
        };
        let settings = InspectSettings::default();
        let shown =
            Shown { inspection: &inspection, data: &data, settings: &settings, column: 0, palette: &DARK };
        let text = csv(&shown).unwrap();
        assert_eq!(text.lines().count(), 7);
        assert_eq!(text.lines().nth(4), Some("norms,stage T,1 0,1.5"));
    }
}
