//! Graph-building code that reads like the paper: embed, blocks of attention and MLP, norm, head, loss.

use super::adapter::{LORA_A, LORA_B, is_of_adapter};
use super::teacher::{TEACHER, is_of_teacher};
use super::{Probe, Recipe, Site, Sites, TrainingGraphs};
use crate::Result;
use crate::graph::ops::{
    self, Activation, Add, AddInputs, Attention, AttentionInputs, CachedAttention, CachedAttentionInputs,
    CrossEntropy, CrossEntropyInputs, CrossEntropyOutputs, Distil, DistilInputs, Dropout, DropoutInputs,
    Embedding, EmbeddingInputs, HeadNorm, HeadNormInputs, LastRow, LastRowInputs, Linear, LinearInputs,
    Noise, Norm, NormInputs, Operation, POLICY_SCORES, Policy, PolicyInputs, Preference, PreferenceInputs,
    Rope, RopeInputs, Scale, Score, ScoreInputs, ScoreOutputs, Unlikelihood, UnlikelihoodInputs, X,
};
use crate::graph::{
    Constant, DropoutSite, Graph, GraphError, Heads, Init, Input, Keep, NormForm, Op, Parameter, Type,
    ValueId, gradient, store_in_half,
};
use glasshouse_protocol::config::{DistilSettings, Objective, PreferenceSettings, RewardSettings};
use glasshouse_protocol::{
    Adapter, Gate, Invalid, ModelConfig, NormPlacement, Position, Precision, Residual, TrainConfig,
};
use std::collections::HashMap;

/// Which loss a graph has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LossForm {
    /// The cross-entropy of tokens or labels, or the score, negated, of a model whose head makes one.
    CrossEntropy,
    /// The cross-entropy of answers that the model drew.
    Answers {
        /// What logits are divided by, as where the answers were drawn.
        temperature: f32,
    },
    /// Over pairs of answers, a row each: [`Input::Scores`] is one more input.
    Preference(Preference),
    /// Over answers that the model drew, by their rewards: [`Input::Scores`] is one more input.
    Policy {
        /// The loss.
        policy: Policy,
        /// What logits are divided by, as where the answers were drawn.
        temperature: f32,
    },
    /// Against what the run's teacher makes of the same tokens.
    Distil(Distil),
    /// That other tokens than those before are asked for, too.
    Unlikelihood(Unlikelihood),
}

impl LossForm {
    /// What logits are divided by.
    fn temperature(self) -> f32 {
        match self {
            Self::Answers { temperature } | Self::Policy { temperature, .. } => temperature,
            Self::CrossEntropy | Self::Preference(_) | Self::Distil(_) | Self::Unlikelihood(_) => 1.0,
        }
    }

    /// Whether what it compares with was made without dropout: a pair with what the reference makes of it, an answer with what drew it.
    fn drops_nothing(self) -> bool {
        matches!(self, Self::Preference(_) | Self::Policy { .. })
    }

    /// That of evaluations, of the text or the answers alone.
    fn evaluated(self) -> Self {
        match self {
            Self::Answers { temperature } | Self::Policy { temperature, .. } => Self::Answers { temperature },
            Self::CrossEntropy | Self::Preference(_) | Self::Distil(_) | Self::Unlikelihood(_) => {
                Self::CrossEntropy
            }
        }
    }
}

/// What a graph of the model is for. The parameters are the same, in the same order, in all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Purpose {
    /// Logits [B, T, V] and the loss, with dropout where `dropout` says.
    Loss {
        /// B.
        batch: usize,
        /// T.
        time: usize,
        /// Training's dropout, or none.
        dropout: bool,
        /// Label smoothing of the loss.
        label_smoothing: f32,
        /// Target that takes no part in the loss.
        ignore_index: Option<u32>,
        /// Rows hold several documents, which do not see each other: [`Input::Starts`] is one more input.
        documents: bool,
        /// Which loss.
        form: LossForm,
    },
    /// Logits [B, 1, V] of the cursor's last tokens, keys and values kept in caches of `context` positions.
    Decode {
        /// B, texts that are read at once.
        batch: usize,
        /// Tokens in a chunk: 1 to write, more to read a prompt.
        chunk: usize,
        /// Texts that the caches hold: B or more.
        texts: usize,
    },
    /// Logits [1, 1, V] of the cursor's last token over a whole window, without caches (past the context length).
    Window {
        /// T.
        time: usize,
    },
}

impl Purpose {
    /// One text, a token at a time.
    pub const STEP: Self = Self::Decode { batch: 1, chunk: 1, texts: 1 };
}

/// A built graph and the values that matter in it.
#[derive(Clone, Debug)]
pub struct Model {
    /// The graph, forward only.
    pub graph: Graph,
    /// Logits.
    pub logits: ValueId,
    /// f32[2], (mean loss, rows that count), for [`Purpose::Loss`].
    pub loss: Option<ValueId>,
    /// What can be looked at.
    pub sites: Sites,
}

/// Builds the decoder's forward graph.
pub fn build(config: &ModelConfig, purpose: Purpose) -> Result<Model> {
    build_with(config, None, purpose)
}

