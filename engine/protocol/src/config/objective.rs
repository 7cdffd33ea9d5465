//! What a run learns: its data's form and its loss.

use crate::ModelConfig;
use crate::model::Position;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;
use std::str::FromStr;

/// What a run learns, with its settings. In TOML a table with `kind`, or the kind alone: `objective = "chat"`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Objective {
    /// The next token of a text, from documents: pretraining, and going on in another domain.
    #[default]
    Text,
    /// The assistant's part of conversations: supervised fine-tuning.
    Chat(ChatObjective),
}

/// Supervised fine-tuning on conversations (Ouyang et al. 2022, "Training language models to follow instructions", section 3.5): the
/// cross-entropy of the assistant's tokens, those that end its turns included, summed and divided by the number of such tokens in
/// the whole step, as TRL's `SFTTrainer` with `assistant_only_loss`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChatObjective {
    /// Several conversations share a row, without attending to each other (best-fit decreasing, as TRL's `bfd`). Where they do not, or
    /// positions are absolute, so that a conversation must begin at the first, each has a row of its own, padded.
    pub packing: bool,
}

impl Default for ChatObjective {
    fn default() -> Self {
        Self { packing: true }
    }
}

impl Objective {
    /// The kinds, as they are written.
    pub const KINDS: [&str; 2] = ["text", "chat"];

    /// Its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Chat(_) => "chat",
        }
    }

    /// Whether it is the default, which run files do not name.
    pub fn is_text(&self) -> bool {
        *self == Self::Text
    }

    /// Whether some targets do not count.
    pub fn is_masked(&self) -> bool {
        matches!(self, Self::Chat(_))
    }

    /// Whether it writes its examples by a chat template.
    pub fn needs_chat_template(&self) -> bool {
        matches!(self, Self::Chat(_))
    }

    /// Whether several examples share a row of a model's batch.
    pub fn packs(&self, model: &ModelConfig) -> bool {
        match self {
            Self::Text => false,
            Self::Chat(chat) => chat.packing && matches!(model.position, Position::Rope(_) | Position::None),
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind())
    }
}

impl FromStr for Objective {
    type Err = String;

    fn from_str(kind: &str) -> Result<Self, String> {
        match kind {
            "text" => Ok(Self::Text),
            "chat" => Ok(Self::Chat(ChatObjective::default())),
            other => Err(format!("{other} is no objective; expected one of {}", Self::KINDS.join(", "))),
        }
    }
}

impl<'de> Deserialize<'de> for Objective {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KindOrTable)
    }
}

/// Reads a kind, or a table of a kind and its settings.
struct KindOrTable;

impl<'de> Visitor<'de> for KindOrTable {
    type Value = Objective;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "an objective ({}), or a table with `kind`", Objective::KINDS.join(", "))
    }

    fn visit_str<E: serde::de::Error>(self, kind: &str) -> Result<Objective, E> {
        kind.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Objective, A::Error> {
        /// As it is written out.
        #[derive(Deserialize)]
        #[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
        enum Table {
            Text {},
            Chat(ChatObjective),
        }
        Ok(match Table::deserialize(MapAccessDeserializer::new(map))? {
            Table::Text {} => Objective::Text,
            Table::Chat(chat) => Objective::Chat(chat),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunConfig, presets};

    #[test]
    fn an_objective_is_a_word_or_a_table() {
        let mut run = presets::preset("first-stories").unwrap();
        assert!(!run.to_toml().unwrap().contains("objective"));
        run.set("train.objective=chat").unwrap();
        assert_eq!(run.train.objective, Objective::Chat(ChatObjective { packing: true }));
        run.set("train.objective.packing=false").unwrap();
        assert_eq!(run.train.objective, Objective::Chat(ChatObjective { packing: false }));
        let text = run.to_toml().unwrap();
        assert_eq!(RunConfig::from_toml(&text).unwrap(), run, "{text}");
        run.set("train.objective=text").unwrap();
        assert!(run.train.objective.is_text());
        let reason = run.clone().set("train.objective=chap").unwrap_err();
        assert!(reason.contains("chap") && reason.contains("chat"), "{reason}");
        for wrong in ["{ kind = \"chat\", pakking = true }", "{ kind = \"text\", packing = true }"] {
            let reason = run.set(&format!("train.objective={wrong}")).unwrap_err();
            assert!(reason.contains("packing") || reason.contains("pakking"), "{reason}");
        }
    }

    #[test]
    fn absolute_positions_are_padded() {
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        run.set("train.objective=chat").unwrap();
        assert_eq!(run.model.position, Position::Learned);
        assert!(!run.train.objective.packs(&run.model));
        run.model.position = Position::Sinusoidal;
        assert!(!run.train.objective.packs(&run.model));
        run.model.position = Position::None;
        assert!(run.train.objective.packs(&run.model));
    }
}
