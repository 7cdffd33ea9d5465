//! Model inspection: the available views, and the layout of their results.
//!
//! [`Command::Inspect`](crate::Command::Inspect) requests [`View`]s of a model on a prompt. The answer is one [`Inspection`]: for each
//! view some named tensors, whose entries are attached to the event as bytes, and its non-tensor data as [`Detail`]s. The window, the
//! command line's output, its safetensors files and a web page's typed arrays all use the same tensors.

mod details;
mod tensor;

pub use tensor::Tensor;

use crate::evaluation::{LossUnit, Table};
use crate::quantity::whole;
use crate::setting::{choices, settings};
use crate::{GenerateConfig, WeightSource, is_default};
use serde::{Deserialize, Serialize};

choices! {
    /// A view of a model's internals on a prompt. Axis letters are the legend's: T time, L layers, H heads, K key-value heads, D head size,
    /// C width, F hidden, V vocabulary; N is the requested count.
    #[derive(Hash, PartialOrd, Ord)]
    pub enum View {
        /// Attention probabilities of every head, and scores of its behaviour.
        Attention = "attention", "Attention";
        /// One forward pass, value by value.
        Walk = "walk", "The walk";
        /// The prompt's tokens and the probability of each given those before it.
        Tokens = "tokens", "Tokens";
        /// Token embeddings in two dimensions, and a token's nearest neighbours.
        Embeddings = "embeddings", "Embedding map";
        /// Similarity of positions in the model's position encoding.
        Positions = "positions", "Positions";
        /// The computation of one head, step by step.
        Head = "head", "One head";
        /// The residual stream: its norm and direction, and each part's contribution to a token's logit.
        Residual = "residual", "Residual stream";
        /// The prediction after every layer.
        LogitLens = "logit-lens", "Logit lens";
        /// The next token's distribution before and after each sampling setting.
        NextToken = "next-token", "Next token";
        /// Weights and gradients by parameter, and over the run.
        Weights = "weights", "Weights and gradients";
        /// Ablation, scaling and activation patching of parts of the model.
        WhatIf = "what-if", "What if";
        /// The longest spans of a text that occur in the training text.
        Provenance = "provenance", "Provenance";
        /// The graph: each operation with formula, shapes, kernel and time.
        Graph = "graph", "Graph";
    }
    unlisted {
        /// What changed from the model [`InspectSettings::reference`] to the inspected one. It needs both, so [`Self::ALL`] omits it.
        Diff = "diff", "What changed";
    }
}

impl View {
    pub fn formula(self) -> &'static str {
        match self {
            Self::Tokens => "surprise[t] = −log₂ p(x[t] | x[0…t−1])",
            Self::Embeddings => {
                "PCA: E − mean = U·S·Vᵀ, drawn in the first two columns of U·S; cos(a, b) = a·b / (‖a‖‖b‖)"
            }
            Self::Positions => {
                "learned, sinusoidal: cos(P[i], P[j]); rotary: the mean of cos((i − j)·θ) over all pairs"
            }
            Self::Attention => "A = softmax(Q·Kᵀ / √D + mask)",
            Self::Head => "softmax(q·kᵀ / √D + mask)·v·W_O",
            Self::Residual => {
                "x' = x + attention(norm(x)) + mlp(norm(·)); attribution = (part ⊙ scale / rms(x))·W_U[token], for LayerNorm less \
                 the means"
            }
            Self::LogitLens => "softmax(W_U·norm(x[l])); KL(p[L] ‖ p[l])",
            Self::NextToken => {
                "p = softmax(z / temperature), then top-k, top-p, min-p; z = logits, but for tokens of the prompt logits / penalty where \
                 above 0 and logits · penalty where below"
            }
            Self::Weights => {
                "ratio = ‖w[t] − w[s]‖ / (‖w[s]‖·(t − s)), s being the step of the milestone before"
            }
            Self::WhatIf => "KL(p_before ‖ p_after)",
            Self::Provenance => "longest n with x[i…i+n−1] in the training text",
            Self::Walk => "tokens → embedding → blocks of attention and MLP → norm → head → softmax",
            Self::Graph => "y = op(a, b, …); ∂loss/∂a = Σ ∂loss/∂y·∂y/∂a over the operations that read a",
            Self::Diff => {
                "KL(p_before ‖ p_after) per token; change = ‖after − before‖ / max(‖after‖, ‖before‖) of weights and of outputs; effect = \
                 loss(before with one part of after) − loss(before)"
            }
        }
    }

    /// The name of an index along one of the view's axes, if it has one: a score, a part or a stage.
    pub fn place_name(self, axis: &str, place: usize) -> Option<String> {
        match (axis, self) {
            ("part", Self::Diff) => Some(match place {
                0 => "attention".to_owned(),
                1 => "MLP".to_owned(),
                head => format!("head {}", head - 2),
            }),
            ("score", _) => HEAD_SCORES.get(place).map(|name| (*name).to_owned()),
            // Index 0 is the embedding; then attention and MLP of each layer alternate.
            ("part", _) | ("stage", Self::Residual) => Some(match place.checked_sub(1) {
                None => "embedding".to_owned(),
                Some(place) if place % 2 == 0 => format!("attention {}", place / 2),
                Some(place) => format!("MLP {}", place / 2),
            }),
            // Stage 0 precedes all layers; each further stage follows a layer.
            ("stage", Self::LogitLens) => {
                let layer = place.checked_sub(1);
                Some(layer.map_or_else(|| "embedding".to_owned(), |layer| format!("layer {layer}")))
            }
            _ => None,
        }
    }
}