/// Builds the decoder's forward graph as a run trains it: with noise on its embeddings, an adapter beside the layers that it adapts, and a
/// teacher whose logits its own are compared with. The model's own parameters come first, as they stand in all graphs of it, those of the
/// adapter behind them, two for each weight, [`LORA_A`] before [`LORA_B`], and the teacher's last.
fn build_with(config: &ModelConfig, train: Option<&TrainConfig>, purpose: Purpose) -> Result<Model> {
    config.validate()?;
    let mut builder = Builder::new(config, train, purpose);
    if builder.adapter.is_some() {
        let plain = build(config, Purpose::Window { time: 1 })?.graph.parameters;
        builder.declared =
            plain.into_iter().map(|own| (own.name.clone(), builder.graph.parameter(own))).collect();
    }
    Ok(builder.model()?)
}

/// The graphs of a training run: forward and backward of a micro-batch, and the evaluation's forward.
///
/// # Errors
/// The settings make no model.
pub fn training_graphs(model: &ModelConfig, train: &TrainConfig) -> Result<TrainingGraphs> {
    let recipe = Recipe { model: model.clone(), train: train.clone() };
    if train.objective == Objective::Distil && train.teacher_model().is_none() {
        let reason = "train.distil.teacher names a run of a project, and there is none here; a project's Tune page plans it";
        return Err(crate::Error::Refused(reason.to_owned()));
    }
    let forward = |batch, dropout, label_smoothing, ignore_index, form| {
        let (time, documents) = (model.context_length, train.separates_documents(model));
        let purpose = Purpose::Loss { batch, time, dropout, label_smoothing, ignore_index, documents, form };
        let Model { mut graph, loss, sites, .. } = build_with(model, Some(train), purpose)?;
        freeze(&mut graph.parameters, model, train)?;
        let loss = loss.ok_or_else(|| crate::Error::Internal("a loss graph without a loss".to_owned()))?;
        Ok::<_, crate::Error>((graph, loss, sites))
    };
    let (ignored, form) = (train.ignored_target(), loss_form(train, model));
    let (mut graph, train_loss, _) =
        forward(train.batch_size, !form.drops_nothing(), train.label_smoothing, ignored, form)?;
    // Pairs are evaluated an answer at a time: what each comes to says more than their loss.
    let rows = if matches!(form, LossForm::Preference(_)) { 1 } else { train.batch_size };
    let (mut evaluate, evaluate_loss, sites) =
        forward(rows, false, 0.0, Some(ignored.unwrap_or(u32::MAX)), form.evaluated())?;
    // A teacher is not asked there, and lies in the same arena.
    for taught in graph.parameters.iter().skip(evaluate.parameters.len()) {
        evaluate.parameter(taught.clone());
    }
    let compared = train.objective == Objective::Reward && train.reward.compares_probabilities();
    let evaluate_rows = if compared { rows_of(&evaluate, evaluate_loss) } else { None };
    let evaluate_probes = probes(&evaluate, &sites, model.layers);
    let keep = if train.activation_checkpointing { Keep::BlockEdges } else { Keep::Everything };
    gradient(&mut graph, train_loss, 1.0 / train.accumulate as f32, keep)?;
    if train.precision == Precision::Mixed {
        store_in_half(&mut graph);
    }
    Ok(TrainingGraphs {
        recipe,
        train: graph,
        train_loss,
        evaluate,
        evaluate_loss,
        evaluate_rows,
        evaluate_probes,
    })
}

/// Where norms know how large the stream is behind the embedding and each block's attention and MLP: those that read it there, or make it
/// of what they read. Where both parts of a block read the same stream, none stands between them.
fn probes(graph: &Graph, sites: &Sites, layers: usize) -> Vec<Probe> {
    let norms = || graph.nodes.iter().filter(|node| matches!(node.op, Op::Norm(_)));
    let behind = |site: Site| {
        let stream = sites.get(site)?;
        let reads = norms().find(|node| node.inputs.first() == Some(&stream));
        let makes = || norms().find(|node| node.outputs.first() == Some(&stream));
        reads.or_else(makes)?.outputs.get(1).copied()
    };
    let blocks = (0..layers).flat_map(|block| {
        let attention = behind(Site::Between(block));
        let rest = if attention.is_some() { ".mlp" } else { "" };
        [
            (format!("blocks.{block}.attention"), attention),
            (format!("blocks.{block}{rest}"), behind(Site::Stream(block + 1))),
        ]
    });
    let all = std::iter::once(("embedding".to_owned(), behind(Site::Stream(0)))).chain(blocks);
    all.filter_map(|(part, statistics)| Some(Probe { part, statistics: statistics? })).collect()
}

/// What each row of a cross-entropy's loss comes to.
fn rows_of(graph: &Graph, loss: ValueId) -> Option<ValueId> {
    graph.nodes.iter().find(|node| node.outputs.first() == Some(&loss))?.outputs.get(1).copied()
}

