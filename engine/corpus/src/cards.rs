//! A recipe as cards that a person switches and sets, one a stage.

use crate::error::{Error, Result};
use crate::personal::{Action, Class};
use crate::pipeline::described::{self, Described};
use crate::recipe::{LARGEST_VALIDATION, Recipe};
use crate::report::{Group, heading};
use crate::rules::{self, Rule, Unit};
use glasshouse_protocol::cleaning::{PersonalCard, RecipeSummary, StageCard, Threshold, ThresholdKind};
use glasshouse_protocol::names;

/// A number of a stage that is no rule, read and set by name.
struct Number {
    name: &'static str,
    meaning: &'static str,
    /// The least and the most that it may be.
    bounds: (f64, f64),
    unit: Unit,
    get: fn(&Recipe) -> f64,
    set: fn(&mut Recipe, f64),
}

impl Number {
    fn threshold(&self, recipe: &Recipe) -> rules::Threshold {
        let Self { name, meaning, bounds: (lowest, highest), unit, get, .. } = *self;
        let default = get(&Recipe::default());
        rules::Threshold { name, value: get(recipe), default, lowest, highest, unit, explanation: meaning }
    }
}

const NEAR: [Number; 5] = [
    Number {
        name: "similarity",
        meaning: "true Jaccard similarity from which two documents are copies",
        bounds: (0.1, 1.0),
        unit: Unit::Measure,
        get: |recipe| recipe.duplicates.near.similarity,
        set: |recipe, value| recipe.duplicates.near.similarity = value,
    },
    Number {
        name: "shingle_words",
        meaning: "words in a run that is compared",
        bounds: (1.0, 32.0),
        unit: Unit::Count,
        get: |recipe| f64::from(recipe.duplicates.near.shingle_words),
        set: |recipe, value| recipe.duplicates.near.shingle_words = value as u32,
    },
    Number {
        name: "permutations",
        meaning: "MinHash values of a document",
        bounds: (1.0, 1024.0),
        unit: Unit::Count,
        get: |recipe| f64::from(recipe.duplicates.near.permutations),
        set: |recipe, value| recipe.duplicates.near.permutations = value as u32,
    },
    Number {
        name: "bands",
        meaning: "groups of values; documents that agree in one are compared",
        bounds: (1.0, 1024.0),
        unit: Unit::Count,
        get: |recipe| f64::from(recipe.duplicates.near.bands),
        set: |recipe, value| recipe.duplicates.near.bands = value as u32,
    },
    Number {
        name: "rows",
        meaning: "values in a group",
        bounds: (1.0, 64.0),
        unit: Unit::Count,
        get: |recipe| f64::from(recipe.duplicates.near.rows),
        set: |recipe, value| recipe.duplicates.near.rows = value as u32,
    },
];

const PARAGRAPHS: [Number; 1] = [Number {
    name: "minimum_words",
    meaning: "fewest words of a paragraph that is taken out",
    bounds: (1.0, 10_000.0),
    unit: Unit::Count,
    get: |recipe| f64::from(recipe.duplicates.paragraphs.minimum_words),
    set: |recipe, value| recipe.duplicates.paragraphs.minimum_words = value as u32,
}];

const RECIPE: [Number; 1] = [Number {
    name: "validation",
    meaning: "share of each source that is held out",
    bounds: (0.0, LARGEST_VALIDATION),
    unit: Unit::Measure,
    get: |recipe| recipe.validation,
    set: |recipe, value| recipe.validation = value,
}];

/// A stage that is no rule.
struct Other {
    about: Described,
    numbers: &'static [Number],
    /// What switches it on.
    switch: fn(&mut Recipe) -> &mut bool,
}

const OTHERS: [Other; 5] = [
    Other { about: described::PERSONAL, numbers: &[], switch: |recipe| &mut recipe.personal.enabled },
    Other { about: described::EXACT, numbers: &[], switch: |recipe| &mut recipe.duplicates.exact.enabled },
    Other { about: described::NEAR, numbers: &NEAR, switch: |recipe| &mut recipe.duplicates.near.enabled },
    Other {
        about: described::HELD_OUT,
        numbers: &RECIPE,
        switch: |recipe| &mut recipe.contamination.held_out,
    },
    Other {
        about: described::PARAGRAPHS,
        numbers: &PARAGRAPHS,
        switch: |recipe| &mut recipe.duplicates.paragraphs.enabled,
    },
];

impl Recipe {
    /// The recipe as cards.
    ///
    /// # Errors
    /// Never for a recipe that was validated.
    pub fn summary(&self) -> Result<RecipeSummary> {
        let mut cards: Vec<StageCard> =
            self.rules.iter().map(|rule| rule_card(rule, self.is_on(rule))).collect();
        // Rules that the recipe has not stand behind its own, switched off: a card away from being used.
        let others =
            Rule::all().into_iter().filter(|rule| !self.rules.iter().any(|own| own.name() == rule.name()));
        cards.extend(others.map(|rule| rule_card(&rule, false)));
        cards.extend(OTHERS.iter().map(|other| other.card(self)));
        let personal = Class::ALL.iter().map(|&class| PersonalCard {
            class: class.name().to_owned(),
            title: class.name().to_owned(),
            action: key(&self.personal.action(class)),
        });
        Ok(RecipeSummary {
            name: self.name.clone(),
            toml: self.to_toml()?,
            cards,
            personal: personal.collect(),
            weights: self.mixture.weights.clone(),
            temperature: self.mixture.temperature,
            validation: self.validation,
        })
    }