/// Why there is no view of single neurons any more, nor an option for one.
pub const NEURONS: &str =
    "neurons are shown as features now: see Features under Inspect, or `glasshouse features`";

/// The head scores along the axis `score` of [`View::Attention`], in order.
pub const HEAD_SCORES: [&str; 4] = ["previous token", "first token", "duplicate token", "induction"];

/// The index and value of a head's highest score; `None` if no score is finite.
pub fn highest_score(scores: &[f32]) -> Option<(usize, f32)> {
    let scores = scores.iter().copied().enumerate().take(HEAD_SCORES.len());
    scores.filter(|(_, score)| score.is_finite()).max_by(|(_, a), (_, b)| a.total_cmp(b))
}

impl std::str::FromStr for View {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "neurons" {
            return Err(NEURONS.to_owned());
        }
        Self::named("view", name)
    }
}

settings! {
    /// Selections within the requested views.
    pub struct InspectSettings: "" lenient() {
        /// Layer, from 0. `None` means all layers, or the last for single-layer views.
        pub layer: Option<usize> = None;
        /// Head, from 0; `None` means the first.
        pub head: Option<usize> = None;
        /// Position, from 0; `None` means the last.
        pub position: Option<usize> = None;
        /// Token for logit attribution and nearest neighbours; `None` means the most likely next token and the token at the position,
        /// respectively.
        pub token: Option<u32> = None;
        /// Length of lists: candidates, neighbours, matches.
        pub count: usize = 10;
        /// Sampling settings for [`View::NextToken`].
        pub sampling: GenerateConfig = GenerateConfig::default();
        /// Changes to the model in [`View::WhatIf`].
        pub edits: Vec<Edit> = Vec::new();
        /// Also ablate each head and MLP separately in [`View::WhatIf`].
        pub every_part: bool = false;
        /// Prompt that supplies the residual stream for patches.
        pub other_prompt: String = String::new();
        /// Weights to align the map of [`View::Embeddings`] with, so that it rotates little from milestone to milestone; in
        /// [`View::Diff`] the earlier model.
        pub reference: Option<WeightSource> = None;
        /// Let [`View::Diff`] read the beginning of the project's held-out text in place of the prompt.
        pub held_out: bool = false;
        /// Unit of losses in [`View::Diff`] between models with the same tokenizer; `None` means bits per token.
        pub unit: Option<LossUnit> = None;
        /// Let [`View::Weights`] also read the run's milestones.
        pub along_run: bool = false;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "part")]
pub enum Edit {
    /// Scales a head's output to the residual stream: 0 ablates it.
    Head { layer: usize, head: usize, factor: f32 },
    /// Scales a layer's attention output.
    Attention { layer: usize, factor: f32 },
    /// Scales a layer's MLP output.
    Mlp { layer: usize, factor: f32 },
    /// Scales a layer's attention and MLP output.
    Layer { layer: usize, factor: f32 },
    /// Replaces the residual stream before a layer at a position by that of [`InspectSettings::other_prompt`] at the same position
    /// (activation patching; Meng et al. 2022).
    Patch {
        /// The layer; the number of layers means after the last layer.
        layer: usize,
        position: usize,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// Letter of the legend in `shaders/README.md`, or a word: `T`, `H`, `step`, `bin`.
    pub name: String,
    pub size: usize,
    /// A name for each index, if they have names: scores, parts, stages, parameters and steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElementKind {
    F32,
    U32,
}

/// A tensor of a view. Its entries are the attachment of the same index, counted over all views of the inspection in order:
/// little-endian, row-major, last axis fastest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSummary {
    /// Name within the view: `probabilities`.
    pub name: String,
    /// Path of the part of the graph, `blocks.2.attention`; empty if the tensor belongs to none or several.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Outermost first.
    pub axes: Vec<Axis>,
    pub element: ElementKind,
    /// `bits` or `nats`; empty if the entries have no unit.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unit: String,
    /// Whether the entries are ids of tokens (or of a classifier's labels), with their texts in [`Detail::Tokens`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub token_ids: bool,
    /// Number of entries at the beginning without a value: 1 if the first token has none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub without_value: usize,
}

