//! A view's numbers as a table with a row per entry of every tensor, usable with a screen reader. Content other than tensors has its
//! own rows.

use super::Shown;
use crate::pages::prelude::*;
use glasshouse_protocol::evaluation;
use glasshouse_protocol::inspect::Detail;
use glasshouse_protocol::quantity;

/// Row height in points.
const ROW: f32 = 24.0;
/// Height of the list in points.
const HEIGHT: f32 = 264.0;

/// Draws one of the view's tensors or lists at a time.
pub fn ui(ui: &mut Ui, shown: &Shown<'_>) {
    let (tensors, lists) = (&shown.data.tensors, lists(shown));
    let names = tensors.iter().map(title).chain(lists.iter().map(list_title));
    let names: Vec<String> = names.collect();
    let id = ui.scope_id().with("tensor");
    let place: usize = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let mut place = place.min(names.len().saturating_sub(1));
    let Some(name) = names.get(place) else {
        return caption(ui, "This view has no numbers of its own.");
    };
    if names.len() > 1 {
        let choices: Vec<_> = names.iter().enumerate().collect();
        choice(ui, "Tensor", &mut place, Some(240.0), &choices);
        ui.data_mut(|data| data.insert_temp(id, place));
    } else {
        caption(ui, name.as_str());
    }
    if let Some(tensor) = tensors.get(place) {
        tensor_ui(ui, shown, tensor);
    } else if let Some(list) = place.checked_sub(tensors.len()).and_then(|place| lists.get(place)) {
        report_table(ui, list);
    }
}

/// The non-empty lists of the view.
fn lists(shown: &Shown<'_>) -> Vec<evaluation::Table> {
    shown.data.details.iter().flat_map(Detail::tables).collect()
}

/// A list's name and its number of rows: `operations [N 512]`.
fn list_title(list: &evaluation::Table) -> String {
    format!("{} [N {}]", list.title, format::whole(list.rows.len() as u64))
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
    // Width of the index columns on a phone.
    let room = (ui.available_width() - 150.0).max(120.0);
    let each = (room / axes.len().max(1) as f32 - 14.0).clamp(34.0, 130.0);
    let of_axes = axes.iter().map(|axis| Column { title: &axis.name, width: each, align: Align::Left });
    let value_column = Column { title: "value", width: 110.0, align: Align::Right };
    let columns: Vec<Column<'_>> = of_axes.chain([value_column]).collect();
    let count = tensor.floats.len() + tensor.integers.len();
    let table = Table { columns: &columns, row: ROW };
    ScrollArea::horizontal().id_salt("columns").show(ui, |ui| {
        ui.vertical(|ui| {
            let list = scrolled(("entries", &tensor.summary.name), HEIGHT);
            table.rows_ui(ui, list, count, |ui, entry| {
                let places = indices(tensor, entry).into_iter().zip(axes);
                let places = places.map(|(at, axis)| shown.along(axis, at));
                let cells: Vec<String> = places.chain([value(shown, tensor, entry)]).collect();
                table.row_ui(ui, &cells.join(", "), false, |ui, column| {
                    ui.label(cells.get(column).map_or("", String::as_str));
                });
            });
        });
    });
}

/// An entry as text: ids with their token's text.
fn value(shown: &Shown<'_>, tensor: &Tensor, entry: usize) -> String {
    if entry < tensor.summary.without_value {
        return quantity::NOTHING.to_owned();
    }
    let text = tensor.text(entry);
    let known = tensor.integers.get(entry).filter(|_| tensor.summary.token_ids);
    match known.and_then(|id| shown.data.text_of(*id)) {
        Some(token) => format!("{text} {}", crate::pages::parts::visible(token)),
        None => text,
    }
}

/// An entry's index along each axis.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ViewData;
    use crate::theme::DARK;
    use glasshouse_protocol::inspect::{ElementKind, Inspected, TensorSummary, TokenText};
    use glasshouse_protocol::{InspectSettings, Inspection, View};

    /// Calls `f` with a view of the given content.
    fn with<R>(view: View, tensors: Vec<Tensor>, details: Vec<Detail>, f: impl FnOnce(&Shown<'_>) -> R) -> R {
        let data = ViewData { view, tensors, details, notices: Vec::new(), ms: 1.0 };
        let inspection = Inspection {
            run: "example".to_owned(),
            layers: 1,
            heads: 1,
            position: 2,
            ..Inspection::default()
        };
        let settings = InspectSettings::default();
        let shown =
            Shown { inspection: &inspection, data: &data, settings: &settings, column: 0, palette: &DARK };
        f(&shown)
    }

    fn tensor(name: &str, axes: &[(&str, usize)], floats: Vec<f32>, integers: Vec<u32>) -> Tensor {
        let element = if integers.is_empty() { ElementKind::F32 } else { ElementKind::U32 };
        Tensor { summary: TensorSummary::new(name, "", axes, element), floats, integers }
    }

    #[test]
    fn every_entry_is_a_row_with_its_place() {
        let floats = vec![0.0, 0.5, 1.0, 1.5, 2.0, 2.5];
        let norms = tensor("norms", &[("stage", 2), ("T", 3)], floats, Vec::new());
        assert_eq!((indices(&norms, 0), indices(&norms, 5)), (vec![0, 0], vec![1, 2]));
        assert_eq!(title(&norms), "norms [stage 2, T 3]");
    }

    #[test]
    fn ids_alone_have_the_texts_of_tokens() {
        let tokens = vec![TokenText { id: 1, text: " the".to_owned() }];
        let [mut ids, rank] = ["ids", "rank"].map(|name| tensor(name, &[("T", 1)], Vec::new(), vec![1]));
        ids.summary.token_ids = true;
        let tensors = vec![ids.clone(), rank.clone()];
        let details = vec![Detail::Tokens { tokens }];
        with(View::Tokens, tensors, details, |shown| {
            assert_eq!(value(shown, &ids, 0), "1 ·the");
            assert_eq!(value(shown, &rank, 0), "1", "a rank of 1 is no token");
            assert_eq!(lists(shown).iter().map(list_title).collect::<Vec<_>>(), ["tokens [N 1]"]);
        });
    }

    #[test]
    fn places_along_an_axis_have_their_names() {
        let names = vec!["head.weight".to_owned()];
        let mut norms = tensor("norms_by_step", &[("M", 2), ("P", 1)], vec![0.5, 1.5], Vec::new());
        let details = vec![Detail::Parameters { names, steps: vec![0, 1000] }];
        let named =
            Inspected::new(View::Weights, vec![norms.summary.clone()], details.clone(), Vec::new(), 1.0);
        norms.summary = named.tensors[0].clone();
        let [steps, parameters] = &norms.summary.axes[..] else { panic!("{:?}", norms.summary) };
        with(View::Weights, vec![norms.clone()], details, |shown| {
            assert_eq!(
                (shown.along(steps, 1), shown.along(parameters, 0)),
                ("step 1,000".into(), "head.weight".into())
            );
            assert_eq!((shown.along(steps, 2), shown.along(parameters, 1)), ("2".into(), "1".into()));
        });
    }
}
