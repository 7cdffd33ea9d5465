//! Sparse dictionaries of a model's hook points, their features, and steering with them.

use crate::GenerateConfig;
use crate::blocks::{Bar, Block, Fact};
use crate::evaluation::{Cell, Table};
use crate::inspect::TokenText;
use crate::quantity::{bytes, counted, device, duration, figures, percent, whole};
use crate::setting::choices;
use serde::{Deserialize, Serialize};

choices! {
    /// What makes features sparse.
    pub enum DictionaryKind = TopK {
        /// The same number of active features on every token.
        TopK = "topk", "TopK";
        /// A threshold for each feature, learned against a penalty on active features.
        JumpRelu = "jumprelu", "JumpReLU";
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DictionarySettings {
    /// Name of the hook point, for example `blocks.1.mlp.output`; `blocks.1.mlp` is a transcoder, which computes the MLP's output from its
    /// input. In a command to train, `*` stands for each block.
    pub at: String,
    /// Number of features.
    pub width: usize,
    pub kind: DictionaryKind,
    /// Maximum number of active features per token; of a JumpReLU, their mean number before the first step.
    pub k: usize,
    /// Of a JumpReLU: cost of an active feature, as a fraction of the variance of the reconstructed value: a feature pays off if it lowers the
    /// squared error by more.
    pub penalty: f64,
    /// Of a JumpReLU: width of the interval around a threshold in which activations move it, in standard deviations of the reconstructed
    /// value.
    pub bandwidth: f64,
    /// Training tokens.
    pub tokens: u64,
    pub learning_rate: f64,
    pub seed: u64,
}

impl Default for DictionarySettings {
    fn default() -> Self {
        Self {
            at: String::new(),
            width: 1024,
            kind: DictionaryKind::TopK,
            k: 16,
            penalty: 5e-3,
            bandwidth: 0.05,
            tokens: 1_000_000,
            learning_rate: 3e-3,
            seed: 0,
        }
    }
}

impl DictionarySettings {
    /// Fails with one line if they cannot be used.
    pub fn check(&self) -> Result<(), String> {
        let Self { width, k, penalty, bandwidth, tokens, learning_rate, .. } = self;
        if *width == 0 || *k == 0 || k > width {
            return Err(format!(
                "a dictionary needs a width and k of at least 1, and k up to the width (got {width} and {k})"
            ));
        }
        if *tokens < *width as u64 {
            return Err(format!(
                "{tokens} tokens are fewer than {width} features; train on more tokens, or lower the width"
            ));
        }
        if !(*penalty >= 0.0 && penalty.is_finite() && *bandwidth > 0.0 && bandwidth.is_finite()) {
            return Err(format!(
                "the bandwidth must be positive, and the penalty at least 0 (got {bandwidth} and {penalty})"
            ));
        }
        if !(*learning_rate > 0.0 && learning_rate.is_finite()) {
            return Err(format!("the learning rate must be positive (got {learning_rate})"));
        }
        Ok(())
    }
}

/// A dictionary's measurements on training text, at one point of its training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DictionaryPoint {
    /// Tokens trained on so far.
    pub tokens: u64,
    /// Mean squared error Σ (x̂ − x)² per token.
    pub loss: f64,
    /// 1 − Σ (x̂ − x)² / Σ (x − mean x)².
    pub explained_variance: f64,
    /// Mean number of active features per token.
    pub l0: f64,
    /// Fraction of features without an activation among the measured tokens since the previous point.
    pub dead: f64,
    /// Number of dead features that were reinitialised after the measurement.
    pub revived: usize,
}

/// The model's mean cross-entropy on held-out text with other values at the hook point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossRecovery {
    /// Unchanged.
    pub clean: f64,
    /// With the dictionary's reconstruction.
    pub reconstruction: f64,
    /// With zeros.
    pub zero: f64,
    /// With the mean of the training text's values.
    pub mean: f64,
    /// (zero − reconstruction) / (zero − clean); `None` if zeros do not raise the loss.
    pub recovered: Option<f64>,
    pub explained_variance: f64,
    pub l0: f64,
    /// Fraction of features without an activation in the held-out tokens.
    pub dead: f64,
    /// Held-out tokens.
    pub tokens: u64,
}

