//! Changes to a run's settings, with their side effects on other settings; used by the command line and by scripts.

use super::tuning::tuning_warmup;
use super::{
    ChatSettings, DistilSettings, EarlyStopping, GuardSettings, OptimizerKind, PreferenceSettings,
    RewardSettings, TrainConfig, one_line,
};
use crate::model::Experts;
use crate::setting::Setting;
use crate::{AdapterKind, Objective, RunConfig, names};
use std::collections::{BTreeMap, BTreeSet};

impl RunConfig {
    /// All settings as text, by the dotted paths that [`Self::set`] takes.
    pub fn by_path(&self) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        flatten("", &serde_json::to_value(self).unwrap_or_default(), shortest, &mut fields);
        fields
    }

    /// The settings that differ between configurations, by path, with the value of each; empty if it has no such setting.
    pub fn differing(configs: &[&Self]) -> BTreeMap<String, Vec<String>> {
        let all: Vec<_> = configs.iter().map(|config| config.by_path()).collect();
        let paths: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
        let values =
            |path: &String| all.iter().map(|own| own.get(path).cloned().unwrap_or_default()).collect();
        let each = paths.into_iter().map(|path| (path.clone(), values(path)));
        each.filter(|(_, values): &(_, Vec<String>)| values.iter().any(|value| *value != values[0])).collect()
    }

    /// The settings that differ from those of its preset: path, and title with value, as in `learning rate 0.0003`. Empty without a known
    /// preset. Left out are those that follow from others, or belong to the project, the text or the device, and the fewer steps that a
    /// size was proposed with for a small text.
    pub fn changes(&self) -> Vec<(String, String)> {
        const LEFT_OUT: [&str; 13] = [
            "preset",
            "device",
            "data.",
            "tokenizer.",
            "model.vocabulary",
            "model.labels",
            "train.milestones",
            "train.precision",
            "train.warmup_steps",
            "train.decay_steps",
            "train.eval_",
            "train.sample_",
            "train.checkpoint_",
        ];
        let Some(preset) = self.proposed() else { return Vec::new() };
        let words = |(path, values): (String, Vec<String>)| {
            if LEFT_OUT.iter().any(|other| path.starts_with(other)) {
                return None;
            }
            let value = values.last().filter(|value| !value.is_empty()).map_or("none", String::as_str);
            let words = value_in_words(&path, value)?;
            Some((path, words))
        };
        Self::differing(&[&preset, self]).into_iter().filter_map(words).collect()
    }

    /// Sets one field by its dotted path, as in `train.eval_interval=100`. The value is TOML, or else a bare string; `none` clears an
    /// optional number. Fails with one line if the path does not exist (with the nearest existing one) or the value has the wrong type.
    pub fn set(&mut self, assignment: &str) -> Result<(), String> {
        let (path, value) = assignment
            .split_once('=')
            .ok_or_else(|| format!("`{assignment}` must have the form section.key=value"))?;
        if path.trim().split('.').next() == Some("start") {
            return Err("the initial weights are not a setting; name them with --from".to_owned());
        }
        let (objective, rate) = (self.train.objective, self.tuning_rate());
        let (short, long) = ("adapter", "train.adapter");
        let path = match path.trim() {
            path if path == short || path.starts_with("adapter.") => path.replacen(short, long, 1),
            path => path.to_owned(),
        };
        if path == long && !value.trim().starts_with('{') {
            return self.set_adapter(value);
        }
        let mut before = self.clone();
        if path.starts_with("train.adapter.") {
            before.train.adapter.get_or_insert_default();
        }
        let is_cleared = value.trim() == "none"
            && Setting::at(path.trim()).is_some()
            && before.value(path.trim()).is_none();
        // Through text, like a run's file: serializers and deserializers of values would be compiled in addition.
        let root = toml::from_str(&before.to_toml()?).map_err(|error| one_line(&error))?;
        let mut root = toml::Value::Table(root);
        add_defaults(&mut root)?;
        let parsed = toml::from_str::<toml::Table>(&format!("value = {value}"))
            .ok()
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| toml::Value::String(value.trim().to_owned()));
        let mut keys: Vec<&str> = path.trim().split('.').collect();
        let last = keys.pop().unwrap_or_default();
        let mut table = root.as_table_mut().ok_or("the run's configuration is not a table")?;
        for key in keys {
            // `bias` may be a single boolean for all layers.
            if key == "bias" && table.get(key).is_some_and(toml::Value::is_bool) {
                let bias = BTreeMap::from(self.model.bias);
                let each = bias.into_iter().map(|(layer, has)| (layer.to_owned(), toml::Value::Boolean(has)));
                table.insert(key.to_owned(), toml::Value::Table(each.collect()));
            }
            let known: Vec<String> = table.keys().cloned().collect();
            table = table
                .get_mut(key)
                .and_then(toml::Value::as_table_mut)
                .ok_or_else(|| names::unknown("section", key, known.iter().map(String::as_str)))?;
        }
        // Users write whole numbers for float fields.
        let value = match (table.get(last), parsed) {
            (Some(toml::Value::Float(_)), toml::Value::Integer(number)) => toml::Value::Float(number as f64),
            // A run may be given by its number instead of its name.
            (Some(toml::Value::String(_)), toml::Value::Integer(number)) => {
                toml::Value::String(number.to_string())
            }
            (_, parsed) => parsed,
        };
        if is_cleared {
            table.remove(last);
        } else {
            table.insert(last.to_owned(), value);
        }
        let text = toml::to_string(&root).map_err(|error| error.to_string())?;
        *self = toml::from_str(&text)
            .map_err(|error: toml::de::Error| format!("{}: {}", path.trim(), one_line(&error)))?;
        if path == "train.steps" {
            self.train.epochs = None;
        }
        if ["model.width", "model.base_width"].contains(&path.as_str()) {
            self.model.settle_parametrisation();
        }
        if before.model.base_width.is_some() && self.model.base_width.is_none() {
            self.model.logit_divisor = 1.0;
        }
        let objective = std::mem::replace(&mut self.train.objective, objective);
        self.set_objective(objective);
        // Losses with their own head, and adapters, have another default learning rate.
        let tunes = self.start.is_some() || self.train.objective.compares_answers();
        let is_tuned = tunes && path.starts_with("train.adapter");
        if self.train.learning_rate.to_bits() == rate.to_bits()
            && (is_tuned || path.starts_with("train.preference."))
        {
            self.set_learning_rate(self.tuning_rate());
        }
        Ok(())
    }

    /// Changes the objective. Resets the sample prompt, so that samples start from the new data: the beginning of a text is not a
    /// question to answer. A run that starts from a model, or compares answers, takes the tuning defaults
    /// ([`Self::take_tuning_defaults`]). When the run no longer compares answers, its default learning rate and weight decay are
    /// restored. For rewards, the batch size grows until a step holds whole groups of answers.
    pub fn set_objective(&mut self, objective: Objective) {
        if objective == self.train.objective {
            return;
        }
        if !(objective.learns_text() && self.train.objective.learns_text()) {
            self.train.sample_prompt.clear();
        }
        if !objective.learns_text() {
            self.data.canaries = 0;
        }
        if !objective.is_text() && !std::mem::take(&mut self.data.synthetic).is_none() {
            self.train.ignore_index = None;
        }
        let was_careful = self.train.objective.compares_answers()
            && self.train.learning_rate.to_bits() == self.tuning_rate().to_bits();
        let compared = std::mem::replace(&mut self.train.objective, objective).compares_answers();
        if was_careful {
            self.set_learning_rate(self.tuning_rate());
        }
        // Objectives that compare answers use no weight decay, and neither does plain Adam.
        if compared
            && !objective.compares_answers()
            && self.train.weight_decay == 0.0
            && self.train.optimizer != OptimizerKind::Adam
        {
            self.train.weight_decay = TrainConfig::default().weight_decay;
        }
        if self.start.is_some() || objective.compares_answers() {
            self.take_tuning_defaults();
        }
        let (group, accumulate) = (self.train.reward.group, self.train.accumulate);
        if objective.answers_prompts() && group > 0 {
            let holds_groups = |size: &usize| size.saturating_mul(accumulate).is_multiple_of(group);
            let size = self.train.batch_size;
            self.train.batch_size = (size..size.saturating_add(group)).find(holds_groups).unwrap_or(size);
        }
    }

    /// Enables an adapter of this kind, or none; an existing adapter keeps its settings. If the learning rate is the tuning default
    /// ([`Self::tuning_rate`]), it changes to the adapter's default.
    fn set_adapter(&mut self, kind: &str) -> Result<(), String> {
        let kind = kind.trim().trim_matches('"');
        let rate = self.tuning_rate();
        match kind {
            "none" => self.train.adapter = None,
            _ => {
                let kind = AdapterKind::named("adapter", kind)?;
                self.train.adapter.get_or_insert_default().kind = kind;
            }
        }
        // An adapter freezes the matrices that Muon updates.
        if self.train.adapter.is_some() && self.train.optimizer == OptimizerKind::Muon {
            self.train.optimizer = OptimizerKind::Adamw;
        }
        let tunes = self.start.is_some() || self.train.objective.compares_answers();
        if tunes && self.train.learning_rate.to_bits() == rate.to_bits() {
            self.set_learning_rate(self.tuning_rate());
        }
        Ok(())
    }

    /// Sets the number of optimizer steps and clears `epochs`. A warm-up at the tuning default stays at the default; any other that
    /// would last for the whole run becomes a tenth of it, since the run would otherwise never reach its learning rate.
    pub fn set_steps(&mut self, steps: u64) {
        let tunes = self.start.is_some() || self.train.objective.compares_answers();
        let train = &mut self.train;
        if tunes && train.warmup_steps == tuning_warmup(train.steps) {
            train.warmup_steps = tuning_warmup(steps);
        }
        (train.steps, train.epochs) = (steps, None);
        train.decay_steps = train.decay_steps.min(steps);
        if train.warmup_steps >= steps {
            train.warmup_steps = steps / 10;
        }
    }

    /// Sets the steps from `train.epochs`, if set; `rows` is the number of rows or windows in an epoch.
    pub fn settle_epochs(&mut self, rows: f64) {
        let Some(epochs) = self.train.epochs else { return };
        let of_step = self.train.batch_size as f64 * self.train.accumulate as f64;
        let steps = (epochs * rows / of_step.max(1.0)).ceil().max(1.0);
        self.set_steps(steps as u64);
        self.train.epochs = Some(epochs);
    }

    /// Sets the peak learning rate and scales the minimum with it, so that the schedule keeps its shape.
    pub fn set_learning_rate(&mut self, rate: f64) {
        let train = &mut self.train;
        if train.learning_rate > 0.0 {
            let least = train.min_learning_rate * rate / train.learning_rate;
            // Without digits that come from rounding.
            train.min_learning_rate = format!("{least:.9e}").parse().unwrap_or(least).min(rate);
        }
        train.learning_rate = rate;
    }
}