impl TensorSummary {
    /// A tensor without a unit, with its axes outermost first.
    pub fn new(name: &str, scope: &str, axes: &[(&str, usize)], element: ElementKind) -> Self {
        let axis =
            |(name, size): &(&str, usize)| Axis { name: (*name).to_owned(), size: *size, labels: Vec::new() };
        let (name, scope, axes) = (name.to_owned(), scope.to_owned(), axes.iter().map(axis).collect());
        Self { name, scope, axes, element, unit: String::new(), token_ids: false, without_value: 0 }
    }

    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.size).collect()
    }

    pub fn count(&self) -> usize {
        self.axes.iter().map(|axis| axis.size).product()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenText {
    pub id: u32,
    /// Special tokens have their names.
    pub text: String,
}

/// A span of a text that occurs in the training text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Index of its first token in the queried text.
    pub start: usize,
    /// Length in tokens.
    pub length: usize,
    /// Number of occurrences in the training text.
    pub occurrences: usize,
    /// The text before the first occurrence, the span itself, and the text after it.
    pub context: [String; 3],
    /// Number and beginning of the first occurrence's document; `None` if documents are not separated.
    pub document: Option<(u64, String)>,
    /// Index in the training stream, from 0, of the first occurrence's first token.
    #[serde(default)]
    pub place: u64,
    /// Up to three later occurrences, the first in each further document.
    #[serde(default)]
    pub further: Vec<Place>,
}

/// An occurrence of a span in the training text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Index of its first token in the training stream, from 0.
    pub token: u64,
    /// Index of its document, from 0; `None` if documents are not separated.
    pub document: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphNode {
    /// Path in the model: `blocks.3.attention`.
    pub scope: String,
    pub operation: String,
    pub formula: String,
    /// Indices of the values it reads.
    pub inputs: Vec<usize>,
    /// Indices of the values it writes.
    pub outputs: Vec<usize>,
    /// Names of the GPU kernels that run it, with their numbers of launches; the default kernels if it runs on the CPU.
    pub kernels: Vec<(String, usize)>,
    pub ms: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphValue {
    /// Type, as in `f32[1, 8, 64]`.
    pub ty: String,
    /// `tokens`, a parameter's name, a table, or a point in the model such as `MLP activations of layer 1`; empty if it has no name.
    pub name: String,
    /// Minimum, maximum, mean and standard deviation for this prompt.
    pub statistics: Option<[f32; 4]>,
    /// The same statistics of its gradient.
    pub gradient: Option<[f32; 4]>,
}

/// Non-tensor data of a view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Detail {
    /// Texts of the token ids in the tensors of the map, neighbours, candidates and logit lens.
    Tokens {
        /// Each token once.
        tokens: Vec<TokenText>,
    },
    /// For [`View::Weights`]: the parameters of the rows, and the steps of the run.
    Parameters { names: Vec<String>, steps: Vec<u64> },
    /// For [`View::Provenance`]: in text order, none inside another.
    Matches {
        /// The longest spans, up to the requested count.
        matches: Vec<Match>,
        /// Number of spans, including those not listed.
        #[serde(default)]
        found: usize,
        /// Number of searched tokens of training text.
        searched: usize,
        index_bytes: u64,
        /// Milliseconds to build the index; 0 if it existed.
        build_ms: f64,
    },
    /// For [`View::Diff`]: texts of both models after the same prompt, with the same seed.
    Samples {
        prompt: String,
        /// Model and text: the earlier model, then the inspected one.
        texts: Vec<(String, String)>,
        /// One sentence: which of them predicts the compared text better.
        #[serde(default)]
        verdict: String,
    },
    /// For [`View::Diff`].
    Tables { tables: Vec<Table> },
    /// For [`View::Walk`]: how this model computes the view's tensors.
    Formulas {
        /// Tensor name and formula; x is the block's input, y the input of its MLP's residual addition.
        formulas: Vec<(String, String)>,
    },
    Graph {
        /// In execution order.
        nodes: Vec<GraphNode>,
        /// By index.
        values: Vec<GraphValue>,
        /// Name and WGSL source of each kernel that the nodes name.
        kernels: Vec<(String, String)>,
    },
}

/// The result of one view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inspected {
    pub view: View,
    pub tensors: Vec<TensorSummary>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
    /// Remarks for the reader, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// The details as tables, for web pages, so only in a browser; others call [`Detail::tables`].
    #[serde(default, skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    /// Milliseconds for this view.
    pub ms: f64,
}

