//! What a run learns: its data's form and its loss.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a run learns. Settings of its own, where it has any, are a table of [`crate::TrainConfig`] with its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The next token of a text, from documents: pretraining, and going on in another domain.
    #[default]
    Text,
    /// The assistant's part of conversations: supervised fine-tuning (Ouyang et al. 2022, "Training language models to follow
    /// instructions", section 3.5). The cross-entropy of the assistant's tokens, those that end its turns included, summed and divided by
    /// the number of such tokens in the whole step, as TRL's `SFTTrainer` with `assistant_only_loss`.
    Chat,
    /// Pairs of answers, of which one is better: to make it likelier than the other, or to score it higher by a head of its own, which is
    /// a reward model ([`super::PreferenceLoss`]).
    Preference,
    /// The label of a text, from rows of `text` and `label`: a head over labels takes the place of the one over tokens, and reads the
    /// residual stream at a text's last token (Radford et al. 2018, "Improving language understanding by generative pre-training",
    /// section 3.2; Raschka 2024, "Build a large language model (from scratch)", chapter 6). Cross-entropy over the labels, its mean over
    /// the texts of a step, as `ForSequenceClassification` in transformers.
    Classify,
    /// Prompts, which the model answers itself, and a rule or a reward model that says what its answers are worth: group-relative policy optimization (Shao et
    /// al. 2024, "DeepSeekMath", arXiv 2402.03300; TRL's `GRPOTrainer`). Of each prompt's answers those that are worth more than the others
    /// become likelier, with the ratio of probabilities clipped and, if wanted, a penalty on the divergence from the first weights
    /// ([`super::RewardSettings`]).
    Reward,
    /// The next token of a text, and what a larger model of the same tokenizer makes of every token in its place
    /// ([`super::DistilSettings`]).
    Distil,
}

/// Settings of [`Objective::Chat`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChatSettings {
    /// Several conversations share a row, without attending to each other (best-fit decreasing, as TRL's `bfd`). Where they do not, or
    /// positions are absolute, so that a conversation must begin at the first, each has a row of its own, padded.
    pub packing: bool,
    /// α of noisy embeddings (NEFTune; Jain et al. 2023, arXiv 2310.05914): in training alone, each entry of the embedded tokens gets a
    /// number drawn evenly between ±α/√(T·C), T the positions of a row and C its width, as `neftune_noise_alpha` in transformers has it,
    /// which counts padding, too. 0 switches it off; the paper has 5.
    pub neftune_alpha: f32,
}

impl Default for ChatSettings {
    fn default() -> Self {
        Self { packing: true, neftune_alpha: 0.0 }
    }
}

impl ChatSettings {
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Objective {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Text, Self::Chat, Self::Preference, Self::Reward, Self::Classify, Self::Distil];