/// Adds tables that are omitted from files because they have default values, so that their settings can be set by name.
fn add_defaults(root: &mut toml::Value) -> Result<(), String> {
    for (section, name, settings) in [
        ("model", "experts", toml::Value::try_from(Experts::default())),
        ("train", "chat", toml::Value::try_from(ChatSettings::default())),
        ("train", "preference", toml::Value::try_from(PreferenceSettings::default())),
        ("train", "reward", toml::Value::try_from(RewardSettings::default())),
        ("train", "distil", toml::Value::try_from(DistilSettings::default())),
        ("train", "early_stopping", toml::Value::try_from(EarlyStopping::default())),
        ("train", "guard", toml::Value::try_from(GuardSettings::default())),
    ] {
        let settings = settings.map_err(|error| error.to_string())?;
        if let Some(section) = root.get_mut(section).and_then(toml::Value::as_table_mut) {
            section.entry(name).or_insert(settings);
        }
    }
    Ok(())
}

/// Adds a value's entries by their dotted paths below `path`, with fractions written by `float`.
pub fn flatten(
    path: &str,
    value: &serde_json::Value,
    float: fn(f64) -> String,
    into: &mut BTreeMap<String, String>,
) {
    match value {
        serde_json::Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, float, into);
            }
        }
        serde_json::Value::String(text) => {
            into.insert(path.to_owned(), text.clone());
        }
        serde_json::Value::Number(number) => {
            let fraction = number.as_f64().filter(|_| number.is_f64());
            into.insert(path.to_owned(), fraction.map_or_else(|| number.to_string(), float));
        }
        other => {
            into.insert(path.to_owned(), other.to_string());
        }
    }
}

