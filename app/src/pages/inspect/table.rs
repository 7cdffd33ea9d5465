//! A view's numbers as a table with a row per entry of every tensor, usable with a screen reader, and as CSV. Content other than
//! tensors has its own rows.

use super::Shown;
use crate::pages::prelude::*;
use glasshouse_protocol::evaluation::{self, Cell};
use glasshouse_protocol::inspect::Detail;
use glasshouse_protocol::quantity;
use std::fmt::Write as _;

/// Row height in points.
const ROW: f32 = 24.0;
/// Height of the list in points.
const HEIGHT: f32 = 264.0;
/// Maximum rows of a CSV: it is written within one frame, and 4 million rows are about 150 MB.
const MAX_CSV_ROWS: usize = 4_000_000;
/// Shown if there is nothing to list.
const NOTHING: &str = "This view has no numbers of its own.";

/// Draws one of the view's tensors or lists at a time.
pub fn ui(ui: &mut Ui, shown: &Shown<'_>) {
    let (tensors, lists) = (&shown.data.tensors, lists(shown));
    let names = tensors.iter().map(title).chain(lists.iter().map(list_title));
    let names: Vec<String> = names.collect();
    let id = ui.scope_id().with("tensor");
    let place: usize = ui.data(|data| data.get_temp(id)).unwrap_or_default();
    let mut place = place.min(names.len().saturating_sub(1));
    let Some(name) = names.get(place) else { return caption(ui, NOTHING) };
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

/// All tensors of a view as CSV with a row per entry, followed by the lists. With two models, rows of both, with columns for run
/// and step.
///
/// # Errors
/// A sentence: there is nothing to write, or too much for a table.
pub fn csv(columns: &[Shown<'_>]) -> Result<String, String> {
    let entries = |tensor: &Tensor| tensor.floats.len() + tensor.integers.len();
    let all: usize = columns.iter().flat_map(|shown| &shown.data.tensors).map(entries).sum();
    let lists: Vec<(&Shown<'_>, evaluation::Table)> =
        columns.iter().flat_map(|shown| lists(shown).into_iter().map(move |list| (shown, list))).collect();
    match all + lists.iter().map(|(_, list)| list.rows.len()).sum::<usize>() {
        0 => return Err(NOTHING.to_owned()),
        count if count > MAX_CSV_ROWS => {
            let count = format::whole(count as u64);
            return Err(format!("{count} numbers are too many for a table: use a shorter prompt"));
        }
        _ => {}
    }
    let beside = columns.len() > 1;
    let whose = |shown: &Shown<'_>| match beside {
        true => vec![shown.inspection.run.clone(), shown.inspection.step.to_string()],
        false => Vec::new(),
    };
    let mut text = String::new();
    if all > 0 {
        csv_row(&mut text, titles(beside, &["tensor", "axes", "place", "value"]));
    }
    for shown in columns {
        for tensor in &shown.data.tensors {
            let axes: Vec<&str> = tensor.summary.axes.iter().map(|axis| axis.name.as_str()).collect();
            let own = vec![tensor.summary.name.clone(), axes.join(" ")];
            write_entries(&mut text, &[whose(shown), own].concat(), tensor, entries(tensor));
        }
    }
    let mut written: Vec<evaluation::Table> = Vec::new();
    for (shown, mut list) in lists {
        let cells = whose(shown).into_iter().map(Cell::Text).collect::<Vec<_>>();
        list.rows.iter_mut().for_each(|row| *row = [cells.clone(), std::mem::take(row)].concat());
        match written.iter_mut().find(|other| other.title == list.title) {
            Some(other) => other.rows.extend(list.rows),
            None => {
                let own: Vec<&str> = list.columns.iter().map(String::as_str).collect();
                list.columns = titles(beside, &own).into_iter().map(str::to_owned).collect();
                written.push(list);
            }
        }
    }
    for list in &written {
        // An empty line separates tables with different columns.
        if !text.is_empty() {
            text.push('\n');
        }
        text += &report_csv(list);
    }
    Ok(text)
}

/// Writes a row per entry of a tensor, each beginning with the cells `start`. Does not allocate per row: there are millions in
/// one frame.
fn write_entries(text: &mut String, start: &[String], tensor: &Tensor, count: usize) {
    let mut head = String::new();
    csv_row(&mut head, start);
    head.pop();
    // Stride and size of each axis.
    let (mut apart, mut axes) = (1, Vec::new());
    for axis in tensor.summary.axes.iter().rev() {
        axes.insert(0, (apart, axis.size.max(1)));
        apart *= axis.size.max(1);
    }
    text.reserve(count * (head.len() + 12));
    for entry in 0..count {
        text.push_str(&head);
        for (at, (apart, size)) in axes.iter().enumerate() {
            let before = if at > 0 { ' ' } else { ',' };
            write!(text, "{before}{}", entry / apart % size).ok();
        }
        text.push_str(if axes.is_empty() { ",," } else { "," });
        // A tensor has either floats or integers.
        if let Some(float) = tensor.floats.get(entry) {
            writeln!(text, "{float}").ok();
        } else if let Some(integer) = tensor.integers.get(entry) {
            writeln!(text, "{integer}").ok();
        }
    }
}

/// Column titles, after those that identify the model.
fn titles<'a>(beside: bool, own: &[&'a str]) -> Vec<&'a str> {
    let whose: &[&str] = if beside { &["run", "step"] } else { &[] };
    [whose, own].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ViewData;
    use crate::theme::DARK;
    use glasshouse_protocol::inspect::{
        ElementKind, GraphNode, GraphValue, Inspected, Match, Place, TensorSummary, TokenText,
    };
    use glasshouse_protocol::{InspectSettings, Inspection, View};

    /// A view's CSV, and the titles of its lists.
    fn written(tensors: Vec<Tensor>, details: Vec<Detail>) -> (Result<String, String>, Vec<String>) {
        with(View::Residual, tensors, details, |shown| {
            (csv(&[*shown]), lists(shown).iter().map(list_title).collect())
        })
    }

    #[test]
    fn two_models_beside_each_other_say_whose_each_row_is() {
        let norms = |value| tensor("norms", &[("T", 1)], vec![value], Vec::new());
        let tokens = || vec![Detail::Tokens { tokens: vec![TokenText { id: 1, text: "the".to_owned() }] }];
        let text = with(View::Residual, vec![norms(0.5)], tokens(), |first| {
            with(View::Residual, vec![norms(1.5)], tokens(), |second| {
                let inspection = Inspection { step: 7, ..second.inspection.clone() };
                csv(&[*first, Shown { inspection: &inspection, ..*second }]).unwrap()
            })
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "run,step,tensor,axes,place,value",
                "example,0,norms,T,0,0.5",
                "example,7,norms,T,0,1.5",
                "",
                "run,step,number,id,text",
                "example,0,0,1,the",
                "example,7,0,1,the",
            ]
        );
    }

    #[test]
    fn all_heads_of_a_first_model_fit_a_table_and_what_is_too_much_says_what_has_less() {
        let axes = [("L", 4), ("H", 4), ("T", 128), ("T", 128)];
        let heads = tensor("probabilities", &axes, vec![0.0; 16 * 128 * 128], Vec::new());
        assert_eq!(written(vec![heads], Vec::new()).0.unwrap().lines().count(), 1 + 16 * 128 * 128);
        let many =
            tensor("probabilities", &[("T", MAX_CSV_ROWS + 1)], vec![0.0; MAX_CSV_ROWS + 1], Vec::new());
        let refused = written(vec![many], Vec::new()).0.unwrap_err();
        assert!(refused.starts_with("4,000,001 numbers"), "{refused}");
        assert!(refused.contains("a shorter prompt"), "{refused}");
    }

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
        let (text, lists) = written(vec![norms], Vec::new());
        assert!(lists.is_empty());
        let text = text.unwrap();
        assert_eq!(text.lines().count(), 7);
        assert_eq!(text.lines().nth(4), Some("norms,stage T,1 0,1.5"));
        let single = tensor("loss, mean", &[], Vec::new(), vec![7]);
        assert_eq!(
            written(vec![single], Vec::new()).0.unwrap(),
            "tensor,axes,place,value\n\"loss, mean\",,,7\n"
        );
    }

    #[test]
    fn what_is_no_tensor_has_rows_of_its_own() {
        let span = Match {
            start: 2,
            length: 3,
            occurrences: 4,
            context: ["a ", "b, c", " d"].map(str::to_owned),
            document: Some((11, "Hello".to_owned())),
            place: 700,
            further: vec![Place { token: 900, document: Some(13) }, Place { token: 950, document: None }],
        };
        let (found, searched, index_bytes, build_ms) = (1, 9, 1, 0.0);
        let matches = Detail::Matches { matches: vec![span], found, searched, index_bytes, build_ms };
        let node = GraphNode {
            scope: "head".to_owned(),
            operation: "linear".to_owned(),
            formula: "y = x · Wᵀ".to_owned(),
            inputs: vec![0, 1],
            outputs: vec![2],
            kernels: vec![("tiled".to_owned(), 2)],
            ms: Some(0.5),
        };
        let value = GraphValue {
            ty: "f32[1, 4]".to_owned(),
            name: "tokens".to_owned(),
            statistics: Some([-1.0, 1.0, 0.25, 0.5]),
            gradient: None,
        };
        let graph = Detail::Graph { nodes: vec![node], values: vec![value], kernels: Vec::new() };
        let (text, lists) = written(Vec::new(), vec![matches, graph]);
        assert_eq!(lists, ["spans [N 1]", "operations [N 1]", "values [N 1]"]);
        let text = text.unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 8, "three heads, three rows, and two empty lines: {text}");
        assert_eq!(lines[1], "0,2,3,4,a ,\"b, c\", d,12,Hello,700,\"900 in document 14, 950\"");
        assert_eq!(lines[4], "0,head,linear,y = x · Wᵀ,0 1,2,0.5,tiled × 2");
        assert_eq!(lines[7], "0,tokens,\"f32[1, 4]\",-1,1,0.25,0.5,,,,");
        assert!(written(Vec::new(), Vec::new()).0.is_err(), "a head without rows helps nobody");
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
            assert!(csv(&[*shown]).unwrap().ends_with("number,id,text\n0,1, the\n"));
        });
    }

    #[test]
    fn places_along_an_axis_have_their_names_and_csv_lists_them() {
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
            let text = csv(&[*shown]).unwrap();
            assert!(text.contains("number,parameter\n0,head.weight\n"), "{text}");
            assert!(text.ends_with("number,step\n0,0\n1,1000\n"), "{text}");
        });
    }
}