/// The loss that a run trains by.
pub fn loss_form(train: &TrainConfig, model: &ModelConfig) -> LossForm {
    let ignore_index = train.ignored_target();
    let ignored = ignore_index.unwrap_or(u32::MAX);
    match train.objective {
        Objective::Preference => {
            let PreferenceSettings { loss, beta, center_rewards_coefficient: center, .. } = train.preference;
            let margin = train.preference.margin();
            LossForm::Preference(Preference { loss, beta, margin, center, ignored })
        }
        Objective::Reward => {
            let RewardSettings { temperature, epsilon, iterations, bias_corrected_kl: corrected, .. } =
                train.reward;
            let policy = Policy { epsilon, ratio: iterations > 1, corrected, ignored };
            LossForm::Policy { policy, temperature }
        }
        Objective::Distil => {
            let DistilSettings { temperature, mix, .. } = train.distil;
            LossForm::Distil(Distil { temperature, mix, ignore_index })
        }
        Objective::Text if train.unlikelihood > 0.0 => {
            let (alpha, documents) = (train.unlikelihood, train.separates_documents(model));
            LossForm::Unlikelihood(Unlikelihood { alpha, ignore_index, documents })
        }
        Objective::Text | Objective::Chat | Objective::Classify => LossForm::CrossEntropy,
    }
}

/// The model's parameters in their order, as a run trains them, those of its adapter behind them: what it freezes is not trainable.
pub fn parameters(model: &ModelConfig, train: &TrainConfig) -> Result<Vec<Parameter>> {
    let purpose = Purpose::Window { time: 1 };
    let mut parameters = build_with(model, Some(train), purpose)?.graph.parameters;
    freeze(&mut parameters, model, train)?;
    Ok(parameters)
}

/// Marks what a run does not train. Neither the gradient nor the optimizer comes to it then.
fn freeze(parameters: &mut [Parameter], model: &ModelConfig, train: &TrainConfig) -> Result<()> {
    // A teacher is frozen as it is, and comes last.
    let own = parameters.iter().filter(|parameter| !is_of_teacher(&parameter.name)).count();
    let (parameters, _) = parameters.split_at_mut(own);
    if train.adapter.is_some() {
        for parameter in parameters.iter_mut() {
            // A head for labels is new, and trained whole, as PEFT's `modules_to_save` has it.
            parameter.trainable = is_of_adapter(&parameter.name) || is_of_classifier(&parameter.name);
        }
        return Ok(());
    }
    let names: Vec<&str> = parameters.iter().map(|parameter| parameter.name.as_str()).collect();
    let trainable = &train.trainable;
    if let Some(pattern) = trainable.unused_pattern(&names) {
        return Err(not_trainable(pattern, "fit a parameter's name, such as blocks.0.mlp.up.weight"));
    }
    let tied_head = model.tied_head && model.labels.is_empty();
    for parameter in parameters.iter_mut() {
        parameter.trainable = trainable.includes(&parameter.name, model.layers, tied_head);
    }
    let any = parameters.iter().any(|parameter| parameter.trainable);
    if any { Ok(()) } else { Err(not_trainable(&trainable.to_string(), "leave a parameter to train")) }
}

fn not_trainable(value: &str, rule: &str) -> crate::Error {
    let (field, value, rule) = ("train.trainable".to_owned(), value.to_owned(), rule.to_owned());
    Invalid { field, value, rule }.into()
}

/// What the names of the parameters of a head for labels begin with.
const CLASSIFIER: &str = "classifier.";

/// Whether a parameter is a head's for labels, by its name.
pub fn is_of_classifier(name: &str) -> bool {
    name.starts_with(CLASSIFIER)
}

struct Builder<'config> {
    config: &'config ModelConfig,
    adapter: Option<&'config Adapter>,
    /// Largest that is added to embeddings in training.
    noise: f32,
    teacher: Option<&'config ModelConfig>,
    /// What names and scopes begin with: [`TEACHER`], or nothing.
    prefix: &'static str,
    purpose: Purpose,
    graph: Graph,
    heads: Heads,
    dropouts: u32,
    /// What can be looked at, as it is built.
    sites: Sites,
    /// Parameters that stand in the graph before a layer asks for them.
    declared: HashMap<String, ValueId>,
}

type Built<T = ValueId> = std::result::Result<T, GraphError>;

impl<'config> Builder<'config> {
    fn new(config: &'config ModelConfig, train: Option<&'config TrainConfig>, purpose: Purpose) -> Self {
        let adapter = train.and_then(|train| train.adapter.as_ref());
        let noise = train.map_or(0.0, |train| train.embedding_noise(config));
        let teacher = train.and_then(TrainConfig::teacher_model);
        let heads = Heads { heads: config.heads, kv_heads: config.kv_heads, head_size: config.head_size };
        let (graph, declared, prefix) = (Graph::default(), HashMap::new(), "");
        Self {
            config,
            adapter,
            noise,
            teacher,
            prefix,
            purpose,
            graph,
            heads,
            dropouts: 0,
            sites: Sites::default(),
            declared,
        }
    }

    /// B and T of the tokens.
    fn size(&self) -> (usize, usize) {
        match self.purpose {
            Purpose::Loss { batch, time, .. } => (batch, time),
            Purpose::Decode { batch, chunk, .. } => (batch, chunk),
            Purpose::Window { time } => (1, time),
        }
    }

