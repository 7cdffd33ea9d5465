//! A sweep's settings and values as lists, for a form that edits its file.

use super::{Sweep, flatten};
use crate::RunConfig;
use crate::setting::{Setting, Value};
use std::fmt::Write as _;

/// Settings that a form offers to vary.
pub const SWEPT: [&str; 15] = [
    "train.learning_rate",
    "train.batch_size",
    "train.steps",
    "train.optimizer",
    "train.decay",
    "train.weight_decay",
    "train.beta2",
    "train.gradient_clipping",
    "train.label_smoothing",
    "model.layers",
    "model.context_length",
    "model.mlp.hidden",
    "model.dropout.residual",
    "model.dropout.attention",
    "tokenizer.vocabulary",
];

impl Sweep {
    /// The varied settings by path, with the values of each. A range that a random search draws from has none.
    pub fn varied(&self, base: &RunConfig) -> Vec<(String, Vec<String>)> {
        let mut leaves = Vec::new();
        flatten("", &self.settings, &mut leaves);
        let grid = Self { runs: None, ..self.clone() };
        let values = |path: &str, value| grid.values(0, path, value, base).unwrap_or_default();
        leaves.into_iter().map(|(path, value)| (path.clone(), values(&path, value))).collect()
    }

    /// Values to choose from: those around the base's, or all of a choice. Empty for texts and for settings that the base lacks.
    pub fn suggested(base: &RunConfig, path: &str) -> Vec<String> {
        let mut base = base.clone();
        let (Some(setting), Some(value)) = (Setting::at(path), base.value(path)) else { return Vec::new() };
        let number = match value {
            Value::Number(number) => number,
            Value::Switch(_) => return ["false", "true"].map(str::to_owned).to_vec(),
            Value::Choice(choice) => return choice.texts().iter().map(|text| text.name.to_owned()).collect(),
            Value::Text(_) => return Vec::new(),
        };
        let (own, is_whole, [least, most]) = (number.get(), number.is_whole(), setting.limits);
        let numbers = match setting.is_scientific {
            _ if own == 0.0 => [0.0, 0.05, 0.1, 0.2, 0.3],
            true => [0.1, 0.3, 1.0, 3.0, 10.0].map(|factor| own * factor),
            false => [0.25, 0.5, 1.0, 2.0, 4.0].map(|factor| own * factor),
        };
        let inside = numbers.into_iter().filter(|number| (least..=most).contains(number));
        let mut values: Vec<String> = inside
            .map(|number| if is_whole { format!("{:.0}", number.round().max(1.0)) } else { shortest(number) })
            .collect();
        values.dedup();
        values
    }

    /// The file with other values of a setting; without the setting if there are none. Comments are lost. Fails with one line if it is no
    /// TOML.
    pub fn with_values(text: &str, path: &str, values: &[String]) -> Result<String, String> {
        Self::from_toml(text)?;
        let mut file: toml::Table = toml::from_str(text).map_err(|error| crate::config::one_line(&error))?;
        let mut leaves = Vec::new();
        if let Some(toml::Value::Table(settings)) = file.remove("settings") {
            flatten("", &settings, &mut leaves);
        }
        let list = toml::Value::Array(values.iter().map(|value| parsed(value)).collect());
        match leaves.iter_mut().find(|(known, _)| known == path) {
            Some((_, value)) => *value = list,
            None => leaves.push((path.to_owned(), list)),
        }
        leaves.retain(|(known, _)| known != path || !values.is_empty());
        let (tables, own): (toml::Table, toml::Table) =
            file.into_iter().partition(|(_, value)| value.is_table());
        let error = |error: toml::ser::Error| error.to_string();
        let mut text = toml::to_string(&own).map_err(error)?;
        text.push_str("\n[settings]\n");
        for (path, value) in leaves {
            writeln!(text, "{path} = {value}").ok();
        }
        if !tables.is_empty() {
            write!(text, "\n{}", toml::to_string(&tables).map_err(error)?).ok();
        }
        Ok(text)
    }
}

/// A number with at most four digits, as TOML writes it.
fn shortest(number: f64) -> String {
    format!("{:?}", format!("{number:.3e}").parse::<f64>().unwrap_or(number))
}

fn parsed(value: &str) -> toml::Value {
    let table: Option<toml::Table> = toml::from_str(&format!("value = {value}")).ok();
    table.and_then(|mut table| table.remove("value")).unwrap_or_else(|| toml::Value::String(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::preset;

    #[test]
    fn a_file_is_edited_by_lists_and_keeps_everything_else() {
        let base = preset("llama-tiny").unwrap();
        let text = "name = \"rates\"\n# a comment\n[settings]\ntrain.learning_rate = { from = 1e-3, to = 4e-3, count = 2 }\n\
            model.layers = [2, 4]\n[stop]\nrule = \"median\"\nrungs = [300]\n";
        let sweep = Sweep::from_toml(text).unwrap();
        let varied = |sweep: &Sweep| sweep.varied(&base);
        assert_eq!(
            varied(&sweep)[1],
            ("train.learning_rate".to_owned(), vec!["0.001".to_owned(), "0.004".to_owned()])
        );
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
        let text = Sweep::with_values(text, "train.optimizer", &owned(&["adamw", "muon"])).unwrap();
        let text = Sweep::with_values(&text, "model.layers", &owned(&["3"])).unwrap();
        let edited = Sweep::from_toml(&text).unwrap();
        assert_eq!((&edited.name, &edited.stop), (&sweep.name, &sweep.stop));
        let expected = [
            ("model.layers", &["3"][..]),
            ("train.learning_rate", &["0.001", "0.004"]),
            ("train.optimizer", &["adamw", "muon"]),
        ];
        assert_eq!(varied(&edited), expected.map(|(path, values)| (path.to_owned(), owned(values))));
        assert_eq!(edited.count(&base).unwrap(), Some(4));
        let text = Sweep::with_values(&text, "model.layers", &[]).unwrap();
        assert!(!text.contains("model.layers") && text.contains("train.optimizer"), "{text}");
        assert!(Sweep::with_values("name = ", "model.layers", &[]).is_err());
    }

    #[test]
    fn suggested_values_lie_around_the_bases_and_can_be_used() {
        let base = preset("llama-tiny").unwrap();
        for path in SWEPT {
            let values = Sweep::suggested(&base, path);
            assert!(values.len() > 1, "{path}: {values:?}");
            for value in values {
                let mut run = base.clone();
                run.set(&format!("{path}={value}")).unwrap_or_else(|reason| panic!("{path}: {reason}"));
            }
        }
        let layers = base.model.layers;
        assert!(Sweep::suggested(&base, "model.layers").contains(&(2 * layers).to_string()));
        assert_eq!(Sweep::suggested(&base, "train.adapter.rank"), Vec::<String>::new());
    }
}
