//! The lens's views against PyTorch, on both executors: every tensor of every view, by name and axes.
//!
//! Bounds are relative to a tensor's largest entry. Results that no fixture can hold are compared by their meaning: a map by
//! its distances, listed tokens by the distributions that they come from, the graph's statistics by the values themselves.

use crate::common::{self, Fixture, deviation};
use crate::runs::{create, project};
use glasshouse_engine::gpu::Gpu;
use glasshouse_engine::inspection::{Indices, Lens, Subject, inspect};
use glasshouse_engine::model::{Purpose, build};
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_protocol::inspect::{Detail, ElementKind, InspectSettings, Inspected, View};
use glasshouse_protocol::{ModelConfig, TokenizerConfig, TokenizerKind};
use glasshouse_tests::blocking;
use pollster::block_on;
use safetensors::SafeTensors;
use serde_json::Value;
use std::collections::BTreeMap;

/// The largest deviation that passes.
const BOUND: f64 = 2e-4;

/// Letters of the vocabulary, in the order of their ids.
const LETTERS: &str = "0123456789abcdefghijklmnopqrs";

/// The axes of each view's tensors, outermost first; a number is an unnamed axis.
const AXES: &[(View, &str)] = &[
    (View::Tokens, "ids T; log_probabilities T; surprise T; rank T; entropy T"),
    (View::Embeddings, "ids N; map N 2; explained 2; neighbours N; cosines N; token 1"),
    (View::Positions, "similarity position position; rotations position pair; frequencies pair"),
    (View::Attention, "probabilities L H T T; layers L; scores L H 4; entropy L H; repeated N"),
    (
        View::Head,
        "queries T D; keys T D; values T D; scores T T; probabilities T T; weighted T D; output T C",
    ),
    (
        View::Residual,
        "norms stage T; cosines stage T; attention_norms L T; mlp_norms L T; attribution part; saliency T; token 1",
    ),
    (View::LogitLens, "top stage T; probabilities stage T; divergence stage T; logits stage V"),
    (View::NextToken, "logits V; ids N; probability N; tempered N; drawn N; cut_by N; entropy 1; kept 1"),
    (
        View::Weights,
        "norms P; histogram P bin; edges P 2; gradient_norms P; gradient_histogram P bin; gradient_edges P 2",
    ),
    (
        View::WhatIf,
        "before V; after V; ids N; before_listed N; after_listed N; divergence 1; heads L H; mlps L; token_heads L H; \
         token_mlps L",
    ),
    (
        View::Walk,
        "embedded T C; attention_input T C; queries T H·D; keys T K·D; values T K·D; probabilities H T T; attended T H·D; \
         attention_output T C; between T C; mlp_input T C; hidden T F; mlp_output T C; stream T C; normed T C; logits V",
    ),
];

/// The lens's executor.
#[derive(Clone, Copy, Debug)]
enum Place {
    Cpu,
    Gpu,
}

impl Place {
    fn lens(self, config: &ModelConfig, weights: Vec<f32>) -> Lens {
        match self {
            Self::Cpu => Lens::on_cpu(config, weights, Some(2)),
            Self::Gpu => {
                let gpu = block_on(Gpu::open(&common::adapter()));
                Lens::on_gpu(config, weights, gpu.expect("an adapter"))
            }
        }
        .expect("a lens")
    }
}

/// A tensor; the type of its entries determines how it is compared.
#[derive(Clone, Debug)]
struct Table {
    shape: Vec<usize>,
    entries: Entries,
}

#[derive(Clone, Debug)]
enum Entries {
    Floats(Vec<f32>),
    Whole(Vec<u32>),
}

impl Table {
    fn of(shape: Vec<usize>, floats: bool, bytes: &[u8]) -> Self {
        let words = bytes.as_chunks::<4>().0.iter();
        let entries = if floats {
            Entries::Floats(words.map(|word| f32::from_le_bytes(*word)).collect())
        } else {
            Entries::Whole(words.map(|word| u32::from_le_bytes(*word)).collect())
        };
        Self { shape, entries }
    }

    fn floats(&self) -> &[f32] {
        match &self.entries {
            Entries::Floats(floats) => floats,
            Entries::Whole(_) => panic!("whole numbers where floats are expected"),
        }
    }

