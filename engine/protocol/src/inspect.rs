//! Looking inside a model: the views that can be asked for, and how the numbers of an answer are laid out.
//!
//! [`Command::Inspect`](crate::Command::Inspect) asks for some [`View`]s of a model at work on a prompt. The answer is one
//! [`Inspection`]: for each view some named tensors, whose entries travel beside it as bytes, and what is no number as a [`Detail`].
//! The same tensors reach the window, the command line, the safetensors files that it writes, and a page's typed arrays.

use crate::{GenerateConfig, WeightSource};
use serde::{Deserialize, Serialize};

/// A view of a model at work on a prompt. Letters of axes are the legend's: T time, L layers, H heads, K key-value heads, D head size,
/// C width, F hidden, V vocabulary; N is as many as were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum View {
    /// What each token is, and how likely it was after those before it.
    Tokens,
    /// Token embeddings in two dimensions, and a token's nearest neighbours.
    Embeddings,
    /// How alike positions are to the model.
    Positions,
    /// Attention probabilities of every head, and what each head does by measured behaviour.
    Attention,
    /// One head's arithmetic, step by step.
    Head,
    /// The residual stream: its norm and direction, and what each part adds to a token's logit.
    Residual,
    /// The most active neurons of an MLP, and the passages that excite one.
    Neurons,
    /// What every layer would predict.
    LogitLens,
    /// The next token's distribution before and after each setting.
    NextToken,
    /// Weights and gradients by parameter, and along the run.
    Weights,
    /// What changes where a part is switched off, scaled, or patched.
    WhatIf,
    /// The longest spans of a text that stand in the training text.
    Provenance,
    /// One forward pass, value by value.
    Walk,
    /// The graph: each operation with its formula, shapes, kernel and time.
    Graph,
}

impl View {
    /// All, in the order of the page.
    pub const ALL: [Self; 14] = [
        Self::Walk,
        Self::Tokens,
        Self::Embeddings,
        Self::Positions,
        Self::Attention,
        Self::Head,
        Self::Residual,
        Self::Neurons,
        Self::LogitLens,
        Self::NextToken,
        Self::Weights,
        Self::WhatIf,
        Self::Provenance,
        Self::Graph,
    ];

    /// As commands, addresses and attributes have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Embeddings => "embeddings",
            Self::Positions => "positions",
            Self::Attention => "attention",
            Self::Head => "head",
            Self::Residual => "residual",
            Self::Neurons => "neurons",
            Self::LogitLens => "logit-lens",
            Self::NextToken => "next-token",
            Self::Weights => "weights",
            Self::WhatIf => "what-if",
            Self::Provenance => "provenance",
            Self::Walk => "walk",
            Self::Graph => "graph",
        }
    }

    /// The view of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|view| view.name() == name)
    }

    /// Its title on a page.
    pub fn title(self) -> &'static str {
        match self {
            Self::Tokens => "Tokens",
            Self::Embeddings => "Embedding map",
            Self::Positions => "Positions",
            Self::Attention => "Attention",
            Self::Head => "One head",
            Self::Residual => "Residual stream",
            Self::Neurons => "MLP neurons",
            Self::LogitLens => "Logit lens",
            Self::NextToken => "Next token",
            Self::Weights => "Weights and gradients",
            Self::WhatIf => "What if",
            Self::Provenance => "Provenance",
            Self::Walk => "The walk",
            Self::Graph => "Graph",
        }
    }

    /// The formula that it draws.
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
            Self::Neurons => "h = activation(W_up·norm(x)), or activation(gate)·up",
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
        }
    }

    /// What a place along an axis of its tensors stands for, where that has a name of its own: a score, a part, a stage.
    pub fn place_name(self, axis: &str, place: usize) -> Option<String> {
        match (axis, self) {
            ("score", _) => HEAD_SCORES.get(place).map(|name| (*name).to_owned()),
            // The embedding, then each layer's attention and MLP in turn.
            ("part", _) | ("stage", Self::Residual) => Some(match place.checked_sub(1) {
                None => "embedding".to_owned(),
                Some(place) if place % 2 == 0 => format!("attention {}", place / 2),
                Some(place) => format!("MLP {}", place / 2),
            }),
            // The first stage is before every layer, each other one behind a layer.
            ("stage", Self::LogitLens) => {
                let layer = place.checked_sub(1);
                Some(layer.map_or_else(|| "embedding".to_owned(), |layer| format!("layer {layer}")))
            }
            _ => None,
        }
    }
}

/// What the scores of a head measure, in their order along the axis `score` of [`View::Attention`].
pub const HEAD_SCORES: [&str; 4] = ["previous token", "first token", "duplicate token", "induction"];

