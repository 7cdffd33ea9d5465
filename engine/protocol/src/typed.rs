//! Converts a run's settings to the shortest equivalent command line.

use crate::config::change::shortest;
use crate::config::{RunConfig, TokenizerKind};
use crate::presets::{self, MAX_LAYERS, PRESETS};
use toml::Value;

const FIRST: &str = "first-stories";

/// Fields that are not settings: the preset's name is the base itself, and the vocabulary size comes from the text.
const DERIVED: [&str; 2] = ["preset", "model.vocabulary"];

/// Options for settings, each with the setting's path.
const OPTIONS: [(&str, &str); 8] = [
    ("tokenizer", "tokenizer.kind"),
    ("vocabulary", "tokenizer.vocabulary"),
    ("steps", "train.steps"),
    ("batch-size", "train.batch_size"),
    ("lr", "train.learning_rate"),
    ("seed", "seed"),
    ("precision", "train.precision"),
    ("guard", "train.guard.mode"),
];

impl RunConfig {
    /// The shortest `glasshouse train …` command that trains a run with these settings, quoted for a shell, without the project folder.
    /// Starts from the run's preset, or else from the preset or number of layers with the shortest result. Fails if the settings cannot be
    /// written as TOML, the run starts from another run's weights, or its tokenizer is imported.
    pub fn command_line(&self) -> Result<String, String> {
        if self.start.is_some() {
            return Err("it begins with the weights of another run; repeat it with `glasshouse train --config` and its run.toml".to_owned());
        }
        if self.tokenizer.kind == TokenizerKind::Imported {
            return Err("its tokenizer was imported with a model".to_owned());
        }
        let own = self.preset.rsplit_once('-').and_then(|(name, layers)| {
            let number = layers.parse().ok().filter(|number| (1..=MAX_LAYERS).contains(number))?;
            (name == "layers").then_some(Base::Layers(number))
        });
        let named = PRESETS.iter().map(|(name, _)| *name).find(|name| *name == self.preset);
        let starts = match named.map(Base::Preset).or(own) {
            Some(start) => vec![start],
            None => {
                let presets = PRESETS.iter().map(|(name, _)| Base::Preset(name));
                presets.chain((1..=MAX_LAYERS).map(Base::Layers)).collect()
            }
        };
        let mut shortest: Option<String> = None;
        for start in starts {
            let line = self.line(start)?;
            if shortest.as_ref().is_none_or(|known| line.len() < known.len()) {
                shortest = Some(line);
            }
        }
        shortest.ok_or_else(|| "there is no preset".to_owned())
    }

    fn line(&self, start: Base<'_>) -> Result<String, String> {
        let mut words = vec!["glasshouse".to_owned(), "train".to_owned()];
        let mut run = match start {
            Base::Preset(name) => presets::preset(name)?,
            Base::Layers(layers) => presets::from_layers(layers)?,
        };
        let mut option = |name: &str, values: &[String]| {
            words.push(format!("--{name}"));
            words.extend(values.iter().map(|value| quoted(value)));
        };
        match start {
            Base::Preset(FIRST) => {}
            Base::Preset(name) => option("preset", &[name.to_owned()]),
            Base::Layers(layers) => option("layers", &[layers.to_string()]),
        }
        if !self.data.paths.is_empty() {
            option("data", &self.data.paths);
            run.data.paths.clone_from(&self.data.paths);
        }
        if self.device != run.device {
            option("device", std::slice::from_ref(&self.device));
            run.device.clone_from(&self.device);
        }
        // The guard's settings are not written at their defaults.
        let value_of = |run: &Self, path: &str| match path {
            "train.guard.mode" => run.train.guard.mode.name().to_owned(),
            path => run.by_path().remove(path).unwrap_or_default(),
        };
        for (name, path) in OPTIONS {
            let value = value_of(self, path);
            if value_of(&run, path) == value {
                continue;
            }
            match path {
                // They change other settings with them.
                "train.steps" => run.set_steps(self.train.steps),
                "train.learning_rate" => run.set_learning_rate(self.train.learning_rate),
                _ => run.set(&format!("{path}={value}"))?,
            }
            option(name, &[value]);
        }
        for (path, value) in run.differences(self)? {
            let as_typed = |text: &String| {
                let mut typed = run.clone();
                let set = typed.set(&format!("{path}={text}"));
                set.is_ok()
                    && typed.differences(self).is_ok_and(|rest| rest.iter().all(|(other, _)| *other != path))
            };
            let forms = [plain(&value), value.to_string()];
            let text = forms.into_iter().find(as_typed).ok_or_else(|| format!("{path} cannot be typed"))?;
            option("set", &[format!("{path}={text}")]);
        }
        Ok(words.join(" "))
    }