    fn cursor(&mut self) -> ValueId {
        let (batch, _) = self.size();
        self.graph.input(Input::Cursor, Type::u32(&[batch, 3]))
    }

    /// Where each position's document starts, where rows hold several.
    fn starts(&mut self) -> Option<ValueId> {
        let (batch, time) = self.size();
        let documents = matches!(self.purpose, Purpose::Loss { documents: true, .. });
        documents.then(|| self.graph.input(Input::Starts, Type::u32(&[batch, time])))
    }

    /// The cursor where positions must be counted from it.
    fn decode_cursor(&mut self) -> Option<ValueId> {
        matches!(self.purpose, Purpose::Decode { .. }).then(|| self.cursor())
    }

    /// Sets the scope of the nodes that follow.
    fn scope(&mut self, path: &str) {
        self.graph.set_scope(&format!("{}{path}", self.prefix));
    }

    fn model(mut self) -> Built<Model> {
        let logits = self.logits()?;
        let Purpose::Loss { batch, time, label_smoothing, ignore_index, form, .. } = self.purpose else {
            return Ok(Model { graph: self.graph, logits, loss: None, sites: self.sites });
        };
        let temperature = form.temperature();
        let logits = match temperature == 1.0 {
            true => logits,
            false => self.graph.add(Scale(1.0 / temperature), X { x: logits })?.y,
        };
        let plain = CrossEntropy { label_smoothing, ignore_index };
        let loss = match form {
            LossForm::CrossEntropy | LossForm::Answers { .. } => {
                let targets = self.targets();
                self.likelihoods(plain, logits, targets)?.loss
            }
            LossForm::Preference(op) => {
                let targets = self.targets();
                let rows = self.likelihoods(plain, logits, targets)?.rows;
                let scores = self.graph.input(Input::Scores, Type::f32(&[batch]));
                self.graph.add(op, PreferenceInputs { rows, targets, scores })?.loss
            }
            LossForm::Policy { policy, .. } => {
                let targets = self.targets();
                let rows = self.likelihoods(plain, logits, targets)?.rows;
                let scores = self.graph.input(Input::Scores, Type::f32(&[batch * time, POLICY_SCORES]));
                self.graph.add(policy, PolicyInputs { rows, targets, scores })?.loss
            }
            LossForm::Distil(op) => {
                let teacher = self.taught()?;
                let targets = self.targets();
                self.graph.add(op, DistilInputs { logits, teacher, targets })?.loss
            }
            LossForm::Unlikelihood(op) => {
                let targets = self.targets();
                let tokens = self.graph.input(Input::Tokens, Type::u32(&[batch, time]));
                let starts = self.starts();
                self.graph.add(op, UnlikelihoodInputs { logits, tokens, targets, starts })?.loss
            }
        };
        Ok(Model { graph: self.graph, logits, loss: Some(loss), sites: self.sites })
    }

    /// The targets of a loss, whose nodes follow.
    fn targets(&mut self) -> ValueId {
        self.scope("loss");
        let (batch, time) = self.size();
        self.graph.input(Input::Targets, Type::u32(&[batch, time]))
    }

    /// The cross-entropy, or what stands in its place where the head makes a score.
    fn likelihoods(
        &mut self,
        op: CrossEntropy,
        logits: ValueId,
        targets: ValueId,
    ) -> Built<CrossEntropyOutputs<ValueId>> {
        if !self.config.scores() {
            return self.graph.add(op, CrossEntropyInputs { logits, targets });
        }
        let op = Score { ignore_index: op.ignore_index };
        let ScoreOutputs { loss, rows } = self.graph.add(op, ScoreInputs { logits, targets })?;
        Ok(CrossEntropyOutputs { loss, rows })
    }

    /// The logits of a run's teacher for the same tokens: its own decoder in the same graph, of which nothing trains and that drops nothing.
    fn taught(&mut self) -> Built {
        let Some(teacher) = self.teacher else {
            let (scope, reason) = ("loss".to_owned(), "no teacher is known".to_owned());
            return Err(GraphError { scope, op: Distil::NAME, reason });
        };
        let graph = std::mem::take(&mut self.graph);
        let mut builder = Self { graph, prefix: TEACHER, ..Self::new(teacher, None, self.purpose) };
        let logits = builder.logits()?;
        self.graph = builder.graph;
        Ok(logits)
    }

    fn logits(&mut self) -> Built {
        let (batch, time) = self.size();
        let tokens = self.graph.input(Input::Tokens, Type::u32(&[batch, time]));
        self.scope("embedding");
        let table = self.weight("embedding.tokens", &[self.config.vocabulary, self.config.width], false);
        let mut stream = self.embed(tokens, table)?;
        for block in 0..self.config.layers {
            self.sites.note(Site::Stream(block), stream);
            stream = self.block(block, stream)?;
        }
        self.sites.note(Site::Stream(self.config.layers), stream);
        if self.config.norm.placement == NormPlacement::Pre {
            self.scope("norm");
            stream = self.norm("norm", stream)?;
        }
        self.sites.note(Site::Normed, stream);
        self.scope("head");
        if !matches!(self.purpose, Purpose::Loss { .. }) {
            let cursor = self.cursor();
            stream = self.graph.add(LastRow, LastRowInputs { x: stream, cursor })?.y;
        }
        let logits = self.head(stream, table)?;
        self.sites.note(Site::Logits, logits);
        Ok(logits)
    }