/// A trained dictionary: its record in the run's folder, and the state of its training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dictionary {
    pub run: String,
    /// Number in the run, from 1.
    pub number: u64,
    /// Checkpoint of the model, and its step.
    pub checkpoint: String,
    pub step: u64,
    /// Of the model's weights.
    pub weights_crc32c: u32,
    pub settings: DictionarySettings,
    /// Columns of the hook point's value.
    pub columns: usize,
    pub device: String,
    /// Bytes for weights, gradients, moments and activations.
    pub bytes: u64,
    pub curve: Vec<DictionaryPoint>,
    /// `None` until the training is complete.
    pub recovery: Option<LossRecovery>,
    /// Checksum of the dictionary's own file of weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_crc32c: Option<u32>,
    /// Training time so far.
    pub seconds: f64,
    /// Features with the names that a person gave them. A map's keys would be texts, which a tagged event cannot read as numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<(usize, String)>,
}

/// What training a dictionary takes, or several one after another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DictionaryPlan {
    /// Bytes for weights, gradients, moments and activations.
    pub bytes: u64,
    /// From the device's speed so far.
    pub seconds: f64,
}

/// A run's dictionaries, and what another one takes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Dictionaries {
    pub run: String,
    /// Hook points of the model that can have a dictionary, with their columns; the last is `blocks.*.mlp`, if there is more than one block.
    pub points: Vec<(String, usize)>,
    /// In the order of their numbers.
    pub kept: Vec<Dictionary>,
    pub plan: Option<DictionaryPlan>,
    /// Why the settings cannot be used; empty if they can.
    pub refused: String,
}

impl Dictionary {
    pub fn name(&self, feature: usize) -> Option<&str> {
        self.names.iter().find(|(own, _)| *own == feature).map(|(_, name)| name.as_str())
    }

    /// Names a feature; an empty name removes it.
    pub fn set_name(&mut self, feature: usize, name: &str) {
        self.names.retain(|(own, _)| *own != feature);
        if !name.is_empty() {
            self.names.push((feature, name.to_owned()));
        }
    }

    /// Fails with one line if there is no such feature.
    pub fn check_feature(&self, feature: usize) -> Result<(), String> {
        let width = self.settings.width;
        if feature < width {
            return Ok(());
        }
        Err(format!(
            "dictionary {} has no feature {feature}; the last is {}",
            self.number,
            width.saturating_sub(1)
        ))
    }

    /// What it is and takes, and how well it reconstructs.
    pub fn blocks(&self) -> Vec<Block> {
        let DictionarySettings { at, width, kind, k, penalty, .. } = &self.settings;
        let sparsity = match kind {
            DictionaryKind::TopK => format!("up to {k} per token"),
            // An imported one.
            DictionaryKind::JumpRelu if self.curve.is_empty() => "above their thresholds".to_owned(),
            DictionaryKind::JumpRelu => format!("above their thresholds, with a penalty of {penalty}"),
        };
        let mut facts = vec![
            Fact::new("Dictionary", format!("{} of {} at step {}", self.number, self.run, whole(self.step))),
            Fact::new("Hook point", format!("{at}, {}", counted(self.columns as u64, "column"))),
            Fact::new("Features", format!("{}, {sparsity}", whole(*width as u64))),
        ];
        if self.bytes > 0 {
            facts.push(Fact::new("Memory", bytes(self.bytes)));
            facts.push(Fact::new("Device", device(&self.device)));
        }
        if let Some(last) = self.curve.last() {
            let trained = format!("{} in {}", counted(last.tokens, "token"), duration(self.seconds));
            facts.push(Fact::new("Trained on", trained));
            if self.recovery.is_none() {
                facts.push(Fact::new("Error per token", figures(last.loss)));
                facts.extend(quality(last.explained_variance, last.l0, last.dead));
            }
        }
        let mut blocks = vec![Block::Facts(facts)];
        if let Some(recovery) = &self.recovery {
            let losses = [
                ("unchanged", recovery.clean),
                ("reconstruction", recovery.reconstruction),
                ("mean", recovery.mean),
                ("zeros", recovery.zero),
            ];
            let rows = losses.map(|(name, loss)| [name.into(), Cell::Number(loss)]);
            let recovered = recovery
                .recovered
                .map_or_else(|| "not defined: zeros do not raise the loss".to_owned(), percent);
            let mut facts = vec![Fact::new("Loss recovered", recovered)];
            facts.extend(quality(recovery.explained_variance, recovery.l0, recovery.dead));
            blocks.push(Block::Facts(facts));
            let title = format!("Loss on {}", counted(recovery.tokens, "held-out token"));
            blocks.push(Block::Table(Table::new(title, ["at the hook point", "loss"], rows)));
        }
        blocks
    }
}