    fn whole(&self) -> &[u32] {
        match &self.entries {
            Entries::Whole(whole) => whole,
            Entries::Floats(_) => panic!("floats where whole numbers are expected"),
        }
    }

    /// The same rows (all axes but the first) in another order.
    fn reordered(&self, order: &[usize]) -> Self {
        let width = self.shape[1..].iter().product::<usize>();
        let rows = order.iter().flat_map(|row| self.floats()[row * width..(row + 1) * width].iter().copied());
        Self { shape: self.shape.clone(), entries: Entries::Floats(rows.collect()) }
    }
}

type Tables = BTreeMap<String, Table>;

/// PyTorch's results, described in `tests/fixtures/README.md`.
struct Expected {
    facts: Value,
    tensors: Tables,
}

impl Expected {
    fn load(name: &str) -> Self {
        let path = glasshouse_tests::fixture(&format!("views_{name}.safetensors"));
        let bytes = std::fs::read(path).expect("a fixture");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a header");
        let facts = &header.metadata().as_ref().expect("metadata")["views"];
        let tensors = SafeTensors::deserialize(&bytes).expect("tensors");
        let table = |(name, tensor): (&str, safetensors::tensor::TensorView<'_>)| {
            let floats = tensor.dtype() == safetensors::Dtype::F32;
            (name.to_owned(), Table::of(tensor.shape().to_vec(), floats, tensor.data()))
        };
        Self {
            facts: serde_json::from_str(facts).expect("JSON"),
            tensors: tensors.iter().map(table).collect(),
        }
    }

    fn ids(&self, name: &str) -> Vec<u32> {
        serde_json::from_value(self.facts[name].clone()).expect("tokens")
    }

    /// The tensors of a case, without the case's name.
    fn of(&self, case: &str) -> Tables {
        let own = self.tensors.iter().filter_map(|(name, table)| {
            let (of, tensor) = name.split_once('.')?;
            (of == case).then(|| (tensor.to_owned(), table.clone()))
        });
        own.collect()
    }
}

/// An answer's tensors, after checking their axes against [`AXES`].
fn tables(inspected: &Inspected, bytes: &[Vec<u8>]) -> Tables {
    let view = inspected.view;
    let (_, axes) = AXES.iter().find(|(listed, _)| *listed == view).expect("a view with tensors");
    let axes: BTreeMap<&str, Vec<&str>> = axes
        .split("; ")
        .map(|tensor| {
            let mut words = tensor.split(' ');
            (words.next().expect("a name"), words.collect())
        })
        .collect();
    assert_eq!(inspected.tensors.len(), bytes.len(), "{view}");
    let mut tables = Tables::new();
    for (summary, bytes) in inspected.tensors.iter().zip(bytes) {
        let name = summary.name.as_str();
        let expected =
            axes.get(name).unwrap_or_else(|| panic!("{view} has a tensor {name:?} that nobody knows"));
        let named: Vec<&str> = summary.axes.iter().map(|axis| axis.name.as_str()).collect();
        let same = named.iter().zip(expected).all(|(axis, expected)| {
            axis == expected || expected.parse::<usize>().is_ok_and(|_| !axis.is_empty())
        });
        assert!(same && named.len() == expected.len(), "{view}.{name}: {named:?}, not {expected:?}");
        assert_eq!(bytes.len(), 4 * summary.count(), "{view}.{name}");
        let table = Table::of(summary.shape(), summary.element == ElementKind::F32, bytes);
        assert!(tables.insert(name.to_owned(), table).is_none(), "{view}.{name} comes twice");
    }
    tables
}