    /// The settings of `other` that differ, by their dotted paths.
    fn differences(&self, other: &Self) -> Result<Vec<(String, Value)>, String> {
        let table = |run: &Self| Value::try_from(run).map_err(|error| error.to_string());
        let mut found = Vec::new();
        changed("", &table(self)?, &table(other)?, &mut found);
        found.retain(|(path, _)| !DERIVED.contains(&path.as_str()));
        Ok(found)
    }
}

/// Base settings of a command line.
#[derive(Clone, Copy)]
enum Base<'a> {
    Preset(&'a str),
    Layers(usize),
}

/// Collects the fields that differ, by their dotted paths. Below the top-level sections, a table with different keys is a single change.
fn changed(path: &str, from: &Value, to: &Value, found: &mut Vec<(String, Value)>) {
    match (from, to) {
        (Value::Table(from), Value::Table(to)) if !path.contains('.') || from.keys().eq(to.keys()) => {
            for (key, value) in to {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                match from.get(key) {
                    Some(before) => changed(&path, before, value, found),
                    None => found.push((path, value.clone())),
                }
            }
        }
        _ if from == to => {}
        _ => found.push((path.to_owned(), to.clone())),
    }
}

/// Formats a value as a user would: strings without quotes, `f32` values with the fewest digits that identify them.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Float(number) => shortest(*number),
        value => value.to_string(),
    }
}

/// Quotes a word for a shell, if needed.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./:=,+@%".contains(character);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_is_its_name_alone_and_a_change_one_option() {
        let line = |name: &str, change: &dyn Fn(&mut RunConfig)| {
            let mut run = presets::preset(name).unwrap();
            change(&mut run);
            run.command_line().unwrap()
        };
        assert_eq!(line(FIRST, &|_| ()), "glasshouse train");
        assert_eq!(line("llama-tiny", &|_| ()), "glasshouse train --preset llama-tiny");
        assert_eq!(line(FIRST, &|run| run.set_learning_rate(1e-3)), "glasshouse train --lr 0.001");
        assert_eq!(line(FIRST, &|run| run.set_steps(40)), "glasshouse train --steps 40");
        assert_eq!(line(FIRST, &|run| run.model.vocabulary = 999), "glasshouse train");
        let act = |run: &mut RunConfig| run.train.guard.mode = crate::GuardMode::Act;
        assert_eq!(line(FIRST, &act), "glasshouse train --guard act");
        assert_eq!(line(FIRST, &|run| run.train.eps = 1e-7), "glasshouse train --set train.eps=1e-7");
        let said = line(FIRST, &|run| run.train.sample_prompt = "Anna's cat".to_owned());
        assert_eq!(said, r"glasshouse train --set 'train.sample_prompt=Anna'\''s cat'");
        let said = line(FIRST, &|run| run.data.paths = vec!["my texts/a.txt".to_owned(), "b".to_owned()]);
        assert_eq!(said, "glasshouse train --data 'my texts/a.txt' b");
        let mut run = presets::from_layers(3).unwrap();
        assert_eq!(run.command_line().unwrap(), "glasshouse train --layers 3");
        // Custom settings are expressed as differences from the nearest base.
        run.preset.clear();
        assert_eq!(run.command_line().unwrap(), "glasshouse train --layers 3");
    }
}