fn quality(explained_variance: f64, l0: f64, dead: f64) -> [Fact; 3] {
    [
        Fact::new("Explained variance", percent(explained_variance)),
        Fact::new("Active features per token", figures(l0)),
        Fact::new("Dead features", percent(dead)),
    ]
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FeatureQuery {
    /// Feature to describe in full.
    pub feature: Option<usize>,
    /// Only features that are active in this text, the strongest first.
    pub text: Option<String>,
    /// Maximum number of features, passages, tokens or neighbours to list.
    pub count: usize,
    /// Also measure when the features appeared in the run's training: at each of up to [`CHECKPOINTS`] checkpoints.
    pub history: bool,
}

/// Maximum number of checkpoints of a history.
pub const CHECKPOINTS: usize = 8;

impl Default for FeatureQuery {
    fn default() -> Self {
        Self { feature: None, text: None, count: 20, history: false }
    }
}

/// The one or two tokens whose occurrences agree best with a feature's activations (largest F1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenPattern {
    /// The token before; `None` if any.
    pub before: Option<String>,
    /// The token at which the feature is active; `None` if any.
    pub token: Option<String>,
    /// Fraction of the pattern's occurrences on which the feature is active.
    pub precision: f64,
    /// Fraction of the feature's activations with the pattern.
    pub recall: f64,
}

impl TokenPattern {
    /// The tokens, such as `" boy" " named"`, or `after " named"`.
    pub fn text(&self) -> String {
        match (&self.before, &self.token) {
            (Some(before), None) => format!("after {before:?}"),
            (before, token) => {
                let tokens = before.iter().chain(token).map(|token| format!("{token:?}"));
                tokens.collect::<Vec<_>>().join(" ")
            }
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeatureSummary {
    pub feature: usize,
    /// Given by a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `None` for a feature that is too rare.
    #[serde(default)]
    pub pattern: Option<TokenPattern>,
    /// Fraction of the held-out tokens on which it is active.
    pub density: f64,
    /// Largest activation, and its token.
    pub max: f32,
    pub token: String,
    /// Tokens whose logits it raises most.
    pub raises: Vec<String>,
    /// If the query asks for the history, and it is active at a checkpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<Life>,
    /// Largest activation in the query's text, and its token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_text: Option<(f32, String)>,
}

/// The part of a run's training in which a feature is active.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// Step of the first checkpoint at which it is active.
    pub born: u64,
    /// Step of the first checkpoint after the last one at which it is active.
    pub died: Option<u64>,
}

impl Life {
    /// `None` for a feature that is never active. `history` holds steps and densities.
    pub fn new(history: &[(u64, f64)]) -> Option<Self> {
        let is_active = |(_, density): &(u64, f64)| *density > 0.0;
        let first = history.iter().position(is_active)?;
        let last = history.iter().rposition(is_active)?;
        Some(Self { born: history[first].0, died: history.get(last + 1).map(|(step, _)| *step) })
    }

    fn text(self, density: f64) -> String {
        let until = self.died.map_or_else(String::new, |died| format!(" to {}", whole(died)));
        format!("{}, from step {}{until}", percent(density), whole(self.born))
    }
}

/// The direct effect of a feature on logits: the change per unit of activation if only the head reads the hook point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogitEffect {
    pub token: String,
    pub effect: f32,
}

/// A passage of held-out text around a large activation of a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivatingPassage {
    pub tokens: Vec<TokenText>,
    /// The activation at each token.
    pub activations: Vec<f32>,
    pub peak: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeatureCard {
    pub feature: usize,
    /// Given by a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `None` for a feature that is too rare.
    #[serde(default)]
    pub pattern: Option<TokenPattern>,
    pub density: f64,
    pub max: f32,
    /// Tokens whose logits it raises and lowers most; empty if the hook point does not have the residual stream's width.
    pub raises: Vec<LogitEffect>,
    pub lowers: Vec<LogitEffect>,
    /// The most similar features, with the cosine of the decoder columns.
    pub neighbours: Vec<(usize, f32)>,
    /// Passages of held-out text with its largest activations.
    pub passages: Vec<ActivatingPassage>,
    /// Steps of checkpoints, and the density at each, if the query asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<(u64, f64)>,
}

/// Features of a dictionary, measured on held-out text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Features {
    pub run: String,
    /// Number of the dictionary.
    pub dictionary: u64,
    pub at: String,
    pub width: usize,
    /// Held-out tokens they were measured on.
    pub tokens: u64,
    /// Number of features without an activation there.
    pub dead: usize,
    /// By density, or by activation in the query's text.
    pub features: Vec<FeatureSummary>,
    /// The query's feature.
    pub card: Option<FeatureCard>,
}

