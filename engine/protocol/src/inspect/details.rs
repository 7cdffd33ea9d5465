//! The non-tensor data of a view as tables.

use super::{Detail, Match, Place};
use crate::evaluation::{Cell, Table};

impl Detail {
    /// Its tables that have rows, which are numbered from 0; documents count from 1.
    pub fn tables(&self) -> Vec<Table> {
        let tables = match self {
            Self::Tokens { tokens } => {
                let row = tokens.iter().map(|token| [token.id.to_string(), token.text.clone()]);
                vec![numbered("tokens", ["id", "text"], row)]
            }
            Self::Parameters { names, steps } => vec![
                numbered("parameters", ["parameter"], names.iter().map(|name| [name.clone()])),
                numbered("steps", ["step"], steps.iter().map(|step| [step.to_string()])),
            ],
            Self::Matches { matches, .. } => vec![spans(matches)],
            Self::Passages { passages, .. } => {
                let rows = passages.iter().map(|passage| {
                    let strongest = passage.activations.get(passage.peak);
                    let at = passage.tokens.get(passage.peak).map(|token| token.text.clone());
                    let text: String = passage.tokens.iter().map(|token| token.text.as_str()).collect();
                    let strongest = strongest.map_or_else(String::new, f32::to_string);
                    let all = passage.activations.iter().map(f32::to_string).collect::<Vec<_>>().join(" ");
                    [passage.peak.to_string(), at.unwrap_or_default(), strongest, text, all]
                });
                vec![numbered("passages", ["peak", "token", "activation", "text", "activations"], rows)]
            }
            Self::Formulas { formulas } => {
                let rows = formulas.iter().map(|(name, formula)| [name.clone(), formula.clone()]);
                vec![numbered("formulas", ["tensor", "formula"], rows)]
            }
            Self::Samples { texts, .. } => {
                let rows = texts.iter().map(|(model, text)| [model.clone(), text.clone()]);
                vec![numbered("samples", ["model", "text"], rows)]
            }
            Self::Tables { tables } => tables.clone(),
            Self::Graph { nodes, values, .. } => {
                let joined =
                    |values: &[usize]| values.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
                let operations = nodes.iter().map(|node| {
                    let kernels = node.kernels.iter().map(|(name, count)| format!("{name} × {count}"));
                    [
                        node.scope.clone(),
                        node.operation.clone(),
                        node.formula.clone(),
                        joined(&node.inputs),
                        joined(&node.outputs),
                        node.ms.map_or_else(String::new, |ms| ms.to_string()),
                        kernels.collect::<Vec<_>>().join(", "),
                    ]
                });
                let numbers = |known: Option<[f32; 4]>| {
                    known.map(|own| own.map(|one| one.to_string())).unwrap_or_default()
                };
                let values = values.iter().map(|value| {
                    let [a, b, c, d] = numbers(value.statistics);
                    let [e, f, g, h] = numbers(value.gradient);
                    [value.name.clone(), value.ty.clone(), a, b, c, d, e, f, g, h]
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

fn numbered<C: Into<Cell>, const N: usize>(
    title: &str,
    columns: [&str; N],
    rows: impl Iterator<Item = [C; N]>,
) -> Table {
    let row = |(number, cells): (u64, [C; N])| {
        std::iter::once(Cell::Count(number)).chain(cells.map(Into::into)).collect()
    };
    let columns = ["number"].into_iter().chain(columns).map(str::to_owned).collect();
    Table { title: title.to_owned(), columns, rows: (0..).zip(rows).map(row).collect(), ..Table::default() }
}