    /// Logits of tokens, or of labels in a model that tells texts apart by them.
    fn head(&mut self, x: ValueId, table: ValueId) -> Built {
        let shape = [self.config.outputs(), self.config.width];
        if !self.config.labels.is_empty() {
            let weight = self.weight(&format!("{CLASSIFIER}weight"), &shape, false);
            return self.product("classifier", x, weight, false);
        }
        let head = if self.config.tied_head { table } else { self.weight("head.weight", &shape, false) };
        self.product("head", x, head, self.config.bias.head)
    }

    fn embed(&mut self, tokens: ValueId, table: ValueId) -> Built {
        let shape = [self.config.context_length, self.config.width];
        let positions = match self.config.position {
            Position::Learned => Some(self.weight("embedding.positions", &shape, false)),
            Position::Sinusoidal => Some(self.graph.constant(Constant::SinusoidalTable, Type::f32(&shape))),
            Position::Rope(_) | Position::None => None,
        };
        let cursor = positions.and_then(|_| self.decode_cursor());
        let op = Embedding { positions: positions.is_some(), cursor: cursor.is_some() };
        let inputs = EmbeddingInputs { tokens, table, positions, cursor };
        let mut embedded = self.graph.add(op, inputs)?.y;
        if self.site_rate(self.noise) > 0.0 {
            self.dropouts += 1;
            embedded = self.graph.add(Noise { size: self.noise, site: self.dropouts }, X { x: embedded })?.y;
        }
        if self.config.embedding_scale != 1.0 {
            embedded = self.graph.add(Scale(self.config.embedding_scale), X { x: embedded })?.y;
        }
        self.dropout(self.config.dropout.embedding, embedded)
    }

    fn block(&mut self, block: usize, stream: ValueId) -> Built {
        match self.config.norm.placement {
            NormPlacement::Pre => {
                let path = format!("blocks.{block}.attention");
                self.scope(&path);
                let normed = self.norm(&format!("{path}.norm"), stream)?;
                let attended = self.attention(block, normed, stream)?;
                self.sites.note(Site::Between(block), attended);
                let path = format!("blocks.{block}.mlp");
                self.scope(&path);
                let normed = match self.config.residual {
                    Residual::Sequential => self.norm(&format!("{path}.norm"), attended)?,
                    Residual::Parallel => self.norm(&format!("{path}.norm"), stream)?,
                    Residual::ParallelOneNorm => normed,
                };
                self.mlp(block, normed, attended)
            }
            NormPlacement::Post => {
                let path = format!("blocks.{block}.attention");
                self.scope(&path);
                let sum = self.attention(block, stream, stream)?;
                let stream = self.norm(&format!("{path}.norm"), sum)?;
                self.sites.note(Site::Between(block), stream);
                let path = format!("blocks.{block}.mlp");
                self.scope(&path);
                let sum = self.mlp(block, stream, stream)?;
                self.norm(&format!("{path}.norm"), sum)
            }
        }
    }

    /// stream + dropout(output(attention(qkv(x)))).
    fn attention(&mut self, block: usize, x: ValueId, stream: ValueId) -> Built {
        let (config, heads) = (self.config, self.heads);
        let path = format!("blocks.{block}.attention");
        // A window as long as the context hides nothing.
        let window = config.sliding_window.filter(|window| *window < config.context_length);
        self.sites.note(Site::AttentionInput(block), x);
        let mut qkv = self.linear(&format!("{path}.qkv"), x, heads.packed(), config.bias.qkv)?;
        if config.qk_norm {
            let query = self.scale(&format!("{path}.query_norm"), config.head_size);
            let key = self.scale(&format!("{path}.key_norm"), config.head_size);
            let op = HeadNorm { heads, eps: config.norm.eps };
            qkv = self.graph.add(op, HeadNormInputs { qkv, query, key })?.y;
        }
        if let Position::Rope(rope) = config.position
            && rope.turns(block)
        {
            let shape = [config.context_length, config.head_size];
            let table = self.graph.constant(Constant::RopeTable(rope), Type::f32(&shape));
            let cursor = self.decode_cursor();
            let op = Rope { heads, inverse: false, cursor: cursor.is_some() };
            qkv = self.graph.add(op, RopeInputs { qkv, table, cursor })?.y;
        }
        self.sites.note(Site::QueriesKeysValues(block), qkv);
        let attended = if let Purpose::Decode { texts, .. } = self.purpose {
            let number = 2 * block as u32;
            let shape = Type::f32(&[texts, config.kv_heads, config.context_length, config.head_size]);
            let keys = self.graph.cache(number, shape.clone());
            let values = self.graph.cache(number + 1, shape);
            let cursor = self.cursor();
            let inputs = CachedAttentionInputs { qkv, keys, values, cursor };
            self.graph.add(CachedAttention { heads, window }, inputs)?.y
        } else {
            let dropout = self.site(config.dropout.attention);
            let starts = self.starts();
            let op = Attention { heads, dropout, window, documents: starts.is_some() };
            self.graph.add(op, AttentionInputs { qkv, starts })?.y
        };
        self.sites.note(Site::Attended(block), attended);
        let y = self.back_to_stream(&format!("{path}.output"), attended, config.bias.output)?;
        self.sites.note(Site::AttentionOutput(block), y);
        Ok(self.graph.add(Add, AddInputs { a: y, b: stream })?.y)
    }