impl Features {
    /// The list, or the card of one feature with its passages.
    pub fn blocks(&self) -> Vec<Block> {
        let Some(card) = &self.card else { return self.list() };
        let passage = |own: &ActivatingPassage| {
            let tokens = own.tokens.iter().zip(&own.activations);
            let marked = tokens.map(|(token, activation)| match activation {
                x if *x > 0.0 => format!("⟨{}⟩{x:.1}", token.text),
                _ => token.text.clone(),
            });
            marked.collect::<String>()
        };
        let neighbours = card.neighbours.iter().map(|(feature, cosine)| format!("{feature} ({cosine:.2})"));
        let neighbours = Fact::new("Neighbours", neighbours.collect::<Vec<_>>().join("  "));
        let passages = Block::List(card.passages.iter().map(passage).collect());
        self.card_blocks(card).into_iter().chain([Block::Facts(vec![neighbours]), passages]).collect()
    }

    pub fn about(&self) -> String {
        format!(
            "{} features at {}; {} are dead on {}",
            whole(self.width as u64),
            self.at,
            whole(self.dead as u64),
            counted(self.tokens, "held-out token")
        )
    }

    fn list(&self) -> Vec<Block> {
        let row = |own: &FeatureSummary| {
            let (strongest, token) = own.in_text.clone().unwrap_or_else(|| (own.max, own.token.clone()));
            let raises: Vec<String> = own.raises.iter().map(|token| format!("{token:?}")).collect();
            [
                (own.feature as u64).into(),
                own.name.clone().unwrap_or_default().into(),
                own.pattern.as_ref().map_or_else(String::new, TokenPattern::text).into(),
                own.pattern.as_ref().map_or_else(String::new, |own| percent(own.precision)).into(),
                own.life.map_or_else(|| percent(own.density), |life| life.text(own.density)).into(),
                figures(strongest).into(),
                format!("{token:?}").into(),
                raises.join(" ").into(),
            ]
        };
        let columns = ["feature", "name", "pattern", "precision", "density", "strongest", "at", "raises"];
        vec![Block::Table(Table {
            about: self.about(),
            ..Table::new("Features", columns, self.features.iter().map(row))
        })]
    }

