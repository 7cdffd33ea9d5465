//! Adapters, which are trained in place of a model's weights.

use super::{Precision, TrainConfig, Trainable};
use crate::order;
use crate::setting::{Settings as _, above, choices, settings};
use crate::{Gate, Invalid, ModelConfig, WeightFormat, rules};
use serde::{Deserialize, Deserializer};
use std::fmt;

choices! {
    pub enum AdapterKind = Lora {
        /// Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685).
        Lora = "lora", "LoRA";
        /// Weight-decomposed low-rank adaptation (Liu et al. 2024, arXiv 2402.09353): also trains the norm of each row of the adapted weights.
        Dora = "dora", "DoRA";
    }
}

choices! {
    /// A linear layer to adapt, in all blocks, or the head.
    #[derive(PartialOrd, Ord)]
    pub enum AdapterTarget {
        /// The projection to queries, keys and values (a single matrix).
        Qkv = "qkv";
        /// The output projection of attention.
        Output = "output";
        /// The MLP's first layer, including its gate.
        Up = "up";
        /// The MLP's second layer.
        Down = "down";
        /// The projection to logits.
        Head = "head";
    }
}

impl AdapterTarget {
    /// The target of a layer path: `blocks.3.attention.qkv` or `head`.
    pub fn from_layer(path: &str) -> Option<Self> {
        let last = path.rsplit('.').next()?;
        Self::ALL.into_iter().find(|target| target.name() == last)
    }

    fn is_of_mlp(self) -> bool {
        matches!(self, Self::Up | Self::Down)
    }

    /// Shape of the layer's weight, [out, in].
    pub fn shape(self, model: &ModelConfig) -> [usize; 2] {
        let (width, heads) = (model.width, model.heads * model.head_size);
        let halves = if model.mlp.gate == Gate::None { 1 } else { 2 };
        match self {
            Self::Qkv => [heads + 2 * model.kv_heads * model.head_size, width],
            Self::Output => [width, heads],
            Self::Up => [halves * model.mlp.hidden, width],
            Self::Down => [width, model.mlp.hidden],
            Self::Head => [model.vocabulary, width],
        }
    }
}

/// Layer names as a list or separated by commas.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected some of qkv, output, up, down, head")]
enum Names {
    Joined(String),
    Listed(Vec<String>),
}

fn targets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<AdapterTarget>, D::Error> {
    let names = match Names::deserialize(deserializer)? {
        Names::Joined(names) => names.split(',').map(|name| name.trim().to_owned()).collect(),
        Names::Listed(names) => names,
    };
    let target = |name: &String| AdapterTarget::named("layer", name).map_err(serde::de::Error::custom);
    Ok(order::distinct(names.iter().map(target).collect::<Result<Vec<_>, _>>()?))
}

settings! {
    /// Low-rank adaptation: a frozen weight W [out, in] is adapted by trained matrices A [r, in] and B [out, r]; the layer computes
    /// y = W·x + scale·B·A·dropout(x). B is initialised to zero, so that training starts from the unchanged model. DoRA multiplies y by
    /// m / ‖W + scale·B·A‖, with a trained m for each row and norms of rows that count as constants, before a bias is added. The defaults
    /// are PEFT's, except for the layers: PEFT adapts only queries and values.
    pub struct Adapter: "train.adapter." {
        /// LoRA adds a low-rank matrix to each weight. DoRA also trains the norm of each row of the sum; it is often better at low ranks, and
        /// slower.
        pub kind: AdapterKind = AdapterKind::Lora, "Kind of adapter";
        /// Rows of an adapter's first matrix and columns of its second. A higher rank learns more and takes more memory.
        pub rank: usize = 8, "Rank", 1..;
        /// Sets the scale of an adapter relative to its base weights: α / rank.
        pub alpha: f32 = 8.0, "Alpha", above(0.0);
        /// Share of an adapter's inputs set to zero at random during training, to reduce memorising.
        pub dropout: f32 = 0.0, "Adapter dropout", 0.0..1.0;
        /// Use the scale α / √r, which keeps the size of updates independent of the rank (Kalajdzievski 2023, arXiv 2312.03732).
        pub rslora: bool = false, "Rank-stabilised";
        /// The linear layers with an adapter, in every block: those of attention (qkv, output), of the MLP (up, down), or the head.
        #[serde(deserialize_with = "targets")]
        pub targets: Vec<AdapterTarget> = AdapterTarget::ALL.into_iter().filter(|target| *target != AdapterTarget::Head).collect();
        /// Storage format of the frozen matrices in the blocks. Embeddings and head stay in 32 bits.
        #[serde(skip_serializing_if = "crate::is_default")]
        pub base: WeightFormat = WeightFormat::F32, "Base weights";
    }
}

