//! The non-tensor data of a view as tables.

use super::{Detail, GraphValue, Match, Place, TokenText};
use crate::evaluation::{Cell, Table};
use crate::quantity;

impl Detail {
    /// Its tables that have rows, which are numbered from 0; documents count from 1.
    pub fn tables(&self) -> Vec<Table> {
        let tables = match self {
            Self::Tokens { tokens } => {
                let row = |TokenText { id, text }: &TokenText| [id.to_string().into(), text.as_str().into()];
                vec![numbered("tokens", ["id", "text"], tokens.iter().map(row))]
            }
            Self::Parameters { names, steps } => vec![
                numbered("parameters", ["parameter"], names.iter().map(|name| [name.as_str().into()])),
                numbered("steps", ["step"], steps.iter().map(|step| [step.to_string().into()])),
            ],
            Self::Matches { matches, found, searched, index_bytes, build_ms } => {
                let [listed, all] = [matches.len(), *found].map(|count| quantity::whole(count as u64));
                let which = if matches.len() < *found {
                    format!("The longest {listed} of {all} spans")
                } else {
                    "Spans".to_owned()
                };
                let searched = quantity::counted(*searched as u64, "token");
                let built = if *build_ms > 0.0 {
                    format!(", built in {}", quantity::milliseconds(*build_ms))
                } else {
                    String::new()
                };
                let bytes = quantity::bytes(*index_bytes);
                let about = format!(
                    "{which} that occur in {searched} of training text; the index takes {bytes}{built}"
                );
                vec![Table { about, ..spans(matches) }]
            }
            Self::Formulas { formulas } => {
                vec![numbered("formulas", ["tensor", "formula"], formulas.iter().map(pair))]
            }
            Self::Samples { texts, .. } => {
                vec![numbered("samples", ["model", "text"], texts.iter().map(pair))]
            }
            Self::Tables { tables } => tables.clone(),
            Self::Graph { nodes, values, .. } => {
                let operations = nodes.iter().map(|node| {
                    let kernels = node.kernels.iter().map(|(name, count)| format!("{name} × {count}"));
                    [
                        node.scope.as_str().into(),
                        node.operation.as_str().into(),
                        node.formula.as_str().into(),
                        joined(&node.inputs),
                        joined(&node.outputs),
                        node.ms.map_or(Cell::from(""), Cell::Number),
                        kernels.collect::<Vec<_>>().join(", ").into(),
                    ]
                });
                let values = values.iter().map(|GraphValue { name, ty, statistics, gradient }| {
                    let numbers = |known: Option<[f32; 4]>| known.map_or([None; 4], |own| own.map(Some));
                    let [a, b, c, d] = numbers(*statistics).map(number);
                    let [e, f, g, h] = numbers(*gradient).map(number);
                    [name.as_str().into(), ty.as_str().into(), a, b, c, d, e, f, g, h]
                });
                let columns = ["scope", "operation", "formula", "reads", "writes", "ms", "kernels"];
                let measures = [
                    "name",
                    "type",
                    "smallest",
                    "largest",
                    "mean",
                    "deviation",
                    "gradient's smallest",
                    "gradient's largest",
                    "gradient's mean",
                    "gradient's deviation",
                ];
                vec![numbered("operations", columns, operations), numbered("values", measures, values)]
            }
        };
        tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
    }
}

fn pair((name, text): &(String, String)) -> [Cell; 2] {
    [name.as_str().into(), text.as_str().into()]
}

fn joined(values: &[impl ToString]) -> Cell {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").into()
}

/// A number with the digits that identify it as `f32`; as text if it is not finite, which JSON cannot express.
fn number(value: Option<f32>) -> Cell {
    let Some(value) = value else { return "".into() };
    let text = value.to_string();
    match text.parse() {
        Ok(exact) if value.is_finite() => Cell::Number(exact),
        _ => text.into(),
    }
}

fn spans(matches: &[Match]) -> Table {
    let place = |place: &Place| match place.document {
        Some(number) => format!("{} in document {}", place.token, number + 1),
        None => place.token.to_string(),
    };
    let rows = matches.iter().map(|span| {
        let [before, text, after] = span.context.clone();
        let (document, beginning) = match &span.document {
            Some((number, beginning)) => ((*number + 1).to_string(), beginning.clone()),
            None => (String::new(), String::new()),
        };
        let further = span.further.iter().map(place).collect::<Vec<_>>().join(", ");
        let [start, length, occurrences] =
            [span.start, span.length, span.occurrences].map(|own| Cell::Count(own as u64));
        [
            start,
            length,
            occurrences,
            before.into(),
            text.into(),
            after.into(),
            document.into(),
            beginning.into(),
            span.place.into(),
            further.into(),
        ]
    });
    let columns = [
        "start",
        "length",
        "occurrences",
        "before",
        "text",
        "after",
        "document",
        "beginning",
        "place",
        "further places",
    ];
    numbered("spans", columns, rows)
}

fn numbered<const N: usize>(title: &str, columns: [&str; N], rows: impl Iterator<Item = [Cell; N]>) -> Table {
    let row = |(number, cells): (u64, [Cell; N])| std::iter::once(Cell::Count(number)).chain(cells).collect();
    let columns = ["number"].into_iter().chain(columns).map(str::to_owned).collect();
    Table { title: title.to_owned(), columns, rows: (0..).zip(rows).map(row).collect(), ..Table::default() }
}