impl std::fmt::Display for View {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::str::FromStr for View {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::from_name(name).ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.into_iter().map(Self::name).collect();
            format!("no view is called {name:?}; there are {}", names.join(", "))
        })
    }
}

/// What is looked at within the views asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InspectSettings {
    /// The layer, from 0. `None` takes all where a view has all, else the last.
    pub layer: Option<usize>,
    /// The head, from 0; `None` takes the first.
    pub head: Option<usize>,
    /// The position, from 0; `None` takes the last.
    pub position: Option<usize>,
    /// The token whose logit is attributed and whose neighbours are found; `None` takes the likeliest next one, and the one at the
    /// position.
    pub token: Option<u32>,
    /// The neuron whose passages are looked for in the validation text; `None` looks for none.
    pub neuron: Option<usize>,
    /// How many are listed: candidates, neighbours, neurons, passages, matches.
    pub count: usize,
    /// How tokens are drawn, for [`View::NextToken`].
    pub sampling: GenerateConfig,
    /// What [`View::WhatIf`] changes.
    pub edits: Vec<Edit>,
    /// [`View::WhatIf`] also switches off each head and MLP by itself.
    pub every_part: bool,
    /// The prompt that a patched residual comes from.
    pub other_prompt: String,
    /// Weights that [`View::Embeddings`] aligns its map with, so that it turns as little as may be from milestone to milestone.
    pub reference: Option<WeightSource>,
    /// [`View::Weights`] also reads the run's milestones.
    pub along_run: bool,
}

impl Default for InspectSettings {
    fn default() -> Self {
        Self {
            layer: None,
            head: None,
            position: None,
            token: None,
            neuron: None,
            count: 10,
            sampling: GenerateConfig::default(),
            edits: Vec::new(),
            every_part: false,
            other_prompt: String::new(),
            reference: None,
            along_run: false,
        }
    }
}

/// A change to a model at work.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "part")]
pub enum Edit {
    /// What a head adds to the residual stream, times a factor: 0 switches it off.
    Head {
        /// The layer.
        layer: usize,
        /// The head.
        head: usize,
        /// The factor.
        factor: f32,
    },
    /// What a layer's attention adds, times a factor.
    Attention {
        /// The layer.
        layer: usize,
        /// The factor.
        factor: f32,
    },
    /// What a layer's MLP adds, times a factor.
    Mlp {
        /// The layer.
        layer: usize,
        /// The factor.
        factor: f32,
    },
    /// Both of them.
    Layer {
        /// The layer.
        layer: usize,
        /// The factor.
        factor: f32,
    },
    /// The residual stream before a layer at a position is that of [`InspectSettings::other_prompt`] at the same position (activation
    /// patching; Meng et al. 2022).
    Patch {
        /// The layer; as many as there are patches the last layer's result.
        layer: usize,
        /// The position.
        position: usize,
    },
}

/// What an axis of a tensor counts, and how far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Axis {
    /// The legend's letter, as in `shaders/README.md`, or a word where it has none: `T`, `H`, `step`, `bin`.
    pub name: String,
    /// Entries along it.
    pub size: usize,
}

/// What an entry of a tensor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ElementKind {
    /// 32-bit float.
    F32,
    /// 32-bit unsigned integer.
    U32,
}

/// A tensor of a view. Its entries are the bytes beside the message that stand at the same place, counted over all views of the
/// inspection in order: little-endian, row-major, last axis fastest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSummary {
    /// What it is called within its view: `probabilities`.
    pub name: String,
    /// The graph's path that it belongs to, `blocks.2.attention`; empty where it belongs to none or to several.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Its axes, outermost first.
    pub axes: Vec<Axis>,
    /// What an entry is.
    pub element: ElementKind,
}

impl TensorSummary {
    /// Sizes of its axes.
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.size).collect()
    }

    /// Number of entries.
    pub fn count(&self) -> usize {
        self.axes.iter().map(|axis| axis.size).product()
    }
}

/// A token of the prompt, or of any text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenText {
    /// Its id.
    pub id: u32,
    /// Its text; special tokens by their names.
    pub text: String,
}

/// A passage of the validation text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivatingPassage {
    /// Its tokens.
    pub tokens: Vec<TokenText>,
    /// The neuron's activation at each.
    pub activations: Vec<f32>,
    /// The place of the largest.
    pub peak: usize,
}

