//! A recipe as cards for the app, one per stage.

use crate::error::{Error, Result};
use crate::personal::{Action, Class};
use crate::pipeline::stages::{At, about_rule};
use crate::recipe::{MAX_VALIDATION, Recipe};
use crate::report::About;
use crate::rules::{self, Rule, Unit, Value};
use glasshouse_protocol::cleaning::{PersonalCard, RecipeSummary, StageCard, Threshold};
use glasshouse_protocol::names;

struct Number {
    name: &'static str,
    meaning: &'static str,
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

/// The number in a field of a recipe; the brackets contain the path of its table.
macro_rules! number {
    ([$($table:ident)*] $name:ident: $type:ty, $lowest:literal to $highest:expr, $meaning:literal) => {
        Number {
            name: stringify!($name),
            meaning: $meaning,
            bounds: ($lowest, $highest),
            unit: <$type as Value>::UNIT,
            get: |recipe| recipe$(.$table)*.$name.number(),
            set: |recipe, value| recipe$(.$table)*.$name = <$type as Value>::from_number(value),
        }
    };
}

const NEAR: [Number; 5] = [
    number!([duplicates near] similarity: f64, 0.1 to 1.0, "Jaccard similarity from which two documents count as copies"),
    number!([duplicates near] shingle_words: u32, 1.0 to 32.0, "words per compared run"),
    number!([duplicates near] permutations: u32, 1.0 to 1024.0, "MinHash values per document"),
    number!([duplicates near] bands: u32, 1.0 to 1024.0, "bands of values; documents that agree in one are compared"),
    number!([duplicates near] rows: u32, 1.0 to 64.0, "values in a group"),
];

const PARAGRAPHS: [Number; 1] = [
    number!([duplicates paragraphs] minimum_words: u32, 1.0 to 10_000.0, "fewest words of a removed paragraph"),
];

const RECIPE: [Number; 1] =
    [number!([] validation: f64, 0.0 to MAX_VALIDATION, "share of each source to hold out")];

struct Other {
    at: At,
    numbers: &'static [Number],
    switch: fn(&mut Recipe) -> &mut bool,
}

const OTHERS: [Other; 5] = [
    Other { at: At::Personal, numbers: &[], switch: |recipe| &mut recipe.personal.enabled },
    Other { at: At::Exact, numbers: &[], switch: |recipe| &mut recipe.duplicates.exact.enabled },
    Other { at: At::Near, numbers: &NEAR, switch: |recipe| &mut recipe.duplicates.near.enabled },
    Other { at: At::HeldOut, numbers: &RECIPE, switch: |recipe| &mut recipe.contamination.held_out },
    Other {
        at: At::Paragraphs,
        numbers: &PARAGRAPHS,
        switch: |recipe| &mut recipe.duplicates.paragraphs.enabled,
    },
];

impl Recipe {
    pub fn summary(&self) -> Result<RecipeSummary> {
        let mut cards: Vec<StageCard> =
            self.rules.iter().map(|rule| rule_card(rule, self.is_on(rule))).collect();
        // Rules that the recipe does not contain follow its own, disabled, so that they can be enabled.
        let others =
            Rule::all().into_iter().filter(|rule| !self.rules.iter().any(|own| own.name() == rule.name()));
        cards.extend(others.map(|rule| rule_card(&rule, false)));
        cards.extend(OTHERS.iter().map(|other| other.card(self)));
        let personal = Class::ALL.iter().map(|&class| PersonalCard {
            class: class.name().to_owned(),
            title: class.name().to_owned(),
            action: self.personal.action(class),
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

    /// Enables or disables a stage; a rule that the recipe does not contain is added after the others.
    pub fn switch(&mut self, stage: &str, on: bool) -> Result<()> {
        if let Some(other) = OTHERS.iter().find(|other| other.at.name(self) == stage) {
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

    pub fn set_threshold(&mut self, stage: &str, threshold: &str, value: f64) -> Result<()> {
        let mut changed = self.clone();
        if let Some(other) = OTHERS.iter().find(|other| other.at.name(self) == stage) {
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

    pub fn set_personal(&mut self, class: &str, action: Action) -> Result<()> {
        let known = || Class::ALL.iter().map(|class| class.name());
        let class = Class::ALL.iter().copied().find(|own| own.name() == class).ok_or_else(|| {
            Error::Invalid(format!("personal: {}", names::unknown("class", class, known())))
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

fn unknown_stage(stage: &str) -> Error {
    let (rules, recipe) = (Rule::all(), Recipe::default());
    let known = rules.iter().map(Rule::name).chain(OTHERS.iter().map(|other| other.at.name(&recipe)));
    Error::Invalid(names::unknown("stage", stage, known))
}

fn rule_card(rule: &Rule, on: bool) -> StageCard {
    card(about_rule(rule), on, &rule.thresholds())
}

fn card(about: About, on: bool, thresholds: &[rules::Threshold]) -> StageCard {
    let About { name, group, title, sentence, paper, .. } = about;
    let thresholds = thresholds.iter().map(threshold).collect();
    StageCard { name, group, title, sentence, paper, on, thresholds }
}

impl Other {
    fn card(&self, recipe: &Recipe) -> StageCard {
        let numbers: Vec<_> = self.numbers.iter().map(|number| number.threshold(recipe)).collect();
        card(self.at.about(recipe), *(self.switch)(&mut recipe.clone()), &numbers)
    }
}

fn threshold(threshold: &rules::Threshold) -> Threshold {
    let rules::Threshold { name, value, lowest, highest, unit, explanation, .. } = *threshold;
    Threshold { name: name.to_owned(), value, meaning: explanation.to_owned(), lowest, highest, kind: unit }
}