    /// stream + dropout(down(activation(up(x)))), or the gated form.
    fn mlp(&mut self, block: usize, x: ValueId, stream: ValueId) -> Built {
        let (mlp, path) = (self.config.mlp, format!("blocks.{block}.mlp"));
        self.sites.note(Site::MlpInput(block), x);
        let hidden = if mlp.gate == Gate::None {
            let up = self.linear(&format!("{path}.up"), x, mlp.hidden, self.config.bias.mlp)?;
            self.graph.add(Activation(mlp.activation), X { x: up })?.y
        } else {
            let up = self.linear(&format!("{path}.up"), x, 2 * mlp.hidden, self.config.bias.mlp)?;
            self.graph.add(ops::Gate(mlp.gate), X { x: up })?.y
        };
        self.sites.note(Site::Hidden(block), hidden);
        let y = self.back_to_stream(&format!("{path}.down"), hidden, self.config.bias.mlp)?;
        self.sites.note(Site::MlpOutput(block), y);
        Ok(self.graph.add(Add, AddInputs { a: y, b: stream })?.y)
    }

    /// The projection back into the residual stream, to be added to it.
    fn back_to_stream(&mut self, path: &str, x: ValueId, bias: bool) -> Built {
        let weight =
            self.weight(&format!("{path}.weight"), &[self.config.width, self.graph.ty(x).columns()], true);
        let y = self.product(path, x, weight, bias)?;
        self.dropout(self.config.dropout.residual, y)
    }

    fn linear(&mut self, path: &str, x: ValueId, out: usize, bias: bool) -> Built {
        let weight = self.weight(&format!("{path}.weight"), &[out, self.graph.ty(x).columns()], false);
        self.product(path, x, weight, bias)
    }

    /// x·weightᵀ, with the layer's bias where it has one.
    fn product(&mut self, path: &str, x: ValueId, weight: ValueId, bias: bool) -> Built {
        let out = self.graph.ty(weight).shape[0];
        let bias = bias.then(|| self.bias(&format!("{path}.bias"), out));
        let op = Linear { bias: bias.is_some(), residual: false };
        let y = self.graph.add(op, LinearInputs { x, weight, bias, residual: None })?.y;
        match self.adapter.filter(|adapter| adapter.adapts(path)) {
            Some(adapter) => {
                let change = self.low_rank(adapter, path, x, out)?;
                Ok(self.graph.add(Add, AddInputs { a: y, b: change })?.y)
            }
            None => Ok(y),
        }
    }

    /// scale·B·(A·dropout(x)) (Hu et al. 2021): x [.., in], A [r, in], B [out, r]. The scale is applied to the narrow values in between.
    fn low_rank(&mut self, adapter: &Adapter, path: &str, x: ValueId, out: usize) -> Built {
        let (rank, columns) = (adapter.rank, self.graph.ty(x).columns());
        // PyTorch's Kaiming initialisation with a = √5, as PEFT has it.
        let bound = Init::Uniform(1.0 / (columns as f32).sqrt());
        let down = self.add(&format!("{path}{LORA_A}"), &[rank, columns], true, bound);
        let up = self.add(&format!("{path}{LORA_B}"), &[out, rank], true, Init::Constant(0.0));
        let x = self.dropout(adapter.dropout, x)?;
        let inputs = LinearInputs { x, weight: down, bias: None, residual: None };
        let mut narrow = self.graph.add(Linear::PLAIN, inputs)?.y;
        if adapter.scale() != 1.0 {
            narrow = self.graph.add(Scale(adapter.scale()), X { x: narrow })?.y;
        }
        let inputs = LinearInputs { x: narrow, weight: up, bias: None, residual: None };
        Ok(self.graph.add(Linear::PLAIN, inputs)?.y)
    }

    fn norm(&mut self, path: &str, x: ValueId) -> Built {
        let norm = &self.config.norm;
        let form = NormForm { kind: norm.kind, eps: norm.eps, unit_offset: norm.add_unit_offset };
        let (with_bias, width) = (norm.bias, self.config.width);
        let scale = if norm.add_unit_offset {
            self.bias(&format!("{path}.weight"), width)
        } else {
            self.scale(&format!("{path}.weight"), width)
        };
        let bias = with_bias.then(|| self.bias(&format!("{path}.bias"), width));
        Ok(self.graph.add(Norm { form, bias: with_bias }, NormInputs { x, scale, bias })?.y)
    }

