//! A view's non-tensor content as rows: tokens, parameters, spans, passages, operations.

use glasshouse_protocol::inspect::{
    ActivatingPassage, Detail, GraphNode, GraphValue, Match, Place, TokenText,
};

pub(super) enum List<'a> {
    Tokens(&'a [TokenText]),
    Parameters(&'a [String]),
    Steps(&'a [u64]),
    Matches(&'a [Match]),
    Passages(&'a [ActivatingPassage]),
    Formulas(&'a [(String, String)]),
    Samples(&'a [(String, String)]),
    Operations(&'a [GraphNode]),
    Values(&'a [GraphValue]),
}

impl<'a> List<'a> {
    pub(super) fn of(detail: &'a Detail) -> Vec<Self> {
        match detail {
            Detail::Tokens { tokens } => vec![Self::Tokens(tokens)],
            Detail::Parameters { names, steps } => vec![Self::Parameters(names), Self::Steps(steps)],
            Detail::Matches { matches, .. } => vec![Self::Matches(matches)],
            Detail::Passages { passages, .. } => vec![Self::Passages(passages)],
            Detail::Formulas { formulas } => vec![Self::Formulas(formulas)],
            Detail::Samples { texts, .. } => vec![Self::Samples(texts)],
            // Drawn as they are.
            Detail::Tables { .. } => Vec::new(),
            Detail::Graph { nodes, values, .. } => vec![Self::Operations(nodes), Self::Values(values)],
        }
    }

    /// The title among the tensors.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Tokens(_) => "tokens",
            Self::Parameters(_) => "parameters",
            Self::Steps(_) => "steps",
            Self::Matches(_) => "spans",
            Self::Passages(_) => "passages",
            Self::Formulas(_) => "formulas",
            Self::Samples(_) => "samples",
            Self::Operations(_) => "operations",
            Self::Values(_) => "values",
        }
    }

    /// Titles and widths of its columns, widths in points.
    pub(super) fn columns(&self) -> &'static [(&'static str, f32)] {
        match self {
            Self::Tokens(_) => &[("number", 60.0), ("id", 60.0), ("text", 280.0)],
            Self::Parameters(_) => &[("number", 60.0), ("parameter", 340.0)],
            Self::Steps(_) => &[("number", 60.0), ("step", 80.0)],
            Self::Matches(_) => &[
                ("number", 60.0),
                ("start", 52.0),
                ("length", 56.0),
                ("occurrences", 90.0),
                ("text", 280.0),
                ("document", 70.0),
                ("beginning", 200.0),
                ("place", 80.0),
                ("further places", 200.0),
            ],
            Self::Passages(_) => &[
                ("number", 60.0),
                ("peak", 44.0),
                ("activation", 90.0),
                ("text", 320.0),
                ("activations", 320.0),
            ],
            Self::Formulas(_) => &[("number", 60.0), ("tensor", 160.0), ("formula", 340.0)],
            Self::Samples(_) => &[("number", 60.0), ("model", 160.0), ("text", 340.0)],
            Self::Operations(_) => &[
                ("number", 60.0),
                ("scope", 170.0),
                ("operation", 120.0),
                ("formula", 260.0),
                ("reads", 90.0),
                ("writes", 60.0),
                ("ms", 80.0),
                ("kernels", 220.0),
            ],
            Self::Values(_) => &[
                ("number", 60.0),
                ("name", 220.0),
                ("type", 140.0),
                ("smallest", 90.0),
                ("largest", 90.0),
                ("mean", 90.0),
                ("deviation", 90.0),
                ("gradient's smallest", 130.0),
                ("gradient's largest", 130.0),
                ("gradient's mean", 130.0),
                ("gradient's deviation", 130.0),
            ],
        }
    }

    pub(super) fn count(&self) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.len(),
            Self::Parameters(names) => names.len(),
            Self::Steps(steps) => steps.len(),
            Self::Matches(matches) => matches.len(),
            Self::Passages(passages) => passages.len(),
            Self::Formulas(pairs) | Self::Samples(pairs) => pairs.len(),
            Self::Operations(nodes) => nodes.len(),
            Self::Values(values) => values.len(),
        }
    }

    /// The cells of a row; empty if out of range.
    pub(super) fn row(&self, number: usize) -> Vec<String> {
        let cells = match self {
            Self::Tokens(tokens) => {
                tokens.get(number).map(|token| vec![token.id.to_string(), token.text.clone()])
            }
            Self::Parameters(names) => names.get(number).map(|name| vec![name.clone()]),
            Self::Steps(steps) => steps.get(number).map(|step| vec![step.to_string()]),
            Self::Matches(matches) => matches.get(number).map(match_cells),
            Self::Passages(passages) => passages.get(number).map(passage_cells),
            Self::Formulas(pairs) | Self::Samples(pairs) => {
                pairs.get(number).map(|(name, text)| vec![name.clone(), text.clone()])
            }
            Self::Operations(nodes) => nodes.get(number).map(operation_cells),
            Self::Values(values) => values.get(number).map(value_cells),
        };
        cells.map_or_else(Vec::new, |cells| [vec![number.to_string()], cells].concat())
    }
}

fn match_cells(span: &Match) -> Vec<String> {
    let [_, text, _] = &span.context;
    let (document, beginning) = match &span.document {
        // Documents count from 1, as in the view.
        Some((number, beginning)) => ((*number + 1).to_string(), beginning.clone()),
        None => (String::new(), String::new()),
    };
    let further: Vec<String> = span.further.iter().map(place_cell).collect();
    vec![
        span.start.to_string(),
        span.length.to_string(),
        span.occurrences.to_string(),
        text.clone(),
        document,
        beginning,
        span.place.to_string(),
        further.join(", "),
    ]
}

/// A position and its document, which counts from 1.
fn place_cell(place: &Place) -> String {
    match place.document {
        Some(number) => format!("{} in document {}", place.token, number + 1),
        None => place.token.to_string(),
    }
}

fn passage_cells(passage: &ActivatingPassage) -> Vec<String> {
    let strongest = passage.activations.get(passage.peak).map_or_else(String::new, f32::to_string);
    let text: String = passage.tokens.iter().map(|token| token.text.as_str()).collect();
    let activations: Vec<String> = passage.activations.iter().map(f32::to_string).collect();
    vec![passage.peak.to_string(), strongest, text, activations.join(" ")]
}

fn operation_cells(node: &GraphNode) -> Vec<String> {
    let kernels: Vec<String> = node.kernels.iter().map(|(name, count)| format!("{name} × {count}")).collect();
    let numbers = |values: &[usize]| values.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    vec![
        node.scope.clone(),
        node.operation.clone(),
        node.formula.clone(),
        numbers(&node.inputs),
        numbers(&node.outputs),
        node.ms.map_or_else(String::new, |ms| ms.to_string()),
        kernels.join(", "),
    ]
}

fn value_cells(value: &GraphValue) -> Vec<String> {
    let numbers =
        |known: Option<[f32; 4]>| known.map(|own| own.map(|one| one.to_string())).unwrap_or_default();
    let own = [value.statistics, value.gradient].map(numbers);
    [vec![value.name.clone(), value.ty.clone()], own.concat()].concat()
}
