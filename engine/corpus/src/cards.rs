//! A recipe as cards for the app, one per stage.

use crate::personal::{Action, Class};
use crate::pipeline::stages::{At, about_rule};
use crate::recipe::Recipe;
use crate::report::About;
use crate::rules::Rule;
use glasshouse_documents::threshold::{self, Row, Thresholds as _};
use glasshouse_documents::{Error, Result};
use glasshouse_protocol::cleaning::{PersonalCard, RecipeSummary, StageCard, Threshold};
use glasshouse_protocol::names;

struct Other {
    at: At,
    rows: for<'a> fn(&'a mut Recipe) -> Vec<Row<'a>>,
    switch: fn(&mut Recipe) -> &mut bool,
}

const OTHERS: [Other; 4] = [
    Other { at: At::Personal, rows: |_| Vec::new(), switch: |recipe| &mut recipe.personal.enabled },
    Other { at: At::Exact, rows: |_| Vec::new(), switch: |recipe| &mut recipe.duplicates.exact.enabled },
    Other {
        at: At::Near,
        rows: |recipe| recipe.duplicates.near.rows(),
        switch: |recipe| &mut recipe.duplicates.near.enabled,
    },
    Other {
        at: At::HeldOut,
        rows: |recipe| vec![recipe.validation_row()],
        switch: |recipe| &mut recipe.contamination.held_out,
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
            threshold::set(&mut (other.rows)(&mut changed), &format!("{stage}: "), threshold, value)?;
        } else {
            changed.rule(stage)?.set_threshold(threshold, value)?;
        }
        changed.validate()?;
        *self = changed;
        Ok(())
    }

    /// Sets the file of a rule; an empty name removes it.
    pub fn set_file(&mut self, stage: &str, file: &str) -> Result<()> {
        let place = self.rule(stage)?.file();
        *place.ok_or_else(|| Error::Invalid(format!("{stage} takes no file")))? =
            Some(file.trim().to_owned()).filter(|file| !file.is_empty());
        Ok(())
    }

    /// A rule to be changed, added but off if the recipe does not contain it.
    fn rule(&mut self, stage: &str) -> Result<&mut Rule> {
        if !self.rules.iter().any(|rule| rule.name() == stage) {
            self.switch(stage, true)?;
            self.off.push(stage.to_owned());
        }
        self.rules.iter_mut().find(|rule| rule.name() == stage).ok_or_else(|| unknown_stage(stage))
    }

    pub fn set_personal(&mut self, class: &str, action: Action) -> Result<()> {
        let known = || Class::ALL.iter().map(|class| class.name());
        let class = Class::ALL.iter().copied().find(|own| own.name() == class).ok_or_else(|| {
            Error::Invalid(format!("personal: {}", names::unknown("class", class, known())))
        })?;
        *self.personal.action_mut(class) = action;
        Ok(())
    }
}

fn unknown_stage(stage: &str) -> Error {
    let (rules, recipe) = (Rule::all(), Recipe::default());
    let known = rules.iter().map(Rule::name).chain(OTHERS.iter().map(|other| other.at.name(&recipe)));
    Error::Invalid(names::unknown("stage", stage, known))
}

fn rule_card(rule: &Rule, on: bool) -> StageCard {
    let file = rule.clone().file().map(|file| file.take().unwrap_or_default());
    StageCard { file, ..card(about_rule(rule), on, rule.thresholds()) }
}

fn card(about: About, on: bool, thresholds: Vec<Threshold>) -> StageCard {
    let About { name, group, title, sentence, paper, .. } = about;
    StageCard { name, group, title, sentence, paper, on, thresholds, file: None }
}

impl Other {
    fn card(&self, recipe: &Recipe) -> StageCard {
        let mut own = recipe.clone();
        let thresholds = (self.rows)(&mut own).iter_mut().map(Row::threshold).collect();
        card(self.at.about(recipe), *(self.switch)(&mut own), thresholds)
    }
}