/// An answer in the fixture's form. Tensors that the fixture cannot have are checked and removed.
fn comparable(inspected: &Inspected, mut found: Tables, facts: &Value) -> Tables {
    match inspected.view {
        View::Embeddings => {
            let map = found.remove("map").expect("a map");
            let points: Vec<&[f32]> = map.floats().chunks_exact(2).collect();
            let apart = |one: &[f32], other: &[f32]| (one[0] - other[0]).hypot(one[1] - other[1]);
            let distances =
                points.iter().flat_map(|one| points.iter().map(move |other| apart(one, other))).collect();
            let shape = vec![points.len(), points.len()];
            found.insert("distances".to_owned(), Table { shape, entries: Entries::Floats(distances) });
        }
        View::Weights => {
            let names = found!(inspected.details.iter(), Detail::Parameters { names, .. } => names).next();
            let names = names.expect("names of parameters");
            let expected: Vec<String> = serde_json::from_value(facts["parameters"].clone()).expect("names");
            let place = |name: &String| names.iter().position(|own| own == name).expect("a parameter");
            let order: Vec<usize> = expected.iter().map(place).collect();
            assert_eq!(order.len(), names.len());
            found = found.into_iter().map(|(name, table)| (name, table.reordered(&order))).collect();
        }
        View::WhatIf => {
            let [ids, before, after] =
                ["ids", "before_listed", "after_listed"].map(|name| found.remove(name).expect("a list"));
            for (listed, all) in [(&before, &found["before"]), (&after, &found["after"])] {
                let own: Vec<f32> = ids.whole().iter().map(|id| all.floats()[*id as usize]).collect();
                assert_eq!(listed.floats(), own);
                let likeliest = all.floats().iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1));
                assert!(ids.whole().contains(&(likeliest.expect("a token").0 as u32)));
            }
        }
        _ => {}
    }
    found
}

/// The deviations between an answer and PyTorch's results.
fn wrong(found: &Tables, expected: &Tables, counts: &[usize]) -> Vec<String> {
    let names = |tables: &Tables| tables.keys().cloned().collect::<Vec<_>>();
    if names(found) != names(expected) {
        return vec![format!("tensors {:?} where {:?} are expected", names(found), names(expected))];
    }
    let mut wrong = Vec::new();
    for (name, expected) in expected {
        let found = &found[name];
        // A PyTorch scalar has no axis.
        let same = found.shape == expected.shape || (expected.shape.is_empty() && found.shape == [1]);
        if !same {
            wrong.push(format!("{name} is {:?}, not {:?}", found.shape, expected.shape));
            continue;
        }
        match (&found.entries, &expected.entries) {
            (Entries::Whole(found), Entries::Whole(expected)) if found != expected => {
                wrong.push(format!("{name}: {found:?}, not {expected:?}"));
            }
            (Entries::Whole(_), Entries::Whole(_)) => {}
            (Entries::Floats(found), Entries::Floats(expected)) if name.ends_with("histogram") => {
                // Rounding may move an entry on a boundary into the next bin.
                let bins = expected.len() / counts.len();
                let rows = found.chunks_exact(bins).zip(expected.chunks_exact(bins)).zip(counts);
                for ((found, expected), count) in rows {
                    // Written so that NaN fails.
                    let fits = |(one, other): (&f32, &f32)| (one - other).abs() <= 1.01 / *count as f32;
                    if !found.iter().zip(expected).all(fits) {
                        wrong.push(format!("{name} of {count} entries: {found:?}, not {expected:?}"));
                    }
                }
            }
            (Entries::Floats(found), Entries::Floats(expected)) => {
                let apart = deviation(found, expected);
                if apart > BOUND {
                    wrong.push(format!("{name}: {apart:.1e} from {expected:?}"));
                }
            }
            _ => wrong.push(format!("{name} has entries of another kind")),
        }
    }
    wrong
}

/// Checks the graph's statistics against the values themselves, for a prompt that fills the window.
fn check_graph(inspected: &Inspected, expected: &Expected) {
    let Some(Detail::Graph { nodes, values, .. }) =
        inspected.details.iter().find(|detail| matches!(detail, Detail::Graph { .. }))
    else {
        panic!("no graph")
    };
    assert!(nodes.iter().all(|node| !node.formula.is_empty() && !node.operation.is_empty()));
    let numbers = nodes.iter().flat_map(|node| node.inputs.iter().chain(&node.outputs));
    assert!(numbers.copied().all(|number| number < values.len()));
    for name in ["walk.embedded", "walk.between", "walk.hidden", "walk.stream", "walk.normed"] {
        let table = &expected.tensors[name];
        let [time, columns] = table.shape[..] else { panic!("{name} is {:?}", table.shape) };
        let floats = table.floats();
        let of = |pick: fn(f32, f32) -> f32| floats.iter().copied().reduce(pick).expect("entries");
        let own = [of(f32::min), of(f32::max), floats.iter().sum::<f32>() / floats.len() as f32];
        let ty = format!("f32[1, {time}, {columns}]");
        let same = |found: &[f32]| deviation(&found[..3], &own) < BOUND;
        let has = |value: &glasshouse_protocol::inspect::GraphValue| {
            value.ty == ty && value.statistics.as_ref().is_some_and(|found| same(found))
        };
        assert!(values.iter().any(has), "no value is {ty} with {own:?} as {name} has");
    }
}