    /// Switches a stage on or off; a rule that the recipe has not is added behind the others.
    ///
    /// # Errors
    /// There is no stage of that name.
    pub fn switch(&mut self, stage: &str, on: bool) -> Result<()> {
        if let Some(other) = OTHERS.iter().find(|other| other.about.name == stage) {
            *(other.switch)(self) = on;
            return Ok(());
        }
        let rule = Rule::named(stage).ok_or_else(|| unknown_stage(stage))?;
        self.off.retain(|name| name != stage);
        if !self.rules.iter().any(|own| own.name() == stage) {
            if !on {
                return Ok(());
            }
            self.rules.push(rule);
        } else if !on {
            self.off.push(stage.to_owned());
        }
        Ok(())
    }

    /// Sets a number of a stage.
    ///
    /// # Errors
    /// There is no such stage or number, or the value breaks a rule; the recipe stays as it was.
    pub fn set_threshold(&mut self, stage: &str, threshold: &str, value: f64) -> Result<()> {
        let mut changed = self.clone();
        if let Some(other) = OTHERS.iter().find(|other| other.about.name == stage) {
            let number = other.numbers.iter().find(|number| number.name == threshold).ok_or_else(|| {
                let known = other.numbers.iter().map(|number| number.name);
                Error::Invalid(format!("{stage}: {}", names::unknown("threshold", threshold, known)))
            })?;
            number.threshold(self).check(stage, value)?;
            (number.set)(&mut changed, value);
        } else {
            if !changed.rules.iter().any(|rule| rule.name() == stage) {
                changed.switch(stage, true)?;
                changed.off.push(stage.to_owned());
            }
            let rule = changed.rules.iter_mut().find(|rule| rule.name() == stage);
            rule.ok_or_else(|| unknown_stage(stage))?.set_threshold(threshold, value)?;
        }
        changed.validate()?;
        *self = changed;
        Ok(())
    }

    /// Sets what is done with a class of personal data.
    ///
    /// # Errors
    /// There is no such class or action.
    pub fn set_personal(&mut self, class: &str, action: &str) -> Result<()> {
        let known = || Class::ALL.iter().map(|class| class.name());
        let class = Class::ALL.iter().copied().find(|own| own.name() == class).ok_or_else(|| {
            Error::Invalid(format!("personal: {}", names::unknown("class", class, known())))
        })?;
        let action: Action = serde_json::from_value(action.into()).map_err(|_| {
            let known = ["replace", "mask", "drop", "keep"];
            Error::Invalid(format!("personal: {}", names::unknown("action", action, known.into_iter())))
        })?;
        let personal = &mut self.personal;
        *match class {
            Class::Secret => &mut personal.secret,
            Class::Iban => &mut personal.iban,
            Class::Card => &mut personal.card,
            Class::Email => &mut personal.email,
            Class::IpAddress => &mut personal.ip_address,
            Class::Phone => &mut personal.phone,
            Class::Name => &mut personal.name,
            Class::Identifier => &mut personal.identifier,
        } = action;
        Ok(())
    }
}

/// What a value is called in recipes.
fn key(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(key)) => key,
        _ => String::new(),
    }
}

fn unknown_stage(stage: &str) -> Error {
    let rules = Rule::all();
    let known = rules.iter().map(Rule::name).chain(OTHERS.iter().map(|other| other.about.name));
    Error::Invalid(names::unknown("stage", stage, known))
}

fn rule_card(rule: &Rule, on: bool) -> StageCard {
    StageCard {
        name: rule.name().to_owned(),
        group: heading(Group::Rules).0.to_owned(),
        title: rule.title().to_owned(),
        sentence: rule.explain().to_owned(),
        paper: rule.paper().to_owned(),
        on,
        thresholds: rule.thresholds().iter().map(threshold).collect(),
    }
}

impl Other {
    fn card(&self, recipe: &Recipe) -> StageCard {
        let Described { name, group, title, sentence, paper } = self.about;
        StageCard {
            name: name.to_owned(),
            group: heading(group).0.to_owned(),
            title: title.to_owned(),
            sentence: sentence.to_owned(),
            paper: paper.to_owned(),
            on: *(self.switch)(&mut recipe.clone()),
            thresholds: self.numbers.iter().map(|number| threshold(&number.threshold(recipe))).collect(),
        }
    }
}

fn threshold(threshold: &rules::Threshold) -> Threshold {
    Threshold {
        name: threshold.name.to_owned(),
        value: threshold.value,
        meaning: threshold.explanation.to_owned(),
        lowest: threshold.lowest,
        highest: threshold.highest,
        kind: match threshold.unit {
            Unit::Measure => ThresholdKind::Measure,
            Unit::Count => ThresholdKind::Count,
            Unit::Switch => ThresholdKind::Switch,
        },
    }
}