    /// The rate where this graph drops anything at all.
    fn site_rate(&self, rate: f32) -> f32 {
        let learns = self.prefix.is_empty();
        if learns && matches!(self.purpose, Purpose::Loss { dropout: true, .. }) { rate } else { 0.0 }
    }

    fn site(&mut self, rate: f32) -> Option<DropoutSite> {
        let rate = self.site_rate(rate);
        if rate > 0.0 {
            self.dropouts += 1;
            Some(DropoutSite { rate, site: self.dropouts })
        } else {
            None
        }
    }

    fn dropout(&mut self, rate: f32, x: ValueId) -> Built {
        let Some(site) = self.site(rate) else { return Ok(x) };
        Ok(self.graph.add(Dropout { site, residual: false }, DropoutInputs { x, residual: None })?.y)
    }

    /// A matrix or embedding: initialised from a normal distribution, decayed.
    fn weight(&mut self, name: &str, shape: &[usize], into_stream: bool) -> ValueId {
        let init = self.config.init;
        let narrow = into_stream && init.scale_residual;
        let std = if narrow { init.std / (2.0 * self.config.layers as f32).sqrt() } else { init.std };
        self.add(name, shape, true, Init::Normal(std))
    }

    fn scale(&mut self, name: &str, size: usize) -> ValueId {
        self.add(name, &[size], false, Init::Constant(1.0))
    }

    fn bias(&mut self, name: &str, size: usize) -> ValueId {
        self.add(name, &[size], false, Init::Constant(0.0))
    }