/// Formats it as `lora of rank 8 on qkv, output, up, down`, followed by the format of the base if it is not f32.
impl fmt::Display for Adapter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let targets: Vec<&str> = self.targets.iter().map(|target| target.name()).collect();
        write!(formatter, "{} of rank {} on {}", self.kind.name(), self.rank, targets.join(", "))?;
        match self.base {
            WeightFormat::F32 => Ok(()),
            base => write!(formatter, ", base in {}", base.name()),
        }
    }
}

impl Adapter {
    /// Factor on B·A: α / r, or α / √r with `rslora`.
    pub fn scale(&self) -> f32 {
        let rank = self.rank as f32;
        self.alpha / if self.rslora { rank.sqrt() } else { rank }
    }

    /// Leaves experts, which have no adapters, out of the default layers. Returns whether there are any.
    pub fn leave_out_experts(&mut self, model: &ModelConfig) -> bool {
        let leaves = model.experts.count > 0 && self.targets == Self::default().targets;
        self.targets.retain(|target| !leaves || !target.is_of_mlp());
        leaves
    }

    pub fn adapts(&self, layer: &str) -> bool {
        AdapterTarget::from_layer(layer).is_some_and(|target| self.targets.contains(&target))
    }

    /// Checks all rules for a run with this adapter and names the first broken one.
    pub(super) fn validate(&self, model: &ModelConfig, train: &TrainConfig) -> Result<(), Invalid> {
        self.check()?;
        let tied = model.tied_head && self.targets.contains(&AdapterTarget::Head);
        rules! {
            !self.targets.is_empty() => "train.adapter.targets", "[]", "name at least one of qkv, output, up, down, head";
            !tied => "train.adapter.targets", "head",
                "be left out with model.tied_head = true: its matrix is also the token embedding's";
        }
        for target in &self.targets {
            // The default layers leave them out.
            let of_experts =
                model.experts.count > 0 && target.is_of_mlp() && self.targets != Self::default().targets;
            let [out, input] = target.shape(model);
            let most = out.min(input);
            rules! {
                !of_experts => "train.adapter.targets", target.name(),
                    "not include up and down with model.experts.count above 0: experts have no adapters; use qkv, output";
                // The vocabulary size is 0 in a preset.
                self.rank <= most || out == 0 => "train.adapter.rank", self.rank,
                    format!("be at most {most}, the smaller side of {} [{out}, {input}]", target.name());
            }
        }
        self.base.check_is_made("train.adapter.base")?;
        let (whole, base) = (self.base == WeightFormat::F32, self.base.name());
        rules! {
            whole || train.precision != Precision::Mixed => "train.adapter.base", base,
                "be f32 with train.precision = mixed, which keeps the weights in both; use train.precision = f32";
            whole || !train.objective.has_teacher() => "train.adapter.base", base,
                "be f32 with train.objective = distil: the teacher's weights follow the model's, in 32 bits";
            train.trainable == Trainable::All => "train.trainable", &train.trainable,
                "be all with train.adapter, which freezes the model's own parameters and trains only the adapter";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunConfig, presets};

    fn run(assignments: &[&str]) -> RunConfig {
        let mut run = presets::preset("llama-tiny").unwrap();
        run.model.vocabulary = 300;
        for assignment in assignments {
            run.set(assignment).unwrap();
        }
        run
    }

    #[test]
    fn a_run_without_an_adapter_is_written_as_before() {
        assert!(!run(&[]).to_toml().unwrap().contains("adapter"));
        assert!(!serde_json::to_string(&run(&[])).unwrap().contains("adapter"));
    }

    #[test]
    fn an_adapter_is_set_by_its_name_with_and_without_its_section() {
        let whole = run(&["train.adapter.rank=4", "train.adapter.targets=qkv,down"]);
        assert_eq!(run(&["adapter.rank = 4", "adapter.targets = [\"down\", \"qkv\"]"]), whole);
        let adapter = whole.train.adapter.clone().unwrap();
        assert_eq!((adapter.rank, adapter.alpha, adapter.scale()), (4, 8.0, 2.0));
        assert_eq!(adapter.targets, [AdapterTarget::Qkv, AdapterTarget::Down]);
        assert_eq!(adapter.to_string(), "lora of rank 4 on qkv, down");
        assert_eq!(RunConfig::from_toml(&whole.to_toml().unwrap()).unwrap(), whole);
        assert_eq!(run(&["train.adapter=lora"]).train.adapter, Some(Adapter::default()));
        assert_eq!(run(&["adapter=lora", "adapter=none"]).train.adapter, None);
        let dora = run(&["adapter.rank=2", "adapter=dora"]);
        assert_eq!(dora, run(&["adapter.kind=dora", "adapter.rank=2"]));
        assert!(dora.train.trains().starts_with("dora of rank 2 on qkv"), "{}", dora.train.trains());
        assert_eq!(RunConfig::from_toml(&dora.to_toml().unwrap()).unwrap(), dora);
        let half = run(&["adapter.base=f16"]);
        assert_eq!(half.train.adapter.as_ref().unwrap().base, WeightFormat::F16);
        assert!(half.train.trains().ends_with("down, base in f16"), "{}", half.train.trains());
        assert_eq!(RunConfig::from_toml(&half.to_toml().unwrap()).unwrap(), half);
        // The file of a run started without an adapter is unchanged, to the byte.
        let file = whole.to_toml().unwrap();
        let (_, section) = file.split_once("[train.adapter]").unwrap();
        assert!(section.split("\n[").next().is_some_and(|section| !section.contains("base")), "{section}");
        let rs = run(&["adapter.rslora=true", "adapter.rank=16", "adapter.alpha=8"]).train.adapter.unwrap();
        assert_eq!(rs.scale(), 2.0);
        for (layer, does) in [
            ("blocks.0.attention.qkv", true),
            ("blocks.11.mlp.down", true),
            ("blocks.0.mlp.up", false),
            ("head", false),
            ("blocks.0.attention.norm", false),
        ] {
            assert_eq!(adapter.adapts(layer), does, "{layer}");
        }
    }

    #[test]
    fn settings_that_make_no_adapter_are_refused_by_name() {
        run(&["adapter.rank=1", "adapter.dropout=0.5"]).validate().unwrap();
        let mut experts = run(&["adapter=lora", "model.experts.count=4"]);
        experts.validate().unwrap();
        let adapter = experts.train.adapter.as_mut().unwrap();
        assert!(adapter.leave_out_experts(&experts.model) && !adapter.leave_out_experts(&experts.model));
        assert_eq!(adapter.targets, [AdapterTarget::Qkv, AdapterTarget::Output]);
        for (assignments, field) in [
            (&["adapter.rank=0"][..], "train.adapter.rank"),
            (&["adapter.rank=100000"], "train.adapter.rank"),
            (&["adapter.dropout=1"], "train.adapter.dropout"),
            (&["adapter.targets=[]"], "train.adapter.targets"),
            (&["adapter=lora", "train.trainable=head"], "train.trainable"),
            (&["model.tied_head=true", "adapter.targets=qkv,head"], "train.adapter.targets"),
            (&["adapter.base=f16", "train.precision=mixed"], "train.adapter.base"),
            (&["adapter.targets=qkv,up", "model.experts.count=4"], "train.adapter.targets"),
        ] {
            let reason = run(assignments).validate().unwrap_err();
            assert_eq!(reason.field, field, "{reason}");
        }
        run(&["model.tied_head=false", "adapter.targets=head"]).validate().unwrap();
        for (assignment, told) in [
            ("adapter.rnak=3", "did you mean `rank`?"),
            ("adapter.targets=qkvs", "did you mean `qkv`?"),
            ("adapter=lorra", "did you mean `lora`?"),
            ("adapter.base=f8", "expected one of `f32`, `f16`, `q8_0`, `q4_0`"),
        ] {
            let reason = presets::preset("llama-tiny").unwrap().set(assignment).unwrap_err();
            assert!(reason.contains(told) && !reason.contains('\n'), "{reason}");
        }
    }
}