    /// A card without its neighbours and passages.
    pub fn card_blocks(&self, card: &FeatureCard) -> Vec<Block> {
        let effects = |effects: &[LogitEffect]| {
            let all = effects.iter().map(|own| format!("{:?} {:+.2}", own.token, own.effect));
            all.collect::<Vec<_>>().join("  ")
        };
        let mut facts = vec![
            Fact::new("Feature", format!("{} of {} at {}", card.feature, whole(self.width as u64), self.at)),
            Fact::new(
                "Density",
                format!("{} of {}", percent(card.density), counted(self.tokens, "held-out token")),
            ),
            Fact::new("Largest activation", figures(card.max)),
        ];
        if let Some(name) = &card.name {
            facts.insert(1, Fact::new("Name", name));
        }
        if let Some(pattern) = &card.pattern {
            let measured =
                format!("precision {}, recall {}", percent(pattern.precision), percent(pattern.recall));
            facts.push(Fact::new("Pattern", pattern.text()).note(measured));
        }
        if card.passages.is_empty() {
            facts.push(Fact::new("Passages", "It is not active in the held-out text."));
        }
        if !card.raises.is_empty() {
            facts.push(Fact::new("Raises", effects(&card.raises)));
            facts.push(Fact::new("Lowers", effects(&card.lowers)));
        }
        let bar = |(step, density): &(u64, f64)| Bar {
            name: format!("Density at step {}", whole(*step)),
            length: *density,
            text: percent(*density),
        };
        let history = Block::Bars(card.history.iter().map(bar).collect());
        std::iter::once(Block::Facts(facts)).chain((!card.history.is_empty()).then_some(history)).collect()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steering {
    pub feature: usize,
    /// Multiple of the feature's decoder column that is added at every position.
    pub by: f32,
    /// Set the feature's activation to `by` at every position instead.
    #[serde(default)]
    pub clamp: bool,
    pub prompt: String,
    #[serde(default)]
    pub config: GenerateConfig,
}

/// A prompt's continuations without and with a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Steered {
    pub prompt: String,
    pub feature: usize,
    pub by: f32,
    #[serde(default)]
    pub clamp: bool,
    pub plain: String,
    pub steered: String,
}

/// A prompt whose next token is explained by features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GraphQuery {
    pub prompt: String,
    /// The explained next token: the first token of this text. `None` for the likeliest.
    pub token: Option<String>,
    /// Nodes of the graph, the most influential ones.
    pub count: usize,
}