fn check(name: &str, place: Place) {
    let (fixture, expected) = (Fixture::load(name), Expected::load(name));
    let config = &fixture.run.model;
    let graph = build(config, Purpose::Window { time: 1 }).expect("a model").graph;
    let names: Vec<String> = graph.parameters.iter().map(|parameter| parameter.name.clone()).collect();
    let weights = fixture.arena("initial", &names, &ArenaLayout::new(&graph));
    let mut lens = place.lens(config, weights.clone());
    let (_folder, project) = project();
    let run = create(&project, &fixture.run);

    let kind = TokenizerKind::Char;
    let vocabulary = TokenizerConfig { min_frequency: 1, ..TokenizerConfig::new(kind, LETTERS.len()) };
    let tokenizer = blocking::train_tokenizer(&vocabulary, [LETTERS]).expect("a tokenizer");
    let text =
        |ids: &[u32]| ids.iter().map(|id| LETTERS.as_bytes()[*id as usize] as char).collect::<String>();
    let (tokens, other) = (expected.ids("tokens"), expected.ids("other_tokens"));
    let prompt = text(&tokens);
    assert_eq!(tokenizer.encode(&prompt).expect("tokens"), tokens);
    // One count per parameter, in the fixture's order.
    let parameters: Vec<String> =
        serde_json::from_value(expected.facts["parameters"].clone()).expect("names of parameters");
    let counts: Vec<usize> =
        parameters.iter().map(|name| fixture.floats(&format!("initial.{name}")).len()).collect();

    let mut look = |view: View, settings: &InspectSettings| {
        let position = settings.position.unwrap_or(tokens.len() - 1);
        let mut subject = Subject {
            lens: &mut lens,
            tokenizer: &tokenizer,
            tokens: &tokens,
            prompt: &prompt,
            position,
            settings,
            run: &run,
            reference: None,
            base: None,
            indices: &mut Indices::default(),
        };
        block_on(inspect(view, &mut subject))
    };
    let mut deviating = Vec::new();
    let mut seen = Vec::new();
    for case in expected.facts["cases"].as_array().expect("cases") {
        let called = case["name"].as_str().expect("a name");
        let view: View = case["view"].as_str().expect("a view").parse().expect("a view of the lens");
        let settings: InspectSettings = serde_json::from_value(case["settings"].clone()).expect("settings");
        let settings = InspectSettings { other_prompt: text(&other), ..settings };
        let (inspected, bytes) =
            look(view, &settings).unwrap_or_else(|error| panic!("{name}, {called}, {place:?}: {error}"));
        let found = comparable(&inspected, tables(&inspected, &bytes), &expected.facts);
        let own = wrong(&found, &expected.of(called), &counts);
        deviating.extend(own.into_iter().map(|line| format!("{called}: {line}")));
        seen.push(view);
    }
    if tokens.len() == config.context_length {
        let (inspected, _) = look(View::Graph, &InspectSettings::default()).expect("a graph");
        check_graph(&inspected, &expected);
    }
    assert!(deviating.is_empty(), "{name}, {place:?}:\n{}", deviating.join("\n"));
    assert!(AXES.iter().all(|(view, _)| seen.contains(view)), "{seen:?}");
    // All ablations have been undone.
    assert!(lens.arena() == weights);
}

/// Tests both executors on every fixture.
macro_rules! views {
    ($($name:ident)*) => {$(
        mod $name {
            use super::{Place, check};

            #[test]
            fn on_cpu() {
                check(stringify!($name), Place::Cpu);
            }

            #[test]
            fn on_gpu() {
                check(stringify!($name), Place::Gpu);
            }
        }
    )*};
}

views! { gpt llama }
