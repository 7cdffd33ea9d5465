//! Training objectives: the form of the data, and the loss.

use crate::setting::{choices, settings};

choices! {
    /// Training objective. Its own settings, if any, are the table of [`crate::TrainConfig`] with its name.
    pub enum Objective = Text {
        /// Continue text: next-token prediction on documents, for pretraining and for another domain.
        Text = "text", "Text";
        /// Answer: the replies of conversations, and when to stop.
        ///
        /// Supervised fine-tuning on the assistant's messages (Ouyang et al. 2022, "Training language models to follow instructions", section
        /// 3.5). The cross-entropy of the assistant's tokens, including those that end its turns, is summed and divided by the number of such
        /// tokens in the whole step, as in TRL's `SFTTrainer` with `assistant_only_loss`.
        Chat = "chat", "Chat";
        /// Prefer: the better of two replies to a prompt.
        ///
        /// Makes the better one more likely, or trains a reward model with its own head that scores it higher ([`super::PreferenceLoss`]).
        Preference = "preference", "Preference";
        /// Score: the model's own replies, rated by a rule or a reward model.
        ///
        /// Group-relative policy optimization on prompts (Shao et al. 2024, "DeepSeekMath", arXiv 2402.03300; TRL's `GRPOTrainer`). The model
        /// generates a group of answers to each prompt, which a rule or a reward model scores; answers with more than their group's mean reward
        /// become more likely, with a clipped probability ratio and an optional penalty on the divergence from the initial weights
        /// ([`super::RewardSettings`]).
        Reward = "reward", "Reward";
        /// Label: one of a few labels for a text.
        ///
        /// Rows have `text` and `label`. A label head replaces the token head and reads the residual stream at a text's last token (Radford et
        /// al. 2018, "Improving language understanding by generative pre-training", section 3.2; Raschka 2024, "Build a large language model
        /// (from scratch)", chapter 6). The loss is the cross-entropy over the labels, averaged over the texts of a step, as in
        /// `ForSequenceClassification` in `transformers`.
        Classify = "classify", "Classify";
        /// Imitate a larger model with the same tokenizer: its probabilities of every token ([`super::DistilSettings`]).
        Distil = "distil", "Distil";
    }
}

settings! {
    /// Settings of [`Objective::Chat`].
    pub struct ChatSettings: "train.chat." {
        /// Packs several conversations into a row, without attention between them (best-fit decreasing, as TRL's `bfd`). Otherwise, and with
        /// absolute positions, which require a conversation to start at position 0, each conversation has its own padded row.
        pub packing: bool = true, "Packing";
        /// α of noisy embeddings: uniform noise in ±α/√(T·C) on each entry of the embedded tokens in training. 0 disables it; the paper uses 5.
        ///
        /// T is the number of positions in a row, padding included, as for `neftune_noise_alpha` in `transformers`; C is the width (NEFTune;
        /// Jain et al. 2023, arXiv 2310.05914).
        pub neftune_alpha: f32 = 0.0, "NEFTune noise (α)", 0.0..;
    }
}

impl Objective {
    pub fn is_text(self) -> bool {
        self == Self::Text
    }

    /// Whether it trains on whole texts of documents.
    pub fn learns_text(self) -> bool {
        matches!(self, Self::Text | Self::Distil)
    }

    /// Lowercase extensions of files with its rows; empty for objectives that train on whole texts, whose files are of many kinds.
    pub fn row_endings(self) -> &'static [&'static str] {
        match self {
            Self::Text | Self::Distil => &[],
            Self::Chat | Self::Preference | Self::Reward => &[".jsonl", ".ndjson", ".json"],
            Self::Classify => &[".jsonl", ".ndjson", ".json", ".csv"],
        }
    }

    /// Whether some targets are masked from the loss.
    pub fn is_masked(self) -> bool {
        !self.learns_text()
    }

    /// Whether a prompt's tokens may count in the loss.
    pub fn weighs_prompts(self) -> bool {
        self == Self::Chat
    }

    /// Whether its examples are pairs of a better and a worse answer to one prompt, in adjacent rows.
    pub fn learns_pairs(self) -> bool {
        self == Self::Preference
    }

    /// Whether instruction tasks exist in its format: pairs if [`Self::learns_pairs`], prompts if [`Self::answers_prompts`], else
    /// conversations with answers.
    pub fn learns_tasks(self) -> bool {
        matches!(self, Self::Chat | Self::Preference | Self::Reward)
    }

    /// Whether its examples are labelled texts.
    pub fn learns_labels(self) -> bool {
        self == Self::Classify
    }

    /// Whether its examples are prompts to which the model generates groups of answers.
    pub fn answers_prompts(self) -> bool {
        self == Self::Reward
    }

    /// Whether its training graph includes another model's weights.
    pub fn has_teacher(self) -> bool {
        self == Self::Distil
    }

    /// Whether its loss compares answers with each other and with reference log-probabilities. Such a run reports the results of its
    /// answers at each step, its rows cannot be split among workers, and a pretraining learning rate would make it forget how to answer.
    pub fn compares_answers(self) -> bool {
        matches!(self, Self::Preference | Self::Reward)
    }

    /// A row of its data, in one word.
    pub fn row(self) -> &'static str {
        match self {
            Self::Preference => "preference",
            Self::Reward => "prompt",
            Self::Classify => "text",
            Self::Text | Self::Chat | Self::Distil => "conversation",
        }
    }

    /// What a model learned by it, after "It learned".
    pub fn learned(self) -> &'static str {
        match self {
            Self::Text => "to continue text",
            Self::Chat => "to answer in conversations",
            Self::Preference => "which of two answers is better",
            Self::Reward => "from rewards of its own answers",
            Self::Classify => "the labels of texts",
            Self::Distil => "text, and the outputs of a larger model on it",
        }
    }

    /// Whether it renders its examples with a chat template.
    pub fn needs_chat_template(self) -> bool {
        matches!(self, Self::Chat | Self::Preference | Self::Reward)
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
    }

    #[test]
    fn noise_has_a_size() {
        let mut run = presets::preset("first-stories").unwrap();
        run.model.vocabulary = 300;
        run.set("train.chat.neftune_alpha=-1").unwrap();
        assert_eq!(run.train.validate().unwrap_err().field, "train.chat.neftune_alpha");
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
