//! A made-up model for inspections: tensors with the views' shapes, and numbers computed from their indices.

use super::engine::tokens;
use glasshouse_protocol::inspect::{Detail, ElementKind, Inspected, TensorSummary, TokenText};
use glasshouse_protocol::{Event, InspectSettings, Inspection, View, WeightSource};

/// Layers, heads, features per head, width, hidden width and vocabulary size.
const L: usize = 3;
const H: usize = 2;
const D: usize = 4;
const C: usize = 8;
const F: usize = 12;
const V: usize = 20;

/// The answer to a command, without its bytes.
pub fn answer(source: &WeightSource, prompt: &str, views: &[View], settings: &InspectSettings) -> Event {
    let token = |text: &str, id: u32| TokenText { id, text: text.to_owned() };
    let read: Vec<TokenText> =
        tokens(prompt).iter().map(|known| token(&known.text, known.id % V as u32)).collect();
    let count = read.len();
    let run = match source {
        WeightSource::Current => "2-first-stories",
        WeightSource::Checkpoint { run, .. } => run,
    };
    let step = match source {
        WeightSource::Checkpoint { checkpoint, .. } if checkpoint.as_str().contains("step-500") => 500,
        WeightSource::Checkpoint { checkpoint, .. } if checkpoint.as_str().contains("step-0") => 0,
        WeightSource::Checkpoint { checkpoint, .. } if checkpoint.as_str().contains("step-1000") => 1000,
        WeightSource::Checkpoint { checkpoint, .. } if checkpoint.as_str().contains("best") => 1150,
        _ => 2400,
    };
    let seen = |view: &View| {
        let texts = (0..V as u32).map(|id| token(&format!(" word{id}"), id)).collect();
        Inspected::new(*view, tensors(*view, count), details(*view, texts), Vec::new(), 3.25)
    };
    Event::Inspected {
        inspection: Box::new(Inspection {
            run: run.to_owned(),
            step,
            device: "example".to_owned(),
            layers: L,
            heads: H,
            prompt: prompt.to_owned(),
            position: settings.position.unwrap_or(count - 1),
            tokens: read,
            views: views.iter().map(seen).collect(),
            ..Inspection::default()
        }),
    }
}

fn details(view: View, tokens: Vec<TokenText>) -> Vec<Detail> {
    let tokens = Detail::Tokens { tokens };
    match view {
        View::Walk => {
            let formula = |name: &str, formula: &str| (name.to_owned(), formula.to_owned());
            let formulas = vec![
                formula("queries", "q = RoPE(RMSNorm(x)·W_Q, t)"),
                formula("between", "y = x + attention"),
            ];
            vec![tokens, Detail::Formulas { formulas }]
        }
        View::Diff => {
            let texts = ["2-first-stories", "1-first-stories"]
                .map(|name| (name.to_owned(), format!("{name} went to the river")));
            let verdict =
                "2-first-stories predicts this text better: 1.20 bits per token against 1.52.".to_owned();
            vec![Detail::Samples { prompt: "Once".to_owned(), texts: texts.to_vec(), verdict }, tokens]
        }
        _ => vec![tokens],
    }
}

fn tensors(view: View, t: usize) -> Vec<TensorSummary> {
    let floats = |name: &str, axes: &[(&str, usize)]| TensorSummary::new(name, "", axes, ElementKind::F32);
    let integers = |name: &str, axes: &[(&str, usize)]| TensorSummary {
        token_ids: ["ids", "neighbours", "token", "top"].contains(&name),
        ..TensorSummary::new(name, "", axes, ElementKind::U32)
    };
    let row = ("T", t);
    match view {
        View::Tokens => vec![
            integers("ids", &[row]),
            floats("log_probabilities", &[row]),
            floats("surprise", &[row]),
            integers("rank", &[row]),
            floats("entropy", &[row]),
        ],
        View::Embeddings => vec![
            integers("ids", &[("N", V)]),
            floats("map", &[("N", V), ("axis", 2)]),
            floats("explained", &[("axis", 2)]),
            integers("neighbours", &[("N", 5)]),
            floats("cosines", &[("N", 5)]),
        ],
        View::Positions => vec![
            floats("similarity", &[("position", 16), ("position", 16)]),
            floats("rotations", &[("position", 16), ("pair", 2)]),
            floats("frequencies", &[("pair", 2)]),
        ],
        View::Attention => vec![
            floats("probabilities", &[("L", L), ("H", H), row, row]),
            integers("layers", &[("L", L)]),
            floats("scores", &[("L", L), ("H", H), ("score", 4)]),
            floats("entropy", &[("L", L), ("H", H)]),
        ],
        View::Head => vec![
            floats("queries", &[row, ("D", D)]),
            floats("keys", &[row, ("D", D)]),
            floats("values", &[row, ("D", D)]),
            floats("scores", &[row, row]),
            floats("probabilities", &[row, row]),
            floats("weighted", &[row, ("D", D)]),
            floats("output", &[row, ("C", C)]),
        ],
        View::Walk => {
            let of_width = |name: &str| floats(name, &[row, ("C", C)]);
            vec![
                of_width("embedded"),
                of_width("attention_input"),
                floats("queries", &[row, ("H·D", H * D)]),
                floats("keys", &[row, ("K·D", H * D)]),
                floats("values", &[row, ("K·D", H * D)]),
                floats("probabilities", &[("H", H), row, row]),
                floats("attended", &[row, ("H·D", H * D)]),
                of_width("attention_output"),
                of_width("between"),
                of_width("mlp_input"),
                floats("hidden", &[row, ("F", F)]),
                of_width("mlp_output"),
                of_width("stream"),
                of_width("normed"),
                floats("logits", &[("V", V)]),
            ]
        }
        _ => Vec::new(),
    }
}

/// The bytes of an event; empty for other events.
pub fn bytes(event: &Event) -> Vec<Vec<u8>> {
    let Event::Inspected { inspection } = event else { return Vec::new() };
    inspection.tensors().map(|(view, summary)| entries(view, summary)).collect()
}

fn entries(view: View, summary: &TensorSummary) -> Vec<u8> {
    let shape = summary.shape();
    let last = shape.last().copied().unwrap_or(1).max(1);
    let wave = |entry: usize| (entry as f32 * 0.7).sin();
    let value = |entry: usize| match summary.name.as_str() {
        // Each token attends to itself and, half as much, to those before it.
        "probabilities" => {
            let (query, key) = ((entry / last) % last, entry % last);
            let all = query as f32 + 2.0;
            if key > query { 0.0 } else { (if key == query { 2.0 } else { 1.0 }) / all }
        }
        "surprise" | "entropy" => 1.0 + 3.0 * wave(entry).abs(),
        "log_probabilities" => -1.0 - wave(entry).abs(),
        "explained" => 0.2,
        // The second head of each layer attends to the previous token.
        "scores" if view == View::Attention => {
            if entry % 8 == 4 {
                0.83
            } else {
                0.1
            }
        }
        _ => wave(entry),
    };
    let count = summary.count();
    match summary.element {
        ElementKind::F32 => (0..count).flat_map(|entry| value(entry).to_le_bytes()).collect(),
        ElementKind::U32 => (0..count as u32).flat_map(|entry| (entry % V as u32).to_le_bytes()).collect(),
    }
}