/// A span of a text that stands in the training text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// Its first token in the text that was asked about.
    pub start: usize,
    /// Its length in tokens.
    pub length: usize,
    /// How often it stands in the training text.
    pub occurrences: usize,
    /// What stands before it at its first occurrence, the span itself, and what comes after.
    pub context: [String; 3],
    /// The document of the first occurrence: its number and its beginning; `None` where documents are not told apart.
    pub document: Option<(u64, String)>,
    /// The first occurrence: the number of its first token in the training stream, from 0.
    #[serde(default)]
    pub place: u64,
    /// Up to three occurrences behind it, the first of each further document.
    #[serde(default)]
    pub further: Vec<Place>,
}

/// Where a span stands in the training text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The number of its first token in the training stream, from 0.
    pub token: u64,
    /// Its document's number, from 0; `None` where documents are not told apart.
    pub document: Option<u64>,
}

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphNode {
    /// The path: `blocks.3.attention`.
    pub scope: String,
    /// The operation's name.
    pub operation: String,
    /// Its formula.
    pub formula: String,
    /// What it reads: numbers of values.
    pub inputs: Vec<usize>,
    /// What it writes.
    pub outputs: Vec<usize>,
    /// The kernels that run it on a GPU, by name, with their number of launches; the default ones where the CPU computes.
    pub kernels: Vec<(String, usize)>,
    /// Milliseconds that it took, where that was measured.
    pub ms: Option<f64>,
}

/// A value of the graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GraphValue {
    /// `f32[1, 8, 64]`.
    pub ty: String,
    /// What it is: `tokens`, a parameter's name, a table, or a place of the model, as `MLP activations of layer 1`; empty where it has no name.
    pub name: String,
    /// Of its entries for this prompt: smallest, largest, mean, standard deviation.
    pub statistics: Option<[f32; 4]>,
    /// Of its gradient.
    pub gradient: Option<[f32; 4]>,
}

/// What of a view is no tensor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Detail {
    /// Tokens that ids in a tensor mean: the map's, neighbours, candidates, the logit lens's.
    Tokens {
        /// Each once.
        tokens: Vec<TokenText>,
    },
    /// Of [`View::Weights`]: the parameters that rows stand for, and the steps of the run.
    Parameters {
        /// Their names.
        names: Vec<String>,
        /// The milestones' steps.
        steps: Vec<u64>,
    },
    /// Of [`View::Neurons`], where a neuron was asked for: the most exciting first.
    Passages {
        /// The passages.
        passages: Vec<ActivatingPassage>,
        /// Tokens of validation text that were looked through.
        searched: usize,
    },
    /// Of [`View::Provenance`]: in the text's order, none inside another.
    Matches {
        /// The longest spans, as many as were asked for.
        matches: Vec<Match>,
        /// How many spans there are, with those that are not listed.
        #[serde(default)]
        found: usize,
        /// Tokens of the training text that were looked through.
        searched: usize,
        /// Bytes of the index.
        index_bytes: u64,
        /// Milliseconds that making it took; 0 where it was there.
        build_ms: f64,
    },
    /// Of [`View::Walk`]: how this model computes what its tensors show.
    Formulas {
        /// A tensor's name, and its formula: x is what the block begins with, y what its MLP adds to.
        formulas: Vec<(String, String)>,
    },
    /// Of [`View::Graph`].
    Graph {
        /// In the order in which they run.
        nodes: Vec<GraphNode>,
        /// By number.
        values: Vec<GraphValue>,
        /// Sources of the kernels named by nodes: (name, WGSL).
        kernels: Vec<(String, String)>,
    },
}

/// What a view shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inspected {
    /// Which.
    pub view: View,
    /// Its tensors.
    pub tensors: Vec<TensorSummary>,
    /// What is no tensor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<Detail>,
    /// What a reader should know of it, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<String>,
    /// Milliseconds that it took.
    pub ms: f64,
}

/// A model looked at while it works on a prompt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Inspection {
    /// The run.
    pub run: String,
    /// Steps that its weights were trained for.
    pub step: u64,
    /// The device that computed it.
    pub device: String,
    /// Layers of the model.
    pub layers: usize,
    /// Heads of a layer.
    pub heads: usize,
    /// The prompt, as it was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// The prompt's tokens, as many as the context holds.
    pub tokens: Vec<TokenText>,
    /// Tokens at the prompt's beginning that the context has no room for.
    pub cut: usize,
    /// The position that was looked at.
    pub position: usize,
    /// The views, in the order asked for.
    pub views: Vec<Inspected>,
    /// Milliseconds that a run in training waited for the answer; `None` where none trains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_training_ms: Option<f64>,
}

impl Inspection {
    /// Tensors of all views, in the order of the bytes.
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
    }
}