    /// As settings spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Chat => "chat",
            Self::Preference => "preference",
            Self::Classify => "classify",
            Self::Reward => "reward",
            Self::Distil => "distil",
        }
    }

    /// Whether it is the default, which run files do not name.
    pub fn is_text(&self) -> bool {
        *self == Self::Text
    }

    /// Whether it learns whole texts, of documents.
    pub fn learns_text(self) -> bool {
        match self {
            Self::Text | Self::Distil => true,
            Self::Chat | Self::Preference | Self::Classify | Self::Reward => false,
        }
    }

    /// Endings of the files that hold its rows, in small letters; none of one that learns whole texts, whose files are of many kinds.
    pub fn row_endings(self) -> &'static [&'static str] {
        match self {
            Self::Text | Self::Distil => &[],
            Self::Chat | Self::Preference | Self::Reward => &[".jsonl", ".ndjson", ".json"],
            Self::Classify => &[".jsonl", ".ndjson", ".json", ".csv"],
        }
    }

    /// Whether some targets do not count.
    pub fn is_masked(self) -> bool {
        !self.learns_text()
    }

    /// Whether tokens of a prompt may count in its loss.
    pub fn weighs_prompts(self) -> bool {
        match self {
            Self::Chat => true,
            Self::Text | Self::Preference | Self::Reward | Self::Classify | Self::Distil => false,
        }
    }

    /// Whether its examples come in pairs, a better and a worse answer to one prompt, in rows that belong together.
    pub fn learns_pairs(self) -> bool {
        match self {
            Self::Preference => true,
            Self::Text | Self::Chat | Self::Reward | Self::Classify | Self::Distil => false,
        }
    }

    /// Whether there are instruction tasks in the form that it learns from: pairs where [`Self::learns_pairs`], prompts where
    /// [`Self::answers_prompts`], else conversations with their answers.
    pub fn learns_tasks(self) -> bool {
        match self {
            Self::Chat | Self::Preference | Self::Reward => true,
            Self::Text | Self::Classify | Self::Distil => false,
        }
    }

    /// Whether its examples are texts, each with a label.
    pub fn learns_labels(self) -> bool {
        match self {
            Self::Classify => true,
            Self::Text | Self::Chat | Self::Preference | Self::Reward | Self::Distil => false,
        }
    }

    /// Whether its examples are prompts, which the model answers itself, in groups.
    pub fn answers_prompts(self) -> bool {
        match self {
            Self::Reward => true,
            Self::Text | Self::Chat | Self::Preference | Self::Classify | Self::Distil => false,
        }
    }

    /// Whether another model's weights take part in its training graph.
    pub fn has_teacher(self) -> bool {
        match self {
            Self::Distil => true,
            Self::Text | Self::Chat | Self::Preference | Self::Reward | Self::Classify => false,
        }
    }

    /// Whether its loss compares answers with each other, and with what other weights make of them: then a step says what its answers came
    /// to, its rows cannot be divided among workers, and a rate of a first training would unlearn how to answer.
    pub fn compares_answers(self) -> bool {
        match self {
            Self::Preference | Self::Reward => true,
            Self::Text | Self::Chat | Self::Classify | Self::Distil => false,
        }
    }

    /// Whether it writes its examples by a chat template.
    pub fn needs_chat_template(self) -> bool {
        match self {
            Self::Text | Self::Classify | Self::Distil => false,
            Self::Chat | Self::Preference | Self::Reward => true,
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Objective {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|objective| objective.name() == name);
        found.ok_or_else(|| crate::names::unknown("objective", name, Self::ALL.into_iter().map(Self::name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Position;
    use crate::{RunConfig, presets};

    #[test]
    fn an_objective_is_a_word_and_its_settings_a_table() {
        let mut run = presets::preset("first-stories").unwrap();
        let text = run.to_toml().unwrap();
        assert!(!text.contains("objective") && !text.contains("packing"), "{text}");
        run.set("train.objective=chat").unwrap();
        assert_eq!(run.train.objective, Objective::Chat);
        run.set("train.chat.packing=false").unwrap();
        assert!(!run.train.chat.packing);
        let text = run.to_toml().unwrap();
        assert_eq!(RunConfig::from_toml(&text).unwrap(), run, "{text}");
        run.set("train.objective=text").unwrap();
        assert!(run.train.objective.is_text());
        let reason = run.clone().set("train.objective=chap").unwrap_err();
        assert!(reason.contains("chap") && reason.contains("chat"), "{reason}");
        let reason = run.set("train.chat.pakking=true").unwrap_err();
        assert!(reason.contains("pakking"), "{reason}");
        assert!("chap".parse::<Objective>().unwrap_err().contains("did you mean `chat`"));
    }

    #[test]
    fn noise_has_a_size() {
        let mut run = presets::preset("first-stories").unwrap();
        run.model.vocabulary = 300;
        for (size, does) in [("5", true), ("0", true), ("-1", false), ("nan", false), ("inf", false)] {
            run.set(&format!("train.chat.neftune_alpha={size}")).unwrap();
            assert_eq!(run.train.validate().is_ok(), does, "{size}");
        }
        run.set("train.chat.neftune_alpha=5").unwrap();
        assert_eq!(run.train.embedding_noise(&run.model), 0.0);
        run.train.objective = Objective::Chat;
        (run.model.context_length, run.model.width) = (25, 4);
        assert_eq!(run.train.embedding_noise(&run.model), 0.5);
    }

    #[test]
    fn unlikelihood_belongs_to_text() {
        let mut run = presets::preset("first-stories").unwrap();
        assert!(!run.to_toml().unwrap().contains("unlikelihood"));
        run.set("train.unlikelihood=1").unwrap();
        run.validate().unwrap();
        let text = run.to_toml().unwrap();
        assert_eq!(RunConfig::from_toml(&text).unwrap(), run, "{text}");
        for change in ["train.unlikelihood=-1", "train.unlikelihood=nan", "train.label_smoothing=0.1"] {
            let mut run = run.clone();
            run.set(change).unwrap();
            assert_eq!(run.validate().unwrap_err().field, "train.unlikelihood", "{change}");
        }
        run.train.objective = Objective::Chat;
        let reason = run.train.validate().unwrap_err().to_string();
        assert!(reason.contains("must be 0 with the objective chat"), "{reason}");
    }

    #[test]
    fn absolute_positions_are_padded() {
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        run.set("train.objective=chat").unwrap();
        assert_eq!(run.model.position, Position::Learned);
        assert!(!run.train.packs_examples(&run.model));
        run.model.position = Position::Sinusoidal;
        assert!(!run.train.packs_examples(&run.model));
        run.model.position = Position::None;
        assert!(run.train.packs_examples(&run.model));
    }
}