impl Inspected {
    /// Names the indices along the tensors' axes.
    pub fn new(
        view: View,
        mut tensors: Vec<TensorSummary>,
        details: Vec<Detail>,
        notices: Vec<String>,
        ms: f64,
    ) -> Self {
        let parameters = details.iter().find_map(|detail| match detail {
            Detail::Parameters { names, steps } => Some((&names[..], &steps[..])),
            _ => None,
        });
        let (names, steps) = parameters.unwrap_or_default();
        for axis in tensors.iter_mut().flat_map(|tensor| &mut tensor.axes) {
            let label = |place: usize| match axis.name.as_str() {
                "P" => names.get(place).cloned(),
                "M" => steps.get(place).map(|step| format!("step {}", whole(*step))),
                name => view.place_name(name, place),
            };
            axis.labels = (0..axis.size).map(label).collect::<Option<_>>().unwrap_or_default();
        }
        // Labels and texts hold these.
        let is_listed = |detail: &&Detail| {
            cfg!(target_family = "wasm")
                && !matches!(
                    detail,
                    Detail::Tokens { .. } | Detail::Parameters { .. } | Detail::Tables { .. }
                )
        };
        let tables = details.iter().filter(is_listed).flat_map(Detail::tables).collect();
        Self { view, tensors, details, notices, tables, ms }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    pub run: String,
    /// Training steps of the weights.
    pub step: u64,
    pub device: String,
    pub layers: usize,
    pub heads: usize,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// The prompt's tokens that fit the context.
    pub tokens: Vec<TokenText>,
    /// Number of tokens cut from the prompt's start.
    pub cut: usize,
    pub position: usize,
    /// In the requested order.
    pub views: Vec<Inspected>,
    /// Milliseconds for which the inspection delayed a training run; `None` if none was training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_training_ms: Option<f64>,
}

impl Inspection {
    /// Tensors of all views, in the order of their attachments.
    pub fn tensors(&self) -> impl Iterator<Item = (View, &TensorSummary)> {
        self.views
            .iter()
            .flat_map(|inspected| inspected.tensors.iter().map(|tensor| (inspected.view, tensor)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_found_by_its_name_and_an_unknown_one_is_told_what_there_is() {
        for view in View::ALL {
            assert_eq!(view.name().parse(), Ok(view));
        }
        let error = "atention".parse::<View>().unwrap_err();
        assert!(error.contains("logit-lens") && error.contains("atention"), "{error}");
        assert_eq!("neurons".parse::<View>(), Err(NEURONS.to_owned()));
    }

    /// Writes an outdated list anew and fails, so that the change is reviewed.
    #[test]
    fn the_page_lists_these_views() {
        let lines = |between: &str| -> Vec<String> {
            let names: Vec<String> = View::ALL.iter().map(|view| format!("\"{}\"", view.name())).collect();
            names.chunks(10).map(|names| names.join(between)).collect()
        };
        let script: String = lines(", ").iter().map(|line| format!("  {line},\n")).collect();
        let types: String = lines(" | ").iter().map(|line| format!("  | {line}\n")).collect();
        for (file, start, list, end) in [
            ("inspection.js", "export const VIEWS = [\n", script, "];"),
            ("glasshouse.d.ts", "export type View =\n", types, "  /**"),
        ] {
            let path = format!("{}/../../web/{file}", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(&path).unwrap();
            let (before, after) = text.split_once(start).unwrap();
            let (old, after) = after.split_once(end).unwrap();
            if old != list {
                std::fs::write(&path, [before, start, &list, end, after].concat()).unwrap();
                panic!("{file} was outdated and has been written anew");
            }
        }
    }

    #[test]
    fn places_have_names_where_their_axis_has() {
        let named = |view: View, axis, count| -> Vec<Option<String>> {
            (0..count).map(|place| view.place_name(axis, place)).collect()
        };
        let known = |names: &[&str]| -> Vec<Option<String>> {
            names.iter().map(|name| Some((*name).to_owned())).collect()
        };
        let parts = known(&["embedding", "attention 0", "MLP 0", "attention 1", "MLP 1"]);
        assert_eq!(named(View::Residual, "part", 5), parts);
        assert_eq!(named(View::Residual, "stage", 5), parts);
        assert_eq!(named(View::LogitLens, "stage", 3), known(&["embedding", "layer 0", "layer 1"]));
        assert_eq!(named(View::Attention, "score", 4), known(&HEAD_SCORES));
        assert_eq!(View::Attention.place_name("score", 4), None);
        assert_eq!(View::Attention.place_name("T", 0), None);
        let tensors = vec![TensorSummary::new("norms", "", &[("stage", 3), ("T", 2)], ElementKind::F32)];
        let inspected = Inspected::new(View::Residual, tensors, Vec::new(), Vec::new(), 1.0);
        let [stages, tokens] = &inspected.tensors[0].axes[..] else { panic!("{inspected:?}") };
        assert_eq!(stages.labels, ["embedding", "attention 0", "MLP 0"]);
        assert!(tokens.labels.is_empty());
    }
}