/// A setting's value by its title, as in `learning rate 0.5`; `None` without a title.
pub(crate) fn value_in_words(path: &str, value: &str) -> Option<String> {
    let title = if path == "seed" { "Seed" } else { Setting::at(path)?.title };
    // Abbreviations keep their capitals.
    let is_word = title.chars().nth(1).is_some_and(char::is_lowercase);
    let title = if is_word { title.to_lowercase() } else { title.to_owned() };
    (!title.is_empty()).then(|| format!("{title} {value}"))
}

/// Formats a number; an `f32` gets the fewest digits that identify it.
pub(crate) fn shortest(value: f64) -> String {
    let single = value as f32;
    if f64::from(single) == value { format!("{single:?}") } else { format!("{value:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets;

    #[test]
    fn numbers_of_32_bits_are_told_with_as_few_digits_as_they_have() {
        let mut run = presets::from_layers(1).unwrap();
        run.model.norm.eps = 1e-5;
        run.train.label_smoothing = 0.1;
        run.train.learning_rate = 1e-3;
        let told = run.by_path();
        let of = |path: &str| told[path].as_str();
        assert_eq!([of("model.norm.eps"), of("train.label_smoothing")], ["1e-5", "0.1"]);
        assert_eq!([of("train.learning_rate"), of("model.layers")], ["0.001", "1"]);
        // They parse back to the same values.
        let mut again = presets::from_layers(1).unwrap();
        for path in ["model.norm.eps", "train.label_smoothing", "train.learning_rate"] {
            again.set(&format!("{path}={}", of(path))).unwrap();
        }
        assert_eq!((again.model.norm.eps, again.train.label_smoothing), (1e-5, 0.1));
    }

    #[test]
    fn only_what_differs_is_listed() {
        let first = presets::preset("first-stories").unwrap();
        let mut second = first.clone();
        assert!(RunConfig::differing(&[&first, &second]).is_empty());
        second.train.learning_rate = 0.5;
        second.model.layers += 1;
        let found = RunConfig::differing(&[&first, &second]);
        assert!(found.keys().eq(["model.layers", "train.learning_rate"]));
        assert_eq!(found["train.learning_rate"][1], "0.5");
    }

    #[test]
    fn changes_name_what_differs_from_the_preset() {
        let mut run = presets::preset("first-stories").unwrap();
        assert!(run.changes().is_empty());
        run.train.learning_rate = 0.5;
        (run.model.layers, run.model.vocabulary, run.seed) = (9, 77, 4);
        let found = run.changes();
        let words: Vec<&str> = found.iter().map(|(_, words)| words.as_str()).collect();
        assert_eq!(words, ["layers 9", "seed 4", "learning rate 0.5"]);
        run.preset = "gpt2".to_owned();
        assert!(run.changes().is_empty(), "there is nothing to compare an imported model with");
    }

    #[test]
    fn a_misspelt_setting_is_answered_with_the_nearest() {
        let reason = presets::preset("nanogpt-cpu").unwrap().set("model.contxt_length=3").unwrap_err();
        assert!(reason.contains("did you mean `context_length`?"), "{reason}");
    }

    #[test]
    fn none_clears_optional_numbers_and_nothing_else() {
        let mut run = presets::preset("llama-tiny").unwrap();
        let before = run.clone();
        for path in
            ["model.base_width", "model.attention_softcap", "model.sliding_window", "model.position.channels"]
        {
            run.set(&format!("{path}=8")).unwrap();
            assert_ne!(run, before, "{path}");
            run.set(&format!("{path} = none")).unwrap();
            assert_eq!(run, before, "{path}");
        }
        run.model.logit_divisor = 8.0;
        run.set("model.base_width=none").unwrap();
        assert_eq!(run.model.logit_divisor, 8.0);
        run.set("model.mlp.gate=none").unwrap();
        for path in ["model.layers", "model.embedding_scale", "model.tied_head", "model.base_widht"] {
            assert!(run.set(&format!("{path}=none")).is_err(), "{path}");
        }
    }

    #[test]
    fn the_minimum_learning_rate_keeps_its_proportion() {
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        run.set_learning_rate(3e-3);
        assert_eq!(run.train.learning_rate, 3e-3);
        assert_eq!(run.train.min_learning_rate, 3e-4);
        let mut flat = presets::preset("stories-15m").unwrap();
        flat.set_learning_rate(1e-3);
        assert_eq!((flat.train.learning_rate, flat.train.min_learning_rate), (1e-3, 0.0));
    }

    #[test]
    fn a_reward_model_learns_faster_than_what_answers() {
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        run.set("train.objective=preference").unwrap();
        run.set("train.preference.loss=bradley_terry").unwrap();
        assert_eq!(run.train.learning_rate, 1e-4);
        run.set("train.preference.loss=orpo").unwrap();
        assert_eq!(run.train.learning_rate, 1e-6);
        run.set("train.learning_rate=2e-5").unwrap();
        run.set("train.preference.loss=bradley_terry").unwrap();
        assert_eq!(run.train.learning_rate, 2e-5, "one that was chosen stays");
    }

    #[test]
    fn a_step_of_rewards_has_whole_groups() {
        for (size, accumulate, grown) in [(12, 1, 16), (12, 2, 12), (8, 3, 8), (1, 1, 8), (6, 4, 6)] {
            let mut run = presets::preset("first-stories").unwrap();
            (run.train.batch_size, run.train.accumulate) = (size, accumulate);
            run.set_objective(Objective::Reward);
            assert_eq!(run.train.batch_size, grown, "{size} × {accumulate}");
        }
    }

    #[test]
    fn preferences_and_rewards_are_learned_with_care() {
        for (objective, adapts, rate) in [("preference", false, 1e-6), ("reward", true, 1e-5)] {
            let mut run = presets::preset("nanogpt-cpu").unwrap();
            if adapts {
                run.set("train.adapter=lora").unwrap();
            }
            run.set(&format!("train.objective={objective}")).unwrap();
            assert_eq!(run.train.learning_rate, rate);
            run.set("train.learning_rate=2e-4").unwrap();
            // Setting the same objective again changes nothing.
            run.set(&format!("train.objective={objective}")).unwrap();
            assert_eq!(run.train.learning_rate, 2e-4);
        }
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        let rate = run.train.learning_rate;
        run.set_objective(Objective::Chat);
        assert_eq!(run.train.learning_rate, rate);
        // Leaving such an objective restores the learning rate, unless the user chose it.
        run.set_objective(Objective::Preference);
        run.set_objective(Objective::Chat);
        assert_eq!(run.train.learning_rate, run.tuning_rate());
        run.set_objective(Objective::Reward);
        run.set_learning_rate(3e-5);
        run.set_objective(Objective::Chat);
        assert_eq!(run.train.learning_rate, 3e-5);
    }

    #[test]
    fn epochs_are_settled_to_steps_and_steps_take_their_place() {
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        (run.train.batch_size, run.train.accumulate) = (4, 2);
        run.settle_epochs(1000.0);
        assert_eq!(run.train.steps, 2000, "none are asked for");
        run.set("train.epochs=3").unwrap();
        run.settle_epochs(100.5);
        assert_eq!((run.train.steps, run.train.epochs), (38, Some(3.0)));
        assert_eq!(run.train.warmup_steps, 3, "a tenth: 100 would last as long");
        let text = run.to_toml().unwrap();
        assert_eq!(RunConfig::from_toml(&text).unwrap(), run);
        let mut typed = run.clone();
        typed.set("train.steps = 50").unwrap();
        assert_eq!((typed.train.steps, typed.train.epochs), (50, None));
        run.set_steps(40);
        assert_eq!(run.train.epochs, None);
        run.model.vocabulary = 65;
        run.set("train.epochs=0").unwrap();
        assert_eq!(run.validate().unwrap_err().field, "train.epochs");
    }

    #[test]
    fn a_short_run_warms_up_for_a_tenth_of_its_steps() {
        let mut run = presets::preset("nanogpt-cpu").unwrap();
        run.set_steps(50);
        assert_eq!((run.train.steps, run.train.warmup_steps), (50, 5));
        run.set_steps(4000);
        assert_eq!((run.train.steps, run.train.warmup_steps), (4000, 5));
    }
}
