//! What of a view is no tensor, as rows: stretches of the text, passages, operations.

use glasshouse_protocol::inspect::{Detail, GraphNode, Match, Passage};

/// Rows that a view has beside its tensors.
pub(super) enum List<'a> {
    Matches(&'a [Match]),
    Passages(&'a [Passage]),
    Operations(&'a [GraphNode]),
}

impl<'a> List<'a> {
    /// The rows of a detail; `None` of one that only says what tensors are of.
    pub(super) fn of(detail: &'a Detail) -> Option<Self> {
        match detail {
            Detail::Matches { matches, .. } => Some(Self::Matches(matches)),
            Detail::Passages { passages, .. } => Some(Self::Passages(passages)),
            Detail::Graph { nodes, .. } => Some(Self::Operations(nodes)),
            Detail::Tokens { .. } | Detail::Parameters { .. } => None,
        }
    }

    /// What it is called beside the tensors.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Matches(_) => "stretches",
            Self::Passages(_) => "passages",
            Self::Operations(_) => "operations",
        }
    }

    /// Titles of its columns, and their widths in points.
    pub(super) fn columns(&self) -> &'static [(&'static str, f32)] {
        match self {
            Self::Matches(_) => &[
                ("number", 60.0),
                ("start", 52.0),
                ("length", 56.0),
                ("occurrences", 90.0),
                ("text", 280.0),
                ("document", 70.0),
                ("beginning", 200.0),
            ],
            Self::Passages(_) => &[
                ("number", 60.0),
                ("peak", 44.0),
                ("activation", 90.0),
                ("text", 320.0),
                ("activations", 320.0),
            ],
            Self::Operations(_) => &[
                ("number", 60.0),
                ("scope", 170.0),
                ("operation", 120.0),
                ("formula", 260.0),
                ("ms", 80.0),
                ("kernels", 220.0),
            ],
        }
    }

    /// How many rows it has.
    pub(super) fn count(&self) -> usize {
        match self {
            Self::Matches(matches) => matches.len(),
            Self::Passages(passages) => passages.len(),
            Self::Operations(nodes) => nodes.len(),
        }
    }

    /// The cells of a row; none where there is no such row.
    pub(super) fn row(&self, number: usize) -> Vec<String> {
        let cells = match self {
            Self::Matches(matches) => matches.get(number).map(match_cells),
            Self::Passages(passages) => passages.get(number).map(passage_cells),
            Self::Operations(nodes) => nodes.get(number).map(operation_cells),
        };
        cells.map_or_else(Vec::new, |cells| [vec![number.to_string()], cells].concat())
    }
}

fn match_cells(stretch: &Match) -> Vec<String> {
    let [_, text, _] = &stretch.context;
    let (document, beginning) = match &stretch.document {
        // Documents are counted from 1, as the view has them.
        Some((number, beginning)) => ((*number + 1).to_string(), beginning.clone()),
        None => (String::new(), String::new()),
    };
    vec![
        stretch.start.to_string(),
        stretch.length.to_string(),
        stretch.occurrences.to_string(),
        text.clone(),
        document,
        beginning,
    ]
}

fn passage_cells(passage: &Passage) -> Vec<String> {
    let strongest = passage.activations.get(passage.peak).map_or_else(String::new, f32::to_string);
    let text: String = passage.tokens.iter().map(|token| token.text.as_str()).collect();
    let activations: Vec<String> = passage.activations.iter().map(f32::to_string).collect();
    vec![passage.peak.to_string(), strongest, text, activations.join(" ")]
}

fn operation_cells(node: &GraphNode) -> Vec<String> {
    let kernels: Vec<String> = node.kernels.iter().map(|(name, count)| format!("{name} × {count}")).collect();
    vec![
        node.scope.clone(),
        node.operation.clone(),
        node.formula.clone(),
        node.ms.map_or_else(String::new, |ms| ms.to_string()),
        kernels.join(", "),
    ]
}