    fn add(&mut self, name: &str, shape: &[usize], decayed: bool, init: Init) -> ValueId {
        if let Some(declared) = self.declared.get(name) {
            return *declared;
        }
        self.graph.parameter(Parameter {
            name: format!("{}{name}", self.prefix),
            ty: Type::f32(shape),
            decayed,
            trainable: self.prefix.is_empty(),
            init,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Op, Origin};
    use crate::model::own_parameters;
    use glasshouse_protocol::{Objective, presets};

    #[test]
    fn noise_is_added_in_training_alone_and_costs_nothing_where_it_is_off() {
        let mut run = presets::preset("llama-tiny").unwrap();
        run.model.vocabulary = 300;
        run.train.objective = Objective::Chat;
        let plain = training_graphs(&run.model, &run.train).unwrap();
        run.train.chat.neftune_alpha = 5.0;
        let noisy = training_graphs(&run.model, &run.train).unwrap();
        let noise = |graph: &Graph| -> Vec<f32> {
            let sizes = graph.nodes.iter().filter_map(|node| match node.op {
                Op::Noise(Noise { size, .. }) => Some(size),
                _ => None,
            });
            sizes.collect()
        };
        let entries = (run.model.context_length * run.model.width) as f32;
        assert_eq!(noise(&noisy.train), [5.0 / entries.sqrt()]);
        assert!(noise(&noisy.evaluate).is_empty());
        assert!(noise(&plain.train).is_empty());
        // The gradient of the sum passes through: no node more than the noise itself.
        assert_eq!(noisy.train.nodes.len(), plain.train.nodes.len() + 1);
        run.train.objective = Objective::Text;
        let text = training_graphs(&run.model, &run.train).unwrap();
        assert!(noise(&text.train).is_empty());
    }

    #[test]
    fn the_stream_is_known_behind_each_part_wherever_norms_stand() {
        let parts = |change: fn(&mut ModelConfig)| -> Vec<String> {
            let mut run = presets::preset("llama-tiny").unwrap();
            (run.model.vocabulary, run.model.layers) = (300, 2);
            change(&mut run.model);
            let graphs = training_graphs(&run.model, &run.train).unwrap();
            let mut read = graphs.evaluate_read();
            read.sort_unstable();
            read.dedup();
            assert_eq!(read.len(), 1 + graphs.evaluate_probes.len(), "each is a value of its own");
            graphs.evaluate_probes.into_iter().map(|probe| probe.part).collect()
        };
        let blocks = ["blocks.0.attention", "blocks.0.mlp", "blocks.1.attention", "blocks.1.mlp"];
        let pre = parts(|_| ());
        assert_eq!(pre[0], "embedding");
        assert_eq!(pre[1..], blocks);
        assert_eq!(parts(|model| model.norm.placement = NormPlacement::Post), blocks);
        let parallel = parts(|model| model.residual = Residual::Parallel);
        assert_eq!(parallel, ["embedding", "blocks.0", "blocks.1"]);
    }

    #[test]
    fn a_reward_model_scores_texts_without_a_softmax() {
        let mut run = presets::preset("llama-tiny").unwrap();
        (run.model.vocabulary, run.model.labels) = (300, vec!["reward".to_owned()]);
        run.train.objective = Objective::Preference;
        run.set("train.preference.loss=bradley_terry").unwrap();
        let graphs = training_graphs(&run.model, &run.train).unwrap();
        for graph in [&graphs.train, &graphs.evaluate] {
            let ops: Vec<&Op> = graph.nodes.iter().map(|node| &node.op).collect();
            assert!(ops.iter().any(|op| matches!(op, Op::Score(_))));
            assert!(ops.iter().all(|op| !matches!(op, Op::CrossEntropy(_))));
        }
        // One text at a time, whose loss is its score, negated.
        let tokens = graphs.evaluate.find(Origin::Input(Input::Tokens)).unwrap();
        assert_eq!(graphs.evaluate.ty(tokens).shape, [1, run.model.context_length]);
        let head = graphs.train.parameters.iter().find(|it| it.name == "classifier.weight").unwrap();
        assert_eq!(head.ty.shape, [1, run.model.width]);
    }

    #[test]
    fn a_teacher_stands_behind_the_model_and_is_asked_in_training_alone() {
        let mut run = presets::preset("llama-tiny").unwrap();
        run.model.vocabulary = 300;
        let teacher = ModelConfig {
            layers: run.model.layers + 1,
            width: 2 * run.model.width,
            head_size: 2 * run.model.head_size,
            context_length: 2 * run.model.context_length,
            ..run.model.clone()
        };
        let theirs = build(&teacher, Purpose::Window { time: 1 }).unwrap().graph.parameters;
        run.train.objective = Objective::Distil;
        let unknown = training_graphs(&run.model, &run.train).unwrap_err().to_string();
        assert!(unknown.ends_with("Tune page plans it"), "{unknown}");
        run.train.distil.model = Some(Box::new(teacher));
        for (adapter, precision) in [(None, Precision::F32), (Some(Adapter::default()), Precision::Mixed)] {
            (run.train.adapter, run.train.precision) = (adapter, precision);
            let graphs = training_graphs(&run.model, &run.train).unwrap();
            let own = parameters(&run.model, &run.train).unwrap();
            let all = &graphs.train.parameters;
            assert_eq!(own_parameters(all), own);
            let (first, last) = all.split_at(own.len());
            assert_eq!(first, own);
            let named = |own: &Parameter| (format!("{TEACHER}{}", own.name), own.ty.clone(), false);
            let wanted: Vec<_> = theirs.iter().map(named).collect();
            let found: Vec<_> =
                last.iter().map(|own| (own.name.clone(), own.ty.clone(), own.trainable)).collect();
            assert_eq!(found, wanted);
            assert_eq!(&graphs.evaluate.parameters, all, "one arena has the weights of both graphs");
            let taught = |graph: &Graph| graph.nodes.iter().filter(|node| is_of_teacher(&node.scope)).count();
            assert!(taught(&graphs.train) > 0 && taught(&graphs.evaluate) == 0);
            let trained = graphs.train.values.iter().filter_map(|value| match value.origin {
                Origin::Gradient(id) => Some(id.index()),
                _ => None,
            });
            assert!(trained.max().unwrap() < own.len(), "nothing flows back to a teacher");
            // Rotations of heads of two sizes.
            let tables = graphs.train.values.iter().filter(|it| matches!(it.origin, Origin::Constant(_)));
            assert_eq!(tables.count(), 2);
        }
    }

    #[test]
    fn unlikelihood_takes_the_place_of_the_cross_entropy_and_costs_nothing_where_it_is_off() {
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        run.model.vocabulary = 65;
        let plain = training_graphs(&run.model, &run.train).unwrap();
        run.train.unlikelihood = 0.5;
        run.train.document_mask = true;
        let graphs = training_graphs(&run.model, &run.train).unwrap();
        let losses = |graph: &Graph| -> Vec<&'static str> {
            let names = graph.nodes.iter().map(|node| node.op.name());
            names.filter(|name| name.contains("cross_entropy") || name.contains("unlikelihood")).collect()
        };
        assert_eq!(losses(&plain.train), ["cross_entropy", "cross_entropy_backward"]);
        assert_eq!(losses(&graphs.train), ["unlikelihood", "unlikelihood_backward"]);
        assert_eq!(losses(&graphs.evaluate), ["cross_entropy"], "evaluations are of the text alone");
        assert_eq!(graphs.train.nodes.len(), plain.train.nodes.len());
    }

    #[test]
    fn a_head_for_labels_takes_the_place_of_the_one_for_tokens_and_is_trained_whatever_is() {
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        run.model.vocabulary = 65;
        run.model.labels = ["ham", "spam"].map(str::to_owned).to_vec();
        for trainable in ["all", "norms", "last:1", "head"] {
            run.train.trainable = trainable.parse().unwrap();
            let parameters = parameters(&run.model, &run.train).unwrap();
            let head = parameters.iter().find(|it| it.name == "classifier.weight").unwrap();
            assert_eq!((head.ty.shape.as_slice(), head.trainable), (&[2, run.model.width][..], true));
            assert!(parameters.iter().all(|it| !it.name.starts_with("head.")));
            // The token embedding is no head any more, tied though it was.
            let embedding = parameters.iter().find(|it| it.name == "embedding.tokens").unwrap();
            assert_eq!(embedding.trainable, trainable == "all");
        }
        let purpose = Purpose::Window { time: 8 };
        let built = build(&run.model, purpose).unwrap();
        assert_eq!(built.graph.ty(built.logits).shape, [1, 1, 2]);
    }
}