impl Default for GraphQuery {
    fn default() -> Self {
        Self { prompt: String::new(), token: None, count: 24 }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum GraphSource {
    /// A token's embedding.
    #[default]
    Token,
    /// An active feature of a block's transcoder.
    Feature { block: usize, dictionary: u64, feature: usize },
    /// The part of an MLP's output that its transcoder misses.
    Error { block: usize },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GraphNode {
    #[serde(flatten)]
    pub source: GraphSource,
    /// Position in the prompt.
    pub position: usize,
    /// Given to the feature by a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Tokens whose logits the feature raises most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raises: Vec<String>,
    /// 0 for other nodes than features.
    pub activation: f32,
    /// Share of the paths to the logit that run through the node.
    pub influence: f64,
    /// Contribution to the logit over all paths.
    pub effect: f64,
    /// Measured change of the logit without the feature; the graph predicts −`effect`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ablated: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GraphEdge {
    /// Index of a node.
    pub from: usize,
    /// A feature's node; `None` for the logit.
    pub to: Option<usize>,
    /// Contribution to the feature's activation, or to the logit.
    pub weight: f64,
}

/// The tokens and features that caused a next token.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeatureGraph {
    pub run: String,
    /// Of the model.
    pub step: u64,
    /// The prompt.
    pub tokens: Vec<TokenText>,
    /// The explained next token, its logit (before a soft cap) and probability.
    pub token: TokenText,
    pub logit: f64,
    pub probability: f64,
    /// The part of the logit that depends on no node: biases.
    pub constant: f64,
    /// Share of the paths that begin in error nodes.
    pub errors: f64,
    /// Share of the paths that end in features whose inputs were not followed.
    pub omitted: f64,
    /// The most influential ones, in this order.
    pub nodes: Vec<GraphNode>,
    pub edges: Vec<GraphEdge>,
    /// Rank correlation of predicted and measured changes of the logit, each without one feature of the graph; `None` for fewer than three.
    pub correlation: Option<f64>,
}

/// Inputs of a node that are drawn.
const DRAWN: usize = 4;

impl FeatureGraph {
    /// A node in a few words.
    pub fn node_name(&self, node: &GraphNode) -> String {
        let token = self.tokens.get(node.position).map_or("", |token| token.text.as_str());
        let at = format!("{token:?} ({})", node.position + 1);
        match &node.source {
            GraphSource::Token => at,
            GraphSource::Error { block } => format!("block {block}, error at {at}"),
            GraphSource::Feature { block, feature, .. } => {
                let raises: Vec<String> = node.raises.iter().map(|token| format!("{token:?}")).collect();
                let name = node.name.clone().unwrap_or_else(|| format!("raises {}", raises.join(" ")));
                format!("block {block}, feature {feature} at {at}: {name}")
            }
        }
    }

    /// The inputs of a node, or of the logit, with their weights, the largest first.
    pub fn inputs(&self, to: Option<usize>) -> Vec<(usize, f64)> {
        let own = self.edges.iter().filter(|edge| edge.to == to);
        let mut inputs: Vec<(usize, f64)> = own.map(|edge| (edge.from, edge.weight)).collect();
        inputs.sort_by(|one, other| other.1.abs().total_cmp(&one.1.abs()));
        inputs
    }

    fn draw(&self, to: Option<usize>, indent: &str, drawn: &mut Vec<usize>, lines: &mut Vec<String>) {
        let mut inputs = self.inputs(to);
        inputs.truncate(DRAWN);
        for (at, (node, weight)) in inputs.iter().enumerate() {
            let (branch, below) = if at + 1 == inputs.len() { ("└ ", "  ") } else { ("├ ", "│ ") };
            let name = self.node_name(&self.nodes[*node]);
            let is_new = !drawn.contains(node);
            let again = if is_new || self.inputs(Some(*node)).is_empty() { "" } else { " (see above)" };
            lines.push(format!("{indent}{branch}{weight:+.2}  {name}{again}"));
            if is_new {
                drawn.push(*node);
                self.draw(Some(*node), &format!("{indent}{below}"), drawn, lines);
            }
        }
    }

    pub fn blocks(&self) -> Vec<Block> {
        let mut facts = vec![
            Fact::new("Next token", format!("{:?}, {}", self.token.text, percent(self.probability))),
            Fact::new("Logit", figures(self.logit))
                .note(format!("{} of it from biases", figures(self.constant))),
            Fact::new("Paths from errors", percent(self.errors))
                .note("what the transcoders miss of the MLPs"),
        ];
        if self.omitted > 0.0 {
            facts.push(Fact::new("Paths not followed", percent(self.omitted)));
        }
        let ablated = self.nodes.iter().filter(|node| node.ablated.is_some()).count();
        if let Some(correlation) = self.correlation {
            facts.push(Fact::new("Check", figures(correlation)).note(format!(
                "rank correlation of predicted and measured change of the logit without one of {}",
                counted(ablated as u64, "feature")
            )));
        }
        let mut lines = vec![format!("{:?}  logit {:.2}", self.token.text, self.logit)];
        self.draw(None, "", &mut Vec::new(), &mut lines);
        let row = |node: &GraphNode| {
            let ablated = node.ablated.map_or_else(String::new, |change| format!("{change:+.2}"));
            [
                self.node_name(node).into(),
                percent(node.influence).into(),
                Cell::Number(node.effect),
                ablated.into(),
            ]
        };
        let columns = ["node", "share of paths", "effect", "logit without it"];
        let table = Table::new("Nodes", columns, self.nodes.iter().map(row));
        vec![Block::Facts(facts), Block::Code(lines.join("\n")), Block::Table(table)]
    }
}
